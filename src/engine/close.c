/*
 * Closing windows: their groups keep the outcome of what they look through units for, then their units are freed.
 *
 * Both are walks over all there is, not only over what closes: a close comes once a window's size of the data's own
 * time, and what is open must not pay for lists.
 */
#include "engine/accumulate.h"
#include "engine/closed.h"
#include "engine/emit.h"
#include "engine/groups.h"
#include "engine/records.h"
#include "engine/settle.h"
#include "engine/units.h"

/* --- groups ------------------------------------------------------------------------------------------------------- */

static bool closes(const struct engine *engine, const struct engine_table *table, uint32_t group)
{
    struct rows_at at = rows_at(&table->groups.rows, group);
    return (rows_peek(at, KEYED_FLAGS) & (KEYED_DEAD | GROUP_CLOSED)) == 0 && rows_peek(at, table->units) > 0 &&
           rows_peek(at, KEYED_KEY + table->table->group_count) < engine->closed.first_open;
}

static void close_group(struct engine *engine, struct emit *emit, struct engine_table *table, uint32_t group)
{
    struct emit_members members = {0};
    emit_find_members(engine, table, &group, 1, &members);
    emit_keep_outcomes(engine, emit, table, group, &members);
    groups_release(engine, table, group);
    rows_set(&table->groups.rows, group, table->closed, (int64_t)engine->sequence);
    keyed_flag(&table->groups, group, GROUP_CLOSED, true);
    table->closed_live++;
}

static void close_groups(struct engine *engine)
{
    struct emit emit;
    emit_init(&emit, engine, 1);
    for (size_t t = 0; t < engine->pipeline->table_count; t++) {
        struct engine_table *table = &engine->tables[t];
        for (uint32_t group = 1; group < table->groups.rows.end && !engine->memory.failed; group++)
            if (closes(engine, table, group))
                close_group(engine, &emit, table, group);
    }
    emit_close(&emit, engine);
}

/* --- units -------------------------------------------------------------------------------------------------------- */

static void close_unit(struct engine *engine, uint32_t unit, int64_t window)
{
    uint32_t lacks = 0;
    if (keyed_has(&engine->units, unit, PARENT_COUNTED)) {
        lacks = rows_link(&engine->units.rows, unit, engine->unit_lacks);
        accumulate_uncount(engine, unit);
    }
    engine->closed.count++;
    engine->closed.waiting += lacks != 0;
    closed_keep_unit(engine, unit, window, lacks);
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++)
        if (engine->joins[feed - 1].direct)
            records_free(engine, feed, unit, window);
    settle_leave(engine, unit);
    units_free(engine, unit);
}

static void close_units(struct engine *engine)
{
    int64_t window;
    for (uint32_t unit = 1; unit < engine->units.rows.end && !engine->memory.failed; unit++) {
        if (keyed_has(&engine->units, unit, KEYED_DEAD))
            continue;
        if (units_window(engine, unit, &window) && window < engine->closed.first_open)
            close_unit(engine, unit, window);
        else
            units_note_behind(engine, unit);
    }
}

static void trim(struct engine *engine)
{
    for (size_t feed = 0; feed < engine->pipeline->feed_count; feed++)
        records_trim(engine, feed);
    for (size_t i = 0; i < engine->pipeline->join_count; i++)
        if (!engine->joins[i].direct)
            keyed_trim(&engine->joins[i].nodes);
    for (size_t i = 0; i < engine->pipeline->table_count; i++)
        rows_trim(&engine->tables[i].runs, UNROLLED_NEXT, 0);
    rows_trim(&engine->alts, ALT_COUNT, 0);
    keyed_trim(&engine->units);
}

bool engine_close(struct engine *engine, uint64_t sequence, int64_t before, struct error *error)
{
    struct closed *closed = &engine->closed;
    if (!closed->on || engine->in_change)
        return error_set(error, ERROR_BUG, "windows close %s", closed->on ? "within a change" : "without retention");
    engine_begin(engine, sequence);
    closed->before = before;
    closed->first_open = window_number(&engine->pipeline->tables[0].window, before);
    closed->any = true;
    close_groups(engine);
    close_units(engine);
    if (!engine->memory.failed)
        trim(engine);
    engine->in_change = false;
    return !engine->memory.failed || memory_error(&engine->memory, error);
}
