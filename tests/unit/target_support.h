/*
 * A pipeline made by hand, a loop to wait on, and deliveries to send: what the tests of all targets share.
 *
 * Every wait has a guard, so that a callback that never comes is a failed test and not a hanging one.
 */
#ifndef DROPFOLD_TESTS_TARGET_SUPPORT_H
#define DROPFOLD_TESTS_TARGET_SUPPORT_H

#include "hanging.h"

#include "target/target.h"

#define HOSTILE "we\"ird'; DROP TABLE kinds; --"

enum { KINDS, SALES, STRANGE, TABLE_COUNT };
enum { KINDS_COLUMNS = 13, SALES_COLUMNS = 6, STRANGE_COLUMNS = 3 };

static inline struct column support_column(const char *name, enum sql_type type, bool not_null, uint8_t scale)
{
    return (struct column){.name = name, .type = type, .not_null = not_null, .scale = scale};
}

static inline void support_kinds(struct table *table, struct column columns[KINDS_COLUMNS])
{
    columns[0] = support_column("id", SQL_INTEGER, true, 0);
    columns[1] = support_column("big", SQL_BIGINT, false, 0);
    columns[2] = support_column("r", SQL_REAL, false, 0);
    columns[3] = support_column("d", SQL_DOUBLE, false, 0);
    columns[4] = support_column("cents", SQL_NUMERIC, false, 2);
    columns[5] = support_column("whole", SQL_NUMERIC, false, 0);
    columns[6] = support_column("fine", SQL_NUMERIC, false, 9);
    columns[7] = support_column("t", SQL_TEXT, false, 0);
    columns[8] = support_column("b", SQL_BOOLEAN, false, 0);
    columns[9] = support_column("day", SQL_DATE, false, 0);
    columns[10] = support_column("at", SQL_TIMESTAMP, false, 0);
    columns[11] = support_column("atz", SQL_TIMESTAMPTZ, false, 0);
    columns[12] = support_column("Mixed Case", SQL_TEXT, false, 0);
    columns[4].doc = "it's exact: c:\\cents";
    *table = (struct table){.name = "kinds",
                            .doc = "one column of each type",
                            .columns = columns,
                            .column_count = KINDS_COLUMNS,
                            .key = {0},
                            .key_count = 1};
}

static inline void support_sales(struct table *table, struct column columns[SALES_COLUMNS])
{
    columns[0] = support_column("total", SQL_NUMERIC, false, 2);
    columns[1] = support_column("customer_id", SQL_INTEGER, true, 0);
    columns[2] = support_column("currency", SQL_TEXT, true, 0);
    columns[3] = support_column("window_start", SQL_TIMESTAMPTZ, true, 0);
    columns[4] = support_column("orders", SQL_BIGINT, true, 0);
    columns[5] = support_column("highest", SQL_REAL, false, 0);
    *table = (struct table){
        .name = "sales", .columns = columns, .column_count = SALES_COLUMNS, .key = {1, 2, 3}, .key_count = 3};
}

static inline void support_strange(struct table *table, struct column columns[STRANGE_COLUMNS])
{
    columns[0] = support_column("key\"; --", SQL_TEXT, true, 0);
    columns[1] = support_column("select", SQL_TIMESTAMP, true, 0);
    columns[2] = support_column("$1 '\\ %s", SQL_BIGINT, false, 0);
    columns[2].doc = "' ; DROP TABLE kinds; --";
    *table = (struct table){
        .name = HOSTILE, .columns = columns, .column_count = STRANGE_COLUMNS, .key = {0, 1}, .key_count = 2};
}

struct support_pipeline {
    struct pipeline pipeline;
    struct table tables[TABLE_COUNT];
    struct column kinds[KINDS_COLUMNS], sales[SALES_COLUMNS], strange[STRANGE_COLUMNS];
    struct view views[2];
    struct view_column lifetime[4];
};

