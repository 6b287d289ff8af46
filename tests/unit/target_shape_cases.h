/* What the tables and views of a target are: types, shapes and names. Included by the tests of each database, after
   target_cases.h. */
#ifndef DROPFOLD_TESTS_TARGET_SHAPE_CASES_H
#define DROPFOLD_TESTS_TARGET_SHAPE_CASES_H

#include "target_cases.h"

/* --- types -------------------------------------------------------------------------------------------------------- */

static wide nines(int digits)
{
    wide value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + 9;
    return value;
}

static void put_greatest(struct cell *row)
{
    row[0] = CELL_OF_INT(INT32_MAX);
    row[1] = CELL_OF_INT(INT64_MAX);
    row[2] = CELL_OF_FLOAT((double)3.4028235e38F);
    row[3] = CELL_OF_FLOAT(1.7976931348623157e308);
    row[4] = CELL_OF_NUMERIC(nines(38));
    row[5] = CELL_OF_NUMERIC(nines(38));
    row[6] = CELL_OF_NUMERIC(nines(38));
    row[7] = CELL_OF_TEXT("quote ' double \" back \\ tab \t comma , brace { null NULL");
    row[8] = CELL_OF_INT(1);
    row[9] = CELL_OF_INT(2932896);
    row[10] = CELL_OF_INT(INT64_C(253402300799999999));
    row[11] = CELL_OF_INT(INT64_C(253402300799999999));
    row[12] = CELL_OF_TEXT("\xe2\x82\xa6 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void put_least(struct cell *row)
{
    row[0] = CELL_OF_INT(INT32_MIN);
    row[1] = CELL_OF_INT(INT64_MIN);
    row[2] = CELL_OF_FLOAT((double)-3.4028235e38F);
    row[3] = CELL_OF_FLOAT(-5e-324);
    row[4] = CELL_OF_NUMERIC(-nines(38));
    row[5] = CELL_OF_NUMERIC(-nines(38) - 1);
    row[6] = CELL_OF_NUMERIC(-1);
    row[7] = CELL_OF_TEXT("");
    row[8] = CELL_OF_INT(0);
    row[9] = CELL_OF_INT(-719162);
    row[10] = CELL_OF_INT(INT64_C(-62135596800000000));
    row[11] = CELL_OF_INT(-1);
    row[12] = CELL_OF_TEXT("\\N");
}

static void put_middle(struct cell *row)
{
    row[0] = CELL_OF_INT(0);
    row[1] = CELL_OF_INT(0);
    row[2] = CELL_OF_FLOAT((double)1234.56F);
    row[3] = CELL_OF_FLOAT(0.1);
    row[4] = CELL_OF_NUMERIC(0);
    row[5] = CELL_OF_NUMERIC(120000);
    row[6] = CELL_OF_NUMERIC((wide)10000 * 1000000000 + 1000);
    row[7] = CELL_OF_TEXT("plain");
    row[8] = (struct cell){.kind = CELL_NULL};
    row[9] = CELL_OF_INT(0);
    row[10] = CELL_OF_INT(INT64_C(1645099393000000));
    row[11] = CELL_OF_INT(INT64_C(1645099393120000));
}

/* All but the two floating columns, which databases print in their own ways. */
#define EXACT_COLUMNS "id, big, cents, whole, fine, t, b, day, at, atz, \"Mixed Case\""

static void deliver_extremes(struct subject *s, uint64_t sequence, bool full)
{
    subject_prepare(s, sequence, full);
    s->delivery.upserts[KINDS] = s->delivery.to.rows[KINDS] = 4;
    assert_works(subject_begin(s));
    struct block *block = support_block(KINDS, false, 4, KINDS_COLUMNS);
    put_least(block->cells);
    put_middle(block->cells + KINDS_COLUMNS);
    block->cells[2 * KINDS_COLUMNS] = CELL_OF_INT(1); /* all else null */
    put_greatest(block->cells + 3 * KINDS_COLUMNS);
    assert_works(subject_write(s, block));
    assert_works(subject_commit(s));
}

static void assert_extremes(void)
{
    const char *yes = ground.postgresql ? "t" : "1", *no = ground.postgresql ? "f" : "0";
    char wanted[2048];
    snprintf(wanted, sizeof wanted,
             "-2147483648|-9223372036854775808|-999999999999999999999999999999999999.99"
             "|-100000000000000000000000000000000000000|-0.000000001||%s|0001-01-01|0001-01-01 00:00:00"
             "|1969-12-31 23:59:59.999999+00|\\N\n"
             "0|0|0.00|120000|10000.000001000|plain|-|1970-01-01|2022-02-17 12:03:13|2022-02-17 12:03:13.12+00|-\n"
             "1|-|-|-|-|-|-|-|-|-|-\n"
             "2147483647|9223372036854775807|999999999999999999999999999999999999.99"
             "|99999999999999999999999999999999999999|99999999999999999999999999999.999999999"
             "|quote ' double \" back \\ tab \t comma , brace { null NULL|%s|9999-12-31|9999-12-31 23:59:59.999999"
             "|9999-12-31 23:59:59.999999+00|\xe2\x82\xa6 \xe2\x82\xac \xf0\x9f\x98\x80\n",
             no, yes);
    assert_query("SELECT " EXACT_COLUMNS " FROM kinds ORDER BY id", wanted);
    assert_query("SELECT id FROM kinds WHERE r = 1234.56 OR r = 1234.56001", ground.postgresql ? "" : "0\n");
    assert_query("SELECT id FROM kinds WHERE d = 0.1", "0\n");
    if (!testing_under_valgrind()) /* SQLite reads the number by way of a long double */
        assert_query("SELECT id FROM kinds WHERE d > 1.7976931348623156e308", "2147483647\n");
    assert_query("SELECT id FROM kinds WHERE d < 0", "-2147483648\n");
    assert_query("SELECT id FROM kinds WHERE abs(r) > 3.4028234e38 ORDER BY id", "-2147483648\n2147483647\n");
}

static void keeps_every_type_exactly(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    deliver_extremes(s, 1, true); /* by COPY */
    assert_extremes();
    subject_deliver(s, 2, true, 500, 1, "in between");
    subject_prepare(s, 3, false);
    s->delivery.deletes[KINDS] = 1;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(500, 1)));
    assert_works(subject_commit(s));
    subject_deliver(s, 4, false, 7, 1, "not empty");
    deliver_extremes(s, 5, false); /* by arrays */
    subject_prepare(s, 6, false);
    s->delivery.deletes[KINDS] = 1;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(7, 1)));
    assert_works(subject_commit(s));
    assert_extremes();
    subject_close(s);
}

