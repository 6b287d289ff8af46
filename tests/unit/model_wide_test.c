#include "exact.h"

#define WIDE_MAX ((wide)1 << 126 | (((wide)1 << 126) - 1))
#define WIDE_MIN (-WIDE_MAX - 1)

/* Any number of bits, any sign. */
static wide random_wide(uint64_t *state)
{
    wide value = (wide)((((unsigned __int128)testing_random(state)) << 64) | testing_random(state));
    return value >> (testing_random(state) % 128);
}

static void print_text(wide value, unsigned scale, char *out, size_t size)
{
    struct buf buf;
    buf_init(&buf, 256);
    wide_print(value, scale, &buf);
    assert_false(buf.failed);
    assert_true(buf.len < size);
    memcpy(out, buf.data, buf.len);
    out[buf.len] = '\0';
    buf_close(&buf);
}

static void assert_printed(wide value, unsigned scale, const char *wanted)
{
    char text[64];
    print_text(value, scale, text, sizeof text);
    assert_string_equal(text, wanted);
}

/* The digits of a magnitude by doubling a decimal string once a bit: no division, no table. */
static void schoolbook_digits(unsigned __int128 size, char digits[41])
{
    memset(digits, '0', 40);
    digits[40] = '\0';
    for (int bit = 127; bit >= 0; bit--) {
        int carry = (int)(size >> bit & 1);
        for (int i = 39; i >= 0; i--) {
            int doubled = (digits[i] - '0') * 2 + carry;
            digits[i] = (char)('0' + doubled % 10);
            carry = doubled / 10;
        }
        assert_int_equal(carry, 0);
    }
}

static void schoolbook(wide value, unsigned scale, char *out)
{
    char digits[41];
    schoolbook_digits(value < 0 ? -(unsigned __int128)value : (unsigned __int128)value, digits);
    int first = 0;
    while (first < 39 - (int)scale && digits[first] == '0')
        first++;
    int whole = 40 - (int)scale - first;
    sprintf(out, "%s%.*s%s%s", value < 0 ? "-" : "", whole, digits + first, scale > 0 ? "." : "", digits + 40 - scale);
}

static void scales_as_repeated_multiplication_does(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 20000; i++) {
        wide value = random_wide(&seed), scaled, wanted = value;
        unsigned digits = (unsigned)(testing_random(&seed) % 39);
        bool fits = true;
        for (unsigned d = 0; d < digits && fits; d++) {
            fits = wanted <= WIDE_MAX / 10 && wanted >= WIDE_MIN / 10;
            wanted = fits ? wanted * 10 : 0;
        }
        assert_int_equal(wide_scale(value, digits, &scaled), fits);
        if (fits)
            assert_true(scaled == wanted);
    }
}

static void scales_up_to_the_last_value_that_fits(void **state)
{
    (void)state;
    wide scaled;
    assert_true(wide_scale(1, 38, &scaled));
    assert_printed(scaled, 0, "100000000000000000000000000000000000000");
    assert_true(wide_scale(-1, 38, &scaled));
    assert_false(wide_scale(2, 38, &scaled));
    assert_true(wide_scale(WIDE_MIN, 0, &scaled));
    assert_true(scaled == WIDE_MIN);
    assert_true(wide_scale(WIDE_MAX / 10, 1, &scaled));
    assert_false(wide_scale(WIDE_MAX / 10 + 1, 1, &scaled));
    assert_true(wide_scale(WIDE_MIN / 10, 1, &scaled));
    assert_false(wide_scale(WIDE_MIN / 10 - 1, 1, &scaled));
}

static wide divided(wide a, wide b, int digits)
{
    wide quotient;
    assert_true(wide_quotient(a, b, digits, &quotient));
    return quotient;
}

static void divides_halves_away_from_zero(void **state)
{
    (void)state;
    assert_true(divided(5, 2, 0) == 3);
    assert_true(divided(-5, 2, 0) == -3);
    assert_true(divided(5, -2, 0) == -3);
    assert_true(divided(-5, -2, 0) == 3);
    assert_true(divided(4, 3, 0) == 1);
    assert_true(divided(-4, 3, 0) == -1);
    assert_true(divided(1, 2, 0) == 1);
    assert_true(divided(-1, 2, 0) == -1);
    assert_true(divided(1, 3, 0) == 0);
    assert_true(divided(0, -7, 0) == 0);
    assert_true(divided(2, 3, 4) == 6667);
    assert_true(divided(-12345, 1, -1) == -1235);
    assert_true(divided(12344, 1, -1) == 1234);
    assert_true(divided(WIDE_MIN, 1, 0) == WIDE_MIN);
    assert_true(divided(WIDE_MAX, 2, 0) == (wide)1 << 126);
    assert_true(divided(WIDE_MAX, WIDE_MIN, 0) == -1);
}

