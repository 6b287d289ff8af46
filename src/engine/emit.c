#include "engine/emit.h"

#include <math.h>

#include "engine/accumulate.h"
#include "engine/groups.h"
#include "engine/units.h"
#include "model/timestamp.h"

/* --- minimum, maximum, distinct ----------------------------------------------------------------------------------- */

void emit_init(struct emit *emit, const struct engine *engine, size_t share)
{
    const struct memory *memory = &engine->memory;
    size_t left = memory->limit > memory->used ? (memory->limit - memory->used) / share : 0;
    *emit = (struct emit){.engine = engine, .memory.limit = memory->limit == 0 || left > 0 ? left : 1};
}

void emit_tell(struct emit *emit, struct engine *engine)
{
    if (emit->overflows.values > 0) {
        emit->overflows.values += engine->overflows.values;
        engine->overflows = emit->overflows;
        emit->overflows.values = 0;
    }
    engine->memory.used += emit->memory.used - emit->told;
    emit->told = emit->memory.used;
    engine->memory.failed |= emit->memory.failed;
    engine->memory.limited |= emit->memory.limited;
}

void emit_close(struct emit *emit, struct engine *engine)
{
    for (size_t i = 0; i < STATE_PARTS_MAX; i++)
        memory_drop(&emit->memory, emit->outcomes[i].codes, emit->outcomes[i].room * sizeof(int64_t));
    files_close(&emit->files, &emit->memory);
    emit_tell(emit, engine);
}

struct gatherer {
    const struct engine_table *table;
    struct emit *emit;
};

static void push_code(struct memory *memory, struct outcome *outcome, int64_t code)
{
    if (outcome->count == outcome->room) {
        int64_t *codes = memory_more(memory, outcome->codes, &outcome->room, sizeof *codes);
        if (!codes)
            return;
        outcome->codes = codes;
    }
    outcome->codes[outcome->count++] = code;
}

static inline void take_code(struct emit *emit, const struct measure *measure, struct outcome *outcome, int64_t code)
{
    int64_t rank = codes_rank(measure->kind, code);
    struct bag_order order = groups_order(emit->engine, measure);
    if (!outcome->any || bag_compare(order, rank, outcome->least) < 0)
        outcome->least = rank;
    if (!outcome->any || bag_compare(order, rank, outcome->greatest) > 0)
        outcome->greatest = rank;
    outcome->any = true;
    if (measure->distinct)
        push_code(&emit->memory, outcome, rank);
}

static void gather(void *context, const struct selection *selection, const struct codes *codes)
{
    struct gatherer *gatherer = context;
    for (size_t i = selection->first; i < selection->first + selection->count; i++) {
        const struct measure *measure = &gatherer->table->measures[i];
        if (measure->ordered && !codes_null(codes, measure->field))
            take_code(gatherer->emit, measure, &gatherer->emit->outcomes[i], codes->at[measure->field]);
    }
}

/* The ordered measures of a source, 0 or 1, from one row of it. */
static inline void gather_row(struct emit *emit, const struct engine_table *table, size_t source, struct rows_at at,
                              uint64_t nulls)
{
    const struct field_home *homes = emit->engine->records[0].homes;
    size_t first = table->selections[table->source_first[source]].first;
    size_t end = table->selections[table->source_first[source + 1]].first;
    for (size_t i = first; i < end; i++) {
        const struct measure *measure = &table->measures[i];
        const struct field_home *home = &homes[measure->field];
        if (measure->ordered && !(nulls & home->null_bit))
            take_code(emit, measure, &emit->outcomes[i], rows_peek(at, home->column));
    }
}

/* What accumulate_walk comes to for a plain table: nothing is read but the fields that are asked for. */
static void gather_plainly(struct emit *emit, const struct engine_table *table, uint32_t unit)
{
    const struct engine *engine = emit->engine;
    const struct records *lines = &engine->records[0];
    struct rows_at at = rows_at(&engine->units.rows, unit);
    if (table->scanned & 1)
        gather_row(emit, table, 0, at, (uint64_t)rows_peek(at, KEYED_NULLS));
    uint32_t line = table->scanned & 2 ? (uint32_t)rows_peek(at, lines->head) : 0;
    for (; line; line = (uint32_t)rows_peek(at, RECORD_NEXT)) {
        at = rows_at(&lines->rows, line);
        if (!lines->filters || rows_peek(at, RECORD_FLAGS) == 0)
            gather_row(emit, table, 1, at, (uint64_t)rows_peek(at, RECORD_NULLS));
    }
}

