/* Versions and delete markers, which count whenever they come, and rows that are taken back. */
#include "engine_support.h"

#include "engine/state.h"

/* --- versions and delete markers ---------------------------------------------------------------------------------- */

#define VERSIONED ", 'key': ['Order_ID', 'SKU'], 'version_field': 'Quantity', 'delete': {'Status': 'lost'}"

static void the_greater_version_counts_whenever_it_came(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(VERSIONED, "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=2 Total=20");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=1 Total=10", "Order_ID=1 SKU=a Region=r Total=5");
    assert_int_equal(shop.buckets.superseded, 2);
    assert_table(&shop, "t", "r|20.00\n");
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=2 Total=30");
    assert_int_equal(shop.buckets.applied, 1);
    assert_table(&shop, "t", "r|30.00\n");
    shop_close(&shop);
}

static void a_delete_marker_withdraws_until_a_greater_version_comes(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(VERSIONED, "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=1 Total=10");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=3 Status=lost");
    assert_int_equal(shop.buckets.deleted, 1);
    assert_int_equal(shop.replaced[0], 1);
    assert_table(&shop, "t", "");
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=2 Total=20");
    assert_int_equal(shop.buckets.superseded, 1);
    assert_table(&shop, "t", "");
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=4 Total=40");
    assert_int_equal(shop.buckets.applied, 1);
    assert_table(&shop, "t", "r|40.00\n");
    shop_close(&shop);
}

/* Rows of one key in every order of their files: what is live is the greatest version, be it a record or a marker. */
static void a_delete_marker_suppresses_lower_versions_in_whatever_order_they_come(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "Order_ID=1 SKU=a Region=r Quantity=1 Total=10", "Order_ID=1 SKU=a Region=r Quantity=3 Status=lost",
        "Order_ID=1 SKU=a Region=r Quantity=2 Total=20", "Order_ID=1 SKU=a Region=r Quantity=4 Total=40"};
    for (int order = 0; order < 4 * 4 * 4 * 4; order++) {
        const int places[] = {order % 4, order / 4 % 4, order / 16 % 4, order / 64};
        unsigned seen = 0;
        bool marked = false, lifted = false;
        struct shop shop;
        shop_open(&shop, ALONE(VERSIONED, "'total': {'sum': 'Total'}"));
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            seen |= 1U << places[i];
            marked |= places[i] == 1;
            lifted |= places[i] == 3;
            shop_change(&shop, i + 1, ORDERS, rows[places[i]]);
            assert_table(&shop, "t", lifted ? "r|40.00\n" : marked ? "" : seen & 4 ? "r|20.00\n" : "r|10.00\n");
        }
        shop_close(&shop);
    }
}

/* --- taking rows back --------------------------------------------------------------------------------------------- */

static void rows_that_are_alone_are_taken_back_as_if_they_had_never_come(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(ORDER_GRAIN, "'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=10");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=b Region=s Total=20", "Order_ID=2 SKU=a Region=s Total=7",
                "Order_ID=2 SKU=a Region=s Total=8");
    assert_true(engine_alone(shop.engine, ORDERS, 2));
    assert_table(&shop, "t", "s|2|28.00\n");
    shop_take(&shop, 3, ORDERS, "Order_ID=1 SKU=b Region=s Total=20", "Order_ID=2 SKU=a Region=s Total=7",
              "Order_ID=2 SKU=a Region=s Total=8");
    assert_table(&shop, "t", "r|1|10.00\n");
    assert_int_equal(shop_stats(&shop).records[ORDERS], 1);
    assert_int_equal(shop_stats(&shop).units, 1);
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    shop_change(&shop, 4, ORDERS, "Order_ID=2 SKU=a Region=s Total=8");
    assert_int_equal(shop.buckets.applied, 1);
    assert_int_equal(shop.replaced_count, 0);
    assert_true(engine_alone(shop.engine, ORDERS, 4));
    assert_table(&shop, "t", "r|1|10.00\ns|1|8.00\n");
    shop_close(&shop);
}

/* As many lines of one unit as are found without a map. Two rows come again with their keys, and when they are taken
   back the lines of these are gone already, but not out of the unit's chain. */
static void lines_with_an_attribute_in_their_key_are_taken_back_as_well(void **state)
{
    (void)state;
    struct shop shop;
    char texts[STATE_CROWD + 2][96];
    const char *rows[STATE_CROWD + 3] = {NULL};
    for (int i = 0; i < STATE_CROWD + 2; i++) {
        int line = i % STATE_CROWD;
        snprintf(texts[i], sizeof texts[i], "Order_ID=1 SKU=s%d Time=2022-01-08T10:00:%02d Region=r Total=%d", line,
                 line, 1 + i / STATE_CROWD);
        rows[i] = texts[i];
    }
    shop_open(&shop,
              ALONE(", 'key': ['Order_ID', 'SKU', 'Time'], 'grain': {'key': ['Order_ID'], 'attributes': ['Time', "
                    "'Total', 'Region']}",
                    "'lines': {'count': 'SKU'}"));
    shop_begin(&shop, 1);
    shop_rows(&shop, ORDERS, 1, rows);
    shop_end(&shop);
    assert_table(&shop, "t", "r|16\n");
    shop_begin(&shop, 2);
    shop_take_back(&shop, ORDERS, 1, rows);
    shop_end(&shop);
    assert_table(&shop, "t", "");
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=s0 Time=2022-01-08T10:00:01 Region=r Total=5");
    assert_int_equal(shop.buckets.applied, 1);
    assert_int_equal(shop.replaced_count, 0);
    assert_table(&shop, "t", "r|1\n");
    shop_close(&shop);
}

static void rows_above_others_are_not_alone(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, ALONE(VERSIONED, "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=1", "Order_ID=2 SKU=a Region=r Quantity=1");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=2");
    shop_change(&shop, 3, ORDERS, "Order_ID=2 SKU=a Region=r Quantity=0");
    shop_change(&shop, 4, ORDERS, "Order_ID=3 SKU=a Region=r Quantity=0");
    shop_change(&shop, 5, ORDERS, "Order_ID=3 SKU=a Region=r Quantity=0");
    assert_false(engine_alone(shop.engine, ORDERS, 1)); /* the row of change 3 is below */
    assert_false(engine_alone(shop.engine, ORDERS, 2)); /* that of change 1 */
    assert_true(engine_alone(shop.engine, ORDERS, 3));
    assert_true(engine_alone(shop.engine, ORDERS, 4)); /* nothing of it is live any more */
    assert_false(engine_alone(shop.engine, ORDERS, 5));
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greater_version_counts_whenever_it_came),
        cmocka_unit_test(a_delete_marker_withdraws_until_a_greater_version_comes),
        cmocka_unit_test(rows_that_are_alone_are_taken_back_as_if_they_had_never_come),
        cmocka_unit_test(lines_with_an_attribute_in_their_key_are_taken_back_as_well),
        cmocka_unit_test(rows_above_others_are_not_alone),
        cmocka_unit_test(a_delete_marker_suppresses_lower_versions_in_whatever_order_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
