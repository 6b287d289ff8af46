/* Several files moved to the archive together: each as if it were moved alone, whatever becomes of the others. */
#define FAILING_REMOVALS
#include "failing_looks.h"

#include "feed_archiving.h"

enum { FILES = 5 };

struct moving {
    char names[FILES][LANDING_NAME_SIZE], archived[FILES][ARCHIVE_NAME_SIZE];
    struct file_stat stats[FILES];
    enum archive_result results[FILES];
};

static void file_remove(const char *folder, const char *name)
{
    char path[FEED_PATH_MAX];
    path_join(path, folder, name);
    assert_int_equal(unlink(path), 0);
}

static void drop(struct fixture *f, struct moving *moving)
{
    for (size_t i = 0; i < FILES; i++) {
        snprintf(moving->names[i], sizeof moving->names[i], "%zu.csv", i);
        file_write(f->folder, moving->names[i], moving->names[i]);
        moving->stats[i] = file_stat_of(f->folder, moving->names[i]);
        archive_name(i + 1, &f->content, moving->names[i], moving->archived[i]);
    }
}

static void move_all(struct fixture *f, struct moving *moving)
{
    struct archive_set set;
    archive_set_begin(&set, &f->landing, 7);
    for (size_t i = 0; i < FILES; i++)
        moving->results[i] =
            archive_set_move(&set, moving->names[i], &moving->stats[i], moving->archived[i], &f->error);
    assert_ok(archive_set_end(&set, &f->error), &f->error);
}

static void is_moved(const struct fixture *f, const struct moving *moving, size_t i)
{
    assert_int_equal(moving->results[i], ARCHIVE_MOVED);
    assert_file(f->archive, moving->archived[i], moving->names[i]);
}

static void moves_all_of_them(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    drop(f, &moving);
    move_all(f, &moving);
    for (size_t i = 0; i < FILES; i++)
        is_moved(f, &moving, i);
    assert_int_equal(count_files(f->folder), 0);
    assert_int_equal(count_files(f->archive), FILES);
}

static void leaves_what_a_producer_put_in_the_place_of_one(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    drop(f, &moving);
    file_deliver(f->folder, "1.csv", "newer");
    file_append(f->folder, "2.csv", "and more");
    file_remove(f->folder, "3.csv");
    move_all(f, &moving);
    is_moved(f, &moving, 0);
    is_moved(f, &moving, 4);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(moving.results[i], ARCHIVE_REPLACED);
    assert_file(f->folder, "1.csv", "newer");
    assert_file(f->folder, "2.csv", "2.csvand more");
    assert_int_equal(count_files(f->folder), 2);
    assert_int_equal(count_files(f->archive), 2);
}

static void moves_a_name_alone_that_is_too_long_to_go_with_the_others(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    drop(f, &moving);
    file_remove(f->folder, "2.csv");
    memset(moving.names[2], 'n', LANDING_NAME_SIZE - 1);
    moving.names[2][LANDING_NAME_SIZE - 1] = '\0';
    file_write(f->folder, moving.names[2], "long");
    moving.stats[2] = file_stat_of(f->folder, moving.names[2]);
    archive_name(3, &f->content, moving.names[2], moving.archived[2]);
    move_all(f, &moving);
    assert_int_equal(moving.results[2], ARCHIVE_MOVED);
    assert_file(f->archive, moving.archived[2], "long");
    is_moved(f, &moving, 1);
    is_moved(f, &moving, 3);
    assert_int_equal(count_files(f->folder), 0);
}

static void leaves_all_in_a_folder_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    drop(f, &moving);
    f->landing.writable = false;
    move_all(f, &moving);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(moving.results[i], ARCHIVE_LEFT);
    assert_int_equal(count_files(f->folder), FILES);
}

static void fails_and_touches_nothing_when_there_can_be_no_archive(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    drop(f, &moving);
    file_write(f->data, "archive", "no folder");
    move_all(f, &moving);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(moving.results[i], ARCHIVE_FAILED);
    assert_int_equal(count_files(f->folder), FILES);
}

static bool look_up(void *context, const struct archive_left *left, bool *committed, struct error *error)
{
    struct fixture *f = context;
    (void)error;
    f->lookups++;
    *committed = left->to_delete ? left->stat.ctime_ns == 0xbeef : strcmp(left->archived, f->committed) == 0;
    return true;
}

static void recover(struct fixture *f, const char *committed)
{
    f->committed = committed;
    assert_ok(archive_recover(&f->landing, look_up, f, &f->effort, &f->error), &f->error);
}

static bool is_under_way(struct fixture *f, const char *name, const char *archived, char *path, size_t size)
{
    const struct archive_way way = {f->folder, name, archived};
    bool found;
    assert_ok(archive_under_way(&way, path, size, &found, &f->error), &f->error);
    return found;
}

