#include "target/pg_recount.h"

#include <stdlib.h>
#include <string.h>

#include "target/pg_query.h"

/* --- what the server says ----------------------------------------------------------------------------------------- */

/* Of each relation that is no view "oid triggers done", with what lies in its partitions, one after the other. */
void pg_recount_put_ask(struct buf *sql, const struct pipeline *pipeline)
{
    buf_put_text(sql, ", (WITH RECURSIVE c (number, root, oid) AS (SELECT w.number, r.oid, r.oid FROM (VALUES ");
    for (size_t i = 0; i <= pipeline_delivered(pipeline); i++) {
        buf_printf(sql, "%s(%zu, ", i > 0 ? ", " : "", i);
        target_sql_literal(sql, target_shape_name(pipeline, i));
        buf_put_byte(sql, ')');
    }
    buf_put_text(sql, ") AS w (number, name) CROSS JOIN LATERAL"
                      " (SELECT pg_catalog.to_regclass(pg_catalog.quote_ident(w.name))::pg_catalog.oid) AS r (oid)"
                      " UNION SELECT c.number, c.root, i.inhrelid"
                      " FROM c JOIN pg_catalog.pg_inherits AS i ON i.inhparent = c.oid)"
                      " SELECT pg_catalog.string_agg(s.words, ' ' ORDER BY s.number) FROM"
                      " (SELECT c.number, pg_catalog.concat_ws(' ', coalesce(c.root, 0),"
                      " pg_catalog.sum((SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger AS t"
                      " WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D')),"
                      " pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid)"
                      " + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)"
                      " + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)))"
                      " FROM c GROUP BY c.number, c.root) AS s (number, words))");
}

static void read_tallies(const PGresult *result, int column, struct pg_tally *tallies, size_t count)
{
    char *at = PQgetvalue(result, 0, column);
    for (size_t i = 0; i < count; i++) {
        tallies[i].oid = strtoull(at, &at, 10);
        tallies[i].triggers = strtoull(at, &at, 10) > 0;
        tallies[i].done = strtoull(at, &at, 10);
    }
}

void pg_recount_take(struct pg_conn *conn, const PGresult *result, int column)
{
    read_tallies(result, column, conn->tallies, 1 + pipeline_delivered(conn->target->pipeline));
    memset(conn->done, 0, sizeof conn->done);
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

static void recounted(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    struct target *target = conn->target;
    int column = 0;
    for (size_t i = 0; i < pipeline_delivered(target->pipeline); i++) {
        uint64_t wanted = target->delivery->to.rows[i];
        uint64_t found = conn->counted[i] ? strtoull(PQgetvalue(result, 0, column++), NULL, 10) : wanted;
        if (found == wanted)
            continue;
        target_miscounted(target->pipeline, target->delivery, i, found, target->miscounted, &error);
        error_wrap(&error, "%s", target->name);
        target->miscounted = true;
        pg_conn_fail(conn, &error);
        return;
    }
    conn->recounted(conn, result);
}

/* Those of conn->counted. What waits for the COMMIT to be done is done before the count. */
static void count_tables(struct pg_conn *conn, pg_step next)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    const char *between = "SET CONSTRAINTS ALL IMMEDIATE; SELECT ";
    conn->recounted = next;
    buf_reset(&conn->sql);
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        if (!conn->counted[i])
            continue;
        buf_put_text(&conn->sql, between);
        target_sql_ours(&conn->sql, "(SELECT pg_catalog.count(*) FROM ", pipeline, &pipeline->tables[i]);
        buf_put_text(&conn->sql, ")");
        between = ", ";
    }
    if (conn->sql.len > 0)
        pg_query_buf(conn, recounted);
    else
        next(conn, NULL);
}

/* To a collation of somebody's two keys may be one, or it may have set triggers off. */
static bool is_counted(const struct pg_conn *conn, size_t table)
{
    const struct delivery *delivery = conn->target->delivery;
    return (conn->tallies[1 + table].triggers || conn->loose[table]) &&
           (delivery->full || delivery->upserts[table] > 0 || delivery->deletes[table] > 0);
}

void pg_recount(struct pg_conn *conn, pg_step next)
{
    for (size_t i = 0; i < pipeline_delivered(conn->target->pipeline); i++)
        conn->counted[i] = is_counted(conn, i);
    count_tables(conn, next);
}

/* --- what others did ---------------------------------------------------------------------------------------------- */

/* A schema that took another's place amid the delivery: part of the rows went to the one, and part to the other. */
static bool is_same(struct pg_conn *conn, const struct pg_tally *now, size_t relation)
{
    struct error error;
    if (now->oid == conn->tallies[relation].oid)
        return true;
    error_set(&error, ERROR_DIVERGED, "%s: table \"%s\" is another one than when the delivery began",
              conn->target->name, target_shape_name(conn->target->pipeline, relation));
    pg_conn_fail(conn, &error);
    return false;
}

static void look_at_tallies(struct pg_conn *conn, const struct pg_tally *now)
{
    size_t tables = pipeline_delivered(conn->target->pipeline);
    for (size_t i = 0; i <= tables; i++)
        if (!is_same(conn, &now[i], i))
            return;
    for (size_t i = 0; i < tables; i++)
        conn->counted[i] = !conn->counted[i] && now[1 + i].done - conn->tallies[1 + i].done > conn->done[i];
    count_tables(conn, conn->recounted);
}

static void asked_again(struct pg_conn *conn, PGresult *result)
{
    struct pg_tally now[1 + PIPELINE_DELIVERED_MAX];
    read_tallies(result, 1, now, 1 + pipeline_delivered(conn->target->pipeline));
    memset(conn->counted, 0, sizeof conn->counted);
    look_at_tallies(conn, now);
}

/* The column came with the row of progress, before its triggers did what they do. */
void pg_recount_more(struct pg_conn *conn, const PGresult *result, int column, pg_step next)
{
    struct pg_tally now[1 + PIPELINE_DELIVERED_MAX];
    const struct pipeline *pipeline = conn->target->pipeline;
    if (pipeline_delivered(pipeline) == 0) { /* then nothing was taken at the beginning */
        next(conn, NULL);
        return;
    }
    conn->recounted = next;
    read_tallies(result, column, now, 1 + pipeline_delivered(pipeline));
    if (!now[0].triggers) {
        look_at_tallies(conn, now);
        return;
    }
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "SET CONSTRAINTS ALL IMMEDIATE; SELECT 1");
    pg_recount_put_ask(&conn->sql, pipeline);
    pg_query_buf(conn, asked_again);
}
