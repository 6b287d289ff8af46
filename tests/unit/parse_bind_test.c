#include "parse_testing.h"

static const char first[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"names\": \"underscore\","
                            "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true },"
                            "                \"Staff\": { \"type\": \"int64\","
                            "                  \"from\": [\"Number of Employees\", \"Number of employees\"] } } }";
static const char second[] =
    "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"csv\", \"match\": [\"Debt Amount\"],"
    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true },"
    "                \"Debt\": { \"type\": \"decimal(18,2)\", \"required\": true } } }";
static const char second_json[] = "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"json\","
                                  "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true } } }";
static const char first_json[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\","
                                 "  \"fields\": { \"Key\": { \"type\": \"int64\", \"required\": true },"
                                 "                \"Id\": { \"type\": \"int64\" } } }";

static void check_version(struct parse_feed *feed, struct slice text, uint32_t version)
{
    for (size_t i = 0; i < COUNT_OF(parse_chunk_sizes); i++) {
        struct parse_result result = parse_file(feed, text, parse_chunk_sizes[i], 0);
        if (!result.ok)
            print_error("%s\n", result.error.text);
        assert_true(result.ok);
        assert_int_equal(result.facts.version, version);
        const struct descriptor *descriptor = feed->versions[feed->feed.version_count - version].descriptor;
        assert_true(digest_equal(&result.facts.descriptor, &descriptor->digest));
        parse_result_close(&result);
    }
}

static void takes_the_highest_version_that_fits(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second, first);
    check_version(&feed, SLICE("Id,Debt,Debt Amount\n"), 2);
    check_version(&feed, SLICE("Id,Debt\n"), 1);
    check_version(&feed, SLICE("Id\n"), 1);
    parse_check(&feed, SLICE("Debt,x,Id,Debt Amount\n1,2,3,4\n"), "1@2 3|1.00|~\n", "");
    parse_check(&feed, SLICE("Debt,Id\n1,3\n"), "1@2 3|~|~\n", "");
    parse_feed_close(&feed);
}

static void says_what_each_version_lacks(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second, first);
    parse_check_fails(
        &feed, SLICE("a,b\n1,2\n"),
        "1:1: fits no descriptor of Orders: 2.json lacks Id, Debt, Debt Amount; 1.json lacks Id (found \"a\", \"b\")");
    parse_check_fails(&feed, SLICE("1,2,\"3\n\",,5,6,7\n"),
                      "1:1: fits no descriptor of Orders: 2.json lacks Id, Debt, Debt Amount; 1.json lacks Id "
                      "(found \"1\", \"2\", \"3\\n\", \"\", \"5\" and 2 more)");
    parse_check_fails(&feed, SLICE("Debt,b\n1,2\n"),
                      "1:1: fits no descriptor of Orders: 2.json lacks Id, Debt Amount; 1.json lacks Id");
    parse_feed_close(&feed);
}

static void takes_the_version_that_is_asked_for_and_no_other(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second, first);
    struct parse_result result = parse_file(&feed, SLICE("Id,Debt,Debt Amount\n1,2,3\n"), 64, 1);
    assert_true(result.ok);
    assert_int_equal(result.facts.version, 1);
    assert_slice(buf_slice(&result.rows), "1@2 1|~|~\n");
    parse_result_close(&result);
    result = parse_file(&feed, SLICE("Id\n1\n"), 64, 2);
    assert_false(result.ok);
    assert_error(&result.error, ERROR_DATA, "1:1: fits no descriptor of Orders: 2.json lacks Debt, Debt Amount");
    assert_null(strstr(result.error.text, "1.json"));
    parse_result_close(&result);
    result = parse_file(&feed, SLICE("Id\n1\n"), 64, 7);
    assert_false(result.ok);
    assert_error(&result.error, ERROR_DATA, "Orders has no descriptor 7.json");
    parse_result_close(&result);
    parse_feed_close(&feed);
}

static void reads_one_field_under_several_source_names(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second, first);
    parse_check(&feed, SLICE("Id,Number of employees\n1,5\n"), "1@2 1|~|5\n", "");
    parse_check(&feed, SLICE("Number_of_Employees,Id\n6,1\n"), "1@2 1|~|6\n", "");
    struct parse_result result = parse_file(&feed, SLICE("Number of employees,Id,Number of Employees\n6,1,7\n"), 64, 0);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), "1@2 1|~|7\n");
    assert_int_equal(result.facts.unknown_count, 0);
    parse_result_close(&result);
    parse_feed_close(&feed);
}

