/*
 * Opening.
 *
 *   begin, find --all there--> try --> read, end
 *               --missing--> begin to write, lock --> find again --> create, commit, begin --> try --> read, end
 *   of a look: begin, find --> read --> ask for the rights that a delivery would need, end
 *
 * Rows that row-level security hides from this role it would take for gone, and leave there. So it has to be let read
 * all. A temporary table, which a pooler's session may have, is found only where there is no other of its name: that
 * one is missing.
 *
 * All of it has limits of its own. Those of the role are made for others; and a server that waits for a lock, or counts
 * for long, does not notice that the connection was given up: each try would leave it one session more.
 *
 * A server in recovery takes no rows, and is one that may pass: it is promoted, or another becomes the first of the
 * addresses.
 *
 * The catalogue is asked before anything is created, so that a role without CREATE can deliver into tables that exist.
 * An advisory lock makes several processes that start on an empty database create one after the other. Names are looked
 * up as the server itself would, along the search path.
 */
#include "target/pg_open.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "target/pg_query.h"
#include "target/pg_views.h"

static const char find_sql[] =
    "SELECT w.number, c.relkind IN ('r', 'p'), c.relkind IN ('v', 'm'), a.attname,"
    " pg_catalog.format_type(a.atttypid, a.atttypmod)"
    " || CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN ' generated' ELSE '' END,"
    " a.attnotnull, a.attnum = ANY (k.conkey),"
    " pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY'), k.condeferrable,"
    " pg_catalog.row_security_active(c.oid), n.nspname,"
    " pg_catalog.row_security_active(c.oid) AND NOT coalesce((SELECT"
    " pg_catalog.bool_or(p.polpermissive AND p.everything)"
    " AND pg_catalog.bool_and(p.polpermissive OR p.everything) FROM (SELECT polpermissive, polroles, polcmd,"
    " pg_catalog.pg_get_expr(polqual, polrelid) = 'true' AS everything"
    " FROM pg_catalog.pg_policy WHERE polrelid = c.oid) AS p WHERE p.polcmd IN ('r', '*')"
    " AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS r (oid)"
    " WHERE r.oid = 0 OR pg_catalog.pg_has_role(r.oid, 'USAGE'))), false),"
    " EXISTS (SELECT FROM pg_catalog.pg_collation AS l WHERE l.oid = a.attcollation AND NOT l.collisdeterministic),"
    " CASE WHEN c.reltype = pg_catalog.to_regtype(pg_catalog.quote_ident(w.name)) THEN c.reltype ELSE 0 END"
    " FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS w (name, number)"
    " JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(w.name))"
    " AND c.relpersistence <> 't' JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'"
    " ORDER BY w.number, a.attnum";

/* The first right that is missing, and of what. */
static const char rights_sql[] =
    "SELECT w.name, CASE WHEN c.oid IS NULL THEN '' ELSE r.name END, coalesce(pg_catalog.current_schema(), '')"
    " FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS w (name, number)"
    " CROSS JOIN (VALUES (1, 'INSERT'), (2, 'UPDATE'), (3, 'DELETE')) AS r (number, name)"
    " LEFT JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(w.name))"
    " AND c.relpersistence <> 't' WHERE CASE WHEN c.oid IS NULL"
    " THEN NOT coalesce(pg_catalog.has_schema_privilege(pg_catalog.current_schema(), 'CREATE'), false)"
    " ELSE c.relkind IN ('r', 'p') AND NOT pg_catalog.has_table_privilege(c.oid, r.name) END"
    " ORDER BY w.number, r.number LIMIT 1";

bool pg_open_read_progress(const PGresult *result, struct progress *progress, struct error *error)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0)) {
        memset(progress, 0, sizeof *progress);
        return true;
    }
    const struct target_sql_progress row = {.epoch = PQgetvalue(result, 0, 0),
                                            .sequence = PQgetvalue(result, 0, 1),
                                            .digest = PQgetvalue(result, 0, 2),
                                            .rows = PQgetvalue(result, 0, 3)};
    return target_sql_read_progress(&row, progress, error);
}

enum {
    TRANSACTION_LIMIT_SINCE = 170000 /* older servers do not know transaction_timeout */
};

void pg_open_put_settings(struct pg_conn *conn)
{
    buf_put_text(&conn->sql, ";SET LOCAL quote_all_identifiers = off;"
                             "SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('search_path') ||"
                             " CASE WHEN pg_catalog.current_schema() IS NULL THEN '' ELSE ', pg_temp' END, true)");
    if (PQserverVersion(conn->pg) >= TRANSACTION_LIMIT_SINCE)
        buf_put_text(&conn->sql, ";SET LOCAL transaction_timeout = 0");
}

