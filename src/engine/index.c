#include "engine/index.h"

int64_t index_code(const struct engine *engine, const struct records *records, uint32_t record, uint32_t parent,
                   size_t field, bool *null)
{
    const struct field_home *home = &records->homes[field];
    struct rows_at at = rows_at(&records->rows, record);
    size_t nulls = RECORD_NULLS, column = home->column;
    if (home->in_parent) {
        uint32_t alt = home->attribute ? (uint32_t)rows_peek(at, RECORD_ALT) : 0;
        at = alt ? rows_at(&engine->alts, alt) : rows_at(&records->parents->rows, parent);
        nulls = alt ? (size_t)ALT_NULLS : (size_t)KEYED_NULLS;
        column = alt ? home->alt_column : home->column;
    }
    *null = ((uint64_t)rows_peek(at, nulls) & home->null_bit) != 0;
    return rows_peek(at, column);
}

/* Until its chain is swept. A line of the facts has lost its attributes by then, which may be fields of its key. */
static bool is_husk(const struct records *records, uint32_t record)
{
    return (rows_get(&records->rows, record, RECORD_FLAGS) & RECORD_DEAD) != 0;
}

/* --- the feed's map ----------------------------------------------------------------------------------------------- */

uint64_t index_hash(const struct records *records, const struct codes *codes, uint32_t parent)
{
    uint64_t hash = records->nested ? hash_u64(parent) : 0;
    for (size_t i = 0; i < records->rest_count; i++)
        hash = codes_hash(hash, codes->at[records->rest[i]], codes_null(codes, records->rest[i]));
    return hash;
}

/* What map callbacks need. */
struct of_feed {
    const struct engine *engine;
    const struct records *records;
};

static uint64_t hash_of_record(const void *context, uint32_t record)
{
    const struct of_feed *of = context;
    uint32_t parent = index_parent(of->records, record);
    uint64_t hash = of->records->nested ? hash_u64(parent) : 0;
    for (size_t i = 0; i < of->records->rest_count; i++) {
        bool null;
        int64_t code = index_code(of->engine, of->records, record, parent, of->records->rest[i], &null);
        hash = codes_hash(hash, code, null);
    }
    return hash;
}

static void refill(void *context, struct map *map)
{
    struct map_filler filler = {.count = 0};
    const struct of_feed *of = context;
    const struct records *records = of->records;
    for (size_t i = 0; i < records->crowded.count; i++)
        for (uint32_t r = records_first(records, records->crowded.at[i]); r; r = records_next(records, r))
            if (!is_husk(records, r))
                map_fill(map, &filler, hash_of_record(of, r), r);
    for (uint32_t r = 1; !records->nested && r < records->rows.end; r++)
        if (!is_husk(records, r))
            map_fill(map, &filler, hash_of_record(of, r), r);
    map_fill_end(map, &filler);
}

bool index_room(struct engine *engine, struct records *records, uint32_t more)
{
    struct of_feed of = {engine, records};
    return memory_map_room(&engine->memory, &records->map, more, refill, &of);
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

static bool has_key(const struct engine *engine, const struct records *records, uint32_t record, uint32_t parent,
                    const struct codes *codes)
{
    for (size_t i = 0; i < records->rest_count; i++) {
        bool null;
        size_t field = records->rest[i];
        if (index_code(engine, records, record, parent, field, &null) != codes->at[field] ||
            null != codes_null(codes, field))
            return false;
    }
    return true;
}

static uint32_t find_in_map(const struct engine *engine, const struct records *records, uint64_t hash, uint32_t parent,
                            const struct codes *codes)
{
    struct map_probe probe;
    for (uint32_t r = map_first(&records->map, hash, &probe); r != MAP_NONE; r = map_next(&records->map, &probe)) {
        uint32_t its = index_parent(records, r);
        if ((!records->nested || its == parent) && has_key(engine, records, r, its, codes))
            return r;
    }
    return 0;
}

static int64_t crowded_flag(const struct engine *engine, const struct records *records)
{
    return (int64_t)PARENT_CROWDED << (records - engine->records);
}

/* Puts the records of a parent that has many into the map. */
static void crowd(struct engine *engine, struct records *records, uint32_t parent, uint32_t count)
{
    struct of_feed of = {engine, records};
    if (!index_room(engine, records, count))
        return;
    for (uint32_t r = records_first(records, parent); r; r = records_next(records, r)) {
        if (is_husk(records, r))
            continue;
        rows_set(&records->rows, r, RECORD_PARENT, parent);
        map_put(&records->map, hash_of_record(&of, r), r);
    }
    keyed_flag(records->parents, parent, crowded_flag(engine, records), true);
    ids_push(&engine->memory, &records->crowded, parent);
}

static uint32_t find_nested(struct engine *engine, struct records *records, uint32_t parent, const struct codes *codes)
{
    if (parent == 0)
        return 0;
    if (keyed_has(records->parents, parent, crowded_flag(engine, records)))
        return find_in_map(engine, records, index_hash(records, codes, parent), parent, codes);
    uint32_t count = 0;
    for (uint32_t r = records_first(records, parent); r; r = records_next(records, r), count++)
        if (has_key(engine, records, r, parent, codes) && !is_husk(records, r))
            return r;
    if (count >= STATE_CROWD)
        crowd(engine, records, parent, count);
    return 0;
}

uint32_t index_find(struct engine *engine, struct records *records, uint32_t parent, const struct batch_row *row)
{
    if (!records->keyed)
        return 0;
    return records->nested ? find_nested(engine, records, parent, &row->codes)
                           : find_in_map(engine, records, row->hash, 0, &row->codes);
}

bool index_maps(const struct engine *engine, const struct records *records, uint32_t parent)
{
    return !records->nested || keyed_has(records->parents, parent, crowded_flag(engine, records));
}

void index_remove(struct engine *engine, struct records *records, uint32_t record)
{
    struct of_feed of = {engine, records};
    map_remove(&records->map, hash_of_record(&of, record), record, hash_of_record, &of);
}

void index_trim(struct engine *engine, struct records *records)
{
    struct of_feed of = {engine, records};
    size_t kept = 0;
    for (size_t i = 0; i < records->crowded.count; i++)
        if (!keyed_has(records->parents, records->crowded.at[i], KEYED_DEAD))
            records->crowded.at[kept++] = records->crowded.at[i];
    records->crowded.count = kept;
    (void)!memory_shrink_map(&engine->memory, &records->map, refill, &of);
}
