/*
 * A comparison.
 *
 *   begin    BEGIN; read the progress row and compare it
 *   write    COPY into a temporary table (pg_stage.h)
 *   compare  CREATE TEMPORARY TABLE dropfold_drift_N AS the full join of expected rows and table, where anything differs
 *   read     SELECT a page of it
 *   mend     SELECT whether a key is there twice; DELETE the unexpected rows, INSERT ... ON CONFLICT the others, and count
 *            which of them are as they should be
 *
 * One that only looks is REPEATABLE READ: all its statements see one snapshot, nothing is locked, and deliveries go on.
 * One that mends locks the progress row first and is READ COMMITTED: what it reads after the lock is what the last
 * delivery left, and no other delivery comes in between. Rows that people edit meanwhile may escape it, as they would a
 * moment later.
 *
 * Table names of the drift: e0, e1, ... are the expected values of the columns, f0, f1, ... those found.
 */
#include "target/pg_compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/pg_delivery.h"
#include "target/pg_open.h"
#include "target/pg_query.h"
#include "target/pg_stage.h"

enum {
    IDLE_LIMIT = 3600 * 1000 /* milliseconds that the caller may take to work out what is expected */
};

static const struct table *table_of(const struct pg_conn *conn)
{
    return &conn->target->pipeline->tables[conn->target->comparing];
}

static void worked(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_query_done(conn);
}

/* --- begin -------------------------------------------------------------------------------------------------------- */

static void matched(struct pg_conn *conn, PGresult *result)
{
    memset(conn->stage, 0, sizeof conn->stage);
    memset(conn->known, 0, sizeof conn->known);
    worked(conn, result);
}

static void begun(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_delivery_match(conn, conn->target->mend, matched);
}

/* Values are shown in one way, whatever the role's or the database's settings. */
void pg_compare_begin(struct pg_conn *conn)
{
    struct error error;
    int64_t deadline = conn->target->deadline / 1000;
    if (conn->standby) { /* it makes no temporary tables */
        pg_open_say_standby(conn, &error);
        pg_conn_fail(conn, &error);
        return;
    }
    conn->doing = "beginning a comparison";
    buf_reset(&conn->sql);
    buf_printf(&conn->sql,
               "BEGIN ISOLATION LEVEL %s READ WRITE;"
               "SET LOCAL statement_timeout = %" PRId64 ";"
               "SET LOCAL lock_timeout = %" PRId64 ";"
               "SET LOCAL idle_in_transaction_session_timeout = %d;"
               "SET LOCAL synchronous_commit = on;"
               "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 1",
               conn->target->mend ? "READ COMMITTED" : "REPEATABLE READ", deadline, deadline / 2 + 1, IDLE_LIMIT);
    pg_open_put_settings(conn);
    pg_query_buf(conn, begun);
}

/* --- write -------------------------------------------------------------------------------------------------------- */

void pg_compare_write(struct pg_conn *conn, struct block *block)
{
    conn->block = block;
    conn->doing = "writing what is expected into a temporary table";
    pg_stage_block(conn, pg_delivery_written);
}

/* --- compare ------------------------------------------------------------------------------------------------------ */

/* The statements that follow may each take as long as the call. */
static void put_patience(struct pg_conn *conn)
{
    buf_reset(&conn->sql);
    buf_printf(&conn->sql, "SET LOCAL statement_timeout = %" PRId64 ";", conn->target->patience / 1000);
}

static void put_drift_name(struct pg_conn *conn)
{
    buf_printf(&conn->sql, "pg_temp.dropfold_drift_%zu", conn->target->comparing);
}

/* For each column of the key: `first` or `between`, then left."key" middle right."key" after. */
struct key_words {
    const char *first, *between, *left, *middle, *right, *after;
};

static void put_key(struct buf *sql, const struct table *table, const struct key_words *words)
{
    for (size_t i = 0; i < table->key_count; i++) {
        const struct column *column = &table->columns[table->key[i]];
        buf_put_text(sql, i > 0 ? words->between : words->first);
        target_sql_name(sql, words->left, column->name);
        buf_put_text(sql, words->middle);
        target_sql_name(sql, words->right, column->name);
        buf_put_text(sql, words->after);
    }
}

static void put_drift_columns(struct buf *sql, const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, ", e.", table->columns[i].name);
        buf_printf(sql, " AS e%zu", i);
        target_sql_name(sql, ", f.", table->columns[i].name);
        buf_printf(sql, " AS f%zu", i);
    }
}