/* lock_timeout is the shorter one, so that waiting for another's lock is told from slowness. */
void pg_open_put_begin(struct pg_conn *conn, bool writes)
{
    int64_t patience = conn->target->patience / 1000;
    int64_t deadline = conn->target->deadline / 1000;
    buf_printf(&conn->sql,
               "BEGIN ISOLATION LEVEL READ COMMITTED READ %s;"
               "SET LOCAL statement_timeout = %" PRId64 ";"
               "SET LOCAL lock_timeout = %" PRId64 ";"
               "SET LOCAL idle_in_transaction_session_timeout = %" PRId64 ";"
               "SET LOCAL synchronous_commit = on",
               writes ? "WRITE" : "ONLY", patience, deadline / 2 + 1, deadline + 1);
    pg_open_put_settings(conn);
}

/* An element of an array's text. */
static void put_element(struct buf *out, const char *text)
{
    buf_put_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_put_byte(out, '\\');
        buf_put_byte(out, (uint8_t)*text);
    }
    buf_put_byte(out, '"');
}

/* Sends a statement whose parameter is the names of `count` relations, from number `first` on. */
static void ask_with_names(struct pg_conn *conn, const char *sql, size_t first, size_t count, pg_step next)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    buf_reset(&conn->data);
    for (size_t i = 0; i < count; i++) {
        buf_put_byte(&conn->data, i > 0 ? ',' : '{');
        put_element(&conn->data, target_shape_name(pipeline, first + i));
    }
    buf_put(&conn->data, "}", sizeof "}");
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, sql);
    const char *names = conn->data.data;
    pg_query_params(conn, 1, &names, NULL, NULL, next);
}

static void ask_about_all(struct pg_conn *conn, const char *sql, pg_step next)
{
    ask_with_names(conn, sql, 0, target_shape_relations(conn->target->pipeline), next);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Nothing was written. */
static void rolled_back(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    pg_query_done(conn);
}

static void say_nowhere(const char *name, struct error *error)
{
    error_set(error, ERROR_REFUSED,
              "\"%s\" is missing, and no schema of this role's search_path is there to make it in", name);
}

static void take_rights(struct pg_conn *conn, PGresult *result)
{
    struct target *target = conn->target;
    if (PQntuples(result) == 0) {
        pg_query_text(conn, "ROLLBACK", rolled_back);
        return;
    }
    const char *name = PQgetvalue(result, 0, 0), *right = PQgetvalue(result, 0, 1), *schema = PQgetvalue(result, 0, 2);
    if (right[0])
        error_set(&target->barred, ERROR_REFUSED, "this role has no right to %s in \"%s\"%s", right, name,
                  pg_error_remedy());
    else if (schema[0])
        error_set(&target->barred, ERROR_REFUSED, "\"%s\" is missing, and this role may not make it in schema \"%s\"%s",
                  name, schema, pg_error_remedy());
    else
        say_nowhere(name, &target->barred);
    error_wrap(&target->barred, "%s", target->name);
    pg_query_text(conn, "ROLLBACK", rolled_back);
}

/* What was read is all that is wanted, but of a look, which says what the next delivery will meet. */
static void have_read(struct pg_conn *conn)
{
    if (conn->standby)
        pg_open_say_standby(conn, &conn->target->barred);
    if (conn->target->look && !conn->target->mend && !conn->standby)
        ask_about_all(conn, rights_sql, take_rights);
    else
        pg_query_text(conn, "ROLLBACK", rolled_back);
}

static void take_progress(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    struct target *target = conn->target;
    int others = 4 + (int)pipeline_delivered(target->pipeline);
    if (!pg_open_read_progress(result, &target->progress, &error)) {
        pg_conn_fail(conn, &error);
        return;
    }
    memset(target->rows, 0, sizeof target->rows);
    for (size_t i = 0; i < pipeline_delivered(target->pipeline); i++)
        target->rows[i] = strtoull(PQgetvalue(result, 0, 4 + (int)i), NULL, 10);
    for (int row = 0; row < PQntuples(result); row++)
        (void)target_owner_read(&target->owner, target->pipeline, PQgetvalue(result, row, others),
                                PQgetvalue(result, row, others + 1));
    have_read(conn);
}

/* As p, and with all its rows as o. */
static void put_progress_rows(struct pg_conn *conn)
{
    const char *from =
        conn->shapes[0].exists
            ? "dropfold_progress"
            : "(SELECT '' AS pipeline, '' AS epoch, 0 AS sequence, ''::bytea AS digest, '' AS rows WHERE false)";
    buf_printf(&conn->sql, " FROM (SELECT 1) AS one LEFT JOIN %s AS p ON p.pipeline = $1 LEFT JOIN %s AS o ON true",
               from, from);
}

/* One statement is one snapshot: progress and counts belong together. What does not exist counts as empty. */
static void read_progress(struct pg_conn *conn, PGresult *result)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    (void)result;
    conn->target->missing = target_shape_missing(pipeline, conn->shapes);
    conn->doing = "reading the progress";
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "SELECT p.epoch, p.sequence, pg_catalog.encode(p.digest, 'hex'), p.rows");
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++) {
        if (!conn->shapes[i + 1].exists) {
            buf_put_text(&conn->sql, ", 0");
            continue;
        }
        target_sql_ours(&conn->sql, ", (SELECT pg_catalog.count(*) FROM ", pipeline, &pipeline->tables[i]);
        buf_put_text(&conn->sql, ")");
    }
    buf_put_text(&conn->sql, ", o.pipeline, o.rows");
    put_progress_rows(conn);
    pg_query_params(conn, 1, &pipeline->name, NULL, NULL, take_progress);
}

