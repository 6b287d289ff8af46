/* Orders, deliveries and customers find each other, in whatever order they come. */
#include "engine_support.h"

static void an_order_counts_once_it_has_a_delivery_and_a_customer_in_any_order(void **state)
{
    (void)state;
    static const size_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char *const rows[] = {("Order_ID=1 SKU=a Total=10.00 Quantity=3" A_TIME), A_DELIVERY, A_CUSTOMER};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        struct shop shop;
        shop_open(&shop, SHOP);
        for (size_t j = 0; j < 3; j++) {
            assert_table(&shop, "t", "");
            shop_change(&shop, j + 1, orders[i][j], rows[orders[i][j]]);
        }
        assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|10.00|3|1.5|1\n");
        assert_int_equal(shop_stats(&shop).waiting[DELIVERIES] + shop_stats(&shop).waiting[CUSTOMERS], 0);
        shop_close(&shop);
    }
}

static bool note_waiting(void *context, const struct engine_waiting *waiting)
{
    struct buf *out = context;
    buf_printf(out, "%lld lacks %zu since %llu.%llu\n", (long long)waiting->key[0].i, waiting->lacks,
               (unsigned long long)waiting->sequence, (unsigned long long)waiting->row);
    assert_int_equal(waiting->key_count, 1);
    return true;
}

static void lists_what_waits_for_what(void **state)
{
    (void)state;
    struct shop shop;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    shop_open(&shop, SHOP);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a" A_TIME, "Order_ID=1 SKU=b" A_TIME, "Order_ID=2 SKU=a" A_TIME);
    shop_change(&shop, 2, DELIVERIES, A_DELIVERY, "Task_ID=101 Order_ID=3");
    assert_int_equal(shop_stats(&shop).units, 2);
    assert_int_equal(shop_stats(&shop).waiting[DELIVERIES], 1);
    assert_int_equal(shop_stats(&shop).waiting[CUSTOMERS], 2);
    engine_each_waiting(shop.engine, note_waiting, &out);
    assert_text(&out, "1 lacks 2 since 1.2\n2 lacks 1 since 1.3\n2 lacks 2 since 1.3\n");
    buf_close(&out);
    shop_close(&shop);
}

static void a_delivery_can_move_to_another_order(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, SHOP);
    shop_change(&shop, 1, CUSTOMERS, A_CUSTOMER);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Total=1.00" A_TIME, "Order_ID=2 SKU=a Total=2.00" A_TIME);
    shop_change(&shop, 3, DELIVERIES, A_DELIVERY, "Task_ID=102 Order_ID=1 Distance=4.0");
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|1.00||5.5|1\n");
    shop_change(&shop, 4, DELIVERIES, "Task_ID=100 Order_ID=2 Distance=1.5");
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|2|3.00||5.5|1\n");
    shop_change(&shop, 5, DELIVERIES, "Task_ID=102 Distance=4.0");
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|2.00||1.5|1\n");
    assert_int_equal(shop_stats(&shop).records[DELIVERIES], 2);
    shop_close(&shop);
}

static void a_null_joins_nothing_not_even_another_null(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'join': [{'feed': 'Customers', 'key': "
              "['Customer_ID'], 'on': {'Quantity': 'Bonus'}}], 'tables': {'t': {'group_by': ['Region'], 'columns': {"
              "'region': {'group': 'Region'}, 'orders': {'count': 'Order_ID'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r", "Order_ID=2 Region=r Quantity=5");
    shop_change(&shop, 2, 1, "Customer_ID=1", "Customer_ID=2 Bonus=5");
    assert_table(&shop, "t", "r|1\n");
    assert_int_equal(shop_stats(&shop).waiting[1], 1);
    shop_close(&shop);
}

static void a_changed_customer_or_time_moves_the_order(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, SHOP);
    shop_change(&shop, 1, CUSTOMERS, A_CUSTOMER, "Customer_ID=8 City=x");
    shop_change(&shop, 2, DELIVERIES, A_DELIVERY, "Task_ID=101 Order_ID=2 Distance=2.0");
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Total=1.00" A_TIME, "Order_ID=2 SKU=b Total=2.00" A_TIME);
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|2|3.00||3.5|2\n");
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=a Total=1.00 Customer_ID=8 Time=2022-01-10");
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|2.00||2.0|1\n8|2022-01-08 00:00:00|1|1.00||1.5|1\n");
    shop_change(&shop, 5, ORDERS, "Order_ID=1 SKU=a Total=1.00 Customer_ID=8 Time=2022-01-18T00:00:00");
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|2.00||2.0|1\n8|2022-01-18 00:00:00|1|1.00||1.5|1\n");
    assert_int_equal(shop_stats(&shop).changed[0], 2);
    shop_change(&shop, 6, ORDERS, "Order_ID=1 SKU=a Total=1.00 Customer_ID=9 Time=2022-01-18T00:00:00");
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|2.00||2.0|1\n");
    assert_int_equal(shop_stats(&shop).waiting[CUSTOMERS], 1);
    shop_close(&shop);
}

