/*
 * Windows with an origin, against the C library's clocks: a walk through the days around each change of a zone's
 * clocks, and through others, counts the begins that clocks have shown so far.
 */
#include "model_moments.h"

#include "base/arena.h"
#include "model/window.h"

#define MINUTE (60 * TIMESTAMP_SECOND)
#define HOUR   (60 * MINUTE)

enum {
    STEP = 11 * 60, /* seconds between the looks of a walk */
    DAY = 86400,
    WALK_DAYS = 4,
    BEFORE_DAYS = 1 /* at the begin of a walk, which see what clocks have shown before */
};

static const char *const zones[] = {"Africa/Lagos",     "Africa/Casablanca", "America/Sao_Paulo",   "America/St_Johns",
                                    "Asia/Damascus",    "Asia/Kathmandu",    "Australia/Lord_Howe", "Europe/Berlin",
                                    "America/New_York", "Pacific/Apia",      "Europe/Dublin",       "Etc/GMT+5"};

/* Sizes in days or months, with the time at which a window begins. */
static const struct {
    int size;
    bool months;
    int year, month, day, hour, minute;
} kinds[] = {
    {1, false, 2000, 1, 1, 6, 0},    {1, false, 1990, 7, 1, 2, 30},    {1, false, 2050, 2, 28, 23, 45},
    {7, false, 1970, 1, 5, 0, 0},    {7, false, 2024, 12, 29, 0, 0},   {7, false, 1951, 3, 24, 1, 30},
    {10, false, 2031, 5, 6, 0, 1},   {36525, false, 1969, 1, 1, 0, 0}, {1, true, 1999, 8, 1, 0, 0},
    {3, true, 1970, 2, 1, 0, 0},     {12, true, 1970, 4, 1, 0, 0},     {12, true, 2023, 10, 1, 0, 0},
    {1200, true, 1933, 12, 1, 0, 0},
};

struct walk {
    struct window window;
    int64_t origin; /* local seconds, or months since 1970 */
    bool met;
    int64_t begun, shift; /* the number of the window, from the origin on; by what window_number's is greater */
};

static int64_t floor_of(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static void walks_make(struct walk walks[COUNT_OF(kinds)], const struct zone *zone)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        bool months = kinds[i].months;
        int64_t local = system_micros(kinds[i].year, kinds[i].month, kinds[i].day, kinds[i].hour, kinds[i].minute, 0);
        walks[i] = (struct walk){
            .window = {.size = months ? kinds[i].size : kinds[i].size * TIMESTAMP_DAY, .months = months, .zone = zone},
            .origin = months ? (kinds[i].year - 1970) * 12 + kinds[i].month - 1 : local / TIMESTAMP_SECOND};
        assert_true(window_align(&walks[i].window, local));
        assert_in_range(walks[i].window.origin, 0, walks[i].window.size - 1);
    }
}

/* The number of the window from the origin on that clocks would say it is. */
static int64_t shown(const struct walk *walk, const struct tm *tm)
{
    struct tm copy = *tm;
    if (walk->window.months)
        return floor_of((tm->tm_year - 70) * 12 + tm->tm_mon - walk->origin, walk->window.size);
    return floor_of((int64_t)timegm(&copy) - walk->origin, walk->window.size / TIMESTAMP_SECOND);
}

static void look(struct walk *walk, const char *zone, int64_t moment, bool began)
{
    const struct window *window = &walk->window;
    int64_t number = window_number(window, moment), start = window_start(window, number);
    walk->shift = walk->met ? walk->shift : number - walk->begun;
    walk->met = true;
    bool good = number == walk->begun + walk->shift && start <= moment;
    if (began)
        good = good && start > moment - STEP * TIMESTAMP_SECOND && window_number(window, start) == number &&
               window_number(window, start - 1) == number - 1;
    if (!good)
        fail_msg("in %s %lld lies in window %lld of size %lld from %lld on, which begins at %lld; clocks say %lld",
                 zone, (long long)moment, (long long)number, (long long)window->size, (long long)window->origin,
                 (long long)start, (long long)(walk->begun + walk->shift));
}

static long offset_at(time_t at)
{
    struct tm tm;
    assert_non_null(localtime_r(&at, &tm));
    return tm.tm_gmtoff;
}

/* In small steps up to a change: a begin may be shown for a minute only. */
static time_t next_look(time_t at)
{
    return at + (offset_at(at) == offset_at(at + STEP) ? STEP : 60);
}

