/* Databases that do less than they say: included by the tests of each database, after target_shared_cases.h. */
#ifndef DROPFOLD_TESTS_TARGET_TAKEN_CASES_H
#define DROPFOLD_TESTS_TARGET_TAKEN_CASES_H

#include "target_shared_cases.h"

/* A trigger that skips the rows of `table` for which `when` holds, without a word. */
static void skip_rows(const char *event, const char *table, const char *when)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             ground.postgresql ? "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
                                 "CREATE TRIGGER skip BEFORE %s ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION skip()"
                               : "CREATE TRIGGER skip BEFORE %s ON %s WHEN %s BEGIN SELECT RAISE(IGNORE); END",
             event, table, when);
    ground.query(sql);
}

static void skip_no_more(void)
{
    ground.query(ground.postgresql ? "DROP FUNCTION skip() CASCADE" : "DROP TRIGGER skip");
}

/* SQLite overwrites rows without an UPDATE, unless the table has another unique index. */
static void have_rows_updated(void)
{
    if (!ground.postgresql)
        ground.query("CREATE UNIQUE INDEX mine ON kinds (id, t)");
}

/* The rows 1 to 3 of kinds, delivered as change 1. */
static struct subject *fill_kinds(struct place *place)
{
    struct subject *s = place_init(place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "old");
    return s;
}

/* Nothing is left of a delivery, nor of its progress, and the next one says what it delivered. */
static void assert_untouched(struct subject *s)
{
    assert_false(target_is_open(s->target));
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "old|3\n");
    assert_query("SELECT sequence FROM dropfold_progress", "1\n");
    skip_no_more();
    assert_works(subject_open(s));
    subject_deliver(s, 2, false, 1, 5, "new");
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "new|5\n");
}

static void begin_upserts(struct subject *s, bool full, size_t rows)
{
    subject_prepare(s, 2, full);
    s->delivery.upserts[KINDS] = rows;
    assert_works(subject_begin(s));
}

/* --- rows that are not taken -------------------------------------------------------------------------------------- */

static void refuses_a_first_delivery_of_which_rows_are_skipped(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    skip_rows("INSERT", "kinds", "NEW.id = 2");
    begin_upserts(s, true, 3);
    assert_fails(subject_write(s, support_kinds_block(1, 3, "new")), ERROR_REFUSED,
                 "table \"kinds\" took 2 rows instead of 3 without an error");
    assert_query("SELECT (SELECT count(*) FROM kinds), (SELECT count(*) FROM dropfold_progress)", "0|0\n");
    skip_no_more();
    assert_works(subject_open(s));
    subject_deliver(s, 2, true, 1, 3, "new");
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "3\n");
}

static void refuses_upserts_of_which_rows_are_skipped(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    skip_rows("INSERT", "kinds", "NEW.id IN (2, 5)");
    begin_upserts(s, false, 5);
    assert_fails(subject_write(s, support_kinds_block(1, 5, "new")), ERROR_REFUSED,
                 "\"kinds\" took 3 rows instead of 5 without an error, so nothing was committed: look for a trigger");
    assert_untouched(s);
    subject_close(s);
}

static void refuses_upserts_of_which_updates_are_skipped(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    have_rows_updated();
    skip_rows("UPDATE", "kinds", "OLD.id = 2");
    begin_upserts(s, false, 5);
    assert_fails(subject_write(s, support_kinds_block(1, 5, "new")), ERROR_REFUSED,
                 "\"kinds\" took 4 rows instead of 5");
    assert_untouched(s);
    subject_close(s);
}

static void refuses_fresh_rows_of_which_some_are_skipped(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    struct block *block = support_kinds_block(4, 2, "new");
    block->fresh = true;
    skip_rows("INSERT", "kinds", "NEW.id = 4");
    begin_upserts(s, false, 2);
    assert_fails(subject_write(s, block), ERROR_REFUSED, "\"kinds\" took 1 row instead of 2");
    assert_untouched(s);
    subject_close(s);
}

