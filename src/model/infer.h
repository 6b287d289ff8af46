/*
 * From the values of a file's columns to the draft of a descriptor.
 *
 * A column is what all of its values can be read as: int64, decimal, bool, date, timestamp (ISO 8601 or one of the
 * common formats), double, else text. Numbers with zeros in front are texts, and so are whole ones beyond int64: they
 * are somebody's codes. Numbers with a decimal comma or marks between thousands get the form that all of them can have.
 * Words such as "-" are taken for null, then in the whole file, where all else in a column is of another type than
 * text.
 */
#ifndef DROPFOLD_MODEL_INFER_H
#define DROPFOLD_MODEL_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "model/descriptor.h"
#include "model/infer_number.h"

enum { INFER_WORDS = 8 /* words that may mean null */ };

struct infer_column {
    struct slice name;           /* as the file has it */
    uint64_t values, nulls;      /* that are something; that are null or empty */
    uint64_t words[INFER_WORDS]; /* of the values, those that are this word */
    unsigned kinds;              /* one bit a kind: what all other values can be read as */
    uint64_t formats;            /* one bit a format, the same */
    struct infer_digits digits;  /* of the longest decimal */
    struct infer_number number;  /* how its numbers are written, if not plainly */
    bool nested;                 /* objects or lists stand there: it cannot be a field */
    bool twice;                  /* neither can it where another column is called so too */
};

/* Whether a field can read it. */
bool infer_usable(const struct infer_column *column);

/* Begins a column of a file of this format, and takes in its next value; `name` is borrowed. */
void infer_start(struct infer_column *column, struct slice name, enum descriptor_format format);
void infer_value(struct infer_column *column, bool null, struct slice text);

/* The draft of version 1, of the usable columns; of the form, what is no default is told. False when out of memory. */
bool infer_draft(const struct infer_column *columns, size_t count, const char *feed, enum descriptor_format format,
                 const struct descriptor_form *form, struct buf *out) MUST_USE;

#endif
