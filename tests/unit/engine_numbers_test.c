/* What columns show: sums, counts, averages, ratios, extremes, distinct values, conditions, types. */
#include "engine_support.h"

/* One table over keyed order lines, by region, with these columns. */
#define LINES(COLUMNS)                                                                                                 \
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU']}, 'tables': {'t': {'group_by': ['Region'], 'columns': {"   \
    "'region': {'group': 'Region'}, " COLUMNS "}}}"

static void open_lines(struct shop *shop, const char *members, const char *row, ...)
{
    va_list rows;
    const char *list[32] = {row};
    size_t count = 1;
    va_start(rows, row);
    while (count < COUNT_OF(list) && (list[count] = va_arg(rows, const char *)) != NULL)
        count++;
    va_end(rows);
    shop_open(shop, members);
    shop_begin(shop, 1);
    shop_rows(shop, ORDERS, 1, list);
    shop_end(shop);
}

static void nulls_count_nowhere_and_a_sum_of_none_is_null(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop,
               LINES("'n': {'count': 'Order_ID'}, 'priced': {'count': 'Total'}, 'sum': {'sum': 'Total'}, 'avg': "
                     "{'avg': 'Total'},"
                     "'min': {'min': 'Total'}, 'max': {'max': 'Total'}, 'd': {'count_distinct': 'Total'}"),
               "Order_ID=1 SKU=a Region=r Total=1.00", "Order_ID=2 SKU=a Region=r",
               "Order_ID=3 SKU=a Region=r Total=2.00", "Order_ID=4 SKU=a Region=s", NULL);
    assert_table(&shop, "t", "r|3|2|3.00|1.50000000|1.00|2.00|2\ns|1|0|||||0\n");
    shop_close(&shop);
}

static void averages_and_ratios_round_halves_away_from_zero(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(
        &shop,
        LINES("'avg': {'avg': 'Quantity', 'type': 'numeric'}, 'n': {'count': 'Order_ID'}, 'sum': {'sum': 'Quantity'},"
              "'total': {'sum': 'Total'}, 'price': {'ratio': ['total', 'sum'], 'type': 'numeric'},"
              "'turned': {'ratio': ['sum', 'total'], 'type': 'double'}"),
        "Order_ID=1 SKU=a Region=r Quantity=1 Total=1.00", "Order_ID=1 SKU=b Region=r Quantity=1 Total=1.00",
        "Order_ID=1 SKU=c Region=r Quantity=-4 Total=3.00", NULL);
    assert_table(&shop, "t", "r|-0.666667|3|-2|5.00|-2.50000000|-0.4\n");
    shop_close(&shop);
}

static void a_ratio_over_zero_or_null_is_null(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop,
               LINES("'sum': {'sum': 'Quantity'}, 'n': {'count': 'Order_ID'}, 'total': {'sum': 'Total'},"
                     "'a': {'ratio': ['n', 'sum']}, 'b': {'ratio': ['total', 'n']}"),
               "Order_ID=1 SKU=a Region=r Quantity=2", "Order_ID=1 SKU=b Region=r Quantity=-2",
               "Order_ID=1 SKU=c Region=s Total=3.00", NULL);
    assert_table(&shop, "t", "r|0|2|||\ns||1|3.00||3.00000000\n");
    shop_close(&shop);
}

static void a_double_that_is_zero_has_no_sign(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop,
               LINES("'sum': {'sum': 'Quantity'}, 'total': {'sum': 'Total'},"
                     "'a': {'ratio': ['sum', 'total'], 'type': 'double'}, 'b': {'max': 'Weight', 'type': 'real'}"),
               "Order_ID=1 SKU=a Region=r Quantity=0 Total=-3.00 Weight=-1e-60", NULL);
    assert_table(&shop, "t", "r|0|-3.00|0|0\n");
    shop_close(&shop);
}

