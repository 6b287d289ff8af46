/* What a change makes of records, units and groups, case by case; engine_random_test.c tries what nobody thinks of. */
#include "engine_support.h"

/* --- keys and ranks ----------------------------------------------------------------------------------------------- */

static void a_row_of_a_known_key_replaces_its_record(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(KEYED, "'lines': {'count': 'Order_ID'}, 'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=2", "Order_ID=1 SKU=b Region=r Quantity=5");
    assert_int_equal(shop.buckets.applied, 2);
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=10");
    assert_int_equal(shop.buckets.applied, 1);
    assert_int_equal(shop.replaced_count, 1);
    assert_int_equal(shop.replaced[0], 3);
    assert_int_equal(shop_stats(&shop).records[ORDERS], 2);
    assert_table(&shop, "t", "r|2|15\n");
    shop_close(&shop);
}

static void a_row_of_the_same_values_is_unchanged_and_takes_over(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(KEYED, "'lines': {'count': 'Order_ID'}, 'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r");
    assert_int_equal(shop.buckets.unchanged, 1);
    assert_int_equal(shop.replaced_count, 1);
    assert_int_equal(shop.replaced[0], 1);
    assert_int_equal(shop_stats(&shop).changed[0], 0);
    assert_delivered(&shop, 1, false, false, "t", "");
    assert_table(&shop, "t", "r|1|\n");
    shop_close(&shop);
}

static void a_null_is_a_value_that_a_record_can_differ_by(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(KEYED, "'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=0");
    assert_int_equal(shop.buckets.applied, 1);
    assert_table(&shop, "t", "r|0\n");
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r");
    assert_int_equal(shop.buckets.applied, 1);
    assert_table(&shop, "t", "r|\n");
    shop_close(&shop);
}

static void a_row_of_lower_rank_is_superseded(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(KEYED, "'pieces': {'sum': 'Quantity'}"));
    shop_begin(&shop, 1);
    shop_rows(&shop, ORDERS, 10, (const char *const[]){"Order_ID=1 SKU=a Region=r Quantity=1", NULL});
    shop_rows(&shop, ORDERS, 9, (const char *const[]){"Order_ID=1 SKU=a Region=r Quantity=2", NULL});
    shop_end(&shop);
    assert_int_equal(shop.buckets.superseded, 1);
    assert_table(&shop, "t", "r|1\n");
    shop_close(&shop);
}

static void of_two_rows_of_one_rank_the_greater_values_win_in_either_order(void **state)
{
    (void)state;
    static const char *const greater[] = {"Order_ID=1 SKU=a Region=r Quantity=2", NULL};
    static const char *const lesser[] = {"Order_ID=1 SKU=a Region=r Quantity=1", NULL};
    for (int turned = 0; turned < 2; turned++) {
        struct shop shop;
        shop_open(&shop, ALONE(KEYED, "'pieces': {'sum': 'Quantity'}"));
        shop_begin(&shop, 1);
        shop_rows(&shop, ORDERS, 5, turned ? greater : lesser);
        shop_rows(&shop, ORDERS, 5, turned ? lesser : greater);
        shop_end(&shop);
        assert_table(&shop, "t", "r|2\n");
        shop_close(&shop);
    }
}

static void without_a_key_equal_rows_are_records_of_their_own(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE("", "'lines': {'count': 'Order_ID'}, 'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=2", "Order_ID=1 SKU=a Region=r Quantity=2");
    assert_int_equal(shop.buckets.applied, 2);
    assert_table(&shop, "t", "r|2|4\n");
    shop_close(&shop);
}

static void tells_each_replaced_change_once_or_more(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(KEYED, "'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r", "Order_ID=2 SKU=a Region=r");
    shop_change(&shop, 2, ORDERS, "Order_ID=3 SKU=a Region=r");
    shop_change(&shop, 9, ORDERS, "Order_ID=1 SKU=a Region=s", "Order_ID=2 SKU=a Region=s",
                "Order_ID=3 SKU=a Region=s");
    assert_int_equal(shop.replaced_count, 2);
    assert_int_equal(shop.replaced[0], 1);
    assert_int_equal(shop.replaced[1], 2);
    shop_close(&shop);
}

