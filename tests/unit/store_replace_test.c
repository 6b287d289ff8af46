/* Changes that apply a file in the place of others of its name. */
#include "store_digesting.h"
#include "store_forging.h"
#include "store_killing.h"

#include "store_fixture.h"

/* The open change has the rows of a file called `name`, which takes the place of `replaced` files. */
static void begin_replace(const char *name, uint8_t seed, uint64_t replaced)
{
    uint64_t count;
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, SLICE("Orders"), &error), &error);
    assert_ok(testing_put_rows(store, 1, 3, seed, &error), &error);
    assert_ok(store_replace(store, slice_of(name), &count, &error), &error);
    assert_int_equal(count, replaced);
}

static void end_replace(const char *name, uint8_t seed)
{
    struct file_record file = testing_record(name, seed, 3);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE("replaced"), 1700000000000001, &error), &error);
}

static void replace(const char *name, uint8_t seed)
{
    begin_replace(name, seed, 1);
    end_replace(name, seed);
}

/* The sequences whose chunks a replay tells, in order: "1 3 4 ". */
static void assert_told(const struct replay_visit *how, const char *wanted)
{
    struct testing_story story = {.changes = 0};
    struct replay_visit visit = *how;
    char told[64] = "";
    buf_init(&story.bytes, 1 << 20);
    visit.context = &story;
    visit.chunk = testing_story_chunk;
    visit.change_end = testing_story_change;
    assert_ok(store_replay(store, &visit, &error), &error);
    for (uint64_t sequence = 1; sequence <= 9; sequence++) {
        char mark[16];
        snprintf(mark, sizeof mark, "%llu Orders ", (unsigned long long)sequence);
        if (memmem(story.bytes.data, story.bytes.len, mark, strlen(mark)))
            snprintf(told + strlen(told), sizeof told - strlen(told), "%llu ", (unsigned long long)sequence);
    }
    assert_string_equal(told, wanted);
    buf_close(&story.bytes);
}

static const struct replay_visit all = {0};

/* --- the change --------------------------------------------------------------------------------------------------- */

static void takes_a_file_back_and_applies_another_in_one_change(void **state)
{
    (void)state;
    put_three();
    assert_int_equal(store_rewritten(store), 0);
    replace("b.csv", 4);
    assert_int_equal(store_progress(store)->sequence, 4);
    assert_int_equal(store_rewritten(store), 4);
    assert_told(&all, "1 3 4 ");
    struct progress after = *store_progress(store);
    reopen();
    assert_true(progress_equal(&after, store_progress(store)));
    assert_int_equal(store_rewritten(store), 4);
    assert_ok(store_check(store, &error), &error);
    testing_change(store, "d.csv", 5);
    replace("b.csv", 2);
    assert_told(&all, "1 3 5 6 ");
    assert_ok(store_check(store, &error), &error);
}

static void chains_its_digest_by_the_published_definition(void **state)
{
    (void)state;
    struct digester d;
    testing_change(store, "a.csv", 1);
    struct digest before = store_progress(store)->digest;
    /* A file of no rows has no chunks. */
    struct file_record file = testing_record("a.csv", 9, 0);
    uint64_t count;
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(store_replace(store, file.name, &count, &error), &error);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    digesting_begin(&d, &before, 2);
    digesting_file(&d, "a.csv", 9, 1, (const uint64_t[8]){0});
    digesting_earlier(&d, 3, 1, 1, 1);
    digesting_end(&d, store);
    assert_changes(store, 2);
}

static void takes_back_all_files_of_the_name_that_count(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    testing_change(store, "a.csv", 2);
    testing_change(store, "b.csv", 3);
    begin_replace("a.csv", 4, 2);
    end_replace("a.csv", 4);
    assert_told(&all, "3 4 ");
    replace("a.csv", 5);
    assert_told(&all, "3 5 ");
}

static void is_a_change_like_any_other_where_there_is_nothing_to_replace(void **state)
{
    (void)state;
    put_three();
    begin_replace("d.csv", 4, 0);
    end_replace("d.csv", 4);
    assert_int_equal(store_rewritten(store), 0);
    assert_told(&all, "1 2 3 4 ");
}

static void tells_the_history_without_the_old_file_and_not_yet_with_the_new_one(void **state)
{
    (void)state;
    put_three();
    begin_replace("b.csv", 4, 1);
    assert_told(&all, "1 3 ");
    store_rollback(store);
    assert_told(&all, "1 2 3 ");
    assert_int_equal(store_rewritten(store), 0);
    begin_replace("c.csv", 5, 1);
    end_replace("c.csv", 5);
    assert_told(&all, "1 2 4 ");
}

static void tells_what_was_before_the_file_was_replaced(void **state)
{
    (void)state;
    put_three();
    replace("b.csv", 4);
    assert_told(&(struct replay_visit){.until = 1}, "1 ");
    assert_told(&(struct replay_visit){.until = 3}, "1 2 3 ");
    assert_told(&(struct replay_visit){.until = 4}, "1 3 4 ");
    assert_told(&(struct replay_visit){.without = 4}, "1 3 ");
}

