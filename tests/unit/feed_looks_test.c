/*
 * A look at a file that fails says nothing of the file. Each call of a move, or of what a start does with what a crash
 * left, fails once: then what the caller does next, by the result, ends as if none had failed.
 */
#include "failing_looks.h"

#include "feed_archiving.h"
#include "feed_watching.h"

/* Every file of the ledger is committed; a copy in the quarantine is nobody's yet. */
static bool look_up(void *context, const struct archive_left *left, bool *committed, struct error *error)
{
    const struct fixture *f = context;
    (void)error;
    *committed = left->to_quarantine ? f->unnoted != NULL : f->committed != NULL;
    return true;
}

static bool recover(struct fixture *f)
{
    return archive_recover(&f->landing, look_up, f, &f->effort, &f->error);
}

static void begin_anew(struct fixture *f)
{
    remove_names(f->folder);
    remove_names(f->archive);
    remove_names(f->quarantine);
    f->error.kind = ERROR_NONE;
}

/* Files, markers too, that are in hidden folders. */
static size_t count_hidden(const struct fixture *f)
{
    char path[FEED_PATH_MAX];
    size_t count = 0;
    DIR *dir = opendir(f->folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, ".dropfold-", 10) == 0) {
            path_join(path, f->folder, entry->d_name);
            count += count_files(path);
        }
    closedir(dir);
    return count;
}

/* What one of the moves came to, in a daemon that tries again: at once what failed, and what is hidden when it
   recovers. */
static void go_on(struct fixture *f, enum archive_result result, enum archive_result (*again)(struct fixture *f))
{
    if (result != ARCHIVE_MOVED && result != ARCHIVE_REPLACED)
        assert_true(f->error.kind == ERROR_IO && f->error.text[0] != '\0');
    if (result != ARCHIVE_HIDDEN)
        assert_int_equal(count_hidden(f), 0);
    assert_true(result != ARCHIVE_LEFT);
    if (result == ARCHIVE_FAILED)
        assert_int_equal(again(f), ARCHIVE_MOVED);
    assert_ok(recover(f), &f->error);
}

static void land(struct fixture *f, const char *text)
{
    file_write(f->folder, "a.csv", text);
    file_write(f->folder, "a.csv.done", "");
}

static const char archived[] = "000007-abababab-a.csv";
static struct file_stat read_stat; /* of what was read */

static enum archive_result move_away_again(struct fixture *f)
{
    return archive_move(&f->landing, "a.csv", &read_stat, archived, &f->error);
}

static enum archive_result delete_again(struct fixture *f)
{
    return archive_delete(&f->landing, "a.csv", &read_stat, &f->error);
}

static enum archive_result quarantine_again(struct fixture *f)
{
    char path[FEED_PATH_MAX];
    return quarantine_one(f, "a.csv", &read_stat, path);
}

static void moves_a_file_with_its_marker_once(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    f->committed = archived;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        land(f, "1");
        read_stat = file_stat_of(f->folder, "a.csv");
        failing_begin(&each);
        enum archive_result result = move_away_again(f);
        assert_true(failing_end(&each) || result == ARCHIVE_MOVED);
        go_on(f, result, move_away_again);
        assert_true(result != ARCHIVE_REPLACED);
        assert_file(f->archive, archived, "1");
        assert_int_equal(count_files(f->archive), 1);
        assert_int_equal(count_files(f->folder), 0);
    }
}

static void takes_no_file_for_replaced_that_was_moved_by_the_try_before(void **state)
{
    struct fixture *f = *state;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        file_write(f->folder, "a.csv", "1");
        read_stat = file_stat_of(f->folder, "a.csv");
        assert_int_equal(move_away_again(f), ARCHIVE_MOVED);
        failing_begin(&each);
        enum archive_result result = move_away_again(f);
        (void)failing_end(&each);
        assert_true(result != ARCHIVE_REPLACED);
    }
}

/* Hidden by a try before, and not in sight: a look into hiding tells it from one that is gone. */
static void finds_a_file_that_is_hidden_already(void **state)
{
    struct fixture *f = *state;
    f->committed = archived;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        file_write(f->folder, "a.csv", "1");
        read_stat = file_stat_of(f->folder, "a.csv");
        file_write(f->archive, archived, "other bytes");
        assert_int_equal(move_away_again(f), ARCHIVE_HIDDEN);
        remove_names(f->archive);
        failing_begin(&each);
        enum archive_result result = move_away_again(f);
        (void)failing_end(&each);
        assert_true(result != ARCHIVE_REPLACED && result != ARCHIVE_LEFT);
        assert_ok(recover(f), &f->error);
        assert_file(f->archive, archived, "1");
        assert_int_equal(count_files(f->folder), 0);
    }
}

static void deletes_a_file_with_its_marker(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    f->committed = archived;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        land(f, "1");
        read_stat = file_stat_of(f->folder, "a.csv");
        failing_begin(&each);
        enum archive_result result = delete_again(f);
        assert_true(failing_end(&each) || result == ARCHIVE_MOVED);
        go_on(f, result, delete_again);
        assert_int_equal(count_files(f->folder), 0);
    }
}