static void sums_beyond_64_bits_stay_exact(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop, LINES("'sum': {'sum': 'Total'}, 'avg': {'avg': 'Total', 'type': 'double'}"),
               "Order_ID=0 SKU=a Region=r", NULL);
    for (int i = 1; i <= 40; i++) {
        char row[96];
        snprintf(row, sizeof row, "Order_ID=%d SKU=a Region=r Total=%s9999999999999999.99", i, i <= 30 ? "" : "-");
        shop_change(&shop, (uint64_t)i + 1, ORDERS, row);
        if (i == 30)
            assert_table(&shop, "t", "r|299999999999999999.70|1e+16\n");
    }
    assert_table(&shop, "t", "r|199999999999999999.80|5e+15\n");
    shop_close(&shop);
}

static void a_sum_that_its_column_cannot_hold_becomes_null_and_is_counted(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop, LINES("'sum': {'sum': 'Quantity'}, 'wide': {'sum': 'Quantity', 'type': 'numeric'}"),
               "Order_ID=1 SKU=a Region=r Quantity=9223372036854775807", "Order_ID=2 SKU=a Region=r Quantity=1",
               "Order_ID=3 SKU=a Region=s Quantity=-9223372036854775808", NULL);
    assert_int_equal(engine_overflows(shop.engine).values, 0);
    assert_table(&shop, "t", "r||9223372036854775808\ns|-9223372036854775808|-9223372036854775808\n");
    assert_int_equal(engine_overflows(shop.engine).values, 1);
    shop_change(&shop, 2, ORDERS, "Order_ID=2 SKU=a Region=r Quantity=0");
    assert_table(&shop, "t",
                 "r|9223372036854775807|9223372036854775807\ns|-9223372036854775808|-9223372036854775808\n");
    assert_int_equal(engine_overflows(shop.engine).values, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=2 SKU=a Region=r Quantity=2");
    assert_table(&shop, "t", "r||9223372036854775809\ns|-9223372036854775808|-9223372036854775808\n");
    assert_int_equal(engine_overflows(shop.engine).values, 2);
    shop_close(&shop);
}

static void real_is_rounded_once_to_a_float(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop, LINES("'max': {'max': 'Total', 'type': 'real'}, 'sum': {'sum': 'Total', 'type': 'double'}"),
               "Order_ID=1 SKU=a Region=r Total=131072.01", NULL);
    assert_table(&shop, "t", "r|131072.015625|131072.01\n");
    shop_close(&shop);
}

static void floating_columns_are_the_nearest_numbers_to_the_exact_ones(void **state)
{
    (void)state;
    struct shop shop;
    /* As a quotient of doubles 0.17 / 3 is 0.05666666666666667, and 3 / 0.17 is 17.64705882352941. 4503599895805952.01
       as a double lies just between two floats, and the lower one is even. */
    open_lines(&shop,
               LINES("'n': {'count': 'Order_ID'}, 'total': {'sum': 'Total', 'type': 'real'},"
                     "'avg': {'avg': 'Total', 'type': 'double'}, 'turned': {'ratio': ['n', 'total'], 'type': 'double'},"
                     "'single': {'avg': 'Total', 'type': 'real'}, 'most': {'max': 'Total', 'type': 'real'}"),
               "Order_ID=1 SKU=a Region=r Total=0.05", "Order_ID=2 SKU=a Region=r Total=0.05",
               "Order_ID=3 SKU=a Region=r Total=0.07", "Order_ID=4 SKU=a Region=s Total=4503599895805952.01", NULL);
    assert_table(
        &shop, "t",
        "r|3|0.17000000178813934|0.056666666666666664|17.647058823529413|0.05666666850447655|0.07000000029802322\n"
        "s|1|4503600164241408|4503599895805952|2.220445916901423e-16|4503600164241408|4503600164241408\n");
    shop_close(&shop);
}

