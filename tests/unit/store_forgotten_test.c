/* What the ledger says of files that were forgotten, and how damage to that is found. */
#include "store_forging.h"

#include "store_forgetting.h"

/* --- what else asks the ledger ------------------------------------------------------------------------------------ */

static bool is_duplicate(const char *name, uint8_t seed, uint64_t *sequence)
{
    struct store_original original;
    const struct file_record asked = {.feed = SLICE("Orders"), .name = slice_of(name), .content = testing_digest(seed)};
    assert_ok(store_find_duplicate(store, &asked, false, &original, &error), &error);
    *sequence = original.sequence;
    return original.id > 0;
}

static void takes_a_forgotten_file_for_a_new_one(void **state)
{
    (void)state;
    uint64_t sequence;
    put_three();
    assert_true(is_duplicate("b.csv", 2, &sequence));
    forget("b.csv");
    assert_false(is_duplicate("b.csv", 2, &sequence));
    testing_change(store, "b.csv", 2);
    assert_true(is_duplicate("b.csv", 2, &sequence));
    assert_int_equal(sequence, 5);
    /* The older of two of the same content counts again when the newer is gone. */
    testing_change(store, "again.csv", 1);
    forget("again.csv");
    assert_true(is_duplicate("a.csv", 1, &sequence));
    assert_int_equal(sequence, 1);
}

static void lets_a_forgotten_file_undo_no_redelivery_at_its_name(void **state)
{
    (void)state;
    uint64_t sequence;
    testing_change(store, "a.csv", 1);
    testing_change(store, "a.csv", 2);
    assert_false(is_duplicate("a.csv", 1, &sequence));
    forget("seq=2");
    assert_true(is_duplicate("a.csv", 1, &sequence));
}

/* Which other rows have come over such a row meanwhile, the rows that were above it hid. */
static void takes_content_again_that_came_under_rows_taken_back_since(void **state)
{
    (void)state;
    uint64_t sequence;
    struct file_record under = testing_record("under.csv", 2, 3), late = testing_record("late.csv", 3, 3);
    under.buckets = (struct buckets){.applied = 2, .superseded = 1};
    late.buckets = (struct buckets){.applied = 2, .late = 1};
    testing_change(store, "over.csv", 1);
    testing_put_change(store, &under);
    testing_put_change(store, &late);
    testing_change(store, "d.csv", 4);
    assert_true(is_duplicate("under.csv", 2, &sequence));
    assert_true(is_duplicate("late.csv", 3, &sequence));
    forget("over.csv");
    assert_false(is_duplicate("under.csv", 2, &sequence));
    assert_false(is_duplicate("late.csv", 3, &sequence));
    assert_true(is_duplicate("d.csv", 4, &sequence));
    testing_put_change(store, &under);
    assert_true(is_duplicate("under.csv", 2, &sequence));
    assert_int_equal(sequence, 6);
}

static void still_knows_the_file_and_where_it_is_kept(void **state)
{
    (void)state;
    bool known, kept;
    struct file_record record = testing_record("a.csv", 1, 3);
    record.stored = SLICE("archive/Orders/000001-01010101-a.csv");
    testing_put_change(store, &record);
    forget("a.csv");
    assert_ok(store_knows(store, &record, &known, &error), &error);
    assert_true(known);
    assert_ok(store_has_stored(store, record.stored, &kept, &error), &error);
    assert_true(kept);
    assert_ok(store_mark_replaced(store, SLICE("Orders"), 1, &error), &error);
    assert_changes(store, 2);
    assert_ok(store_check(store, &error), &error);
}

