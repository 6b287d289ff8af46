/* What the columns of a table may be, of which types, and what their "where" reads. */
#include "model_pipelines.h"

static const struct column *column_of(const struct pipeline *p)
{
    return &p->tables[0].columns[1];
}

static void gives_columns_their_kind_type_and_field(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    static const struct {
        const char *name;
        enum column_kind kind;
        enum sql_type type;
        bool not_null;
        uint8_t scale;
    } wanted[] = {
        {"from", COLUMN_WINDOW_START, SQL_TIMESTAMP, true, 0}, {"to", COLUMN_WINDOW_END, SQL_TIMESTAMPTZ, false, 0},
        {"sensor", COLUMN_GROUP, SQL_INTEGER, true, 0},        {"room", COLUMN_GROUP, SQL_TEXT, true, 0},
        {"batches", COLUMN_COUNT, SQL_BIGINT, true, 0},        {"bad", COLUMN_COUNT, SQL_BIGINT, true, 0},
        {"units", COLUMN_COUNT_DISTINCT, SQL_BIGINT, true, 0}, {"total", COLUMN_SUM, SQL_NUMERIC, false, 3},
        {"mean", COLUMN_AVG, SQL_NUMERIC, false, 9},           {"per_batch", COLUMN_RATIO, SQL_NUMERIC, false, 9},
        {"alarms", COLUMN_SUM, SQL_BIGINT, false, 0},          {"lines", COLUMN_COUNT, SQL_BIGINT, true, 0},
    };
    const struct table *t = &p->tables[0];
    assert_int_equal(t->column_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(t->columns[i].name, wanted[i].name);
        assert_int_equal(t->columns[i].kind, wanted[i].kind);
        assert_int_equal(t->columns[i].type, wanted[i].type);
        assert_int_equal(t->columns[i].not_null, wanted[i].not_null);
        assert_int_equal(t->columns[i].scale, wanted[i].scale);
    }
    assert_string_equal(t->columns[2].doc, "Its number");
    assert_string_equal(t->columns[4].doc, "The batch, by version 2"); /* its field's, from the newest version */
    assert_string_equal(t->columns[6].doc, "The unit, by version 1");
    assert_null(t->columns[7].doc);
    assert_int_equal(t->columns[9].numerator, 7);
    assert_int_equal(t->columns[9].denominator, 4);
    assert_int_equal(t->columns[10].field.feed, 2);
    assert_int_equal(t->columns[10].field_type.kind, VALUE_INT64);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

static void chooses_a_columns_type_by_what_it_is_over(void **state)
{
    static const struct {
        const char *column;
        enum sql_type type;
        uint8_t scale;
    } cases[] = {
        {"{\"sum\": \"Line\"}", SQL_BIGINT, 0},    {"{\"sum\": \"Line\", \"type\": \"numeric\"}", SQL_NUMERIC, 0},
        {"{\"sum\": \"Value\"}", SQL_NUMERIC, 3},  {"{\"sum\": \"Value\", \"type\": \"double\"}", SQL_DOUBLE, 0},
        {"{\"avg\": \"Line\"}", SQL_DOUBLE, 0},    {"{\"avg\": \"Line\", \"type\": \"numeric\"}", SQL_NUMERIC, 6},
        {"{\"avg\": \"Value\"}", SQL_NUMERIC, 9},  {"{\"min\": \"Line\"}", SQL_BIGINT, 0},
        {"{\"max\": \"Value\"}", SQL_NUMERIC, 3},  {"{\"max\": \"Value\", \"type\": \"real\"}", SQL_REAL, 0},
        {"{\"min\": \"Raw\"}", SQL_DOUBLE, 0},     {"{\"max\": \"Day\"}", SQL_DATE, 0},
        {"{\"max\": \"At\"}", SQL_TIMESTAMPTZ, 0}, {"{\"min\": \"Unit\"}", SQL_TEXT, 0},
        {"{\"count\": \"Raw\"}", SQL_BIGINT, 0},   {"{\"count_distinct\": \"Good\"}", SQL_BIGINT, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof text, COLUMN("%s"), cases[i].column);
        const struct column *column = column_of(load(*state, text));
        assert_int_equal(column->type, cases[i].type);
        assert_int_equal(column->scale, cases[i].scale);
    }
}

static void refuses_columns_that_make_no_sense(void **state)
{
    refused(*state, COLUMN("{\"sum\": @\"Unit\"}"), "\"sum\" over \"Unit\", which is text, expected a number");
    refused(*state, COLUMN("{\"sum\": @\"Raw\"}"),
            "\"sum\" over \"Raw\", which is double: floating numbers give other results in another order; declare a "
            "decimal");
    refused(*state, COLUMN("{\"avg\": @\"Day\"}"), "\"avg\" over \"Day\", which is date, expected a number");
    refused(*state, COLUMN("{\"min\": @\"Good\"}"),
            "\"min\" over \"Good\", which is bool, expected a field with an order");
    refused(*state, COLUMN("{\"max\": \"Value\", \"type\": @\"integer\"}"),
            "\"max\" of \"Value\" cannot be integer, expected numeric, double or real");
    refused(*state, COLUMN("{\"count\": \"Line\", \"type\": @\"integer\"}"),
            "\"count\" of \"Line\" cannot be integer, expected bigint, numeric or double");
    refused(*state, COLUMN("{\"max\": \"Day\", \"type\": @\"text\"}"),
            "\"max\" of \"Day\" cannot be text, expected date");
}

static void refuses_columns_that_say_nothing_or_too_much(void **state)
{
    refused(*state, COLUMN("@{\"type\": \"bigint\"}"),
            "column \"c\" needs one of group, window, count, count_distinct, sum, avg, min, max, ratio or files");
    refused(*state, COLUMN("{\"sum\": \"Line\", @\"count\": \"Line\"}"), "a column is either \"sum\" or \"count\"");
    refused(*state, COLUMN("@5"), "column \"c\" is a number, expected an object such as {\"count\": \"Field\"}");
    refused(
        *state, COLUMN("{@\"summ\": \"Line\"}"),
        "unknown word \"summ\", expected group, window, count, count_distinct, sum, avg, min, max, ratio, files, type, "
        "where or doc; did you mean \"sum\"?");
    refused(*state, COLUMN("{\"sum\": \"Line\", \"type\": @\"bigit\"}"),
            "unknown word \"bigit\", expected integer, bigint, real, double, numeric, text, boolean, date, timestamp "
            "or timestamptz; did you mean \"bigint\"?");
    refused(*state, COLUMN("{\"group\": @\"Line\"}"), "\"Line\" is not in \"group_by\" of this table");
    refused(*state, COLUMN("{\"window\": @\"start\"}"), "this table has no \"window\"");
    refused(*state, COLUMN("{\"group\": \"Sensor\", @\"where\": {\"Line\": 1}}"), "\"group\" takes no \"where\"");
}

static void refuses_ratios_of_what_does_not_add_up(void **state)
{
    refused(*state, COLUMN("{\"ratio\": @[\"s\"]}"),
            "\"ratio\" needs a list of two columns, as in [\"Total\", \"Count\"]");
    refused(*state, COLUMN("{\"max\": \"Line\"}, \"n\": {\"count\": \"Line\"}, \"r\": {\"ratio\": [@\"c\", \"n\"]}"),
            "\"c\" is neither a count nor a sum, so it cannot be in a ratio");
    refused(*state, COLUMN("{\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", @\"d\"]}"),
            "unknown column \"d\" of table \"t\"");
    refused(*state, COLUMN("{\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", \"c\"], \"type\": @\"bigint\"}"),
            "a ratio cannot be bigint, expected double, numeric or real");
}

static void tells_a_broken_column_once(void **state)
{
    refused(*state, COLUMN("{\"sum\": @\"Valeu\"}, \"n\": {\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", \"n\"]}"),
            "unknown field \"Valeu\" of Readings; did you mean \"Value\"?");
}

static void names_types_as_postgresql_does(void **state)
{
    (void)state;
    assert_string_equal(sql_type_name(SQL_DOUBLE), "double precision");
    assert_string_equal(sql_type_name(SQL_TIMESTAMP), "timestamp without time zone");
    assert_string_equal(sql_type_name(SQL_TIMESTAMPTZ), "timestamp with time zone");
    for (enum sql_type type = SQL_INTEGER; type <= SQL_TIMESTAMPTZ; type++)
        assert_true(strlen(sql_type_name(type)) > 3);
}

static void tells_the_columns_of_a_key_from_others(void **state)
{
    const struct table *t = &load(*state, WHOLE)->tables[0];
    size_t keys = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        bool wanted = t->columns[i].kind == COLUMN_GROUP || t->columns[i].kind == COLUMN_WINDOW_START;
        assert_int_equal(table_is_key(t, i), wanted);
        keys += wanted;
    }
    assert_true(keys > 1 && keys < t->column_count);
    assert_false(table_is_key(t, t->column_count));
}

