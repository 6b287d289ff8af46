/*
 * Histories are told to the engine while every allocation fails once, and once for good, and under every limit of
 * memory. What it delivers is what it always delivers, or it says that memory is out.
 */
#include "engine_support.h"

#include "failing_malloc.h"

enum { CHUNKS_MAX = 96, CLOSE = 99 };

#define TABLES(JOINED)                                                                                                 \
    "'tables': {'t': {'group_by': ['Customer_ID', 'Region'], 'window': {'on': 'Time', 'size': '10 days'},"             \
    "'uniform': ['Currency'], 'columns': {'customer': {'group': 'Customer_ID'}, 'region': {'group': 'Region'},"        \
    "'start': {'window': 'start'}, 'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'},"                        \
    "'mean': {'avg': 'Total'}, 'least': {'min': 'Total'}, 'most': {'max': 'SKU'},"                                     \
    "'products': {'count_distinct': 'SKU'}, 'pieces': {'sum': 'Quantity'},"                                            \
    "'far': {'sum': '" JOINED ".Distance', 'where': {'any': [{'" JOINED ".Driver': ['d1', 'd2']},"                     \
    "{'not': {'" JOINED ".Distance': {'>': 1}}}]}}}},"                                                                 \
    "'all': {'group_by': ['Day'], 'columns': {'day': {'group': 'Day'}, 'orders': {'count': "                           \
    "'Order_ID'}, 'drivers': {'count_distinct': '" JOINED ".Driver'}}}}"

static const char *const with_grain =
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'not': {'Status': 'void'}},"
    "'grain': {'key': ['Order_ID'], 'attributes': ['Customer_ID', 'Time', 'Day', 'Total', 'Currency', 'Region']}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID'}]," TABLES("Deliveries");
static const char *const nested =
    "'facts': {'feed': 'Orders', 'key': ['Order_ID'], 'filter': {'not': {'Status': 'void'}}},"
    "'join': [{'feed': 'Trips', 'key': ['Order_ID', 'Task_ID'], 'on': 'Order_ID', 'required': false},"
    "{'feed': 'Customers', 'on': {'Region': 'City'}, 'required': false}]," TABLES("Trips");
static const char *const without_keys =
    "'facts': {'feed': 'Orders'}, 'join': [{'feed': 'Deliveries', 'on': 'Order_ID'}]," TABLES("Deliveries");

static const char *const closing =
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'not': {'Status': 'void'}},"
    "'grain': {'key': ['Order_ID'], 'attributes': ['Customer_ID', 'Time', 'Total', 'Currency', 'Region']}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID'}],"
    "'tables': {'t': {'group_by': ['Region'], 'window': {'on': 'Time', 'size': '10 days'}, 'uniform': ['Currency'],"
    "'columns': {'region': {'group': 'Region'}, 'start': {'window': 'start'}, 'orders': {'count': 'Order_ID'},"
    "'most': {'max': 'SKU'}, 'products': {'count_distinct': 'SKU'}, 'far': {'sum': 'Deliveries.Distance'}}}},"
    "'retention': {'lateness': '1 day'}";

/* --- a history ---------------------------------------------------------------------------------------------------- */

/* Chunks made beforehand, so that nothing but the engine allocates. */
struct history {
    struct pipeline *pipeline;
    struct told {
        uint64_t sequence; /* 0: of the change before */
        size_t feed;       /* or CLOSE, before a day of 2022 */
        int close_before;
        struct chunk_writer chunk;
    } chunks[CHUNKS_MAX];
    size_t count;
    uint64_t row; /* of the row last put */
};

PRINTF_LIKE(2, 3) static void put_row(struct history *h, const char *format, ...)
{
    struct told *told = &h->chunks[h->count - 1];
    struct value values[PIPELINE_FIELDS_MAX];
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    shop_values(told->chunk.feed, text, values);
    h->row++;
    assert_true(chunk_put(&told->chunk, h->row, h->row, values));
}

static void begin_chunk(struct history *h, uint64_t sequence, size_t feed)
{
    assert_in_range(h->count, 0, CHUNKS_MAX - 1);
    struct told *told = &h->chunks[h->count++];
    told->sequence = sequence;
    told->feed = feed;
    chunk_writer_init(&told->chunk, &h->pipeline->feeds[feed]);
}

static void put_orders(struct history *h, uint64_t sequence, int from, int to, int customer, int seed)
{
    begin_chunk(h, sequence, ORDERS);
    for (int i = from; i < to; i++)
        put_row(h,
                "Order_ID=%d SKU=sku-%d-of-a-product Customer_ID=%d Time=2022-01-10T00:00:%02d Total=%d.%02d "
                "Status=%s Currency=%s Quantity=%d Day=2022-01-10 Region=r%d",
                i, (i * 7 + seed) % 400, customer + (i % 40 == 0), i % 60, i * 3 + seed, i % 100,
                i % 50 == 7 ? "void" : "done", i % 90 < 80 ? "NGN" : "KES", i % 5, i % 2);
}

