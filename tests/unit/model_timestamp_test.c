/* The days of the calendar, and moments by ISO 8601. */
#include "model_moments.h"

/* A copy on the heap, so that AddressSanitizer sees a read past its end. */
static bool parse_exactly(const char *text, int64_t *micros, const char **expected)
{
    size_t len = strlen(text);
    char *copy = testing_heap(text, len);
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

typedef void (*printer)(int64_t value, struct buf *out);

static void assert_print(printer print, int64_t value, const char *wanted)
{
    struct buf buf;
    buf_init(&buf, 64);
    print(value, &buf);
    assert_slice(buf_slice(&buf), wanted);
    buf_close(&buf);
}

/* --- days --------------------------------------------------------------------------------------------------------- */

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

/* --- ISO 8601 ----------------------------------------------------------------------------------------------------- */

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
