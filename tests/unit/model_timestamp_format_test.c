/* Formats of dates and times, and the windows and intervals of time. */
#include "model_moments.h"

/* --- formats ------------------------------------------------------------------------------------------------------ */

static void assert_format(const char *format, const char *text, int64_t wanted)
{
    struct error error;
    int64_t micros = -1;
    const char *expected = "";
    assert_ok(timestamp_format_check(format, &error), &error);
    if (!timestamp_parse_format(slice_of(text), format, &micros, &expected) || micros != wanted) {
        print_error("%s as %s: %jd (expected %s), wanted %jd\n", text, format, (intmax_t)micros, expected,
                    (intmax_t)wanted);
        fail();
    }
}

static void assert_no_format(const char *format, const char *text, const char *wanted)
{
    int64_t micros;
    const char *expected = "";
    if (timestamp_parse_format(slice_of(text), format, &micros, &expected) || strcmp(expected, wanted) != 0) {
        print_error("%s as %s: expected \"%s\", wanted \"%s\"\n", text, format, expected, wanted);
        fail();
    }
}

static void reads_each_directive(void **state)
{
    (void)state;
    const int64_t noon = system_micros(2022, 2, 17, 12, 3, 13);
    assert_format("%Y-%m-%d %H:%M:%S", "2022-02-17 12:03:13", noon);
    assert_format("%d/%m/%Y %H:%M:%S", "17/2/2022 12:3:13", noon);
    assert_format("%Y%m%d%H%M%S", "20220217120313", noon);
    assert_format("%Y%m%d%I%M%S%p", "20220217120313pm", noon);
    assert_format("%d %b %y, %I:%M:%S %p", "17 FEB 22, 12:03:13 pm", noon);
    assert_format("%b %d %Y %I.%M.%S%p", "feb 17 2022 12.03.13AM", noon - 12 * 3600 * TIMESTAMP_SECOND);
    assert_format("%Y-%m-%dT%H:%M:%S.%f%z", "2022-02-17T14:03:13.25+02:00", noon + 250000);
    assert_format("%Y-%m-%dT%H:%M:%S%z UTC", "2022-02-17T07:03:13-05 UTC", noon);
    assert_format("%s", "1645099393", noon);
    assert_format("%s.%f", "-1.5", -1500000);
    assert_format("%s", "-0", 0);
    assert_format("100%% %Y-%m-%d", "100% 1970-01-02", TIMESTAMP_DAY);
    assert_format("%y%m%d", "700101", 0);
    assert_format("%y%m%d", "690101", system_micros(2069, 1, 1, 0, 0, 0));
    assert_format("%Y-%m-%d %H", "1970-01-01 23", 23 * 3600 * TIMESTAMP_SECOND);
}

static void reads_every_month_and_every_hour_of_twelve(void **state)
{
    (void)state;
    char text[64];
    struct tm tm = {.tm_year = 122, .tm_mday = 5};
    for (tm.tm_mon = 0; tm.tm_mon < 12; tm.tm_mon++) {
        for (tm.tm_hour = 0; tm.tm_hour < 24; tm.tm_hour++) {
            strftime(text, sizeof text, "%d %b %Y %I:%M %p", &tm);
            assert_format("%d %b %Y %I:%M %p", text, system_micros(2022, tm.tm_mon + 1, 5, tm.tm_hour, 0, 0));
        }
    }
}

static void rejects_text_that_its_format_does_not_describe(void **state)
{
    (void)state;
    assert_no_format("%Y-%m-%d", "", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%Y-%m-%d", "2022-02-17 ", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%Y-%m-%d", "2022-02-", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%Y-%m-%d", "202-02-17", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%Y-%m-%d", "2022-02-171", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%d %b %Y", "1 Foo 2022", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%d %b %Y", "1 February 2022", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%Y-%m-%d %z", "2022-02-17 CET", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%s", "", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%s", "+5", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%s.%f", "5.1234567", TIMESTAMP_FORMAT_WORDS);
    assert_no_format("%Y-%m-%d %I %p", "2022-02-17 5 xm", TIMESTAMP_FORMAT_WORDS);
}

static void rejects_moments_that_do_not_exist_in_any_format(void **state)
{
    (void)state;
    assert_no_format("%d.%m.%Y", "31.02.2022", "a day that exists");
    assert_no_format("%m/%d/%Y", "17/02/2022", "a day that exists");
    assert_no_format("%Y-%m-%d %H:%M:%S", "2022-02-17 24:00:00", "a time of day that exists");
    assert_no_format("%Y-%m-%d %H:%M:%S", "2022-02-17 23:59:60", "a time of day that exists");
    assert_no_format("%Y-%m-%d %I %p", "2022-02-17 13 pm", "a time of day that exists");
    assert_no_format("%Y-%m-%d %I %p", "2022-02-17 0 am", "a time of day that exists");
    assert_no_format("%s", "999999999999", "a time in the years 0001 to 9999");
    assert_no_format("%Y-%m-%d %z", "0001-01-01 +01", "a time in the years 0001 to 9999");
}