/* --- shapes ------------------------------------------------------------------------------------------------------- */

static void refuses_a_table_of_another_shape(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    ground.query("CREATE TABLE sales (customer_id text NOT NULL, currency text, window_start text NOT NULL,"
                 " orders bigint NOT NULL, highest real, extra text, PRIMARY KEY (customer_id, window_start))");
    const struct answer *answer = subject_open(s);
    assert_false(answer->ok);
    assert_error(&answer->error, ERROR_REFUSED, "rename or drop them, or change the pipeline");
    assert_error(&answer->error, ERROR_REFUSED, "table \"sales\"");
    assert_error(&answer->error, ERROR_REFUSED, "\"total\" is missing");
    assert_error(&answer->error, ERROR_REFUSED,
                 ground.postgresql ? "\"customer_id\" is text and not integer"
                                   : "\"customer_id\" is TEXT and not INTEGER");
    assert_error(&answer->error, ERROR_REFUSED, "\"currency\" may be null");
    assert_error(&answer->error, ERROR_REFUSED, "\"currency\" is not in the primary key");
    assert_error(&answer->error, ERROR_REFUSED, "\"extra\" is not ours");
    assert_null(strstr(answer->error.text, "\"highest\""));
    subject_close(s);
}

static void refuses_views_that_are_others(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    ground.query("CREATE VIEW latest_window AS SELECT 1 AS total, 2 AS customer_id, 3 AS window_start");
    ground.query("CREATE TABLE \"Life \"\"time\"\"\" (x bigint)");
    const struct answer *answer = subject_open(s);
    assert_error(&answer->error, ERROR_REFUSED, "view \"latest_window\": \"currency\" is missing");
    assert_error(&answer->error, ERROR_REFUSED, "it is no view");
    assert_query(ground.postgresql ? "SELECT to_regclass('kinds')"
                                   : "SELECT count(*) FROM sqlite_master WHERE name = 'kinds'",
                 ground.postgresql ? "-\n" : "0\n"); /* nothing was made beside them */
    subject_close(s);
}

static void refuses_a_view_in_the_place_of_a_table(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    ground.query("CREATE VIEW kinds AS SELECT 1 AS id");
    assert_fails(subject_open(s), ERROR_REFUSED, "table \"kinds\": it is no table");
    subject_close(s);
}

static void makes_only_what_is_missing(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    subject_close(s);
    ground.query("DROP VIEW latest_window");
    ground.query("DROP TABLE dropfold_progress");
    s = place_again(&place);
    assert_works(subject_open(s));
    assert_false(target_progress(s->target)->present);
    assert_int_equal(target_rows(s->target)[KINDS], 3);
    subject_close(s);
    assert_query("SELECT count(*) FROM latest_window", "0\n");
}

static void makes_a_dropped_table_anew_under_its_views(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_close(s);
    ground.query(ground.postgresql ? "DROP TABLE sales CASCADE" : "DROP TABLE sales");
    s = place_again(&place);
    assert_works(subject_open(s));
    subject_close(s);
    assert_query("SELECT count(*) FROM latest_window", "0\n");
    s = place_again(&place);
    assert_works(subject_open(s));
    subject_close(s);
}

/* Opens and closes; which view was made anew, or NULL. */
static const char *remade_at_open(struct place *place)
{
    struct subject *s = place_again(place);
    assert_works(subject_open(s));
    const char *remade = target_remade(s->target);
    bool is_latest = remade && strcmp(remade, "latest_window") == 0;
    assert_true(is_latest == (remade != NULL));
    if (ground.postgresql) /* what it was compared with is gone, also from a session that a pooler keeps */
        assert_query("SELECT count(*) FROM pg_catalog.pg_class WHERE relname LIKE 'dropfold_view%'", "0\n");
    subject_close(s);
    return is_latest ? "latest_window" : NULL;
}

