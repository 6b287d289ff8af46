/*
 * Asking and collecting, driven by readiness of the socket.
 *
 *   quiet --send--> waiting --answer complete--> quiet
 *   waiting --server wants data--> copying --all sent--> waiting
 *
 * An exchange's answer may hold several results (several statements, or a COPY's two); the first that failed, else the
 * last and the one before it, are kept until the answer is complete.
 */
#include "target/pg_query.h"

#include <string.h>

#include "target/pg_error.h"

enum {
    FAREWELL_RESULTS = 4 /* are looked at; there is one, and the end */
};

static void advance(struct pg_conn *conn);

/* What the server said before it hung up may be among the results, or unread: amid a COPY libpq looks at errors only
   when the data has ended, so it is ended, with an error in case that somebody still listens. Waits for nothing. */
static void hear_farewell(struct pg_conn *conn)
{
    if (conn->result)
        pg_error_farewell(conn->result, conn->farewell);
    (void)PQconsumeInput(conn->pg); /* what there is may lie before the end */
    /* The first of two may fail on what is still to be sent, which is then dropped. */
    for (int i = 0; i < 2 && conn->phase == PG_COPYING; i++)
        if (PQputCopyEnd(conn->pg, "called off") > 0)
            conn->phase = PG_WAITING;
    for (int i = 0; i < FAREWELL_RESULTS && !PQisBusy(conn->pg); i++) {
        PGresult *result = PQgetResult(conn->pg);
        pg_error_farewell(result, conn->farewell);
        PQclear(result);
    }
}

static void lose(struct pg_conn *conn)
{
    struct error error;
    bool told = PQerrorMessage(conn->pg)[0] != '\0';
    pg_error_lost(conn->pg, conn->farewell, conn->target->name, &error);
    hear_farewell(conn);
    if (!told || conn->farewell[0])
        pg_error_lost(conn->pg, conn->farewell, conn->target->name, &error);
    pg_conn_fail(conn, &error);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct pg_conn *conn = CONTAINER_OF(poll, struct pg_conn, poll);
    if (status < 0 || ((events & UV_READABLE) && !PQconsumeInput(conn->pg)))
        lose(conn);
    else
        advance(conn);
}

static void watch(struct pg_conn *conn, bool writable)
{
    if (uv_poll_start(&conn->poll, writable ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_ready) != 0)
        lose(conn);
}

static void fail(struct pg_conn *conn, const PGresult *result)
{
    struct error error;
    pg_error_result(result, conn->target->name, conn->doing, &error);
    if (pg_error_is(result, conn->doubtful)) {
        error.kind = ERROR_DIVERGED;
        conn->target->doubts |= pg_error_is(result, PG_ERROR_TAKEN);
    }
    pg_conn_fail(conn, &error);
}

static void finish(struct pg_conn *conn)
{
    PGresult *result = conn->result;
    ExecStatusType status = PQresultStatus(result);
    conn->result = NULL;
    conn->phase = PG_QUIET;
    uv_poll_stop(&conn->poll);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        conn->next(conn, result);
    else
        fail(conn, result);
    PQclear(result);
}

static bool failed(const PGresult *result)
{
    return result && PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK;
}

static void keep(struct pg_conn *conn, PGresult *result)
{
    if (failed(conn->result)) {
        PQclear(result);
    } else {
        PQclear(conn->before);
        conn->before = conn->result;
        conn->result = result;
    }
}

/* Has data to send, if there is more of it; false after a failure. */
static bool refill(struct pg_conn *conn)
{
    struct error error;
    if (conn->sent < conn->data.len)
        return true;
    conn->sent = 0;
    buf_reset(&conn->data);
    if (conn->more(conn, &error))
        return true;
    pg_conn_fail(conn, &error);
    return false;
}

static bool put_end(struct pg_conn *conn)
{
    int ended = PQputCopyEnd(conn->pg, NULL);
    if (ended > 0)
        conn->phase = PG_WAITING;
    if (ended < 0)
        lose(conn);
    return ended >= 0;
}

