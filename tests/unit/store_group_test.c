/* Changes that share one commit: each is what it would be alone, and they are durable together or not at all. */
#include "store_killing.h"
#include "store_operating.h"

#include "store_fixture.h"

static void begin_group(void)
{
    assert_ok(store_group_begin(store, &error), &error);
}

static void commit_group(void)
{
    assert_ok(store_group_commit(store, SLICE("group"), &error), &error);
}

/* What another process finds. */
static uint64_t durable_sequence(void)
{
    struct store *reader = testing_open(folder, STORE_READ);
    uint64_t sequence = store_progress(reader)->sequence;
    store_close(reader);
    return sequence;
}

static void is_seen_by_nobody_else_before_its_commit(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    begin_group();
    testing_change(store, "b.csv", 2);
    testing_change(store, "c.csv", 3);
    assert_int_equal(store_progress(store)->sequence, 3);
    assert_int_equal(store_files(store), 1);
    assert_int_equal(durable_sequence(), 1);
    commit_group();
    assert_int_equal(store_files(store), 3);
    assert_int_equal(durable_sequence(), 3);
    reopen();
    assert_changes(store, 3);
}

/* The epoch apart, which the digests begin with: so the texts of both are compared. */
static void leaves_what_its_changes_would_leave_alone(void **state)
{
    (void)state;
    char other_folder[TESTING_PATH_MAX];
    struct buf alone, together;
    buf_init(&alone, 65536);
    buf_init(&together, 65536);
    testing_folder_make(other_folder);
    struct store *other = testing_open(other_folder, STORE_WRITE);
    begin_group();
    for (uint8_t i = 1; i <= 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.csv", i);
        operating_change(store, name, i);
        operating_change(other, name, i);
    }
    assert_ok(store_group_commit(store, SLICE("summary"), &error), &error);
    assert_ok(operating_tell(store, &together, &error), &error);
    assert_ok(operating_tell(other, &alone, &error), &error);
    assert_true(slice_equal(buf_slice(&alone), buf_slice(&together)));
    assert_changes(store, 5);
    assert_ok(store_check(store, &error), &error);
    store_close(other);
    testing_folder_remove(other_folder);
    buf_close(&alone);
    buf_close(&together);
}

/* Neither the file, nor what it would have replaced. */
static void assert_no_trace(const char *name)
{
    struct buf out;
    buf_init(&out, 65536);
    assert_ok(operating_tell(store, &out, &error), &error);
    assert_null(memmem(out.data, out.len, name, strlen(name)));
    assert_null(memmem(out.data, out.len, "replaced=1", 10));
    buf_close(&out);
}

static void begin_file(const struct file_record *file)
{
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file->feed, &error), &error);
}

static void undoes_a_change_alone_that_wrote_nothing(void **state)
{
    (void)state;
    struct file_record file = testing_record("bad.csv", 9, 3);
    struct batch *batch = operating_batch(4);
    begin_group();
    testing_change(store, "a.csv", 1);
    begin_file(&file);
    assert_ok(store_reserve(store, &batch, 1, &file, 1, &error), &error);
    store_rollback(store);
    assert_int_equal(store_progress(store)->sequence, 1);
    testing_change(store, "b.csv", 2);
    commit_group();
    batch_free(batch);
    reopen();
    assert_changes(store, 2);
    assert_ok(store_check(store, &error), &error);
    assert_no_trace("bad.csv");
}

static void undoes_a_change_alone_that_replaced_first(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 9, 3);
    uint64_t count;
    begin_group();
    testing_change(store, "a.csv", 1);
    begin_file(&file);
    assert_ok(store_replace(store, file.name, &count, &error), &error);
    assert_int_equal(count, 1);
    assert_ok(testing_put_rows(store, 1, 3, 9, &error), &error);
    assert_ok(store_mark_replaced(store, file.feed, 1, &error), &error);
    store_rollback(store);
    assert_int_equal(store_progress(store)->sequence, 1);
    assert_changes(store, 1);
    testing_change(store, "b.csv", 2);
    commit_group();
    reopen();
    assert_changes(store, 2);
    assert_ok(store_check(store, &error), &error);
    assert_no_trace("no name");
}

/* And takes nothing more until it is given up. */
static void goes_with_a_change_that_wrote_and_is_given_up(void **state)
{
    (void)state;
    struct file_record file = testing_record("bad.csv", 9, 3), note = operating_note(FILE_DUPLICATE);
    testing_change(store, "a.csv", 1);
    struct progress before = *store_progress(store);
    begin_group();
    testing_change(store, "b.csv", 2);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    assert_ok(store_mark_replaced(store, file.feed, 1, &error), &error);
    store_rollback(store);
    assert_memory_equal(store_progress(store), &before, sizeof before);
    assert_changes(store, 1);
    assert_false(store_begin(store, &error));
    assert_error(&error, ERROR_FULL, "undone");
    assert_false(store_note_file(store, &note, 14, &error));
    assert_error(&error, ERROR_FULL, "undone");
    assert_false(store_group_commit(store, SLICE("group"), &error));
    assert_error(&error, ERROR_FULL, "undone");
    store_group_rollback(store);
    assert_no_trace("b.csv");
    testing_change(store, "c.csv", 3);
    reopen();
    assert_changes(store, 2);
    assert_ok(store_check(store, &error), &error);
}