static void put_tasks(struct history *h, uint64_t sequence, int from, int to, int orders, const char *driver)
{
    begin_chunk(h, sequence, DELIVERIES);
    for (int i = from; i < to; i++)
        put_row(h, "Task_ID=%d Order_ID=%d Distance=%d.5 Driver=%s%d", i, i % orders, i % 9, driver, i % 3);
}

/* Groups that are soon empty again, a group of hundreds with its bags, parents with many records, corrections that move
   and withdraw most of it. */
static struct history tell(const char *members, int orders)
{
    struct history h = {.pipeline = shop_pipeline(members)};
    if (h.pipeline->feed_count > CUSTOMERS) {
        begin_chunk(&h, 1, CUSTOMERS);
        for (int i = 1; i < 250; i++)
            put_row(&h, "Customer_ID=%d City=r%d Bonus=%d", i, i % 2, i);
    }
    put_orders(&h, 2, 0, 30, 100, 5);
    for (int i = 30; i < 60; i++)
        put_orders(&h, 0, i, i + 1, 100 + i, 5);
    put_tasks(&h, 0, 0, orders, orders, "d");
    put_orders(&h, 3, 0, orders, 7, 0);
    put_tasks(&h, 4, orders, orders + 80, 4, "e");
    put_orders(&h, 5, 0, orders / 2, 8, 1);
    for (int i = 0; i < 40; i++)
        put_orders(&h, 0, i, i + 1, 200 + i, 2);
    put_tasks(&h, 6, 0, 60, 3, "f");
    put_orders(&h, 7, 10, orders, 20, 3);
    return h;
}

static void put_orders_of(struct history *h, uint64_t sequence, int from, int to, int day)
{
    begin_chunk(h, sequence, ORDERS);
    for (int i = from; i < to; i++)
        put_row(h,
                "Order_ID=%d SKU=sku-%d-of-a-product Customer_ID=%d Time=2022-0%d-%02dT00:00:00 Total=%d.25 Status=%s "
                "Currency=%s Quantity=1 Day=2022-01-10 Region=r%d",
                i, (i * 7 + day) % 400, i % 9, 1 + day / 28, 1 + day % 28, i, i % 50 == 7 ? "void" : "done",
                i % 90 < 80 ? "NGN" : "KES", i % 2);
}

static void put_close(struct history *h, uint64_t sequence, int before)
{
    h->chunks[h->count++] = (struct told){.sequence = sequence, .feed = CLOSE, .close_before = before};
}

/* Windows with a group of hundreds, waiting orders, lines that move and lines that disagree; some close, most close,
   and their rows come again. */
static struct history tell_of_windows(const char *members, int orders)
{
    struct history h = {.pipeline = shop_pipeline(members)};
    begin_chunk(&h, 1, CUSTOMERS);
    for (int i = 0; i < 8; i++)
        put_row(&h, "Customer_ID=%d City=c%d", i, i % 2);
    put_orders_of(&h, 2, 0, orders / 2, 3);
    put_orders_of(&h, 0, orders / 2, orders, 15);
    put_tasks(&h, 0, 0, orders, orders, "d");
    put_orders_of(&h, 3, orders / 2, orders / 2 + 9, 33);
    put_tasks(&h, 0, orders, orders + 40, 2, "e");
    put_close(&h, 4, 8);
    put_orders_of(&h, 5, 0, orders, 35);
    put_tasks(&h, 0, 0, orders, orders / 3, "f");
    put_close(&h, 6, 38);
    put_orders_of(&h, 7, 0, orders + 20, 44);
    put_tasks(&h, 8, orders, orders + 80, orders + 20, "g");
    return h;
}

static void forget_history(struct history *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->chunks[i].feed != CLOSE)
            chunk_writer_close(&h->chunks[i].chunk);
    pipeline_free(h->pipeline);
}

/* --- telling it --------------------------------------------------------------------------------------------------- */

struct listener {
    struct engine *engine;
    const struct history *history;
    struct buf heard; /* blocks and buckets as text, which is no part of the work */
    struct delivery delivery;
    struct error error;
    bool listening, failing;
};

static void note_replaced(void *context, uint64_t sequence)
{
    (void)context;
    (void)sequence;
}

static void hear(struct listener *l, const struct block *block, const struct buckets *buckets)
{
    if (l->failing)
        failing_pause();
    if (block)
        print_block(l->history->pipeline, block, &l->heard);
    if (buckets)
        buf_printf(&l->heard, "%ju applied, %ju unchanged, %ju filtered, %ju late\n", (uintmax_t)buckets->applied,
                   (uintmax_t)buckets->unchanged, (uintmax_t)buckets->filtered, (uintmax_t)buckets->late);
    if (l->failing)
        failing_resume();
}

static bool listen(struct listener *l, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++) {
        struct block *block;
        if (!engine_delivery_next(l->engine, &block, &l->error))
            return false;
        if (!block)
            break;
        hear(l, block, NULL);
        block_free(block);
    }
    return true;
}

