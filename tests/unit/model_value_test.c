#include "testing.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>

#include "base/hash.h"
#include "model/timestamp.h"
#include "model/value.h"

static const struct value_type int64_type = {.kind = VALUE_INT64}, double_type = {.kind = VALUE_DOUBLE},
                               text_type = {.kind = VALUE_TEXT}, bool_type = {.kind = VALUE_BOOL},
                               date_type = {.kind = VALUE_DATE}, timestamp_type = {.kind = VALUE_TIMESTAMP};

static struct value_type decimal_type(unsigned precision, unsigned scale)
{
    return (struct value_type){VALUE_DECIMAL, (uint8_t)precision, (uint8_t)scale};
}

static uint64_t next_random(uint64_t *state)
{
    return hash_u64((*state)++);
}

/* value_parse of a copy on the heap, so that AddressSanitizer sees a read past its end; not for texts. */
static bool parse(struct value_type type, const char *text, struct value *value, const char **expected)
{
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    bool parsed = value_parse(type, NULL, 0, (struct slice){copy, len}, value, expected);
    free(copy);
    return parsed;
}

static void assert_integer(struct value_type type, const char *text, int64_t wanted)
{
    struct value value;
    const char *expected = "";
    if (!parse(type, text, &value, &expected) || value.null || value.i != wanted) {
        print_error("\"%s\": expected %s, wanted %jd\n", text, expected, (intmax_t)wanted);
        fail();
    }
}

static void assert_number(const char *text, double wanted)
{
    struct value value;
    const char *expected = "";
    if (!parse(double_type, text, &value, &expected) || value.null || value.d != wanted ||
        signbit(value.d) != signbit(wanted)) {
        print_error("\"%s\": expected %s, wanted %a\n", text, expected, wanted);
        fail();
    }
}

static void assert_refused(struct value_type type, const char *text, const char *wanted)
{
    struct value value;
    const char *expected = "";
    if (parse(type, text, &value, &expected) || strcmp(expected, wanted) != 0) {
        print_error("\"%s\": expected \"%s\", wanted \"%s\"\n", text, expected, wanted);
        fail();
    }
}

static void assert_printed(struct value_type type, struct value value, const char *wanted)
{
    struct buf buf;
    buf_init(&buf, TEXT_VALUE_MAX);
    value_print(type, value, &buf);
    assert_slice(buf_slice(&buf), wanted);
    buf_close(&buf);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

static void reads_and_writes_the_names_of_types(void **state)
{
    (void)state;
    size_t count;
    const char *const *words = value_type_words(&count);
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++) {
        struct value_type type;
        char text[VALUE_TYPE_TEXT_SIZE];
        assert_true(value_type_parse(slice_of(words[i]), &type));
        assert_int_equal(type.kind, i);
        assert_string_equal(value_type_text(type, text), words[i]);
    }
}

static void knows_every_decimal_up_to_18_digits(void **state)
{
    (void)state;
    for (unsigned precision = 0; precision <= 99; precision++) {
        for (unsigned scale = 0; scale <= 99; scale++) {
            char text[32], back[VALUE_TYPE_TEXT_SIZE];
            struct value_type type;
            snprintf(text, sizeof text, "decimal(%u,%u)", precision, scale);
            bool known = value_type_parse(slice_of(text), &type);
            assert_int_equal(known, precision >= 1 && precision <= 18 && scale <= precision);
            if (known)
                assert_string_equal(value_type_text(type, back), text);
        }
    }
}

static void knows_no_other_type(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "int",
        "INT64",
        "int64 ",
        " int64",
        "int644",
        "tex",
        "decimal",
        "decimal(18)",
        "decimal(18,2",
        "decimal(18, 2)",
        "decimal(18,2) ",
        "decimal(018,2)",
        "decimal(18,02)",
        "decimal(-1,0)",
        "decimal(,)",
        "decimal(100,2)",
        "decimal(18,2)x",
        "decimal[18,2]",
        "decimal(",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value_type type;
        if (value_type_parse(slice_of(texts[i]), &type))
            fail_msg("\"%s\" is taken for a type", texts[i]);
    }
}

