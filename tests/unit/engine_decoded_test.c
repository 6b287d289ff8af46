/* Rows decoded apart from the engine: in blocks, with their bytes taken along, to the same groups. */
#include "engine_support.h"

#include "engine/decoded.h"

static const char BY_REGION[] =
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'not': {'Status': 'void'}}},"
    "'tables': {'by_region': {'group_by': ['Region'], 'columns': {"
    "  'Region': {'group': 'Region'}, 'orders': {'count': 'Order_ID'}, 'first': {'min': 'SKU'}, 'last': {'max': 'SKU'},"
    "  'weight': {'max': 'Weight'}, 'quantity': {'sum': 'Quantity'}, 'skus': {'count_distinct': 'SKU'}}}}";

/* A chunk of `count` rows: texts that repeat and texts that do not, one of `longest` bytes every hundredth row. */
static void write_rows(struct chunk_writer *writer, const struct feed *feed, uint64_t count, size_t longest)
{
    struct value values[PIPELINE_FIELDS_MAX];
    char *text = malloc(longest + 256);
    chunk_writer_init(writer, feed);
    for (uint64_t row = 1; row <= count; row++) {
        int len = snprintf(text, 256, "Order_ID=%llu Region=r%llu Status=%s Weight=%llu.5 %sSKU=s%llu",
                           (unsigned long long)row, (unsigned long long)row / 7, row % 5 ? "sent" : "void",
                           (unsigned long long)row % 3, row % 4 ? "Quantity=2 " : "", (unsigned long long)row % 11);
        if (row % 100 == 0) {
            memset(text + len, 'x', longest);
            text[len + (int)longest] = '\0';
        }
        shop_values(feed, text, values);
        assert_true(chunk_put(writer, row, row, values));
    }
    free(text);
}

/* Each block's bytes are taken along, the chunk's are spoiled, and only then are its rows applied. */
static size_t apply_in_blocks(struct shop *shop, struct chunk_writer *writer, struct buckets *buckets)
{
    struct error error;
    struct chunk_reader reader;
    struct engine_rows *rows = engine_rows_new(shop->pipeline, &error);
    size_t blocks = 0;
    assert_non_null(rows);
    chunk_reader_init(&reader, &shop->pipeline->feeds[ORDERS], buf_slice(&writer->buf));
    for (bool more = true; more; blocks++) {
        const char *from = reader.at;
        assert_ok(engine_decode(rows, &reader, &more, &error), &error);
        assert_true(rows->count <= DECODED_ROWS);
        assert_ok(engine_rows_hold(rows, &error), &error);
        memset(writer->buf.data + (from - writer->buf.data), 0xee, (size_t)(reader.at - from));
        assert_ok(engine_apply_rows(shop->engine, ORDERS, rows, buckets, &error), &error);
    }
    engine_rows_free(rows);
    return blocks;
}

static void compare(uint64_t count, size_t longest, size_t blocks_wanted)
{
    struct shop whole, apart;
    struct chunk_writer writer;
    struct buf expected;
    shop_open(&whole, BY_REGION);
    shop_open(&apart, BY_REGION);
    write_rows(&writer, &whole.pipeline->feeds[ORDERS], count, longest);
    shop_begin(&whole, 1);
    shop_apply(&whole, ORDERS, &writer);
    shop_end(&whole);
    shop_begin(&apart, 1);
    assert_true(apply_in_blocks(&apart, &writer, &apart.buckets) >= blocks_wanted);
    shop_end(&apart);
    assert_memory_equal(&whole.buckets, &apart.buckets, sizeof whole.buckets);
    assert_int_equal(whole.buckets.filtered, count / 5);
    buf_init(&expected, 16 * 1024 * 1024);
    shop_deliver(&whole, 0, true, false, "by_region", &expected);
    buf_put_byte(&expected, 0);
    assert_table(&apart, "by_region", expected.data);
    buf_close(&expected);
    chunk_writer_close(&writer);
    shop_close(&whole);
    shop_close(&apart);
}

static void blocks_make_the_groups_of_the_whole_chunk(void **state)
{
    (void)state;
    compare(1, 10, 1);
    compare(DECODED_ROWS, 10, 1);
    compare(DECODED_ROWS + 1, 10, 2);
    compare(5000, 10, 5000 / DECODED_ROWS);
}

static void texts_that_begin_alike_are_told_apart(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, BY_REGION);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=ab Region=no", "Order_ID=2 SKU=a Region=no",
                "Order_ID=3 SKU=a Region=n", "Order_ID=4 SKU=ab Region=n", "Order_ID=5 SKU=ab Region=no");
    assert_table(&shop, "by_region", "n|2|a|ab|||2\nno|3|a|ab|||2\n");
    shop_close(&shop);
}

/* No row begins behind DECODED_BYTES, and one that began before it is there whole. */
static void long_rows_make_short_blocks(void **state)
{
    (void)state;
    compare(1000, 65000, 8);
}

static void what_lies_before_a_damage_is_decoded(void **state)
{
    (void)state;
    struct shop shop;
    struct chunk_writer writer;
    struct chunk_reader reader;
    struct error error;
    bool more;
    shop_open(&shop, BY_REGION);
    struct engine_rows *rows = engine_rows_new(shop.pipeline, &error);
    assert_non_null(rows);
    write_rows(&writer, &shop.pipeline->feeds[ORDERS], 10, 10);
    chunk_reader_init(&reader, &shop.pipeline->feeds[ORDERS], (struct slice){writer.buf.data, writer.buf.len - 1});
    assert_false(engine_decode(rows, &reader, &more, &error));
    assert_error(&error, ERROR_CORRUPT, "Orders");
    assert_non_null(strstr(error.text, "behind row 9"));
    assert_int_equal(rows->count, 9);
    engine_rows_free(rows);
    chunk_writer_close(&writer);
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_make_the_groups_of_the_whole_chunk),
        cmocka_unit_test(texts_that_begin_alike_are_told_apart),
        cmocka_unit_test(long_rows_make_short_blocks),
        cmocka_unit_test(what_lies_before_a_damage_is_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
