/*
 * The engine's results computed the plain way: all live rows in lists, every table from scratch by nested loops.
 *
 * Written from the pipeline's meaning (docs of struct join, struct column and design section 4), sharing no code with
 * the engine; slow on purpose. Windows that close are in engine_reference_closing.h, lines as a delivery has them in
 * engine_reference_print.h.
 */
#ifndef DROPFOLD_TESTS_ENGINE_REFERENCE_H
#define DROPFOLD_TESTS_ENGINE_REFERENCE_H

#include <time.h>

#include "engine_support.h"

struct ref_row {
    char *text; /* what the values borrow */
    struct value values[PIPELINE_FIELDS_MAX];
    uint64_t sequence, row;
    uint64_t origin; /* sequence of the row that first brought these values */
};

struct ref_rows {
    struct ref_row *at;
    size_t count;
};

struct ref_column {
    wide sum;
    uint64_t count;
    bool any;
    struct value least, greatest;
    struct value *distinct;
    size_t distinct_count;
};

struct ref_group {
    struct value key[PIPELINE_GROUP_MAX + 1];
    struct ref_column columns[PIPELINE_COLUMNS_MAX];
    struct value uniform[PIPELINE_GROUP_MAX];
    bool mixed;
    int64_t *files; /* ascending */
    size_t file_count;
};

struct ref_groups {
    struct ref_group *at;
    size_t count;
};

struct reference {
    const struct pipeline *pipeline;
    struct ref_rows feeds[PIPELINE_FEEDS_MAX]; /* live rows */
    /* with retention */
    bool any_closed;
    int64_t closed_before;                         /* microseconds */
    struct ref_rows replaced;                      /* what final groups may borrow texts of */
    struct ref_rows freed[PIPELINE_FEEDS_MAX];     /* rows of closed units, and those joined by the units' key */
    struct ref_groups closed[PIPELINE_TABLES_MAX]; /* final */
};

static inline void ref_free_rows(struct ref_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->at[i].text);
    free(rows->at);
}

static inline void ref_free_groups(struct ref_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        for (size_t c = 0; c < PIPELINE_COLUMNS_MAX; c++)
            free(groups->at[i].columns[c].distinct);
        free(groups->at[i].files);
    }
    free(groups->at);
}

static inline void ref_close(struct reference *ref)
{
    for (size_t f = 0; f < PIPELINE_FEEDS_MAX; f++) {
        ref_free_rows(&ref->feeds[f]);
        ref_free_rows(&ref->freed[f]);
    }
    ref_free_rows(&ref->replaced);
    for (size_t t = 0; t < PIPELINE_TABLES_MAX; t++)
        ref_free_groups(&ref->closed[t]);
}

static inline void ref_add_row(struct ref_rows *rows, struct ref_row row)
{
    rows->at = realloc(rows->at, (rows->count + 1) * sizeof *rows->at);
    assert_non_null(rows->at);
    rows->at[rows->count++] = row;
}

static inline bool ref_same(const struct feed *feed, const size_t *fields, size_t count, const struct value *a,
                            const struct value *b)
{
    for (size_t i = 0; i < count; i++)
        if (value_compare(feed->fields[fields[i]].type, a[fields[i]], b[fields[i]]) != 0)
            return false;
    return true;
}

/* Of two rows of a key: first by version, the null one before all. */
static inline int ref_version(const struct feed *feed, const struct ref_row *a, const struct ref_row *b)
{
    size_t field = feed->version_field;
    return feed->versioned ? value_compare(feed->fields[field].type, a->values[field], b->values[field]) : 0;
}

static inline int ref_order(const struct feed *feed, const struct ref_row *a, const struct ref_row *b)
{
    int version = ref_version(feed, a, b);
    if (version != 0)
        return version;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    for (size_t i = 0; i < feed->field_count; i++) {
        int order = value_compare(feed->fields[i].type, a->values[i], b->values[i]);
        if (order != 0)
            return order;
    }
    return 0;
}

