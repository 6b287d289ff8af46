/* A single run over the landing folders, and the end of any. */
#include "feed_watching.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

static struct {
    atomic_int looks;   /* at grows.csv, which is longer by each */
    atomic_llong ahead; /* seconds of the monotonic clock */
} world;

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_MONOTONIC)
        now->tv_sec += world.ahead;
    return result;
}

__attribute__((visibility("default"))) int fstatat(int folder, const char *name, struct stat *stat, int flags)
{
    static _Thread_local int (*next)(int folder, const char *name, struct stat *stat, int flags);
    if (!next) {
        void *found = dlsym(RTLD_NEXT, "fstatat");
        memcpy(&next, &found, sizeof next);
    }
    int result = next(folder, name, stat, flags);
    if (strcmp(name, "grows.csv") == 0)
        stat->st_size += atomic_fetch_add(&world.looks, 1);
    return result;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void ends_a_single_run_when_all_has_settled_and_nothing_new_came(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    int64_t begun = clock_monotonic();
    file_write(w->folder[0], "new.csv", "1");
    file_write(w->folder[1], "old.csv", "1");
    file_date(w->folder[1], "old.csv", 1600000000);
    watching_start(w);
    run_until(w, w->idle > 0);
    assert_int_equal(w->count, 2);
    assert_note(w, 0, 1, "old.csv");
    assert_note(w, 1, 0, "new.csv");
    assert_true(w->notes[1].at - begun >= WATCHING_SETTLE);
    run_for(w, WATCHING_SETTLE);
    assert_int_equal(w->idle, 1);
}

static void ends_a_single_run_of_empty_folders(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    watching_start(w);
    run_until(w, w->idle == 1);
    assert_int_equal(w->count, 0);
    assert_false(watch_missed(w->watch));
}

static void tells_at_the_end_of_a_single_run_that_a_folder_was_left_out(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    file_write(w->folder[1], "old.csv", "1");
    file_date(w->folder[1], "old.csv", 1600000000);
    assert_ok(watching_try(w), &w->error);
    move_folder_away(w, "moved");
    run_until(w, w->idle == 1);
    assert_int_equal(w->count, 1);
    assert_true(watch_missed(w->watch));
}

static void takes_what_comes_during_a_single_run(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    w->keep = true;
    file_write(w->folder[0], "a.csv", "1");
    watching_start(w);
    run_until(w, w->count == 1);
    file_write(w->folder[0], "b.csv", "1");
    assert_int_equal(w->idle, 0);
    watching_release(w, 0, WATCH_DONE);
    run_until(w, w->count == 2);
    assert_int_equal(w->idle, 0);
    watching_release(w, 1, WATCH_DONE);
    run_until(w, w->idle == 1);
    assert_int_equal(w->count, 2);
}

static void does_not_wait_in_a_single_run_for_what_can_only_be_done_later(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    w->outcome = WATCH_LATER;
    file_write(w->folder[0], "a.csv", "1");
    watching_start(w);
    run_until(w, w->idle == 1);
    assert_int_equal(w->count, 1);
}

static void lets_a_changed_file_settle_again_in_a_single_run(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    w->keep = true;
    file_write(w->folder[0], "a.csv", "1");
    watching_start(w);
    run_until(w, w->count == 1);
    file_append(w->folder[0], "a.csv", "2");
    watching_release(w, 0, WATCH_SETTLE);
    run_until(w, w->count == 2);
    assert_int_equal(w->notes[1].stat.size, 2);
    assert_int_equal(w->idle, 0);
    watching_release(w, 1, WATCH_DONE);
    run_until(w, w->idle == 1);
}

static void ends_a_single_run_without_a_file_that_is_written_to_for_ever(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    file_write(w->folder[0], "grows.csv", "1");
    file_write(w->folder[0], "old.csv", "1");
    file_date(w->folder[0], "old.csv", 1600000000);
    watching_start(w);
    run_until(w, w->count == 1 && world.looks > 5);
    assert_note(w, 0, 0, "old.csv");
    assert_int_equal(w->idle, 0);
    world.ahead += 61;
    run_until(w, w->idle == 1);
    assert_int_equal(w->count, 1);
    assert_int_equal(watching_said(w, "Orders/grows.csv is written to again and again: left for another run"), 1);
    assert_true(watch_missed(w->watch));
}

static void stops_in_the_middle_of_its_work(void **state)
{
    struct watching *w = *state;
    deliver_many(w);
    assert_ok(watching_try(w), &w->error);
    for (int i = 0; i < 3; i++) /* scans and looks are under way */
        uv_run(&w->loop, UV_RUN_NOWAIT);
    watching_stop(w);
    struct landing free_again;
    assert_ok(landing_open(&free_again, w->data, &w->feeds[0], 0, true, &w->error), &w->error);
    landing_close(&free_again);
}

static void stops_before_the_loop_has_run(void **state)
{
    struct watching *w = *state;
    assert_ok(watching_try(w), &w->error);
    watching_stop(w);
    assert_int_equal(w->count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, watching_set_up, watching_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ends_a_single_run_when_all_has_settled_and_nothing_new_came),
        TEST(ends_a_single_run_of_empty_folders),
        TEST(tells_at_the_end_of_a_single_run_that_a_folder_was_left_out),
        TEST(takes_what_comes_during_a_single_run),
        TEST(does_not_wait_in_a_single_run_for_what_can_only_be_done_later),
        TEST(lets_a_changed_file_settle_again_in_a_single_run),
        TEST(ends_a_single_run_without_a_file_that_is_written_to_for_ever),
        TEST(stops_in_the_middle_of_its_work),
        TEST(stops_before_the_loop_has_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
