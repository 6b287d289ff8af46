/* Changes that forget a file: what they take back, which file is meant, and that they are there whole or not at all. */
#include "store_digesting.h"
#include "store_killing.h"

#include "store_forgetting.h"

static void assert_refused(const char *which, const char *part)
{
    struct progress before = *store_progress(store);
    assert_false(try_to_forget(store, which));
    assert_error(&error, ERROR_USAGE, part);
    assert_true(progress_equal(&before, store_progress(store)));
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
    struct digest before = store_progress(store)->digest;
    forget("b.csv");
    digesting_begin(&d, &before, 4);
    digesting_earlier(&d, 3, file.id, 2, 2);
    digesting_end(&d, store);
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
    assert_refused("a.csv", "no applied file is called \"a.csv\"; there are none at all");
    put_three();
    assert_refused("elsewhere", "there are Orders/a.csv seq=1, Orders/b.csv seq=2, Orders/c.csv seq=3");
    assert_refused("seq=4", "no applied file is called \"seq=4\"");
    assert_refused("seq=99999999999999999999", "no applied file is called");
    assert_refused("", "no applied file is called \"\"");
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
    assert_refused("bad.csv", "it was quarantined");
    forget("seq=3");
    assert_slice(file.name, "c.csv");
    assert_refused("c.csv", "seq=3 was forgotten already, by seq=4");
    assert_refused("seq=3", "no rows of \"seq=3\" count");
    assert_refused("seq=4", "no applied file");
}

/* --- crashes ------------------------------------------------------------------------------------------------------ */

/* Reports over a pipe that the forget is committed. */
static void forget_b(void *context)
{
    struct store *mine = testing_open(folder, STORE_WRITE);
    if (!try_to_forget(mine, "b.csv"))
        _exit(1);
    killing_tell(context);
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

static void is_done_or_not_done_wherever_it_is_killed(void **state)
{
    (void)state;
    put_three();
    keep_as("base.db");
    bool killed = killing_everywhere(copy_base, forget_b, assert_before_or_after);
    copy_base();
    store = testing_open(folder, STORE_WRITE);
    if (!killed)
        skip();
}

int main(void)
{
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
        TEST(is_done_or_not_done_wherever_it_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
