/*
 * The shape of a pipeline as text, a line for each thing that committed rows and delivered tables hang on. Names are
 * JSON strings, so that no name can be taken for two.
 *
 * Fields stand in the order in which chunks hold them. What a feed's fields can hold at most follows from the columns
 * and has no line of its own. Views are none of it: they are over tables, and a target makes those that are missing.
 */
#include <inttypes.h>

#include "base/text.h"
#include "model/pipeline_build.h"

enum { SHAPE_MAX = 16 * 1024 * 1024 /* bytes: far above what documents of DOC_SIZE_MAX come to */ };

static void put_name(struct buf *out, const char *name)
{
    buf_put_byte(out, ' ');
    text_put_json(out, slice_of(name));
}

static void put_ref(struct buf *out, const struct pipeline *p, size_t feed, size_t field)
{
    put_name(out, p->feeds[feed].name);
    buf_put_byte(out, '.');
    text_put_json(out, slice_of(p->feeds[feed].fields[field].name));
}

static void put_type(struct buf *out, struct value_type type)
{
    char text[VALUE_TYPE_TEXT_SIZE];
    buf_printf(out, " %s", value_type_text(type, text));
}

/* The bits of a double, so that two that print alike differ. */
static void put_operand(struct buf *out, const struct condition *condition)
{
    if (condition->type.kind == VALUE_TEXT)
        text_put_json(out, condition->operand.text);
    else
        buf_printf(out, "%" PRId64, condition->operand.i);
}

static void put_condition(struct buf *out, const struct feed *feed, const struct condition *condition)
{
    static const char *const words[] = {[CONDITION_ALL] = "all",
                                        [CONDITION_ANY] = "any",
                                        [CONDITION_NOT] = "not",
                                        [CONDITION_EQ] = "=",
                                        [CONDITION_NE] = "!=",
                                        [CONDITION_LT] = "<",
                                        [CONDITION_LE] = "<=",
                                        [CONDITION_GT] = ">",
                                        [CONDITION_GE] = ">=",
                                        [CONDITION_NULL] = "is null",
                                        [CONDITION_NOT_NULL] = "is not null"};
    if (condition_has_children(condition->op)) {
        buf_printf(out, " %s(", words[condition->op]);
        for (const struct condition *child = condition->child; child; child = child->next)
            put_condition(out, feed, child);
        buf_put_text(out, " )");
        return;
    }
    put_name(out, feed->fields[condition->field].name);
    buf_printf(out, " %s ", words[condition->op]);
    if (condition_has_operand(condition->op))
        put_operand(out, condition);
}

static void put_feed_condition(struct buf *out, const char *word, const struct feed *feed,
                               const struct condition *condition)
{
    if (!condition)
        return;
    buf_put_text(out, word);
    put_name(out, feed->name);
    put_condition(out, feed, condition);
    buf_put_byte(out, '\n');
}

static void put_feed(struct buf *out, const struct pipeline *p, size_t index)
{
    const struct feed *feed = &p->feeds[index];
    for (size_t i = 0; i < feed->field_count; i++) {
        buf_put_text(out, "field");
        put_ref(out, p, index, i);
        put_type(out, feed->fields[i].type);
        buf_put_byte(out, '\n');
    }
    buf_put_text(out, "key of");
    put_name(out, feed->name);
    for (size_t i = 0; i < feed->key_count; i++)
        put_name(out, feed->fields[feed->key[i]].name);
    buf_put_byte(out, '\n');
    if (feed->versioned) {
        buf_put_text(out, "version_field");
        put_ref(out, p, index, feed->version_field);
        buf_put_byte(out, '\n');
    }
    put_feed_condition(out, "delete of", feed, feed->deletes);
    put_feed_condition(out, "filter of", feed, feed->filter);
}

static void put_grain(struct buf *out, const struct pipeline *p)
{
    if (!p->has_grain)
        return;
    buf_put_text(out, "grain");
    for (size_t i = 0; i < p->grain_key_count; i++)
        put_name(out, p->feeds[0].fields[p->grain_key[i]].name);
    buf_put_text(out, " with");
    for (size_t i = 0; i < p->grain_attribute_count; i++)
        put_name(out, p->feeds[0].fields[p->grain_attributes[i]].name);
    buf_put_byte(out, '\n');
}

