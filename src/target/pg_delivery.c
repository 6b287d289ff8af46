/*
 * A delivery.
 *
 *   begin    BEGIN, limits; lock the progress row and compare it; DELETE all rows of a full delivery and see that they
 *            are gone, else see which tables are empty
 *   write    deletes: DELETE ... USING unnest(arrays)
 *            upserts, into an empty table or of fresh keys: COPY, before the first of which the table's types are looked at
 *            once more; else INSERT ... SELECT ... FROM unnest(array of rows) ON CONFLICT
 *            either, when it took fewer rows than were sent: SELECT count(*), of those that are there
 *   commit   SELECT count(*) of the tables with triggers; UPDATE the progress row, and see what its triggers did; SELECT
 *            count(*) of the tables that others did something to; COMMIT
 *
 * The first delivery has no row to lock. It inserts one: of two hosts that both begin with an empty target the second
 * waits on the first one's key, then finds it taken, and gives up as diverged.
 *
 * Every write is done when its statement is: no COPY stays open between calls, so that the server's time-outs measure
 * the server and not the caller, and an error belongs to its block. A statement takes one block, so that none grows
 * with the delivery and the deadline holds for any size. No temporary table is made on the way: it would cost as much
 * as the arrays do, and leave dead rows in the catalogue each time. The session keeps nothing (pgbouncer).
 *
 * A key that is there after all, although it is fresh or the table was empty, was written by somebody else. Then the
 * target is opened again, which counts rows, and until a delivery works nothing goes by COPY.
 *
 * The database's owner can make a statement do less than it says: a trigger skips a row, a rule does nothing instead, a
 * policy hides rows. Such rows are missing from the number that the server answers with. The number alone is no proof:
 * a trigger may skip what is equal already, or put a row into a partition itself, and rows to delete may be gone. So it
 * only raises the question, and what the table has answers it. What triggers take out behind the statement is in no
 * number of its (pg_recount.h).
 */
#include "target/pg_delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/pg_arrays.h"
#include "target/pg_claim.h"
#include "target/pg_open.h"
#include "target/pg_query.h"
#include "target/pg_recount.h"
#include "target/pg_stage.h"

static const char progress_table[] = "dropfold_progress";

static const struct table *table_of(const struct pg_conn *conn)
{
    return &conn->target->pipeline->tables[conn->block->table];
}

static uint64_t number_at(const PGresult *result, int column)
{
    return strtoull(PQgetvalue(result, 0, column), NULL, 10);
}

/* --- begin -------------------------------------------------------------------------------------------------------- */

static void take_empty(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    const struct target *target = conn->target;
    pg_recount_take(conn, result, (int)pipeline_delivered(target->pipeline));
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

/* SELECT question FROM ...), question FROM ...): one column for each table; then that of pg_recount. */
static void put_ask_each(struct buf *sql, const struct pipeline *pipeline, const char *question)
{
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        buf_put_text(sql, i > 0 ? ", " : "SELECT ");
        buf_put_text(sql, question);
        target_sql_ours(sql, " FROM ", pipeline, &pipeline->tables[i]);
        buf_put_text(sql, ")");
    }
    pg_recount_put_ask(sql, pipeline);
}

/* Asked within the transaction and not taken from what open counted: a row put there since would break the COPY, and a
   table emptied since would be taken for what the last delivery left. */
static void put_ask_empty(struct buf *sql, const struct pipeline *pipeline)
{
    put_ask_each(sql, pipeline, "NOT EXISTS (SELECT");
}

static void ask_empty(struct pg_conn *conn)
{
    buf_reset(&conn->sql);
    put_ask_empty(&conn->sql, conn->target->pipeline);
    pg_query_buf(conn, take_empty);
}

static void emptied(struct pg_conn *conn, PGresult *result)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    pg_recount_take(conn, result, (int)pipeline_delivered(pipeline));
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        uint64_t left = number_at(result, (int)i);
        if (left > 0) {
            pg_stage_left_in(conn, pipeline->tables[i].name, left);
            return;
        }
    }
    pg_query_done(conn);
}

