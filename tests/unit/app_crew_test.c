/* Parts of a step on threads of their own, and deliveries that are made so. */
#include "engine_support.h"

#include <stdatomic.h>
#include <uv.h>

#include "app/crew.h"

/* --- the crew ----------------------------------------------------------------------------------------------------- */

struct calls {
    atomic_int of[ENGINE_PARTS_MAX];
    atomic_int together; /* parts that have begun */
    bool waits;          /* each for all others */
};

static void count_call(void *of, size_t i)
{
    struct calls *calls = of;
    atomic_fetch_add(&calls->of[i], 1);
    atomic_fetch_add(&calls->together, 1);
    while (calls->waits && atomic_load(&calls->together) < ENGINE_PARTS_MAX)
        uv_sleep(0);
}

static void calls_each_part_once(void **state)
{
    (void)state;
    for (size_t parts = 1; parts <= ENGINE_PARTS_MAX; parts++) {
        struct calls calls = {.waits = false};
        crew_run(parts, count_call, &calls);
        for (size_t i = 0; i < ENGINE_PARTS_MAX; i++)
            assert_int_equal(calls.of[i], i < parts ? 1 : 0);
    }
}

/* It would hang if one part were done behind another. */
static void parts_are_done_at_once(void **state)
{
    (void)state;
    struct calls calls = {.waits = true};
    crew_run(ENGINE_PARTS_MAX, count_call, &calls);
    assert_int_equal(calls.together, ENGINE_PARTS_MAX);
}

/* --- deliveries --------------------------------------------------------------------------------------------------- */

enum {
    ORDERS_MANY = 6000,
    MIXED = 7919,       /* has no divisor in common with that: customers come in no order */
    LONG_EVERY = 211,   /* of them have a region so long that blocks end by their texts */
    LONG = 60000,       /* bytes */
    TOO_LARGE_EVERY = 5 /* have a quantity that the column of the greatest cannot hold */
};

/* Twenty texts of a row: one row may have more of them than a part of a block. */
#define WIDE                                                                                                           \
    "'facts': {'feed': 'Orders', 'key': ['Order_ID']}, 'tables': {"                                                    \
    "'by_customer': {'group_by': ['Customer_ID'], 'columns': {'customer': {'group': 'Customer_ID'},"                   \
    "'most': {'max': 'Quantity', 'type': 'integer'}, 'regions': {'count_distinct': 'Region'},"                         \
    "'a': {'min': 'Region'}, 'b': {'max': 'Region'}, 'c': {'min': 'Region'}, 'd': {'max': 'Region'},"                  \
    "'e': {'min': 'Region'}, 'f': {'max': 'Region'}, 'g': {'min': 'Region'}, 'h': {'max': 'Region'},"                  \
    "'i': {'min': 'Region'}, 'j': {'max': 'Region'}, 'k': {'min': 'Region'}, 'l': {'max': 'Region'},"                  \
    "'m': {'min': 'Region'}, 'n': {'max': 'Region'}, 'o': {'min': 'Region'}, 'p': {'max': 'Region'},"                  \
    "'q': {'min': 'Region'}, 'r': {'max': 'Region'}, 's': {'min': 'Region'}, 't': {'max': 'Region'}}},"                \
    "'by_region': {'group_by': ['Region', 'Customer_ID'], 'columns': {'region': {'group': 'Region'},"                  \
    "'customer': {'group': 'Customer_ID'}, 'n': {'count': 'Order_ID'}, 'files': {'files': true}}}}"

static void put_order(struct chunk_writer *writer, int i, int customer)
{
    char row[LONG + 128];
    struct value values[PIPELINE_FIELDS_MAX];
    int len = snprintf(row, 128, "Order_ID=%d Customer_ID=%d Quantity=%lld Region=%06d", i, customer,
                       i % TOO_LARGE_EVERY == 0 ? 5000000000LL : i, i);
    int more = i % LONG_EVERY == 0 ? LONG - 6 : 2;
    memset(row + len, 'x', (size_t)more);
    row[len + more] = 0;
    shop_values(writer->feed, row, values);
    assert_true(chunk_put(writer, (uint64_t)i + 1, (uint64_t)i + 1, values));
}