/* It alone stays hidden, and is found there, until its name is free. */
static void hides_one_whose_name_in_the_archive_is_taken(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    char path[FEED_PATH_MAX * 2];
    drop(f, &moving);
    make_archive(f);
    file_write(f->archive, moving.archived[2], "other bytes");
    move_all(f, &moving);
    assert_int_equal(moving.results[2], ARCHIVE_HIDDEN);
    assert_error(&f->error, ERROR_IO, "another file has its name there");
    is_moved(f, &moving, 1);
    is_moved(f, &moving, 3);
    assert_int_equal(count_files(f->folder), 1);
    assert_true(is_under_way(f, "2.csv", moving.archived[2], path, sizeof path));
    assert_int_equal(access(path, R_OK), 0);
    assert_false(is_under_way(f, "1.csv", moving.archived[1], path, sizeof path));
    file_remove(f->archive, moving.archived[2]);
    recover(f, moving.archived[2]);
    assert_file(f->archive, moving.archived[2], "2.csv");
    assert_int_equal(count_files(f->folder), 0);
}

static void copies_to_an_archive_on_another_device(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    drop(f, &moving);
    mount_archive(f, "size=1m");
    move_all(f, &moving);
    for (size_t i = 0; i < FILES; i++)
        is_moved(f, &moving, i);
    assert_int_equal(count_files(f->folder), 0);
}

static void deletes_what_was_read_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct moving moving;
    f->feed.after = FEED_DELETE;
    drop(f, &moving);
    file_deliver(f->folder, "1.csv", "newer");
    move_all(f, &moving);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(moving.results[i], i == 1 ? ARCHIVE_REPLACED : ARCHIVE_MOVED);
    assert_file(f->folder, "1.csv", "newer");
    assert_int_equal(count_files(f->folder), 1);
    assert_int_equal(count_files(f->archive), 0);
}

/* --- calls that fail ---------------------------------------------------------------------------------------------- */

static const char *const odd_names[FILES] = {"a-b-c.csv", "a\nb\xff.csv", "-", "A.csv", "a.csv"};
static const int64_t odd_times[FILES] = {-1, 0, -3155760000, 4102444800, INT32_MAX};

static void drop_odd(struct fixture *f, struct moving *moving)
{
    for (size_t i = 0; i < FILES; i++) {
        snprintf(moving->names[i], sizeof moving->names[i], "%s", odd_names[i]);
        file_write(f->folder, odd_names[i], odd_names[i]);
        file_date(f->folder, odd_names[i], odd_times[i]);
        moving->stats[i] = file_stat_of(f->folder, odd_names[i]);
        archive_name(i + 1, &f->content, odd_names[i], moving->archived[i]);
    }
}

/* One of the calls fails. */
static bool try_to_move_all(struct fixture *f, struct moving *moving, struct failing *failing)
{
    struct archive_set set;
    failing_begin(failing);
    archive_set_begin(&set, &f->landing, 7);
    for (size_t i = 0; i < FILES; i++)
        moving->results[i] =
            archive_set_move(&set, moving->names[i], &moving->stats[i], moving->archived[i], &f->error);
    assert_ok(archive_set_end(&set, &f->error), &f->error); /* no flush fails */
    return failing_end(failing);
}

static bool all_committed(void *context, const struct archive_left *left, bool *committed, struct error *error)
{
    (void)context, (void)left, (void)error;
    *committed = true;
    return true;
}

/* As a daemon goes on: what failed is tried again, and what is hidden is looked for. */
static void go_on(struct fixture *f, const struct moving *moving)
{
    for (size_t i = 0; i < FILES; i++) {
        const char *name = moving->names[i];
        bool there = file_there(f->folder, name);
        assert_true(moving->results[i] != ARCHIVE_REPLACED && moving->results[i] != ARCHIVE_LEFT);
        assert_true(there == (moving->results[i] == ARCHIVE_FAILED));
        if (there && f->feed.after == FEED_DELETE)
            assert_int_equal(archive_delete(&f->landing, name, &moving->stats[i], &f->error), ARCHIVE_MOVED);
        else if (there)
            assert_int_equal(archive_move(&f->landing, name, &moving->stats[i], moving->archived[i], &f->error),
                             ARCHIVE_MOVED);
    }
    assert_ok(archive_recover(&f->landing, all_committed, f, &f->effort, &f->error), &f->error);
    assert_int_equal(count_files(f->folder), 0);
}

static void moves_all_of_them_whichever_call_fails(void **state)
{
    struct fixture *f = *state;
    for (struct failing each = {0}; failing_next(&each);) {
        struct moving moving;
        drop_odd(f, &moving);
        bool failed = try_to_move_all(f, &moving, &each);
        for (size_t i = 0; i < FILES && !failed; i++)
            assert_int_equal(moving.results[i], ARCHIVE_MOVED);
        go_on(f, &moving);
        for (size_t i = 0; i < FILES; i++) {
            assert_file(f->archive, moving.archived[i], odd_names[i]);
            assert_int_equal(file_stat_of(f->archive, moving.archived[i]).mtime_ns, moving.stats[i].mtime_ns);
        }
        assert_int_equal(count_files(f->archive), FILES);
        remove_names(f->archive);
    }
}

static void copies_all_of_them_whichever_call_fails(void **state)
{
    mount_archive(*state, "size=1m");
    moves_all_of_them_whichever_call_fails(state);
}

