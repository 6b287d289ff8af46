/*
 * What the engine's tests share: a small shop, rows as text, and what a target would hold as text.
 *
 *     struct shop shop;
 *     shop_open(&shop, "\"facts\": ..., \"join\": ..., \"tables\": ...");   with ' for "
 *     shop_change(&shop, 1, ORDERS, "Order_ID=1 SKU=a Quantity=2", "Order_ID=1 SKU=b", NULL);
 *     assert_table(&shop, "by_customer", "7|2022-01-08 00:00:00|2|30.00\n");
 *     shop_close(&shop);
 *
 * Fields that a row does not name are null. `assert_table` takes a full delivery; columns in their order, '|' between.
 */
#ifndef DROPFOLD_TESTS_ENGINE_SUPPORT_H
#define DROPFOLD_TESTS_ENGINE_SUPPORT_H

#include "testing.h"

#include <math.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/groups.h"
#include "model/timestamp.h"

enum { ORDERS, DELIVERIES, CUSTOMERS };

struct shop {
    struct pipeline *pipeline;
    struct engine *engine;
    struct buckets buckets; /* of the last change */
    uint64_t replaced[16];  /* sequences told by the last change, in order */
    size_t replaced_count;
    uint64_t sequence;
};

/* Single quotes become double ones: JSON that can be read in C. */
static inline void shop_write(const char *folder, const char *name, const char *text)
{
    char path[4 * TESTING_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    testing_write_quoted(path, text);
}

static inline void shop_feed(const char *folder, const char *feed, const char *fields)
{
    char path[2 * TESTING_PATH_MAX], text[4096];
    snprintf(path, sizeof path, "%s/%s", folder, feed);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(text, sizeof text, "{'feed': '%s', 'version': 1, 'format': 'csv', 'fields': {%s}}", feed, fields);
    shop_write(path, "1.json", text);
}

/* The pipeline over the shop's feeds whose further members are `members`. */
static inline struct pipeline *shop_pipeline(const char *members)
{
    char folder[TESTING_PATH_MAX], path[2 * TESTING_PATH_MAX], text[16384];
    testing_folder_make(folder);
    shop_feed(folder, "Orders",
              "'Order_ID': {'type': 'int64', 'required': true}, 'SKU': {'type': 'text', 'required': true},"
              "'Customer_ID': {'type': 'int64', 'required': true}, 'Time': {'type': 'timestamp', 'required': true},"
              "'Total': {'type': 'decimal(18,2)'}, 'Status': {'type': 'text'}, 'Currency': {'type': 'text'},"
              "'Quantity': {'type': 'int64'}, 'Weight': {'type': 'double'}, 'Day': {'type': 'date', 'required': true},"
              "'Paid': {'type': 'bool'}, 'Region': {'type': 'text', 'required': true}");
    shop_feed(folder, "Deliveries",
              "'Task_ID': {'type': 'int64', 'required': true}, 'Order_ID': {'type': 'int64'},"
              "'Distance': {'type': 'decimal(18,1)'}, 'Driver': {'type': 'text'}");
    shop_feed(folder, "Trips", /* deliveries that have an order */
              "'Task_ID': {'type': 'int64', 'required': true}, 'Order_ID': {'type': 'int64', 'required': true},"
              "'Leg': {'type': 'int64', 'required': true}, 'Distance': {'type': 'decimal(18,1)'}, "
              "'Driver': {'type': 'text'}");
    shop_feed(folder, "Customers",
              "'Customer_ID': {'type': 'int64', 'required': true}, 'City': {'type': 'text', 'required': true},"
              "'Bonus': {'type': 'int64'}");
    snprintf(text, sizeof text, "{'pipeline': 'shop', %s}", members);
    shop_write(folder, "shop.json", text);
    snprintf(path, sizeof path, "%s/shop.json", folder);
    struct doc_problems problems;
    doc_problems_init(&problems);
    struct pipeline *pipeline = pipeline_load(path, &problems);
    if (!pipeline)
        print_error("%.*s", (int)problems.text.len, problems.text.data);
    assert_non_null(pipeline);
    doc_problems_close(&problems);
    testing_folder_remove(folder);
    return pipeline;
}

static inline void shop_open(struct shop *shop, const char *members)
{
    struct error error;
    *shop = (struct shop){.pipeline = shop_pipeline(members)};
    shop->engine = engine_new(shop->pipeline, 0, &error);
    assert_non_null(shop->engine);
}

static inline void shop_close(struct shop *shop)
{
    engine_free(shop->engine);
    pipeline_free(shop->pipeline);
}

/* --- pipelines ---------------------------------------------------------------------------------------------------- */

/* Orders of several lines with deliveries and customers, one group a customer and ten days. */
#define SHOP                                                                                                           \
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'],"                                                          \
    "'grain': {'key': ['Order_ID'], 'attributes': ['Customer_ID', 'Time', 'Total', 'Status']}},"                       \
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"                                           \
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID'}],"                                             \
    "'tables': {'t': {'group_by': ['Customer_ID'], 'window': {'on': 'Time', 'size': '10 days'}, 'columns': {"          \
    "'customer': {'group': 'Customer_ID', 'type': 'integer'}, 'start': {'window': 'start'},"                           \
    "'orders': {'count': 'Order_ID'}, 'total': {'sum': 'Total'}, 'pieces': {'sum': 'Quantity'},"                       \
    "'distance': {'sum': 'Deliveries.Distance'}, 'products': {'count_distinct': 'SKU'}}}}"