static void walk_days(struct walk walks[COUNT_OF(kinds)], const char *zone, time_t from)
{
    for (time_t at = from; at < from + WALK_DAYS * DAY; at = next_look(at)) {
        struct tm tm;
        assert_non_null(localtime_r(&at, &tm));
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            int64_t now = shown(&walks[i], &tm);
            bool began = at > from && now > walks[i].begun;
            walks[i].begun = at == from || began ? now : walks[i].begun;
            if (at >= from + BEFORE_DAYS * DAY)
                look(&walks[i], zone, at * TIMESTAMP_SECOND, began);
        }
    }
}

static size_t walk_zone(const char *name, const struct zone *zone, uint64_t *seed)
{
    struct walk walks[COUNT_OF(kinds)];
    const time_t first = -45LL * 365 * DAY, last = 70LL * 365 * DAY;
    size_t changes = 0;
    walks_make(walks, zone);
    for (time_t day = first; day < last; day += DAY)
        if (offset_at(day) != offset_at(day + DAY) && changes++ % TESTING_STEP == 0)
            walk_days(walks, name, day - 2 * DAY);
    for (int i = 0; i < 40; i++)
        walk_days(walks, name, first * 2 + (time_t)(testing_random(seed) % (uint64_t)(600LL * 365 * DAY)));
    return changes;
}

static void begin_where_the_clocks_of_their_zone_show_it_first(void **state)
{
    (void)state;
    uint64_t seed = 7;
    size_t changes = 0;
    struct error error = {0};
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        struct arena arena;
        struct zone zone = {0};
        arena_init(&arena, 1 << 20);
        if (!zone_load(zones[i], &arena, &zone, &error)) {
            arena_close(&arena);
            skip();
        }
        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        changes += walk_zone(zones[i], &zone, &seed);
        arena_close(&arena);
    }
    assert_in_range(changes, 1000, 10000);
}

/* --- without a zone ----------------------------------------------------------------------------------------------- */

static void lie_a_whole_number_of_sizes_from_their_origin(void **state)
{
    (void)state;
    static const int64_t sizes[] = {TIMESTAMP_SECOND, 90 * MINUTE,       HOUR,
                                    TIMESTAMP_DAY,    7 * TIMESTAMP_DAY, 36525 * TIMESTAMP_DAY};
    uint64_t seed = 11;
    for (int round = 0; round < 200000; round++) {
        struct window window = {.size = sizes[testing_random(&seed) % COUNT_OF(sizes)]};
        int64_t origin = random_moment(&seed), moment = random_moment(&seed);
        assert_true(window_align(&window, origin));
        int64_t number = window_number(&window, moment), start = window_start(&window, number);
        assert_true(start <= moment && moment < start + window.size);
        assert_int_equal((start - origin) % window.size, 0);
        assert_int_equal(window_start(&window, number + 1), start + window.size);
        assert_int_equal(window_start(&window, window_number(&window, origin)), origin);
        assert_true(window_start(&window, 0) >= 0 && window_start(&window, -1) < 0);
    }
}

static void of_two_origins_that_say_the_same_are_the_same(void **state)
{
    (void)state;
    struct window a = {.size = 7 * TIMESTAMP_DAY}, b = a, year = {.size = 12, .months = true, .zone = &window_utc};
    assert_true(window_align(&a, 4 * TIMESTAMP_DAY));
    assert_true(window_align(&b, system_micros(2024, 1, 1, 0, 0, 0))); /* a Monday too */
    assert_int_equal(a.origin, b.origin);
    assert_true(window_align(&b, 0));
    assert_int_equal(b.origin, 0);
    assert_true(window_align(&year, system_micros(1921, 4, 1, 0, 0, 0)));
    assert_int_equal(year.origin, 3);
    assert_int_equal(window_start(&year, window_number(&year, system_micros(2024, 3, 31, 23, 59, 59))),
                     system_micros(2023, 4, 1, 0, 0, 0));
}

static void of_months_begin_on_the_first_of_one(void **state)
{
    (void)state;
    struct window months = {.size = 3, .months = true, .zone = &window_utc};
    assert_false(window_align(&months, system_micros(2024, 4, 2, 0, 0, 0)));
    assert_false(window_align(&months, system_micros(2024, 4, 1, 6, 0, 0)));
    assert_false(window_align(&months, system_micros(2024, 4, 1, 0, 0, 0) - 1));
    assert_int_equal(months.origin, 0);
    assert_true(window_align(&months, TIMESTAMP_MIN));
    assert_int_equal(months.origin, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_where_the_clocks_of_their_zone_show_it_first),
        cmocka_unit_test(lie_a_whole_number_of_sizes_from_their_origin),
        cmocka_unit_test(of_two_origins_that_say_the_same_are_the_same),
        cmocka_unit_test(of_months_begin_on_the_first_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
