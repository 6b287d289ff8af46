/*
 * What a descriptor takes over from an earlier version by "extends": its keys and its fields, but for those that it has
 * itself. Private to descriptor.c.
 */
#ifndef DROPFOLD_MODEL_DESCRIPTOR_EXTENDS_H
#define DROPFOLD_MODEL_DESCRIPTOR_EXTENDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "model/doc.h"

enum { DESCRIPTOR_EXTENDS_MAX = 32 /* documents of a chain, the first one included */ };

struct descriptor_chain {
    const struct doc *docs[DESCRIPTOR_EXTENDS_MAX]; /* the descriptor itself, what it extends, what that extends, ... */
    uint32_t versions[DESCRIPTOR_EXTENDS_MAX];
    size_t count;
};

/*
 * Reads the chain that begins with `doc`, which is version `version`, and returns its root with everything taken over;
 * each node keeps the document it stands in. NULL when there were problems, which were then reported where they are.
 */
const struct doc_node *descriptor_extend(const struct doc *doc, uint32_t version,
                                         struct descriptor_chain *chain) MUST_USE;

#endif
