/* What a change makes of records, units and groups, case by case; engine_random_test.c tries what nobody thinks of. */
#include "engine_support.h"

#define SHOP                                                                                                           \
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'],"                                                          \
    "'grain': {'key': ['Order_ID'], 'attributes': ['Customer_ID', 'Time', 'Total', 'Status']}},"                       \
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"                                           \
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID'}],"                                             \
    "'tables': {'t': {'group_by': ['Customer_ID'], 'window': {'on': 'Time', 'size': '10 days'}, 'columns': {"          \
    "'customer': {'group': 'Customer_ID', 'type': 'integer'}, 'start': {'window': 'start'},"                           \
    "'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}, 'pieces': {'sum': 'Quantity'},"                       \
    "'distance': {'sum': 'Deliveries.Distance'}, 'products': {'count_distinct': 'SKU'}}}}"

/* Facts alone, one group a region. `GRAIN` goes behind the facts' feed, `COLUMNS` behind the region. */
#define ALONE(FACTS, COLUMNS)                                                                                          \
    "'facts': {'feed': 'Orders'" FACTS "}, 'tables': {'t': {'group_by': ['Region'], 'columns': {"                      \
    "'region': {'group': 'Region'}, " COLUMNS "}}}"

#define KEYED       ", 'key': ['Order_ID', 'SKU']"
#define ORDER_GRAIN ", 'key': ['Order_ID', 'SKU'], 'grain': {'key': ['Order_ID'], 'attributes': ['Total', 'Region']}"

#define A_CUSTOMER "Customer_ID=7 City=x"
#define A_DELIVERY "Task_ID=100 Order_ID=1 Distance=1.5"
#define A_TIME     " Customer_ID=7 Time=2022-01-10"

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

static void shop_take_back(struct shop *shop, size_t feed, uint64_t sequence, const char *const *rows)
{
    struct chunk_writer writer;
    struct value values[PIPELINE_FIELDS_MAX];
    struct error error;
    chunk_writer_init(&writer, &shop->pipeline->feeds[feed]);
    for (uint64_t row = 1; *rows; rows++, row++) {
        shop_values(&shop->pipeline->feeds[feed], *rows, values);
        assert_true(chunk_put(&writer, row, row, values));
    }
    assert_ok(engine_take_back(shop->engine, feed, sequence, buf_slice(&writer.buf), &error), &error);
    chunk_writer_close(&writer);
}

/* Change `sequence` takes the rows of the change before it back. */
#define shop_take(shop, sequence, feed, ...)                                                                           \
    do {                                                                                                               \
        shop_begin(shop, sequence);                                                                                    \
        shop_take_back(shop, feed, (sequence)-1, (const char *const[]){__VA_ARGS__, NULL});                            \
        shop_end(shop);                                                                                                \
    } while (0)

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
    struct error error;
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
        assert_ok(engine_apply(shop.engine, ORDERS, buf_slice(&writer.buf), &shop.buckets, NULL, NULL, &error), &error);
        shop_end(&shop);
        assert_int_equal(sequence == 1 ? shop.buckets.applied : shop.buckets.unchanged, LINES);
    }
    chunk_writer_close(&writer);
    assert_table(&shop, "t", "r|1|200000\n");
    shop_close(&shop);
}

/* The same where no two of them agree; and where all do in the end, but for one, those that said so before others came between
   them too. */
static void lines_of_a_huge_order_may_all_disagree(void **state)
{
    (void)state;
    enum { LINES = 200000, ROUNDS = 4, ODD = 1000 };
    struct shop shop;
    struct value values[PIPELINE_FIELDS_MAX];
    struct error error;
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
        assert_ok(engine_apply(shop.engine, ORDERS, buf_slice(&writer.buf), &shop.buckets, NULL, NULL, &error), &error);
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

/* --- grain -------------------------------------------------------------------------------------------------------- */

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

static bool note_conflict(void *context, const struct value *key, size_t key_count)
{
    int64_t *last = context;
    assert_int_equal(key_count, 1);
    *last = key[0].i;
    return true;
}

static void counts_and_lists_orders_whose_lines_disagree(void **state)
{
    (void)state;
    struct shop shop;
    int64_t last = 0;
    shop_open(&shop, ALONE(ORDER_GRAIN, "'total': {'sum': 'Total'}"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Region=r Total=1.00", "Order_ID=1 SKU=b Region=r Total=1.00",
                "Order_ID=1 SKU=c Region=r Total=1.00", "Order_ID=2 SKU=a Region=r Total=1.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=b Region=r Total=3.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 1);
    engine_each_conflict(shop.engine, note_conflict, &last);
    assert_int_equal(last, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Region=r Total=3.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 1);
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=c Region=r Total=3.00");
    assert_int_equal(shop_stats(&shop).grain_conflicts, 0);
    assert_table(&shop, "t", "r|4.00\n");
    shop_close(&shop);
}

/* --- joins -------------------------------------------------------------------------------------------------------- */

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

/* --- several parts of one change ---------------------------------------------------------------------------------- */

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
    assert_int_equal(shop_stats(&shop).ungrouped[0], 1);
    assert_int_equal(shop_stats(&shop).groups[0], 1);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 SKU=a Region=r Quantity=4");
    assert_int_equal(shop_stats(&shop).ungrouped[0], 0);
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
    assert_false(engine_apply(shop.engine, ORDERS, SLICE("\x01\x01\x00\xff"), NULL, NULL, NULL, &error));
    assert_error(&error, ERROR_CORRUPT, "Orders");
    shop_close(&shop);
}

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
        ok = engine_apply(shop.engine, ORDERS, buf_slice(&writer.buf), NULL, NULL, NULL, &error) &&
             engine_end(shop.engine, &error);
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

/* Forty orders go from one region to another and back, disagree with themselves every other time, and their deliveries
   change places: a group with bags empties and fills each time. */
static void turn_around(struct shop *shop, uint64_t sequence, int turn)
{
    shop_begin(shop, sequence);
    for (int i = 0; i < 40; i++) {
        char first[96], second[96], task[64];
        snprintf(first, sizeof first, "Order_ID=%d SKU=a Region=%s Total=%d.00", i, turn % 2 ? "r" : "s", turn);
        snprintf(second, sizeof second, "Order_ID=%d SKU=b Region=%s Total=%d.00", i, turn % 2 ? "r" : "s", turn);
        snprintf(task, sizeof task, "Task_ID=%d Order_ID=%d", i, (i + turn) % 40);
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
        cmocka_unit_test(the_greater_version_counts_whenever_it_came),
        cmocka_unit_test(a_delete_marker_withdraws_until_a_greater_version_comes),
        cmocka_unit_test(a_row_of_a_known_key_replaces_its_record),
        cmocka_unit_test(a_row_of_the_same_values_is_unchanged_and_takes_over),
        cmocka_unit_test(a_null_is_a_value_that_a_record_can_differ_by),
        cmocka_unit_test(a_row_of_lower_rank_is_superseded),
        cmocka_unit_test(of_two_rows_of_one_rank_the_greater_values_win_in_either_order),
        cmocka_unit_test(without_a_key_equal_rows_are_records_of_their_own),
        cmocka_unit_test(tells_each_replaced_change_once_or_more),
        cmocka_unit_test(finds_each_of_very_many_lines_of_an_order),
        cmocka_unit_test(a_line_of_a_huge_order_is_found_at_once),
        cmocka_unit_test(lines_of_a_huge_order_may_all_disagree),
        cmocka_unit_test(lines_that_agree_again_are_no_conflict),
        cmocka_unit_test(a_filtered_version_withdraws_the_one_before),
        cmocka_unit_test(a_filtered_delivery_joins_nothing),
        cmocka_unit_test(an_attribute_counts_once_and_is_what_the_line_of_highest_rank_says),
        cmocka_unit_test(the_same_row_again_can_make_its_line_the_one_that_says_the_attributes),
        cmocka_unit_test(a_filtered_line_says_nothing),
        cmocka_unit_test(counts_and_lists_orders_whose_lines_disagree),
        cmocka_unit_test(an_order_counts_once_it_has_a_delivery_and_a_customer_in_any_order),
        cmocka_unit_test(lists_what_waits_for_what),
        cmocka_unit_test(a_delivery_can_move_to_another_order),
        cmocka_unit_test(a_null_joins_nothing_not_even_another_null),
        cmocka_unit_test(a_changed_customer_or_time_moves_the_order),
        cmocka_unit_test(windows_are_half_open_before_1970_too),
        cmocka_unit_test(a_left_join_without_a_match_counts_with_nulls),
        cmocka_unit_test(row_by_row_every_combination_counts),
        cmocka_unit_test(files_of_all_feeds_can_come_in_one_change),
        cmocka_unit_test(a_unit_whose_grouping_value_is_null_lies_in_no_group),
        cmocka_unit_test(a_corrupt_chunk_is_refused_by_name),
        cmocka_unit_test(what_is_expected_is_a_hint),
        cmocka_unit_test(a_memory_limit_ends_a_change_with_its_name),
        cmocka_unit_test(corrections_without_end_take_no_more_memory),
        cmocka_unit_test(replacing_without_end_takes_no_more_memory),
        cmocka_unit_test(rows_that_are_alone_are_taken_back_as_if_they_had_never_come),
        cmocka_unit_test(rows_above_others_are_not_alone),
        cmocka_unit_test(a_delete_marker_suppresses_lower_versions_in_whatever_order_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
