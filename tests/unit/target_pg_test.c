/* PostgreSQL as a target: what every database must do, its sessions, and what is its own. */
#include "target_pg_other_cases.h"
#include "target_pg_policy_cases.h"
#include "target_pg_session_cases.h"
#include "target_owner_cases.h"
#include "target_prepare_cases.h"

#include "target/pg_open.h"

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
    query("CREATE OR REPLACE VIEW latest_window AS SELECT * FROM sales WHERE orders < 0");
    open_as(&place, &plain, "user=plain", 0);
    assert_fails(subject_open(&plain), ERROR_REFUSED, "making view \"latest_window\" anew");
    assert_non_null(strstr(plain.answer.error.text, "`dropfold target init`"));
    subject_close(&plain);
    query("DROP OWNED BY plain");
}

/* A role `plain` that looks, and is told what a delivery of its would be refused; NULL: nothing. */
static void assert_barred(const char *part)
{
    struct place place;
    struct subject s;
    char other[sizeof server_address + 16];
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
    struct subject *s = place_init(&place), plain;
    query("CREATE ROLE plain LOGIN");
    assert_barred(
        "\"dropfold_progress\" is missing, and this role may not make it in schema \"public\"; let the owner");
    query("ALTER ROLE plain SET search_path = nowhere");
    assert_barred("no schema of this role's search_path is there");
    open_as(&place, &plain, "user=plain", 0);
    assert_fails(subject_open(&plain), ERROR_REFUSED, "no schema of this role's search_path is there to make it in");
    subject_close(&plain);
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

static const struct answer *open_within(struct subject *s, int64_t deadline)
{
    int64_t usual = s->target->deadline;
    s->target->deadline = deadline;
    const struct answer *answer = subject_open(s);
    s->target->deadline = usual;
    return answer;
}

static const struct answer *begin_within(struct subject *s, int64_t deadline)
{
    int64_t usual = s->target->deadline;
    if (!target_is_open(s->target))
        assert_works(subject_open(s));
    s->target->deadline = deadline;
    subject_prepare(s, 2, false);
    const struct answer *answer = subject_begin(s);
    s->target->deadline = usual;
    return answer;
}

/* What is answered where a lock is never given up. Half of a deadline is for locks; where the other half does not do
   for all else, on a machine that is slow or stood still, a longer one is needed. */
static const struct answer *wait_for_a_lock(struct subject *s,
                                            const struct answer *(*ask)(struct subject *s, int64_t deadline))
{
    const struct answer *answer;
    int64_t deadline = 500 * 1000;
    do {
        deadline *= 2;
        answer = ask(s, deadline);
    } while (strstr(answer->error.text, "no answer within") && deadline < SUPPORT_PATIENCE / 4);
    return answer;
}

static void waits_for_a_lock_only_so_long(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 1, "kept");
    PGconn *other = connect_other();
    PQclear(PQexec(other, "BEGIN; SELECT * FROM dropfold_progress FOR UPDATE"));
    assert_fails(wait_for_a_lock(s, begin_within), ERROR_TARGET, "55P03");
    /* A server that was left waiting would do so until the lock is gone, however often the connection was given up. */
    PQclear(PQexec(other, "LOCK TABLE kinds"));
    assert_fails(wait_for_a_lock(s, open_within), ERROR_TARGET,
                 "reading the progress: canceling statement due to lock timeout");
    PQfinish(other);
    subject_close(s);
}

/* Whoever begins a first delivery looks at the marks of others alone: of two at once the second sees the first
   one's. */
static void claims_its_tables_one_after_the_other(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), brief;
    assert_works(subject_open(s));
    subject_close(s);
    open_as(&place, &brief, "", 6 * 1000 * 1000);
    assert_works(subject_open(&brief));
    PGconn *other = connect_other();
    PQclear(PQexec(other, "BEGIN; SELECT pg_advisory_xact_lock(" PG_OPEN_LOCK ")"));
    subject_prepare(&brief, 1, true);
    assert_fails(subject_begin(&brief), ERROR_TARGET, "55P03");
    PQfinish(other);
    subject_close(&brief);
}

