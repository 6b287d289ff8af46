/* Shapes of tables and views, wanted and found. */
#include "target/target_shape.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "model/pipeline_ledger.h"

enum {
    DIFFERENCES_MAX = 64 * 1024 /* bytes; the error shows as much as it holds */
};

/* SQLite has no exact decimal and no time: TEXT keeps both exactly, and its order is the order of times. */
const char *target_shape_type(enum target_dialect dialect, enum sql_type type)
{
    if (dialect == TARGET_POSTGRESQL)
        return sql_type_name(type);
    switch (type) {
    case SQL_INTEGER:
    case SQL_BIGINT:
    case SQL_BOOLEAN:
        return "INTEGER";
    case SQL_REAL:
    case SQL_DOUBLE:
        return "REAL";
    case SQL_NUMERIC:
    case SQL_TEXT:
    case SQL_DATE:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_BIGINTS:
        break;
    }
    return "TEXT";
}

static const struct {
    const char *name, *types[2]; /* by dialect */
    bool key;
} progress_columns[] = {
    {"pipeline", {"text", "TEXT"}, true},       {"epoch", {"text", "TEXT"}, false},
    {"sequence", {"bigint", "INTEGER"}, false}, {"digest", {"bytea", "BLOB"}, false},
    {"rows", {"bigint[]", "TEXT"}, false},      {"delivered_at", {"timestamp with time zone", "TEXT"}, false},
};

size_t target_shape_relations(const struct pipeline *pipeline)
{
    return 1 + pipeline_delivered(pipeline) + pipeline->view_count;
}

bool target_shape_is_view(const struct pipeline *pipeline, size_t relation)
{
    return relation > pipeline_delivered(pipeline);
}

const char *target_shape_name(const struct pipeline *pipeline, size_t relation)
{
    if (relation == 0)
        return "dropfold_progress";
    if (!target_shape_is_view(pipeline, relation))
        return pipeline->tables[relation - 1].name;
    return pipeline->views[relation - 1 - pipeline_delivered(pipeline)].name;
}

void target_shape_add(struct target_shape *shape, const char *name, const char *type, bool not_null, bool key)
{
    if (shape->count < TARGET_SHAPE_COLUMNS_MAX) {
        struct target_shape_column *column = &shape->columns[shape->count];
        snprintf(column->name, sizeof column->name, "%s", name);
        snprintf(column->type, sizeof column->type, "%s", type);
        column->not_null = not_null;
        column->key = key;
    }
    shape->count++;
}

static void want_table(const struct table *table, enum target_dialect dialect, struct target_shape *shape)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        bool key = table_is_key(table, i);
        target_shape_add(shape, column->name, target_shape_type(dialect, column->type), column->not_null || key, key);
    }
}

static void want_view(const struct pipeline *pipeline, const struct view *view, struct target_shape *shape)
{
    const struct table *table = &pipeline->tables[view->table];
    if (view->kind == VIEW_LATEST) {
        for (size_t i = 0; i < table->column_count; i++)
            target_shape_add(shape, table->columns[i].name, "", false, false);
        return;
    }
    if (view->kind == VIEW_FILES) {
        for (size_t i = 0; i < table->key_count; i++)
            target_shape_add(shape, table->columns[table->key[i]].name, "", false, false);
        for (size_t i = 0; i < LEDGER_VIEW_COLUMNS; i++)
            target_shape_add(shape, ledger_view_columns[i].name, "", false, false);
        return;
    }
    for (size_t i = 0; i < view->by_count; i++)
        target_shape_add(shape, table->columns[view->by[i]].name, "", false, false);
    for (size_t i = 0; i < view->column_count; i++)
        target_shape_add(shape, view->columns[i].name, "", false, false);
}

void target_shape_wanted(const struct pipeline *pipeline, size_t relation, enum target_dialect dialect,
                         struct target_shape *shape)
{
    shape->exists = true;
    shape->other_kind = shape->late_key = false;
    shape->count = 0;
    if (target_shape_is_view(pipeline, relation))
        want_view(pipeline, &pipeline->views[relation - 1 - pipeline_delivered(pipeline)], shape);
    else if (relation > 0)
        want_table(&pipeline->tables[relation - 1], dialect, shape);
    else
        for (size_t i = 0; i < COUNT_OF(progress_columns); i++)
            target_shape_add(shape, progress_columns[i].name, progress_columns[i].types[dialect], true,
                             progress_columns[i].key);
}

