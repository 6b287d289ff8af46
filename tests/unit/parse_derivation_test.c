/* Fields that are computed from others of their row. What they are made of may be used by the pipeline or not. */
#include "parse_testing.h"

enum { TEXT_MAX = 4096, FIELDS = 6 };

/* The columns of every file here. D is derived. */
#define FORM(format)                                                                                                   \
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"" format "\", \"match\": \"N\", \"fields\": {"              \
    " \"N\": { \"type\": \"int64\" }, \"P\": { \"type\": \"decimal(9,2)\" }, \"Q\": { \"type\": \"decimal(18,6)\" },"  \
    " \"S\": { \"type\": \"text\", \"unicode\": \"ascii\" }, \"T\": { \"type\": \"timestamp\" }, %s } }"

/* The file's one row under D; `sources_used` says whether the pipeline uses the other fields as well. */
static void check_row(const char *format, const char *derived, const char *file, bool sources_used, const char *rows,
                      const char *rejects)
{
    struct parse_feed feed;
    char text[TEXT_MAX];
    snprintf(text, sizeof text, strcmp(format, "csv") == 0 ? FORM("csv") : FORM("json"), derived);
    parse_feed_open(&feed, text, NULL);
    for (size_t i = 0; !sources_used && i + 1 < FIELDS; i++)
        feed.versions[0].feed_field[i] = -1;
    parse_check(&feed, slice_of(file), rows, rejects);
    parse_feed_close(&feed);
}

/* `cells` is a row of the columns N, P, Q, S and T; `value` what D is, or "rejected: ..." */
static void check_value(const char *derived, const char *cells, const char *value)
{
    char file[TEXT_MAX], rows[2 * TEXT_MAX] = "", hidden[TEXT_MAX] = "", rejects[TEXT_MAX] = "", shown[TEXT_MAX];
    snprintf(file, sizeof file, "N,P,Q,S,T\n%s\n", cells);
    const char *reason = strncmp(value, "rejected: ", 10) == 0 ? value + 10 : NULL;
    if (reason) {
        snprintf(rejects, sizeof rejects, "1@2:0 D: %s [%s]\n", reason, cells);
    } else {
        size_t at = 0;
        for (const char *c = cells; *c; c++) {
            if ((c == cells || c[-1] == ',') && *c == ',')
                shown[at++] = '~';
            shown[at++] = (char)(*c == ',' ? '|' : *c);
        }
        shown[at] = '\0';
        snprintf(rows, sizeof rows, "1@2 %s%s|%s\n", shown, at > 0 && shown[at - 1] == '|' ? "~" : "", value);
        snprintf(hidden, sizeof hidden, "1@2 ~|~|~|~|~|%s\n", value);
    }
    check_row("csv", derived, file, true, rows, rejects);
    check_row("csv", derived, file, false, hidden, rejects);
}

#define D(type, derive) "\"D\": { \"type\": \"" type "\", \"derive\": { " derive " } }"

static void computes_exactly(void **state)
{
    (void)state;
    check_value(D("decimal(18,6)", "\"add\": [\"N\", \"P\", \"Q\"]"), "1,2.50,0.000001,x,", "3.500001");
    check_value(D("decimal(9,2)", "\"subtract\": [\"P\", \"N\"]"), "3,2.50,,,", "-0.50");
    check_value(D("int64", "\"add\": [\"P\", \"P\"]"), ",2.50,,,", "5");
    check_value(D("decimal(18,2)", "\"multiply\": [\"P\", \"N\"]"), "-3,2.50,,,", "-7.50");
    check_value(D("decimal(9,2)", "\"multiply\": [\"P\", \"Q\"]"), ",1.50,0.500000,,", "0.75");
    check_value(D("decimal(18,18)", "\"multiply\": [\"Q\", \"Q\"]"), ",,0.000001,,", "0.000000000001000000");
    check_value(D("int64", "\"subtract\": [\"N\", \"N\"]"), "-9223372036854775808,,,,", "0");
    check_value(D("int64", "\"add\": [\"N\", \"N\"]"), "4611686018427387903,,,,", "9223372036854775806");
    check_value(D("int64", "\"multiply\": [\"N\", \"N\"]"), "3037000499,,,,", "9223372030926249001");
}