static void extremes_of_every_ordered_kind(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop,
               LINES("'a': {'min': 'Time'}, 'b': {'max': 'Time'}, 'c': {'min': 'Day'}, 'd': {'max': 'Day'}, 'e': "
                     "{'min': 'Weight'},"
                     "'f': {'max': 'Weight'}, 'g': {'min': 'Quantity'}, 'h': {'max': 'Quantity'}"),
               "Order_ID=1 SKU=a Region=r Time=2022-01-02T00:00:00.5 Day=1969-12-31 Weight=-1.5 Quantity=-3",
               "Order_ID=2 SKU=a Region=r Time=2022-01-02 Day=1970-01-02 Weight=-0.5 Quantity=-30",
               "Order_ID=3 SKU=a Region=r Time=1960-05-06T07:08:09 Day=1970-01-01 Weight=-2.5 Quantity=0", NULL);
    assert_table(&shop, "t", "r|1960-05-06 07:08:09|2022-01-02 00:00:00.5|1969-12-31|1970-01-02|-2.5|-0.5|-30|0\n");
    shop_close(&shop);
}

static void a_condition_chooses_the_rows_that_count(void **state)
{
    (void)state;
    struct shop shop;
    open_lines(&shop,
               LINES("'all': {'sum': 'Quantity'}, 'done': {'sum': 'Quantity', 'where': {'Status': 'done'}},"
                     "'rest': {'count': 'Order_ID', 'where': {'not': {'Status': 'done'}}},"
                     "'big': {'max': 'Quantity', 'where': {'Quantity': {'>': 2, '<=': 5}}},"
                     "'either': {'count': 'Order_ID', 'where': {'any': [{'Paid': true}, {'Total': {'null': false}}]}},"
                     "'late': {'count': 'Order_ID', 'where': {'Status': {'>': 'e'}}}"),
               "Order_ID=1 SKU=a Region=r Quantity=1 Status=done Paid=true",
               "Order_ID=2 SKU=a Region=r Quantity=5 Status=new Total=1.00", "Order_ID=3 SKU=a Region=r Quantity=9",
               NULL);
    assert_table(&shop, "t", "r|15|1|2|5|2|1\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=3 SKU=a Region=r Quantity=9 Status=done");
    assert_table(&shop, "t", "r|15|10|1|5|2|1\n");
    shop_close(&shop);
}

static void a_condition_over_the_order_chooses_its_deliveries_and_lines(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(
        &shop,
        "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'grain': {'key': ['Order_ID'],"
        "'attributes': ['Status', 'Region']}}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'}],"
        "'tables': {'t': {'group_by': ['Region'], 'columns': {'region': {'group': 'Region'},"
        "'far': {'sum': 'Deliveries.Distance', 'where': {'Status': 'done'}},"
        "'x': {'sum': 'Deliveries.Distance', 'where': {'Deliveries.Driver': 'x'}},"
        "'pieces': {'sum': 'Quantity', 'where': {'Status': 'done'}},"
        "'some': {'sum': 'Quantity', 'where': {'Status': 'done', 'SKU': 'a'}}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Status=done Quantity=1",
                "Order_ID=1 SKU=b Region=r Status=done Quantity=2", "Order_ID=2 SKU=a Region=r Status=new Quantity=4");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Distance=1.0 Driver=x",
                "Task_ID=2 Order_ID=1 Distance=2.0 Driver=y", "Task_ID=3 Order_ID=2 Distance=4.0 Driver=x");
    assert_table(&shop, "t", "r|3.0|5.0|3|1\n");
    shop_close(&shop);
}

/* --- extremes and distinct values through the size at which bags begin -------------------------------------------- */

#define BAGGED                                                                                                         \
    LINES("'n': {'count': 'Order_ID'}, 'min': {'min': 'Quantity'}, 'max': {'max': 'Quantity'},"                        \
          "'d': {'count_distinct': 'SKU'}, 'm': {'max': 'Total'}")

static void put_line(struct shop *shop, int order, const char *region, int quantity)
{
    char row[128];
    snprintf(row, sizeof row, "Order_ID=%d SKU=p%d Region=%s Quantity=%d", order, order % 10, region, quantity);
    shop_change(shop, shop->sequence + 1, ORDERS, row);
}

