#include "target_prepare_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>

#include "target_proxy.h"

/* The server: our own in `folder`, or the one that DROPFOLD_TEST_PG names, which is never stopped. */
static char folder[TESTING_PATH_MAX];
static char address[TESTING_PATH_MAX + 64];
static bool installed, ours;
static char output[64 * 1024];

static int script(const char *action, const char *mode)
{
    char command[2 * TESTING_PATH_MAX];
    snprintf(command, sizeof command, PROJECT_DIR "/tests/pg.sh %s %s %s >/dev/null", action, folder, mode);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void need_server(void)
{
    if (!installed) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
}

static void need_own_server(void)
{
    need_server();
    if (!ours)
        skip();
}

static void ignore_notice(void *context, const char *message)
{
    (void)context, (void)message;
}

static PGconn *connect_other(void)
{
    char conninfo[TESTING_PATH_MAX + 128];
    snprintf(conninfo, sizeof conninfo, "%s options='-c timezone=UTC -c lock_timeout=5s'", address);
    PGconn *other = PQconnectdb(conninfo);
    if (PQstatus(other) != CONNECTION_OK)
        print_error("%s\n", PQerrorMessage(other));
    assert_int_equal(PQstatus(other), CONNECTION_OK);
    PQsetNoticeProcessor(other, ignore_notice, NULL);
    return other;
}

static void format_result(const PGresult *result)
{
    size_t len = 0;
    output[0] = '\0';
    for (int row = 0; row < PQntuples(result); row++)
        for (int i = 0; i < PQnfields(result); i++)
            len += (size_t)snprintf(output + len, sizeof output - len, "%s%s%s", i > 0 ? "|" : "",
                                    PQgetisnull(result, row, i) ? "-" : PQgetvalue(result, row, i),
                                    i + 1 == PQnfields(result) ? "\n" : "");
}

static const char *query(const char *sql)
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
    return output;
}

static void clean(void)
{
    need_server();
    query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public;"
          "DROP ROLE IF EXISTS plain; DROP ROLE IF EXISTS limited; DROP ROLE IF EXISTS scram");
}