static const struct target_shape_column *find(const struct target_shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->count && i < TARGET_SHAPE_COLUMNS_MAX; i++)
        if (strcmp(shape->columns[i].name, name) == 0)
            return &shape->columns[i];
    return NULL;
}

/* Begins one more difference in a list. */
static void begin(struct buf *out, size_t start)
{
    if (out->len > start)
        buf_put_text(out, ", ");
}

static void compare_column(const struct target_shape_column *wanted, const struct target_shape_column *found,
                           size_t start, struct buf *out)
{
    if (!found) {
        begin(out, start);
        buf_printf(out, "\"%s\" is missing", wanted->name);
        return;
    }
    if (strcasecmp(wanted->type, found->type) != 0) {
        begin(out, start);
        buf_printf(out, "\"%s\" is %s and not %s", wanted->name, found->type[0] ? found->type : "without a type",
                   wanted->type);
    }
    if (wanted->not_null != found->not_null) {
        begin(out, start);
        buf_printf(out, "\"%s\" %s null", wanted->name, found->not_null ? "must not be" : "may be");
    }
    if (wanted->key != found->key) {
        begin(out, start);
        buf_printf(out, "\"%s\" is %s the primary key", wanted->name, found->key ? "in" : "not in");
    }
}

static void compare(const struct target_shape *wanted, const struct target_shape *found, struct buf *out)
{
    size_t start = out->len;
    for (size_t i = 0; i < wanted->count; i++)
        compare_column(&wanted->columns[i], find(found, wanted->columns[i].name), start, out);
    for (size_t i = 0; i < found->count && i < TARGET_SHAPE_COLUMNS_MAX; i++) {
        if (find(wanted, found->columns[i].name))
            continue;
        begin(out, start);
        buf_printf(out, "\"%s\" is not ours", found->columns[i].name);
    }
    if (found->late_key) {
        begin(out, start);
        buf_put_text(out, "its primary key is deferrable");
    }
    if (found->count > TARGET_SHAPE_COLUMNS_MAX) {
        begin(out, start);
        buf_printf(out, "%zu columns more", found->count - TARGET_SHAPE_COLUMNS_MAX);
    }
}

static void check_relation(const struct pipeline *pipeline, size_t relation, enum target_dialect dialect,
                           const struct target_shape *found, struct buf *out)
{
    struct target_shape wanted;
    bool view = target_shape_is_view(pipeline, relation);
    size_t before = out->len;
    buf_printf(out, "%s%s \"%s\": ", before > 0 ? "; " : "", view ? "view" : "table",
               target_shape_name(pipeline, relation));
    size_t start = out->len;
    target_shape_wanted(pipeline, relation, dialect, &wanted);
    if (found->other_kind)
        buf_printf(out, "it is no %s", view ? "view" : "table");
    else
        compare(&wanted, found, out);
    if (out->len == start)
        out->len = before; /* nothing differs */
}

const char *target_shape_missing(const struct pipeline *pipeline, const struct target_shape *found)
{
    for (size_t i = 0; i <= pipeline_delivered(pipeline); i++)
        if (!found[i].exists)
            return target_shape_name(pipeline, i);
    return NULL;
}

bool target_shape_check(const struct pipeline *pipeline, enum target_dialect dialect, const struct target_shape *found,
                        struct error *error)
{
    struct buf out;
    char text[ERROR_TEXT_MAX];
    buf_init(&out, DIFFERENCES_MAX);
    /* All of it at once: a lack of memory half way would look like a difference. */
    if (!buf_reserve(&out, DIFFERENCES_MAX))
        return error_memory(error);
    for (size_t i = 0; i < target_shape_relations(pipeline); i++)
        if (found[i].exists)
            check_relation(pipeline, i, dialect, &found[i], &out);
    bool same = out.len == 0 && !out.failed;
    if (!same)
        error_set(error, ERROR_REFUSED,
                  "the target has tables of another shape; rename or drop them, or change the pipeline: %s",
                  text_escape(buf_slice(&out), text, sizeof text));
    buf_close(&out);
    return same;
}