/* Those of the role are for others. */
/* For longer than the limits of the role `plain` an opening waits for the table, and a delivery for row 2 of it. */
static PGconn *slow_down(void)
{
    PGconn *other = connect_other();
    query("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain;"
          "ALTER TABLE kinds ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON kinds FOR SELECT USING (true);"
          "CREATE POLICY added ON kinds FOR INSERT WITH CHECK (true);"
          "CREATE POLICY slow ON kinds FOR UPDATE USING (id <> 2 OR pg_sleep(0.6) IS NOT NULL)");
    PQclear(PQexec(other, "BEGIN; LOCK TABLE kinds"));
    assert_true(PQsendQuery(other, "SELECT pg_sleep(0.6); COMMIT"));
    return other;
}

static void has_limits_of_its_own(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), plain;
    subject_close(s);
    query("CREATE ROLE plain LOGIN;"
          "ALTER ROLE plain SET statement_timeout = '500ms'; ALTER ROLE plain SET default_transaction_read_only = on;"
          "ALTER ROLE plain SET default_transaction_isolation = 'serializable';"
          "ALTER ROLE plain SET synchronous_commit = off");
    PGconn *other = slow_down();
    open_as(&place, &plain, "user=plain", 0);
    assert_works(subject_open(&plain));
    assert_int_equal(target_rows(plain.target)[KINDS], 3);
    subject_deliver(&plain, 2, false, 2, 2, "new");
    subject_close(&plain);
    PQfinish(other);
    assert_query("SELECT id, t FROM kinds ORDER BY id", "1|old\n2|new\n3|new\n");
    query("DROP OWNED BY plain");
}

/* One of a transaction as a whole would end any delivery that takes long; where a server knows it, it is lifted. An
   older server, told to be a newer one, shows that it is asked to. */
static void lifts_a_limit_of_the_whole_transaction(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), plain;
    subject_close(s);
    bool knows = atoi(query("SELECT current_setting('server_version_num')")) >= 170000;
    query("CREATE ROLE plain LOGIN");
    if (knows)
        query("ALTER ROLE plain SET transaction_timeout = '500ms'");
    PGconn *other = slow_down();
    open_as(&place, &plain, "user=plain", 0);
    server_version = knows ? 0 : 170000;
    if (!knows)
        assert_fails(subject_open(&plain), ERROR_REFUSED,
                     "unrecognized configuration parameter \"transaction_timeout\"");
    server_version = 0;
    assert_works(subject_open(&plain));
    subject_deliver(&plain, 2, false, 2, 2, "new");
    subject_close(&plain);
    PQfinish(other);
    query("DROP OWNED BY plain");
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
    query("DROP SCHEMA IF EXISTS front CASCADE; CREATE SCHEMA front;"
          "CREATE OR REPLACE VIEW mart.latest_window AS SELECT * FROM mart.sales WHERE orders < 0");
    open_as(&place, &elsewhere, "options='-c search_path=front,mart'", 0);
    assert_works(subject_open(&elsewhere));
    assert_string_equal(target_remade(elsewhere.target), "latest_window");
    subject_close(&elsewhere);
    assert_query("SELECT to_regclass('front.latest_window'), pg_get_viewdef('mart.latest_window'::regclass) ~ '< 0'",
                 "-|f\n");
    query("DROP SCHEMA mart CASCADE; DROP SCHEMA front");
}

/* Pipelines that share their progress, and have tables of one name each. */
static void knows_whose_a_table_is_by_its_schema_too(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r = rival_init(&rival, "rival");
    char front[TESTING_PATH_MAX + 256];
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "x");
    query(
        "DROP SCHEMA IF EXISTS front CASCADE; CREATE SCHEMA front; CREATE TABLE front.kinds (LIKE kinds INCLUDING ALL);"
        "CREATE TABLE front.sales (LIKE sales INCLUDING ALL)");
    snprintf(front, sizeof front, "%s options='-c search_path=front,public'", server_address);
    subject_close(r);
    rival.pipeline.pipeline.table_count = SALES + 1;
    subject_init(r, &rival.pipeline.pipeline, front, 0);
    assert_works(subject_open(r));
    assert_taken(r, NULL);
    subject_deliver(r, 1, true, 1, 2, "y");
    subject_close(r);
    subject_init(r, &rival.pipeline.pipeline, server_address, 0);
    assert_works(subject_open(r));
    assert_taken(r, place.pipeline.pipeline.name);
    subject_close(r);
    subject_close(s);
    query("DROP SCHEMA front CASCADE");
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
    /* That of the test before may still be on its way out. */
    assert_query("SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'dropfold'", "idle\n");
    subject_close(s);
}

