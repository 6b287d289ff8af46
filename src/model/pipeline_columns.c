/* One column of a table: what it aggregates, the SQL type it has, and what that asks of the field under it. */
#include <string.h>

#include "base/text.h"
#include "model/pipeline_build.h"

enum {
    QUOTIENT_PLACES = 6 /* more than the field's, of an average or a ratio in numeric */
};

/* In the order of enum column_kind, but for "window", which stands for two kinds. */
static const char *const function_words[] = {"group", "count", "count_distinct", "sum",   "avg",
                                             "min",   "max",   "ratio",          "files", "window"};
static const enum column_kind function_kinds[] = {
    COLUMN_GROUP, COLUMN_COUNT, COLUMN_COUNT_DISTINCT, COLUMN_SUM,   COLUMN_AVG,
    COLUMN_MIN,   COLUMN_MAX,   COLUMN_RATIO,          COLUMN_FILES, COLUMN_WINDOW_START};
static const char *const column_words[] = {"group", "window", "count", "count_distinct", "sum",   "avg", "min",
                                           "max",   "ratio",  "files", "type",           "where", "doc"};
static const char *const window_words[] = {"start", "end"};
static const char *const sql_words[] = {"integer", "bigint",  "real", "double",    "numeric",
                                        "text",    "boolean", "date", "timestamp", "timestamptz"};

#define TYPES(...)                                                                                                     \
    types_of((const enum sql_type[]){__VA_ARGS__}, sizeof((const enum sql_type[]){__VA_ARGS__}) / sizeof(enum sql_type))

/* The SQL types a column may have, the default first. */
struct types {
    enum sql_type list[8];
    size_t count;
};

static struct types types_of(const enum sql_type *list, size_t count)
{
    struct types types = {.count = count};
    memcpy(types.list, list, count * sizeof *list);
    return types;
}

/* A group's column is in the primary key, so it must tell apart what the field tells apart. */
static struct types group_types(enum value_kind kind)
{
    switch (kind) {
    case VALUE_INT64:
        return TYPES(SQL_BIGINT, SQL_INTEGER, SQL_NUMERIC);
    case VALUE_DECIMAL:
        return TYPES(SQL_NUMERIC);
    case VALUE_TEXT:
        return TYPES(SQL_TEXT);
    case VALUE_BOOL:
        return TYPES(SQL_BOOLEAN);
    case VALUE_DATE:
        return TYPES(SQL_DATE);
    case VALUE_TIMESTAMP:
        return TYPES(SQL_TIMESTAMPTZ, SQL_TIMESTAMP);
    case VALUE_DOUBLE:
        break;
    }
    return (struct types){.count = 0};
}

static struct types extreme_types(enum value_kind kind)
{
    switch (kind) {
    case VALUE_INT64:
        return TYPES(SQL_BIGINT, SQL_INTEGER, SQL_NUMERIC, SQL_DOUBLE, SQL_REAL);
    case VALUE_DECIMAL:
        return TYPES(SQL_NUMERIC, SQL_DOUBLE, SQL_REAL);
    case VALUE_DOUBLE:
        return TYPES(SQL_DOUBLE, SQL_REAL);
    case VALUE_DATE:
        return TYPES(SQL_DATE);
    case VALUE_TIMESTAMP:
        return TYPES(SQL_TIMESTAMPTZ, SQL_TIMESTAMP);
    case VALUE_TEXT:
        return TYPES(SQL_TEXT);
    case VALUE_BOOL:
        break;
    }
    return (struct types){.count = 0};
}

static struct types sum_types(enum value_kind kind)
{
    if (kind == VALUE_INT64)
        return TYPES(SQL_BIGINT, SQL_NUMERIC, SQL_DOUBLE, SQL_REAL);
    if (kind == VALUE_DECIMAL)
        return TYPES(SQL_NUMERIC, SQL_DOUBLE, SQL_REAL);
    return (struct types){.count = 0};
}

static struct types quotient_types(bool decimal)
{
    return decimal ? TYPES(SQL_NUMERIC, SQL_DOUBLE, SQL_REAL) : TYPES(SQL_DOUBLE, SQL_NUMERIC, SQL_REAL);
}

