#include "engine/settle.h"

#include "engine/accumulate.h"
#include "engine/groups.h"
#include "engine/units.h"

enum {
    TOUCHED_KEPT = 64 * 1024 /* numbers: a longer list of touched units is given back after its change */
};

/* A unit on its way through the steps. */
struct step {
    uint32_t unit;
    bool moved;                     /* it will look for its nodes */
    bool joins[PIPELINE_FEEDS_MAX]; /* its values for that join are not null */
    struct keyed_key nodes[PIPELINE_FEEDS_MAX];
};

static void prefetch_candidate(const struct keyed *keyed, uint64_t hash)
{
    struct map_probe probe;
    rows_prefetch_some(&keyed->rows, map_first(&keyed->map, hash, &probe));
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* The key of the node that the unit's values lead to; false where one is null. */
static bool node_key(const struct engine *engine, const struct engine_join *join, uint32_t unit, struct keyed_key *key)
{
    struct rows_at at = rows_at(&engine->units.rows, unit);
    uint64_t nulls = (uint64_t)rows_peek(at, KEYED_NULLS);
    key->nulls = 0;
    for (size_t i = 0; i < join->join->on_count; i++) {
        const struct field_home *home = &engine->records[0].homes[join->join->fact_field[i]];
        if (nulls & home->null_bit)
            return false;
        key->codes[i] = rows_peek(at, home->column);
    }
    keyed_hash(&join->nodes, key);
    return true;
}

/* Elects the line that says the attributes. False when the unit has none that counts. */
static bool elect(struct engine *engine, struct step *step)
{
    uint32_t top = units_top(engine, step->unit);
    units_elect(engine, step->unit, top);
    int64_t flags = rows_get(&engine->units.rows, step->unit, KEYED_FLAGS) & ~PARENT_TOUCHED;
    step->moved = (flags & PARENT_MOVED) != 0;
    rows_set(&engine->units.rows, step->unit, KEYED_FLAGS, top ? (flags & ~PARENT_MOVED) | PARENT_COUNTED : flags);
    for (size_t i = 0; top && step->moved && i < engine->pipeline->join_count; i++) {
        const struct engine_join *join = &engine->joins[i];
        step->joins[i] = !join->direct && node_key(engine, join, step->unit, &step->nodes[i]);
        if (step->joins[i])
            map_prefetch(&join->nodes.map, step->nodes[i].hash);
    }
    return top != 0;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static void ask_for_nodes(const struct engine *engine, const struct step *step)
{
    for (size_t i = 0; step->moved && i < engine->pipeline->join_count; i++)
        if (step->joins[i])
            prefetch_candidate(&engine->joins[i].nodes, step->nodes[i].hash);
}

/* The unit enters before the first one of its node, which learns of it. */
static void ask_for_neighbours(const struct engine *engine, const struct step *step)
{
    struct map_probe probe;
    for (size_t i = 0; step->moved && i < engine->pipeline->join_count; i++) {
        const struct engine_join *join = &engine->joins[i];
        uint32_t node = step->joins[i] ? map_first(&join->nodes.map, step->nodes[i].hash, &probe) : 0;
        if (node)
            rows_prefetch_some(&engine->units.rows, rows_link(&join->nodes.rows, node, join->node_units));
    }
}

static inline __attribute__((always_inline)) void leave_node(struct rows *units, const struct engine_join *join,
                                                             struct rows *nodes, uint32_t unit)
{
    uint32_t node = rows_link(units, unit, join->unit_node);
    uint32_t next = rows_link(units, unit, join->unit_next), before = rows_link(units, unit, join->unit_before);
    if (node == 0)
        return;
    if (before)
        rows_set(units, before, join->unit_next, next);
    else
        rows_set(nodes, node, join->node_units, next);
    if (next)
        rows_set(units, next, join->unit_before, before);
}

/* A node without units and records is of no use to anybody. */
static void drop_bare(struct engine_join *join, size_t head, uint32_t node)
{
    if (rows_link(&join->nodes.rows, node, join->node_units) == 0 && rows_link(&join->nodes.rows, node, head) == 0)
        keyed_remove(&join->nodes, node);
}

void settle_leave(struct engine *engine, uint32_t unit)
{
    for (size_t i = 0; i < engine->pipeline->join_count; i++) {
        struct engine_join *join = &engine->joins[i];
        uint32_t node = join->direct ? 0 : rows_link(&engine->units.rows, unit, join->unit_node);
        if (node == 0)
            continue;
        leave_node(&engine->units.rows, join, &join->nodes.rows, unit);
        drop_bare(join, engine->records[i + 1].head, node);
    }
}

static void enter_node(struct rows *units, const struct engine_join *join, struct rows *nodes, uint32_t unit,
                       uint32_t node)
{
    uint32_t next = node ? rows_link(nodes, node, join->node_units) : 0;
    rows_set(units, unit, join->unit_node, node);
    rows_set(units, unit, join->unit_next, next);
    rows_set(units, unit, join->unit_before, 0);
    if (next)
        rows_set(units, next, join->unit_before, unit);
    if (node)
        rows_set(nodes, node, join->node_units, unit);
}

/* `key` is NULL where the unit joins nothing. Returns the node, or 0. */
static uint32_t attach_to(struct rows *units, struct engine_join *join, uint32_t unit, const struct keyed_key *key)
{
    uint32_t node = key ? keyed_find(&join->nodes, key) : 0;
    if (key && !node)
        node = keyed_add(&join->nodes, key);
    if (node != rows_link(units, unit, join->unit_node)) {
        leave_node(units, join, &join->nodes.rows, unit);
        enter_node(units, join, &join->nodes.rows, unit, node);
    }
    return node;
}

static void attach(struct engine *engine, const struct step *step)
{
    for (size_t i = 0; i < engine->pipeline->join_count; i++) {
        struct engine_join *join = &engine->joins[i];
        if (join->direct)
            continue;
        uint32_t node = step->moved
                            ? attach_to(&engine->units.rows, join, step->unit, step->joins[i] ? &step->nodes[i] : NULL)
                            : rows_link(&engine->units.rows, step->unit, join->unit_node);
        if (node)
            rows_prefetch_some(&engine->records[i + 1].rows,
                               rows_link(&join->nodes.rows, node, engine->records[i + 1].head));
    }
}

/* --- units without anything --------------------------------------------------------------------------------------- */

/* Its lines were taken back, and no feed has records under it. Of a feed that had many, the unit stays in a list. */
static bool is_bare(const struct engine *engine, uint32_t unit)
{
    const struct rows *units = &engine->units.rows;
    if (rows_link(units, unit, engine->records[0].head) ||
        rows_get(units, unit, KEYED_FLAGS) >= (int64_t)PARENT_CROWDED)
        return false;
    for (size_t i = 0; i < engine->pipeline->join_count; i++)
        if (engine->joins[i].direct && rows_link(units, unit, engine->records[i + 1].head))
            return false;
    return true;
}

static void drop_unit(struct engine *engine, uint32_t unit)
{
    for (size_t i = 0; i < engine->pipeline->join_count; i++) {
        struct engine_join *join = &engine->joins[i];
        if (!join->direct)
            leave_node(&engine->units.rows, join, &join->nodes.rows, unit);
    }
    units_free(engine, unit);
}

/* --- all steps ---------------------------------------------------------------------------------------------------- */

static void ask_for_groups(const struct engine *engine, const struct opened *opened)
{
    for (size_t i = 0; opened->lacks == 0 && i < engine->pipeline->table_count; i++)
        if (opened->grouped[i])
            prefetch_candidate(&engine->tables[i].groups, opened->keys[i].hash);
}

/* Each group's list, of which the first run will be written. */
static void ask_for_lists(const struct engine *engine, const struct opened *opened)
{
    struct map_probe probe;
    for (size_t i = 0; opened->lacks == 0 && i < engine->pipeline->table_count; i++) {
        const struct engine_table *table = &engine->tables[i];
        if (!opened->grouped[i] || !table->scans)
            continue;
        uint32_t group = map_first(&table->groups.map, opened->keys[i].hash, &probe);
        struct unrolled_walk walk = groups_members(table, group);
        unrolled_prefetch(&table->runs, &walk);
    }
}

static void settle(struct engine *engine, const uint32_t *units, size_t count)
{
    struct step steps[SETTLE_UNITS];
    size_t counting = 0;
    for (size_t i = 0; i < count; i++)
        rows_prefetch(&engine->units.rows, units[i]);
    for (size_t i = 0; i < count; i++)
        units_prefetch(engine, units[i], UINT32_MAX);
    for (size_t i = 0; i < count; i++) {
        steps[counting].unit = units[i];
        if (elect(engine, &steps[counting]))
            counting++;
        else if (is_bare(engine, units[i]))
            drop_unit(engine, units[i]);
    }
    for (size_t i = 0; i < counting; i++)
        ask_for_nodes(engine, &steps[i]);
    for (size_t i = 0; i < counting; i++)
        ask_for_neighbours(engine, &steps[i]);
    for (size_t i = 0; i < counting; i++)
        attach(engine, &steps[i]);
    for (size_t i = 0; i < counting; i++)
        accumulate_open(engine, steps[i].unit, &engine->opened[i]);
    for (size_t i = 0; i < counting; i++)
        ask_for_groups(engine, &engine->opened[i]);
    for (size_t i = 0; i < counting; i++)
        ask_for_lists(engine, &engine->opened[i]);
    for (size_t i = 0; i < counting; i++)
        accumulate_add(engine, &engine->opened[i]);
}

void settle_touched(struct engine *engine)
{
    struct ids *touched = &engine->touched;
    for (size_t i = 0; i < touched->count && !engine->memory.failed; i += SETTLE_UNITS) {
        size_t left = touched->count - i;
        settle(engine, touched->at + i, left < SETTLE_UNITS ? left : SETTLE_UNITS);
    }
    touched->count = 0;
    if (touched->room > TOUCHED_KEPT)
        memory_close_ids(&engine->memory, touched);
}
