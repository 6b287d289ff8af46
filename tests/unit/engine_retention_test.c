/* Windows that close: what stays, what it costs, and which rows are late for what. */
#include "engine_support.h"

enum {
    ORDERS_A_WINDOW = 500,
    PER_ORDER_MAX = 48 /* bytes that an order and its delivery may cost once they are closed */
};

#define TABLE(ON)                                                                                                      \
    "'tables': {'t': {'group_by': ['Customer_ID'], 'window': {'on': '" ON "', 'size': '10 days'}, 'columns': {"        \
    "'customer': {'group': 'Customer_ID'}, 'start': {'window': 'start'}, 'orders': {'count': 'Order_ID'},"             \
    "'total': {'sum': 'Total'}, 'most': {'max': 'SKU'}, 'products': {'count_distinct': 'SKU'},"                        \
    "'far': {'max': 'Deliveries.Distance'}}}}, 'retention': {'lateness': '15 days'}"

#define GRAIN "'grain': {'key': ['Order_ID'], 'attributes': ['Customer_ID', 'Time', 'Total', 'Day']}"

static const char *const of_orders =
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], " GRAIN "},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'}]," TABLE("Time");

/* 2021-12-29 is where a window of 10 days begins. */
static int64_t day(int64_t number)
{
    return (18990 + number) * TIMESTAMP_DAY;
}

static void close_before(struct shop *shop, int64_t before)
{
    struct error error;
    shop->sequence++;
    assert_ok(engine_close(shop->engine, shop->sequence, before, &error), &error);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* Orders of window number `window`, each with a delivery. */
static void put_window(struct shop *shop, int64_t window, int orders)
{
    char texts[2 * ORDERS_A_WINDOW][160];
    const char *rows[ORDERS_A_WINDOW + 1], *tasks[ORDERS_A_WINDOW + 1];
    struct buf time;
    buf_init(&time, 64);
    timestamp_print(day(10 * window + 3), &time);
    for (int i = 0; i < orders; i++) {
        long number = (long)window * ORDERS_A_WINDOW + i;
        snprintf(texts[2 * i], sizeof *texts,
                 "Order_ID=%ld SKU=p%d Customer_ID=%d Time=%.*s Total=%d.25 Day=2022-01-01", number, i % 7, i % 40,
                 (int)time.len, time.data, i);
        snprintf(texts[2 * i + 1], sizeof *texts, "Task_ID=%ld Order_ID=%ld Distance=%d.5", number, number, i % 90);
        rows[i] = texts[2 * i];
        tasks[i] = texts[2 * i + 1];
    }
    rows[orders] = tasks[orders] = NULL;
    shop_begin(shop, shop->sequence + 1);
    shop_rows(shop, ORDERS, 1, rows);
    shop_rows(shop, DELIVERIES, 1, tasks);
    shop_end(shop);
    buf_close(&time);
}

static void closed_orders_cost_their_keys_however_many_windows_pass(void **state)
{
    (void)state;
    struct shop shop;
    int64_t before;
    uint64_t memory[2] = {0}, open = 0;
    shop_open(&shop, of_orders);
    for (int64_t window = 0; window < 160; window++) {
        put_window(&shop, window, ORDERS_A_WINDOW);
        if (engine_close_due(shop.engine, &before))
            close_before(&shop, before);
        open = open > shop_stats(&shop).units ? open : shop_stats(&shop).units;
        if (window == 39 || window == 159)
            memory[window == 159] = shop_stats(&shop).memory;
    }
    struct engine_stats stats = shop_stats(&shop);
    assert_int_equal(stats.closed, (160 - 3) * ORDERS_A_WINDOW);
    assert_int_equal(stats.units, 3 * ORDERS_A_WINDOW);
    assert_int_equal(stats.records[ORDERS], 3 * ORDERS_A_WINDOW);
    assert_int_equal(stats.records[DELIVERIES], 3 * ORDERS_A_WINDOW);
    assert_int_equal(stats.groups[0], 160 * 40);
    assert_int_equal(stats.closed_groups[0], 157 * 40);
    assert_int_equal(open, 3 * ORDERS_A_WINDOW);
    assert_in_range(memory[1], memory[0], memory[0] + (uint64_t)120 * ORDERS_A_WINDOW * PER_ORDER_MAX);
    shop_close(&shop);
}

static void memory_is_given_back_and_taken_again(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, of_orders);
    for (int64_t window = 0; window < 120; window++)
        put_window(&shop, window, ORDERS_A_WINDOW);
    uint64_t full = shop_stats(&shop).memory;
    close_before(&shop, day(1190));
    uint64_t closed = shop_stats(&shop).memory;
    assert_int_equal(shop_stats(&shop).units, ORDERS_A_WINDOW);
    assert_in_range(closed, 1, full * 3 / 4);
    for (int64_t window = 120; window < 150; window++)
        put_window(&shop, window, ORDERS_A_WINDOW);
    assert_int_equal(shop_stats(&shop).units, 31 * ORDERS_A_WINDOW);
    assert_in_range(shop_stats(&shop).memory, closed, full);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_int_equal(shop_deliver(&shop, 0, true, true, NULL, &out).upserts[0], 150 * 40);
    buf_close(&out);
    shop_close(&shop);
}

