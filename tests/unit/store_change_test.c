/* Changes: what one holds, its digest, and that it is there whole or not at all. */
#include "store_digesting.h"

#include <sys/stat.h>

#include "store_killing.h"

#include "store_fixture.h"

static void counts_changes_without_gaps(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    assert_int_equal(store_progress(store)->sequence, 1);
    testing_change(store, "b.csv", 2);
    assert_int_equal(store_progress(store)->sequence, 2);
    struct progress before = *store_progress(store);
    reopen();
    assert_true(progress_equal(&before, store_progress(store)));
    assert_changes(store, 2);
}

static void keeps_several_files_in_one_change(void **state)
{
    (void)state;
    struct file_record one = testing_record("a.csv", 1, 3), two = testing_record("b.csv", 2, 5);
    two.feed = SLICE("Deliveries");
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &one);
    testing_put_file(store, &two);
    assert_ok(store_commit(store, SLICE("two"), 1, &error), &error);
    struct testing_story story;
    assert_ok(testing_replay(store, &story, &error), &error);
    assert_int_equal(story.changes, 1);
    assert_int_equal(story.rows, 8);
    buf_close(&story.bytes);
}

static void leaves_no_trace_of_a_rolled_back_change(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    struct progress before = *store_progress(store);
    struct file_record file = testing_record("b.csv", 2, 3);
    bool known;
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    store_rollback(store);
    store_rollback(store);
    assert_true(progress_equal(&before, store_progress(store)));
    assert_ok(store_knows(store, &file, &known, &error), &error);
    assert_false(known);
    /* The ids that were given out are free again: a hole would look like a lost chunk. */
    testing_change(store, "b.csv", 2);
    assert_changes(store, 2);
}

static void rolls_back_in_the_middle_of_a_file(void **state)
{
    (void)state;
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, SLICE("Orders"), &error), &error);
    assert_ok(testing_put_rows(store, 1, 10, 1, &error), &error);
    store_rollback(store);
    testing_change(store, "a.csv", 1);
    assert_changes(store, 1);
}

static void closing_drops_an_open_change(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    reopen();
    assert_changes(store, 0);
}

/* Else it would go on, with files archived or deleted behind commits that nobody ever finds. */
static void writes_no_more_to_a_log_that_was_deleted(void **state)
{
    (void)state;
    struct file_record file = testing_record("b.csv", 2, 3);
    testing_change(store, "a.csv", 1);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    assert_int_equal(unlink(testing_path(folder, "ecommerce.db-wal")), 0);
    assert_false(store_commit(store, SLICE(""), 1, &error));
    assert_error(&error, ERROR_IO, "ecommerce.db-wal was deleted");
    store_rollback(store);
    assert_false(store_begin(store, &error));
    assert_error(&error, ERROR_IO, "must be opened again");
    reopen();
    assert_changes(store, 1);
    assert_int_equal(unlink(testing_path(folder, "ecommerce.db-wal")), 0);
    assert_false(store_begin(store, &error));
    assert_error(&error, ERROR_IO, "ecommerce.db-wal was deleted");
}

struct pieces {
    struct buf bytes;
    unsigned count;
};

static bool add_piece(void *context, struct slice chunk, struct error *failure)
{
    struct pieces *pieces = context;
    (void)failure;
    buf_put_slice(&pieces->bytes, chunk);
    pieces->count++;
    return true;
}

static bool refuse_piece(void *context, struct slice chunk, struct error *failure)
{
    (void)context, (void)chunk;
    return error_set(failure, ERROR_MEMORY, "the engine is full");
}

static void reads_back_the_chunks_of_the_open_file_and_no_others(void **state)
{
    (void)state;
    struct pieces pieces = {.count = 0};
    struct batch *batch = batch_new(testing_feed());
    struct buf wanted;
    buf_init(&wanted, 1 << 20);
    buf_init(&pieces.bytes, 1 << 20);
    testing_change(store, "a.csv", 1);
    assert_ok(store_begin(store, &error), &error);
    struct file_record first = testing_record("b.csv", 2, 3);
    testing_put_file(store, &first);
    assert_ok(store_file_begin(store, SLICE("Orders"), &error), &error);
    for (uint64_t i = 0; i < 5; i++) {
        testing_fill(batch, 1 + i * 100, 100, 3);
        buf_put_slice(&wanted, buf_slice(&batch->chunk.buf));
        assert_ok(store_put_batch(store, batch, &error), &error);
    }
    assert_ok(store_file_chunks(store, add_piece, &pieces, &error), &error);
    assert_int_equal(pieces.count, 5);
    assert_true(slice_equal(buf_slice(&pieces.bytes), buf_slice(&wanted)));
    assert_false(store_file_chunks(store, refuse_piece, NULL, &error));
    assert_error(&error, ERROR_MEMORY, "the engine is full");
    store_rollback(store);
    buf_close(&wanted);
    buf_close(&pieces.bytes);
    batch_free(batch);
}