/* A file of three rows, one of them rejected, with a column that no descriptor knows. */
static void put_flawed(const char *name, uint8_t seed, const char *column)
{
    struct slice unknown = slice_of(column);
    struct file_record record = testing_record(name, seed, 3);
    struct batch *batch = batch_new(testing_feed());
    const struct reject reject = {3, 4, 2, {"SKU", 3}, {"too long", 8}, {"1,x", 3}};
    record.buckets = (struct buckets){.applied = 1, .unchanged = 1, .rejected = 1};
    record.unknown = &unknown;
    record.unknown_count = 1;
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, record.feed, &error), &error);
    testing_fill(batch, 1, 2, seed);
    assert_true(batch_reject(batch, &reject));
    assert_ok(store_put_batch(store, batch, &error), &error);
    assert_ok(store_file_end(store, &record, &error), &error);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    batch_free(batch);
}

static bool count_reject(void *context, const struct reject_record *record)
{
    assert_slice(record->name, "a.csv");
    ++*(unsigned *)context;
    return true;
}

static bool count_unknown(void *context, struct slice feed, struct slice column, uint64_t files)
{
    (void)feed;
    assert_slice(column, "Colour");
    assert_int_equal(files, 1);
    ++*(unsigned *)context;
    return true;
}

static bool note_forgotten(void *context, const struct file_record *record)
{
    uint64_t *forgotten = context;
    forgotten[record->id - 1] = record->forgotten;
    return true;
}

static void leaves_forgotten_files_out_of_every_sum(void **state)
{
    (void)state;
    struct store_summary summary;
    unsigned rejects = 0, unknown = 0;
    uint64_t forgotten[2];
    put_flawed("a.csv", 1, "Colour");
    put_flawed("b.csv", 2, "Size");
    forget("b.csv");
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.files[FILE_APPLIED], 1);
    assert_int_equal(summary.forgotten, 1);
    assert_int_equal(buckets_total(&summary.buckets), 3);
    assert_int_equal(summary.rejects, 1);
    assert_ok(store_each_reject(store, SLICE(""), count_reject, &rejects, &error), &error);
    assert_int_equal(rejects, 1);
    assert_ok(store_each_unknown(store, count_unknown, &unknown, &error), &error);
    assert_int_equal(unknown, 1);
    assert_ok(store_each_file(store, note_forgotten, forgotten, &error), &error);
    assert_int_equal(forgotten[0], 0);
    assert_int_equal(forgotten[1], 3);
    assert_ok(store_check(store, &error), &error);
}

/* A target that holds change 3 has the rows of b.csv, which change 4 forgot. */
static void tells_what_was_before_the_file_was_forgotten(void **state)
{
    (void)state;
    put_three();
    forget("b.csv");
    testing_change(store, "d.csv", 4);
    for (uint64_t last = 3; last <= 5; last++) {
        struct testing_story story = {.changes = 0};
        const struct replay_visit visit = {&story, testing_story_chunk, testing_story_change, .until = last};
        buf_init(&story.bytes, 1 << 20);
        assert_ok(store_replay(store, &visit, &error), &error);
        assert_int_equal(story.changes, last);
        assert_int_equal(memmem(story.bytes.data, story.bytes.len, "SKU-002", 7) != NULL, last == 3);
        assert_int_equal(story.rows, last == 4 ? 6 : 9);
        assert_int_equal(story.as_committed, last == 3 ? 3 : 1);
        buf_close(&story.bytes);
    }
}

/* --- damage ------------------------------------------------------------------------------------------------------- */

static void assert_found(const char *sql, const char *part)
{
    forging_assert_found(&store, folder, sql, part);
}

