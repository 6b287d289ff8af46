/* Rules of a zone that go on for ever, as POSIX writes them in TZ: CET-1CEST,M3.5.0,M10.5.0/3. Private to zone*.c. */
#ifndef DROPFOLD_MODEL_ZONE_RULE_H
#define DROPFOLD_MODEL_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum zone_rule_day { ZONE_RULE_MONTH_WEEK, ZONE_RULE_JULIAN, ZONE_RULE_OF_YEAR };

/* A day of every year, and the time of day at which clocks are changed. */
struct zone_rule_date {
    enum zone_rule_day kind;
    int month, week, weekday; /* ZONE_RULE_MONTH_WEEK: week 5 is the last one, weekday 0 a Sunday */
    int day;                  /* ZONE_RULE_JULIAN: 1 to 365 without leap days; ZONE_RULE_OF_YEAR: 0 to 365 with them */
    int64_t time;             /* microseconds behind its midnight, by the clocks before the change; may be negative */
};

struct zone_rule {
    int64_t standard, summer; /* east of UTC, microseconds */
    bool changes;             /* else it is standard time all year */
    struct zone_rule_date start, end;
};

/* False when it is none, or has summer time and does not say when. */
bool zone_rule_parse(struct slice text, struct zone_rule *rule) MUST_USE;

/* When that is in `year` (1 to 9999), in microseconds since 1970-01-01 by the clocks before the change. */
int64_t zone_rule_time(const struct zone_rule_date *date, int year);

#endif