static bool see_chunk(void *context, struct slice chunk, struct error *unused)
{
    char *seen = context;
    (void)unused;
    for (uint8_t seed = 1; seed <= 4; seed++) {
        char sku[16];
        snprintf(sku, sizeof sku, "SKU-%03u", seed);
        if (memmem(chunk.data, chunk.len, sku, strlen(sku)))
            snprintf(seen + strlen(seen), 32 - strlen(seen), "%u ", seed);
    }
    return true;
}

static void hands_out_the_chunks_of_what_it_replaces(void **state)
{
    (void)state;
    char seen[32] = "";
    struct file_record two_chunks = testing_record("a.csv", 1, 6);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, two_chunks.feed, &error), &error);
    assert_ok(testing_put_rows(store, 1, 3, 1, &error), &error);
    assert_ok(testing_put_rows(store, 4, 3, 4, &error), &error);
    assert_ok(store_file_end(store, &two_chunks, &error), &error);
    assert_ok(store_commit(store, SLICE("two chunks"), 1700000000000000, &error), &error);
    testing_change(store, "b.csv", 2);
    testing_change(store, "a.csv", 3);
    begin_replace("a.csv", 4, 2);
    assert_ok(store_taken_chunks(store, see_chunk, seen, &error), &error);
    assert_string_equal(seen, "1 4 3 ");
    end_replace("a.csv", 4);
}

/* Retried rows are a part of their file, whose mark they share. */
static void takes_what_was_retried_of_a_file_back_with_it(void **state)
{
    (void)state;
    char seen[32] = "";
    struct file_record again = testing_record("b.csv", 4, 3);
    again.state = FILE_RETRIED;
    put_three();
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_retry(store, 2, &error), &error);
    testing_put_file(store, &again);
    assert_ok(store_commit(store, SLICE("retried"), 5, &error), &error);
    assert_told(&all, "1 2 3 4 ");
    begin_replace("b.csv", 5, 1);
    assert_ok(store_taken_chunks(store, see_chunk, seen, &error), &error);
    assert_string_equal(seen, "2 4 ");
    end_replace("b.csv", 5);
    assert_told(&all, "1 3 5 ");
    assert_ok(store_check(store, &error), &error);
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "whole.db"));
    forging_run(folder, "UPDATE files SET forgotten = 0 WHERE id = 4");
    store = testing_open(folder, STORE_WRITE);
    struct testing_story story;
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, "it does not follow the file that it retried");
    buf_close(&story.bytes);
}

static void refuses_to_replace_out_of_order(void **state)
{
    (void)state;
    uint64_t count;
    struct file_record file = testing_record("d.csv", 4, 3);
    put_three();
    assert_false(store_replace(store, SLICE("a.csv"), &count, &error));
    assert_error(&error, ERROR_BUG, "no change is open");
    assert_ok(store_begin(store, &error), &error);
    assert_false(store_replace(store, SLICE("a.csv"), &count, &error));
    assert_error(&error, ERROR_BUG, "no file is open");
    testing_put_file(store, &file);
    assert_ok(store_file_begin(store, SLICE("Orders"), &error), &error);
    assert_false(store_replace(store, SLICE("a.csv"), &count, &error));
    assert_error(&error, ERROR_BUG, "a file that replaces is the only one of its change");
    store_rollback(store);
    begin_replace("a.csv", 5, 1);
    assert_false(store_replace(store, SLICE("a.csv"), &count, &error));
    assert_error(&error, ERROR_BUG, "a file that replaces is the only one of its change");
    file = testing_record("a.csv", 5, 3);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_false(store_file_begin(store, SLICE("Orders"), &error));
    assert_error(&error, ERROR_BUG, "it takes no other");
    store_rollback(store);
    assert_told(&all, "1 2 3 ");
}

/* --- what else asks the ledger ------------------------------------------------------------------------------------ */

static void assert_at(const char *name, uint64_t sequence, uint8_t seed)
{
    struct file_record file;
    struct digest wanted = testing_digest(seed);
    assert_ok(store_find_at_name(store, SLICE("Orders"), slice_of(name), &file, &error), &error);
    assert_int_equal(file.id > 0, sequence > 0);
    assert_int_equal(file.sequence, sequence);
    assert_true(file.id == 0 || digest_equal(&file.content, &wanted));
}

static void knows_what_counts_at_a_name(void **state)
{
    (void)state;
    assert_at("a.csv", 0, 0);
    put_three();
    assert_at("a.csv", 1, 1);
    replace("a.csv", 4);
    assert_at("a.csv", 4, 4);
    begin_replace("a.csv", 5, 1);
    assert_at("a.csv", 0, 0);
    store_rollback(store);
    assert_at("a.csv", 4, 4);
    assert_at("b.csv", 2, 2);
    assert_at("d.csv", 0, 0);
}

