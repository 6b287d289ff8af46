/* What is found, when it is ready, and in which order; feed_folder_test.c has what happens to the folders
   themselves. */
#include "feed_watching.h"

static void hands_out_a_file_renamed_into_place_at_once(void **state)
{
    struct watching *w = *state;
    w->feeds[0].settle = WATCHING_NEVER;
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "a.csv");
    assert_int_equal(w->notes[0].stat.size, 1);
}

static void hands_out_a_written_file_when_it_has_settled(void **state)
{
    struct watching *w = *state;
    watching_start(w);
    file_write(w->folder[1], "a.csv", "12");
    int64_t written = clock_monotonic();
    run_until(w, w->count == 1);
    assert_note(w, 0, 1, "a.csv");
    assert_true(w->notes[0].at - written >= WATCHING_SETTLE);
    assert_int_equal(w->notes[0].stat.size, 2);
}

static void append(struct watching *w, const char *name, int i)
{
    if (i == 0)
        file_write(w->folder[0], name, "1");
    else
        file_append(w->folder[0], name, "2");
}

static void starts_settling_anew_with_every_append(void **state)
{
    struct watching *w = *state;
    w->feeds[0].settle = WATCHING_SETTLE_LONG;
    watching_start(w);
    int64_t written = watching_settles_once(w, append);
    assert_true(w->notes[w->count - 1].at - written >= WATCHING_SETTLE_LONG);
}

static int writer = -1;

static void write_on(struct watching *w, const char *name, int i)
{
    char path[FEED_PATH_MAX];
    path_join(path, w->folder[0], name);
    if (i == 0) {
        close(writer);
        writer = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    }
    assert_int_equal(write(writer, "x", 1), 1);
}

/* No event tells of these writes: only the looks do. */
static void waits_for_a_writer_that_keeps_its_file_open(void **state)
{
    struct watching *w = *state;
    w->feeds[0].settle = WATCHING_SETTLE_LONG;
    watching_start(w);
    (void)watching_settles_once(w, write_on);
    close(writer);
    writer = -1;
}

static void takes_an_old_file_at_start_at_once_and_lets_a_new_one_settle(void **state)
{
    struct watching *w = *state;
    file_write(w->folder[0], "old.csv", "1");
    file_date(w->folder[0], "old.csv", 1600000000);
    int64_t begun = clock_monotonic();
    file_write(w->folder[0], "future.csv", "1");
    file_date(w->folder[0], "future.csv", 4000000000);
    file_write(w->folder[0], "new.csv", "1");
    watching_start(w);
    run_until(w, w->count == 3);
    assert_note(w, 0, 0, "old.csv");
    assert_true(w->notes[1].at - begun >= WATCHING_SETTLE);
    assert_true(w->notes[2].at - begun >= WATCHING_SETTLE);
}

static void orders_by_time_then_name_then_feed(void **state)
{
    struct watching *w = *state;
    static const struct {
        size_t feed;
        const char *name;
        int64_t time;
    } files[] = {{2, "z.csv", 1600000000}, {1, "a.csv", 1600000001}, {0, "b.csv", 1600000001},
                 {1, "b.csv", 1600000001}, {2, "b.csv", 1600000001}, {0, "a.csv", 1600000002}};
    for (size_t i = COUNT_OF(files); i-- > 0;) {
        file_write(w->folder[files[i].feed], files[i].name, "1");
        file_date(w->folder[files[i].feed], files[i].name, files[i].time);
    }
    watching_start(w);
    run_until(w, w->count == COUNT_OF(files));
    assert_int_equal(w->batches, 1);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        assert_note(w, i, files[i].feed, files[i].name);
}

static void never_hands_out_ignored_names(void **state)
{
    struct watching *w = *state;
    static const char *const ignored[] = {".a.csv", "a.csv.tmp", "a.part", "a.csv~", "a.csv._COPYING_"};
    w->options.rescan = WATCHING_OFTEN;
    for (size_t i = 0; i < 2; i++) {
        file_write(w->folder[0], ignored[i], "1");
        file_date(w->folder[0], ignored[i], 1600000000);
    }
    watching_start(w);
    assert_int_equal(w->known_asked, 0);
    for (size_t i = 2; i < COUNT_OF(ignored); i++)
        file_deliver(w->folder[0], ignored[i], "1");
    file_deliver(w->folder[0], "b.csv", "1");
    run_until(w, w->count == 1);
    watching_scans(w, 6);
    assert_int_equal(w->count, 1);
    assert_note(w, 0, 0, "b.csv");
}