static void finds_marks_and_changes_that_do_not_belong_together(void **state)
{
    (void)state;
    put_three();
    forget("b.csv");
    forget("c.csv");
    keep_as("whole.db");
    store = testing_open(folder, STORE_WRITE);
    store_close(store);
    forging_run(folder, "SELECT 1");
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 5);
    assert_found("UPDATE files SET forgotten = 0 WHERE id = 2", "change 4: it forgets a file that does not say so");
    assert_found("UPDATE files SET forgotten = 5 WHERE id = 2", "change 4: it forgets a file that does not say so");
    assert_found("UPDATE files SET forgotten = 4 WHERE id = 1", "3 files are marked as forgotten, but 2 changes");
    forging_assert_found(
        &store, folder,
        "UPDATE changes SET first_file = 1 WHERE sequence = 4; UPDATE files SET forgotten = 4 WHERE id = 1; "
        "UPDATE files SET forgotten = 0 WHERE id = 2",
        "change 4: its digest does not follow");
    assert_found("UPDATE changes SET first_file = 9 WHERE sequence = 4",
                 "change 4: the file that it forgets is missing");
    assert_found("UPDATE changes SET kind = 0 WHERE sequence = 4", "change 4: its digest does not follow");
    assert_found("UPDATE changes SET kind = 0 WHERE sequence = 5", "change 5: its digest does not follow");
    assert_found("UPDATE files SET forgotten = 2 WHERE id = 2; UPDATE changes SET kind = 1, first_file = 2 "
                 "WHERE sequence = 2",
                 "change 2: it forgets a file that does not say so");
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void finds_a_retry_that_does_not_follow_its_file(void **state)
{
    (void)state;
    struct file_record again = testing_record("b.csv", 2, 3);
    again.state = FILE_RETRIED;
    put_three();
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_retry(store, 2, &error), &error);
    testing_put_file(store, &again);
    assert_ok(store_commit(store, SLICE("retried"), 5, &error), &error);
    forget("b.csv");
    keep_as("whole.db");
    store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 5);
    assert_found("UPDATE files SET forgotten = 0 WHERE id = 4", "it does not follow the file that it retried");
    assert_found("UPDATE files SET retry_of = 4 WHERE id = 4", "file 4 was retried, and never applied");
    assert_found("UPDATE files SET retry_of = 1 WHERE id = 4", "it does not follow the file that it retried");
    assert_found("UPDATE files SET state = 0, retry_of = 0 WHERE id = 4",
                 "it is a retry, or its change is, and not both");
    assert_found("UPDATE changes SET kind = 0 WHERE sequence = 4", "it is a retry, or its change is, and not both");
    assert_found("UPDATE files SET forgotten = 0, retry_of = 1 WHERE id = 4", "change 4: its digest does not follow");
}

static void finds_a_forget_that_is_missing_in_its_index(void **state)
{
    (void)state;
    struct testing_story story;
    put_three();
    forget("b.csv");
    store_close(store);
    run_sql("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'IN (1, 2)', 'IN (7, 8)')");
    run_sql("REINDEX changes_that_forget");
    run_sql("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'IN (7, 8)', 'IN (1, 2)')");
    store = testing_open(folder, STORE_WRITE);
    assert_int_equal(store_rewritten(store), 0);
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, "its index of changes that forget a file does not end at change 4");
    buf_close(&story.bytes);
}

static void checks_the_chunks_of_a_forgotten_file_all_the_same(void **state)
{
    (void)state;
    put_three();
    forget("b.csv");
    keep_as("whole.db");
    store = testing_open(folder, STORE_WRITE);
    assert_found("UPDATE chunks SET data = x'00' WHERE id = 2",
                 "change 2, file Orders/b.csv: a chunk fails its checksum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_a_forgotten_file_for_a_new_one),
        TEST(lets_a_forgotten_file_undo_no_redelivery_at_its_name),
        TEST(takes_content_again_that_came_under_rows_taken_back_since),
        TEST(still_knows_the_file_and_where_it_is_kept),
        TEST(leaves_forgotten_files_out_of_every_sum),
        TEST(finds_marks_and_changes_that_do_not_belong_together),
        TEST(finds_a_retry_that_does_not_follow_its_file),
        TEST(finds_a_forget_that_is_missing_in_its_index),
        TEST(tells_what_was_before_the_file_was_forgotten),
        TEST(checks_the_chunks_of_a_forgotten_file_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
