/* What happens to the landing folders themselves while they are watched. */
#include "feed_watching.h"

#include <sys/mount.h>

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
    assert_true(watching_has_folder(w, 0));
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
    run_until(w, watching_has_folder(w, 0));
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
    run_until(w, watching_has_folder(w, 0));
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
    assert_error(&w->error, ERROR_LOCKED, "Orders");
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, watching_set_up, watching_tear_down)
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