/* Every `step`-th order, of the customer `shift` numbers on. */
static void apply_orders(struct shop *shop, uint64_t sequence, int step, int shift)
{
    struct chunk_writer writer;
    struct error error;
    chunk_writer_init(&writer, &shop->pipeline->feeds[ORDERS]);
    engine_begin(shop->engine, sequence);
    for (int i = 0; i < ORDERS_MANY; i += step) {
        put_order(&writer, i, i * MIXED % ORDERS_MANY + shift);
        if (!chunk_full(&writer) && i + step < ORDERS_MANY)
            continue;
        shop_apply(shop, ORDERS, &writer);
        chunk_writer_close(&writer);
    }
    assert_ok(engine_end(shop->engine, &error), &error);
    chunk_writer_close(&writer);
}

/* What the next delivery brings, as a hash of its rows in order, their number and the values that no column can
   hold. */
struct brought {
    uint64_t hash, rows, overflows, blocks;
};

static void take_block(const struct shop *shop, struct block *block, struct brought *brought)
{
    struct buf out;
    assert_in_range(block->rows, 1, BLOCK_ROWS_MAX);
    assert_true(block->arena.used <= BLOCK_BYTES_MAX);
    buf_init(&out, SIZE_MAX);
    print_block(shop->pipeline, block, &out);
    for (const char *row = out.data, *end = out.data + out.len; row < end;) {
        size_t len = (size_t)((const char *)memchr(row, '\n', (size_t)(end - row)) - row) + 1;
        brought->hash = hash_bytes((struct slice){row, len}, brought->hash);
        row += len;
    }
    brought->rows += block->rows;
    brought->blocks++;
    buf_close(&out);
    block_free(block);
}

/* `change`: while it is open, every third order goes to another customer. */
static struct brought deliver(struct shop *shop, uint64_t since, bool change)
{
    struct delivery delivery = {.fresh_least = SIZE_MAX};
    struct brought brought = {.overflows = engine_overflows(shop->engine).values};
    struct error error;
    assert_ok(engine_delivery_start(shop->engine, since, false, &delivery, &error), &error);
    if (change)
        apply_orders(shop, 2, 3, 7);
    for (struct block *block;;) {
        assert_ok(engine_delivery_next(shop->engine, &block, &error), &error);
        if (!block)
            break;
        take_block(shop, block, &brought);
    }
    engine_delivery_end(shop->engine, true);
    brought.overflows = engine_overflows(shop->engine).values - brought.overflows;
    return brought;
}

struct history {
    struct brought first, second;
};

static struct history tell(size_t parts, engine_beside run)
{
    struct shop shop;
    shop_open(&shop, WIDE);
    engine_lend(shop.engine, parts, CREW_LEAST, run);
    apply_orders(&shop, 1, 1, 0);
    struct history history = {.first = deliver(&shop, 0, true)};
    history.second = deliver(&shop, 1, false);
    shop_close(&shop);
    return history;
}

static void assert_same(const struct brought *a, const struct brought *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->overflows, b->overflows);
    assert_true(a->hash == b->hash);
}

/* Blocks end elsewhere, as each part has its share of a block's texts; their rows are the same, in the same order. */
static void deliveries_are_the_same_by_however_many_they_are_made(void **state)
{
    (void)state;
    struct history alone = tell(1, NULL);
    assert_int_equal(alone.first.rows, 2 * ORDERS_MANY);
    assert_int_equal(alone.first.overflows, ORDERS_MANY / TOO_LARGE_EVERY);
    for (size_t parts = 2; parts <= ENGINE_PARTS_MAX; parts *= 4) {
        struct history backwards = tell(parts, shop_backwards), crew = tell(parts, crew_run);
        assert_same(&backwards.first, &alone.first);
        assert_same(&backwards.second, &alone.second);
        assert_same(&crew.first, &alone.first);
        assert_same(&crew.second, &alone.second);
        assert_int_equal(crew.first.blocks, backwards.first.blocks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_each_part_once),
        cmocka_unit_test(parts_are_done_at_once),
        cmocka_unit_test(deliveries_are_the_same_by_however_many_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
