/*
 * Sums never overflow: with a grain every record counts once, without one at most STATE_WEIGHT_MAX = 2^31 times, there
 * are fewer than 2^32 records and values are below 2^63, so a sum stays below 2^126.
 */
#include "engine/accumulate.h"

#include "engine/files.h"
#include "engine/groups.h"
#include "engine/records.h"
#include "engine/units.h"

/* --- joins -------------------------------------------------------------------------------------------------------- */

/* The first record from `record` on that counts. */
static inline uint32_t counting(const struct records *records, uint32_t record)
{
    while (record && !records_count(records, record))
        record = records_next(records, record);
    return record;
}

static inline void open_join(const struct engine *engine, size_t feed, struct rows_at unit_at, struct opened *opened)
{
    const struct records *records = &engine->records[feed];
    uint32_t parent = units_parent(engine, opened->unit, unit_at, feed);
    opened->parents[feed] = parent;
    opened->firsts[feed] = parent ? counting(records, records_first(records, parent)) : 0;
}

static void count_matches(struct engine *engine, size_t feed, struct opened *opened)
{
    const struct records *records = &engine->records[feed];
    int64_t count = 0;
    for (uint32_t record = opened->firsts[feed]; record; record = counting(records, records_next(records, record)))
        count++;
    opened->matches[feed] = count;
    if (count <= 1)
        return;
    if (__builtin_mul_overflow(opened->weight, count, &opened->weight) || opened->weight > STATE_WEIGHT_MAX) {
        engine->too_wide = true;
        opened->weight = count;
    }
}

static inline void open_joins(const struct engine *engine, uint32_t unit, struct opened *opened)
{
    struct rows_at unit_at = rows_at(&engine->units.rows, unit);
    opened->unit = unit;
    opened->weight = 1;
    opened->lacks = 0;
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++) {
        open_join(engine, feed, unit_at, opened);
        if (!opened->firsts[feed] && engine->joins[feed - 1].join->required)
            opened->lacks |= UINT32_C(1) << feed;
    }
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

/* One record of a source (0 the unit itself, 1 a line, 1 + n one of feed n). */
typedef void (*record_visit)(void *context, const struct opened *opened, size_t source, const struct codes *codes,
                             int64_t weight);

static inline void read_own(const struct records *records, uint32_t record, uint64_t other_nulls, struct codes *codes)
{
    struct rows_at at = rows_at(&records->rows, record);
    codes->nulls = other_nulls | (uint64_t)rows_peek(at, RECORD_NULLS);
    for (size_t i = 0; i < records->read_count; i++)
        codes->at[records->read[i]] = rows_peek(at, records->homes[records->read[i]].column);
}

static inline void walk_lines(const struct engine *engine, struct opened *opened, record_visit visit, void *context)
{
    const struct records *lines = &engine->records[0];
    for (uint32_t line = records_first(lines, opened->unit); line; line = records_next(lines, line)) {
        if (!records_count(lines, line))
            continue;
        read_own(lines, line, opened->unit_nulls, &opened->codes);
        visit(context, opened, 1, &opened->codes, 1);
    }
}

/* The fields by which the records are joined, and the null bits among them. */
static uint64_t read_parent(const struct records *records, uint32_t parent, struct codes *codes)
{
    struct rows_at at = rows_at(&records->parents->rows, parent);
    uint64_t nulls = 0;
    for (size_t i = 0; i < records->read_parent_count; i++) {
        size_t field = records->read_parent[i];
        codes->at[field] = rows_peek(at, records->homes[field].column);
        if ((uint64_t)rows_peek(at, KEYED_NULLS) & records->homes[field].null_bit)
            nulls |= UINT64_C(1) << field;
    }
    return nulls;
}

static inline void walk_joined(const struct engine *engine, size_t feed, const struct opened *opened,
                               record_visit visit, void *context)
{
    const struct records *records = &engine->records[feed];
    uint32_t record = opened->firsts[feed];
    if (!record)
        return;
    struct codes codes;
    uint64_t nulls = records->read_parent_count > 0 ? read_parent(records, opened->parents[feed], &codes) : 0;
    int64_t weight = engine->weighted ? opened->weight / opened->matches[feed] : 1;
    for (; record; record = counting(records, records_next(records, record))) {
        read_own(records, record, nulls, &codes);
        visit(context, opened, 1 + feed, &codes, weight);
    }
}

