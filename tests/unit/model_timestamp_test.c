#include "testing.h"

#include <time.h>

#include "base/hash.h"
#include "model/timestamp.h"

static uint64_t next_random(uint64_t *state)
{
    return hash_u64((*state)++);
}

static int64_t random_moment(uint64_t *state)
{
    return TIMESTAMP_MIN + (int64_t)(next_random(state) % (uint64_t)(TIMESTAMP_MAX - TIMESTAMP_MIN + 1));
}

/* A copy on the heap, so that AddressSanitizer sees a read past its end. */
static bool parse_exactly(const char *text, int64_t *micros, const char **expected)
{
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    bool parsed = timestamp_parse_iso((struct slice){copy, len}, micros, expected);
    free(copy);
    return parsed;
}

static void assert_iso(const char *text, int64_t wanted)
{
    int64_t micros = -1;
    const char *expected = "";
    if (!parse_exactly(text, &micros, &expected) || micros != wanted) {
        print_error("%s: %jd (expected %s), wanted %jd\n", text, (intmax_t)micros, expected, (intmax_t)wanted);
        fail();
    }
}

static void assert_no_iso(const char *text, const char *wanted)
{
    int64_t micros;
    const char *expected = "";
    if (parse_exactly(text, &micros, &expected) || strcmp(expected, wanted) != 0) {
        print_error("%s: expected \"%s\", wanted \"%s\"\n", text, expected, wanted);
        fail();
    }
}

/* timegm of a day at a time of day. */
static int64_t system_micros(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return (int64_t)timegm(&tm) * TIMESTAMP_SECOND;
}

typedef void (*printer)(int64_t value, struct buf *out);

static void assert_print(printer print, int64_t value, const char *wanted)
{
    struct buf buf;
    buf_init(&buf, 64);
    print(value, &buf);
    assert_slice(buf_slice(&buf), wanted);
    buf_close(&buf);
}

static void counts_every_day_of_ten_thousand_years_as_the_system_does(void **state)
{
    (void)state;
    for (int64_t days = TIMESTAMP_MIN / TIMESTAMP_DAY; days <= TIMESTAMP_MAX / TIMESTAMP_DAY; days++) {
        time_t seconds = (time_t)(days * 86400);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        int year, month, day;
        int64_t back;
        timestamp_civil(days, &year, &month, &day);
        if (year != tm.tm_year + 1900 || month != tm.tm_mon + 1 || day != tm.tm_mday ||
            !timestamp_days(year, month, day, &back) || back != days) {
            print_error("day %jd is %d-%d-%d\n", (intmax_t)days, year, month, day);
            fail();
        }
    }
}

static void knows_no_day_that_the_system_would_move(void **state)
{
    (void)state;
    static const int years[] = {1, 4, 100, 400, 1900, 1970, 1999, 2000, 2022, 2024, 2100, 9999};
    for (size_t i = 0; i < COUNT_OF(years); i++) {
        for (int month = -1; month <= 14; month++) {
            for (int day = -1; day <= 33; day++) {
                struct tm tm = {.tm_year = years[i] - 1900, .tm_mon = month - 1, .tm_mday = day};
                timegm(&tm);
                bool exists = tm.tm_mon == month - 1 && tm.tm_mday == day && tm.tm_year == years[i] - 1900;
                int64_t days;
                assert_int_equal(timestamp_days(years[i], month, day, &days), exists);
            }
        }
    }
}

static void knows_no_year_0_or_10000(void **state)
{
    (void)state;
    int64_t days;
    assert_false(timestamp_days(0, 12, 31, &days));
    assert_false(timestamp_days(-1, 1, 1, &days));
    assert_false(timestamp_days(10000, 1, 1, &days));
    assert_true(timestamp_days(9999, 12, 31, &days));
    assert_true(timestamp_days(1, 1, 1, &days));
}

static void rejects_the_31st_of_february(void **state)
{
    (void)state;
    assert_no_iso("2022-02-31", "a day that exists");
    assert_no_iso("2022-02-31T00:00:00Z", "a day that exists");
    assert_no_iso("2022-02-29T00:00:00.000Z", "a day that exists");
    assert_iso("2024-02-29T00:00:00Z", system_micros(2024, 2, 29, 0, 0, 0));
    assert_no_iso("1900-02-29", "a day that exists");
    assert_no_iso("0000-01-01", "a day that exists");
    assert_no_iso("2022-00-10", "a day that exists");
    assert_no_iso("2022-13-10", "a day that exists");
    assert_no_iso("2022-12-00", "a day that exists");
}

