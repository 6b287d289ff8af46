#include "app/committer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "model/batch.h"

/* A singly linked queue of either kind; `next` is the first member reached through the accessors below. */
struct job_queue {
    struct job *first, **last;
};
struct request_queue {
    struct request *first, **last;
};

struct committer {
    uv_thread_t thread;
    uv_async_t answers;
    struct core *core;
    struct flow *flow; /* its mutex guards the queues too */
    struct committer_callbacks callbacks;
    struct job_queue jobs, done_jobs;
    struct request_queue requests, done_requests;
    bool stopping;
    bool failed, failure_told;
    struct error failure;
    void (*stopped)(void *context);
    void *stopped_context;
};

static void push_job(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct job *pop_job(struct job_queue *queue)
{
    struct job *job = queue->first;
    if (job && !(queue->first = job->next))
        queue->last = &queue->first;
    return job;
}

static void push_request(struct request_queue *queue, struct request *request)
{
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

static struct request *pop_request(struct request_queue *queue)
{
    struct request *request = queue->first;
    if (request && !(queue->first = request->next))
        queue->last = &queue->first;
    return request;
}

/* --- the store thread --------------------------------------------------------------------------------------------- */

static bool is_fatal(enum error_kind kind)
{
    return kind != ERROR_FULL;
}

static void fail(struct committer *committer, const struct error *error)
{
    uv_mutex_lock(&committer->flow->mutex);
    committer->failed = true;
    committer->failure = *error;
    committer->flow->closed = true;
    uv_cond_broadcast(&committer->flow->room);
    uv_mutex_unlock(&committer->flow->mutex);
}

static void finish_job(struct committer *committer, struct job *job, enum job_outcome outcome)
{
    job->outcome = outcome;
    uv_mutex_lock(&committer->flow->mutex);
    job->dropped = true;
    if (pop_job(&committer->jobs) == job && committer->jobs.first)
        committer->flow->head = committer->jobs.first->ticket;
    push_job(&committer->done_jobs, job);
    uv_cond_broadcast(&committer->flow->room);
    uv_mutex_unlock(&committer->flow->mutex);
    uv_async_send(&committer->answers);
}

static enum job_outcome outcome_unread(enum intake_result result)
{
    switch (result) {
    case INTAKE_BAD:
        return JOB_BAD;
    case INTAKE_CHANGED:
        return JOB_UNSETTLED;
    case INTAKE_GONE:
        return JOB_GONE;
    case INTAKE_ODD:
    case INTAKE_FAILED:
        return JOB_LATER;
    case INTAKE_READ:
    case INTAKE_STOPPED:
        break;
    }
    return JOB_STOPPED;
}

/* What the store refused for want of space is tried again later, the file being where it was; all else is the end. */
static enum job_outcome refused(struct committer *committer, struct job *job)
{
    core_file_cancel(committer->core);
    if (!is_fatal(job->error.kind))
        return JOB_LATER;
    fail(committer, &job->error);
    return JOB_STOPPED;
}

/* As a file that cannot be read. */
static enum job_outcome refused_change(struct job *job)
{
    core_refusal(job->candidate->landing->feed, &job->result, &job->error);
    return JOB_BAD;
}

/* The file itself is committed whatever comes of it. */
static void close_windows(struct committer *committer, struct job *job)
{
    if (!core_close_windows(committer->core, clock_wall(), &job->closed, &job->not_closed) &&
        is_fatal(job->not_closed.kind))
        fail(committer, &job->not_closed);
}

static enum job_outcome end_file(struct committer *committer, struct job *job)
{
    if (job->intake != INTAKE_READ) {
        core_file_cancel(committer->core);
        return outcome_unread(job->intake);
    }
    struct core_file file = {.name = job->candidate->name,
                             .stat = &job->candidate->stat,
                             .facts = &job->facts,
                             .stays = landing_keeps(job->candidate->landing)};
    if (!core_file_end(committer->core, &file, clock_wall(), &job->result, &job->error))
        return refused(committer, job);
    if (job->result.outcome == CORE_REFUSED)
        return refused_change(job);
    if (job->result.outcome == CORE_DUPLICATE)
        return JOB_DUPLICATE;
    close_windows(committer, job);
    return JOB_APPLIED;
}

/* The next thing the head job offers: a batch, its end, or nothing yet. After a failure all that is left to do with jobs
   is to give them back. Called with the mutex held. */
static bool head_ready(const struct committer *committer)
{
    const struct job *job = committer->jobs.first;
    return job && (job->count > 0 || job->finished || committer->failed);
}

static void work_on_job(struct committer *committer, struct job *job, struct job **open)
{
    if (committer->failed) {
        *open = NULL;
        finish_job(committer, job, JOB_STOPPED);
        return;
    }
    if (*open != job) {
        core_file_begin(committer->core, job->candidate->landing->index);
        *open = job;
    }
    uv_mutex_lock(&committer->flow->mutex);
    struct batch *batch = job_take(job);
    uv_mutex_unlock(&committer->flow->mutex);
    if (!batch) {
        *open = NULL;
        finish_job(committer, job, end_file(committer, job));
        return;
    }
    if (!core_file_put(committer->core, batch, &job->error)) {
        *open = NULL;
        finish_job(committer, job, refused(committer, job));
    }
}

static void serve(struct committer *committer, struct request *request)
{
    request->work(request, committer->core);
    uv_mutex_lock(&committer->flow->mutex);
    push_request(&committer->done_requests, request);
    uv_mutex_unlock(&committer->flow->mutex);
    uv_async_send(&committer->answers);
}

/* The first request, when it may be served now. Called with the mutex held. */
static bool request_ready(const struct committer *committer, const struct job *open)
{
    const struct request *request = committer->requests.first;
    return request && !(request->alone && open && !committer->failed);
}

static void thread_main(void *argument)
{
    struct committer *committer = argument;
    struct flow *flow = committer->flow;
    struct job *open = NULL;
    for (;;) {
        uv_mutex_lock(&flow->mutex);
        while (!request_ready(committer, open) && !committer->stopping && !head_ready(committer))
            uv_cond_wait(&flow->work, &flow->mutex);
        struct request *request = request_ready(committer, open) ? pop_request(&committer->requests) : NULL;
        struct job *job = committer->jobs.first;
        bool ready = !committer->stopping && head_ready(committer);
        bool stop = committer->stopping;
        uv_mutex_unlock(&flow->mutex);
        if (request)
            serve(committer, request);
        else if (stop)
            break;
        else if (ready)
            work_on_job(committer, job, &open);
    }
    core_file_cancel(committer->core);
}

/* --- the loop's side ---------------------------------------------------------------------------------------------- */

static void tell_failure(struct committer *committer)
{
    uv_mutex_lock(&committer->flow->mutex);
    bool tell = committer->failed && !committer->failure_told;
    committer->failure_told = committer->failed;
    uv_mutex_unlock(&committer->flow->mutex);
    if (tell)
        committer->callbacks.failed(committer->callbacks.context, &committer->failure);
}

static void deliver_answers(struct committer *committer)
{
    for (;;) {
        uv_mutex_lock(&committer->flow->mutex);
        struct job *job = pop_job(&committer->done_jobs);
        struct request *request = job ? NULL : pop_request(&committer->done_requests);
        uv_mutex_unlock(&committer->flow->mutex);
        if (job)
            committer->callbacks.job_done(committer->callbacks.context, job);
        else if (request)
            request->done(request);
        else
            break;
    }
}

static void on_answers(uv_async_t *async)
{
    struct committer *committer = async->data;
    tell_failure(committer);
    deliver_answers(committer);
}

bool committer_start(struct committer **out, uv_loop_t *loop, struct core *core, struct flow *flow,
                     const struct committer_callbacks *callbacks, struct error *error)
{
    struct committer *committer = calloc(1, sizeof *committer);
    if (!committer)
        return error_memory(error);
    committer->core = core;
    committer->flow = flow;
    committer->callbacks = *callbacks;
    committer->jobs.last = &committer->jobs.first;
    committer->done_jobs.last = &committer->done_jobs.first;
    committer->requests.last = &committer->requests.first;
    committer->done_requests.last = &committer->done_requests.first;
    int result = uv_async_init(loop, &committer->answers, on_answers);
    if (result != 0) {
        free(committer);
        return error_set(error, ERROR_IO, "cannot wake the event loop: %s", uv_strerror(result));
    }
    committer->answers.data = committer;
    result = uv_thread_create(&committer->thread, thread_main, committer);
    if (result != 0) {
        uv_close((uv_handle_t *)&committer->answers, NULL);
        uv_run(loop, UV_RUN_NOWAIT);
        free(committer);
        return error_set(error, ERROR_IO, "cannot start the store thread: %s", uv_strerror(result));
    }
    *out = committer;
    return true;
}

void committer_add(struct committer *committer, struct job *job)
{
    uv_mutex_lock(&committer->flow->mutex);
    if (!committer->jobs.first)
        committer->flow->head = job->ticket;
    push_job(&committer->jobs, job);
    uv_cond_broadcast(&committer->flow->room);
    uv_cond_signal(&committer->flow->work);
    uv_mutex_unlock(&committer->flow->mutex);
}

void committer_submit(struct committer *committer, struct request *request)
{
    uv_mutex_lock(&committer->flow->mutex);
    push_request(&committer->requests, request);
    uv_cond_signal(&committer->flow->work);
    uv_mutex_unlock(&committer->flow->mutex);
}

static void on_closed(uv_handle_t *handle)
{
    struct committer *committer = handle->data;
    void (*stopped)(void *) = committer->stopped;
    void *context = committer->stopped_context;
    free(committer);
    stopped(context);
}

void committer_stop(struct committer *committer, void (*stopped)(void *context), void *context)
{
    uv_mutex_lock(&committer->flow->mutex);
    committer->stopping = true;
    committer->flow->closed = true;
    uv_cond_broadcast(&committer->flow->room);
    uv_cond_signal(&committer->flow->work);
    uv_mutex_unlock(&committer->flow->mutex);
    uv_thread_join(&committer->thread);
    deliver_answers(committer);
    for (struct job *job; (job = pop_job(&committer->jobs)) != NULL;) {
        job->outcome = JOB_STOPPED;
        committer->callbacks.job_done(committer->callbacks.context, job);
    }
    committer->stopped = stopped;
    committer->stopped_context = context;
    uv_close((uv_handle_t *)&committer->answers, on_closed);
}
