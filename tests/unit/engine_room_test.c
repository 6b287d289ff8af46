/* The memory of an engine: its limit, room that is made beforehand, and changes that need no more of it. */
#include "engine_support.h"

/* --- limits and hints --------------------------------------------------------------------------------------------- */

static void a_memory_limit_ends_a_change_with_its_name(void **state)
{
    (void)state;
    struct shop shop;
    struct error error = {0};
    shop_open(&shop, SHOP);
    size_t empty = shop_stats(&shop).memory;
    engine_free(shop.engine);
    shop.engine = engine_new(shop.pipeline, empty + 2 * 1024 * 1024, &error);
    assert_non_null(shop.engine);
    struct chunk_writer writer;
    struct value values[PIPELINE_FIELDS_MAX];
    bool ok = true;
    int64_t order = 0;
    for (uint64_t sequence = 1; ok && sequence < 1000; sequence++) {
        chunk_writer_init(&writer, &shop.pipeline->feeds[ORDERS]);
        for (uint64_t row = 1; row <= 1000; row++) {
            char text[96];
            snprintf(text, sizeof text, "Order_ID=%lld SKU=a" A_TIME, (long long)++order);
            shop_values(&shop.pipeline->feeds[ORDERS], text, values);
            assert_true(chunk_put(&writer, row, row, values));
        }
        engine_begin(shop.engine, sequence);
        ok = engine_apply(shop.engine, ORDERS, buf_slice(&writer.buf), NULL, &error) && engine_end(shop.engine, &error);
        chunk_writer_close(&writer);
    }
    assert_false(ok);
    assert_error(&error, ERROR_MEMORY, "limit");
    assert_true(shop_stats(&shop).memory <= empty + 2 * 1024 * 1024);
    assert_true(order > 5000);
    shop_close(&shop);
}

/* Room that was made beforehand, that is too small and that cannot be had: the same groups. */
static void what_is_expected_is_a_hint(void **state)
{
    (void)state;
    const struct engine_stats hints[] = {{.units = 2, .records = {2, 2, 1}, .groups = {1}},
                                         {.units = 1000, .records = {1000, 1000, 1000}, .groups = {1000}},
                                         {.units = UINT64_MAX, .records = {50000000, 1}, .groups = {50000000}}};
    for (size_t i = 0; i < COUNT_OF(hints); i++) {
        struct shop shop;
        struct error error;
        shop_open(&shop, SHOP);
        engine_free(shop.engine);
        shop.engine = engine_new(shop.pipeline, 64 * 1024 * 1024, &error);
        assert_non_null(shop.engine);
        size_t empty = shop_stats(&shop).memory;
        engine_expect(shop.engine, &hints[i]);
        assert_true(shop_stats(&shop).memory > empty);
        assert_true(shop_stats(&shop).memory <= 64 * 1024 * 1024);
        for (uint64_t sequence = 1; sequence <= 3; sequence++)
            shop_change(&shop, sequence, ORDERS, "Order_ID=1 SKU=a" A_TIME, "Order_ID=2 SKU=b" A_TIME);
        assert_int_equal(shop_stats(&shop).units, 2);
        assert_int_equal(shop_stats(&shop).records[ORDERS], 2);
        shop_close(&shop);
    }
}

/* --- changes without end ------------------------------------------------------------------------------------------ */

/* Eighty orders go from one region to another and back, disagree with themselves every other time, and their deliveries
   change places: a group with bags empties and fills each time. */