static void refuses_a_delivery_all_of_whose_rows_are_skipped(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    skip_rows("INSERT", "kinds", "NEW.id > 0");
    begin_upserts(s, true, BLOCK_ROWS_MAX);
    assert_fails(subject_write(s, support_kinds_block(1, BLOCK_ROWS_MAX, "new")), ERROR_REFUSED,
                 "\"kinds\" took 0 rows instead of ");
    assert_untouched(s);
    subject_close(s);
}

static void refuses_deletes_of_which_some_are_skipped(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    skip_rows("DELETE", "kinds", "OLD.id = 2");
    subject_prepare(s, 2, false);
    s->delivery.deletes[KINDS] = 3;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_kinds_deletes(1, 3)), ERROR_REFUSED,
                 "\"kinds\" kept 1 row that should be gone, without an error");
    assert_works(subject_open(s));
    subject_prepare(s, 2, true);
    assert_fails(subject_begin(s), ERROR_REFUSED, "\"kinds\" kept 1 row that should be gone");
    assert_untouched(s);
    subject_close(s);
}

static void refuses_a_delivery_whose_progress_is_not_taken(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    skip_rows("INSERT", "dropfold_progress", "NEW.sequence > 0");
    subject_prepare(s, 1, true);
    if (ground.postgresql) {
        assert_fails(subject_begin(s), ERROR_REFUSED, "table \"dropfold_progress\" took 0 rows instead of 1");
    } else {
        assert_works(subject_begin(s));
        assert_fails(subject_commit(s), ERROR_REFUSED, "table \"dropfold_progress\" took 0 rows instead of 1");
    }
    skip_no_more();
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "old");
    skip_rows(ground.postgresql ? "UPDATE" : "INSERT", "dropfold_progress", "NEW.sequence > 1");
    begin_upserts(s, false, 1);
    assert_works(subject_write(s, support_kinds_block(4, 1, "new")));
    assert_fails(subject_commit(s), ERROR_REFUSED, "table \"dropfold_progress\" took 0 rows instead of 1");
    assert_untouched(s);
    subject_close(s);
}

static void refuses_rows_of_the_ledger_that_are_skipped(void **state)
{
    (void)state;
    struct sharer one;
    ground.clean();
    struct subject *s = sharer_init(&one, "one", false);
    sharer_deliver(&one, 1, true, 1, 3, "a");
    skip_rows("INSERT", "dropfold_rejects", "NEW.row_number = 4");
    subject_prepare(s, 2, false);
    s->delivery.upserts[1] = 2;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, rejected_rows(&one, 4, 2, "b")), ERROR_REFUSED,
                 "table \"dropfold_rejects\" took 1 row instead of 2");
    assert_query(RAWS, "one|a|3\n");
    sharer_close(&one);
}

static void does_not_say_that_it_mended_what_was_skipped(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(6);
    ground.query("UPDATE kinds SET t = 'edited' WHERE id <= 2");
    ground.query("DELETE FROM kinds WHERE id = 3");
    ground.query("INSERT INTO kinds (id, t) VALUES (-7, 'added')");
    skip_rows("INSERT", "kinds", "NEW.id = 3");
    struct subject *s = compare_kinds(&place, true, 6);
    assert_drift(s, 1, 1, 2);
    assert_fails(subject_mend(s, KINDS), ERROR_REFUSED, "\"kinds\" took 2 rows instead of 3");
    subject_close(s);
    skip_no_more();
    skip_rows("DELETE", "kinds", "OLD.id < 0");
    s = compare_kinds(&place, true, 6);
    assert_fails(subject_mend(s, KINDS), ERROR_REFUSED, "\"kinds\" kept 1 row that should be gone");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t ORDER BY t", "added|1\nas delivered|3\nedited|2\n");
}

