/* The tables of a pipeline: groups, windows and when these close, uniform fields, names. */
#include "model_pipelines.h"

#include "model/timestamp.h"

/* --- groups and windows ------------------------------------------------------------------------------------------- */

static void refuses_groups_that_can_be_null_or_are_floating(void **state)
{
    struct fixture *f = *state;
    const char *const messages[] = {
        "\"Kind\" can be null by s/Readings/2.json, but a group_by field cannot: make it \"required\" there",
        "\"Kind\" can be null by s/Readings/1.json, but a group_by field cannot: make it \"required\" there"};
    put(f, "s/p.json",
        PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": @@\"Kind\", \"columns\": {\"k\": {\"group\": "
                        "\"Kind\"}}}}"));
    assert_problems(f, 2, messages);
    refused(
        f, PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": @\"Raw\", \"columns\": {\"r\": {\"group\": \"Raw\"}}}}"),
        "group_by over \"Raw\", which is double: declare a decimal");
}

static void groups_by_a_joined_field_only_where_there_is_one_record(void **state)
{
    static const char by_room[] =
        "{\"pipeline\": \"p\",\n\"facts\": {\"feed\": \"Readings\"},\n\"join\": [{\"feed\": \"Sensors\", %s \"on\": "
        "\"Sensor\"}],\n\"tables\": {\"t\": {\"group_by\": [@\"Sensors.Room\"], \"columns\": {\"r\": {\"group\": "
        "\"Sensors.Room\"}}}}}";
    char text[TEXT_MAX];
    snprintf(text, sizeof text, by_room, "");
    refused(*state, text,
            "group_by over Sensors needs one record at most to join: give Sensors a key and join \"on\" all of it");
    snprintf(text, sizeof text, by_room, "\"key\": \"Sensor\", \"required\": false,");
    refused(*state, text, "group_by over Sensors, whose join is not required: it can be null");
    /* A mistake in what would tell is told alone. */
    refused(*state,
            "{\"pipeline\": \"p\",\n\"facts\": {\"feed\": \"Readings\"},\n\"join\": [{\"feed\": \"Sensors\", \"key\": "
            "@\"Sensr\", \"on\": \"Sensor\"}],\n\"tables\": {\"t\": {\"group_by\": [\"Sensors.Room\"], \"columns\": "
            "{\"r\": {\"group\": \"Sensors.Room\"}}}}}",
            "unknown field \"Sensr\" of Sensors; did you mean \"Sensor\"?");
    refused(*state,
            "{\"pipeline\": \"p\",\n\"facts\": {\"feed\": \"Readings\"},\n\"join\": [{\"feed\": \"Sensors\", \"key\": "
            "\"Sensor\", \"on\": {@\"Sensr\": \"Sensor\"}}],\n\"tables\": {\"t\": {\"group_by\": [\"Sensors.Room\"], "
            "\"columns\": {\"r\": {\"group\": \"Sensors.Room\"}}}}}",
            "unknown field \"Sensr\" of Readings; did you mean \"Sensor\"?");
    snprintf(text, sizeof text, by_room, "\"key\": \"Sensor\",");
    assert_int_equal(load(*state, text)->tables[0].group_by[0].feed, 1);
}

static void refuses_tables_without_groups_or_without_their_key(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"tables\": {@\"t\": {\"columns\": {\"n\": {\"count\": \"Line\"}}}}"),
            "table \"t\" needs a \"group_by\" or a \"window\"");
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {@\"t\": {\"group_by\": \"Sensor\", \"columns\": {\"n\": {\"count\": "
                            "\"Line\"}}}}"),
            "table \"t\" is grouped by \"Sensor\" but has no column {\"group\": \"Sensor\"}");
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {@\"t\": {\"window\": {\"on\": \"At\", \"size\": \"1 day\"}, \"columns\": "
                            "{\"n\": {\"window\": \"end\"}}}}"),
            "table \"t\" has windows but no column {\"window\": \"start\"}");
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": [\"Sensor\", @\"Sensor\"], \"columns\": "
                            "{\"s\": {\"group\": \"Sensor\"}}}}"),
            "\"Sensor\" stands twice in \"group_by\"");
}

