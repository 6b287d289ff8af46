/*
 * A row is packed as its table's number, its key columns in the order of the key, then the others: each a varint (0:
 * null, else length + 1) and its text. What stands before the others is the row's packed key.
 */
#include "app/snapshot.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"

enum { PACKED_MAX = 16 * 1024 * 1024 /* bytes of one row */ };
#define SNAPSHOT_BYTES_MAX ((size_t)16 << 30)

struct packed {
    const char *data;
    uint32_t len, key_len; /* bytes */
    uint32_t table;
    bool seen; /* by the comparison */
};

struct snapshot {
    const struct pipeline *pipeline;
    struct arena arena;
    struct packed *rows; /* row n stands at n - 1, as the map's numbers begin at 1 */
    uint32_t count;
    size_t capacity;
    struct map map;
};

/* --- rows as bytes ------------------------------------------------------------------------------------------------ */

struct packer {
    const struct pipeline *pipeline;
    struct buf row, text;
    size_t key_len;
};

static void packer_init(struct packer *packer, const struct pipeline *pipeline)
{
    packer->pipeline = pipeline;
    buf_init(&packer->row, PACKED_MAX);
    buf_init(&packer->text, PACKED_MAX);
}

static void packer_close(struct packer *packer)
{
    buf_close(&packer->row);
    buf_close(&packer->text);
}

static void pack_cell(struct packer *packer, const struct column *column, const struct cell *cell)
{
    if (cell->kind == CELL_NULL) {
        buf_put_varint(&packer->row, 0);
        return;
    }
    buf_reset(&packer->text);
    cell_print(column, cell, &packer->text);
    packer->row.failed |= packer->text.failed;
    buf_put_varint(&packer->row, packer->text.len + 1);
    buf_put_slice(&packer->row, buf_slice(&packer->text));
}

/* Row `row` of the block; of a block of deletes there is a key only. */
static bool pack(struct packer *packer, const struct block *block, size_t row, struct error *error)
{
    const struct table *table = &packer->pipeline->tables[block->table];
    const struct cell *cells = block->cells + row * block->columns;
    buf_reset(&packer->row);
    buf_put_varint(&packer->row, block->table);
    for (size_t k = 0; k < table->key_count; k++)
        pack_cell(packer, &table->columns[table->key[k]], &cells[block->deletes ? k : table->key[k]]);
    packer->key_len = packer->row.len;
    for (size_t c = 0; !block->deletes && c < table->column_count; c++)
        if (!table_is_key(table, c))
            pack_cell(packer, &table->columns[c], &cells[c]);
    return !packer->row.failed || error_memory(error);
}

static void unpack_cell(const char **at, const char *end, struct slice *cell)
{
    uint64_t len = 0;
    bool whole = varint_read(at, end, &len);
    *cell = whole && len > 0 ? (struct slice){*at, len - 1} : (struct slice){NULL, 0};
    *at += cell->len;
}

static void unpack(const struct table *table, struct slice row, struct slice *cells)
{
    const char *at = row.data, *end = row.data + row.len;
    uint64_t number;
    if (!varint_read(&at, end, &number))
        return;
    for (size_t k = 0; k < table->key_count; k++)
        unpack_cell(&at, end, &cells[table->key[k]]);
    for (size_t c = 0; c < table->column_count; c++)
        if (!table_is_key(table, c))
            unpack_cell(&at, end, &cells[c]);
}

/* --- the snapshot ------------------------------------------------------------------------------------------------- */

static uint64_t key_hash(struct slice key)
{
    return hash_bytes(key, 0);
}

static uint64_t row_hash(const struct packed *row)
{
    return key_hash((struct slice){row->data, row->key_len});
}

static struct packed *find(const struct snapshot *snapshot, struct slice key)
{
    struct map_probe probe;
    uint64_t hash = key_hash(key);
    for (uint32_t id = map_first(&snapshot->map, hash, &probe); id != MAP_NONE; id = map_next(&snapshot->map, &probe)) {
        struct packed *row = &snapshot->rows[id - 1];
        if (slice_equal((struct slice){row->data, row->key_len}, key))
            return row;
    }
    return NULL;
}

static bool make_room(struct snapshot *snapshot)
{
    struct packed *rows = list_grow(snapshot->rows, snapshot->count, &snapshot->capacity, sizeof *rows);
    if (!rows)
        return false;
    snapshot->rows = rows;
    if (map_has_room(&snapshot->map, 1))
        return true;
    if (!map_resize(&snapshot->map, map_grown(&snapshot->map)))
        return false;
    for (uint32_t i = 0; i < snapshot->count; i++)
        map_put(&snapshot->map, row_hash(&snapshot->rows[i]), i + 1);
    return true;
}

static bool keep(struct snapshot *snapshot, const struct packer *packer, size_t table, struct error *error)
{
    if (!make_room(snapshot))
        return error_memory(error);
    struct slice copy = arena_copy(&snapshot->arena, buf_slice(&packer->row));
    if (!copy.data)
        return error_memory(error);
    struct packed *row = &snapshot->rows[snapshot->count++];
    *row = (struct packed){copy.data, (uint32_t)copy.len, (uint32_t)packer->key_len, (uint32_t)table, false};
    map_put(&snapshot->map, row_hash(row), snapshot->count);
    return true;
}

