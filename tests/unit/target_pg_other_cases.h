/*
 * What becomes of a delivery to a PostgreSQL that is another than it was when it was opened: rows that somebody put
 * there, tables of another shape, another server. Included by target_pg_test.c.
 */
#ifndef DROPFOLD_TESTS_TARGET_PG_OTHER_CASES_H
#define DROPFOLD_TESTS_TARGET_PG_OTHER_CASES_H

#include "target_pg_server.h"
#include "target_prepare_cases.h"

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

/* Whatever the way of the rows: their bytes are those of the types that were there when the table was opened. */
static void does_not_copy_into_a_column_whose_type_was_changed(void **state)
{
    (void)state;
    struct place place;
    const struct answer *answer = NULL;
    struct subject *s = fill_kinds(&place);
    ground.query("ALTER TABLE kinds ALTER big TYPE double precision");
    write_fresh(s, 2, 4, &answer);
    assert_fails(answer, ERROR_DIVERGED, "\"big\" is double precision and not bigint");
    assert_fails(subject_open(s), ERROR_REFUSED, "\"big\" is double precision and not bigint");
    ground.query("ALTER TABLE kinds ALTER big TYPE bigint");
    assert_works(subject_open(s));
    ground.query("ALTER TABLE kinds ALTER big TYPE double precision");
    begin_upserts(s, true, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_DIVERGED, "not bigint");
    subject_close(s);
    assert_query("SELECT big, count(*) FROM kinds WHERE id = 1 GROUP BY big", "10000000001|1\n");
    ground.query("ALTER TABLE kinds ALTER big TYPE bigint");
    s = begin_comparison(&place, true, 3);
    ground.query("ALTER TABLE kinds ALTER big TYPE double precision");
    assert_fails(subject_write(s, support_kinds_block(1, 3, "kept")), ERROR_DIVERGED, "not bigint");
    subject_close(s);
}

static void begin_two(struct subject *s)
{
    begin_upserts(s, true, 2);
    s->delivery.to.rows[KINDS] = 2;
}

/* A row that was put there after the delivery had seen that the table is empty; then an index of somebody's. */
static void does_not_trust_in_an_empty_table_either(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    begin_two(s);
    ground.query("INSERT INTO kinds (id) VALUES (2)");
    assert_fails(subject_write(s, support_kinds_block(1, 2, "new")), ERROR_DIVERGED, "23505");
    assert_works(subject_open(s));
    begin_two(s);
    assert_works(subject_write(s, support_kinds_block(1, 2, "new")));
    assert_works(subject_commit(s));
    ground.query("CREATE UNIQUE INDEX ON kinds (t) WHERE t = 'newer'");
    begin_two(s);
    assert_fails(subject_write(s, support_kinds_block(1, 2, "newer")), ERROR_DIVERGED, "23505");
    assert_works(subject_open(s));
    begin_two(s);
    assert_fails(subject_write(s, support_kinds_block(1, 2, "newer")), ERROR_REFUSED, "23505");
    subject_close(s);
    assert_query("SELECT id, t FROM kinds ORDER BY id", "1|new\n2|new\n");
}

/* COPY sees two keys that are one to a collation of somebody's; upserts, which then take its place, see one row. */
static void refuses_keys_that_a_collation_takes_for_equal(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    query("DROP VIEW latest_window, \"Life \"\"time\"\"\";"
          "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
          "ALTER TABLE sales ALTER currency TYPE text COLLATE loose");
    begin_two_sales(s);
    assert_works(subject_write(s, sales_block("ngn")));
    assert_fails(subject_write(s, sales_block("NGN")), ERROR_DIVERGED, "23505");
    assert_works(subject_open(s));
    begin_two_sales(s);
    assert_works(subject_write(s, sales_block("ngn")));
    assert_works(subject_write(s, sales_block("NGN")));
    assert_fails(subject_commit(s), ERROR_REFUSED, "has 1 row at the end of the delivery and should have 2");
    assert_works(subject_open(s));
    miss_a_key_that_takes_the_place_of_another(s);
    subject_close(s);
}