static void refuses_windows_that_make_no_sense(void **state)
{
#define WINDOW(window)                                                                                                 \
    PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}}],\n"                         \
                    "\"tables\": {\"t\": {\"window\": " window ", \"columns\": {\"w\": {\"window\": \"start\"}}}}")
    refused(*state, WINDOW("{\"on\": @\"Unit\", \"size\": \"1 day\"}"),
            "a window is on a timestamp or a date, \"Unit\" is text");
    refused(*state, WINDOW("{\"on\": @\"Alarms.Level\", \"size\": \"1 day\"}"),
            "a window is on a field of the facts, \"Level\" is of Alarms");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"often\"}"),
            "\"size\" is \"often\", expected a time such as \"10 days\", \"1 hour\" or \"3 months\"");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"0 months\"}"),
            "\"size\" is \"0 months\", expected a time such as \"10 days\", \"1 hour\" or \"3 months\"");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"1 month 2 days\"}"),
            "\"size\" is \"1 month 2 days\", expected a time such as \"10 days\", \"1 hour\" or \"3 months\"");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"1000000000000000000 years\"}"),
            "\"size\" is \"1000000000000000000 years\", expected a time such as \"10 days\", \"1 hour\" or "
            "\"3 months\"");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"101 years\"}"),
            "\"size\" is \"101 years\", expected at most 100 years");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": @\"9223372036854775807 months\"}"),
            "\"size\" is \"9223372036854775807 months\", expected at most 100 years");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": \"1 month\", \"zone\": @\"Etc/UTC\"}"),
            "\"zone\" is for windows on a timestamp only, a date is the same everywhere");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"99999 days\"}"),
            "\"size\" is \"99999 days\", expected at most 36525 days");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": @\"36 hours\"}"),
            "\"size\" is \"36 hours\", expected whole days for a date");
    refused(*state, WINDOW("@{\"on\": \"At\"}"), "\"size\" is missing");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": \"1 day\", \"zone\": @\"Etc/UTC\"}"),
            "\"zone\" is for windows on a timestamp only, a date is the same everywhere");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"36 hours\", \"zone\": \"Etc/UTC\"}"),
            "\"size\" is \"36 hours\", expected whole days in a zone");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"1 day\", \"zone\": @\"\"}"),
            "\"zone\" is \"\", expected how far east of UTC, such as \"+03:00\", or a name such as \"Africa/Lagos\"");
}

#define ORIGIN_WORDS "a day such as 1970-01-05, or a time as clocks show it, such as 1970-01-05T06:00"

