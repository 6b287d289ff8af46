/* What a crash in the middle of archiving leaves, and what becomes of it at the next start. */
#include "feed_archiving.h"

#include <sys/inotify.h>

static bool look_up(void *context, const struct archive_left *left, bool *committed, struct error *error)
{
    struct fixture *f = context;
    assert_string_equal(left->feed, "Orders");
    f->lookups++;
    if (f->silent)
        return error_set(error, ERROR_IO, "no ledger");
    if (left->to_quarantine) {
        *committed = f->unnoted && strcmp(left->archived, f->unnoted) == 0;
        return true;
    }
    *committed =
        left->to_delete ? left->stat.ctime_ns == 0xbeef : f->committed && strcmp(left->archived, f->committed) == 0;
    *committed |= f->knows;
    return true;
}

static void recover(struct fixture *f)
{
    assert_ok(archive_recover(&f->landing, look_up, f, &f->effort, &f->error), &f->error);
}

static struct file_stat hide_as_read(struct fixture *f, const char *name, const char *tag)
{
    char hidden[FEED_PATH_MAX];
    file_write(f->folder, name, "1");
    const struct file_stat stat = file_stat_of(f->folder, name);
    hide_alone(f, name, &stat, tag, hidden);
    return stat;
}

static void finishes_the_move_of_a_committed_file(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "000007-abababab");
    f->committed = "000007-abababab-a.csv";
    recover(f);
    assert_file(f->archive, f->committed, "1");
    assert_int_equal(count_files(f->folder), 0);
}

static void knows_a_file_whose_disk_has_another_number_by_now(void **state)
{
    struct fixture *f = *state;
    char hidden[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "1");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    stat.device++;
    hide_alone(f, "a.csv", &stat, "000007-abababab", hidden);
    f->committed = "000007-abababab-a.csv";
    recover(f);
    assert_file(f->archive, f->committed, "1");
    assert_int_equal(count_files(f->folder), 0);
}

static void knows_a_file_that_has_another_device_than_its_folder(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "000007-abababab");
    f->landing.device++;
    f->committed = "000007-abababab-a.csv";
    recover(f);
    assert_file(f->archive, f->committed, "1");
    assert_int_equal(count_files(f->folder), 0);
}

static void finishes_the_move_of_a_name_of_255_bytes(void **state)
{
    struct fixture *f = *state;
    char longest[256], archived[ARCHIVE_NAME_SIZE];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    archive_name(7, &f->content, longest, archived);
    hide_as_read(f, longest, "000007-abababab");
    f->committed = archived;
    recover(f);
    assert_file(f->archive, archived, "1");
    hide_as_read(f, longest, "000008-abababab");
    recover(f);
    assert_file(f->folder, longest, "1");
    assert_int_equal(count_files(f->folder), 1);
}

static void puts_back_a_file_that_was_not_committed(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "000007-abababab");
    recover(f);
    assert_int_equal(f->lookups, 1);
    assert_file(f->folder, "a.csv", "1");
    assert_int_equal(count_files(f->folder), 1);
    assert_int_equal(count_files(f->archive), 0);
}

static void puts_back_a_file_that_is_not_the_one_committed(void **state)
{
    struct fixture *f = *state;
    char hidden[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "old");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    file_deliver(f->folder, "a.csv", "newer");
    hide_alone(f, "a.csv", &stat, "000007-abababab", hidden);
    f->committed = "000007-abababab-a.csv";
    recover(f);
    assert_file(f->folder, "a.csv", "newer");
    assert_int_equal(count_files(f->archive), 0);
    assert_int_equal(count_files(f->folder), 1);
}

static void keeps_both_when_the_name_is_taken_by_now(void **state)
{
    struct fixture *f = *state;
    char longest[256], fresh[256];
    memset(longest, 'n', 251);
    memcpy(longest + 251, ".csv", 5);
    const char *const names[] = {"a.csv", longest};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        hide_as_read(f, names[i], "000007-abababab");
        file_write(f->folder, names[i], "newest");
    }
    recover(f);
    assert_file(f->folder, "a.csv", "newest");
    assert_file(f->folder, "replaced-1-a.csv", "1");
    assert_false(landing_ignores(f->landing.feed, "replaced-1-a.csv"));
    assert_file(f->folder, longest, "newest");
    snprintf(fresh, sizeof fresh, "replaced-1-%s", longest + 11);
    assert_file(f->folder, fresh, "1");
    assert_int_equal(count_files(f->folder), 4);
}

