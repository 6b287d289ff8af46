/* Changes that retry rejected rows of a file: of a.csv, which is change 1, with rows 1 to 3 accepted, 4 and 5
   rejected. */
#include "store_digesting.h"

#include <sqlite3.h>

#include "store_killing.h"

#include "store_fixture.h"

static struct arena texts;

static struct batch *rows(uint64_t first, uint32_t count, const uint64_t *rejected, size_t rejects)
{
    struct batch *batch = batch_new(testing_feed());
    assert_non_null(batch);
    testing_fill(batch, first, count, 1);
    for (size_t i = 0; i < rejects; i++) {
        const struct reject reject = {rejected[i], rejected[i] + 1, 2, SLICE("SKU"), SLICE("too long"), SLICE("1,x")};
        assert_true(batch_reject(batch, &reject));
    }
    return batch;
}

static bool put(struct store *to, const struct batch *batch, const struct file_record *file)
{
    return store_file_begin(to, file->feed, &error) && store_put_batch(to, batch, &error) &&
           store_file_end(to, file, &error);
}

static void put_original(const char *name, uint8_t seed)
{
    struct file_record file = testing_record(name, seed, 5);
    struct batch *batch = rows(1, 3, (const uint64_t[]){4, 5}, 2);
    file.buckets = (struct buckets){.applied = 3, .rejected = 2};
    assert_ok(store_begin(store, &error), &error);
    assert_ok(put(store, batch, &file), &error);
    assert_ok(store_commit(store, SLICE("before"), 1, &error), &error);
    batch_free(batch);
}

/* Row 4 is valid now, row 5 is not. */
static bool retry(struct store *of, uint64_t id)
{
    struct file_record file = testing_record("a.csv", 1, 2);
    struct batch *batch = rows(4, 1, (const uint64_t[]){5}, 1);
    file.state = FILE_RETRIED;
    file.version = 2;
    file.buckets = (struct buckets){.applied = 1, .rejected = 1};
    bool good = store_begin(of, &error) && store_retry(of, id, &error) && put(of, batch, &file) &&
                store_commit(of, SLICE("after"), 2, &error);
    if (!good)
        store_rollback(of);
    batch_free(batch);
    return good;
}

static int set_up(void **state)
{
    open_store(state);
    arena_init(&texts, 1 << 16);
    put_original("a.csv", 1);
    return 0;
}

static int tear_down(void **state)
{
    arena_close(&texts);
    return close_store(state);
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

static bool tell_chunk(void *context, const struct replay_chunk *chunk, struct error *ignored)
{
    (void)ignored;
    buf_printf(context, "%d:%d ", (int)chunk->sequence, (int)chunk->rank);
    return true;
}

static bool tell_end(void *context, const struct replay_end *end, struct error *ignored)
{
    (void)ignored;
    buf_printf(context, "(%d) ", (int)buckets_total(&end->buckets));
    return true;
}

/* "sequence:rank" of each chunk, and behind those of a change its rows. */
static void assert_told(uint64_t until, uint64_t without, const char *wanted)
{
    struct buf out;
    buf_init(&out, 65536);
    const struct replay_visit visit = {&out, tell_chunk, tell_end, .until = until, .without = without};
    assert_ok(store_replay(store, &visit, &error), &error);
    assert_slice(buf_slice(&out), wanted);
    buf_close(&out);
}

static bool tell_reject(void *context, const struct reject_record *reject)
{
    buf_printf(context, "%.*s %d row %d", (int)reject->name.len, reject->name.data, (int)reject->sequence,
               (int)reject->reject.row);
    if (reject->retried)
        buf_printf(context, " in %d", (int)reject->retried);
    buf_put_text(context, "; ");
    return true;
}

static void assert_rejects(const char *wanted)
{
    struct buf out;
    buf_init(&out, 65536);
    assert_ok(store_each_reject(store, SLICE("a.csv"), tell_reject, &out, &error), &error);
    assert_slice(buf_slice(&out), wanted);
    buf_close(&out);
}

static void tells_of_a_retry_the_change_and_the_rank_of_its_file(void **state)
{
    (void)state;
    put_original("b.csv", 2);
    assert_ok(retry(store, 1), &error);
    testing_change(store, "c.csv", 3);
    assert_told(0, 0, "1:1 (5) 2:2 (5) 3:1 (2) 4:4 (3) ");
    assert_told(2, 0, "1:1 (5) 2:2 (5) ");
    assert_told(0, 1, "(0) 2:2 (5) (0) 4:4 (3) ");
    struct progress after = *store_progress(store);
    reopen();
    assert_true(progress_equal(&after, store_progress(store)));
    assert_int_equal(store_rewritten(store), 0);
    assert_ok(store_check(store, &error), &error);
}

static void closes_the_rejects_it_read_and_opens_those_that_are_rejected_again(void **state)
{
    (void)state;
    assert_rejects("a.csv 1 row 4; a.csv 1 row 5; ");
    assert_ok(retry(store, 1), &error);
    assert_rejects("a.csv 1 row 4 in 2; a.csv 1 row 5 in 2; a.csv 1 row 5; ");
    struct file_record last = testing_record("a.csv", 1, 1);
    struct batch *batch = rows(5, 1, NULL, 0);
    last.state = FILE_RETRIED;
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_retry(store, 1, &error), &error);
    assert_ok(put(store, batch, &last), &error);
    assert_ok(store_commit(store, SLICE("after"), 3, &error), &error);
    batch_free(batch);
    assert_rejects("a.csv 1 row 4 in 2; a.csv 1 row 5 in 2; a.csv 1 row 5 in 3; ");
}

