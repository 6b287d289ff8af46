/* What happens to the landing folders, to inotify, and at the end of a run. */
#include "feed_watching.h"

#include <sched.h>
#include <sys/mount.h>

enum {
    MANY = 2000,
    NO_NAMESPACES = 77 /* exit code of a child */
};

/* --- folders --- */

static void refuses_to_start_without_a_folder(void **state)
{
    struct watching *w = *state;
    assert_int_equal(rmdir(w->folder[2]), 0);
    assert_false(watching_try(w));
    assert_error(&w->error, ERROR_CONFIG, "Customers");
    assert_null(w->watch);
    assert_int_equal(mkdir(w->folder[2], 0755), 0);
    watching_start(w); /* nothing was left locked */
}

static void refuses_to_start_beside_another_instance(void **state)
{
    struct watching *w = *state;
    struct landing other;
    assert_ok(landing_open(&other, w->data, &w->feeds[1], 1, true, &w->error), &w->error);
    assert_false(watching_try(w));
    assert_error(&w->error, ERROR_LOCKED, "Deliveries");
    landing_close(&other);
    watching_start(w);
}

static void move_folder_away(const struct watching *w, const char *name)
{
    char moved[FEED_PATH_MAX];
    path_join(moved, w->data, name);
    assert_int_equal(rename(w->folder[0], moved), 0);
}

static void finds_a_folder_that_was_renamed_away_and_made_anew(void **state)
{
    struct watching *w = *state;
    struct landing lock;
    watching_start(w);
    move_folder_away(w, "moved");
    assert_int_equal(mkdir(w->folder[0], 0755), 0);
    file_deliver(w->folder[0], "before.csv", "1");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "before.csv");
    assert_string_equal(watch_landing(w->watch, 0)->path, w->folder[0]);
    assert_true(is_current(watch_landing(w->watch, 0)));
    assert_false(landing_open(&lock, w->data, &w->feeds[0], 0, true, &w->error));
    assert_error(&w->error, ERROR_LOCKED, "Orders");
    file_deliver(w->folder[0], "after.csv", "1"); /* by an event: there is no rescan */
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "after.csv");
}

static void does_not_look_at_another_folder_before_the_owner_is_done_with_it(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    w->keep_opened = true;
    watching_start(w);
    move_folder_away(w, "moved");
    assert_int_equal(mkdir(w->folder[0], 0755), 0);
    file_deliver(w->folder[0], "a.csv", "1");
    file_deliver(w->folder[1], "b.csv", "1");
    run_until(w, w->opened && w->count == 1);
    watching_scans(w, 6);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->opened, 1);
    watch_opened(w->watch, 0);
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "a.csv");
}

static void does_not_hand_out_what_lies_in_a_folder_that_was_moved_away(void **state)
{
    struct watching *w = *state;
    char moved[FEED_PATH_MAX];
    watching_start(w);
    move_folder_away(w, "moved");
    assert_int_equal(mkdir(w->folder[0], 0755), 0);
    run_until(w, is_current(watch_landing(w->watch, 0)));
    path_join(moved, w->data, "moved");
    file_write(moved, "a.csv", "1");
    file_deliver(moved, "b.csv", "1");
    file_deliver(w->folder[0], "c.csv", "1");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "c.csv");
}

static void drops_what_waits_in_a_folder_that_is_lost(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    watching_start(w);
    watch_pause(w->watch, true);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, (watch_stats(w->watch, &stats), stats.ready == 1));
    move_folder_away(w, "moved");
    run_until(w, (watch_stats(w->watch, &stats), stats.ready == 0));
    watch_pause(w->watch, false);
    file_deliver(w->folder[1], "b.csv", "1");
    run_until(w, w->count == 1);
    assert_note(w, 0, 1, "b.csv");
}

static void warns_once_of_a_lost_folder_and_finds_it_again(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    move_folder_away(w, "moved");
    run_until(w, watching_said(w, "is missing") == 1);
    watching_scans(w, 9);
    assert_int_equal(watching_said(w, "is missing"), 1);
    assert_int_equal(mkdir(w->folder[0], 0755), 0);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    move_folder_away(w, "again");
    run_until(w, watching_said(w, "is missing") == 2);
}

