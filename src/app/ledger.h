/*
 * The ledger's part of a delivery: rows of dropfold_files and dropfold_rejects, a block at a time.
 *
 * What a target has of the ledger its progress row says: rows of dropfold_files are never taken out and are numbered
 * without gaps, so the number of them is the number of the last one. What a full delivery replaces is all of it; any
 * other adds the rows behind that number and the rejects that a retry among them closed, marks the rows that were taken
 * back since, and takes their rejects out. The rows are a function of the store's history and of how many there are.
 */
#ifndef DROPFOLD_APP_LEDGER_H
#define DROPFOLD_APP_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "store/store.h"

struct ledger {
    const struct pipeline *pipeline;
    struct store *store;
    struct ledger_range range; /* of files to come; `after` moves on */
    uint64_t files;            /* rows to come */
    struct ledger_taken taken;
    struct ledger_rejects gone, rejects; /* to be taken out; to be written */
};

/* How many files' rows a target with this progress has. */
uint64_t ledger_known(const struct pipeline *pipeline, const struct progress *progress);

/* What tells row `file` of the store's ledger from one that another copy of the store may have under that number, where
   both have the same changes: less than 2^62, and 0 only when there is none. A target keeps that of the newest row it
   has. */
bool ledger_mark(struct store *store, uint64_t file, uint64_t *mark, struct error *error) MUST_USE;

/* How far a delivery goes: the first `files` rows of the ledger, as they were after change `sequence`. */
struct ledger_end {
    uint64_t files, sequence;
};
/* Begins: announces the rows in `delivery`, whose `from`, `full` and `compare` are given. Nothing when the pipeline
   keeps its ledger to itself. The pipeline and the store must outlive it. */
bool ledger_start(struct ledger *ledger, const struct pipeline *pipeline, struct store *store, struct ledger_end end,
                  struct delivery *delivery, struct error *error) MUST_USE;

/* The next block; NULL after the last. */
bool ledger_next(struct ledger *ledger, struct block **block, struct error *error) MUST_USE;

#endif