static void refuses_formats_that_cannot_tell_a_moment(void **state)
{
    (void)state;
    static const struct {
        const char *format, *reason;
    } cases[] = {
        {"", "no whole date"},
        {"%H:%M:%S", "no whole date"},
        {"%Y-%m", "no whole date"},
        {"%Y %d", "no whole date"},
        {"%Y-%m-%d %A", "unknown directive %A"},
        {"%Y-%m-%d %\xf0\x9f\x98\x80M", "unknown directive %\xf0\x9f\x98\x80, expected"},
        {"%Y-%m-%d %\n", "unknown directive %\\n, expected"},
        {"%Y-%m-%d %", "single %"},
        {"%Y-%m-%d %y", "%y says again"},
        {"%Y-%m-%d %b", "%b says again"},
        {"%Y-%m-%d %H %I %p", "%I says again"},
        {"%s %Y", "%Y says again"},
        {"%Y-%m-%d %I", "%I and %p"},
        {"%Y-%m-%d %H:%M:%S %p %z", "%I and %p"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error = {0};
        assert_false(timestamp_format_check(cases[i].format, &error));
        assert_error(&error, ERROR_CONFIG, cases[i].reason);
    }
}

/* --- windows and intervals ---------------------------------------------------------------------------------------- */

static void starts_windows_of_ten_days_where_the_design_says(void **state)
{
    (void)state;
    const int64_t size = 10 * TIMESTAMP_DAY, start = system_micros(2021, 12, 29, 0, 0, 0);
    assert_int_equal(timestamp_window(start, size) * size, start);
    assert_int_equal(timestamp_window(start - 1, size) * size, start - size);
    assert_int_equal(timestamp_window(start + size - 1, size) * size, start);
    assert_int_equal(timestamp_window(start + size, size) * size, system_micros(2022, 1, 8, 0, 0, 0));
    assert_int_equal(timestamp_window(-1, size), -1);
    assert_int_equal(timestamp_window(0, size), 0);
    assert_int_equal(timestamp_window(-size, size), -1);
    assert_int_equal(timestamp_window(-size - 1, size), -2);
}

static void puts_every_moment_into_the_window_that_holds_it(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 100000; i++) {
        int64_t moment = random_moment(&seed);
        int64_t size = (int64_t)(testing_random(&seed) >> (1 + testing_random(&seed) % 62)) + 1;
        int64_t start = timestamp_window(moment, size) * size;
        assert_true(start <= moment && moment - start < size);
        assert_int_equal(start % size, 0);
    }
}

static void reads_intervals_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"10 days", 864000}, {"1 day", 86400},    {"1 hour", 3600},     {"90 seconds", 90},
                 {"1 week", 604800},  {"15 minutes", 900}, {"2 weeks", 1209600}, {"007 hours", 25200},
                 {"1 second", 1},     {"1 minute", 60}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t micros;
        assert_true(timestamp_parse_interval(slice_of(cases[i].text), &micros));
        assert_int_equal(micros, cases[i].seconds * TIMESTAMP_SECOND);
    }
}

static void rejects_intervals_of_nothing_or_of_too_much(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "10",
        "days",
        "10days",
        "10  days",
        " 10 days",
        "10 days ",
        "0 days",
        "-1 days",
        "+1 days",
        "1.5 days",
        "1 month",
        "1 year",
        "1 dayss",
        "1 s",
        "1 ",
        "1 Day",
        "99999999999999999999 days",
        "9223372036854775807 weeks",
        "106751992 days",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t micros;
        if (timestamp_parse_interval(slice_of(texts[i]), &micros))
            fail_msg("\"%s\" was read", texts[i]);
    }
    int64_t micros;
    assert_true(timestamp_parse_interval(SLICE("106751991 days"), &micros));
    assert_int_equal(micros, 106751991 * TIMESTAMP_DAY);
}

static void reads_months_and_years_as_months(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t months; /* 0: it is refused */
    } cases[] = {{"1 month", 1},
                 {"3 months", 3},
                 {"1 year", 12},
                 {"100 years", 1200},
                 {"768614336404564650 years", INT64_C(768614336404564650) * 12},
                 {"768614336404564651 years", 0},
                 {"0 months", 0},
                 {"0 years", 0},
                 {"-1 months", 0},
                 {"1.5 years", 0},
                 {"1 Month", 0},
                 {"1 monthss", 0},
                 {"1 month 2 days", 0},
                 {"month", 0},
                 {"30 days", 0},
                 {"", 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t months = 0;
        if (timestamp_parse_months(slice_of(cases[i].text), &months) != (cases[i].months > 0) ||
            (cases[i].months > 0 && months != cases[i].months))
            fail_msg("\"%s\" was read as %lld", cases[i].text, (long long)months);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_directive),
        cmocka_unit_test(reads_every_month_and_every_hour_of_twelve),
        cmocka_unit_test(rejects_text_that_its_format_does_not_describe),
        cmocka_unit_test(rejects_moments_that_do_not_exist_in_any_format),
        cmocka_unit_test(refuses_formats_that_cannot_tell_a_moment),
        cmocka_unit_test(starts_windows_of_ten_days_where_the_design_says),
        cmocka_unit_test(puts_every_moment_into_the_window_that_holds_it),
        cmocka_unit_test(reads_intervals_as_people_write_them),
        cmocka_unit_test(rejects_intervals_of_nothing_or_of_too_much),
        cmocka_unit_test(reads_months_and_years_as_months),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
