#include "engine/plan.h"

#include <stdlib.h>

#include "base/list.h"
#include "engine/closed.h"

/* --- units -------------------------------------------------------------------------------------------------------- */

/* The key of units: the grain's, else the facts', else none. */
static const size_t *unit_key(const struct pipeline *pipeline, size_t *count)
{
    *count = pipeline->has_grain ? pipeline->grain_key_count : pipeline->feeds[0].key_count;
    return pipeline->has_grain ? pipeline->grain_key : pipeline->feeds[0].key;
}

static void plan_attributes(struct engine *engine)
{
    const struct pipeline *pipeline = engine->pipeline;
    size_t parts;
    const size_t *key = unit_key(pipeline, &parts);
    for (size_t field = 0; field < pipeline->feeds[0].field_count; field++) {
        bool attribute = pipeline->has_grain
                             ? list_has(pipeline->grain_attributes, pipeline->grain_attribute_count, field)
                             : !list_has(key, parts, field);
        if (!attribute)
            continue;
        engine->attributes[engine->attribute_count++] = field;
        engine->attribute_bits |= UINT64_C(1) << field;
    }
}

static bool is_direct(const struct engine *engine, const struct join *join)
{
    size_t parts;
    const size_t *key = unit_key(engine->pipeline, &parts);
    if (parts == 0 || join->on_count != parts)
        return false;
    for (size_t i = 0; i < parts; i++)
        if (!list_has(join->fact_field, join->on_count, key[i]))
            return false;
    return true;
}

static void plan_unit_join(struct engine *engine, size_t i)
{
    struct engine_join *join = &engine->joins[i];
    struct rows *units = &engine->units.rows;
    join->join = &engine->pipeline->joins[i];
    join->direct = is_direct(engine, join->join);
    if (!join->join->lookup && !engine->pipeline->has_grain)
        engine->weighted = true;
    if (join->direct) {
        engine->records[i + 1].head = rows_column(units, ROWS_LINK);
        return;
    }
    join->unit_node = rows_column(units, ROWS_LINK);
    join->unit_next = rows_column(units, ROWS_LINK);
    join->unit_before = rows_column(units, ROWS_LINK);
}

static bool table_shows_files(const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_FILES)
            return true;
    return false;
}

/* The columns in which a unit names its groups. */
static void plan_slots(struct engine_table *table, const struct table *of, struct rows *units)
{
    table->unit_group = units->columns;
    table->slots = of->windowed ? of->window.span : 1;
    for (size_t i = 0; i < table->slots; i++)
        rows_column(units, ROWS_LINK);
}