static void hears_of_files_in_a_folder_that_was_moved_away_and_back(void **state)
{
    struct watching *w = *state;
    char moved[FEED_PATH_MAX];
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    move_folder_away(w, "moved");
    run_until(w, watching_said(w, "is missing") == 1);
    path_join(moved, w->data, "moved");
    assert_int_equal(rename(moved, w->folder[0]), 0);
    run_until(w, watching_said(w, "can be read again") == 1);
    watching_scans(w, 6);
    struct watch_stats before, after;
    watch_stats(w->watch, &before);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    watch_stats(w->watch, &after);
    assert_true(after.events > before.events);
}

static void keeps_a_folder_open_for_the_file_that_is_out(void **state)
{
    struct watching *w = *state;
    int number;
    struct file_stat stat;
    w->keep = true;
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    move_folder_away(w, "moved");
    assert_int_equal(mkdir(w->folder[0], 0755), 0);
    run_until(w, is_current(watch_landing(w->watch, 0)));
    int fd = landing_open_file(w->notes[0].candidate->landing, "a.csv", &stat, &number, &w->error);
    assert_true(fd >= 0);
    close(fd);
    watching_release(w, 0, WATCH_DONE);
    file_deliver(w->folder[0], "a.csv", "2");
    run_until(w, w->count == 2);
}

static bool is_noted(const struct watching *w, size_t feed, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->notes[i].feed == feed && strcmp(w->notes[i].name, name) == 0)
            return true;
    return false;
}

static void swap_folders(const struct watching *w)
{
    char moved[FEED_PATH_MAX];
    move_folder_away(w, "moved");
    path_join(moved, w->data, "moved");
    assert_int_equal(rename(w->folder[1], w->folder[0]), 0);
    assert_int_equal(rename(moved, w->folder[1]), 0);
}

static void follows_folders_that_two_feeds_have_exchanged(void **state)
{
    struct watching *w = *state;
    struct landing lock;
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    swap_folders(w);
    file_deliver(w->folder[0], "a.csv", "1");
    file_deliver(w->folder[1], "b.csv", "1");
    run_until(w, w->count == 2);
    assert_true(is_noted(w, 0, "a.csv") && is_noted(w, 1, "b.csv"));
    for (size_t i = 0; i < 2; i++) {
        assert_false(landing_open(&lock, w->data, &w->feeds[i], i, true, &w->error));
        assert_error(&w->error, ERROR_LOCKED, w->feeds[i].name);
    }
    assert_int_equal(watching_said(w, "another dropfold"), 0);
    assert_int_equal(watching_said(w, "leads to the folder that"), 0);
}

static void waits_with_an_exchanged_folder_for_the_file_that_is_out(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    w->keep = true;
    watching_start(w);
    file_deliver(w->folder[1], "out.csv", "1");
    run_until(w, w->count == 1);
    swap_folders(w);
    file_deliver(w->folder[1], "b.csv", "1");
    run_until(w, watching_said(w, "Orders leads to the folder that Deliveries has") == 1);
    run_until(w, w->count == 2); /* its own new folder is free */
    watching_scans(w, 6);
    assert_int_equal(w->count, 2);
    assert_note(w, 1, 1, "b.csv");
    watching_release(w, 0, WATCH_LATER);
    run_until(w, w->count == 3);
    assert_note(w, 2, 0, "out.csv");
    watching_release(w, 1, WATCH_DONE);
    watching_release(w, 2, WATCH_DONE);
}

static void names_the_feed_that_has_the_folder_already(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    move_folder_away(w, "moved");
    assert_int_equal(symlink("Deliveries", w->folder[0]), 0);
    run_until(w,
              watching_said(w, "Orders leads to the folder that Deliveries has: each feed needs one of its own") == 1);
    assert_int_equal(unlink(w->folder[0]), 0);
    assert_int_equal(mkdir(w->folder[0], 0755), 0);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "a.csv");
}

