/* A log that a crash left, whole, cut, or damaged: what is damaged is told from what was cut. */
#include "store_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { CHANGES = 6 };

static off_t sizes[CHANGES + 1]; /* of the log after so many changes */

static const char *place(const char *name)
{
    return testing_path(folder, name);
}

static off_t log_size(void)
{
    struct stat stat_of;
    assert_int_equal(stat(place("ecommerce.db-wal"), &stat_of), 0);
    return stat_of.st_size;
}

/* A store whose changes all lie in its log, as "left.db" and "left.db-wal". */
static int make_store(void **state)
{
    (void)state;
    make_folder(state);
    struct store *store = testing_open(folder, STORE_WRITE);
    sizes[0] = log_size();
    for (uint8_t i = 1; i <= CHANGES; i++) {
        testing_change(store, "a.csv", i);
        sizes[i] = log_size();
        assert_true(sizes[i] > sizes[i - 1]);
    }
    testing_copy(place("ecommerce.db"), place("left.db"));
    testing_copy(place("ecommerce.db-wal"), place("left.db-wal"));
    store_close(store);
    return 0;
}

/* As if the process that had it had just been killed. */
static void put_back(void)
{
    (void)unlink(place("ecommerce.db-shm"));
    testing_copy(place("left.db"), place("ecommerce.db"));
    testing_copy(place("left.db-wal"), place("ecommerce.db-wal"));
}

static void flip(off_t at)
{
    unsigned char byte;
    int fd = open(place("ecommerce.db-wal"), O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= (unsigned char)(1u << at % 8);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* How many changes a store has that must open and be sound. */
static uint64_t changes_of_sound_store(void)
{
    struct store *store = testing_open(folder, STORE_WRITE);
    uint64_t changes = store_progress(store)->sequence;
    assert_changes(store, changes);
    assert_ok(store_check(store, &error), &error);
    store_close(store);
    return changes;
}

static void reads_a_log_that_a_crash_left_and_folds_it_in(void **state)
{
    (void)state;
    put_back();
    struct store *store = testing_open(folder, STORE_WRITE);
    assert_changes(store, CHANGES);
    assert_int_equal(log_size(), 0);
    testing_change(store, "b.csv", 50);
    store_close(store);
    assert_int_equal(changes_of_sound_store(), CHANGES + 1);
}

static void takes_a_log_that_was_cut_anywhere_for_what_a_crash_left(void **state)
{
    (void)state;
    for (off_t size = 0; size <= sizes[CHANGES]; size += 3989 * TESTING_STEP) {
        put_back();
        assert_int_equal(truncate(place("ecommerce.db-wal"), size), 0);
        uint64_t whole = 0;
        while (whole < CHANGES && sizes[whole + 1] <= size)
            whole++;
        if (size >= sizes[0])
            assert_int_equal(changes_of_sound_store(), whole);
    }
}

/* Every byte counts: frames have no room that is not used. */
static void finds_a_byte_that_changed_before_the_last_change(void **state)
{
    (void)state;
    for (off_t at = 0; at < sizes[CHANGES - 1]; at += at < 64 ? 1 : 1009 * TESTING_STEP) {
        put_back();
        flip(at);
        testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "of its log");
        testing_open_fails(folder, STORE_REPLACE, ERROR_CORRUPT, "of its log");
    }
}

/* The head of the frame that commits the last change but one: page number, size, salts, checksum. */
static void finds_it_in_the_head_of_a_commit(void **state)
{
    (void)state;
    enum { FRAME = 24 + STORE_PAGE };
    for (off_t at = 0; at < 24; at++) {
        put_back();
        flip(sizes[CHANGES - 1] - FRAME + at);
        testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "of its log");
    }
}

/* A sector that the power loss garbled may end behind the numbers of a frame's head, before its salts. */
static void takes_garbled_numbers_of_the_last_change_for_a_power_loss(void **state)
{
    (void)state;
    enum { FRAME = 24 + STORE_PAGE };
    const char garbled[8] = {0x1e, (char)0xe6, 0x65, 0x00, 0x20, (char)0xd1, 0x44, 0x72};
    for (off_t at = sizes[CHANGES - 1]; at < sizes[CHANGES]; at += FRAME) {
        put_back();
        int fd = open(place("ecommerce.db-wal"), O_RDWR);
        assert_int_equal(pwrite(fd, garbled, sizeof garbled, at), sizeof garbled);
        close(fd);
        assert_int_equal(changes_of_sound_store(), CHANGES - 1);
    }
}

