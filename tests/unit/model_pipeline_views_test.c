/* Views over the tables of a pipeline, and the lists of files that they lead to. */
#include "model_pipelines.h"

#define FILES(unit, column, view)                                                                                      \
    PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": [\"Unit\"], \"columns\": {" unit ": {\"group\": \"Unit\"}, "   \
                    "\"n\": {\"count\": \"Line\"}, \"f\": {" column                                                    \
                    "}}}},\n\"views\": {\"v\": {\"table\": \"t\", " view "}}")

static void refuses_views_that_could_show_several_rows_for_one(void **state)
{
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": @[\"s\"], \"on\": \"w\"}}"),
            "\"by\" lacks \"u\" of the primary key, so the latest row would not be one");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": @\"n\"}}"),
            "\"on\" is \"n\", which is not in the primary key of \"t\"");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\", \"w\"], \"on\": @\"w\"}}"),
            "\"on\" is in \"by\" too");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", @\"n\"], \"on\": \"w\"}}"),
            "\"by\" has \"n\", which is not in the primary key of \"t\"");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\", @\"s\"], \"on\": \"w\"}}"),
            "\"s\" stands twice in \"by\"");
}

static void refuses_totals_that_do_not_add_up(void **state)
{
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @\"d\"}}}"),
            "\"sum\" over \"d\", which is neither a sum nor a count");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @\"m\"}}}"),
            "\"sum\" over \"m\", which is neither a sum nor a count");
    refused(*state,
            VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"max\": \"m\"}, \"n\": {\"sum\": "
                 "\"n\"}, \"r\": {\"ratio\": [@\"x\", \"n\"]}}}"),
            "a ratio of a view is over two of its own \"sum\" columns, \"x\" is none");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": @{}}}"),
            "column \"x\" needs one of {\"sum\": ...}, {\"min\": ...}, {\"max\": ...} or {\"ratio\": [...]}");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {@\"avg\": \"n\"}}}"),
            "unknown word \"avg\", expected sum, min, max or ratio");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {@\"S\": {\"sum\": \"n\"}}}"),
            "column \"S\" stands twice in view \"v\"");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @\"k\"}}}"),
            "unknown column \"k\" of table \"t\"");
}

static void refuses_totals_over_windows_that_overlap(void **state)
{
#define SLIDING(by, function)                                                                                          \
    PIPELINE(FACTS,                                                                                                    \
             "\"tables\": {\"t\": {\"group_by\": [\"Unit\"], \"window\": {\"on\": \"At\", \"size\": \"2 days\", "      \
             "\"slide\": \"1 day\"}, \"columns\": {\"u\": {\"group\": \"Unit\"}, \"w\": {\"window\": \"start\"}, "     \
             "\"n\": {\"count\": \"Line\"}}}}, \"views\": {\"v\": {\"table\": \"t\", \"by\": \"" by "\", "             \
             "\"columns\": {\"x\": {" function "}}}}")
    refused(*state, SLIDING("u", "\"sum\": @\"n\""),
            "\"sum\" over \"n\" of windows that slide, and so overlap: expected the window's start in \"by\"");
    load(*state, SLIDING("u", "\"max\": \"n\""));
    load(*state, SLIDING("w", "\"sum\": \"n\""));
}

static void refuses_views_that_are_not_said_right(void **state)
{
    refused(*state, VIEW("@\"T\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"),
            "view \"T\" has the name of a table");
    refused(*state, VIEW("\"v\": {\"table\": @\"tt\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"),
            "unknown word \"tt\", expected t; did you mean \"t\"?");
    refused(*state, VIEW("@\"v\": {\"table\": \"t\"}"),
            "view \"v\" needs \"latest\", \"files\", or \"by\" and \"columns\"");
    refused(*state, VIEW("\"v\": @{\"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"), "\"table\" is missing");
    refused(*state,
            VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}, @\"by\": \"s\"}"),
            "unknown word \"by\", expected doc, table or latest");
}

static void takes_and_refuses_lists_of_files(void **state)
{
    const struct pipeline *p = load(*state, FILES("\"u\"", "\"files\": true", "\"files\": \"f\""));
    const struct table *table = &p->tables[0];
    assert_int_equal(table->columns[2].kind, COLUMN_FILES);
    assert_int_equal(table->columns[2].type, SQL_BIGINTS);
    assert_true(table->columns[2].not_null);
    assert_int_equal(p->views[0].kind, VIEW_FILES);
    assert_int_equal(p->views[0].on, 2);
    refused(*state, FILES("\"u\"", "\"files\": @false", "\"files\": \"f\""),
            "\"files\" is false, expected true or another function");
    refused(*state, FILES("\"u\"", "\"files\": true, \"type\": @\"text\"", "\"files\": \"f\""),
            "\"files\" takes no \"type\"");
    refused(*state, FILES("\"u\"", "\"files\": true, @\"where\": {\"Line\": 1}", "\"files\": \"f\""),
            "\"files\" takes no \"where\"");
    refused(*state, FILES("\"u\"", "\"files\": true", "\"files\": @\"n\""),
            "\"files\" is \"n\", which is no column {\"files\": true}");
    refused(*state, FILES("\"Feed\"", "\"files\": true", "\"files\": @\"f\""),
            "\"Feed\" of \"t\" has the name of a column of files");
    refused(*state, FILES("\"u\"", "\"files\": true", "\"by\": \"u\", \"columns\": {\"x\": {\"min\": @\"f\"}}"),
            "\"min\" over \"f\", which is bigint[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_views_that_could_show_several_rows_for_one),
        TEST(refuses_totals_that_do_not_add_up),
        TEST(refuses_totals_over_windows_that_overlap),
        TEST(refuses_views_that_are_not_said_right),
        TEST(takes_and_refuses_lists_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
