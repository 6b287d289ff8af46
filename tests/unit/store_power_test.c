/*
 * The power goes at every write and flush of a history, and the disk keeps of what was not flushed whatever it likes.
 * What was committed is there afterwards, whole, and perhaps the change in progress; never anything else.
 * It goes at every TESTING_STEP-th of them.
 */
#include "failing_vfs.h"
#include "store_operating.h"

enum { SEEDS = 3 };

static char folder[TESTING_PATH_MAX];

/* How far a history came. */
struct came {
    uint64_t sequence;    /* of the last change acknowledged */
    struct digest digest; /* and its digest */
    uint64_t under_way;   /* of the last change of the transaction that comes next */
};

static bool note(struct store *store, struct came *came)
{
    came->sequence = store_progress(store)->sequence;
    came->digest = store_progress(store)->digest;
    came->under_way = came->sequence + 1;
    return true;
}

static bool change(struct store *store, struct came *came, uint8_t seed)
{
    struct batch *batch = operating_batch(seed);
    bool good = store_begin(store, NULL) && operating_put(store, batch, "a.csv", seed, NULL) &&
                store_commit(store, SLICE("summary"), seed, NULL);
    batch_free(batch);
    if (!good)
        store_rollback(store);
    return good && note(store, came);
}

/* So many in one commit, of which nobody is told before. */
static bool group(struct store *store, struct came *came, uint8_t seed, uint8_t count)
{
    struct came within;
    bool good = store_group_begin(store, NULL);
    came->under_way = came->sequence + count;
    for (uint8_t i = 0; good && i < count; i++)
        good = change(store, &within, (uint8_t)(seed + i));
    good = good && store_group_commit(store, SLICE("group"), NULL);
    if (!good)
        store_group_rollback(store);
    return good && note(store, came);
}

static bool forget(struct store *store, struct came *came, const char *which)
{
    struct file_record file;
    struct arena texts;
    arena_init(&texts, 65536);
    bool good = store_begin(store, NULL) && store_forget(store, slice_of(which), &texts, &file, NULL) &&
                store_commit(store, SLICE("forgotten"), 9, NULL);
    arena_close(&texts);
    if (!good)
        store_rollback(store);
    return good && note(store, came);
}

static struct store *open_store(void)
{
    struct digest fingerprint = testing_digest(7);
    struct store *store;
    return store_open(&store, folder, "ecommerce", &fingerprint, STORE_WRITE, NULL) ? store : NULL;
}

static bool first_half(struct store *store, struct came *came)
{
    bool good = true;
    for (uint8_t seed = 1; good && seed <= 4; seed++)
        good = change(store, came, seed);
    return good && group(store, came, 20, 3) && forget(store, came, "seq=2");
}

static bool second_half(struct store *store, struct came *came)
{
    uint64_t before, after;
    return change(store, came, 11) && group(store, came, 30, 2) && store_compact(store, &before, &after, NULL) &&
           change(store, came, 12) && forget(store, came, "seq=3") && change(store, came, 13);
}

/* Makes the store, closes it in the midst, which folds the log in, and goes on. */
static void live(struct came *came)
{
    struct store *store = open_store();
    bool good = store && first_half(store, came);
    store_close(store);
    store = good ? open_store() : NULL;
    if (store)
        (void)!second_half(store, came);
    store_close(store);
}

/* True when the store has all that was acknowledged, and at most the transaction under way more, which it has whole.
   Fails when it is damaged; with a lazy log, more than the last change may be gone from it, which is told when it is
   opened. */
static bool is_there(const struct came *came, bool lazy_log)
{
    struct digest fingerprint = testing_digest(7);
    struct error error = {0};
    struct store *store;
    if (!store_open(&store, folder, "ecommerce", &fingerprint, STORE_WRITE, &error)) {
        assert_error(&error, ERROR_CORRUPT, "and changes lie behind it");
        assert_true(lazy_log);
        return false;
    }
    struct digest digest = {{0}};
    uint64_t sequence = store_progress(store)->sequence;
    assert_ok(operating_replay(store, &error), &error);
    assert_ok(store_check(store, &error), &error);
    assert_true(sequence <= came->sequence || sequence == came->under_way);
    bool there = sequence >= came->sequence;
    if (there && came->sequence > 0) {
        assert_ok(store_digest_at(store, came->sequence, &digest, &error), &error);
        assert_true(digest_equal(&digest, &came->digest));
    }
    /* And it goes on. */
    operating_change(store, "later.csv", 40);
    assert_int_equal(store_progress(store)->sequence, sequence + 1);
    store_close(store);
    return there;
}

/* Runs in which something acknowledged was lost. */
static unsigned long lost(bool lazy_log, unsigned long *runs)
{
    unsigned long count = 0;
    bool dead = true;
    *runs = 0;
    for (unsigned long at = 1; dead; at += TESTING_STEP) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++, ++*runs) {
            struct came came = {.sequence = 0, .under_way = 1};
            testing_folder_make(folder);
            failing_vfs_power(at, lazy_log);
            live(&came);
            dead = failing_vfs.dead;
            failing_vfs_restart((at * SEEDS + seed) * UINT64_C(0x9e3779b97f4a7c15) | 1);
            count += !is_there(&came, lazy_log);
            testing_folder_remove(folder);
        }
    }
    return count;
}

static void no_acknowledged_change_is_lost_with_the_power(void **state)
{
    (void)state;
    unsigned long runs;
    assert_int_equal(lost(false, &runs), 0);
    print_message("%lu losses of power\n", runs);
    assert_in_range(runs, 100, 100000);
}

/* The same with flushes of the log left out, as synchronous=NORMAL would have it: this test can fail. */
static void without_the_flush_at_each_commit_some_would_be_lost(void **state)
{
    (void)state;
    unsigned long runs;
    assert_in_range(lost(true, &runs), 1, 100000);
}

static int install(void **state)
{
    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 0);
    failing_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_acknowledged_change_is_lost_with_the_power),
        cmocka_unit_test(without_the_flush_at_each_commit_some_would_be_lost),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