static void refuses_origins_at_which_no_window_can_begin(void **state)
{
    static const struct {
        const char *members, *message;
    } cases[] = {
        {"\"on\": \"At\", \"size\": \"1 week\", \"origin\": @5", "\"origin\" is a number, expected a text"},
        {"\"on\": \"At\", \"size\": \"1 week\", \"origin\": @\"Monday\"",
         "\"origin\" is \"Monday\", expected " ORIGIN_WORDS},
        {"\"on\": \"At\", \"size\": \"1 week\", \"origin\": @\"\"", "\"origin\" is \"\", expected " ORIGIN_WORDS},
        {"\"on\": \"At\", \"size\": \"1 week\", \"origin\": @\"1970-01-05T06:00Z\"",
         "\"origin\" is \"1970-01-05T06:00Z\", expected " ORIGIN_WORDS},
        {"\"on\": \"At\", \"size\": \"1 day\", \"origin\": @\"1970-01-05T06:00-03\", \"zone\": \"Etc/UTC\"",
         "\"origin\" is \"1970-01-05T06:00-03\", expected " ORIGIN_WORDS},
        {"\"on\": \"At\", \"size\": \"1 week\", \"origin\": @\"1970-02-30\"",
         "\"origin\" is \"1970-02-30\", expected a day that exists"},
        {"\"on\": \"At\", \"size\": \"1 week\", \"origin\": @\"1970-01-05T24:00\"",
         "\"origin\" is \"1970-01-05T24:00\", expected a time of day from 00:00:00 to 23:59:59"},
        {"\"on\": \"Day\", \"size\": \"1 week\", \"origin\": @\"1970-01-05T06:00\"",
         "\"origin\" is \"1970-01-05T06:00\", expected a day for windows on a date"},
        {"\"on\": \"At\", \"size\": \"3 months\", \"origin\": @\"1970-04-02\"",
         "\"origin\" is \"1970-04-02\", expected the first day of a month for windows of months"},
        {"\"on\": \"At\", \"size\": \"1 year\", \"origin\": @\"1970-04-01T06:00\"",
         "\"origin\" is \"1970-04-01T06:00\", expected the first day of a month for windows of months"},
        {"\"on\": \"At\", \"size\": @\"often\", \"origin\": \"1970-04-02\"",
         "\"size\" is \"often\", expected a time such as \"10 days\", \"1 hour\" or \"3 months\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof text, WINDOW("{%s}"), cases[i].members);
        refused(*state, text, cases[i].message);
    }
}

static void refuses_windows_that_do_not_slide(void **state)
{
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"10 days\", \"slide\": @\"3 days\"}"),
            "\"slide\" is \"3 days\", of which \"size\", \"10 days\", is no multiple");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"1 day\", \"slide\": @\"2 days\"}"),
            "\"slide\" is \"2 days\", of which \"size\", \"1 day\", is no multiple");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"1 month\", \"slide\": @\"1 day\"}"),
            "\"slide\" is \"1 day\", of which \"size\", \"1 month\", is no multiple");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"101 hours\", \"slide\": @\"1 hour\"}"),
            "\"slide\" is \"1 hour\", so that a moment lies in 101 windows, expected at most 100");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"1 day\", \"slide\": @\"often\"}"),
            "\"slide\" is \"often\", expected a time such as \"10 days\", \"1 hour\" or \"3 months\"");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": \"1 day\", \"slide\": @\"6 hours\"}"),
            "\"slide\" is \"6 hours\", expected whole days for a date");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"1 day\", \"slide\": @\"6 hours\", \"zone\": \"+03:00\"}"),
            "\"slide\" is \"6 hours\", expected whole days in a zone");
}

#define HUNDRED "\"window\": {\"on\": \"At\", \"size\": \"100 hours\", \"slide\": \"1 hour\"}, "
#define STARTS  "\"columns\": {\"w\": {\"window\": \"start\"}}"

static void refuses_a_fact_in_too_many_windows(void **state)
{
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {\"a\": {" HUNDRED STARTS "}, \"b\": {" HUNDRED STARTS
                            "},\n@\"c\": {" HUNDRED STARTS "}}"),
            "with the windows of table \"c\" a fact lies in 300 groups, expected at most 256");
}

/* --- retention ---------------------------------------------------------------------------------------------------- */

/* Two tables with the windows `a` and `b`, and a retention. */
#define RETAINED(a, b, retention)                                                                                      \
    PIPELINE(FACTS, "\"tables\": {\"t\": {" a "\"columns\": {\"f\": {\"window\": \"start\"}}},\n"                      \
                    "\"u\": {" b "\"columns\": {\"f\": {\"window\": \"start\"}}}},\n\"retention\": " retention)
#define WINDOWS(on, size) "\"window\": {\"on\": " on ", \"size\": " size "}, "
#define TEN_DAYS          WINDOWS("\"At\"", "\"10 days\"")

