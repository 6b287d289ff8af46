/*
 * What a / b * 10^digits is next to, by whole numbers that hold every product and by nothing but comparing: no
 * division, no shift that loses a bit, no number that was rounded.
 */
#ifndef DROPFOLD_TESTS_EXACT_H
#define DROPFOLD_TESTS_EXACT_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "model/wide.h"
#include "testing.h"

enum {
    EXACT_LIMBS = 24,           /* of 32 bits, the least first: 768 bits */
    EXACT_DOUBLE_LEAST = -1074, /* the least double is 2^-1074 */
    EXACT_FLOAT_LEAST = -149
};

struct exact_big {
    uint32_t limbs[EXACT_LIMBS];
};

static inline void exact_times(struct exact_big *big, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < EXACT_LIMBS; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_int_equal(carry, 0);
}

/* value * 10^tens * 2^twos */
static inline struct exact_big exact_number(unsigned __int128 value, int tens, int twos)
{
    struct exact_big big = {{0}};
    for (int i = 0; i < 4; i++)
        big.limbs[i] = (uint32_t)(value >> 32 * i);
    for (; tens > 0; tens--)
        exact_times(&big, 10);
    for (; twos >= 31; twos -= 31)
        exact_times(&big, UINT32_C(1) << 31);
    exact_times(&big, UINT32_C(1) << (twos > 0 ? twos : 0));
    return big;
}

/* value * other, of numbers that are small enough. */
static inline struct exact_big exact_product(struct exact_big value, unsigned __int128 other)
{
    struct exact_big sum = {{0}};
    for (int limb = 0; limb < 4; limb++) {
        uint64_t carry = 0;
        for (int i = limb; i < EXACT_LIMBS; i++) {
            carry += (uint64_t)value.limbs[i - limb] * (uint32_t)(other >> 32 * limb) + sum.limbs[i];
            sum.limbs[i] = (uint32_t)carry;
            carry >>= 32;
        }
        assert_int_equal(carry, 0);
    }
    return sum;
}

/* The sign of |a / b * 10^digits| - value * 2^twos. */
static inline int exact_compare(wide a, wide b, int digits, unsigned __int128 value, int twos)
{
    unsigned __int128 over = a < 0 ? -(unsigned __int128)a : (unsigned __int128)a;
    unsigned __int128 under = b < 0 ? -(unsigned __int128)b : (unsigned __int128)b;
    struct exact_big left = exact_number(over, digits, -twos);
    struct exact_big right = exact_product(exact_number(under, -digits, twos), value);
    for (int i = EXACT_LIMBS; i-- > 0;)
        if (left.limbs[i] != right.limbs[i])
            return left.limbs[i] > right.limbs[i] ? 1 : -1;
    return 0;
}

/* Whether m * 2^e, m of at most `bits` bits and e not below `least`, is nearest to |a / b * 10^digits|, ties to
   even. */
static inline bool exact_is_nearest(wide a, wide b, int digits, uint64_t m, int e, int bits, int least)
{
    bool power_of_two = m == UINT64_C(1) << (bits - 1) && e > least; /* numbers below it lie closer together */
    int above = exact_compare(a, b, digits, 2 * (unsigned __int128)m + 1, e - 1);
    int below = m == 0         ? 1
                : power_of_two ? exact_compare(a, b, digits, 4 * (unsigned __int128)m - 1, e - 2)
                               : exact_compare(a, b, digits, 2 * (unsigned __int128)m - 1, e - 1);
    bool even = m % 2 == 0;
    return (even ? above <= 0 : above < 0) && (even ? below >= 0 : below > 0);
}

/* The same of a number as C has it, which may be infinite: then it stands for what is at least half a step beyond the
   greatest. */
static inline bool exact_is(wide a, wide b, int digits, double found, bool real)
{
    int bits = real ? FLT_MANT_DIG : DBL_MANT_DIG, least = real ? EXACT_FLOAT_LEAST : EXACT_DOUBLE_LEAST, e;
    if (found != 0 && (found < 0) != ((a < 0) != (b < 0)))
        return false;
    if (isinf(found))
        return exact_compare(a, b, digits, (UINT64_C(1) << (bits + 1)) - 1,
                             (real ? FLT_MAX_EXP : DBL_MAX_EXP) - bits - 1) >= 0;
    (void)frexp(found, &e);
    e = found == 0 || e - bits < least ? least : e - bits;
    double m = ldexp(fabs(found), -e);
    return m == (double)(uint64_t)m && exact_is_nearest(a, b, digits, (uint64_t)m, e, bits, least);
}

/* The nearest double (float where `real`), searched in half steps from about where it is. */
static inline double exact_nearest(wide a, wide b, int digits, bool real)
{
    double about = (double)a / (double)b;
    int e;
    for (int i = 0; i < digits; i++)
        about *= 10;
    for (int i = 0; i > digits; i--)
        about /= 10;
    (void)frexp(about, &e);
    double step = ldexp(0.5, e - (real ? FLT_MANT_DIG : DBL_MANT_DIG));
    for (int far = 0; far < 200; far++) {
        double near = about + (far % 2 ? 1 : -1) * (far / 2) * step;
        near = real ? (double)(float)near : near;
        if (exact_is(a, b, digits, near, real))
            return near;
    }
    fail_msg("no number is nearest");
    return 0;
}

#endif