/* Facts alone, one group a region. `FACTS` goes behind the facts' feed, `COLUMNS` behind the region. */
#define ALONE(FACTS, COLUMNS)                                                                                          \
    "'facts': {'feed': 'Orders'" FACTS "}, 'tables': {'t': {'group_by': ['Region'], 'columns': {"                      \
    "'region': {'group': 'Region'}, " COLUMNS "}}}"

#define KEYED       ", 'key': ['Order_ID', 'SKU']"
#define ORDER_GRAIN ", 'key': ['Order_ID', 'SKU'], 'grain': {'key': ['Order_ID'], 'attributes': ['Total', 'Region']}"

#define A_CUSTOMER "Customer_ID=7 City=x"
#define A_DELIVERY "Task_ID=100 Order_ID=1 Distance=1.5"
#define A_TIME     " Customer_ID=7 Time=2022-01-10"

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* "Field=value Field=value" as the feed's values, which borrow `text`. */
static inline void shop_values(const struct feed *feed, const char *text, struct value *values)
{
    for (size_t i = 0; i < feed->field_count; i++)
        values[i] = VALUE_NULL;
    while (*text) {
        size_t name = strcspn(text, "="), len = strcspn(text + name + 1, " ");
        struct slice word = {text + name + 1, len};
        const char *expected;
        for (size_t i = 0; i < feed->field_count; i++)
            if (slice_equal(slice_of(feed->fields[i].name), (struct slice){text, name}))
                assert_true(value_parse(feed->fields[i].type, NULL, 0, word, &values[i], &expected));
        text += name + 1 + len;
        text += *text == ' ';
    }
}

static inline void shop_note_replaced(void *context, uint64_t sequence)
{
    struct shop *shop = context;
    for (size_t i = 0; i < shop->replaced_count; i++)
        if (shop->replaced[i] == sequence)
            return;
    assert_true(shop->replaced_count < COUNT_OF(shop->replaced));
    shop->replaced[shop->replaced_count++] = sequence;
}

static inline void shop_begin(struct shop *shop, uint64_t sequence)
{
    shop->buckets = (struct buckets){0};
    shop->replaced_count = 0;
    shop->sequence = sequence;
    engine_begin(shop->engine, sequence);
}

/* A chunk of rows, numbered from `row`, up to a NULL. The caller closes it. */
static inline void shop_chunk(const struct shop *shop, struct chunk_writer *writer, size_t feed, uint64_t row,
                              const char *const *rows)
{
    struct value values[PIPELINE_FIELDS_MAX];
    chunk_writer_init(writer, &shop->pipeline->feeds[feed]);
    for (; *rows; rows++, row++) {
        shop_values(&shop->pipeline->feeds[feed], *rows, values);
        assert_true(chunk_put(writer, row, row, values));
    }
}

/* The rows of a chunk, of which only the buckets are asked for. */
static inline void shop_apply(struct shop *shop, size_t feed, const struct chunk_writer *writer)
{
    const struct engine_report report = {.buckets = &shop->buckets};
    struct error error;
    assert_ok(engine_apply(shop->engine, feed, buf_slice(&writer->buf), &report, &error), &error);
}

/* Rows, numbered from `row`, up to a NULL. */
static inline void shop_rows(struct shop *shop, size_t feed, uint64_t row, const char *const *rows)
{
    struct chunk_writer writer;
    const struct engine_report report = {&shop->buckets, shop_note_replaced, shop};
    struct error error;
    shop_chunk(shop, &writer, feed, row, rows);
    assert_ok(engine_apply(shop->engine, feed, buf_slice(&writer.buf), &report, &error), &error);
    chunk_writer_close(&writer);
}

static inline void shop_end(struct shop *shop)
{
    struct error error;
    assert_ok(engine_end(shop->engine, &error), &error);
}

/* One change with rows of one feed. */
#define shop_change(shop, sequence, feed, ...)                                                                         \
    do {                                                                                                               \
        shop_begin(shop, sequence);                                                                                    \
        shop_rows(shop, feed, 1, (const char *const[]){__VA_ARGS__, NULL});                                            \
        shop_end(shop);                                                                                                \
    } while (0)