static void puts_a_file_with_its_marker_back_that_replaced_the_one_read(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    f->committed = archived;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        land(f, "1");
        read_stat = file_stat_of(f->folder, "a.csv");
        land(f, "newer");
        failing_begin(&each);
        enum archive_result result = move_away_again(f);
        assert_true(failing_end(&each) || result == ARCHIVE_REPLACED);
        if (result != ARCHIVE_HIDDEN)
            assert_int_equal(count_hidden(f), 0);
        assert_ok(recover(f), &f->error);
        assert_file(f->folder, "a.csv", "newer");
        assert_true(file_there(f->folder, "a.csv.done"));
        assert_int_equal(count_files(f->folder), 2);
        assert_int_equal(count_files(f->archive), 0);
    }
}

static void quarantines_a_bad_file_under_one_name_beside_its_reason(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        land(f, "1");
        read_stat = file_stat_of(f->folder, "a.csv");
        file_write(f->quarantine, "a.csv.reason", "of one that is gone\n");
        file_write(f->quarantine, "a.csv.1", "1");
        file_write(f->quarantine, "a.csv.1.reason", "the same bytes, before\n");
        failing_begin(&each);
        enum archive_result result = quarantine_again(f);
        assert_true(failing_end(&each) || result == ARCHIVE_MOVED);
        assert_true(result != ARCHIVE_REPLACED && result != ARCHIVE_LEFT);
        if (result != ARCHIVE_HIDDEN)
            assert_int_equal(count_hidden(f), 0);
        assert_ok(recover(f), &f->error);
        if (file_there(f->folder, "a.csv")) {
            assert_true(file_there(f->folder, "a.csv.done"));
            read_stat = file_stat_of(f->folder, "a.csv");
            assert_int_equal(quarantine_again(f), ARCHIVE_MOVED);
        }
        assert_int_equal(count_files(f->folder), 0);
        assert_file(f->quarantine, "a.csv.1.reason", "the same bytes, before\n");
        assert_int_equal(count_files(f->quarantine), 3);
    }
}

/* --- what a crash left --- */

/* Hides `name`, as a file whose device had another number before. */
static void hide(struct fixture *f, const char *name, const struct file_stat *stat, const char *tag)
{
    char hidden[FEED_PATH_MAX];
    struct file_stat before = *stat;
    before.device++;
    hide_alone(f, name, &before, tag, hidden);
}

/* The same in a folder of many. */
static void hide_together(struct fixture *f, const char *name, const struct file_stat *stat, const char *tag)
{
    char hidden[FEED_PATH_MAX], inner[512], from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    path_join(hidden, f->folder, ".dropfold-group-1");
    if (mkdir(hidden, 0700) < 0)
        assert_int_equal(errno, EEXIST);
    snprintf(inner, sizeof inner, "%llx-%llx-%llx-%llx-%s-%s", (unsigned long long)stat->device + 1,
             (unsigned long long)stat->inode, (unsigned long long)stat->size, (unsigned long long)stat->mtime_ns, tag,
             name);
    path_join(from, f->folder, name);
    path_join(to, hidden, inner);
    assert_int_equal(rename(from, to), 0);
}

/* A first time with the fault; another time, as an error says or the next start does, without. */
static void recover_twice(struct fixture *f, struct failing *each)
{
    failing_begin(each);
    bool all = recover(f);
    bool hit = failing_end(each);
    assert_true(hit || all);
    if (!all)
        assert_true(f->error.kind == ERROR_IO);
    if (all)
        assert_int_equal(count_hidden(f), 0);
    assert_ok(recover(f), &f->error);
}

static void keeps_committed_files_out_of_sight(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    f->committed = archived;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        land(f, "1");
        file_write(f->folder, "b.csv", "2");
        const struct file_stat a = file_stat_of(f->folder, "a.csv"), b = file_stat_of(f->folder, "b.csv");
        hide(f, "a.csv", &a, "000007-abababab"); /* its marker is in sight still */
        hide_together(f, "b.csv", &b, "000008-abababab");
        recover_twice(f, &each);
        assert_file(f->archive, archived, "1");
        assert_file(f->archive, "000008-abababab-b.csv", "2");
        assert_int_equal(count_files(f->folder), 0);
    }
}

static void leaves_the_marker_of_the_next_file(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    f->committed = archived;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        file_write(f->folder, "a.csv", "1");
        const struct file_stat stat = file_stat_of(f->folder, "a.csv");
        hide(f, "a.csv", &stat, "000007-abababab");
        land(f, "next");
        recover_twice(f, &each);
        assert_file(f->archive, archived, "1");
        assert_file(f->folder, "a.csv", "next");
        assert_true(file_there(f->folder, "a.csv.done"));
        assert_int_equal(count_files(f->folder), 2);
    }
}