/* What an open target was made into is found out by opening it again, which says it, and says so until it is mended. */
static void looks_again_when_a_table_is_another(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    ground.query("ALTER TABLE kinds DROP CONSTRAINT kinds_pkey");
    begin_upserts(s, false, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_DIVERGED, "42P10");
    assert_fails(subject_open(s), ERROR_REFUSED, "\"id\" is not in the primary key");
    ground.query("ALTER TABLE kinds ADD PRIMARY KEY (id) DEFERRABLE");
    assert_fails(subject_open(s), ERROR_REFUSED, "table \"kinds\": its primary key is deferrable");
    ground.query("ALTER TABLE kinds DROP CONSTRAINT kinds_pkey; ALTER TABLE kinds ADD PRIMARY KEY (id)");
    assert_works(subject_open(s));
    ground.query("ALTER TABLE kinds ALTER b TYPE date USING NULL");
    begin_upserts(s, false, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_DIVERGED, "42804");
    assert_fails(subject_open(s), ERROR_REFUSED, "\"b\" is date and not boolean");
    subject_close(s);
}

/* Which nothing can be written into: COPY says of it what it says of a column that is gone. */
static void refuses_columns_that_the_database_fills_itself(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    ground.query("ALTER TABLE kinds DROP r; ALTER TABLE kinds ADD r real GENERATED ALWAYS AS (1) STORED");
    begin_upserts(s, true, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_DIVERGED,
                 "\"r\" is real generated and not real");
    assert_fails(subject_open(s), ERROR_REFUSED, "\"r\" is real generated and not real");
    ground.query("ALTER TABLE kinds DROP r; ALTER TABLE kinds ADD r real;"
                 "ALTER TABLE kinds ALTER id ADD GENERATED ALWAYS AS IDENTITY");
    assert_fails(subject_open(s), ERROR_REFUSED, "\"id\" is integer generated and not integer");
    ground.query("ALTER TABLE kinds ALTER id SET GENERATED BY DEFAULT");
    assert_works(subject_open(s));
    subject_deliver(s, 2, false, 1, 3, "new");
    subject_close(s);
}

/* Upserts go as rows of the table's type, which those of columns in another order are not. */
static void upserts_into_columns_in_any_order(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    ground.query("ALTER TABLE kinds DROP big; ALTER TABLE kinds ADD big bigint");
    begin_upserts(s, false, 1);
    assert_fails(subject_write(s, support_kinds_block(1, 1, "new")), ERROR_DIVERGED, "42804");
    assert_works(subject_open(s));
    subject_deliver(s, 2, false, 1, 3, "new");
    subject_close(s);
    assert_query("SELECT id, big, cents, t FROM kinds ORDER BY id",
                 "1|10000000001|1.25|new\n2|10000000002|2.25|new\n3|10000000003|3.25|new\n");
}

/* Of two names in the search path the first one is the table's and the other the type's. */
static void upserts_where_the_tables_name_is_another_types_too(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), other;
    subject_close(s);
    query("CREATE SCHEMA before; CREATE DOMAIN before.kinds AS integer");
    open_as(&place, &other, "options='-c search_path=before,public'", 0);
    assert_works(subject_open(&other));
    subject_deliver(&other, 2, false, 1, 3, "new");
    subject_close(&other);
    query("DROP SCHEMA before CASCADE");
    assert_query("SELECT id, big, t FROM kinds ORDER BY id",
                 "1|10000000001|new\n2|10000000002|new\n3|10000000003|new\n");
}

/* A role may have the server write all names in quotes, and types are names. */
static void knows_types_by_their_names_in_quotes_too(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), quoted;
    subject_close(s);
    open_as(&place, &quoted, "options='-c quote_all_identifiers=on'", 0);
    assert_works(subject_open(&quoted));
    subject_deliver(&quoted, 2, true, 1, 3, "new");
    subject_close(&quoted);
}