/* A trigger that takes `condition` out behind each insert: in no number that the statement is answered with. */
static void take_out(const char *condition)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             ground.postgresql ? "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
                                 " 'BEGIN DELETE FROM kinds WHERE %s; RETURN NULL; END';"
                                 "CREATE TRIGGER skip AFTER INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION skip()"
                               : "CREATE TRIGGER skip AFTER INSERT ON kinds BEGIN DELETE FROM kinds WHERE %s; END",
             condition);
    ground.query(sql);
}

/* Rows of kinds up to change 2, `rows` of them in the end. */
static void begin_counted(struct subject *s, bool full, size_t upserts, uint64_t rows)
{
    subject_prepare(s, 2, full);
    s->delivery.upserts[KINDS] = upserts;
    s->delivery.to.rows[KINDS] = rows;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_block(6 - (int32_t)upserts, upserts, "new")));
}

static void refuses_a_full_delivery_of_which_rows_are_taken_out_again(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    take_out("id = NEW.id AND id = 2");
    begin_counted(s, true, 5, 5);
    assert_fails(subject_commit(s), ERROR_REFUSED,
                 "table \"kinds\" has 4 rows at the end of the delivery and should have 5, so nothing was committed: "
                 "look for a trigger");
    assert_untouched(s);
    subject_close(s);
}

/* The first time somebody may have edited the table since it was opened, which counted it. */
static void refuses_a_delivery_at_whose_end_rows_are_taken_out_twice(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    take_out("id = 1");
    begin_counted(s, false, 2, 5);
    assert_fails(subject_commit(s), ERROR_DIVERGED, "table \"kinds\" has 4 rows at the end of the delivery");
    assert_works(subject_open(s));
    assert_true(target_rows(s->target)[KINDS] == 3);
    begin_counted(s, false, 2, 5);
    assert_fails(subject_commit(s), ERROR_REFUSED, "table \"kinds\" has 4 rows at the end of the delivery");
    assert_untouched(s);
    subject_close(s);
}

static inline struct block *sales_block(const char *currency)
{
    struct block *block = support_block(SALES, false, 1, SALES_COLUMNS);
    sales_row(block->cells, 1, currency, 0, 100, 1);
    return block;
}

/* Change 2 is a row of sales; kinds is as it was. */
static void deliver_a_sale(struct subject *s)
{
    subject_prepare(s, 2, false);
    s->delivery.upserts[SALES] = s->delivery.to.rows[SALES] = 1;
    s->delivery.to.rows[KINDS] = 3;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, sales_block("NGN")));
}

static void refuses_a_delivery_that_takes_rows_out_of_a_table_which_it_does_not_write(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    ground.query(ground.postgresql
                     ? "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
                       " 'BEGIN DELETE FROM kinds WHERE id = 1; RETURN NULL; END';"
                       "CREATE TRIGGER skip AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION skip()"
                     : "CREATE TRIGGER skip AFTER INSERT ON sales BEGIN DELETE FROM kinds WHERE id = 1; END");
    deliver_a_sale(s);
    assert_fails(subject_commit(s), ERROR_DIVERGED,
                 "table \"kinds\" has 2 rows at the end of the delivery and should have 3");
    assert_works(subject_open(s));
    deliver_a_sale(s);
    assert_fails(subject_commit(s), ERROR_REFUSED, "table \"kinds\" has 2 rows at the end of the delivery");
    assert_untouched(s);
    subject_close(s);
}

static void opens_a_table_with_triggers_again_that_somebody_edited(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    take_out("id = 77");
    for (int i = 0; i < 2; i++) {
        ground.query("DELETE FROM kinds WHERE id = 1");
        begin_counted(s, false, 2, 5);
        assert_fails(subject_commit(s), ERROR_DIVERGED, "table \"kinds\" has 4 rows at the end of the delivery");
        assert_works(subject_open(s));
        assert_true(target_rows(s->target)[KINDS] == 2);
        subject_deliver(s, 1, true, 1, 3, "old"); /* as is decided where counts differ */
    }
    skip_no_more();
    subject_close(s);
}

