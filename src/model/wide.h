/*
 * Sums: 128-bit integers that count units of 10^-scale, exact, with overflow told and never wrapped.
 */
#ifndef DROPFOLD_MODEL_WIDE_H
#define DROPFOLD_MODEL_WIDE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

__extension__ typedef __int128 wide;

enum { WIDE_POWER_MAX = 38 /* 10^38 is the last power of ten that a wide holds */ };

/* value * 10^digits (at most WIDE_POWER_MAX). False on overflow. */
bool wide_scale(wide value, unsigned digits, wide *out) MUST_USE;

/*
 * a / b * 10^digits (b != 0, digits from -WIDE_POWER_MAX to WIDE_POWER_MAX), rounded once, from the exact quotient:
 *   wide_quotient   to a whole number, halves away from zero as SQL's numeric does; false when no wide holds it
 *   wide_to_double  to the nearest double, ties to even
 *   wide_to_float   to the nearest float, ties to even, infinite beyond the largest
 */
bool wide_quotient(wide a, wide b, int digits, wide *out) MUST_USE;
double wide_to_double(wide a, wide b, int digits);
float wide_to_float(wide a, wide b, int digits);

/* value / 10^scale in decimal notation with exactly `scale` places (scale at most WIDE_POWER_MAX). */
void wide_print(wide value, unsigned scale, struct buf *out);

#endif
