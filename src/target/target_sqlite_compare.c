/*
 * A comparison in SQLite: expected rows go into a temporary table of the table's own shape, by the statements and
 * conversions of a delivery; the full join of the two, where anything differs, into another.
 *
 * One that only looks is a read transaction of a connection that cannot write: a snapshot that holds nobody up.
 * One that mends holds the write lock from the beginning. Temporary tables lie in a file of their own, which SQLite has
 * unlinked already; they go with the connection.
 *
 * Columns of the drift: kind, then e0, f0, e1, f1, ...: expected and found values; its rowid counts in key order.
 */
#include <string.h>

#include "base/text.h"
#include "target/target_sqlite.h"

void target_sqlite_compare_put_stage(struct buf *sql, size_t table)
{
    buf_printf(sql, "temp.dropfold_stage_%zu", table);
}

static void put_drift_name(struct buf *sql, size_t table)
{
    buf_printf(sql, "temp.dropfold_drift_%zu", table);
}

static const struct table *table_of(const struct target_sqlite *sqlite)
{
    return &sqlite->pipeline->tables[sqlite->comparing];
}

/* --- begin -------------------------------------------------------------------------------------------------------- */

/* Declared as the table is, so that values are converted alike on their way in. */
static void put_stage(struct buf *sql, const struct pipeline *pipeline, size_t number)
{
    const struct table *table = &pipeline->tables[number];
    buf_put_text(sql, "CREATE TABLE ");
    target_sqlite_compare_put_stage(sql, number);
    buf_put_text(sql, " (");
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, "", table->columns[i].name);
        buf_printf(sql, " %s, ", target_shape_type(TARGET_SQLITE, table->columns[i].type));
    }
    buf_put_text(sql, "PRIMARY KEY (");
    target_sql_key(sql, table);
    buf_put_text(sql, ")) WITHOUT ROWID;");
}

bool target_sqlite_compare_begin(struct target_sqlite *sqlite, struct error *error)
{
    struct buf sql;
    if (!target_sqlite_exec(sqlite, sqlite->mend ? "BEGIN IMMEDIATE" : "BEGIN", error) ||
        !target_sqlite_read_progress(sqlite, error))
        return false;
    if (!progress_equal(&sqlite->progress, &sqlite->delivery.from))
        return target_diverged(&sqlite->progress, &sqlite->delivery.from, error);
    buf_init(&sql, TARGET_SQL_MAX);
    for (size_t i = 0; i < pipeline_delivered(sqlite->pipeline); i++)
        put_stage(&sql, sqlite->pipeline, i);
    bool ok = target_sqlite_run(sqlite, &sql, error);
    buf_close(&sql);
    return ok;
}

/* --- compare ------------------------------------------------------------------------------------------------------ */

static void put_columns(struct buf *sql, const struct table *table)
{
    const struct column *key = &table->columns[table->key[0]];
    target_sql_name(sql, "SELECT CASE WHEN f.", key->name);
    buf_printf(sql, " IS NULL THEN %d WHEN ", DRIFT_MISSING);
    target_sql_name(sql, "e.", key->name);
    buf_printf(sql, " IS NULL THEN %d ELSE %d END AS kind", DRIFT_UNEXPECTED, DRIFT_DIFFERENT);
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, ", e.", table->columns[i].name);
        buf_printf(sql, " AS e%zu", i);
        target_sql_name(sql, ", f.", table->columns[i].name);
        buf_printf(sql, " AS f%zu", i);
    }
}

/* Rows of others in a shared table are left out here and not before the join, where that would cost it its index. */
static void put_differs(struct buf *sql, const struct pipeline *pipeline, const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, i > 0 ? " OR e." : " WHERE (e.", table->columns[i].name);
        target_sql_name(sql, " IS NOT f.", table->columns[i].name);
    }
    buf_put_text(sql, ")");
    if (!table->shared)
        return;
    target_sql_name(sql, " AND ifnull(f.", table->columns[table->key[0]].name);
    buf_put_text(sql, ", ");
    target_sql_literal(sql, pipeline->name);
    buf_put_text(sql, ") = ");
    target_sql_literal(sql, pipeline->name);
}

