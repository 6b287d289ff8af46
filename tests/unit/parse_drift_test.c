/* Files that drift: columns renamed in case, added, missing, named by the file; values that are null instead of
   wrong. */
#include "parse_testing.h"

#define CSV  "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", "
#define JSON "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", "

static void folds_case_blanks_and_hyphens_of_names_on_request(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    CSV "\"names\": \"fold\", \"match\": \"The Rest\", \"fields\": {"
                        "\"Number_of_Employees\": { \"type\": \"int64\", \"required\": true } } }",
                    NULL);
    parse_check(&feed, SLICE("number-OF employees,the_rest\n7,x\n"), "1@2 7\n", "");
    parse_check_fails(&feed, SLICE("Number of Employees,NUMBER_OF_EMPLOYEES,The rest\n7,8,x\n"),
                      "1:1: fits no descriptor of Orders: 1.json column \"Number_of_Employees\" stands twice");
    parse_check_fails(
        &feed, SLICE("Number.of.Employees,The rest\n7,x\n"),
        "1:1: fits no descriptor of Orders: 1.json lacks Number_of_Employees (has \"Number.of.Employees\")");
    parse_feed_close(&feed);
    parse_feed_open(&feed, JSON "\"names\": \"fold\", \"fields\": { \"Id\": { \"type\": \"int64\" } } }", NULL);
    parse_check(&feed, SLICE("[{\"ID\": 1}, {\"id\": 2}]"), "1@1 1\n2@1 2\n", "");
    parse_feed_close(&feed);
}

static void refuses_undeclared_columns_on_request(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    CSV "\"unknown\": \"reject\", \"match\": \"Known\", \"fields\": {"
                        "\"Id\": { \"type\": \"int64\", \"required\": true } } }",
                    NULL);
    parse_check(&feed, SLICE("Id,Known\n7,x\n"), "1@2 7\n", "");
    parse_check_fails(&feed, SLICE("Id,More,Known,\n7,x,y,z\n"),
                      "1:1: fits no descriptor of Orders: 1.json has undeclared columns \"More\", \"\"");
    parse_check_fails(&feed, SLICE("More\n7\n"),
                      "1:1: fits no descriptor of Orders: 1.json lacks Id, Known; has "
                      "undeclared columns \"More\"");
    parse_feed_close(&feed);
    parse_feed_open(&feed, JSON "\"unknown\": \"reject\", \"fields\": { \"Id\": { \"type\": \"int64\" } } }", NULL);
    parse_check(&feed, SLICE("[{\"Id\": 1}, {\"Id\": 2, \"More\": 3}]"), "1@1 1\n",
                "2@1:0 : found \"More\", which no field declares [{\"Id\": 2, \"More\": 3}]\n");
    parse_check_fails(&feed, SLICE("[{\"More\": 1}]"),
                      "1:2: fits no descriptor of Orders: 1.json has undeclared columns \"More\"");
    parse_feed_close(&feed);
}

static const char defaults[] = "\"fields\": { \"Id\": { \"type\": \"int64\" },"
                               "\"Currency\": { \"type\": \"text\", \"required\": true, \"default\": \"NGN\" },"
                               "\"Tip\": { \"type\": \"decimal(9,2)\", \"default\": 1.5, \"default_null\": true },"
                               "\"Market\": { \"type\": \"int64\", \"constant\": 2 } } }";

static void fills_defaults_and_constants_in(void **state)
{
    (void)state;
    struct parse_feed feed;
    char text[1024];
    snprintf(text, sizeof text, "%s%s", CSV, defaults);
    parse_feed_open(&feed, text, NULL);
    parse_check(&feed, SLICE("Id\n7\n8\n"), "1@2 7|NGN|1.50|2\n2@3 8|NGN|1.50|2\n", "");
    parse_check(&feed, SLICE("Id,Currency,Tip,Market\n7,KES,,9\n8,KES,3,9\n9,,3,9\n"),
                "1@2 7|KES|1.50|2\n2@3 8|KES|3.00|2\n", "3@4:2 Currency: is null, required [9,,3,9]\n");
    parse_feed_close(&feed);
    snprintf(text, sizeof text, "%s%s", JSON, defaults);
    parse_feed_open(&feed, text, NULL);
    parse_check(&feed,
                SLICE("[{\"Id\": 7}, {\"Currency\": \"KES\", \"Tip\": null}, {\"Tip\": 2}, {\"Currency\": null}]"),
                "1@1 7|NGN|1.50|2\n2@1 ~|KES|1.50|2\n3@1 ~|NGN|2.00|2\n",
                "4@1:1 Currency: is null, required [{\"Currency\": null}]\n");
    parse_feed_close(&feed);
}

static void refuses_a_default_that_its_column_cannot_hold(void **state)
{
    (void)state;
    struct parse_feed feed;
    struct error error = {0};
    parse_feed_open(&feed, CSV "\"fields\": { \"Id\": { \"type\": \"int64\", \"default\": 300 } } }", NULL);
    feed.fields[0].max = 255;
    feed.fields[0].holder = "t.id is tiny";
    assert_null(parser_new(&feed.feed, &error));
    assert_error(&error, ERROR_CONFIG, "the default of Id does not fit");
    parse_feed_close(&feed);
}