/* Region r fills with lines 1 to 100 and loses them from both ends. */
static void extremes_follow_a_group_that_grows_and_shrinks(void **state)
{
    (void)state;
    struct shop shop;
    char wanted[128];
    shop_open(&shop, BAGGED);
    for (int i = 1; i <= 100; i++) {
        put_line(&shop, i, "r", i * 3);
        snprintf(wanted, sizeof wanted, "r|%d|3|%d|%d|\n", i, i * 3, i < 10 ? i : 10);
        assert_table(&shop, "t", wanted);
    }
    for (int i = 100; i > 51; i--) {
        put_line(&shop, i, "s", 0);
        put_line(&shop, 101 - i, "s", 0);
        int left = 100 - 2 * (101 - i);
        if (left > 0)
            snprintf(wanted, sizeof wanted, "r|%d|%d|%d|%d|\ns|%d|0|0|%d|\n", left, (102 - i) * 3, (i - 1) * 3,
                     left < 10 ? left : 10, 100 - left, 100 - left < 10 ? 100 - left : 10);
        else
            snprintf(wanted, sizeof wanted, "s|100|0|0|10|\n");
        assert_table(&shop, "t", wanted);
    }
    shop_close(&shop);
}

static void a_group_is_the_same_whether_it_was_ever_large_or_not(void **state)
{
    (void)state;
    struct shop grown, fresh;
    struct buf a, b;
    shop_open(&grown, BAGGED);
    shop_open(&fresh, BAGGED);
    for (int i = 1; i <= 90; i++)
        put_line(&grown, i, "r", i % 7 * 10 + i);
    for (int keep = 89; keep >= 0; keep -= 11) {
        for (int i = 90; i > keep; i--)
            put_line(&grown, i, "s", 1);
        engine_free(fresh.engine);
        fresh.engine = engine_new(fresh.pipeline, 0, NULL);
        assert_non_null(fresh.engine);
        for (int i = 1; i <= 90; i++)
            put_line(&fresh, i, i <= keep ? "r" : "s", i <= keep ? i % 7 * 10 + i : 1);
        buf_init(&a, SIZE_MAX);
        buf_init(&b, SIZE_MAX);
        shop_deliver(&grown, 0, true, false, "t", &a);
        shop_deliver(&fresh, 0, true, false, "t", &b);
        buf_put_byte(&b, 0);
        assert_text(&a, b.data);
        buf_close(&a);
        buf_close(&b);
    }
    shop_close(&grown);
    shop_close(&fresh);
}

static void one_more_order_costs_a_large_group_what_it_costs_a_small_one(void **state)
{
    (void)state;
    struct shop shop;
    struct chunk_writer writer;
    struct value values[PIPELINE_FIELDS_MAX];
    shop_open(&shop, BAGGED);
    chunk_writer_init(&writer, &shop.pipeline->feeds[ORDERS]);
    for (uint64_t i = 1; i <= 50000; i++) {
        char row[96];
        snprintf(row, sizeof row, "Order_ID=%llu SKU=p%llu Region=r Quantity=%llu", (unsigned long long)i,
                 (unsigned long long)i % 1000, (unsigned long long)(i * 7919 % 50000));
        shop_values(&shop.pipeline->feeds[ORDERS], row, values);
        assert_true(chunk_put(&writer, i, i, values));
    }
    shop_begin(&shop, 1);
    shop_apply(&shop, ORDERS, &writer);
    shop_end(&shop);
    chunk_writer_close(&writer);
    assert_table(&shop, "t", "r|50000|0|49999|1000|\n");
    /* A thousand corrections would take minutes if each looked at all members. */
    for (int i = 1; i <= 1000; i++) {
        char row[96];
        snprintf(row, sizeof row, "Order_ID=%d SKU=p%d Region=r Quantity=%d", i, i % 1000, 100000 + i);
        shop_change(&shop, (uint64_t)i + 1, ORDERS, row);
    }
    assert_table(&shop, "t", "r|50000|0|101000|1000|\n");
    shop_close(&shop);
}

