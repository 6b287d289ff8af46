/*
 * Reads numbers as people write them, by a form that a descriptor declares: "₦ 1,234.50", "(12,50 €)", "1.5k".
 *
 * What is read is moved, never computed, so nothing is rounded: the outcome is plain text such as "-1234.50".
 */
#ifndef DROPFOLD_MODEL_NUMBER_FORM_H
#define DROPFOLD_MODEL_NUMBER_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

enum {
    /* Digits that a number may have, zeros too: as many as value_parse reads of any double. */
    NUMBER_FORM_DIGITS_MAX = 1000,
    NUMBER_FORM_PLAIN_MAX = 1024 /* bytes of the plain number */
};

struct number_form {
    struct slice thousands; /* between groups of exactly three digits, no zero in front; empty: none */
    struct slice decimal;   /* before the places */
    struct slice *currency; /* signs that may stand before or behind the number, once */
    size_t currency_count;
    bool parentheses; /* (5) is -5 */
    bool suffixes;    /* k, m and b in either case: times a thousand, a million, a billion */
};

/*
 * Reads the whole of `text`, blanks between its parts skipped (U+00A0 and U+202F too), into `plain`, which lies in
 * `room` and holds a sign, digits and a point at most. A number has at most one sign, or parentheses. False with
 * *expected, static words, for anything else.
 */
bool number_form_plain(const struct number_form *form, struct slice text, char room[NUMBER_FORM_PLAIN_MAX],
                       struct slice *plain, const char **expected) MUST_USE;

#endif
