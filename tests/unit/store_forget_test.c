#include "store_testing.h"

#include "store_forging.h"
#include "store_killing.h"

static char folder[TESTING_PATH_MAX];
static struct store *store;
static struct arena texts;
static struct file_record file;
static struct error error;

static int open_store(void **state)
{
    (void)state;
    testing_folder_make(folder);
    store = testing_open(folder, STORE_WRITE);
    arena_init(&texts, 1 << 16);
    error = (struct error){0};
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    store_close(store);
    arena_close(&texts);
    testing_folder_remove(folder);
    return 0;
}

static void reopen(void)
{
    store_close(store);
    store = testing_open(folder, STORE_WRITE);
}

static bool try_to_forget(struct store *of, const char *which)
{
    bool good = store_begin(of, &error) && store_forget(of, slice_of(which), &texts, &file, &error);
    if (good)
        return store_commit(of, SLICE("after"), 1700000000000001, &error);
    store_rollback(of);
    return false;
}

static void forget(const char *which)
{
    assert_ok(try_to_forget(store, which), &error);
}

static void assert_refused(const char *which, const char *part)
{
    struct progress before = *store_progress(store);
    assert_false(try_to_forget(store, which));
    assert_error(&error, ERROR_USAGE, part);
    assert_true(progress_equal(&before, store_progress(store)));
}

/* a.csv, b.csv and c.csv as changes 1 to 3. */
static void put_three(void)
{
    testing_change(store, "a.csv", 1);
    testing_change(store, "b.csv", 2);
    testing_change(store, "c.csv", 3);
}

static struct testing_story told(void)
{
    struct testing_story story;
    assert_ok(testing_replay(store, &story, &error), &error);
    return story;
}

/* --- the change --------------------------------------------------------------------------------------------------- */

static void counts_a_forget_as_a_change_of_its_own(void **state)
{
    (void)state;
    put_three();
    struct progress before = *store_progress(store);
    assert_int_equal(store_rewritten(store), 0);
    forget("b.csv");
    assert_int_equal(file.sequence, 2);
    assert_int_equal(file.forgotten, 4);
    assert_int_equal(file.rows, 3);
    assert_slice(file.feed, "Orders");
    assert_slice(file.name, "b.csv");
    assert_int_equal(store_progress(store)->sequence, 4);
    assert_false(digest_equal(&before.digest, &store_progress(store)->digest));
    assert_int_equal(store_rewritten(store), 4);
    struct progress after = *store_progress(store);
    reopen();
    assert_true(progress_equal(&after, store_progress(store)));
    assert_int_equal(store_rewritten(store), 4);
    assert_changes(store, 4);
    assert_ok(store_check(store, &error), &error);
    testing_change(store, "d.csv", 4);
    assert_int_equal(store_rewritten(store), 4);
    assert_changes(store, 5);
}

static void chains_the_digest_of_a_forget_by_its_published_definition(void **state)
{
    (void)state;
    struct digester d;
    put_three();
    struct digest before = store_progress(store)->digest, content = testing_digest(2);
    forget("b.csv");
    assert_ok(digester_init(&d, &error), &error);
    digester_add(&d, (struct slice){(const char *)before.bytes, DIGEST_SIZE});
    digester_add_u64(&d, 4);
    digester_add_u64(&d, 3);
    digester_add_u64(&d, file.id);
    digester_add_u64(&d, 2);
    digester_add(&d, (struct slice){(const char *)content.bytes, DIGEST_SIZE});
    struct digest wanted = digester_take(&d);
    assert_true(digest_equal(&wanted, &store_progress(store)->digest));
}

static void replays_without_the_rows_of_a_forgotten_file(void **state)
{
    (void)state;
    put_three();
    struct testing_story all = told();
    assert_int_equal(all.as_committed, 3);
    forget("b.csv");
    struct testing_story rest = told();
    assert_int_equal(rest.changes, 4);
    assert_int_equal(rest.rows, 6);
    /* Change 1 came before the forgotten file, and nothing of it can have changed. */
    assert_int_equal(rest.as_committed, 1);
    assert_true(rest.bytes.len < all.bytes.len);
    assert_null(memmem(rest.bytes.data, rest.bytes.len, "2 Orders ", 9));
    assert_non_null(memmem(rest.bytes.data, rest.bytes.len, "1 Orders ", 9));
    assert_non_null(memmem(rest.bytes.data, rest.bytes.len, "3 Orders ", 9));
    buf_close(&all.bytes);
    buf_close(&rest.bytes);
}