/* What a standby says of READ WRITE, to which a pooler led between opening and beginning. */
static void looks_again_when_the_server_is_another(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), plain;
    subject_close(s);
    query("CREATE ROLE plain LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain");
    open_as(&place, &plain, "user=plain", 0);
    assert_works(subject_open(&plain));
    query("CREATE FUNCTION says_no() RETURNS boolean LANGUAGE plpgsql AS"
          " 'BEGIN RAISE EXCEPTION USING ERRCODE = ''0A000''; END';"
          "ALTER TABLE kinds ENABLE ROW LEVEL SECURITY; CREATE POLICY no ON kinds USING (says_no())");
    subject_prepare(&plain, 2, false);
    assert_fails(subject_begin(&plain), ERROR_DIVERGED, "0A000");
    subject_close(&plain);
    query("DROP OWNED BY plain");
}

/* Which a table has that inherits from it: an upsert finds only the table's own, and would find that twice where both
   differ. */
static void does_not_say_that_it_mended_rows_that_a_table_has_twice(void **state)
{
    (void)state;
    static const char *const also[] = {"SELECT 1", "UPDATE ONLY kinds SET t = 'edited' WHERE id < 3"};
    for (size_t i = 0; i < COUNT_OF(also); i++) {
        struct place place;
        deliver_kinds(3);
        query("CREATE TABLE child () INHERITS (kinds); INSERT INTO child (id, t) VALUES (2, 'doubled'), (9, 'added')");
        query(also[i]);
        struct subject *s = compare_kinds(&place, true, 3);
        assert_drift(s, 0, 1, i == 0 ? 1 : 3);
        assert_fails(subject_mend(s, KINDS), ERROR_REFUSED,
                     "table \"kinds\" has 1 row more than keys, so nothing was mended: look for a table that inherits");
        subject_close(s);
        query("DELETE FROM child WHERE id = 2");
        s = compare_kinds(&place, true, 3);
        assert_works(subject_mend(s, KINDS));
        assert_works(subject_commit(s));
        subject_close(s);
        assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "as delivered|3\n");
    }
}

/* No trigger of somebody's, and no statement that says so. */
static void misses_rows_that_a_foreign_key_takes_out(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), blind;
    deliver_a_sale(s);
    assert_works(subject_commit(s));
    query("ALTER TABLE sales ADD FOREIGN KEY (customer_id) REFERENCES kinds ON DELETE CASCADE");
    subject_prepare(s, 3, false);
    s->delivery.deletes[KINDS] = s->delivery.to.rows[SALES] = 1;
    s->delivery.to.rows[KINDS] = 2;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(1, 1)));
    assert_fails(subject_commit(s), ERROR_DIVERGED,
                 "table \"sales\" has 0 rows at the end of the delivery and should have 1");
    subject_close(s);
    assert_query("SELECT (SELECT count(*) FROM kinds), (SELECT count(*) FROM sales)", "3|1\n");
    open_as(&place, &blind, "options='-c track_counts=off'", 0); /* then only triggers are known */
    assert_works(subject_open(&blind));
    subject_deliver_among(&blind, 3, false, 1, 2, "new", 3);
    subject_close(&blind);
}