/* --- walking what an engine delivers ------------------------------------------------------------------------------ */

struct walk {
    struct packer packer;
    /* The row is in walk->packer. */
    bool (*row)(struct walk *walk, size_t table, bool deleted, struct error *error);
    struct snapshot *snapshot;
    row_change_visit changed;
    bool (*touched)(void *context, struct slice packed_key, struct error *error);
    void *context;
};

static bool walk_block(struct walk *walk, const struct block *block, struct error *error)
{
    for (size_t row = 0; row < block->rows; row++)
        if (!pack(&walk->packer, block, row, error) || !walk->row(walk, block->table, block->deletes, error))
            return false;
    return true;
}

static bool walk_engine(struct walk *walk, struct engine *engine, uint64_t since, struct error *error)
{
    struct delivery delivery = {0};
    struct block *block = NULL;
    if (!engine_delivery_start(engine, since, since == 0, &delivery, error))
        return false;
    bool good = engine_delivery_next(engine, &block, error);
    while (good && block) {
        good = walk_block(walk, block, error);
        block_free(block);
        block = NULL;
        good = good && engine_delivery_next(engine, &block, error);
    }
    engine_delivery_end(engine, good);
    return good;
}

static bool take_row(struct walk *walk, size_t table, bool deleted, struct error *error)
{
    return deleted || keep(walk->snapshot, &walk->packer, table, error);
}

bool snapshot_take(struct snapshot **out, const struct pipeline *pipeline, struct engine *engine, struct error *error)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return error_memory(error);
    snapshot->pipeline = pipeline;
    arena_init(&snapshot->arena, SNAPSHOT_BYTES_MAX);
    map_init(&snapshot->map);
    struct walk walk = {.row = take_row, .snapshot = snapshot};
    packer_init(&walk.packer, pipeline);
    bool good = walk_engine(&walk, engine, 0, error);
    packer_close(&walk.packer);
    if (!good) {
        snapshot_free(snapshot);
        return false;
    }
    *out = snapshot;
    return true;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    map_close(&snapshot->map);
    free(snapshot->rows);
    arena_close(&snapshot->arena);
    free(snapshot);
}

static bool tell(const struct walk *walk, size_t table, const struct packed *before, const struct slice *after,
                 size_t key_len, struct error *error)
{
    struct slice old[PIPELINE_COLUMNS_MAX] = {{0}}, new[PIPELINE_COLUMNS_MAX] = {{0}};
    struct row_change change = {.table = &walk->packer.pipeline->tables[table], .before = old, .after = new};
    change.kind = !before ? ROW_ADDED : after ? ROW_CHANGED : ROW_DELETED;
    if (before)
        unpack(change.table, (struct slice){before->data, before->len}, old);
    if (after)
        unpack(change.table, *after, new);
    change.packed_key = (struct slice){before ? before->data : after->data, before ? before->key_len : key_len};
    return walk->changed(walk->context, &change, error);
}

static bool compare_row(struct walk *walk, size_t table, bool deleted, struct error *error)
{
    const struct packer *packer = &walk->packer;
    struct slice row = buf_slice(&packer->row);
    struct packed *before = find(walk->snapshot, (struct slice){row.data, packer->key_len});
    if (before)
        before->seen = true;
    if (deleted)
        return !before || tell(walk, table, before, NULL, 0, error);
    if (before && slice_equal((struct slice){before->data, before->len}, row))
        return true;
    return tell(walk, table, before, &row, packer->key_len, error);
}

static bool tell_unseen(const struct walk *walk, struct error *error)
{
    const struct snapshot *snapshot = walk->snapshot;
    for (uint32_t i = 0; i < snapshot->count; i++)
        if (!snapshot->rows[i].seen && !tell(walk, snapshot->rows[i].table, &snapshot->rows[i], NULL, 0, error))
            return false;
    return true;
}

bool snapshot_compare(struct snapshot *snapshot, struct engine *engine, uint64_t since, row_change_visit visit,
                      void *context, struct error *error)
{
    struct walk walk = {.row = compare_row, .snapshot = snapshot, .changed = visit, .context = context};
    packer_init(&walk.packer, snapshot->pipeline);
    bool good = walk_engine(&walk, engine, since, error) && (since > 0 || tell_unseen(&walk, error));
    packer_close(&walk.packer);
    return good;
}

static bool touch_row(struct walk *walk, size_t table, bool deleted, struct error *error)
{
    (void)table;
    (void)deleted;
    return walk->touched(walk->context, (struct slice){walk->packer.row.data, walk->packer.key_len}, error);
}

bool snapshot_touched(const struct pipeline *pipeline, struct engine *engine, uint64_t since,
                      bool (*visit)(void *context, struct slice packed_key, struct error *error), void *context,
                      struct error *error)
{
    struct walk walk = {.row = touch_row, .touched = visit, .context = context};
    packer_init(&walk.packer, pipeline);
    bool good = walk_engine(&walk, engine, since, error);
    packer_close(&walk.packer);
    return good;
}
