#include "parse_testing.h"

static const char orders[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"names\": \"underscore\","
                             "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true },"
                             "                \"The_Name\": { \"type\": \"text\", \"from\": [\"The_Name\", \"Nick\"] },"
                             "                \"Total\": { \"type\": \"decimal(18,2)\" },"
                             "                \"Open\": { \"type\": \"bool\" } } }";

static int open_orders(void **state)
{
    return parse_feed_set_up(state, orders);
}

static void reads_an_array_of_objects(void **state)
{
    parse_check(*state,
                SLICE("[\n {\"Id\": 1, \"The Name\": \"a\", \"Total\": 12.5, \"Open\": true},\n"
                      " {\"Open\":false,\"Total\":null,\"Id\":2}\n]\n"),
                "1@2 1|a|12.50|true\n2@3 2|~|~|false\n", "");
    parse_check(*state, SLICE("[]"), "", "");
    parse_check(*state, SLICE(" [ ] "), "", "");
}

static void reads_objects_behind_each_other(void **state)
{
    const char *rows = "1@1 1|~|~|~\n2@2 2|~|~|~\n";
    parse_check(*state, SLICE("{\"Id\":1}\n{\"Id\":2}\n"), rows, "");
    parse_check(*state, SLICE("{\"Id\":1}\r\n{\"Id\":2}"), rows, "");
    parse_check(*state, SLICE("{\"Id\":1}{\n\"Id\":2}"), "1@1 1|~|~|~\n2@1 2|~|~|~\n", "");
    parse_check(*state, SLICE("\xef\xbb\xbf{\n\"Id\"\n:\n1\n}"), "1@1 1|~|~|~\n", "");
}

static void reads_strings_where_numbers_are_wanted_and_back(void **state)
{
    parse_check(*state,
                SLICE("[{\"Id\":\"7\",\"The Name\":1.50,\"Open\":1},{\"Id\":8,\"The Name\":true,\"Open\":\"no\"}]"),
                "1@1 7|1.50|~|true\n2@1 8|true|~|false\n", "");
}

static void decodes_strings_and_names(void **state)
{
    parse_check(*state, SLICE("[{\"I\\u0064\":1,\"The Name\":\"\\\"\\\\\\/\\n\\u20ac\\ud83d\\ude00\xc3\xa9\"}]"),
                "1@1 1|\"\\/\n\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9|~|~\n", "");
    parse_check(*state, SLICE("[{\"Id\":1,\"The Name\":\"]}{[,\\\"]\"}]"), "1@1 1|]}{[,\"]|~|~\n", "");
}

static void keeps_numbers_exact(void **state)
{
    parse_check(*state,
                SLICE("[{\"Id\":9007199254740993,\"Total\":1234567890123456.78},\n"
                      "{\"Id\":-9223372036854775808,\"Total\":-0.01},\n"
                      "{\"Id\":1e3,\"Total\":3.5E2},{\"Id\":5.0,\"Total\":1200e-2},{\"Id\":12.50e1,\"Total\":-0.0},"
                      "{\"Id\":6,\"The Name\":12.50e1}]"),
                "1@1 9007199254740993|~|1234567890123456.78|~\n"
                "2@2 -9223372036854775808|~|-0.01|~\n"
                "3@3 1000|~|350.00|~\n4@3 5|~|12.00|~\n5@3 125|~|0.00|~\n6@3 6|12.50e1|~|~\n",
                "");
}

#define ZEROS_70 "0000000000000000000000000000000000000000000000000000000000000000000000"
#define ZEROS_80 ZEROS_70 "0000000000"

/* cJSON cuts them. */
static void reads_numbers_of_any_length(void **state)
{
    parse_check(*state,
                SLICE("[{\"Id\":1,\"Total\":2.50" ZEROS_80 "},{\"Id\":3." ZEROS_80 ",\"Total\":0.000" ZEROS_80
                      "},\n{\"x\":[-0." ZEROS_80 "1,{\"y\":1" ZEROS_80 "}],\"Id\":4,\"The Name\":\"a\"},\n"
                      "{\"Id\":0." ZEROS_80 "5e81,\"The Name\":6." ZEROS_80 "}]"),
                "1@1 1|~|2.50|~\n2@1 3|~|0.00|~\n3@2 4|a|~|~\n4@3 5|6." ZEROS_80 "|~|~\n", "");
    parse_check(*state, SLICE("{\"Id\":1" ZEROS_80 "}\n{\"Id\":1,\"Total\":0.00" ZEROS_80 "1}"), "",
                "1@1:1 Id: found \"1" ZEROS_70 "00000...\", expected an integer from -9223372036854775808 to "
                "9223372036854775807 [{\"Id\":1" ZEROS_80 "}]\n"
                "2@2:2 Total: found \"0.00" ZEROS_70 "00...\", expected a decimal with at most 2 places "
                "[{\"Id\":1,\"Total\":0.00" ZEROS_80 "1}]\n");
}

static void rejects_numbers_that_do_not_fit(void **state)
{
    parse_check(
        *state,
        SLICE("[{\"Id\":9223372036854775808},{\"Id\":1.5},{\"Id\":1e400},{\"Id\":1e-3},{\"Id\":1,\"Total\":1e-3},"
              "{\"Id\":1,\"Total\":1e17}]"),
        "",
        "1@1:1 Id: found \"9223372036854775808\", expected an integer from -9223372036854775808 to "
        "9223372036854775807 [{\"Id\":9223372036854775808}]\n"
        "2@1:1 Id: found \"1.5\", expected an integer [{\"Id\":1.5}]\n"
        "3@1:1 Id: found \"1e400\", expected an integer [{\"Id\":1e400}]\n"
        "4@1:1 Id: found \"1e-3\", expected an integer [{\"Id\":1e-3}]\n"
        "5@1:2 Total: found \"1e-3\", expected a decimal with at most 2 places [{\"Id\":1,\"Total\":1e-3}]\n"
        "6@1:2 Total: found \"1e17\", expected a decimal with at most 16 digits before the point "
        "[{\"Id\":1,\"Total\":1e17}]\n");
}

static void rejects_a_number_of_which_cleaning_leaves_none(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": { \"Id\": { \"type\": "
                    "\"int64\", \"replace\": { \"^99$\": \"none\", \"x|5$\": \"x\" } } } }",
                    NULL);
    parse_check(&feed, SLICE("{\"Id\":1e2}\n{\"Id\":99}\n{\"Id\":1.5}"), "1@1 100\n",
                "2@2:1 Id: found \"99\", expected an integer [{\"Id\":99}]\n"
                "3@3:1 Id: found \"1.5\", expected an integer [{\"Id\":1.5}]\n");
    parse_feed_close(&feed);
}