static void reads_every_shape_of_iso_8601_it_promises(void **state)
{
    (void)state;
    const int64_t day = system_micros(2022, 2, 17, 0, 0, 0), noon = system_micros(2022, 2, 17, 12, 3, 13);
    assert_iso("1970-01-01", 0);
    assert_iso("2022-02-17", day);
    assert_iso("2022-02-17T12:03", noon - 13 * TIMESTAMP_SECOND);
    assert_iso("2022-02-17 12:03Z", noon - 13 * TIMESTAMP_SECOND);
    assert_iso("2022-02-17T12:03:13", noon);
    assert_iso("2022-02-17t12:03:13z", noon);
    assert_iso("2022-02-17 12:03:13", noon);
    assert_iso("2022-02-17T12:03:13Z", noon);
    assert_iso("2022-02-17T12:03:13.5Z", noon + 500000);
    assert_iso("2022-02-17T12:03:13.123Z", noon + 123000);
    assert_iso("2022-02-17T12:03:13.123", noon + 123000);
    assert_iso("2022-02-17T12:03:13.123456", noon + 123456);
    assert_iso("2022-02-17T12:03:13.123456000Z", noon + 123456);
    assert_iso("2022-02-17T12:03:13+00:00", noon);
    assert_iso("2022-02-17T12:03:13-00:00", noon);
    assert_iso("2022-02-17T15:33:13+03:30", noon);
    assert_iso("2022-02-17T15:33:13+0330", noon);
    assert_iso("2022-02-17T07:03:13-05", noon);
    assert_iso("2022-02-17T12:03-05:00", noon - 13 * TIMESTAMP_SECOND + 5 * 3600 * TIMESTAMP_SECOND);
    assert_iso("2022-02-18T12:02:13+23:59", noon);
}

static void rejects_what_is_only_nearly_iso_8601(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "2",
        "2022",
        "2022-02",
        "2022-2-17",
        "22-02-17",
        "2022/02/17",
        "20220217",
        "02/17/2022",
        "+2022-02-17",
        "-2022-02-17",
        " 2022-02-17",
        "2022-02-17 ",
        "2022-02-17T",
        "2022-02-17Z",
        "2022-02-17+01:00",
        "2022-02-17T12",
        "2022-02-17T12:",
        "2022-02-17T1:03",
        "2022-02-17T12:3",
        "2022-02-17T12:03:",
        "2022-02-17T12:03:1",
        "2022-02-17T12:03:13.",
        "2022-02-17T12:03:13.Z",
        "2022-02-17T12:03:13,5Z",
        "2022-02-17T12:03:13.1234560000Z",
        "2022-02-17T12:03:13ZZ",
        "2022-02-17T12:03:13 Z",
        "2022-02-17T12:03:13+",
        "2022-02-17T12:03:13+1",
        "2022-02-17T12:03:13+01:",
        "2022-02-17T12:03:13+01:0",
        "2022-02-17T12:03:13+010",
        "2022-02-17T12:03:13+01000",
        "2022-02-17T12:03:13+24:00",
        "2022-02-17T12:03:13+01:60",
        "2022-02-17  12:03:13",
        "2022-02-17x12:03:13",
        "2022-02-17T12-03-13Z",
        "2022-02-17T120313Z",
        "2022-02-17T12:03.5Z",
        "2022-02-17T12:03:13.12eZ",
        "2022-0a-17T12:03:13Z",
        "2022-02-17T12:03:13.1-3Z",
        "1645099393",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_no_iso(texts[i], "a time as 2022-02-17T12:03:13Z");
}

static void rejects_times_of_day_that_no_clock_shows(void **state)
{
    (void)state;
    static const char words[] = "a time of day from 00:00:00 to 23:59:59";
    assert_no_iso("2022-02-17T24:00:00Z", words);
    assert_no_iso("2022-02-17T12:60:00Z", words);
    assert_no_iso("2016-12-31T23:59:60Z", words);
    assert_no_iso("2016-12-31T23:59:60.000Z", words);
    assert_no_iso("2022-02-17 99:99", words);
}

