#include "testing.h"

#include "model/batch.h"

/* A feed of one int64. */
struct fixture {
    struct feed feed;
    struct feed_field field;
    struct batch *batch;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->field =
        (struct feed_field){.name = "Order_ID", .type = {.kind = VALUE_INT64}, .min = INT64_MIN, .max = INT64_MAX};
    f->feed = (struct feed){.name = "Orders", .fields = &f->field, .field_count = 1};
    f->batch = batch_new(&f->feed);
    *state = f;
    return f->batch ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    batch_free(f->batch);
    free(f);
    return 0;
}

static void begins_empty(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->batch->chunk.rows, 0);
    assert_int_equal(f->batch->reject_count, 0);
    assert_false(batch_full(f->batch));
    assert_true(batch_bytes(f->batch) < 4096);
}

static void keeps_the_texts_of_a_reject_after_their_owner_has_gone(void **state)
{
    struct fixture *f = *state;
    char field[] = "Order_ID", reason[] = "found \"x\", expected an integer", raw[] = "x,1,2";
    struct reject reject = {
        .row = 7, .line = 9, .column = 1, .field = slice_of(field), .reason = slice_of(reason), .raw = slice_of(raw)};
    assert_true(batch_reject(f->batch, &reject));
    memset(field, '#', sizeof field);
    memset(reason, '#', sizeof reason);
    memset(raw, '#', sizeof raw);
    const struct reject *kept = &f->batch->rejects[0];
    assert_int_equal(f->batch->reject_count, 1);
    assert_int_equal(kept->row, 7);
    assert_int_equal(kept->line, 9);
    assert_int_equal(kept->column, 1);
    assert_slice(kept->field, "Order_ID");
    assert_slice(kept->reason, "found \"x\", expected an integer");
    assert_slice(kept->raw, "x,1,2");
}

static void keeps_a_reject_without_field_or_text(void **state)
{
    struct fixture *f = *state;
    struct reject reject = {.row = 1, .line = 1, .reason = SLICE("found an empty row")};
    assert_true(batch_reject(f->batch, &reject));
    assert_int_equal(f->batch->rejects[0].field.len, 0);
    assert_int_equal(f->batch->rejects[0].raw.len, 0);
}

static void keeps_raw_bytes_as_they_came(void **state)
{
    struct fixture *f = *state;
    struct reject reject = {.row = 1, .line = 1, .raw = {"a\0\xff\n", 4}};
    assert_true(batch_reject(f->batch, &reject));
    assert_int_equal(f->batch->rejects[0].raw.len, 4);
    assert_memory_equal(f->batch->rejects[0].raw.data, "a\0\xff\n", 4);
}

static void is_full_at_the_last_reject_and_takes_no_other(void **state)
{
    struct fixture *f = *state;
    struct reject reject = {.field = SLICE("Order_ID"), .reason = SLICE("found \"x\", expected an integer")};
    for (uint64_t row = 1; row <= BATCH_REJECTS_MAX; row++) {
        assert_false(batch_full(f->batch));
        reject.row = reject.line = row;
        assert_true(batch_reject(f->batch, &reject));
    }
    assert_true(batch_full(f->batch));
    assert_false(batch_reject(f->batch, &reject));
    assert_int_equal(f->batch->reject_count, BATCH_REJECTS_MAX);
    for (uint64_t row = 1; row <= BATCH_REJECTS_MAX; row++)
        assert_int_equal(f->batch->rejects[row - 1].row, row);
}

static void takes_the_longest_rejects_until_it_is_full(void **state)
{
    struct fixture *f = *state;
    enum { RECORD = 1024 * 1024 };
    char *raw = malloc(RECORD);
    assert_non_null(raw);
    memset(raw, 'x', RECORD);
    struct reject reject = {
        .row = 1, .line = 1, .field = SLICE("Order_ID"), .reason = {raw, 4096}, .raw = {raw, RECORD}};
    size_t count = 0;
    for (; !batch_full(f->batch); count++)
        assert_true(batch_reject(f->batch, &reject));
    assert_in_range(count, 6, 8);
    assert_true(batch_bytes(f->batch) > count * RECORD);
    free(raw);
}

static void is_full_when_its_chunk_is(void **state)
{
    struct fixture *f = *state;
    struct value value = {.i = INT64_MIN};
    uint64_t row = 0;
    while (!chunk_full(&f->batch->chunk)) {
        assert_false(batch_full(f->batch));
        row++;
        assert_true(chunk_put(&f->batch->chunk, row, row, &value));
    }
    assert_true(batch_full(f->batch));
    assert_true(batch_bytes(f->batch) >= f->batch->chunk.buf.len);
}

static void frees_no_batch_quietly(void **state)
{
    (void)state;
    batch_free(NULL);
}

static void adds_up_each_bucket(void **state)
{
    (void)state;
    struct buckets sum = {1, 20, 300, 4000, 50000, 600000, 7000000};
    assert_int_equal(buckets_total(&sum), 7654321);
    const struct buckets more = {10, 200, 3000, 40000, 500000, 6000000, 70000000};
    buckets_add(&sum, &more);
    assert_int_equal(sum.applied, 11);
    assert_int_equal(sum.unchanged, 220);
    assert_int_equal(sum.superseded, 3300);
    assert_int_equal(sum.filtered, 44000);
    assert_int_equal(sum.deleted, 550000);
    assert_int_equal(sum.late, 6600000);
    assert_int_equal(sum.rejected, 77000000);
    assert_int_equal(buckets_total(&sum), 7654321 * 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(begins_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_texts_of_a_reject_after_their_owner_has_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_reject_without_field_or_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_raw_bytes_as_they_came, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_full_at_the_last_reject_and_takes_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_the_longest_rejects_until_it_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_full_when_its_chunk_is, set_up, tear_down),
        cmocka_unit_test(frees_no_batch_quietly),
        cmocka_unit_test(adds_up_each_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
