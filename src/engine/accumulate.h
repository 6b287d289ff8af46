/*
 * What a unit contributes: to the counters, and to its group of each table.
 *
 * Contributions are taken back by the same walk over the same stored values that added them, with the other sign.
 */
#ifndef DROPFOLD_ENGINE_ACCUMULATE_H
#define DROPFOLD_ENGINE_ACCUMULATE_H

#include "engine/state.h"

/* A unit while its records are walked over. */
struct opened {
    uint32_t unit;
    uint32_t lacks;                       /* the joined feeds that it needs and has no record of, as bits */
    uint32_t parents[PIPELINE_FEEDS_MAX]; /* where its records of joined feeds lie */
    uint32_t firsts[PIPELINE_FEEDS_MAX];  /* the first of them that counts, or 0 */
    int64_t matches[PIPELINE_FEEDS_MAX];  /* how many count, where weights matter */
    int64_t weight;
    uint64_t unit_nulls;
    bool grouped[PIPELINE_TABLES_MAX]; /* it lies in a group of that table, which has this key; of several the latest */
    struct keyed_key keys[PIPELINE_TABLES_MAX];
    struct codes codes; /* the unit's, and those of the line that is looked at */
};

/* Finds what the unit joins to and, unless it lacks something, its groups' keys; asks for the memory of their slots. */
void accumulate_open(struct engine *engine, uint32_t unit, struct opened *opened);

/* Adds all that an opened unit with a line that counts contributes; takes back what a unit contributed. */
void accumulate_add(struct engine *engine, struct opened *opened);
void accumulate_take(struct engine *engine, uint32_t unit);

/* Takes a unit that counts out of the counters; its groups keep what it added. */
void accumulate_uncount(struct engine *engine, uint32_t unit);

/* Calls `visit` for every record of the unit that a scanned selection of the table chooses. */
typedef void (*accumulate_visit)(void *context, const struct selection *selection, const struct codes *codes);
void accumulate_walk(const struct engine *engine, const struct engine_table *table, uint32_t unit,
                     accumulate_visit visit, void *context);

#endif