static void refuses_a_file_whose_buckets_do_not_add_up(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(testing_put_rows(store, 1, 3, 1, &error), &error);
    file.buckets.applied = 2;
    assert_false(store_file_end(store, &file, &error));
    assert_error(&error, ERROR_BUG, "hold 2 rows, but 3 were read");
    /* Rows that add up, of which one was neither accepted nor rejected. */
    file.rows = 4;
    file.buckets.applied = 4;
    assert_false(store_file_end(store, &file, &error));
    assert_error(&error, ERROR_BUG, "3 accepted and 0 rejected rows");
    file.rows = 3;
    file.buckets = (struct buckets){.applied = 2, .rejected = 1};
    assert_false(store_file_end(store, &file, &error));
    assert_error(&error, ERROR_BUG, "3 accepted and 0 rejected rows");
    /* Nothing happened: the same file with the right numbers is good. */
    file.buckets = (struct buckets){.applied = 1, .unchanged = 2};
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    assert_changes(store, 1);
}

static void refuses_calls_out_of_order(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 0);
    assert_false(store_file_begin(store, file.feed, &error));
    assert_error(&error, ERROR_BUG, "no change is open");
    assert_false(store_commit(store, SLICE(""), 1, &error));
    assert_ok(store_begin(store, &error), &error);
    assert_false(store_begin(store, &error));
    assert_error(&error, ERROR_BUG, "open already");
    assert_false(store_file_end(store, &file, &error));
    assert_error(&error, ERROR_BUG, "no file is open");
    assert_false(store_commit(store, SLICE(""), 1, &error));
    assert_error(&error, ERROR_BUG, "a change without a file");
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_false(store_file_begin(store, file.feed, &error));
    assert_false(store_commit(store, SLICE(""), 1, &error));
    assert_error(&error, ERROR_BUG, "a file is open");
    file.feed = SLICE("Deliveries");
    assert_false(store_file_end(store, &file, &error));
    assert_error(&error, ERROR_BUG, "another than it began");
    struct testing_story story;
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_BUG, "within a change");
    buf_close(&story.bytes);
    file.state = FILE_DUPLICATE;
    assert_false(store_note_file(store, &file, 1, &error));
    assert_error(&error, ERROR_BUG, "within a change");
    store_rollback(store);
    assert_changes(store, 0);
}

static void takes_a_file_without_rows(void **state)
{
    (void)state;
    struct file_record file = testing_record("empty.csv", 1, 0);
    testing_put_change(store, &file);
    assert_changes(store, 1);
}

/* --- digests ------------------------------------------------------------------------------------------------------ */

static void chains_digests_by_their_published_definition(void **state)
{
    (void)state;
    struct digester d;
    struct batch *batch = batch_new(testing_feed());
    testing_change(store, "a.csv", 1);
    testing_fill(batch, 1, 3, 1);
    assert_ok(digester_init(&d, &error), &error);
    digester_add(&d, slice_of(store_progress(store)->epoch));
    struct digest epoch = digester_take(&d), given;
    assert_ok(store_digest_at(store, 0, &given, &error), &error);
    assert_true(digest_equal(&epoch, &given));

    digesting_begin(&d, &epoch, 1);
    digesting_chunk(&d, 1, &batch->chunk.buf, 3);
    digesting_file(&d, "a.csv", 1, 1, (const uint64_t[8]){3, 3});
    digesting_end(&d, store);
    batch_free(batch);
}

static void tells_the_digest_of_every_change(void **state)
{
    (void)state;
    struct digest digests[4], given;
    digests[0] = store_progress(store)->digest;
    for (uint8_t i = 1; i < 4; i++) {
        testing_change(store, "a.csv", i);
        digests[i] = store_progress(store)->digest;
        assert_false(digest_equal(&digests[i], &digests[i - 1]));
    }
    reopen();
    for (uint64_t i = 0; i < 4; i++) {
        assert_ok(store_digest_at(store, i, &given, &error), &error);
        assert_true(digest_equal(&given, &digests[i]));
    }
    assert_false(store_digest_at(store, 4, &given, &error));
    assert_error(&error, ERROR_REFUSED, "has no change 4");
}

/* A copy of the store that went on with another file. */
static struct digest digest_of_fork(const char *name, const struct file_record *file)
{
    const char *path = testing_path(folder, name);
    assert_true(mkdir(path, 0755) == 0);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(path, "ecommerce.db"));
    struct store *fork_of = testing_open(path, STORE_WRITE);
    testing_put_change(fork_of, file);
    struct digest digest = store_progress(fork_of)->digest;
    store_close(fork_of);
    return digest;
}

