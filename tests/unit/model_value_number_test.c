/* Integers, decimals and doubles as texts. */
#include "model_values.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>

/* --- int64 -------------------------------------------------------------------------------------------------------- */

static void reads_integers_up_to_both_ends(void **state)
{
    (void)state;
    assert_integer(int64_type, "0", 0);
    assert_integer(int64_type, "-0", 0);
    assert_integer(int64_type, "+5", 5);
    assert_integer(int64_type, "007", 7);
    assert_integer(int64_type, "-00000000000000000000000000012", -12);
    assert_integer(int64_type, "999999999999999999", INT64_C(999999999999999999));
    assert_integer(int64_type, "1000000000000000000", INT64_C(1000000000000000000));
    assert_integer(int64_type, "9223372036854775807", INT64_MAX);
    assert_integer(int64_type, "+0009223372036854775807", INT64_MAX);
    assert_integer(int64_type, "-9223372036854775807", -INT64_MAX);
    assert_integer(int64_type, "-9223372036854775808", INT64_MIN);
}

static void refuses_integers_beyond_64_bits(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9223372036854775808",  "-9223372036854775809",
        "9999999999999999999",  "10000000000000000000",
        "18446744073709551615", "18446744073709551616",
        "18446744073709551617", "-18446744073709551616",
        "36893488147419103233", "100000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(int64_type, texts[i], "an integer from -9223372036854775808 to 9223372036854775807");
}

static void refuses_what_is_not_all_integer(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "+",   "-",    "--1", "+-1", "-+1", " 1",  "1 ",  "1 2",
        "\t1",      "1\n", "0x10", "1e3", "1E3", "1.0", "1.",  ".5",  "1,000",
        "1_000",    "a",   "12a",  "a12", "1/",  "1:",  "NaN", "inf", "12345678901234567890x",
        "\xd9\xa1",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(int64_type, texts[i], "an integer");
}

static void refuses_every_byte_but_a_digit_inside_an_integer(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[3] = {'1', (char)byte, '1'};
        struct value value;
        const char *expected;
        bool parsed = value_parse(int64_type, NULL, 0, (struct slice){text, sizeof text}, &value, &expected);
        assert_int_equal(parsed, byte >= '0' && byte <= '9');
    }
}

static void reads_back_every_integer_it_prints(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 100000; i++) {
        int64_t wanted = (int64_t)testing_random(&seed) >> (testing_random(&seed) % 64);
        char text[32];
        snprintf(text, sizeof text, "%" PRId64, wanted);
        assert_integer(int64_type, text, wanted);
        assert_printed(int64_type, (struct value){.i = wanted}, text);
    }
}

/* --- decimal ------------------------------------------------------------------------------------------------------ */

static void drops_zeros_behind_the_last_place_and_nothing_else(void **state)
{
    (void)state;
    assert_integer(decimal_type(18, 1), "1.50", 15);
    assert_integer(decimal_type(18, 1), "1.5000000000000000000000000000", 15);
    assert_integer(decimal_type(18, 0), "7.000", 7);
    assert_refused(decimal_type(18, 1), "1.55", "a decimal with at most 1 place");
    assert_refused(decimal_type(18, 0), "1.5", "a decimal without places behind the point");
    assert_refused(decimal_type(18, 2), "0.001", "a decimal with at most 2 places");
    assert_refused(decimal_type(18, 18), "0.0000000000000000001", "a decimal with at most 18 places");
}

static void reads_decimals_in_every_spelling(void **state)
{
    (void)state;
    assert_integer(decimal_type(18, 2), "12", 1200);
    assert_integer(decimal_type(18, 2), "12.3", 1230);
    assert_integer(decimal_type(18, 2), "12.34", 1234);
    assert_integer(decimal_type(18, 2), ".5", 50);
    assert_integer(decimal_type(18, 2), "-.05", -5);
    assert_integer(decimal_type(18, 2), "+1.5", 150);
    assert_integer(decimal_type(18, 2), "-0.00", 0);
    assert_integer(decimal_type(18, 2), "00000000000000000000000000012.30", 1230);
    assert_integer(decimal_type(18, 2), "9999999999999999.99", INT64_C(999999999999999999));
    assert_integer(decimal_type(18, 2), "-9999999999999999.99", INT64_C(-999999999999999999));
    assert_integer(decimal_type(18, 18), "0.999999999999999999", INT64_C(999999999999999999));
    assert_integer(decimal_type(18, 18), "000.1", INT64_C(100000000000000000));
    assert_integer(decimal_type(18, 0), "999999999999999999", INT64_C(999999999999999999));
    assert_integer(decimal_type(1, 1), ".9", 9);
}

