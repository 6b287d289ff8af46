/*
 * Time zones: how far a place's clocks are ahead of UTC, and since when.
 *
 *     first | changes[0].offset | changes[1].offset | ...
 *           ^ changes[0].at     ^ changes[1].at
 *
 * Rules that go on for ever ("the last Sunday of March") are written out up to the year 2500. The calendar repeats
 * itself every 400 years, days of the week included, so a later time is looked up as that of a year from 2100 to 2499.
 *
 * zone_load reads the system's database (RFC 8536); all else here is arithmetic.
 */
#ifndef DROPFOLD_MODEL_ZONE_H
#define DROPFOLD_MODEL_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

enum {
    ZONE_NAME_MAX = 64,    /* bytes of a name */
    ZONE_RULES_YEAR = 2099 /* by then only rules are left: a zone with a change of its own behind it is refused */
};

struct zone_change {
    int64_t at;     /* microseconds UTC */
    int64_t offset; /* east of UTC from then on, microseconds */
};

struct zone {
    int64_t first; /* offset before the first change */
    struct zone_change *changes;
    size_t count;
    bool repeats; /* after the year 2500 */
};

/*
 * Loads "Africa/Lagos" from the folder that TZDIR names, else from /usr/share/zoneinfo, into `arena`. ERROR_CONFIG when
 * there is no such zone (and a near name, if there is one), no such folder, or the file is not understood.
 */
bool zone_load(const char *name, struct arena *arena, struct zone *zone, struct error *error) MUST_USE;

/* The same from a file's bytes. */
bool zone_read(struct slice file, struct arena *arena, struct zone *zone, struct error *error) MUST_USE;

/* What the clocks there show at a moment in TIMESTAMP_MIN to TIMESTAMP_MAX, as if it were UTC. It may lie beyond
   these. */
int64_t zone_local(const struct zone *zone, int64_t utc);

/* The moment at which the clocks there show `local`. False with *expected, as in value_parse, when they never do,
   because they were put forward over it, or do twice, because they were put back. */
bool zone_utc(const struct zone *zone, int64_t local, int64_t *utc, const char **expected) MUST_USE;

/* The first moment at which they show `local` or later. */
int64_t zone_since(const struct zone *zone, int64_t local);

/* Adds all that makes one zone another. */
void zone_add_digest(const struct zone *zone, struct digester *digester);

#endif