/* A full delivery of two rows of sales, in a block each. */
static inline void begin_two_sales(struct subject *s)
{
    subject_prepare(s, 1, true);
    s->delivery.upserts[SALES] = s->delivery.to.rows[SALES] = 2;
    assert_works(subject_begin(s));
}

/* A table of sales whose key takes ngn for NGN has the one, and the other comes with the next change. */
static inline void miss_a_key_that_takes_the_place_of_another(struct subject *s)
{
    subject_prepare(s, 1, true);
    s->delivery.upserts[SALES] = s->delivery.to.rows[SALES] = 1;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, sales_block("ngn")));
    assert_works(subject_commit(s));
    for (int i = 0; i < 2; i++) {
        subject_prepare(s, 2, false);
        s->delivery.upserts[SALES] = 1;
        s->delivery.to.rows[SALES] = 2;
        assert_works(subject_begin(s));
        assert_works(subject_write(s, sales_block("NGN")));
        assert_fails(subject_commit(s), i == 0 ? ERROR_DIVERGED : ERROR_REFUSED,
                     "table \"sales\" has 1 row at the end of the delivery and should have 2");
        assert_works(subject_open(s));
    }
    assert_query("SELECT currency FROM sales", "ngn\n");
}

/* --- numbers that say less than there is -------------------------------------------------------------------------- */

static void takes_rows_that_are_skipped_because_they_are_equal(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    have_rows_updated();
    deliver_extremes(s, 1, true);
    if (ground.postgresql)
        ground.query("CREATE TRIGGER skip BEFORE UPDATE ON kinds FOR EACH ROW"
                     " EXECUTE FUNCTION suppress_redundant_updates_trigger()");
    else
        skip_rows("UPDATE", "kinds", "OLD.t IS NEW.t");
    deliver_extremes(s, 2, false); /* every type, and nulls */
    subject_prepare(s, 3, false);
    s->delivery.upserts[KINDS] = 1;
    s->delivery.to.rows[KINDS] = 4;
    assert_works(subject_begin(s));
    struct block *block = support_block(KINDS, false, 1, KINDS_COLUMNS);
    put_least(block->cells);
    block->cells[7] = CELL_OF_TEXT("x");
    assert_works(subject_write(s, block));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT count(*), max(t) FROM kinds", "4|x\n");
}

static void takes_lists_that_are_skipped_because_they_are_equal(void **state)
{
    (void)state;
    struct lister lister;
    ground.clean();
    lister_init(&lister, false);
    lister_deliver(&lister, 1, 1, 2, 3, NULL);
    if (ground.postgresql) {
        ground.query("CREATE TRIGGER skip BEFORE UPDATE ON made FOR EACH ROW"
                     " EXECUTE FUNCTION suppress_redundant_updates_trigger()");
    } else {
        ground.query("CREATE UNIQUE INDEX mine ON made (id, \"the files\")");
        skip_rows("UPDATE", "made", "OLD.\"the files\" IS NEW.\"the files\"");
    }
    lister_deliver(&lister, 2, 1, 2, 3, NULL);
    lister_close(&lister);
}

/* Such a row says nothing but that it is there; writing it again changes nothing. */
static void takes_rows_that_are_nothing_but_a_key(void **state)
{
    (void)state;
    struct subject s;
    struct column columns[2] = {support_column("a", SQL_BIGINT, true, 0), support_column("b", SQL_TEXT, true, 0)};
    struct table table = {.name = "pairs", .columns = columns, .column_count = 2, .key = {0, 1}, .key_count = 2};
    const struct pipeline pipeline = {.name = "pairs", .tables = &table, .table_count = 1};
    ground.clean();
    subject_init(&s, &pipeline, ground.address, 0);
    assert_works(subject_open(&s));
    ground.query("CREATE UNIQUE INDEX mine ON pairs (b, a)");
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        struct block *block = support_block(0, false, 3, 2);
        for (size_t i = 0; i < 3; i++) {
            block->cells[2 * i] = CELL_OF_INT((int64_t)(i + sequence));
            block->cells[2 * i + 1] = CELL_OF_TEXT("it's");
        }
        subject_prepare(&s, sequence, false);
        s.delivery.upserts[0] = 3;
        assert_works(subject_begin(&s));
        assert_works(subject_write(&s, block));
        assert_works(subject_commit(&s));
    }
    subject_close(&s);
    assert_query("SELECT count(*), max(a) FROM pairs", "5|5\n");
}

