/*
 * A delivery.
 *
 *   begin    BEGIN, limits; lock the progress row and compare it; DELETE all rows of a full delivery, else see which
 *            tables are empty
 *   write    deletes: DELETE ... USING unnest(arrays)
 *            upserts, into an empty table or of fresh keys: COPY; else INSERT ... SELECT unnest(arrays) ON CONFLICT
 *   commit   UPDATE the progress row, COMMIT
 *
 * The first delivery has no row to lock. It inserts one: of two hosts that both begin with an empty target the second
 * waits on the first one's key, then finds it taken, and gives up as diverged.
 *
 * Every write is done when its statement is: no COPY stays open between calls, so that the server's time-outs measure
 * the server and not the caller, and an error belongs to its block. A statement takes one block, so that none grows with
 * the delivery and the deadline holds for any size. No temporary table is made on the way: it would cost as much as the
 * arrays do, and leave dead rows in the catalogue each time. The session keeps nothing (pgbouncer).
 *
 * A fresh key that is there after all was written by somebody else. Then the target is opened again, which counts rows,
 * and until a delivery works no key is taken to be fresh.
 */
#include "target/pg_delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "target/pg_copy.h"
#include "target/pg_open.h"
#include "target/pg_query.h"
#include "target/pg_stage.h"

static void worked(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_query_done(conn);
}

static const struct table *table_of(const struct pg_conn *conn)
{
    return &conn->target->pipeline->tables[conn->block->table];
}

/* --- begin -------------------------------------------------------------------------------------------------------- */

static void take_empty(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    const struct target *target = conn->target;
    for (size_t i = 0; i < pipeline_delivered(target->pipeline); i++) {
        uint64_t rows = target->delivery->from.rows[i];
        conn->empty[i] = PQgetvalue(result, 0, (int)i)[0] == 't';
        if (conn->empty[i] && rows > 0) {
            target_emptied(target->pipeline->tables[i].name, rows, &error);
            error_wrap(&error, "%s", target->name);
            pg_conn_fail(conn, &error);
            return;
        }
    }
    pg_query_done(conn);
}

/* Asked within the transaction and not taken from what open counted: a row put there since would break the COPY, and a
   table emptied since would be taken for what the last delivery left. */
static void put_ask_empty(struct buf *sql, const struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        buf_put_text(sql, i > 0 ? ", NOT EXISTS (SELECT FROM " : "SELECT NOT EXISTS (SELECT FROM ");
        target_sql_name(sql, pipeline->tables[i].name);
        target_sql_where_ours(sql, pipeline, &pipeline->tables[i]);
        buf_put_text(sql, ")");
    }
}

static void ask_empty(struct pg_conn *conn)
{
    buf_reset(&conn->sql);
    put_ask_empty(&conn->sql, conn->target->pipeline);
    pg_query_buf(conn, take_empty);
}

static void empty_tables(struct pg_conn *conn)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    buf_reset(&conn->sql);
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        conn->empty[i] = true;
        buf_put_text(&conn->sql, "DELETE FROM ");
        target_sql_name(&conn->sql, pipeline->tables[i].name);
        target_sql_where_ours(&conn->sql, pipeline, &pipeline->tables[i]);
        buf_put_text(&conn->sql, ";");
    }
    pg_query_buf(conn, worked);
}

static void locked(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    if (pipeline_delivered(conn->target->pipeline) == 0)
        pg_query_done(conn);
    else if (conn->target->delivery->full)
        empty_tables(conn);
    else
        ask_empty(conn);
}

/* Whether the row is what the target was last known to hold; when not, the connection has failed. */
static bool matches(struct pg_conn *conn, const PGresult *result)
{
    struct error error;
    struct progress found;
    const struct progress *from = &conn->target->delivery->from;
    bool read = pg_open_read_progress(result, &found, &error);
    if (read && PQntuples(result) == 1 && target_same_history(&found, from))
        return true;
    if (read) {
        target_diverged(&found, from, &error);
        error_wrap(&error, "%s", conn->target->name);
    }
    pg_conn_fail(conn, &error);
    return false;
}

static void compare(struct pg_conn *conn, PGresult *result)
{
    if (matches(conn, result))
        conn->matched(conn, result);
}

