/* The public face: life of an engine, a change from begin to end, what it can be asked. */
#include "engine/engine.h"

#include <stdlib.h>

#include "engine/accumulate.h"
#include "engine/closed.h"
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
    engine->values = memory_new(&engine->memory, PIPELINE_FIELDS_MAX * sizeof *engine->values);
    engine->opened = memory_new(&engine->memory, SETTLE_UNITS * sizeof *engine->opened);
    if (!engine->batch || !engine->values || !engine->opened)
        return memory_error(&engine->memory, error);
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
    memory_drop(&engine->memory, engine->values, PIPELINE_FIELDS_MAX * sizeof *engine->values);
    free(engine);
}

/* --- a change ----------------------------------------------------------------------------------------------------- */

void engine_begin(struct engine *engine, uint64_t sequence)
{
    engine->sequence = engine->rank = sequence;
    engine->in_change = true;
    for (size_t i = 0; i < engine->pipeline->table_count; i++)
        engine->tables[i].changed_last = 0;
}

void engine_rank(struct engine *engine, uint64_t sequence)
{
    engine->rank = sequence;
}

static void encode(struct engine *engine, const struct feed *feed, struct batch_row *row)
{
    row->codes.nulls = 0;
    for (size_t i = 0; i < feed->field_count; i++) {
        const struct value *value = &engine->values[i];
        row->codes.at[i] = value->null ? 0 : codes_of(feed->fields[i].type.kind, value, &engine->dict);
        row->codes.nulls |= (uint64_t)value->null << i;
    }
    row->deletes = feed->deletes && condition_holds(feed->deletes, engine->values);
    row->passes = !row->deletes && condition_holds(feed->filter, engine->values);
}

/* Without a version a row ranks lower than with any. */
static int64_t version_of(const struct feed *feed, const struct batch_row *row)
{
    size_t field = feed->version_field;
    if (!feed->versioned)
        return 0;
    return codes_null(&row->codes, field) ? INT64_MIN : codes_rank(feed->fields[field].type.kind, row->codes.at[field]);
}

/* Decodes up to STATE_BATCH rows and asks for the memory they will need. */
static enum chunk_result read_batch(struct engine *engine, size_t feed, struct chunk_reader *reader, size_t *count)
{
    enum chunk_result result = CHUNK_ROW;
    for (*count = 0; *count < STATE_BATCH; ++*count) {
        result = chunk_next(reader, engine->values);
        if (result != CHUNK_ROW)
            break;
        struct batch_row *row = &engine->batch[*count];
        encode(engine, reader->feed, row);
        row->rank = (struct rank){version_of(reader->feed, row), (int64_t)engine->rank, (int64_t)reader->row};
        records_prepare(engine, feed, row);
    }
    if (engine->closed.on && feed == 0)
        closed_watch(engine, engine->batch, *count);
    for (size_t i = 0; i < *count; i++)
        records_prefetch(engine, feed, &engine->batch[i]);
    return result;
}

static void count_row(struct buckets *buckets, enum records_result result, const struct batch_row *row)
{
    switch (result) {
    case RECORDS_SUPERSEDED:
        buckets->superseded++;
        break;
    case RECORDS_UNCHANGED:
        buckets->unchanged++;
        break;
    case RECORDS_LATE:
        buckets->late++;
        break;
    case RECORDS_APPLIED:
        if (row->passes)
            buckets->applied++;
        else if (row->deletes)
            buckets->deleted++;
        else
            buckets->filtered++;
        break;
    }
}

struct report {
    struct buckets *buckets;
    engine_replaced replaced;
    void *context;
};

static void tell_late(const struct closed *closed, const struct batch_row *row)
{
    struct engine_late late = closed->late;
    late.row = (uint64_t)row->rank.row;
    if (closed->visit)
        closed->visit(closed->context, &late);
}

static enum records_result apply_row(struct engine *engine, size_t feed, bool any_closed, int64_t *replaced,
                                     const struct batch_row *row)
{
    if (any_closed && closed_is_late(engine, feed, row))
        return RECORDS_LATE;
    return records_apply(engine, feed, row, replaced);
}

static void apply_batch(struct engine *engine, size_t feed, size_t count, const struct report *report)
{
    const bool any_closed = engine->closed.any;
    for (size_t i = 0; i < count && !engine->memory.failed; i++) {
        int64_t replaced = 0;
        enum records_result result = apply_row(engine, feed, any_closed, &replaced, &engine->batch[i]);
        if (report->buckets)
            count_row(report->buckets, result, &engine->batch[i]);
        if (any_closed && result == RECORDS_LATE)
            tell_late(&engine->closed, &engine->batch[i]);
        if (replaced > 0 && report->replaced)
            report->replaced(report->context, (uint64_t)replaced);
    }
}

static bool chunk_corrupt(const struct engine *engine, size_t feed, const struct chunk_reader *reader,
                          struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "A chunk of %s cannot be read behind row %llu",
                     engine->pipeline->feeds[feed].name, (unsigned long long)reader->row);
}