static void counts_a_retried_row_once_and_where_it_is_now(void **state)
{
    (void)state;
    struct store_summary summary;
    assert_ok(retry(store, 1), &error);
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.files[FILE_APPLIED], 1);
    assert_int_equal(buckets_total(&summary.buckets), 5);
    assert_int_equal(summary.buckets.applied, 4);
    assert_int_equal(summary.buckets.rejected, 1);
    assert_int_equal(summary.rejects, 1);
    assert_int_equal(summary.forgotten, 0);
}

static void is_found_as_no_file_and_no_redelivery_of_one(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 5);
    struct store_original original;
    assert_ok(retry(store, 1), &error);
    assert_ok(store_find_file(store, SLICE("a.csv"), &texts, &file, &error), &error);
    assert_int_equal(file.sequence, 1);
    assert_false(store_find_file(store, SLICE("seq=2"), &texts, &file, &error));
    assert_error(&error, ERROR_USAGE, "it is a retry of rows of file a.csv");
    file.name = SLICE("x.csv");
    assert_ok(store_find_duplicate(store, &file, false, &original, &error), &error);
    assert_int_equal(original.id, 1);
    assert_int_equal(original.sequence, 1);
    assert_ok(store_mark_replaced(store, file.feed, 1, &error), &error);
    assert_ok(store_find_duplicate(store, &file, false, &original, &error), &error);
    assert_int_equal(original.id, 0);
}

static void assert_rejects_of(uint64_t id, const char *wanted)
{
    struct buf out;
    buf_init(&out, 65536);
    assert_ok(store_each_reject_of(store, id, tell_reject, &out, &error), &error);
    assert_slice(buf_slice(&out), wanted);
    buf_close(&out);
}

/* A retry of each of many files would else read the whole ledger for each. The damage is there to see what is read. */
static void reads_of_the_ledger_no_other_files_than_the_one_that_is_meant(void **state)
{
    (void)state;
    sqlite3 *db;
    struct file_record file;
    put_original("b.csv", 2);
    assert_ok(retry(store, 1), &error);
    put_original("c.csv", 3);
    assert_rejects_of(2, "b.csv 2 row 4; b.csv 2 row 5; ");
    store_close(store);
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE files SET sum = sum + 1 WHERE id = 2", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store = testing_open(folder, STORE_WRITE);
    assert_ok(store_find_file(store, SLICE("seq=1"), &texts, &file, &error), &error);
    assert_slice(file.name, "a.csv");
    assert_rejects_of(file.id, "a.csv 1 row 4 in 3; a.csv 1 row 5 in 3; a.csv 1 row 5; ");
    assert_ok(store_find_file(store, SLICE("seq=4"), &texts, &file, &error), &error);
    assert_slice(file.name, "c.csv");
    assert_rejects_of(file.id, "c.csv 4 row 4; c.csv 4 row 5; ");
    assert_false(store_find_file(store, SLICE("seq=2"), &texts, &file, &error));
    assert_error(&error, ERROR_CORRUPT, "file 2");
    assert_false(store_each_reject_of(store, 2, tell_reject, NULL, &error));
    assert_error(&error, ERROR_CORRUPT, "file 2");
}