static bool start(struct listener *l, uint64_t since, bool full)
{
    l->listening = engine_delivery_start(l->engine, since, full, &l->delivery, &l->error);
    return l->listening;
}

static bool finish(struct listener *l)
{
    bool good = listen(l, SIZE_MAX);
    if (good)
        engine_delivery_end(l->engine, true);
    return good;
}

static bool apply(struct listener *l, size_t *next)
{
    const struct history *h = l->history;
    struct buckets buckets = {0};
    if (h->chunks[*next].feed == CLOSE) {
        const struct told *told = &h->chunks[(*next)++];
        return engine_close(l->engine, told->sequence, (18990 + 2 + told->close_before) * TIMESTAMP_DAY, &l->error);
    }
    engine_begin(l->engine, h->chunks[*next].sequence);
    const struct engine_report report = {&buckets, note_replaced, l};
    do {
        const struct told *told = &h->chunks[(*next)++];
        if (!engine_apply(l->engine, told->feed, buf_slice(&told->chunk.buf), &report, &l->error))
            return false;
    } while (*next < h->count && h->chunks[*next].sequence == 0);
    hear(l, NULL, &buckets);
    return engine_end(l->engine, &l->error);
}

/* Changes, among which deliveries begin and end; some are applied while one is open. */
static bool tell_all(struct listener *l)
{
    size_t next = 0;
    for (unsigned step = 0; next < l->history->count; step++) {
        if (step == 3 && (!start(l, 0, false) || !listen(l, 1)))
            return false;
        if (!apply(l, &next))
            return false;
        if (step == 4 && !finish(l))
            return false;
    }
    return start(l, 4, false) && finish(l) && start(l, 0, true) && finish(l);
}

/* The whole life of an engine. False with an error that must be ERROR_MEMORY. */
static bool live(struct listener *l, size_t limit)
{
    l->engine = engine_new(l->history->pipeline, limit, &l->error);
    bool good = l->engine && tell_all(l);
    /* A target may have got what was delivered before memory ran out. */
    if (l->engine && !good)
        engine_delivery_end(l->engine, true);
    engine_free(l->engine);
    return good;
}

static struct buf told_as_ever(const struct history *h, size_t *memory)
{
    struct listener l = {.history = h};
    buf_init(&l.heard, SIZE_MAX);
    l.engine = engine_new(h->pipeline, 0, &l.error);
    assert_non_null(l.engine);
    assert_ok(tell_all(&l), &l.error);
    struct engine_stats stats;
    engine_stats(l.engine, &stats);
    *memory = stats.memory;
    engine_free(l.engine);
    return l.heard;
}

static void check(const struct listener *l, bool good, bool may_fail, const struct buf *wanted)
{
    if (good) {
        assert_true(slice_equal(buf_slice(&l->heard), buf_slice(wanted)));
        return;
    }
    assert_true(may_fail);
    assert_error(&l->error, ERROR_MEMORY, "memory");
    /* What was delivered before is right all the same. */
    assert_true(slice_starts_with(buf_slice(wanted), buf_slice(&l->heard)));
}

static void sweep(struct history history, unsigned long at_least)
{
    size_t memory;
    struct buf wanted = told_as_ever(&history, &memory);
    struct failing f = {0};
    while (failing_next(&f)) {
        struct listener l = {.history = &history, .failing = true};
        buf_init(&l.heard, SIZE_MAX);
        failing_begin(&f);
        bool good = live(&l, 0);
        bool hit = failing_end(&f);
        check(&l, good, hit, &wanted);
        buf_close(&l.heard);
    }
    assert_in_range(f.points, at_least, 100000);
    size_t step = memory / 25 + 1;
    for (size_t limit = step; limit < memory * 2; limit += step) {
        struct listener l = {.history = &history};
        buf_init(&l.heard, SIZE_MAX);
        check(&l, live(&l, limit), true, &wanted);
        buf_close(&l.heard);
    }
    buf_close(&wanted);
    forget_history(&history);
}

static void orders_of_many_lines_survive_a_shortage_of_memory(void **state)
{
    (void)state;
    sweep(tell(with_grain, 300), 100);
}

static void records_under_their_fact_survive_a_shortage_of_memory(void **state)
{
    (void)state;
    sweep(tell(nested, 300), 100);
}

static void rows_without_keys_survive_a_shortage_of_memory(void **state)
{
    (void)state;
    sweep(tell(without_keys, 200), 100);
}

static void windows_that_close_survive_a_shortage_of_memory(void **state)
{
    (void)state;
    sweep(tell_of_windows(closing, 150), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_that_close_survive_a_shortage_of_memory),
        cmocka_unit_test(orders_of_many_lines_survive_a_shortage_of_memory),
        cmocka_unit_test(records_under_their_fact_survive_a_shortage_of_memory),
        cmocka_unit_test(rows_without_keys_survive_a_shortage_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