/* --- filters ------------------------------------------------------------------------------------------------------ */

static void a_filtered_version_withdraws_the_one_before(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(KEYED ", 'filter': {'Status': 'ok'}", "'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=1 Status=ok",
                "Order_ID=2 SKU=a Region=r Quantity=2");
    assert_int_equal(shop.buckets.applied, 1);
    assert_int_equal(shop.buckets.filtered, 1);
    assert_table(&shop, "t", "r|1\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=1 Status=no");
    assert_int_equal(shop.buckets.filtered, 1);
    assert_int_equal(shop.replaced_count, 1);
    assert_int_equal(shop_stats(&shop).units, 0);
    assert_int_equal(shop_stats(&shop).records[ORDERS], 2);
    assert_table(&shop, "t", "");
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=9 Status=ok");
    assert_table(&shop, "t", "r|9\n");
    shop_close(&shop);
}

static void a_filtered_delivery_joins_nothing(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'],"
              "'on': 'Order_ID', 'filter': {'Driver': 'x'}}], 'tables': {'t': {'group_by': ['Region'], 'columns': {"
              "'region': {'group': 'Region'}, 'orders': {'count': 'Order_ID'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Driver=y");
    assert_int_equal(shop.buckets.filtered, 1);
    assert_int_equal(shop_stats(&shop).waiting[DELIVERIES], 1);
    shop_change(&shop, 3, DELIVERIES, "Task_ID=1 Order_ID=1 Driver=x");
    assert_int_equal(shop_stats(&shop).waiting[DELIVERIES], 0);
    assert_table(&shop, "t", "r|1\n");
    shop_close(&shop);
}

/* --- what no group and no feed holds ------------------------------------------------------------------------------ */

static void a_unit_whose_grouping_value_is_null_lies_in_no_group(void **state)
{
    (void)state;
    struct shop shop;
    struct error error;
    shop_open(&shop, ALONE(KEYED, "'pieces': {'sum': 'Quantity'}, 'last': {'max': 'Time'}"));
    engine_free(shop.engine);
    /* The loader lets no field that can be null group; an engine must stand it all the same. */
    struct field_ref *group = &shop.pipeline->tables[0].group_by[0];
    for (size_t i = 0; i < shop.pipeline->feeds[0].field_count; i++)
        if (strcmp(shop.pipeline->feeds[0].fields[i].name, "Quantity") == 0)
            group->field = i;
    shop.engine = engine_new(shop.pipeline, 0, &error);
    assert_non_null(shop.engine);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r", "Order_ID=2 SKU=a Region=r Quantity=3");
    assert_int_equal(shop_stats(&shop).units, 2);
    assert_int_equal(shop_stats(&shop).groups[0], 1);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=4");
    assert_int_equal(shop_stats(&shop).groups[0], 2);
    shop_close(&shop);
}

static void a_corrupt_chunk_is_refused_by_name(void **state)
{
    (void)state;
    struct shop shop;
    struct error error;
    shop_open(&shop, SHOP);
    engine_begin(shop.engine, 1);
    assert_false(engine_apply(shop.engine, ORDERS, SLICE("\x01\x01\x00\xff"), NULL, &error));
    assert_error(&error, ERROR_CORRUPT, "Orders");
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_known_key_replaces_its_record),
        cmocka_unit_test(a_row_of_the_same_values_is_unchanged_and_takes_over),
        cmocka_unit_test(a_null_is_a_value_that_a_record_can_differ_by),
        cmocka_unit_test(a_row_of_lower_rank_is_superseded),
        cmocka_unit_test(of_two_rows_of_one_rank_the_greater_values_win_in_either_order),
        cmocka_unit_test(without_a_key_equal_rows_are_records_of_their_own),
        cmocka_unit_test(tells_each_replaced_change_once_or_more),
        cmocka_unit_test(a_filtered_version_withdraws_the_one_before),
        cmocka_unit_test(a_filtered_delivery_joins_nothing),
        cmocka_unit_test(a_unit_whose_grouping_value_is_null_lies_in_no_group),
        cmocka_unit_test(a_corrupt_chunk_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