/* What map and replace put there is written as a file has it, as it is in a CSV file. */
static void reads_what_cleaning_makes_of_a_number_by_its_form(void **state)
{
    (void)state;
    static const char fields[] = "\"fields\": { \"Id\": { \"type\": \"decimal(9,2)\", \"strip_prefix\": \"-\","
                                 "  \"replace\": { \"^7\": \"7.00\", \"^8(.*)\": \"8$1,5\", \"^2$\": \"1e2\" },"
                                 "  \"map\": { \"1\": \"1.000,25\" },"
                                 "  \"number\": { \"thousands\": \".\", \"decimal\": \",\" } } } }";
    static const char *const formats[] = {"csv", "json"};
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        struct parse_feed feed;
        char text[512];
        snprintf(text, sizeof text, "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"%s\", %s", formats[i],
                 fields);
        parse_feed_open(&feed, text, NULL);
        if (i == 0)
            parse_check(&feed, SLICE("Id\n1\n70\n8\n2\n"), "1@2 1000.25\n2@3 7000.00\n3@4 8.50\n",
                        "4@5:1 Id: found \"2\", expected a number as its field's \"number\" says [2]\n");
        else
            parse_check(&feed, SLICE("{\"Id\":1}\n{\"Id\":70}\n{\"Id\":8}\n{\"Id\":2}\n{\"Id\":-1.5}\n{\"Id\":3e2}"),
                        "1@1 1000.25\n2@2 7000.00\n3@3 8.50\n5@5 1.50\n6@6 300.00\n",
                        "4@4:1 Id: found \"2\", expected a number as its field's \"number\" says [{\"Id\":2}]\n");
        parse_feed_close(&feed);
    }
}