static void windows_are_half_open_before_1970_too(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders'}, 'tables': {'t': {'window': {'on': 'Time', 'size': '10 days'}, 'columns': {"
              "'start': {'window': 'start'}, 'end': {'window': 'end'}, 'n': {'count': 'Order_ID'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Time=1970-01-01T00:00:00", "Order_ID=2 Time=1969-12-31T23:59:59.999999",
                "Order_ID=3 Time=1970-01-10T23:59:59.999999", "Order_ID=4 Time=1970-01-11");
    assert_table(&shop, "t",
                 "1969-12-22 00:00:00|1970-01-01 00:00:00|1\n1970-01-01 00:00:00|1970-01-11 00:00:00|2\n"
                 "1970-01-11 00:00:00|1970-01-21 00:00:00|1\n");
    shop_close(&shop);
}

static void a_left_join_without_a_match_counts_with_nulls(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders'}, 'join': [{'feed': 'Deliveries', 'on': 'Order_ID', 'required': false}],"
              "'tables': {'t': {'group_by': ['Region'], 'columns': {'region': {'group': 'Region'},"
              "'rows': {'count': 'Order_ID'}, 'tasks': {'count': 'Deliveries.Task_ID'},"
              "'distance': {'sum': 'Deliveries.Distance'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r");
    assert_table(&shop, "t", "r|1|0|\n");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Distance=1.0", "Task_ID=1 Order_ID=1 Distance=2.0");
    assert_table(&shop, "t", "r|2|2|3.0\n");
    shop_close(&shop);
}

static void row_by_row_every_combination_counts(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders'}, 'join': [{'feed': 'Deliveries', 'on': 'Order_ID'},"
              "{'feed': 'Customers', 'on': 'Customer_ID'}],"
              "'tables': {'t': {'group_by': ['Region'], 'columns': {'region': {'group': 'Region'},"
              "'rows': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}, 'distance': {'sum': 'Deliveries.Distance'},"
              "'bonus': {'sum': 'Customers.Bonus'}, 'highest': {'max': 'Total'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=10.00 Customer_ID=7",
                "Order_ID=1 SKU=b Region=r Total=10.00 Customer_ID=7");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Distance=1.0", "Task_ID=2 Order_ID=1 Distance=2.0",
                "Task_ID=3 Order_ID=1");
    assert_table(&shop, "t", "");
    shop_change(&shop, 3, CUSTOMERS, "Customer_ID=7 Bonus=1", "Customer_ID=7 Bonus=100");
    /* 2 lines x 3 deliveries x 2 customers */
    assert_table(&shop, "t", "r|12|120.00|12.0|606|10.00\n");
    shop_close(&shop);
}

static void files_of_all_feeds_can_come_in_one_change(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, SHOP);
    shop_begin(&shop, 1);
    shop_rows(&shop, DELIVERIES, 1, (const char *const[]){A_DELIVERY, NULL});
    shop_rows(&shop, ORDERS, 1, (const char *const[]){"Order_ID=1 SKU=a Total=1.00" A_TIME, NULL});
    shop_rows(&shop, CUSTOMERS, 1, (const char *const[]){A_CUSTOMER, NULL});
    shop_rows(&shop, ORDERS, 5, (const char *const[]){"Order_ID=1 SKU=b Total=2.00" A_TIME, NULL});
    shop_end(&shop);
    assert_int_equal(shop.buckets.applied, 4);
    assert_table(&shop, "t", "7|2022-01-08 00:00:00|1|2.00||1.5|2\n");
    assert_int_equal(shop_stats(&shop).changed[0], 1);
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_counts_once_it_has_a_delivery_and_a_customer_in_any_order),
        cmocka_unit_test(lists_what_waits_for_what),
        cmocka_unit_test(a_delivery_can_move_to_another_order),
        cmocka_unit_test(a_null_joins_nothing_not_even_another_null),
        cmocka_unit_test(a_changed_customer_or_time_moves_the_order),
        cmocka_unit_test(windows_are_half_open_before_1970_too),
        cmocka_unit_test(a_left_join_without_a_match_counts_with_nulls),
        cmocka_unit_test(row_by_row_every_combination_counts),
        cmocka_unit_test(files_of_all_feeds_can_come_in_one_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