static void turn_around(struct shop *shop, uint64_t sequence, int turn)
{
    shop_begin(shop, sequence);
    for (int i = 0; i < 80; i++) {
        char first[96], second[96], task[64];
        snprintf(first, sizeof first, "Order_ID=%d SKU=a Region=%s Total=%d.00", i, turn % 2 ? "r" : "s", turn);
        snprintf(second, sizeof second, "Order_ID=%d SKU=b Region=%s Total=%d.00", i, turn % 2 ? "r" : "s", turn);
        snprintf(task, sizeof task, "Task_ID=%d Order_ID=%d", i, (i + turn) % 80);
        shop_rows(shop, ORDERS, (uint64_t)i * 2 + 1,
                  turn % 2 ? (const char *const[]){second, first, NULL} : (const char *const[]){first, NULL});
        shop_rows(shop, DELIVERIES, (uint64_t)i + 1, (const char *const[]){task, NULL});
    }
    shop_end(shop);
}

static void corrections_without_end_take_no_more_memory(void **state)
{
    (void)state;
    struct shop shop;
    struct buf out;
    size_t before = 0;
    shop_open(&shop, "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'grain': {'key': ['Order_ID'],"
                     "'attributes': ['Total', 'Region']}}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'],"
                     "'on': 'Order_ID'}], 'tables': {'t': {'group_by': ['Region'], 'columns': {"
                     "'region': {'group': 'Region'}, 'n': {'count': 'Order_ID'}, 'max': {'max': 'Total'}}}}");
    buf_init(&out, SIZE_MAX);
    for (int turn = 1; turn <= 2000; turn++) {
        turn_around(&shop, (uint64_t)turn, turn % 100 + 100);
        buf_reset(&out);
        shop_deliver(&shop, (uint64_t)turn - 1, false, true, "t", &out);
        if (turn == 1000)
            before = shop_stats(&shop).memory;
    }
    assert_true(shop_stats(&shop).memory <= before + 4096);
    assert_int_equal(shop_stats(&shop).groups[0], 1);
    buf_close(&out);
    shop_close(&shop);
}

/* A file that is replaced again and again, of a feed with a key that comes back, one that does not, and none. */
static void replacing_without_end_takes_no_more_memory(void **state)
{
    (void)state;
    static const char *const keys[] = {(", 'key': ['Order_ID', 'SKU'], 'grain': {'key': ['Order_ID'], 'attributes': "
                                        "['Total', 'Region', 'Customer_ID']}"),
                                       ", 'key': ['Order_ID']", ""};
    for (size_t k = 0; k < COUNT_OF(keys); k++) {
        char members[1024], row[96] = "", before[96] = "";
        struct shop shop;
        size_t memory = 0;
        snprintf(members, sizeof members,
                 "'facts': {'feed': 'Orders'%s}, 'join': [{'feed': 'Customers', 'key': "
                 "['Customer_ID'], 'on': 'Customer_ID', 'required': false}], 'tables': {'t': {'group_by': ['Region'], "
                 "'columns': {'region': {'group': 'Region'}, 'n': {'count': 'Order_ID'}, 'most': {'max': 'Total'}}}}",
                 keys[k]);
        shop_open(&shop, members);
        for (int turn = 1; turn <= 4000; turn++) {
            shop_begin(&shop, (uint64_t)turn);
            if (turn > 1)
                shop_take_back(&shop, ORDERS, (uint64_t)turn - 1, (const char *const[]){before, NULL});
            snprintf(row, sizeof row, "Order_ID=%d SKU=a Region=r Customer_ID=%d Total=5.00", k == 1 ? turn : 1,
                     turn % 7);
            shop_rows(&shop, ORDERS, 1, (const char *const[]){row, NULL});
            shop_end(&shop);
            snprintf(before, sizeof before, "%s", row);
            if (turn == 2000)
                memory = shop_stats(&shop).memory;
        }
        assert_int_equal(shop_stats(&shop).records[ORDERS], 1);
        assert_int_equal(shop_stats(&shop).groups[0], 1);
        assert_true(shop_stats(&shop).memory <= memory + 4096);
        shop_close(&shop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_expected_is_a_hint),
        cmocka_unit_test(a_memory_limit_ends_a_change_with_its_name),
        cmocka_unit_test(corrections_without_end_take_no_more_memory),
        cmocka_unit_test(replacing_without_end_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
