/*
 * A random history of a pipeline: changes with random rows, rows that are taken back and windows that close, told to
 * the engine and to the reference alike. engine_history_checks.h holds the one against the other.
 */
#ifndef DROPFOLD_TESTS_ENGINE_HISTORY_H
#define DROPFOLD_TESTS_ENGINE_HISTORY_H

#include "engine_reference_closing.h"

/* --- random rows -------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static inline uint64_t random_next(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 33;
}

static inline int random_below(int limit)
{
    return (int)(random_next() % (uint64_t)limit);
}

/* How many keys there are of each kind. */
struct space {
    int orders, products, tasks, customers, windows, nulls;
};

static inline void put_maybe(struct buf *out, const struct space *space, const char *format, int value)
{
    if (random_below(100) < space->nulls)
        return;
    char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format, value);
#pragma GCC diagnostic pop
    buf_put_text(out, text);
}

static inline void random_order(const struct space *space, struct buf *out)
{
    static const char *const words[] = {" Status=done", " Status=lost", " Status=new", ""};
    int order = random_below(space->orders);
    buf_printf(out, "Order_ID=%d SKU=p%d", order, random_below(space->products));
    /* Most lines of an order agree. */
    int customer = random_below(8) ? order % space->customers : random_below(space->customers);
    int window = random_below(8) ? order % space->windows : random_below(space->windows);
    buf_printf(out, " Customer_ID=%d Time=2022-0%d-0%dT10:00:0%d Region=%s", customer, 1 + window % 9, 1 + window % 7,
               random_below(3), (const char *[]){"north", "northern", "southern-region", "s"}[order % 4]);
    buf_printf(out, "%s%s", words[random_below(20) ? order % 4 : random_below(4)],
               (const char *[]){" Currency=NGN", " Currency=KES", ""}[random_below(30) ? 0 : random_below(3)]);
    put_maybe(out, space, " Total=%d.25", random_below(2) ? order % 7 - 2 : random_below(500));
    put_maybe(out, space, " Quantity=%d", random_below(6) - 1);
    put_maybe(out, space, " Weight=%d.5", random_below(40) - 20);
    buf_printf(out, " Day=2022-01-0%d", 1 + order % 5);
    put_maybe(out, space, random_below(2) ? " Paid=true" : " Paid=false", 0);
}

static inline void random_delivery(const struct space *space, struct buf *out)
{
    buf_printf(out, "Task_ID=%d", random_below(space->tasks));
    put_maybe(out, space, " Order_ID=%d", random_below(space->orders + 2));
    put_maybe(out, space, " Distance=%d.5", random_below(300));
    put_maybe(out, space, " Driver=%c", 'w' + random_below(3));
}

static inline void random_customer(const struct space *space, struct buf *out)
{
    buf_printf(out, "Customer_ID=%d City=c%d", random_below(space->customers + 1), random_below(3));
    put_maybe(out, space, " Bonus=%d", random_below(50));
}

/* --- a target that sees what is delivered ------------------------------------------------------------------------- */

static uint64_t fresh_rows; /* of all histories */

struct target_row {
    char *key, *row;
};

struct target {
    struct target_row *rows;
    size_t count;
    uint64_t sequence;
};

static inline void target_close(struct target *target)
{
    for (size_t i = 0; i < target->count; i++) {
        free(target->rows[i].key);
        free(target->rows[i].row);
    }
    free(target->rows);
}

static inline struct target target_copy(const struct target *target)
{
    struct target copy = {calloc(target->count + 1, sizeof *copy.rows), target->count, target->sequence};
    assert_non_null(copy.rows);
    for (size_t i = 0; i < copy.count; i++)
        copy.rows[i] = (struct target_row){strdup(target->rows[i].key), strdup(target->rows[i].row)};
    return copy;
}

static inline char *key_text(const struct table *table, const struct cell *cells, bool whole)
{
    struct buf out;
    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < table->key_count; i++) {
        print_cell(&table->columns[table->key[i]], &cells[whole ? table->key[i] : i], &out);
        buf_put_byte(&out, '|');
    }
    buf_put_byte(&out, 0);
    return out.data;
}

/* Whether it was there. */
static inline bool target_remove(struct target *target, const char *key)
{
    for (size_t i = 0; i < target->count; i++) {
        if (strcmp(target->rows[i].key, key) != 0)
            continue;
        free(target->rows[i].key);
        free(target->rows[i].row);
        target->rows[i] = target->rows[--target->count];
        return true;
    }
    return false;
}

