#include "testing.h"

#include <math.h>

#include "model/wide.h"

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

static void divides_halves_away_from_zero(void **state)
{
    (void)state;
    assert_true(wide_divide(5, 2) == 3);
    assert_true(wide_divide(-5, 2) == -3);
    assert_true(wide_divide(5, -2) == -3);
    assert_true(wide_divide(-5, -2) == 3);
    assert_true(wide_divide(4, 3) == 1);
    assert_true(wide_divide(-4, 3) == -1);
    assert_true(wide_divide(1, 2) == 1);
    assert_true(wide_divide(-1, 2) == -1);
    assert_true(wide_divide(1, 3) == 0);
    assert_true(wide_divide(0, -7) == 0);
    assert_true(wide_divide(WIDE_MIN, 1) == WIDE_MIN);
    assert_true(wide_divide(WIDE_MAX, 2) == (wide)1 << 126);
    assert_true(wide_divide(WIDE_MAX, WIDE_MIN) == -1);
}

static void divides_to_the_nearest_for_random_operands(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 100000; i++) {
        wide a = random_wide(&seed) >> 3, b = random_wide(&seed) >> 3;
        if (b == 0)
            continue;
        wide twice_off = 2 * (a - wide_divide(a, b) * b);
        wide size = b < 0 ? -b : b, off = twice_off < 0 ? -twice_off : twice_off;
        assert_true(off <= size);
        /* On a tie what is off has the sign against the quotient's: it went away from zero. */
        if (off == size && off > 0)
            assert_true((twice_off < 0) == (a > 0));
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

static void assert_double(wide value, unsigned scale)
{
    char text[64];
    print_text(value, scale, text, sizeof text);
    double wanted = strtod(text, NULL), found = wide_to_double(value, scale);
    if (memcmp(&wanted, &found, sizeof wanted) != 0 && !(wanted == 0 && found == 0)) {
        print_error("%s: %a, wanted %a\n", text, found, wanted);
        fail();
    }
}

static void turns_into_the_nearest_double(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < 100000; i++)
        assert_double(random_wide(&seed), (unsigned)(testing_random(&seed) % 39));
    for (unsigned scale = 0; scale <= 38; scale++) {
        assert_double(0, scale);
        assert_double(WIDE_MAX, scale);
        assert_double(WIDE_MIN, scale);
        for (int bit = 50; bit < 127; bit++)
            for (int off = -2; off <= 2; off++)
                assert_double(((wide)1 << bit) + off, scale);
    }
}

static void rounds_ties_between_doubles_to_the_even_one(void **state)
{
    (void)state;
    const wide limit = (wide)1 << 53;
    assert_true(wide_to_double(limit + 1, 0) == 9007199254740992.0);
    assert_true(wide_to_double(limit + 3, 0) == 9007199254740996.0);
    assert_true(wide_to_double(-(limit + 3), 0) == -9007199254740996.0);
    /* One and a half units in the last place, and a trace in the 38th place that must not get lost. */
    assert_true(wide_to_double(((limit + 1) << 60) + 1, 0) > ldexp(9007199254740992.0, 60));
    assert_true(wide_to_double((limit + 1) << 60, 0) == ldexp(9007199254740992.0, 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_as_repeated_multiplication_does),
        cmocka_unit_test(scales_up_to_the_last_value_that_fits),
        cmocka_unit_test(divides_halves_away_from_zero),
        cmocka_unit_test(divides_to_the_nearest_for_random_operands),
        cmocka_unit_test(prints_extremes_and_places),
        cmocka_unit_test(prints_as_schoolbook_doubling_does),
        cmocka_unit_test(turns_into_the_nearest_double),
        cmocka_unit_test(rounds_ties_between_doubles_to_the_even_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