static void deletes_all_of_them_whichever_call_fails(void **state)
{
    struct fixture *f = *state;
    f->feed.after = FEED_DELETE;
    for (struct failing each = {0}; failing_next(&each);) {
        struct moving moving;
        drop_odd(f, &moving);
        (void)try_to_move_all(f, &moving, &each);
        go_on(f, &moving);
    }
}

/* --- what a crash left -------------------------------------------------------------------------------------------- */

/* Hides "<name>" as a crash in the midst would leave it. */
static void hide(struct fixture *f, const char *name, const char *tag, const struct file_stat *stat)
{
    char folder[FEED_PATH_MAX], inner[512], from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    path_join(folder, f->folder, ".dropfold-group-1f");
    if (mkdir(folder, 0700) < 0)
        assert_int_equal(errno, EEXIST);
    snprintf(inner, sizeof inner, "%llx-%llx-%llx-%llx-%s-%s", (unsigned long long)stat->device,
             (unsigned long long)stat->inode, (unsigned long long)stat->size, (unsigned long long)stat->mtime_ns, tag,
             name);
    path_join(from, f->folder, name);
    path_join(to, folder, inner);
    assert_int_equal(rename(from, to), 0);
}

static void hide_as_read(struct fixture *f, const char *name, const char *tag)
{
    file_write(f->folder, name, name);
    const struct file_stat stat = file_stat_of(f->folder, name);
    hide(f, name, tag, &stat);
}

static void goes_on_with_what_is_committed_and_back_with_the_rest(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a-b-c.csv", "000007-abababab");
    hide_as_read(f, "b.csv", "000008-abababab");
    file_write(f->folder, "c.csv", "old");
    struct file_stat stat = file_stat_of(f->folder, "c.csv");
    file_deliver(f->folder, "c.csv", "newer");
    hide(f, "c.csv", "000007-abababab", &stat);
    recover(f, "000007-abababab-a-b-c.csv");
    assert_file(f->archive, f->committed, "a-b-c.csv");
    assert_file(f->folder, "b.csv", "b.csv");
    assert_file(f->folder, "c.csv", "newer");
    assert_int_equal(count_files(f->folder), 2);
    assert_int_equal(count_files(f->archive), 1);
    assert_int_equal(f->lookups, 2); /* not of one that is not what was read */
}

static void deletes_what_was_to_be_deleted_and_is_committed(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "delete-beef");
    hide_as_read(f, "b.csv", "delete-cafe");
    recover(f, "none");
    assert_file(f->folder, "b.csv", "b.csv");
    assert_int_equal(count_files(f->folder), 1);
}

static void keeps_both_when_a_name_is_taken_by_now(void **state)
{
    struct fixture *f = *state;
    hide_as_read(f, "a.csv", "000007-abababab");
    file_write(f->folder, "a.csv", "newest");
    recover(f, "none");
    assert_file(f->folder, "a.csv", "newest");
    assert_file(f->folder, "replaced-1-a.csv", "a.csv");
    assert_int_equal(count_files(f->folder), 2);
}

static void knows_files_whose_disk_has_another_number_by_now(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "a.csv");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    stat.device++;
    hide(f, "a.csv", "000007-abababab", &stat);
    recover(f, "000007-abababab-a.csv");
    assert_file(f->archive, f->committed, "a.csv");
    assert_int_equal(count_files(f->folder), 0);
}

static void removes_a_folder_that_is_empty_and_no_other(void **state)
{
    struct fixture *f = *state;
    char folder[FEED_PATH_MAX];
    path_join(folder, f->folder, ".dropfold-group-1");
    assert_int_equal(mkdir(folder, 0700), 0);
    path_join(folder, f->folder, ".dropfold-group-2");
    assert_int_equal(mkdir(folder, 0700), 0);
    file_write(folder, "somebody's", "own");
    recover(f, "none");
    assert_int_equal(count_files(f->folder), 1);
    assert_file(folder, "somebody's", "own");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moves_all_of_them),
        TEST(leaves_what_a_producer_put_in_the_place_of_one),
        TEST(moves_a_name_alone_that_is_too_long_to_go_with_the_others),
        TEST(leaves_all_in_a_folder_that_cannot_be_written),
        TEST(fails_and_touches_nothing_when_there_can_be_no_archive),
        TEST(hides_one_whose_name_in_the_archive_is_taken),
        cmocka_unit_test_setup_teardown(copies_to_an_archive_on_another_device, set_up, tear_down_mount),
        TEST(deletes_what_was_read_and_nothing_else),
        TEST(moves_all_of_them_whichever_call_fails),
        cmocka_unit_test_setup_teardown(copies_all_of_them_whichever_call_fails, set_up, tear_down_mount),
        TEST(deletes_all_of_them_whichever_call_fails),
        TEST(deletes_what_was_to_be_deleted_and_is_committed),
        TEST(goes_on_with_what_is_committed_and_back_with_the_rest),
        TEST(keeps_both_when_a_name_is_taken_by_now),
        TEST(knows_files_whose_disk_has_another_number_by_now),
        TEST(removes_a_folder_that_is_empty_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