static void is_taken_back_whole(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    struct progress before = *store_progress(store);
    struct file_record note = operating_note(FILE_DUPLICATE);
    begin_group();
    operating_change(store, "b.csv", 2);
    assert_ok(store_note_file(store, &note, 14, &error), &error);
    assert_ok(store_begin(store, &error), &error);
    store_group_rollback(store);
    assert_memory_equal(store_progress(store), &before, sizeof before);
    assert_int_equal(store_files(store), 1);
    operating_change(store, "c.csv", 3);
    assert_changes(store, 2);
    reopen();
    assert_changes(store, 2);
    assert_int_equal(store_files(store), 2);
    assert_ok(store_check(store, &error), &error);
}

static void goes_with_the_process_that_did_not_commit_it(void **state)
{
    (void)state;
    begin_group();
    testing_change(store, "a.csv", 1);
    reopen();
    assert_changes(store, 0);
}

/* So that the engine can be told what it should be when a change in the midst of it fails. */
static void is_told_by_a_replay_within_it(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    begin_group();
    testing_change(store, "b.csv", 2);
    assert_changes(store, 2);
    testing_change(store, "c.csv", 3);
    assert_changes(store, 3);
    commit_group();
    assert_changes(store, 3);
}

static void takes_a_change_that_replaces_one_of_its_own(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 2, 3);
    uint64_t count;
    begin_group();
    testing_change(store, "a.csv", 1);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(testing_put_rows(store, 1, 3, 2, &error), &error);
    assert_ok(store_replace(store, file.name, &count, &error), &error);
    assert_int_equal(count, 1);
    assert_ok(operating_replay(store, &error), &error);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE(""), 5, &error), &error);
    assert_int_equal(store_rewritten(store), 2);
    commit_group();
    reopen();
    assert_changes(store, 2);
    assert_int_equal(store_rewritten(store), 2);
}

static void refuses_what_cannot_be_within_it(void **state)
{
    (void)state;
    uint64_t before, after;
    struct store_backup made;
    assert_false(store_group_commit(store, SLICE(""), &error));
    assert_error(&error, ERROR_BUG, "no group is open");
    begin_group();
    assert_false(store_group_begin(store, &error));
    assert_error(&error, ERROR_BUG, "open already");
    assert_false(store_compact(store, &before, &after, &error));
    assert_error(&error, ERROR_BUG, "");
    assert_false(store_backup(store, testing_path(folder, "copy.db"), &made, &error));
    assert_error(&error, ERROR_BUG, "");
    assert_ok(store_begin(store, &error), &error);
    assert_false(store_group_commit(store, SLICE(""), &error));
    assert_error(&error, ERROR_BUG, "a change within it");
    store_rollback(store);
    commit_group();
    assert_changes(store, 0);
}

/* --- killed ------------------------------------------------------------------------------------------------------- */

static char killed[TESTING_PATH_MAX];

static void prepare_to_be_killed(void)
{
    struct store *fresh;
    testing_folder_remove(killed);
    testing_folder_make(killed);
    fresh = testing_open(killed, STORE_WRITE);
    operating_change(fresh, "first.csv", 1);
    store_close(fresh);
}

static void commit_three(void *told_by)
{
    struct batch *batch = operating_batch(4);
    struct store *child = testing_open(killed, STORE_WRITE);
    bool good = store_group_begin(child, NULL);
    for (uint8_t i = 2; good && i <= 4; i++)
        good = store_begin(child, NULL) && operating_put(child, batch, "more.csv", i, NULL) &&
               store_commit(child, SLICE(""), i, NULL);
    good = good && store_group_commit(child, SLICE("group"), NULL);
    if (!good)
        _exit(98);
    killing_tell(told_by);
    store_close(child);
}

static bool has_all_three(void)
{
    struct store *left = testing_open(killed, STORE_WRITE);
    uint64_t sequence = store_progress(left)->sequence;
    assert_true(sequence == 1 || sequence == 4);
    assert_changes(left, sequence);
    assert_ok(store_check(left, &error), &error);
    store_close(left);
    return sequence == 4;
}

static void is_there_whole_or_not_at_all_wherever_a_kill_comes(void **state)
{
    (void)state;
    testing_folder_make(killed);
    bool possible = killing_everywhere(prepare_to_be_killed, commit_three, has_all_three);
    testing_folder_remove(killed);
    if (!possible)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_seen_by_nobody_else_before_its_commit, open_store, close_store),
        cmocka_unit_test_setup_teardown(leaves_what_its_changes_would_leave_alone, open_store, close_store),
        cmocka_unit_test_setup_teardown(undoes_a_change_alone_that_wrote_nothing, open_store, close_store),
        cmocka_unit_test_setup_teardown(undoes_a_change_alone_that_replaced_first, open_store, close_store),
        cmocka_unit_test_setup_teardown(goes_with_a_change_that_wrote_and_is_given_up, open_store, close_store),
        cmocka_unit_test_setup_teardown(is_taken_back_whole, open_store, close_store),
        cmocka_unit_test_setup_teardown(goes_with_the_process_that_did_not_commit_it, open_store, close_store),
        cmocka_unit_test_setup_teardown(is_told_by_a_replay_within_it, open_store, close_store),
        cmocka_unit_test_setup_teardown(takes_a_change_that_replaces_one_of_its_own, open_store, close_store),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be_within_it, open_store, close_store),
        cmocka_unit_test(is_there_whole_or_not_at_all_wherever_a_kill_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
