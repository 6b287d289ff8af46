#include "app/ahead.h"

#include <stdlib.h>

#include "app/follower.h"

struct ahead {
    struct follower *follower;
    ahead_apply apply;
    void *context;
    struct ahead_step steps[AHEAD_STEPS];
    size_t next;        /* the step that the caller fills */
    struct error error; /* of the step that failed; the thread's until the follower has ended */
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

static bool apply_at(void *context, size_t place)
{
    struct ahead *ahead = context;
    return ahead->apply(ahead->context, &ahead->steps[place], &ahead->error);
}

struct ahead *ahead_start(const struct pipeline *pipeline, ahead_apply apply, void *context)
{
    struct ahead *ahead = make(pipeline);
    if (!ahead)
        return NULL;
    ahead->apply = apply;
    ahead->context = context;
    ahead->follower = follower_start(AHEAD_STEPS, apply_at, ahead);
    if (ahead->follower)
        return ahead;
    free_rows(ahead);
    return NULL;
}

struct ahead_step *ahead_next(struct ahead *ahead)
{
    return follower_room(ahead->follower, &ahead->next) ? &ahead->steps[ahead->next] : NULL;
}

void ahead_push(struct ahead *ahead)
{
    follower_push(ahead->follower);
}

bool ahead_end(struct ahead *ahead, struct error *error)
{
    bool good = follower_end(ahead->follower);
    if (!good)
        *error = ahead->error;
    free_rows(ahead);
    return good;
}
