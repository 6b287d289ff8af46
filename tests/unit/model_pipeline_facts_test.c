/* Keys, grain, joins, versions and filters: which records there are, and how they come together. */
#include "model_pipelines.h"

static void refuses_keys_that_a_version_lacks_or_leaves_null(void **state)
{
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Batch\", @\"Old\"]}", TABLE),
            "\"Old\" is not in s/Readings/2.json, but a key field must be in every version");
    const char *const messages[] = {
        "\"Kind\" can be null by s/Readings/2.json, but a key field cannot: make it \"required\" there",
        "\"Kind\" can be null by s/Readings/1.json, but a key field cannot: make it \"required\" there"};
    put(*state, "s/p.json", PIPELINE("{\"feed\": \"Readings\", \"key\": @@\"Kind\"}", TABLE));
    assert_problems(*state, 2, messages);
}

static void refuses_lists_of_fields_that_are_no_keys(void **state)
{
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": @[]}", TABLE),
            "\"key\" is empty, expected fields of Readings");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Line\", @\"Line\"]}", TABLE),
            "\"Line\" stands twice in \"key\"");
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"key\": @[\"Batch\", \"Line\", \"Sensor\", \"Unit\", \"Day\"]}", TABLE),
            "\"key\" has 5 fields, expected at most 4");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [@\"Bacth\"]}", TABLE),
            "unknown field \"Bacth\" of Readings; did you mean \"Batch\"?");
}

static void refuses_a_grain_that_cuts_through_records(void **state)
{
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"key\": \"Line\", \"grain\": {\"key\": [@\"Batch\"], \"attributes\": "
                     "\"Sensor\"}}",
                     TABLE),
            "grain key \"Batch\" must be among the facts' key fields too");
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"grain\": {\"key\": \"Batch\", \"attributes\": [\"Sensor\", "
                     "@\"Batch\"]}}",
                     TABLE),
            "\"Batch\" is a grain key already");
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"grain\": {\"key\": \"Batch\", \"attributes\": [\"Sensor\", "
                     "@\"Old\"]}}",
                     TABLE),
            "\"Old\" is not in s/Readings/2.json, but a grain attribute must be in every version");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"grain\": @{\"attributes\": \"Sensor\"}}", TABLE),
            "\"key\" is missing");
}

static void wants_grouping_and_joins_by_the_grain(void **state)
{
    refused(*state,
            PIPELINE(GRAIN, "\"tables\": {\"t\": {\"group_by\": [@\"Unit\"], \"columns\": {\"u\": {\"group\": "
                            "\"Unit\"}}}}"),
            "\"Unit\" is neither a grain key nor an attribute, so it cannot be in group_by");
    refused(*state,
            PIPELINE(GRAIN, "\"tables\": {\"t\": {\"window\": {\"on\": @\"Day\", \"size\": \"1 day\"}, \"columns\": "
                            "{\"w\": {\"window\": \"start\"}}}}"),
            "\"Day\" is neither a grain key nor an attribute, so it cannot be a window's field");
    refused(*state, PIPELINE(GRAIN, "\"join\": [{\"feed\": \"Alarms\", \"on\": {@\"Line\": \"Level\"}}],\n" TABLE),
            "\"Line\" is neither a grain key nor an attribute, so it cannot be joined on");
}

static void refuses_joins_that_never_match(void **state)
{
    refused(*state,
            PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {@\"Sensor\": \"Sensor_Name\"}}],\n" TABLE),
            "\"Sensor\" is int64 in Readings and \"Sensor_Name\" is text in Alarms: fields of unlike types are never "
            "equal");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": @\"Raw\"}],\n" TABLE),
            "\"Raw\" is double: floating numbers are not joined on; declare a decimal");
}

static void refuses_joins_that_are_not_said_right(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"join\": [@{\"feed\": \"Alarms\"}],\n" TABLE), "\"on\" is missing");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": @[]}],\n" TABLE),
            "\"on\" has 0 fields, expected 1 to 4");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": @7}],\n" TABLE),
            "\"on\" is a number, expected a text or a list of texts");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": @1}}],\n" TABLE),
            "\"Batch\" is joined on a number, expected the name of a field");
    refused(*state,
            PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\", @\"Sensor\": "
                            "\"Of_Batch\"}}],\n" TABLE),
            "\"Sensor\" stands twice in \"on\"");
    refused(
        *state,
        PIPELINE(FACTS,
                 "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, @\"inner\": true}],\n" TABLE),
        "unknown word \"inner\", expected feed, key, version_field, delete, on, required or filter");
    refused(*state, PIPELINE(FACTS, "\"join\": @{},\n" TABLE), "\"join\" is an object, expected a list of objects");
    refused(*state, PIPELINE(FACTS, "\"join\": [@1],\n" TABLE), "\"join\" lists a number, expected objects only");
}

static void reads_versions_and_delete_markers(void **state)
{
    const struct pipeline *p =
        load(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": \"Batch\", "
                              "\"delete\": {\"Batch\": 0}}",
                              TABLE));
    assert_true(p->feeds[0].versioned);
    assert_string_equal(p->feeds[0].fields[p->feeds[0].version_field].name, "Batch");
    assert_non_null(p->feeds[0].deletes);
}

static void refuses_versions_that_do_not_rank(void **state)
{
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"version_field\": @\"Batch\"}", TABLE),
            "\"version_field\" without a \"key\": every row is a record");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"delete\": @{\"Batch\": 1}}", TABLE),
            "\"delete\" without a \"key\": every row is a record");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": @\"Kind\"}", TABLE),
            "\"Kind\" is text: a version is an int64, a decimal, a date or a timestamp");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": @\"Bitch\"}", TABLE),
            "unknown field \"Bitch\" of Readings; did you mean \"Batch\"?");
}

static void refuses_a_filter_over_another_feed(void **state)
{
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"filter\": {@\"Alarms.Level\": 1}}",
                     "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}}],\n" TABLE),
            "\"Alarms.Level\" is not of Readings: a filter reads its own feed only");
    refused(*state,
            PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, \"filter\": "
                            "{@\"Unit\": \"C\"}}],\n" TABLE),
            "unknown field \"Unit\" of Alarms");
    load(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, \"filter\": "
                                 "{\"Alarms.Level\": 2}}],\n" TABLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_keys_that_a_version_lacks_or_leaves_null),
        TEST(refuses_lists_of_fields_that_are_no_keys),
        TEST(refuses_a_grain_that_cuts_through_records),
        TEST(wants_grouping_and_joins_by_the_grain),
        TEST(refuses_joins_that_never_match),
        TEST(refuses_joins_that_are_not_said_right),
        TEST(reads_versions_and_delete_markers),
        TEST(refuses_versions_that_do_not_rank),
        TEST(refuses_a_filter_over_another_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
