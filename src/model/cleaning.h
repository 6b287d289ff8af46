/*
 * What a descriptor's field may ask for beside strip_prefix, extract and map. Most fields have none of it.
 *
 * docs/descriptors.md has the order of all steps, "From text to value", with an example of each.
 */
#ifndef DROPFOLD_MODEL_CLEANING_H
#define DROPFOLD_MODEL_CLEANING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"
#include "model/doc.h"
#include "model/number_form.h"
#include "model/pattern.h"
#include "model/value.h"
#include "model/zone.h"

enum {
    CLEANING_WORDS_MAX = 16,  /* keys that belong here */
    CLEANING_REPLACE_MAX = 16 /* expressions of one field's "replace" */
};

struct cleaning {
    bool ascii;               /* "unicode": characters beyond ASCII are taken out */
    struct pattern **replace; /* one after the other */
    size_t replace_count;
    struct slice split, join;          /* split empty: none */
    struct number_form *number;        /* or NULL */
    struct slice *truths, *falsehoods; /* words of a bool, instead of the usual ones; both or none */
    size_t truth_count, falsehood_count;
    struct zone *zone;  /* of times without one of their own; NULL: UTC */
    bool null_on_error; /* a value that cannot be read is null, and counted */

    bool has_fallback, fallback_null; /* "default": where the column is not there; also where a value is null */
    struct slice fallback;
    bool constant;             /* the fallback is the value, and no column is read */
    struct pattern *from_name; /* the value comes out of the file's name, not of a column; or NULL */
};

/* Whether the field reads a column at all. */
static inline bool cleaning_reads_column(const struct cleaning *cleaning)
{
    return !cleaning || (!cleaning->constant && !cleaning->from_name);
}

/*
 * Reads the keys that belong here from a field; *out is NULL when it has none of them. False when there were problems;
 * what was made until then is in *out all the same, for cleaning_close.
 */
bool cleaning_load(const struct doc_node *member, struct value_type type, struct cleaning **out) MUST_USE;
void cleaning_close(struct cleaning *cleaning);

/* The keys that cleaning_load reads; `count` words. */
const char *const *cleaning_words(size_t *count);

#endif
