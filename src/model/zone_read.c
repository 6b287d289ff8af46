/*
 * A zone's file, TZif as RFC 8536 has it: a part with times of 32 bits, which is skipped, the same with 64 bits, and
 * the rule for the time behind the last change.
 *
 *     header | times | index of the type from then on | types | names | leap seconds | flags      (twice)
 *     \n rule \n
 */
#include <string.h>

#include "model/timestamp.h"
#include "model/zone.h"
#include "model/zone_rule.h"

enum {
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    TIME_SIZE = 8,
    CHANGES_MAX = 10000, /* in a file: today's have less than 300 */
    TYPES_MAX = 256,
    OFFSET_MAX = 26 * 3600, /* seconds */
    FIRST_YEAR = 1,
    LAST_YEAR = 2501 /* up to which rules are written out: zone.c looks up to two days into it */
};

struct part {
    const uint8_t *times, *indexes, *types;
    uint32_t time_count, type_count, leap_count;
    size_t size; /* of all of it, the header included */
};

static bool fail(struct error *error, const char *what)
{
    return error_set(error, ERROR_CONFIG, "%s", what);
}

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static bool read_part(struct slice file, size_t time_size, struct part *part, struct error *error)
{
    const uint8_t *head = (const uint8_t *)file.data;
    if (file.len < HEADER_SIZE || memcmp(head, "TZif", 4) != 0)
        return fail(error, "is no file of a time zone");
    /* Flags (UT, then standard), leap seconds, times, types, bytes of names. */
    uint32_t counts[6];
    for (size_t i = 0; i < 6; i++)
        counts[i] = (uint32_t)big_endian(head + 20 + 4 * i, 4);
    *part = (struct part){.time_count = counts[3], .type_count = counts[4], .leap_count = counts[2]};
    if (counts[3] > CHANGES_MAX || counts[4] == 0 || counts[4] > TYPES_MAX || counts[5] > file.len ||
        counts[2] > file.len || counts[0] > TYPES_MAX || counts[1] > TYPES_MAX)
        return fail(error, "is damaged");
    part->times = head + HEADER_SIZE;
    part->indexes = part->times + (size_t)counts[3] * time_size;
    part->types = part->indexes + counts[3];
    part->size = HEADER_SIZE + (size_t)counts[3] * (time_size + 1) + (size_t)counts[4] * TYPE_SIZE + counts[5] +
                 (size_t)counts[2] * (time_size + 4) + counts[0] + counts[1];
    return part->size <= file.len || fail(error, "is cut");
}

/* The offset of a type in microseconds. */
static bool read_offset(const struct part *part, size_t type, int64_t *offset, struct error *error)
{
    if (type >= part->type_count)
        return fail(error, "is damaged");
    int32_t seconds = (int32_t)(uint32_t)big_endian(part->types + type * TYPE_SIZE, 4);
    if (seconds < -OFFSET_MAX || seconds > OFFSET_MAX)
        return fail(error, "has an offset of more than 26 hours");
    *offset = seconds * TIMESTAMP_SECOND;
    return true;
}

/* Adds a change. One that changes nothing is none. */
static void add_change(struct zone *zone, int64_t at, int64_t offset)
{
    int64_t before = zone->count > 0 ? zone->changes[zone->count - 1].offset : zone->first;
    if (offset != before)
        zone->changes[zone->count++] = (struct zone_change){at, offset};
}

static bool read_changes(const struct part *part, struct zone *zone, int64_t *last, struct error *error)
{
    const int64_t earliest = TIMESTAMP_MIN / TIMESTAMP_SECOND;
    int64_t latest, offset, before = INT64_MIN;
    if (!timestamp_days(ZONE_RULES_YEAR, 1, 1, &latest) || !read_offset(part, 0, &zone->first, error))
        return fail(error, "is damaged");
    latest *= TIMESTAMP_DAY / TIMESTAMP_SECOND;
    for (size_t i = 0; i < part->time_count; i++) {
        int64_t at = (int64_t)big_endian(part->times + i * TIME_SIZE, TIME_SIZE);
        if (!read_offset(part, part->indexes[i], &offset, error))
            return false;
        if (i > 0 && at <= before)
            return fail(error, "is damaged");
        before = at;
        if (at >= latest)
            return fail(error, "has changes after the year 2098, which are not understood");
        /* Before all times that there can be: so some files say what holds from the beginning. */
        if (at < earliest)
            zone->first = offset;
        else
            add_change(zone, at * TIMESTAMP_SECOND, offset);
    }
    *last = before < earliest ? TIMESTAMP_MIN : before * TIMESTAMP_SECOND;
    return true;
}

/* Writes the rule's changes of a year out, in their order, those that lie behind `last`. */
static void write_year(struct zone *zone, const struct zone_rule *rule, int year, int64_t last)
{
    struct zone_change start = {zone_rule_time(&rule->start, year) - rule->standard, rule->summer};
    struct zone_change end = {zone_rule_time(&rule->end, year) - rule->summer, rule->standard};
    struct zone_change first = start.at <= end.at ? start : end, second = start.at <= end.at ? end : start;
    if (first.at > last)
        add_change(zone, first.at, first.offset);
    if (second.at > last && second.at > first.at)
        add_change(zone, second.at, second.offset);
}

static bool write_out(struct slice text, int64_t last, struct zone *zone, struct error *error)
{
    struct zone_rule rule;
    int year, month, day;
    if (text.len == 0)
        return true;
    if (!zone_rule_parse(text, &rule))
        return error_set(error, ERROR_CONFIG, "has a rule that is not understood, \"%.*s\"", (int)text.len, text.data);
    timestamp_civil(last / TIMESTAMP_DAY, &year, &month, &day);
    if (!rule.changes) {
        add_change(zone, last, rule.standard);
        return true;
    }
    zone->repeats = true;
    for (year = year > FIRST_YEAR ? year - 1 : FIRST_YEAR; year <= LAST_YEAR; year++)
        write_year(zone, &rule, year, last);
    return true;
}

/* What stands between the line's ends behind the last part. */
static bool find_rule(struct slice rest, struct slice *rule, struct error *error)
{
    const char *end = rest.len > 1 ? memchr(rest.data + 1, '\n', rest.len - 1) : NULL;
    if (!end || rest.data[0] != '\n')
        return fail(error, "is cut");
    *rule = (struct slice){rest.data + 1, (size_t)(end - rest.data) - 1};
    return true;
}

bool zone_read(struct slice file, struct arena *arena, struct zone *zone, struct error *error)
{
    struct part part;
    struct slice rule = SLICE("");
    int64_t last = TIMESTAMP_MIN;
    if (!read_part(file, 4, &part, error))
        return false;
    if (file.data[4] < '2')
        return fail(error, "is of the first version of such files, which ends in 2037");
    struct slice rest = {file.data + part.size, file.len - part.size};
    if (!read_part(rest, TIME_SIZE, &part, error))
        return false;
    if (part.leap_count > 0)
        return fail(error, "counts leap seconds, which UTC as it is kept here does not");
    if (!find_rule((struct slice){rest.data + part.size, rest.len - part.size}, &rule, error))
        return false;
    *zone = (struct zone){.count = 0};
    zone->changes = arena_array(arena, part.time_count + 1 + 2 * (LAST_YEAR + 1), sizeof *zone->changes);
    if (!zone->changes)
        return error_memory(error);
    return read_changes(&part, zone, &last, error) && write_out(rule, last, zone, error);
}