static void refuses_decimals_of_more_digits_than_their_precision(void **state)
{
    (void)state;
    assert_integer(decimal_type(4, 2), "99.99", 9999);
    assert_refused(decimal_type(4, 2), "100", "a decimal with at most 2 digits before the point");
    assert_refused(decimal_type(4, 2), "-100.00", "a decimal with at most 2 digits before the point");
    assert_refused(decimal_type(18, 2), "10000000000000000", "a decimal with at most 16 digits before the point");
    assert_refused(decimal_type(18, 0), "1000000000000000000", "a decimal with at most 18 digits before the point");
    assert_refused(decimal_type(18, 0), "99999999999999999999999999999",
                   "a decimal with at most 18 digits before the point");
    assert_refused(decimal_type(2, 2), "1", "a decimal below 1");
    assert_refused(decimal_type(2, 1), "10", "a decimal with at most 1 digit before the point");
}

static void refuses_what_is_not_all_decimal(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "+",   "-",     ".",    "-.",  "5.",       "-5.",  "+.",   "1..5",     "1.5.",
        "1.2.3", "1e3", "1.5e0", "1E2",  "1,5", "1,000.00", " 1.5", "1.5 ", "1.5x",     "x1.5",
        "0x1.8", "--1", "1.-5",  "1.+5", "$1",  "1.5\n",    "nan",  "inf",  "Infinity",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(decimal_type(18, 2), texts[i], "a decimal number");
}

static void has_the_amount_that_long_arithmetic_finds(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 100000; i++) {
        unsigned precision = (unsigned)(testing_random(&seed) % 18) + 1;
        unsigned scale = (unsigned)(testing_random(&seed) % (precision + 1));
        uint64_t whole = testing_random(&seed) >> (testing_random(&seed) % 64), fraction = testing_random(&seed) >> 32;
        unsigned places = (unsigned)(testing_random(&seed) % 9) + 1, power = 1;
        for (unsigned p = 0; p < places; p++)
            power *= 10;
        fraction %= power;
        char text[64];
        snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64, i % 2 ? "-" : "", whole, (int)places, fraction);
        /* In units of 10^-9 * 10^-18: no step of this can overflow or round. */
        unsigned __int128 wanted = (unsigned __int128)whole * 1000000000 + fraction * (1000000000 / power);
        unsigned __int128 unit = 1, limit = 1;
        for (unsigned s = scale; s < 9; s++)
            unit *= 10;
        unsigned __int128 amount = wanted;
        for (unsigned s = 9; s < scale && amount >> 100 == 0; s++)
            amount *= 10;
        for (unsigned p = 0; p < precision; p++)
            limit *= 10;
        bool fits = amount % unit == 0 && amount / unit < limit;
        struct value value;
        const char *expected;
        bool parsed = parse(decimal_type(precision, scale), text, &value, &expected);
        if (parsed != fits)
            fail_msg("%s as decimal(%u,%u)", text, precision, scale);
        if (fits)
            assert_int_equal(value.i, (i % 2 ? -1 : 1) * (int64_t)(amount / unit));
    }
}

static void reads_back_every_decimal_it_prints(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 100000; i++) {
        unsigned scale = (unsigned)(testing_random(&seed) % 19);
        int64_t units = (int64_t)(testing_random(&seed) % 1000000000000000000u) * (i % 2 ? -1 : 1);
        struct buf buf;
        buf_init(&buf, 64);
        value_print(decimal_type(18, scale), (struct value){.i = units}, &buf);
        buf_put_byte(&buf, '\0');
        assert_integer(decimal_type(18, scale), buf.data, units);
        buf_close(&buf);
    }
}

/* --- double ------------------------------------------------------------------------------------------------------- */

static void reads_doubles_as_the_c_library_does(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "1",
        "+1",
        "-1",
        ".5",
        "-.5e1",
        "1.5",
        "1e3",
        "1E+3",
        "1e-3",
        "123456789.125",
        "0.1",
        "0.30000000000000004",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0000000000000000000000001",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "1.7976931348623157e308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "5e-324",
        "8.5e-325",
        "123456789012345678",
        "1234567890123456789012345678901234567890",
        "2.5e-1",
        "1e0000000000000001",
        "6.02214076e23",
        "179769313486231570000000000000000000000e270",
        "1e-400",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_number(texts[i], strtod(texts[i], NULL));
}