static void a_quotient_is_right_also_where_what_is_divided_is_beyond_128_bits(void **state)
{
    (void)state;
    wide none;
    assert_true(divided(WIDE_MAX, WIDE_MAX, 38) == divided(1, 1, 38));
    assert_true(divided(WIDE_MAX, WIDE_MIN, 20) == divided(-1, 1, 20));
    assert_true(divided(WIDE_MIN, WIDE_MAX, -38) == 0);
    assert_true(divided(WIDE_MAX, 10, 1) == WIDE_MAX);
    assert_true(divided(WIDE_MIN, 100, 2) == WIDE_MIN);
    assert_true(divided(0, WIDE_MIN, 38) == 0);
    assert_true(divided(WIDE_MAX, 15, 1) == WIDE_MAX / 3 * 2 + 1); /* two thirds, and the rest is 2 / 3 */
    assert_true(divided(WIDE_MAX / 17 * 16, 3, -38) == 1); /* 0.53 */
    assert_true(divided(WIDE_MAX / 17 * 14, 3, -38) == 0); /* 0.47 */
    assert_false(wide_quotient(WIDE_MAX, 9, 1, &none));
    assert_false(wide_quotient(WIDE_MIN, -1, 0, &none));
    assert_false(wide_quotient(2, 1, 38, &none));
}

static void assert_quotient(wide a, wide b, int digits)
{
    const unsigned __int128 beyond = (unsigned __int128)1 << 127;
    wide found;
    if (!wide_quotient(a, b, digits, &found)) {
        bool negative = (a < 0) != (b < 0);
        assert_true(exact_compare(a, b, digits, 2 * (beyond - 1) + 1, -1) >= 0);
        assert_true(!negative || exact_compare(a, b, digits, beyond, 0) > 0);
        return;
    }
    unsigned __int128 size = found < 0 ? -(unsigned __int128)found : (unsigned __int128)found;
    assert_true(found == 0 || (found < 0) == ((a < 0) != (b < 0)));
    assert_true(size >= beyond || exact_compare(a, b, digits, 2 * size + 1, -1) < 0);
    assert_true(size == 0 || exact_compare(a, b, digits, 2 * size - 1, -1) >= 0);
}

static void divides_to_the_nearest_for_random_operands(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < TESTING_SHARE(40000); i++) {
        wide a = random_wide(&seed), b = random_wide(&seed);
        int digits = (int)(testing_random(&seed) % 77) - 38;
        if (b == 0)
            continue;
        assert_quotient(a, b, digits);
        assert_quotient(a, b, digits % 7);
        /* On and beside the middle between two whole numbers. */
        for (int off = -1; off <= 1; off++)
            assert_quotient((2 * (a >> 66) + 1) * (b >> 66) + off, b >> 66 == 0 ? 2 : 2 * (b >> 66), 0);
    }
}

static void prints_extremes_and_places(void **state)
{
    (void)state;
    assert_printed(0, 0, "0");
    assert_printed(0, 2, "0.00");
    assert_printed(5, 2, "0.05");
    assert_printed(-5, 2, "-0.05");
    assert_printed(-123456, 2, "-1234.56");
    assert_printed(100, 2, "1.00");
    assert_printed(WIDE_MAX, 0, "170141183460469231731687303715884105727");
    assert_printed(WIDE_MIN, 0, "-170141183460469231731687303715884105728");
    assert_printed(WIDE_MIN, 38, "-1.70141183460469231731687303715884105728");
    assert_printed(1, 38, "0.00000000000000000000000000000000000001");
    assert_printed((wide)UINT64_MAX + 1, 0, "18446744073709551616");
    assert_printed((wide)10000000000000000000u * 10, 19, "10.0000000000000000000");
}

static void prints_as_schoolbook_doubling_does(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int i = 0; i < 20000; i++) {
        wide value = random_wide(&seed);
        unsigned scale = (unsigned)(testing_random(&seed) % 39);
        char wanted[64];
        schoolbook(value, scale, wanted);
        assert_printed(value, scale, wanted);
    }
}

/* --- to floating numbers ------------------------------------------------------------------------------------------ */

static void assert_one(wide a, wide b, int digits, double found, bool real)
{
    if (exact_is(a, b, digits, found, real))
        return;
    char over[64], under[64];
    print_text(a, 0, over, sizeof over);
    print_text(b, 0, under, sizeof under);
    print_error("%s / %s e%d: %s %a\n", over, under, digits, real ? "float" : "double", found);
    fail();
}

static void assert_nearest(wide a, wide b, int digits)
{
    assert_one(a, b, digits, wide_to_double(a, b, digits), false);
    assert_one(a, b, digits, (double)wide_to_float(a, b, digits), true);
}

static void is_the_nearest_of_random_quotients(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < TESTING_SHARE(20000); i++) {
        wide a = random_wide(&seed), b = random_wide(&seed);
        int digits = (int)(testing_random(&seed) % 77) - 38;
        if (b == 0)
            continue;
        assert_nearest(a, 1, -abs(digits));
        assert_nearest(a, b, digits);
        /* Sums of amounts over counts and other sums. */
        assert_nearest(a >> 70, (b >> 100) + (b >> 100 == 0), digits % 7);
        assert_nearest(a >> 32, b >> 64 == 0 ? -3 : b >> 64, digits % 19);
    }
}

