#include "app/follower.h"

#include <stdint.h>
#include <stdlib.h>
#include <uv.h>

struct follower {
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t room, work_there;
    follower_work work;
    void *context;
    size_t places;
    uint64_t pushed, done; /* steps so far; under the mutex, as what follows */
    bool told;             /* no more steps come */
    bool failed;
};

/* The number of steps that are there to be done; 0: none will come. */
static uint64_t wait_for_work(struct follower *f)
{
    uv_mutex_lock(&f->mutex);
    while (f->pushed - f->done < f->places / 2 && !f->told)
        uv_cond_wait(&f->work_there, &f->mutex);
    uint64_t there = f->pushed - f->done;
    uv_mutex_unlock(&f->mutex);
    return there;
}

static void note_done(struct follower *f, bool good)
{
    uv_mutex_lock(&f->mutex);
    f->done++;
    f->failed = !good;
    if (f->failed || f->pushed - f->done == f->places / 2)
        uv_cond_signal(&f->room);
    uv_mutex_unlock(&f->mutex);
}

/* Only this thread writes `failed` and `done`. */
static void thread_main(void *argument)
{
    struct follower *f = argument;
    for (uint64_t there; !f->failed && (there = wait_for_work(f)) > 0;)
        for (; there > 0 && !f->failed; there--)
            note_done(f, f->work(f->context, f->done % f->places));
}

static bool start(struct follower *f)
{
    if (uv_mutex_init(&f->mutex) != 0)
        return false;
    if (uv_cond_init(&f->room) == 0) {
        if (uv_cond_init(&f->work_there) == 0) {
            if (uv_thread_create(&f->thread, thread_main, f) == 0)
                return true;
            uv_cond_destroy(&f->work_there);
        }
        uv_cond_destroy(&f->room);
    }
    uv_mutex_destroy(&f->mutex);
    return false;
}

struct follower *follower_start(size_t places, follower_work work, void *context)
{
    struct follower *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->places = places;
    f->work = work;
    f->context = context;
    if (start(f))
        return f;
    free(f);
    return NULL;
}

bool follower_room(struct follower *f, size_t *place)
{
    uv_mutex_lock(&f->mutex);
    if (f->pushed - f->done == f->places)
        while (f->pushed - f->done > f->places / 2 && !f->failed)
            uv_cond_wait(&f->room, &f->mutex);
    bool good = !f->failed;
    *place = f->pushed % f->places;
    uv_mutex_unlock(&f->mutex);
    return good;
}

void follower_push(struct follower *f)
{
    uv_mutex_lock(&f->mutex);
    f->pushed++;
    if (f->pushed - f->done >= f->places / 2)
        uv_cond_signal(&f->work_there);
    uv_mutex_unlock(&f->mutex);
}

bool follower_end(struct follower *f)
{
    uv_mutex_lock(&f->mutex);
    f->told = true;
    uv_cond_signal(&f->work_there);
    uv_mutex_unlock(&f->mutex);
    uv_thread_join(&f->thread);
    bool good = !f->failed;
    uv_cond_destroy(&f->work_there);
    uv_cond_destroy(&f->room);
    uv_mutex_destroy(&f->mutex);
    free(f);
    return good;
}