/* Visits the unit's records of these sources. */
static inline __attribute__((always_inline)) void walk(const struct engine *engine, struct opened *opened,
                                                       uint32_t sources, record_visit visit, void *context)
{
    if (sources & 1)
        visit(context, opened, 0, &opened->codes, opened->weight);
    if (sources & 2)
        walk_lines(engine, opened, visit, context);
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++)
        if (sources >> (1 + feed) & 1)
            walk_joined(engine, feed, opened, visit, context);
}

static void read_unit(const struct engine *engine, struct opened *opened)
{
    units_read(engine, opened->unit, &opened->codes);
    opened->unit_nulls = opened->codes.nulls;
}

static inline bool chooses(const struct engine *engine, const struct selection *selection, const struct opened *opened,
                           const struct codes *codes)
{
    return !selection->where ||
           where_holds(selection->where, selection->on_unit ? &opened->codes : codes, &engine->dict);
}

struct shower {
    const struct engine *engine;
    const struct engine_table *table;
    accumulate_visit visit;
    void *context;
};

static void show(void *context, const struct opened *opened, size_t source, const struct codes *codes, int64_t weight)
{
    (void)weight;
    const struct shower *shower = context;
    const struct engine_table *table = shower->table;
    for (size_t i = table->source_first[source]; i < table->source_first[source + 1]; i++)
        if (table->selections[i].scanned && chooses(shower->engine, &table->selections[i], opened, codes))
            shower->visit(shower->context, &table->selections[i], codes);
}

void accumulate_walk(const struct engine *engine, const struct engine_table *table, uint32_t unit,
                     accumulate_visit visit, void *context)
{
    struct shower shower = {engine, table, visit, context};
    struct opened opened;
    struct rows_at unit_at = rows_at(&engine->units.rows, unit);
    opened.unit = unit;
    opened.weight = 1;
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++) {
        opened.matches[feed] = 1;
        if (table->scanned >> (1 + feed) & 1)
            open_join(engine, feed, unit_at, &opened);
    }
    read_unit(engine, &opened);
    walk(engine, &opened, table->scanned, show, &shower);
}

/* --- adding to groups --------------------------------------------------------------------------------------------- */

/* What a unit brings to, or takes from, its groups of one table: the same to all. */
struct adder {
    struct engine_table *table;
    int64_t rows[STATE_PARTS_MAX]; /* by selection */
    struct amount {
        wide sum;
        int64_t nulls;
    } amounts[STATE_PARTS_MAX]; /* by measure */
    size_t count;
    struct adder_group {
        struct bag *bags; /* or NULL */
        uint32_t group;
        uint32_t slot; /* its place among the unit's groups */
        bool elect;    /* the value that a uniform field counts is gone */
    } groups[WINDOW_SPAN_MAX];
};

struct adding {
    struct engine *engine;
    int sign;
    size_t count;
    struct adder adders[PIPELINE_TABLES_MAX];
};

static struct adder *begin_adder(struct adding *adding, struct engine_table *table)
{
    struct adder *adder = &adding->adders[adding->count++];
    adder->table = table;
    adder->count = 0;
    memset(adder->rows, 0, table->selection_count * sizeof *adder->rows);
    memset(adder->amounts, 0, table->measure_count * sizeof *adder->amounts);
    return adder;
}

static void begin_group(struct adding *adding, struct adder *adder, uint32_t group, size_t slot)
{
    groups_change(adding->engine, adder->table, group);
    adder->groups[adder->count++] =
        (struct adder_group){groups_bags(adder->table, group), group, (uint32_t)slot, false};
}

static void add_to_bag(const struct adding *adding, struct bag *bags, const struct measure *measure, int64_t code)
{
    struct bag *bag = &bags[measure->bag];
    struct bag_order order = groups_order(adding->engine, measure);
    int64_t rank = codes_rank(measure->kind, code);
    if (adding->sign > 0)
        bag_add(bag, order, &adding->engine->memory, rank);
    else
        bag_take(bag, order, &adding->engine->memory, rank);
}

/* Of an ordered or uniform measure each group keeps what values it has. */
static inline void add_to_each(const struct adding *adding, struct adder *adder, const struct measure *measure,
                               int64_t code)
{
    for (size_t i = 0; i < adder->count; i++) {
        struct adder_group *to = &adder->groups[i];
        if (measure->uniform && groups_count_uniform(adder->table, measure, to->group, code, adding->sign))
            to->elect = true;
        if (to->bags)
            add_to_bag(adding, to->bags, measure, code);
    }
}