/* A target with more or other words in its address. */
static void open_as(struct place *place, struct subject *s, const char *more, int64_t deadline)
{
    char text[TESTING_PATH_MAX + 256];
    snprintf(text, sizeof text, "%s %s", address, more);
    support_pipeline_init(&place->pipeline);
    subject_init(s, &place->pipeline.pipeline, text, deadline);
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static void refuse_address(const char *text, const char *part)
{
    struct error error;
    struct target *target;
    struct support_pipeline p;
    support_pipeline_init(&p);
    assert_false(target_new(&target, NULL, &p.pipeline, &(struct target_options){.address = text}, &error));
    assert_error(&error, ERROR_USAGE, part);
    assert_null(strstr(error.text, "s3cret"));
}

static void refuses_addresses_with_passwords_and_unknown_words(void **state)
{
    (void)state;
    refuse_address("host=x password=s3cret", "PGPASSFILE");
    refuse_address("postgresql://user:s3cret@host/db", "PGPASSWORD");
    refuse_address("postgresql://user@host/db?sslpassword=s3cret", "service file");
    refuse_address("host=x hots=y", "hots");
    refuse_address("results.db", "sqlite:PATH");
    refuse_address("postgres:/user:s3cret@host", "expected sqlite:PATH");
    refuse_address("host=x password = 's3cret", "expected sqlite:PATH");
}

static void assert_name(const char *text, const char *name)
{
    struct support_pipeline p;
    struct subject s;
    support_pipeline_init(&p);
    subject_init(&s, &p.pipeline, text, 0);
    assert_string_equal(target_name(s.target), name);
    subject_close(&s);
}

static void names_itself_without_secrets(void **state)
{
    (void)state;
    static const char *const variables[] = {"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE"};
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        unsetenv(variables[i]);
    assert_name("host=db1 user=me dbname=shop", "postgresql://me@db1:5432/shop");
    assert_name("postgresql://me@db1:5433/shop?sslmode=require", "postgresql://me@db1:5433/shop");
    assert_name("host=a,b port=1,2 user=me", "postgresql://me@a:1,b:2/me");
    assert_name("host=/run/pg user=me dbname=x", "postgresql://me@/x?host=/run/pg&port=5432");
    assert_name("service=shop", "postgresql:///?service=shop");
    setenv("PGHOST", "db2", 1);
    setenv("PGUSER", "you", 1);
    setenv("PGPASSWORD", "s3cret", 1);
    assert_name("", "postgresql://you@db2:5432/you");
    unsetenv("PGHOST");
    unsetenv("PGUSER");
    unsetenv("PGPASSWORD");
}

/* --- connecting --------------------------------------------------------------------------------------------------- */

static void refuses_a_wrong_password_for_good(void **state)
{
    (void)state;
    struct place place;
    struct subject s;
    need_own_server();
    clean();
    query("SET password_encryption = 'scram-sha-256'; CREATE ROLE scram LOGIN SUPERUSER PASSWORD 's3cret'");
    setenv("PGPASSWORD", "wrong", 1);
    open_as(&place, &s, "user=scram", 0);
    assert_fails(subject_open(&s), ERROR_REFUSED, "28P01: password authentication failed");
    setenv("PGPASSWORD", "s3cret", 1);
    assert_works(subject_open(&s));
    target_abort(s.target);
    unsetenv("PGPASSWORD");
    setenv("PGPASSFILE", "/nowhere/at/all", 1);
    assert_fails(subject_open(&s), ERROR_REFUSED, "no password supplied (give the password by PGPASSWORD");
    unsetenv("PGPASSFILE");
    subject_close(&s);
}

static void tells_refusals_from_what_passes(void **state)
{
    (void)state;
    struct place place;
    struct subject s;
    clean();
    query("CREATE ROLE limited LOGIN CONNECTION LIMIT 0");
    open_as(&place, &s, "dbname=nowhere", 0);
    assert_fails(subject_open(&s), ERROR_REFUSED, "3D000: database \"nowhere\" does not exist");
    assert_null(strstr(s.answer.error.text, "LOCATION"));
    subject_close(&s);
    open_as(&place, &s, "user=nobody_here", 0);
    assert_fails(subject_open(&s), ERROR_REFUSED, "28000");
    subject_close(&s);
    open_as(&place, &s, "user=limited", 0);
    assert_fails(subject_open(&s), ERROR_TARGET, "53300");
    subject_close(&s);
}

static void tries_again_when_nobody_listens(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    char text[128];
    int port, fd = proxy_listen(&port);
    close(fd);
    support_pipeline_init(&p);
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d user=x", port);
    subject_init(&s, &p.pipeline, text, 0);
    assert_fails(subject_open(&s), ERROR_TARGET, "Connection refused");
    assert_fails(subject_open(&s), ERROR_TARGET, "Connection refused");
    subject_close(&s);
    subject_init(&s, &p.pipeline, "host=/nowhere/at/all user=x", 0);
    assert_fails(subject_open(&s), ERROR_TARGET, "No such file or directory");
    subject_close(&s);
}

static void gives_up_on_a_black_hole_at_its_deadline(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    char text[128];
    int port, fd = proxy_listen(&port);
    support_pipeline_init(&p);
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d user=x", port);
    subject_init(&s, &p.pipeline, text, 300 * 1000);
    assert_fails(subject_open(&s), ERROR_TARGET, "no answer within 0.3 s");
    subject_close(&s);
    subject_init(&s, &p.pipeline, text, 0);
    target_open(s.target, support_answered, &s.answer);
    uv_run(&s.loop, UV_RUN_NOWAIT);
    subject_close(&s); /* does not wait for the black hole */
    assert_int_equal(s.answer.count, 1);
    close(fd);
}

/* --- losing the server -------------------------------------------------------------------------------------------- */

static void survives_a_server_that_stops_during_a_delivery(void **state)
{
    (void)state;
    struct place place;
    need_own_server();
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    subject_prepare(s, 2, false);
    s->delivery.upserts[KINDS] = 8000;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_block(1, 4000, "lost")));
    assert_int_equal(script("stop", "immediate"), 0);
    assert_fails(subject_write(s, support_kinds_block(4001, 4000, "lost")), ERROR_TARGET,
                 "the connection is lost: terminating connection"); /* only a warning said so */
    assert_fails(subject_open(s), ERROR_TARGET, "postgresql://");
    assert_int_equal(script("start", ""), 0);
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 1);
    subject_deliver(s, 2, false, 4, 2, "kept");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "kept|5\n");
}

