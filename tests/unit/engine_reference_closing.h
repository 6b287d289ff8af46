/*
 * Windows that close, the plain way: the groups are computed from scratch and kept, and the rows of their units put
 * aside. Which rows are late is asked of those rows, one by one.
 */
#ifndef DROPFOLD_TESTS_ENGINE_REFERENCE_CLOSING_H
#define DROPFOLD_TESTS_ENGINE_REFERENCE_CLOSING_H

#include "engine_reference.h"

/* The key of units: the grain's, else the facts'. */
static inline const size_t *ref_unit_key(const struct pipeline *p, size_t *count)
{
    *count = p->has_grain ? p->grain_key_count : p->feeds[0].key_count;
    return p->has_grain ? p->grain_key : p->feeds[0].key;
}

static inline int64_t ref_moment(const struct pipeline *p, const struct ref_row *row)
{
    struct value time = row->values[p->tables[0].window_field];
    bool days = p->feeds[0].fields[p->tables[0].window_field].type.kind == VALUE_DATE;
    return days ? time.i * TIMESTAMP_DAY : time.i;
}

/* Its window ends at `before` or earlier. */
static inline bool ref_in_closed_window(const struct pipeline *p, const struct ref_row *row, int64_t before)
{
    return ref_window_begin(&p->tables[0].window, ref_moment(p, row), 1) <= before;
}

/* Whether the feed's records are joined by all of the units' key, and so by nothing else. */
static inline bool ref_by_unit_key(const struct pipeline *p, const struct join *join)
{
    size_t count, found = 0;
    const size_t *key = ref_unit_key(p, &count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < join->on_count; k++)
            found += join->fact_field[k] == key[i];
    return count > 0 && found == count && join->on_count == count;
}

static inline bool ref_joins(const struct pipeline *p, const struct join *join, const struct value *fact,
                             const struct value *record)
{
    for (size_t k = 0; k < join->on_count; k++) {
        struct value a = fact[join->fact_field[k]], b = record[join->feed_field[k]];
        if (a.null || b.null || value_compare(p->feeds[0].fields[join->fact_field[k]].type, a, b) != 0)
            return false;
    }
    return true;
}

static inline bool ref_freed_key(const struct reference *ref, size_t f, const size_t *key, size_t count,
                                 const struct value *values)
{
    for (size_t i = 0; count > 0 && i < ref->freed[f].count; i++)
        if (ref_same(&ref->pipeline->feeds[f], key, count, ref->freed[f].at[i].values, values))
            return true;
    return false;
}

static inline bool ref_joined_late(const struct reference *ref, size_t f, const struct ref_row *row)
{
    const struct feed *feed = &ref->pipeline->feeds[f];
    const struct join *join = &ref->pipeline->joins[f - 1];
    if (!ref_by_unit_key(ref->pipeline, join))
        return false;
    if (ref_freed_key(ref, f, feed->key, feed->key_count, row->values))
        return true;
    for (size_t i = 0; i < ref->freed[0].count; i++)
        if (ref_joins(ref->pipeline, join, ref->freed[0].at[i].values, row->values))
            return true;
    return false;
}

/* Whether the row, once it is live, leaves its unit to a line of a closed window: tried on a copy of the live rows. */
static inline bool ref_leaves_to_closed(const struct reference *ref, const struct ref_row *row)
{
    const struct pipeline *p = ref->pipeline;
    const struct feed *feed = &p->feeds[0];
    const struct ref_row *top = NULL;
    bool met = false;
    for (size_t i = 0; p->has_grain && i < ref->feeds[0].count; i++) {
        const struct ref_row *line = &ref->feeds[0].at[i];
        if (!ref_same(feed, p->grain_key, p->grain_key_count, line->values, row->values))
            continue;
        if (feed->key_count > 0 && ref_same(feed, feed->key, feed->key_count, line->values, row->values) &&
            ref_order(feed, line, row) <= 0) {
            met = true;
            line = row;
        }
        bool counts = condition_holds(feed->filter, line->values) &&
                      !(feed->deletes && condition_holds(feed->deletes, line->values));
        if (counts && (!top || ref_says(p, line, top)))
            top = line;
    }
    return met && top && ref_in_closed_window(p, top, ref->closed_before);
}