/* A folder that nobody finds under its name is not held against others, and is held again when it is back. */
static void lets_a_lost_folder_go_and_takes_it_again(void **state)
{
    struct watching *w = *state;
    struct feed other = {.name = "moved"};
    struct landing lock;
    char moved[FEED_PATH_MAX];
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    move_folder_away(w, "moved");
    path_join(moved, w->data, "moved");
    run_until(w, watching_said(w, "looking for it at each rescan") == 1);
    bool free = false;
    run_until(w, free || (free = landing_open(&lock, w->data, &other, 0, true, &w->error)));
    assert_int_equal(rename(moved, w->folder[0]), 0);
    file_deliver(w->folder[0], "a.csv", "1");
    watching_scans(w, 6);
    assert_int_equal(w->count, 0);
    landing_close(&lock);
    run_until(w, w->count == 1);
    assert_false(landing_open(&lock, w->data, &w->feeds[0], 0, true, &w->error));
}

static void finds_a_folder_that_was_mounted_over(void **state)
{
    struct watching *w = *state;
    if (geteuid() != 0) {
        print_message("needs root: skipped\n");
        skip();
    }
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    assert_int_equal(mount("none", w->folder[0], "tmpfs", 0, "size=1m"), 0);
    file_write(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    assert_int_equal(umount2(w->folder[0], MNT_DETACH), 0);
    file_write(w->folder[0], "b.csv", "1");
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "b.csv");
}

/* --- inotify --- */

static void finds_files_without_events(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    w->options.events = false;
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    file_write(w->folder[0], "written.csv", "1");
    file_deliver(w->folder[1], "renamed.csv", "1");
    run_until(w, w->count == 2);
    watch_stats(w->watch, &stats);
    assert_int_equal(stats.events, 0);
}

/* As from a server whose clock is behind: what is written now looks as if it had long been there. */
static void lets_what_comes_settle_whatever_its_time(void **state)
{
    struct watching *w = *state;
    w->options.events = false;
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    file_write(w->folder[0], "a.csv", "1");
    file_date(w->folder[0], "a.csv", 1600000000);
    for (int i = 0; i < 3; i++) {
        run_for(w, WATCHING_SETTLE * 2 / 3);
        file_append(w->folder[0], "a.csv", "2");
        file_date(w->folder[0], "a.csv", 1600000001 + i);
    }
    run_until(w, w->count == 1);
    assert_int_equal(w->notes[0].stat.size, 4);
}

/* The value that stood there, or -1 when it can't be set. */
static int set_sysctl(const char *path, int value)
{
    char text[32] = "";
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    int old = len > 0 ? atoi(text) : -1;
    len = snprintf(text, sizeof text, "%d", value);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        old = -1;
    close(fd);
    return old;
}

static void deliver_many(struct watching *w)
{
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%05d.csv", i);
        if (i % 2 == 0)
            file_deliver(w->folder[0], name, "1");
        else
            file_write(w->folder[0], name, "1");
    }
}

static int compare_notes(const void *a, const void *b)
{
    return strcmp(((const struct note *)a)->name, ((const struct note *)b)->name);
}