static inline void target_write(struct target *target, const struct pipeline *pipeline, const struct block *block)
{
    const struct table *table = &pipeline->tables[block->table];
    for (size_t r = 0; r < block->rows; r++) {
        const struct cell *cells = &block->cells[r * block->columns];
        char *key = key_text(table, cells, !block->deletes);
        if (target_remove(target, key) && block->fresh)
            fail_msg("the target has %s, which is said to be fresh", key);
        fresh_rows += block->fresh;
        if (block->deletes) {
            free(key);
            continue;
        }
        struct buf row;
        buf_init(&row, SIZE_MAX);
        struct block one = *block;
        one.rows = 1;
        one.cells = block->cells + r * block->columns;
        print_block(pipeline, &one, &row);
        buf_put_byte(&row, 0);
        target->rows = realloc(target->rows, (target->count + 1) * sizeof *target->rows);
        assert_non_null(target->rows);
        target->rows[target->count++] = (struct target_row){key, row.data};
    }
}

/* --- a history ---------------------------------------------------------------------------------------------------- */

struct history {
    struct shop shop;
    struct reference ref;
    struct target targets[PIPELINE_TABLES_MAX];
    struct target older[PIPELINE_TABLES_MAX]; /* what they were at some moment, as a dump */
    struct space space;
    bool open; /* a delivery is */
    bool opened_full;
    uint64_t opened_at;
    struct buf expected[PIPELINE_TABLES_MAX]; /* what the tables held then */
    struct block *held[4096];                 /* blocks of the open delivery, committed together */
    size_t held_count;
    struct buf chunks[4096]; /* what was applied, for a replay */
    struct {
        uint64_t sequence, rank;
        size_t feed;
        struct buf rows; /* their numbers and texts, a line each, for the reference */
        int64_t before;  /* instead of a chunk: windows were closed */
    } applied[4096];
    size_t applied_count;
    int64_t latest; /* time of a fact within its horizon, or 0 */
    int64_t horizon;
};

/* That of the change, or now and then an earlier one, as rows have that were rejected once. */
static inline uint64_t random_rank(const struct history *h)
{
    return random_below(4) == 0 ? 1 + (uint64_t)random_below((int)h->shop.sequence) : h->shop.sequence;
}

/* How often rows were taken back, of feeds with a key and without. */
static unsigned taken_back[2];
static const size_t CLOSE = SIZE_MAX; /* for a feed */

/* Day 0 is 2021-12-29, where a window of 10 days begins. */
static inline int64_t day(int64_t number)
{
    return (18990 + number) * TIMESTAMP_DAY;
}

static inline bool retains(const struct history *h)
{
    return h->shop.pipeline->retention.on;
}

static inline void note_moment(struct history *h, size_t feed, const struct value *values)
{
    if (feed != ORDERS || !retains(h))
        return;
    int64_t time = values[h->shop.pipeline->tables[0].window_field].i;
    if (time <= h->horizon && time > h->latest)
        h->latest = time;
}

/* Applies random rows of one feed, sometimes in a row number order that makes ranks meet. */
static inline void random_rows(struct history *h, size_t feed)
{
    uint64_t rank = random_rank(h);
    struct chunk_writer writer;
    struct value values[PIPELINE_FIELDS_MAX];
    uint64_t row = 1 + (uint64_t)random_below(3);
    struct buf rows;
    buf_init(&rows, SIZE_MAX);
    uint64_t late = h->shop.buckets.late;
    chunk_writer_init(&writer, &h->shop.pipeline->feeds[feed]);
    for (int i = random_below(random_below(6) ? 12 : 120); i >= 0; i--, row += (uint64_t)random_below(3)) {
        struct buf text;
        buf_init(&text, 4096);
        (feed == ORDERS ? random_order : feed == DELIVERIES ? random_delivery : random_customer)(&h->space, &text);
        buf_put_byte(&text, 0);
        shop_values(&h->shop.pipeline->feeds[feed], text.data, values);
        assert_true(chunk_put(&writer, row, row, values));
        late += ref_tell(&h->ref, feed, rank, row, text.data);
        note_moment(h, feed, values);
        buf_printf(&rows, "%llu %s\n", (unsigned long long)row, text.data);
        buf_close(&text);
    }
    struct buckets before = h->shop.buckets;
    engine_rank(h->shop.engine, rank);
    shop_apply(&h->shop, feed, &writer);
    assert_int_equal(buckets_total(&h->shop.buckets) - buckets_total(&before), writer.rows);
    assert_int_equal(h->shop.buckets.late, late);
    assert_true(h->applied_count < COUNT_OF(h->applied));
    h->applied[h->applied_count].sequence = h->shop.sequence;
    h->applied[h->applied_count].rank = rank;
    h->applied[h->applied_count].feed = feed;
    h->applied[h->applied_count].rows = rows;
    h->chunks[h->applied_count++] = writer.buf;
}

