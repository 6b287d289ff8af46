/*
 * Dates and times: ISO 8601 against a second reader that leaves the calendar to the C library, formats against a writer
 * of the same formats, windows against their definition.
 *
 * An input is a format, NUL, and a text that is read by it, as ISO 8601 and as an interval.
 */
#include <time.h>

#include "base/buf.h"
#include "fuzz.h"
#include "model/timestamp.h"
#include "model/value.h"
#include "model/window.h"

enum { TEXT_MAX = 4096 };

/* --- a second reader of ISO 8601 ---------------------------------------------------------------------------------- */

static bool take(struct slice *s, const char *any_of)
{
    if (s->len == 0 || s->data[0] == '\0' || !strchr(any_of, s->data[0]))
        return false;
    s->data++;
    s->len--;
    return true;
}

static bool take_number(struct slice *s, int digits, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        int digit = s->len > 0 ? s->data[0] - '0' : -1;
        if (!take(s, "0123456789"))
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static bool read_day(struct slice *s, int64_t *seconds)
{
    struct tm tm = {0}, real;
    if (!take_number(s, 4, &tm.tm_year) || !take(s, "-") || !take_number(s, 2, &tm.tm_mon) || !take(s, "-") ||
        !take_number(s, 2, &tm.tm_mday) || tm.tm_year < 1)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    real = tm;
    *seconds = timegm(&real); /* makes a day of 31 February that is another */
    return real.tm_year == tm.tm_year && real.tm_mon == tm.tm_mon && real.tm_mday == tm.tm_mday;
}

static bool read_fraction(struct slice *s, int *micros)
{
    int nanos = 0, digits = 0, digit;
    for (; digits < 9 && take_number(s, 1, &digit); digits++)
        nanos = nanos * 10 + digit;
    for (int i = digits; i < 9; i++)
        nanos *= 10;
    *micros = nanos / 1000;
    return digits > 0 && nanos % 1000 == 0;
}

static bool read_zone(struct slice *s, int64_t *seconds)
{
    int hours, minutes = 0;
    if (take(s, "Zz"))
        return true;
    bool west = s->len > 0 && s->data[0] == '-';
    if (!take(s, "+-") || !take_number(s, 2, &hours))
        return false;
    if (s->len > 0) {
        take(s, ":");
        if (!take_number(s, 2, &minutes))
            return false;
    }
    int offset = hours * 3600 + minutes * 60;
    *seconds += west ? offset : -offset;
    return hours <= 23 && minutes <= 59;
}

static bool read_iso(struct slice s, int64_t *micros)
{
    int64_t seconds;
    int hour, minute, second = 0, fraction = 0;
    if (!read_day(&s, &seconds))
        return false;
    if (s.len > 0) {
        if (!take(&s, "Tt ") || !take_number(&s, 2, &hour) || !take(&s, ":") || !take_number(&s, 2, &minute))
            return false;
        if (take(&s, ":") && (!take_number(&s, 2, &second) || (take(&s, ".") && !read_fraction(&s, &fraction))))
            return false;
        seconds += hour * 3600 + minute * 60 + second;
        if (hour > 23 || minute > 59 || second > 59 || (s.len > 0 && !read_zone(&s, &seconds)) || s.len > 0)
            return false;
    }
    *micros = seconds * TIMESTAMP_SECOND + fraction;
    return *micros >= TIMESTAMP_MIN && *micros <= TIMESTAMP_MAX;
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static bool parse_iso(struct slice text, int64_t *micros)
{
    const char *expected = NULL;
    bool ok = timestamp_parse_iso(text, micros, &expected);
    check(ok || (expected && *expected));
    check(!ok || (*micros >= TIMESTAMP_MIN && *micros <= TIMESTAMP_MAX));
    return ok;
}

/* A moment as the C library takes it apart. */
struct moment {
    struct tm tm;
    int64_t micros;
    int fraction;
};

static void take_apart(int64_t micros, struct moment *moment)
{
    moment->micros = micros;
    moment->fraction = (int)(micros % TIMESTAMP_SECOND);
    if (moment->fraction < 0)
        moment->fraction += (int)TIMESTAMP_SECOND;
    time_t seconds = (micros - moment->fraction) / TIMESTAMP_SECOND;
    check(gmtime_r(&seconds, &moment->tm));
}

/* The printed text begins with the calendar's view of the moment. */
static void check_civil(int64_t micros, struct slice printed)
{
    char civil[64];
    struct moment moment;
    take_apart(micros, &moment);
    size_t len = strftime(civil, sizeof civil, "-%m-%dT%H:%M:%S", &moment.tm);
    check(printed.len > 4 + len && memcmp(printed.data + 4, civil, len) == 0);
    check(strtol(printed.data, NULL, 10) == moment.tm.tm_year + 1900);
}

static void check_printed(int64_t micros)
{
    int64_t again, days = micros / TIMESTAMP_DAY - (micros % TIMESTAMP_DAY < 0);
    const char *expected;
    struct buf out;
    buf_init(&out, TEXT_MAX);
    timestamp_print(micros, &out);
    check_civil(micros, buf_slice(&out));
    check(parse_iso(buf_slice(&out), &again) && again == micros);
    buf_reset(&out);
    timestamp_print_sql(micros, &out);
    check(parse_iso(buf_slice(&out), &again) && again == micros);
    buf_reset(&out);
    timestamp_print_date(days, &out);
    check(timestamp_parse_date(buf_slice(&out), &again, &expected) && again == days);
    buf_close(&out);
}

/* --- formats ------------------------------------------------------------------------------------------------------ */

static void put_directive(char directive, const struct moment *m, struct buf *out)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const struct tm *tm = &m->tm;
    switch (directive) {
    case 'Y':
        buf_printf(out, "%04d", tm->tm_year + 1900);
        break;
    case 'y':
        buf_printf(out, "%02d", tm->tm_year % 100);
        break;
    case 'm':
        buf_printf(out, "%02d", tm->tm_mon + 1);
        break;
    case 'b':
        buf_put(out, months + 3 * tm->tm_mon, 3);
        break;
    case 'd':
        buf_printf(out, "%02d", tm->tm_mday);
        break;
    case 'H':
        buf_printf(out, "%02d", tm->tm_hour);
        break;
    case 'I':
        buf_printf(out, "%02d", (tm->tm_hour + 11) % 12 + 1);
        break;
    case 'p':
        buf_put_text(out, tm->tm_hour < 12 ? "am" : "PM");
        break;
    case 'M':
        buf_printf(out, "%02d", tm->tm_min);
        break;
    case 'S':
        buf_printf(out, "%02d", tm->tm_sec);
        break;
    case 'z':
        buf_put_text(out, "+00:00");
        break;
    case '%':
        buf_put_text(out, "%");
        break;
    case 's':
        buf_printf(out, "%s%012lld", m->micros < 0 ? "-" : "", llabs(m->micros / TIMESTAMP_SECOND));
        break;
    case 'f':
        buf_printf(out, "%06d", m->fraction);
        break;
    default:
        check(directive == '\0'); /* fails: there is no other directive */
    }
}

static bool has(const char *format, const char *directives)
{
    for (const char *p = format; *p; p++)
        if (*p == '%' && strchr(directives, *++p))
            return true;
    return false;
}

/* Whether the format can say all of the moment in UTC. */
static bool can_say(const char *format, const struct moment *m)
{
    const struct tm *tm = &m->tm;
    if (has(format, "s"))
        return has(format, "f") ? m->micros >= 0 : m->fraction == 0;
    if (has(format, "y") && (tm->tm_year < 70 || tm->tm_year > 169))
        return false;
    return (has(format, "HI") || tm->tm_hour == 0) && (has(format, "M") || tm->tm_min == 0) &&
           (has(format, "S") || tm->tm_sec == 0) && (has(format, "f") || m->fraction == 0);
}

/* Written by the format, the moment reads back as itself. */
static void check_written(const char *format, int64_t micros)
{
    struct moment moment;
    struct buf out;
    int64_t again;
    const char *expected;
    take_apart(micros, &moment);
    if (!can_say(format, &moment)) {
        check(has(format, "zs")); /* without a zone it says what it read */
        return;
    }
    buf_init(&out, TEXT_MAX);
    for (const char *p = format; *p; p++) {
        if (*p == '%')
            put_directive(*++p, &moment, &out);
        else
            buf_put_byte(&out, (uint8_t)*p);
    }
    check(timestamp_parse_format(buf_slice(&out), format, &again, &expected) && again == micros);
    buf_close(&out);
}

/* A field of this format and ISO 8601 reads what one of them reads, or both alike; a date is a whole day. */
static void check_field(const char *format, struct slice text, bool by_format, int64_t micros)
{
    const char *formats[] = {format, "iso8601"}, *expected = NULL;
    struct value value;
    int64_t wanted = micros, iso;
    bool by_iso = parse_iso(text, &iso);
    if (by_iso && !by_format)
        wanted = iso;
    bool reads = (by_format || by_iso) && !(by_format && by_iso && micros != iso);
    check(value_parse((struct value_type){.kind = VALUE_TIMESTAMP}, formats, 2, text, &value, &expected) == reads);
    check(reads ? value.i == wanted : expected && *expected);
    bool day = reads && wanted % TIMESTAMP_DAY == 0;
    check(value_parse((struct value_type){.kind = VALUE_DATE}, formats, 2, text, &value, &expected) == day);
    check(!day || value.i == wanted / TIMESTAMP_DAY);
}

static void check_format(const char *format, struct slice text)
{
    struct error error = {0};
    const char *expected = NULL;
    int64_t micros = 0;
    if (!timestamp_format_check(format, &error)) {
        check(error.kind == ERROR_CONFIG && error.text[0]);
        return;
    }
    bool ok = timestamp_parse_format(text, format, &micros, &expected);
    check(ok || (expected && *expected));
    if (ok) {
        check(micros >= TIMESTAMP_MIN && micros <= TIMESTAMP_MAX);
        check_printed(micros);
        check_written(format, micros);
    }
    check_field(format, text, ok, micros);
}

/* --- windows ------------------------------------------------------------------------------------------------------ */

static void check_months(struct slice text, int64_t micros)
{
    int64_t size;
    if (!timestamp_parse_months(text, &size))
        return;
    check(size > 0 && !timestamp_parse_interval(text, &size));
    struct window window = {.size = size % 1200 + 1, .months = true, .zone = &window_utc};
    int64_t number = window_number(&window, micros), start = window_start(&window, number);
    check(start <= micros && micros < window_start(&window, number + 1) && start % TIMESTAMP_DAY == 0);
    check(window_number(&window, start) == number);
}

static void check_window(struct slice text, int64_t micros)
{
    int64_t size;
    if (!timestamp_parse_interval(text, &size))
        return;
    check(size > 0 && size % TIMESTAMP_SECOND == 0);
    int64_t start = timestamp_window(micros, size) * size;
    check(start <= micros && micros - start < size && start % size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size}, format, text = SLICE("");
    int64_t micros, wanted, any = (int64_t)size;
    if (size == 0 || size > TEXT_MAX / 16 || !fuzz_section(&rest, &format))
        return 0;
    fuzz_section(&rest, &text);
    char *copy = fuzz_copy(text), *words = strndup(format.data, format.len);
    text.data = copy;
    check(words);
    bool ok = parse_iso(text, &micros);
    check(ok == read_iso(text, &wanted) && (!ok || micros == wanted));
    if (ok)
        check_printed(micros);
    memcpy(&any, data, size < sizeof any ? size : sizeof any);
    any %= TIMESTAMP_MAX;
    any = any < TIMESTAMP_MIN ? -any : any;
    check_printed(any);
    check_window(text, any);
    check_months(text, any);
    check_format(words, text);
    free(words);
    free(copy);
    return 0;
}
