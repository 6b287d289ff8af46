/* What every database that is a target must do when it compares: included by the tests of each, after
   target_shape_cases.h. */
#ifndef DROPFOLD_TESTS_TARGET_COMPARE_CASES_H
#define DROPFOLD_TESTS_TARGET_COMPARE_CASES_H

#include "target_shape_cases.h"

/* Tables as a delivery of `rows` rows of kinds left them. */
static void deliver_kinds(size_t rows)
{
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, rows, "as delivered");
    subject_close(s);
}

/* Opens, and begins to compare with `rows` expected rows of kinds, none written yet. */
static struct subject *begin_comparison(struct place *place, bool mend, size_t rows)
{
    struct subject *s = place_look_to(place, mend);
    assert_works(subject_open(s));
    const struct progress *progress = target_progress(s->target);
    s->delivery = (struct delivery){.from = *progress, .to = *progress, .compare = true};
    s->delivery.upserts[KINDS] = s->delivery.to.rows[KINDS] = rows;
    assert_works(subject_begin(s));
    return s;
}

static void write_expected(struct subject *s, size_t rows, const char *text)
{
    for (size_t at = 0; at < rows; at += BLOCK_ROWS_MAX) {
        size_t count = rows - at < BLOCK_ROWS_MAX ? rows - at : BLOCK_ROWS_MAX;
        assert_works(subject_write(s, support_kinds_block(1 + (int32_t)at, count, text)));
    }
}

/* The comparison with what deliver_kinds delivered. */
static struct subject *compare_kinds(struct place *place, bool mend, size_t rows)
{
    struct subject *s = begin_comparison(place, mend, rows);
    write_expected(s, rows, "as delivered");
    assert_works(subject_compare(s, KINDS));
    return s;
}

static void assert_drift(struct subject *s, uint64_t missing, uint64_t unexpected, uint64_t different)
{
    assert_int_equal(target_drift(s->target)[DRIFT_MISSING], missing);
    assert_int_equal(target_drift(s->target)[DRIFT_UNEXPECTED], unexpected);
    assert_int_equal(target_drift(s->target)[DRIFT_DIFFERENT], different);
}