/* --- uniform fields ----------------------------------------------------------------------------------------------- */

static void counts_the_groups_that_mix_what_should_be_uniform(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'tables': {'t': {'group_by': ['Region'],"
              "'uniform': ['Currency'], 'columns': {'region': {'group': 'Region'}, 'n': {'count': 'Order_ID'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Currency=NGN", "Order_ID=2 Region=r Currency=NGN",
                "Order_ID=3 Region=r", "Order_ID=4 Region=s Currency=KES");
    assert_int_equal(shop_stats(&shop).mixed[0], 0);
    shop_change(&shop, 2, ORDERS, "Order_ID=5 Region=r Currency=KES", "Order_ID=6 Region=s Currency=NGN");
    assert_int_equal(shop_stats(&shop).mixed[0], 2);
    /* The value that was first counted goes, the others agree. */
    shop_change(&shop, 3, ORDERS, "Order_ID=4 Region=x Currency=KES");
    assert_int_equal(shop_stats(&shop).mixed[0], 1);
    shop_change(&shop, 4, ORDERS, "Order_ID=1 Region=r Currency=KES", "Order_ID=2 Region=r");
    assert_int_equal(shop_stats(&shop).mixed[0], 0);
    shop_close(&shop);
}

static void counts_them_among_groups_of_many_orders_too(void **state)
{
    (void)state;
    enum { MANY = 40 };
    char texts[MANY][64];
    const char *rows[MANY + 1] = {NULL};
    struct shop shop;
    shop_open(&shop,
              "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'tables': {'t': {'group_by': ['Region'],"
              "'uniform': ['Currency'], 'columns': {'region': {'group': 'Region'}, 'n': {'count': 'Order_ID'}}}}");
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "Order_ID=%d Region=r Currency=%s", i, i > 0 ? "KES" : "NGN");
        rows[i] = texts[i];
    }
    shop_begin(&shop, 1);
    shop_rows(&shop, ORDERS, 1, rows);
    shop_end(&shop);
    assert_int_equal(shop_stats(&shop).mixed[0], 1);
    shop_change(&shop, 2, ORDERS, "Order_ID=0 Region=s Currency=NGN");
    assert_int_equal(shop_stats(&shop).mixed[0], 0);
    shop_change(&shop, 3, ORDERS, "Order_ID=0 Region=r Currency=NGN");
    assert_int_equal(shop_stats(&shop).mixed[0], 1);
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nulls_count_nowhere_and_a_sum_of_none_is_null),
        cmocka_unit_test(averages_and_ratios_round_halves_away_from_zero),
        cmocka_unit_test(a_ratio_over_zero_or_null_is_null),
        cmocka_unit_test(a_double_that_is_zero_has_no_sign),
        cmocka_unit_test(sums_beyond_64_bits_stay_exact),
        cmocka_unit_test(a_sum_that_its_column_cannot_hold_becomes_null_and_is_counted),
        cmocka_unit_test(real_is_rounded_once_to_a_float),
        cmocka_unit_test(floating_columns_are_the_nearest_numbers_to_the_exact_ones),
        cmocka_unit_test(extremes_of_every_ordered_kind),
        cmocka_unit_test(a_condition_chooses_the_rows_that_count),
        cmocka_unit_test(a_condition_over_the_order_chooses_its_deliveries_and_lines),
        cmocka_unit_test(extremes_follow_a_group_that_grows_and_shrinks),
        cmocka_unit_test(a_group_is_the_same_whether_it_was_ever_large_or_not),
        cmocka_unit_test(one_more_order_costs_a_large_group_what_it_costs_a_small_one),
        cmocka_unit_test(counts_the_groups_that_mix_what_should_be_uniform),
        cmocka_unit_test(counts_them_among_groups_of_many_orders_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