static inline bool ref_equal(const struct feed *feed, const struct value *a, const struct value *b)
{
    for (size_t i = 0; i < feed->field_count; i++)
        if (value_compare(feed->fields[i].type, a[i], b[i]) != 0)
            return false;
    return true;
}

static inline void ref_apply(struct reference *ref, size_t f, uint64_t sequence, uint64_t number, const char *text)
{
    const struct feed *feed = &ref->pipeline->feeds[f];
    struct ref_rows *rows = &ref->feeds[f];
    struct ref_row row = {.text = strdup(text), .sequence = sequence, .row = number, .origin = sequence};
    shop_values(feed, row.text, row.values);
    for (size_t i = 0; feed->key_count > 0 && i < rows->count; i++) {
        if (!ref_same(feed, feed->key, feed->key_count, rows->at[i].values, row.values))
            continue;
        bool wins = ref_order(feed, &rows->at[i], &row) <= 0;
        if (ref_equal(feed, rows->at[i].values, row.values))
            row.origin = rows->at[i].origin;
        ref_add_row(&ref->replaced, wins ? rows->at[i] : row);
        if (wins)
            rows->at[i] = row;
        return;
    }
    ref_add_row(rows, row);
}

static inline bool ref_passes(const struct reference *ref, size_t f, size_t i)
{
    const struct feed *feed = &ref->pipeline->feeds[f];
    const struct value *values = ref->feeds[f].at[i].values;
    return condition_holds(feed->filter, values) && !(feed->deletes && condition_holds(feed->deletes, values));
}

/* --- units -------------------------------------------------------------------------------------------------------- */

struct ref_unit {
    const struct ref_row *lines[4096];
    size_t line_count;
    const struct ref_row *top; /* says the attributes */
    const struct ref_row *matches[PIPELINE_FEEDS_MAX][4096];
    size_t match_count[PIPELINE_FEEDS_MAX];
};

static inline bool ref_in_grain(const struct pipeline *p, size_t field)
{
    for (size_t i = 0; i < p->grain_key_count; i++)
        if (p->grain_key[i] == field)
            return true;
    for (size_t i = 0; i < p->grain_attribute_count; i++)
        if (p->grain_attributes[i] == field)
            return true;
    return !p->has_grain;
}

/* Of two lines the one that says the attributes; of one rank the one whose attributes are greater, field by field. */
static inline bool ref_says(const struct pipeline *p, const struct ref_row *a, const struct ref_row *b)
{
    int version = ref_version(&p->feeds[0], a, b);
    if (version != 0)
        return version > 0;
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence;
    if (a->row != b->row)
        return a->row > b->row;
    for (size_t i = 0; i < p->feeds[0].field_count; i++) {
        int order = value_compare(p->feeds[0].fields[i].type, a->values[i], b->values[i]);
        if (ref_in_grain(p, i) && order != 0)
            return order > 0;
    }
    return false;
}

static inline void ref_join(const struct reference *ref, struct ref_unit *unit)
{
    const struct pipeline *p = ref->pipeline;
    for (size_t j = 0; j < p->join_count; j++) {
        const struct join *join = &p->joins[j];
        const struct ref_rows *rows = &ref->feeds[join->feed];
        unit->match_count[join->feed] = 0;
        for (size_t i = 0; i < rows->count; i++) {
            bool match = ref_passes(ref, join->feed, i);
            for (size_t k = 0; k < join->on_count && match; k++) {
                struct value a = unit->top->values[join->fact_field[k]], b = rows->at[i].values[join->feed_field[k]];
                match = !a.null && !b.null && value_compare(p->feeds[0].fields[join->fact_field[k]].type, a, b) == 0;
            }
            if (match)
                unit->matches[join->feed][unit->match_count[join->feed]++] = &rows->at[i];
        }
    }
}

