/*
 * A history told by one thread and applied by another, a bounded number of steps behind (app/follower.h).
 *
 *   caller (reads the store, decodes)  --steps, in order-->  a thread of its own (applies)
 *
 * A step belongs to the caller from ahead_next to ahead_push, and then to the thread until it was applied.
 */
#ifndef DROPFOLD_APP_AHEAD_H
#define DROPFOLD_APP_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "engine/decoded.h"
#include "store/store.h"

enum {
    AHEAD_STEPS = 16 /* how far the thread may be behind; each step has an engine_rows of its own */
};

enum ahead_kind { AHEAD_ROWS, AHEAD_CLOSE, AHEAD_CHANGE_END };

struct ahead_step {
    enum ahead_kind kind;
    size_t feed;               /* of rows */
    struct engine_rows *rows;  /* of AHEAD_ROWS; made once for each step, and filled again and again */
    struct replay_chunk chunk; /* that the rows are of; without its texts */
    uint64_t sequence;         /* of AHEAD_CLOSE: the change, */
    int64_t before;            /* and the moment up to which it closes windows */
    struct replay_end end;     /* of AHEAD_CHANGE_END */
};

struct ahead;

/* Starts the thread, which calls `apply` for each step until one fails. NULL: there is no memory or no thread for
   it. */
typedef bool (*ahead_apply)(void *context, const struct ahead_step *step, struct error *error);
struct ahead *ahead_start(const struct pipeline *pipeline, ahead_apply apply, void *context) MUST_USE;

/* The next step to fill, waiting for room; NULL when a step before it failed: ahead_end says how. */
struct ahead_step *ahead_next(struct ahead *ahead) MUST_USE;
void ahead_push(struct ahead *ahead);

/* Waits until all steps were applied, ends the thread and frees everything. False, with its error, when one failed. */
bool ahead_end(struct ahead *ahead, struct error *error) MUST_USE;

#endif