/* --- with the file ------------------------------------------------------------------------------------------------ */

static void is_forgotten_with_its_file(void **state)
{
    (void)state;
    struct file_record file;
    struct store_summary summary;
    put_original("b.csv", 2);
    assert_ok(retry(store, 1), &error);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_forget(store, SLICE("a.csv"), &texts, &file, &error), &error);
    assert_told(0, 0, "(0) 2:2 (5) (0) ");
    assert_ok(store_commit(store, SLICE("after"), 4, &error), &error);
    assert_told(0, 0, "(0) 2:2 (5) (0) (0) ");
    assert_told(3, 0, "1:1 (5) 2:2 (5) 3:1 (2) ");
    assert_rejects("");
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.forgotten, 1);
    assert_int_equal(buckets_total(&summary.buckets), 5);
    assert_int_equal(summary.rejects, 2);
    assert_ok(store_check(store, &error), &error);
    assert_ok(store_begin(store, &error), &error);
    assert_false(store_retry(store, 1, &error));
    assert_error(&error, ERROR_BUG, "forgotten");
    store_rollback(store);
}

static void refuses_what_is_no_retry(void **state)
{
    (void)state;
    struct file_record file = testing_record("x.csv", 9, 3);
    assert_ok(retry(store, 1), &error);
    assert_false(retry(store, 2)); /* a retry itself */
    assert_error(&error, ERROR_CORRUPT, "file 2 was retried, and never applied");
    assert_false(retry(store, 7));
    assert_error(&error, ERROR_CORRUPT, "missing");
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_retry(store, 1, &error), &error);
    assert_false(store_retry(store, 1, &error));
    assert_error(&error, ERROR_BUG, "retries one file");
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(testing_put_rows(store, 1, 3, 9, &error), &error);
    assert_false(store_file_end(store, &file, &error)); /* as an ordinary file */
    assert_error(&error, ERROR_BUG, "another than it began");
    store_rollback(store);
    assert_changes(store, 2);
}

static void digests_a_retry_by_its_published_definition(void **state)
{
    (void)state;
    struct digester d;
    struct digest before = store_progress(store)->digest;
    struct batch *batch = rows(4, 1, (const uint64_t[]){5}, 1);
    assert_ok(retry(store, 1), &error);
    digesting_begin(&d, &before, 2);
    digesting_chunk(&d, 2, &batch->chunk.buf, 1);
    digesting_file(&d, "a.csv", 1, 2, (const uint64_t[8]){2, 1, [7] = 1});
    digesting_earlier(&d, 6, 1, 1, 1);
    digesting_end(&d, store);
    batch_free(batch);
}

/* --- crashes ------------------------------------------------------------------------------------------------------ */

/* Reports over a pipe that the retry is committed. */
static void retry_a(void *context)
{
    struct store *mine = testing_open(folder, STORE_WRITE);
    if (!retry(mine, 1))
        _exit(1);
    killing_tell(context);
    store_close(mine);
}

static bool is_after(void)
{
    store = testing_open(folder, STORE_WRITE);
    bool after = store_progress(store)->sequence == 2;
    assert_told(0, 0, after ? "1:1 (5) 2:1 (2) " : "1:1 (5) ");
    assert_rejects(after ? "a.csv 1 row 4 in 2; a.csv 1 row 5 in 2; a.csv 1 row 5; "
                         : "a.csv 1 row 4; a.csv 1 row 5; ");
    assert_ok(store_check(store, &error), &error);
    store_close(store);
    return after;
}

static void is_done_or_not_done_wherever_it_is_killed(void **state)
{
    (void)state;
    keep_as("base.db");
    bool killed = killing_everywhere(copy_base, retry_a, is_after);
    store = testing_open(folder, STORE_WRITE);
    if (!killed)
        skip();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tells_of_a_retry_the_change_and_the_rank_of_its_file),
        TEST(closes_the_rejects_it_read_and_opens_those_that_are_rejected_again),
        TEST(counts_a_retried_row_once_and_where_it_is_now),
        TEST(is_found_as_no_file_and_no_redelivery_of_one),
        TEST(reads_of_the_ledger_no_other_files_than_the_one_that_is_meant),
        TEST(is_forgotten_with_its_file),
        TEST(refuses_what_is_no_retry),
        TEST(digests_a_retry_by_its_published_definition),
        TEST(is_done_or_not_done_wherever_it_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
