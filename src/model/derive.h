/*
 * A field that is computed from other fields of its row: the key "derive", an object with one of
 *
 *     "add": [fields]   "subtract": [a, b]   "multiply": [a, b]      of int64 and decimal, exact
 *     "coalesce": [fields]                                           the first that is not null
 *     "concat": [fields], with "join" between them                   of texts
 *     "date": field                                                  the day of a timestamp: in UTC, or in a "zone"
 *
 * The list names fields, never values: what is fixed is a field with a "constant".
 */
#ifndef DROPFOLD_MODEL_DERIVE_H
#define DROPFOLD_MODEL_DERIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"
#include "model/doc.h"
#include "model/value.h"
#include "model/zone.h"

enum {
    /* Sums of so many numbers, and products of two, fit 128 bits whatever their types: see wide.h. */
    DERIVE_SOURCES_MAX = 8,
    DERIVE_PAIR = 2
};

enum derive_kind { DERIVE_ADD, DERIVE_SUBTRACT, DERIVE_MULTIPLY, DERIVE_COALESCE, DERIVE_CONCAT, DERIVE_DATE };

struct derive {
    enum derive_kind kind;
    const struct doc_node *names;       /* a list of texts, or one */
    size_t sources[DERIVE_SOURCES_MAX]; /* fields of the descriptor; descriptor_derive finds them */
    size_t count;
    struct slice join; /* of a concat */
    struct zone *zone; /* of a date; NULL: UTC */
};

/* Reads the key from a field of type `type`; *out is NULL when it has none. False when there were problems. */
bool derive_load(const struct doc_node *member, struct value_type type, struct derive **out) MUST_USE;

/* "add", "subtract" and so on. */
const char *derive_word(enum derive_kind kind);

/* Whether `kind` makes a value of type `to` from values of type `from`, *expected being what it would take. */
bool derive_takes(enum derive_kind kind, struct value_type from, struct value_type to, const char **expected) MUST_USE;

#endif