static void takes_deletes_of_rows_that_are_gone(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place);
    ground.query("DELETE FROM kinds WHERE id = 2");
    subject_prepare(s, 2, false);
    s->delivery.deletes[KINDS] = 2;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(1, 2)));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT id FROM kinds", "3\n");
}

/* What triggers write of their own is in no number, before the row or after it, more or fewer. */
static void takes_rows_beside_which_triggers_write(void **state)
{
    (void)state;
    static const char *const moments[] = {"BEFORE", "AFTER"};
    struct place place;
    struct subject *s = fill_kinds(&place);
    ground.query("CREATE TABLE log (id integer)");
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        char sql[1024];
        snprintf(sql, sizeof sql,
                 ground.postgresql
                     ? "CREATE FUNCTION %1$s_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
                       " INSERT INTO log SELECT NEW.id FROM generate_series(1, NEW.id);"
                       " DELETE FROM log WHERE id < NEW.id - 1;"
                       " UPDATE kinds SET cents = 7 WHERE id = 1 AND NEW.id > 3; RETURN NEW; END';"
                       "CREATE TRIGGER %1$s_row %1$s INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION %1$s_row()"
                     : "CREATE TRIGGER %1$s_row %1$s INSERT ON kinds BEGIN"
                       " INSERT INTO log VALUES (NEW.id), (NEW.id);"
                       " DELETE FROM log WHERE id < NEW.id - 1;"
                       " UPDATE kinds SET cents = '7.00' WHERE id = 1 AND NEW.id > 3; END",
                 moments[i]);
        ground.query(sql);
    }
    subject_deliver_among(s, 2, false, 2, 4, "new", 5);
    subject_deliver(s, 3, true, 1, 8, "newer");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "newer|8\n");
}

#define TARGET_TAKEN_CASES                                                                                             \
    cmocka_unit_test(refuses_a_first_delivery_of_which_rows_are_skipped),                                              \
        cmocka_unit_test(refuses_upserts_of_which_rows_are_skipped),                                                   \
        cmocka_unit_test(refuses_upserts_of_which_updates_are_skipped),                                                \
        cmocka_unit_test(refuses_fresh_rows_of_which_some_are_skipped),                                                \
        cmocka_unit_test(refuses_a_delivery_all_of_whose_rows_are_skipped),                                            \
        cmocka_unit_test(refuses_deletes_of_which_some_are_skipped),                                                   \
        cmocka_unit_test(refuses_a_delivery_whose_progress_is_not_taken),                                              \
        cmocka_unit_test(refuses_rows_of_the_ledger_that_are_skipped),                                                 \
        cmocka_unit_test(refuses_a_full_delivery_of_which_rows_are_taken_out_again),                                   \
        cmocka_unit_test(refuses_a_delivery_at_whose_end_rows_are_taken_out_twice),                                    \
        cmocka_unit_test(refuses_a_delivery_that_takes_rows_out_of_a_table_which_it_does_not_write),                   \
        cmocka_unit_test(opens_a_table_with_triggers_again_that_somebody_edited),                                      \
        cmocka_unit_test(does_not_say_that_it_mended_what_was_skipped),                                                \
        cmocka_unit_test(takes_rows_that_are_skipped_because_they_are_equal),                                          \
        cmocka_unit_test(takes_lists_that_are_skipped_because_they_are_equal),                                         \
        cmocka_unit_test(takes_rows_that_are_nothing_but_a_key),                                                       \
        cmocka_unit_test(takes_deletes_of_rows_that_are_gone),                                                         \
        cmocka_unit_test(takes_rows_beside_which_triggers_write)

#endif
