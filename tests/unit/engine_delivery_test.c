/* Deliveries: what they list, what changes do to an open one, what is left when one fails. */
#include "engine_support.h"

/* Two tables over order lines without a join. */
#define TWO                                                                                                            \
    "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'tables': {"                                                    \
    "'by_region': {'group_by': ['Region'], 'columns': {'region': {'group': 'Region'}, 'n': {'count': 'Order_ID'},"     \
    "'most': {'max': 'Quantity'}}},"                                                                                   \
    "'by_customer': {'group_by': ['Customer_ID', 'Region'], 'columns': {'n': {'count': 'Order_ID'},"                   \
    "'region': {'group': 'Region'}, 'customer': {'group': 'Customer_ID'}}}}"

static void brings_what_changed_since_in_key_order(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=s Customer_ID=10", "Order_ID=2 Region=r Customer_ID=9",
                "Order_ID=3 Region=abcdefghi2 Customer_ID=-1", "Order_ID=4 Region=abcdefghi1 Customer_ID=10");
    assert_delivered(&shop, 0, false, true, NULL,
                     "by_region:\nabcdefghi1|1|\nabcdefghi2|1|\nr|1|\ns|1|\n"
                     "by_customer:\n1|abcdefghi2|-1\n1|r|9\n1|abcdefghi1|10\n1|s|10\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=5 Region=r Customer_ID=9");
    assert_int_equal(shop_undelivered(&shop, 1), 2);
    assert_delivered(&shop, 1, false, true, NULL, "by_region:\nr|2|\nby_customer:\n2|r|9\n");
    assert_int_equal(shop_undelivered(&shop, 2), 0);
    assert_delivered(&shop, 2, false, true, NULL, "");
    shop_close(&shop);
}

static void a_target_that_is_older_gets_all_that_it_lacks(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    for (int i = 1; i <= 5; i++) {
        char row[64];
        snprintf(row, sizeof row, "Order_ID=%d Region=r%d Customer_ID=1", i, i);
        shop_change(&shop, (uint64_t)i, ORDERS, row);
        assert_delivered(&shop, (uint64_t)i - 1, false, true, "none", "");
    }
    assert_delivered(&shop, 3, false, true, "by_region", "r4|1|\nr5|1|\n");
    assert_delivered(&shop, 0, false, true, "by_region", "r1|1|\nr2|1|\nr3|1|\nr4|1|\nr5|1|\n");
    shop_close(&shop);
}

static void an_emptied_group_is_deleted_once_and_before_the_upserts(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1", "Order_ID=2 Region=s Customer_ID=1");
    assert_delivered(&shop, 0, false, true, "by_region", "r|1|\ns|1|\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=t Customer_ID=1", "Order_ID=2 Region=t Customer_ID=2");
    assert_int_equal(shop_stats(&shop).groups[0], 1);
    assert_delivered(&shop, 1, false, false, NULL,
                     "by_region:\n-r\n-s\nby_region:\nt|2|\nby_customer:\n-1|r\n-1|s\nby_customer:\n1|t|1\n1|t|2\n");
    assert_int_equal(engine_dropped(shop.engine), 0);
    assert_delivered(&shop, 1, false, true, "by_region", "-r\n-s\nt|2|\n");
    /* A target of before has them again, and must be told otherwise. */
    assert_int_equal(engine_dropped(shop.engine), 2);
    assert_delivered(&shop, 1, false, true, "by_region", "t|2|\n");
    shop_close(&shop);
}

static void a_group_that_fills_again_before_its_deletion_lives_on(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1 Quantity=3");
    assert_delivered(&shop, 0, false, true, "by_region", "r|1|3\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=s Customer_ID=1");
    shop_change(&shop, 3, ORDERS, "Order_ID=2 Region=r Customer_ID=1 Quantity=5");
    assert_delivered(&shop, 1, false, true, "by_region", "r|1|5\ns|1|\n");
    shop_change(&shop, 4, ORDERS, "Order_ID=2 Region=s Customer_ID=1");
    assert_delivered(&shop, 3, false, true, "by_region", "-r\ns|2|\n");
    shop_close(&shop);
}

