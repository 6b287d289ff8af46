/* Columns of equal (field, where) share what they need: a sum, an average and a ratio over one field have one
   accumulator. */
#include <stdlib.h>

#include "engine/plan.h"
#include "engine/unrolled.h"

/* A table's selections and measures while they are collected, in no order. */
struct draft {
    struct engine *engine;
    struct engine_table *table;
    struct selection selections[STATE_PARTS_MAX];
    struct measure measures[STATE_PARTS_MAX];
    size_t selection_count, measure_count;
    uint64_t *read; /* by feed */
};

static size_t source_of(const struct engine *engine, struct field_ref field)
{
    if (field.feed > 0)
        return 1 + field.feed;
    return engine->records[0].homes[field.field].in_parent ? 0 : 1;
}

/* The bits of the facts' fields that lie in units. */
static uint64_t unit_bits(const struct engine *engine)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < engine->pipeline->feeds[0].field_count; i++)
        if (engine->records[0].homes[i].in_parent)
            bits |= UINT64_C(1) << i;
    return bits;
}

/* Takes over `where`. */
static size_t draft_selection(struct draft *draft, size_t source, struct where *where, size_t where_feed)
{
    bool on_unit = where && where_feed == 0 && !(where_fields(where) & ~unit_bits(draft->engine));
    for (size_t i = 0; i < draft->selection_count; i++) {
        const struct selection *known = &draft->selections[i];
        if (known->source == source && known->on_unit == on_unit && where_equal(known->where, where)) {
            where_free(where);
            return i;
        }
    }
    draft->read[where_feed] |= where_fields(where);
    draft->selections[draft->selection_count] =
        (struct selection){.source = (uint8_t)source, .where = where, .on_unit = on_unit};
    return draft->selection_count++;
}

static struct measure *draft_measure(struct draft *draft, size_t selection, struct field_ref field, size_t *at)
{
    for (*at = 0; *at < draft->measure_count; (*at)++) {
        const struct measure *known = &draft->measures[*at];
        if (known->selection == selection && known->field == field.field)
            return &draft->measures[*at];
    }
    draft->read[field.feed] |= UINT64_C(1) << field.field;
    struct measure *measure = &draft->measures[draft->measure_count++];
    *measure = (struct measure){
        .selection = (uint8_t)selection,
        .field = (uint8_t)field.field,
        .kind = (uint8_t)draft->engine->pipeline->feeds[field.feed].fields[field.field].type.kind,
    };
    return measure;
}

/* What a kind of column asks of the measure over its field; nothing where it has none. */
struct demand {
    bool counted, sum;
    bool ordered, distinct; /* as in struct measure */
    bool extremes;          /* as in struct kept */
};

static struct demand demand_of(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_COUNT:
        return (struct demand){.counted = true};
    case COLUMN_SUM:
    case COLUMN_AVG:
        return (struct demand){.counted = true, .sum = true};
    case COLUMN_COUNT_DISTINCT:
        return (struct demand){.ordered = true, .distinct = true};
    case COLUMN_MIN:
    case COLUMN_MAX:
        return (struct demand){.ordered = true, .extremes = true};
    case COLUMN_GROUP:
    case COLUMN_WINDOW_START:
    case COLUMN_WINDOW_END:
    case COLUMN_RATIO:
    case COLUMN_FILES:
        break;
    }
    return (struct demand){.counted = false};
}

static bool has_measure(enum column_kind kind)
{
    const struct demand demand = demand_of(kind);
    return demand.counted || demand.ordered;
}

bool plan_scans(const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (demand_of(table->columns[i].kind).ordered || table->columns[i].kind == COLUMN_FILES)
            return true;
    return table->uniform_count > 0;
}

static void need(struct draft *draft, struct measure *measure, enum column_kind kind)
{
    const struct demand demand = demand_of(kind);
    measure->sum |= demand.sum;
    measure->counted |= demand.counted;
    measure->ordered |= demand.ordered;
    measure->distinct |= demand.distinct;
    measure->by_bytes |= demand.extremes && measure->kind == VALUE_TEXT;
    if (measure->counted)
        draft->selections[measure->selection].counted = true;
}