static void widens_only_where_nothing_is_lost(void **state)
{
    (void)state;
    assert_true(value_type_widens(int64_type, int64_type));
    assert_true(value_type_widens(text_type, text_type));
    assert_true(value_type_widens(int64_type, decimal_type(18, 2)));
    assert_true(value_type_widens(decimal_type(5, 2), decimal_type(6, 2)));
    assert_true(value_type_widens(decimal_type(5, 2), decimal_type(6, 3)));
    assert_true(value_type_widens(date_type, timestamp_type));
    assert_false(value_type_widens(decimal_type(5, 2), decimal_type(5, 3)));
    assert_false(value_type_widens(decimal_type(5, 2), decimal_type(18, 1)));
    assert_false(value_type_widens(timestamp_type, date_type));
    assert_false(value_type_widens(int64_type, double_type));
    assert_false(value_type_widens(int64_type, text_type));
    assert_false(value_type_widens(text_type, int64_type));
    assert_false(value_type_widens(bool_type, int64_type));
    assert_false(value_type_widens(double_type, decimal_type(18, 2)));
    assert_false(value_type_widens(decimal_type(5, 0), int64_type));
}

static void widens_values_to_the_same_amount(void **state)
{
    (void)state;
    struct value value = {.i = -123};
    assert_true(value_widen(decimal_type(5, 2), decimal_type(9, 4), &value));
    assert_int_equal(value.i, -12300);
    value.i = 7;
    assert_true(value_widen(int64_type, decimal_type(18, 2), &value));
    assert_int_equal(value.i, 700);
    value.i = 3;
    assert_true(value_widen(date_type, timestamp_type, &value));
    assert_int_equal(value.i, 3 * TIMESTAMP_DAY);
    value = VALUE_NULL;
    assert_true(value_widen(int64_type, decimal_type(18, 2), &value));
    assert_true(value.null);
}

static void tells_that_an_integer_exceeds_a_decimal(void **state)
{
    (void)state;
    static const int64_t limit = INT64_C(9999999999999999);
    struct value value = {.i = limit};
    assert_true(value_widen(int64_type, decimal_type(18, 2), &value));
    assert_int_equal(value.i, limit * 100);
    static const int64_t beyond[] = {limit + 1, -limit - 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        value.i = beyond[i];
        assert_false(value_widen(int64_type, decimal_type(18, 2), &value));
    }
    value.i = INT64_C(1000000000000000000);
    assert_false(value_widen(int64_type, decimal_type(18, 0), &value));
    value.i--;
    assert_true(value_widen(int64_type, decimal_type(18, 0), &value));
}

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
        int64_t wanted = (int64_t)next_random(&seed) >> (next_random(&seed) % 64);
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
        unsigned precision = (unsigned)(next_random(&seed) % 18) + 1;
        unsigned scale = (unsigned)(next_random(&seed) % (precision + 1));
        uint64_t whole = next_random(&seed) >> (next_random(&seed) % 64), fraction = next_random(&seed) >> 32;
        unsigned places = (unsigned)(next_random(&seed) % 9) + 1, power = 1;
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
        unsigned scale = (unsigned)(next_random(&seed) % 19);
        int64_t units = (int64_t)(next_random(&seed) % 1000000000000000000u) * (i % 2 ? -1 : 1);
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
        uint64_t bits = next_random(&seed);
        double d;
        memcpy(&d, &bits, sizeof d);
        if (i % 2)
            d = (double)(int64_t)bits / 1000000.0;
        if (!isfinite(d) || d == 0)
            continue;
        static const int digits[] = {17, 6, 2, 25};
        char text[64];
        snprintf(text, sizeof text, "%.*g", digits[next_random(&seed) % 4], d);
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
}

/* The locale of a process must not matter; not every machine has one with a comma. */
static void writes_and_reads_points_whatever_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "ps_AF.UTF-8"};
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(names) && !found; i++)
        found = setlocale(LC_ALL, names[i]) != NULL;
    if (!found)
        skip();
    assert_printed(double_type, (struct value){.d = 1.5}, "1.5");
    assert_number("0.12345678901234567890123", 0x1.f9add3746f65fp-4);
    assert_refused(double_type, "1,5", "a number");
    setlocale(LC_ALL, "C");
}

/* --- bool, text, date, timestamp ---------------------------------------------------------------------------------- */