/* The unit that begins with fact row `first`; false when an earlier row began it. */
static inline bool ref_unit(const struct reference *ref, size_t first, struct ref_unit *unit)
{
    const struct pipeline *p = ref->pipeline;
    const struct ref_rows *rows = &ref->feeds[0];
    unit->line_count = 0;
    unit->top = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        bool same = p->has_grain ? ref_same(&p->feeds[0], p->grain_key, p->grain_key_count, rows->at[first].values,
                                            rows->at[i].values)
                                 : i == first;
        if (!same || !ref_passes(ref, 0, i))
            continue;
        if (i < first)
            return false;
        unit->lines[unit->line_count++] = &rows->at[i];
        if (!unit->top || ref_says(p, &rows->at[i], unit->top))
            unit->top = &rows->at[i];
    }
    ref_join(ref, unit);
    return true;
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static inline void ref_count(struct ref_column *column, struct value_type type, struct value value, int64_t weight)
{
    if (value.null)
        return;
    column->count += (uint64_t)weight;
    if (type.kind == VALUE_INT64 || type.kind == VALUE_DECIMAL)
        column->sum += (wide)value.i * weight;
    if (!column->any || value_compare(type, value, column->least) < 0)
        column->least = value;
    if (!column->any || value_compare(type, value, column->greatest) > 0)
        column->greatest = value;
    column->any = true;
    for (size_t i = 0; i < column->distinct_count; i++)
        if (value_compare(type, column->distinct[i], value) == 0)
            return;
    column->distinct = realloc(column->distinct, (column->distinct_count + 1) * sizeof value);
    assert_non_null(column->distinct);
    column->distinct[column->distinct_count++] = value;
}

/* A line's values, with the unit's attributes in place of its own. */
static inline void ref_merge(const struct pipeline *p, const struct ref_unit *unit, const struct ref_row *line,
                             struct value *values)
{
    for (size_t i = 0; i < p->feeds[0].field_count; i++)
        values[i] = ref_in_grain(p, i) ? unit->top->values[i] : line->values[i];
}

static inline int64_t ref_weight(const struct pipeline *p, const struct ref_unit *unit, size_t but)
{
    int64_t weight = 1;
    for (size_t j = 0; j < p->join_count && !p->has_grain; j++) {
        size_t feed = p->joins[j].feed;
        if (feed != but && unit->match_count[feed] > 0)
            weight *= (int64_t)unit->match_count[feed];
    }
    return weight;
}

static inline void ref_add_column(const struct pipeline *p, const struct ref_unit *unit, const struct column *column,
                                  struct ref_column *into)
{
    struct value merged[PIPELINE_FIELDS_MAX];
    size_t feed = column->field.feed, field = column->field.field;
    bool lines = feed == 0 && !ref_in_grain(p, field);
    size_t count = feed > 0 ? unit->match_count[feed] : lines ? unit->line_count : 1;
    for (size_t i = 0; i < count; i++) {
        ref_merge(p, unit, lines ? unit->lines[i] : unit->top, merged);
        const struct value *own = feed > 0 ? unit->matches[feed][i]->values : merged;
        const struct value *asked = feed > 0 && column->where_feed == feed ? own : merged;
        if (condition_holds(column->where, asked))
            ref_count(into, column->field_type, own[field], ref_weight(p, unit, feed));
    }
}

static inline struct value_type ref_key_type(const struct pipeline *p, const struct table *table, size_t i)
{
    if (i == table->group_count)
        return (struct value_type){.kind = VALUE_TIMESTAMP};
    return p->feeds[table->group_by[i].feed].fields[table->group_by[i].field].type;
}

/* Where the latest window that holds `time` begins, or the one `steps` after it; months are of UTC, from 1980 on. */
static inline int64_t ref_window_begin(const struct window *window, int64_t time, int steps)
{
    int64_t size = window->size, start = time - (((time - window->origin) % size) + size) % size;
    if (!window->months)
        return start + steps * size;
    time_t seconds = time / TIMESTAMP_SECOND;
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    int64_t month = (tm.tm_year - 70) * 12 + tm.tm_mon - window->origin;
    tm = (struct tm){.tm_year = 70, .tm_mon = (int)((month / size + steps) * size + window->origin), .tm_mday = 1};
    return (int64_t)timegm(&tm) * TIMESTAMP_SECOND;
}

