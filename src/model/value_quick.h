/*
 * What most values of a file are, read inline where its fields pass by: short numbers and texts in ASCII. What is read
 * here is read the same by value_parse, which begins with it.
 */
#ifndef DROPFOLD_MODEL_VALUE_QUICK_H
#define DROPFOLD_MODEL_VALUE_QUICK_H

#include <float.h>

#include "model/digits.h"
#include "model/value.h"

enum {
    VALUE_EXACT_POWER = 22 /* 10^22 is the last power of ten that is a double */
};

#define VALUE_EXACT_MANTISSA (UINT64_C(1) << 53)

extern const uint64_t value_powers[DECIMAL_PRECISION_MAX + 1];  /* of ten */
extern const double value_double_powers[VALUE_EXACT_POWER + 1]; /* the same */

/* Clinger's fast path: two doubles without error have a product and a quotient rounded once. Never -0. */
static inline bool value_exact_double(uint64_t mantissa, int exponent, bool negative, double *out)
{
    if (FLT_EVAL_METHOD != 0 || mantissa > VALUE_EXACT_MANTISSA || exponent > VALUE_EXACT_POWER ||
        exponent < -VALUE_EXACT_POWER)
        return false;
    double size = exponent < 0 ? (double)mantissa / value_double_powers[-exponent]
                               : (double)mantissa * value_double_powers[exponent];
    *out = negative && mantissa > 0 ? -size : size;
    return true;
}

/* Whether no byte is NUL or beyond ASCII: of such a text nothing else need be asked. */
static inline bool value_is_plain(struct slice text)
{
    const uint64_t ones = DIGITS_ALL(1), tops = DIGITS_ALL(0x80);
    uint64_t bad = 0, eight;
    size_t at = 0;
    for (; at + sizeof eight <= text.len; at += sizeof eight) {
        memcpy(&eight, text.data + at, sizeof eight);
        bad |= (eight - ones) | eight; /* 0 - 1 and what has a top bit have one */
    }
    if (text.len >= sizeof eight) {
        memcpy(&eight, text.data + text.len - sizeof eight, sizeof eight);
        return ((bad | (eight - ones) | eight) & tops) == 0;
    }
    for (; at < text.len; at++)
        bad |= (uint64_t)((unsigned char)text.data[at] - 1) | (unsigned char)text.data[at];
    return (bad & tops) == 0;
}

/* value_parse of a number. False says nothing about the text. */
static inline bool value_quick_number(struct value_type type, struct slice text, struct value *value)
{
    struct digits digits;
    if (text.len == 0)
        return false; /* it may have no data to add to */
    bool negative = text.data[0] == '-';
    if (!digits_read((struct slice){text.data + negative, text.len - negative}, &digits))
        return false;
    if (type.kind == VALUE_DOUBLE)
        return value_exact_double(digits.units, -(int)digits.places, negative, &value->d);
    if (digits.whole > (size_t)(type.precision - type.scale) || digits.places > type.scale)
        return false;
    uint64_t units = digits.units * value_powers[type.scale - digits.places];
    value->i = (int64_t)(negative ? -units : units);
    return true;
}

/* value_parse of numbers and texts. False says nothing about the text, and the value is void then. */
static inline bool value_quick(struct value_type type, struct slice text, struct value *value)
{
    uint64_t number;
    value->null = false;
    switch (type.kind) {
    case VALUE_TEXT:
        value->text = text;
        return text.len <= TEXT_VALUE_MAX && value_is_plain(text);
    case VALUE_INT64:
        if (!digits_whole(text, &number))
            return false;
        value->i = (int64_t)number;
        return true;
    case VALUE_DECIMAL:
    case VALUE_DOUBLE:
        return value_quick_number(type, text, value);
    case VALUE_BOOL:
    case VALUE_DATE:
    case VALUE_TIMESTAMP:
        break;
    }
    return false;
}

#endif