/* --- finding and making ------------------------------------------------------------------------------------------- */

static bool is_true(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

/* Whether the table's columns come in the pipeline's order, as far as their types go: rows are told apart by these
   only. */
static bool has_our_rows(const struct table *table, const struct target_shape *shape)
{
    bool same = shape->count == table->column_count;
    for (size_t i = 0; same && i < table->column_count; i++)
        same = strcasecmp(shape->columns[i].type, sql_type_name(table->columns[i].type)) == 0;
    return same;
}

/* What a row of the result says of a table but the one of progress: number `table` of those that are delivered. */
static void take_table(struct pg_conn *conn, PGresult *result, int row, size_t table)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    if (is_true(result, row, 6) && is_true(result, row, 12))
        conn->loose[table] = true;
    if (table < pipeline->table_count)
        conn->target->owner.marks[table] = target_owner_mark(PQgetvalue(result, row, 10), pipeline->tables[table].name);
    conn->row_types[table] = (uint32_t)strtoul(PQgetvalue(result, row, 13), NULL, 10);
}

/* What it says of any relation: a column of it, or that it is there. */
static void take_shape(struct pg_conn *conn, PGresult *result, int row, size_t relation)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    struct target_shape *shape = &conn->shapes[relation];
    bool view = target_shape_is_view(pipeline, relation);
    shape->exists = true;
    shape->other_kind = !is_true(result, row, view ? 2 : 1);
    shape->late_key = !view && is_true(result, row, 8);
    conn->trying = is_true(result, row, 7);
    if (!view && is_true(result, row, 11))
        conn->veiled = target_shape_name(pipeline, relation);
    if (!PQgetisnull(result, row, 3))
        target_shape_add(shape, PQgetvalue(result, row, 3), view ? "" : PQgetvalue(result, row, 4),
                         !view && is_true(result, row, 5), !view && is_true(result, row, 6));
    if (relation > 0 && !view)
        take_table(conn, result, row, relation - 1);
}

/* The result's relations are numbered from 1, which stands for `first`. */
static void take_shapes(struct pg_conn *conn, PGresult *result, size_t first)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    size_t count = target_shape_relations(pipeline);
    memset(conn->shapes, 0, count * sizeof *conn->shapes);
    conn->veiled = NULL;
    for (int row = 0; row < PQntuples(result); row++) {
        size_t relation = first + strtoul(PQgetvalue(result, row, 0), NULL, 10) - 1;
        if (relation < count)
            take_shape(conn, result, row, relation);
    }
    for (size_t i = 0; i < pipeline_delivered(pipeline); i++)
        if (conn->shapes[1 + i].exists && !has_our_rows(&pipeline->tables[i], &conn->shapes[1 + i]))
            conn->row_types[i] = 0;
}

/* The first relation that is missing, or NULL. */
static const char *first_missing(const struct pg_conn *conn)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    for (size_t i = 0; i < target_shape_relations(pipeline); i++)
        if (!conn->shapes[i].exists)
            return target_shape_name(pipeline, i);
    return NULL;
}

static void find(struct pg_conn *conn);

/* Once more, for what the server alone knows of it. */
static void made(struct pg_conn *conn, PGresult *result)
{
    (void)result;
    find(conn);
}