static void put_join(struct buf *sql, const struct pipeline *pipeline, size_t number)
{
    const struct table *table = &pipeline->tables[number];
    buf_put_text(sql, " FROM ");
    target_sqlite_compare_put_stage(sql, number);
    target_sql_name(sql, " AS e FULL JOIN main.", table->name);
    buf_put_text(sql, " AS f ON ");
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, i > 0 ? " AND e." : "e.", table->columns[table->key[i]].name);
        target_sql_name(sql, " = f.", table->columns[table->key[i]].name);
    }
    put_differs(sql, pipeline, table);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, i > 0 ? ", ifnull(e." : " ORDER BY ifnull(e.", table->columns[table->key[i]].name);
        target_sql_name(sql, ", f.", table->columns[table->key[i]].name);
        buf_put_text(sql, ")");
    }
}

static bool count_kinds(struct target_sqlite *sqlite, struct buf *sql, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_DONE;
    memset(sqlite->drift, 0, sizeof sqlite->drift);
    buf_reset(sql);
    buf_put_text(sql, "SELECT kind, count(*) FROM ");
    put_drift_name(sql, sqlite->comparing);
    buf_put_text(sql, " GROUP BY kind");
    if (!target_sqlite_prepare_buf(sqlite, sql, &statement, error))
        return false;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        sqlite->drift[sqlite3_column_int(statement, 0)] = (uint64_t)sqlite3_column_int64(statement, 1);
    bool ok = code == SQLITE_DONE || target_sqlite_error(sqlite, "counting what differs", error);
    sqlite3_finalize(statement);
    return ok;
}

bool target_sqlite_compare_table(struct target_sqlite *sqlite, struct error *error)
{
    struct buf sql;
    buf_init(&sql, TARGET_SQL_MAX);
    buf_put_text(&sql, "CREATE TABLE ");
    put_drift_name(&sql, sqlite->comparing);
    buf_put_text(&sql, " AS ");
    put_columns(&sql, table_of(sqlite));
    put_join(&sql, sqlite->pipeline, sqlite->comparing);
    bool ok = target_sqlite_run(sqlite, &sql, error) && count_kinds(sqlite, &sql, error);
    buf_close(&sql);
    return ok;
}

/* --- read --------------------------------------------------------------------------------------------------------- */

/* At most DRIFT_TEXT_MAX characters. */
static struct slice cut(struct slice text)
{
    size_t characters = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!text_goes_on(text.data[i]) && characters++ == DRIFT_TEXT_MAX)
            return (struct slice){text.data, i};
    return text;
}

static bool take_value(struct drift_page *page, sqlite3_stmt *statement, int column, struct slice *text)
{
    char number[VALUE_DOUBLE_TEXT_SIZE];
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        return true;
    case SQLITE_FLOAT:
        /* SQLite itself would show 15 digits, in which two that differ may look alike. */
        value_double_text(sqlite3_column_double(statement, column), false, number);
        return drift_page_text(page, slice_of(number), text);
    default:
        break;
    }
    const char *data = (const char *)sqlite3_column_text(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);
    return data && drift_page_text(page, cut((struct slice){data, len}), text);
}

/* Columns of the statement: the kind, then expected, found and whether they differ, for each of the table's. */
static bool take_row(struct drift_page *page, sqlite3_stmt *statement)
{
    struct drift_value *values = drift_page_add(page, (enum drift_kind)sqlite3_column_int(statement, 0));
    if (!values)
        return true; /* as many as it holds were asked for */
    for (size_t i = 0; i < page->columns; i++) {
        int at = 1 + 3 * (int)i;
        values[i].differs = sqlite3_column_int(statement, at + 2) != 0;
        if (!take_value(page, statement, at, &values[i].expected) ||
            !take_value(page, statement, at + 1, &values[i].found))
            return false;
    }
    return true;
}

static bool take_rows(struct target_sqlite *sqlite, sqlite3_stmt *statement, struct error *error)
{
    int code;
    sqlite3_bind_int64(statement, 1, (int64_t)sqlite->after);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        if (!take_row(sqlite->page, statement))
            return error_memory(error);
    return code == SQLITE_DONE || target_sqlite_error(sqlite, "reading what differs", error);
}

bool target_sqlite_compare_read(struct target_sqlite *sqlite, struct error *error)
{
    struct buf sql;
    sqlite3_stmt *statement = NULL;
    size_t columns = table_of(sqlite)->column_count;
    drift_page_free(sqlite->page);
    sqlite->page = drift_page_new(columns);
    if (!sqlite->page)
        return error_memory(error);
    buf_init(&sql, TARGET_SQL_MAX);
    buf_put_text(&sql, "SELECT kind");
    for (size_t i = 0; i < columns; i++)
        buf_printf(&sql, ", e%zu, f%zu, e%zu IS NOT f%zu", i, i, i, i);
    buf_put_text(&sql, " FROM ");
    put_drift_name(&sql, sqlite->comparing);
    buf_printf(&sql, " WHERE rowid > ?1 ORDER BY rowid LIMIT %d", DRIFT_PAGE_ROWS);
    bool ok = target_sqlite_prepare_buf(sqlite, &sql, &statement, error) && take_rows(sqlite, statement, error);
    sqlite3_finalize(statement);
    buf_close(&sql);
    return ok;
}