static void rejects_a_record_without_a_required_member(void **state)
{
    parse_check(*state, SLICE("[{\"Id\":1},\n{\"The Name\":\"a\"},\n{\"Id\":null},\n{\"Id\":\"\"}]"), "1@1 1|~|~|~\n",
                "2@2:0 Id: is missing, required [{\"The Name\":\"a\"}]\n"
                "3@3:1 Id: is null, required [{\"Id\":null}]\n"
                "4@4:1 Id: is null, required [{\"Id\":\"\"}]\n");
}

static void rejects_objects_and_arrays_in_declared_fields_only(void **state)
{
    parse_check(*state, SLICE("[{\"Id\":1,\"x\":{\"Id\":[2,{}]}},{\"Id\":2,\"The Name\":{\"a\":1}},{\"Id\":[]}]"),
                "1@1 1|~|~|~\n",
                "2@1:2 The_Name: found an object, expected text [{\"Id\":2,\"The Name\":{\"a\":1}}]\n"
                "3@1:1 Id: found an array, expected int64 [{\"Id\":[]}]\n");
}

static void rejects_elements_that_are_no_objects(void **state)
{
    parse_check(*state, SLICE("[1, \"a]\", null,\n[{\"Id\":1}], true,{\"Id\":2},-1.5e3]"), "6@2 2|~|~|~\n",
                "1@1:0 : found a number, expected an object [1]\n"
                "2@1:0 : found a text, expected an object [\"a]\"]\n"
                "3@1:0 : found null, expected an object [null]\n"
                "4@2:0 : found an array, expected an object [[{\"Id\":1}]]\n"
                "5@2:0 : found true, expected an object [true]\n"
                "7@2:0 : found a number, expected an object [-1.5e3]\n");
    parse_check(*state, SLICE("{\"Id\":1}\nnull\n12"), "1@1 1|~|~|~\n",
                "2@2:0 : found null, expected an object [null]\n"
                "3@3:0 : found a number, expected an object [12]\n");
}

/* An array of the malformed element between two good ones: one reject, both rows. */
static void check_malformed(void **state, const char *element, const char *reason)
{
    char text[256], reject[512];
    snprintf(text, sizeof text, "[{\"Id\":1},\n %s,\n{\"Id\":3}]", element);
    snprintf(reject, sizeof reject, "2@2:0 : %s [%s]\n", reason, element);
    parse_check(*state, slice_of(text), "1@1 1|~|~|~\n3@3 3|~|~|~\n", reject);
}

