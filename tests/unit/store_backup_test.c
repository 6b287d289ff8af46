/* What keeps a store: copies of it, and the same in less space. */
#include "store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store_killing.h"

#include "store_fixture.h"

static struct store_backup made;

/* Five files, one of them forgotten, and a note. */
static void fill(void)
{
    struct arena texts;
    struct file_record file;
    arena_init(&texts, 4096);
    for (uint8_t i = 1; i <= 5; i++)
        testing_change(store, "a.csv", i);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_forget(store, SLICE("seq=3"), &texts, &file, &error), &error);
    assert_ok(store_commit(store, SLICE("six"), 1, &error), &error);
    assert_ok(store_note_delivered(store, &(struct store_delivered){SLICE("sqlite:x.db"), 6, 0, 1}, &error), &error);
    arena_close(&texts);
}

static struct buf story_of(struct store *of)
{
    struct testing_story story;
    assert_ok(testing_replay(of, &story, &error), &error);
    return story.bytes;
}

static unsigned files_in(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* A folder of its own for what comes out. */
static const char *elsewhere(void)
{
    const char *path = testing_path(folder, "elsewhere");
    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
    return path;
}

/* --- backup ------------------------------------------------------------------------------------------------------- */

/* Opens the copy as the store that it is to become again, and compares what it tells. */
static void assert_same_store(const char *copy)
{
    struct stat stat_of;
    struct buf wanted = story_of(store);
    const char *place = testing_path(folder, "restored");
    assert_int_equal(stat(copy, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0640);
    assert_int_equal(stat_of.st_size, made.bytes);
    assert_int_equal(mkdir(place, 0755), 0);
    testing_copy(copy, testing_path(place, "ecommerce.db"));
    struct store *restored = testing_open(place, STORE_WRITE);
    struct buf given = story_of(restored);
    assert_true(slice_equal(buf_slice(&given), buf_slice(&wanted)));
    assert_true(progress_equal(store_progress(restored), store_progress(store)));
    assert_int_equal(store_rewritten(restored), store_rewritten(store));
    assert_ok(store_check(restored, &error), &error);
    testing_change(restored, "on.csv", 50);
    store_close(restored);
    buf_close(&wanted);
    buf_close(&given);
}

static void copies_the_store_into_one_file(void **state)
{
    (void)state;
    const char *path = testing_path(elsewhere(), "copy.db");
    fill();
    assert_ok(store_backup(store, path, &made, &error), &error);
    assert_true(progress_equal(&made.progress, store_progress(store)));
    assert_int_equal(files_in(elsewhere()), 1);
    assert_same_store(testing_path(elsewhere(), "copy.db"));
}

static void copies_an_empty_store(void **state)
{
    (void)state;
    assert_ok(store_backup(store, testing_path(elsewhere(), "copy.db"), &made, &error), &error);
    assert_int_equal(made.progress.sequence, 0);
    assert_same_store(testing_path(elsewhere(), "copy.db"));
}

static void copies_beside_a_writer_what_is_committed_and_no_more(void **state)
{
    (void)state;
    struct file_record file = testing_record("open.csv", 60, 3);
    fill();
    struct store *reader = testing_open(folder, STORE_READ);
    testing_change(store, "later.csv", 51);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    assert_ok(store_backup(reader, testing_path(elsewhere(), "copy.db"), &made, &error), &error);
    store_rollback(store);
    assert_int_equal(made.progress.sequence, 7);
    store_close(reader);
    assert_same_store(testing_path(elsewhere(), "copy.db"));
}

static void never_overwrites_a_file(void **state)
{
    (void)state;
    const char *path = testing_path(elsewhere(), "copy.db");
    fill();
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("precious", out);
    fclose(out);
    assert_false(store_backup(store, path, &made, &error));
    assert_error(&error, ERROR_IO, "copy.db is there already");
    char text[16] = "";
    FILE *in = fopen(path, "r");
    assert_non_null(fgets(text, sizeof text, in));
    fclose(in);
    assert_string_equal(text, "precious");
    assert_int_equal(unlink(path), 0);
    /* Nor through a link that leads nowhere yet. */
    assert_int_equal(symlink("nowhere", path), 0);
    assert_false(store_backup(store, path, &made, &error));
    assert_error(&error, ERROR_IO, "copy.db is there already");
    assert_int_equal(files_in(elsewhere()), 1);
}

static void says_where_it_cannot_write(void **state)
{
    (void)state;
    fill();
    assert_false(store_backup(store, testing_path(folder, "no-such-folder/copy.db"), &made, &error));
    assert_error(&error, ERROR_IO, "no-such-folder/copy.db: No such file or directory");
}

static void leaves_nothing_when_there_is_no_room(void **state)
{
    (void)state;
    struct rlimit old, small = {.rlim_cur = 20000};
    fill();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool good = store_backup(store, testing_path(elsewhere(), "copy.db"), &made, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_false(good);
    assert_error(&error, ERROR_FULL, "copy.db.part-");
    assert_int_equal(files_in(elsewhere()), 0);
    /* The store itself is none the worse. */
    testing_change(store, "on.csv", 50);
    assert_changes(store, 7);
}

static void harm(const char *sql)
{
    sqlite3 *db;
    store_close(store);
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store = testing_open(folder, STORE_WRITE);
}

static void calls_no_copy_of_a_damaged_store_a_backup(void **state)
{
    (void)state;
    fill();
    harm("UPDATE chunks SET data = x'00' WHERE id = 2");
    assert_false(store_backup(store, testing_path(elsewhere(), "copy.db"), &made, &error));
    assert_error(&error, ERROR_CORRUPT, "change 2, file Orders/a.csv: a chunk fails its checksum");
    assert_int_equal(files_in(elsewhere()), 0);
}

static void copies_nothing_within_a_change(void **state)
{
    (void)state;
    assert_ok(store_begin(store, &error), &error);
    assert_false(store_backup(store, testing_path(elsewhere(), "copy.db"), &made, &error));
    assert_error(&error, ERROR_BUG, "within a change");
    store_rollback(store);
}

static void back_up(void *context)
{
    struct store *mine = testing_open(folder, STORE_READ);
    if (!store_backup(mine, context, &made, &error))
        _exit(1);
    store_close(mine);
}

static void remove_all_in(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

static void makes_a_whole_backup_or_none_wherever_it_is_killed(void **state)
{
    (void)state;
    enum killing_result result = KILLING_KILLED;
    unsigned none = 0, whole = 0;
    char path[TESTING_PATH_MAX + 64];
    fill();
    snprintf(path, sizeof path, "%s/ecommerce.db", elsewhere());
    for (unsigned point = 1; result == KILLING_KILLED; point += 2 * TESTING_STEP) {
        result = killing_run(point, back_up, path);
        if (result == KILLING_IMPOSSIBLE)
            skip();
        if (access(path, F_OK) == 0) {
            struct store *copy = testing_open(elsewhere(), STORE_READ);
            assert_changes(copy, 6);
            store_close(copy);
            whole++;
        } else {
            none++;
        }
        remove_all_in(elsewhere());
    }
    assert_in_range(none, 40, 2000);
    assert_in_range(whole, 2, 200);
}

/* --- compact ------------------------------------------------------------------------------------------------------ */

/* Two megabytes of holes. */
static void make_holes(void)
{
    harm("CREATE TABLE filler(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
         "INSERT INTO filler SELECT randomblob(4000) FROM n; DROP TABLE filler");
}

static void gives_unused_space_back_and_keeps_everything(void **state)
{
    (void)state;
    uint64_t before, after;
    fill();
    make_holes();
    struct buf wanted = story_of(store);
    struct progress progress = *store_progress(store);
    assert_ok(store_compact(store, &before, &after, &error), &error);
    assert_in_range(before, 2000000, 8000000);
    assert_in_range(after, 20000, 500000);
    struct buf given = story_of(store);
    assert_true(slice_equal(buf_slice(&given), buf_slice(&wanted)));
    assert_true(progress_equal(&progress, store_progress(store)));
    testing_change(store, "on.csv", 50);
    store_close(store);
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 7);
    assert_ok(store_check(store, &error), &error);
    buf_close(&wanted);
    buf_close(&given);
}

static void is_compacted_while_somebody_reads(void **state)
{
    (void)state;
    uint64_t before, after;
    fill();
    struct store *reader = testing_open(folder, STORE_READ);
    assert_changes(reader, 6);
    assert_ok(store_compact(store, &before, &after, &error), &error);
    assert_changes(reader, 6);
    store_close(reader);
    assert_changes(store, 6);
}

static void is_not_compacted_within_a_change_or_by_a_reader(void **state)
{
    (void)state;
    uint64_t before, after;
    fill();
    assert_ok(store_begin(store, &error), &error);
    assert_false(store_compact(store, &before, &after, &error));
    assert_error(&error, ERROR_BUG, "within a change");
    store_rollback(store);
    struct store *reader = testing_open(folder, STORE_READ);
    assert_false(store_compact(reader, &before, &after, &error));
    assert_error(&error, ERROR_BUG, "reading only");
    store_close(reader);
}

static void compact(void *context)
{
    uint64_t before, after;
    struct store *mine = testing_open(folder, STORE_REPLACE);
    (void)context;
    if (!store_compact(mine, &before, &after, &error))
        _exit(1);
    store_close(mine);
}

static void loses_nothing_wherever_compacting_is_killed(void **state)
{
    (void)state;
    enum killing_result result = KILLING_KILLED;
    unsigned points = 0;
    fill();
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "base.db"));
    for (unsigned point = 1; result == KILLING_KILLED; point += 2 * TESTING_STEP, points++) {
        (void)unlink(testing_path(folder, "ecommerce.db-wal"));
        (void)unlink(testing_path(folder, "ecommerce.db-shm"));
        testing_copy(testing_path(folder, "base.db"), testing_path(folder, "ecommerce.db"));
        result = killing_run(point, compact, NULL);
        struct store *left = testing_open(folder, STORE_WRITE);
        assert_changes(left, 6);
        assert_ok(store_check(left, &error), &error);
        store_close(left);
    }
    store = testing_open(folder, STORE_WRITE);
    if (result == KILLING_IMPOSSIBLE)
        skip();
    assert_in_range(points, 50, 2000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(copies_the_store_into_one_file),
        TEST(copies_an_empty_store),
        TEST(copies_beside_a_writer_what_is_committed_and_no_more),
        TEST(never_overwrites_a_file),
        TEST(says_where_it_cannot_write),
        TEST(leaves_nothing_when_there_is_no_room),
        TEST(calls_no_copy_of_a_damaged_store_a_backup),
        TEST(copies_nothing_within_a_change),
        TEST(makes_a_whole_backup_or_none_wherever_it_is_killed),
        TEST(gives_unused_space_back_and_keeps_everything),
        TEST(is_compacted_while_somebody_reads),
        TEST(is_not_compacted_within_a_change_or_by_a_reader),
        TEST(loses_nothing_wherever_compacting_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