/* Maps are filled anew while a segment that was vacant is handed out row by row. The key that the rows not yet handed
   out would have must not find one of them. */
static void rows_that_wait_to_be_handed_out_again_are_nobodys(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, of_orders);
    for (int64_t window = 1; window < 120; window++)
        put_window(&shop, window, ORDERS_A_WINDOW);
    close_before(&shop, day(1200));
    for (int64_t window = 120; window < 150; window++) {
        uint64_t units = shop_stats(&shop).units;
        put_window(&shop, window, ORDERS_A_WINDOW);
        assert_int_equal(shop_stats(&shop).units, units + ORDERS_A_WINDOW);
    }
    shop_change(&shop, shop.sequence + 1, ORDERS,
                "Order_ID=0 SKU=a Customer_ID=77 Time=2026-01-01T00:00:00 Total=1.00");
    shop_change(&shop, shop.sequence + 1, DELIVERIES, "Task_ID=0 Order_ID=0 Distance=3.5");
    assert_int_equal(shop.buckets.applied, 1);
    assert_int_equal(shop_stats(&shop).units, 30 * ORDERS_A_WINDOW + 1);
    assert_int_equal(shop_stats(&shop).records[ORDERS], 30 * ORDERS_A_WINDOW + 1);
    for (int64_t window = 150; window < 180; window++)
        put_window(&shop, window, ORDERS_A_WINDOW);
    assert_int_equal(shop_stats(&shop).units, 60 * ORDERS_A_WINDOW + 1);
    shop_close(&shop);
}

/* --- what is late ------------------------------------------------------------------------------------------------- */

struct heard {
    char text[256];
};

static void hear(void *context, const struct engine_late *late)
{
    static const char *const words[] = {"window", "key", "speaks", "joined"};
    struct heard *heard = context;
    size_t len = strlen(heard->text);
    snprintf(heard->text + len, sizeof heard->text - len, "%d %s %lld;", (int)late->row, words[late->why],
             (long long)(late->window / TIMESTAMP_DAY - 18990));
}

static void each_late_row_is_told_with_what_it_is_late_for(void **state)
{
    (void)state;
    struct shop shop;
    struct heard heard = {""};
    shop_open(&shop, of_orders);
    engine_on_late(shop.engine, hear, &heard);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=4 Day=2022-01-02",
                "Order_ID=2 SKU=b Customer_ID=7 Time=2022-02-02T00:00:00 Total=8 Day=2022-01-02");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Distance=3", "Task_ID=2 Order_ID=2 Distance=5");
    close_before(&shop, day(10));
    assert_table(&shop, "t",
                 "7|2021-12-29 00:00:00|1|2.00|a|1|3.0\n"
                 "7|2022-01-28 00:00:00|1|8.00|b|2|5.0\n");
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=z Customer_ID=7 Time=2022-02-02T00:00:00 Total=9 Day=2022-01-02",
                "Order_ID=3 SKU=a Customer_ID=7 Time=2022-01-07T00:00:00 Total=9 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-01-07T00:00:00 Total=9 Day=2022-01-02",
                "Order_ID=2 SKU=b Customer_ID=7 Time=2022-02-02T00:00:00 Total=9 Day=2022-01-02");
    assert_int_equal(shop.buckets.late, 3);
    assert_int_equal(shop.buckets.applied, 1);
    shop_change(&shop, 5, DELIVERIES, "Task_ID=1 Order_ID=2 Distance=3", "Task_ID=3 Order_ID=1 Distance=1",
                "Task_ID=2 Order_ID=1 Distance=1", "Task_ID=4 Distance=1");
    assert_int_equal(shop.buckets.late, 3);
    assert_string_equal(heard.text, "1 key 0;2 window 0;3 window 0;1 key 0;2 joined 0;3 joined 0;");
    assert_table(&shop, "t",
                 "7|2021-12-29 00:00:00|1|2.00|a|1|3.0\n"
                 "7|2022-01-28 00:00:00|1|9.00|b|2|5.0\n");
    shop_close(&shop);
}