static void find_again(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    const struct pipeline *pipeline = conn->target->pipeline;
    if (!PQgetisnull(result, 0, 1)) {
        for (size_t i = 0; i < pipeline->table_count; i++) /* what is found lies elsewhere */
            conn->target->owner.marks[i] = target_owner_mark(PQgetvalue(result, 0, 1), pipeline->tables[i].name);
        find(conn);
        return;
    }
    say_nowhere(first_missing(conn), &error);
    error_wrap(&error, "%s", conn->target->name);
    pg_conn_fail(conn, &error);
}

static void begin_making(struct pg_conn *conn)
{
    conn->making = true;
    conn->doing = "creating what is missing";
    buf_reset(&conn->sql);
    buf_put_text(&conn->sql, "ROLLBACK;");
    pg_open_put_begin(conn, true);
    buf_put_text(&conn->sql,
                 "; SELECT pg_catalog.pg_advisory_xact_lock(" PG_OPEN_LOCK "), pg_catalog.current_schema()");
    pg_query_buf(conn, find_again);
}

static void make(struct pg_conn *conn)
{
    const struct pipeline *pipeline = conn->target->pipeline;
    buf_reset(&conn->sql);
    for (size_t i = 0; i < target_shape_relations(pipeline); i++)
        if (!conn->shapes[i].exists)
            target_sql_create(&conn->sql, pipeline, i, TARGET_POSTGRESQL);
    buf_put_text(&conn->sql, "COMMIT;");
    pg_open_put_begin(conn, false);
    pg_query_buf(conn, made);
}

static bool check_found(const struct pg_conn *conn, struct error *error)
{
    if (!target_shape_check(conn->target->pipeline, TARGET_POSTGRESQL, conn->shapes, error))
        return false;
    return !conn->veiled ||
           error_set(error, ERROR_REFUSED,
                     "row-level security of table \"%s\" may hide rows from this role, which then counts without them "
                     "and leaves them there: let it read all (CREATE POLICY ... FOR SELECT TO ... USING (true), and no "
                     "restrictive policy that says less), or give it BYPASSRLS",
                     conn->veiled);
}

static void found(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    take_shapes(conn, result, 0);
    if (!check_found(conn, &error)) {
        error_wrap(&error, "%s", conn->target->name);
        pg_conn_fail(conn, &error);
    } else if (!first_missing(conn) || conn->target->look) {
        pg_views(conn, read_progress);
    } else if (conn->making) {
        make(conn);
    } else {
        begin_making(conn);
    }
}

static void find(struct pg_conn *conn)
{
    ask_about_all(conn, find_sql, found);
}

void pg_open_say_standby(const struct pg_conn *conn, struct error *error)
{
    error_set(error, ERROR_TARGET,
              "%s: the server is a standby, which takes no rows until it is promoted; of several hosts, "
              "target_session_attrs=read-write in the address chooses the one that does",
              conn->target->name);
}

static void begun(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    conn->standby = is_true(result, 0, 0);
    if (conn->standby && (!conn->target->look || conn->target->mend)) {
        pg_open_say_standby(conn, &error);
        pg_conn_fail(conn, &error);
    } else {
        find(conn);
    }
}

void pg_open_start(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    (void)result;
    conn->doing = "looking for the tables";
    conn->shapes = calloc(target_shape_relations(conn->target->pipeline), sizeof *conn->shapes);
    if (!conn->shapes) {
        error_memory(&error);
        pg_conn_fail(conn, &error);
        return;
    }
    buf_reset(&conn->sql);
    pg_open_put_begin(conn, false);
    buf_put_text(&conn->sql, "; SELECT pg_catalog.pg_is_in_recovery()");
    pg_query_buf(conn, begun);
}

/* --- once more ---------------------------------------------------------------------------------------------------- */

/* What is wrong with it the next opening says, as it then does until it is mended. */
static void found_table(struct pg_conn *conn, PGresult *result)
{
    struct error error;
    take_shapes(conn, result, 1 + conn->block->table);
    conn->guarded[conn->block->table] = PQntuples(result) > 0 && is_true(result, 0, 9);
    if (target_shape_check(conn->target->pipeline, TARGET_POSTGRESQL, conn->shapes, &error)) {
        conn->shaped(conn, NULL);
        return;
    }
    error_wrap(&error, "%s", conn->target->name);
    error.kind = error.kind == ERROR_REFUSED ? ERROR_DIVERGED : error.kind;
    pg_conn_fail(conn, &error);
}

void pg_open_check_table(struct pg_conn *conn, pg_step next)
{
    bool known = conn->known[conn->block->table];
    conn->known[conn->block->table] = true;
    if (known) {
        next(conn, NULL);
        return;
    }
    conn->shaped = next;
    ask_with_names(conn, find_sql, 1 + conn->block->table, 1, found_table);
}
