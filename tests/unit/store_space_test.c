/* Disks that are really full: small file systems in memory, which only root can mount; else these tests are skipped. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum { MIB = 1024 * 1024, GROUPED = 60 /* changes, of which each is taken for a third of one */, BATCHES = 16 };

static int unmount(void **state)
{
    store_close(store);
    store = NULL;
    (void)umount2(folder, MNT_DETACH);
    return remove_folder(state);
}

static bool mounted(const char *size)
{
    return mount("dropfold", folder, "tmpfs", 0, size) == 0;
}

/* Takes all space but about `left` bytes. */
static void fill_disk(long left)
{
    static char bytes[4096];
    int fd = open(testing_path(folder, "filler"), O_WRONLY | O_CREAT, 0600);
    off_t size = 0;
    assert_true(fd >= 0);
    while (pwrite(fd, bytes, sizeof bytes, size) == (ssize_t)sizeof bytes)
        size += (off_t)sizeof bytes;
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(ftruncate(fd, size > left ? size - left : 0), 0);
    close(fd);
}

static void empty_disk(void)
{
    assert_int_equal(unlink(testing_path(folder, "filler")), 0);
}

static void waits_for_room_at_every_step_of_a_change(void **state)
{
    (void)state;
    if (!mounted("size=8m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    fill_disk(0);
    assert_false(store_begin(store, &error));
    assert_error(&error, ERROR_FULL, "cannot make room");
    assert_false(store_begin(store, &error));
    empty_disk();
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, SLICE("Orders"), &error), &error);

    struct batch *batch = batch_new(testing_feed());
    struct file_record file = testing_record("big.csv", 2, 120000);
    testing_fill(batch, 1, 120000, 2);
    fill_disk(100000);
    for (int i = 0; i < 3; i++) {
        assert_false(store_put_batch(store, batch, &error));
        assert_error(&error, ERROR_FULL, "cannot make room");
    }
    empty_disk();
    assert_ok(store_put_batch(store, batch, &error), &error);
    batch_free(batch);

    assert_ok(store_file_end(store, &file, &error), &error);
    char *summary = calloc(1, 1 << 20);
    assert_non_null(summary);
    fill_disk(0);
    for (int i = 0; i < 3; i++) {
        assert_false(store_commit(store, (struct slice){summary, 1 << 20}, 1, &error));
        assert_error(&error, ERROR_FULL, "cannot make room");
    }
    empty_disk();
    assert_ok(store_commit(store, SLICE("smaller"), 1, &error), &error);
    free(summary);
    assert_changes(store, 1);
    assert_ok(store_check(store, &error), &error);
}

static void commits_on_what_it_reserved_although_the_disk_is_full(void **state)
{
    (void)state;
    if (!mounted("size=8m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    struct file_record file = testing_record("a.csv", 1, 30000);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(testing_put_rows(store, 1, 30000, 1, &error), &error);
    fill_disk(0);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE("summary"), 1, &error), &error);
    assert_changes(store, 1);
    empty_disk();
}

static bool put_change(unsigned number)
{
    struct file_record file = testing_record("a.csv", (uint8_t)number, 200);
    return store_begin(store, &error) && store_file_begin(store, file.feed, &error) &&
           testing_put_rows(store, 1, 200, (uint8_t)number, &error) && store_file_end(store, &file, &error) &&
           store_commit(store, SLICE(""), 1, &error);
}

