/*
 * From store to target, on the loop: connect, decide, deliver, again.
 *
 * One state says what is under way, and one function begins whatever is to be done next (consider). A delivery takes
 * everything committed so far; while it runs, commits go on. A target that cannot be reached is tried again with
 * growing pauses, for ever. No state of the target is trusted across a failure: it is opened again, and its progress
 * row decides.
 *
 * Nor is it trusted for long without one: between deliveries it is opened anew every `check`, so that tables that
 * somebody emptied and a dump that somebody restored are noticed although no file comes. With the same pace a target
 * that refuses to be opened, or that has diverged, is asked again; so is one that refused a delivery, but no sooner
 * than after four times the length of that. By then what it did not take may be forgotten or corrected, or it may take
 * it.
 */
#ifndef DROPFOLD_APP_DELIVERER_H
#define DROPFOLD_APP_DELIVERER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "app/committer.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/pipeline.h"
#include "target/target.h"

struct deliverer;

struct delivered {
    uint64_t sequence, groups; /* upserts and deletes of all tables */
    bool full;
    int64_t micros; /* from its start to the target's commit */
    struct engine_overflows overflows;
};

struct deliverer_callbacks {
    void *context;
    /* The target was asked and may be written: before the first delivery, and after each refusal that is over; or
       NULL. */
    void (*decided)(void *context);
    void (*delivered)(void *context, const struct delivered *delivered);
    /* The target holds everything committed. */
    void (*settled)(void *context);
    /* A try failed, by the target or before it (ERROR_MEMORY, ERROR_IO); `retry` microseconds until the next one. */
    void (*trouble)(void *context, const struct error *error, int64_t retry);
    /* It says no; each time it is asked. Or nothing can be made for it: ERROR_CORRUPT, ERROR_BUG. */
    void (*refused)(void *context, const struct error *error);
};

struct deliverer_options {
    struct target *target; /* taken over */
    struct committer *committer;
    const struct pipeline *pipeline;
    uint64_t sequence; /* what the store holds */
    bool overwrite;    /* --yes: holds until the target is settled once */
    bool rebuild;      /* the first delivery is a full one */
    int64_t check;     /* microseconds after which an open target is asked anew; 0: never, and a refusal is for good */
    /* Microseconds that the first of many changes waits for the others while files keep coming. An empty table is
       filled in one go then, which is several times as fast as to fill it bit by bit. */
    int64_t patience;
};

/* Begins to open the target. */
bool deliverer_start(struct deliverer **deliverer, uv_loop_t *loop, const struct deliverer_options *options,
                     const struct deliverer_callbacks *callbacks, struct error *error) MUST_USE;

/* Change `sequence` was committed. Changes may be told in any order: a worker that is slow to say that it has read its
   file makes a change known after the next one. A delivery may wait a little, to take more at once. */
void deliverer_wants(struct deliverer *deliverer, uint64_t sequence);
/* Nothing more is coming right away: what is wanted is delivered without waiting. */
void deliverer_hurry(struct deliverer *deliverer);
/* The same, and nothing more is coming at all: the pause after a failed try ends, and however many failed, one that
   fails from now on makes no more than `failures` of them. */
void deliverer_try_last(struct deliverer *deliverer, unsigned failures);

/* The ledger got a row that is no change. */
void deliverer_noted(struct deliverer *deliverer);

/* Whether the target is known to hold all that is wanted; whether it said no and has not said yes since. */
bool deliverer_is_settled(const struct deliverer *deliverer);
bool deliverer_is_refused(const struct deliverer *deliverer);
/* Failed tries since the last success. */
unsigned deliverer_failures(const struct deliverer *deliverer);

/* Gives up what is under way; `stopped` is called on the loop when nothing of it is left there. */
void deliverer_stop(struct deliverer *deliverer, void (*stopped)(void *context), void *context);

#endif
