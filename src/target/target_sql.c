/*
 * SQL text of both dialects.
 *
 * Views over numeric columns differ: PostgreSQL computes them exactly; SQLite has no exact decimal, so there they are
 * sums of REALs, rounded to the column's places for display. The tables themselves are exact in both.
 */
#include "target/target_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/pipeline_ledger.h"

static void put_quoted(struct buf *out, const char *text, char quote, bool backslashes)
{
    buf_put_byte(out, (uint8_t)quote);
    for (; *text; text++) {
        if (*text == quote || (backslashes && *text == '\\'))
            buf_put_byte(out, (uint8_t)*text);
        buf_put_byte(out, (uint8_t)*text);
    }
    buf_put_byte(out, (uint8_t)quote);
}

void target_sql_name(struct buf *out, const char *words, const char *name)
{
    buf_put_text(out, words);
    put_quoted(out, name, '"', false);
}

void target_sql_literal(struct buf *out, const char *text)
{
    bool backslashes = strchr(text, '\\');
    buf_put_text(out, backslashes ? " E" : "");
    put_quoted(out, text, '\'', backslashes);
}

void target_sql_columns(struct buf *out, const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        target_sql_name(out, i > 0 ? ", " : "", table->columns[i].name);
}

void target_sql_key(struct buf *out, const struct table *table)
{
    for (size_t i = 0; i < table->key_count; i++)
        target_sql_name(out, i > 0 ? ", " : "", table->columns[table->key[i]].name);
}

void target_sql_on_conflict(struct buf *out, const struct table *table)
{
    const char *between = " DO UPDATE SET ";
    buf_put_text(out, " ON CONFLICT (");
    target_sql_key(out, table);
    buf_put_text(out, ")");
    for (size_t i = 0; i < table->column_count; i++) {
        if (table_is_key(table, i))
            continue;
        target_sql_name(out, between, table->columns[i].name);
        target_sql_name(out, " = EXCLUDED.", table->columns[i].name);
        between = ", ";
    }
    if (table->key_count == table->column_count)
        buf_put_text(out, " DO NOTHING");
}