static void count_distinct(struct outcome *outcome)
{
    codes_sort(outcome->codes, outcome->count);
    outcome->distinct = outcome->count > 0;
    for (size_t i = 1; i < outcome->count; i++)
        outcome->distinct += outcome->codes[i] != outcome->codes[i - 1];
}

/* Goes one run further; false at the end of the list. */
static bool take_run(const struct engine *engine, const struct engine_table *table, struct emit_members *members,
                     struct unrolled_walk *walk)
{
    uint32_t *units = members->units + members->count;
    size_t count = walk->left <= STATE_BIG ? unrolled_step(&table->runs, walk, units) : 0;
    unrolled_prefetch(&table->runs, walk);
    for (size_t i = 0; i < count; i++)
        rows_prefetch(&engine->units.rows, units[i]);
    members->count += (uint32_t)count;
    return count > 0;
}

void emit_find_members(const struct engine *engine, const struct engine_table *table, const uint32_t *groups,
                       size_t count, struct emit_members *members)
{
    struct unrolled_walk walks[EMIT_GROUPS];
    for (size_t i = 0; i < count; i++)
        rows_prefetch(&table->groups.rows, groups[i]);
    for (size_t i = 0; i < count; i++) {
        members[i].count = 0;
        walks[i] = groups_members(table, groups[i]);
        unrolled_prefetch(&table->runs, &walks[i]);
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < count; i++)
            more = take_run(engine, table, &members[i], &walks[i]) || more;
    }
    for (size_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < members[i].count; j++)
            units_prefetch(engine, members[i].units[j], table->files ? UINT32_MAX : table->scanned);
}

static void gather_units(struct emit *emit, const struct engine_table *table, const struct emit_members *members)
{
    for (size_t i = 0; i < table->measure_count; i++) {
        emit->outcomes[i].any = false;
        emit->outcomes[i].count = 0;
    }
    struct gatherer gatherer = {table, emit};
    for (uint32_t i = 0; i < members->count; i++)
        if (table->plain)
            gather_plainly(emit, table, members->units[i]);
        else
            accumulate_walk(emit->engine, table, members->units[i], gather, &gatherer);
    for (size_t i = 0; i < table->measure_count; i++)
        if (table->measures[i].distinct)
            count_distinct(&emit->outcomes[i]);
}

static void read_bags(struct emit *emit, const struct engine_table *table, const struct bag *bags)
{
    for (size_t i = 0; i < table->measure_count; i++) {
        if (!table->measures[i].ordered)
            continue;
        const struct bag *bag = &bags[table->measures[i].bag];
        struct outcome *outcome = &emit->outcomes[i];
        outcome->any = bag->root != NULL;
        outcome->least = bag->root ? bag_first(bag, NULL) : 0;
        outcome->greatest = bag->root ? bag_last(bag) : 0;
        outcome->distinct = bag->distinct;
    }
}

static void read_closed(struct emit *emit, const struct engine_table *table, uint32_t group)
{
    struct rows_at at = rows_at(&table->groups.rows, group);
    for (size_t i = 0; i < table->measure_count; i++) {
        const struct kept *kept = &table->kept[i];
        struct outcome *outcome = &emit->outcomes[i];
        if (!table->measures[i].ordered)
            continue;
        outcome->distinct = (uint64_t)rows_peek(at, kept->count);
        outcome->any = outcome->distinct > 0;
        outcome->least = kept->extremes ? rows_peek(at, kept->least) : 0;
        outcome->greatest = kept->extremes ? rows_peek(at, kept->greatest) : 0;
    }
}

static struct cell find_files(struct emit *emit, const struct engine_table *table, uint32_t group,
                              const struct emit_members *members, const struct bag *bags)
{
    if (bags)
        return files_of_bag(&emit->memory, &emit->files, &bags[table->files_bag]);
    if (keyed_has(&table->groups, group, GROUP_CLOSED))
        return files_of_kept(emit->engine, &emit->memory, &emit->files,
                             rows_link(&table->groups.rows, group, table->kept_files));
    return files_of_units(emit->engine, &emit->memory, &emit->files, members->units, members->count);
}

static inline void find_outcomes(struct emit *emit, const struct engine_table *table, uint32_t group,
                                 const struct emit_members *members)
{
    const struct bag *bags = groups_bags(table, group);
    if (bags)
        read_bags(emit, table, bags);
    else if (table->scans && keyed_has(&table->groups, group, GROUP_CLOSED))
        read_closed(emit, table, group);
    else if (table->scans)
        gather_units(emit, table, members);
    if (table->files)
        emit->files_cell = find_files(emit, table, group, members, bags);
}

