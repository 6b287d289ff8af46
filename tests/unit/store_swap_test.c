#include "store_testing.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <time.h>

#include "store_forging.h"
#include "store_killing.h"

#include "store_folder.h"

static bool exists(const char *name)
{
    return access(testing_path(folder, name), F_OK) == 0;
}

/* A store of two changes, and one that is built beside it and has three. */
static void open_both(struct store **old, struct store **built)
{
    *old = testing_open(folder, STORE_REPLACE);
    for (uint8_t i = 1; i <= 2; i++)
        testing_change(*old, "a.csv", i);
    *built = testing_open(folder, STORE_BUILD);
    for (uint8_t i = 1; i <= 3; i++)
        testing_change(*built, "a.csv", i);
}

static void puts_the_built_store_in_the_place_of_the_old(void **state)
{
    (void)state;
    struct store *old, *built;
    open_both(&old, &built);
    struct progress wanted = *store_progress(built);
    assert_true(exists("ecommerce.db.new"));
    assert_ok(store_swap(old, built, &error), &error);
    assert_false(exists("ecommerce.db.new"));
    assert_false(exists("ecommerce.db.new-wal"));
    assert_false(exists("ecommerce.db-wal"));
    struct store *store = testing_open(folder, STORE_WRITE);
    assert_true(progress_equal(&wanted, store_progress(store)));
    assert_changes(store, 3);
    store_close(store);
}

static void removes_a_built_store_that_is_given_up(void **state)
{
    (void)state;
    struct store *old, *built;
    open_both(&old, &built);
    assert_true(exists("ecommerce.db.new-wal"));
    store_close(built);
    assert_false(exists("ecommerce.db.new") || exists("ecommerce.db.new-wal") || exists("ecommerce.db.new-shm"));
    built = testing_open(folder, STORE_BUILD);
    assert_changes(built, 0);
    store_close(built);
    assert_changes(old, 2);
    store_close(old);
}

static void clears_away_what_a_killed_build_left(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct store *old, *built;
        open_both(&old, &built);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(exists("ecommerce.db.new-wal"));
    struct store *old = testing_open(folder, STORE_WRITE);
    struct store *built = testing_open(folder, STORE_BUILD);
    assert_changes(old, 2);
    assert_changes(built, 0);
    testing_change(built, "b.csv", 9);
    assert_ok(store_swap(old, built, &error), &error);
    old = testing_open(folder, STORE_WRITE);
    assert_changes(old, 1);
    store_close(old);
}

static void takes_a_changed_fingerprint_to_the_new_store(void **state)
{
    (void)state;
    struct store *old, *built;
    struct digest other = testing_digest(8);
    old = testing_open(folder, STORE_WRITE);
    testing_change(old, "a.csv", 1);
    store_close(old);
    assert_false(store_open(&old, folder, "ecommerce", &other, STORE_WRITE, &error));
    assert_error(&error, ERROR_CONFIG, "`dropfold replay`");
    assert_ok(store_open(&old, folder, "ecommerce", &other, STORE_REPLACE, &error), &error);
    assert_ok(store_open(&built, folder, "ecommerce", &other, STORE_BUILD, &error), &error);
    assert_ok(store_swap(old, built, &error), &error);
    assert_ok(store_open(&old, folder, "ecommerce", &other, STORE_WRITE, &error), &error);
    store_close(old);
}

static void refuses_a_swap_within_a_change(void **state)
{
    (void)state;
    struct store *old, *built;
    open_both(&old, &built);
    assert_ok(store_begin(built, &error), &error);
    assert_false(store_swap(old, built, &error));
    assert_error(&error, ERROR_BUG, "within a change");
    old = testing_open(folder, STORE_WRITE);
    assert_changes(old, 2);
    store_close(old);
}

static void refuses_stores_of_other_modes(void **state)
{
    (void)state;
    struct store *old, *reader;
    old = testing_open(folder, STORE_WRITE);
    reader = testing_open(folder, STORE_READ);
    assert_false(store_swap(old, reader, &error));
    assert_error(&error, ERROR_BUG, "cannot be replaced");
}

static bool wait_for_byte(int end)
{
    char byte;
    return read(end, &byte, 1) == 1;
}

/* Reads the store when told, says so, and is still at it when the swap begins. */
static int read_for_a_while(int go, int ready)
{
    struct testing_story story;
    if (!wait_for_byte(go))
        return 1;
    struct store *store = testing_open(folder, STORE_READ);
    if (write(ready, "", 1) != 1)
        return 2;
    usleep(300000);
    bool good = testing_replay(store, &story, &error) && story.changes == 2;
    store_close(store);
    return good ? 0 : 3;
}

