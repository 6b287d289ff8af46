/*
 * Each side sleeps until there is a good part of a ring for it to do: waking a thread costs as much as some rows.
 */
#include "app/ahead.h"

#include <stdlib.h>
#include <uv.h>

struct ahead {
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t room, work;
    ahead_apply apply;
    void *context;
    struct ahead_step steps[AHEAD_STEPS];
    uint64_t pushed, applied; /* steps so far; under the mutex, as what follows */
    bool told;                /* no more steps come */
    bool failed;
    struct error error;
};

static void free_rows(struct ahead *ahead)
{
    for (size_t i = 0; i < AHEAD_STEPS; i++)
        engine_rows_free(ahead->steps[i].rows);
    free(ahead);
}

static struct ahead *make(const struct pipeline *pipeline)
{
    struct error error;
    struct ahead *ahead = calloc(1, sizeof *ahead);
    for (size_t i = 0; ahead && i < AHEAD_STEPS; i++) {
        ahead->steps[i].rows = engine_rows_new(pipeline, &error);
        if (!ahead->steps[i].rows) {
            free_rows(ahead);
            ahead = NULL;
        }
    }
    return ahead;
}

/* The number of steps that are there to be applied; 0: none will come. */
static uint64_t wait_for_work(struct ahead *ahead)
{
    uv_mutex_lock(&ahead->mutex);
    while (ahead->pushed == ahead->applied && !ahead->told)
        uv_cond_wait(&ahead->work, &ahead->mutex);
    uint64_t there = ahead->pushed - ahead->applied;
    uv_mutex_unlock(&ahead->mutex);
    return there;
}

static void note_applied(struct ahead *ahead, const struct error *error)
{
    uv_mutex_lock(&ahead->mutex);
    ahead->applied++;
    if (error) {
        ahead->failed = true;
        ahead->error = *error;
    }
    if (ahead->failed || ahead->pushed - ahead->applied == AHEAD_STEPS / 2)
        uv_cond_signal(&ahead->room);
    uv_mutex_unlock(&ahead->mutex);
}

/* Only this thread writes `failed` and `applied`. */
static void thread_main(void *argument)
{
    struct ahead *ahead = argument;
    for (uint64_t there; !ahead->failed && (there = wait_for_work(ahead)) > 0;)
        for (; there > 0 && !ahead->failed; there--) {
            struct error error = {0};
            bool good = ahead->apply(ahead->context, &ahead->steps[ahead->applied % AHEAD_STEPS], &error);
            note_applied(ahead, good ? NULL : &error);
        }
}

static bool start(struct ahead *ahead)
{
    if (uv_mutex_init(&ahead->mutex) != 0)
        return false;
    if (uv_cond_init(&ahead->room) == 0) {
        if (uv_cond_init(&ahead->work) == 0) {
            if (uv_thread_create(&ahead->thread, thread_main, ahead) == 0)
                return true;
            uv_cond_destroy(&ahead->work);
        }
        uv_cond_destroy(&ahead->room);
    }
    uv_mutex_destroy(&ahead->mutex);
    return false;
}

struct ahead *ahead_start(const struct pipeline *pipeline, ahead_apply apply, void *context)
{
    struct ahead *ahead = make(pipeline);
    if (!ahead)
        return NULL;
    ahead->apply = apply;
    ahead->context = context;
    if (start(ahead))
        return ahead;
    free_rows(ahead);
    return NULL;
}

struct ahead_step *ahead_next(struct ahead *ahead)
{
    uv_mutex_lock(&ahead->mutex);
    if (ahead->pushed - ahead->applied == AHEAD_STEPS)
        while (ahead->pushed - ahead->applied > AHEAD_STEPS / 2 && !ahead->failed)
            uv_cond_wait(&ahead->room, &ahead->mutex);
    struct ahead_step *step = ahead->failed ? NULL : &ahead->steps[ahead->pushed % AHEAD_STEPS];
    uv_mutex_unlock(&ahead->mutex);
    return step;
}

void ahead_push(struct ahead *ahead)
{
    uv_mutex_lock(&ahead->mutex);
    ahead->pushed++;
    uv_cond_signal(&ahead->work);
    uv_mutex_unlock(&ahead->mutex);
}

bool ahead_end(struct ahead *ahead, struct error *error)
{
    uv_mutex_lock(&ahead->mutex);
    ahead->told = true;
    uv_cond_signal(&ahead->work);
    uv_mutex_unlock(&ahead->mutex);
    uv_thread_join(&ahead->thread);
    bool good = !ahead->failed;
    if (!good)
        *error = ahead->error;
    uv_cond_destroy(&ahead->work);
    uv_cond_destroy(&ahead->room);
    uv_mutex_destroy(&ahead->mutex);
    free_rows(ahead);
    return good;
}