static void reads_truth_in_any_case(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "TRUE", "True", "tRuE", "t", "T", "yes", "YES", "y", "Y", "1"};
    static const char *const no[] = {"false", "FALSE", "False", "f", "F", "no", "NO", "n", "N", "0"};
    static const char *const neither[] = {"",     "2",   "01",    "on",    "off", "ye",
                                          "yess", "tru", "true ", " true", "-1",  "null"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        assert_integer(bool_type, yes[i], 1);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        assert_integer(bool_type, no[i], 0);
    for (size_t i = 0; i < COUNT_OF(neither); i++)
        assert_refused(bool_type, neither[i], "true, false, yes, no, t, f, y, n, 1 or 0");
}

static void borrows_text_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " a ", "₦", "\xf0\x9f\x8d\x95 pizza", "line\nbreak", "long enough for eight at once"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value value;
        const char *expected;
        assert_true(value_parse(text_type, NULL, 0, slice_of(texts[i]), &value, &expected));
        assert_false(value.null);
        assert_ptr_equal(value.text.data, texts[i]);
        assert_int_equal(value.text.len, strlen(texts[i]));
        assert_printed(text_type, value, texts[i]);
    }
}

static void refuses_text_that_postgresql_would_refuse(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *expected;
    } cases[] = {
        {{"a\0b", 3}, "a text without NUL"},
        {{"\0", 1}, "a text without NUL"},
        {{"long enough\0x", 13}, "a text without NUL"},
        {{"\xff", 1}, "valid UTF-8"},
        {{"caf\xe9", 4}, "valid UTF-8"},
        {{"\xc0\x80", 2}, "valid UTF-8"},
        {{"\xed\xa0\x80", 3}, "valid UTF-8"},
        {{"\xf4\x90\x80\x80", 4}, "valid UTF-8"},
        {{"cut \xe2\x82", 6}, "valid UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value value;
        const char *expected = "";
        assert_false(value_parse(text_type, NULL, 0, cases[i].text, &value, &expected));
        assert_string_equal(expected, cases[i].expected);
    }
}

