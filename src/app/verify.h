/*
 * Whether the target's tables are what the checkpoint store makes of the files, row by row, and the store what it
 * should be itself.
 *
 * The store is read for looking, beside whoever writes it. All of it is checked, then its history is told up to the
 * change that the target holds, and the target compares its tables with that itself, within one transaction (target.h):
 * what it lacks of later changes is no drift but told as such. Without `repair` nothing is locked or written, and
 * deliveries go on. With it they wait, and what drifted is mended in that transaction.
 *
 * `deep` reads every file that the ledger says was applied once more, as it was read then, and compares its rows with
 * the ones in the store; where its descriptor is another now, its bytes with those that were applied. As all numbers
 * follow from those rows, a store that agrees with its sources has the tables that the sources make; nothing has to be
 * built a second time.
 */
#ifndef DROPFOLD_APP_VERIFY_H
#define DROPFOLD_APP_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/pipeline.h"
#include "target/drift.h"

enum verify_problem {
    VERIFY_MISSING,   /* a source is gone, or cannot be read as it was, or has another content */
    VERIFY_DIFFERENT, /* a source was read, and the store has other rows of it */
    VERIFY_UNKNOWN,   /* a file lies in the archive and is in no row of the ledger */
    VERIFY_PROBLEMS
};

struct verify_table {
    uint64_t rows; /* that it should have */
    uint64_t drift[DRIFT_KINDS];
};

struct verify_result {
    char target[1024];       /* its name */
    uint64_t sequence;       /* of the change that the target holds */
    uint64_t store_sequence; /* and of the store's last one */
    bool delivering;         /* a running dropfold brings the target what it lacks */
    struct verify_table tables[PIPELINE_DELIVERED_MAX];
    bool counts_differ; /* the progress row counts other rows than the target should have */
    bool repaired;
    uint64_t sources;                   /* read again; deep only, as what follows */
    uint64_t changed;                   /* of those, read by a descriptor that is another now: only their bytes tell */
    uint64_t problems[VERIFY_PROBLEMS]; /* by kind */
};

/* What is told on the way, in this order; each may be NULL. */
struct verify_visit {
    void *context;
    /* The store at `path` is sound, as far as store_check looks; the rest is checked as its history is told. */
    void (*store)(void *context, const char *path);
    /* One source, or one file of the archive, is not as it should be. */
    void (*problem)(void *context, enum verify_problem kind, const char *path, const char *what);
    /* All sources were read. */
    void (*sources)(void *context, const struct verify_result *result);
    /* The store's history is sound, and the target is about to be compared with it. */
    void (*target)(void *context, const struct verify_result *result);
    /* A table was compared. */
    void (*table)(void *context, const struct table *table, const struct verify_table *found);
    /* One of its drifted rows, in key order; settings->limit of each table at most. */
    void (*row)(void *context, const struct table *table, enum drift_kind kind, const struct drift_value *values);
};

/* Rows that drifted, over all tables. */
uint64_t verify_drifted(const struct verify_result *result);
/* Whether the store has the rows of its sources, as far as those could be read. */
bool verify_agrees(const struct verify_result *result);

/*
 * Compares. True when it came to an end, whatever it found: nothing is mended (settings->repair) while the store and
 * its sources disagree. False: ERROR_DIVERGED as decide.h has it, ERROR_TARGET when there is nothing to compare yet or
 * the target cannot be reached, ERROR_REFUSED for tables that are missing or of another shape, ERROR_CORRUPT for a
 * damaged store, ERROR_CONFIG for one of another pipeline.
 */
bool verify(const struct settings *settings, const struct pipeline *pipeline, const struct verify_visit *visit,
            struct verify_result *result, struct error *error) MUST_USE;

#endif