void target_sql_ours(struct buf *out, const char *words, const struct pipeline *pipeline, const struct table *table)
{
    target_sql_name(out, words, table->name);
    if (!table->shared)
        return;
    target_sql_name(out, " WHERE ", table->columns[table->key[0]].name);
    buf_put_text(out, " = ");
    target_sql_literal(out, pipeline->name);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static void put_primary_key(struct buf *out, const struct target_shape *shape)
{
    const char *between = "PRIMARY KEY (";
    for (size_t i = 0; i < shape->count; i++) {
        if (!shape->columns[i].key)
            continue;
        target_sql_name(out, between, shape->columns[i].name);
        between = ", ";
    }
    buf_put_text(out, ")");
}

/* The key in its own order, which decides what the index is good for. */
static void put_table_key(struct buf *out, const struct table *table)
{
    buf_put_text(out, "PRIMARY KEY (");
    target_sql_key(out, table);
    buf_put_text(out, ")");
}

/* Rows of aggregates are written again and again. In PostgreSQL new ones fill half of a page, which leaves room for the
   next version of each beside it: then no index is touched (heap-only tuples). Rows of the ledger mostly stay as they
   are. */
static void put_storage(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect)
{
    bool aggregates = relation > 0 && !pipeline->tables[relation - 1].shared;
    if (dialect == TARGET_SQLITE)
        buf_put_text(out, " WITHOUT ROWID");
    else if (aggregates)
        buf_put_text(out, " WITH (fillfactor = 50)");
}

static void create_table(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect)
{
    struct target_shape shape;
    target_shape_wanted(pipeline, relation, dialect, &shape);
    target_sql_name(out, "CREATE TABLE ", target_shape_name(pipeline, relation));
    buf_put_text(out, " (");
    for (size_t i = 0; i < shape.count; i++) {
        target_sql_name(out, "", shape.columns[i].name);
        buf_printf(out, " %s%s, ", shape.columns[i].type, shape.columns[i].not_null ? " NOT NULL" : "");
    }
    if (relation == 0)
        put_primary_key(out, &shape);
    else
        put_table_key(out, &pipeline->tables[relation - 1]);
    buf_put_text(out, ")");
    put_storage(out, pipeline, relation, dialect);
    buf_put_text(out, ";\n");
}

static void comment_on(struct buf *out, const char *kind, const char *name, const char *doc)
{
    if (!doc)
        return;
    buf_printf(out, "COMMENT ON %s ", kind);
    target_sql_name(out, "", name);
    buf_put_text(out, " IS ");
    target_sql_literal(out, doc);
    buf_put_text(out, ";\n");
}

static void comment_on_column(struct buf *out, const char *relation, const char *name, const char *doc)
{
    if (!doc)
        return;
    target_sql_name(out, "COMMENT ON COLUMN ", relation);
    target_sql_name(out, ".", name);
    buf_put_text(out, " IS ");
    target_sql_literal(out, doc);
    buf_put_text(out, ";\n");
}

static void comment_on_columns(struct buf *out, const struct table *table, const char *relation)
{
    for (size_t i = 0; i < table->column_count; i++)
        comment_on_column(out, relation, table->columns[i].name, table->columns[i].doc);
}

/* What a total is made of can be said; its columns have no words of their own. */
static void comment_on_totals(struct buf *out, const struct table *table, const struct view *view)
{
    static const char *const functions[] = {[VIEW_SUM] = "Sum", [VIEW_MIN] = "Least", [VIEW_MAX] = "Greatest"};
    char doc[4 * PIPELINE_NAME_MAX];
    for (size_t i = 0; i < view->by_count; i++)
        comment_on_column(out, view->name, table->columns[view->by[i]].name, table->columns[view->by[i]].doc);
    for (size_t i = 0; i < view->column_count; i++) {
        const struct view_column *column = &view->columns[i];
        if (column->function == VIEW_RATIO)
            snprintf(doc, sizeof doc, "%s / %s", view->columns[column->numerator].name,
                     view->columns[column->denominator].name);
        else
            snprintf(doc, sizeof doc, "%s of %s.%s", functions[column->function], table->name,
                     table->columns[column->column].name);
        comment_on_column(out, view->name, column->name, doc);
    }
}

static void comment_on_files(struct buf *out, const struct pipeline *pipeline, const struct view *view)
{
    const struct table *table = &pipeline->tables[view->table],
                       *files = &pipeline->tables[pipeline_files_table(pipeline)];
    for (size_t i = 0; i < table->key_count; i++)
        comment_on_column(out, view->name, table->columns[table->key[i]].name, table->columns[table->key[i]].doc);
    for (size_t i = 0; i < LEDGER_VIEW_COLUMNS; i++)
        comment_on_column(out, view->name, ledger_view_columns[i].name,
                          files->columns[ledger_view_columns[i].column].doc);
}

static void comment_on_view(struct buf *out, const struct pipeline *pipeline, const struct view *view)
{
    comment_on(out, "VIEW", view->name, view->doc);
    if (view->kind == VIEW_LATEST)
        comment_on_columns(out, &pipeline->tables[view->table], view->name);
    else if (view->kind == VIEW_FILES)
        comment_on_files(out, pipeline, view);
    else
        comment_on_totals(out, &pipeline->tables[view->table], view);
}

static void comment(struct buf *out, const struct pipeline *pipeline, size_t relation)
{
    const char *name = target_shape_name(pipeline, relation);
    if (relation == 0) {
        comment_on(out, "TABLE", name, "how far dropfold has delivered each pipeline; written with its tables");
    } else if (target_shape_is_view(pipeline, relation)) {
        comment_on_view(out, pipeline, &pipeline->views[relation - 1 - pipeline_delivered(pipeline)]);
    } else {
        comment_on(out, "TABLE", name, pipeline->tables[relation - 1].doc);
        comment_on_columns(out, &pipeline->tables[relation - 1], name);
    }
}

/* --- views -------------------------------------------------------------------------------------------------------- */

/* For "later than": SQLite has decimals as text, those of a key of at most 19 digits. Without the point they are whole
   numbers, which it compares exactly, and doubles would not be. */
static void put_place(struct buf *out, const char *of, const struct column *column, enum target_dialect dialect)
{
    bool text = dialect == TARGET_SQLITE && column->type == SQL_NUMERIC;
    buf_put_text(out, text ? "CAST(replace(" : "");
    target_sql_name(out, of, column->name);
    buf_put_text(out, text ? ", '.', '') AS INTEGER)" : "");
}

static void put_same(struct buf *out, const char *name)
{
    target_sql_name(out, "later.", name);
    target_sql_name(out, " = this.", name);
}

/* `by` and `on` make up the key, so that its index finds "is there a later one". */
static void put_latest(struct buf *out, const struct table *table, const struct view *view, enum target_dialect dialect)
{
    buf_put_text(out, "SELECT ");
    target_sql_columns(out, table);
    target_sql_name(out, " FROM ", table->name);
    target_sql_name(out, " AS this WHERE NOT EXISTS (SELECT 1 FROM ", table->name);
    buf_put_text(out, " AS later WHERE ");
    for (size_t i = 0; i < view->by_count; i++) {
        put_same(out, table->columns[view->by[i]].name);
        buf_put_text(out, " AND ");
    }
    put_place(out, "later.", &table->columns[view->on], dialect);
    buf_put_text(out, " > ");
    put_place(out, "this.", &table->columns[view->on], dialect);
    buf_put_text(out, ")");
}

/* As what a column is added up and compared: NULL where as itself. PostgreSQL would add reals up as reals, each sum
   rounded anew. */
static const char *operand_type(const struct column *column, enum view_function function, enum target_dialect dialect)
{
    if (dialect == TARGET_SQLITE)
        return column->type == SQL_NUMERIC ? "REAL" : NULL;
    return column->type == SQL_REAL && function == VIEW_SUM ? "double precision" : NULL;
}

static void put_aggregate(struct buf *out, const struct table *table, const struct view_column *column,
                          enum target_dialect dialect)
{
    static const char *const functions[] = {[VIEW_SUM] = "sum(", [VIEW_MIN] = "min(", [VIEW_MAX] = "max("};
    const struct column *of = &table->columns[column->column];
    bool rounded = dialect == TARGET_SQLITE && of->type == SQL_NUMERIC;
    const char *type = operand_type(of, column->function, dialect);
    buf_put_text(out, rounded ? "round(" : "");
    buf_put_text(out, functions[column->function]);
    buf_put_text(out, type ? "CAST(" : "");
    target_sql_name(out, "", of->name);
    if (type)
        buf_printf(out, " AS %s)", type);
    buf_put_text(out, ")");
    if (rounded)
        buf_printf(out, ", %u)", (unsigned)of->scale);
}

/* A sum of reals is a real. */
static void put_shown(struct buf *out, const struct table *table, const struct view_column *column,
                      enum target_dialect dialect)
{
    bool real =
        dialect == TARGET_POSTGRESQL && column->function == VIEW_SUM && table->columns[column->column].type == SQL_REAL;
    buf_put_text(out, real ? "CAST(" : "");
    put_aggregate(out, table, column, dialect);
    buf_put_text(out, real ? " AS real)" : "");
}

static bool floating(const struct table *table, const struct view_column *column)
{
    enum sql_type type = table->columns[column->column].type;
    return type == SQL_REAL || type == SQL_DOUBLE;
}

/* Never a division of integers, which would cut. */
static void put_ratio(struct buf *out, const struct table *table, const struct view *view,
                      const struct view_column *ratio, enum target_dialect dialect)
{
    const struct view_column *over = &view->columns[ratio->numerator], *under = &view->columns[ratio->denominator];
    const char *type = "numeric";
    if (dialect == TARGET_SQLITE)
        type = "REAL";
    else if (floating(table, over) || floating(table, under))
        type = "double precision";
    buf_put_text(out, "CAST(");
    put_aggregate(out, table, over, dialect);
    buf_printf(out, " AS %s) / nullif(CAST(", type);
    put_aggregate(out, table, under, dialect);
    buf_printf(out, " AS %s), 0)", type);
}

static void put_total(struct buf *out, const struct table *table, const struct view *view, enum target_dialect dialect)
{
    buf_put_text(out, "SELECT ");
    for (size_t i = 0; i < view->by_count; i++) {
        target_sql_name(out, "", table->columns[view->by[i]].name);
        buf_put_text(out, i + 1 < view->by_count || view->column_count > 0 ? ", " : "");
    }
    for (size_t i = 0; i < view->column_count; i++) {
        const struct view_column *column = &view->columns[i];
        buf_put_text(out, i > 0 ? ", " : "");
        if (column->function == VIEW_RATIO)
            put_ratio(out, table, view, column, dialect);
        else
            put_shown(out, table, column, dialect);
        target_sql_name(out, " AS ", column->name);
    }
    target_sql_name(out, " FROM ", table->name);
    for (size_t i = 0; i < view->by_count; i++)
        target_sql_name(out, i > 0 ? ", " : " GROUP BY ", table->columns[view->by[i]].name);
}

/* A list of numbers as rows of one number each. */
static void put_list(struct buf *out, const struct column *column, enum target_dialect dialect)
{
    buf_put_text(out,
                 dialect == TARGET_SQLITE ? " JOIN json_each(this." : " CROSS JOIN LATERAL pg_catalog.unnest(this.");
    target_sql_name(out, "", column->name);
    buf_put_text(out, dialect == TARGET_SQLITE ? ") AS one" : ") AS one (value)");
}

static void put_files(struct buf *out, const struct pipeline *pipeline, const struct view *view,
                      enum target_dialect dialect)
{
    const struct table *table = &pipeline->tables[view->table],
                       *files = &pipeline->tables[pipeline_files_table(pipeline)];
    for (size_t i = 0; i < table->key_count; i++)
        target_sql_name(out, i > 0 ? ", this." : "SELECT this.", table->columns[table->key[i]].name);
    for (size_t i = 0; i < LEDGER_VIEW_COLUMNS; i++)
        buf_printf(out, ", file.%s AS %s", files->columns[ledger_view_columns[i].column].name,
                   ledger_view_columns[i].name);
    target_sql_name(out, " FROM ", table->name);
    buf_put_text(out, " AS this");
    put_list(out, &table->columns[view->on], dialect);
    buf_printf(out, " JOIN %s AS file ON file.sequence = one.value AND file.state = 'applied' AND file.pipeline = ",
               files->name);
    target_sql_literal(out, pipeline->name);
}

void target_sql_query(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect)
{
    const struct view *view = &pipeline->views[relation - 1 - pipeline_delivered(pipeline)];
    const struct table *table = &pipeline->tables[view->table];
    if (view->kind == VIEW_LATEST)
        put_latest(out, table, view, dialect);
    else if (view->kind == VIEW_FILES)
        put_files(out, pipeline, view, dialect);
    else
        put_total(out, table, view, dialect);
}

static void create_view(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect)
{
    target_sql_name(out, "CREATE VIEW ", target_shape_name(pipeline, relation));
    buf_put_text(out, " AS ");
    target_sql_query(out, pipeline, relation, dialect);
    buf_put_text(out, ";\n");
}

void target_sql_create(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect)
{
    if (target_shape_is_view(pipeline, relation))
        create_view(out, pipeline, relation, dialect);
    else
        create_table(out, pipeline, relation, dialect);
    if (dialect == TARGET_POSTGRESQL)
        comment(out, pipeline, relation);
}

void target_sql_remake(struct buf *out, const struct pipeline *pipeline, size_t relation, const char *schema)
{
    if (schema) {
        target_sql_name(out, "CREATE OR REPLACE VIEW ", schema);
        buf_put_byte(out, '.');
    } else {
        buf_put_text(out, "DROP VIEW ");
    }
    target_sql_name(out, "", target_shape_name(pipeline, relation));
    if (schema) {
        buf_put_text(out, " AS ");
        target_sql_query(out, pipeline, relation, TARGET_POSTGRESQL);
        buf_put_text(out, ";\n");
        comment(out, pipeline, relation);
    } else {
        buf_put_text(out, ";\n");
        create_view(out, pipeline, relation, TARGET_SQLITE);
    }
}

/* --- progress ----------------------------------------------------------------------------------------------------- */

void target_sql_put_rows(struct buf *out, const struct pipeline *pipeline, const uint64_t *rows,
                         const struct target_owner *owner)
{
    size_t count = progress_numbers(pipeline);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%c%" PRIu64, i > 0 ? ',' : '{', rows[i]);
    for (size_t i = 0; owner->marked && i < pipeline->table_count; i++)
        buf_printf(out, ",%" PRIu64, owner->marks[i]);
    buf_put_text(out, count > 0 ? "}" : "{}");
}

static bool read_number(const char **text, uint64_t *value)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    *value = strtoull(*text, &end, 10);
    *text = end;
    return true;
}

