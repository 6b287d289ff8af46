/*
 * What goes to a target: rows of tables with their final values, and the progress they bring it to.
 *
 * Rows are absolute, never increments: delivering them twice changes nothing. All blocks of a delivery are written in
 * one transaction of the target together with the new progress.
 */
#ifndef DROPFOLD_MODEL_DELIVERY_H
#define DROPFOLD_MODEL_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "model/pipeline.h"
#include "model/wide.h"

enum {
    EPOCH_SIZE = 37, /* a UUID as text, NUL included */
    BLOCK_ROWS_MAX = 4096,
    BLOCK_BYTES_MAX = 8 * 1024 * 1024
};

/* A value of a table's column in its final type, converted once. */
enum cell_kind {
    CELL_NULL,
    CELL_INT,     /* i: integer, bigint, date in days, timestamp in microseconds, boolean: as the column's type says */
    CELL_FLOAT,   /* d: real (already rounded to float) and double */
    CELL_NUMERIC, /* n, in units of 10^-column.scale */
    CELL_TEXT,    /* text, valid UTF-8 without NUL */
    CELL_LIST     /* text: int64 numbers, ascending, as their bytes (cell_number) */
};

struct cell {
    enum cell_kind kind;
    union {
        int64_t i;
        double d;
        wide n;
        struct slice text;
    };
};

/* How many numbers a CELL_LIST has, and one of them. */
static inline size_t cell_numbers(const struct cell *list)
{
    return list->text.len / sizeof(int64_t);
}

static inline int64_t cell_number(const struct cell *list, size_t i)
{
    int64_t number;
    memcpy(&number, list->text.data + i * sizeof number, sizeof number);
    return number;
}

/* Texts and lists of that many cells become copies in the arena. False when out of memory, or past its limit. */
MUST_USE static inline bool cell_copy_texts(struct arena *arena, struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cells[i].kind != CELL_TEXT && cells[i].kind != CELL_LIST)
            continue;
        cells[i].text = arena_copy(arena, cells[i].text);
        if (!cells[i].text.data)
            return false;
    }
    return true;
}

/* The numbers with commas between them. */
void cell_print_list(const struct cell *list, char open, char close, struct buf *out);

/* As people read it: "12.30", "0.1", "2022-02-17 12:03:13+00", "true", "[3,7]". A real or double is the shortest
   decimal that means the same number; what is null prints nothing. */
void cell_print(const struct column *column, const struct cell *cell, struct buf *out);

/* Rows of one table: to upsert (all columns) or to delete (the key columns only, in key order). */
struct block {
    size_t table;
    bool deletes;
    bool fresh; /* of upserts: no delivery ever brought these keys to the target, so it should have none of them */
    size_t rows, columns;
    struct cell *cells; /* row by row */
    struct arena arena;
};

/* An empty block with room for `rows` rows of null cells: its own `rows` starts at 0. The arena is for texts, at most
   BLOCK_BYTES_MAX. NULL when out of memory. */
struct block *block_new(size_t table, bool deletes, size_t rows, size_t columns) MUST_USE;
/* NULL is none. */
void block_free(struct block *block);

enum { PROGRESS_NUMBERS = PIPELINE_DELIVERED_MAX + 1 };

/* How far a target is. Its digest tells two histories with the same numbers apart. */
struct progress {
    bool present; /* false: the target has no progress row for this pipeline */
    char epoch[EPOCH_SIZE];
    uint64_t sequence;
    struct digest digest;
    /* Of each table, after that delivery; behind them the mark of the ledger's newest row. */
    uint64_t rows[PROGRESS_NUMBERS];
};

/* How many of its numbers a target keeps. */
static inline size_t progress_numbers(const struct pipeline *pipeline)
{
    return pipeline_delivered(pipeline) + (pipeline->ledger_count > 0 ? 1 : 0);
}

/* One transaction of a target. */
struct delivery {
    struct progress from; /* what the target must hold when it begins; otherwise the delivery is off */
    struct progress to;
    bool full;          /* the tables are to hold these rows and no others; no deletes are listed */
    bool compare;       /* nothing is delivered: these rows, all of them, are what the tables are compared with */
    size_t fresh_least; /* of a table with fewer fresh rows no block is fresh: they come among the others */
    uint64_t upserts[PIPELINE_DELIVERED_MAX], deletes[PIPELINE_DELIVERED_MAX]; /* rows to come, each table */
};

/* Two that are not present are equal; else everything counts. */
bool progress_equal(const struct progress *a, const struct progress *b);

#endif