static struct types allowed_types(enum column_kind kind, enum value_kind field)
{
    switch (kind) {
    case COLUMN_GROUP:
        return group_types(field);
    case COLUMN_COUNT:
    case COLUMN_COUNT_DISTINCT:
        return TYPES(SQL_BIGINT, SQL_NUMERIC, SQL_DOUBLE);
    case COLUMN_SUM:
        return sum_types(field);
    case COLUMN_AVG:
        return sum_types(field).count > 0 ? quotient_types(field == VALUE_DECIMAL) : sum_types(field);
    case COLUMN_MIN:
    case COLUMN_MAX:
        return extreme_types(field);
    case COLUMN_WINDOW_START:
    case COLUMN_WINDOW_END:
        return TYPES(SQL_TIMESTAMPTZ, SQL_TIMESTAMP);
    case COLUMN_RATIO:
    case COLUMN_FILES:
        break;
    }
    return (struct types){.count = 0};
}

/* Reads "type", or takes the default; `of` says what the column is, for messages. */
static bool load_type(const struct build *build, const struct doc_node *member, const struct types *types,
                      const char *of, struct column *column)
{
    size_t word = types->list[0];
    if (!doc_choice(member, "type", false, sql_words, COUNT_OF(sql_words), &word))
        return false;
    column->type = (enum sql_type)word;
    for (size_t i = 0; i < types->count; i++)
        if (types->list[i] == column->type)
            return true;
    struct buf list;
    buf_init(&list, 256);
    for (size_t i = 0; i < types->count; i++)
        buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == types->count ? " or " : ", ", sql_words[types->list[i]]);
    doc_problem(build->doc, doc_member(member, "type"), "%s cannot be %s, expected %.*s", of, sql_words[word],
                (int)list.len, list.data);
    buf_close(&list);
    return false;
}

/* --- functions over a field --------------------------------------------------------------------------------------- */

static bool in_group(const struct table *table, struct field_ref ref)
{
    for (size_t i = 0; i < table->group_count; i++)
        if (table->group_by[i].feed == ref.feed && table->group_by[i].field == ref.field)
            return true;
    return false;
}

/* Why no column can do this with a field of that type. */
static bool refuse_field(const struct build *build, const struct doc_node *node, const char *function, const char *name,
                         struct value_type type)
{
    char text[VALUE_TYPE_TEXT_SIZE];
    value_type_text(type, text);
    if (type.kind == VALUE_DOUBLE)
        return doc_problem(build->doc, node,
                           "\"%s\" over \"%s\", which is double: floating numbers give other results in another order; "
                           "declare a decimal",
                           function, name);
    bool extreme = strcmp(function, "min") == 0 || strcmp(function, "max") == 0;
    return doc_problem(build->doc, node, "\"%s\" over \"%s\", which is %s, expected %s", function, name, text,
                       extreme ? "a field with an order" : "a number");
}

static uint8_t column_scale(const struct column *column)
{
    if (column->type != SQL_NUMERIC || column->kind == COLUMN_COUNT || column->kind == COLUMN_COUNT_DISTINCT)
        return 0;
    return (uint8_t)(column->field_type.scale + (column->kind == COLUMN_AVG ? QUOTIENT_PLACES : 0));
}

/* What the column cannot hold is refused where it is read, row by row, and cannot stop a delivery later. */
static void narrow(struct build *build, const struct table *table, const struct column *column)
{
    bool shows = column->kind == COLUMN_GROUP || column->kind == COLUMN_MIN || column->kind == COLUMN_MAX;
    const char *holder = NULL;
    if (shows && column->type == SQL_INTEGER) {
        holder = build_printf(build, "%s.%s is integer", table->name, column->name);
        build_narrow(build, column->field, INT32_MIN, INT32_MAX, holder);
    } else if (column->kind == COLUMN_GROUP && column->type == SQL_TEXT) {
        holder = build_printf(build, "%s.%s is in the primary key", table->name, column->name);
        build_narrow(build, column->field, 0, PIPELINE_KEY_TEXT_MAX, holder);
    }
}