static void copies_a_block_larger_than_any_socket(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    const char *text = long_text();
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
    const char *text = long_text();
    assert_works(subject_open(s));
    ground.query("ALTER TABLE kinds ADD CONSTRAINT no_five CHECK (id <> 5)");
    subject_prepare(s, 1, true);
    s->delivery.upserts[KINDS] = 120;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_kinds_block(1, 120, text)), ERROR_REFUSED, "23514");
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

/* What a trigger of a part of a part takes out is missed, too. */
static void counts_a_table_whose_parts_have_triggers(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query("ALTER TABLE kinds RENAME TO was;"
          "CREATE TABLE kinds (LIKE was INCLUDING ALL) PARTITION BY RANGE (id);"
          "CREATE TABLE part PARTITION OF kinds FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (id);"
          "CREATE TABLE piece PARTITION OF part FOR VALUES FROM (1) TO (9);"
          "CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS"
          " 'BEGIN DELETE FROM kinds WHERE id = 1; RETURN NULL; END'");
    subject_deliver(s, 1, true, 1, 3, "kept");
    query("CREATE TRIGGER take AFTER INSERT ON piece FOR EACH ROW EXECUTE FUNCTION take()");
    subject_prepare(s, 2, false);
    s->delivery.upserts[KINDS] = 1;
    s->delivery.to.rows[KINDS] = 4;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_block(4, 1, "new")));
    assert_fails(subject_commit(s), ERROR_DIVERGED, "has 3 rows at the end of the delivery and should have 4");
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "3\n");
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
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_REFUSED,
                 "\"kinds\" took 0 rows instead of 1");
    query("DROP RULE skip ON kinds; CREATE RULE skip AS ON UPDATE TO dropfold_progress DO INSTEAD NOTHING");
    assert_works(subject_open(s));
    begin_upserts(s, false, 1);
    assert_works(subject_write(s, support_kinds_block(1, 1, "new")));
    assert_fails(subject_commit(s), ERROR_REFUSED, "relation \"dropfold_progress\" (0A000)");
    query("DROP RULE skip ON dropfold_progress;"
          "CREATE RULE skip AS ON INSERT TO kinds DO INSTEAD UPDATE kinds SET t = NEW.t WHERE id = NEW.id");
    assert_works(subject_open(s));
    begin_upserts(s, false, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_REFUSED, "0A000");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "old|3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_PG_SESSION_CASES,
        TARGET_CASES,
        TARGET_SHAPE_CASES,
        TARGET_COMPARE_CASES,
        TARGET_SHARED_CASES,
        TARGET_OWNER_CASES,
        TARGET_TAKEN_CASES,
        TARGET_PREPARE_CASES,
        TARGET_PG_OTHER_CASES,
        TARGET_PG_POLICY_CASES,
        cmocka_unit_test(fails_a_commit_that_a_constraint_refuses),
        cmocka_unit_test(writes_comments),
        cmocka_unit_test(needs_no_right_to_create_when_all_is_there),
        cmocka_unit_test(says_what_a_role_lacks_before_it_delivers),
        cmocka_unit_test(waits_for_a_lock_only_so_long),
        cmocka_unit_test(claims_its_tables_one_after_the_other),
        cmocka_unit_test(has_limits_of_its_own),
        cmocka_unit_test(lifts_a_limit_of_the_whole_transaction),
        cmocka_unit_test(follows_the_search_path),
        cmocka_unit_test(knows_whose_a_table_is_by_its_schema_too),
        cmocka_unit_test(keeps_the_server_s_notices_to_itself),
        cmocka_unit_test(leaves_nothing_in_the_session),
        cmocka_unit_test(copies_a_block_larger_than_any_socket),
        cmocka_unit_test(tells_a_refusal_amid_a_copy),
        cmocka_unit_test(takes_rows_that_partitions_take),
        cmocka_unit_test(counts_a_table_whose_parts_have_triggers),
        cmocka_unit_test(takes_rows_that_a_trigger_takes_elsewhere),
        cmocka_unit_test(refuses_what_a_rule_does_instead),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