/* Nor does any change lie behind it then: it is flushed before the first of them. */
static void takes_a_garbled_header_for_a_power_loss(void **state)
{
    (void)state;
    static const char garbled[][32] = {{0}, "no header, and no byte makes it"};
    for (size_t i = 0; i < COUNT_OF(garbled); i++) {
        put_back();
        int fd = open(place("ecommerce.db-wal"), O_RDWR);
        assert_int_equal(pwrite(fd, garbled[i], sizeof garbled[i], 0), sizeof garbled[i]);
        close(fd);
        assert_int_equal(changes_of_sound_store(), 0);
    }
}

/* A frame that ends no transaction has zeroes there. */
static void finds_a_commit_that_a_byte_made_none(void **state)
{
    (void)state;
    enum { FRAME = 24 + STORE_PAGE, PAGES = 4 };
    const char none[4] = {0};
    put_back();
    int fd = open(place("ecommerce.db-wal"), O_RDWR);
    assert_int_equal(pwrite(fd, none, sizeof none, sizes[CHANGES - 1] - FRAME + PAGES), sizeof none);
    close(fd);
    testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "of its log");
}

static bool is_refused(void)
{
    struct store *store;
    struct digest fingerprint = testing_digest(7);
    bool opened = store_open(&store, folder, "ecommerce", &fingerprint, STORE_WRITE, &error);
    if (opened)
        store_close(store);
    else
        assert_error(&error, ERROR_CORRUPT, "of its log");
    return !opened;
}

/* Hardly ever can anybody tell it from a power loss while that change was written: it is gone whole, and nothing before
   it. */
static void takes_a_byte_of_the_last_change_for_a_power_loss(void **state)
{
    (void)state;
    unsigned tried = 0, refused = 0;
    for (off_t at = sizes[CHANGES - 1]; at < sizes[CHANGES]; at += 1327, tried++) {
        put_back();
        flip(at);
        if (is_refused())
            refused++;
        else
            assert_int_equal(changes_of_sound_store(), CHANGES - 1);
    }
    assert_in_range(refused, 0, tried / 8);
}

static void takes_frames_of_an_earlier_use_for_nothing(void **state)
{
    (void)state;
    put_back();
    struct store *store = testing_open(folder, STORE_WRITE);
    for (uint8_t i = 60; i < 70; i++)
        testing_change(store, "b.csv", i);
    /* Its frames, of other salts, with the old ones behind them. */
    testing_copy(place("ecommerce.db"), place("later.db"));
    testing_copy(place("ecommerce.db-wal"), place("later.db-wal"));
    uint64_t changes = store_progress(store)->sequence;
    store_close(store);
    testing_copy(place("later.db"), place("ecommerce.db"));
    testing_copy(place("later.db-wal"), place("ecommerce.db-wal"));
    int from = open(place("left.db-wal"), O_RDONLY), to = open(place("ecommerce.db-wal"), O_WRONLY | O_APPEND);
    char frame[24 + STORE_PAGE];
    for (off_t at = 32; pread(from, frame, sizeof frame, at) == (ssize_t)sizeof frame; at += (off_t)sizeof frame)
        assert_int_equal(write(to, frame, sizeof frame), sizeof frame);
    close(from);
    close(to);
    assert_int_equal(changes_of_sound_store(), changes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_store, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(reads_a_log_that_a_crash_left_and_folds_it_in),
        TEST(takes_a_log_that_was_cut_anywhere_for_what_a_crash_left),
        TEST(finds_a_byte_that_changed_before_the_last_change),
        TEST(finds_it_in_the_head_of_a_commit),
        TEST(finds_a_commit_that_a_byte_made_none),
        TEST(takes_garbled_numbers_of_the_last_change_for_a_power_loss),
        TEST(takes_a_garbled_header_for_a_power_loss),
        TEST(takes_a_byte_of_the_last_change_for_a_power_loss),
        TEST(takes_frames_of_an_earlier_use_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
