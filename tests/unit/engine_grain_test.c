/* The lines of an order: they are found by their keys, and what they all say counts once. */
#include "engine_support.h"

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* One order of two hundred lines: found by key among them, first to last, and each of them once. */
static void finds_each_of_very_many_lines_of_an_order(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN, "'orders': {'count': 'Order_ID'}, 'pieces': {'sum': 'Quantity'}, "
                                        "'products': {'count_distinct': 'SKU'}"));
    for (int round = 1; round <= 3; round++)
        for (int i = 0; i < 200; i++) {
            char row[64];
            snprintf(row, sizeof row, "Order_ID=1 SKU=p%d Region=r Quantity=%d", i, round);
            shop_change(&shop, shop.sequence + 1, ORDERS, row);
            assert_int_equal(shop.buckets.applied, 1);
            assert_int_equal(shop.replaced_count, round > 1);
        }
    assert_int_equal(shop_stats(&shop).records[ORDERS], 200);
    assert_table(&shop, "t", "r|1|600|200\n");
    shop_close(&shop);
}

/* Two hundred thousand lines of one order: looking through them for each row would take minutes. */
static void a_line_of_a_huge_order_is_found_at_once(void **state)
{
    (void)state;
    enum { LINES = 200000 };
    struct shop shop;
    struct chunk_writer writer;
    struct value values[PIPELINE_FIELDS_MAX];
    shop_open(&shop, ALONE(ORDER_GRAIN, "'orders': {'count': 'Order_ID'}, 'pieces': {'sum': 'Quantity'}"));
    chunk_writer_init(&writer, &shop.pipeline->feeds[ORDERS]);
    for (int i = 0; i < LINES; i++) {
        char row[64];
        snprintf(row, sizeof row, "Order_ID=1 SKU=p%d Region=r Quantity=1", i);
        shop_values(&shop.pipeline->feeds[ORDERS], row, values);
        assert_true(chunk_put(&writer, (uint64_t)i + 1, 1, values));
    }
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        shop_begin(&shop, sequence);
        shop_apply(&shop, ORDERS, &writer);
        shop_end(&shop);
        assert_int_equal(sequence == 1 ? shop.buckets.applied : shop.buckets.unchanged, LINES);
    }
    chunk_writer_close(&writer);
    assert_table(&shop, "t", "r|1|200000\n");
    shop_close(&shop);
}

/* Of a small group they are looked for among its lines, those that do not count included. */
static void a_filtered_line_is_neither_the_least_nor_the_greatest(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN ", 'filter': {'Status': 'ok'}",
                           "'least': {'min': 'Quantity'}, 'most': {'max': 'Quantity'}, "
                           "'products': {'count_distinct': 'SKU'}, 'cheapest': {'min': 'Total'}, "
                           "'dearest': {'max': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=3 Quantity=5 Status=ok",
                "Order_ID=1 SKU=b Region=r Total=3 Quantity=9 Status=no",
                "Order_ID=1 SKU=c Region=r Total=3 Quantity=1 Status=no");
    assert_int_equal(shop.buckets.filtered, 2);
    assert_table(&shop, "t", "r|5|5|1|3.00|3.00\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=c Region=r Total=3 Quantity=1 Status=ok");
    assert_table(&shop, "t", "r|1|5|2|3.00|3.00\n");
    shop_close(&shop);
}

/* --- attributes --------------------------------------------------------------------------------------------------- */

static void an_attribute_counts_once_and_is_what_the_line_of_highest_rank_says(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              ALONE(ORDER_GRAIN,
                    "'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}, 'pieces': {'sum': 'Quantity'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=10.00 Quantity=1",
                "Order_ID=1 SKU=b Region=r Total=10.00 Quantity=2", "Order_ID=2 SKU=a Region=r Total=5.00 Quantity=4");
    assert_table(&shop, "t", "r|2|15.00|7\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=s Total=12.00 Quantity=1");
    assert_table(&shop, "t", "r|1|5.00|4\ns|1|12.00|3\n");
    shop_close(&shop);
}

static void the_same_row_again_can_make_its_line_the_one_that_says_the_attributes(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN, "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=1.00", "Order_ID=1 SKU=b Region=s Total=2.00");
    assert_table(&shop, "t", "s|2.00\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Total=1.00");
    assert_int_equal(shop.buckets.unchanged, 1);
    assert_table(&shop, "t", "r|1.00\n");
    shop_close(&shop);
}

