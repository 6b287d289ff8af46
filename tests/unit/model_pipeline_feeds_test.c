/* The feeds of a pipeline: their names, descriptors and options. */
#include "model_pipelines.h"

#include "model/timestamp.h"

/* --- names and descriptors ---------------------------------------------------------------------------------------- */

static void refuses_names_that_cannot_be_folders(void **state)
{
    static const char rule[] = "cannot name a feed: it names a folder, 1 to 63 bytes, without '/' or a dot in front";
    static const char *const names[] = {"", ".", "..", ".x", "a/b", "/"};
    char text[TEXT_MAX], message[256];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(text, sizeof text, PIPELINE("{\"feed\": @\"%s\"}", TABLE), names[i]);
        snprintf(message, sizeof message, "\"%s\" %s", names[i], rule);
        refused(*state, text, message);
    }
    snprintf(message, sizeof message, "\"a\\xe2\\x80\\xae\" %s", rule);
    refused(*state, PIPELINE("{\"feed\": @\"a\\u202e\"}", TABLE), message);
    char name[65] = {0};
    memset(name, 'x', 64);
    snprintf(text, sizeof text, PIPELINE("{\"feed\": @\"%s\"}", TABLE), name);
    snprintf(message, sizeof message, "\"%s\" %s", name, rule);
    refused(*state, text, message);
    refused(*state, PIPELINE("{\"feed\": @\"Archive\"}", TABLE),
            "\"Archive\" cannot name a feed: dropfold keeps its own files in that folder");
}

static void refuses_a_feed_that_stands_twice(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": @\"readings\", \"on\": \"Batch\"}],\n" TABLE),
            "\"readings\" is a feed of this pipeline already");
}

static void refuses_a_feed_without_descriptors(void **state)
{
    refused(*state, PIPELINE("{\"feed\": @\"Winds\"}", TABLE),
            "no descriptors: folder s/Winds: No such file or directory");
    assert_int_equal(mkdir("s/Rains", 0777), 0);
    refused(*state, PIPELINE("{\"feed\": @\"Rains\"}", TABLE), "no descriptors: folder s/Rains has no 1.json");
}

static void finds_descriptors_by_their_number(void **state)
{
    struct fixture *f = *state;
    put(f, "s/Sensors/README.md", "not one");
    put(f, "s/Sensors/.2.json", "not one either");
    put(f, "s/Sensors/2.json~", "nor this");
    load(f, WHOLE);
    static const char *const names[] = {"latest.json", "02.json", "0.json", "1000001.json", "2x.json", "-1.json"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[64], wanted[256];
        snprintf(path, sizeof path, "s/Sensors/%s", names[i]);
        put(f, path, "{}");
        assert_null(reload(f));
        snprintf(wanted, sizeof wanted, "%s:1:1: a descriptor's file is named by its version, as in 1.json\n", path);
        assert_slice(buf_slice(&f->problems.text), wanted);
        assert_int_equal(unlink(path), 0);
    }
}

static void reports_a_broken_descriptor_and_holds_nothing_else_against_it(void **state)
{
    struct fixture *f = *state;
    load(f, WHOLE);
    put(f, "s/Sensors/1.json",
        "{\"feed\": \"Sensors\", \"version\": 1, \"format\": \"json\", \"fields\": {@\"Se nsor\": {\"type\": "
        "\"text\"}}}");
    const char *message = "\"Se nsor\" cannot name a field: letters, digits and _ only, at most 63, no digit first";
    assert_problems(f, 1, &message);
    /* That of the facts: whether the groups by Sensors.Room have one record each cannot be told. */
    put(f, "s/Sensors/1.json", SENSORS);
    assert_int_equal(unlink("s/Readings/2.json"), 0);
    put(f, "s/Readings/1.json",
        "{\"feed\": \"Readings\", \"version\": 1, \"format\": \"csv\", \"fields\": {@\"Se nsor\": {\"type\": "
        "\"text\"}}}");
    assert_problems(f, 1, &message);
}