static void bounds_the_length_of_a_text(void **state)
{
    (void)state;
    char *text = malloc(TEXT_VALUE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', TEXT_VALUE_MAX + 1);
    struct value value;
    const char *expected;
    assert_true(value_parse(text_type, NULL, 0, (struct slice){text, TEXT_VALUE_MAX}, &value, &expected));
    assert_false(value_parse(text_type, NULL, 0, (struct slice){text, TEXT_VALUE_MAX + 1}, &value, &expected));
    assert_string_equal(expected, "a text of at most 65536 bytes");
    free(text);
}

static void reads_dates_and_times_by_iso_8601_where_no_format_is_given(void **state)
{
    (void)state;
    assert_integer(date_type, "1970-01-02", 1);
    assert_integer(timestamp_type, "1970-01-02", TIMESTAMP_DAY);
    assert_integer(timestamp_type, "1970-01-01T00:00:01.5Z", 1500000);
    assert_refused(date_type, "2022-02-31", "a day that exists");
    assert_refused(date_type, "2022-02-17T00:00:00Z", "a date as 2022-02-17");
    assert_refused(date_type, "", "a date as 2022-02-17");
    assert_refused(timestamp_type, "", "a time as 2022-02-17T12:03:13Z");
    assert_printed(date_type, (struct value){.i = 1}, "1970-01-02");
    assert_printed(timestamp_type, (struct value){.i = 1}, "1970-01-01T00:00:00.000001Z");
    assert_printed(bool_type, (struct value){.i = 1}, "true");
    assert_printed(bool_type, (struct value){.i = 0}, "false");
}

static void tries_formats_in_turn_and_keeps_the_best_complaint(void **state)
{
    (void)state;
    static const char *const formats[] = {"%d/%m/%Y", "%Y-%m-%d", "%Y-%m-%d %H:%M"};
    struct value value;
    const char *expected = "";
    assert_true(value_parse(date_type, formats, 3, SLICE("02/01/1970"), &value, &expected));
    assert_int_equal(value.i, 1);
    assert_true(value_parse(timestamp_type, formats, 3, SLICE("1970-01-02 01:00"), &value, &expected));
    assert_int_equal(value.i, TIMESTAMP_DAY + 3600 * TIMESTAMP_SECOND);
    assert_true(value_parse(date_type, formats, 3, SLICE("1969-12-31 00:00"), &value, &expected));
    assert_int_equal(value.i, -1);
    assert_false(value_parse(date_type, formats, 3, SLICE("1970-01-02 01:00"), &value, &expected));
    assert_string_equal(expected, "a date without a time of day");
    assert_false(value_parse(date_type, formats, 3, SLICE("1970-02-30"), &value, &expected));
    assert_string_equal(expected, "a day that exists");
    assert_false(value_parse(timestamp_type, formats, 3, SLICE("1970-01-01T00:00:00Z"), &value, &expected));
    assert_string_equal(expected, TIMESTAMP_FORMAT_WORDS);
}

static void reads_nothing_but_text_from_an_empty_slice_without_data(void **state)
{
    (void)state;
    for (int kind = VALUE_INT64; kind <= VALUE_TIMESTAMP; kind++) {
        struct value_type type = {.kind = (enum value_kind)kind, .precision = 18, .scale = 2};
        static const char *const formats[] = {"%Y-%m-%d"};
        struct value value;
        const char *expected = NULL;
        for (size_t count = 0; count <= 1; count++) {
            bool parsed = value_parse(type, formats, count, (struct slice){NULL, 0}, &value, &expected);
            assert_int_equal(parsed, kind == VALUE_TEXT);
        }
    }
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static void orders_null_first_and_equal_to_null(void **state)
{
    (void)state;
    struct value small = {.i = INT64_MIN};
    assert_true(value_compare(int64_type, VALUE_NULL, small) < 0);
    assert_true(value_compare(int64_type, small, VALUE_NULL) > 0);
    assert_int_equal(value_compare(int64_type, VALUE_NULL, VALUE_NULL), 0);
    assert_true(value_equal(int64_type, VALUE_NULL, VALUE_NULL));
    assert_false(value_equal(int64_type, VALUE_NULL, (struct value){.i = 0}));
    assert_false(value_equal(text_type, (struct value){.text = {"", 0}}, VALUE_NULL));
    assert_printed(int64_type, VALUE_NULL, "");
}

static void orders_values_of_each_kind(void **state)
{
    (void)state;
    assert_true(value_compare(int64_type, (struct value){.i = INT64_MIN}, (struct value){.i = INT64_MAX}) < 0);
    assert_true(value_compare(int64_type, (struct value){.i = INT64_MAX}, (struct value){.i = INT64_MIN}) > 0);
    assert_true(value_compare(double_type, (struct value){.d = -1.5}, (struct value){.d = 0.5}) < 0);
    assert_true(value_compare(double_type, (struct value){.d = 2}, (struct value){.d = 2}) == 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("Z")}, (struct value){.text = SLICE("a")}) < 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("z")}, (struct value){.text = SLICE("é")}) < 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("ab")}, (struct value){.text = SLICE("a")}) > 0);
    assert_true(value_equal(text_type, (struct value){.text = SLICE("ab")}, (struct value){.text = SLICE("ab")}));
    assert_false(value_equal(text_type, (struct value){.text = SLICE("ab")}, (struct value){.text = SLICE("aB")}));
    assert_true(value_equal(double_type, (struct value){.d = 0.5}, (struct value){.d = 0.5}));
    assert_false(value_equal(date_type, (struct value){.i = 1}, (struct value){.i = 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_names_of_types),
        cmocka_unit_test(knows_every_decimal_up_to_18_digits),
        cmocka_unit_test(knows_no_other_type),
        cmocka_unit_test(widens_only_where_nothing_is_lost),
        cmocka_unit_test(widens_values_to_the_same_amount),
        cmocka_unit_test(tells_that_an_integer_exceeds_a_decimal),
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
        cmocka_unit_test(reads_truth_in_any_case),
        cmocka_unit_test(borrows_text_as_it_is),
        cmocka_unit_test(refuses_text_that_postgresql_would_refuse),
        cmocka_unit_test(bounds_the_length_of_a_text),
        cmocka_unit_test(reads_dates_and_times_by_iso_8601_where_no_format_is_given),
        cmocka_unit_test(tries_formats_in_turn_and_keeps_the_best_complaint),
        cmocka_unit_test(reads_nothing_but_text_from_an_empty_slice_without_data),
        cmocka_unit_test(orders_null_first_and_equal_to_null),
        cmocka_unit_test(orders_values_of_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