static void a_full_delivery_lists_every_group_and_no_deletes(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1", "Order_ID=2 Region=s Customer_ID=1");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=s Customer_ID=1");
    struct buf out;
    buf_init(&out, SIZE_MAX);
    struct delivery delivery = shop_deliver(&shop, 2, true, true, "by_region", &out);
    assert_text(&out, "s|2|\n");
    assert_true(delivery.full);
    assert_int_equal(delivery.upserts[0], 1);
    assert_int_equal(delivery.deletes[0], 0);
    assert_int_equal(delivery.to.rows[0], 1);
    assert_int_equal(delivery.to.rows[1], 1);
    buf_close(&out);
    assert_delivered(&shop, 0, false, true, "by_region", "s|2|\n");
    shop_close(&shop);
}

static void tells_how_many_rows_are_to_come(void **state)
{
    (void)state;
    struct shop shop;
    struct buf out;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1", "Order_ID=2 Region=s Customer_ID=1");
    buf_init(&out, SIZE_MAX);
    shop_deliver(&shop, 0, false, true, NULL, &out);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=s Customer_ID=1");
    struct delivery delivery = shop_deliver(&shop, 1, false, true, NULL, &out);
    assert_false(delivery.full);
    assert_int_equal(delivery.upserts[0], 1);
    assert_int_equal(delivery.deletes[0], 1);
    assert_int_equal(delivery.to.rows[0], 1);
    buf_close(&out);
    shop_close(&shop);
}

static void a_failed_delivery_leaves_its_groups_to_the_next(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1");
    assert_delivered(&shop, 0, false, true, "by_region", "r|1|\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=s Customer_ID=1");
    assert_delivered(&shop, 1, false, false, "by_region", "-r\ns|1|\n");
    shop_change(&shop, 3, ORDERS, "Order_ID=2 Region=u Customer_ID=1");
    assert_delivered(&shop, 1, false, true, "by_region", "-r\ns|1|\nu|1|\n");
    assert_delivered(&shop, 3, false, true, "by_region", "");
    shop_close(&shop);
}

/* --- fresh groups
   -------------------------------------------------------------------------------------------------- */

/* The groups of table by_region in a delivery since `since`: the fresh ones, and the others. */
static void assert_fresh(struct shop *shop, uint64_t since, bool full, size_t least, bool delivered, size_t fresh,
                         size_t others)
{
    struct delivery delivery = {.fresh_least = least};
    struct error error;
    size_t found[2] = {0, 0};
    assert_ok(engine_delivery_start(shop->engine, since, full, &delivery, &error), &error);
    for (struct block *block;;) {
        assert_ok(engine_delivery_next(shop->engine, &block, &error), &error);
        if (!block)
            break;
        if (block->table == 0 && !block->deletes)
            found[block->fresh] += block->rows;
        assert_false(block->fresh && block->deletes);
        block_free(block);
    }
    engine_delivery_end(shop->engine, delivered);
    assert_int_equal(found[true], fresh);
    assert_int_equal(found[false], others);
    assert_int_equal(delivery.upserts[0], fresh + others);
}

