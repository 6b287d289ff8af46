#include "engine/deliver.h"

#include <endian.h>
#include <stdlib.h>

#include "engine/emit.h"
#include "engine/groups.h"

enum {
    BLOCK_CELLS_MAX = 128 * 1024, /* cells of a block: 4 MiB */
    BLOCK_ROWS_FIRST = 512        /* rows of the first block; each one after it may have twice as many */
};

/* What comes of a table, one after the other. */
enum part { PART_DELETES, PART_FRESH, PART_UPSERTS, PARTS };

/* Rows set aside, of one table. */
struct aside {
    struct ids groups;
    struct map map; /* place in `groups`, from 1 */
    struct cell *cells;
    size_t room; /* rows */
};

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
    struct emit emit;
};

struct deliver *deliver_new(struct error *error)
{
    struct deliver *deliver = calloc(1, sizeof *deliver);
    if (!deliver)
        error_memory(error);
    return deliver;
}

/* --- rows set aside ----------------------------------------------------------------------------------------------- */

static void refill(void *context, struct map *map)
{
    struct map_filler filler = {.count = 0};
    const struct aside *aside = context;
    for (size_t i = 0; i < aside->groups.count; i++)
        map_fill(map, &filler, hash_u64(aside->groups.at[i]), (uint32_t)i + 1);
    map_fill_end(map, &filler);
}

static struct cell *aside_room(struct memory *memory, struct aside *aside, size_t columns)
{
    if (!memory_map_room(memory, &aside->map, 1, refill, aside))
        return NULL;
    if (aside->groups.count == aside->room) {
        size_t room = aside->room > 0 ? aside->room + aside->room / 2 : 64, row = columns * sizeof(struct cell);
        struct cell *cells = memory_resize(memory, aside->cells, aside->room * row, room * row);
        if (!cells)
            return NULL;
        aside->cells = cells;
        aside->room = room;
    }
    return aside->cells + aside->groups.count * columns;
}

/* Lists are the emitter's: a row that is set aside has its own. */
static bool keep_lists(struct memory *memory, struct cell *cells, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        if (cells[i].kind != CELL_LIST || cells[i].text.len == 0)
            continue;
        char *copy = memory_new(memory, cells[i].text.len);
        if (!copy)
            return false;
        memcpy(copy, cells[i].text.data, cells[i].text.len);
        cells[i].text.data = copy;
    }
    return true;
}

static void drop_lists(struct memory *memory, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i].kind == CELL_LIST && cells[i].text.len > 0)
            memory_drop(memory, (void *)(uintptr_t)cells[i].text.data, cells[i].text.len);
}

void deliver_set_aside(struct engine *engine, struct engine_table *table, uint32_t group)
{
    struct aside *aside = &engine->deliver->asides[table - engine->tables];
    struct cell *cells = aside_room(&engine->memory, aside, table->table->column_count);
    if (!cells)
        return;
    struct emit_members members;
    emit_find_members(engine, table, &group, 1, &members);
    emit_row(engine, &engine->deliver->emit, table, group, &members, cells);
    if (!keep_lists(&engine->memory, cells, table->table->column_count))
        return;
    ids_push(&engine->memory, &aside->groups, group);
    map_put(&aside->map, hash_u64(group), (uint32_t)aside->groups.count);
    keyed_flag(&table->groups, group, GROUP_ASIDE, true);
}

static const struct cell *find_aside(const struct aside *aside, uint32_t group, size_t columns)
{
    struct map_probe probe;
    for (uint32_t at = map_first(&aside->map, hash_u64(group), &probe); at != MAP_NONE;
         at = map_next(&aside->map, &probe))
        if (aside->groups.at[at - 1] == group)
            return aside->cells + (at - 1) * columns;
    return NULL;
}

static void close_aside(struct memory *memory, struct aside *aside, size_t columns)
{
    drop_lists(memory, aside->cells, aside->groups.count * columns);
    memory_drop(memory, aside->cells, aside->room * columns * sizeof(struct cell));
    memory_close_ids(memory, &aside->groups);
    memory_close_map(memory, &aside->map);
    *aside = (struct aside){0};
}

/* --- key order ---------------------------------------------------------------------------------------------------- */

enum { PREFIX_PARTS = 2 };

/* A group with the beginning of its key, which nearly always decides. */
struct sorted {
    uint64_t prefix[PREFIX_PARTS];
    uint32_t group;
};

struct sorter {
    const struct engine *engine;
    const struct engine_table *table;
};

static enum value_kind part_kind(const struct engine_table *table, size_t key)
{
    const struct column *column = &table->table->columns[table->table->key[key]];
    return column->kind == COLUMN_GROUP ? column->field_type.kind : VALUE_INT64;
}

static int64_t part_code(const struct engine_table *table, uint32_t group, size_t key)
{
    return rows_get(&table->groups.rows, group, KEYED_KEY + table->column_part[table->table->key[key]]);
}

static uint64_t prefix_of(const struct sorter *sorter, uint32_t group, size_t key)
{
    int64_t code = part_code(sorter->table, group, key);
    enum value_kind kind = part_kind(sorter->table, key);
    if (kind != VALUE_TEXT)
        return (uint64_t)codes_rank(kind, code) ^ UINT64_C(1) << 63;
    struct slice text = dict_text(&sorter->engine->dict, (uint32_t)code);
    uint64_t bytes = 0;
    memcpy(&bytes, text.data, text.len < sizeof bytes ? text.len : sizeof bytes);
    return be64toh(bytes);
}

