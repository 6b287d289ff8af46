/* Steps from one thread to another: in order, bounded, and an end when one fails. */
#include "testing.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "app/ahead.h"

enum { STEPS = 20 * AHEAD_STEPS, ROUNDS = 200, HANGS_AFTER = 120 /* seconds */ };

struct fixture {
    struct pipeline pipeline;
    struct feed feed;
    struct ahead *ahead;
    uint64_t applied, fails_at; /* the latter: 0 for none */
    atomic_bool held;           /* the other side waits */
    atomic_uint_fast64_t told;  /* steps */
    uint64_t full, late; /* a step that fails waits until so many are told, and then for so many turns of others */
};

static bool apply(void *context, const struct ahead_step *step, struct error *error)
{
    struct fixture *f = context;
    while (atomic_load(&f->held))
        sched_yield();
    f->applied++;
    if (f->applied == f->fails_at)
        for (uint64_t turns = 0; atomic_load(&f->told) < f->full || turns < f->late; turns++)
            sched_yield();
    if (step->kind != AHEAD_CLOSE || step->sequence != f->applied)
        return error_set(error, ERROR_BUG, "step %ju came as %ju", (uintmax_t)step->sequence, (uintmax_t)f->applied);
    return f->applied != f->fails_at || error_set(error, ERROR_CORRUPT, "step %ju is bad", (uintmax_t)f->applied);
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->feed.name = "Things";
    f->feed.field_count = 1;
    f->pipeline.feeds = &f->feed;
    f->pipeline.feed_count = 1;
    f->ahead = ahead_start(&f->pipeline, apply, f);
    assert_non_null(f->ahead);
}

/* How many of the steps found room. */
static uint64_t tell(struct fixture *f, uint64_t count)
{
    uint64_t told = 0;
    while (told < count) {
        struct ahead_step *step = ahead_next(f->ahead);
        if (!step)
            return told;
        assert_non_null(step->rows);
        step->kind = AHEAD_CLOSE;
        step->sequence = ++told;
        ahead_push(f->ahead);
        atomic_store(&f->told, told);
    }
    return told;
}

static void steps_are_applied_in_order_and_all_before_the_end(void **state)
{
    (void)state;
    struct fixture f;
    struct error error;
    set_up(&f);
    assert_int_equal(tell(&f, STEPS), STEPS);
    assert_ok(ahead_end(f.ahead, &error), &error);
    assert_int_equal(f.applied, STEPS);
}

static void nothing_told_is_an_end_too(void **state)
{
    (void)state;
    struct fixture f;
    struct error error;
    set_up(&f);
    assert_ok(ahead_end(f.ahead, &error), &error);
    assert_int_equal(f.applied, 0);
}

/* One step behind the failing one may be told already, a ring full at most; none of them is applied. */
static void a_step_that_fails_ends_the_telling(void **state)
{
    (void)state;
    struct fixture f;
    struct error error = {0};
    set_up(&f);
    f.fails_at = 40;
    uint64_t told = tell(&f, STEPS);
    assert_in_range(told, 40, 40 + AHEAD_STEPS);
    assert_false(ahead_end(f.ahead, &error));
    assert_error(&error, ERROR_CORRUPT, "step 40");
    assert_int_equal(f.applied, 40);
}

/* Whoever waits for room is woken; again and again, so that it sleeps already at one time or another. */
static void a_step_that_fails_wakes_who_waits_for_room(void **state)
{
    (void)state;
    (void)alarm(HANGS_AFTER);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct fixture f;
        struct error error = {0};
        set_up(&f);
        f.fails_at = 1;
        f.full = AHEAD_STEPS;
        f.late = round;
        assert_int_equal(tell(&f, STEPS), AHEAD_STEPS);
        assert_false(ahead_end(f.ahead, &error));
        assert_error(&error, ERROR_CORRUPT, "step 1");
    }
    (void)alarm(0);
}

/* The last step fails when there is nobody left to be told. */
static void a_failure_is_told_at_the_end(void **state)
{
    (void)state;
    struct fixture f;
    struct error error = {0};
    set_up(&f);
    f.fails_at = 5;
    atomic_store(&f.held, true);
    assert_int_equal(tell(&f, 5), 5);
    atomic_store(&f.held, false);
    assert_false(ahead_end(f.ahead, &error));
    assert_error(&error, ERROR_CORRUPT, "step 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_applied_in_order_and_all_before_the_end),
        cmocka_unit_test(nothing_told_is_an_end_too),
        cmocka_unit_test(a_step_that_fails_ends_the_telling),
        cmocka_unit_test(a_step_that_fails_wakes_who_waits_for_room),
        cmocka_unit_test(a_failure_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
