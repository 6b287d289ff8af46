/*
 * The store thread: the only one that touches store and engine.
 *
 * It makes one change after the other, in the order of the jobs' tickets, and between two batches serves requests of
 * the loop (the next block of a delivery, a ledger note). Answers come back on the loop through one uv_async.
 */
#ifndef DROPFOLD_APP_COMMITTER_H
#define DROPFOLD_APP_COMMITTER_H

#include <stdbool.h>
#include <uv.h>

#include "app/core.h"
#include "app/job.h"
#include "base/attr.h"
#include "base/error.h"

struct committer;

/* Something to be done with the core on its thread. Embedded in its owner; one use at a time. */
struct request {
    void (*work)(struct request *request, struct core *core); /* on the store thread */
    void (*done)(struct request *request);                    /* then on the loop */
    bool alone; /* not while a file is being put together: it writes a change or a note of its own */
    struct request *next;
};

/* Those of jobs may be NULL where none is added. */
struct committer_callbacks {
    void *context;
    void (*job_done)(void *context, struct job *job); /* outcome and result are set; on the loop */
    void (*jobs_done)(void *context);                 /* some were answered, and no more are there now; or NULL */
    /* Store or engine cannot go on (corrupt, out of memory, I/O error at a commit). No further job is worked on; each
       is answered with JOB_STOPPED. Called once. */
    void (*failed)(void *context, const struct error *error);
};

/* Starts the thread. `core` is the committer's until committer_stop. On false what is left of it goes when the loop
   runs. */
bool committer_start(struct committer **committer, uv_loop_t *loop, struct core *core, struct flow *flow,
                     const struct committer_callbacks *callbacks, struct error *error) MUST_USE;

/* Jobs are worked on in the order they are added, which must be the order of their tickets. */
void committer_add(struct committer *committer, struct job *job);
void committer_submit(struct committer *committer, struct request *request);

/* Ends the thread after what it is doing now, answers what is queued (jobs with JOB_STOPPED; requests are worked on),
   joins it, and calls `stopped` on the loop when nothing of it is left there. */
void committer_stop(struct committer *committer, void (*stopped)(void *context), void *context);

#endif