static void a_key_of_two_fields_is_kept_whole(void **state)
{
    (void)state;
    struct shop shop;
    struct heard heard = {""};
    shop_open(&shop,
              "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], " GRAIN "}, 'join': [{'feed': 'Trips', "
              "'key': ['Task_ID', 'Leg'], 'on': 'Order_ID'}],"
              "'tables': {'t': {'group_by': ['Customer_ID'], 'window': {'on': 'Time', 'size': '10 days'}, 'columns': {"
              "'customer': {'group': 'Customer_ID'}, 'start': {'window': 'start'}, 'orders': {'count': 'Order_ID'}}}}, "
              "'retention': {'lateness': '15 days'}");
    engine_on_late(shop.engine, hear, &heard);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-02-02T00:00:00 Total=4 Day=2022-01-02");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Leg=3");
    close_before(&shop, day(10));
    shop_change(&shop, 4, DELIVERIES, "Task_ID=1 Order_ID=2 Leg=3", "Task_ID=1 Order_ID=2 Leg=5",
                "Task_ID=3 Order_ID=2 Leg=3");
    assert_string_equal(heard.text, "1 key 0;");
    assert_int_equal(shop.buckets.applied, 2);
    shop_close(&shop);
}

/* The older line of an order may be all that is left when the newer one is withdrawn; once its window is closed it must
   not be what says where the order lies. */
static void a_row_that_leaves_its_order_to_a_closed_line_is_late(void **state)
{
    (void)state;
    struct shop shop;
    struct heard heard = {""};
    shop_open(
        &shop,
        "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'not': {'Status': 'lost'}}, " GRAIN
        "}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID', 'required': false}]," TABLE("Time"));
    engine_on_late(shop.engine, hear, &heard);
    shop_change(&shop, 1, ORDERS, "Order_ID=2 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=4 Day=2022-01-02",
                "Order_ID=2 SKU=b Customer_ID=7 Time=2022-02-02T00:00:00 Total=8 Day=2022-01-02");
    close_before(&shop, day(10));
    assert_int_equal(shop_stats(&shop).closed, 0);
    shop_change(&shop, 3, ORDERS,
                "Order_ID=2 SKU=b Status=lost Customer_ID=7 Time=2022-02-02T00:00:00 Total=8 Day=2022-01-02");
    assert_string_equal(heard.text, "1 speaks 0;");
    assert_table(&shop, "t", "7|2022-01-28 00:00:00|1|8.00|b|2|\n");
    /* a line of an open window that goes on saying it may follow */
    shop_change(&shop, 4, ORDERS, "Order_ID=2 SKU=c Customer_ID=7 Time=2022-02-03T00:00:00 Total=6 Day=2022-01-02",
                "Order_ID=2 SKU=b Status=lost Customer_ID=7 Time=2022-02-02T00:00:00 Total=8 Day=2022-01-02");
    assert_int_equal(shop.buckets.late, 0);
    assert_table(&shop, "t", "7|2022-01-28 00:00:00|1|6.00|c|2|\n");
    shop_close(&shop);
}

/* An order whose one line is filtered out, and one that a marker withdrew, lie where these say. */
static void orders_of_which_nothing_counts_are_closed_too(void **state)
{
    (void)state;
    struct shop shop;
    struct heard heard = {""};
    shop_open(&shop, "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'not': {'Status': 'lost'}}, "
                     "'delete': {'Status': 'gone'}, " GRAIN "}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], "
                     "'on': 'Order_ID', 'required': false}]," TABLE("Time"));
    engine_on_late(shop.engine, hear, &heard);
    shop_change(&shop, 1, ORDERS,
                "Order_ID=1 SKU=a Status=lost Customer_ID=7 Time=2022-01-02T00:00:00 Total=1 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-02-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=3 SKU=a Customer_ID=7 Time=2022-01-03T00:00:00 Total=4 Day=2022-01-02");
    shop_change(&shop, 2, ORDERS,
                "Order_ID=2 SKU=a Status=gone Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=3 SKU=a Status=gone Customer_ID=7 Time=2022-02-03T00:00:00 Total=4 Day=2022-01-02",
                "Order_ID=4 SKU=a Status=gone Customer_ID=7 Time=2022-01-03T00:00:00 Total=8 Day=2022-01-02");
    close_before(&shop, day(10));
    assert_int_equal(shop_stats(&shop).closed, 3);
    shop_change(&shop, 4, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-02-02T00:00:00 Total=1 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-02-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=3 SKU=a Customer_ID=7 Time=2022-02-02T00:00:00 Total=4 Day=2022-01-02",
                "Order_ID=4 SKU=b Customer_ID=7 Time=2022-02-02T00:00:00 Total=8 Day=2022-01-02",
                "Order_ID=3 SKU=a Status=gone Customer_ID=7 Time=2022-01-02T00:00:00 Total=4 Day=2022-01-02");
    assert_string_equal(heard.text, "1 key 0;2 key 0;4 key 0;5 window 0;");
    assert_table(&shop, "t", "7|2022-01-28 00:00:00|1|4.00|a|1|\n");
    shop_close(&shop);
}

