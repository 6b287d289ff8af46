/*
 * A file on its way: from a ready candidate to its line of report.
 *
 * Owner by owner: the loop makes it; a worker reads the file and pushes batches into it; the committer takes them out
 * and makes the change; the loop gets it back, has it archived by a worker, reports and frees it. The stream between
 * worker and committer is the only part two threads touch at once, under the mutex of `struct flow`.
 *
 * What is in flight is bounded by bytes over all files. The first file in order may always go on, else two full
 * neighbours would wait for each other for ever.
 */
#ifndef DROPFOLD_APP_JOB_H
#define DROPFOLD_APP_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "app/core.h"
#include "base/attr.h"
#include "base/error.h"
#include "feed/intake.h"
#include "feed/watch.h"
#include "model/batch.h"

enum {
    FLOW_WORKER_BYTES = CHUNK_SIZE_MAX, /* of batches waiting for the committer, over all files, for each worker */
    JOB_BATCHES_MAX = 64                /* of one file waiting */
};

struct flow {
    uv_mutex_t mutex;
    uv_cond_t room; /* workers wait for it */
    uv_cond_t work; /* the committer waits for it */
    size_t bytes, bytes_most;
    uint64_t head; /* ticket of the file the committer is at */
    bool closed;   /* nothing is taken out any more: workers stop */
};

/* A flow from so many workers. They are held back soon: one that runs ahead of the committer takes a core from it that
   it misses when all is read. */
bool flow_init(struct flow *flow, size_t workers, struct error *error) MUST_USE;
void flow_close(struct flow *flow);

enum job_outcome {
    JOB_APPLIED,
    JOB_DUPLICATE,
    JOB_BAD,       /* to be quarantined; the reason is in `error` */
    JOB_UNSETTLED, /* changed while it was read */
    JOB_GONE,
    JOB_LATER,         /* could not be read or stored now */
    JOB_BEHIND,        /* one before it in its feed found no room in the store: it is not to overtake that one */
    JOB_BEHIND_UNREAD, /* the same of one that can not be read */
    JOB_STOPPED        /* shutdown came first */
};

struct job {
    struct candidate *candidate;
    uint64_t ticket; /* order of commits */
    unsigned turn;   /* of its feed, from 1: what found no room holds back those of its turn that come behind it */
    struct flow *flow;
    bool holds;      /* also when it can only not be read for a while */
    int64_t started; /* monotonic microseconds */

    /* the stream, under flow->mutex */
    struct batch *batches[JOB_BATCHES_MAX];
    size_t first, count;
    bool finished; /* it was read to its end; the fields below are set */
    bool dropped;  /* the committer takes nothing more of it: the worker stops */

    /* the worker's results */
    struct file_stat stat; /* the candidate's at first; as the file was read */
    bool flushed;          /* what was read is on the disk, or never will be */
    bool stays;            /* it is left in its folder: by the feed's wish, or because that cannot be written */
    enum intake_result intake;
    struct file_facts facts;
    struct error error;

    /* the committer's results */
    enum job_outcome outcome;
    struct core_result result;
    struct core_closed closed; /* windows that closed behind it */
    struct error not_closed;   /* why they could not, though they were due */
    struct job *next;          /* in the committer's queue, then in its results */
};

/* On a worker thread: these were read to their end, and what was read is on the disk; the results are set. */
void job_end(struct job *const *jobs, size_t count);

/* On a worker thread: takes the batch over, waiting while there is no room. False when nothing more is wanted. */
bool job_push(struct job *job, struct batch *batch) MUST_USE;

/* The same without waiting. False when it cannot be now: the batch is still the caller's. */
bool job_push_now(struct job *job, struct batch *batch) MUST_USE;

/* On the committer's thread, with the mutex held: the next batch, or NULL when none is there now. */
struct batch *job_take(struct job *job);

/* Frees what is left in the stream and the facts, not the job. */
void job_clear(struct job *job);

#endif
