/*
 * JSON's numbers, written out plainly: without an exponent, and without a point where whole numbers are wanted.
 *
 * Numbers as people write them are model/number_form's.
 */
#ifndef DROPFOLD_PARSE_NUMBER_H
#define DROPFOLD_PARSE_NUMBER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/slice.h"

enum {
    NUMBER_DIGITS_MAX = 64, /* between the first and the last that is no zero: far beyond 64 bits */
    NUMBER_PLAIN_MAX = 192  /* bytes of the longest number written out */
};

/*
 * The same number without an exponent, leading zeros, and zeros behind its last place: 3.5E2 is 350, 5.0 is 5, 12e-3 is
 * 0.012. False when `token` is no JSON number, as what a field's cleaning left of one may be none, and when it has so
 * many digits, or is so large or so small, that no 64-bit type could hold it.
 */
bool number_plain(struct slice token, char out[NUMBER_PLAIN_MAX], struct slice *plain) MUST_USE;

#endif