static void assert_value(const struct drift_value *value, const char *expected, const char *found, bool differs)
{
    assert_true(expected ? slice_equal(value->expected, slice_of(expected)) : !value->expected.data);
    assert_true(found ? slice_equal(value->found, slice_of(found)) : !value->found.data);
    assert_int_equal(value->differs, differs);
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

static void finds_nothing_where_nothing_drifted(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(9000);
    struct subject *s = compare_kinds(&place, false, 9000);
    assert_drift(s, 0, 0, 0);
    assert_works(subject_read_drift(s, KINDS, 0));
    assert_int_equal(target_drift_page(s->target)->rows, 0);
    for (size_t table = SALES; table < TABLE_COUNT; table++) { /* without rows, on either side */
        assert_works(subject_compare(s, table));
        assert_drift(s, 0, 0, 0);
    }
    subject_close(s);
}

static void takes_no_type_for_drifted(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    deliver_extremes(s, 1, true);  /* by COPY into an empty table */
    deliver_extremes(s, 2, false); /* and over itself, by arrays */
    subject_close(s);
    s = begin_comparison(&place, false, 4);
    struct block *block = support_block(KINDS, false, 4, KINDS_COLUMNS);
    put_least(block->cells);
    put_middle(block->cells + KINDS_COLUMNS);
    block->cells[2 * KINDS_COLUMNS] = CELL_OF_INT(1);
    put_greatest(block->cells + 3 * KINDS_COLUMNS);
    assert_works(subject_write(s, block));
    assert_works(subject_compare(s, KINDS));
    assert_drift(s, 0, 0, 0);
    subject_close(s);
}

static void finds_rows_that_were_edited_deleted_and_added(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(6);
    ground.query("UPDATE kinds SET cents = '2.26', d = 0.1 WHERE id = 2");
    ground.query("DELETE FROM kinds WHERE id = 3");
    ground.query("INSERT INTO kinds (id, t) VALUES (-7, '')");
    ground.query("UPDATE kinds SET t = NULL WHERE id = 5");
    struct subject *s = compare_kinds(&place, false, 6);
    assert_drift(s, 1, 1, 2);
    assert_works(subject_read_drift(s, KINDS, 0));
    const struct drift_page *page = target_drift_page(s->target);
    assert_int_equal(page->rows, 4);
    assert_int_equal(page->columns, KINDS_COLUMNS);
    assert_int_equal(page->kinds[0], DRIFT_UNEXPECTED);
    assert_value(&page->values[0], NULL, "-7", true);
    assert_value(&page->values[7], NULL, "", true);
    assert_int_equal(page->kinds[1], DRIFT_DIFFERENT);
    assert_value(&page->values[KINDS_COLUMNS], "2", "2", false);
    assert_value(&page->values[KINDS_COLUMNS + 3], NULL, "0.1", true);
    assert_value(&page->values[KINDS_COLUMNS + 4], "2.25", "2.26", true);
    assert_value(&page->values[KINDS_COLUMNS + 7], "as delivered", "as delivered", false);
    assert_int_equal(page->kinds[2], DRIFT_MISSING);
    assert_value(&page->values[2 * KINDS_COLUMNS], "3", NULL, true);
    assert_value(&page->values[2 * KINDS_COLUMNS + 1], "10000000003", NULL, true);
    assert_int_equal(page->kinds[3], DRIFT_DIFFERENT);
    assert_value(&page->values[3 * KINDS_COLUMNS + 7], "as delivered", NULL, true);
    subject_close(s);
}

/* The last digit of a double, the last place of an exact number. */
static void finds_the_smallest_difference(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    deliver_extremes(s, 1, true);
    subject_close(s);
    ground.query("UPDATE kinds SET d = 0.10000000000000002 WHERE id = 0");
    ground.query("UPDATE kinds SET fine = '99999999999999999999999999999.999999998' WHERE id = 2147483647");
    ground.query("UPDATE kinds SET atz = '1969-12-31 23:59:59.999998+00' WHERE id = -2147483648");
    s = begin_comparison(&place, false, 4);
    struct block *block = support_block(KINDS, false, 4, KINDS_COLUMNS);
    put_least(block->cells);
    put_middle(block->cells + KINDS_COLUMNS);
    block->cells[2 * KINDS_COLUMNS] = CELL_OF_INT(1);
    put_greatest(block->cells + 3 * KINDS_COLUMNS);
    assert_works(subject_write(s, block));
    assert_works(subject_compare(s, KINDS));
    assert_drift(s, 0, 0, 3);
    assert_works(subject_read_drift(s, KINDS, 0));
    const struct drift_value *values = target_drift_page(s->target)->values;
    assert_value(&values[11], "1969-12-31 23:59:59.999999+00", "1969-12-31 23:59:59.999998+00", true);
    assert_value(&values[KINDS_COLUMNS + 3], "0.1", "0.10000000000000002", true);
    assert_value(&values[2 * KINDS_COLUMNS + 6], "99999999999999999999999999999.999999999",
                 "99999999999999999999999999999.999999998", true);
    subject_close(s);
}

static void reads_what_drifted_page_by_page(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(5000);
    ground.query("DELETE FROM kinds WHERE id > 2 AND id <= 4002");
    struct subject *s = compare_kinds(&place, false, 5000);
    assert_drift(s, 4000, 0, 0);
    uint64_t rows = 0;
    do {
        assert_works(subject_read_drift(s, KINDS, rows));
        char first[16];
        snprintf(first, sizeof first, "%d", 3 + (int)rows);
        if (rows < 4000)
            assert_value(&target_drift_page(s->target)->values[0], first, NULL, true);
        rows += target_drift_page(s->target)->rows;
    } while (target_drift_page(s->target)->rows > 0);
    assert_int_equal(rows, 4000);
    subject_close(s);
}

static void cuts_a_long_text_that_it_shows(void **state)
{
    (void)state;
    struct place place;
    char text[3 * DRIFT_TEXT_MAX + 4] = "a", wanted[2 * DRIFT_TEXT_MAX] = "a";
    deliver_kinds(1);
    for (size_t i = 0; i < DRIFT_TEXT_MAX; i++)
        strcat(text, "\xc2\xa2");
    memcpy(wanted, text, 1 + 2 * (DRIFT_TEXT_MAX - 1));
    struct subject *s = begin_comparison(&place, false, 1);
    assert_works(subject_write(s, support_kinds_block(1, 1, text)));
    assert_works(subject_compare(s, KINDS));
    assert_works(subject_read_drift(s, KINDS, 0));
    assert_value(&target_drift_page(s->target)->values[7], wanted, "as delivered", true);
    subject_close(s);
}

static void compares_hostile_names_as_names(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 1, "kept");
    subject_close(s);
    s = begin_comparison(&place, true, 0);
    s->delivery.upserts[STRANGE] = s->delivery.to.rows[STRANGE] = 1;
    struct block *block = support_block(STRANGE, false, 1, STRANGE_COLUMNS);
    block->cells[0] = CELL_OF_TEXT("'); DROP TABLE kinds; --");
    block->cells[1] = CELL_OF_INT(1);
    block->cells[2] = CELL_OF_INT(42);
    assert_works(subject_write(s, block));
    for (int pass = 0; pass < 2; pass++) { /* a table is compared once, and mended once */
        size_t table = pass == 0 ? STRANGE : SALES;
        assert_works(subject_compare(s, table));
        assert_drift(s, pass == 0, 0, 0);
        assert_works(subject_mend(s, table));
    }
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT * FROM \"we\"\"ird'; DROP TABLE kinds; --\"",
                 "'); DROP TABLE kinds; --|1970-01-01 00:00:00.000001|42\n");
    assert_query("SELECT count(*) FROM kinds", "1\n");
}