static inline void support_pipeline_init(struct support_pipeline *s)
{
    *s = (struct support_pipeline){.pipeline = {.name = "it's \"a\" test"}};
    support_kinds(&s->tables[KINDS], s->kinds);
    support_sales(&s->tables[SALES], s->sales);
    support_strange(&s->tables[STRANGE], s->strange);
    s->views[0] = (struct view){.name = "latest_window",
                                .doc = "the newest window of each customer",
                                .kind = VIEW_LATEST,
                                .table = SALES,
                                .by = {1, 2},
                                .by_count = 2,
                                .on = 3};
    s->lifetime[0] = (struct view_column){.name = "orders", .function = VIEW_SUM, .column = 4};
    s->lifetime[1] = (struct view_column){.name = "total", .function = VIEW_SUM, .column = 0};
    s->lifetime[2] = (struct view_column){.name = "average", .function = VIEW_RATIO, .numerator = 1, .denominator = 0};
    s->lifetime[3] = (struct view_column){.name = "least", .function = VIEW_MIN, .column = 0};
    s->views[1] = (struct view){.name = "Life \"time\"",
                                .kind = VIEW_TOTAL,
                                .table = SALES,
                                .by = {1, 2},
                                .by_count = 2,
                                .columns = s->lifetime,
                                .column_count = 4};
    s->pipeline.tables = s->tables;
    s->pipeline.table_count = TABLE_COUNT;
    s->pipeline.views = s->views;
    s->pipeline.view_count = 2;
}

enum { SUPPORT_PATIENCE = 60 * 1000 * 1000 /* microseconds in which what is looked for again and again must come */ };

/* --- waiting ------------------------------------------------------------------------------------------------------ */

/* A callback to wait for. It stops the loop, which would else sleep on after a timer called it. */
struct answer {
    uv_loop_t *loop;
    int count; /* how often it came */
    bool ok;
    struct error error;
};

static inline void support_answered(void *context, const struct error *error)
{
    struct answer *answer = context;
    answer->count++;
    answer->ok = !error;
    answer->error = error ? *error : (struct error){.kind = ERROR_NONE};
    uv_stop(answer->loop);
}

static inline void support_closed(void *context)
{
    support_answered(context, NULL);
}

static inline void support_wait(const struct answer *answer)
{
    struct hanging hanging;
    hanging_begin(&hanging, answer->loop);
    while (answer->count == 0)
        uv_run(answer->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&hanging.timer, NULL);
    uv_run(answer->loop, UV_RUN_NOWAIT);
}

/* --- a target under test ------------------------------------------------------------------------------------------ */

struct subject {
    uv_loop_t loop;
    struct target *target;
    struct answer answer;
    struct delivery delivery;
};

static inline void subject_init_as(struct subject *s, const struct pipeline *pipeline,
                                   const struct target_options *options)
{
    struct error error;
    memset(s, 0, sizeof *s);
    s->answer.loop = &s->loop;
    assert_int_equal(uv_loop_init(&s->loop), 0);
    assert_ok(target_new(&s->target, &s->loop, pipeline, options, &error), &error);
}

static inline void subject_init(struct subject *s, const struct pipeline *pipeline, const char *address,
                                int64_t deadline)
{
    const struct target_options options = {.address = address, .deadline = deadline};
    subject_init_as(s, pipeline, &options);
}

