#include "model/window.h"

enum {
    YEAR = 12,       /* months */
    ERA_YEARS = 400, /* after so many the calendar repeats itself */
    ERA_DAYS = 146097
};

const struct zone window_utc = {0};

/* Months are counted from January 1970. */
static int64_t month_of(int64_t local)
{
    int year, month, day;
    timestamp_civil(timestamp_window(local, TIMESTAMP_DAY), &year, &month, &day);
    return (int64_t)(year - 1970) * YEAR + month - 1;
}

/* Of any year: one that timestamp_days does not know begins as one that it knows. */
static int64_t month_start(int64_t month)
{
    int64_t year = timestamp_window(month, YEAR), era = timestamp_window(year, ERA_YEARS), days = 0;
    bool exists = timestamp_days((int)(year - era * ERA_YEARS) + 1970, (int)(month - year * YEAR) + 1, 1, &days);
    return exists ? (days + era * ERA_DAYS) * TIMESTAMP_DAY : 0;
}

bool window_align(struct window *window, int64_t local)
{
    int64_t begin = window->months ? month_of(local) : local;
    if (window->months && month_start(begin) != local)
        return false;
    window->origin = begin - timestamp_window(begin, window->size) * window->size;
    return true;
}

struct window window_in_utc(const struct window *window)
{
    struct window utc = *window;
    utc.zone = window->months ? &window_utc : NULL;
    return utc;
}

int64_t window_start_by_clocks(const struct window *window, int64_t number)
{
    int64_t first = number * window->size + window->origin;
    return zone_since(window->zone, window->months ? month_start(first) : first);
}

int64_t window_number_by_clocks(const struct window *window, int64_t micros)
{
    int64_t local = zone_local(window->zone, micros);
    int64_t since = (window->months ? month_of(local) : local) - window->origin;
    int64_t number = timestamp_window(since, window->size);
    return number + (micros >= window_start_by_clocks(window, number + 1));
}