static bool draft_columns(struct draft *draft, size_t *column_measure)
{
    const struct table *table = draft->table->table;
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        if (!has_measure(column->kind))
            continue;
        bool failed = false;
        struct where *where = where_new(column->where, &draft->engine->dict, &failed);
        if (failed)
            return false;
        size_t source = source_of(draft->engine, column->field);
        size_t selection = draft_selection(draft, source, where, where ? column->where_feed : 0);
        need(draft, draft_measure(draft, selection, column->field, &column_measure[i]), column->kind);
    }
    return true;
}

static void draft_rest(struct draft *draft)
{
    struct engine_table *table = draft->table;
    for (size_t i = 0; i < table->table->uniform_count; i++) {
        struct field_ref field = table->table->uniform[i];
        size_t at, selection = draft_selection(draft, source_of(draft->engine, field), NULL, 0);
        draft_measure(draft, selection, field, &at)->uniform = true;
    }
    for (size_t i = 0; i < table->table->group_count; i++)
        draft->read[table->table->group_by[i].feed] |= UINT64_C(1) << table->table->group_by[i].field;
    if (table->table->windowed)
        draft->read[0] |= UINT64_C(1) << table->table->window_field;
}

/* --- the drafted parts in order, with columns --------------------------------------------------------------------- */

static uint16_t add_column(struct engine_table *table, enum rows_hint hint)
{
    return (uint16_t)rows_column(&table->groups.rows, hint);
}

static void place_measure(struct engine_table *table, struct measure *measure)
{
    if (measure->counted)
        measure->nulls = add_column(table, ROWS_ANY);
    if (measure->sum) {
        measure->low = add_column(table, ROWS_GROWS);
        measure->high = add_column(table, ROWS_ANY);
    }
    if (measure->uniform) {
        measure->value = add_column(table, ROWS_ANY);
        measure->same = add_column(table, ROWS_ANY);
        measure->others = add_column(table, ROWS_ANY);
    }
    if (!measure->ordered && !measure->uniform)
        return;
    measure->bag = (uint8_t)table->bag_count++;
    table->selections[measure->selection].scanned = true;
    table->scanned |= UINT32_C(1) << table->selections[measure->selection].source;
}

static void place_selection(struct draft *draft, size_t from, size_t *measure_at)
{
    struct engine_table *table = draft->table;
    struct selection *selection = &table->selections[table->selection_count];
    *selection = draft->selections[from];
    selection->is_units = selection->source == 0 && !selection->where && !draft->engine->weighted;
    selection->rows = (uint16_t)table->units;
    if (selection->counted && !selection->is_units)
        selection->rows = add_column(table, ROWS_ANY);
    selection->first = (uint16_t)table->measure_count;
    for (size_t i = 0; i < draft->measure_count; i++) {
        if (draft->measures[i].selection != from)
            continue;
        struct measure *measure = &table->measures[table->measure_count];
        *measure = draft->measures[i];
        measure->selection = (uint8_t)table->selection_count;
        place_measure(table, measure);
        measure_at[i] = table->measure_count++;
    }
    selection->count = (uint16_t)(table->measure_count - selection->first);
    table->selection_count++;
}

static void place_parts(struct draft *draft, const size_t *column_measure)
{
    struct engine_table *table = draft->table;
    size_t measure_at[STATE_PARTS_MAX] = {0};
    for (size_t source = 0; source < STATE_SOURCES; source++) {
        table->source_first[source] = table->selection_count;
        for (size_t i = 0; i < draft->selection_count; i++)
            if (draft->selections[i].source == source)
                place_selection(draft, i, measure_at);
        if (table->source_first[source] < table->selection_count)
            table->sources |= UINT32_C(1) << source;
    }
    draft->engine->sources |= table->sources;
    table->source_first[STATE_SOURCES] = table->selection_count;
    table->selections[table->selection_count].first = (uint16_t)table->measure_count;
    table->plain = (table->scanned & ~UINT32_C(3)) == 0;
    for (size_t i = 0; i < table->selection_count; i++)
        table->plain = table->plain && !(table->selections[i].scanned && table->selections[i].where);
    for (size_t i = 0; i < table->table->column_count; i++)
        if (has_measure(table->table->columns[i].kind))
            table->column_measure[i] = measure_at[column_measure[i]];
}