static bool plan_units(struct engine *engine)
{
    const struct pipeline *pipeline = engine->pipeline;
    size_t parts;
    const size_t *key = unit_key(pipeline, &parts);
    uint64_t bits[KEYED_PARTS_MAX] = {0};
    for (size_t i = 0; i < parts; i++)
        bits[i] = UINT64_C(1) << key[i];
    engine->units_found = parts > 0;
    keyed_init(&engine->units, &engine->memory, parts, bits);
    struct rows *units = &engine->units.rows;
    plan_attributes(engine);
    engine->attribute_first = units->columns;
    for (size_t i = 0; i < engine->attribute_count; i++)
        rows_column(units, ROWS_ANY);
    engine->unit_lacks = rows_column(units, ROWS_ANY);
    engine->records[0].head = rows_column(units, ROWS_LINK);
    for (size_t i = 0; i < pipeline->join_count; i++)
        plan_unit_join(engine, i);
    for (size_t i = 0; i < pipeline->table_count; i++) {
        plan_slots(&engine->tables[i], &pipeline->tables[i], units);
        engine->tables[i].scans = plan_scans(&pipeline->tables[i]);
        engine->tables[i].files = table_shows_files(&pipeline->tables[i]);
        engine->files = engine->files || engine->tables[i].files;
    }
    rows_init(&engine->alts, &engine->memory);
    for (size_t i = 0; i < ALT_FIELDS + engine->attribute_count; i++)
        rows_column(&engine->alts, ROWS_ANY);
    return keyed_start(&engine->units) && rows_start(&engine->alts);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static bool plan_nodes(struct engine *engine, struct engine_join *join, struct records *records)
{
    uint64_t bits[KEYED_PARTS_MAX] = {0};
    for (size_t i = 0; i < join->join->on_count; i++)
        bits[i] = UINT64_C(1) << i;
    keyed_init(&join->nodes, &engine->memory, join->join->on_count, bits);
    records->head = rows_column(&join->nodes.rows, ROWS_LINK);
    join->node_units = rows_column(&join->nodes.rows, ROWS_LINK);
    return keyed_start(&join->nodes);
}

/* Which field of the feed stands for each part of its parent's key. */
static void plan_parent_fields(struct engine *engine, struct records *records, size_t feed)
{
    size_t parts;
    const size_t *key = unit_key(engine->pipeline, &parts);
    const struct engine_join *join = feed > 0 ? &engine->joins[feed - 1] : NULL;
    for (size_t i = 0; i < records->parents->parts; i++) {
        size_t at = join && join->direct ? list_place(join->join->fact_field, join->join->on_count, key[i]) : i;
        records->parent_fields[i] = join ? join->join->feed_field[at] : key[i];
    }
}

static void plan_home(struct engine *engine, struct records *records, size_t feed, size_t field)
{
    struct field_home *home = &records->homes[field];
    size_t part = list_place(records->parent_fields, records->parents->parts, field);
    size_t at = feed == 0 ? list_place(engine->attributes, engine->attribute_count, field) : engine->attribute_count;
    *home = (struct field_home){.null_bit = UINT64_C(1) << field};
    if (part < records->parents->parts) {
        home->in_parent = true;
        home->column = (uint16_t)(KEYED_KEY + part);
        home->null_bit = records->parents->bits[part];
    } else if (at < engine->attribute_count) {
        home->in_parent = home->attribute = true;
        home->column = (uint16_t)(engine->attribute_first + at);
        home->alt_column = (uint16_t)(ALT_FIELDS + at);
    } else {
        home->column = (uint16_t)rows_column(&records->rows, ROWS_ANY);
        records->own[records->own_count++] = field;
        records->own_bits |= home->null_bit;
    }
}

/* How records are found: by which fields of the key, beside their parent. */
static void plan_key(struct records *records)
{
    const struct feed *feed = records->feed;
    size_t parts = records->parents->parts;
    records->keyed = feed->key_count > 0;
    records->filters = feed->filter || feed->deletes;
    records->nested = records->keyed;
    for (size_t i = 0; i < parts; i++)
        if (!list_has(feed->key, feed->key_count, records->parent_fields[i]))
            records->nested = false;
    for (size_t i = 0; i < feed->key_count; i++)
        if (!records->nested || !list_has(records->parent_fields, parts, feed->key[i]))
            records->rest[records->rest_count++] = feed->key[i];
}

static bool plan_records(struct engine *engine, size_t feed)
{
    static const enum rows_hint hints[RECORD_FIELDS] = {[RECORD_NEXT] = ROWS_LINK, [RECORD_PARENT] = ROWS_LINK};
    struct records *records = &engine->records[feed];
    records->feed = &engine->pipeline->feeds[feed];
    records->parents = &engine->units;
    if (feed > 0 && !engine->joins[feed - 1].direct) {
        records->parents = &engine->joins[feed - 1].nodes;
        if (!plan_nodes(engine, &engine->joins[feed - 1], records))
            return false;
    }
    rows_init(&records->rows, &engine->memory);
    for (size_t i = 0; i < RECORD_FIELDS; i++)
        rows_column(&records->rows, hints[i]);
    records->version = records->feed->versioned ? rows_column(&records->rows, ROWS_ANY) : 0;
    records->lifted_sequence = engine->files ? rows_column(&records->rows, ROWS_ANY) : 0;
    records->lifted_row = engine->files ? rows_column(&records->rows, ROWS_ANY) : 0;
    plan_parent_fields(engine, records, feed);
    for (size_t field = 0; field < records->feed->field_count; field++)
        plan_home(engine, records, feed, field);
    plan_key(records);
    return rows_start(&records->rows);
}

/* --- what tables read --------------------------------------------------------------------------------------------- */

static void plan_reads(struct engine *engine, size_t feed, uint64_t read)
{
    struct records *records = &engine->records[feed];
    for (size_t field = 0; field < records->feed->field_count; field++) {
        if (!(read >> field & 1))
            continue;
        if (!records->homes[field].in_parent)
            records->read[records->read_count++] = field;
        else if (feed == 0)
            engine->unit_read[engine->unit_read_count++] = field;
        else
            records->read_parent[records->read_parent_count++] = field;
    }
}

bool plan_make(struct engine *engine, struct error *error)
{
    const struct pipeline *pipeline = engine->pipeline;
    uint64_t read[PIPELINE_FEEDS_MAX] = {0};
    engine->tables = calloc(pipeline->table_count, sizeof *engine->tables);
    if (!engine->tables)
        return error_memory(error);
    bool ok = plan_units(engine);
    for (size_t feed = 0; feed < pipeline->feed_count && ok; feed++)
        ok = plan_records(engine, feed);
    ok = ok && closed_make(engine);
    if (!ok)
        return memory_error(&engine->memory, error);
    if (!plan_tables(engine, read, error))
        return false;
    for (size_t feed = 0; feed < pipeline->feed_count; feed++)
        plan_reads(engine, feed, read[feed]);
    return true;
}

void plan_close(struct engine *engine)
{
    if (!engine->tables)
        return;
    plan_close_tables(engine);
    closed_free(engine);
    for (size_t feed = 0; feed < engine->pipeline->feed_count; feed++) {
        struct records *records = &engine->records[feed];
        if (!records->feed)
            continue;
        rows_close(&records->rows);
        memory_close_map(&engine->memory, &records->map);
        memory_close_ids(&engine->memory, &records->crowded);
        if (records->parents != &engine->units)
            keyed_close(records->parents);
    }
    rows_close(&engine->alts);
    keyed_close(&engine->units);
    free(engine->tables);
}