static void put_match(struct pg_conn *conn, bool lock)
{
    buf_put_text(&conn->sql, "SELECT epoch, sequence, pg_catalog.encode(digest, 'hex'), rows FROM dropfold_progress"
                             " WHERE pipeline = ");
    target_sql_literal(&conn->sql, conn->target->pipeline->name);
    buf_put_text(&conn->sql, lock ? " FOR UPDATE" : "");
}

void pg_delivery_match(struct pg_conn *conn, bool lock, pg_step next)
{
    conn->matched = next;
    buf_reset(&conn->sql);
    put_match(conn, lock);
    pg_query_buf(conn, compare);
}

/* Sends a statement about the progress row, already in conn->sql, with the values it is to have. */
static void send_progress(struct pg_conn *conn, pg_step next)
{
    const struct progress *to = &conn->target->delivery->to;
    char sequence[24], digest[DIGEST_HEX_SIZE];
    snprintf(sequence, sizeof sequence, "%" PRIu64, to->sequence);
    digest_hex(&to->digest, digest);
    buf_reset(&conn->data);
    target_sql_put_rows(&conn->data, to->rows, pipeline_delivered(conn->target->pipeline));
    buf_put_byte(&conn->data, '\0');
    const char *rows = conn->data.failed ? "{}" : conn->data.data;
    const char *values[] = {conn->target->pipeline->name, to->epoch, sequence, digest, rows};
    pg_query_params(conn, COUNT_OF(values), values, NULL, NULL, next);
}

static void inserted(struct pg_conn *conn, PGresult *result)
{
    char *tuples = PQcmdTuples(result);
    if (strcmp(tuples, "1") == 0)
        locked(conn, result);
    else
        pg_delivery_match(conn, true, locked); /* only to tell what it holds */
}

static void insert_row(struct pg_conn *conn)
{
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "INSERT INTO dropfold_progress (pipeline, epoch, sequence, digest, rows, delivered_at)"
                             " VALUES ($1, $2, $3, pg_catalog.decode($4, 'hex'), $5, pg_catalog.now())"
                             " ON CONFLICT (pipeline) DO NOTHING");
    send_progress(conn, inserted);
}

static void begun(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    insert_row(conn);
}

static void compare_both(struct pg_conn *conn, PGresult *result)
{
    if (matches(conn, conn->before))
        take_empty(conn, result);
}

/* The row is locked, and what is empty asked for, in the same exchange. */
void pg_delivery_begin(struct pg_conn *conn)
{
    const struct target *target = conn->target;
    bool asks = !target->delivery->full && pipeline_delivered(target->pipeline) > 0;
    conn->doing = "beginning a delivery";
    pg_open_put_begin(conn);
    if (!target->delivery->from.present) {
        pg_query_buf(conn, begun);
        return;
    }
    conn->matched = locked;
    buf_put_byte(&conn->sql, ';');
    put_match(conn, true);
    if (asks) {
        buf_put_byte(&conn->sql, ';');
        put_ask_empty(&conn->sql, target->pipeline);
    }
    pg_query_buf(conn, asks ? compare_both : compare);
}

/* --- write -------------------------------------------------------------------------------------------------------- */

void pg_delivery_written(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    block_free(conn->block);
    conn->block = NULL;
    pg_query_done(conn);
}

static const struct column *block_column(const struct pg_conn *conn, size_t i)
{
    const struct table *table = table_of(conn);
    return &table->columns[conn->block->deletes ? table->key[i] : i];
}

static bool is_list(const struct column *column)
{
    return column->type == SQL_BIGINTS;
}

/* unnest($1::integer[], $2::...) AS new ("a", ...) */
static void put_unnest(struct pg_conn *conn)
{
    for (size_t i = 0; i < conn->block->columns; i++)
        buf_printf(&conn->sql, "%s$%zu::%s[]", i > 0 ? ", " : "unnest(", i + 1,
                   sql_type_name(is_list(block_column(conn, i)) ? SQL_TEXT : block_column(conn, i)->type));
    buf_put_text(&conn->sql, ") AS new (");
    for (size_t i = 0; i < conn->block->columns; i++) {
        buf_put_text(&conn->sql, i > 0 ? ", " : "");
        target_sql_name(&conn->sql, block_column(conn, i)->name);
    }
    buf_put_text(&conn->sql, ")");
}