/* As parse_file, for a file of this name. */
static struct parse_result parse_named(struct parse_feed *f, const char *name, struct slice text)
{
    struct parse_result result = {.ok = false};
    buf_init(&result.rows, PARSE_TEXT_MAX);
    buf_init(&result.rejects, PARSE_TEXT_MAX);
    arena_init(&result.facts.arena, PARSE_TEXT_MAX);
    parser_start(parse_parser(f), 0);
    assert_ok(parser_name(f->parser, slice_of(name), &result.error), &result.error);
    result.ok = parse_chunks(f, text, 3, &result);
    assert_true(parser_facts(f->parser, &result.facts));
    return result;
}

static void check_named(struct parse_feed *f, const char *name, const char *rows, const char *problem)
{
    struct parse_result result = parse_named(f, name, SLICE("Id\n1\n2\n"));
    assert_int_equal(result.ok, problem == NULL);
    if (problem)
        assert_string_equal(result.error.text, problem);
    else
        assert_slice(buf_slice(&result.rows), rows);
    parse_result_close(&result);
}

static void reads_fields_from_the_files_name(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    CSV "\"fields\": { \"Id\": { \"type\": \"int64\" },"
                        "\"Day\": { \"type\": \"date\", \"required\": true, \"from_name\": \"_([0-9]+)[.]\","
                        "           \"formats\": \"%Y%m%d\" },"
                        "\"Shop\": { \"type\": \"text\", \"from_name\": \"^([a-z]+)\", \"map\": { \"a\": \"Abuja\" },"
                        "            \"replace\": { \"z\": \"Z\" } } } }",
                    NULL);
    check_named(&feed, "a_20220217.csv", "1@2 1|2022-02-17|Abuja\n2@3 2|2022-02-17|Abuja\n", NULL);
    check_named(&feed, "zaz_20220218.csv", "1@2 1|2022-02-18|ZaZ\n2@3 2|2022-02-18|ZaZ\n", NULL);
    check_named(&feed, "7_20220218.csv", "1@2 1|2022-02-18|~\n2@3 2|2022-02-18|~\n", NULL);
    check_named(&feed, "b.csv", NULL, "the file's name \"b.csv\" does not give Day: it does not match");
    check_named(&feed, "b_20220231.csv", NULL,
                "the file's name \"b_20220231.csv\" does not give Day: found \"20220231\", expected a day that exists");
    check_named(&feed, "\xff_20220217.csv", NULL,
                "the file's name \"\\xff_20220217.csv\" does not give Day: it does not match");
    struct parse_result result = parse_named(&feed, "a_20220217.csv", SLICE("Id\n"));
    assert_true(result.facts.named);
    parse_result_close(&result);
    parse_feed_close(&feed);
    parse_feed_open(&feed,
                    JSON "\"fields\": { \"Id\": { \"type\": \"int64\" },"
                         "\"Shop\": { \"type\": \"text\", \"from_name\": \"^([a-z]+)\" } } }",
                    NULL);
    result = parse_named(&feed, "ab.json", SLICE("[{\"Id\": 1, \"Shop\": \"x\"}, {\"Id\": 2}]"));
    assert_slice(buf_slice(&result.rows), "1@1 1|ab\n2@1 2|ab\n");
    parse_result_close(&result);
    parse_feed_close(&feed);
}

static void check_nulled(struct parse_feed *f, struct slice text, const char *rows, const char *rejects,
                         const char *nulled)
{
    for (size_t i = 0; i < COUNT_OF(parse_chunk_sizes); i++) {
        struct parse_result result = parse_file(f, text, parse_chunk_sizes[i], 0);
        assert_true(result.ok);
        assert_slice(buf_slice(&result.rows), rows);
        assert_slice(buf_slice(&result.rejects), rejects);
        assert_slice(result.facts.note, nulled);
        assert_false(result.facts.named);
        parse_result_close(&result);
    }
}

static void counts_what_on_error_makes_null_in_accepted_rows(void **state)
{
    (void)state;
    struct parse_feed feed;
    static const char fields[] = "\"fields\": { \"Id\": { \"type\": \"int64\" },"
                                 "\"Age\": { \"type\": \"int64\", \"on_error\": \"null\" },"
                                 "\"Size\": { \"type\": \"decimal(3,1)\", \"on_error\": \"null\", \"default\": 9,"
                                 "            \"default_null\": true, \"required\": true } } }";
    char text[1024];
    snprintf(text, sizeof text, "%s%s", CSV, fields);
    parse_feed_open(&feed, text, NULL);
    check_nulled(&feed, SLICE("Age,Size,Id\nold,1,1\n7,big,2\nold,big,x\n1000,100,4\n,,5\n"),
                 "1@2 1|~|1.0\n2@3 2|7|9.0\n4@5 4|1000|9.0\n5@6 5|~|9.0\n",
                 "3@4:3 Id: found \"x\", expected an integer [old,big,x]\n", "null by on_error: 1 of Age, 2 of Size");
    check_nulled(&feed, SLICE("Id,Age\n1,2\n"), "1@2 1|2|9.0\n", "", "");
    parse_feed_close(&feed);
    snprintf(text, sizeof text, "%s%s", JSON, fields);
    parse_feed_open(&feed, text, NULL);
    check_nulled(&feed, SLICE("[{\"Id\": 1, \"Age\": [1]}, {\"Id\": 2, \"Age\": 1.5, \"Size\": {}}]"),
                 "1@1 1|~|9.0\n2@1 2|~|9.0\n", "", "null by on_error: 2 of Age, 1 of Size");
    parse_feed_close(&feed);
}