bool engine_apply(struct engine *engine, size_t feed, struct slice chunk, struct buckets *buckets,
                  engine_replaced replaced, void *context, struct error *error)
{
    const struct report report = {buckets, replaced, context};
    struct chunk_reader reader;
    enum chunk_result result = CHUNK_ROW;
    chunk_reader_init(&reader, &engine->pipeline->feeds[feed], chunk);
    while (result == CHUNK_ROW) {
        size_t count;
        result = read_batch(engine, feed, &reader, &count);
        apply_batch(engine, feed, count, &report);
        if (engine->memory.failed)
            return memory_error(&engine->memory, error);
    }
    return result != CHUNK_CORRUPT || chunk_corrupt(engine, feed, &reader, error);
}

bool engine_alone(const struct engine *engine, size_t feed, uint64_t sequence)
{
    return !engine->closed.on && (!engine->records[feed].keyed || !records_shared(engine, sequence));
}

static enum chunk_result remove_batch(struct engine *engine, size_t feed, uint64_t sequence,
                                      struct chunk_reader *reader)
{
    size_t count;
    enum chunk_result result = read_batch(engine, feed, reader, &count);
    for (size_t i = 0; i < count && !engine->memory.failed; i++) {
        engine->batch[i].rank.sequence = (int64_t)sequence;
        records_remove(engine, feed, &engine->batch[i]);
    }
    return result;
}

bool engine_take_back(struct engine *engine, size_t feed, uint64_t sequence, struct slice chunk, struct error *error)
{
    struct chunk_reader reader;
    enum chunk_result result = CHUNK_ROW;
    chunk_reader_init(&reader, &engine->pipeline->feeds[feed], chunk);
    if (!engine->records[feed].keyed)
        records_remove_all(engine, feed, sequence);
    while (engine->records[feed].keyed && result == CHUNK_ROW && !engine->memory.failed)
        result = remove_batch(engine, feed, sequence, &reader);
    /* What follows in this change walks over chains. */
    records_sweep(engine);
    if (engine->memory.failed)
        return memory_error(&engine->memory, error);
    return result != CHUNK_CORRUPT || chunk_corrupt(engine, feed, &reader, error);
}

bool engine_end(struct engine *engine, struct error *error)
{
    records_sweep(engine);
    settle_touched(engine);
    engine->in_change = false;
    if (engine->memory.failed)
        return memory_error(&engine->memory, error);
    if (engine->too_wide)
        return error_set(error, ERROR_DATA, "A record of %s joins to more than %lld combinations of records",
                         engine->pipeline->feeds[0].name, (long long)STATE_WEIGHT_MAX);
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
                                   .overflows = engine->overflows,
                                   .memory = engine->memory.used};
    for (size_t i = 0; i < engine->pipeline->feed_count; i++) {
        stats->records[i] = engine->records[i].live;
        stats->waiting[i] = engine->waiting[i];
    }
    for (size_t i = 0; i < engine->pipeline->table_count; i++) {
        stats->groups[i] = engine->tables[i].live;
        stats->changed[i] = engine->tables[i].changed_last;
        stats->mixed[i] = engine->tables[i].mixed;
        stats->ungrouped[i] = engine->tables[i].ungrouped;
        stats->closed_groups[i] = engine->tables[i].closed_live;
    }
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

static bool visit_lacks(struct engine_waiting *waiting, uint32_t lacks,
                        bool (*visit)(void *context, const struct engine_waiting *waiting), void *context)
{
    for (; lacks != 0; lacks &= lacks - 1) {
        waiting->lacks = (size_t)__builtin_ctz(lacks);
        if (!visit(context, waiting))
            return false;
    }
    return true;
}

static bool visit_waiting(const struct engine *engine, uint32_t unit,
                          bool (*visit)(void *context, const struct engine_waiting *waiting), void *context)
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

static bool visit_closed(const struct engine *engine, uint32_t row,
                         bool (*visit)(void *context, const struct engine_waiting *waiting), void *context)
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

void engine_each_waiting(const struct engine *engine,
                         bool (*visit)(void *context, const struct engine_waiting *waiting), void *context)
{
    for (uint32_t unit = 1; unit < engine->units.rows.end; unit++)
        if (keyed_has(&engine->units, unit, PARENT_COUNTED) && !visit_waiting(engine, unit, visit, context))
            return;
    for (uint32_t row = 1; engine->closed.waiting > 0 && row < engine->closed.units.rows.end; row++)
        if (!visit_closed(engine, row, visit, context))
            return;
}

void engine_each_conflict(const struct engine *engine,
                          bool (*visit)(void *context, const struct value *key, size_t key_count), void *context)
{
    for (uint32_t unit = 1; unit < engine->units.rows.end; unit++) {
        struct value key[KEYED_PARTS_MAX];
        if (keyed_has(&engine->units, unit, PARENT_COUNTED) && keyed_has(&engine->units, unit, PARENT_CONFLICT) &&
            !visit(context, key, read_key(engine, &engine->units, unit, key)))
            return;
    }
}