static void rejects_what_does_not_fit(void **state)
{
    (void)state;
    check_value(D("decimal(9,2)", "\"multiply\": [\"P\", \"Q\"]"), ",1.50,0.010000,,",
                "rejected: multiply comes to 0.01500000, expected decimal(9,2)");
    check_value(D("int64", "\"add\": [\"N\", \"P\"]"), "1,0.01,,,", "rejected: add comes to 1.01, expected int64");
    check_value(D("int64", "\"add\": [\"N\", \"N\"]"), "9223372036854775807,,,,",
                "rejected: add comes to 18446744073709551614, expected int64");
    check_value(D("int64", "\"multiply\": [\"N\", \"N\"]"), "-9223372036854775808,,,,",
                "rejected: multiply comes to 85070591730234615865843651857942052864, expected int64");
    check_value(D("decimal(4,2)", "\"subtract\": [\"P\", \"N\"]"), "1,101.00,,,",
                "rejected: subtract comes to 100.00, expected decimal(4,2)");
    check_value(D("decimal(18,18)", "\"add\": [\"N\", \"N\", \"N\", \"N\", \"N\", \"N\", \"N\", \"N\"]"),
                "-9223372036854775808,,,,", "rejected: add comes to -73786976294838206464, expected decimal(18,18)");
    check_value(D("decimal(18,2)", "\"coalesce\": [\"P\", \"N\"]"), "10000000000000000,,,,",
                "rejected: coalesce comes to 10000000000000000, expected decimal(18,2)");
    check_value("\"D\": { \"type\": \"int64\", \"required\": true, \"derive\": { \"add\": [\"N\", \"N\"] } }",
                ",1.00,,,", "rejected: is null, required");
}

static void null_in_is_null_out_but_for_coalesce(void **state)
{
    (void)state;
    check_value(D("decimal(18,2)", "\"add\": [\"P\", \"N\"]"), "1,,,,", "~");
    check_value(D("text", "\"concat\": [\"S\", \"S\"]"), "1,,,,", "~");
    check_value(D("date", "\"date\": \"T\""), "1,,,,", "~");
    check_value(D("decimal(18,2)", "\"coalesce\": [\"P\", \"N\"]"), "7,,,,", "7.00");
    check_value(D("decimal(18,2)", "\"coalesce\": [\"P\", \"N\"]"), "7,0.00,,,", "0.00");
    check_value(D("decimal(18,2)", "\"coalesce\": [\"P\", \"N\"]"), ",,1.000000,,", "~");
    check_value(D("text", "\"coalesce\": [\"S\", \"S\"]"), ",,,abc,", "abc");
}

static void takes_texts_together_and_days_out_of_moments(void **state)
{
    (void)state;
    check_value(D("text", "\"concat\": [\"S\", \"S\"]"), ",,,ab,", "abab");
    check_value(D("text", "\"concat\": [\"S\", \"S\", \"S\"], \"join\": \", \""), ",,,x,", "x, x, x");
    check_value(D("date", "\"date\": \"T\""), ",,,,2022-02-17T23:59:59.999999Z", "2022-02-17");
    check_value(D("date", "\"date\": \"T\""), ",,,,1969-12-31T23:59:59Z", "1969-12-31");
    check_value(D("date", "\"date\": \"T\""), ",,,,0001-01-01T00:00:00Z", "0001-01-01");
}

/* Each behind what it needs, wherever they stand; made of constants, of the file's name, of each other. */
static void derives_from_derived_fields(void **state)
{
    (void)state;
    const char *derived = "\"E\": { \"type\": \"decimal(18,2)\", \"derive\": { \"multiply\": [\"G\", \"C\"] } },"
                          "\"F\": { \"type\": \"text\", \"derive\": { \"concat\": [\"H\", \"S\"], \"join\": \"/\" } },"
                          "\"G\": { \"type\": \"decimal(9,2)\", \"derive\": { \"subtract\": [\"P\", \"N\"] } },"
                          "\"C\": { \"type\": \"int64\", \"constant\": 100 },"
                          "\"H\": { \"type\": \"text\", \"derive\": { \"concat\": [\"S\", \"S\"] } }";
    check_row("csv", derived, "N,P,Q,S,T\n2,3.50,,x\xc3\xa9,\n1,,,,\n", true,
              "1@2 2|3.50|~|x|~|150.00|xx/x|1.50|100|xx\n2@3 1|~|~|~|~|~|~|~|100|~\n", "");
    check_row("json", derived,
              "{\"N\": 2, \"P\": 3.5, \"S\": \"x\xc3\xa9\"}\n{\"N\": 1}\n{\"N\": 1, \"P\": 9999999.99}\n{\"P\": 1, "
              "\"N\": 0}\n",
              true,
              "1@1 2|3.50|~|x|~|150.00|xx/x|1.50|100|xx\n2@2 1|~|~|~|~|~|~|~|100|~\n"
              "3@3 1|9999999.99|~|~|~|999999899.00|~|9999998.99|100|~\n4@4 0|1.00|~|~|~|100.00|~|1.00|100|~\n",
              "");
    check_row("json", derived, "{\"N\": 2, \"P\": 3.5, \"S\": \"x\"}\n{\"N\": 1}\n{\"N\": 9999999999, \"P\": 1}\n",
              false, "1@1 ~|~|~|~|~|150.00|xx/x|1.50|100|xx\n2@2 ~|~|~|~|~|~|~|~|100|~\n",
              "3@3:0 G: subtract comes to -9999999998.00, expected decimal(9,2) [{\"N\": 9999999999, \"P\": 1}]\n");
}