static void gives_different_histories_different_digests(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    store_close(store);
    struct file_record files[7];
    struct digest digests[COUNT_OF(files)];
    for (size_t i = 0; i < COUNT_OF(files); i++)
        files[i] = testing_record("b.csv", 2, 4);
    files[1].name = SLICE("c.csv");
    files[2].feed = SLICE("Deliveries");
    files[3].content.bytes[31] ^= 1;
    files[4].descriptor.bytes[0] ^= 1;
    files[5].buckets = (struct buckets){.applied = 3, .late = 1};
    files[6].rows = files[6].buckets.applied = 5;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char name[8];
        snprintf(name, sizeof name, "fork%zu", i);
        digests[i] = digest_of_fork(name, &files[i]);
        for (size_t j = 0; j < i; j++)
            assert_false(digest_equal(&digests[i], &digests[j]));
    }
    /* The same history told twice, wherever its files are kept. */
    files[0].stored = SLICE("archive/Orders/000002-b.csv");
    struct digest again = digest_of_fork("again", &files[0]);
    assert_true(digest_equal(&again, &digests[0]));
    store = testing_open(folder, STORE_WRITE);
}

/* --- crashes ------------------------------------------------------------------------------------------------------ */

static void forgets_what_a_killed_writer_did_not_commit(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    store_close(store);
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct file_record file = testing_record("b.csv", 2, 3);
        store = testing_open(folder, STORE_WRITE);
        if (!store_begin(store, &error))
            _exit(1);
        testing_put_file(store, &file);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 1);
    testing_change(store, "b.csv", 2);
    assert_changes(store, 2);
}

/* Reports over a pipe what it was told is committed, as a target would. */
struct worker {
    int told;
};

static void commit_two(void *context)
{
    struct worker *worker = context;
    struct store *mine = testing_open(folder, STORE_WRITE);
    for (uint8_t i = 1; i <= 2; i++) {
        testing_change(mine, "a.csv", i);
        if (write(worker->told, &i, 1) != 1)
            _exit(1);
    }
    store_close(mine);
}

static unsigned bytes_of_pipe(int end)
{
    char bytes[16];
    ssize_t len = read(end, bytes, sizeof bytes);
    assert_true(len >= 0);
    return (unsigned)len;
}

static void empty_folder(void)
{
    static const char *const ends[] = {"db", "db-wal", "db-shm", "lock"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[32];
        snprintf(name, sizeof name, "ecommerce.%s", ends[i]);
        (void)unlink(testing_path(folder, name));
    }
}

static void keeps_what_it_said_was_committed_wherever_it_is_killed(void **state)
{
    (void)state;
    enum killing_result result = KILLING_KILLED;
    unsigned point = 1;
    store_close(store);
    /* Every other point: the exit of one call leaves the disk as the entry of the next. */
    for (; result == KILLING_KILLED; point += 2 * TESTING_STEP) {
        int ends[2];
        empty_folder();
        assert_int_equal(pipe(ends), 0);
        struct worker worker = {ends[1]};
        result = killing_run(point, commit_two, &worker);
        close(ends[1]);
        unsigned told = bytes_of_pipe(ends[0]);
        close(ends[0]);
        if (result == KILLING_IMPOSSIBLE)
            break;
        store = testing_open(folder, STORE_WRITE);
        uint64_t kept = store_progress(store)->sequence;
        assert_in_range(kept, told, told + 1);
        assert_changes(store, kept);
        assert_ok(store_check(store, &error), &error);
        store_close(store);
    }
    store = testing_open(folder, STORE_WRITE);
    if (result == KILLING_IMPOSSIBLE)
        skip();
    assert_in_range(point, 100, 2000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(counts_changes_without_gaps),
        TEST(keeps_several_files_in_one_change),
        TEST(leaves_no_trace_of_a_rolled_back_change),
        TEST(rolls_back_in_the_middle_of_a_file),
        TEST(closing_drops_an_open_change),
        TEST(writes_no_more_to_a_log_that_was_deleted),
        TEST(writes_no_more_to_a_log_that_was_deleted),
        TEST(reads_back_the_chunks_of_the_open_file_and_no_others),
        TEST(refuses_a_file_whose_buckets_do_not_add_up),
        TEST(refuses_calls_out_of_order),
        TEST(takes_a_file_without_rows),
        TEST(chains_digests_by_their_published_definition),
        TEST(tells_the_digest_of_every_change),
        TEST(gives_different_histories_different_digests),
        TEST(forgets_what_a_killed_writer_did_not_commit),
        TEST(keeps_what_it_said_was_committed_wherever_it_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