static void groups_made_since_the_last_delivery_are_fresh(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=a Customer_ID=1", "Order_ID=2 Region=b Customer_ID=1");
    assert_fresh(&shop, 0, true, 0, true, 0, 2);
    shop_change(&shop, 2, ORDERS, "Order_ID=3 Region=b Customer_ID=1", "Order_ID=4 Region=c Customer_ID=1");
    assert_fresh(&shop, 1, false, 2, false, 0, 2); /* fewer than are wanted by themselves */
    assert_fresh(&shop, 1, false, 1, false, 1, 1); /* failed: fresh still */
    assert_fresh(&shop, 0, true, 0, false, 0, 3);
    assert_fresh(&shop, 1, false, 0, true, 1, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=5 Region=c Customer_ID=1", "Order_ID=6 Region=d Customer_ID=1");
    assert_fresh(&shop, 2, false, 0, true, 1, 1);
    shop_close(&shop);
}

static void groups_of_a_target_that_stands_elsewhere_are_not_fresh(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=a Customer_ID=1");
    assert_fresh(&shop, 0, true, 0, true, 0, 1);
    shop_change(&shop, 2, ORDERS, "Order_ID=2 Region=b Customer_ID=1");
    assert_fresh(&shop, 1, false, 0, false, 1, 0); /* its COMMIT came through and nobody heard of it */
    shop_change(&shop, 3, ORDERS, "Order_ID=3 Region=c Customer_ID=1");
    assert_fresh(&shop, 2, false, 0, true, 0, 1);
    shop_change(&shop, 4, ORDERS, "Order_ID=4 Region=b Customer_ID=1", "Order_ID=5 Region=d Customer_ID=1");
    assert_fresh(&shop, 1, false, 0, false, 0, 3); /* a dump that was restored */
    assert_fresh(&shop, 3, false, 0, true, 0, 2);
    shop_close(&shop);
}

/* What a target refused as a key it cannot be asked to delete either. */
static void a_group_that_came_and_went_between_two_deliveries_is_in_none(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1");
    assert_delivered(&shop, 0, true, true, "by_region", "r|1|\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=2 Region=s Customer_ID=1");
    assert_delivered(&shop, 1, false, false, "by_region", "s|1|\n");
    shop_change(&shop, 3, ORDERS, "Order_ID=2 Region=r Customer_ID=1");
    assert_delivered(&shop, 1, false, false, "by_region", "r|2|\n");
    assert_delivered(&shop, 2, false, true, "by_region",
                     "-s\nr|2|\n"); /* it had come through, and nobody heard of it */
    shop_close(&shop);
}

static void a_target_that_holds_all_is_known_from_there_on(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=a Customer_ID=1");
    engine_delivered(shop.engine);
    shop_change(&shop, 2, ORDERS, "Order_ID=2 Region=a Customer_ID=1", "Order_ID=3 Region=b Customer_ID=1");
    assert_fresh(&shop, 1, false, 0, false, 1, 1);
    engine_delivered(shop.engine); /* the delivery came through after all */
    shop_change(&shop, 3, ORDERS, "Order_ID=4 Region=b Customer_ID=1", "Order_ID=5 Region=c Customer_ID=1");
    assert_fresh(&shop, 2, false, 0, true, 1, 1);
    shop_close(&shop);
}

/* --- changes while a delivery is open ----------------------------------------------------------------------------- */

static void start(struct shop *shop, uint64_t since, bool full)
{
    struct delivery delivery = {0};
    struct error error;
    assert_ok(engine_delivery_start(shop->engine, since, full, &delivery, &error), &error);
}

#define assert_rest(shop, only, wanted)                                                                                \
    do {                                                                                                               \
        struct buf testing_out;                                                                                        \
        buf_init(&testing_out, SIZE_MAX);                                                                              \
        print_rest(shop, only, &testing_out);                                                                          \
        assert_text(&testing_out, wanted);                                                                             \
        buf_close(&testing_out);                                                                                       \
    } while (0)

static void an_open_delivery_shows_what_was_there_when_it_started(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1 Quantity=1",
                "Order_ID=2 Region=s Customer_ID=1 Quantity=2");
    start(&shop, 0, false);
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=s Customer_ID=1 Quantity=9",
                "Order_ID=3 Region=r Customer_ID=2 Quantity=7", "Order_ID=4 Region=new Customer_ID=1");
    shop_change(&shop, 3, ORDERS, "Order_ID=3 Region=s Customer_ID=2 Quantity=8");
    assert_rest(&shop, "by_region", "r|1|1\ns|1|2\n");
    engine_delivery_end(shop.engine, true);
    assert_delivered(&shop, 1, false, true, "by_region", "-r\nnew|1|\ns|3|9\n");
    shop_close(&shop);
}

static void a_group_already_sent_is_not_set_aside(void **state)
{
    (void)state;
    struct shop shop;
    struct block *block;
    struct error error;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1");
    start(&shop, 0, false);
    assert_ok(engine_delivery_next(shop.engine, &block, &error), &error);
    assert_int_equal(block->table, 0);
    block_free(block);
    shop_change(&shop, 2, ORDERS, "Order_ID=2 Region=r Customer_ID=1");
    assert_rest(&shop, NULL, "by_customer:\n1|r|1\n");
    engine_delivery_end(shop.engine, true);
    assert_delivered(&shop, 1, false, true, NULL, "by_region:\nr|2|\nby_customer:\n2|r|1\n");
    shop_close(&shop);
}

