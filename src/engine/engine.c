/* The public face: life of an engine, a change from begin to end, what it can be asked. */
#include "engine/engine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/accumulate.h"
#include "engine/closed.h"
#include "engine/decoded.h"
#include "engine/deliver.h"
#include "engine/plan.h"
#include "engine/records.h"
#include "engine/settle.h"
#include "engine/units.h"

static bool make(struct engine *engine, struct error *error)
{
    if (!dict_init(&engine->dict, &engine->memory))
        return memory_error(&engine->memory, error);
    engine->batch = memory_new(&engine->memory, STATE_BATCH * sizeof *engine->batch);
    engine->opened = memory_new(&engine->memory, SETTLE_UNITS * sizeof *engine->opened);
    if (!engine->batch || !engine->opened)
        return memory_error(&engine->memory, error);
    engine->rows = engine_rows_new(engine->pipeline, error);
    if (!engine->rows)
        return false;
    engine->deliver = deliver_new(error);
    return engine->deliver && plan_make(engine, error);
}

struct engine *engine_new(const struct pipeline *pipeline, size_t memory_limit, struct error *error)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        error_memory(error);
        return NULL;
    }
    engine->pipeline = pipeline;
    engine->memory.limit = memory_limit;
    if (make(engine, error))
        return engine;
    engine_free(engine);
    return NULL;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    deliver_free(engine);
    plan_close(engine);
    dict_close(&engine->dict);
    memory_close_ids(&engine->memory, &engine->touched);
    memory_close_ids(&engine->memory, &engine->husks);
    memory_close_ids(&engine->memory, &engine->shared);
    memory_drop(&engine->memory, engine->batch, STATE_BATCH * sizeof *engine->batch);
    memory_drop(&engine->memory, engine->opened, SETTLE_UNITS * sizeof *engine->opened);
    engine_rows_free(engine->rows);
    free(engine);
}

void engine_lend(struct engine *engine, size_t parts, size_t least, engine_beside run)
{
    engine->lent.parts = parts < ENGINE_PARTS_MAX ? parts : ENGINE_PARTS_MAX;
    engine->lent.least = least;
    engine->lent.run = run;
}

/* A node with one record at most is there for each of these. */
static bool has_node_each(const struct records *records)
{
    return records->nested && records->rest_count == 0;
}

void engine_expect(struct engine *engine, const struct engine_stats *stats)
{
    struct memory *memory = &engine->memory;
    if (engine->units_found)
        memory_expect(memory, &engine->units.map, stats->units);
    for (size_t i = 0; i < engine->pipeline->feed_count; i++) {
        struct records *records = &engine->records[i];
        if (records->keyed && !records->nested)
            memory_expect(memory, &records->map, stats->records[i]);
        else if (i > 0 && !engine->joins[i - 1].direct && has_node_each(records))
            memory_expect(memory, &engine->joins[i - 1].nodes.map, stats->records[i]);
    }
    for (size_t i = 0; i < engine->pipeline->table_count; i++)
        memory_expect(memory, &engine->tables[i].groups.map, stats->groups[i]);
}

/* --- a change ----------------------------------------------------------------------------------------------------- */

void engine_begin(struct engine *engine, uint64_t sequence)
{
    assert(!engine->in_change);
    engine->sequence = engine->rank = sequence;
    engine->in_change = true;
    for (size_t i = 0; i < engine->pipeline->table_count; i++)
        engine->tables[i].changed_last = 0;
}

void engine_rank(struct engine *engine, uint64_t sequence)
{
    engine->rank = sequence;
}

bool engine_end(struct engine *engine, struct error *error)
{
    records_sweep(engine);
    settle_touched(engine);
    engine->in_change = false;
    if (engine->memory.failed)
        return memory_error(&engine->memory, error);
    if (engine->too_wide)
        return error_set(error, ERROR_DATA,
                         "a record of %s joins to more than %" PRId64
                         " combinations of records of other feeds; where they have no "
                         "\"key\", or the facts no \"grain\", these multiply",
                         engine->pipeline->feeds[0].name, STATE_WEIGHT_MAX);
    return true;
}