static void reads_random_doubles_exactly(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = testing_random(&seed);
        double d;
        memcpy(&d, &bits, sizeof d);
        if (i % 2)
            d = (double)(int64_t)bits / 1000000.0;
        if (!isfinite(d) || d == 0)
            continue;
        static const int digits[] = {17, 6, 2, 25};
        char text[64];
        snprintf(text, sizeof text, "%.*g", digits[testing_random(&seed) % 4], d);
        double wanted = strtod(text, NULL);
        if (isfinite(wanted))
            assert_number(text, wanted);
    }
}

static void has_one_zero_only(void **state)
{
    (void)state;
    assert_number("-0", 0.0);
    assert_number("-0.0e5", 0.0);
    assert_number("-1e-400", 0.0);
}

static void refuses_doubles_that_are_not_finite(void **state)
{
    (void)state;
    assert_refused(double_type, "1e309", "a number within the range of a double");
    assert_refused(double_type, "-1.8e308", "a number within the range of a double");
    assert_refused(double_type, "1e99999999999999999999", "a number within the range of a double");
    static const char *const texts[] = {
        "inf",  "-inf", "Infinity", "nan",   "NaN", "nan(1)", "",      ".",    "-",    "+",     "5.",
        "5.e1", "e5",   ".e5",      "1e",    "1e+", "1e-",    "1e5.0", "1e5x", "0x10", "0x1p3", "1p3",
        " 1",   "1 ",   "1,5",      "1.5.5", "--1", "1f",     "1d",    "1 e5", "1e 5",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(double_type, texts[i], "a number");
}

static void bounds_the_length_of_a_double(void **state)
{
    (void)state;
    char text[1200];
    memset(text, '1', sizeof text);
    text[1] = '.';
    text[1024] = '\0';
    assert_number(text, strtod(text, NULL));
    text[1024] = '1';
    text[1025] = '\0';
    assert_refused(double_type, text, "a number of at most 1024 characters");
}

static void prints_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    assert_printed(double_type, (struct value){.d = 0.1}, "0.1");
    assert_printed(double_type, (struct value){.d = 0.1 + 0.2}, "0.30000000000000004");
    assert_printed(double_type, (struct value){.d = -12.5}, "-12.5");
    assert_printed(double_type, (struct value){.d = 1e300}, "1e+300");
    assert_printed(double_type, (struct value){.d = DBL_MAX}, "1.7976931348623157e+308");
    char text[VALUE_DOUBLE_TEXT_SIZE];
    assert_string_equal(value_double_text(0.1F, true, text), "0.1");
    assert_string_equal(value_double_text(16777215.0F, true, text), "16777215");
}

/* The locale of a process must not matter; not every machine has one with a comma. */
static void writes_and_reads_points_whatever_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "ps_AF.UTF-8"};
    char text[VALUE_DOUBLE_TEXT_SIZE];
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(names) && !found; i++)
        found = setlocale(LC_ALL, names[i]) != NULL;
    if (!found)
        skip();
    assert_printed(double_type, (struct value){.d = 1.5}, "1.5");
    assert_string_equal(value_double_text(0.1F, true, text), "0.1");
    assert_number("0.12345678901234567890123", 0x1.f9add3746f65fp-4);
    assert_refused(double_type, "1,5", "a number");
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers_up_to_both_ends),
        cmocka_unit_test(refuses_integers_beyond_64_bits),
        cmocka_unit_test(refuses_what_is_not_all_integer),
        cmocka_unit_test(refuses_every_byte_but_a_digit_inside_an_integer),
        cmocka_unit_test(reads_back_every_integer_it_prints),
        cmocka_unit_test(drops_zeros_behind_the_last_place_and_nothing_else),
        cmocka_unit_test(reads_decimals_in_every_spelling),
        cmocka_unit_test(refuses_decimals_of_more_digits_than_their_precision),
        cmocka_unit_test(refuses_what_is_not_all_decimal),
        cmocka_unit_test(has_the_amount_that_long_arithmetic_finds),
        cmocka_unit_test(reads_back_every_decimal_it_prints),
        cmocka_unit_test(reads_doubles_as_the_c_library_does),
        cmocka_unit_test(reads_random_doubles_exactly),
        cmocka_unit_test(has_one_zero_only),
        cmocka_unit_test(refuses_doubles_that_are_not_finite),
        cmocka_unit_test(bounds_the_length_of_a_double),
        cmocka_unit_test(prints_the_fewest_digits_that_read_back),
        cmocka_unit_test(writes_and_reads_points_whatever_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
