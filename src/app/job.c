#include "app/job.h"

bool flow_init(struct flow *flow, size_t workers, struct error *error)
{
    *flow = (struct flow){.bytes_most = workers * FLOW_WORKER_BYTES};
    if (uv_mutex_init(&flow->mutex) != 0)
        return error_memory(error);
    if (uv_cond_init(&flow->room) != 0) {
        uv_mutex_destroy(&flow->mutex);
        return error_memory(error);
    }
    if (uv_cond_init(&flow->work) != 0) {
        uv_cond_destroy(&flow->room);
        uv_mutex_destroy(&flow->mutex);
        return error_memory(error);
    }
    return true;
}

void flow_close(struct flow *flow)
{
    uv_cond_destroy(&flow->work);
    uv_cond_destroy(&flow->room);
    uv_mutex_destroy(&flow->mutex);
}

static bool has_room(const struct job *job, size_t bytes)
{
    if (job->count == JOB_BATCHES_MAX)
        return false;
    if (job->flow->bytes + bytes <= job->flow->bytes_most)
        return true;
    return job->ticket == job->flow->head && job->count == 0;
}

static bool is_wanted(const struct job *job)
{
    return !job->flow->closed && !job->dropped;
}

static void put(struct job *job, struct batch *batch, size_t bytes)
{
    job->batches[(job->first + job->count++) % JOB_BATCHES_MAX] = batch;
    job->flow->bytes += bytes;
    uv_cond_signal(&job->flow->work);
}

bool job_push(struct job *job, struct batch *batch)
{
    struct flow *flow = job->flow;
    size_t bytes = batch_bytes(batch);
    uv_mutex_lock(&flow->mutex);
    while (is_wanted(job) && !has_room(job, bytes))
        uv_cond_wait(&flow->room, &flow->mutex);
    bool wanted = is_wanted(job);
    if (wanted)
        put(job, batch, bytes);
    uv_mutex_unlock(&flow->mutex);
    if (!wanted)
        batch_free(batch);
    return wanted;
}

bool job_push_now(struct job *job, struct batch *batch)
{
    size_t bytes = batch_bytes(batch);
    uv_mutex_lock(&job->flow->mutex);
    bool room = is_wanted(job) && has_room(job, bytes);
    if (room)
        put(job, batch, bytes);
    uv_mutex_unlock(&job->flow->mutex);
    return room;
}

struct batch *job_take(struct job *job)
{
    if (job->count == 0)
        return NULL;
    struct batch *batch = job->batches[job->first];
    job->first = (job->first + 1) % JOB_BATCHES_MAX;
    job->count--;
    job->flow->bytes -= batch_bytes(batch);
    uv_cond_broadcast(&job->flow->room);
    return batch;
}

void job_end(struct job *const *jobs, size_t count)
{
    if (count == 0)
        return;
    struct flow *flow = jobs[0]->flow;
    uv_mutex_lock(&flow->mutex);
    for (size_t i = 0; i < count; i++)
        jobs[i]->finished = true;
    uv_cond_signal(&flow->work);
    uv_mutex_unlock(&flow->mutex);
}

void job_clear(struct job *job)
{
    uv_mutex_lock(&job->flow->mutex);
    for (struct batch *batch; (batch = job_take(job)) != NULL;)
        batch_free(batch);
    uv_mutex_unlock(&job->flow->mutex);
    arena_close(&job->facts.arena);
}