/* --- mend --------------------------------------------------------------------------------------------------------- */

static void put_delete(struct buf *sql, const struct table *table, size_t number)
{
    target_sql_name(sql, "DELETE FROM main.", table->name);
    buf_put_text(sql, " WHERE (");
    target_sql_key(sql, table);
    buf_put_text(sql, ") IN (SELECT ");
    for (size_t i = 0; i < table->key_count; i++)
        buf_printf(sql, "%sf%zu", i > 0 ? ", " : "", table->key[i]);
    buf_put_text(sql, " FROM ");
    put_drift_name(sql, number);
    buf_printf(sql, " WHERE kind = %d);", DRIFT_UNEXPECTED);
}

static void put_insert(struct buf *sql, const struct table *table, size_t number)
{
    target_sql_name(sql, "INSERT OR ABORT INTO main.", table->name);
    buf_put_text(sql, " (");
    target_sql_columns(sql, table);
    buf_put_text(sql, ") SELECT ");
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(sql, "%se%zu", i > 0 ? ", " : "", i);
    buf_put_text(sql, " FROM ");
    put_drift_name(sql, number);
    buf_printf(sql, " WHERE kind <> %d ORDER BY rowid", DRIFT_UNEXPECTED);
    target_sql_on_conflict(sql, table);
}

/* (SELECT count(*) FROM the drift, of these kinds */
static void put_count(struct buf *sql, size_t number, const char *kinds)
{
    buf_put_text(sql, "(SELECT count(*) FROM ");
    put_drift_name(sql, number);
    buf_printf(sql, " AS drift WHERE drift.kind %s %d", kinds, DRIFT_UNEXPECTED);
}

/* What was to be written, what of it is there, and what is there that was deleted. */
static void put_outcome(struct buf *sql, const struct table *table, size_t number)
{
    buf_put_text(sql, "SELECT ");
    put_count(sql, number, "<>");
    buf_put_text(sql, "), ");
    put_count(sql, number, "<>");
    target_sql_name(sql, " AND EXISTS (SELECT 1 FROM main.", table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, i > 0 ? " AND old." : " AS old WHERE old.", table->columns[i].name);
        buf_printf(sql, " IS drift.e%zu", i);
    }
    buf_put_text(sql, ")), ");
    put_count(sql, number, "=");
    target_sql_name(sql, " AND EXISTS (SELECT 1 FROM main.", table->name);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, i > 0 ? " AND old." : " AS old WHERE old.", table->columns[table->key[i]].name);
        buf_printf(sql, " IS drift.f%zu", table->key[i]);
    }
    buf_put_text(sql, "))");
}

static bool take_outcome(struct target_sqlite *sqlite, sqlite3_stmt *statement, struct error *error)
{
    if (sqlite3_step(statement) != SQLITE_ROW)
        return target_sqlite_error(sqlite, "counting what was mended", error);
    uint64_t sent = (uint64_t)sqlite3_column_int64(statement, 0), taken = (uint64_t)sqlite3_column_int64(statement, 1),
             left = (uint64_t)sqlite3_column_int64(statement, 2);
    if (taken < sent)
        return target_sqlite_left_out(sqlite, table_of(sqlite)->name, taken, sent, error);
    return left == 0 || target_sqlite_left_in(sqlite, table_of(sqlite)->name, left, error);
}

static bool check_outcome(struct target_sqlite *sqlite, struct buf *sql, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    buf_reset(sql);
    put_outcome(sql, table_of(sqlite), sqlite->comparing);
    bool ok = target_sqlite_prepare_buf(sqlite, sql, &statement, error) && take_outcome(sqlite, statement, error);
    sqlite3_finalize(statement);
    return ok;
}

bool target_sqlite_compare_mend(struct target_sqlite *sqlite, struct error *error)
{
    struct buf sql;
    buf_init(&sql, TARGET_SQL_MAX);
    put_delete(&sql, table_of(sqlite), sqlite->comparing);
    put_insert(&sql, table_of(sqlite), sqlite->comparing);
    bool ok = target_sqlite_run(sqlite, &sql, error) && check_outcome(sqlite, &sql, error);
    buf_close(&sql);
    return ok;
}