static void waits_for_a_reader_and_then_swaps(void **state)
{
    (void)state;
    struct store *old, *built;
    int go[2], ready[2], status;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    /* Before the store is open here: SQLite's idea of the locks held would go with the fork. */
    pid_t child = fork();
    if (child == 0)
        _exit(read_for_a_while(go[0], ready[1]));
    open_both(&old, &built);
    assert_int_equal(write(go[1], "", 1), 1);
    assert_true(wait_for_byte(ready[0]));
    assert_ok(store_swap(old, built, &error), &error);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    old = testing_open(folder, STORE_WRITE);
    assert_changes(old, 3);
    store_close(old);
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(ready[i]);
    }
}

/* A swap of another process, that holds the lock until a reader has waited so often. */
static struct {
    int lock; /* -1: none */
    unsigned pauses, until;
} swapping = {.lock = -1};

/* The program's own, which goes before that of the C library: while that swap is under way nobody really sleeps. */
int nanosleep(const struct timespec *pause, struct timespec *rest)
{
    if (swapping.lock < 0)
        return (int)syscall(SYS_nanosleep, pause, rest);
    if (++swapping.pauses == swapping.until) {
        close(swapping.lock);
        swapping.lock = -1;
    }
    return 0;
}

static void begin_swapping(unsigned until)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int lock = open(testing_path(folder, "ecommerce.lock"), O_RDWR | O_CLOEXEC);
    assert_true(lock >= 0);
    assert_int_equal(fcntl(lock, F_OFD_SETLK, &range), 0);
    swapping.lock = lock;
    swapping.pauses = 0;
    swapping.until = until;
}

static void a_reader_waits_for_a_swap_that_is_under_way(void **state)
{
    (void)state;
    struct digest fingerprint = testing_digest(7);
    struct store *store = testing_open(folder, STORE_WRITE);
    store_close(store);
    begin_swapping(3);
    assert_ok(store_open(&store, folder, "ecommerce", &fingerprint, STORE_READ, &error), &error);
    assert_int_equal(swapping.pauses, 3);
    store_close(store);
    begin_swapping(10000);
    assert_false(store_open(&store, folder, "ecommerce", &fingerprint, STORE_READ, &error));
    assert_error(&error, ERROR_LOCKED, "is being replaced by a new one: try again");
    close(swapping.lock);
    swapping.lock = -1;
}

static void refuses_while_a_program_that_asks_no_lock_has_the_store_open(void **state)
{
    (void)state;
    struct store *old, *built;
    sqlite3 *db;
    open_both(&old, &built);
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM files", NULL, NULL, NULL), SQLITE_OK);
    assert_false(store_swap(old, built, &error));
    assert_error(&error, ERROR_LOCKED, "another program has it open");
    sqlite3_close(db);
    old = testing_open(folder, STORE_WRITE);
    assert_changes(old, 2);
    store_close(old);
}

/* --- crashes ------------------------------------------------------------------------------------------------------ */

static void swap_both(void *context)
{
    struct store *old = testing_open(folder, STORE_WRITE);
    struct digest fingerprint = testing_digest(7);
    struct store *built;
    (void)context;
    if (!store_open(&built, folder, "ecommerce", &fingerprint, STORE_BUILD, &error))
        _exit(1);
    testing_change(built, "b.csv", 9);
    if (!store_swap(old, built, &error))
        _exit(1);
}

static void leaves_the_old_or_the_new_store_wherever_it_is_killed(void **state)
{
    (void)state;
    enum killing_result result = KILLING_KILLED;
    unsigned point = 1, old_ones = 0, new_ones = 0;
    struct store *store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    testing_change(store, "a.csv", 2);
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "old"));
    /* Every other point: the exit of one call leaves the disk as the entry of the next. */
    for (; result == KILLING_KILLED; point += 2 * TESTING_STEP) {
        (void)unlink(testing_path(folder, "ecommerce.db-wal"));
        (void)unlink(testing_path(folder, "ecommerce.db-shm"));
        testing_copy(testing_path(folder, "old"), testing_path(folder, "ecommerce.db"));
        result = killing_run(point, swap_both, NULL);
        if (result == KILLING_IMPOSSIBLE)
            skip();
        store = testing_open(folder, STORE_WRITE);
        uint64_t changes = store_progress(store)->sequence;
        assert_in_range(changes, 1, 2);
        assert_changes(store, changes);
        assert_ok(store_check(store, &error), &error);
        *(changes == 2 ? &old_ones : &new_ones) += 1;
        store_close(store);
    }
    assert_true(old_ones > 50);
    assert_true(new_ones > 1);
}

/* --- adopted histories -------------------------------------------------------------------------------------------- */