/* For each of a hundred thousand lines all the others would be looked at, if one of them might lie behind. */
static void lines_of_a_huge_order_are_corrected_behind_a_close_too(void **state)
{
    (void)state;
    enum { LINES = 100000 };
    struct shop shop;
    struct value values[PIPELINE_FIELDS_MAX];
    shop_open(&shop, of_orders);
    for (int round = 1; round <= 2; round++) {
        struct chunk_writer writer;
        chunk_writer_init(&writer, &shop.pipeline->feeds[ORDERS]);
        for (int i = 0; i < LINES; i++) {
            char row[128];
            snprintf(row, sizeof row,
                     "Order_ID=1 SKU=p%d Customer_ID=7 Time=2022-02-02T00:00:00 Total=%d Day=2022-01-02", i,
                     round * LINES + i);
            shop_values(&shop.pipeline->feeds[ORDERS], row, values);
            assert_true(chunk_put(&writer, (uint64_t)i + 1, 1, values));
        }
        shop_begin(&shop, shop.sequence + 1);
        shop_apply(&shop, ORDERS, &writer);
        shop_end(&shop);
        chunk_writer_close(&writer);
        assert_int_equal(shop.buckets.applied, LINES);
        close_before(&shop, day(10));
    }
    assert_int_equal(shop_stats(&shop).units, 1);
    shop_close(&shop);
}

/* --- when they close ---------------------------------------------------------------------------------------------- */

static void windows_are_due_once_the_watermark_passed_them_by_the_lateness(void **state)
{
    (void)state;
    struct shop shop;
    int64_t before;
    shop_open(&shop, of_orders);
    assert_false(engine_close_due(shop.engine, &before));
    engine_set_commit(shop.engine, day(40));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-22T23:59:59 Total=2 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-02-08T00:00:01 Total=2 Day=2022-01-02");
    /* 2022-02-08T00:00:01 is more than a day ahead of day 40, which is 2022-02-07 */
    assert_true(engine_close_due(shop.engine, &before));
    assert_int_equal(before, day(0));
    close_before(&shop, before);
    assert_false(engine_close_due(shop.engine, &before));
    shop_change(&shop, 3, ORDERS, "Order_ID=3 SKU=a Customer_ID=7 Time=2022-01-23T00:00:00 Total=2 Day=2022-01-02");
    assert_true(engine_close_due(shop.engine, &before));
    assert_int_equal(before, day(10));
    assert_int_equal(shop_stats(&shop).watermark, day(25));
    shop_close(&shop);
}

/* A window of 10 days that holds the first of them begins before the year 1: nothing lies in one that ends there. */
static void no_window_that_ends_before_the_year_1_is_due(void **state)
{
    (void)state;
    struct shop shop;
    int64_t before;
    shop_open(&shop, of_orders);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=0001-01-17T00:00:00 Total=2 Day=2022-01-02");
    assert_int_equal(shop_stats(&shop).watermark, TIMESTAMP_MIN + 16 * TIMESTAMP_DAY);
    assert_false(engine_close_due(shop.engine, &before));
    shop_change(&shop, 2, ORDERS, "Order_ID=2 SKU=a Customer_ID=7 Time=0001-01-18T00:00:00 Total=2 Day=2022-01-02");
    assert_true(engine_close_due(shop.engine, &before));
    assert_int_equal(before, TIMESTAMP_MIN + 2 * TIMESTAMP_DAY);
    shop_close(&shop);
}