/* Takes these rows, numbered from 1, of the change `sequence` back. */
static inline void shop_take_back(struct shop *shop, size_t feed, uint64_t sequence, const char *const *rows)
{
    struct chunk_writer writer;
    struct error error;
    shop_chunk(shop, &writer, feed, 1, rows);
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

static inline struct engine_stats shop_stats(const struct shop *shop)
{
    struct engine_stats stats;
    engine_stats(shop->engine, &stats);
    return stats;
}

static inline void shop_count_group(void *context, uint32_t group)
{
    (void)group;
    ++*(uint64_t *)context;
}

/* Groups, emptied ones included, that a delivery of what changed after `since` would bring. */
static inline uint64_t shop_undelivered(const struct shop *shop, uint64_t since)
{
    uint64_t count = 0;
    for (size_t t = 0; t < shop->pipeline->table_count; t++)
        groups_each_changed(&shop->engine->tables[t], since, shop_count_group, &count);
    return count;
}

/* For engine_lend: the last part first. */
static inline void shop_backwards(size_t parts, void (*part)(void *of, size_t i), void *of)
{
    while (parts-- > 0)
        part(of, parts);
}

/* --- what is delivered -------------------------------------------------------------------------------------------- */

static inline void print_cell(const struct column *column, const struct cell *cell, struct buf *out)
{
    bool time = column->type == SQL_TIMESTAMP || column->type == SQL_TIMESTAMPTZ;
    char number[VALUE_DOUBLE_TEXT_SIZE];
    if (cell->kind == CELL_TEXT)
        buf_put_slice(out, cell->text);
    else if (cell->kind == CELL_LIST)
        cell_print_list(cell, '{', '}', out);
    else if (cell->kind == CELL_FLOAT)
        buf_put_text(out, value_double_text(cell->d, false, number));
    else if (cell->kind == CELL_NUMERIC)
        wide_print(cell->n, column->scale, out);
    else if (cell->kind == CELL_INT && time)
        timestamp_print_sql(cell->i, out);
    else if (cell->kind == CELL_INT && column->type == SQL_DATE)
        timestamp_print_date(cell->i, out);
    else if (cell->kind == CELL_INT)
        buf_printf(out, "%lld", (long long)cell->i);
}

/* The rows of a block as lines; deletes begin with "-". */
static inline void print_block(const struct pipeline *pipeline, const struct block *block, struct buf *out)
{
    const struct table *table = &pipeline->tables[block->table];
    for (size_t row = 0; row < block->rows; row++) {
        if (block->deletes)
            buf_put_byte(out, '-');
        for (size_t i = 0; i < block->columns; i++) {
            if (i > 0)
                buf_put_byte(out, '|');
            print_cell(&table->columns[block->deletes ? table->key[i] : i], &block->cells[row * block->columns + i],
                       out);
        }
        buf_put_byte(out, '\n');
    }
}

/* The rest of an open delivery, as lines under "table:" (all tables when `only` is NULL). */
static inline void print_rest(struct shop *shop, const char *only, struct buf *out)
{
    struct block *block;
    struct error error;
    for (;;) {
        assert_ok(engine_delivery_next(shop->engine, &block, &error), &error);
        if (!block)
            return;
        const char *name = shop->pipeline->tables[block->table].name;
        if (!only || strcmp(only, name) == 0) {
            if (!only)
                buf_printf(out, "%s:\n", name);
            print_block(shop->pipeline, block, out);
        }
        block_free(block);
    }
}

/* A delivery from start to end. */
static inline struct delivery shop_deliver(struct shop *shop, uint64_t since, bool full, bool delivered,
                                           const char *only, struct buf *out)
{
    struct delivery delivery = {.fresh_least = SIZE_MAX}; /* all in key order */
    struct error error;
    assert_ok(engine_delivery_start(shop->engine, since, full, &delivery, &error), &error);
    print_rest(shop, only, out);
    engine_delivery_end(shop->engine, delivered);
    return delivery;
}

static inline void assert_text(const struct buf *found, const char *wanted)
{
    if (!slice_equal(buf_slice(found), slice_of(wanted))) {
        print_error("found:\n%.*swanted:\n%s", (int)found->len, found->data ? found->data : "", wanted);
        fail();
    }
}

#define assert_delivered(shop, since, full, delivered, only, wanted)                                                   \
    do {                                                                                                               \
        struct buf testing_out;                                                                                        \
        buf_init(&testing_out, SIZE_MAX);                                                                              \
        shop_deliver(shop, since, full, delivered, only, &testing_out);                                                \
        assert_text(&testing_out, wanted);                                                                             \
        buf_close(&testing_out);                                                                                       \
    } while (0)

/* What the table would hold now; nothing counts as delivered by it. */
#define assert_table(shop, only, wanted) assert_delivered(shop, 0, true, false, only, wanted)

#endif