/* Else all of them would be undone for want of what the last one took, and again at each try. */
static void commits_a_group_whose_changes_took_all_the_room(void **state)
{
    (void)state;
    uint64_t changes = 0;
    if (!mounted("size=8m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    assert_ok(store_group_begin(store, &error), &error);
    while (changes < 5000 && put_change((unsigned)changes))
        changes++;
    assert_error(&error, ERROR_FULL, "cannot make room");
    store_rollback(store);
    fill_disk(0);
    error = (struct error){0};
    assert_ok(store_group_commit(store, SLICE("summary"), &error), &error);
    assert_changes(store, changes);
    empty_disk();
    assert_true(changes > 1);
    assert_true(put_change((unsigned)changes));
}

static uint64_t free_space(void)
{
    struct statvfs disk;
    assert_int_equal(statvfs(folder, &disk), 0);
    return disk.f_bavail * disk.f_bsize;
}

/* Else the disk would be full for everybody else, as long as the store is open. */
static void gives_back_what_a_group_did_not_write(void **state)
{
    (void)state;
    if (!mounted("size=32m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    assert_ok(store_group_begin(store, &error), &error);
    for (unsigned i = 0; i < GROUPED; i++)
        assert_true(put_change(i));
    assert_in_range(free_space(), 0, 16 * MIB);
    assert_ok(store_group_commit(store, SLICE("summary"), &error), &error);
    assert_in_range(free_space(), 24 * MIB, 32 * MIB);
    assert_changes(store, GROUPED);
    assert_true(put_change(GROUPED));
}

static void gives_back_what_a_change_that_is_given_up_did_not_write(void **state)
{
    (void)state;
    if (!mounted("size=32m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    assert_true(put_change(0));
    struct batch *batch = batch_new(testing_feed()), *batches[BATCHES];
    struct file_record file = testing_record("big.csv", 2, 120000);
    testing_fill(batch, 1, 120000, 2);
    for (size_t i = 0; i < BATCHES; i++)
        batches[i] = batch;
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(store_reserve(store, batches, BATCHES, &file, 0, &error), &error);
    assert_in_range(free_space(), 0, 20 * MIB);
    store_rollback(store);
    assert_in_range(free_space(), 24 * MIB, 32 * MIB);
    batch_free(batch);
}

/* Changes until there is no room; so many there are, also for the next who opens it. */
static uint64_t fill_with_changes(void)
{
    store = testing_open(folder, STORE_WRITE);
    uint64_t changes = 0;
    for (unsigned i = 0; i < 5000; i++) {
        if (!put_change(i)) {
            assert_int_equal(error.kind, ERROR_FULL);
            store_rollback(store);
            break;
        }
        changes++;
    }
    assert_changes(store, changes);
    store_close(store);
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, changes);
    return changes;
}

static void lets_nothing_be_lost_on_a_disk_that_fills_up(void **state)
{
    (void)state;
    if (!mounted("size=8m"))
        skip();
    assert_in_range(fill_with_changes(), 30, 4999);
}

/* As they were made once: what is reserved and cached is reckoned in pages. */
static void goes_on_in_a_store_of_small_pages(void **state)
{
    (void)state;
    if (!mounted("size=8m"))
        skip();
    sqlite3 *db;
    store_close(testing_open(folder, STORE_WRITE));
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_in_range(fill_with_changes(), 120, 4999);
}

static void tells_of_a_full_disk_when_a_note_does_not_fit(void **state)
{
    (void)state;
    if (!mounted("size=8m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    struct file_record file = testing_record("a.csv", 1, 0);
    static char reason[64 * 1024];
    file.state = FILE_QUARANTINED;
    file.reason = (struct slice){reason, sizeof reason};
    fill_disk(4096);
    assert_false(store_note_file(store, &file, 1, &error));
    assert_error(&error, ERROR_FULL, "cannot make room");
    empty_disk();
    assert_ok(store_note_file(store, &file, 1, &error), &error);
    testing_change(store, "b.csv", 2);
    assert_changes(store, 1);
    assert_ok(store_check(store, &error), &error);
}

static void says_so_when_a_full_disk_hinders_the_open(void **state)
{
    (void)state;
    if (!mounted("size=8m"))
        skip();
    store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    store_close(store);
    fill_disk(0);
    testing_open_fails(folder, STORE_WRITE, ERROR_FULL, "no space left");
    empty_disk();
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 1);
}

/* In a child whose files may not grow from just before the commit on: its room was made sure of, and the write fails,
   as on a disk that breaks. */
static int write_past_limit(void)
{
    struct rlimit limit = {.rlim_cur = 256 * 1024, .rlim_max = 256 * 1024};
    store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    struct file_record file = testing_record("b.csv", 2, 50000);
    if (!store_begin(store, &error) || !store_file_begin(store, file.feed, &error) ||
        !testing_put_rows(store, 1, 50000, 2, &error) || !store_file_end(store, &file, &error) ||
        signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    bool good = store_commit(store, SLICE(""), 1, &error);
    if (good || error.kind != ERROR_IO || !strstr(error.text, "must be opened again"))
        return 2;
    store_rollback(store);
    if (store_begin(store, &error) || error.kind != ERROR_IO || !strstr(error.text, "after an earlier error"))
        return 3;
    return store_progress(store)->sequence == 1 ? 0 : 4;
}

/* Files of the process may be no longer than `size` bytes. */
static void limit_files(rlim_t size)
{
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void waits_for_room_under_a_limit_of_the_size_of_files(void **state)
{
    (void)state;
    store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    limit_files(64 * 1024);
    bool began = store_begin(store, &error);
    bool noted = store_note_delivered(store, &(struct store_delivered){SLICE("there"), 1, 0, 1}, &error);
    limit_files(RLIM_INFINITY);
    assert_false(began);
    assert_false(noted);
    assert_error(&error, ERROR_FULL, "cannot make room");
    testing_change(store, "b.csv", 2);
    assert_changes(store, 2);
}

static void writes_no_more_after_an_error_of_the_disk(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(write_past_limit());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 1);
    testing_change(store, "b.csv", 2);
    assert_changes(store, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, unmount)
    const struct CMUnitTest tests[] = {
        TEST(waits_for_room_at_every_step_of_a_change),
        TEST(commits_on_what_it_reserved_although_the_disk_is_full),
        TEST(commits_a_group_whose_changes_took_all_the_room),
        TEST(gives_back_what_a_group_did_not_write),
        TEST(gives_back_what_a_change_that_is_given_up_did_not_write),
        TEST(lets_nothing_be_lost_on_a_disk_that_fills_up),
        TEST(goes_on_in_a_store_of_small_pages),
        TEST(tells_of_a_full_disk_when_a_note_does_not_fit),
        TEST(says_so_when_a_full_disk_hinders_the_open),
        TEST(waits_for_room_under_a_limit_of_the_size_of_files),
        TEST(writes_no_more_after_an_error_of_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