static void knows_when_windows_close(void **state)
{
    struct fixture *f = *state;
    const struct pipeline *p = load(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": \"30 days\"}"));
    assert_true(p->retention.on);
    assert_int_equal(p->retention.lateness, 30 * TIMESTAMP_DAY);
    assert_int_equal(p->retention.max_ahead, TIMESTAMP_DAY);
    p = load(f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "\"240 hours\""),
                         "{\"lateness\": \"1 hour\", \"max_ahead\": \"2 weeks\"}"));
    assert_int_equal(p->retention.lateness, TIMESTAMP_DAY / 24);
    assert_int_equal(p->retention.max_ahead, 14 * TIMESTAMP_DAY);
    p = load(f, RETAINED(WINDOWS("\"At\"", "\"1 week\", \"origin\": \"1970-01-05\""),
                         WINDOWS("\"At\"", "\"7 days\", \"origin\": \"2024-01-01T00:00:00\""),
                         "{\"lateness\": \"1 day\"}"));
    assert_true(p->retention.on);
    p = load(
        f, RETAINED(WINDOWS("\"At\"", "\"12 months\""), WINDOWS("\"At\"", "\"1 year\""), "{\"lateness\": \"1 day\"}"));
    assert_true(p->retention.on);
    assert_false(load(f, PIPELINE(FACTS, TABLE))->retention.on);
}

static void refuses_a_retention_that_makes_no_sense(void **state)
{
    struct fixture *f = *state;
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "@{\"max_ahead\": \"1 day\"}"), "\"lateness\" is missing");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "@7"), "\"retention\" is a number, expected an object");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": @\"soon\"}"),
            "\"lateness\" is \"soon\", expected a time such as \"30 days\" or \"1 hour\"");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": @\"1 month\"}"),
            "\"lateness\" is \"1 month\", expected a time such as \"30 days\" or \"1 hour\"");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": \"1 day\", \"max_ahead\": @\"36526 days\"}"),
            "\"max_ahead\" is \"36526 days\", expected at most 36525 days");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": \"1 day\", @\"ahead\": \"1 day\"}"),
            "unknown word \"ahead\", expected lateness or max_ahead");
}

static void refuses_a_retention_of_windows_that_differ(void **state)
{
    struct fixture *f = *state;
    refused(f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "\"10 days\", \"slide\": @\"1 day\""), "{\"lateness\": \"1 day\"}"),
            "\"slide\" cannot stand beside \"retention\": a fact in several windows is not over with one of them");
    refused(f, RETAINED(TEN_DAYS, WINDOWS("@\"Day\"", "\"10 days\""), "{\"lateness\": \"1 day\"}"),
            "the window of \"u\" is on \"Day\", that of \"t\" on \"At\": with \"retention\" all tables have the same "
            "windows");
    refused(f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "@\"5 days\""), "{\"lateness\": \"1 day\"}"),
            "the windows of \"t\" and \"u\" differ in size: with \"retention\" all tables have the same windows");
    refused(f,
            RETAINED(WINDOWS("\"At\"", "\"1 month\""), WINDOWS("\"At\"", "@\"1 year\""), "{\"lateness\": \"1 day\"}"),
            "the windows of \"t\" and \"u\" differ in size: with \"retention\" all tables have the same windows");
    refused(
        f,
        RETAINED(WINDOWS("\"At\"", "\"1 month\""), WINDOWS("\"At\"", "\"1 month\", \"zone\": @\"+03:00\""),
                 "{\"lateness\": \"1 day\"}"),
        "the windows of \"t\" and \"u\" are of different zones: with \"retention\" all tables have the same windows");
    refused(
        f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "\"10 days\", \"zone\": @\"+03:00\""), "{\"lateness\": \"1 day\"}"),
        "the windows of \"t\" and \"u\" are of different zones: with \"retention\" all tables have the same windows");
    refused(
        f,
        RETAINED(TEN_DAYS, WINDOWS("\"At\"", "\"10 days\", \"origin\": @\"1970-01-02\""), "{\"lateness\": \"1 day\"}"),
        "the windows of \"t\" and \"u\" begin at different times: with \"retention\" all tables have the same windows");
    refused(
        f,
        RETAINED(WINDOWS("\"At\"", "\"10 days\", \"origin\": \"1970-01-02\""),
                 "\"window\": @{\"on\": \"At\", \"size\": \"10 days\"}, ", "{\"lateness\": \"1 day\"}"),
        "the windows of \"t\" and \"u\" begin at different times: with \"retention\" all tables have the same windows");
    refused(f,
            PIPELINE(FACTS, "\"tables\": {@\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": "
                            "\"Sensor\"}}}}, \"retention\": {\"lateness\": \"1 day\"}"),
            "table \"t\" has no \"window\": with \"retention\" every table needs one");
}