static void rejects_a_malformed_record_inside_an_intact_array(void **state)
{
    check_malformed(state, "{\"Id\":1,}", "2:10: found \"}\", expected a member's name");
    check_malformed(state, "{\"Id\" 1}", "2:8: found \"1}\", expected :");
    check_malformed(state, "{\"Id\":}", "2:8: found \"}\", expected a JSON value");
    check_malformed(state, "{Id:1}", "2:3: found \"Id:1}\", expected a member's name");
    check_malformed(state, "{\"Id\":1 \"x\":2}", "2:10: found \"\"x\":2}\", expected , or }");
    check_malformed(state, "{\"Id\":[1}]", "2:10: found \"}]\", expected , or ]");
    check_malformed(state, "{\"Id\":01}", "2:9: found \"1}\", expected , or }");
    check_malformed(state, "{\"Id\":1.}", "2:10: found \"}\", expected a digit behind the point");
    check_malformed(state, "{\"Id\":-}", "2:9: found \"}\", expected a digit");
    check_malformed(state, "{\"Id\":1e+}", "2:11: found \"}\", expected a digit of the exponent");
    check_malformed(state, "{\"Id\":NaN}", "2:8: found \"NaN}\", expected a JSON value");
    check_malformed(state, "{\"Id\":tru}", "2:8: found \"tru}\", expected a JSON value");
    check_malformed(state, "{\"Id\":\v1}", "2:8: found \"\\x0b1}\", expected a JSON value");
    check_malformed(state, "garbage", "2:2: found \"garbage\", expected a JSON value");
    check_malformed(state, "nulls", "2:6: found \"s\", expected the end of the value");
}

static void rejects_what_cjson_would_let_pass_or_cut(void **state)
{
    check_malformed(state, "{\"Id\":1,\"Id\":2}", "found \"Id\" twice, expected it once");
    check_malformed(state, "{\"x\":1,\"Id\":1,\"x\":2}", "found \"x\" twice, expected it once");
    check_malformed(state, "{\"x\":1,\"Id\":1,\"\\u0078\":2}", "found \"x\" twice, expected it once");
    check_malformed(state, "{\"Id\":1,\"x\":\"a\\u0000b\"}",
                    "2:16: found \"\\\\u0000b\"}\", expected text without \\u0000");
    check_malformed(state, "{\"Id\":1,\"x\":\"a\tb\"}",
                    "2:16: found \"\\tb\"}\", expected control characters in strings to be escaped");
    check_malformed(state, "{\"Id\":1,\"x\":\"a\xff\"}", "2:16: found \"\\xff\"}\", expected valid UTF-8");
    check_malformed(state, "{\"Id\":1,\"x\":\"\\ud800\"}",
                    "2:15: found \"\\\\ud800\"}\", expected surrogates in pairs");
    check_malformed(state, "{\"x\":\"\\ud800\\u0041\"}",
                    "2:8: found \"\\\\ud800\\\\u0041\"}\", expected surrogates in pairs");
    check_malformed(state, "{\"x\":\"\\uDC00\"}", "2:8: found \"\\\\uDC00\"}\", expected surrogates in pairs");
    check_malformed(state, "{\"Id\":1,\"x\":\"\\x\"}", "2:15: found \"\\\\x\"}\", expected an escape that JSON has");
    check_malformed(state, "{\"Id\":1,\"x\":\"\\u12g4\"}",
                    "2:17: found \"12g4\"}\", expected four hexadecimal digits behind \\u");
}

static void rejects_a_nul_inside_of_a_record(void **state)
{
    struct parse_result result = parse_file(*state, SLICE("[{\"Id\":1,\"x\":\"\0\"},{\"Id\":2}]"), 3, 0);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), "2@1 2|~|~|~\n");
    assert_true(
        slice_starts_with(buf_slice(&result.rejects), SLICE("1@1:0 : 1:15: found \"\\x00\"}\", expected control")));
    parse_result_close(&result);
}

static void takes_names_that_underscores_make_equal_for_twice_the_same(void **state)
{
    parse_check(*state, SLICE("{\"Id\":1,\"The Name\":\"a\"}{\"Id\":2,\"The Name\":\"b\",\"The_Name\":\"c\"}"),
                "1@1 1|a|~|~\n",
                "2@1:0 : found \"The_Name\" twice under names that count as one, expected it once "
                "[{\"Id\":2,\"The Name\":\"b\",\"The_Name\":\"c\"}]\n");
}