/* A column of the key is null where there is no row, and nowhere else. */
static void put_drift(struct pg_conn *conn)
{
    static const struct key_words order = {"", ", ", "coalesce(e.", ", ", "f.", ")"},
                                  join = {" ON ", " AND ", "e.", " = ", "f.", ""};
    struct buf *sql = &conn->sql;
    const struct table *table = table_of(conn);
    const struct column *key = &table->columns[table->key[0]];
    buf_printf(sql, "CREATE TEMPORARY TABLE dropfold_drift_%zu ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY ",
               conn->target->comparing);
    put_key(sql, table, &order);
    target_sql_name(sql, ") AS number, CASE WHEN f.", key->name);
    buf_printf(sql, " IS NULL THEN %d WHEN ", DRIFT_MISSING);
    target_sql_name(sql, "e.", key->name);
    buf_printf(sql, " IS NULL THEN %d ELSE %d END AS kind", DRIFT_UNEXPECTED, DRIFT_DIFFERENT);
    put_drift_columns(sql, table);
    buf_put_text(sql, " FROM ");
    pg_stage_put_name(sql, conn->target->comparing);
    target_sql_ours(sql, table->shared ? " AS e FULL JOIN (SELECT * FROM " : " AS e FULL JOIN ", conn->target->pipeline,
                    table);
    buf_put_text(sql, table->shared ? ") AS f" : " AS f");
    put_key(sql, table, &join);
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, i > 0 ? " OR e." : " WHERE e.", table->columns[i].name);
        target_sql_name(sql, " IS DISTINCT FROM f.", table->columns[i].name);
    }
}

static void take_counts(struct pg_conn *conn, PGresult *result)
{
    for (int kind = 0; kind < DRIFT_KINDS; kind++)
        conn->target->drift[kind] = strtoull(PQgetvalue(result, 0, kind), NULL, 10);
    pg_query_done(conn);
}

static void compare_staged(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    put_patience(conn);
    put_drift(conn);
    for (int kind = 0; kind < DRIFT_KINDS; kind++)
        buf_printf(&conn->sql, "%s count(*) FILTER (WHERE kind = %d)", kind > 0 ? "," : "; SELECT", kind);
    buf_put_text(&conn->sql, " FROM ");
    put_drift_name(conn);
    pg_query_buf(conn, take_counts);
}

void pg_compare_table(struct pg_conn *conn)
{
    conn->doing = table_of(conn)->name;
    pg_stage_make(conn, conn->target->comparing, compare_staged);
}

/* --- read --------------------------------------------------------------------------------------------------------- */

static bool take_value(struct drift_page *page, const PGresult *result, int row, int column, struct slice *text)
{
    if (PQgetisnull(result, row, column))
        return true;
    struct slice value = {PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
    return drift_page_text(page, value, text);
}

/* Columns of the result: the kind, then expected, found and whether they differ, for each of the table's. */
static bool take_row(struct drift_page *page, const PGresult *result, int row)
{
    enum drift_kind kind = (enum drift_kind)atoi(PQgetvalue(result, row, 0));
    struct drift_value *values = drift_page_add(page, kind);
    if (!values)
        return true; /* as many as it holds were asked for */
    for (size_t i = 0; i < page->columns; i++) {
        int at = 1 + 3 * (int)i;
        values[i].differs = PQgetvalue(result, row, at + 2)[0] == 't';
        if (!take_value(page, result, row, at, &values[i].expected) ||
            !take_value(page, result, row, at + 1, &values[i].found))
            return false;
    }
    return true;
}

static void take_page(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    struct drift_page *page = drift_page_new(table_of(conn)->column_count);
    bool ok = page;
    for (int row = 0; ok && row < PQntuples(result); row++)
        ok = take_row(page, result, row);
    conn->target->page = page;
    if (ok) {
        pg_query_done(conn);
    } else {
        error_memory(&error);
        pg_conn_fail(conn, &error);
    }
}

void pg_compare_read(struct pg_conn *conn, uint64_t after)
{
    conn->doing = "reading what differs";
    put_patience(conn);
    buf_put_text(&conn->sql, "SELECT kind");
    for (size_t i = 0; i < table_of(conn)->column_count; i++) {
        buf_printf(&conn->sql, ", pg_catalog.\"left\"(e%zu::pg_catalog.text, %d)", i, DRIFT_TEXT_MAX);
        buf_printf(&conn->sql, ", pg_catalog.\"left\"(f%zu::pg_catalog.text, %d)", i, DRIFT_TEXT_MAX);
        buf_printf(&conn->sql, ", e%zu IS DISTINCT FROM f%zu", i, i);
    }
    buf_put_text(&conn->sql, " FROM ");
    put_drift_name(conn);
    buf_printf(&conn->sql, " WHERE number > %" PRIu64 " ORDER BY number LIMIT %d", after, DRIFT_PAGE_ROWS);
    pg_query_buf(conn, take_page);
}

/* --- mend --------------------------------------------------------------------------------------------------------- */

static void put_delete(struct pg_conn *conn)
{
    struct buf *sql = &conn->sql;
    const struct table *table = table_of(conn);
    target_sql_name(sql, "DELETE FROM ", table->name);
    buf_put_text(sql, " AS old USING ");
    put_drift_name(conn);
    buf_printf(sql, " AS drift WHERE drift.kind = %d", DRIFT_UNEXPECTED);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, " AND old.", table->columns[table->key[i]].name);
        buf_printf(sql, " = drift.f%zu", table->key[i]);
    }
}

