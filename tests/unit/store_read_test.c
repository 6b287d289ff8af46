#include "store_fixture.h"

/* A change of one file with `accepted` rows, then these rejects. */
static void put_rejects(const char *feed, const char *name, uint32_t accepted, const struct reject *rejects,
                        size_t count)
{
    struct batch *batch = batch_new(testing_feed());
    struct file_record file = testing_record(name, 1, accepted + count);
    testing_fill(batch, 1, accepted, 1);
    for (size_t i = 0; i < count; i++)
        assert_true(batch_reject(batch, &rejects[i]));
    file.feed = slice_of(feed);
    file.buckets = (struct buckets){.applied = accepted, .rejected = count};
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(store_put_batch(store, batch, &error), &error);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE("{}"), 5, &error), &error);
    batch_free(batch);
}

static const struct reject hostile[] = {
    {2,
     3,
     1,
     {"Order_ID", 8},
     {"found \"12,x\", expected an integer", 33},
     {"12,x\0\xff\xfe'; DROP TABLE files;--", 29}},
    {UINT64_MAX, UINT64_MAX, UINT32_MAX, {"", 0}, {"\n\r\t\x1b[31m", 8}, {"", 0}},
    {7, 9, 0, {"\xc3\x28", 2}, {"a row of 3 columns", 18}, {"a,b,c", 5}},
};

struct rejects {
    size_t count;
    const char *feed, *name;
};

static bool compare_reject(void *context, const struct reject_record *record)
{
    struct rejects *rejects = context;
    const struct reject *given = &record->reject, *wanted = &hostile[rejects->count];
    assert_slice(record->feed, rejects->feed);
    assert_slice(record->name, rejects->name);
    assert_int_equal(record->sequence, 2);
    assert_true(given->row == wanted->row && given->line == wanted->line && given->column == wanted->column);
    assert_true(slice_equal(given->field, wanted->field));
    assert_true(slice_equal(given->reason, wanted->reason));
    assert_true(slice_equal(given->raw, wanted->raw));
    rejects->count++;
    return true;
}

static void keeps_hostile_bytes_of_rejected_rows_as_they_came(void **state)
{
    (void)state;
    struct rejects rejects = {.feed = "Orders", .name = "a.csv"};
    testing_change(store, "good.csv", 2);
    put_rejects("Orders", "a.csv", 4, hostile, COUNT_OF(hostile));
    assert_ok(store_each_reject(store, SLICE(""), compare_reject, &rejects, &error), &error);
    assert_int_equal(rejects.count, COUNT_OF(hostile));
    assert_changes(store, 2);
    assert_ok(store_check(store, &error), &error);
}

static bool count_reject(void *context, const struct reject_record *record)
{
    (void)record;
    ++*(unsigned *)context;
    return true;
}

static unsigned rejects_of(const char *name)
{
    unsigned count = 0;
    assert_ok(store_each_reject(store, slice_of(name), count_reject, &count, &error), &error);
    return count;
}

static void lists_the_rejects_of_one_file_by_either_name(void **state)
{
    (void)state;
    put_rejects("Orders", "a.csv", 0, hostile, 3);
    put_rejects("Deliveries", "a.csv", 1, hostile, 2);
    put_rejects("Orders", "b.csv", 1, hostile, 1);
    assert_int_equal(rejects_of(""), 6);
    assert_int_equal(rejects_of("a.csv"), 5);
    assert_int_equal(rejects_of("Orders/a.csv"), 3);
    assert_int_equal(rejects_of("Deliveries/a.csv"), 2);
    assert_int_equal(rejects_of("Orders/b.csv"), 1);
    assert_int_equal(rejects_of("Orders/"), 0);
    assert_int_equal(rejects_of("OrdersXa.csv"), 0);
    assert_int_equal(rejects_of("c.csv"), 0);
}

static bool one_reject(void *context, const struct reject_record *record)
{
    (void)record;
    ++*(unsigned *)context;
    return false;
}

static void ends_the_listing_of_rejects_when_told(void **state)
{
    (void)state;
    unsigned count = 0;
    put_rejects("Orders", "a.csv", 0, hostile, 3);
    put_rejects("Orders", "b.csv", 0, hostile, 3);
    assert_ok(store_each_reject(store, SLICE(""), one_reject, &count, &error), &error);
    assert_int_equal(count, 1);
}

static void numbers_rejects_on_after_a_rollback(void **state)
{
    (void)state;
    struct batch *batch = batch_new(testing_feed());
    assert_true(batch_reject(batch, &hostile[0]));
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, SLICE("Orders"), &error), &error);
    assert_ok(store_put_batch(store, batch, &error), &error);
    store_rollback(store);
    batch_free(batch);
    put_rejects("Orders", "a.csv", 0, hostile, 2);
    assert_int_equal(rejects_of(""), 2);
    assert_ok(store_check(store, &error), &error);
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

