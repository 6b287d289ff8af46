/*
 * Calendar arithmetic (proleptic Gregorian, UTC) and the reading of dates and times.
 *
 * Days from civil dates and back by Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
 */
#ifndef DROPFOLD_MODEL_TIMESTAMP_H
#define DROPFOLD_MODEL_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/zone.h"

#define TIMESTAMP_SECOND INT64_C(1000000)
#define TIMESTAMP_DAY    (INT64_C(86400) * TIMESTAMP_SECOND)

/* Years 0001 to 9999: what PostgreSQL and ISO 8601 both write without a sign. In microseconds and days. */
#define TIMESTAMP_MIN (INT64_C(-719162) * TIMESTAMP_DAY)
#define TIMESTAMP_MAX (INT64_C(2932897) * TIMESTAMP_DAY - 1)

/* Days since 1970-01-01; false when there is no such day (31 February) or the year is not 1 to 9999. */
bool timestamp_days(int year, int month, int day, int64_t *days) MUST_USE;
void timestamp_civil(int64_t days, int *year, int *month, int *day);

/*
 * ISO 8601, strict: YYYY-MM-DD, then optionally 'T', 't' or a blank, HH:MM[:SS[.f{1,9}]], then optionally Z, z, +HH:MM,
 * +HHMM or +HH. Without a zone it is UTC; a zone needs a time. Digits beyond microseconds must be zero. A leap second
 * (:60) does not exist here. `expected` as in value_parse: TIMESTAMP_ISO_WORDS where the text has another shape. A
 * common shape (YYYY-MM-DDTHH:MM:SS[.mmm]Z) is read on a fast path.
 */
bool timestamp_parse_iso(struct slice text, int64_t *micros, const char **expected) MUST_USE;

/* Exactly YYYY-MM-DD, as days. */
bool timestamp_parse_date(struct slice text, int64_t *days, const char **expected) MUST_USE;

/*
 * Reads Z, z, +HH:MM, +HHMM or +HH (or with '-') at *at and moves *at behind it; `offset` is east of UTC, in
 * microseconds.
 */
bool timestamp_parse_zone(const char **at, const char *end, int64_t *offset) MUST_USE;

/* What these expect where the text does not have their shape. */
#define TIMESTAMP_ISO_WORDS    "a time as 2022-02-17T12:03:13Z"
#define TIMESTAMP_FORMAT_WORDS "a date or time as its descriptor's format says"

/* And where two formats read it as different moments. */
#define TIMESTAMP_AMBIGUOUS_WORDS "a date that all its formats read alike; this one is ambiguous"

/* A subset of strptime: %Y %m %d %H %M %S %f (1 to 6 digits of a second) %z %b (English) %y (1970 to 2069) %I %p %s %%;
   all else stands for itself. %m %d %H %I %M %S take one or two digits, %Y four, %y two. False with a reason when
   `format` has another directive, no date in it, or says one thing twice. */
bool timestamp_format_check(const char *format, struct error *error) MUST_USE;
bool timestamp_parse_format(struct slice text, const char *format, int64_t *micros, const char **expected) MUST_USE;

/*
 * Tries every format ("iso8601" is ISO 8601, and so is none). `zone`, if not NULL, is that of a text without one of
 * its own. A text that two formats read as different moments is ambiguous, which is as bad as none that
 * fits; so is one that a format reads as a time which clocks in the zone never showed or showed twice, whatever the
 * others make of it. Of the other complaints the first one counts that tells more than that the shape is another.
 */
bool timestamp_parse_any(struct slice text, const char *const *formats, size_t count, const struct zone *zone,
                         int64_t *micros, const char **expected) MUST_USE;

/* What is printed lies in TIMESTAMP_MIN to TIMESTAMP_MAX. "2022-02-17T12:03:13Z", fraction only when there is one,
   without its trailing zeros. */
void timestamp_print(int64_t micros, struct buf *out);
/* "2022-02-17". */
void timestamp_print_date(int64_t days, struct buf *out);
/* "2022-02-17 12:03:13", fraction as above: what SQL takes. */
void timestamp_print_sql(int64_t micros, struct buf *out);

/* The number of the window of `size` (> 0) that holds `micros`: that of the epoch is 0, the one before it -1. */
static inline int64_t timestamp_window(int64_t micros, int64_t size)
{
    int64_t window = micros / size;
    return window - (micros < window * size);
}

/* "10 days", "1 hour", "90 seconds", "1 week", "15 minutes" in microseconds; false otherwise, also for 0. */
bool timestamp_parse_interval(struct slice text, int64_t *micros) MUST_USE;
/* The other way, in the largest unit of whole ones up to days: "10 days", "1 hour"; what is no whole number of seconds
   in microseconds. */
void timestamp_print_interval(int64_t micros, struct buf *out);
/* "1 month", "3 months", "2 years" in months; false otherwise, also for 0. */
bool timestamp_parse_months(struct slice text, int64_t *months) MUST_USE;

#endif