static void refuses_a_retention_beside_files_that_replace_others(void **state)
{
    refused(*state,
            RETAINED(TEN_DAYS, TEN_DAYS,
                     "{\"lateness\": \"1 day\"}, \"feeds\": {\"Readings\": {\"on_change\": @\"replace\"}}"),
            "\"on_change\" is \"replace\", which cannot stand beside \"retention\": it would take rows back out of "
            "closed windows, and what replaces them is late");
}

/* --- uniform fields and names ------------------------------------------------------------------------------------- */

static void refuses_uniform_fields_of_joined_feeds_and_of_lines(void **state)
{
    refused(*state,
            PIPELINE(GRAIN, JOINS "\"tables\": {\"t\": {\"group_by\": \"Sensor\", \"uniform\": [@\"Alarms.Level\"], "
                                  "\"columns\": {\"s\": {\"group\": \"Sensor\"}}}}"),
            "\"uniform\" over Alarms.Level, expected a field of the facts");
    refused(*state,
            PIPELINE(GRAIN, "\"tables\": {\"t\": {\"group_by\": \"Sensor\", \"uniform\": @\"Unit\", "
                            "\"columns\": {\"s\": {\"group\": \"Sensor\"}}}}"),
            "\"Unit\" is neither a grain key nor an attribute, so it cannot be in uniform");
}

static void refuses_names_that_targets_do_not_take(void **state)
{
#define NAMED(tables) PIPELINE(FACTS, "\"tables\": {" tables "}")
#define BODY          "{\"group_by\": \"Sensor\", \"columns\": {\"s\": {\"group\": \"Sensor\"}}}"
    refused(*state, NAMED("@\"\": " BODY), "\"\" cannot name a table: 1 to 63 bytes without control characters");
    refused(*state, NAMED("@\"a\\nb\": " BODY),
            "\"a\\nb\" cannot name a table: 1 to 63 bytes without control characters");
    refused(*state, NAMED("@\"a\\u202e\": " BODY),
            "\"a\\xe2\\x80\\xae\" cannot name a table: 1 to 63 bytes without control characters");
    refused(*state, NAMED("@\"Dropfold_x\": " BODY), "a table's name must not begin with \"dropfold_\"");
    refused(*state, NAMED("@\"sqlite_x\": " BODY), "a table's name must not begin with \"sqlite_\"");
    refused(*state, NAMED("@\"PG_x\": " BODY), "a table's name must not begin with \"pg_\"");
    refused(*state, NAMED("\"t\": " BODY ", @\"T\": " BODY), "table \"T\" and \"t\" differ in case only");
    refused(*state, COLUMN("{\"count\": \"Line\"}, @\"C\": {\"count\": \"Line\"}"),
            "column \"C\" and \"c\" on line 4 differ in case only");
    load(*state, NAMED("\"t; drop table \\\"t\\\" -- ₦\": " BODY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_groups_that_can_be_null_or_are_floating),
        TEST(groups_by_a_joined_field_only_where_there_is_one_record),
        TEST(refuses_tables_without_groups_or_without_their_key),
        TEST(refuses_windows_that_make_no_sense),
        TEST(refuses_origins_at_which_no_window_can_begin),
        TEST(refuses_windows_that_do_not_slide),
        TEST(refuses_a_fact_in_too_many_windows),
        TEST(knows_when_windows_close),
        TEST(refuses_a_retention_that_makes_no_sense),
        TEST(refuses_a_retention_of_windows_that_differ),
        TEST(refuses_a_retention_beside_files_that_replace_others),
        TEST(refuses_uniform_fields_of_joined_feeds_and_of_lines),
        TEST(refuses_names_that_targets_do_not_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