static void notices_a_session_that_was_ended(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'dropfold'");
    subject_prepare(s, 1, true);
    assert_fails(subject_begin(s), ERROR_TARGET,
                 "the connection is lost: terminating connection due to administrator command (57P01)");
    subject_close(s);
}

/* Delivers sequence 2 through a proxy that spoils its COMMIT, then looks what the server kept. */
static void spoil_commit(enum proxy_mode mode, const char *part, uint64_t kept)
{
    struct place place, through;
    struct subject *s = place_init(&place), spoiled;
    struct proxy proxy;
    char text[TESTING_PATH_MAX + 64];
    need_own_server();
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 1, "first");
    target_abort(s->target);
    snprintf(text, sizeof text, "%s/.s.PGSQL.5432", folder);
    proxy_start(&proxy, text, mode);
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d sslmode=disable gssencmode=disable", proxy.port);
    open_as(&through, &spoiled, text, mode == PROXY_SWALLOW ? 500 * 1000 : 0);
    assert_works(subject_open(&spoiled));
    subject_prepare(&spoiled, 2, false);
    spoiled.delivery.upserts[KINDS] = 1;
    assert_works(subject_begin(&spoiled));
    assert_works(subject_write(&spoiled, support_kinds_block(2, 1, "second")));
    assert_fails(subject_commit(&spoiled), ERROR_TARGET, part);
    assert_false(target_is_open(spoiled.target));
    assert_int_equal(target_progress(spoiled.target)->sequence, 1);
    subject_close(&spoiled);
    proxy_stop(&proxy);
    assert_int_equal(atomic_load(&proxy.commits), 1);
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, kept);
    assert_int_equal(target_rows(s->target)[KINDS], kept);
    subject_close(s);
}

static void does_not_believe_a_commit_that_answers_rollback(void **state)
{
    (void)state;
    spoil_commit(PROXY_ROLLBACK, "answered COMMIT with ROLLBACK", 1);
}

static void does_not_know_after_a_commit_whose_answer_was_cut(void **state)
{
    (void)state;
    spoil_commit(PROXY_CUT_AFTER, "the connection is lost", 2);
    spoil_commit(PROXY_CUT_BEFORE, "the connection is lost", 1);
}

static void gives_up_on_a_commit_whose_answer_is_swallowed(void **state)
{
    (void)state;
    spoil_commit(PROXY_SWALLOW, "no answer within 0.5 s", 2);
}

/* --- the database's own ------------------------------------------------------------------------------------------- */

static void fails_a_commit_that_a_constraint_refuses(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query("CREATE TABLE other (id integer PRIMARY KEY);"
          "ALTER TABLE kinds ADD FOREIGN KEY (id) REFERENCES other DEFERRABLE INITIALLY DEFERRED");
    subject_prepare(s, 1, true);
    s->delivery.upserts[KINDS] = 1;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_block(1, 1, "orphan")));
    assert_fails(subject_commit(s), ERROR_REFUSED, "23503");
    subject_close(s);
    assert_query("SELECT (SELECT count(*) FROM kinds), (SELECT count(*) FROM dropfold_progress)", "0|0\n");
}

static void writes_comments(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_close(s);
    assert_query("SELECT obj_description('kinds'::regclass), col_description('kinds'::regclass, 5),"
                 " obj_description('latest_window'::regclass), obj_description('dropfold_progress'::regclass) <> ''",
                 "one column of each type|it's exact: c:\\cents|the newest window of each customer|t\n");
    assert_query("SELECT col_description('\"we\"\"ird''; DROP TABLE kinds; --\"'::regclass, 3)",
                 "' ; DROP TABLE kinds; --\n");
    assert_query("SELECT string_agg(col_description('\"Life \"\"time\"\"\"'::regclass, n), ', ' ORDER BY n)"
                 " FROM generate_series(1, 6) n",
                 "Sum of sales.orders, Sum of sales.total, total / orders, Least of sales.total\n");
}