static inline void add_record(const struct adding *adding, struct adder *adder, const struct selection *selection,
                              const struct codes *codes, int64_t weight)
{
    const struct measure *measure = adder->table->measures + selection->first, *end = measure + selection->count;
    struct amount *amount = adder->amounts + selection->first;
    for (; measure < end; measure++, amount++) {
        int64_t code = codes->at[measure->field];
        if (codes_null(codes, measure->field)) {
            amount->nulls += weight;
            continue;
        }
        if (measure->sum)
            amount->sum += (wide)code * weight;
        if (measure->ordered || measure->uniform)
            add_to_each(adding, adder, measure, code);
    }
}

static void add(void *context, const struct opened *opened, size_t source, const struct codes *codes, int64_t weight)
{
    struct adding *adding = context;
    for (size_t i = 0; i < adding->count; i++) {
        struct adder *adder = &adding->adders[i];
        const struct engine_table *table = adder->table;
        for (size_t s = table->source_first[source]; s < table->source_first[source + 1]; s++) {
            if (!chooses(adding->engine, &table->selections[s], opened, codes))
                continue;
            adder->rows[s] += weight;
            add_record(adding, adder, &table->selections[s], codes, weight);
        }
    }
}

/* A sum is low + high * 2^64 with signs in both, so high stays as it is, and mostly zero, until low overflows. */
static inline void add_to_sum(struct rows *groups, uint32_t group, struct rows_at *at, const struct measure *measure,
                              wide value)
{
    int64_t low = rows_peek(*at, measure->low), sum;
    if (value == (int64_t)value && !__builtin_add_overflow(low, (int64_t)value, &sum)) {
        rows_set_at(groups, group, at, measure->low, sum);
        return;
    }
    wide all = (wide)low + (wide)rows_peek(*at, measure->high) * ((wide)1 << 64) + value;
    low = (int64_t)(uint64_t)all;
    rows_set_at(groups, group, at, measure->low, low);
    rows_set_at(groups, group, at, measure->high, (int64_t)((all - low) >> 64));
}

static inline void add_to_column(struct rows *groups, uint32_t group, struct rows_at *at, size_t column, int64_t value)
{
    if (value != 0)
        rows_set_at(groups, group, at, column, rows_peek(*at, column) + value);
}

static void add_totals(const struct adder *adder, uint32_t group, int64_t sign)
{
    struct engine_table *table = adder->table;
    struct rows *groups = &table->groups.rows;
    struct rows_at at = rows_at(groups, group);
    for (size_t i = 0; i < table->selection_count; i++) {
        const struct selection *selection = &table->selections[i];
        if (adder->rows[i] == 0)
            continue;
        if (selection->counted && !selection->is_units)
            add_to_column(groups, group, &at, selection->rows, sign * adder->rows[i]);
        const struct measure *measure = table->measures + selection->first, *end = measure + selection->count;
        const struct amount *amount = adder->amounts + selection->first;
        for (; measure < end; measure++, amount++) {
            if (measure->counted)
                add_to_column(groups, group, &at, measure->nulls, sign * amount->nulls);
            if (amount->sum != 0)
                add_to_sum(groups, group, &at, measure, sign * amount->sum);
        }
    }
}

static void end_group(struct adding *adding, const struct adder *adder, const struct adder_group *to, uint32_t unit)
{
    struct engine *engine = adding->engine;
    struct engine_table *table = adder->table;
    add_totals(adder, to->group, adding->sign);
    if (to->bags && table->files)
        files_count(engine, &to->bags[table->files_bag], unit, adding->sign);
    rows_set(&engine->units.rows, unit, table->unit_group + to->slot, adding->sign > 0 ? to->group : 0);
    if (adding->sign > 0)
        groups_enter(engine, table, to->group, unit);
    else
        groups_leave(engine, table, to->group, unit);
    if (to->elect)
        groups_elect_uniform(engine, table, to->group);
}

/* --- all that a unit contributes ---------------------------------------------------------------------------------- */

struct lookup {
    const struct engine *engine;
    const struct opened *opened;
};

/* The value of a lookup join's record, of which there is one at most. */
static bool look_up(void *context, struct field_ref field, int64_t *code)
{
    const struct lookup *lookup = context;
    const struct records *records = &lookup->engine->records[field.feed];
    const struct field_home *home = &records->homes[field.field];
    uint32_t record = lookup->opened->firsts[field.feed];
    if (!record)
        return false;
    struct rows_at at = home->in_parent ? rows_at(&records->parents->rows, lookup->opened->parents[field.feed])
                                        : rows_at(&records->rows, record);
    *code = rows_peek(at, home->column);
    return !((uint64_t)rows_peek(at, home->in_parent ? (size_t)KEYED_NULLS : (size_t)RECORD_NULLS) & home->null_bit);
}