static void make_odd_ones(const char *folder)
{
    char path[FEED_PATH_MAX];
    path_join(path, folder, "link\n.csv");
    assert_int_equal(symlink("healthy.csv", path), 0);
    path_join(path, folder, "fifo");
    assert_int_equal(mkfifo(path, 0644), 0);
    path_join(path, folder, "folder");
    assert_int_equal(mkdir(path, 0755), 0);
    file_socket(folder, "socket");
}

static void skips_what_is_no_regular_file_and_says_so_once(void **state)
{
    struct watching *w = *state;
    static const char *const said[] = {"Orders/link\\n.csv is not a regular file", "Orders/fifo is not",
                                       "Orders/folder is", "Orders/socket is"};
    w->options.rescan = WATCHING_OFTEN;
    make_odd_ones(w->folder[0]);
    file_deliver(w->folder[0], "healthy.csv", "1");
    watching_start(w);
    run_until(w, w->count == 1);
    watching_scans(w, 9);
    assert_int_equal(w->count, 1);
    assert_note(w, 0, 0, "healthy.csv");
    for (size_t i = 0; i < COUNT_OF(said); i++)
        assert_int_equal(watching_said(w, said[i]), 1);
}

static void says_once_that_a_name_is_too_long_for_a_marker(void **state)
{
    struct watching *w = *state;
    char name[LANDING_NAME_SIZE] = "", heard[LANDING_NAME_SIZE] = "";
    memset(name, 'n', 251);
    memset(heard, 'h', 255);
    w->options.rescan = WATCHING_OFTEN;
    w->feeds[0].ready = FEED_READY_DONE_MARKER;
    file_deliver(w->folder[0], name, "1");
    watching_start(w);
    run_until(w, watching_said(w, "n: its name is too long for a marker") == 1);
    file_deliver(w->folder[0], heard, "1");
    run_until(w, watching_said(w, "h: its name is too long for a marker") == 1);
    watching_scans(w, 9);
    assert_int_equal(w->count, 0);
    assert_int_equal(watch_unmarked(w->watch, 0), 2);
    assert_int_equal(watching_said(w, "its name is too long"), 2);
}

static void skips_odd_ones_that_come_while_it_runs(void **state)
{
    struct watching *w = *state;
    watching_start(w);
    make_odd_ones(w->folder[0]);
    file_deliver(w->folder[0], "healthy.csv", "1");
    run_until(w, w->count == 1 && watching_said(w, "fifo is not a regular file") == 1 &&
                     watching_said(w, "socket is not") == 1 && watching_said(w, "link\\n.csv is not") == 1);
    assert_note(w, 0, 0, "healthy.csv");
}

static void takes_a_file_that_stands_in_the_place_of_an_odd_one(void **state)
{
    struct watching *w = *state;
    char path[FEED_PATH_MAX];
    path_join(path, w->folder[0], "a.csv");
    assert_int_equal(mkfifo(path, 0644), 0);
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "a.csv");
}

static void finds_a_hard_link(void **state)
{
    struct watching *w = *state;
    char from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    file_write(w->data, "elsewhere", "1");
    watching_start(w);
    path_join(from, w->data, "elsewhere");
    path_join(to, w->folder[0], "a.csv");
    assert_int_equal(link(from, to), 0);
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "a.csv");
}

static void forgets_a_file_that_goes_away_while_it_settles(void **state)
{
    struct watching *w = *state;
    char path[FEED_PATH_MAX];
    struct watch_stats stats;
    watching_start(w);
    file_write(w->folder[0], "a.csv", "1");
    run_until(w, (watch_stats(w->watch, &stats), stats.settling == 1));
    path_join(path, w->folder[0], "a.csv");
    assert_int_equal(unlink(path), 0);
    run_until(w, (watch_stats(w->watch, &stats), stats.settling == 0));
    assert_int_equal(w->count, 0);
}

static void takes_any_bytes_as_a_name(void **state)
{
    struct watching *w = *state;
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    file_write(w->folder[0], "a\nb\xff.csv", "1");
    file_write(w->folder[0], longest, "1");
    watching_start(w);
    run_until(w, w->count == 2);
    assert_note(w, 0, 0, strcmp(w->notes[0].name, longest) ? "a\nb\xff.csv" : longest);
    assert_note(w, 1, 0, strcmp(w->notes[1].name, longest) ? "a\nb\xff.csv" : longest);
    assert_string_not_equal(w->notes[0].name, w->notes[1].name);
}