static void put_join(struct buf *out, const struct pipeline *p, const struct join *join)
{
    buf_put_text(out, join->required ? "join" : "left join");
    for (size_t i = 0; i < join->on_count; i++) {
        put_ref(out, p, 0, join->fact_field[i]);
        buf_put_text(out, " =");
        put_ref(out, p, join->feed, join->feed_field[i]);
    }
    buf_put_byte(out, '\n');
}

static void put_column(struct buf *out, const struct pipeline *p, const struct table *table,
                       const struct column *column)
{
    static const char *const kinds[] = {"group", "window start", "window end", "count", "count_distinct", "sum",
                                        "avg",   "min",          "max",        "ratio", "files"};
    buf_put_text(out, "column");
    put_name(out, table->name);
    buf_put_byte(out, '.');
    text_put_json(out, slice_of(column->name));
    buf_printf(out, " %s of %u places: %s", sql_type_name(column->type), column->scale, kinds[column->kind]);
    if (column->kind == COLUMN_RATIO) {
        put_name(out, table->columns[column->numerator].name);
        put_name(out, table->columns[column->denominator].name);
    } else if (column->kind != COLUMN_WINDOW_START && column->kind != COLUMN_WINDOW_END &&
               column->kind != COLUMN_FILES) {
        put_ref(out, p, column->field.feed, column->field.field);
    }
    if (column->where) {
        buf_put_text(out, " where");
        put_name(out, p->feeds[column->where_feed].name);
        put_condition(out, &p->feeds[column->where_feed], column->where);
    }
    buf_put_byte(out, '\n');
}

/* With its rules: other ones put rows into other windows. */
static void put_zone(struct buf *out, const struct table *table)
{
    char hex[DIGEST_HEX_SIZE];
    struct digester digester;
    if (!table->window.zone_name)
        return;
    if (!digester_init(&digester, NULL)) {
        out->failed = true;
        return;
    }
    zone_add_digest(table->window.zone, &digester);
    struct digest rules = digester_take(&digester);
    digest_hex(&rules, hex);
    buf_put_text(out, " in");
    put_name(out, table->window.zone_name);
    buf_printf(out, " with rules %.16s", hex);
}

static void put_origin(struct buf *out, const struct table *table)
{
    const struct window utc = window_in_utc(&table->window);
    if (utc.origin == 0)
        return;
    buf_put_text(out, " from ");
    timestamp_print_sql(window_start(&utc, 0), out);
}

static void put_length(struct buf *out, const char *word, const struct window *window, int64_t length)
{
    buf_printf(out, "%s %" PRId64, word, length);
    if (window->months)
        buf_printf(out, " month%s", text_plural((uint64_t)length));
}

static void put_table(struct buf *out, const struct pipeline *p, const struct table *table)
{
    buf_put_text(out, "table");
    put_name(out, table->name);
    buf_put_text(out, " by");
    for (size_t i = 0; i < table->group_count; i++)
        put_ref(out, p, table->group_by[i].feed, table->group_by[i].field);
    if (table->windowed) {
        buf_put_text(out, " window");
        put_ref(out, p, 0, table->window_field);
        put_length(out, " of", &table->window, table->window.size * table->window.span);
        if (table->window.span > 1)
            put_length(out, " each", &table->window, table->window.size);
        put_origin(out, table);
        put_zone(out, table);
    }
    buf_put_text(out, " uniform");
    for (size_t i = 0; i < table->uniform_count; i++)
        put_ref(out, p, table->uniform[i].feed, table->uniform[i].field);
    buf_put_byte(out, '\n');
    for (size_t i = 0; i < table->column_count; i++)
        put_column(out, p, table, &table->columns[i]);
}

static void put_shape(struct buf *out, const struct pipeline *p)
{
    for (size_t i = 0; i < p->feed_count; i++)
        put_feed(out, p, i);
    put_grain(out, p);
    for (size_t i = 0; i < p->join_count; i++)
        put_join(out, p, &p->joins[i]);
    for (size_t i = 0; i < p->table_count; i++)
        put_table(out, p, &p->tables[i]);
}

bool build_shape(struct build *build)
{
    struct pipeline *p = build->pipeline;
    struct digester digester;
    struct buf out;
    buf_init(&out, SHAPE_MAX);
    put_shape(&out, p);
    if (!out.failed)
        p->shape = arena_copy(build->arena, buf_slice(&out));
    buf_close(&out);
    if (!p->shape.data || !digester_init(&digester, NULL))
        return doc_memory(build->doc);
    digester_add(&digester, p->shape);
    p->fingerprint = digester_take(&digester);
    return true;
}