static void add_to_groups(struct adding *adding, struct opened *opened)
{
    walk(adding->engine, opened, adding->engine->sources, add, adding);
    for (size_t i = 0; i < adding->count; i++)
        for (size_t j = 0; j < adding->adders[i].count; j++)
            end_group(adding, &adding->adders[i], &adding->adders[i].groups[j], opened->unit);
}

static void count_unit(struct engine *engine, uint32_t unit, uint32_t lacks, int sign)
{
    uint64_t more = (uint64_t)(int64_t)sign;
    engine->counted += more;
    if (keyed_has(&engine->units, unit, PARENT_CONFLICT))
        engine->conflicts += more;
    for (size_t feed = 1; lacks != 0 && feed < engine->pipeline->feed_count; feed++)
        engine->waiting[feed] += lacks >> feed & 1 ? more : 0;
}

void accumulate_uncount(struct engine *engine, uint32_t unit)
{
    count_unit(engine, unit, rows_link(&engine->units.rows, unit, engine->unit_lacks), -1);
}

/* Reads the unit and counts what it joins to. */
static void open_values(struct engine *engine, struct opened *opened)
{
    for (size_t feed = 1; engine->weighted && feed < engine->pipeline->feed_count; feed++)
        count_matches(engine, feed, opened);
    read_unit(engine, opened);
}

void accumulate_open(struct engine *engine, uint32_t unit, struct opened *opened)
{
    struct lookup lookup = {engine, opened};
    open_joins(engine, unit, opened);
    if (opened->lacks != 0)
        return;
    open_values(engine, opened);
    for (size_t i = 0; i < engine->pipeline->table_count; i++) {
        const struct engine_table *table = &engine->tables[i];
        opened->grouped[i] = groups_key(engine, table, &opened->codes, look_up, &lookup, &opened->keys[i]);
        if (opened->grouped[i])
            map_prefetch(&table->groups.map, opened->keys[i].hash);
    }
}

/* `key` is that of the latest of its windows; it ends as that of the earliest. */
static void begin_groups(struct adding *adding, struct engine_table *table, struct keyed_key *key)
{
    struct adder *adder = begin_adder(adding, table);
    for (size_t slot = 0; slot < table->slots; slot++) {
        if (slot > 0)
            groups_key_before(table, key);
        uint32_t group = keyed_find(&table->groups, key);
        begin_group(adding, adder, group ? group : groups_add(adding->engine, table, key), slot);
    }
}

/* The same of the groups that it lies in. */
static void begin_its_groups(struct adding *adding, struct engine_table *table, uint32_t unit)
{
    struct adder *adder = NULL;
    for (size_t slot = 0; slot < table->slots; slot++) {
        uint32_t group = rows_link(&adding->engine->units.rows, unit, table->unit_group + slot);
        if (group && !adder)
            adder = begin_adder(adding, table);
        if (group)
            begin_group(adding, adder, group, slot);
    }
}

void accumulate_add(struct engine *engine, struct opened *opened)
{
    rows_set(&engine->units.rows, opened->unit, engine->unit_lacks, opened->lacks);
    count_unit(engine, opened->unit, opened->lacks, 1);
    if (opened->lacks != 0)
        return;
    struct adding adding;
    adding.engine = engine;
    adding.sign = 1;
    adding.count = 0;
    for (size_t i = 0; i < engine->pipeline->table_count; i++)
        if (opened->grouped[i])
            begin_groups(&adding, &engine->tables[i], &opened->keys[i]);
    add_to_groups(&adding, opened);
}

/* Of a unit that waits nothing is in groups, and what it waits for need not be looked up. */
void accumulate_take(struct engine *engine, uint32_t unit)
{
    uint32_t lacks = rows_link(&engine->units.rows, unit, engine->unit_lacks);
    count_unit(engine, unit, lacks, -1);
    if (lacks != 0)
        return;
    struct opened opened;
    struct adding adding;
    open_joins(engine, unit, &opened);
    open_values(engine, &opened);
    adding.engine = engine;
    adding.sign = -1;
    adding.count = 0;
    for (size_t i = 0; i < engine->pipeline->table_count; i++)
        begin_its_groups(&adding, &engine->tables[i], unit);
    add_to_groups(&adding, &opened);
}