static bool note_waiting(void *context, const struct engine_waiting *waiting)
{
    struct heard *heard = context;
    size_t len = strlen(heard->text);
    snprintf(heard->text + len, sizeof heard->text - len, "%lld lacks %zu in %llu;", (long long)waiting->key[0].i,
             waiting->lacks, (unsigned long long)waiting->sequence);
    return true;
}

static void what_waits_is_closed_too_and_told_by_its_key(void **state)
{
    (void)state;
    struct shop shop;
    struct heard heard = {""};
    shop_open(&shop, of_orders);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-02-02T00:00:00 Total=2 Day=2022-01-02");
    close_before(&shop, day(10));
    struct engine_stats stats = shop_stats(&shop);
    assert_int_equal(stats.closed, 1);
    assert_int_equal(stats.closed_waiting, 1);
    assert_int_equal(stats.waiting[DELIVERIES], 1);
    engine_each_waiting(shop.engine, note_waiting, &heard);
    assert_string_equal(heard.text, "2 lacks 1 in 1;1 lacks 1 in 0;");
    shop_change(&shop, 3, DELIVERIES, "Task_ID=1 Order_ID=1 Distance=3");
    assert_int_equal(shop.buckets.late, 1);
    assert_table(&shop, "t", "");
    shop_close(&shop);
}

static void days_close_as_moments_do(void **state)
{
    (void)state;
    struct shop shop;
    int64_t before;
    shop_open(&shop, "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], " GRAIN "},"
                     "'join': [{'feed': 'Deliveries', 'on': 'Order_ID', 'required': false}]," TABLE("Day"));
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-23");
    assert_true(engine_close_due(shop.engine, &before));
    assert_int_equal(before, day(10));
    close_before(&shop, before);
    assert_int_equal(shop_stats(&shop).closed, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=3 SKU=a Customer_ID=7 Time=2022-01-22T00:00:00 Total=2 Day=2022-01-07",
                "Order_ID=3 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-08");
    assert_int_equal(shop.buckets.late, 1);
    assert_table(&shop, "t",
                 "7|2021-12-29 00:00:00|1|2.00|a|1|\n"
                 "7|2022-01-08 00:00:00|1|2.00|a|1|\n"
                 "7|2022-01-18 00:00:00|1|2.00|a|1|\n");
    shop_close(&shop);
}

/* The window's field may be of the key, be that the facts' or the grain's: then it is no attribute. */
static void close_by_key(const char *facts)
{
    struct shop shop;
    struct heard heard = {""};
    char spec[1024];
    snprintf(spec, sizeof spec,
             "%s 'join': [{'feed': 'Deliveries', 'on': 'Order_ID', 'required': false}]," TABLE("Time"), facts);
    shop_open(&shop, spec);
    engine_on_late(shop.engine, hear, &heard);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02",
                "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-12T00:00:00 Total=4 Day=2022-01-02",
                "Order_ID=1 SKU=b Customer_ID=7 Time=2022-01-22T00:00:00 Total=8 Day=2022-01-02");
    close_before(&shop, day(10));
    assert_int_equal(shop_stats(&shop).closed, 1);
    assert_int_equal(shop_stats(&shop).units, 2);
    shop_change(&shop, 3, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=9 Day=2022-01-02",
                "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-12T00:00:00 Total=5 Day=2022-01-02");
    assert_string_equal(heard.text, "1 key 0;");
    assert_table(&shop, "t",
                 "7|2021-12-29 00:00:00|1|2.00|a|1|\n"
                 "7|2022-01-08 00:00:00|1|5.00|a|1|\n"
                 "7|2022-01-18 00:00:00|1|8.00|b|1|\n");
    close_before(&shop, day(30));
    assert_int_equal(shop_stats(&shop).units, 0);
    shop_close(&shop);
}

static void windows_over_a_field_of_the_key_close_by_it(void **state)
{
    (void)state;
    close_by_key("'facts': {'feed': 'Orders', 'key': ['Order_ID', 'Time']},");
    close_by_key(
        "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'Time', 'SKU'], 'grain': {'key': ['Order_ID', 'Time'], "
        "'attributes': ['Customer_ID', 'Total', 'Day']}},");
}