static void loses_nothing_when_the_queue_overflows(void **state)
{
    static const char sysctl[] = "/proc/sys/fs/inotify/max_queued_events";
    struct watching *w = *state;
    struct watch_stats stats;
    int old = set_sysctl(sysctl, 16);
    if (old < 0) {
        print_message("max_queued_events cannot be set: skipped\n");
        skip();
    }
    /* The limit counts for instances made from now on, so it can go back before anything may fail. */
    bool started = watching_try(w);
    assert_int_equal(set_sysctl(sysctl, old), 16);
    assert_ok(started, &w->error);
    run_until(w, (watch_stats(w->watch, &stats), stats.scans >= 3));
    deliver_many(w);
    run_until(w, w->count >= MANY);
    watch_stats(w->watch, &stats);
    assert_true(stats.overflows >= 1);
    qsort(w->notes, w->count, sizeof *w->notes, compare_notes);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(atoi(w->notes[i].name), i);
    assert_int_equal(w->count, MANY);
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

/* In a child. Inotify's limits hang on the user namespace too: one of our own can be without, and nobody else notices. */
static void find_a_file_in_spite_of(struct watching *w, const char *limit, const char *said)
{
    char map[64];
    snprintf(map, sizeof map, "%d %d 1", geteuid(), geteuid());
    if (unshare(CLONE_NEWUSER) < 0 || !write_text("/proc/self/uid_map", map) || !write_text(limit, "0"))
        _exit(NO_NAMESPACES);
    child_check(uv_loop_init(&w->loop) == 0);
    uv_timer_init(&w->loop, &w->deadline);
    uv_timer_start(&w->deadline, watching_late, WATCHING_DEADLINE, 0);
    child_check(watching_try(w));
    file_write(w->folder[0], "a.csv", "1");
    while (w->count == 0 && !w->late)
        uv_run(&w->loop, UV_RUN_ONCE);
    child_check(w->count == 1);
    child_check(watching_said(w, said) == 1);
    _exit(0);
}

static void assert_lives_on_rescans(struct watching *w, const char *limit, const char *said)
{
    int status;
    w->options.rescan = WATCHING_OFTEN;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        find_a_file_in_spite_of(w, limit, said);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACES) {
        print_message("no user namespace of its own here: skipped\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void lives_on_rescans_when_there_is_no_inotify(void **state)
{
    assert_lives_on_rescans(*state, "/proc/sys/user/max_inotify_instances", "fs.inotify.max_user_instances");
}

static void lives_on_rescans_when_there_are_no_watches(void **state)
{
    assert_lives_on_rescans(*state, "/proc/sys/user/max_inotify_watches", "fs.inotify.max_user_watches");
}

/* --- one run, and its end --- */

static void ends_a_single_run_when_all_has_settled_and_nothing_new_came(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    file_write(w->folder[0], "new.csv", "1");
    file_write(w->folder[1], "old.csv", "1");
    file_date(w->folder[1], "old.csv", 1600000000);
    int64_t begun = clock_monotonic();
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
        /* These fork, so they come before libuv has made its threads: ThreadSanitizer wants it so. */
        TEST(lives_on_rescans_when_there_is_no_inotify),
        TEST(lives_on_rescans_when_there_are_no_watches),
        TEST(refuses_to_start_without_a_folder),
        TEST(refuses_to_start_beside_another_instance),
        TEST(finds_a_folder_that_was_renamed_away_and_made_anew),
        TEST(does_not_look_at_another_folder_before_the_owner_is_done_with_it),
        TEST(does_not_hand_out_what_lies_in_a_folder_that_was_moved_away),
        TEST(drops_what_waits_in_a_folder_that_is_lost),
        TEST(warns_once_of_a_lost_folder_and_finds_it_again),
        TEST(hears_of_files_in_a_folder_that_was_moved_away_and_back),
        TEST(keeps_a_folder_open_for_the_file_that_is_out),
        TEST(follows_folders_that_two_feeds_have_exchanged),
        TEST(waits_with_an_exchanged_folder_for_the_file_that_is_out),
        TEST(names_the_feed_that_has_the_folder_already),
        TEST(lets_a_lost_folder_go_and_takes_it_again),
        TEST(finds_a_folder_that_was_mounted_over),
        TEST(finds_files_without_events),
        TEST(lets_what_comes_settle_whatever_its_time),
        TEST(loses_nothing_when_the_queue_overflows),
        TEST(ends_a_single_run_when_all_has_settled_and_nothing_new_came),
        TEST(ends_a_single_run_of_empty_folders),
        TEST(tells_at_the_end_of_a_single_run_that_a_folder_was_left_out),
        TEST(takes_what_comes_during_a_single_run),
        TEST(does_not_wait_in_a_single_run_for_what_can_only_be_done_later),
        TEST(lets_a_changed_file_settle_again_in_a_single_run),
        TEST(stops_in_the_middle_of_its_work),
        TEST(stops_before_the_loop_has_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