static void sums_up_what_was_applied_and_noted(void **state)
{
    (void)state;
    struct store_summary summary;
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.files[FILE_APPLIED], 0);
    assert_int_equal(summary.committed_at, 0);
    assert_string_equal(summary.delivered_target, "");

    struct file_record file = testing_record("a.csv", 1, 28), noted = testing_record("b.csv", 2, 100);
    file.buckets = (struct buckets){1, 2, 3, 4, 5, 13, 0};
    testing_put_change(store, &file);
    put_rejects("Deliveries", "d.csv", 4, hostile, 3);
    noted.state = FILE_DUPLICATE;
    assert_ok(store_note_file(store, &noted, 6, &error), &error);
    noted.state = FILE_QUARANTINED;
    assert_ok(store_note_file(store, &noted, 7, &error), &error);
    assert_ok(store_note_file(store, &noted, 8, &error), &error);

    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.files[FILE_APPLIED], 2);
    assert_int_equal(summary.files[FILE_DUPLICATE], 1);
    assert_int_equal(summary.files[FILE_QUARANTINED], 2);
    assert_int_equal(buckets_total(&summary.buckets), 35);
    assert_int_equal(summary.rejects, 3);
    const struct buckets wanted = {5, 2, 3, 4, 5, 13, 3};
    assert_memory_equal(&summary.buckets, &wanted, sizeof wanted);
    assert_int_equal(summary.committed_at, 5);
}

static bool compare_feed(void *context, const struct feed_summary *feed)
{
    unsigned *count = context;
    bool orders = *count == 1;
    assert_slice(feed->feed, orders ? "Orders" : "Deliveries");
    assert_int_equal(feed->files[FILE_APPLIED], orders ? 2 : 1);
    assert_int_equal(feed->files[FILE_DUPLICATE], orders ? 1 : 0);
    assert_int_equal(feed->rows, orders ? 6 : 7);
    assert_int_equal(feed->buckets.rejected, orders ? 0 : 3);
    ++*count;
    return true;
}

static void sums_up_each_feed(void **state)
{
    (void)state;
    unsigned count = 0;
    struct file_record noted = testing_record("b.csv", 2, 100);
    testing_change(store, "a.csv", 1);
    testing_change(store, "b.csv", 2);
    put_rejects("Deliveries", "d.csv", 4, hostile, 3);
    noted.state = FILE_DUPLICATE;
    assert_ok(store_note_file(store, &noted, 6, &error), &error);
    assert_ok(store_each_feed(store, compare_feed, &count, &error), &error);
    assert_int_equal(count, 2);
}

static void remembers_the_last_delivery(void **state)
{
    (void)state;
    struct store_summary summary;
    assert_ok(
        store_note_delivered(store, &(struct store_delivered){SLICE("postgresql://u@h/db"), UINT64_MAX, 9, 77}, &error),
        &error);
    assert_ok(store_note_delivered(store, &(struct store_delivered){SLICE("sqlite:x.db"), 3, UINT64_MAX, -78}, &error),
              &error);
    reopen();
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_string_equal(summary.delivered_target, "sqlite:x.db");
    assert_int_equal(summary.delivered_sequence, 3);
    assert_int_equal(summary.delivered_overflows, UINT64_MAX);
    assert_int_equal(summary.delivered_at, -78);
}

static void notes_a_delivery_while_a_change_is_open(void **state)
{
    (void)state;
    struct store_summary summary;
    struct file_record file = testing_record("a.csv", 1, 3);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_note_delivered(store, &(struct store_delivered){SLICE("none:"), 1, 0, 77}, &error), &error);
    testing_put_file(store, &file);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_string_equal(summary.delivered_target, "none:");
}

static void keeps_the_text_of_the_last_commit(void **state)
{
    (void)state;
    struct buf text;
    struct file_record file = testing_record("a.csv", 1, 0);
    buf_init(&text, 100000);
    assert_ok(store_summary_text(store, &text, &error), &error);
    assert_int_equal(text.len, 0);
    for (int i = 0; i < 2; i++) {
        assert_ok(store_begin(store, &error), &error);
        testing_put_file(store, &file);
        assert_ok(store_commit(store, i == 0 ? SLICE("first") : SLICE("{\"a\":1}"), 1, &error), &error);
    }
    assert_ok(store_summary_text(store, &text, &error), &error);
    assert_slice(buf_slice(&text), "{\"a\":1}");
    buf_close(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(keeps_hostile_bytes_of_rejected_rows_as_they_came),
        TEST(lists_the_rejects_of_one_file_by_either_name),
        TEST(ends_the_listing_of_rejects_when_told),
        TEST(numbers_rejects_on_after_a_rollback),
        TEST(sums_up_what_was_applied_and_noted),
        TEST(sums_up_each_feed),
        TEST(remembers_the_last_delivery),
        TEST(notes_a_delivery_while_a_change_is_open),
        TEST(keeps_the_text_of_the_last_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
