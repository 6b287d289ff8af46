/* A pipeline's file as a whole: parts that it lacks, values of another kind, all of its mistakes at once. */
#include "model_pipelines.h"

/* --- what is of another kind, or too much of it ------------------------------------------------------------------- */

static void refuses_lists_and_objects_of_another_kind(void **state)
{
#define TABLES(table) PIPELINE(FACTS, "\"tables\": {\"t\": " table "}")
    refused(*state, PIPELINE(FACTS, "\"tables\": {\"t\": @5}"), "table \"t\" is a number, expected an object");
    refused(*state, TABLES("{\"group_by\": [@7], \"columns\": {\"n\": {\"count\": \"Line\"}}}"),
            "\"group_by\" lists a number, expected the name of a field");
    refused(*state, TABLES("{\"group_by\": @7, \"columns\": {\"n\": {\"count\": \"Line\"}}}"),
            "\"group_by\" is a number, expected a list of fields");
    refused(*state,
            TABLES("{\"group_by\": \"Sensor\", \"uniform\": [@{}], \"columns\": {\"s\": {\"group\": \"Sensor\"}}}"),
            "\"uniform\" lists an object, expected the name of a field");
    refused(*state, TABLES("{\"group_by\": \"Sensor\", \"columns\": @{}}"),
            "\"columns\" has 0 columns, expected 1 to 64");
    refused(*state, COLUMN("{\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", @1]}"),
            "\"ratio\" lists a number, expected the name of a column");
    refused(*state, VIEW("\"v\": @[]"), "view \"v\" is a list, expected an object");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": @{}}"),
            "\"columns\" has 0 columns, expected 1 to 64");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @[]}}}"),
            "\"sum\" is a list, expected the name of a column");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"ratio\": @[\"k\"]}}}"),
            "\"ratio\" needs a list of two columns, as in [\"total\", \"count\"]");
    refused(*state,
            VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}, "
                 "@\"V\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"),
            "view \"V\" and \"v\" differ in case only");
}

static void refuses_more_fields_and_columns_than_there_may_be(void **state)
{
    refused(*state,
            TABLES("{\"group_by\": @[\"Batch\", \"Line\", \"Sensor\", \"At\", \"Day\", \"Unit\", \"Batch\", \"Line\", "
                   "\"Sensor\"], \"columns\": {\"n\": {\"count\": \"Line\"}}}"),
            "\"group_by\" has 9 fields, expected at most 8");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": @[], \"columns\": {\"x\": {\"sum\": \"n\"}}}"),
            "\"by\" has 0 columns, expected 1 to 8");
    char text[TEXT_MAX];
    size_t len = (size_t)snprintf(text, sizeof text, "%s",
                                  "{\"pipeline\": \"p\", \"facts\": " FACTS ", \"tables\": {\"t\": "
                                  "{\"group_by\": \"Sensor\", \"columns\": @{\"s\": {\"group\": \"Sensor\"}");
    for (int i = 0; i < PIPELINE_COLUMNS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ", \"c%d\": {\"count\": \"Line\"}", i);
    snprintf(text + len, sizeof text - len, "}}}}");
    refused(*state, text, "\"columns\" has 65 columns, expected 1 to 64");
}

/* --- the whole file ----------------------------------------------------------------------------------------------- */

static void refuses_a_pipeline_without_its_parts(void **state)
{
    struct fixture *f = *state;
    const char *const messages[] = {"\"pipeline\" is missing", "\"facts\" is missing"};
    put(f, "s/p.json", "@@{}");
    assert_problems(f, 2, messages);
    refused(f, "@{\"pipeline\": \"p\", \"facts\": {\"feed\": \"Readings\"}}", "\"tables\" is missing");
    refused(f, PIPELINE(FACTS, "\"tables\": @{}"), "\"tables\" has 0 tables, expected 1 to 16");
    refused(f, "@[]", "a pipeline is an object, found a list");
    refused(f, PIPELINE(FACTS, TABLE ", @\"view\": {}"),
            "unknown word \"view\", expected pipeline, facts, join, feeds, tables, retention, views or ledger; did you "
            "mean "
            "\"views\"?");
}

static void refuses_names_that_cannot_be_a_file(void **state)
{
    static const char *const names[] = {"", "a b", "../x", "-p", "ä"};
    char text[TEXT_MAX], message[256];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(text, sizeof text, "{\"pipeline\": @\"%s\", \"facts\": " FACTS ", " TABLE "}", names[i]);
        snprintf(message, sizeof message,
                 "\"%s\" cannot name a pipeline: letters, digits, _ and - only, at most 63, no - in front", names[i]);
        refused(*state, text, message);
    }
}

static void reports_all_mistakes_of_all_files_at_once(void **state)
{
    struct fixture *f = *state;
    put(f, "s/Alarms/1.json", "{\"feed\": \"Alarms\", \"version\": 1, \"format\": \"xml\", \"fields\": {}}");
    put(f, "s/Sensors/1.json", "{");
    put(f, "s/p.json",
        PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Batsh\"]}",
                 "\"join\": [{\"feed\": \"Sensors\", \"on\": \"Sensor\"}, {\"feed\": \"Alarms\", \"on\": \"Id\"}],\n"
                 "\"tables\": {\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": \"Sensor\"},\n"
                 "\"r\": {\"max\": \"Sensors.Height\"}, \"x\": {\"sum\": \"Raw\"}}}},\n"
                 "\"views\": {\"v\": {\"table\": \"t\", \"by\": \"z\", \"columns\": {\"n\": {\"sum\": \"s\"}}}}"));
    assert_null(reload(f));
    assert_slice(
        buf_slice(&f->problems.text),
        "s/Sensors/1.json:1:2: found the end of the file, expected a name in quotes\n"
        "s/Alarms/1.json:1:44: unknown word \"xml\", expected csv, json or ndjson\n"
        "s/Alarms/1.json:1:61: \"fields\" has 0 fields, expected 1 to 512\n"
        "s/p.json:2:39: unknown field \"Batsh\" of Readings; did you mean \"Batch\"?\n"
        "s/p.json:3:72: unknown field \"Id\" of Readings\n"
        "s/p.json:5:46: \"sum\" over \"Raw\", which is double: floating numbers give other results in another order; "
        "declare a decimal\n"
        "s/p.json:6:37: unknown column \"z\" of table \"t\"\n"
        "s/p.json:6:67: \"sum\" over \"s\", which is neither a sum nor a count\n");
    assert_int_equal(f->problems.count, 8);
}

static void says_that_a_pipeline_is_not_there(void **state)
{
    struct fixture *f = *state;
    assert_null(pipeline_load("s/q.json", &f->problems));
    assert_slice(buf_slice(&f->problems.text), "s/q.json:1:1: cannot be read: No such file or directory\n");
}

static void finds_descriptors_beside_a_pipeline_named_without_a_folder(void **state)
{
    struct fixture *f = *state;
    put(f, "s/p.json", WHOLE);
    assert_int_equal(chdir("s"), 0);
    f->pipeline = pipeline_load("p.json", &f->problems);
    assert_non_null(f->pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_lists_and_objects_of_another_kind),
        TEST(refuses_more_fields_and_columns_than_there_may_be),
        TEST(refuses_a_pipeline_without_its_parts),
        TEST(refuses_names_that_cannot_be_a_file),
        TEST(reports_all_mistakes_of_all_files_at_once),
        TEST(says_that_a_pipeline_is_not_there),
        TEST(finds_descriptors_beside_a_pipeline_named_without_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
