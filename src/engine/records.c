/*
 * A record whose parent changes gets a new row under the new parent. The old row stays in its chain as a husk until the
 * end of the change, when every chain that has some is walked once; so chains need no way back. A record that is taken
 * back leaves its row the same way.
 */
#include "engine/records.h"

#include "engine/closed.h"
#include "engine/index.h"
#include "engine/units.h"

enum { CHAIN_AHEAD = 64 /* units of a chain whose memory is asked for */ };

/* --- parents ------------------------------------------------------------------------------------------------------ */

void records_prepare(const struct engine *engine, size_t feed, struct batch_row *row)
{
    const struct records *records = &engine->records[feed];
    struct keyed_key *key = &row->parent;
    key->nulls = 0;
    for (size_t i = 0; i < records->parents->parts; i++) {
        size_t field = records->parent_fields[i];
        key->codes[i] = row->codes.at[field];
        if (codes_null(&row->codes, field))
            key->nulls |= records->parents->bits[i];
    }
    keyed_hash(records->parents, key);
    map_prefetch(&records->parents->map, key->hash);
    if (records->keyed && !records->nested) {
        row->hash = index_hash(records, &row->codes, 0);
        map_prefetch(&records->map, row->hash);
    }
}

void records_prefetch(const struct engine *engine, size_t feed, const struct batch_row *row)
{
    const struct records *records = &engine->records[feed];
    struct map_probe probe;
    uint32_t parent = map_first(&records->parents->map, row->parent.hash, &probe);
    if (parent)
        rows_prefetch(&records->parents->rows, parent);
    uint32_t record = records->keyed && !records->nested ? map_first(&records->map, row->hash, &probe) : 0;
    if (record)
        rows_prefetch(&records->rows, record);
}

/* The first unit at a node that the row would be the first record of. */
static uint32_t first_waiting(const struct records *records, const struct engine_join *join,
                              const struct batch_row *row)
{
    struct map_probe probe;
    uint32_t node = map_first(&join->nodes.map, row->parent.hash, &probe);
    return node && records_first(records, node) == 0 ? rows_link(&join->nodes.rows, node, join->node_units) : 0;
}

/* Chains are followed side by side, so that each step waits for the memory of one unit only. */
void records_prefetch_units(const struct engine *engine, size_t feed, const struct batch_row *rows, size_t count)
{
    uint32_t units[STATE_BATCH];
    const struct engine_join *join = feed > 0 ? &engine->joins[feed - 1] : NULL;
    if (!join || join->direct)
        return;
    for (size_t i = 0; i < count; i++)
        rows_prefetch_some(&engine->units.rows, units[i] = first_waiting(&engine->records[feed], join, &rows[i]));
    bool more = true;
    for (size_t step = 0; more && step < CHAIN_AHEAD; step++) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (units[i] == 0)
                continue;
            units[i] = rows_link(&engine->units.rows, units[i], join->unit_next);
            rows_prefetch_some(&engine->units.rows, units[i]);
            more = true;
        }
    }
}

static bool has_parent_key(const struct engine *engine, size_t feed)
{
    return feed > 0 || engine->units_found;
}

