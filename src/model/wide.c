#include "model/wide.h"

#include <math.h>

#include "model/value_quick.h"

__extension__ typedef unsigned __int128 uwide;

#define WIDE_MAX ((wide)(~(uwide)0 >> 1))
#define WIDE_MIN (-WIDE_MAX - 1)

enum {
    WIDE_DIGITS = 39,  /* decimal digits of the largest wide */
    WORD_DIGITS = 19,  /* decimal digits that 64 bits always hold */
    QUOTIENT_BITS = 64 /* bits that round to a double as all bits would, the last one standing for the rest */
};

/* 10^exponent, which is at most WIDE_POWER_MAX. */
static uwide power_of_ten(unsigned exponent)
{
    uwide power = 1;
    for (; exponent >= 9; exponent -= 9)
        power *= 1000000000u;
    for (; exponent > 0; exponent--)
        power *= 10u;
    return power;
}

static uwide magnitude(wide value)
{
    return value < 0 ? -(uwide)value : (uwide)value;
}

bool wide_scale(wide value, unsigned digits, wide *out)
{
    /* No __builtin_mul_overflow: clang makes it a call that libgcc lacks. Both quotients round towards zero, so the
       limits are the last values that fit. */
    wide power = (wide)power_of_ten(digits);
    if (value > WIDE_MAX / power || value < WIDE_MIN / power)
        return false;
    *out = value * power;
    return true;
}

wide wide_divide(wide a, wide b)
{
    uwide divisor = magnitude(b);
    uwide quotient = magnitude(a) / divisor, rest = magnitude(a) % divisor;
    quotient += rest >= divisor - rest;
    return (wide)((a < 0) != (b < 0) ? -quotient : quotient);
}

/* value / divisor, rounded once: long division until there are bits enough, a last bit for what is left. */
static double divide_to_double(uwide value, uwide divisor)
{
    uwide quotient = value / divisor, rest = value % divisor;
    int shift = 0;
    while (rest != 0 && quotient >> QUOTIENT_BITS == 0) {
        rest <<= 1;
        quotient <<= 1;
        shift++;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    quotient |= rest != 0;
    return ldexp((double)quotient, -shift);
}

double wide_to_double(wide value, unsigned scale)
{
    uwide size = magnitude(value);
    /* Two doubles without error have a quotient rounded once. */
    if (size <= VALUE_EXACT_MANTISSA && scale <= VALUE_EXACT_POWER)
        return (double)(int64_t)value / value_double_powers[scale];
    double result = divide_to_double(size, power_of_ten(scale));
    return value < 0 ? -result : result;
}

/* Writes the digits of `value` so that they end before `end`; returns their start. */
static char *put_digits(char *end, uwide value)
{
    const uint64_t word = UINT64_C(10000000000000000000);
    while (value >> 64 != 0) {
        uint64_t low = (uint64_t)(value % word);
        value /= word;
        for (int i = 0; i < WORD_DIGITS; i++, low /= 10)
            *--end = (char)('0' + low % 10);
    }
    for (uint64_t low = (uint64_t)value; low > 0; low /= 10)
        *--end = (char)('0' + low % 10);
    return end;
}

void wide_print(wide value, unsigned scale, struct buf *out)
{
    char text[WIDE_DIGITS + 1], *end = text + sizeof text;
    char *start = put_digits(end, magnitude(value));
    while ((size_t)(end - start) < (size_t)scale + 1)
        *--start = '0';
    size_t whole = (size_t)(end - start) - scale;
    if (value < 0)
        buf_put_byte(out, '-');
    buf_put(out, start, whole);
    if (scale > 0) {
        buf_put_byte(out, '.');
        buf_put(out, start + whole, scale);
    }
}