static void rejects_digits_beyond_microseconds_that_are_not_zero(void **state)
{
    (void)state;
    assert_no_iso("2022-02-17T12:03:13.1234567Z", "a time of whole microseconds");
    assert_no_iso("2022-02-17T12:03:13.000000001Z", "a time of whole microseconds");
    assert_iso("1970-01-01T00:00:00.000001000Z", 1);
}

static void reaches_the_first_and_the_last_microsecond_and_no_further(void **state)
{
    (void)state;
    static const char words[] = "a time in the years 0001 to 9999";
    assert_iso("0001-01-01T00:00:00Z", TIMESTAMP_MIN);
    assert_iso("9999-12-31T23:59:59.999999Z", TIMESTAMP_MAX);
    assert_iso("9999-12-31T23:59:59.999999+00:01", TIMESTAMP_MAX - 60 * TIMESTAMP_SECOND);
    assert_no_iso("0001-01-01T00:00:00+00:01", words);
    assert_no_iso("9999-12-31T23:59:59.999999-00:01", words);
    assert_no_iso("9999-12-31T23:59:00-00:01", words);
}

static void reads_back_what_it_prints(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        /* Whole seconds, milliseconds and microseconds in turn. */
        static const int64_t steps[] = {TIMESTAMP_SECOND, 1000, 1};
        int64_t moment = random_moment(&seed);
        moment -= moment % steps[i % 3];
        time_t seconds = (time_t)(moment / TIMESTAMP_SECOND - (moment % TIMESTAMP_SECOND < 0));
        struct buf buf;
        buf_init(&buf, 64);
        timestamp_print(moment, &buf);
        buf_put_byte(&buf, '\0');
        assert_iso(buf.data, moment);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        char wanted[40];
        size_t len = strftime(wanted, sizeof wanted, "-%m-%dT%H:%M:%S", &tm);
        assert_memory_equal(buf.data + 4, wanted, len);
        assert_int_equal(strtol(buf.data, NULL, 10), tm.tm_year + 1900);
        buf_close(&buf);
    }
}

/* One byte of the common shape is replaced by every other: the fast path must not take what the general way refuses. */
static void agrees_with_itself_on_every_neighbour_of_the_common_shape(void **state)
{
    (void)state;
    static const char *const models[] = {"2022-02-17T12:03:13Z", "2022-02-17T12:03:13.123Z"};
    for (size_t m = 0; m < COUNT_OF(models); m++) {
        size_t len = strlen(models[m]), accepted = 0;
        for (size_t i = 0; i + 1 < len; i++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[32], longer[32];
                memcpy(text, models[m], len);
                text[i] = (char)byte;
                memcpy(longer, text, len - 1);
                memcpy(longer + len - 1, "+00:00", 6);
                int64_t a = 0, b = 0;
                const char *words_a = "", *words_b = "";
                bool fast = timestamp_parse_iso((struct slice){text, len}, &a, &words_a);
                bool general = timestamp_parse_iso((struct slice){longer, len + 5}, &b, &words_b);
                assert_int_equal(fast, general);
                assert_int_equal(a, b);
                if (!fast)
                    assert_string_equal(words_a, words_b);
                accepted += fast;
            }
        }
        assert_in_range(accepted, 50, 200);
    }
}

static void reads_each_prefix_without_looking_behind_it(void **state)
{
    (void)state;
    static const char text[] = "2022-02-17T12:03:13.123456789+03:30";
    for (size_t len = 0; len < sizeof text; len++) {
        char part[sizeof text] = {0};
        memcpy(part, text, len);
        int64_t micros;
        const char *expected;
        bool parsed = parse_exactly(part, &micros, &expected);
        assert_int_equal(parsed, len == 10 || len == 16 || len == 19 || (len >= 21 && len <= 26));
    }
}

static void reads_a_date_of_exactly_ten_characters(void **state)
{
    (void)state;
    int64_t days;
    const char *expected;
    assert_true(timestamp_parse_date(SLICE("2022-02-17"), &days, &expected));
    assert_int_equal(days * TIMESTAMP_DAY, system_micros(2022, 2, 17, 0, 0, 0));
    assert_true(timestamp_parse_date(SLICE("0001-01-01"), &days, &expected));
    assert_int_equal(days, -719162);
    assert_false(timestamp_parse_date(SLICE("2022-02-30"), &days, &expected));
    assert_string_equal(expected, "a day that exists");
    static const char *const texts[] = {"", "2022-02-1", "2022-02-17Z", "2022-02-17T00:00", "2022 02 17", "2022-02-1 "};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_false(timestamp_parse_date(slice_of(texts[i]), &days, &expected));
        assert_string_equal(expected, "a date as 2022-02-17");
    }
}

