#include "model/zone_rule.h"

#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "model/timestamp.h"

enum {
    HOURS_MAX = 167, /* of a time: RFC 8536 lets it reach into the week around its day */
    OFFSET_HOURS_MAX = 24,
    NAME_MIN = 3
};

static bool take_number(struct cursor *c, int min, int max, int *number)
{
    const char *start = c->at;
    int value = 0;
    for (; c->at < c->end && c->at - start < 3 && text_is_digit(*c->at); c->at++)
        value = value * 10 + (*c->at - '0');
    *number = value;
    return c->at > start && value >= min && value <= max;
}

/* What the time is called: three letters and more, or anything in angle brackets. It is not kept. */
static bool take_name(struct cursor *c)
{
    if (cursor_take(c, '<')) {
        const char *close = c->at < c->end ? memchr(c->at, '>', (size_t)(c->end - c->at)) : NULL;
        if (!close)
            return false;
        c->at = close + 1;
        return true;
    }
    const char *start = c->at;
    while (c->at < c->end && text_is_letter(*c->at))
        c->at++;
    return c->at - start >= NAME_MIN;
}

/* hh[:mm[:ss]] with a sign, in microseconds. */
static bool take_time(struct cursor *c, int hours_max, int64_t *micros)
{
    bool negative = cursor_take(c, '-');
    int hours, minutes = 0, seconds = 0;
    if (!negative)
        cursor_take(c, '+');
    if (!take_number(c, 0, hours_max, &hours))
        return false;
    if (cursor_take(c, ':') &&
        (!take_number(c, 0, 59, &minutes) || (cursor_take(c, ':') && !take_number(c, 0, 59, &seconds))))
        return false;
    int64_t total = ((int64_t)hours * 3600 + minutes * 60 + seconds) * TIMESTAMP_SECOND;
    *micros = negative ? -total : total;
    return true;
}

/* POSIX counts what is west of Greenwich. */
static bool take_offset(struct cursor *c, int64_t *east)
{
    int64_t west;
    if (!take_time(c, OFFSET_HOURS_MAX, &west))
        return false;
    *east = -west;
    return true;
}

static bool take_date(struct cursor *c, struct zone_rule_date *date)
{
    bool ok;
    if (cursor_take(c, 'M')) {
        date->kind = ZONE_RULE_MONTH_WEEK;
        ok = take_number(c, 1, 12, &date->month) && cursor_take(c, '.') && take_number(c, 1, 5, &date->week) &&
             cursor_take(c, '.') && take_number(c, 0, 6, &date->weekday);
    } else if (cursor_take(c, 'J')) {
        date->kind = ZONE_RULE_JULIAN;
        ok = take_number(c, 1, 365, &date->day);
    } else {
        date->kind = ZONE_RULE_OF_YEAR;
        ok = take_number(c, 0, 365, &date->day);
    }
    date->time = 2 * 3600 * TIMESTAMP_SECOND;
    return ok && (!cursor_take(c, '/') || take_time(c, HOURS_MAX, &date->time));
}

bool zone_rule_parse(struct slice text, struct zone_rule *rule)
{
    struct cursor c = {text.data, text.data + text.len};
    *rule = (struct zone_rule){.changes = false};
    if (text.len == 0 || !take_name(&c) || !take_offset(&c, &rule->standard))
        return false;
    if (c.at == c.end)
        return true;
    rule->changes = true;
    rule->summer = rule->standard + 3600 * TIMESTAMP_SECOND;
    if (!take_name(&c) || (c.at < c.end && *c.at != ',' && !take_offset(&c, &rule->summer)))
        return false;
    return cursor_take(&c, ',') && take_date(&c, &rule->start) && cursor_take(&c, ',') && take_date(&c, &rule->end) &&
           c.at == c.end;
}

/* The first day of a month; of month 13, of the year behind. Months of the years 1 to 9999 have one. */
static int64_t first_day(int year, int month)
{
    int64_t days = 0;
    bool exists = timestamp_days(month > 12 ? year + 1 : year, month > 12 ? 1 : month, 1, &days);
    return exists ? days : TIMESTAMP_MAX / TIMESTAMP_DAY + 1;
}

static int64_t day_of(const struct zone_rule_date *date, int year)
{
    int64_t new_year = first_day(year, 1), march = first_day(year, 3);
    switch (date->kind) {
    case ZONE_RULE_OF_YEAR:
        return new_year + date->day;
    case ZONE_RULE_JULIAN:
        /* 1 March is day 60, in leap years too. */
        return date->day < 60 ? new_year + date->day - 1 : march + date->day - 60;
    case ZONE_RULE_MONTH_WEEK:
        break;
    }
    int64_t first = first_day(year, date->month), next = first_day(year, date->month + 1);
    /* 1970-01-01 was a Thursday. */
    int64_t weekday = ((first + 4) % 7 + 7) % 7;
    int64_t day = first + (date->weekday - weekday + 7) % 7 + 7 * (date->week - 1);
    return day < next ? day : day - 7;
}

int64_t zone_rule_time(const struct zone_rule_date *date, int year)
{
    return day_of(date, year) * TIMESTAMP_DAY + date->time;
}