static void refuses_types_of_which_none_holds_the_others(void **state)
{
    struct fixture *f = *state;
    load(f, COLUMN("{\"count\": \"Line\"}"));
    put(f, "s/p.json", COLUMN("{\"count\": \"Clash\"}"));
    assert_null(reload(f));
    assert_slice(buf_slice(&f->problems.text),
                 "s/Readings/2.json:12:19: \"Clash\" is text here and int64 in s/Readings/1.json, and neither holds "
                 "every value of the other\n");
    put(f, "s/p.json", COLUMN("{\"sum\": \"Value\"}"));
    put(f, "s/Readings/2.json",
        "{\"feed\": \"Readings\", \"version\": 2, \"extends\": 1, \"match\": \"Site\", \"fields\": {\"Value\": "
        "{\"type\": @\"decimal(9,4)\"}}}");
    const char *message = "\"Value\" is decimal(9,4) here and decimal(9,3) in s/Readings/1.json, and neither holds "
                          "every value of the other: 5 digits before the point here, 6 there";
    assert_problems(f, 1, &message);
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static void knows_what_becomes_of_files(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_int_equal(p->feeds[0].after, FEED_ARCHIVE);
    assert_int_equal(p->feeds[0].ready, FEED_READY_SETTLE);
    assert_int_equal(p->feeds[0].settle, TIMESTAMP_SECOND);
    assert_int_equal(p->feeds[2].after, FEED_LEAVE);
    assert_int_equal(p->feeds[2].ready, FEED_READY_DONE_MARKER);
    assert_int_equal(p->feeds[2].settle, 5 * TIMESTAMP_SECOND);
}

static void refuses_options_of_feeds_it_does_not_know(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"feeds\": {@\"Reading\": {}},\n" TABLE),
            "\"Reading\" is no feed of this pipeline; did you mean \"Readings\"?");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": @3},\n" TABLE),
            "\"Readings\" is a number, expected an object such as {\"after\": \"leave\"}");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"after\": @\"archiv\"}},\n" TABLE),
            "unknown word \"archiv\", expected archive, leave or delete; did you mean \"archive\"?");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"ready\": @\"never\"}},\n" TABLE),
            "unknown word \"never\", expected settle or done");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"settle\": @\"soon\"}},\n" TABLE),
            "\"settle\" is \"soon\", expected a time such as \"1 second\" or \"2 minutes\"");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"settle\": @5}},\n" TABLE),
            "\"settle\" is a number, expected a time such as \"1 second\" or \"2 minutes\"");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"settle\": @\"2 days\"}},\n" TABLE),
            "\"settle\" is \"2 days\", expected at most 1 day");
}

static void knows_what_a_file_at_a_known_path_means(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_int_equal(p->feeds[0].on_change, FEED_UPSERT);
    assert_int_equal(p->feeds[1].on_change, FEED_UPSERT);
    assert_int_equal(p->feeds[2].on_change, FEED_APPEND);
    p = load(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": \"replace\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_REPLACE);
    p = load(*state, PIPELINE(GRAIN, "\"feeds\": {\"Readings\": {\"on_change\": \"reject\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_REJECT);
    p = load(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": \"append\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_APPEND);
    p = load(*state, PIPELINE(GRAIN, "\"feeds\": {\"Readings\": {\"on_change\": \"upsert\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_UPSERT);
}

static void knows_how_many_rows_may_be_rejected(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_false(p->feeds[0].limits.by_count || p->feeds[0].limits.by_percent);
    p = load(*state,
             PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects\": 0, \"max_rejects_percent\": 2.5}},\n" TABLE));
    assert_true(p->feeds[0].limits.by_count && p->feeds[0].limits.by_percent);
    assert_int_equal(p->feeds[0].limits.count, 0);
    assert_int_equal(p->feeds[0].limits.percent, 25000);
    assert_string_equal(p->feeds[0].limits.percent_text, "2.5");
}

static void refuses_limits_that_are_none(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects\": @-1}},\n" TABLE),
            "\"max_rejects\" is -1, expected an integer from 0 to 1000000000");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects_percent\": @100.0001}},\n" TABLE),
            "\"max_rejects_percent\" is 100.0001, expected a number from 0 to 100 with at most 4 places");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects_percent\": @0.00001}},\n" TABLE),
            "\"max_rejects_percent\" is 0.00001, expected a number from 0 to 100 with at most 4 places");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects_percent\": @\"5\"}},\n" TABLE),
            "\"max_rejects_percent\" is a text, expected a number from 0 to 100 with at most 4 places");
}

static void refuses_a_meaning_that_goes_against_the_key(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": @\"replce\"}},\n" TABLE),
            "unknown word \"replce\", expected upsert, append, replace or reject; did you mean \"replace\"?");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": @\"upsert\"}},\n" TABLE),
            "\"on_change\" is \"upsert\", but Readings has no \"key\", expected append, replace or reject");
    refused(*state, PIPELINE(GRAIN, "\"feeds\": {\"Readings\": {\"on_change\": @\"append\"}},\n" TABLE),
            "\"on_change\" is \"append\", but Readings has a \"key\", expected upsert, replace or reject");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(knows_what_becomes_of_files),
        TEST(knows_what_a_file_at_a_known_path_means),
        TEST(refuses_a_meaning_that_goes_against_the_key),
        TEST(knows_how_many_rows_may_be_rejected),
        TEST(refuses_limits_that_are_none),
        TEST(refuses_names_that_cannot_be_folders),
        TEST(refuses_a_feed_that_stands_twice),
        TEST(refuses_a_feed_without_descriptors),
        TEST(finds_descriptors_by_their_number),
        TEST(reports_a_broken_descriptor_and_holds_nothing_else_against_it),
        TEST(refuses_types_of_which_none_holds_the_others),
        TEST(refuses_options_of_feeds_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