/* --- where -------------------------------------------------------------------------------------------------------- */

static void knows_which_record_a_where_reads(void **state)
{
    const struct table *t = &load(*state, WHOLE)->tables[0];
    assert_null(t->columns[4].where);
    assert_non_null(t->columns[5].where);
    assert_int_equal(t->columns[5].where_feed, 0);
    assert_int_equal(t->columns[10].where_feed, 2);
    assert_int_equal(t->columns[11].where_feed, 0);
}

static void refuses_a_where_over_the_wrong_record(void **state)
{
    refused(*state, GRAIN_COLUMN("{\"count\": \"Batch\", \"where\": {@\"Unit\": \"C\"}}"),
            "\"Unit\" differs from line to line; \"where\" reads grain keys and attributes here");
    refused(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {@\"Unit\": \"C\"}}"),
            "\"Unit\" differs from line to line; \"where\" reads grain keys and attributes here");
    refused(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {@\"Sensors.Room\": \"C\"}}"),
            "\"where\" reads Sensors, expected Alarms, which the column is over, or the facts");
    refused(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {\"Alarms.Level\": 1, @\"Kind\": \"C\"}}"),
            "\"where\" reads two feeds, Alarms and Readings, expected one");
}

static void lets_a_where_read_what_fits_its_column(void **state)
{
    const struct column *column =
        column_of(load(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {\"Kind\": \"x\"}}")));
    assert_int_equal(column->where_feed, 0);
    column = column_of(load(*state, GRAIN_COLUMN("{\"sum\": \"Value\", \"where\": {\"Unit\": \"C\"}}")));
    assert_int_equal(column->where_feed, 0);
    column = column_of(load(*state, GRAIN_COLUMN("{\"sum\": \"Value\", \"where\": {\"Readings.Kind\": \"C\"}}")));
    column = column_of(load(*state, COLUMN("{\"count\": \"Line\", \"where\": {\"Value\": {\">\": 0.5}}}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_columns_their_kind_type_and_field), TEST(tells_the_columns_of_a_key_from_others),
        TEST(knows_which_record_a_where_reads),        TEST(chooses_a_columns_type_by_what_it_is_over),
        TEST(refuses_columns_that_make_no_sense),      TEST(refuses_columns_that_say_nothing_or_too_much),
        TEST(refuses_ratios_of_what_does_not_add_up),  TEST(tells_a_broken_column_once),
        TEST(refuses_a_where_over_the_wrong_record),   TEST(lets_a_where_read_what_fits_its_column),
        TEST(names_types_as_postgresql_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