static void takes_the_first_of_a_fields_source_names(void **state)
{
    parse_check(*state,
                SLICE("{\"Id\":1,\"Nick\":\"n\",\"The Name\":\"a\"}\n{\"The Name\":null,\"Nick\":\"n\",\"Id\":2}\n"
                      "{\"Nick\":\"n\",\"Id\":3}"),
                "1@1 1|a|~|~\n2@2 2|~|~|~\n3@3 3|n|~|~\n", "");
}

static void tells_names_apart_by_case(void **state)
{
    parse_check(*state, SLICE("{\"Id\":1,\"ID\":2,\"the name\":\"x\"}"), "1@1 1|~|~|~\n", "");
}

static void limits_the_depth_of_a_record(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    for (int depth = PARSER_DEPTH_MAX; depth <= PARSER_DEPTH_MAX + 1; depth++) {
        buf_reset(&text);
        buf_put_text(&text, "[{\"Id\":1,\"x\":");
        for (int i = 1; i < depth; i++)
            buf_put_text(&text, "[");
        for (int i = 1; i < depth; i++)
            buf_put_text(&text, "]");
        buf_put_text(&text, "}]");
        struct parse_result result = parse_file(*state, buf_slice(&text), 7, 0);
        assert_true(result.ok);
        assert_int_equal(result.facts.rejected, depth > PARSER_DEPTH_MAX);
        parse_result_close(&result);
    }
    buf_close(&text);
}

static void stands_a_flood_of_brackets(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    for (int i = 0; i < 3 * PARSER_RECORD_MAX; i++)
        buf_put_byte(&text, '[');
    parse_check_fails(*state, buf_slice(&text),
                      "1:2: found a record longer than 1048576 bytes, expected it to end; a quote or brace in it may "
                      "never close");
    buf_close(&text);
}

static void refuses_what_is_no_json(void **state)
{
    parse_check_fails(*state, SLICE(""), "empty file, expected [ or {");
    parse_check_fails(*state, SLICE(" \n\t"), "empty file, expected [ or {");
    parse_check_fails(*state, SLICE("\n Id"), "2:2: found \"I\", expected [ or {");
    parse_check_fails(*state, SLICE("12"), "1:1: found \"1\", expected [ or {");
    parse_check_fails(*state, SLICE("[\0]\0"), "1:2: found \"\\x00\", expected an object or ]");
}

static void refuses_a_broken_structure_with_its_place(void **state)
{
    parse_check_fails(*state, SLICE("[{\"Id\":1}\n {\"Id\":2}]"), "2:2: found \"{\", expected , or ]");
    parse_check_fails(*state, SLICE("[{\"Id\":1},]"), "1:11: found \"]\", expected an object");
    parse_check_fails(*state, SLICE("[,{\"Id\":1}]"), "1:2: found \",\", expected an object or ]");
    parse_check_fails(*state, SLICE("[{\"Id\":1}}]"), "1:10: found \"}\", expected , or ]");
    parse_check_fails(*state, SLICE("[{\"Id\":1}]x"), "1:11: found \"x\", expected the end of the file");
    parse_check_fails(*state, SLICE("[]\n[]"), "2:1: found \"[\", expected the end of the file");
    parse_check_fails(*state, SLICE("[1 2]"), "1:4: found \"2\", expected , or ]");
    parse_check_fails(*state, SLICE("{\"Id\":1},{\"Id\":2}"),
                      "1:9: found \",\", expected an object or the end of the file");
    parse_check_fails(*state, SLICE("{\"Id\":1}]"), "1:9: found \"]\", expected an object or the end of the file");
    parse_check_fails(*state, SLICE("{\"Id\":1}x"), "1:9: found \"x\", expected an object or the end of the file");
}

