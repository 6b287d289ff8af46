/*
 * What a view says the server tells in words of its own, so it is asked to take the pipeline's, as temporary views, and
 * to put both into these words. Those that differ are made anew; the temporary ones go as they came, with their
 * transaction.
 */
#include "target/pg_views.h"

#include <stdlib.h>

#include "target/pg_open.h"
#include "target/pg_query.h"

static size_t first_view(const struct pipeline *pipeline)
{
    return target_shape_relations(pipeline) - pipeline->view_count;
}

static void views_stand(struct pg_conn *conn, PGresult *result)
{
    conn->target->views_stand = true;
    conn->viewed(conn, result);
}

static void make_anew(struct pg_conn *conn, PGresult *result)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    buf_reset(&conn->sql);
    if (PQntuples(result) == 0) {
        buf_put_text(&conn->sql, "ROLLBACK;");
        pg_open_put_begin(conn, false);
        pg_query_buf(conn, views_stand);
        return;
    }
    buf_put_text(&conn->sql, "ROLLBACK TO SAVEPOINT dropfold_views;\n");
    for (int row = 0; row < PQntuples(result); row++) {
        size_t relation = strtoul(PQgetvalue(result, row, 0), NULL, 10);
        if (relation < first_view(pipeline) || relation >= target_shape_relations(pipeline))
            continue;
        target_sql_remake(&conn->sql, pipeline, relation, PQgetvalue(result, row, 1));
        if (!conn->target->remade)
            conn->target->remade = target_shape_name(pipeline, relation);
    }
    buf_put_text(&conn->sql, "COMMIT;");
    pg_open_put_begin(conn, false);
    buf_reset(&conn->data);
    buf_printf(&conn->data, "making view \"%s\" anew (drop it where that cannot be)", conn->target->remade);
    buf_put_byte(&conn->data, '\0');
    conn->doing = conn->data.failed ? "making a view anew" : conn->data.data;
    pg_query_buf(conn, views_stand);
}

/* A materialized view that somebody has put in the place of one is theirs. */
void pg_views(struct pg_conn *conn, pg_step next)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    if (pipeline->view_count == 0 || !conn->trying || conn->target->look || conn->target->views_stand) {
        next(conn, NULL);
        return;
    }
    conn->viewed = next;
    conn->doing = "looking at the views";
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "ROLLBACK;");
    pg_open_put_begin(conn, true);
    buf_put_text(&conn->sql, "; SELECT pg_catalog.pg_advisory_xact_lock(" PG_OPEN_LOCK ");"
                             "SAVEPOINT dropfold_views;\n");
    for (size_t i = first_view(pipeline); i < target_shape_relations(pipeline); i++) {
        buf_printf(&conn->sql, "CREATE TEMPORARY VIEW dropfold_view_%zu AS ", i);
        target_sql_query(&conn->sql, pipeline, i, TARGET_POSTGRESQL);
        buf_put_text(&conn->sql, ";\n");
    }
    buf_put_text(&conn->sql, "SELECT w.number, n.nspname FROM (VALUES ");
    for (size_t i = first_view(pipeline); i < target_shape_relations(pipeline); i++) {
        buf_printf(&conn->sql, "%s(%zu, ", i > first_view(pipeline) ? ", " : "", i);
        target_sql_literal(&conn->sql, target_shape_name(pipeline, i));
        buf_put_byte(&conn->sql, ')');
    }
    buf_put_text(&conn->sql,
                 ") AS w (number, name)"
                 " JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(w.name))"
                 " AND c.relkind = 'v'"
                 " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                 " WHERE pg_catalog.pg_get_viewdef(c.oid) <> pg_catalog.pg_get_viewdef("
                 "pg_catalog.to_regclass('pg_temp.dropfold_view_' || w.number))"
                 " ORDER BY w.number");
    pg_query_buf(conn, make_anew);
}