struct ledger {
    uint64_t taken_by[8];
    bool succeeded[8];
};

static bool note_file(void *context, const struct file_record *file)
{
    struct ledger *ledger = context;
    ledger->taken_by[file->id] = file->forgotten;
    ledger->succeeded[file->id] = file->succeeded;
    return true;
}

static void tells_replaced_files_from_forgotten_ones(void **state)
{
    (void)state;
    struct ledger ledger = {{0}, {0}};
    struct store_summary summary;
    struct file_record file;
    struct arena texts;
    arena_init(&texts, 1 << 16);
    put_three();
    replace("a.csv", 4);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_forget(store, SLICE("c.csv"), &texts, &file, &error), &error);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    assert_ok(store_each_file(store, note_file, &ledger, &error), &error);
    assert_int_equal(ledger.taken_by[1], 4);
    assert_true(ledger.succeeded[1]);
    assert_int_equal(ledger.taken_by[3], 5);
    assert_false(ledger.succeeded[3]);
    assert_int_equal(ledger.taken_by[4], 0);
    assert_false(ledger.succeeded[4]);
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.files[FILE_APPLIED], 2);
    assert_int_equal(summary.forgotten, 1);
    assert_int_equal(summary.succeeded, 1);
    assert_int_equal(buckets_total(&summary.buckets), 6);
    assert_false(store_find_file(store, SLICE("seq=1"), &texts, &file, &error));
    assert_error(&error, ERROR_USAGE, "seq=1 was replaced already, by seq=4");
    arena_close(&texts);
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
    replace("b.csv", 4);
    replace("c.csv", 5);
    keep_as("whole.db");
    store = testing_open(folder, STORE_WRITE);
    assert_found("UPDATE files SET forgotten = 0 WHERE id = 2", "change 4: the file that it replaces does not say so");
    assert_found("UPDATE files SET forgotten = 5 WHERE id = 2", "change 4: the file that it replaces does not say so");
    assert_found("UPDATE files SET forgotten = 4 WHERE id = 1", "change 4: its digest does not follow");
    assert_found("UPDATE files SET forgotten = 4 WHERE id = 1; UPDATE files SET forgotten = 0 WHERE id = 2",
                 "change 4: its digest does not follow");
    assert_found("UPDATE files SET forgotten = 2 WHERE id = 1", "3 files are marked as forgotten, but 2 changes");
    assert_found("UPDATE changes SET kind = 0 WHERE sequence = 4", "change 4: its digest does not follow");
    assert_found("UPDATE changes SET kind = 1, first_file = 2 WHERE sequence = 4",
                 "change 4: its digest does not follow");
    assert_found("UPDATE changes SET kind = 2 WHERE sequence = 2",
                 "change 2: the file that it replaces does not say so");
    assert_found("UPDATE chunks SET data = x'00' WHERE id = 2",
                 "change 2, file Orders/b.csv: a chunk fails its checksum");
}

/* --- crashes ------------------------------------------------------------------------------------------------------ */

/* Reports over a pipe that the replace is committed. */
static void replace_b(void *context)
{
    store = testing_open(folder, STORE_WRITE);
    replace("b.csv", 4);
    killing_tell(context);
    store_close(store);
}

/* Neither is the old file ever gone without the new one, nor are both there. */
static bool is_after(void)
{
    store = testing_open(folder, STORE_WRITE);
    bool after = store_progress(store)->sequence == 4;
    assert_told(&all, after ? "1 3 4 " : "1 2 3 ");
    assert_int_equal(store_rewritten(store), after ? 4 : 0);
    assert_ok(store_check(store, &error), &error);
    store_close(store);
    return after;
}

static void is_done_or_not_done_wherever_it_is_killed(void **state)
{
    (void)state;
    put_three();
    keep_as("base.db");
    bool killed = killing_everywhere(copy_base, replace_b, is_after);
    store = testing_open(folder, STORE_WRITE);
    if (!killed)
        skip();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(takes_a_file_back_and_applies_another_in_one_change),
        TEST(chains_its_digest_by_the_published_definition),
        TEST(takes_back_all_files_of_the_name_that_count),
        TEST(is_a_change_like_any_other_where_there_is_nothing_to_replace),
        TEST(tells_the_history_without_the_old_file_and_not_yet_with_the_new_one),
        TEST(tells_what_was_before_the_file_was_replaced),
        TEST(hands_out_the_chunks_of_what_it_replaces),
        TEST(takes_what_was_retried_of_a_file_back_with_it),
        TEST(refuses_to_replace_out_of_order),
        TEST(knows_what_counts_at_a_name),
        TEST(tells_replaced_files_from_forgotten_ones),
        TEST(finds_marks_and_changes_that_do_not_belong_together),
        TEST(is_done_or_not_done_wherever_it_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
