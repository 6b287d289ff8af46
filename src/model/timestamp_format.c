/*
 * Dates and times in the format that a descriptor declares.
 *
 * timestamp_format_check is done once, when the descriptor is loaded; timestamp_parse_format trusts that it passed.
 */
#include "model/timestamp.h"

#include <string.h>

#include "base/text.h"

/* What a directive says something about; each may be said once. */
enum part {
    PART_YEAR = 1 << 0,
    PART_MONTH = 1 << 1,
    PART_DAY = 1 << 2,
    PART_HOUR = 1 << 3,
    PART_MINUTE = 1 << 4,
    PART_SECOND = 1 << 5,
    PART_FRACTION = 1 << 6,
    PART_ZONE = 1 << 7,
    PART_HALF = 1 << 8,   /* AM or PM */
    PART_TWELVE = 1 << 9, /* beside PART_HOUR: it counts to twelve */
    PART_EPOCH = 1 << 10  /* beside all else but PART_FRACTION */
};

enum { PART_DATE = PART_YEAR | PART_MONTH | PART_DAY };

/* The parts of a directive; 0 when there is no such one. */
static unsigned directive_parts(char directive)
{
    switch (directive) {
    case 'Y':
    case 'y':
        return PART_YEAR;
    case 'm':
    case 'b':
        return PART_MONTH;
    case 'd':
        return PART_DAY;
    case 'H':
        return PART_HOUR;
    case 'I':
        return PART_HOUR | PART_TWELVE;
    case 'p':
        return PART_HALF;
    case 'M':
        return PART_MINUTE;
    case 'S':
        return PART_SECOND;
    case 'f':
        return PART_FRACTION;
    case 'z':
        return PART_ZONE;
    case 's':
        return PART_EPOCH | PART_DATE | PART_HOUR | PART_MINUTE | PART_SECOND | PART_ZONE | PART_HALF | PART_TWELVE;
    default:
        return 0;
    }
}

/* The whole character, which may be of several bytes. */
static bool unknown_directive(const char *at, struct error *error)
{
    char shown[24];
    size_t len = 1;
    while (text_goes_on(at[len]))
        len++;
    return error_set(error, ERROR_CONFIG,
                     "unknown directive %%%s, expected one of %%Y %%m %%d %%H %%M %%S %%f %%z %%b %%y %%I %%p %%s %%%%",
                     text_escape((struct slice){at, len}, shown, sizeof shown));
}

/* Adds a directive's parts to *parts unless it says again what is said. */
static bool check_directive(const char *at, unsigned *parts, struct error *error)
{
    unsigned more = directive_parts(*at);
    if (*at == '\0')
        return error_set(error, ERROR_CONFIG, "ends in a single %%, expected %%%% for that character");
    if (*at == '%')
        return true;
    if (more == 0)
        return unknown_directive(at, error);
    if (*parts & more)
        return error_set(error, ERROR_CONFIG, "%%%c says again what another directive says", *at);
    *parts |= more;
    return true;
}

bool timestamp_format_check(const char *format, struct error *error)
{
    unsigned parts = 0;
    for (const char *p = format; *p; p++)
        if (*p == '%' && !check_directive(++p, &parts, error))
            return false;
    if ((parts & PART_DATE) != PART_DATE)
        return error_set(error, ERROR_CONFIG, "no whole date, expected a year, a month and a day, or %%s");
    if (!(parts & PART_HALF) != !(parts & PART_TWELVE))
        return error_set(error, ERROR_CONFIG, "%%I and %%p go together");
    return true;
}

struct reading {
    const char *at, *end;
    int year, month, day, hour, minute, second;
    bool afternoon, twelve, epoch, before_epoch;
    int64_t seconds;  /* of %s, without its sign */
    int64_t fraction; /* microseconds */
    int64_t offset;   /* of the zone */
};

/* `least` to `most` digits, as many as there are. Returns how many, or 0. */
static int take_number(struct reading *r, int least, int most, int64_t *value)
{
    int count = 0;
    int64_t sum = 0;
    while (count < most && r->at + count < r->end && text_is_digit(r->at[count]))
        sum = sum * 10 + (r->at[count++] - '0');
    if (count < least)
        return 0;
    r->at += count;
    *value = sum;
    return count;
}

static bool take_part(struct reading *r, int least, int most, int *part)
{
    int64_t value;
    if (take_number(r, least, most, &value) == 0)
        return false;
    *part = (int)value;
    return true;
}

static bool take_short_year(struct reading *r)
{
    if (!take_part(r, 2, 2, &r->year))
        return false;
    r->year += r->year < 70 ? 2000 : 1900;
    return true;
}

/* Whether the text goes on with `word` (lower case), which is then taken. */
static bool take_word(struct reading *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text_lower(r->at[i]) != word[i])
            return false;
    r->at += len;
    return true;
}