static bool load_over_field(struct build *build, const struct table *table, const struct doc_node *member,
                            const struct doc_node *function, struct column *column)
{
    if (!build_member_reference(build, member, function->name.data, &column->field))
        return false;
    const struct feed_field *field = build_feed_field(build, column->field);
    column->field_type = field->type;
    if (!column->doc)
        column->doc = field->doc;
    if (column->kind == COLUMN_GROUP && !in_group(table, column->field))
        return build->group_broken ? false
                                   : doc_problem(build->doc, function, "\"%s\" is not in \"group_by\" of this table",
                                                 doc_text(function));
    struct types types = allowed_types(column->kind, field->type.kind);
    if (types.count == 0)
        return refuse_field(build, function, function->name.data, field->name, field->type);
    const char *of = build_printf(build, "\"%s\" of \"%s\"", function->name.data, doc_text(function));
    if (!of || !load_type(build, member, &types, of, column))
        return false;
    column->scale = column_scale(column);
    column->not_null = column->kind == COLUMN_COUNT || column->kind == COLUMN_COUNT_DISTINCT;
    narrow(build, table, column);
    return true;
}

static void load_window(struct build *build, const struct table *table, const struct doc_node *member,
                        struct column *column)
{
    size_t side = 0;
    if (!doc_choice(member, "window", true, window_words, COUNT_OF(window_words), &side))
        return;
    column->kind = side == 0 ? COLUMN_WINDOW_START : COLUMN_WINDOW_END;
    if (!table->windowed && !build->group_broken)
        doc_problem(build->doc, doc_member(member, "window"), "this table has no \"window\"");
    struct types types = allowed_types(column->kind, VALUE_TIMESTAMP);
    (void)!load_type(build, member, &types, "a window's side", column);
}

static void load_files(const struct build *build, const struct doc_node *member, const struct doc_node *function,
                       struct column *column)
{
    const struct doc_node *type = doc_member(member, "type");
    bool wanted = false;
    column->type = SQL_BIGINTS;
    column->not_null = true;
    if (doc_bool(member, "files", &wanted) && !wanted)
        doc_problem(build->doc, function, "\"files\" is false, expected true or another function");
    if (type)
        doc_problem(build->doc, type, "\"files\" takes no \"type\"");
}

/* --- where -------------------------------------------------------------------------------------------------------- */

struct where_context {
    struct build *build;
    struct column *column;
    bool any; /* a field was read: where_feed is known */
};

static bool resolve_where(void *context, const struct doc_node *member, size_t *field, struct value_type *type)
{
    struct where_context *where = context;
    struct build *build = where->build;
    struct column *column = where->column;
    struct place place = place_of_name(member);
    struct field_ref ref;
    if (!build_reference(build, place, member->name, &ref))
        return false;
    const struct feed *feeds = build->pipeline->feeds;
    if (ref.feed != column->field.feed && ref.feed != 0)
        return build_problem(build, place, "\"where\" reads %s, expected %s, which the column is over, or the facts",
                             feeds[ref.feed].name, feeds[column->field.feed].name);
    if (where->any && ref.feed != column->where_feed)
        return build_problem(build, place, "\"where\" reads two feeds, %s and %s, expected one",
                             feeds[column->where_feed].name, feeds[ref.feed].name);
    bool line = build->pipeline->has_grain && ref.feed == 0 && !build_in_grain(build, ref.field);
    bool over_line = column->field.feed == 0 && !build_in_grain(build, column->field.field);
    if (line && !over_line)
        return build_problem(build, place,
                             "\"%s\" differs from line to line; \"where\" reads grain keys and attributes here",
                             member->name.data);
    where->any = true;
    column->where_feed = ref.feed;
    *field = ref.field;
    *type = build_feed_field(build, ref)->type;
    return true;
}

static void load_where(struct build *build, const struct doc_node *member, struct column *column)
{
    const struct doc_node *node = doc_member(member, "where");
    struct where_context where = {.build = build, .column = column};
    column->where_feed = column->field.feed;
    if (node)
        column->where = condition_load(node, resolve_where, &where, build->arena);
}

/* --- columns ------------------------------------------------------------------------------------------------------ */

/* The member that says what the column is; there must be exactly one. */
static const struct doc_node *find_function(const struct build *build, const struct doc_node *member,
                                            enum column_kind *kind)
{
    const struct doc_node *found = NULL;
    for (const struct doc_node *node = member->child; node; node = node->next) {
        size_t word;
        if (!doc_among(node->name, function_words, COUNT_OF(function_words), &word))
            continue;
        if (found) {
            build_problem(build, place_of_name(node), "a column is either \"%s\" or \"%s\"", found->name.data,
                          node->name.data);
            return NULL;
        }
        found = node;
        *kind = function_kinds[word];
    }
    if (!found)
        doc_problem(
            build->doc, member,
            "column \"%s\" needs one of group, window, count, count_distinct, sum, avg, min, max, ratio or files",
            member->name.data);
    return found;
}

