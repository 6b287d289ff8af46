/* Sessions with PostgreSQL: addresses, how one begins, and how one is lost. Included by target_pg_test.c. */
#ifndef DROPFOLD_TESTS_TARGET_PG_SESSION_CASES_H
#define DROPFOLD_TESTS_TARGET_PG_SESSION_CASES_H

#include "target_pg_server.h"
#include "target_proxy.h"

#include "base/clock.h"
#include "target/target_internal.h"

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
    assert_fails(subject_open(&s), ERROR_REFUSED,
                 "failed: password authentication failed for user \"scram\" (28P01); give the password by PGPASSWORD, "
                 "~/.pgpass, "
                 "PGPASSFILE or a service file");
    setenv("PGPASSWORD", "s3cret", 1);
    assert_works(subject_open(&s));
    target_abort(s.target);
    unsetenv("PGPASSWORD");
    setenv("PGPASSFILE", "/nowhere/at/all", 1);
    assert_fails(subject_open(&s), ERROR_REFUSED, "no password supplied; give the password by PGPASSWORD");
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
    assert_fails(subject_open(&s), ERROR_REFUSED, "failed: database \"nowhere\" does not exist (3D000)");
    assert_null(strstr(s.answer.error.text, "LOCATION"));
    subject_close(&s);
    open_as(&place, &s, "user=nobody_here", 0);
    assert_fails(subject_open(&s), ERROR_REFUSED, "(28000)");
    subject_close(&s);
    open_as(&place, &s, "user=limited", 0);
    assert_fails(subject_open(&s), ERROR_TARGET, "(53300)");
    subject_close(&s);
}

static void tries_again_when_nobody_listens(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    char text[128];
    int port, fd = proxy_bind(&port); /* so that nobody else listens there meanwhile */
    support_pipeline_init(&p);
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d user=x", port);
    subject_init(&s, &p.pipeline, text, 0);
    assert_fails(subject_open(&s), ERROR_TARGET, "Connection refused");
    assert_fails(subject_open(&s), ERROR_TARGET, "Connection refused");
    subject_close(&s);
    close(fd);
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

static void wait_for_query(const char *sql, const char *wanted)
{
    for (int64_t end = clock_monotonic() + SUPPORT_PATIENCE;
         strcmp(query(sql), wanted) != 0 && clock_monotonic() < end;)
        ;
    assert_query(sql, wanted);
}

/* The server's process says why it ends only when it reads again what it is asked, which is behind its answer. */
static void wait_until_it_reads(void)
{
    wait_for_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dropfold'"
                   " AND wait_event = 'ClientRead'",
                   "1\n");
}

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
    wait_until_it_reads();
    assert_int_equal(server_script("stop", "immediate"), 0);
    assert_fails(subject_write(s, support_kinds_block(4001, 4000, "lost")), ERROR_TARGET,
                 "the connection is lost: terminating connection"); /* only a warning said so */
    assert_fails(subject_open(s), ERROR_TARGET, "postgresql://");
    assert_int_equal(server_script("start", ""), 0);
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
    query("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'dropfold'");
    subject_prepare(s, 1, true);
    assert_fails(subject_begin(s), ERROR_TARGET,
                 "the connection is lost: terminating connection due to administrator command (57P01)");
    subject_close(s);
}

/* An idle target keeps no loop alive: the guard does. */
static void end_idle_session(struct subject *s)
{
    struct hanging hanging;
    hanging_begin(&hanging, &s->loop);
    query("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'dropfold'");
    while (target_is_open(s->target))
        uv_run(&s->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&hanging.timer, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

static void is_closed_when_the_server_ends_an_idle_session(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    end_idle_session(s);
    subject_prepare(s, 1, true);
    assert_fails(subject_begin(s), ERROR_TARGET,
                 "the connection is lost: terminating connection due to administrator command (57P01)");
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    end_idle_session(s);
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 1);
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
    snprintf(text, sizeof text, "%s/.s.PGSQL.5432", server_folder);
    proxy_start(&proxy, text, mode);
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d sslmode=disable gssencmode=disable", proxy.port);
    open_as(&through, &spoiled, text, 0);
    assert_works(subject_open(&spoiled));
    subject_prepare(&spoiled, 2, false);
    spoiled.delivery.upserts[KINDS] = 1;
    assert_works(subject_begin(&spoiled));
    assert_works(subject_write(&spoiled, support_kinds_block(2, 1, "second")));
    if (mode == PROXY_SWALLOW)
        spoiled.target->deadline = 1000 * 1000;
    assert_fails(subject_commit(&spoiled), ERROR_TARGET, part);
    assert_false(target_is_open(spoiled.target));
    assert_int_equal(target_progress(spoiled.target)->sequence, 1);
    subject_close(&spoiled);
    proxy_stop(&proxy);
    assert_int_equal(atomic_load(&proxy.commits), 1);
    wait_for_query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dropfold' AND state <> 'idle'",
                   "0\n");
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
    spoil_commit(PROXY_SWALLOW, "no answer within 1 s", 2);
}

/* Runs the loop until the server's process waits for the lock that another client holds, amid what it is being sent. */
static void wait_until_it_waits(struct subject *s)
{
    static const char waits[] = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dropfold'"
                                " AND wait_event = 'advisory'";
    for (int64_t end = clock_monotonic() + SUPPORT_PATIENCE;
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
    assert_query("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE wait_event = 'advisory'", "t\n");
    assert_fails(subject_wait(s), ERROR_TARGET,
                 "the connection is lost: terminating connection due to administrator command (57P01)");
    PQfinish(other);
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 1);
}

/* The server says why, but amid a COPY libpq does not look at what it says, and elsewhere what comes last is only that
   the socket was closed. */
static void tells_why_the_server_ended_a_session(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    const char *text = long_text();
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

#define TARGET_PG_SESSION_CASES                                                                                        \
    cmocka_unit_test(refuses_addresses_with_passwords_and_unknown_words),                                              \
        cmocka_unit_test(names_itself_without_secrets), cmocka_unit_test(tries_again_when_nobody_listens),             \
        cmocka_unit_test(gives_up_on_a_black_hole_at_its_deadline),                                                    \
        cmocka_unit_test(refuses_a_wrong_password_for_good), cmocka_unit_test(tells_refusals_from_what_passes),        \
        cmocka_unit_test(survives_a_server_that_stops_during_a_delivery),                                              \
        cmocka_unit_test(is_closed_when_the_server_ends_an_idle_session),                                              \
        cmocka_unit_test(notices_a_session_that_was_ended),                                                            \
        cmocka_unit_test(does_not_believe_a_commit_that_answers_rollback),                                             \
        cmocka_unit_test(does_not_know_after_a_commit_whose_answer_was_cut),                                           \
        cmocka_unit_test(gives_up_on_a_commit_whose_answer_is_swallowed),                                              \
        cmocka_unit_test(tells_why_the_server_ended_a_session)

#endif
