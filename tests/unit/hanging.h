/*
 * A guard on a loop, which ends a program whose test waits for ever.
 *
 * It counts beats of its timer and asks no clock: after a time in which the process stood still, as it does with the
 * whole machine, one beat comes and no more, however long that was.
 */
#ifndef DROPFOLD_TESTS_HANGING_H
#define DROPFOLD_TESTS_HANGING_H

#include "testing.h"

#include <uv.h>

enum {
    HANGING_BEAT = 60 * 1000, /* milliseconds */
    HANGING_BEATS = 2
};

struct hanging {
    uv_timer_t timer; /* to be closed by its owner */
    int beats;
};

static inline void hanging_beat(uv_timer_t *timer)
{
    struct hanging *hanging = CONTAINER_OF(timer, struct hanging, timer);
    if (++hanging->beats < HANGING_BEATS)
        return;
    print_error("still waiting after %d s\n", HANGING_BEATS * HANGING_BEAT / 1000);
    abort(); /* its loop may live on a stack that goes: no other test could run after it */
}

static inline void hanging_begin(struct hanging *hanging, uv_loop_t *loop)
{
    hanging->beats = 0;
    uv_timer_init(loop, &hanging->timer);
    uv_update_time(loop);
    uv_timer_start(&hanging->timer, hanging_beat, HANGING_BEAT, HANGING_BEAT);
}

#endif