void build_column(struct build *build, const struct table *table, const struct doc_node *member, struct column *column)
{
    column->name = member->name.data;
    (void)!build_check_name(build, member, "a column");
    if (member->kind != DOC_OBJECT) {
        doc_problem(build->doc, member, "column \"%s\" is %s, expected an object such as {\"count\": \"Field\"}",
                    member->name.data, doc_kind_name(member->kind));
        return;
    }
    bool known = doc_only(member, column_words, COUNT_OF(column_words));
    (void)!doc_string(member, "doc", false, &column->doc);
    /* A misspelt function was told already; that the column lacks one is then no news. */
    const struct doc_node *function = known ? find_function(build, member, &column->kind) : NULL;
    if (!function)
        return;
    const struct doc_node *where = doc_member(member, "where");
    bool aggregates = column->kind != COLUMN_GROUP && column->kind != COLUMN_WINDOW_START &&
                      column->kind != COLUMN_RATIO && column->kind != COLUMN_FILES;
    if (where && !aggregates)
        build_problem(build, place_of_name(where), "\"%s\" takes no \"where\"", function->name.data);
    if (column->kind == COLUMN_WINDOW_START)
        load_window(build, table, member, column);
    else if (column->kind == COLUMN_FILES)
        load_files(build, member, function, column);
    else if (column->kind != COLUMN_RATIO && load_over_field(build, table, member, function, column) && aggregates)
        load_where(build, member, column);
}

/* --- ratios ------------------------------------------------------------------------------------------------------- */

bool build_find_column(const struct build *build, struct place place, const struct table *table, struct slice name,
                       size_t *column)
{
    const char *names[PIPELINE_COLUMNS_MAX];
    for (size_t i = 0; i < table->column_count; i++)
        names[i] = table->columns[i].name;
    if (doc_among(name, names, table->column_count, column))
        return true;
    char shown[BUILD_SHOWN_MAX], hint[TEXT_HINT_SIZE];
    return build_problem(build, place, "unknown column \"%s\" of table \"%s\"%s",
                         text_escape(name, shown, sizeof shown), table->name,
                         text_hint(name, names, table->column_count, hint));
}

static bool find_term(const struct build *build, const struct table *table, const struct doc_node *node, size_t *column)
{
    if (node->kind != DOC_STRING)
        return doc_problem(build->doc, node, "\"ratio\" lists %s, expected the name of a column",
                           doc_kind_name(node->kind));
    if (!build_find_column(build, place_of(node), table, node->text, column))
        return false;
    if (build_is_broken(build, table, *column))
        return false;
    enum column_kind kind = table->columns[*column].kind;
    return kind == COLUMN_COUNT || kind == COLUMN_SUM ||
           doc_problem(build->doc, node, "\"%s\" is neither a count nor a sum, so it cannot be in a ratio",
                       doc_text(node));
}

static bool is_decimal_sum(const struct column *column)
{
    return column->kind == COLUMN_SUM && column->field_type.kind == VALUE_DECIMAL;
}

void build_ratio(struct build *build, const struct table *table, const struct doc_node *member, struct column *column)
{
    const struct doc_node *ratio = doc_member(member, "ratio");
    if (ratio->kind != DOC_ARRAY || ratio->count != 2) {
        doc_problem(build->doc, ratio, "\"ratio\" needs a list of two columns, as in [\"Total\", \"Count\"]");
        return;
    }
    bool ok = find_term(build, table, ratio->child, &column->numerator);
    ok = find_term(build, table, ratio->child->next, &column->denominator) && ok;
    if (!ok)
        return;
    const struct column *over = &table->columns[column->numerator], *under = &table->columns[column->denominator];
    struct types types = quotient_types(is_decimal_sum(over) || is_decimal_sum(under));
    if (!load_type(build, member, &types, "a ratio", column))
        return;
    if (column->type == SQL_NUMERIC)
        column->scale = (uint8_t)(QUOTIENT_PLACES + (over->kind == COLUMN_SUM ? over->field_type.scale : 0));
}
