#include "target/pg_claim.h"

#include "target/pg_open.h"
#include "target/pg_query.h"
#include "target/pg_stage.h"

static const char rows_sql[] = "SELECT pipeline, rows FROM dropfold_progress";

static void claim(struct pg_conn *conn, PGresult *result)
{
    conn->target->owner.marked = true;
    conn->claimed(conn, result);
}

/* By a row that a trigger or a policy of somebody's kept the other pipeline would go on delivering. */
static void taken_out(struct pg_conn *conn, PGresult *result)
{
    uint64_t left = 0;
    struct target_owner owner = conn->target->owner;
    for (int row = 0; row < PQntuples(result); row++)
        left +=
            target_owner_read(&owner, conn->target->pipeline, PQgetvalue(result, row, 0), PQgetvalue(result, row, 1));
    if (left > 0)
        pg_stage_left_in(conn, "dropfold_progress", left);
    else
        claim(conn, result);
}

static void refuse(struct pg_conn *conn)
{
    struct error error;
    target_claimed(&conn->target->owner, &error);
    error_wrap(&error, "%s", conn->target->name);
    pg_conn_fail(conn, &error);
}

static void read_rows(struct pg_conn *conn, PGresult *result)
{
    struct target *target = conn->target;
    bool takes = target->owner.table;
    buf_reset(&conn->sql);
    for (int row = 0; row < PQntuples(result); row++) {
        const char *name = PQgetvalue(result, row, 0);
        if (!target_owner_read(&target->owner, target->pipeline, name, PQgetvalue(result, row, 1)))
            continue;
        buf_put_text(&conn->sql, "DELETE FROM dropfold_progress WHERE pipeline = ");
        target_sql_literal(&conn->sql, name);
        buf_put_byte(&conn->sql, ';');
    }
    if (conn->sql.len == 0) {
        claim(conn, result);
    } else if (takes) {
        buf_put_text(&conn->sql, rows_sql);
        pg_query_buf(conn, taken_out);
    } else {
        refuse(conn);
    }
}

/* Whoever else claims a table waits for the lock until this delivery is over, and then sees its marks. */
void pg_claim(struct pg_conn *conn, pg_step next)
{
    conn->claimed = next;
    buf_put_text(&conn->sql, "SELECT pg_catalog.pg_advisory_xact_lock(" PG_OPEN_LOCK ");");
    buf_put_text(&conn->sql, rows_sql);
    pg_query_buf(conn, read_rows);
}
