/* What a group is made of, for people who ask. Looks through all units: nothing here is on the way of a change. */
#include "engine/emit.h"
#include "engine/records.h"
#include "engine/units.h"

void engine_each_group(struct engine *engine, size_t table, engine_visit_group visit, void *context)
{
    const struct engine_table *of = &engine->tables[table];
    struct cell key[KEYED_PARTS_MAX];
    struct emit emit;
    emit_init(&emit, engine, 1);
    for (uint32_t group = 1, more = true; more && group < of->groups.rows.end; group++) {
        if (keyed_has(&of->groups, group, KEYED_DEAD) || rows_get(&of->groups.rows, group, of->units) == 0)
            continue;
        emit_key(&emit, of, group, key);
        more = visit(context, group, key);
    }
    emit_close(&emit, engine);
}

bool engine_group_row(struct engine *engine, size_t table, uint32_t group, struct arena *arena, struct cell *cells)
{
    struct emit emit;
    struct emit_members members = {0};
    emit_init(&emit, engine, 1);
    emit_find_members(engine, &engine->tables[table], &group, 1, &members);
    emit_row(&emit, &engine->tables[table], group, &members, cells);
    bool kept = cell_copy_texts(arena, cells, engine->tables[table].table->column_count);
    emit_close(&emit, engine);
    return kept;
}

uint64_t engine_group_closed(const struct engine *engine, size_t table, uint32_t group)
{
    const struct engine_table *of = &engine->tables[table];
    return keyed_has(&of->groups, group, GROUP_CLOSED) ? (uint64_t)rows_get(&of->groups.rows, group, of->closed) : 0;
}

struct telling {
    const struct engine *engine;
    engine_visit_member visit;
    void *context;
};

static bool tell_chain(const struct telling *telling, uint32_t unit, size_t feed, uint32_t parent)
{
    const struct records *records = &telling->engine->records[feed];
    uint32_t top = feed == 0 ? units_top(telling->engine, unit) : 0;
    for (uint32_t record = records_first(records, parent); record; record = records_next(records, record)) {
        struct rank rank = records_origin(records, record);
        struct engine_member member = {unit, feed, (uint64_t)rank.sequence, (uint64_t)rank.row, record == top};
        if (records_count(records, record) && !telling->visit(telling->context, &member))
            return false;
    }
    return true;
}

static bool tell_unit(const struct telling *telling, uint32_t unit)
{
    if (!tell_chain(telling, unit, 0, unit))
        return false;
    for (size_t feed = 1; feed < telling->engine->pipeline->feed_count; feed++) {
        uint32_t parent = units_parent(telling->engine, unit, rows_at(&telling->engine->units.rows, unit), feed);
        if (parent && !tell_chain(telling, unit, feed, parent))
            return false;
    }
    return true;
}

static bool lies_in(const struct engine *engine, uint32_t unit, const struct engine_table *table, uint32_t group)
{
    struct rows_at at = rows_at(&engine->units.rows, unit);
    for (size_t i = 0; i < table->slots; i++)
        if ((uint32_t)rows_peek(at, table->unit_group + i) == group)
            return true;
    return false;
}

void engine_each_member(const struct engine *engine, size_t table, uint32_t group, engine_visit_member visit,
                        void *context)
{
    const struct telling telling = {engine, visit, context};
    for (uint32_t unit = 1; unit < engine->units.rows.end; unit++)
        if (keyed_has(&engine->units, unit, PARENT_COUNTED) && lies_in(engine, unit, &engine->tables[table], group) &&
            !tell_unit(&telling, unit))
            return;
}