void emit_keep_outcomes(struct engine *engine, struct emit *emit, struct engine_table *table, uint32_t group,
                        const struct emit_members *members)
{
    struct rows *groups = &table->groups.rows;
    find_outcomes(emit, table, group, members);
    if (table->files)
        rows_set(groups, group, table->kept_files, files_keep(engine, &emit->files_cell));
    for (size_t i = 0; i < table->measure_count; i++) {
        const struct kept *kept = &table->kept[i];
        const struct outcome *outcome = &emit->outcomes[i];
        if (!table->measures[i].ordered || !outcome->any)
            continue;
        rows_set(groups, group, kept->count, table->measures[i].distinct ? (int64_t)outcome->distinct : 1);
        if (kept->extremes) {
            rows_set(groups, group, kept->least, outcome->least);
            rows_set(groups, group, kept->greatest, outcome->greatest);
        }
    }
}

/* --- exact numbers ------------------------------------------------------------------------------------------------ */

/* units of 10^-scale, or null. */
struct number {
    bool null;
    wide units;
    unsigned scale;
};

static struct number count_of(const struct engine_table *table, uint32_t group, const struct measure *measure)
{
    struct rows_at at = rows_at(&table->groups.rows, group);
    wide rows = rows_peek(at, table->selections[measure->selection].rows);
    return (struct number){.units = rows - rows_peek(at, measure->nulls)};
}

static struct number sum_of(const struct engine_table *table, uint32_t group, const struct column *column,
                            const struct measure *measure)
{
    struct rows_at at = rows_at(&table->groups.rows, group);
    wide sum = (wide)rows_peek(at, measure->low) + (wide)rows_peek(at, measure->high) * ((wide)1 << 64);
    bool none = count_of(table, group, measure).units == 0;
    return (struct number){.null = none, .units = sum, .scale = column->field_type.scale};
}

/* Of a column that a ratio may refer to. */
static struct number number_of(const struct engine_table *table, uint32_t group, size_t i)
{
    const struct column *column = &table->table->columns[i];
    const struct measure *measure = &table->measures[table->column_measure[i]];
    return column->kind == COLUMN_SUM ? sum_of(table, group, column, measure) : count_of(table, group, measure);
}

/* --- cells -------------------------------------------------------------------------------------------------------- */

static struct cell overflowed(struct emit *emit)
{
    emit->overflows.values++;
    return (struct cell){.kind = CELL_NULL};
}

static struct cell integer_cell(struct emit *emit, wide value, int64_t min, int64_t max)
{
    if (value < min || value > max)
        return overflowed(emit);
    return (struct cell){.kind = CELL_INT, .i = (int64_t)value};
}

static struct cell float_cell(struct emit *emit, double value)
{
    if (!isfinite(value))
        return overflowed(emit);
    return (struct cell){.kind = CELL_FLOAT, .d = value + 0.0 /* of the two zeros the positive one */};
}

/* An exact number of the column's scale. */
static struct cell scaled_cell(struct emit *emit, const struct column *column, wide units)
{
    if (column->type == SQL_NUMERIC)
        return (struct cell){.kind = CELL_NUMERIC, .n = units};
    if (column->type == SQL_INTEGER)
        return integer_cell(emit, units, INT32_MIN, INT32_MAX);
    return integer_cell(emit, units, INT64_MIN, INT64_MAX);
}

/* a / b * 10^digits: what a column shows is rounded once, from this. */
static struct cell exact_cell(struct emit *emit, const struct column *column, wide a, wide b, int digits)
{
    wide units = a;
    if (column->type == SQL_DOUBLE)
        return float_cell(emit, wide_to_double(a, b, digits));
    if (column->type == SQL_REAL)
        return float_cell(emit, (double)wide_to_float(a, b, digits));
    digits += column->type == SQL_NUMERIC ? column->scale : 0;
    if ((digits != 0 || b != 1) && !wide_quotient(a, b, digits, &units))
        return overflowed(emit);
    return scaled_cell(emit, column, units);
}

static struct cell number_cell(struct emit *emit, const struct column *column, struct number number)
{
    if (number.null)
        return (struct cell){.kind = CELL_NULL};
    return exact_cell(emit, column, number.units, 1, -(int)number.scale);
}