static void leaves_the_other_files_of_its_change(void **state)
{
    (void)state;
    struct file_record one = testing_record("a.csv", 1, 3), two = testing_record("b.csv", 2, 5);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &one);
    testing_put_file(store, &two);
    assert_ok(store_commit(store, SLICE("two"), 1, &error), &error);
    assert_refused("seq=1", "\"seq=1\" can mean Orders/a.csv seq=1, Orders/b.csv seq=1: say which by its name");
    forget("a.csv");
    struct testing_story story = told();
    assert_int_equal(story.rows, 5);
    buf_close(&story.bytes);
}

static void tells_the_history_as_it_will_be_before_it_is_committed(void **state)
{
    (void)state;
    put_three();
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_forget(store, SLICE("b.csv"), &texts, &file, &error), &error);
    struct testing_story story = told();
    assert_int_equal(story.changes, 3);
    assert_int_equal(story.rows, 6);
    assert_int_equal(story.as_committed, 1);
    assert_int_equal(store_progress(store)->sequence, 3);
    buf_close(&story.bytes);
    store_rollback(store);
    story = told();
    assert_int_equal(story.changes, 3);
    assert_int_equal(story.rows, 9);
    assert_int_equal(story.as_committed, 3);
    buf_close(&story.bytes);
    assert_int_equal(store_rewritten(store), 0);
    testing_change(store, "d.csv", 4);
    assert_changes(store, 4);
}

static void forgets_all_of_it_file_by_file(void **state)
{
    (void)state;
    put_three();
    forget("seq=3");
    forget("seq=1");
    forget("seq=2");
    struct testing_story story = told();
    assert_int_equal(story.changes, 6);
    assert_int_equal(story.rows, 0);
    buf_close(&story.bytes);
    assert_int_equal(store_rewritten(store), 6);
}

static void refuses_forgets_out_of_order(void **state)
{
    (void)state;
    struct file_record other = testing_record("d.csv", 4, 3);
    put_three();
    assert_false(store_forget(store, SLICE("a.csv"), &texts, &file, &error));
    assert_error(&error, ERROR_BUG, "no change is open");
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &other);
    assert_false(store_forget(store, SLICE("a.csv"), &texts, &file, &error));
    assert_error(&error, ERROR_BUG, "either applies files or forgets one");
    store_rollback(store);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_forget(store, SLICE("a.csv"), &texts, &file, &error), &error);
    assert_false(store_forget(store, SLICE("b.csv"), &texts, &file, &error));
    assert_error(&error, ERROR_BUG, "either applies files or forgets one");
    assert_false(store_file_begin(store, SLICE("Orders"), &error));
    assert_error(&error, ERROR_BUG, "takes no other");
    store_rollback(store);
    assert_changes(store, 3);
}

/* --- which file --------------------------------------------------------------------------------------------------- */

static void finds_a_file_by_each_of_its_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "x.csv",
        "Orders/x.csv",
        "data/Orders/x.csv",
        "/srv/shop/data/Orders/x.csv",
        "000001-01010101-x.csv",
        "archive/Orders/000001-01010101-x.csv",
        "../data/archive/Orders/000001-01010101-x.csv",
        "seq=1",
    };
    struct file_record record = testing_record("x.csv", 1, 3), other = testing_record("yx.csv", 2, 3);
    record.stored = SLICE("archive/Orders/000001-01010101-x.csv");
    testing_put_change(store, &record);
    testing_put_change(store, &other);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_ok(store_begin(store, &error), &error);
        assert_ok(store_forget(store, slice_of(names[i]), &texts, &file, &error), &error);
        assert_int_equal(file.sequence, 1);
        assert_slice(file.stored, "archive/Orders/000001-01010101-x.csv");
        store_rollback(store);
    }
}