static void bounds_the_text_that_cleaning_makes(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    CSV "\"fields\": { \"A\": { \"type\": \"text\", \"replace\": { \"a\": \"bb\" } },"
                        "\"B\": { \"type\": \"text\", \"split\": \",\", \"join\": \"--\" } } }",
                    NULL);
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "A,B\n");
    for (int i = 0; i < 40000; i++)
        buf_put_byte(&text, 'a');
    buf_put_text(&text, ",1\n2,\"");
    for (int i = 0; i < 30000; i++)
        buf_put_text(&text, "x,");
    buf_put_text(&text, "\"\naa,\"1,2\"\n");
    struct parse_result result = parse_file(&feed, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), "3@4 bbbb|1--2\n");
    assert_non_null(strstr(result.rejects.data, "1@2:1 A: found \"aaaa"));
    assert_non_null(strstr(result.rejects.data, "expected a text that \"replace\" leaves at most 65536 bytes long"));
    assert_non_null(strstr(result.rejects.data, "2@3:2 B: found \"x,x,"));
    assert_non_null(strstr(result.rejects.data, "expected a list of at most 65536 bytes once it is joined"));
    parse_result_close(&result);
    parse_feed_close(&feed);
    /* Twenty fields of 60,000 bytes are more than a row may make. */
    buf_reset(&text);
    buf_put_text(&text, CSV "\"fields\": { ");
    for (int i = 0; i < 20; i++)
        buf_printf(&text, "\"F%d\": { \"type\": \"text\", \"from\": \"A\", \"replace\": { \"a\": \"b\" } }, ", i);
    buf_put_text(&text, "\"A\": { \"type\": \"text\", \"unicode\": \"ascii\" } } }");
    buf_put_byte(&text, 0);
    parse_feed_open(&feed, text.data, NULL);
    buf_reset(&text);
    buf_put_text(&text, "A\n");
    for (int i = 0; i < 60000; i++)
        buf_put_byte(&text, 'a');
    buf_put_text(&text, "\na\n");
    result = parse_file(&feed, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_non_null(strstr(result.rejects.data, "expected less text to clean in one row"));
    assert_true(slice_starts_with(buf_slice(&result.rows), SLICE("2@3 b|b|b")));
    parse_result_close(&result);
    parse_feed_close(&feed);
    buf_close(&text);
}

static void a_replacement_that_takes_too_many_steps_rejects_its_row(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV "\"fields\": { \"A\": { \"type\": \"text\", \"replace\": { \"(?:a+)+$\": \"b\" } } } }",
                    NULL);
    parse_check(
        &feed, SLICE("A\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\n\"x\xff\"\nca\n"), "3@4 cb\n",
        "1@2:1 A: found \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\", expected a text that \"replace\" can read "
        "within its limit of steps [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac]\n"
        "2@3:1 A: found \"x\\xff\", expected valid UTF-8 [\"x\xff\"]\n");
    parse_feed_close(&feed);
}

static void a_json_number_is_read_as_it_stands(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    JSON "\"fields\": { \"A\": { \"type\": \"decimal(9,2)\", \"number\": { \"thousands\": \".\","
                         " \"decimal\": \",\" } } } }",
                    NULL);
    parse_check(&feed, SLICE("[{\"A\": 1.25}, {\"A\": \"1.250\"}, {\"A\": \"1,25\"}, {\"A\": 1e2}]"),
                "1@1 1.25\n2@1 1250.00\n3@1 1.25\n4@1 100.00\n", "");
    parse_feed_close(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_case_blanks_and_hyphens_of_names_on_request),
        cmocka_unit_test(refuses_undeclared_columns_on_request),
        cmocka_unit_test(fills_defaults_and_constants_in),
        cmocka_unit_test(refuses_a_default_that_its_column_cannot_hold),
        cmocka_unit_test(reads_fields_from_the_files_name),
        cmocka_unit_test(counts_what_on_error_makes_null_in_accepted_rows),
        cmocka_unit_test(bounds_the_text_that_cleaning_makes),
        cmocka_unit_test(a_replacement_that_takes_too_many_steps_rejects_its_row),
        cmocka_unit_test(a_json_number_is_read_as_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