static struct cell quotient_cell(struct emit *emit, const struct column *column, struct number a, struct number b)
{
    if (a.null || b.null || b.units == 0)
        return (struct cell){.kind = CELL_NULL};
    return exact_cell(emit, column, a.units, b.units, (int)b.scale - (int)a.scale);
}

static struct cell time_cell(const struct column *column, int64_t micros)
{
    return (struct cell){.kind = CELL_INT,
                         .i = column->type == SQL_DATE ? timestamp_window(micros, TIMESTAMP_DAY) : micros};
}

/* A value as its field has it. */
static struct cell value_cell(struct emit *emit, const struct column *column, int64_t code)
{
    struct value value = codes_value(column->field_type.kind, code, &emit->engine->dict);
    switch (column->field_type.kind) {
    case VALUE_TEXT:
        return (struct cell){.kind = CELL_TEXT, .text = value.text};
    case VALUE_DOUBLE:
        return float_cell(emit, column->type == SQL_REAL ? (double)(float)value.d : value.d);
    case VALUE_DATE:
        return time_cell(column, value.i * TIMESTAMP_DAY);
    case VALUE_TIMESTAMP:
        return time_cell(column, value.i);
    case VALUE_BOOL:
        return (struct cell){.kind = CELL_INT, .i = value.i};
    case VALUE_INT64:
    case VALUE_DECIMAL:
        break;
    }
    return number_cell(emit, column, (struct number){.units = value.i, .scale = column->field_type.scale});
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static struct cell key_cell(struct emit *emit, const struct engine_table *table, uint32_t group, size_t i)
{
    const struct column *column = &table->table->columns[i];
    int64_t code = rows_get(&table->groups.rows, group, KEYED_KEY + table->column_part[i]);
    if (column->kind == COLUMN_GROUP)
        return value_cell(emit, column, code);
    const struct window *window = &table->table->window;
    return time_cell(column, window_start(window, code + (column->kind == COLUMN_WINDOW_END ? window->span : 0)));
}

static struct cell extreme_cell(struct emit *emit, const struct column *column, const struct outcome *outcome)
{
    if (!outcome->any)
        return (struct cell){.kind = CELL_NULL};
    int64_t rank = column->kind == COLUMN_MIN ? outcome->least : outcome->greatest;
    return value_cell(emit, column, codes_of_rank(column->field_type.kind, rank));
}

static struct cell cell_of(struct emit *emit, const struct engine_table *table, uint32_t group, size_t i)
{
    const struct column *column = &table->table->columns[i];
    const struct measure *measure = &table->measures[table->column_measure[i]];
    const struct outcome *outcome = &emit->outcomes[table->column_measure[i]];
    switch (column->kind) {
    case COLUMN_GROUP:
    case COLUMN_WINDOW_START:
    case COLUMN_WINDOW_END:
        return key_cell(emit, table, group, i);
    case COLUMN_COUNT:
        return number_cell(emit, column, count_of(table, group, measure));
    case COLUMN_COUNT_DISTINCT:
        return number_cell(emit, column, (struct number){.units = (wide)outcome->distinct});
    case COLUMN_SUM:
        return number_cell(emit, column, sum_of(table, group, column, measure));
    case COLUMN_AVG:
        return quotient_cell(emit, column, sum_of(table, group, column, measure), count_of(table, group, measure));
    case COLUMN_MIN:
    case COLUMN_MAX:
        return extreme_cell(emit, column, outcome);
    case COLUMN_FILES:
        return emit->files_cell;
    case COLUMN_RATIO:
        return quotient_cell(emit, column, number_of(table, group, column->numerator),
                             number_of(table, group, column->denominator));
    }
    return (struct cell){.kind = CELL_NULL};
}

void emit_row(struct emit *emit, const struct engine_table *table, uint32_t group, const struct emit_members *members,
              struct cell *cells)
{
    find_outcomes(emit, table, group, members);
    for (size_t i = 0; i < table->table->column_count; i++) {
        uint64_t overflows = emit->overflows.values;
        cells[i] = cell_of(emit, table, group, i);
        if (emit->overflows.values != overflows) {
            emit->overflows.table = (size_t)(table - emit->engine->tables);
            emit->overflows.column = i;
        }
    }
}

void emit_key(struct emit *emit, const struct engine_table *table, uint32_t group, struct cell *cells)
{
    for (size_t i = 0; i < table->table->key_count; i++)
        cells[i] = key_cell(emit, table, group, table->table->key[i]);
}
