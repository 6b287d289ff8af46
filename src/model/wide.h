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

/* a / b, rounded half away from zero as SQL's numeric does; b != 0, and the quotient fits. */
wide wide_divide(wide a, wide b);

/* value / 10^scale (scale at most WIDE_POWER_MAX) as the nearest double: rounded once, ties to even. */
double wide_to_double(wide value, unsigned scale);

/* value / 10^scale in decimal notation with exactly `scale` places (scale at most WIDE_POWER_MAX). */
void wide_print(wide value, unsigned scale, struct buf *out);

#endif
