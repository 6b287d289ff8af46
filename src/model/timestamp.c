#include "model/timestamp.h"

#include <inttypes.h>

#include "base/cursor.h"
#include "base/text.h"

#define TIMESTAMP_HOUR   (3600 * TIMESTAMP_SECOND)
#define TIMESTAMP_MINUTE (60 * TIMESTAMP_SECOND)

static const char date_words[] = "a date as 2022-02-17";
static const char time_words[] = TIMESTAMP_ISO_WORDS;
static const char day_words[] = "a day that exists";
static const char clock_words[] = "a time of day from 00:00:00 to 23:59:59";
static const char fraction_words[] = "a time of whole microseconds";
static const char range_words[] = "a time in the years 0001 to 9999";

bool timestamp_days(int year, int month, int day, int64_t *days)
{
    static const int8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > lengths[month - 1] + (month == 2 && leap))
        return false;
    /* Years begin in March here, so that the leap day is the last one. */
    int y = year - (month <= 2);
    int era = y / 400, year_of_era = y % 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    *days = (int64_t)era * 146097 + day_of_era - 719468;
    return true;
}

void timestamp_civil(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int day_of_era = (int)(z - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int m = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = (int)(era * 400) + year_of_era + (*month <= 2);
}

/* --- the common shape --------------------------------------------------------------------------------------------- */

/* The value of a digit; *bad collects, without a branch, that a character is none. */
static inline int digit(char c, unsigned *bad)
{
    unsigned value = (unsigned)(unsigned char)c - '0';
    *bad |= value > 9;
    return (int)value;
}

static inline int two(const char *p, unsigned *bad)
{
    return digit(p[0], bad) * 10 + digit(p[1], bad);
}

static inline int64_t clock_micros(int hour, int minute, int second)
{
    return (hour * 3600 + minute * 60 + second) * TIMESTAMP_SECOND;
}

/* YYYY-MM-DDTHH:MM:SSZ and YYYY-MM-DDTHH:MM:SS.mmmZ. False says nothing yet: the general way then finds out. */
static bool parse_common(struct slice text, int64_t *micros)
{
    if (text.len != 20 && text.len != 24)
        return false;
    const char *p = text.data;
    unsigned bad = 0;
    int year = two(p, &bad) * 100 + two(p + 2, &bad), month = two(p + 5, &bad), day = two(p + 8, &bad);
    int hour = two(p + 11, &bad), minute = two(p + 14, &bad), second = two(p + 17, &bad), milli = 0;
    bad |= (p[4] != '-') | (p[7] != '-') | (p[10] != 'T') | (p[13] != ':') | (p[16] != ':') | (p[text.len - 1] != 'Z');
    if (text.len == 24) {
        milli = digit(p[20], &bad) * 100 + two(p + 21, &bad);
        bad |= p[19] != '.';
    }
    int64_t days;
    if (bad || hour > 23 || minute > 59 || second > 59 || !timestamp_days(year, month, day, &days))
        return false;
    *micros = days * TIMESTAMP_DAY + clock_micros(hour, minute, second) + (int64_t)milli * 1000;
    return true;
}

/* --- the general way ---------------------------------------------------------------------------------------------- */

static bool take_digits(struct cursor *c, int count, int *value)
{
    if (c->end - c->at < count)
        return false;
    unsigned bad = 0;
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum = sum * 10 + digit(c->at[i], &bad);
    if (bad)
        return false;
    c->at += count;
    *value = sum;
    return true;
}

static bool take_date(struct cursor *c, int64_t *days, const char **expected)
{
    int year, month, day;
    if (!take_digits(c, 4, &year) || !cursor_take(c, '-') || !take_digits(c, 2, &month) || !cursor_take(c, '-') ||
        !take_digits(c, 2, &day))
        return false;
    if (timestamp_days(year, month, day, days))
        return true;
    *expected = day_words;
    return false;
}

/* The one to nine digits behind the point. */
static bool take_fraction(struct cursor *c, int64_t *micros, const char **expected)
{
    int64_t nanos = 0, unit = 100000000;
    const char *start = c->at;
    unsigned bad = 0;
    for (; c->at < c->end && unit > 0 && text_is_digit(*c->at); c->at++, unit /= 10)
        nanos += digit(*c->at, &bad) * unit;
    if (c->at == start)
        return false;
    if (nanos % 1000 != 0) {
        *expected = fraction_words;
        return false;
    }
    *micros = nanos / 1000;
    return true;
}

static bool take_clock(struct cursor *c, int64_t *micros, const char **expected)
{
    int hour, minute, second = 0;
    int64_t fraction = 0;
    if (!take_digits(c, 2, &hour) || !cursor_take(c, ':') || !take_digits(c, 2, &minute))
        return false;
    if (cursor_take(c, ':')) {
        if (!take_digits(c, 2, &second) || (cursor_take(c, '.') && !take_fraction(c, &fraction, expected)))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        *expected = clock_words;
        return false;
    }
    *micros = clock_micros(hour, minute, second) + fraction;
    return true;
}

bool timestamp_parse_zone(const char **at, const char *end, int64_t *offset)
{
    struct cursor c = {*at, end};
    int hours = 0, minutes = 0;
    bool west = false;
    if (!cursor_take(&c, 'Z') && !cursor_take(&c, 'z')) {
        west = cursor_take(&c, '-');
        if (!west && !cursor_take(&c, '+'))
            return false;
        if (!take_digits(&c, 2, &hours))
            return false;
        bool colon = cursor_take(&c, ':');
        if (!take_digits(&c, 2, &minutes) && colon)
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    int64_t east = hours * TIMESTAMP_HOUR + minutes * TIMESTAMP_MINUTE;
    *offset = west ? -east : east;
    *at = c.at;
    return true;
}

static bool take_time(struct cursor *c, int64_t *micros, int64_t *offset, const char **expected)
{
    if (!cursor_take(c, 'T') && !cursor_take(c, 't') && !cursor_take(c, ' '))
        return false;
    if (!take_clock(c, micros, expected))
        return false;
    return c->at == c->end || timestamp_parse_zone(&c->at, c->end, offset);
}

static bool parse_general(struct slice text, int64_t *micros, const char **expected)
{
    struct cursor c = {text.data, text.data + text.len};
    int64_t days, time = 0, offset = 0;
    *expected = time_words;
    if (!take_date(&c, &days, expected))
        return false;
    if (c.at < c.end && !take_time(&c, &time, &offset, expected))
        return false;
    if (c.at < c.end)
        return false;
    int64_t result = days * TIMESTAMP_DAY + time - offset;
    if (result < TIMESTAMP_MIN || result > TIMESTAMP_MAX) {
        *expected = range_words;
        return false;
    }
    *micros = result;
    return true;
}

bool timestamp_parse_iso(struct slice text, int64_t *micros, const char **expected)
{
    if (parse_common(text, micros))
        return true;
    if (text.len > 0)
        return parse_general(text, micros, expected);
    *expected = time_words;
    return false;
}

bool timestamp_parse_date(struct slice text, int64_t *days, const char **expected)
{
    struct cursor c = {text.data, text.data};
    *expected = date_words;
    if (text.len != 10)
        return false;
    c.end += text.len;
    return take_date(&c, days, expected);
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static char *put_two(char *out, int value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return out + 2;
}

static char *put_date(char *out, int64_t days)
{
    int year, month, day;
    timestamp_civil(days, &year, &month, &day);
    out = put_two(out, year / 100);
    out = put_two(out, year % 100);
    *out++ = '-';
    out = put_two(out, month);
    *out++ = '-';
    return put_two(out, day);
}

/* A point and six digits without the zeros at their end. */
static char *put_fraction(char *out, int micros)
{
    if (micros == 0)
        return out;
    *out = '.';
    for (int i = 6; i > 0; i--, micros /= 10)
        out[i] = (char)('0' + micros % 10);
    out += 7;
    while (out[-1] == '0')
        out--;
    return out;
}

static char *put_clock(char *out, int64_t micros)
{
    int seconds = (int)(micros / TIMESTAMP_SECOND);
    out = put_two(out, seconds / 3600);
    *out++ = ':';
    out = put_two(out, seconds / 60 % 60);
    *out++ = ':';
    out = put_two(out, seconds % 60);
    return put_fraction(out, (int)(micros % TIMESTAMP_SECOND));
}

static void print(int64_t micros, char between, struct buf *out)
{
    char text[sizeof "2022-02-17T12:03:13.123456Z"];
    int64_t days = timestamp_window(micros, TIMESTAMP_DAY);
    char *end = put_date(text, days);
    *end++ = between;
    end = put_clock(end, micros - days * TIMESTAMP_DAY);
    buf_put(out, text, (size_t)(end - text));
}

void timestamp_print(int64_t micros, struct buf *out)
{
    print(micros, 'T', out);
    buf_put_byte(out, 'Z');
}

void timestamp_print_sql(int64_t micros, struct buf *out)
{
    print(micros, ' ', out);
}

void timestamp_print_date(int64_t days, struct buf *out)
{
    char text[sizeof "2022-02-17"];
    char *end = put_date(text, days);
    buf_put(out, text, (size_t)(end - text));
}

/* --- intervals ---------------------------------------------------------------------------------------------------- */

struct unit {
    struct slice name; /* "day", also read as "days" */
    int64_t size;
};

/* The size of the unit, or 0. */
static int64_t find_unit(const struct unit *units, size_t count, struct slice name)
{
    if (name.len > 0 && name.data[name.len - 1] == 's')
        name.len--;
    for (size_t i = 0; i < count; i++)
        if (slice_equal(name, units[i].name))
            return units[i].size;
    return 0;
}

/* Reads a number, a blank and one of the units. */
static bool parse_count(struct slice text, const struct unit *units, size_t unit_count, int64_t *out)
{
    int64_t count = 0;
    size_t digits = 0;
    for (; digits < text.len && text_is_digit(text.data[digits]); digits++)
        if (__builtin_mul_overflow(count, 10, &count) || __builtin_add_overflow(count, text.data[digits] - '0', &count))
            return false;
    if (digits == 0 || digits == text.len || text.data[digits] != ' ')
        return false;
    struct slice name = {text.data + digits + 1, text.len - digits - 1};
    int64_t unit = find_unit(units, unit_count, name);
    return count > 0 && unit > 0 && !__builtin_mul_overflow(count, unit, out);
}

bool timestamp_parse_interval(struct slice text, int64_t *micros)
{
    static const struct unit units[] = {
        {{"second", 6}, TIMESTAMP_SECOND}, {{"minute", 6}, TIMESTAMP_MINUTE}, {{"hour", 4}, TIMESTAMP_HOUR},
        {{"day", 3}, TIMESTAMP_DAY},       {{"week", 4}, 7 * TIMESTAMP_DAY},
    };
    return parse_count(text, units, COUNT_OF(units), micros);
}

bool timestamp_parse_months(struct slice text, int64_t *months)
{
    static const struct unit units[] = {{{"month", 5}, 1}, {{"year", 4}, 12}};
    return parse_count(text, units, COUNT_OF(units), months);
}

void timestamp_print_interval(int64_t micros, struct buf *out)
{
    static const struct {
        const char *name;
        int64_t micros;
    } units[] = {{"day", TIMESTAMP_DAY},
                 {"hour", TIMESTAMP_HOUR},
                 {"minute", TIMESTAMP_MINUTE},
                 {"second", TIMESTAMP_SECOND},
                 {"microsecond", 1}};
    size_t i = 0;
    while (micros % units[i].micros != 0)
        i++;
    int64_t count = micros / units[i].micros;
    buf_printf(out, "%" PRId64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
}