static void prints_a_fraction_only_where_there_is_one(void **state)
{
    (void)state;
    assert_print(timestamp_print, 0, "1970-01-01T00:00:00Z");
    assert_print(timestamp_print, -1, "1969-12-31T23:59:59.999999Z");
    assert_print(timestamp_print, 500000, "1970-01-01T00:00:00.5Z");
    assert_print(timestamp_print, 1000, "1970-01-01T00:00:00.001Z");
    assert_print(timestamp_print, 100010, "1970-01-01T00:00:00.10001Z");
    assert_print(timestamp_print, TIMESTAMP_MIN, "0001-01-01T00:00:00Z");
    assert_print(timestamp_print, TIMESTAMP_MAX, "9999-12-31T23:59:59.999999Z");
    assert_print(timestamp_print_sql, -1, "1969-12-31 23:59:59.999999");
    assert_print(timestamp_print_sql, 86400 * TIMESTAMP_SECOND, "1970-01-02 00:00:00");
    assert_print(timestamp_print_date, -1, "1969-12-31");
    assert_print(timestamp_print_date, 2932896, "9999-12-31");
    assert_print(timestamp_print_date, -719162, "0001-01-01");
}

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

/* --- windows ------------------------------------------------------------------------------------------------------ */

static void starts_windows_of_ten_days_where_the_design_says(void **state)
{
    (void)state;
    const int64_t size = 10 * TIMESTAMP_DAY, start = system_micros(2021, 12, 29, 0, 0, 0);
    assert_int_equal(timestamp_window(start, size), start);
    assert_int_equal(timestamp_window(start - 1, size), start - size);
    assert_int_equal(timestamp_window(start + size - 1, size), start);
    assert_int_equal(timestamp_window(start + size, size), system_micros(2022, 1, 8, 0, 0, 0));
    assert_int_equal(timestamp_window(-1, size), -size);
    assert_int_equal(timestamp_window(0, size), 0);
    assert_int_equal(timestamp_window(-size, size), -size);
}

static void puts_every_moment_into_the_window_that_holds_it(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 100000; i++) {
        int64_t moment = random_moment(&seed);
        int64_t size = (int64_t)(next_random(&seed) >> (1 + next_random(&seed) % 62)) + 1;
        int64_t start = timestamp_window(moment, size);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_every_day_of_ten_thousand_years_as_the_system_does),
        cmocka_unit_test(knows_no_day_that_the_system_would_move),
        cmocka_unit_test(knows_no_year_0_or_10000),
        cmocka_unit_test(rejects_the_31st_of_february),
        cmocka_unit_test(reads_every_shape_of_iso_8601_it_promises),
        cmocka_unit_test(rejects_what_is_only_nearly_iso_8601),
        cmocka_unit_test(rejects_times_of_day_that_no_clock_shows),
        cmocka_unit_test(rejects_digits_beyond_microseconds_that_are_not_zero),
        cmocka_unit_test(reaches_the_first_and_the_last_microsecond_and_no_further),
        cmocka_unit_test(reads_back_what_it_prints),
        cmocka_unit_test(agrees_with_itself_on_every_neighbour_of_the_common_shape),
        cmocka_unit_test(reads_each_prefix_without_looking_behind_it),
        cmocka_unit_test(reads_a_date_of_exactly_ten_characters),
        cmocka_unit_test(prints_a_fraction_only_where_there_is_one),
        cmocka_unit_test(reads_each_directive),
        cmocka_unit_test(reads_every_month_and_every_hour_of_twelve),
        cmocka_unit_test(rejects_text_that_its_format_does_not_describe),
        cmocka_unit_test(rejects_moments_that_do_not_exist_in_any_format),
        cmocka_unit_test(refuses_formats_that_cannot_tell_a_moment),
        cmocka_unit_test(starts_windows_of_ten_days_where_the_design_says),
        cmocka_unit_test(puts_every_moment_into_the_window_that_holds_it),
        cmocka_unit_test(reads_intervals_as_people_write_them),
        cmocka_unit_test(rejects_intervals_of_nothing_or_of_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