static void makes_a_view_anew_that_says_something_else(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    assert_null(target_remade(s->target));
    subject_close(s);
    assert_null(remade_at_open(&place));
    ground.query("DROP VIEW latest_window");
    ground.query("CREATE VIEW latest_window AS SELECT * FROM sales WHERE orders < 0");
    ground.query("CREATE VIEW of_theirs AS SELECT count(*) AS rows FROM latest_window");
    assert_string_equal(remade_at_open(&place), "latest_window");
    assert_query("SELECT count(*) FROM latest_window", "0\n"); /* it is back, and not only at the next start */
    assert_null(remade_at_open(&place));
    ground.query("INSERT INTO sales VALUES ('1.50', 1, 'KES', '2022-02-17 00:00:00+00', 1, NULL)");
    assert_query("SELECT * FROM of_theirs", "1\n");
}

static void sales_row(struct cell *row, int customer, const char *currency, int day, wide total, int orders)
{
    row[0] = CELL_OF_NUMERIC(total);
    row[1] = CELL_OF_INT(customer);
    row[2] = CELL_OF_TEXT(currency);
    row[3] = CELL_OF_INT(INT64_C(86400000000) * day);
    row[4] = CELL_OF_INT(orders);
}

static void shows_views(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_prepare(s, 1, true);
    s->delivery.upserts[SALES] = 4;
    struct block *block = support_block(SALES, false, 4, SALES_COLUMNS);
    sales_row(block->cells, 1, "KES", 10, 1050, 3);
    sales_row(block->cells + SALES_COLUMNS, 1, "KES", 20, 925, 1);
    sales_row(block->cells + 2 * SALES_COLUMNS, 1, "NGN", 0, 100, 1);
    sales_row(block->cells + 3 * SALES_COLUMNS, 2, "KES", -10, 7, 0);
    assert_works(subject_begin(s));
    assert_works(subject_write(s, block));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT customer_id, currency, total, window_start FROM latest_window ORDER BY 1, 2",
                 "1|KES|9.25|1970-01-21 00:00:00+00\n1|NGN|1.00|1970-01-01 00:00:00+00\n"
                 "2|KES|0.07|1969-12-22 00:00:00+00\n");
    assert_query("SELECT customer_id, currency, orders, CAST(total * 100 AS integer), CAST(average * 10000 AS integer),"
                 " CAST(least * 100 AS integer) FROM \"Life \"\"time\"\"\" ORDER BY 1, 2",
                 "1|KES|4|1975|49375|925\n1|NGN|1|100|10000|100\n2|KES|0|7|-|7\n");
}

static void takes_hostile_names_as_names(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_prepare(s, 1, false);
    s->delivery.upserts[STRANGE] = 2;
    struct block *block = support_block(STRANGE, false, 2, STRANGE_COLUMNS);
    for (int i = 0; i < 2; i++) {
        struct cell *row = &block->cells[i * STRANGE_COLUMNS];
        row[0] = CELL_OF_TEXT("'); DROP TABLE kinds; --");
        row[1] = CELL_OF_INT(i);
        row[2] = CELL_OF_INT(i);
    }
    assert_works(subject_begin(s));
    assert_works(subject_write(s, block));
    assert_works(subject_commit(s));
    subject_prepare(s, 2, false);
    s->delivery.upserts[STRANGE] = 1;
    s->delivery.deletes[STRANGE] = 1;
    struct block *deletes = support_block(STRANGE, true, 1, 2), *upserts = support_block(STRANGE, false, 1, 3);
    deletes->cells[0] = upserts->cells[0] = CELL_OF_TEXT("'); DROP TABLE kinds; --");
    deletes->cells[1] = CELL_OF_INT(0);
    upserts->cells[1] = CELL_OF_INT(1);
    upserts->cells[2] = CELL_OF_INT(42);
    assert_works(subject_begin(s));
    assert_works(subject_write(s, deletes));
    assert_works(subject_write(s, upserts));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT * FROM \"we\"\"ird'; DROP TABLE kinds; --\"",
                 "'); DROP TABLE kinds; --|1970-01-01 00:00:00.000001|42\n");
    assert_query("SELECT count(*) FROM kinds", "0\n");
}

#define TARGET_SHAPE_CASES                                                                                             \
    cmocka_unit_test(keeps_every_type_exactly), cmocka_unit_test(refuses_a_table_of_another_shape),                    \
        cmocka_unit_test(refuses_views_that_are_others), cmocka_unit_test(refuses_a_view_in_the_place_of_a_table),     \
        cmocka_unit_test(makes_only_what_is_missing), cmocka_unit_test(makes_a_dropped_table_anew_under_its_views),    \
        cmocka_unit_test(makes_a_view_anew_that_says_something_else), cmocka_unit_test(shows_views),                   \
        cmocka_unit_test(takes_hostile_names_as_names)

#endif