static void needs_no_right_to_create_when_all_is_there(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), plain;
    query("CREATE ROLE plain LOGIN");
    open_as(&place, &plain, "user=plain", 0);
    assert_fails(subject_open(&plain), ERROR_REFUSED, "(42501); let the owner of the database");
    assert_non_null(strstr(plain.answer.error.text, "`dropfold target init`"));
    assert_works(subject_open(s));
    subject_close(s);
    assert_fails(subject_open(&plain), ERROR_REFUSED, "`dropfold target --help`");
    query("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain");
    assert_works(subject_open(&plain));
    subject_deliver(&plain, 1, true, 1, 5000, "x");
    subject_deliver(&plain, 2, false, 1, 5000, "y");
    subject_close(&plain);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "y|5000\n");
    query("DROP OWNED BY plain");
}

/* A role `plain` that looks, and is told what a delivery of its would be refused; NULL: nothing. */
static void assert_barred(const char *part)
{
    struct place place;
    struct subject s;
    char other[sizeof address + 16];
    support_pipeline_init(&place.pipeline);
    snprintf(other, sizeof other, "%s user=plain", ground.address);
    const struct target_options options = {.address = other, .look = true};
    subject_init_as(&s, &place.pipeline.pipeline, &options);
    assert_works(subject_open(&s));
    const struct error *barred = target_barred(s.target);
    if (part) {
        assert_non_null(barred);
        assert_error(barred, ERROR_REFUSED, part);
    } else {
        assert_null(barred);
    }
    subject_close(&s);
}

static void says_what_a_role_lacks_before_it_delivers(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    query("CREATE ROLE plain LOGIN");
    assert_barred(
        "\"dropfold_progress\" is missing, and this role may not make it in schema \"public\"; let the owner");
    query("ALTER ROLE plain SET search_path = nowhere");
    assert_barred("no schema of this role's search_path is there");
    query("ALTER ROLE plain RESET search_path");
    assert_works(subject_open(s));
    subject_close(s);
    query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain;"
          "GRANT INSERT, UPDATE, DELETE ON dropfold_progress, kinds TO plain");
    assert_barred("this role has no right to INSERT in \"sales\"; let the owner of the database");
    query("GRANT INSERT, DELETE ON ALL TABLES IN SCHEMA public TO plain");
    assert_barred("this role has no right to UPDATE in \"sales\"");
    query("GRANT UPDATE ON ALL TABLES IN SCHEMA public TO plain");
    assert_barred(NULL);
    query("DROP VIEW latest_window");
    assert_barred("\"latest_window\" is missing");
    query("DROP OWNED BY plain");
}

static void waits_for_a_lock_only_so_long(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), brief;
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 1, "kept");
    subject_close(s);
    PGconn *other = connect_other();
    PQclear(PQexec(other, "BEGIN; SELECT * FROM dropfold_progress FOR UPDATE"));
    open_as(&place, &brief, "", 2 * 1000 * 1000);
    assert_works(subject_open(&brief));
    subject_prepare(&brief, 2, false);
    assert_fails(subject_begin(&brief), ERROR_TARGET, "55P03");
    PQfinish(other);
    subject_close(&brief);
}

static void follows_the_search_path(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), elsewhere;
    query("DROP SCHEMA IF EXISTS mart CASCADE; CREATE SCHEMA mart");
    assert_works(subject_open(s));
    subject_close(s);
    open_as(&place, &elsewhere, "options='-c search_path=mart'", 0);
    assert_works(subject_open(&elsewhere));
    subject_deliver(&elsewhere, 1, true, 1, 2, "x");
    subject_close(&elsewhere);
    assert_query("SELECT (SELECT count(*) FROM mart.kinds), (SELECT count(*) FROM public.kinds)", "2|0\n");
    query("DROP SCHEMA mart CASCADE");
}

static void keeps_the_server_s_notices_to_itself(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    char path[] = "/tmp/dropfold-stderr-XXXXXX";
    int file = mkstemp(path), saved = dup(2);
    assert_true(file >= 0 && saved >= 0);
    assert_works(subject_open(s));
    query("CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
          " 'BEGIN RAISE WARNING ''s3cret''; RETURN NEW; END';"
          "CREATE TRIGGER shout BEFORE INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION shout()");
    dup2(file, 2);
    subject_deliver(s, 1, true, 1, 2, "x");
    dup2(saved, 2);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    subject_close(s);
    close(saved);
    close(file);
    remove(path);
}