static void deletes_what_was_to_be_deleted_and_is_committed(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "delete-beef");
    hide_as_read(f, "b.csv", "delete-cafe");
    recover(f);
    assert_file(f->folder, "b.csv", "1");
    assert_int_equal(count_files(f->folder), 1);
    assert_int_equal(count_files(f->archive), 0);
}

static void puts_back_what_was_to_be_quarantined(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "b.csv", "quarantine");
    recover(f);
    assert_file(f->folder, "b.csv", "1");
    assert_int_equal(count_files(f->folder), 1);
}

/* <data>/quarantine/Orders with a file in it, as a copy from another device leaves it. */
static void lay_in_quarantine(const struct fixture *f, const char *name, const char *text)
{
    char parent[FEED_PATH_MAX];
    path_join(parent, f->data, "quarantine");
    if ((mkdir(parent, 0755) < 0 || mkdir(f->quarantine, 0755) < 0) && errno != EEXIST)
        fail_msg("%s: %s", f->quarantine, strerror(errno));
    file_write(f->quarantine, name, text);
}

static void removes_what_was_quarantined_by_a_copy_and_gives_it_its_reason(void **state)
{
    struct fixture *f = *state;
    char reason[64];
    lay_in_quarantine(f, "b.csv", "other bytes");
    lay_in_quarantine(f, "b.csv.reason", "of the others\n");
    lay_in_quarantine(f, "b.csv.1.reason", "of one that is gone\n");
    lay_in_quarantine(f, "b.csv.2", "1");
    f->unnoted = "b.csv.2";
    const struct file_stat stat = hide_as_read(f, "b.csv", "quarantine");
    snprintf(reason, sizeof reason, ".dropfold-reason-%llx-%llx-%llx", (unsigned long long)stat.inode,
             (unsigned long long)stat.size, (unsigned long long)stat.mtime_ns);
    lay_in_quarantine(f, reason, "3:7: no closing quote\n");
    recover(f);
    assert_int_equal(f->lookups, 1);
    assert_int_equal(count_files(f->folder), 0);
    assert_file(f->quarantine, "b.csv.2", "1");
    assert_file(f->quarantine, "b.csv.2.reason", "3:7: no closing quote\n");
    assert_int_equal(count_files(f->quarantine), 5);
}

static void puts_back_what_others_were_quarantined_like_before(void **state)
{
    struct fixture *f = *state;
    lay_in_quarantine(f, "b.csv", "1");
    hide_as_read(f, "b.csv", "quarantine");
    recover(f);
    assert_int_equal(f->lookups, 1);
    assert_file(f->folder, "b.csv", "1");
    assert_file(f->quarantine, "b.csv", "1");
}

static void leaves_a_file_hidden_that_the_ledger_cannot_be_asked_about(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "000007-abababab");
    f->committed = "000007-abababab-a.csv";
    f->silent = true;
    assert_false(archive_recover(&f->landing, look_up, f, &f->effort, &f->error));
    assert_error(&f->error, ERROR_IO, "no ledger");
    assert_false(file_there(f->folder, "a.csv"));
    f->silent = false;
    recover(f);
    assert_file(f->archive, f->committed, "1");
    assert_int_equal(count_files(f->folder), 0);
}

static void removes_a_second_name_of_a_file_that_is_back(void **state)
{
    struct fixture *f = *state;
    char hidden[FEED_PATH_MAX], from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    hide_alone(f, "a.csv", &stat, "000007-abababab", hidden);
    path_join(from, hidden, "a.csv");
    path_join(to, f->folder, "a.csv");
    assert_int_equal(link(from, to), 0);
    recover(f);
    assert_file(f->folder, "a.csv", "1");
    assert_int_equal(count_files(f->folder), 1);
}

static void recovers_markers_with_their_files(void **state)
{
    struct fixture *f = *state;
    char hidden[FEED_PATH_MAX];
    f->feed.ready = FEED_READY_DONE_MARKER;
    static const char *const names[] = {"committed", "open", "moved", "back"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char marker[64];
        file_write(f->folder, names[i], "1");
        const struct file_stat stat = file_stat_of(f->folder, names[i]);
        snprintf(marker, sizeof marker, "%s.done", names[i]);
        file_write(f->folder, marker, "");
        hide_alone(f, marker, &stat, "000007-abababab", hidden);
        if (i < 2)
            hide_alone(f, names[i], &stat, "000007-abababab", hidden);
    }
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, "moved");
    assert_int_equal(unlink(path), 0);
    f->committed = "000007-abababab-committed";
    recover(f);
    assert_file(f->archive, "000007-abababab-committed", "1");
    assert_true(file_there(f->folder, "open") && file_there(f->folder, "open.done"));
    assert_true(file_there(f->folder, "back") && file_there(f->folder, "back.done"));
    assert_int_equal(count_files(f->folder), 4);
}

