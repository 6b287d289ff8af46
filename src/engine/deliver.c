#include "engine/deliver.h"

#include <stdlib.h>

#include "engine/aside.h"
#include "engine/beside.h"
#include "engine/emit.h"
#include "engine/groups.h"
#include "engine/order.h"

enum {
    BLOCK_CELLS_MAX = 128 * 1024, /* cells of a block: 4 MiB */
    BLOCK_ROWS_FIRST = 512        /* rows of the first block; each one after it may have twice as many */
};

/* What comes of a table, one after the other. */
enum part { PART_DELETES, PART_FRESH, PART_UPSERTS, PARTS };

struct deliver {
    bool open, full, trusts; /* the last: what is fresh in the target is known */
    uint64_t sequence;
    size_t table, at; /* what comes next */
    size_t most;      /* rows of the next block: the first are small, so that the target has soon something to do */
    enum part part;
    struct listed {
        struct ids parts[PARTS];
    } listed[PIPELINE_TABLES_MAX];
    struct aside asides[PIPELINE_TABLES_MAX];
    struct emit emits[ENGINE_PARTS_MAX];
};

struct deliver *deliver_new(struct error *error)
{
    struct deliver *deliver = calloc(1, sizeof *deliver);
    if (!deliver)
        error_memory(error);
    return deliver;
}

static void open_emits(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_PARTS_MAX; i++)
        emit_init(&engine->deliver->emits[i], engine, ENGINE_PARTS_MAX);
}

static void close_emits(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_PARTS_MAX; i++)
        emit_close(&engine->deliver->emits[i], engine);
}

