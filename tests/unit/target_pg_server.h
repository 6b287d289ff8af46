/* A PostgreSQL server as the ground of tests, and what they need to look into it beside the target. */
#ifndef DROPFOLD_TESTS_TARGET_PG_SERVER_H
#define DROPFOLD_TESTS_TARGET_PG_SERVER_H

#include "target_ground.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#include <sys/wait.h>

/* The server: our own in `server_folder`, or the one that DROPFOLD_TEST_PG names, which is never stopped. */
static char server_folder[TESTING_PATH_MAX];
static char server_address[TESTING_PATH_MAX + 64];
static bool server_installed, server_ours;
static char query_output[64 * 1024];

/* Goes before libpq's: what the server is told to be; 0: what it is. */
static int server_version;

int PQserverVersion(const PGconn *connection)
{
    int (*real)(const PGconn *);
    void *found = dlsym(RTLD_NEXT, "PQserverVersion");
    memcpy(&real, &found, sizeof real);
    return server_version > 0 ? server_version : real(connection);
}

static inline int server_script(const char *action, const char *mode)
{
    char command[2 * TESTING_PATH_MAX];
    snprintf(command, sizeof command, PROJECT_DIR "/tests/pg.sh %s %s %s >/dev/null", action, server_folder, mode);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void need_server(void)
{
    if (!server_installed) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
}

static inline void need_own_server(void)
{
    need_server();
    if (!server_ours)
        skip();
}

static inline void ignore_notice(void *context, const char *message)
{
    (void)context, (void)message;
}

static inline PGconn *connect_other(void)
{
    char conninfo[TESTING_PATH_MAX + 128];
    snprintf(conninfo, sizeof conninfo, "%s options='-c timezone=UTC -c lock_timeout=60s'", server_address);
    PGconn *other = PQconnectdb(conninfo);
    if (PQstatus(other) != CONNECTION_OK)
        print_error("%s\n", PQerrorMessage(other));
    assert_int_equal(PQstatus(other), CONNECTION_OK);
    PQsetNoticeProcessor(other, ignore_notice, NULL);
    return other;
}

static inline void format_result(const PGresult *result)
{
    size_t len = 0;
    query_output[0] = '\0';
    for (int row = 0; row < PQntuples(result); row++)
        for (int i = 0; i < PQnfields(result); i++)
            len += (size_t)snprintf(query_output + len, sizeof query_output - len, "%s%s%s", i > 0 ? "|" : "",
                                    PQgetisnull(result, row, i) ? "-" : PQgetvalue(result, row, i),
                                    i + 1 == PQnfields(result) ? "\n" : "");
}

static inline const char *query(const char *sql)
{
    PGconn *other = connect_other();
    PGresult *result = PQexec(other, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        print_error("%s: %s\n", sql, PQerrorMessage(other));
    assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
    format_result(result);
    PQclear(result);
    PQfinish(other);
    return query_output;
}

static inline void clean(void)
{
    need_server();
    query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public;"
          "DROP ROLE IF EXISTS plain; DROP ROLE IF EXISTS limited; DROP ROLE IF EXISTS scram");
}

/* Some of it fill any socket. */
static inline const char *long_text(void)
{
    static char text[64 * 1024];
    memset(text, 'x', sizeof text - 1);
    return text;
}

/* A target with more or other words in its address. */
static inline void open_as(struct place *place, struct subject *s, const char *more, int64_t deadline)
{
    char text[TESTING_PATH_MAX + 256];
    snprintf(text, sizeof text, "%s %s", server_address, more);
    support_pipeline_init(&place->pipeline);
    subject_init(s, &place->pipeline.pipeline, text, deadline);
}

/* --- the program's ------------------------------------------------------------------------------------------------ */

static inline int set_up(void **state)
{
    (void)state;
    const char *given = getenv("DROPFOLD_TEST_PG");
    ground = (struct ground){.address = server_address, .postgresql = true, .query = query, .clean = clean};
    if (given && *given) {
        snprintf(server_address, sizeof server_address, "%s", given);
        server_installed = true;
        return 0;
    }
    testing_folder_make(server_folder);
    int code = server_script("start", "");
    server_installed = server_ours = code == 0;
    snprintf(server_address, sizeof server_address, "host=%s user=dropfold dbname=postgres", server_folder);
    return code == 0 || code == 77 ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    if (server_ours)
        return server_script("remove", "");
    if (server_folder[0])
        testing_folder_remove(server_folder);
    return 0;
}

#endif