/* Part of its rows went to the one, and part to the other, and the progress of the second would have counted. */
static void does_not_commit_what_went_into_two_schemas(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    begin_upserts(s, false, 2);
    assert_works(subject_write(s, support_kinds_block(1, 1, "new")));
    query("DROP SCHEMA IF EXISTS was CASCADE; ALTER SCHEMA public RENAME TO was; CREATE SCHEMA public;"
          "SET search_path = public;"
          "CREATE TABLE kinds (LIKE was.kinds INCLUDING ALL); INSERT INTO kinds SELECT * FROM was.kinds;"
          "CREATE TABLE sales (LIKE was.sales INCLUDING ALL);"
          "CREATE TABLE \"we\"\"ird'; DROP TABLE kinds; --\" (LIKE was.\"we\"\"ird'; DROP TABLE kinds; --\" INCLUDING "
          "ALL);"
          "CREATE TABLE dropfold_progress (LIKE was.dropfold_progress INCLUDING ALL);"
          "INSERT INTO dropfold_progress SELECT * FROM was.dropfold_progress");
    assert_works(subject_write(s, support_kinds_block(2, 1, "new")));
    assert_fails(subject_commit(s), ERROR_DIVERGED,
                 "table \"dropfold_progress\" is another one than when the delivery began");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "old|3\n");
    assert_query("SELECT sequence FROM dropfold_progress", "1\n");
    query("DROP SCHEMA was CASCADE");
}

/* What is done when the progress is written, or waits for the COMMIT, behind all that the delivery did itself. */
static void misses_rows_that_triggers_of_the_progress_take_out(void **state)
{
    (void)state;
    static const char *const triggers[] = {
        "CREATE TRIGGER skip AFTER UPDATE ON dropfold_progress FOR EACH ROW EXECUTE FUNCTION skip()",
        "CREATE CONSTRAINT TRIGGER skip AFTER UPDATE ON dropfold_progress DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION skip()",
        "CREATE TRIGGER skip AFTER UPDATE ON dropfold_progress FOR EACH ROW EXECUTE FUNCTION skip();"
        "CREATE TRIGGER skip AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION skip()", /* it is counted before, too */
    };
    for (size_t i = 0; i < COUNT_OF(triggers); i++) {
        struct place place;
        struct subject *s = fill_kinds(&place);
        query("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
              " 'BEGIN IF TG_TABLE_NAME <> ''sales'' THEN DELETE FROM sales; END IF; RETURN NULL; END'");
        query(triggers[i]);
        deliver_a_sale(s);
        assert_fails(subject_commit(s), ERROR_DIVERGED,
                     "table \"sales\" has 0 rows at the end of the delivery and should have 1");
        assert_works(subject_open(s));
        deliver_a_sale(s);
        assert_fails(subject_commit(s), ERROR_REFUSED, "table \"sales\" has 0 rows at the end of the delivery");
        assert_untouched(s);
        subject_close(s);
    }
}

/* What waits for the COMMIT is done before the tables are counted, each by itself. */
static void misses_rows_that_wait_for_the_commit_to_be_taken_out(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    query("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM sales; RETURN NULL; END'");
    query("CREATE CONSTRAINT TRIGGER skip AFTER INSERT ON kinds DEFERRABLE INITIALLY DEFERRED"
          " FOR EACH ROW WHEN (NEW.id = 0) EXECUTE FUNCTION skip();"
          "CREATE CONSTRAINT TRIGGER skip AFTER INSERT ON sales DEFERRABLE INITIALLY DEFERRED"
          " FOR EACH ROW EXECUTE FUNCTION skip()");
    for (int i = 0; i < 2; i++) {
        subject_prepare(s, 2, false);
        s->delivery.upserts[KINDS] = 3;
        s->delivery.upserts[SALES] = s->delivery.to.rows[SALES] = 1;
        s->delivery.to.rows[KINDS] = 3;
        assert_works(subject_begin(s));
        assert_works(subject_write(s, support_kinds_block(1, 3, "new")));
        assert_works(subject_write(s, sales_block("NGN")));
        assert_fails(subject_commit(s), i == 0 ? ERROR_DIVERGED : ERROR_REFUSED,
                     "table \"sales\" has 0 rows at the end of the delivery");
        if (i == 0)
            assert_works(subject_open(s));
    }
    assert_untouched(s);
    subject_close(s);
}

