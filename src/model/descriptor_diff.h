/* What one descriptor has changed over another, for people who write the next version. */
#ifndef DROPFOLD_MODEL_DESCRIPTOR_DIFF_H
#define DROPFOLD_MODEL_DESCRIPTOR_DIFF_H

#include "base/buf.h"
#include "model/descriptor.h"

struct descriptor_diff {
    size_t changes;  /* lines of what is different */
    size_t problems; /* of them those that keep both from being versions of one feed, */
    size_t wider;    /* and those after which a pipeline that uses the field needs a replay */
};

/*
 * Writes a line for every difference to `out`: fields added, dropped, renamed (one reads what the other was called or
 * read), types widened, narrowed or of another kind, required or no more, read in another way. A last line says whether
 * the new one can follow the old one, and whether that takes a replay.
 */
void descriptor_diff(const struct descriptor *old, const struct descriptor *new, struct descriptor_diff *diff,
                     struct buf *out);

#endif