static void what_was_set_aside_is_forgotten_when_the_delivery_fails(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1");
    start(&shop, 0, false);
    shop_change(&shop, 2, ORDERS, "Order_ID=2 Region=r Customer_ID=1");
    engine_delivery_end(shop.engine, false);
    assert_delivered(&shop, 0, false, true, "by_region", "r|2|\n");
    shop_close(&shop);
}

static void a_group_deleted_by_an_open_delivery_can_fill_again(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=1 Region=r Customer_ID=1");
    assert_delivered(&shop, 0, false, true, "by_region", "r|1|\n");
    shop_change(&shop, 2, ORDERS, "Order_ID=1 Region=s Customer_ID=1");
    start(&shop, 1, false);
    shop_change(&shop, 3, ORDERS, "Order_ID=2 Region=r Customer_ID=1");
    assert_rest(&shop, "by_region", "-r\ns|1|\n");
    engine_delivery_end(shop.engine, true);
    assert_delivered(&shop, 2, false, true, "by_region", "r|1|\n");
    shop_close(&shop);
}

static void a_second_delivery_and_one_within_a_change_are_refused(void **state)
{
    (void)state;
    struct shop shop;
    struct delivery delivery = {0};
    struct error error;
    shop_open(&shop, TWO);
    start(&shop, 0, false);
    assert_false(engine_delivery_start(shop.engine, 0, false, &delivery, &error));
    assert_error(&error, ERROR_BUG, "twice");
    engine_delivery_end(shop.engine, true);
    engine_begin(shop.engine, 1);
    assert_false(engine_delivery_start(shop.engine, 0, false, &delivery, &error));
    assert_error(&error, ERROR_BUG, "change");
    shop_end(&shop);
    shop_close(&shop);
}

/* --- size --------------------------------------------------------------------------------------------------------- */

static void add_orders(struct shop *shop, uint64_t sequence, int first, int count, int text)
{
    struct chunk_writer writer;
    struct value values[PIPELINE_FIELDS_MAX];
    struct error error;
    char *row = malloc((size_t)text + 128);
    assert_non_null(row);
    chunk_writer_init(&writer, &shop->pipeline->feeds[ORDERS]);
    engine_begin(shop->engine, sequence);
    for (int i = first; i < first + count; i++) {
        int len = snprintf(row, 128, "Order_ID=%d Customer_ID=%d Region=%06d", i, i, i);
        memset(row + len, 'x', (size_t)text);
        row[len + text] = 0;
        shop_values(&shop->pipeline->feeds[ORDERS], row, values);
        assert_true(chunk_put(&writer, (uint64_t)(i - first + 1), 1, values));
        if (chunk_full(&writer)) {
            shop_apply(shop, ORDERS, &writer);
            chunk_writer_close(&writer);
        }
    }
    shop_apply(shop, ORDERS, &writer);
    assert_ok(engine_end(shop->engine, &error), &error);
    chunk_writer_close(&writer);
    free(row);
}

/* All rows come once and in order, in blocks that keep to their limits. */
static void check_blocks(struct shop *shop, size_t rows, size_t least_blocks)
{
    struct error error;
    size_t seen = 0, blocks = 0;
    start(shop, 0, false);
    for (struct block *block;; blocks++) {
        assert_ok(engine_delivery_next(shop->engine, &block, &error), &error);
        if (!block)
            break;
        assert_in_range(block->rows, 1, BLOCK_ROWS_MAX);
        assert_true(block->arena.used <= BLOCK_BYTES_MAX);
        for (size_t i = 0; i < block->rows && block->table == 0; i++, seen++) {
            char wanted[16];
            snprintf(wanted, sizeof wanted, "%06zu", seen);
            assert_memory_equal(block->cells[i * block->columns].text.data, wanted, 6);
        }
        block_free(block);
    }
    engine_delivery_end(shop->engine, true);
    assert_int_equal(seen, rows);
    assert_true(blocks >= least_blocks);
}

static void cuts_many_rows_into_blocks(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    add_orders(&shop, 1, 0, 10000, 1);
    check_blocks(&shop, 10000, 6);
    shop_close(&shop);
}