static void misses_rows_that_wait_for_the_commit_behind_deletes(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct place place;
        struct subject *s = fill_kinds(&place);
        query("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
              " 'BEGIN INSERT INTO kinds (id) VALUES (77) ON CONFLICT DO NOTHING; RETURN NULL; END'");
        query("CREATE CONSTRAINT TRIGGER skip AFTER DELETE ON kinds DEFERRABLE INITIALLY DEFERRED"
              " FOR EACH ROW EXECUTE FUNCTION skip()");
        subject_prepare(s, 2, full);
        s->delivery.deletes[KINDS] = full ? 0 : 1;
        s->delivery.to.rows[KINDS] = full ? 0 : 2;
        assert_works(subject_begin(s));
        if (!full)
            assert_works(subject_write(s, support_kinds_deletes(1, 1)));
        assert_fails(subject_commit(s), full ? ERROR_REFUSED : ERROR_DIVERGED,
                     full ? "table \"kinds\" has 1 row at the end" : "table \"kinds\" has 3 rows at the end");
        assert_untouched(s);
        subject_close(s);
    }
}

/* As a pooler's session may have that served somebody else before. The trigger makes it behind the last row of a
   delivery. */
static void delivers_past_a_temporary_table_of_the_same_name(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    query("CREATE FUNCTION shadow() RETURNS trigger LANGUAGE plpgsql AS"
          " 'BEGIN CREATE TEMPORARY TABLE IF NOT EXISTS kinds (LIKE public.kinds INCLUDING ALL);"
          " INSERT INTO pg_temp.kinds SELECT * FROM public.kinds ON CONFLICT DO NOTHING; RETURN NULL; END';"
          "CREATE CONSTRAINT TRIGGER shadow AFTER UPDATE ON dropfold_progress DEFERRABLE INITIALLY DEFERRED"
          " FOR EACH ROW EXECUTE FUNCTION shadow()");
    subject_deliver_among(s, 2, false, 1, 1, "second", 3);
    subject_deliver_among(s, 3, false, 2, 1, "third", 3);
    subject_close(s);
    assert_query("SELECT id, t FROM kinds ORDER BY id", "1|second\n2|third\n3|old\n");
    query("DROP FUNCTION shadow CASCADE");
}

#define TARGET_PG_OTHER_CASES                                                                                          \
    cmocka_unit_test(does_not_trust_in_fresh_keys_once_one_was_there),                                                 \
        cmocka_unit_test(does_not_copy_into_a_column_whose_type_was_changed),                                          \
        cmocka_unit_test(does_not_trust_in_an_empty_table_either),                                                     \
        cmocka_unit_test(refuses_keys_that_a_collation_takes_for_equal),                                               \
        cmocka_unit_test(looks_again_when_a_table_is_another),                                                         \
        cmocka_unit_test(refuses_columns_that_the_database_fills_itself),                                              \
        cmocka_unit_test(upserts_into_columns_in_any_order),                                                           \
        cmocka_unit_test(upserts_where_the_tables_name_is_another_types_too),                                          \
        cmocka_unit_test(knows_types_by_their_names_in_quotes_too),                                                    \
        cmocka_unit_test(looks_again_when_the_server_is_another),                                                      \
        cmocka_unit_test(does_not_say_that_it_mended_rows_that_a_table_has_twice),                                     \
        cmocka_unit_test(misses_rows_that_a_foreign_key_takes_out),                                                    \
        cmocka_unit_test(misses_rows_that_triggers_of_the_progress_take_out),                                          \
        cmocka_unit_test(misses_rows_that_wait_for_the_commit_behind_deletes),                                         \
        cmocka_unit_test(misses_rows_that_wait_for_the_commit_to_be_taken_out),                                        \
        cmocka_unit_test(does_not_commit_what_went_into_two_schemas),                                                  \
        cmocka_unit_test(delivers_past_a_temporary_table_of_the_same_name)

#endif