static void hands_out_a_file_left_in_place_only_once(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    file_write(w->folder[0], "a.csv", "1");
    watching_start(w);
    run_until(w, w->count == 1);
    size_t asked = w->known_asked;
    watching_scans(w, 9);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->known_asked, asked);
    file_write(w->folder[0], "a.csv", "12");
    run_until(w, w->count == 2);
    assert_int_equal(w->notes[1].stat.size, 2);
}

static void is_not_led_by_an_event_that_changed_nothing(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    watch_stats(w->watch, &stats);
    uint64_t before = stats.events;
    file_append(w->folder[0], "a.csv", "");
    run_until(w, (watch_stats(w->watch, &stats), stats.events > before && stats.settling == 0));
    file_deliver(w->folder[0], "b.csv", "1");
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "b.csv");
}

static void asks_once_whether_a_file_is_known(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    w->known = "a.csv";
    file_write(w->folder[0], "a.csv", "1");
    file_write(w->folder[0], "b.csv", "1");
    watching_start(w);
    run_until(w, w->count == 1);
    watching_scans(w, 9);
    assert_int_equal(w->count, 1);
    assert_note(w, 0, 0, "b.csv");
    assert_int_equal(w->known_asked, 2);
}

static void hands_out_later_ones_again_at_the_next_rescan(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    w->outcome = WATCH_LATER;
    file_deliver(w->folder[0], "a.csv", "1");
    file_date(w->folder[0], "a.csv", 1600000000);
    watching_start(w);
    run_until(w, w->count == 3);
    w->outcome = WATCH_DONE;
    run_until(w, w->count == 4);
    watching_scans(w, 6);
    assert_int_equal(w->count, 4);
}

/* Takes it out of the folder and puts it back, as one does that cannot be quarantined. */
static void return_for_later(struct watching *w)
{
    struct watch_stats stats;
    char name[FEED_PATH_MAX], hidden[FEED_PATH_MAX];
    w->keep = true;
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    watch_stats(w->watch, &stats);
    uint64_t before = stats.events;
    path_join(name, w->folder[0], "a.csv");
    path_join(hidden, w->folder[0], ".hidden");
    assert_int_equal(rename(name, hidden), 0);
    assert_int_equal(rename(hidden, name), 0);
    run_until(w, (watch_stats(w->watch, &stats), stats.events >= before + 2));
    watching_release(w, 0, WATCH_LATER);
}

static void does_not_hand_out_later_ones_for_the_event_of_their_own_return(void **state)
{
    struct watching *w = *state;
    return_for_later(w);
    file_write(w->folder[0], "b.csv", "1");
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "b.csv");
}

static void hands_out_later_ones_that_were_put_back_at_the_next_rescan(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    return_for_later(w);
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "a.csv");
}

static void lets_a_changed_file_settle_even_when_it_was_renamed_in(void **state)
{
    struct watching *w = *state;
    w->keep = true;
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    file_deliver(w->folder[0], "a.csv", "12");
    int64_t released = clock_monotonic();
    watching_release(w, 0, WATCH_SETTLE);
    run_until(w, w->count == 2);
    assert_true(w->notes[1].at - released >= WATCHING_SETTLE);
    assert_int_equal(w->notes[1].stat.size, 2);
}

static void notices_a_new_version_that_came_while_the_old_one_was_out(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    w->keep = true;
    watching_start(w);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, w->count == 1);
    watch_stats(w->watch, &stats);
    uint64_t before = stats.events;
    file_deliver(w->folder[0], "a.csv", "12");
    run_until(w, (watch_stats(w->watch, &stats), stats.events > before));
    assert_int_equal(w->count, 1);
    watching_release(w, 0, WATCH_DONE);
    run_until(w, w->count == 2);
    assert_int_equal(w->notes[1].stat.size, 2);
}

static void hands_out_nothing_while_paused(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    watching_start(w);
    watch_pause(w->watch, true);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, (watch_stats(w->watch, &stats), stats.ready == 1));
    file_deliver(w->folder[1], "b.csv", "1");
    run_until(w, (watch_stats(w->watch, &stats), stats.ready == 2));
    assert_int_equal(w->count, 0);
    watch_pause(w->watch, false);
    run_until(w, w->count == 2);
    assert_int_equal(w->batches, 1);
    assert_note(w, 0, 0, "a.csv");
    assert_note(w, 1, 1, "b.csv");
}