static void put_upsert(struct pg_conn *conn)
{
    struct buf *sql = &conn->sql;
    const struct table *table = table_of(conn);
    pg_stage_put_insert(sql, table);
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(sql, "%se%zu", i > 0 ? ", " : "", i);
    buf_put_text(sql, " FROM ");
    put_drift_name(conn);
    buf_printf(sql, " WHERE kind <> %d ORDER BY number", DRIFT_UNEXPECTED);
    target_sql_on_conflict(sql, table);
}

/* (SELECT count(*) FROM the drift, of these kinds */
static void put_count(struct pg_conn *conn, const char *kinds)
{
    buf_put_text(&conn->sql, "(SELECT pg_catalog.count(*) FROM ");
    put_drift_name(conn);
    buf_printf(&conn->sql, " AS drift WHERE drift.kind %s %d", kinds, DRIFT_UNEXPECTED);
}

/* AND there is a row with the key of drift.e... or drift.f... */
static void put_exists(struct pg_conn *conn, char side)
{
    struct buf *sql = &conn->sql;
    const struct table *table = table_of(conn);
    target_sql_name(sql, " AND EXISTS (SELECT FROM ", table->name);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, i > 0 ? " AND old." : " AS old WHERE old.", table->columns[table->key[i]].name);
        buf_printf(sql, " = drift.%c%zu", side, table->key[i]);
    }
}

/* What was to be written, what of it is there, and what is there that was deleted. */
static void put_outcome(struct pg_conn *conn)
{
    struct buf *sql = &conn->sql;
    const struct table *table = table_of(conn);
    buf_put_text(sql, "SELECT ");
    put_count(conn, "<>");
    buf_put_text(sql, "), ");
    put_count(conn, "<>");
    put_exists(conn, 'e');
    for (size_t i = 0; i < table->column_count; i++) {
        target_sql_name(sql, " AND old.", table->columns[i].name);
        buf_printf(sql, " IS NOT DISTINCT FROM drift.e%zu", i);
    }
    buf_put_text(sql, ")), ");
    put_count(conn, "=");
    put_exists(conn, 'f');
    buf_put_text(sql, "))");
}

static void mended(struct pg_conn *conn, PGresult *result)
{
    uint64_t numbers[3];
    for (int i = 0; i < 3; i++)
        numbers[i] = strtoull(PQgetvalue(result, 0, i), NULL, 10);
    if (numbers[1] < numbers[0])
        pg_stage_left_out(conn, table_of(conn)->name, numbers[1], numbers[0]);
    else if (numbers[2] > 0)
        pg_stage_left_in(conn, table_of(conn)->name, numbers[2]);
    else
        pg_query_done(conn);
}

static void mend(struct pg_conn *conn)
{
    put_patience(conn);
    put_delete(conn);
    buf_put_text(&conn->sql, ";");
    put_upsert(conn);
    buf_put_text(&conn->sql, ";");
    put_outcome(conn);
    pg_query_buf(conn, mended);
}

static void counted(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    uint64_t doubled = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    if (doubled == 0) {
        mend(conn);
        return;
    }
    error_set(&error, ERROR_REFUSED,
              "%s: table \"%s\" has %" PRIu64 " row%s more than keys, so nothing was mended: look for a table that "
              "inherits from it; `dropfold replay --rebuild` takes the rows of both out and delivers all anew",
              conn->target->name, table_of(conn)->name, doubled, text_plural(doubled));
    pg_conn_fail(conn, &error);
}

/* Rows beside another one of the same key, which a primary key keeps out of the table itself. No upsert finds them. */
static void count_doubled(struct pg_conn *conn)
{
    struct buf *sql = &conn->sql;
    const struct table *table = table_of(conn);
    put_patience(conn);
    target_sql_name(sql, "SELECT (SELECT pg_catalog.count(*) FROM ", table->name);
    buf_put_text(sql, " AS old WHERE EXISTS (SELECT FROM ");
    put_drift_name(conn);
    buf_printf(sql, " AS drift WHERE drift.kind = %d", DRIFT_DIFFERENT);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, " AND old.", table->columns[table->key[i]].name);
        buf_printf(sql, " = drift.e%zu", table->key[i]);
    }
    buf_put_text(sql, ")) - (SELECT pg_catalog.count(*) FROM (SELECT DISTINCT ");
    for (size_t i = 0; i < table->key_count; i++)
        buf_printf(sql, "%se%zu", i > 0 ? ", " : "", table->key[i]);
    buf_put_text(sql, " FROM ");
    put_drift_name(conn);
    buf_printf(sql, " WHERE kind = %d) AS keys)", DRIFT_DIFFERENT);
    pg_query_buf(conn, counted);
}

void pg_compare_mend(struct pg_conn *conn)
{
    conn->doing = table_of(conn)->name;
    count_doubled(conn);
}
