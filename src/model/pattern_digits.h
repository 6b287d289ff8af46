/*
 * Expressions that take the digits out of a text, as ^(?:YR-)?([0-9]+)(?:,0)?$ does: matched without PCRE2.
 *
 * An expression is one of them when it is ^, a literal, ([0-9]+), a literal, $, in that order, where each literal may
 * be missing, or optional as (?:...)?. Literals are letters, digits, blanks and "-", "_", ",", ":", "/", "#", and do
 * not begin with a digit: so there is one way at most to match a text, and the group is what PCRE2 would find.
 */
#ifndef DROPFOLD_MODEL_PATTERN_DIGITS_H
#define DROPFOLD_MODEL_PATTERN_DIGITS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/slice.h"

enum { PATTERN_LITERAL_MAX = 16 /* bytes */ };

struct pattern_literal {
    char text[PATTERN_LITERAL_MAX];
    size_t len;
    bool optional;
};

struct pattern_digits {
    struct pattern_literal before, behind;
};

/* Whether the expression is one of them. */
bool pattern_digits_read(struct slice expression, struct pattern_digits *digits);

/* The digits; false when the text does not match. */
bool pattern_digits_match(const struct pattern_digits *digits, struct slice text, struct slice *out) MUST_USE;

#endif
