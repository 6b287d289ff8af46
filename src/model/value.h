/*
 * Typed values as the pipeline computes with them.
 *
 * Every kind but text fits 64 bits: int64 as it is, decimal(p,s) as an integer scaled by 10^s, bool as 0 or 1, date as
 * days and timestamp as microseconds since 1970-01-01 UTC, double as IEEE 754.
 */
#ifndef DROPFOLD_MODEL_VALUE_H
#define DROPFOLD_MODEL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "model/wide.h"

enum value_kind { VALUE_INT64, VALUE_DOUBLE, VALUE_DECIMAL, VALUE_TEXT, VALUE_BOOL, VALUE_DATE, VALUE_TIMESTAMP };

enum {
    DECIMAL_PRECISION_MAX = 18, /* digits: what a 64-bit scaled integer always holds */
    TEXT_VALUE_MAX = 64 * 1024, /* bytes of one text value */
    VALUE_TYPE_TEXT_SIZE = 24,
    VALUE_DOUBLE_TEXT_SIZE = 32
};

struct value_type {
    enum value_kind kind;
    uint8_t precision, scale; /* of a decimal; else 0 */
};

struct value {
    bool null;
    union {
        int64_t i;         /* every kind but the two below */
        double d;          /* VALUE_DOUBLE; never NaN or infinite */
        struct slice text; /* VALUE_TEXT; borrowed */
    };
};

#define VALUE_NULL ((struct value){.null = true})

/* "int64", "double", "decimal(18,2)", "text", "bool", "date", "timestamp". False when it is none of them. */
bool value_type_parse(struct slice text, struct value_type *type) MUST_USE;
const char *value_type_text(struct value_type type, char out[VALUE_TYPE_TEXT_SIZE]);
bool value_type_equal(struct value_type a, struct value_type b);

/* The words value_type_parse knows, for messages; `count` words. */
const char *const *value_type_words(size_t *count);

/* True where every value of `from` is exactly a value of `to`: the same type, int64 or a decimal into a decimal with at
   least as many digits before and behind the point, date into timestamp. */
bool value_type_widens(struct value_type from, struct value_type to);

/* Turns a value of type `from` into type `to` (value_type_widens holds). False only when an int64 exceeds the decimal.
 */
bool value_widen(struct value_type from, struct value_type to, struct value *value) MUST_USE;
/* Turns a value of type `to` that value_widen made of one of type `from` back into that. */
void value_narrow(struct value_type from, struct value_type to, struct value *value);

/* number / 10^scale (scale at most WIDE_POWER_MAX) as an int64 or a decimal. False when the type cannot hold it
   exactly. */
bool value_from_wide(struct value_type type, wide number, unsigned scale, struct value *value) MUST_USE;

/*
 * Reads the whole of `text` (blanks around it are not skipped) as `type`; `formats` are the timestamp or date formats
 * to try (timestamp_parse_any), none meaning ISO 8601. A text value borrows `text`. Nothing is rounded:
 * digits that the type cannot hold make it fail, but zeros behind the last place of a decimal are dropped. A double is
 * the nearest one, and never -0. On false *expected points at static words for the message ("an integer", "a decimal
 * with at most 2 places", "a day that exists").
 */
bool value_parse(struct value_type type, const char *const *formats, size_t format_count, struct slice text,
                 struct value *value, const char **expected) MUST_USE;

/* Null orders first and equals null. Text by bytes. */
int value_compare(struct value_type type, struct value a, struct value b);

/* As few digits as read back as the same double, or with `real` as the same float; behind a point in any locale. */
const char *value_double_text(double number, bool real, char out[VALUE_DOUBLE_TEXT_SIZE]);

/* As users read it: 12.30, 2022-02-17T12:03:13Z, true; nothing for null. */
void value_print(struct value_type type, struct value value, struct buf *out);

#endif
