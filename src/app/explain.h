/*
 * What one row of a table is made of: each record with the file and line it came from, and for each column the values
 * that went into it. Worked out from the records alone, not from the engine's sums: the two must agree.
 */
#ifndef DROPFOLD_APP_EXPLAIN_H
#define DROPFOLD_APP_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/core.h"
#include "base/attr.h"
#include "base/error.h"

struct explained_record {
    uint32_t unit;
    size_t feed;
    uint64_t sequence, row, line;   /* sequence: of the change of its file */
    uint64_t retried;               /* the change that brought it, when it was rejected at first; else 0 */
    uint32_t version;               /* of the descriptor that read it */
    bool speaks;                    /* of the facts: its attributes hold for the unit */
    const struct value *values;     /* of the feed's fields */
    const struct file_record *file; /* its feed and name are filled */
};

/* A value that went into a column, so many times. */
struct explained_term {
    struct value value; /* of the column's field_type; null ones are left out */
    int64_t times;      /* 1 but where every combination of a join counts */
};

struct explanation {
    struct arena arena;
    const struct pipeline *pipeline;
    const struct table *table;        /* NULL: none, and values are of no interest */
    struct cell *row;                 /* a cell for each column */
    uint64_t closed;                  /* the change that closed its window, since when it has no records; or 0 */
    struct explained_record *records; /* by unit, its facts first, each feed's by rank */
    size_t count;
    struct file_record *files;
    size_t file_count;
};

/* Explains group `group` (engine_each_group) of table number `table`. The core is open for reading and its engine that
   of `until`, the sequence it was replayed to. explain_close in any case. */
bool explain_group(struct explanation *explanation, struct core *core, size_t table, uint32_t group, uint64_t until,
                   struct error *error) MUST_USE;
void explain_close(struct explanation *explanation);

/* Where the records of the facts stand that engine_each_waiting tells of: without a table, units and values. For the
   core, `until` and explain_close as explain_group; explain_find finds one of them. */
bool explain_waiting(struct explanation *explanation, struct core *core, uint64_t until, struct error *error) MUST_USE;
const struct explained_record *explain_find(const struct explanation *explanation, uint64_t sequence, uint64_t row);

/* How many records from `first` on are of the same unit. */
size_t explain_unit(const struct explanation *explanation, size_t first);

/* The values that went into a column of kind count, count_distinct, sum, avg, min or max. Calls `visit` for each. */
void explain_terms(const struct explanation *explanation, const struct column *column,
                   void (*visit)(void *context, const struct explained_term *term), void *context);

#endif