static void says_what_there_is_when_no_file_is_meant(void **state)
{
    (void)state;
    assert_refused("a.csv", "No applied file is called \"a.csv\"; there are none at all");
    put_three();
    assert_refused("elsewhere", "there are Orders/a.csv seq=1, Orders/b.csv seq=2, Orders/c.csv seq=3");
    assert_refused("seq=4", "No applied file is called \"seq=4\"");
    assert_refused("seq=99999999999999999999", "No applied file is called");
    assert_refused("", "No applied file is called \"\"");
    assert_refused("/a.csv", "did you mean");
    assert_refused("Customers/b.csv", "did you mean Orders/a.csv seq=1, Orders/b.csv seq=2");
    for (uint8_t i = 4; i < 12; i++)
        testing_change(store, "b.csv", i);
    assert_refused("no\nwhere", "no\\nwhere");
    assert_refused("elsewhere", "Orders/b.csv seq=5 and 6 more");
}

static void lists_the_files_that_can_be_meant(void **state)
{
    (void)state;
    struct file_record other = testing_record("b.csv", 9, 3);
    put_three();
    testing_change(store, "b.csv", 4);
    assert_refused("b.csv", "\"b.csv\" can mean Orders/b.csv seq=2, Orders/b.csv seq=4: say which, by its seq=N");
    other.feed = SLICE("Deliveries");
    testing_put_change(store, &other);
    assert_refused("b.csv", "Deliveries/b.csv seq=5");
    forget("Deliveries/b.csv");
    assert_int_equal(file.sequence, 5);
    forget("seq=4");
    forget("b.csv");
    assert_int_equal(file.sequence, 2);
}

static void says_why_a_file_cannot_be_forgotten(void **state)
{
    (void)state;
    struct file_record note = testing_record("d.csv", 4, 3);
    put_three();
    note.state = FILE_DUPLICATE;
    note.sequence = 3;
    assert_ok(store_note_file(store, &note, 1, &error), &error);
    note.state = FILE_QUARANTINED;
    note.name = SLICE("bad.csv");
    note.sequence = 0;
    assert_ok(store_note_file(store, &note, 1, &error), &error);
    assert_refused("d.csv", "it was a redelivery of seq=3 and not applied");
    assert_refused("bad.csv", "it was set aside");
    forget("seq=3");
    assert_slice(file.name, "c.csv");
    assert_refused("c.csv", "seq=3 was forgotten already, by seq=4");
    assert_refused("seq=3", "No rows of \"seq=3\" count");
    assert_refused("seq=4", "No applied file");
}

static void forgets_a_file_of_the_same_name_as_one_forgotten(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    forget("a.csv");
    testing_change(store, "a.csv", 2);
    forget("a.csv");
    assert_int_equal(file.sequence, 3);
    assert_int_equal(file.forgotten, 4);
}

/* --- what else asks the ledger ------------------------------------------------------------------------------------ */

static bool is_duplicate(const char *name, uint8_t seed, uint64_t *sequence)
{
    bool found;
    char original[256];
    struct digest content = testing_digest(seed);
    assert_ok(store_find_duplicate(store, SLICE("Orders"), slice_of(name), &content, false, &found, sequence, original,
                                   &error),
              &error);
    return found;
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

static void still_knows_the_file_and_where_it_is_kept(void **state)
{
    (void)state;
    bool known, kept;
    struct file_record record = testing_record("a.csv", 1, 3);
    record.stored = SLICE("archive/Orders/000001-01010101-a.csv");
    testing_put_change(store, &record);
    forget("a.csv");
    assert_ok(store_knows(store, record.feed, record.name, record.size, record.mtime_ns, record.ctime_ns, record.inode,
                          &known, &error),
              &error);
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
    assert_int_equal(summary.rows, 3);
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

/* --- damage ------------------------------------------------------------------------------------------------------- */

static void forge(const char *sql)
{
    store_close(store);
    forging_run(folder, sql);
    store = testing_open(folder, STORE_WRITE);
}

static void assert_found(const char *sql, const char *part)
{
    struct testing_story story;
    forge(sql);
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, part);
    buf_close(&story.bytes);
}

static void finds_marks_and_changes_that_do_not_belong_together(void **state)
{
    (void)state;
    put_three();
    forget("b.csv");
    forget("c.csv");
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "whole.db"));
    store = testing_open(folder, STORE_WRITE);
    forge("SELECT 1");
    assert_changes(store, 5);
    assert_found("UPDATE files SET forgotten = 0 WHERE id = 2", "change 4: it forgets a file that does not say so");
    assert_found("UPDATE files SET forgotten = 5 WHERE id = 2", "change 4: it forgets a file that does not say so");
    assert_found("UPDATE files SET forgotten = 4 WHERE id = 1", "3 files are marked as forgotten, but 2 changes");
    assert_found("UPDATE changes SET first_file = 1 WHERE sequence = 4; UPDATE files SET forgotten = 4 WHERE id = 1; "
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
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "whole.db"));
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