static bool read_rows(const char *text, uint64_t rows[PROGRESS_NUMBERS])
{
    if (*text != '{' || strcmp(text, "{}") == 0)
        return *text == '{';
    size_t count = 0;
    do {
        uint64_t number;
        text++; /* the brace, then the commas */
        if (!read_number(&text, &number))
            return false;
        if (number >= TARGET_OWNER_LEAST)
            continue;
        if (count == PROGRESS_NUMBERS)
            return false;
        rows[count++] = number;
    } while (*text == ',');
    return strcmp(text, "}") == 0;
}

bool target_sql_read_progress(const struct target_sql_progress *row, struct progress *progress, struct error *error)
{
    memset(progress, 0, sizeof *progress);
    progress->present = true;
    const char *at = row->sequence;
    int len = snprintf(progress->epoch, sizeof progress->epoch, "%s", row->epoch);
    if (len < 0 || (size_t)len >= sizeof progress->epoch || !read_number(&at, &progress->sequence) || *at ||
        !digest_from_hex(slice_of(row->digest), &progress->digest) || !read_rows(row->rows, progress->rows))
        return error_set(error, ERROR_REFUSED,
                         "the row of this pipeline in dropfold_progress was not written by dropfold; delete it, and "
                         "then have the tables delivered anew by `dropfold replay --rebuild --yes`");
    return true;
}