static void leaves_nothing_in_the_session(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 5000, "x");
    subject_deliver(s, 2, false, 1, 5000, "y");
    assert_query("SELECT count(*) FROM pg_class WHERE relname LIKE 'dropfold_stage%'", "0\n");
    assert_query("SELECT state, count(*) FROM pg_stat_activity WHERE application_name = 'dropfold' GROUP BY state",
                 "idle|1\n");
    subject_close(s);
}

static void write_fresh(struct subject *s, uint64_t sequence, int32_t first, const struct answer **answer)
{
    struct block *block = support_kinds_block(first, 2, "fresh");
    block->fresh = true;
    subject_prepare(s, sequence, false);
    s->delivery.upserts[KINDS] = 2;
    s->delivery.to.rows[KINDS] = 5;
    assert_works(subject_begin(s));
    *answer = subject_write(s, block);
}

/* Somebody put a row there, and took another one out, so that the numbers of rows do not tell. */
static void does_not_trust_in_fresh_keys_once_one_was_there(void **state)
{
    (void)state;
    struct place place;
    const struct answer *answer = NULL;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    ground.query("UPDATE kinds SET id = 5 WHERE id = 1");
    write_fresh(s, 2, 4, &answer);
    assert_fails(answer, ERROR_DIVERGED, "23505");
    assert_works(subject_open(s));
    write_fresh(s, 2, 4, &answer);
    assert_works(answer);
    assert_works(subject_commit(s));
    assert_query("SELECT id, t FROM kinds ORDER BY id", "2|kept\n3|kept\n4|fresh\n5|fresh\n");
    write_fresh(s, 3, 6, &answer);
    assert_works(answer);
    assert_works(subject_commit(s));
    ground.query("CREATE UNIQUE INDEX ON kinds (t) WHERE id > 7");
    write_fresh(s, 4, 8, &answer);
    assert_fails(answer, ERROR_DIVERGED, "23505");
    assert_works(subject_open(s));
    write_fresh(s, 4, 8, &answer);
    assert_fails(answer, ERROR_REFUSED, "23505"); /* it was not the key */
    subject_close(s);
}

static void copies_a_block_larger_than_any_socket(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    static char text[64 * 1024];
    memset(text, 'x', sizeof text - 1);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 120, text);
    subject_deliver(s, 2, false, 60, 120, text);
    subject_close(s);
    assert_query("SELECT count(*), sum(length(t)) FROM kinds", "179|11730765\n");
}

/* It comes, and is read, long before the data has gone out. */
static void tells_a_refusal_amid_a_copy(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    static char text[64 * 1024];
    memset(text, 'x', sizeof text - 1);
    assert_works(subject_open(s));
    ground.query("ALTER TABLE kinds ADD CONSTRAINT no_five CHECK (id <> 5)");
    subject_prepare(s, 1, true);
    s->delivery.upserts[KINDS] = 120;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_kinds_block(1, 120, text)), ERROR_REFUSED, "23514");
    subject_close(s);
}

/* Runs the loop until the server's process waits for the lock that another client holds, amid what it is being sent. */
static void wait_until_it_waits(struct subject *s)
{
    static const char waits[] = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dropfold'"
                                " AND wait_event = 'advisory'";
    for (int64_t end = clock_monotonic() + 1000 * WAIT_MILLISECONDS;
         strcmp(query(waits), "1\n") != 0 && clock_monotonic() < end;)
        uv_run(&s->loop, UV_RUN_NOWAIT);
    assert_query(waits, "1\n");
    for (int i = 0; i < 100; i++)
        uv_run(&s->loop, UV_RUN_NOWAIT); /* until nothing more goes out */
    assert_int_equal(s->answer.count, 0);
}