/* One file under three names: they share a hidden folder. */
static void finishes_the_moves_of_all_names_of_a_file(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.csv", "b.csv", "c.csv"};
    char hidden[FEED_PATH_MAX], from[FEED_PATH_MAX], to[FEED_PATH_MAX], name[64];
    f->feed.ready = FEED_READY_DONE_MARKER;
    f->knows = true;
    file_write(f->folder, names[0], "1");
    const struct file_stat stat = file_stat_of(f->folder, names[0]);
    path_join(from, f->folder, names[0]);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        path_join(to, f->folder, names[i]);
        assert_true(i == 0 || link(from, to) == 0);
        snprintf(name, sizeof name, "%s.done", names[i]);
        file_write(f->folder, name, "");
        hide_alone(f, name, &stat, "000007-abababab", hidden);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        hide_alone(f, names[i], &stat, "000007-abababab", hidden);
    recover(f);
    assert_int_equal(count_files(f->folder), 0);
    assert_int_equal(count_files(f->archive), COUNT_OF(names));
}

static void takes_a_marker_along_whose_file_was_hidden_without_it(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    hide_as_read(f, "a.csv", "000007-abababab");
    file_write(f->folder, "a.csv.done", "");
    f->committed = "000007-abababab-a.csv";
    recover(f);
    assert_file(f->archive, f->committed, "1");
    assert_int_equal(count_files(f->folder), 0);
}

static void leaves_the_marker_of_the_next_file(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    hide_as_read(f, "a.csv", "000007-abababab");
    file_write(f->folder, "a.csv", "next");
    file_write(f->folder, "a.csv.done", "");
    f->committed = "000007-abababab-a.csv";
    recover(f);
    assert_file(f->archive, f->committed, "1");
    assert_file(f->folder, "a.csv", "next");
    assert_true(file_there(f->folder, "a.csv.done"));
}

/* The crash came before the end of the marker; then a producer began another file of that name. */
static void gives_the_marker_of_a_file_that_has_gone_to_no_other(void **state)
{
    struct fixture *f = *state;
    static const char *const tags[] = {"000007-abababab", "delete-beef", "quarantine"};
    char hidden[FEED_PATH_MAX];
    f->feed.ready = FEED_READY_DONE_MARKER;
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        file_write(f->folder, "a.csv", "1");
        const struct file_stat stat = file_stat_of(f->folder, "a.csv");
        file_write(f->folder, "a.csv.done", "");
        hide_alone(f, "a.csv.done", &stat, tags[i], hidden);
        file_deliver(f->folder, "a.csv", "half of the ne");
        recover(f);
        assert_file(f->folder, "a.csv", "half of the ne");
        assert_int_equal(count_files(f->folder), 1);
    }
}

static void leaves_alone_what_is_none_of_its_own(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {".dropfold-", ".dropfold-notes", ".dropfold-1-2-3-4-file",
                                        ".other",     ".dropfold-1-2-3", ".dropfold-0x1-2-3-4-delete"};
    char path[FEED_PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(names); i++)
        file_write(f->folder, names[i], "1");
    path_join(path, f->folder, ".dropfold-1-2-3-5-link");
    assert_int_equal(symlink("..", path), 0);
    path_join(path, f->folder, ".dropfold-own");
    assert_int_equal(mkdir(path, 0755), 0);
    recover(f);
    assert_int_equal(count_files(f->folder), COUNT_OF(names) + 2);
    assert_int_equal(f->lookups, 0);
}

static void removes_an_empty_hidden_folder(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, ".dropfold-1-2-3-4-000007-abababab");
    assert_int_equal(mkdir(path, 0700), 0);
    recover(f);
    assert_int_equal(count_files(f->folder), 0);
}

static void goes_on_after_one_that_fails(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    make_archive(f);
    file_write(f->archive, "000007-abababab-a.csv", "other bytes");
    hide_as_read(f, "a.csv", "000007-abababab");
    hide_as_read(f, "b.csv", "000008-abababab");
    f->committed = "000007-abababab-a.csv";
    assert_false(archive_recover(&f->landing, look_up, f, &f->effort, &f->error));
    assert_string_equal(f->error.text, "Orders/a.csv: cannot archive it: another file has its name there");
    assert_false(file_there(f->folder, "a.csv"));
    assert_file(f->folder, "b.csv", "1");
    assert_int_equal(count_files(f->folder), 2);
    path_join(path, f->archive, f->committed);
    assert_int_equal(unlink(path), 0);
    recover(f);
    assert_file(f->archive, f->committed, "1");
}