/* --- mending ------------------------------------------------------------------------------------------------------ */

static void drift_kinds(void)
{
    deliver_kinds(3000);
    ground.query("UPDATE kinds SET t = 'edited' WHERE id <= 1500");
    ground.query("DELETE FROM kinds WHERE id > 2500");
    ground.query("INSERT INTO kinds (id, t) VALUES (5000, 'added')");
    ground.query("INSERT INTO kinds (id, t) VALUES (5001, 'added')");
}

static void mends_what_drifted(void **state)
{
    (void)state;
    struct place place;
    drift_kinds();
    struct subject *s = compare_kinds(&place, true, 3000);
    assert_drift(s, 500, 2, 1500);
    assert_works(subject_mend(s, KINDS));
    assert_query("SELECT count(*) FROM kinds WHERE t = 'edited'", "1500\n"); /* nobody sees half of it */
    assert_works(subject_commit(s));
    assert_int_equal(target_rows(s->target)[KINDS], 3000);
    subject_close(s);
    assert_query("SELECT t, count(*), min(id), max(id) FROM kinds GROUP BY t", "as delivered|3000|1|3000\n");
    s = compare_kinds(&place, false, 3000);
    assert_drift(s, 0, 0, 0);
    subject_close(s);
}

static void does_not_mend_one_row_by_taking_another_out(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(3);
    ground.query("DELETE FROM kinds WHERE id = 3");
    ground.query("CREATE UNIQUE INDEX mine ON kinds (t) WHERE id > 1");
    struct subject *s = compare_kinds(&place, true, 3);
    assert_drift(s, 1, 0, 0);
    assert_fails(subject_mend(s, KINDS), ERROR_REFUSED, "kinds");
    subject_close(s);
    assert_query("SELECT id FROM kinds ORDER BY id", "1\n2\n");
}

static void mends_nothing_that_is_not_committed(void **state)
{
    (void)state;
    struct place place;
    drift_kinds();
    struct subject *s = compare_kinds(&place, true, 3000);
    assert_works(subject_mend(s, KINDS));
    target_abort(s->target);
    assert_works(subject_open(s)); /* what was not committed is gone by then */
    subject_close(s);
    s = compare_kinds(&place, false, 3000);
    assert_drift(s, 500, 2, 1500);
    subject_close(s);
}

static void mends_a_table_that_was_emptied_and_one_that_was_filled(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(2000);
    ground.query("DELETE FROM kinds");
    ground.query("INSERT INTO sales (customer_id, currency, window_start, orders)"
                 " VALUES (1, 'KES', '1970-01-01 00:00:00+00', 1)");
    struct subject *s = compare_kinds(&place, true, 2000);
    assert_drift(s, 2000, 0, 0);
    assert_works(subject_mend(s, KINDS));
    assert_works(subject_compare(s, SALES));
    assert_drift(s, 0, 1, 0);
    assert_works(subject_mend(s, SALES));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "2000\n");
    assert_query("SELECT count(*) FROM sales", "0\n");
}

/* A row count that somebody changed in the progress row, and the tables beside it. */
static void leaves_a_progress_that_deliveries_go_on_from(void **state)
{
    (void)state;
    struct place place, other;
    deliver_kinds(5);
    struct subject *s = place_again(&other);
    assert_works(subject_open(s)); /* a daemon that goes on afterwards */
    ground.query("DELETE FROM kinds WHERE id = 5");
    ground.query("UPDATE dropfold_progress SET rows = '{4,0,0}'");
    struct subject *mender = compare_kinds(&place, true, 5);
    assert_works(subject_mend(mender, KINDS));
    assert_works(subject_commit(mender));
    subject_close(mender);
    assert_query("SELECT sequence, rows FROM dropfold_progress", "1|{5,0,0}\n");
    subject_deliver(s, 2, false, 6, 1, "more");
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "6\n");
}

/* --- others ------------------------------------------------------------------------------------------------------- */

