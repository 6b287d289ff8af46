/*
 * Connecting and letting go.
 *
 * The worker runs PQconnectStart and PQconnectPoll itself instead of PQconnectdb: so the verbosity is set before the
 * server's refusal is read (pg_error.h), and a drop or the deadline ends the wait at once. Only inside a DNS query the
 * worker is deaf; it then finishes late, finds that nobody wants the connection, and closes it.
 *
 * With several hosts libpq goes on to the next when one is dead only by an error of its socket, so tcp_user_timeout is
 * set (unless the address has one) to a third of the deadline: silence becomes an error in time for the others.
 */
#include "target/pg_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    VERSION_MIN = 120000,
    WORKERS_MAX = 2,
    DATA_MAX = 256 * 1024 * 1024 /* bytes of one block on the wire; a block is far smaller */
};

/* Notices are nobody's business, but for the last. Between two exchanges libpq makes one of an error, too. */
static void on_notice(void *context, const PGresult *notice)
{
    struct pg_conn *conn = context;
    pg_error_farewell(notice, conn->farewell);
}

/* Waits until the socket is ready, however long: the deadline is the loop's and ends the wait by a drop. */
static bool wait_socket(struct pg_conn *conn, PostgresPollingStatusType state)
{
    struct pollfd fds[2] = {{.fd = PQsocket(conn->pg), .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT},
                            {.fd = conn->wake, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return error_errno(&conn->error, ERROR_TARGET, errno, "%s: poll", conn->target->name);
    return !fds[1].revents;
}

/* What is given first counts least: the address may say otherwise, except about the encoding of our bytes. */
static PGconn *start(const char *address, int64_t deadline)
{
    char timeout[32];
    snprintf(timeout, sizeof timeout, "%" PRId64, deadline / 3000);
    const char *keywords[] = {"fallback_application_name", "keepalives_idle", "keepalives_interval", "keepalives_count",
                              "tcp_user_timeout",          "dbname",          "client_encoding",     NULL};
    const char *values[] = {"dropfold", "30", "10", "3", timeout, address, "UTF8", NULL};
    return PQconnectStartParams(keywords, values, 1);
}

static bool connect_now(struct pg_conn *conn)
{
    conn->pg = start(conn->address, conn->target->deadline);
    if (!conn->pg)
        return error_memory(&conn->error);
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
    PostgresPollingStatusType state =
        PQstatus(conn->pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        if (!wait_socket(conn, state))
            return false;
        state = PQconnectPoll(conn->pg);
    }
    if (state != PGRES_POLLING_OK)
        return pg_error_connect(conn->pg, conn->target->name, &conn->error);
    if (PQserverVersion(conn->pg) == 0) /* there was none to note it in */
        return error_memory(&conn->error);
    if (PQserverVersion(conn->pg) < VERSION_MIN)
        return error_set(&conn->error, ERROR_REFUSED, "%s: the server is PostgreSQL %d; 12 or newer is needed",
                         conn->target->name, PQserverVersion(conn->pg) / 10000);
    return true;
}

static void connect_work(uv_work_t *work)
{
    struct pg_conn *conn = CONTAINER_OF(work, struct pg_conn, work);
    if (connect_now(conn))
        return;
    PQfinish(conn->pg);
    conn->pg = NULL;
}

static void free_conn(struct pg_conn *conn)
{
    struct target *target = conn->target;
    PQclear(conn->result);
    PQclear(conn->before);
    PQfinish(conn->pg);
    if (conn->watched >= 0)
        close(conn->watched);
    close(conn->wake);
    block_free(conn->block);
    buf_close(&conn->sql);
    buf_close(&conn->data);
    buf_close(&conn->arrays.data);
    free(conn->shapes);
    free(conn->address);
    free(conn);
    target_release(target);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free_conn(CONTAINER_OF((uv_poll_t *)(void *)handle, struct pg_conn, poll));
}

void pg_conn_fail(struct pg_conn *conn, const struct error *error)
{
    if (conn->answers)
        target_answer(conn->target, error);
}

static bool join_loop(struct pg_conn *conn)
{
    conn->watched = fcntl(PQsocket(conn->pg), F_DUPFD_CLOEXEC, 0);
    if (conn->watched >= 0 && PQsetnonblocking(conn->pg, 1) == 0 &&
        uv_poll_init(conn->target->loop, &conn->poll, conn->watched) == 0) {
        uv_unref((uv_handle_t *)&conn->poll); /* of a call under way the deadline keeps the loop alive */
        return true;
    }
    PQfinish(conn->pg);
    conn->pg = NULL;
    return error_set(&conn->error, ERROR_TARGET, "%s: the socket cannot be watched", conn->target->name);
}

static void after_connect(uv_work_t *work, int status)
{
    struct pg_conn *conn = CONTAINER_OF(work, struct pg_conn, work);
    (void)status; /* never cancelled */
    conn->connecting = false;
    --*conn->workers;
    if (!conn->answers)
        free_conn(conn);
    else if (!conn->pg || !join_loop(conn))
        pg_conn_fail(conn, &conn->error);
    else
        conn->next(conn, NULL);
}

static struct pg_conn *new_conn(struct target *target, const char *address, pg_step next, struct error *error)
{
    struct pg_conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        error_memory(error);
        return NULL;
    }
    *conn = (struct pg_conn){.target = target, .answers = true, .connecting = true, .watched = -1, .next = next};
    conn->address = strdup(address);
    conn->wake = eventfd(0, EFD_CLOEXEC);
    if (!conn->address || conn->wake < 0) {
        error_errno(error, ERROR_TARGET, errno, "%s: cannot begin to connect", target->name);
        if (conn->wake >= 0)
            (void)close(conn->wake);
        free(conn->address);
        free(conn);
        return NULL;
    }
    buf_init(&conn->sql, TARGET_SQL_MAX);
    buf_init(&conn->data, DATA_MAX);
    buf_init(&conn->arrays.data, DATA_MAX);
    return conn;
}

void pg_conn_start(struct pg_conn **out, struct target *target, const char *address, unsigned *workers, pg_step next)
{
    struct error error;
    struct pg_conn *conn = NULL;
    if (*workers < WORKERS_MAX)
        conn = new_conn(target, address, next, &error);
    else
        error_set(&error, ERROR_TARGET, "%s: earlier attempts to connect still wait for the name service",
                  target->name);
    if (!conn) {
        target_answer(target, &error);
        return;
    }
    *out = conn;
    conn->workers = workers;
    ++*workers;
    target_hold(target);
    uv_queue_work(target->loop, &conn->work, connect_work, after_connect);
}

void pg_conn_drop(struct pg_conn *conn)
{
    conn->answers = false;
    if (conn->connecting) {
        ssize_t written = write(conn->wake, &(uint64_t){1}, sizeof(uint64_t));
        (void)written; /* an eventfd at 0 takes it */
    } else if (conn->pg) {
        uv_close((uv_handle_t *)&conn->poll, on_poll_closed);
    } else {
        free_conn(conn); /* it never came about */
    }
}