/* Units that see this parent's records are taken back from their groups. */
static void touch_parent(struct engine *engine, size_t feed, uint32_t parent)
{
    if (engine->records[feed].parents == &engine->units)
        units_touch(engine, parent);
    else
        units_touch_at_node(engine, &engine->joins[feed - 1], parent);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* A row that was just added holds zeros already. */
static void write_own(struct records *records, uint32_t record, const struct batch_row *row, bool added)
{
    struct rows *rows = &records->rows;
    struct rows_at at = rows_at(rows, record);
    const int64_t nulls = (int64_t)(row->codes.nulls & records->own_bits);
    rows_set_at(rows, record, &at, RECORD_SEQUENCE, row->rank.sequence);
    rows_set_at(rows, record, &at, RECORD_ROW, row->rank.row);
    if (records->version)
        rows_set_at(rows, record, &at, records->version, row->rank.version);
    if (!added || !row->passes)
        rows_set_at(rows, record, &at, RECORD_FLAGS, row->passes ? 0 : RECORD_FILTERED);
    if (!added || nulls != 0)
        rows_set_at(rows, record, &at, RECORD_NULLS, nulls);
    if (!added && records->lifted_sequence) {
        rows_set_at(rows, record, &at, records->lifted_sequence, 0);
        rows_set_at(rows, record, &at, records->lifted_row, 0);
    }
    for (size_t i = 0; i < records->own_count; i++) {
        int64_t code = row->codes.at[records->own[i]];
        if (!added || code != 0)
            rows_set_at(rows, record, &at, records->homes[records->own[i]].column, code);
    }
}

/* What lies between a record's rank and its origin is nearly always nothing, and then takes no room. */
static void write_rank(struct records *records, uint32_t record, struct rank rank)
{
    if (records->lifted_sequence) {
        struct rank origin = records_origin(records, record);
        rows_set(&records->rows, record, records->lifted_sequence, rank.sequence - origin.sequence);
        rows_set(&records->rows, record, records->lifted_row, rank.row - origin.row);
    }
    rows_set(&records->rows, record, RECORD_SEQUENCE, rank.sequence);
    rows_set(&records->rows, record, RECORD_ROW, rank.row);
}

/* A new row in the chain of `parent`, found by nothing yet. */
static uint32_t add_row(struct engine *engine, struct records *records, uint32_t parent, const struct batch_row *row)
{
    uint32_t record = rows_add(&records->rows);
    if (record == 0)
        return 0;
    write_own(records, record, row, true);
    if (index_maps(engine, records, parent))
        rows_set(&records->rows, record, RECORD_PARENT, parent);
    uint32_t first = records_first(records, parent);
    if (first)
        rows_set(&records->rows, record, RECORD_NEXT, first);
    rows_set(&records->parents->rows, parent, records->head, record);
    return record;
}

static void add_record(struct engine *engine, size_t feed, uint32_t parent, const struct batch_row *row)
{
    struct records *records = &engine->records[feed];
    bool in_map = records->keyed && index_maps(engine, records, parent);
    if (in_map && !index_room(engine, records, 1))
        return;
    uint32_t record = add_row(engine, records, parent, row);
    if (record == 0)
        return;
    if (feed == 0)
        units_set_attributes(engine, parent, record, &row->codes);
    if (in_map)
        map_put(&records->map, records->nested ? index_hash(records, &row->codes, parent) : row->hash, record);
    records->live++;
}

/* The record's row stays in the chain of its parent until that is swept. */
static void make_husk(struct engine *engine, size_t feed, uint32_t record, uint32_t parent)
{
    struct records *records = &engine->records[feed];
    int64_t flag = (int64_t)PARENT_HUSKS << feed;
    rows_set(&records->rows, record, RECORD_FLAGS, RECORD_DEAD);
    if (keyed_has(records->parents, parent, flag))
        return;
    keyed_flag(records->parents, parent, flag, true);
    ids_push(&engine->memory, &engine->husks, (uint32_t)feed);
    ids_push(&engine->memory, &engine->husks, parent);
}

/* The record's row becomes a husk, another one takes its place under `parent`. Joined feeds only: facts keep their
   unit. */
static void move_record(struct engine *engine, size_t feed, uint32_t record, uint32_t parent,
                        const struct batch_row *row)
{
    struct records *records = &engine->records[feed];
    uint32_t moved = add_row(engine, records, parent, row);
    if (moved == 0)
        return;
    map_replace(&records->map, row->hash, record, moved);
    make_husk(engine, feed, record, index_parent(records, record));
}

static void sweep(struct records *records, uint32_t parent)
{
    uint32_t before = 0;
    for (uint32_t r = records_first(records, parent), next; r; r = next) {
        next = records_next(records, r);
        if (!(rows_get(&records->rows, r, RECORD_FLAGS) & RECORD_DEAD)) {
            before = r;
            continue;
        }
        if (before)
            rows_set(&records->rows, before, RECORD_NEXT, next);
        else
            rows_set(&records->parents->rows, parent, records->head, next);
        rows_remove(&records->rows, r);
    }
}

void records_sweep(struct engine *engine)
{
    for (size_t i = 0; i + 1 < engine->husks.count; i += 2) {
        struct records *records = &engine->records[engine->husks.at[i]];
        sweep(records, engine->husks.at[i + 1]);
        keyed_flag(records->parents, engine->husks.at[i + 1], (int64_t)PARENT_HUSKS << engine->husks.at[i], false);
    }
    engine->husks.count = 0;
}

/* --- taking rows back --------------------------------------------------------------------------------------------- */

enum { SHARED_BITS = 32 };

static void note_shared(struct engine *engine, int64_t sequence)
{
    uint64_t word = (uint64_t)sequence / SHARED_BITS;
    while (engine->shared.count <= word && !engine->memory.failed)
        ids_push(&engine->memory, &engine->shared, 0);
    if (word < engine->shared.count)
        engine->shared.at[word] |= UINT32_C(1) << ((uint64_t)sequence % SHARED_BITS);
}

bool records_shared(const struct engine *engine, uint64_t sequence)
{
    uint64_t word = sequence / SHARED_BITS;
    return word < engine->shared.count && (engine->shared.at[word] >> (sequence % SHARED_BITS) & 1) != 0;
}

/* Two rows of a key from different changes: the one that is live has the other one below it. */
static void note_met(struct engine *engine, struct rank stored, struct rank row)
{
    if (stored.sequence != row.sequence)
        note_shared(engine, rank_compare(stored, row) > 0 ? stored.sequence : row.sequence);
}

/* The record of a lifted rank stays its origin's: without that, it would be that of a row between, which nobody
   knows. */
static void note_origin(struct engine *engine, const struct records *records, uint32_t record, struct rank row)
{
    int64_t origin = records_origin(records, record).sequence;
    if (records->lifted_sequence && origin != row.sequence)
        note_shared(engine, origin);
}

static void remove_record(struct engine *engine, size_t feed, uint32_t record, uint32_t parent)
{
    struct records *records = &engine->records[feed];
    touch_parent(engine, feed, parent);
    if (feed == 0)
        units_lose_line(engine, record);
    make_husk(engine, feed, record, parent);
    records->live--;
}

void records_remove(struct engine *engine, size_t feed, const struct batch_row *row)
{
    struct records *records = &engine->records[feed];
    bool found = has_parent_key(engine, feed);
    uint32_t parent = found ? keyed_find(records->parents, &row->parent) : 0;
    uint32_t record = index_find(engine, records, parent, row);
    if (!record || rows_get(&records->rows, record, RECORD_SEQUENCE) != row->rank.sequence)
        return;
    if (!records->nested)
        parent = index_parent(records, record);
    if (index_maps(engine, records, parent))
        index_remove(engine, records, record);
    remove_record(engine, feed, record, parent);
}

void records_remove_all(struct engine *engine, size_t feed, uint64_t sequence)
{
    struct records *records = &engine->records[feed];
    for (uint32_t r = 1; r < records->rows.end; r++)
        if (rows_get(&records->rows, r, RECORD_SEQUENCE) == (int64_t)sequence &&
            !(rows_get(&records->rows, r, RECORD_FLAGS) & RECORD_DEAD))
            remove_record(engine, feed, r, index_parent(records, r));
}

/* --- freeing ------------------------------------------------------------------------------------------------------ */

static void keep_key(struct engine *engine, size_t feed, uint32_t record, uint32_t parent, int64_t window)
{
    const struct records *records = &engine->records[feed];
    struct codes codes = {.nulls = 0};
    for (size_t i = 0; i < records->rest_count; i++) {
        bool null;
        size_t field = records->rest[i];
        codes.at[field] = index_code(engine, records, record, parent, field, &null);
        codes.nulls |= (uint64_t)null << field;
    }
    closed_keep_record(engine, feed, &codes, window);
}

/* Entries of a map that are moved when another one goes are hashed by their rows, so all leave it before any row is
   given back. */
void records_free(struct engine *engine, size_t feed, uint32_t unit, int64_t window)
{
    struct records *records = &engine->records[feed];
    bool in_map = records->keyed && index_maps(engine, records, unit);
    for (uint32_t r = records_first(records, unit); r; r = records_next(records, r)) {
        if (in_map)
            index_remove(engine, records, r);
        if (engine->closed.keeps[feed])
            keep_key(engine, feed, r, unit, window);
    }
    for (uint32_t r = records_first(records, unit), next; r; r = next) {
        next = records_next(records, r);
        rows_set(&records->rows, r, RECORD_FLAGS, RECORD_DEAD);
        rows_remove(&records->rows, r);
        records->live--;
    }
    rows_set(&records->parents->rows, unit, records->head, 0);
}

void records_trim(struct engine *engine, size_t feed)
{
    struct records *records = &engine->records[feed];
    rows_trim(&records->rows, RECORD_FLAGS, RECORD_DEAD);
    index_trim(engine, records);
}

/* --- what becomes of a row ---------------------------------------------------------------------------------------- */

/* <0, 0, >0 as the stored record's values stand to the row's, field by field. */
static int compare_values(const struct engine *engine, const struct records *records, uint32_t record, uint32_t parent,
                          const struct codes *codes)
{
    for (size_t field = 0; field < records->feed->field_count; field++) {
        bool null;
        int64_t code = index_code(engine, records, record, parent, field, &null);
        bool other = codes_null(codes, field);
        if (null != other)
            return null ? -1 : 1;
        int order = codes_compare(records->feed->fields[field].type.kind, code, codes->at[field], &engine->dict);
        if (order != 0)
            return order;
    }
    return 0;
}

/* The live record of a row's key, under its own parent and under the one that the row leads to. */
struct rival {
    uint32_t record, parent, new_parent;
};

static void replace(struct engine *engine, size_t feed, struct rival rival, const struct batch_row *row)
{
    struct records *records = &engine->records[feed];
    touch_parent(engine, feed, rival.parent);
    if (rival.parent != rival.new_parent) {
        touch_parent(engine, feed, rival.new_parent);
        move_record(engine, feed, rival.record, rival.new_parent, row);
        return;
    }
    write_own(records, rival.record, row, false);
    if (feed == 0)
        units_set_attributes(engine, rival.parent, rival.record, &row->codes);
}

/* Whether the row would leave the unit to a line of a closed window. */
static __attribute__((noinline)) bool leaves_to_closed(struct engine *engine, uint32_t unit, uint32_t line,
                                                       const struct batch_row *row)
{
    int64_t window;
    return units_falls_back(engine, unit, line, row, &window) && closed_note_speaks(engine, window);
}

/* A row whose key has a live record. Rows of one rank (which several files of one change may have) go by their
   values. */
static enum records_result meet(struct engine *engine, size_t feed, struct rival rival, const struct batch_row *row,
                                int64_t *replaced)
{
    struct records *records = &engine->records[feed];
    const uint32_t record = rival.record;
    struct rank rank = records_rank(records, record);
    int order = rank_compare(rank, row->rank);
    note_met(engine, rank, row->rank);
    if (order > 0)
        return RECORDS_SUPERSEDED;
    int values = compare_values(engine, records, record, rival.parent, &row->codes);
    if (values == 0) {
        /* A higher rank may change whose attributes hold for the unit. */
        if (feed == 0 && keyed_has(&engine->units, rival.parent, PARENT_ALTS))
            units_touch(engine, rival.parent);
        note_origin(engine, records, record, row->rank);
        write_rank(records, record, row->rank);
        *replaced = order < 0 ? rank.sequence : 0;
        return RECORDS_UNCHANGED;
    }
    if (order == 0 && values > 0)
        return RECORDS_SUPERSEDED;
    if (feed == 0 && engine->closed.any && leaves_to_closed(engine, rival.parent, record, row))
        return RECORDS_LATE;
    *replaced = rank.sequence;
    replace(engine, feed, rival, row);
    return RECORDS_APPLIED;
}

enum records_result records_apply(struct engine *engine, size_t feed, const struct batch_row *row, int64_t *replaced)
{
    struct records *records = &engine->records[feed];
    bool found = has_parent_key(engine, feed);
    uint32_t parent = found ? keyed_find(records->parents, &row->parent) : 0;
    uint32_t record = index_find(engine, records, parent, row);
    if (record && records->nested)
        return meet(engine, feed, (struct rival){record, parent, parent}, row, replaced);
    /* A superseded row leaves no parent behind. */
    if (record && rank_compare(records_rank(records, record), row->rank) > 0) {
        note_met(engine, records_rank(records, record), row->rank);
        return RECORDS_SUPERSEDED;
    }
    if (!parent)
        parent = found ? keyed_add(records->parents, &row->parent) : keyed_add_unfound(records->parents);
    if (record)
        return meet(engine, feed, (struct rival){record, index_parent(records, record), parent}, row, replaced);
    touch_parent(engine, feed, parent);
    add_record(engine, feed, parent, row);
    return RECORDS_APPLIED;
}
