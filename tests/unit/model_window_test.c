/* Windows: months against a walk through the calendar, and where clocks are put forward or back over a begin. What
   windows of equal length are is in model_timestamp_format_test.c; tests/flow/zones_test.py compares real zones with
   Python's. */
#include "model_moments.h"

#include "model/window.h"

#define HOUR (3600 * TIMESTAMP_SECOND)

static const int64_t sizes[] = {1, 2, 3, 5, 12, 24, 1200};

static struct window months(int64_t size, const struct zone *zone)
{
    return (struct window){.size = size, .months = true, .zone = zone};
}

static int64_t floor_of(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Month 0 is January 1970. */
static void check_month(int64_t month, int64_t start)
{
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct window window = months(sizes[i], &window_utc);
        int64_t number = floor_of(month, sizes[i]), before = floor_of(month - 1, sizes[i]);
        if (window_number(&window, start) != number ||
            (start > TIMESTAMP_MIN && window_number(&window, start - 1) != before) ||
            (number != before && window_start(&window, number) != start))
            fail_msg("month %lld begins at %lld, which is other in windows of %lld months", (long long)month,
                     (long long)start, (long long)sizes[i]);
    }
}

static void numbers_the_months_of_all_years(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t start = TIMESTAMP_MIN, month = -12 * 1969;
    for (int year = 1; year <= 9999; year++)
        for (int i = 0; i < 12; i++, month++) {
            check_month(month, start);
            bool leap = i == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            start += (lengths[i] + leap) * TIMESTAMP_DAY;
        }
    assert_int_equal(start, TIMESTAMP_MAX + 1);
    check_month(month, start);
}

static void begins_and_ends_as_the_c_library_says(void **state)
{
    (void)state;
    const struct window quarters = months(3, &window_utc), years = months(12, &window_utc);
    int64_t moment = system_micros(2024, 2, 29, 23, 59, 59);
    int64_t quarter = window_number(&quarters, moment), year = window_number(&years, moment);
    assert_int_equal(window_start(&quarters, quarter), system_micros(2024, 1, 1, 0, 0, 0));
    assert_int_equal(window_start(&quarters, quarter + 1), system_micros(2024, 4, 1, 0, 0, 0));
    assert_int_equal(window_start(&years, year), system_micros(2024, 1, 1, 0, 0, 0));
    assert_int_equal(window_start(&years, year + 1), system_micros(2025, 1, 1, 0, 0, 0));
    assert_int_equal(year, 54);
    assert_int_equal(window_number(&years, 0), 0);
    assert_int_equal(window_number(&years, -1), -1);
}

/* A window that holds the year 1 may begin before it; so may the end of one lie behind the year 9999. */
static void windows_of_a_century_repeat_every_four(void **state)
{
    (void)state;
    const struct window centuries = months(1200, &window_utc);
    for (int64_t number = -21; number < 85; number++)
        assert_int_equal(window_start(&centuries, number + 4) - window_start(&centuries, number),
                         146097 * TIMESTAMP_DAY);
}

/* --- clocks ------------------------------------------------------------------------------------------------------- */

/* A zone an hour ahead of UTC whose clocks go by `by` at the moment at which they show `local`. */
static struct zone changed(int64_t local, int64_t by, struct zone_change *change)
{
    *change = (struct zone_change){.at = local - HOUR, .offset = HOUR + by};
    return (struct zone){.first = HOUR, .changes = change, .count = 1};
}

/* Every moment around the begin of May 2024 lies before `begin` or not, whatever clocks show. */
static void check_may(const struct zone *zone, int64_t begin)
{
    const struct window window = months(1, zone);
    const int64_t may = 12 * 54 + 4;
    assert_int_equal(window_start(&window, may), begin);
    for (int64_t moment = begin - 4 * HOUR; moment < begin + 4 * HOUR; moment += HOUR / 60)
        assert_int_equal(window_number(&window, moment), moment < begin ? may - 1 : may);
    assert_int_equal(window_number(&window, begin - 1), may - 1);
}

static void a_month_begins_when_clocks_first_show_it(void **state)
{
    (void)state;
    const int64_t midnight = system_micros(2024, 5, 1, 0, 0, 0);
    struct zone_change change;
    struct zone zone = changed(midnight, HOUR, &change); /* they skip midnight */
    check_may(&zone, midnight - HOUR);
    zone = changed(midnight - HOUR / 2, HOUR, &change); /* from half past eleven to half past twelve */
    check_may(&zone, midnight - HOUR - HOUR / 2);
    zone = changed(midnight + HOUR / 2, -HOUR, &change); /* they show midnight twice */
    check_may(&zone, midnight - HOUR);
    zone = changed(midnight, -HOUR, &change); /* at midnight they are put back to eleven: it is shown an hour later */
    check_may(&zone, midnight);
    zone = changed(midnight + HOUR, -HOUR, &change); /* back to midnight itself */
    check_may(&zone, midnight - HOUR);
    zone = changed(midnight + 3 * HOUR, -HOUR, &change); /* long after */
    check_may(&zone, midnight - HOUR);
}

static void every_moment_lies_in_its_window_and_none_in_an_earlier_one_than_those_before(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct zone_change changes[400];
    for (int round = 0; round < 20; round++) {
        struct zone zone = {.first = HOUR, .changes = changes, .count = COUNT_OF(changes)};
        int64_t at = system_micros(1900, 1, 1, 0, 0, 0), last = INT64_MIN;
        for (size_t i = 0; i < COUNT_OF(changes); i++) {
            at += (int64_t)(1 + testing_random(&seed) % 20) * TIMESTAMP_DAY +
                  (int64_t)(testing_random(&seed) % 24) * HOUR;
            changes[i] = (struct zone_change){at, (int64_t)(testing_random(&seed) % 27) * HOUR - 12 * HOUR};
        }
        const struct window window = months(sizes[testing_random(&seed) % COUNT_OF(sizes)], &zone);
        for (int64_t moment = system_micros(1899, 12, 1, 0, 0, 0); moment < at; moment += HOUR) {
            int64_t number = window_number(&window, moment);
            assert_true(window_start(&window, number) <= moment && moment < window_start(&window, number + 1));
            assert_true(number >= last);
            last = number;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_the_months_of_all_years),
        cmocka_unit_test(begins_and_ends_as_the_c_library_says),
        cmocka_unit_test(windows_of_a_century_repeat_every_four),
        cmocka_unit_test(a_month_begins_when_clocks_first_show_it),
        cmocka_unit_test(every_moment_lies_in_its_window_and_none_in_an_earlier_one_than_those_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
