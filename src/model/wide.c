#include "model/wide.h"

#include <math.h>
#include <stdlib.h>

#include "model/value_quick.h"

__extension__ typedef unsigned __int128 uwide;

#define WIDE_MAX ((wide)(~(uwide)0 >> 1))
#define WIDE_MIN (-WIDE_MAX - 1)

enum {
    WIDE_BITS = 128,
    WIDE_DIGITS = 39, /* decimal digits of the largest wide */
    WORD_DIGITS = 19, /* decimal digits that 64 bits always hold */
    DOUBLE_BITS = 53,
    ROUNDED_BITS = DOUBLE_BITS + 3 /* the first of them may be 0, and behind a double's come a half and what is left */
};

/* 10^exponent, which is at most WIDE_POWER_MAX. */
static uwide power_of_ten(unsigned exponent)
{
    uwide power = 1;
    for (; exponent > DECIMAL_PRECISION_MAX; exponent -= DECIMAL_PRECISION_MAX)
        power *= value_powers[DECIMAL_PRECISION_MAX];
    return power * value_powers[exponent];
}

static uwide magnitude(wide value)
{
    return value < 0 ? -(uwide)value : (uwide)value;
}

/* Zeros before the first bit that is set; WIDE_BITS of 0. */
static int leading_zeros(uwide value)
{
    uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    if (high != 0)
        return __builtin_clzll(high);
    return 64 + (low != 0 ? __builtin_clzll(low) : 64);
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

/* --- division of what 128 bits do not hold ------------------------------------------------------------------------ */

/* high * 2^128 + low */
struct vast {
    uwide high, low;
};

static struct vast product(uwide a, uwide b)
{
    uwide a_high = a >> 64, a_low = (uint64_t)a, b_high = b >> 64, b_low = (uint64_t)b;
    uwide low = a_low * b_low;
    uwide middle = a_high * b_low + (low >> 64); /* neither this sum nor the next is beyond 128 bits */
    uwide other = a_low * b_high + (uint64_t)middle;
    return (struct vast){.high = a_high * b_high + (middle >> 64) + (other >> 64), .low = other << 64 | (uint64_t)low};
}

static struct vast shifted(struct vast value, int left)
{
    if (left >= WIDE_BITS)
        return (struct vast){.high = value.low << (left - WIDE_BITS)};
    if (left == 0)
        return value;
    return (struct vast){.high = value.high << left | value.low >> (WIDE_BITS - left), .low = value.low << left};
}

/* With its first bit the last but one of all, so that twice it has room; *by says how far it went. */
static struct vast aligned(struct vast value, int *by)
{
    *by = (value.high != 0 ? leading_zeros(value.high) : WIDE_BITS + leading_zeros(value.low)) - 1;
    return shifted(value, *by);
}

static bool reaches(struct vast a, struct vast b)
{
    return a.high != b.high ? a.high > b.high : a.low >= b.low;
}

static struct vast minus(struct vast a, struct vast b)
{
    return (struct vast){.high = a.high - b.high - (a.low < b.low), .low = a.low - b.low};
}

/* `count` bits of over / under, the first one that of 1, by long division. Over, less than twice under, becomes what is
   left, of the next bit's size. */
static uwide divide_bits(struct vast *over, struct vast under, int count)
{
    uwide bits = 0;
    while (count-- > 0) {
        bool in = reaches(*over, under);
        bits = bits << 1 | in;
        *over = shifted(in ? minus(*over, under) : *over, 1);
    }
    return bits;
}

/* a / b * 10^digits as what is divided by what; without signs. */
static void fraction_of(wide a, wide b, int digits, struct vast *over, struct vast *under)
{
    *over = product(magnitude(a), power_of_ten(digits > 0 ? (unsigned)digits : 0));
    *under = product(magnitude(b), power_of_ten(digits < 0 ? (unsigned)-digits : 0));
}

/* The same, where 128 bits are enough. */
static bool narrow_fraction(wide a, wide b, int digits, uwide *over, uwide *under)
{
    uwide power = power_of_ten((unsigned)abs(digits)), *scaled = digits < 0 ? under : over;
    *over = magnitude(a);
    *under = magnitude(b);
    if (leading_zeros(*scaled) + leading_zeros(power) < WIDE_BITS)
        return false;
    *scaled *= power;
    return true;
}

/* --- to whole numbers --------------------------------------------------------------------------------------------- */

static uwide divide_half_up(uwide over, uwide under)
{
    uwide quotient = (over | under) >> 64 == 0 ? (uint64_t)over / (uint64_t)under : over / under;
    uwide rest = over - quotient * under;
    return quotient + (rest >= under - rest);
}

/* The same of any numbers. False beyond 128 bits. */
static bool divide_vast(struct vast over, struct vast under, uwide *quotient)
{
    int over_by, under_by;
    over = aligned(over, &over_by);
    under = aligned(under, &under_by);
    int whole = under_by - over_by + 1; /* bits before the point */
    if (whole > WIDE_BITS)
        return false;
    *quotient = divide_bits(&over, under, whole);
    bool half = whole >= 0 && reaches(over, under);
    *quotient += half;
    return *quotient != 0 || !half;
}

bool wide_quotient(wide a, wide b, int digits, wide *out)
{
    uwide over, under, quotient;
    if (narrow_fraction(a, b, digits, &over, &under)) {
        quotient = divide_half_up(over, under);
    } else {
        struct vast vast_over, vast_under;
        fraction_of(a, b, digits, &vast_over, &vast_under);
        if (!divide_vast(vast_over, vast_under, &quotient))
            return false;
    }
    bool negative = (a < 0) != (b < 0);
    if (quotient > (uwide)WIDE_MAX + negative)
        return false;
    *out = (wide)(negative ? -quotient : quotient);
    return true;
}

/* --- to floating numbers ------------------------------------------------------------------------------------------ */

/* value * 10^power where that is a double: of 10^power the factor 2^power only moves the point, and the other, 5^power,
   must leave the product within 53 bits. Then the multiplication rounds nothing. */
static bool exact_product(wide value, int power, double *out)
{
    uwide size = magnitude(value);
    if (power > DECIMAL_PRECISION_MAX || size > VALUE_EXACT_MANTISSA ||
        (uwide)(uint64_t)size * (value_powers[power] >> power) > VALUE_EXACT_MANTISSA)
        return false;
    *out = (double)(int64_t)value * value_double_powers[power];
    return true;
}

/* The nearest double: where both are doubles, the one division rounds, to the nearest and ties to even, as IEEE 754 has
   it. Most sums, counts and averages come this way. */
static bool quick_quotient(wide a, wide b, int digits, double *out)
{
    double over, under;
    if (FLT_EVAL_METHOD != 0 || !exact_product(a, digits > 0 ? digits : 0, &over) ||
        !exact_product(b, digits < 0 ? -digits : 0, &under))
        return false;
    *out = over / under;
    return true;
}

/* Bits of over / under * 2^-*exponent, more than `count` of them or all; the last one is set also where anything is
   left behind it. By long division, 64 bits a digit. */
static uwide divide_words(uwide over, uint64_t under, int count, int *exponent)
{
    uwide quotient = over / under, rest = over - quotient * under;
    *exponent = 0;
    while (rest != 0 && quotient >> count == 0) {
        over = rest << 64;
        uwide digit = over / under;
        rest = over - digit * under;
        quotient = quotient << 64 | digit;
        *exponent -= 64;
    }
    return quotient | (rest != 0);
}

/* The same of any numbers, of which the first is not 0: `count` bits, or one less. */
static uwide divide_any(wide a, wide b, int digits, int count, int *exponent)
{
    struct vast over, under;
    int over_by, under_by;
    fraction_of(a, b, digits, &over, &under);
    over = aligned(over, &over_by);
    under = aligned(under, &under_by);
    *exponent = under_by - over_by - (count - 1);
    uwide bits = divide_bits(&over, under, count);
    return bits | (over.high != 0 || over.low != 0);
}

/* The quotient cut to `count` bits, or one less, the last of which is set also where anything is left behind it. So
   they lie on no number of fewer bits, nor on the middle between two such, where the quotient does not; and they round
   to two bits fewer, or less, as the quotient would. */
static double cut_quotient(wide a, wide b, int digits, int count)
{
    uwide over, under, bits;
    int exponent;
    if (a == 0)
        return 0;
    if (narrow_fraction(a, b, digits, &over, &under) && under >> 64 == 0)
        bits = divide_words(over, (uint64_t)under, count, &exponent);
    else
        bits = divide_any(a, b, digits, count, &exponent);
    int behind = WIDE_BITS - leading_zeros(bits) - count;
    if (behind > 0) {
        bool rest = bits << (WIDE_BITS - behind) != 0;
        bits = bits >> behind | rest;
        exponent += behind;
    }
    double size = ldexp((double)(uint64_t)bits, exponent);
    return (a < 0) != (b < 0) ? -size : size;
}

double wide_to_double(wide a, wide b, int digits)
{
    double quick;
    return quick_quotient(a, b, digits, &quick) ? quick : cut_quotient(a, b, digits, ROUNDED_BITS);
}

/* Whether it lies just between two floats that have all their bits. */
static bool is_between_floats(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x1fffffff) == 0x10000000;
}

float wide_to_float(wide a, wide b, int digits)
{
    /* What lies on one side of the middle between two floats is never rounded beyond it, as the middle is a double: so
       to round twice is to round once, unless the first time ended in a middle. (The quick quotient is no tiny number,
       of which floats have fewer bits: 2^-75 at the least.) */
    double quick;
    if (quick_quotient(a, b, digits, &quick) && !is_between_floats(quick))
        return (float)quick;
    return (float)cut_quotient(a, b, digits, DOUBLE_BITS); /* so many bits are a double as they are */
}

/* --- to text ------------------------------------------------------------------------------------------------------ */

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
