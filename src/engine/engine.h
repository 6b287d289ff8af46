/*
 * Records to groups: keys, ranks, grain, star join, windows, aggregates, all in memory and incremental.
 *
 * The engine is a pure function of the changes applied to it, in order. It knows no clock, disk or database. A change
 * is applied in three steps:
 *
 *   engine_begin(N)  engine_apply(chunk) ...  engine_end
 *
 * Apply looks up each row's key, decides its bucket, and changes records. The first time a change touches a unit (an
 * order; without a grain a fact record), the unit's contribution is taken back from its groups; engine_end adds the new
 * contribution of every touched unit and marks the groups it changed. So a unit costs its own size per change that
 * touches it, however often, and never the size of its group.
 *
 * An engine that failed (out of memory, a corrupt chunk) is unusable: all that may still be asked of it is to end a
 * delivery, and engine_free.
 *
 * Not safe for threads: the store thread owns it, and lends it others (engine_lend).
 */
#ifndef DROPFOLD_ENGINE_ENGINE_H
#define DROPFOLD_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/batch.h"
#include "model/delivery.h"
#include "model/pipeline.h"

struct engine;

/* `memory_limit` in bytes, 0 for none: past it, apply fails with ERROR_MEMORY. The pipeline must outlive the engine. */
struct engine *engine_new(const struct pipeline *pipeline, size_t memory_limit, struct error *error) MUST_USE;
void engine_free(struct engine *engine);

/*
 * Lends the engine threads: `run` calls part(of, i) once for each i below `parts`, in any order and on whatever
 * threads, and returns when all calls have. From here on rows of deliveries are made, and brought into order, in up to
 * `parts` at once, of `least` rows or more each. What runs beside each other only reads the engine, and writes what is
 * its own; all else stays on the thread of the caller.
 */
enum { ENGINE_PARTS_MAX = 8 };
typedef void (*engine_beside)(size_t parts, void (*part)(void *of, size_t i), void *of);
void engine_lend(struct engine *engine, size_t parts, size_t least, engine_beside run);

/* Makes room in a new engine for as much as `stats`, an earlier engine's, counts, where there is memory for it: growing
   to it step by step takes longer. A hint: too much and too little are as right. */
struct engine_stats;
void engine_expect(struct engine *engine, const struct engine_stats *stats);

/* Begins change `sequence`, greater than any before, once the one before was ended. */
void engine_begin(struct engine *engine, uint64_t sequence);

/* Rows applied from here to the end of the change rank as if change `sequence`, an earlier one, had brought them. */
void engine_rank(struct engine *engine, uint64_t sequence);

/*
 * Applies rows of feed number `feed`. Rank of a row is (version_field, sequence, row number), the sequence being that
 * of the change unless engine_rank told another. `report` is what is to be told of them; NULL: nothing. On false the
 * engine has failed.
 */
struct engine_report {
    struct buckets *buckets; /* added to; or NULL */
    /* Or NULL. Called with the sequence of every live record that a row replaces, or takes over from with the same
       values (what is replaced later is then not the earlier file's any more), at least once per such sequence and
       change. */
    void (*replaced)(void *context, uint64_t sequence);
    void *context;
};
bool engine_apply(struct engine *engine, size_t feed, struct slice chunk, const struct engine_report *report,
                  struct error *error) MUST_USE;

/* The same for rows that engine_decode decoded (decoded.h), from the beginning of the chunk on and without a gap. */
struct engine_rows;
bool engine_apply_rows(struct engine *engine, size_t feed, struct engine_rows *rows, struct buckets *buckets,
                       struct error *error) MUST_USE;

/*
 * Taking back the rows of feed number `feed` that rank by `sequence`, as if they had never come, within a later change
 * and before rows of that feed are applied in it. Only so when they are alone: no row that ranks by another sequence
 * had the key of one of them, so that nothing is to come to light below it. Rows of a feed without a key always are.
 * (It is told of sequences, not of rows, and stays so until the engine is built anew.) With retention none are: the
 * watermark, and what is closed, follow from the whole history. Each chunk that was applied is given, in any order.
 * Costs the rows of the chunk; without a key, a look at every record of the feed. On false the engine has failed.
 */
bool engine_alone(const struct engine *engine, size_t feed, uint64_t sequence);
bool engine_take_back(struct engine *engine, size_t feed, uint64_t sequence, struct slice chunk,
                      struct error *error) MUST_USE;

/* Ends the change. On false the engine has failed. */
bool engine_end(struct engine *engine, struct error *error) MUST_USE;

/* --- retention ---------------------------------------------------------------------------------------------------- */

/*
 * With retention (struct retention) windows close, by changes of their own: between two changes of files, when
 * engine_close_due says so, and exactly so when the history is told again. From then on rows are late, and count for
 * nothing, that are
 *
 *   facts with the key of a closed unit (with a grain its grain key), or with a window field in a closed window
 *   facts that would leave their unit to a line whose window is closed
 *   records of a feed joined by the units' whole key, which lead to a closed unit or have the key of one that did
 *
 * A unit's window is that of the line that says its attributes; of a unit without a line that counts, of its newest
 * line.
 */

/* The wall clock when the changes from here on are, or were, committed, in microseconds. Until it is told every row
   moves the watermark. */
void engine_set_commit(struct engine *engine, int64_t committed);

/* Whether windows are to be closed now: those that end at *before or earlier. Between changes. */
bool engine_close_due(const struct engine *engine, int64_t *before) MUST_USE;

