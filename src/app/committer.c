#include "app/committer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "model/batch.h"

enum {
    GROUP_FILES_MAX = 1024,
    GROUP_BYTES_MAX = 64 * 1024 * 1024,      /* of the files: a few MiB in the store */
    GROUP_FILE_BYTES_MAX = 32 * 1024 * 1024, /* a larger file is a commit of its own */
    GROUP_MICROS_MAX = 250 * 1000            /* from the end of its first file */
};

/* Queues through the `next` of what waits in them; `last` is where the next one is linked. */
struct job_queue {
    struct job *first, **last;
};
struct request_queue {
    struct request *first, **last;
};

/* Jobs that have ended and are not answered, as what they came to is not durable yet: the core's group, while it is
   open. The store thread's alone. */
struct group {
    struct job_queue jobs;
    size_t files;
    uint64_t bytes;
    int64_t began; /* monotonic */
};

/* A file that others are not to overtake. */
struct holder {
    unsigned turn;
    enum job_outcome behind; /* what becomes of those of its turn behind it */
};

struct committer {
    uv_thread_t thread;
    uv_async_t answers;
    struct core *core;
    struct flow *flow; /* its mutex guards the queues too */
    struct committer_callbacks callbacks;
    struct job_queue jobs, done_jobs;
    struct group group;
    struct request_queue requests, done_requests;
    struct holder held[PIPELINE_FEEDS_MAX]; /* the newest of each feed; the store thread's */
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

/* Only the first is told: what comes behind it follows from it. */
static void fail(struct committer *committer, const struct error *error)
{
    uv_mutex_lock(&committer->flow->mutex);
    if (!committer->failed)
        committer->failure = *error;
    committer->failed = true;
    committer->flow->closed = true;
    uv_cond_broadcast(&committer->flow->room);
    uv_mutex_unlock(&committer->flow->mutex);
}

/* Takes the head job from the queue, and answers it or, while a group is open, keeps it for when that is durable. */
static void finish_job(struct committer *committer, struct job *job, enum job_outcome outcome)
{
    struct group *group = &committer->group;
    bool grouped = committer->core->grouped;
    job->outcome = outcome;
    uv_mutex_lock(&committer->flow->mutex);
    job->dropped = true;
    if (pop_job(&committer->jobs) == job && committer->jobs.first)
        committer->flow->head = committer->jobs.first->ticket;
    push_job(grouped ? &group->jobs : &committer->done_jobs, job);
    uv_cond_broadcast(&committer->flow->room);
    uv_mutex_unlock(&committer->flow->mutex);
    group->files += grouped;
    group->bytes += grouped ? job->facts.size : 0;
    if (!grouped)
        uv_async_send(&committer->answers);
}

static void answer_group(struct committer *committer)
{
    struct group *group = &committer->group;
    group->files = 0;
    group->bytes = 0;
    uv_mutex_lock(&committer->flow->mutex);
    for (struct job *job; (job = pop_job(&group->jobs)) != NULL;)
        push_job(&committer->done_jobs, job);
    uv_mutex_unlock(&committer->flow->mutex);
    uv_async_send(&committer->answers);
}

/* What comes behind it in its feed would be overwritten by it when it comes again. */
static void hold_back(struct committer *committer, const struct job *job, enum job_outcome behind)
{
    committer->held[job->candidate->landing->index] = (struct holder){job->turn, behind};
}

/* The file that the job would overtake; or NULL. */
static const struct holder *find_holder(const struct committer *committer, const struct job *job)
{
    const struct holder *holder = &committer->held[job->candidate->landing->index];
    return holder->turn == job->turn && job->turn > 0 ? holder : NULL;
}

/* Commits the group, if one is open, and answers its jobs: when that fails as files that were not applied, which lie in
   their folders. */
static void end_group(struct committer *committer)
{
    struct error error = {0};
    if (!committer->core->grouped)
        return;
    if (!core_group_end(committer->core, &error)) {
        for (struct job *job = committer->group.jobs.first; job; job = job->next) {
            job->outcome = is_fatal(error.kind) ? JOB_STOPPED : JOB_LATER;
            job->error = error;
            if (!is_fatal(error.kind))
                hold_back(committer, job, JOB_BEHIND);
        }
        if (is_fatal(error.kind))
            fail(committer, &error);
    }
    answer_group(committer);
}

/* Whether the job, which has ended or is at its end, is one of those that share a commit. While it is being read: with
   the mutex held. */
static bool is_small(const struct job *job)
{
    return job->finished && job->count <= 1 && job->facts.size <= GROUP_FILE_BYTES_MAX;
}

static bool has_room(const struct group *group)
{
    return group->files < GROUP_FILES_MAX && group->bytes < GROUP_BYTES_MAX &&
           clock_monotonic() - group->began < GROUP_MICROS_MAX;
}

/* The first file of a group waits for nobody: the group ends as soon as no other is at hand. */
static bool join_group(struct committer *committer, struct error *error)
{
    if (!committer->core->grouped)
        committer->group.began = clock_monotonic();
    return core_group_begin(committer->core, error);
}

/* Of a bad one: end_bad. */
static enum job_outcome outcome_unread(const struct job *job)
{
    switch (job->intake) {
    case INTAKE_CHANGED:
        return JOB_UNSETTLED;
    case INTAKE_TOUCHED:
        return job->holds ? JOB_LATER : JOB_UNSETTLED;
    case INTAKE_GONE:
        return JOB_GONE;
    case INTAKE_ODD:
    case INTAKE_FAILED:
    case INTAKE_REFUSED:
        return JOB_LATER;
    case INTAKE_READ:
    case INTAKE_BAD:
    case INTAKE_STOPPED:
        break;
    }
    return JOB_STOPPED;
}

/* What the store refused for want of space is tried again later, the file being where it was; what the engine cannot
   count would be refused each time, and is quarantined as a file that cannot be read; all else is the end. */
static enum job_outcome refused(struct committer *committer, struct job *job)
{
    core_file_cancel(committer->core);
    if (job->error.kind == ERROR_DATA)
        return JOB_BAD;
    if (!is_fatal(job->error.kind)) {
        hold_back(committer, job, JOB_BEHIND);
        return JOB_LATER;
    }
    fail(committer, &job->error);
    end_group(committer); /* what came before it is kept, if that is still possible */
    return JOB_STOPPED;
}

/* As a file that cannot be read. */
static enum job_outcome refused_change(struct job *job)
{
    core_refusal(job->candidate->landing->feed, job->result.sequence, &job->error);
    return JOB_BAD;
}

/* The file itself is committed whatever comes of it. */
static void close_windows(struct committer *committer, struct job *job)
{
    if (!core_close_windows(committer->core, clock_wall(), &job->closed, &job->not_closed) &&
        is_fatal(job->not_closed.kind))
        fail(committer, &job->not_closed);
}

/* One that was applied and lies in its folder still, or came again, is known by its content, however it would be read
   today. */
static enum job_outcome end_bad(struct committer *committer, struct job *job)
{
    struct error error = {0};
    const struct core_file file = {
        .name = job->candidate->name, .stat = &job->stat, .facts = &job->facts, .stays = job->stays};
    if (!core_group_takes(committer->core, &file))
        end_group(committer);
    if (core_file_unread(committer->core, &file, clock_wall(), &job->result, &error))
        return job->result.outcome == CORE_DUPLICATE ? JOB_DUPLICATE : JOB_BAD;
    job->error = error;
    return refused(committer, job);
}

static enum job_outcome end_file(struct committer *committer, struct job *job)
{
    if (job->intake == INTAKE_BAD)
        return end_bad(committer, job);
    if (job->intake != INTAKE_READ) {
        core_file_cancel(committer->core);
        if ((job->intake == INTAKE_FAILED || job->intake == INTAKE_TOUCHED) && job->holds)
            hold_back(committer, job, JOB_BEHIND_UNREAD);
        return outcome_unread(job);
    }
    struct core_file file = {
        .name = job->candidate->name, .stat = &job->stat, .facts = &job->facts, .stays = job->stays};
    bool together = is_small(job) && core_is_small(committer->core);
    if (together && !core_group_takes(committer->core, &file))
        end_group(committer);
    if ((together && !join_group(committer, &job->error)) ||
        !core_file_end(committer->core, &file, clock_wall(), &job->result, &job->error))
        return refused(committer, job);
    if (job->result.outcome == CORE_REFUSED)
        return refused_change(job);
    if (job->result.outcome == CORE_DUPLICATE)
        return JOB_DUPLICATE;
    close_windows(committer, job);
    return JOB_APPLIED;
}

/* The next thing the head job offers: a batch, its end, or nothing yet. After a failure all that is left to do with
   jobs is to give them back. Called with the mutex held. */
static bool head_ready(const struct committer *committer)
{
    const struct job *job = committer->jobs.first;
    return job && (job->count > 0 || job->finished || committer->failed);
}

static void work_on_job(struct committer *committer, struct job *job, struct job **open)
{
    const struct holder *holder = find_holder(committer, job);
    if (committer->failed) {
        *open = NULL;
        finish_job(committer, job, JOB_STOPPED);
        return;
    }
    if (*open != job && holder) {
        finish_job(committer, job, holder->behind);
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
    if (committer->core->broken.kind != ERROR_NONE)
        fail(committer, &committer->core->broken);
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

/* What comes next. */
struct step {
    struct request *request; /* to be served; or */
    struct job *job;         /* the head job, to go on with; or nothing: the group is to end */
    bool joins;              /* it may be of the group that is open */
    bool stop;
};

/* Waits until there is something to do. */
static struct step next_step(struct committer *committer, const struct job *open)
{
    struct step step = {0};
    struct flow *flow = committer->flow;
    uv_mutex_lock(&flow->mutex);
    while (!request_ready(committer, open) && !committer->stopping && !head_ready(committer) &&
           !committer->core->grouped)
        uv_cond_wait(&flow->work, &flow->mutex);
    if (request_ready(committer, open))
        step.request = pop_request(&committer->requests);
    else if (committer->stopping)
        step.stop = true;
    else if (head_ready(committer))
        step.job = committer->jobs.first;
    step.joins = step.job && !committer->failed && is_small(step.job) && has_room(&committer->group);
    uv_mutex_unlock(&flow->mutex);
    return step;
}

static void thread_main(void *argument)
{
    struct committer *committer = argument;
    struct job *open = NULL;
    for (struct step step = {0}; !step.stop;) {
        step = next_step(committer, open);
        /* Nobody may see what is not durable, and nobody waits for others to come. */
        if (!step.joins)
            end_group(committer);
        if (step.request)
            serve(committer, step.request);
        else if (step.job)
            work_on_job(committer, step.job, &open);
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
    bool jobs = false;
    for (;;) {
        uv_mutex_lock(&committer->flow->mutex);
        struct job *job = pop_job(&committer->done_jobs);
        struct request *request = job ? NULL : pop_request(&committer->done_requests);
        uv_mutex_unlock(&committer->flow->mutex);
        jobs = jobs || job;
        if (job)
            committer->callbacks.job_done(committer->callbacks.context, job);
        else if (request)
            request->done(request);
        else
            break;
    }
    if (jobs && committer->callbacks.jobs_done)
        committer->callbacks.jobs_done(committer->callbacks.context);
}

static void on_answers(uv_async_t *async)
{
    struct committer *committer = async->data;
    tell_failure(committer);
    deliver_answers(committer);
}

static void on_closed(uv_handle_t *handle)
{
    struct committer *committer = handle->data;
    void (*stopped)(void *) = committer->stopped;
    void *context = committer->stopped_context;
    free(committer);
    if (stopped) /* it was started */
        stopped(context);
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
    committer->group.jobs.last = &committer->group.jobs.first;
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
        uv_close((uv_handle_t *)&committer->answers, on_closed);
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