/* Midnight there is 21:00 UTC of the day before. */
static void windows_of_a_zone_close_by_its_clocks(void **state)
{
    (void)state;
    struct shop shop;
    int64_t before;
    shop_open(&shop,
              "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'tables': {'t': {'group_by': ['Customer_ID'], "
              "'window': {'on': 'Time', 'size': '1 day', 'zone': '+03:00'}, 'columns': {'c': {'group': "
              "'Customer_ID'}, 's': {'window': 'start'}, 'n': {'count': 'Order_ID'}}}}, 'retention': {'lateness': "
              "'1 day'}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-01T20:59:59 Day=2022-01-02",
                "Order_ID=2 SKU=a Customer_ID=7 Time=2022-01-01T21:00:00 Day=2022-01-02",
                "Order_ID=3 SKU=a Customer_ID=7 Time=2022-01-02T21:00:00 Day=2022-01-02");
    assert_true(engine_close_due(shop.engine, &before));
    assert_int_equal(before, day(4) - 3 * TIMESTAMP_DAY / 24);
    close_before(&shop, before);
    assert_int_equal(shop_stats(&shop).closed, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=4 SKU=a Customer_ID=7 Time=2022-01-01T20:59:59 Day=2022-01-02",
                "Order_ID=5 SKU=a Customer_ID=7 Time=2022-01-01T21:00:00 Day=2022-01-02");
    assert_int_equal(shop.buckets.late, 1);
    assert_table(&shop, "t",
                 "7|2021-12-31 21:00:00|1\n"
                 "7|2022-01-01 21:00:00|2\n"
                 "7|2022-01-02 21:00:00|1\n");
    shop_close(&shop);
}

static void a_delivery_that_is_open_brings_what_closes_meanwhile(void **state)
{
    (void)state;
    struct shop shop;
    struct delivery delivery = {0};
    struct error error;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    shop_open(&shop, of_orders);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Total=2 Day=2022-01-02");
    shop_change(&shop, 2, DELIVERIES, "Task_ID=1 Order_ID=1 Distance=3");
    assert_ok(engine_delivery_start(shop.engine, 0, false, &delivery, &error), &error);
    close_before(&shop, day(10));
    print_rest(&shop, "t", &out);
    engine_delivery_end(shop.engine, true);
    assert_text(&out, "7|2021-12-29 00:00:00|1|2.00|a|1|3.0\n");
    assert_int_equal(shop_undelivered(&shop, 2), 0);
    assert_int_equal(engine_group_closed(shop.engine, 0, 1), 3);
    buf_close(&out);
    shop_close(&shop);
}

static void is_refused_within_a_change_and_without_retention(void **state)
{
    (void)state;
    struct shop shop;
    struct error error;
    int64_t before;
    shop_open(&shop, of_orders);
    shop_begin(&shop, 1);
    assert_false(engine_close(shop.engine, 2, day(10), &error));
    assert_error(&error, ERROR_BUG, "within a change");
    shop_close(&shop);
    shop_open(&shop, "'facts': {'feed': 'Orders'}, 'tables': {'t': {'group_by': ['Region'], 'columns': {'r': {'group': "
                     "'Region'}}}}");
    shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Customer_ID=7 Time=2022-01-02T00:00:00 Day=2022-01-02 Region=x");
    assert_false(engine_close_due(shop.engine, &before));
    assert_false(engine_close(shop.engine, 2, day(10), &error));
    assert_error(&error, ERROR_BUG, "retention");
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_orders_cost_their_keys_however_many_windows_pass),
        cmocka_unit_test(memory_is_given_back_and_taken_again),
        cmocka_unit_test(rows_that_wait_to_be_handed_out_again_are_nobodys),
        cmocka_unit_test(each_late_row_is_told_with_what_it_is_late_for),
        cmocka_unit_test(a_key_of_two_fields_is_kept_whole),
        cmocka_unit_test(a_row_that_leaves_its_order_to_a_closed_line_is_late),
        cmocka_unit_test(lines_of_a_huge_order_are_corrected_behind_a_close_too),
        cmocka_unit_test(windows_are_due_once_the_watermark_passed_them_by_the_lateness),
        cmocka_unit_test(no_window_that_ends_before_the_year_1_is_due),
        cmocka_unit_test(orders_of_which_nothing_counts_are_closed_too),
        cmocka_unit_test(what_waits_is_closed_too_and_told_by_its_key),
        cmocka_unit_test(days_close_as_moments_do),
        cmocka_unit_test(windows_over_a_field_of_the_key_close_by_it),
        cmocka_unit_test(windows_of_a_zone_close_by_its_clocks),
        cmocka_unit_test(a_delivery_that_is_open_brings_what_closes_meanwhile),
        cmocka_unit_test(is_refused_within_a_change_and_without_retention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