static void is_the_nearest_at_the_ends(void **state)
{
    (void)state;
    static const wide ends[] = {1, 3, 10, 99, 1 << 24, WIDE_MAX, WIDE_MIN, WIDE_MIN + 1};
    for (int digits = -38; digits <= 38; digits++) {
        assert_nearest(0, 7, digits);
        for (size_t a = 0; a < sizeof ends / sizeof *ends; a++)
            for (size_t b = 0; b < sizeof ends / sizeof *ends; b++)
                assert_nearest(ends[a], ends[b], digits);
        for (int bit = 20; bit < 127; bit++)
            for (int off = -2; off <= 2; off++)
                assert_nearest(((wide)1 << bit) + off, 1, digits);
    }
}

/* The middle between two doubles, or two floats, times a divisor: what is at hand then is the middle, or beside it by
   the least that such a divisor can tell. */
static void rounds_what_is_between_two_numbers_to_the_side_it_is_on(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int i = 0; i < TESTING_SHARE(20000); i++) {
        wide middle = (wide)(((testing_random(&seed) | UINT64_C(1) << 63) >> 10) | 1); /* of 54 bits */
        wide low = (wide)(((testing_random(&seed) | UINT64_C(1) << 63) >> 39) | 1);    /* of 25 */
        wide divisor = (wide)((testing_random(&seed) >> (testing_random(&seed) % 63)) | 1);
        for (int off = -1; off <= 1; off++) {
            assert_nearest(middle * divisor + off, divisor, 0);
            assert_nearest(low * divisor + off, -divisor, 0);
            assert_nearest((low * divisor >> 26) + off, divisor, 0);
            assert_nearest((middle * divisor >> 55) + off, divisor, -(i % 5));
        }
    }
}

static void rounds_ties_to_the_even_one(void **state)
{
    (void)state;
    const wide limit = (wide)1 << 53;
    assert_true(wide_to_double(limit + 1, 1, 0) == 9007199254740992.0);
    assert_true(wide_to_double(limit + 3, 1, 0) == 9007199254740996.0);
    assert_true(wide_to_double(-(limit + 3), 1, 0) == -9007199254740996.0);
    assert_true(wide_to_double(7 * (limit + 3), -7, 0) == -9007199254740996.0);
    /* One and a half units in the last place, and a trace in the 38th place that must not get lost. */
    assert_true(wide_to_double(((limit + 1) << 60) + 1, 1, 0) > ldexp(9007199254740992.0, 60));
    assert_true(wide_to_double((limit + 1) << 60, 1, 0) == ldexp(9007199254740992.0, 60));
    assert_true(wide_to_float(16777217, 1, 0) == 16777216.0f);
    assert_true(wide_to_float(16777219, 1, 0) == 16777220.0f);
    assert_true(wide_to_float(-16777219 * 5, 5, 0) == -16777220.0f);
}

static void is_rounded_once_where_the_quotient_of_two_rounded_numbers_is_one_off(void **state)
{
    (void)state;
    assert_true(wide_to_double(3, 9, -2) == 0.0033333333333333335);
    assert_true(0.03 / 9 == 0.003333333333333333);
    /* To a double and then to a float: the double lies just between two. */
    const wide a = 3362399192353489, b = 2011569529669545;
    assert_true(wide_to_float(a, b, 0) == 1.67153013f);
    assert_true((float)wide_to_double(a, b, 0) == 1.67153025f);
}

static void a_float_beyond_the_largest_is_infinite_and_a_tiny_one_is_rounded_once_too(void **state)
{
    (void)state;
    assert_true(isinf(wide_to_float(WIDE_MAX, 1, 1)));
    assert_true(wide_to_float(WIDE_MAX, -1, 3) == -HUGE_VALF);
    assert_true(wide_to_float((wide)0xffffff << 103, 5, 1) == FLT_MAX);
    assert_true(wide_to_float(((wide)0x1ffffff << 102) - 1, 5, 1) == FLT_MAX);
    assert_true(isinf(wide_to_float((wide)0x1ffffff << 102, 5, 1)));
    for (int digits = -38; digits < -20; digits++)
        for (wide a = 1; a < 400; a += 3)
            assert_nearest(a, (wide)10000000000, digits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_as_repeated_multiplication_does),
        cmocka_unit_test(scales_up_to_the_last_value_that_fits),
        cmocka_unit_test(divides_halves_away_from_zero),
        cmocka_unit_test(a_quotient_is_right_also_where_what_is_divided_is_beyond_128_bits),
        cmocka_unit_test(divides_to_the_nearest_for_random_operands),
        cmocka_unit_test(prints_extremes_and_places),
        cmocka_unit_test(prints_as_schoolbook_doubling_does),
        cmocka_unit_test(is_the_nearest_of_random_quotients),
        cmocka_unit_test(is_the_nearest_at_the_ends),
        cmocka_unit_test(rounds_what_is_between_two_numbers_to_the_side_it_is_on),
        cmocka_unit_test(rounds_ties_to_the_even_one),
        cmocka_unit_test(is_rounded_once_where_the_quotient_of_two_rounded_numbers_is_one_off),
        cmocka_unit_test(a_float_beyond_the_largest_is_infinite_and_a_tiny_one_is_rounded_once_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