static void place_kept(struct engine_table *table)
{
    if (table->files)
        table->kept_files = add_column(table, ROWS_ANY);
    for (size_t i = 0; i < table->table->column_count; i++)
        if (demand_of(table->table->columns[i].kind).extremes)
            table->kept[table->column_measure[i]].extremes = true;
    for (size_t i = 0; i < table->measure_count; i++) {
        struct kept *kept = &table->kept[i];
        if (kept->extremes) {
            kept->least = add_column(table, ROWS_ANY);
            kept->greatest = add_column(table, ROWS_ANY);
        }
        if (table->measures[i].ordered)
            kept->count = add_column(table, ROWS_ANY);
    }
}

static void plan_parts(struct engine_table *table)
{
    const struct table *t = table->table;
    for (size_t i = 0; i < t->column_count; i++) {
        table->column_part[i] = t->group_count;
        for (size_t j = 0; t->columns[i].kind == COLUMN_GROUP && j < t->group_count; j++)
            if (t->group_by[j].feed == t->columns[i].field.feed && t->group_by[j].field == t->columns[i].field.field)
                table->column_part[i] = j;
    }
}

static bool plan_table(struct engine *engine, struct engine_table *table, struct draft *draft)
{
    size_t column_measure[PIPELINE_COLUMNS_MAX] = {0};
    keyed_init(&table->groups, &engine->memory, table->table->group_count + table->table->windowed, NULL);
    table->changed = rows_column(&table->groups.rows, ROWS_ANY);
    table->units = rows_column(&table->groups.rows, ROWS_ANY);
    table->members = rows_column(&table->groups.rows, ROWS_LINK);
    table->bags = rows_column(&table->groups.rows, ROWS_LINK);
    if (engine->pipeline->retention.on)
        table->closed = rows_column(&table->groups.rows, ROWS_ANY);
    bool ok = draft_columns(draft, column_measure);
    if (ok)
        draft_rest(draft);
    place_parts(draft, column_measure);
    if (table->files)
        table->files_bag = (uint8_t)table->bag_count++;
    if (engine->pipeline->retention.on)
        place_kept(table);
    plan_parts(table);
    return ok && keyed_start(&table->groups) && unrolled_start(&table->runs, &engine->memory);
}

bool plan_tables(struct engine *engine, uint64_t *read, struct error *error)
{
    struct draft *draft = malloc(sizeof *draft);
    bool ok = draft != NULL;
    for (size_t i = 0; i < engine->pipeline->table_count && ok; i++) {
        struct engine_table *table = &engine->tables[i];
        table->table = &engine->pipeline->tables[i];
        draft->engine = engine;
        draft->table = table;
        draft->read = read;
        draft->selection_count = draft->measure_count = 0;
        ok = plan_table(engine, table, draft);
    }
    free(draft);
    return ok || memory_error(&engine->memory, error);
}

static void close_bags(struct engine *engine, struct engine_table *table)
{
    for (size_t i = 0; i < table->big_count; i++) {
        if (!table->big[i])
            continue;
        for (size_t j = 0; j < table->bag_count; j++)
            bag_close(&table->big[i][j], &engine->memory);
        memory_drop(&engine->memory, table->big[i], table->bag_count * sizeof **table->big);
    }
    memory_drop(&engine->memory, table->big, table->big_room * sizeof(void *));
    memory_close_ids(&engine->memory, &table->big_unused);
}

void plan_close_tables(struct engine *engine)
{
    for (size_t i = 0; i < engine->pipeline->table_count; i++) {
        struct engine_table *table = &engine->tables[i];
        if (!table->table)
            continue;
        for (size_t j = 0; j < table->selection_count; j++)
            where_free(table->selections[j].where);
        close_bags(engine, table);
        memory_close_ids(&engine->memory, &table->dirty);
        memory_close_ids(&engine->memory, &table->emptied);
        rows_close(&table->runs);
        keyed_close(&table->groups);
    }
}
