/* Groups of the reference as the lines that a delivery of them would print, computed without the engine's code. */
#ifndef DROPFOLD_TESTS_ENGINE_REFERENCE_PRINT_H
#define DROPFOLD_TESTS_ENGINE_REFERENCE_PRINT_H

#include "engine_reference.h"
#include "exact.h"

static inline wide ref_power(int exponent)
{
    wide power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* a / b, b > 0, halves away from zero. */
static inline wide ref_round(wide a, wide b)
{
    wide size = a < 0 ? -a : a, rounded = (2 * size + b) / (2 * b);
    return a < 0 ? -rounded : rounded;
}

static inline void ref_print_double(double value, struct buf *out)
{
    char text[VALUE_DOUBLE_TEXT_SIZE];
    buf_put_text(out, value_double_text(value, false, text));
}

/* a / 10^a_scale over b / 10^b_scale. */
static inline void ref_print_quotient(const struct column *column, wide a, int a_scale, wide b, int b_scale,
                                      struct buf *out)
{
    if (column->type == SQL_DOUBLE || column->type == SQL_REAL) {
        ref_print_double(exact_nearest(a, b, b_scale - a_scale, column->type == SQL_REAL), out);
        return;
    }
    int scale = column->type == SQL_NUMERIC ? column->scale : 0;
    wide_print(ref_round(a * ref_power(scale) * ref_power(b_scale), b * ref_power(a_scale)), (unsigned)scale, out);
}

static inline void ref_print_value(const struct column *column, struct value value, struct buf *out)
{
    switch (column->field_type.kind) {
    case VALUE_INT64:
    case VALUE_DECIMAL:
        ref_print_quotient(column, value.i, column->field_type.scale, 1, 0, out);
        break;
    case VALUE_TIMESTAMP:
        timestamp_print_sql(value.i, out);
        break;
    case VALUE_DOUBLE:
        ref_print_double(column->type == SQL_REAL ? (double)(float)value.d : value.d, out);
        break;
    case VALUE_DATE:
        timestamp_print_date(value.i, out);
        break;
    case VALUE_TEXT:
        buf_put_slice(out, value.text);
        break;
    case VALUE_BOOL:
        buf_printf(out, "%d", (int)value.i);
        break;
    }
}

/* What a ratio refers to: a count or a sum; *null when there is none. */
static inline wide ref_operand(const struct table *table, const struct ref_group *group, size_t i, int *scale,
                               bool *null)
{
    bool sum = table->columns[i].kind == COLUMN_SUM;
    *scale = sum ? table->columns[i].field_type.scale : 0;
    *null = sum && group->columns[i].count == 0;
    return sum ? group->columns[i].sum : (wide)group->columns[i].count;
}

static inline void ref_print_ratio(const struct table *table, const struct ref_group *group,
                                   const struct column *column, struct buf *out)
{
    int a_scale, b_scale;
    bool a_null, b_null;
    wide a = ref_operand(table, group, column->numerator, &a_scale, &a_null);
    wide b = ref_operand(table, group, column->denominator, &b_scale, &b_null);
    if (a_null || b_null || b == 0)
        return;
    if (b < 0) {
        a = -a;
        b = -b;
    }
    ref_print_quotient(column, a, a_scale, b, b_scale, out);
}

static inline void ref_print_cell(const struct table *table, const struct ref_group *group, size_t i, struct buf *out)
{
    const struct column *column = &table->columns[i];
    const struct ref_column *found = &group->columns[i];
    int scale = column->field_type.scale;
    switch (column->kind) {
    case COLUMN_GROUP:
        for (size_t k = 0; k < table->group_count; k++)
            if (table->group_by[k].feed == column->field.feed && table->group_by[k].field == column->field.field)
                ref_print_value(column, group->key[k], out);
        break;
    case COLUMN_WINDOW_START:
        timestamp_print_sql(group->key[table->group_count].i, out);
        break;
    case COLUMN_WINDOW_END:
        timestamp_print_sql(ref_window_begin(&table->window, group->key[table->group_count].i, (int)table->window.span),
                            out);
        break;
    case COLUMN_COUNT:
        buf_printf(out, "%llu", (unsigned long long)found->count);
        break;
    case COLUMN_COUNT_DISTINCT:
        buf_printf(out, "%zu", found->distinct_count);
        break;
    case COLUMN_SUM:
        if (found->count > 0)
            ref_print_quotient(column, found->sum, scale, 1, 0, out);
        break;
    case COLUMN_AVG:
        if (found->count > 0)
            ref_print_quotient(column, found->sum, scale, (wide)found->count, 0, out);
        break;
    case COLUMN_MIN:
    case COLUMN_MAX:
        if (found->any)
            ref_print_value(column, column->kind == COLUMN_MIN ? found->least : found->greatest, out);
        break;
    case COLUMN_RATIO:
        ref_print_ratio(table, group, column, out);
        break;
    case COLUMN_FILES:
        for (size_t f = 0; f < group->file_count; f++)
            buf_printf(out, "%c%lld", f > 0 ? ',' : '{', (long long)group->files[f]);
        buf_put_text(out, "}");
        break;
    }
}

static inline void ref_print_group(const struct table *table, const struct ref_group *group, struct buf *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (i > 0)
            buf_put_byte(out, '|');
        ref_print_cell(table, group, i, out);
    }
    buf_put_byte(out, '\n');
}

#endif