static void empty_tables(struct pg_conn *conn)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    buf_reset(&conn->sql);
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        conn->empty[i] = true;
        target_sql_ours(&conn->sql, "DELETE FROM ", pipeline, &pipeline->tables[i]);
        buf_put_text(&conn->sql, ";");
    }
    put_ask_each(&conn->sql, pipeline, "(SELECT pg_catalog.count(*)");
    pg_query_buf(conn, emptied);
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

/* Whether the row is what the target was last known to hold; when not, the connection has failed. Where none was known
   one was inserted that is not there (inserted). */
static bool matches(struct pg_conn *conn, const PGresult *result)
{
    struct error error;
    struct progress found;
    const struct progress *from = &conn->target->delivery->from;
    bool read = pg_open_read_progress(result, &found, &error);
    if (read && PQntuples(result) == 1 && progress_equal(&found, from))
        return true;
    if (read && !found.present && !from->present) {
        pg_stage_left_out(conn, progress_table, 0, 1);
        return false;
    }
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
    target_sql_put_rows(&conn->data, conn->target->pipeline, to->rows, &conn->target->owner);
    buf_put_byte(&conn->data, '\0');
    const char *values[] = {conn->target->pipeline->name, to->epoch, sequence, digest, conn->data.data};
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

/* The row is locked, and what is empty asked for, in the exchange that conn->sql begins. */
static void find_row(struct pg_conn *conn)
{
    const struct target *target = conn->target;
    bool asks = !target->delivery->full && pipeline_delivered(target->pipeline) > 0;
    if (!target->delivery->from.present) {
        if (conn->sql.len > 0)
            pg_query_buf(conn, begun);
        else
            insert_row(conn);
        return;
    }
    conn->matched = locked;
    put_match(conn, true);
    if (asks) {
        buf_put_byte(&conn->sql, ';');
        put_ask_empty(&conn->sql, target->pipeline);
    }
    pg_query_buf(conn, asks ? compare_both : compare);
}

static void claimed(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    buf_reset(&conn->sql);
    find_row(conn);
}

void pg_delivery_begin(struct pg_conn *conn)
{
    bool claims = target_owner_is_open(&conn->target->owner, conn->target->pipeline);
    conn->doing = "beginning a delivery";
    conn->doubtful = PG_ERROR_UNSUPPORTED; /* a pooler leads to another server now */
    memset(conn->known, 0, sizeof conn->known);
    memset(conn->guarded, 0, sizeof conn->guarded);
    buf_reset(&conn->sql);
    pg_open_put_begin(conn, true);
    buf_put_byte(&conn->sql, ';');
    if (claims)
        pg_claim(conn, claimed);
    else
        find_row(conn);
}

/* --- write -------------------------------------------------------------------------------------------------------- */

void pg_delivery_written(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_arrays_forget(conn, conn->block);
    block_free(conn->block);
    conn->block = NULL;
    pg_query_done(conn);
}

static const struct column *block_column(const struct pg_conn *conn, size_t i)
{
    return pg_arrays_column(conn, conn->block, i);
}

static bool is_key(const struct pg_conn *conn, size_t i)
{
    return conn->block->deletes || table_is_key(table_of(conn), i);
}

static void counted(struct pg_conn *conn, PGresult *result)
{
    uint64_t there = number_at(result, 0);
    const struct block *block = conn->block;
    if (block->deletes && there > 0)
        pg_stage_left_in(conn, table_of(conn)->name, there);
    else if (!block->deletes && there < block->rows)
        pg_stage_left_out(conn, table_of(conn)->name, there, block->rows);
    else
        pg_delivery_written(conn, result);
}

/* How many of the block's rows the table has: with these keys, of upserts with all these values. */
static void count_there(struct pg_conn *conn)
{
    struct buf *sql = &conn->sql;
    buf_reset(sql);
    buf_put_text(sql, "SELECT pg_catalog.count(*) FROM ");
    pg_arrays_put_unnest(conn);
    target_sql_name(sql, " WHERE EXISTS (SELECT FROM ", table_of(conn)->name);
    buf_put_text(sql, " AS old");
    for (size_t i = 0; i < conn->block->columns; i++) {
        const struct column *column = block_column(conn, i);
        target_sql_name(sql, i > 0 ? " AND old." : " WHERE old.", column->name);
        target_sql_name(sql, is_key(conn, i) ? " = new." : " IS NOT DISTINCT FROM new.", column->name);
        buf_put_text(sql, pg_arrays_cast(conn, i));
    }
    buf_put_text(sql, ")");
    pg_arrays_send(conn, counted);
}

static void taken(struct pg_conn *conn, PGresult *result)
{
    uint64_t rows = strtoull(PQcmdTuples(result), NULL, 10);
    conn->done[conn->block->table] += rows;
    if (rows < conn->block->rows)
        count_there(conn);
    else
        pg_delivery_written(conn, result);
}

static void write_deletes(struct pg_conn *conn)
{
    const struct table *table = table_of(conn);
    buf_reset(&conn->sql);
    target_sql_name(&conn->sql, "DELETE FROM ", table->name);
    buf_put_text(&conn->sql, " AS old USING ");
    pg_arrays_put_unnest(conn);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(&conn->sql, i > 0 ? " AND old." : " WHERE old.", block_column(conn, i)->name);
        target_sql_name(&conn->sql, " = new.", block_column(conn, i)->name);
    }
    pg_arrays_send(conn, taken);
}