static inline bool ref_is_late(const struct reference *ref, size_t f, const struct ref_row *row)
{
    size_t count;
    const size_t *key = ref_unit_key(ref->pipeline, &count);
    if (!ref->any_closed)
        return false;
    if (f > 0)
        return ref_joined_late(ref, f, row);
    return ref_freed_key(ref, 0, key, count, row->values) ||
           ref_in_closed_window(ref->pipeline, row, ref->closed_before) || ref_leaves_to_closed(ref, row);
}

/* Tells the row unless it is late, which is said. */
static inline bool ref_tell(struct reference *ref, size_t f, uint64_t sequence, uint64_t number, const char *text)
{
    struct ref_row row = {.text = strdup(text), .sequence = sequence, .row = number};
    shop_values(&ref->pipeline->feeds[f], row.text, row.values);
    bool late = ref_is_late(ref, f, &row);
    free(row.text);
    if (!late)
        ref_apply(ref, f, sequence, number, text);
    return late;
}

/* --- closing ------------------------------------------------------------------------------------------------------ */

/* The line that says where the unit of fact row `of` lies. */
static inline const struct ref_row *ref_speaker(const struct reference *ref, size_t of)
{
    const struct pipeline *p = ref->pipeline;
    const struct ref_rows *rows = &ref->feeds[0];
    const struct ref_row *top = NULL;
    bool top_counts = false;
    for (size_t i = 0; i < rows->count; i++) {
        bool same = p->has_grain ? ref_same(&p->feeds[0], p->grain_key, p->grain_key_count, rows->at[of].values,
                                            rows->at[i].values)
                                 : i == of;
        bool counts = ref_passes(ref, 0, i);
        if (!same || (top_counts && !counts))
            continue;
        if (!top || (counts && !top_counts) || ref_says(p, &rows->at[i], top))
            top = &rows->at[i];
        top_counts = top_counts || counts;
    }
    return top;
}

/* Puts the rows of `away` aside. */
static inline void ref_put_aside(struct reference *ref, size_t f, const bool *away)
{
    struct ref_rows *rows = &ref->feeds[f];
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (away[i])
            ref_add_row(&ref->freed[f], rows->at[i]);
        else
            rows->at[kept++] = rows->at[i];
    rows->count = kept;
}

static inline void ref_close_joined(struct reference *ref, size_t f)
{
    bool *away = calloc(ref->feeds[f].count + 1, sizeof *away);
    for (size_t i = 0; i < ref->feeds[f].count; i++)
        for (size_t u = 0; u < ref->freed[0].count && !away[i]; u++)
            away[i] = ref_joins(ref->pipeline, &ref->pipeline->joins[f - 1], ref->freed[0].at[u].values,
                                ref->feeds[f].at[i].values);
    ref_put_aside(ref, f, away);
    free(away);
}

static inline void ref_close_groups(struct reference *ref, size_t t, int64_t before)
{
    const struct table *table = &ref->pipeline->tables[t];
    struct ref_totals totals;
    struct ref_groups groups = ref_compute(ref, table, &totals);
    size_t kept = 0;
    for (size_t i = 0; i < groups.count; i++) {
        if (ref_window_begin(&table->window, groups.at[i].key[table->group_count].i, 1) <= before) {
            groups.at[kept++] = groups.at[i];
            continue;
        }
        for (size_t c = 0; c < PIPELINE_COLUMNS_MAX; c++)
            free(groups.at[i].columns[c].distinct);
        free(groups.at[i].files);
    }
    groups.count = kept;
    ref_free_groups(&ref->closed[t]);
    ref->closed[t] = groups;
}

static inline void ref_close_windows(struct reference *ref, int64_t before)
{
    const struct pipeline *p = ref->pipeline;
    for (size_t t = 0; t < p->table_count; t++)
        ref_close_groups(ref, t, before);
    bool *away = calloc(ref->feeds[0].count + 1, sizeof *away);
    for (size_t i = 0; i < ref->feeds[0].count; i++)
        away[i] = ref_in_closed_window(p, ref_speaker(ref, i), before);
    ref_put_aside(ref, 0, away);
    free(away);
    for (size_t j = 0; j < p->join_count; j++)
        if (ref_by_unit_key(p, &p->joins[j]))
            ref_close_joined(ref, p->joins[j].feed);
    ref->any_closed = true;
    ref->closed_before = before;
}

#endif