static void assert_adopted(struct store *store, const struct progress *progress, bool wanted)
{
    bool adopted = !wanted;
    assert_ok(store_adopted(store, progress, &adopted, &error), &error);
    assert_int_equal(adopted, wanted);
}

/* The progress of each of the `changes` of a store, and of none. */
static void list_progress(struct store *store, uint64_t changes, struct progress *out)
{
    for (uint64_t i = 0; i <= changes; i++) {
        out[i] = *store_progress(store);
        out[i].sequence = i;
        assert_ok(store_digest_at(store, i, &out[i].digest, &error), &error);
    }
}

/* A store of three changes takes the place of one of two, whose history it takes over. What both stood at, change by
   change. */
static void replace_once(struct progress one[3], struct progress two[4])
{
    struct store *first, *second;
    open_both(&first, &second);
    list_progress(first, 2, one);
    list_progress(second, 3, two);
    assert_adopted(second, &one[2], false);
    assert_ok(store_adopt(second, first, &error), &error);
    assert_ok(store_swap(first, second, &error), &error);
}

static void remembers_the_histories_it_replaced_and_how_far_they_went(void **state)
{
    (void)state;
    struct store *second, *third;
    struct progress one[3], two[4];
    replace_once(one, two);
    second = testing_open(folder, STORE_REPLACE);
    third = testing_open(folder, STORE_BUILD);
    assert_ok(store_adopt(third, second, &error), &error);
    assert_ok(store_swap(second, third, &error), &error);
    third = testing_open(folder, STORE_READ);
    for (size_t i = 0; i < COUNT_OF(one); i++)
        assert_adopted(third, &one[i], true);
    for (size_t i = 0; i < COUNT_OF(two); i++)
        assert_adopted(third, &two[i], true);
    struct progress other = one[2];
    other.sequence = 3;
    assert_adopted(third, &other, false);
    other = one[2];
    other.digest.bytes[0] ^= 1;
    assert_adopted(third, &other, false);
    other = one[2];
    other.epoch[0] ^= 1;
    assert_adopted(third, &other, false);
    store_close(third);
}

/* Rows keep the sums that they had. */
static void damage(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* To write it anew under a sum of its own would hide the damage. */
static void takes_nothing_over_that_is_damaged(void **state)
{
    (void)state;
    struct store *second, *third;
    struct progress one[3], two[4];
    replace_once(one, two);
    damage("UPDATE adopted SET digests = zeroblob(24)");
    damage("UPDATE changes SET digest = CAST('11111111111111111111111111111111' AS BLOB) WHERE sequence = 2");
    second = testing_open(folder, STORE_REPLACE);
    third = testing_open(folder, STORE_BUILD);
    assert_ok(store_adopt(third, second, &error), &error);
    one[2].digest = (struct digest){{0}};
    assert_adopted(third, &one[2], false);
    assert_adopted(third, &two[1], true);
    memset(two[2].digest.bytes, '1', sizeof two[2].digest.bytes);
    assert_adopted(third, &two[2], false);
    assert_adopted(third, &two[3], true);
    store_close(third);
    store_close(second);
}

/* As many changes as a file every ten seconds makes in three years. */
static void remembers_a_history_of_millions_of_changes(void **state)
{
    (void)state;
    struct store *old, *built;
    open_both(&old, &built);
    store_close(built);
    store_close(old);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "whole.db"));
    forging_run(folder, "UPDATE changes SET sequence = 10000000 WHERE sequence = 2");
    old = testing_open(folder, STORE_REPLACE);
    const struct progress last = *store_progress(old);
    assert_int_equal(last.sequence, 10000000);
    built = testing_open(folder, STORE_BUILD);
    assert_ok(store_adopt(built, old, &error), &error);
    assert_adopted(built, &last, true);
    assert_ok(store_check(built, &error), &error);
    store_close(built);
    store_close(old);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(puts_the_built_store_in_the_place_of_the_old),
        TEST(removes_a_built_store_that_is_given_up),
        TEST(clears_away_what_a_killed_build_left),
        TEST(takes_a_changed_fingerprint_to_the_new_store),
        TEST(refuses_a_swap_within_a_change),
        TEST(refuses_stores_of_other_modes),
        TEST(waits_for_a_reader_and_then_swaps),
        TEST(a_reader_waits_for_a_swap_that_is_under_way),
        TEST(refuses_while_a_program_that_asks_no_lock_has_the_store_open),
        TEST(leaves_the_old_or_the_new_store_wherever_it_is_killed),
        TEST(remembers_the_histories_it_replaced_and_how_far_they_went),
        TEST(takes_nothing_over_that_is_damaged),
        TEST(remembers_a_history_of_millions_of_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