void engine_stats(const struct engine *engine, struct engine_stats *stats)
{
    *stats = (struct engine_stats){.units = engine->counted,
                                   .grain_conflicts = engine->conflicts,
                                   .closed = engine->closed.count,
                                   .closed_waiting = engine->closed.waiting,
                                   .closed_before = engine->closed.any ? engine->closed.before : INT64_MIN,
                                   .watermark = engine->closed.watermark,
                                   .memory = engine->memory.used};
    for (size_t i = 0; i < engine->pipeline->feed_count; i++) {
        stats->records[i] = engine->records[i].live;
        stats->waiting[i] = engine->waiting[i];
    }
    for (size_t i = 0; i < engine->pipeline->table_count; i++) {
        stats->groups[i] = engine->tables[i].live;
        stats->changed[i] = engine->tables[i].changed_last;
        stats->mixed[i] = engine->tables[i].mixed;
        stats->closed_groups[i] = engine->tables[i].closed_live;
    }
}

struct engine_overflows engine_overflows(const struct engine *engine)
{
    return engine->overflows;
}

/* --- looking in --------------------------------------------------------------------------------------------------- */

/* The fields of units' keys and a unit's values of them, among those that live or are closed. */
static size_t read_key(const struct engine *engine, const struct keyed *units, uint32_t unit, struct value *key)
{
    const struct records *lines = &engine->records[0];
    struct rows_at at = rows_at(&units->rows, unit);
    for (size_t i = 0; i < units->parts; i++) {
        bool null = ((uint64_t)rows_peek(at, KEYED_NULLS) & units->bits[i]) != 0;
        enum value_kind kind = lines->feed->fields[lines->parent_fields[i]].type.kind;
        key[i] = null ? VALUE_NULL : codes_value(kind, rows_peek(at, KEYED_KEY + i), &engine->dict);
    }
    return units->parts;
}

static bool visit_lacks(struct engine_waiting *waiting, uint32_t lacks, engine_visit_waiting visit, void *context)
{
    for (; lacks != 0; lacks &= lacks - 1) {
        waiting->lacks = (size_t)__builtin_ctz(lacks);
        if (!visit(context, waiting))
            return false;
    }
    return true;
}

static bool visit_waiting(const struct engine *engine, uint32_t unit, engine_visit_waiting visit, void *context)
{
    uint32_t lacks = rows_link(&engine->units.rows, unit, engine->unit_lacks);
    if (lacks == 0)
        return true;
    struct value key[KEYED_PARTS_MAX];
    struct rank rank = records_rank(&engine->records[0], units_top(engine, unit));
    struct engine_waiting waiting = {.key = key,
                                     .key_fields = engine->records[0].parent_fields,
                                     .key_count = read_key(engine, &engine->units, unit, key),
                                     .sequence = (uint64_t)rank.sequence,
                                     .row = (uint64_t)rank.row};
    return visit_lacks(&waiting, lacks, visit, context);
}

static bool visit_closed(const struct engine *engine, uint32_t row, engine_visit_waiting visit, void *context)
{
    uint32_t lacks = closed_lacks(engine, row);
    if (lacks == 0)
        return true;
    struct value key[KEYED_PARTS_MAX];
    struct engine_waiting waiting = {.key = key,
                                     .key_fields = engine->records[0].parent_fields,
                                     .key_count = read_key(engine, &engine->closed.units, row, key)};
    return visit_lacks(&waiting, lacks, visit, context);
}

void engine_each_waiting(const struct engine *engine, engine_visit_waiting visit, void *context)
{
    for (uint32_t unit = 1; unit < engine->units.rows.end; unit++)
        if (keyed_has(&engine->units, unit, PARENT_COUNTED) && !visit_waiting(engine, unit, visit, context))
            return;
    for (uint32_t row = 1; engine->closed.waiting > 0 && row < engine->closed.units.rows.end; row++)
        if (!visit_closed(engine, row, visit, context))
            return;
}