static bool take_month_name(struct reading *r)
{
    static const char names[12][4] = {"jan", "feb", "mar", "apr", "may", "jun",
                                      "jul", "aug", "sep", "oct", "nov", "dec"};
    for (int i = 0; i < 12; i++) {
        if (take_word(r, names[i])) {
            r->month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_half(struct reading *r)
{
    r->afternoon = take_word(r, "pm");
    return r->afternoon || take_word(r, "am");
}

static bool take_fraction(struct reading *r)
{
    int digits = take_number(r, 1, 6, &r->fraction);
    if (digits == 0)
        return false;
    for (; digits < 6; digits++)
        r->fraction *= 10;
    return true;
}

static bool take_epoch(struct reading *r)
{
    r->epoch = true;
    r->before_epoch = r->at < r->end && *r->at == '-';
    r->at += r->before_epoch;
    return take_number(r, 1, 12, &r->seconds) > 0;
}

static bool take_literal(struct reading *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_directive(struct reading *r, char directive)
{
    switch (directive) {
    case 'Y':
        return take_part(r, 4, 4, &r->year);
    case 'y':
        return take_short_year(r);
    case 'm':
        return take_part(r, 1, 2, &r->month);
    case 'b':
        return take_month_name(r);
    case 'd':
        return take_part(r, 1, 2, &r->day);
    case 'I':
        r->twelve = true;
        return take_part(r, 1, 2, &r->hour);
    case 'H':
        return take_part(r, 1, 2, &r->hour);
    case 'p':
        return take_half(r);
    case 'M':
        return take_part(r, 1, 2, &r->minute);
    case 'S':
        return take_part(r, 1, 2, &r->second);
    case 'f':
        return take_fraction(r);
    case 'z':
        return timestamp_parse_zone(&r->at, r->end, &r->offset);
    case 's':
        return take_epoch(r);
    case '%':
        return take_literal(r, '%');
    default:
        return false;
    }
}

static bool read_text(struct reading *r, const char *format)
{
    for (const char *p = format; *p; p++) {
        bool read = *p == '%' ? take_directive(r, *++p) : take_literal(r, *p);
        if (!read)
            return false;
    }
    return r->at == r->end;
}

static bool read_clock(struct reading *r)
{
    if (r->twelve) {
        if (r->hour < 1 || r->hour > 12)
            return false;
        r->hour = r->hour % 12 + (r->afternoon ? 12 : 0);
    }
    return r->hour <= 23 && r->minute <= 59 && r->second <= 59;
}

/* The moment that was read, not checked for its range. */
static bool read_moment(struct reading *r, int64_t *micros, const char **expected)
{
    if (r->epoch) {
        int64_t size = r->seconds * TIMESTAMP_SECOND + r->fraction;
        *micros = r->before_epoch ? -size : size;
        return true;
    }
    int64_t days;
    if (!timestamp_days(r->year, r->month, r->day, &days)) {
        *expected = "a day that exists";
        return false;
    }
    if (!read_clock(r)) {
        *expected = "a time of day that exists";
        return false;
    }
    int64_t seconds = r->hour * 3600 + r->minute * 60 + r->second;
    *micros = days * TIMESTAMP_DAY + seconds * TIMESTAMP_SECOND + r->fraction - r->offset;
    return true;
}

static bool keep(int64_t moment, int64_t *micros, const char **expected)
{
    if (moment < TIMESTAMP_MIN || moment > TIMESTAMP_MAX) {
        *expected = "a time in the years 0001 to 9999";
        return false;
    }
    *micros = moment;
    return true;
}

bool timestamp_parse_format(struct slice text, const char *format, int64_t *micros, const char **expected)
{
    const char *start = text.len > 0 ? text.data : "";
    struct reading r = {.at = start, .end = start + text.len};
    int64_t result;
    *expected = TIMESTAMP_FORMAT_WORDS;
    return read_text(&r, format) && read_moment(&r, &result, expected) && keep(result, micros, expected);
}

/* --- several formats ---------------------------------------------------------------------------------------------- */

/* Whether an ISO 8601 text ends in a zone: behind its date only one has these. */
static bool iso_has_zone(struct slice text)
{
    enum { DATE_LEN = 10 };
    for (size_t i = DATE_LEN; i < text.len; i++)
        if (text.data[i] == 'Z' || text.data[i] == 'z' || text.data[i] == '+' || text.data[i] == '-')
            return true;
    return false;
}

static bool format_has_zone(const char *format)
{
    for (const char *p = format; *p; p++)
        if (*p == '%' && (*++p == 'z' || *p == 's'))
            return true;
    return false;
}

/* From the local time of a zone to UTC. */
static bool leave_zone(const struct zone *zone, int64_t *micros, const char **expected)
{
    int64_t moved;
    return zone_utc(zone, *micros, &moved, expected) && keep(moved, micros, expected);
}

/* *read: whether it has the format's shape, so that on false no moment is sure for it in the zone. */
static bool parse_one(struct slice text, const char *format, const struct zone *zone, int64_t *micros, bool *read,
                      const char **expected)
{
    bool iso = strcmp(format, "iso8601") == 0;
    *read = iso ? timestamp_parse_iso(text, micros, expected) : timestamp_parse_format(text, format, micros, expected);
    if (!*read)
        return false;
    return !zone || (iso ? iso_has_zone(text) : format_has_zone(format)) || leave_zone(zone, micros, expected);
}

/* How much a complaint tells: that the shape is another, that it is not ISO 8601's, or what is wrong with it. */
static int telling(const char *words)
{
    if (strcmp(words, TIMESTAMP_FORMAT_WORDS) == 0)
        return 0;
    return strcmp(words, TIMESTAMP_ISO_WORDS) == 0 ? 1 : 2;
}

bool timestamp_parse_any(struct slice text, const char *const *formats, size_t count, const struct zone *zone,
                         int64_t *micros, const char **expected)
{
    static const char *const iso[] = {"iso8601"};
    const char *words;
    bool found = false, read;
    if (count == 0)
        return timestamp_parse_any(text, iso, COUNT_OF(iso), zone, micros, expected);
    *expected = TIMESTAMP_FORMAT_WORDS;
    for (size_t i = 0; i < count; i++) {
        int64_t one;
        bool fits = parse_one(text, formats[i], zone, &one, &read, &words);
        if (!fits && (read || telling(words) > telling(*expected)))
            *expected = words;
        if (!fits && read)
            return false;
        if (!fits)
            continue;
        if (found && one != *micros) {
            *expected = TIMESTAMP_AMBIGUOUS_WORDS;
            return false;
        }
        *micros = one;
        found = true;
    }
    return found;
}