static void refuses_a_file_that_is_cut(void **state)
{
    parse_check_fails(*state, SLICE("["), "1:2: found the end of the file, expected an object or ]");
    parse_check_fails(*state, SLICE("[\n{\"Id\":1}"), "2:9: found the end of the file, expected , or ]");
    parse_check_fails(*state, SLICE("[{\"Id\":1},"), "1:11: found the end of the file, expected an object");
    parse_check_fails(*state, SLICE("[{\"Id\":1},\n {\"Id\":"),
                      "2:8: found the end of the file, expected } or ]: the record that begins at 2:2 is cut");
    parse_check_fails(
        *state, SLICE("[{\"Id\":1,\"x\":\"a\\"),
        "1:17: found the end of the file, expected a closing quote: the record that begins at 1:2 is cut");
    parse_check_fails(*state, SLICE("[12"),
                      "1:4: found the end of the file, expected , or ]: the record that begins at 1:2 is cut");
    parse_check_fails(*state, SLICE("{\"Id\":1}\n{\"Id\":2"),
                      "2:8: found the end of the file, expected } or ]: the record that begins at 2:1 is cut");
}

static void refuses_records_that_fit_no_version(void **state)
{
    parse_check_fails(*state, SLICE("[\n  {\"The Name\":\"a\"}]"),
                      "2:3: fits no descriptor of Orders: 1.json lacks Id");
}

static void chooses_by_the_first_record_that_can_be_read(void **state)
{
    parse_check(*state, SLICE("[7,{\"Id\":1,\"Id\":1},{\"Id\":1,},{\"Id\":2}]"), "4@1 2|~|~|~\n",
                "1@1:0 : found a number, expected an object [7]\n"
                "2@1:0 : found \"Id\" twice, expected it once [{\"Id\":1,\"Id\":1}]\n"
                "3@1:0 : 1:28: found \"}\", expected a member's name [{\"Id\":1,}]\n");
    struct parse_result result = parse_file(*state, SLICE("[7]"), 1, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.version, 0);
    assert_int_equal(result.facts.rejected, 1);
    parse_result_close(&result);
}

static void lists_undeclared_members_once_in_order(void **state)
{
    struct parse_result result = parse_file(
        *state, SLICE("[{\"b\":1,\"Id\":1},{\"\":0,\"Id\":1,\"a\":2,\"b\":3},{\"Nick\":\"\",\"Id\":1}]"), 2, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.unknown_count, 3);
    assert_slice(result.facts.unknown[0], "b");
    assert_slice(result.facts.unknown[1], "");
    assert_slice(result.facts.unknown[2], "a");
    parse_result_close(&result);
}

static void stands_names_that_never_end(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    const int records = 60, members = 1000;
    for (int i = 0; i < records; i++) {
        buf_printf(&text, "{\"Id\":%d", i);
        for (int k = 0; k < members; k++)
            buf_printf(&text, ",\"x%d\":0", i * members + k);
        buf_put_text(&text, "}\n");
    }
    struct parse_result result = parse_file(*state, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.rows, records);
    assert_int_equal(result.facts.rejected, 0);
    assert_int_equal(result.facts.unknown_count, FILE_UNKNOWN_COLUMNS_MAX);
    parse_result_close(&result);
    buf_close(&text);
}

static void rejects_a_record_of_too_many_members(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    for (int members = PARSER_COLUMNS_MAX; members <= PARSER_COLUMNS_MAX + 1; members++) {
        buf_reset(&text);
        buf_put_text(&text, "{\"Id\":1");
        for (int k = 1; k < members; k++)
            buf_printf(&text, ",\"x%d\":0", k);
        buf_put_text(&text, "}");
        struct parse_result result = parse_file(*state, buf_slice(&text), 1000, 0);
        assert_true(result.ok);
        assert_int_equal(result.facts.rejected, members > PARSER_COLUMNS_MAX);
        parse_result_close(&result);
    }
    buf_close(&text);
}