/* Hands data to libpq until the socket is full. False after a failure. */
static bool put_data(struct pg_conn *conn)
{
    while (refill(conn)) {
        if (conn->data.len == 0)
            return put_end(conn);
        int put = PQputCopyData(conn->pg, conn->data.data + conn->sent, (int)(conn->data.len - conn->sent));
        if (put == 0)
            return true;
        conn->sent = conn->data.len;
        int unsent = put > 0 ? PQflush(conn->pg) : -1;
        if (unsent > 0)
            return true;
        if (unsent < 0) {
            lose(conn);
            return false;
        }
    }
    return false;
}

/* Takes the results that are there. True when the answer is complete. */
static bool collect(struct pg_conn *conn)
{
    while (conn->phase == PG_WAITING && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (!result)
            return true;
        if (PQresultStatus(result) == PGRES_COPY_IN) {
            conn->phase = PG_COPYING;
            PQclear(result);
        } else {
            keep(conn, result);
        }
    }
    return false;
}

/* What the server says amid a COPY is looked at once all data is sent; by then all of it may have been read, and the
   socket would never be readable again. */
static void advance(struct pg_conn *conn)
{
    bool complete = collect(conn);
    if (conn->phase == PG_COPYING) {
        if (!put_data(conn))
            return;
        complete = collect(conn);
    }
    int unsent = complete ? 0 : PQflush(conn->pg);
    if (unsent < 0 || (complete && (!conn->result || PQstatus(conn->pg) == CONNECTION_BAD)))
        lose(conn);
    else if (complete)
        finish(conn);
    else
        watch(conn, unsent > 0 || conn->phase == PG_COPYING);
}

static void sent(struct pg_conn *conn, int ok, pg_step next)
{
    if (!ok) {
        lose(conn);
        return;
    }
    PQclear(conn->before);
    conn->before = NULL;
    conn->next = next;
    conn->phase = PG_WAITING;
    advance(conn);
}

void pg_query_text(struct pg_conn *conn, const char *sql, pg_step next)
{
    sent(conn, PQsendQuery(conn->pg, sql), next);
}

static bool end_sql(struct pg_conn *conn)
{
    struct error error;
    buf_put_byte(&conn->sql, '\0');
    if (!conn->sql.failed && !conn->data.failed)
        return true;
    error_memory(&error);
    pg_conn_fail(conn, &error);
    return false;
}

void pg_query_buf(struct pg_conn *conn, pg_step next)
{
    if (end_sql(conn))
        pg_query_text(conn, conn->sql.data, next);
}

void pg_query_params(struct pg_conn *conn, int count, const char *const *values, const int *lengths, const int *formats,
                     pg_step next)
{
    if (end_sql(conn))
        sent(conn, PQsendQueryParams(conn->pg, conn->sql.data, count, NULL, values, lengths, formats, 0), next);
}

void pg_query_copy(struct pg_conn *conn, pg_more more, pg_step next)
{
    conn->sent = 0;
    conn->more = more;
    buf_reset(&conn->data);
    pg_query_buf(conn, next);
}

/* What a server says to one that asks nothing of it is that it ends the session; all else (a setting that was changed)
   is nobody's business. */
static void on_word(uv_poll_t *poll, int status, int events)
{
    struct pg_conn *conn = CONTAINER_OF(poll, struct pg_conn, poll);
    struct error error;
    (void)events;
    if (status == 0 && PQconsumeInput(conn->pg)) {
        (void)PQisBusy(conn->pg); /* looks at what was read, and lets it go */
        return;
    }
    hear_farewell(conn);
    pg_error_lost(conn->pg, conn->farewell, conn->target->name, &error);
    target_lost(conn->target, &error);
}

void pg_query_done(struct pg_conn *conn)
{
    target_answer(conn->target, NULL);
    if (conn->target->state == TARGET_IDLE)
        (void)uv_poll_start(&conn->poll, UV_READABLE, on_word); /* else the next exchange meets what it would */
}