static void looks_at_one_moment_while_another_delivers(void **state)
{
    (void)state;
    struct place place, other;
    deliver_kinds(3000);
    struct subject *daemon = place_again(&other);
    assert_works(subject_open(daemon));
    struct subject *s = begin_comparison(&place, false, 3000);
    subject_deliver(daemon, 2, true, 1, 3000, "later"); /* it is not held up */
    write_expected(s, 3000, "as delivered");
    assert_works(subject_compare(s, KINDS));
    assert_drift(s, 0, 0, 0);
    subject_deliver(daemon, 3, true, 1, 10, "later still");
    assert_works(subject_compare(s, SALES));
    assert_works(subject_read_drift(s, KINDS, 0));
    subject_close(s);
    subject_close(daemon);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "later still|10\n");
}

static void makes_a_delivery_wait_while_it_mends(void **state)
{
    (void)state;
    struct place place, other;
    drift_kinds();
    struct subject *daemon = place_again(&other);
    assert_works(subject_open(daemon));
    struct subject *s = compare_kinds(&place, true, 3000);
    subject_prepare(daemon, 2, false);
    daemon->delivery.upserts[KINDS] = 1;
    target_begin(daemon->target, &daemon->delivery, support_answered, &daemon->answer);
    for (int i = 0; i < 10; i++)
        uv_run(&daemon->loop, UV_RUN_NOWAIT);
    assert_int_equal(daemon->answer.count, 0);
    assert_works(subject_mend(s, KINDS));
    assert_works(subject_commit(s));
    assert_works(subject_wait(daemon)); /* and it finds the progress it knows */
    assert_works(subject_write(daemon, support_kinds_block(3001, 1, "later")));
    assert_works(subject_commit(daemon));
    subject_close(s);
    subject_close(daemon);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t ORDER BY t", "as delivered|3000\nlater|1\n");
}

static void compares_with_no_other_progress_than_it_was_told(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(3);
    for (int mend = 0; mend < 2; mend++) {
        struct subject *s = place_look_to(&place, mend);
        assert_works(subject_open(s));
        s->delivery = (struct delivery){.from = support_progress(1, 7), .compare = true};
        assert_fails(subject_begin(s), ERROR_DIVERGED, "with another digest");
        subject_close(s);
    }
}

static void names_a_table_that_is_missing(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(3);
    ground.query(ground.postgresql ? "DROP TABLE sales CASCADE" : "DROP TABLE sales");
    struct subject *s = place_look(&place);
    assert_works(subject_open(s));
    assert_string_equal(target_missing(s->target), "sales");
    subject_close(s);
    s = place_again(&place);
    assert_works(subject_open(s));
    assert_null(target_missing(s->target));
    subject_close(s);
}

static void compares_and_mends_only_as_announced(void **state)
{
    (void)state;
    struct place place;
    deliver_kinds(3);
    struct subject *s = begin_comparison(&place, false, 3);
    assert_works(subject_write(s, support_kinds_block(1, 2, "as delivered")));
    assert_fails(subject_compare(s, KINDS), ERROR_BUG, "announced 3 upserts and 0 deletes for kinds; 2 and 0 came");
    subject_close(s);
    s = compare_kinds(&place, false, 3);
    assert_fails(subject_mend(s, KINDS), ERROR_BUG, "to look and not to mend");
    subject_close(s);
    s = compare_kinds(&place, false, 3);
    assert_fails(subject_commit(s), ERROR_BUG, "mends nothing");
    subject_close(s);
    s = place_again(&place);
    assert_works(subject_open(s));
    subject_prepare(s, 2, false);
    assert_works(subject_begin(s));
    assert_fails(subject_compare(s, KINDS), ERROR_BUG, "of no comparison");
    subject_close(s);
}

#define TARGET_COMPARE_CASES                                                                                           \
    cmocka_unit_test(finds_nothing_where_nothing_drifted), cmocka_unit_test(takes_no_type_for_drifted),                \
        cmocka_unit_test(finds_rows_that_were_edited_deleted_and_added),                                               \
        cmocka_unit_test(finds_the_smallest_difference), cmocka_unit_test(reads_what_drifted_page_by_page),            \
        cmocka_unit_test(cuts_a_long_text_that_it_shows), cmocka_unit_test(compares_hostile_names_as_names),           \
        cmocka_unit_test(mends_what_drifted), cmocka_unit_test(mends_nothing_that_is_not_committed),                   \
        cmocka_unit_test(does_not_mend_one_row_by_taking_another_out),                                                 \
        cmocka_unit_test(mends_a_table_that_was_emptied_and_one_that_was_filled),                                      \
        cmocka_unit_test(leaves_a_progress_that_deliveries_go_on_from),                                                \
        cmocka_unit_test(looks_at_one_moment_while_another_delivers),                                                  \
        cmocka_unit_test(makes_a_delivery_wait_while_it_mends),                                                        \
        cmocka_unit_test(compares_with_no_other_progress_than_it_was_told),                                            \
        cmocka_unit_test(names_a_table_that_is_missing), cmocka_unit_test(compares_and_mends_only_as_announced)

#endif