static void keeps_a_record_of_the_largest_size_and_refuses_a_larger_one(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "[{\"Id\":1,\"x\":[");
    while (text.len < PARSER_RECORD_MAX - 2)
        buf_put_text(&text, " ");
    buf_put_text(&text, "7]}]");
    struct parse_result result = parse_file(*state, buf_slice(&text), 1000, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.rejected, 0);
    parse_result_close(&result);
    text.len -= 3;
    buf_put_text(&text, "8]}]");
    parse_check_fails(*state, buf_slice(&text),
                      "1:2: found a record longer than 1048576 bytes, expected it to end; a quote or brace in it may "
                      "never close");
    buf_close(&text);
}

static void hands_out_full_batches_before_a_reject_could_be_lost(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "[0");
    for (int i = 0; i < 2 * BATCH_REJECTS_MAX; i++)
        buf_put_text(&text, ",0");
    buf_put_text(&text, "]");
    struct parse_result result = parse_file(*state, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_int_equal(result.batches, 3);
    assert_int_equal(result.facts.rejected, 2 * BATCH_REJECTS_MAX + 1);
    parse_result_close(&result);
    buf_close(&text);
}

static void fails_a_file_of_which_most_records_are_rejected_past_a_limit(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "[0");
    for (int i = 0; i < PARSER_REJECTS_MAX; i++)
        buf_put_text(&text, ",0");
    buf_put_text(&text, "]");
    struct parse_result result = parse_file(*state, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_false(result.ok);
    assert_error(&result.error, ERROR_DATA, "found a number, expected an object");
    parse_result_close(&result);
    buf_close(&text);
}

/* --- a record on each line ---------------------------------------------------------------------------------------- */

static const char lines_of_orders[] =
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"ndjson\","
    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true }, \"Note\": { \"type\": \"text\" } } }";

static int open_lines(void **state)
{
    return parse_feed_set_up(state, lines_of_orders);
}

static void reads_a_record_on_each_line(void **state)
{
    parse_check(*state, SLICE("{\"Id\":1}\n{\"Id\":2,\"Note\":\"a\\nb\"}\n"), "1@1 1|~\n2@2 2|a\nb\n", "");
    parse_check(*state, SLICE("\xef\xbb\xbf\n\r\n \t{\"Id\":1} \r\n\n{ \"Id\" : 2 }"), "1@3 1|~\n2@5 2|~\n", "");
}

static void rejects_a_malformed_line_alone(void **state)
{
    parse_check(*state,
                SLICE("{\"Id\":1,\"Note\":\"to\n{\"Id\":2}\noops\n{\"Id\":3}{\"Id\":4}\n}\n[{\"Id\":5}]\n{\"Id\":\n6}\n"
                      "  {\"Id\":7},\n{\"Id\":8}\n"),
                "2@2 2|~\n10@10 8|~\n",
                "1@1:0 : 1:19: found the end of the value, expected a closing quote [{\"Id\":1,\"Note\":\"to]\n"
                "3@3:0 : 3:1: found \"oops\", expected a JSON value [oops]\n"
                "4@4:0 : 4:9: found \"{\"Id\":4}\", expected the end of the value [{\"Id\":3}{\"Id\":4}]\n"
                "5@5:0 : 5:1: found \"}\", expected a JSON value [}]\n"
                "6@6:0 : found an array, expected an object [[{\"Id\":5}]]\n"
                "7@7:0 : 7:7: found the end of the value, expected a JSON value [{\"Id\":]\n"
                "8@8:0 : 8:2: found \"}\", expected the end of the value [6}]\n"
                "9@9:0 : 9:11: found \",\", expected the end of the value [{\"Id\":7},]\n");
}

