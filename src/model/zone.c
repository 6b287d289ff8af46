#include "model/zone.h"

#include "model/timestamp.h"

/* Days from 1970-01-01 to 2500-01-01, and of 400 years. */
#define RULES_END (INT64_C(193579) * TIMESTAMP_DAY)
#define PERIOD    (INT64_C(146097) * TIMESTAMP_DAY)

/* More than any two clocks of the world differ by. */
#define FAR (2 * TIMESTAMP_DAY)

/* What to take off a time so that it is one of those that are written out. */
static int64_t periods(const struct zone *zone, int64_t time)
{
    return zone->repeats && time >= RULES_END ? ((time - RULES_END) / PERIOD + 1) * PERIOD : 0;
}

/* The number of changes up to and with `utc`. */
static size_t changes_until(const struct zone *zone, int64_t utc)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The offset behind the first `count` changes. */
static int64_t offset_behind(const struct zone *zone, size_t count)
{
    return count > 0 ? zone->changes[count - 1].offset : zone->first;
}

int64_t zone_local(const struct zone *zone, int64_t utc)
{
    return utc + offset_behind(zone, changes_until(zone, utc - periods(zone, utc)));
}

/* The time behind the first `count` changes and before the next one, in which the offset is one. */
struct span {
    int64_t from, to, offset;
};

static struct span span_behind(const struct zone *zone, size_t count)
{
    return (struct span){.from = count > 0 ? zone->changes[count - 1].at : INT64_MIN,
                         .to = count < zone->count ? zone->changes[count].at : INT64_MAX,
                         .offset = offset_behind(zone, count)};
}

bool zone_utc(const struct zone *zone, int64_t local, int64_t *utc, const char **expected)
{
    int64_t back = periods(zone, local), shown = local - back;
    size_t times = 0;
    for (size_t i = changes_until(zone, shown - FAR); i <= zone->count; i++) {
        struct span span = span_behind(zone, i);
        int64_t moment = shown - span.offset;
        if (span.from > shown + FAR)
            break;
        if (moment < span.from || moment >= span.to)
            continue;
        *utc = moment + back;
        times++;
    }
    *expected = times == 0 ? "a time that clocks show in its zone: they were put forward over this one"
                           : "a time that clocks show once in its zone: they were put back over this one";
    return times == 1;
}

int64_t zone_since(const struct zone *zone, int64_t local)
{
    int64_t back = periods(zone, local), shown = local - back;
    for (size_t i = changes_until(zone, shown - FAR);; i++) {
        struct span span = span_behind(zone, i);
        int64_t moment = shown - span.offset;
        if (moment < span.to)
            return (moment > span.from ? moment : span.from) + back;
    }
}

void zone_add_digest(const struct zone *zone, struct digester *digester)
{
    digester_add_u64(digester, (uint64_t)zone->first);
    digester_add_u64(digester, zone->count);
    for (size_t i = 0; i < zone->count; i++) {
        digester_add_u64(digester, (uint64_t)zone->changes[i].at);
        digester_add_u64(digester, (uint64_t)zone->changes[i].offset);
    }
}