static void gives_a_marker_back_to_a_file_in_sight(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        land(f, "1");
        const struct file_stat stat = file_stat_of(f->folder, "a.csv");
        hide(f, "a.csv.done", &stat, "000007-abababab");
        recover_twice(f, &each);
        assert_file(f->folder, "a.csv", "1");
        assert_true(file_there(f->folder, "a.csv.done"));
        assert_int_equal(count_files(f->folder), 2);
    }
}

static void removes_a_second_name_of_a_file_that_is_back(void **state)
{
    struct fixture *f = *state;
    char name[FEED_PATH_MAX], other[FEED_PATH_MAX];
    path_join(name, f->folder, "a.csv");
    path_join(other, f->data, "other");
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        file_write(f->folder, "a.csv", "1");
        const struct file_stat stat = file_stat_of(f->folder, "a.csv");
        assert_int_equal(link(name, other), 0);
        hide(f, "a.csv", &stat, "000007-abababab");
        assert_int_equal(rename(other, name), 0);
        recover_twice(f, &each);
        assert_file(f->folder, "a.csv", "1");
        assert_int_equal(count_files(f->folder), 1);
    }
}

static void knows_the_copy_of_a_bad_file(void **state)
{
    struct fixture *f = *state;
    f->unnoted = "a.csv.1";
    for (struct failing each = {0}; failing_next(&each);) {
        begin_anew(f);
        file_write(f->folder, "a.csv", "1");
        const struct file_stat stat = file_stat_of(f->folder, "a.csv");
        file_write(f->quarantine, "a.csv.reason", "of one that is gone\n");
        file_write(f->quarantine, "a.csv.1", "1");
        hide(f, "a.csv", &stat, "quarantine");
        recover_twice(f, &each);
        assert_int_equal(count_files(f->folder), 0);
        assert_int_equal(count_files(f->quarantine), 2);
    }
}

/* --- landing folders --- */

static void takes_no_folder_for_lost_that_cannot_be_looked_at(void **state)
{
    struct watching *w = *state;
    struct failing first = {.k = 1}; /* a scan begins with a look where the path leads */
    w->options.once = true;
    assert_ok(watching_try(w), &w->error);
    failing_begin(&first);
    run_until(w, w->idle == 1);
    assert_true(failing_end(&first));
    assert_int_equal(watching_said(w, "another dropfold"), 0);
    assert_int_equal(watching_said(w, "trying again"), 1);
    assert_int_equal(watching_said(w, "can be read again"), 1);
    assert_false(watch_missed(w->watch));
}

static void takes_no_folder_for_apart_that_cannot_be_looked_at(void **state)
{
    struct watching *w = *state;
    assert_int_equal(rmdir(w->folder[2]), 0);
    assert_int_equal(symlink("Orders", w->folder[2]), 0);
    for (struct failing each = {0}; failing_next(&each);) {
        failing_begin(&each);
        assert_false(landing_check_apart(w->data, &w->pipeline, &w->error));
        assert_true(w->error.kind == (failing_end(&each) ? ERROR_IO : ERROR_CONFIG));
    }
}

/* Whose files would be left where they are. */
static void takes_no_folder_for_one_that_cannot_be_written_when_it_cannot_be_looked_at(void **state)
{
    struct fixture *f = *state;
    for (struct failing each = {0}; failing_next(&each);) {
        struct landing landing;
        failing_begin(&each);
        bool good = landing_open(&landing, f->data, &f->feed, 0, false, &f->error);
        assert_int_equal(good, !failing_end(&each));
        if (!good)
            assert_int_equal(f->error.kind, ERROR_IO);
        landing_close(&landing);
    }
    for (struct failing each = {0}; failing_next(&each);) {
        failing_begin(&each);
        assert_false(landing_keeps_now(&f->landing, "a.csv"));
        (void)failing_end(&each);
    }
}

static int set_up_all(void **state)
{
    char parent[FEED_PATH_MAX];
    set_up(state);
    const struct fixture *f = *state;
    make_archive(f);
    path_join(parent, f->data, "quarantine");
    assert_int_equal(mkdir(parent, 0755), 0);
    assert_int_equal(mkdir(f->quarantine, 0755), 0);
    return 0;
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, set_up_all, tear_down)
#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, watching_set_up, watching_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(moves_a_file_with_its_marker_once),
        TEST(takes_no_file_for_replaced_that_was_moved_by_the_try_before),
        TEST(finds_a_file_that_is_hidden_already),
        TEST(deletes_a_file_with_its_marker),
        TEST(puts_a_file_with_its_marker_back_that_replaced_the_one_read),
        TEST(quarantines_a_bad_file_under_one_name_beside_its_reason),
        TEST(keeps_committed_files_out_of_sight),
        TEST(leaves_the_marker_of_the_next_file),
        TEST(gives_a_marker_back_to_a_file_in_sight),
        TEST(removes_a_second_name_of_a_file_that_is_back),
        TEST(knows_the_copy_of_a_bad_file),
        TEST(takes_no_folder_for_one_that_cannot_be_written_when_it_cannot_be_looked_at),
        WATCH_TEST(takes_no_folder_for_lost_that_cannot_be_looked_at),
        WATCH_TEST(takes_no_folder_for_apart_that_cannot_be_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