static void drops_a_waiting_file_that_has_vanished(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    char path[FEED_PATH_MAX];
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    watch_pause(w->watch, true);
    file_deliver(w->folder[0], "a.csv", "1");
    run_until(w, (watch_stats(w->watch, &stats), stats.ready == 1));
    path_join(path, w->folder[0], "a.csv");
    assert_int_equal(unlink(path), 0);
    run_until(w, (watch_stats(w->watch, &stats), stats.ready == 0));
}

static void takes_a_marked_file_and_no_other_in_marker_mode(void **state)
{
    struct watching *w = *state;
    w->feeds[0].ready = FEED_READY_DONE_MARKER;
    w->feeds[0].settle = WATCHING_NEVER;
    w->options.rescan = WATCHING_OFTEN;
    file_write(w->folder[0], "old.csv", "1");
    file_date(w->folder[0], "old.csv", 1600000000);
    file_write(w->folder[0], "ready.csv", "1");
    file_write(w->folder[0], "ready.csv.done", "");
    watching_start(w);
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "ready.csv");
    file_deliver(w->folder[0], "new.csv", "1");
    watching_scans(w, 6);
    assert_int_equal(w->count, 1);
    file_write(w->folder[0], "old.csv.done", "");
    run_until(w, w->count == 2);
    assert_note(w, 1, 0, "old.csv");
}

static void hears_of_a_marker_without_a_rescan(void **state)
{
    struct watching *w = *state;
    w->feeds[0].ready = FEED_READY_DONE_MARKER;
    w->feeds[0].settle = WATCHING_NEVER;
    watching_start(w);
    file_write(w->folder[0], "a.csv", "1");
    file_write(w->folder[0], "a.csv.done", "");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "a.csv");
}

static void becomes_idle_when_all_are_back(void **state)
{
    struct watching *w = *state;
    w->keep = true;
    w->options.rescan = WATCHING_OFTEN;
    file_write(w->folder[0], "a.csv", "1");
    watching_start(w);
    run_until(w, w->count == 1);
    watching_scans(w, 6);
    assert_int_equal(w->idle, 0);
    watching_release(w, 0, WATCH_DONE);
    run_until(w, w->idle == 1);
    watching_scans(w, 6);
    assert_int_equal(w->idle, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, watching_set_up, watching_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(hands_out_a_file_renamed_into_place_at_once),
        TEST(hands_out_a_written_file_when_it_has_settled),
        TEST(starts_settling_anew_with_every_append),
        TEST(waits_for_a_writer_that_keeps_its_file_open),
        TEST(takes_an_old_file_at_start_at_once_and_lets_a_new_one_settle),
        TEST(orders_by_time_then_name_then_feed),
        TEST(never_hands_out_ignored_names),
        TEST(skips_what_is_no_regular_file_and_says_so_once),
        TEST(says_once_that_a_name_is_too_long_for_a_marker),
        TEST(skips_odd_ones_that_come_while_it_runs),
        TEST(takes_a_file_that_stands_in_the_place_of_an_odd_one),
        TEST(finds_a_hard_link),
        TEST(forgets_a_file_that_goes_away_while_it_settles),
        TEST(takes_any_bytes_as_a_name),
        TEST(hands_out_a_file_left_in_place_only_once),
        TEST(is_not_led_by_an_event_that_changed_nothing),
        TEST(asks_once_whether_a_file_is_known),
        TEST(hands_out_later_ones_again_at_the_next_rescan),
        TEST(does_not_hand_out_later_ones_for_the_event_of_their_own_return),
        TEST(hands_out_later_ones_that_were_put_back_at_the_next_rescan),
        TEST(lets_a_changed_file_settle_even_when_it_was_renamed_in),
        TEST(notices_a_new_version_that_came_while_the_old_one_was_out),
        TEST(hands_out_nothing_while_paused),
        TEST(drops_a_waiting_file_that_has_vanished),
        TEST(takes_a_marked_file_and_no_other_in_marker_mode),
        TEST(hears_of_a_marker_without_a_rescan),
        TEST(becomes_idle_when_all_are_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