/* Change `sequence` closes them; `before` is never less than it was. Groups keep their values and count as unchanged.
   On false the engine has failed. */
bool engine_close(struct engine *engine, uint64_t sequence, int64_t before, struct error *error) MUST_USE;

enum engine_why_late { ENGINE_LATE_WINDOW, ENGINE_LATE_KEY, ENGINE_LATE_SPEAKS, ENGINE_LATE_JOINED };
struct engine_late {
    enum engine_why_late why;
    uint64_t row;   /* of the chunk that is applied */
    int64_t window; /* the start of the closed one, microseconds */
};
/* Called for every late row from here on, in order. */
typedef void (*engine_visit_late)(void *context, const struct engine_late *late);
void engine_on_late(struct engine *engine, engine_visit_late visit, void *context);

struct engine_stats {
    uint64_t records[PIPELINE_FEEDS_MAX]; /* live ones, filtered ones included */
    uint64_t units;                       /* with at least one live, unfiltered fact record */
    uint64_t waiting[PIPELINE_FEEDS_MAX]; /* units that lack a record of that (required, joined) feed */
    uint64_t groups[PIPELINE_TABLES_MAX];
    uint64_t changed[PIPELINE_TABLES_MAX];       /* groups changed, emptied ones included, by the last change */
    uint64_t mixed[PIPELINE_TABLES_MAX];         /* groups whose `uniform` fields are not */
    uint64_t grain_conflicts;                    /* units whose live lines disagree about an attribute */
    uint64_t closed;                             /* units freed with their windows; they are no part of `units` */
    uint64_t closed_waiting;                     /* of which lacked a record */
    uint64_t closed_groups[PIPELINE_TABLES_MAX]; /* of `groups` */
    int64_t closed_before; /* microseconds: windows that end here or earlier are closed; INT64_MIN: none is */
    int64_t watermark;     /* microseconds; INT64_MIN: no row moved it */
    uint64_t memory;       /* bytes held */
};

void engine_stats(const struct engine *engine, struct engine_stats *stats);

/* Values that were given out as NULL, as their column cannot hold them; where the last one stood. */
struct engine_overflows {
    uint64_t values;
    size_t table, column;
};

/* All since the engine was made. */
struct engine_overflows engine_overflows(const struct engine *engine);

/* --- delivery ----------------------------------------------------------------------------------------------------- */

/*
 * Starts a delivery of the groups changed by changes after `since` (all of them when full) up to the last one ended,
 * and fills upserts, deletes and to.rows; fresh_least is the caller's. Only one can be open. Changes may be applied
 * while it is open: before a group that is still to be sent changes, its row is set aside, so that the blocks show the
 * state at the start and nothing later.
 */
bool engine_delivery_start(struct engine *engine, uint64_t since, bool full, struct delivery *delivery,
                           struct error *error) MUST_USE;

/* The next block, to be freed by the caller; NULL in *block at the end. For each table its deletes come before its
   upserts, and tables come in order. A block is `fresh` where the target is, by `since`, where the last delivery or
   engine_delivered left it, and its groups were made after that. */
bool engine_delivery_next(struct engine *engine, struct block **block, struct error *error) MUST_USE;

/* Ends it. When it was not `delivered`, its groups count as changed still. */
void engine_delivery_end(struct engine *engine, bool delivered);

/* The target is found to hold all that there is: what it holds is known from here on, as it is after a delivery. */
void engine_delivered(struct engine *engine);

/* The newest change that emptied a group which is forgotten, as a delivery has taken its row out; 0: none is. A target
   that is older has that row again, which no incremental delivery takes out. */
uint64_t engine_dropped(const struct engine *engine);

/* --- looking in --------------------------------------------------------------------------------------------------- */

/* A unit that waits: its key (grain key, else the fact key, else nothing), the feed it lacks, the rank of its newest
   line. */
struct engine_waiting {
    const struct value *key;
    const size_t *key_fields; /* of the fact feed */
    size_t key_count;
    size_t lacks;           /* feed index */
    uint64_t sequence, row; /* 0: it was closed, and nothing is known but its key */
};
/* Called for each, as the two below are; false: no further one is asked for. */
typedef bool (*engine_visit_waiting)(void *context, const struct engine_waiting *waiting);
void engine_each_waiting(const struct engine *engine, engine_visit_waiting visit, void *context);

/* Groups of table number `table` that have units: the key's cells in the order of the primary key, texts the engine's.
   The number of a group is good until the next change. */
typedef bool (*engine_visit_group)(void *context, uint32_t group, const struct cell *key);
void engine_each_group(struct engine *engine, size_t table, engine_visit_group visit, void *context);
/* The group's row as it would be delivered: a cell for each column, texts and lists in the arena. False when that is
   out of memory. */
bool engine_group_row(struct engine *engine, size_t table, uint32_t group, struct arena *arena,
                      struct cell *cells) MUST_USE;

/* The change that closed the group, since when it has no members; 0: it is open. */
uint64_t engine_group_closed(const struct engine *engine, size_t table, uint32_t group);

/* A record that the group is made of: of the facts, or of a feed that they join to. */
struct engine_member {
    uint32_t unit; /* which of the group's units; its records come one after the other, the facts first */
    size_t feed;
    uint64_t sequence, row;
    bool speaks; /* of the facts: its attributes hold for the unit */
};
typedef bool (*engine_visit_member)(void *context, const struct engine_member *member);
void engine_each_member(const struct engine *engine, size_t table, uint32_t group, engine_visit_member visit,
                        void *context);

#endif