static void write_upserts(struct pg_conn *conn)
{
    const struct table *table = table_of(conn);
    buf_reset(&conn->sql);
    pg_stage_put_insert(&conn->sql, table);
    pg_arrays_put_select(conn);
    target_sql_on_conflict(&conn->sql, table);
    pg_arrays_send(conn, taken);
}

/* COPY is refused where row-level security holds, whatever its policies let through. */
static void write_straight(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    if (conn->guarded[conn->block->table]) {
        write_upserts(conn);
        return;
    }
    buf_reset(&conn->sql);
    target_sql_name(&conn->sql, "COPY ", table_of(conn)->name);
    pg_stage_copy(conn, taken);
}

/* COPY writes it, where it may. */
static bool goes_straight(const struct pg_conn *conn, const struct block *block)
{
    return !block->deletes && !conn->target->doubts && (conn->empty[block->table] || block->fresh);
}

void pg_delivery_write(struct pg_conn *conn, struct block *block)
{
    conn->block = block;
    conn->doing = table_of(conn)->name;
    /* Somebody put a row there; or another index than that of the key is the cause, which a second try by keys that may
       be there will tell. */
    conn->doubtful = goes_straight(conn, block) ? PG_ERROR_TAKEN : NULL;
    if (block->deletes)
        write_deletes(conn);
    else if (goes_straight(conn, block))
        pg_open_check_table(conn, write_straight);
    else
        write_upserts(conn);
}

void pg_delivery_prepare(struct pg_conn *conn, const struct block *block)
{
    if (!goes_straight(conn, block))
        pg_arrays_prepare(conn, block);
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

static void commit_now(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_query_text(conn, "COMMIT", committed);
}

static void updated(struct pg_conn *conn, PGresult *result)
{
    if (strcmp(PQcmdTuples(result), "1") != 0)
        pg_stage_left_out(conn, progress_table, 0, 1);
    else if (conn->target->delivery->compare)
        commit_now(conn, result);
    else
        pg_recount_more(conn, result, 1, commit_now);
}

static void put_progress(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "UPDATE dropfold_progress SET epoch = $2, sequence = $3,"
                             " digest = pg_catalog.decode($4, 'hex'), rows = $5, delivered_at = pg_catalog.now()"
                             " WHERE pipeline = $1 RETURNING 1");
    if (!conn->target->delivery->compare)
        pg_recount_put_ask(&conn->sql, conn->target->pipeline);
    send_progress(conn, updated);
}

void pg_delivery_commit(struct pg_conn *conn)
{
    conn->doing = "committing";
    conn->doubtful = NULL;
    if (conn->target->delivery->compare)
        put_progress(conn, NULL);
    else
        pg_recount(conn, put_progress);
}