static void refuses_lines_that_are_no_records_of_their_own(void **state)
{
    parse_check_fails(*state, SLICE("\n"), "empty file, expected an object on each line");
    parse_check_fails(*state, SLICE(" [\n{\"Id\":1}\n]"), "1:2: found \"[\", expected an object on each line");
    parse_check_fails(*state, SLICE("{\"Id\":1}\n {\"Id\":2"),
                      "2:2: found a last line without a line end, which is no whole record: it is cut");
    parse_check_fails(*state, SLICE("{\"Note\":\"\xc3"),
                      "1:1: found a last line without a line end, which is no whole record: it is cut");
    parse_check(*state, SLICE("{\"Id\":1}\n{\"Note\":\"\xc3\"}"), "1@1 1|~\n",
                "2@2:0 : 2:10: found \"\\xc3\"}\", expected valid UTF-8 [{\"Note\":\"\xc3\"}]\n");
}

static void refuses_a_line_that_is_too_long(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "{\"Id\":1}\n");
    while (text.len < PARSER_RECORD_MAX + 10)
        buf_put_text(&text, "x");
    buf_put_text(&text, "\n{\"Id\":2}\n");
    parse_check_fails(*state, buf_slice(&text), "2:1: found a record longer than 1048576 bytes, expected it to end");
    buf_close(&text);
}

static void chooses_between_lines_and_an_array(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"ndjson\","
                    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true } } }",
                    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\","
                    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true } } }");
    parse_check(&feed, SLICE("{\"Id\":1}\noops\n{\"Id\":2}\n"), "1@1 1\n3@3 2\n",
                "2@2:0 : 2:1: found \"oops\", expected a JSON value [oops]\n");
    parse_check(&feed, SLICE("[{\"Id\":1},\n{\"Id\":2}]"), "1@1 1\n2@2 2\n", "");
    parse_check(&feed, SLICE("{\n\"Id\":1}\n{\"Id\":2}"), "1@1 1\n2@3 2\n", "");
    parse_feed_close(&feed);
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, open_orders, parse_feed_tear_down)
#define LINES_TEST(name) cmocka_unit_test_setup_teardown(name, open_lines, parse_feed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_an_array_of_objects),
        TEST(reads_objects_behind_each_other),
        TEST(reads_strings_where_numbers_are_wanted_and_back),
        TEST(decodes_strings_and_names),
        TEST(keeps_numbers_exact),
        TEST(reads_numbers_of_any_length),
        TEST(rejects_numbers_that_do_not_fit),
        TEST(rejects_a_number_of_which_cleaning_leaves_none),
        TEST(reads_what_cleaning_makes_of_a_number_by_its_form),
        TEST(rejects_a_record_without_a_required_member),
        TEST(rejects_objects_and_arrays_in_declared_fields_only),
        TEST(rejects_elements_that_are_no_objects),
        TEST(rejects_a_malformed_record_inside_an_intact_array),
        TEST(rejects_what_cjson_would_let_pass_or_cut),
        TEST(rejects_a_nul_inside_of_a_record),
        TEST(takes_names_that_underscores_make_equal_for_twice_the_same),
        TEST(takes_the_first_of_a_fields_source_names),
        TEST(tells_names_apart_by_case),
        TEST(limits_the_depth_of_a_record),
        TEST(stands_a_flood_of_brackets),
        TEST(refuses_what_is_no_json),
        TEST(refuses_a_broken_structure_with_its_place),
        TEST(refuses_a_file_that_is_cut),
        TEST(refuses_records_that_fit_no_version),
        TEST(chooses_by_the_first_record_that_can_be_read),
        TEST(lists_undeclared_members_once_in_order),
        TEST(stands_names_that_never_end),
        TEST(rejects_a_record_of_too_many_members),
        TEST(keeps_a_record_of_the_largest_size_and_refuses_a_larger_one),
        TEST(hands_out_full_batches_before_a_reject_could_be_lost),
        TEST(fails_a_file_of_which_most_records_are_rejected_past_a_limit),
        cmocka_unit_test(chooses_between_lines_and_an_array),
        LINES_TEST(reads_a_record_on_each_line),
        LINES_TEST(rejects_a_malformed_line_alone),
        LINES_TEST(refuses_lines_that_are_no_records_of_their_own),
        LINES_TEST(refuses_a_line_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