static inline void ref_apply_lines(struct reference *ref, size_t feed, uint64_t rank, const struct buf *rows)
{
    char *copy = strndup(rows->data, rows->len), *rest = copy, *line;
    assert_non_null(copy);
    while ((line = strsep(&rest, "\n")) != NULL && *line) {
        char *text;
        uint64_t row = strtoull(line, &text, 10);
        ref_apply(ref, feed, rank, row, text + 1);
    }
    free(copy);
}

/* Takes the rows of one rank and feed out of the history; the reference computes all of the rest anew. */
static inline void lose(struct history *h, uint64_t rank, size_t feed)
{
    size_t kept = 0;
    ref_close(&h->ref);
    h->ref = (struct reference){.pipeline = h->shop.pipeline};
    for (size_t i = 0; i < h->applied_count; i++) {
        if (h->applied[i].rank == rank && h->applied[i].feed == feed) {
            buf_close(&h->applied[i].rows);
            buf_close(&h->chunks[i]);
            continue;
        }
        h->applied[kept] = h->applied[i];
        h->chunks[kept++] = h->chunks[i];
        ref_apply_lines(&h->ref, h->applied[i].feed, h->applied[i].rank, &h->applied[i].rows);
    }
    h->applied_count = kept;
}

/* Takes back, within a change, what a file before brought to a feed, with what of it came later. */
static inline void random_take_back(struct history *h)
{
    struct error error;
    size_t pick = (size_t)random_below((int)h->applied_count), feed = h->applied[pick].feed;
    uint64_t rank = h->applied[pick].rank;
    bool keyed = h->shop.pipeline->feeds[feed].key_count > 0;
    assert_true(keyed || engine_alone(h->shop.engine, feed, rank));
    if (!engine_alone(h->shop.engine, feed, rank))
        return;
    for (size_t i = 0; i < h->applied_count; i++)
        if (h->applied[i].rank == rank && h->applied[i].feed == feed)
            assert_ok(engine_take_back(h->shop.engine, feed, rank, buf_slice(&h->chunks[i]), &error), &error);
    lose(h, rank, feed);
    taken_back[keyed ? 0 : 1]++;
}

/* Windows close when time has come, and sometimes before. */
static inline void run_close(struct history *h)
{
    struct error error;
    const struct window *window = &h->shop.pipeline->tables[0].window;
    int64_t before = 0, due = ref_window_begin(window, h->latest - 20 * TIMESTAMP_DAY, 0);
    bool is_due = h->latest > 0 && (!h->ref.any_closed || due > h->ref.closed_before);
    assert_int_equal(engine_close_due(h->shop.engine, &before), is_due);
    if (is_due)
        assert_int_equal(before, due);
    if (!is_due || random_below(4) == 0)
        before = h->ref.any_closed ? h->ref.closed_before + 10 * random_below(3) * TIMESTAMP_DAY : day(20);
    else if (random_below(3) == 0)
        return;
    h->shop.sequence++;
    assert_ok(engine_close(h->shop.engine, h->shop.sequence, before, &error), &error);
    ref_close_windows(&h->ref, before);
    h->applied[h->applied_count].sequence = h->shop.sequence;
    h->applied[h->applied_count].feed = CLOSE;
    h->applied[h->applied_count++].before = before;
}

static inline void run_change(struct history *h)
{
    h->horizon = day(60 + random_below(200));
    engine_set_commit(h->shop.engine, h->horizon - 40 * TIMESTAMP_DAY);
    shop_begin(&h->shop, h->shop.sequence + 1 + (uint64_t)random_below(2));
    for (int i = random_below(4); i > 1 && h->applied_count > 0 && !retains(h); i--)
        random_take_back(h);
    for (int i = random_below(3); i >= 0; i--)
        random_rows(h, (size_t)random_below(3));
    shop_end(&h->shop);
}

static inline void history_close(struct history *h)
{
    for (size_t i = 0; i < h->applied_count; i++) {
        buf_close(&h->chunks[i]);
        buf_close(&h->applied[i].rows);
    }
    for (size_t t = 0; t < PIPELINE_TABLES_MAX; t++) {
        target_close(&h->targets[t]);
        target_close(&h->older[t]);
        buf_close(&h->expected[t]);
    }
    ref_close(&h->ref);
    engine_free(h->shop.engine);
    free(h);
}

#endif
