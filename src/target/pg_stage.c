#include "target/pg_stage.h"

#include "target/pg_copy.h"
#include "target/pg_open.h"
#include "target/pg_query.h"

static const struct table *table_at(const struct pg_conn *conn, size_t table)
{
    return &conn->target->pipeline->tables[table];
}

/* --- SQL ---------------------------------------------------------------------------------------------------------- */

void pg_stage_put_name(struct buf *sql, size_t table)
{
    buf_printf(sql, "pg_temp.dropfold_stage_%zu", table);
}

void pg_stage_put_insert(struct buf *sql, const struct table *table)
{
    target_sql_name(sql, "INSERT INTO ", table->name);
    buf_put_text(sql, " (");
    target_sql_columns(sql, table);
    buf_put_text(sql, ") SELECT ");
}

/* --- rows that are not taken -------------------------------------------------------------------------------------- */

void pg_stage_left_out(struct pg_conn *conn, const char *table, uint64_t taken, uint64_t sent)
{
    struct error error;
    target_left_out(table, taken, sent, TARGET_POSTGRESQL, &error);
    error_wrap(&error, "%s", conn->target->name);
    pg_conn_fail(conn, &error);
}

void pg_stage_left_in(struct pg_conn *conn, const char *table, uint64_t left)
{
    struct error error;
    target_left_in(table, left, TARGET_POSTGRESQL, &error);
    error_wrap(&error, "%s", conn->target->name);
    pg_conn_fail(conn, &error);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static bool more_rows(struct pg_conn *conn, struct error *error)
{
    return conn->row == PG_COPY_ENDED ||
           pg_copy_rows(&conn->data, table_at(conn, conn->block->table), conn->block, &conn->row, PG_PIECE, error);
}

void pg_stage_copy(struct pg_conn *conn, pg_step next)
{
    const struct table *table = table_at(conn, conn->block->table);
    buf_put_text(&conn->sql, " (");
    target_sql_columns(&conn->sql, table);
    buf_put_text(&conn->sql, ") FROM STDIN (FORMAT binary)");
    conn->row = 0;
    pg_query_copy(conn, more_rows, next);
}

void pg_stage_make(struct pg_conn *conn, size_t table, pg_step next)
{
    if (conn->stage[table]) {
        next(conn, NULL);
        return;
    }
    conn->stage[table] = true;
    buf_reset(&conn->sql);
    buf_printf(&conn->sql, "CREATE TEMPORARY TABLE dropfold_stage_%zu ON COMMIT DROP AS SELECT ", table);
    target_sql_columns(&conn->sql, table_at(conn, table));
    target_sql_name(&conn->sql, " FROM ", table_at(conn, table)->name);
    buf_put_text(&conn->sql, " WITH NO DATA");
    pg_query_buf(conn, next);
}

static void copy_into_stage(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "COPY ");
    pg_stage_put_name(&conn->sql, conn->block->table);
    pg_stage_copy(conn, conn->copied);
}

/* The temporary table has the types that the table has now. */
static void check_stage(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_open_check_table(conn, copy_into_stage);
}

void pg_stage_block(struct pg_conn *conn, pg_step next)
{
    conn->copied = next;
    pg_stage_make(conn, conn->block->table, check_stage);
}