static void checks_the_chunks_of_a_forgotten_file_all_the_same(void **state)
{
    (void)state;
    put_three();
    forget("b.csv");
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "whole.db"));
    store = testing_open(folder, STORE_WRITE);
    assert_found("UPDATE chunks SET data = x'00' WHERE id = 2",
                 "change 2, file Orders/b.csv: a chunk fails its checksum");
}

/* --- crashes ------------------------------------------------------------------------------------------------------ */

/* Reports over a pipe that the forget is committed. */
static void forget_b(void *context)
{
    int told_by = *(int *)context;
    struct store *mine = testing_open(folder, STORE_WRITE);
    if (!try_to_forget(mine, "b.csv") || write(told_by, "", 1) != 1)
        _exit(1);
    store_close(mine);
}

/* Either nothing of the forget is there, or all of it. */
static bool assert_before_or_after(void)
{
    store = testing_open(folder, STORE_WRITE);
    bool after = store_progress(store)->sequence == 4;
    struct testing_story story = told();
    assert_int_equal(story.changes, after ? 4 : 3);
    assert_int_equal(story.rows, after ? 6 : 9);
    assert_int_equal(store_rewritten(store), after ? 4 : 0);
    buf_close(&story.bytes);
    assert_ok(store_check(store, &error), &error);
    store_close(store);
    return after;
}

static void copy_base(void)
{
    static const char *const ends[] = {"-wal", "-shm", ".lock"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[32];
        snprintf(name, sizeof name, i < 2 ? "ecommerce.db%s" : "ecommerce%s", ends[i]);
        (void)unlink(testing_path(folder, name));
    }
    testing_copy(testing_path(folder, "base.db"), testing_path(folder, "ecommerce.db"));
}

static void is_done_or_not_done_wherever_it_is_killed(void **state)
{
    (void)state;
    put_three();
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "base.db"));
    bool killed = killing_everywhere(copy_base, forget_b, assert_before_or_after);
    copy_base();
    store = testing_open(folder, STORE_WRITE);
    if (!killed)
        skip();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(counts_a_forget_as_a_change_of_its_own),
        TEST(chains_the_digest_of_a_forget_by_its_published_definition),
        TEST(replays_without_the_rows_of_a_forgotten_file),
        TEST(leaves_the_other_files_of_its_change),
        TEST(tells_the_history_as_it_will_be_before_it_is_committed),
        TEST(forgets_all_of_it_file_by_file),
        TEST(refuses_forgets_out_of_order),
        TEST(finds_a_file_by_each_of_its_names),
        TEST(says_what_there_is_when_no_file_is_meant),
        TEST(lists_the_files_that_can_be_meant),
        TEST(says_why_a_file_cannot_be_forgotten),
        TEST(forgets_a_file_of_the_same_name_as_one_forgotten),
        TEST(takes_a_forgotten_file_for_a_new_one),
        TEST(lets_a_forgotten_file_undo_no_redelivery_at_its_name),
        TEST(still_knows_the_file_and_where_it_is_kept),
        TEST(leaves_forgotten_files_out_of_every_sum),
        TEST(finds_marks_and_changes_that_do_not_belong_together),
        TEST(finds_a_retry_that_does_not_follow_its_file),
        TEST(finds_a_forget_that_is_missing_in_its_index),
        TEST(tells_what_was_before_the_file_was_forgotten),
        TEST(checks_the_chunks_of_a_forgotten_file_all_the_same),
        TEST(is_done_or_not_done_wherever_it_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