/* Three committed files, of which the first and the last are large. */
static void hide_three(struct fixture *f)
{
    static const size_t sizes[] = {100000, 10, 100000};
    char name[8], tag[24], hidden[FEED_PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char *text = calloc(1, sizes[i] + 1);
        assert_non_null(text);
        memset(text, 'x', sizes[i]);
        snprintf(name, sizeof name, "%zu.csv", i);
        snprintf(tag, sizeof tag, "00000%zu-abababab", i);
        file_write(f->folder, name, text);
        free(text);
        const struct file_stat stat = file_stat_of(f->folder, name);
        hide_alone(f, name, &stat, tag, hidden);
    }
    f->knows = true;
}

/* Files that began to be written there since the last time. */
static size_t copies_begun(int notify)
{
    _Alignas(struct inotify_event) char events[4096];
    size_t begun = 0;
    ssize_t length = read(notify, events, sizeof events);
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const void *)(events + at);
        begun++;
        at += (ssize_t)(sizeof *event + event->len);
    }
    return begun;
}

static void copies_to_a_full_archive_only_what_is_smaller_than_what_found_no_room(void **state)
{
    struct fixture *f = *state;
    mount_archive(f, "size=64k");
    hide_three(f);
    int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(notify >= 0 && inotify_add_watch(notify, f->archive, IN_CREATE) >= 0);
    assert_false(archive_recover(&f->landing, look_up, f, &f->effort, &f->error));
    assert_int_equal(f->error.kind, ERROR_FULL);
    assert_int_equal(copies_begun(notify), 2);
    assert_int_equal(count_files(f->archive), 1);
    assert_int_equal(count_files(f->folder), 2);
    assert_int_equal(mount("none", f->archive, "tmpfs", MS_REMOUNT, "size=1m"), 0);
    recover(f);
    assert_int_equal(copies_begun(notify), 2);
    assert_int_equal(count_files(f->archive), 3);
    assert_int_equal(count_files(f->folder), 0);
    close(notify);
}

static void leaves_the_rest_for_another_time_when_its_time_is_over(void **state)
{
    struct fixture *f = *state;
    hide_three(f);
    f->effort.until = 0;
    for (size_t moved = 1; moved <= 3; moved++) {
        recover(f);
        assert_true(f->effort.more);
        assert_int_equal(count_files(f->archive), moved);
    }
    recover(f);
    assert_false(f->effort.more);
    assert_int_equal(count_files(f->folder), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(finishes_the_move_of_a_committed_file),
        TEST(knows_a_file_whose_disk_has_another_number_by_now),
        TEST(knows_a_file_that_has_another_device_than_its_folder),
        TEST(finishes_the_move_of_a_name_of_255_bytes),
        TEST(puts_back_a_file_that_was_not_committed),
        TEST(puts_back_a_file_that_is_not_the_one_committed),
        TEST(keeps_both_when_the_name_is_taken_by_now),
        TEST(deletes_what_was_to_be_deleted_and_is_committed),
        TEST(puts_back_what_was_to_be_quarantined),
        TEST(removes_what_was_quarantined_by_a_copy_and_gives_it_its_reason),
        TEST(puts_back_what_others_were_quarantined_like_before),
        TEST(leaves_a_file_hidden_that_the_ledger_cannot_be_asked_about),
        TEST(removes_a_second_name_of_a_file_that_is_back),
        TEST(recovers_markers_with_their_files),
        TEST(finishes_the_moves_of_all_names_of_a_file),
        TEST(takes_a_marker_along_whose_file_was_hidden_without_it),
        TEST(leaves_the_marker_of_the_next_file),
        TEST(gives_the_marker_of_a_file_that_has_gone_to_no_other),
        TEST(leaves_alone_what_is_none_of_its_own),
        TEST(removes_an_empty_hidden_folder),
        TEST(goes_on_after_one_that_fails),
        TEST(leaves_the_rest_for_another_time_when_its_time_is_over),
        cmocka_unit_test_setup_teardown(copies_to_a_full_archive_only_what_is_smaller_than_what_found_no_room, set_up,
                                        tear_down_mount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