/* Writes so many rows, during which the server ends the session. */
static void end_session_amid(struct subject *s, bool full, size_t rows, const char *text)
{
    PGconn *other = connect_other();
    PQclear(PQexec(other, "SELECT pg_advisory_lock(1)"));
    subject_prepare(s, 2, full);
    s->delivery.upserts[KINDS] = rows;
    assert_works(subject_begin(s));
    target_write(s->target, support_kinds_block(1, rows, text), support_answered, &s->answer);
    wait_until_it_waits(s);
    assert_query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'advisory'", "t\n");
    assert_fails(subject_wait(s), ERROR_TARGET,
                 "the connection is lost: terminating connection due to administrator command (57P01)");
    PQfinish(other);
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 1);
}

/* The server says why, but amid a COPY libpq does not look at what it says, and elsewhere what comes last is only that the
   socket was closed. */
static void tells_why_the_server_ended_a_session(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    static char text[64 * 1024];
    memset(text, 'x', sizeof text - 1);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    query("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
          " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';"
          "CREATE TRIGGER wait BEFORE INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION wait()");
    end_session_amid(s, true, 120, text);  /* most of it is still to be sent */
    end_session_amid(s, true, 1, text);    /* all of it is sent */
    end_session_amid(s, false, 1, "less"); /* arrays and no COPY */
    subject_deliver(s, 2, true, 1, 3, "kept");
    subject_close(s);
}

/* --- rows that go elsewhere --------------------------------------------------------------------------------------- */

/* Into an empty table, over rows and beside them, and out of it, where `sql` has the rows lie in other tables. */
static void deliver_elsewhere(const char *sql)
{
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query(sql);
    subject_deliver(s, 1, true, 1, 6, "old");
    subject_deliver_among(s, 2, false, 4, 6, "new", 9);
    subject_prepare(s, 3, false);
    s->delivery.deletes[KINDS] = 3;
    s->delivery.to.rows[KINDS] = 6;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(1, 3)));
    assert_works(subject_commit(s));
    assert_query("SELECT t, count(*), min(id), max(id) FROM kinds GROUP BY t", "new|6|4|9\n");
    subject_deliver(s, 4, true, 1, 4, "newer");
    subject_close(s);
    assert_query("SELECT t, count(*), min(id), max(id) FROM kinds GROUP BY t", "newer|4|1|4\n");
}

static void takes_rows_that_partitions_take(void **state)
{
    (void)state;
    deliver_elsewhere("ALTER TABLE kinds RENAME TO was;"
                      "CREATE TABLE kinds (LIKE was INCLUDING ALL) PARTITION BY RANGE (id);"
                      "CREATE TABLE low PARTITION OF kinds FOR VALUES FROM (MINVALUE) TO (5);"
                      "CREATE TABLE high PARTITION OF kinds FOR VALUES FROM (5) TO (MAXVALUE)");
}

/* As partitions were made before there were any. */
static void takes_rows_that_a_trigger_takes_elsewhere(void **state)
{
    (void)state;
    deliver_elsewhere(
        "CREATE TABLE part (PRIMARY KEY (id)) INHERITS (kinds);"
        "CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO part VALUES (NEW.*)"
        " ON CONFLICT (id) DO UPDATE SET t = EXCLUDED.t; RETURN NULL; END';"
        "CREATE TRIGGER route BEFORE INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION route()");
}

/* COPY does not ask rules; and where one does something else instead of an upsert, that is refused by name. */
static void refuses_what_a_rule_does_instead(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    query("CREATE RULE skip AS ON DELETE TO kinds DO INSTEAD NOTHING");
    subject_prepare(s, 2, false);
    s->delivery.deletes[KINDS] = 1;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_kinds_deletes(1, 1)), ERROR_REFUSED, "kept 1 row that should be gone");
    query("DROP RULE skip ON kinds; CREATE RULE skip AS ON INSERT TO kinds DO INSTEAD NOTHING");
    assert_works(subject_open(s));
    begin_upserts(s, false, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_REFUSED, "\"kinds\" took 0 of 1 rows");
    query("DROP RULE skip ON kinds; CREATE RULE skip AS ON UPDATE TO dropfold_progress DO INSTEAD NOTHING");
    assert_works(subject_open(s));
    begin_upserts(s, false, 1);
    assert_works(subject_write(s, support_kinds_block(1, 1, "new")));
    assert_fails(subject_commit(s), ERROR_REFUSED, "\"dropfold_progress\" took 0 of 1 rows");
    query("DROP RULE skip ON dropfold_progress;"
          "CREATE RULE skip AS ON INSERT TO kinds DO INSTEAD UPDATE kinds SET t = NEW.t WHERE id = NEW.id");
    assert_works(subject_open(s));
    begin_upserts(s, false, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_REFUSED, "0A000");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "old|3\n");
}