/* The key in the latest of its windows; false when the unit lies in no group of the table. */
static inline bool ref_key(const struct pipeline *p, const struct table *table, const struct ref_unit *unit,
                           struct value *key)
{
    for (size_t i = 0; i < table->group_count; i++) {
        struct field_ref ref = table->group_by[i];
        if (ref.feed > 0 && unit->match_count[ref.feed] == 0)
            return false;
        key[i] = (ref.feed > 0 ? unit->matches[ref.feed][0] : unit->top)->values[ref.field];
        if (key[i].null)
            return false;
    }
    if (!table->windowed)
        return true;
    struct value time = unit->top->values[table->window_field];
    if (time.null)
        return false;
    if (p->feeds[0].fields[table->window_field].type.kind == VALUE_DATE)
        time.i *= TIMESTAMP_DAY;
    key[table->group_count] = (struct value){.i = ref_window_begin(&table->window, time.i, 0)};
    return true;
}

static inline int ref_compare_keys(const struct pipeline *p, const struct table *table, const struct value *a,
                                   const struct value *b)
{
    for (size_t i = 0; i < table->group_count + table->windowed; i++) {
        int order = value_compare(ref_key_type(p, table, i), a[i], b[i]);
        if (order != 0)
            return order;
    }
    return 0;
}

/* The group of that key, made where its place in key order is. */
static inline struct ref_group *ref_group(const struct pipeline *p, const struct table *table,
                                          struct ref_groups *groups, const struct value *key)
{
    size_t at = 0;
    while (at < groups->count && ref_compare_keys(p, table, groups->at[at].key, key) < 0)
        at++;
    if (at < groups->count && ref_compare_keys(p, table, groups->at[at].key, key) == 0)
        return &groups->at[at];
    groups->at = realloc(groups->at, (groups->count + 1) * sizeof *groups->at);
    assert_non_null(groups->at);
    memmove(groups->at + at + 1, groups->at + at, (groups->count - at) * sizeof *groups->at);
    groups->count++;
    memset(&groups->at[at], 0, sizeof groups->at[at]);
    memcpy(groups->at[at].key, key, sizeof groups->at[at].key);
    for (size_t i = 0; i < PIPELINE_GROUP_MAX; i++)
        groups->at[at].uniform[i].null = true;
    return &groups->at[at];
}

static inline void ref_note_uniform(const struct pipeline *p, const struct table *table, const struct ref_unit *unit,
                                    struct ref_group *group)
{
    struct value merged[PIPELINE_FIELDS_MAX];
    for (size_t i = 0; i < table->uniform_count; i++) {
        size_t field = table->uniform[i].field;
        for (size_t l = 0; l < unit->line_count; l++) {
            ref_merge(p, unit, unit->lines[l], merged);
            struct value *known = &group->uniform[i];
            if (!merged[field].null && !known->null &&
                value_compare(p->feeds[0].fields[field].type, *known, merged[field]) != 0)
                group->mixed = true;
            if (!merged[field].null)
                *known = merged[field];
        }
    }
}

struct ref_totals {
    uint64_t units, conflicts, waiting[PIPELINE_FEEDS_MAX];
};

static inline void ref_note_file(struct ref_group *group, const struct ref_row *row)
{
    size_t at = 0;
    int64_t origin = (int64_t)row->origin;
    while (at < group->file_count && group->files[at] < origin)
        at++;
    if (at < group->file_count && group->files[at] == origin)
        return;
    group->files = realloc(group->files, (group->file_count + 1) * sizeof *group->files);
    assert_non_null(group->files);
    memmove(group->files + at + 1, group->files + at, (group->file_count - at) * sizeof *group->files);
    group->files[at] = origin;
    group->file_count++;
}