static int compare_groups(const void *a, const void *b, void *context)
{
    const struct sorter *sorter = context;
    const struct sorted *x = a, *y = b;
    for (size_t i = 0; i < PREFIX_PARTS; i++) {
        if (x->prefix[i] == y->prefix[i])
            continue;
        /* Only where all before is equal does the next prefix count; texts may differ behind theirs. */
        if (i == 0 || part_kind(sorter->table, 0) != VALUE_TEXT)
            return x->prefix[i] < y->prefix[i] ? -1 : 1;
        break;
    }
    for (size_t key = 0; key < sorter->table->table->key_count; key++) {
        int order = codes_compare(part_kind(sorter->table, key), part_code(sorter->table, x->group, key),
                                  part_code(sorter->table, y->group, key), &sorter->engine->dict);
        if (order != 0)
            return order;
    }
    return 0;
}

static bool sort_groups(struct engine *engine, const struct engine_table *table, struct ids *groups)
{
    struct sorter sorter = {engine, table};
    size_t size = groups->count * sizeof(struct sorted);
    if (groups->count < 2 || table->table->key_count == 0)
        return true;
    struct sorted *sorted = memory_new(&engine->memory, size);
    if (!sorted)
        return false;
    for (size_t i = 0; i < groups->count; i++) {
        sorted[i].group = groups->at[i];
        for (size_t key = 0; key < PREFIX_PARTS && key < table->table->key_count; key++)
            sorted[i].prefix[key] = prefix_of(&sorter, groups->at[i], key);
    }
    qsort_r(sorted, groups->count, sizeof *sorted, compare_groups, &sorter);
    for (size_t i = 0; i < groups->count; i++)
        groups->at[i] = sorted[i].group;
    memory_drop(&engine->memory, sorted, size);
    return true;
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
    if (groups_units(lister->table, group) > 0) {
        bool fresh = deliver->trusts && keyed_has(groups, group, GROUP_FRESH);
        ids_push(memory, &lister->listed->parts[fresh ? PART_FRESH : PART_UPSERTS], group);
        keyed_flag(groups, group, GROUP_PENDING, true);
    } else if (!deliver->full) {
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
        return error_set(error, ERROR_BUG, "A delivery starts %s", deliver->open ? "twice" : "within a change");
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

/* Copies the texts of a row into the block; false when they do not fit into it any more. */
static bool copy_texts(struct block *block, struct cell *cells)
{
    for (size_t i = 0; i < block->columns; i++) {
        if (cells[i].kind != CELL_TEXT && cells[i].kind != CELL_LIST)
            continue;
        cells[i].text = arena_copy(&block->arena, cells[i].text);
        if (!cells[i].text.data)
            return false;
    }
    return true;
}

static void put_row(struct engine *engine, const struct engine_table *table, uint32_t group,
                    const struct emit_members *members, struct cell *cells)
{
    struct deliver *deliver = engine->deliver;
    size_t columns = table->table->column_count;
    const struct cell *aside = NULL;
    if (keyed_has(&table->groups, group, GROUP_ASIDE))
        aside = find_aside(&deliver->asides[deliver->table], group, columns);
    if (aside)
        memcpy(cells, aside, columns * sizeof *cells);
    else
        emit_row(engine, &deliver->emit, table, group, members, cells);
}

/* Fills the block with as many of the groups as it takes; at least one, or memory is out. */
static bool fill_block(struct engine *engine, struct block *block, size_t rows, const uint32_t *groups)
{
    struct engine_table *table = &engine->tables[block->table];
    struct emit_members members[EMIT_GROUPS];
    for (size_t i = 0; i < rows; i++) {
        struct cell *cells = block->cells + i * block->columns;
        uint64_t overflows = engine->overflows.values;
        size_t left = rows - i, at = i % EMIT_GROUPS;
        if (at == 0 && !block->deletes)
            emit_find_members(engine, table, groups + i, left < EMIT_GROUPS ? left : EMIT_GROUPS, members);
        if (block->deletes)
            emit_key(engine, table, groups[i], cells);
        else
            put_row(engine, table, groups[i], &members[at], cells);
        if (!copy_texts(block, cells)) {
            engine->overflows.values = overflows;
            return i > 0;
        }
        block->rows++;
        if (!block->deletes)
            keyed_flag(&table->groups, groups[i], GROUP_PENDING | GROUP_ASIDE, false);
    }
    return !engine->memory.failed;
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
    if (deliver->at == 0 && !sort_groups(engine, &engine->tables[deliver->table], list))
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
    close_aside(&engine->memory, &deliver->asides[t], table->table->column_count);
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
    emit_close(&deliver->emit, &engine->memory);
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
    emit_close(&engine->deliver->emit, &engine->memory);
    free(engine->deliver);
}

uint64_t engine_dropped(const struct engine *engine)
{
    return engine->dropped;
}

static void count_group(void *context, uint32_t group)
{
    (void)group;
    ++*(uint64_t *)context;
}

uint64_t engine_undelivered(const struct engine *engine, uint64_t since)
{
    uint64_t count = 0;
    for (size_t t = 0; t < engine->pipeline->table_count; t++)
        groups_each_changed(&engine->tables[t], since, count_group, &count);
    return count;
}