static void a_filtered_line_says_nothing(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN ", 'filter': {'Quantity': {'>': 0}}", "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=1.00 Quantity=1",
                "Order_ID=1 SKU=b Region=s Total=2.00 Quantity=0");
    assert_table(&shop, "t", "r|1.00\n");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    shop_close(&shop);
}

/* --- lines that disagree ------------------------------------------------------------------------------------------ */

static void counts_orders_whose_lines_disagree(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN, "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=1.00", "Order_ID=1 SKU=b Region=r Total=1.00",
                "Order_ID=1 SKU=c Region=r Total=1.00", "Order_ID=2 SKU=a Region=r Total=1.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=b Region=r Total=3.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r Total=3.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 1);
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=c Region=r Total=3.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    assert_table(&shop, "t", "r|4.00\n");
    shop_close(&shop);
}

/* The same where no two of them agree; and where all do in the end, but for one, those that said so before others came
   between them too. */
static void lines_of_a_huge_order_may_all_disagree(void **state)
{
    (void)state;
    enum { LINES = 200000, ROUNDS = 4, ODD = 1000 };
    struct shop shop;
    struct value values[PIPELINE_FIELDS_MAX];
    shop_open(&shop, ALONE(ORDER_GRAIN, "'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}"));
    for (int round = 1; round <= ROUNDS; round++) {
        struct chunk_writer writer;
        chunk_writer_init(&writer, &shop.pipeline->feeds[ORDERS]);
        for (int i = 0; i < LINES; i++) {
            char row[64];
            bool differs = round < 3 ? i % ODD != 1 : round == 3 && i == 7;
            snprintf(row, sizeof row, "Order_ID=1 SKU=p%d Region=r Total=%d.00", i, differs ? round * LINES + i : 5);
            shop_values(&shop.pipeline->feeds[ORDERS], row, values);
            assert_true(chunk_put(&writer, (uint64_t)i + 1, 1, values));
        }
        shop_begin(&shop, (uint64_t)round);
        shop_apply(&shop, ORDERS, &writer);
        shop_end(&shop);
        chunk_writer_close(&writer);
        assert_int_equal(shop_stats(&shop).grain_conflicts, round < ROUNDS);
    }
    assert_table(&shop, "t", "r|1|5.00\n");
    shop_close(&shop);
}

static void lines_that_agree_again_are_no_conflict(void **state)
{
    (void)state;
    enum { LINES = 300 };
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN, "'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}"));
    /* the first and the last say the same, and the one that comes before them and those between them something else */
    shop_begin(&shop, 1);
    for (int i = 0; i <= LINES; i++) {
        char row[64];
        snprintf(row, sizeof row, "Order_ID=1 SKU=p%d Region=r Total=%d.00", i, i == 1 || i == LINES ? 5 : 10 + i);
        shop_rows(&shop, ORDERS, (uint64_t)i + 1, (const char *const[]){row, NULL});
    }
    shop_end(&shop);
    assert_int_equal(shop_stats(&shop).grain_conflicts, 1);
    shop_begin(&shop, 2);
    for (int i = 0; i < LINES; i++) {
        char row[64];
        snprintf(row, sizeof row, "Order_ID=1 SKU=p%d Region=r Total=5.00", i);
        if (i != 1)
            shop_rows(&shop, ORDERS, (uint64_t)i + 1, (const char *const[]){row, NULL});
    }
    shop_end(&shop);
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    assert_table(&shop, "t", "r|1|5.00\n");
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_of_very_many_lines_of_an_order),
        cmocka_unit_test(a_line_of_a_huge_order_is_found_at_once),
        cmocka_unit_test(a_filtered_line_is_neither_the_least_nor_the_greatest),
        cmocka_unit_test(lines_of_a_huge_order_may_all_disagree),
        cmocka_unit_test(lines_that_agree_again_are_no_conflict),
        cmocka_unit_test(an_attribute_counts_once_and_is_what_the_line_of_highest_rank_says),
        cmocka_unit_test(the_same_row_again_can_make_its_line_the_one_that_says_the_attributes),
        cmocka_unit_test(a_filtered_line_says_nothing),
        cmocka_unit_test(counts_orders_whose_lines_disagree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