static void tells_csv_and_json_of_one_feed_apart(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second_json, first);
    check_version(&feed, SLICE("Id\n1\n"), 1);
    check_version(&feed, SLICE("\xef\xbb\xbf[{\"Id\":1}]"), 2);
    check_version(&feed, SLICE("\n  {\"Id\":1}"), 2);
    parse_check(&feed, SLICE("\xef\xbb\xbf\n\n Id\n1\n"), "1@4 1|~\n", "");
    parse_check(&feed, SLICE("\r\n \t[\n{\"Id\":1},{\"Id\":\"x\"}]"), "1@3 1|~\n",
                "2@3:1 Id: found \"x\", expected an integer [{\"Id\":\"x\"}]\n");
    parse_check_fails(&feed, SLICE("\n  {\"x\":1}"),
                      "2:3: fits no descriptor of Orders: 2.json lacks Id (found \"x\"); 1.json is for CSV files");
    parse_check_fails(&feed, SLICE("x\n1\n"),
                      "1:1: fits no descriptor of Orders: 2.json is for JSON files; 1.json lacks Id (found \"x\")");
    parse_check_fails(&feed, SLICE(" \n"), "empty file, expected a header line, [ or {");
    parse_check_fails(
        &feed, SLICE(" \n x \"\n"),
        "2:4: found a quote inside a field without quotes, expected the whole field in quotes and its own "
        "quotes doubled");
    parse_feed_close(&feed);
}

static void chooses_by_the_first_object_of_json(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second_json, first_json);
    check_version(&feed, SLICE("[{\"Id\":1,\"Key\":2}]"), 2);
    parse_check(&feed, SLICE("{\"Key\":1}{\"Id\":2,\"Key\":3}{\"Id\":4}"), "1@1 ~|1\n2@1 2|3\n",
                "3@1:0 Key: is missing, required [{\"Id\":4}]\n");
    parse_feed_close(&feed);
}

static void cuts_a_long_list_of_what_lacks(void **state)
{
    (void)state;
    struct parse_feed feed;
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"fields\": {");
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "%s\"A_field_with_a_rather_long_name_%d\": { \"type\": \"text\", \"required\": true }",
                   i > 0 ? "," : "", i);
    buf_put_text(&text, "} }");
    buf_put_byte(&text, '\0');
    parse_feed_open(&feed, text.data, NULL);
    struct parse_result result = parse_file(&feed, SLICE("x\n"), 64, 0);
    assert_false(result.ok);
    assert_error(&result.error, ERROR_DATA, "1:1: fits no descriptor of Orders: 1.json lacks A_field");
    assert_true(slice_ends_with(slice_of(result.error.text), SLICE("...")));
    parse_result_close(&result);
    parse_feed_close(&feed);
    buf_close(&text);
}

static void check_unknown(struct parse_feed *feed, struct slice text, uint32_t wanted, uint32_t version,
                          const char *unknown)
{
    struct parse_result result = parse_file(feed, text, 64, wanted);
    struct buf found;
    buf_init(&found, 256);
    assert_true(result.ok);
    assert_int_equal(result.facts.version, version);
    for (size_t i = 0; i < result.facts.unknown_count; i++)
        buf_printf(&found, "%.*s;", (int)result.facts.unknown[i].len, result.facts.unknown[i].data);
    assert_slice(buf_slice(&found), unknown);
    buf_close(&found);
    parse_result_close(&result);
}

/* What was made of the header before is taken over only where this one is the same to the byte, and so are the versions
   that may be chosen. */
static void looks_at_each_header_that_differs_from_the_one_before(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, second, first);
    for (int twice = 0; twice < 2; twice++) {
        check_unknown(&feed, SLICE("Id,ab,c\n1,2,3\n"), 0, 1, "ab;c;");
        check_unknown(&feed, SLICE("Id,a,bc\n1,2,3\n"), 0, 1, "a;bc;");
        check_unknown(&feed, SLICE("Id,abc\n1,2\n"), 0, 1, "abc;");
        check_unknown(&feed, SLICE("Id,Debt,Debt Amount,c\n1,2,3,4\n"), 0, 2, "c;");
        check_unknown(&feed, SLICE("Id,Debt,Debt Amount,c\n1,2,3,4\n"), 1, 1, "Debt;Debt Amount;c;");
        check_unknown(&feed, SLICE("Id,Debt,Debt Amount,c\n1,2,3,4\n"), 0, 2, "c;");
        check_unknown(&feed, SLICE("Id,Debt,Debt Amount,c\n1,2,3,4\n"), 0, 2, "c;");
        parse_check_fails(&feed, SLICE("a,b\n1,2\n"),
                          "1:1: fits no descriptor of Orders: 2.json lacks Id, Debt, Debt Amount; 1.json lacks Id "
                          "(found \"a\", \"b\")");
    }
    parse_feed_close(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_highest_version_that_fits),
        cmocka_unit_test(says_what_each_version_lacks),
        cmocka_unit_test(takes_the_version_that_is_asked_for_and_no_other),
        cmocka_unit_test(reads_one_field_under_several_source_names),
        cmocka_unit_test(tells_csv_and_json_of_one_feed_apart),
        cmocka_unit_test(chooses_by_the_first_object_of_json),
        cmocka_unit_test(cuts_a_long_list_of_what_lacks),
        cmocka_unit_test(looks_at_each_header_that_differs_from_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