/* Its policy hides a row from DELETE and says no to an upsert. */
static void refuses_what_row_level_security_hides(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), plain;
    subject_close(s);
    query("CREATE ROLE plain LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain;"
          "ALTER TABLE kinds ENABLE ROW LEVEL SECURITY;"
          "CREATE POLICY all_seen ON kinds FOR SELECT USING (true);"
          "CREATE POLICY added ON kinds FOR INSERT WITH CHECK (true);"
          "CREATE POLICY some_changed ON kinds FOR UPDATE USING (id <> 2);"
          "CREATE POLICY some_deleted ON kinds FOR DELETE USING (id <> 2)");
    open_as(&place, &plain, "user=plain", 0);
    assert_works(subject_open(&plain));
    subject_prepare(&plain, 2, true);
    assert_fails(subject_begin(&plain), ERROR_REFUSED, "\"kinds\" kept 1 row that should be gone");
    assert_works(subject_open(&plain));
    begin_upserts(&plain, false, 3);
    assert_fails(subject_write(&plain, support_kinds_block(1, 3, "new")), ERROR_REFUSED, "42501");
    subject_close(&plain);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "old|3\n");
    query("DROP OWNED BY plain");
}

/* --- the server of the tests -------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    const char *given = getenv("DROPFOLD_TEST_PG");
    ground = (struct ground){.address = address, .postgresql = true, .query = query, .clean = clean};
    if (given && *given) {
        snprintf(address, sizeof address, "%s", given);
        installed = true;
        return 0;
    }
    testing_folder_make(folder);
    int code = script("start", "");
    installed = ours = code == 0;
    snprintf(address, sizeof address, "host=%s user=dropfold dbname=postgres", folder);
    return code == 0 || code == 77 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    if (ours)
        return script("remove", "");
    if (folder[0])
        testing_folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_addresses_with_passwords_and_unknown_words),
        cmocka_unit_test(names_itself_without_secrets),
        cmocka_unit_test(tries_again_when_nobody_listens),
        cmocka_unit_test(gives_up_on_a_black_hole_at_its_deadline),
        TARGET_CASES,
        TARGET_COMPARE_CASES,
        TARGET_SHARED_CASES,
        TARGET_TAKEN_CASES,
        TARGET_PREPARE_CASES,
        cmocka_unit_test(refuses_a_wrong_password_for_good),
        cmocka_unit_test(tells_refusals_from_what_passes),
        cmocka_unit_test(survives_a_server_that_stops_during_a_delivery),
        cmocka_unit_test(notices_a_session_that_was_ended),
        cmocka_unit_test(does_not_believe_a_commit_that_answers_rollback),
        cmocka_unit_test(does_not_know_after_a_commit_whose_answer_was_cut),
        cmocka_unit_test(gives_up_on_a_commit_whose_answer_is_swallowed),
        cmocka_unit_test(fails_a_commit_that_a_constraint_refuses),
        cmocka_unit_test(writes_comments),
        cmocka_unit_test(needs_no_right_to_create_when_all_is_there),
        cmocka_unit_test(says_what_a_role_lacks_before_it_delivers),
        cmocka_unit_test(waits_for_a_lock_only_so_long),
        cmocka_unit_test(follows_the_search_path),
        cmocka_unit_test(keeps_the_server_s_notices_to_itself),
        cmocka_unit_test(leaves_nothing_in_the_session),
        cmocka_unit_test(does_not_trust_in_fresh_keys_once_one_was_there),
        cmocka_unit_test(copies_a_block_larger_than_any_socket),
        cmocka_unit_test(tells_a_refusal_amid_a_copy),
        cmocka_unit_test(tells_why_the_server_ended_a_session),
        cmocka_unit_test(takes_rows_that_partitions_take),
        cmocka_unit_test(takes_rows_that_a_trigger_takes_elsewhere),
        cmocka_unit_test(refuses_what_a_rule_does_instead),
        cmocka_unit_test(refuses_what_row_level_security_hides),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