/* Closes the target and proves that nothing of it is left on the loop. */
static inline void subject_close(struct subject *s)
{
    struct answer closed = {.loop = &s->loop};
    target_close(s->target, support_closed, &closed);
    assert_int_equal(closed.count, 0);
    support_wait(&closed);
    assert_int_equal(closed.count, 1);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static inline const struct answer *subject_wait(struct subject *s)
{
    support_wait(&s->answer);
    assert_int_equal(s->answer.count, 1);
    s->answer.count = 0;
    return &s->answer;
}

static inline const struct answer *subject_open(struct subject *s)
{
    target_open(s->target, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

static inline const struct answer *subject_begin(struct subject *s)
{
    target_begin(s->target, &s->delivery, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

static inline const struct answer *subject_write(struct subject *s, struct block *block)
{
    target_write(s->target, block, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

static inline const struct answer *subject_compare(struct subject *s, size_t table)
{
    target_compare(s->target, table, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

static inline const struct answer *subject_read_drift(struct subject *s, size_t table, uint64_t after)
{
    target_read_drift(s->target, table, after, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

static inline const struct answer *subject_mend(struct subject *s, size_t table)
{
    target_mend(s->target, table, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

static inline const struct answer *subject_commit(struct subject *s)
{
    target_commit(s->target, support_answered, &s->answer);
    assert_int_equal(s->answer.count, 0);
    return subject_wait(s);
}

#define assert_works(call)                                                                                             \
    do {                                                                                                               \
        const struct answer *support_a = (call);                                                                       \
        assert_ok(support_a->ok, &support_a->error);                                                                   \
    } while (0)

#define assert_fails(call, kind, part)                                                                                 \
    do {                                                                                                               \
        const struct answer *support_a = (call);                                                                       \
        assert_false(support_a->ok);                                                                                   \
        assert_error(&support_a->error, kind, part);                                                                   \
    } while (0)

/* --- deliveries --------------------------------------------------------------------------------------------------- */

static inline struct progress support_progress(uint64_t sequence, uint8_t mark)
{
    struct progress progress = {.present = true, .sequence = sequence};
    snprintf(progress.epoch, sizeof progress.epoch, "11111111-2222-4333-8444-555555555555");
    memset(progress.digest.bytes, mark, DIGEST_SIZE);
    return progress;
}

/* The next delivery: from what the target holds to `sequence`. Nothing is announced yet. */
static inline void subject_prepare(struct subject *s, uint64_t sequence, bool full)
{
    s->delivery = (struct delivery){
        .from = *target_progress(s->target), .to = support_progress(sequence, (uint8_t)sequence), .full = full};
}

static inline struct block *support_block(size_t table, bool deletes, size_t rows, size_t columns)
{
    struct block *block = block_new(table, deletes, rows, columns);
    assert_non_null(block);
    block->rows = rows;
    return block;
}

#define CELL_OF_INT(value)     ((struct cell){.kind = CELL_INT, .i = (value)})
#define CELL_OF_FLOAT(value)   ((struct cell){.kind = CELL_FLOAT, .d = (value)})
#define CELL_OF_NUMERIC(value) ((struct cell){.kind = CELL_NUMERIC, .n = (value)})
#define CELL_OF_TEXT(value)    ((struct cell){.kind = CELL_TEXT, .text = slice_of(value)})

static inline void support_kinds_row(struct cell *row, int32_t id, const char *text)
{
    row[0] = CELL_OF_INT(id);
    row[1] = CELL_OF_INT(INT64_C(10000000000) + id);
    row[4] = CELL_OF_NUMERIC((wide)id * 100 + 25);
    row[7] = CELL_OF_TEXT(text);
}

/* Rows `first` to `first + rows - 1` of table kinds with the same text. */
static inline struct block *support_kinds_block(int32_t first, size_t rows, const char *text)
{
    struct block *block = support_block(KINDS, false, rows, KINDS_COLUMNS);
    for (size_t i = 0; i < rows; i++)
        support_kinds_row(&block->cells[i * KINDS_COLUMNS], first + (int32_t)i, text);
    return block;
}

static inline struct block *support_kinds_deletes(int32_t first, size_t rows)
{
    struct block *block = support_block(KINDS, true, rows, 1);
    for (size_t i = 0; i < rows; i++)
        block->cells[i] = CELL_OF_INT(first + (int32_t)i);
    return block;
}

/* Announces and sends rows of kinds, in blocks as the engine makes them, in one delivery, after which there are
   `all`. */
static inline void subject_deliver_among(struct subject *s, uint64_t sequence, bool full, int32_t first, size_t rows,
                                         const char *text, uint64_t all)
{
    subject_prepare(s, sequence, full);
    s->delivery.upserts[KINDS] = rows;
    s->delivery.to.rows[KINDS] = all;
    assert_works(subject_begin(s));
    for (size_t at = 0; at < rows; at += BLOCK_ROWS_MAX) {
        size_t count = rows - at < BLOCK_ROWS_MAX ? rows - at : BLOCK_ROWS_MAX;
        assert_works(subject_write(s, support_kinds_block(first + (int32_t)at, count, text)));
    }
    assert_works(subject_commit(s));
}

/* The same where there are no others. */
static inline void subject_deliver(struct subject *s, uint64_t sequence, bool full, int32_t first, size_t rows,
                                   const char *text)
{
    subject_deliver_among(s, sequence, full, first, rows, text, rows);
}

#endif