/* Sends conn->sql with the block's columns as its parameters. */
static void send_arrays(struct pg_conn *conn)
{
    struct error error;
    size_t starts[PIPELINE_COLUMNS_MAX];
    const char *values[PIPELINE_COLUMNS_MAX];
    int lengths[PIPELINE_COLUMNS_MAX], formats[PIPELINE_COLUMNS_MAX];
    size_t columns = conn->block->columns;
    buf_reset(&conn->data);
    for (size_t i = 0; i < columns; i++) {
        starts[i] = conn->data.len;
        if (!pg_copy_array(&conn->data, block_column(conn, i), conn->block, i, &error)) {
            pg_conn_fail(conn, &error);
            return;
        }
        lengths[i] = (int)(conn->data.len - starts[i]);
        formats[i] = 1;
    }
    for (size_t i = 0; i < columns; i++)
        values[i] = conn->data.data + starts[i];
    pg_query_params(conn, (int)columns, values, lengths, formats, pg_delivery_written);
}

static void write_deletes(struct pg_conn *conn)
{
    const struct table *table = table_of(conn);
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "DELETE FROM ");
    target_sql_name(&conn->sql, table->name);
    buf_put_text(&conn->sql, " AS old USING ");
    put_unnest(conn);
    for (size_t i = 0; i < table->key_count; i++) {
        buf_put_text(&conn->sql, i > 0 ? " AND old." : " WHERE old.");
        target_sql_name(&conn->sql, block_column(conn, i)->name);
        buf_put_text(&conn->sql, " = new.");
        target_sql_name(&conn->sql, block_column(conn, i)->name);
    }
    send_arrays(conn);
}

/* In the list of what is selected arrays are taken apart as the rows are asked for; in FROM each is first written to a
   store of its own. */
static void write_upserts(struct pg_conn *conn)
{
    const struct table *table = table_of(conn);
    buf_reset(&conn->sql);
    pg_stage_put_insert(&conn->sql, table);
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(&conn->sql, "%spg_catalog.unnest($%zu::%s[])%s", i > 0 ? ", " : "", i + 1,
                   sql_type_name(is_list(&table->columns[i]) ? SQL_TEXT : table->columns[i].type),
                   is_list(&table->columns[i]) ? "::bigint[]" : "");
    target_sql_on_conflict(&conn->sql, table);
    send_arrays(conn);
}

static void write_straight(struct pg_conn *conn)
{
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "COPY ");
    target_sql_name(&conn->sql, table_of(conn)->name);
    pg_stage_copy(conn, pg_delivery_written);
}

void pg_delivery_write(struct pg_conn *conn, struct block *block)
{
    conn->block = block;
    conn->doing = table_of(conn)->name;
    conn->fresh = block->fresh && !conn->target->doubts;
    if (block->deletes)
        write_deletes(conn);
    else if (conn->empty[block->table] || conn->fresh)
        write_straight(conn);
    else
        write_upserts(conn);
}

/* --- commit ------------------------------------------------------------------------------------------------------- */

/* The server answers the COMMIT of a failed transaction with success and the tag ROLLBACK. */
static void committed(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    const char *tag = PQcmdStatus(result);
    if (strcmp(tag, "COMMIT") == 0) {
        pg_query_done(conn);
        return;
    }
    error_set(&error, ERROR_TARGET, "%s: the server answered COMMIT with %s", conn->target->name, tag);
    pg_conn_fail(conn, &error);
}

static void updated(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    const char *tuples = PQcmdTuples(result);
    if (strcmp(tuples, "1") == 0) {
        pg_query_text(conn, "COMMIT", committed);
        return;
    }
    error_set(&error, ERROR_REFUSED, "%s: the progress row cannot be updated", conn->target->name);
    pg_conn_fail(conn, &error);
}

void pg_delivery_commit(struct pg_conn *conn)
{
    conn->doing = "committing";
    conn->fresh = false;
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "UPDATE dropfold_progress SET epoch = $2, sequence = $3,"
                             " digest = pg_catalog.decode($4, 'hex'), rows = $5, delivered_at = pg_catalog.now()"
                             " WHERE pipeline = $1");
    send_progress(conn, updated);
}
