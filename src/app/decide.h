/*
 * What to do about a target, from what it says of itself and what the store knows: the rule of section "The target" in
 * docs/architecture.md, as one pure function.
 */
#ifndef DROPFOLD_APP_DECIDE_H
#define DROPFOLD_APP_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"

enum decision {
    DECIDE_NOTHING,     /* it holds all there is */
    DECIDE_INCREMENTAL, /* deliver the groups changed since its sequence, and the rows new in the ledger */
    DECIDE_FULL,        /* replace what it holds, in one transaction */
    DECIDE_REFUSE       /* somebody's numbers would be lost: `error` says whose and each way out */
};

struct decide_input {
    const struct pipeline *pipeline;
    const char *target_name;
    const struct progress *store;  /* epoch, sequence, digest */
    const struct progress *target; /* its progress row */
    const uint64_t *target_rows;   /* counted, each table */
    const char *taken, *taken_by;  /* a table into which another pipeline delivers, and that one; or NULL */
    bool adopted;                  /* the target's progress is of a history this store replaced */
    uint64_t rewritten; /* the newest change that took rows away which are in no list of changed groups, or 0 */
    uint64_t files;     /* rows of the store's ledger (store_files) */
    uint64_t mark;      /* of that one of them which should be the target's newest (ledger_mark) */
    bool digest_known;  /* the store has the target's sequence, and with this digest */
    bool overwrite;     /* the user said --yes */
    bool rebuild;       /* the user asked for a full delivery */
};

/* `error` is filled for DECIDE_REFUSE only, as ERROR_DIVERGED. */
enum decision decide(const struct decide_input *input, struct error *error);

#endif