static inline void ref_note_files(const struct pipeline *p, const struct ref_unit *unit, struct ref_group *group)
{
    for (size_t i = 0; i < unit->line_count; i++)
        ref_note_file(group, unit->lines[i]);
    for (size_t j = 0; j < p->join_count; j++)
        for (size_t i = 0; i < unit->match_count[p->joins[j].feed]; i++)
            ref_note_file(group, unit->matches[p->joins[j].feed][i]);
}

static inline bool ref_conflicts(const struct pipeline *p, const struct ref_unit *unit)
{
    for (size_t l = 1; l < unit->line_count; l++)
        if (!ref_same(&p->feeds[0], p->grain_attributes, p->grain_attribute_count, unit->lines[l]->values,
                      unit->lines[0]->values))
            return true;
    return false;
}

/* False when the unit waits. */
static inline bool ref_total(const struct pipeline *p, const struct ref_unit *unit, struct ref_totals *totals)
{
    bool ready = true;
    totals->units++;
    totals->conflicts += p->has_grain && ref_conflicts(p, unit);
    for (size_t j = 0; j < p->join_count; j++) {
        bool lacks = p->joins[j].required && unit->match_count[p->joins[j].feed] == 0;
        totals->waiting[p->joins[j].feed] += lacks;
        ready = ready && !lacks;
    }
    return ready;
}

static inline void ref_add_closed(const struct pipeline *p, const struct table *table, const struct ref_groups *closed,
                                  struct ref_groups *groups)
{
    for (size_t i = 0; i < closed->count; i++) {
        struct ref_group *group = ref_group(p, table, groups, closed->at[i].key);
        *group = closed->at[i];
        for (size_t c = 0; c < table->column_count; c++) {
            struct ref_column *column = &group->columns[c];
            size_t size = column->distinct_count * sizeof *column->distinct;
            struct value *copy = size > 0 ? malloc(size) : NULL;
            if (size > 0)
                memcpy(copy, column->distinct, size);
            column->distinct = copy;
        }
        size_t size = group->file_count * sizeof *group->files;
        int64_t *files = size > 0 ? malloc(size) : NULL;
        if (size > 0)
            memcpy(files, group->files, size);
        group->files = files;
    }
}

static inline void ref_add_unit(const struct pipeline *p, const struct table *table, const struct ref_unit *unit,
                                struct ref_group *group)
{
    for (size_t c = 0; c < table->column_count; c++)
        if (table->columns[c].kind >= COLUMN_COUNT && table->columns[c].kind <= COLUMN_MAX)
            ref_add_column(p, unit, &table->columns[c], &group->columns[c]);
    ref_note_uniform(p, table, unit, group);
    ref_note_files(p, unit, group);
}

/* The groups of a table, in key order. */
static inline struct ref_groups ref_compute(const struct reference *ref, const struct table *table,
                                            struct ref_totals *totals)
{
    const struct pipeline *p = ref->pipeline;
    struct ref_groups groups = {0};
    struct ref_unit *unit = malloc(sizeof *unit);
    assert_non_null(unit);
    *totals = (struct ref_totals){0};
    for (size_t i = 0; i < ref->feeds[0].count; i++) {
        struct value key[PIPELINE_GROUP_MAX + 1] = {0};
        if (!ref_passes(ref, 0, i) || !ref_unit(ref, i, unit) || !ref_total(p, unit, totals) ||
            !ref_key(p, table, unit, key))
            continue;
        int64_t latest = key[table->group_count].i;
        for (int before = 0; before < (table->windowed ? (int)table->window.span : 1); before++) {
            if (before > 0)
                key[table->group_count].i = ref_window_begin(&table->window, latest, -before);
            ref_add_unit(p, table, unit, ref_group(p, table, &groups, key));
        }
    }
    free(unit);
    ref_add_closed(p, table, &ref->closed[table - p->tables], &groups);
    return groups;
}

#endif