static void cuts_long_texts_into_blocks(void **state)
{
    (void)state;
    struct shop shop;
    shop_open(&shop, TWO);
    add_orders(&shop, 1, 0, 600, 40000);
    check_blocks(&shop, 600, 6);
    shop_close(&shop);
}

/* So many groups change that listing them is given up, and the next delivery is as right. */
static void many_changed_groups_are_found_without_their_list(void **state)
{
    (void)state;
    struct shop shop;
    struct buf out;
    shop_open(&shop, TWO);
    add_orders(&shop, 1, 0, 9000, 1);
    assert_int_equal(shop_undelivered(&shop, 0), 18000);
    buf_init(&out, SIZE_MAX);
    shop_deliver(&shop, 0, false, true, "none", &out);
    shop_change(&shop, 2, ORDERS, "Order_ID=8999 Customer_ID=1 Region=a");
    assert_delivered(&shop, 1, false, false, "by_region", "-008999x\na|1|\n");
    add_orders(&shop, 3, 9000, 9000, 1);
    assert_int_equal(shop_undelivered(&shop, 2), 18000);
    assert_int_equal(shop_undelivered(&shop, 1), 18004);
    shop_deliver(&shop, 1, false, true, "none", &out);
    assert_int_equal(shop_undelivered(&shop, 3), 0);
    shop_change(&shop, 4, ORDERS, "Order_ID=8998 Customer_ID=1 Region=a");
    assert_delivered(&shop, 3, false, true, "by_region", "-008998x\na|2|\n");
    buf_close(&out);
    shop_close(&shop);
}

/* The list is given up while a delivery is open, whose end must not make believe that it was kept. */
static void groups_that_change_while_a_delivery_is_open_are_in_the_next(void **state)
{
    (void)state;
    struct shop shop;
    struct buf out;
    shop_open(&shop, TWO);
    shop_change(&shop, 1, ORDERS, "Order_ID=100000 Customer_ID=1 Region=a");
    start(&shop, 0, false);
    add_orders(&shop, 2, 0, 9000, 1);
    shop_change(&shop, 3, ORDERS, "Order_ID=100001 Customer_ID=1 Region=b");
    assert_rest(&shop, "by_region", "a|1|\n");
    engine_delivery_end(shop.engine, true);
    assert_int_equal(shop_undelivered(&shop, 1), 18002);
    assert_int_equal(shop_undelivered(&shop, 2), 2);
    buf_init(&out, SIZE_MAX);
    shop_deliver(&shop, 1, false, true, "none", &out);
    assert_int_equal(shop_undelivered(&shop, 3), 0);
    buf_close(&out);
    shop_close(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_what_changed_since_in_key_order),
        cmocka_unit_test(a_target_that_is_older_gets_all_that_it_lacks),
        cmocka_unit_test(an_emptied_group_is_deleted_once_and_before_the_upserts),
        cmocka_unit_test(a_group_that_fills_again_before_its_deletion_lives_on),
        cmocka_unit_test(a_full_delivery_lists_every_group_and_no_deletes),
        cmocka_unit_test(tells_how_many_rows_are_to_come),
        cmocka_unit_test(a_failed_delivery_leaves_its_groups_to_the_next),
        cmocka_unit_test(groups_made_since_the_last_delivery_are_fresh),
        cmocka_unit_test(groups_of_a_target_that_stands_elsewhere_are_not_fresh),
        cmocka_unit_test(a_group_that_came_and_went_between_two_deliveries_is_in_none),
        cmocka_unit_test(a_target_that_holds_all_is_known_from_there_on),
        cmocka_unit_test(an_open_delivery_shows_what_was_there_when_it_started),
        cmocka_unit_test(a_group_already_sent_is_not_set_aside),
        cmocka_unit_test(what_was_set_aside_is_forgotten_when_the_delivery_fails),
        cmocka_unit_test(a_group_deleted_by_an_open_delivery_can_fill_again),
        cmocka_unit_test(a_second_delivery_and_one_within_a_change_are_refused),
        cmocka_unit_test(cuts_many_rows_into_blocks),
        cmocka_unit_test(cuts_long_texts_into_blocks),
        cmocka_unit_test(many_changed_groups_are_found_without_their_list),
        cmocka_unit_test(groups_that_change_while_a_delivery_is_open_are_in_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