/* A field of the feed may be wider than that of the version: what is computed goes by the version's. */
static void computes_in_the_types_of_its_version(void **state)
{
    (void)state;
    struct parse_feed feed;
    char text[TEXT_MAX];
    snprintf(text, sizeof text, FORM("csv"), D("int64", "\"add\": [\"N\", \"N\"]"));
    parse_feed_open(&feed, text, NULL);
    feed.fields[0].type = (struct value_type){.kind = VALUE_DECIMAL, .precision = 18, .scale = 3};
    feed.fields[5].type = (struct value_type){.kind = VALUE_DECIMAL, .precision = 5, .scale = 2};
    feed.fields[5].min = -99999;
    feed.fields[5].max = 50000;
    parse_check(&feed, SLICE("N,P,Q,S,T\n7,,,,\n251,,,,\n500,,,,\n"), "1@2 7.000|~|~|~|~|14.00\n",
                "2@3:0 D: found 502.00, expected -999.99 to 500.00 [251,,,,]\n"
                "3@4:0 D: found \"1000\", expected decimal(5,2) [500,,,,]\n");
    parse_feed_close(&feed);
}

/* Derived fields count when it is tried which way a shifted row can be read. */
static void tells_ways_of_repair_apart(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(
        &feed,
        "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"repair\": { \"unquoted\": [\"S\", \"U\"] },"
        " \"fields\": { \"S\": { \"type\": \"text\" }, \"A\": { \"type\": \"int64\" }, \"U\": { \"type\": \"text\" },"
        " \"D\": { \"type\": \"decimal(2,0)\", \"derive\": { \"add\": [\"A\", \"A\"] } } } }",
        NULL);
    parse_check(&feed, SLICE("S,A,U\na,50,49,c\nb,1,2,c\n"), "1@2 a,50|49|c|98\n",
                "2@3:0 : found 4 fields, expected 3: more than one way of rejoining S, U is valid [b,1,2,c]\n");
    parse_feed_close(&feed);
}

static void a_text_has_its_limits(void **state)
{
    (void)state;
    enum { PART = 9000, PARTS = 8 };
    struct parse_feed feed;
    struct buf file, raw;
    char text[TEXT_MAX], rejects[TEXT_MAX];
    snprintf(text, sizeof text, FORM("csv"),
             D("text", "\"concat\": [\"S\", \"S\", \"S\", \"S\", \"S\", \"S\", \"S\", \"S\"]"));
    parse_feed_open(&feed, text, NULL);
    buf_init(&file, PARSE_TEXT_MAX);
    buf_init(&raw, PARSE_TEXT_MAX);
    buf_put_text(&file, "N,P,Q,S,T\n,,,");
    for (size_t i = 0; i < PART; i++)
        buf_put_byte(&file, 'x');
    buf_put_text(&file, ",\n");
    struct parse_result result = parse_file(&feed, buf_slice(&file), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), "");
    snprintf(rejects, sizeof rejects, "1@2:0 D: concat comes to %d bytes, expected at most 65536 [", PART * PARTS);
    result.rejects.len = strlen(rejects);
    assert_slice(buf_slice(&result.rejects), rejects);
    parse_result_close(&result);
    parse_feed_close(&feed);
    buf_close(&file);
    buf_close(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_exactly),
        cmocka_unit_test(rejects_what_does_not_fit),
        cmocka_unit_test(null_in_is_null_out_but_for_coalesce),
        cmocka_unit_test(takes_texts_together_and_days_out_of_moments),
        cmocka_unit_test(derives_from_derived_fields),
        cmocka_unit_test(computes_in_the_types_of_its_version),
        cmocka_unit_test(tells_ways_of_repair_apart),
        cmocka_unit_test(a_text_has_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
