#include "target/pg_recount.h"

#include <stdlib.h>

#include "target/pg_query.h"

void pg_recount_put_ask(struct buf *sql, const struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        buf_put_text(sql, ", EXISTS (WITH RECURSIVE c (oid) AS (SELECT pg_catalog.to_regclass(pg_catalog.quote_ident(");
        target_sql_literal(sql, pipeline->tables[i].name);
        buf_put_text(sql, "))::pg_catalog.oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i"
                          " JOIN c ON i.inhparent = c.oid) SELECT FROM c JOIN pg_catalog.pg_trigger AS t"
                          " ON t.tgrelid = c.oid WHERE NOT t.tgisinternal AND t.tgenabled <> 'D')");
    }
}

void pg_recount_take(struct pg_conn *conn, const PGresult *result)
{
    size_t tables = pipeline_delivered(conn->target->pipeline);
    for (size_t i = 0; i < tables; i++)
        conn->triggers[i] = PQgetvalue(result, 0, (int)(tables + i))[0] == 't';
}

/* A table that this delivery filled by upserts: to a collation of somebody's two keys may be one. */
static bool is_merged(const struct pg_conn *conn, size_t table)
{
    return conn->target->delivery->full && (conn->target->doubts || conn->guarded[table]);
}

/* Or whose triggers it may have set off. */
static bool is_counted(const struct pg_conn *conn, size_t table)
{
    const struct delivery *delivery = conn->target->delivery;
    return !delivery->compare && (conn->triggers[table] || is_merged(conn, table)) &&
           (delivery->full || delivery->upserts[table] > 0 || delivery->deletes[table] > 0);
}

static void recounted(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    struct target *target = conn->target;
    int column = 0;
    for (size_t i = 0; i < pipeline_delivered(target->pipeline); i++) {
        uint64_t wanted = target->delivery->to.rows[i];
        uint64_t found = is_counted(conn, i) ? strtoull(PQgetvalue(result, 0, column++), NULL, 10) : wanted;
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

/* What waits for the COMMIT to be done is done before the count. */
void pg_recount(struct pg_conn *conn, pg_step next)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    const char *between = "SET CONSTRAINTS ALL IMMEDIATE; SELECT ";
    conn->recounted = next;
    buf_reset(&conn->sql);
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        if (!is_counted(conn, i))
            continue;
        buf_put_text(&conn->sql, between);
        buf_put_text(&conn->sql, "(SELECT pg_catalog.count(*) FROM ");
        target_sql_name(&conn->sql, pipeline->tables[i].name);
        target_sql_where_ours(&conn->sql, pipeline, &pipeline->tables[i]);
        buf_put_text(&conn->sql, ")");
        between = ", ";
    }
    if (conn->sql.len > 0)
        pg_query_buf(conn, recounted);
    else
        next(conn, NULL);
}