void deliver_set_aside(struct engine *engine, struct engine_table *table, uint32_t group)
{
    struct deliver *deliver = engine->deliver;
    struct aside *aside = &deliver->asides[table - engine->tables];
    struct cell *cells = aside_room(&engine->memory, aside, table->table->column_count);
    if (!cells)
        return;
    struct emit_members members;
    emit_find_members(engine, table, &group, 1, &members);
    emit_row(&deliver->emits[0], table, group, &members, cells);
    emit_tell(&deliver->emits[0], engine);
    if (aside_add(&engine->memory, aside, group, table->table->column_count))
        keyed_flag(&table->groups, group, GROUP_ASIDE, true);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

struct lister {
    struct engine *engine;
    struct engine_table *table;
    struct listed *listed;
};

static void list_group(void *context, uint32_t group)
{
    struct lister *lister = context;
    struct memory *memory = &lister->engine->memory;
    const struct deliver *deliver = lister->engine->deliver;
    struct keyed *groups = &lister->table->groups;
    bool fresh = deliver->trusts && keyed_has(groups, group, GROUP_FRESH);
    if (groups_units(lister->table, group) > 0) {
        ids_push(memory, &lister->listed->parts[fresh ? PART_FRESH : PART_UPSERTS], group);
        keyed_flag(groups, group, GROUP_PENDING, true);
    } else if (!deliver->full && !fresh) { /* a target that never had it may not even be able to hold its key */
        ids_push(memory, &lister->listed->parts[PART_DELETES], group);
    }
}

static void join_few(struct memory *memory, struct listed *listed, size_t least)
{
    struct ids *fresh = &listed->parts[PART_FRESH];
    if (fresh->count >= least)
        return;
    for (size_t i = 0; i < fresh->count; i++)
        ids_push(memory, &listed->parts[PART_UPSERTS], fresh->at[i]);
    fresh->count = 0;
}

static bool list_table(struct engine *engine, size_t t, uint64_t since, struct delivery *delivery)
{
    struct engine_table *table = &engine->tables[t];
    struct listed *listed = &engine->deliver->listed[t];
    struct lister lister = {engine, table, listed};
    groups_each_changed(table, since, list_group, &lister);
    join_few(&engine->memory, listed, delivery->fresh_least);
    delivery->upserts[t] = listed->parts[PART_FRESH].count + listed->parts[PART_UPSERTS].count;
    delivery->deletes[t] = listed->parts[PART_DELETES].count;
    delivery->to.rows[t] = table->live;
    return !engine->memory.failed;
}

static void know_all(struct engine *engine)
{
    for (size_t t = 0; t < engine->pipeline->table_count; t++)
        groups_know_all(&engine->tables[t]);
}

/* What is fresh is so for a target that stands where the last delivery left it. In any other nothing is from here on:
   after a COMMIT whose answer was lost it has what no delivery is known to have brought. */
static void judge_fresh(struct engine *engine, uint64_t since, bool full)
{
    bool known = engine->delivered > 0 && since == engine->delivered;
    if (engine->delivered > 0 && !known && !full)
        know_all(engine);
    engine->deliver->trusts = known;
}

bool engine_delivery_start(struct engine *engine, uint64_t since, bool full, struct delivery *delivery,
                           struct error *error)
{
    struct deliver *deliver = engine->deliver;
    if (deliver->open || engine->in_change)
        return error_set(error, ERROR_BUG, "a delivery starts %s", deliver->open ? "twice" : "within a change");
    open_emits(engine);
    deliver->open = true;
    deliver->full = full;
    deliver->sequence = engine->sequence;
    deliver->table = deliver->at = 0;
    deliver->most = BLOCK_ROWS_FIRST;
    deliver->part = PART_DELETES;
    delivery->full = full;
    judge_fresh(engine, since, full);
    for (size_t t = 0; t < engine->pipeline->table_count; t++)
        if (!list_table(engine, t, full ? 0 : since, delivery))
            return memory_error(&engine->memory, error);
    return true;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

/* The rows of a block in the making, by parts that stand behind each other. */
struct making {
    struct engine *engine;
    struct block *block;
    const uint32_t *groups;
    size_t rows, parts;
    struct making_part {
        struct arena arena;
        size_t made; /* rows; fewer than it has: the next one's texts did not fit */
    } part[ENGINE_PARTS_MAX];
};

static void put_row(const struct engine *engine, struct emit *emit, const struct engine_table *table, uint32_t group,
                    const struct emit_members *members, struct cell *cells)
{
    size_t columns = table->table->column_count;
    const struct cell *aside = NULL;
    if (keyed_has(&table->groups, group, GROUP_ASIDE))
        aside = aside_find(&engine->deliver->asides[table - engine->tables], group, columns);
    if (aside)
        memcpy(cells, aside, columns * sizeof *cells);
    else
        emit_row(emit, table, group, members, cells);
}

/* Makes as many rows of part `i` as fit. Only reads the engine. */
static void make_part(void *of, size_t i)
{
    struct making *making = of;
    const struct engine *engine = making->engine;
    const struct block *block = making->block;
    const struct engine_table *table = &engine->tables[block->table];
    struct making_part *part = &making->part[i];
    struct emit *emit = &engine->deliver->emits[i];
    struct emit_members members[EMIT_GROUPS];
    size_t first = beside_first(making->rows, making->parts, i);
    size_t rows = beside_first(making->rows, making->parts, i + 1) - first;
    const uint32_t *groups = making->groups + first;
    for (size_t row = 0; row < rows; row++) {
        struct cell *cells = block->cells + (first + row) * block->columns;
        uint64_t overflows = emit->overflows.values;
        size_t left = rows - row, at = row % EMIT_GROUPS;
        if (at == 0 && !block->deletes)
            emit_find_members(engine, table, groups + row, left < EMIT_GROUPS ? left : EMIT_GROUPS, members);
        if (block->deletes)
            emit_key(emit, table, groups[row], cells);
        else
            put_row(engine, emit, table, groups[row], &members[at], cells);
        if (!cell_copy_texts(&part->arena, cells, block->columns)) { /* they do not fit into it any more */
            emit->overflows.values = overflows;
            return;
        }
        part->made++;
    }
}

static void start_parts(struct making *making)
{
    for (size_t i = 0; i < making->parts; i++) {
        making->part[i].made = 0;
        arena_init(&making->part[i].arena, BLOCK_BYTES_MAX / making->parts);
    }
    beside_run(making->engine, making->parts, make_part, making);
}

/* Whether all rows of part `i` were made. */
static bool is_whole(const struct making *making, size_t i)
{
    return making->part[i].made ==
           beside_first(making->rows, making->parts, i + 1) - beside_first(making->rows, making->parts, i);
}

/* The rows up to the first that did not fit are the block's. What was made behind it is dropped, to be made again. */
static void join_parts(struct making *making)
{
    struct block *block = making->block;
    bool whole = true;
    for (size_t i = 0; i < making->parts; i++) {
        struct emit *emit = &making->engine->deliver->emits[i];
        if (whole) {
            block->rows += making->part[i].made;
            arena_join(&block->arena, &making->part[i].arena);
        } else {
            emit->overflows.values = 0;
            arena_close(&making->part[i].arena);
        }
        whole = whole && is_whole(making, i);
        emit_tell(emit, making->engine);
    }
}

/* Fills the block with as many of the groups as it takes; at least one, or memory is out. */
static bool fill_block(struct engine *engine, struct block *block, size_t rows, const uint32_t *groups)
{
    struct engine_table *table = &engine->tables[block->table];
    struct making making = {.engine = engine, .block = block, .groups = groups, .rows = rows};
    making.parts = beside_parts(engine, rows);
    start_parts(&making);
    join_parts(&making);
    /* One row of texts may take all that a block has for them. */
    if (block->rows == 0 && making.parts > 1) {
        arena_close(&block->arena);
        making.parts = 1;
        start_parts(&making);
        join_parts(&making);
    }
    for (size_t i = 0; i < block->rows && !block->deletes; i++)
        keyed_flag(&table->groups, groups[i], GROUP_PENDING | GROUP_ASIDE, false);
    return block->rows > 0 && !engine->memory.failed;
}

/* Moves on to the next list that is not sent yet; NULL at the end. */
static struct ids *unsent_list(struct engine *engine)
{
    struct deliver *deliver = engine->deliver;
    while (deliver->open && deliver->table < engine->pipeline->table_count) {
        struct ids *list = &deliver->listed[deliver->table].parts[deliver->part];
        if (deliver->at < list->count)
            return list;
        deliver->at = 0;
        deliver->part++;
        if (deliver->part == PARTS) {
            deliver->part = PART_DELETES;
            deliver->table++;
        }
    }
    return NULL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool engine_delivery_next(struct engine *engine, struct block **block, struct error *error)
{
    struct deliver *deliver = engine->deliver;
    struct ids *list = unsent_list(engine);
    *block = NULL;
    if (!list)
        return true;
    const struct table *table = &engine->pipeline->tables[deliver->table];
    /* Only now: the target begins meanwhile. */
    if (deliver->at == 0 && !order_groups(engine, &engine->tables[deliver->table], list))
        return memory_error(&engine->memory, error);
    bool deletes = deliver->part == PART_DELETES;
    size_t columns = deletes ? table->key_count : table->column_count;
    size_t rows = smaller(list->count - deliver->at, deliver->most);
    rows = smaller(rows, BLOCK_CELLS_MAX / (columns > 0 ? columns : 1));
    struct block *made = block_new(deliver->table, deletes, rows, columns);
    if (!made)
        return error_memory(error);
    made->fresh = deliver->part == PART_FRESH;
    if (!fill_block(engine, made, rows, list->at + deliver->at)) {
        block_free(made);
        return memory_error(&engine->memory, error);
    }
    deliver->at += made->rows;
    deliver->most = smaller(2 * deliver->most, BLOCK_ROWS_MAX);
    *block = made;
    return true;
}

/* --- end ---------------------------------------------------------------------------------------------------------- */

/* Of what was sent or was to be; when it was delivered, nothing of it is fresh any more. */
static void close_list(struct engine *engine, struct engine_table *table, struct ids *list, bool delivered)
{
    const int64_t flags = GROUP_PENDING | GROUP_ASIDE | (delivered ? GROUP_FRESH : 0);
    for (size_t i = 0; i < list->count; i++)
        if (keyed_has(&table->groups, list->at[i], flags))
            keyed_flag(&table->groups, list->at[i], flags, false);
    memory_close_ids(&engine->memory, list);
}

static void close_table(struct engine *engine, size_t t, bool delivered)
{
    struct deliver *deliver = engine->deliver;
    struct engine_table *table = &engine->tables[t];
    for (size_t part = 0; part < PARTS; part++)
        close_list(engine, table, &deliver->listed[t].parts[part], delivered);
    aside_close(&engine->memory, &deliver->asides[t], table->table->column_count);
}

void engine_delivery_end(struct engine *engine, bool delivered)
{
    struct deliver *deliver = engine->deliver;
    if (!deliver->open)
        return;
    for (size_t t = 0; t < engine->pipeline->table_count; t++) {
        close_table(engine, t, delivered);
        if (delivered && !engine->memory.failed)
            groups_delivered(engine, &engine->tables[t], deliver->sequence);
    }
    if (delivered && !engine->memory.failed)
        engine->delivered = deliver->sequence;
    close_emits(engine);
    deliver->open = false;
}

void engine_delivered(struct engine *engine)
{
    if (engine->delivered > 0 && engine->delivered != engine->sequence)
        know_all(engine);
    engine->delivered = engine->sequence;
}

void deliver_free(struct engine *engine)
{
    if (!engine->deliver)
        return;
    engine_delivery_end(engine, false);
    free(engine->deliver);
}

uint64_t engine_dropped(const struct engine *engine)
{
    return engine->dropped;
}
