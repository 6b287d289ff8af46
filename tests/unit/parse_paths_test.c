/* Members inside of others: `user.name`, and rows from the elements of an array. */
#include "parse_testing.h"

#include "base/text.h"

static const char products[] =
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
    "  \"Id\": { \"type\": \"int64\", \"required\": true, \"from\": \"id\" },"
    "  \"Vendor\": { \"type\": \"text\", \"from\": [\"vendor.name\", \"vendor\"] },"
    "  \"Sku\": { \"type\": \"text\", \"from\": \"variants[].sku\" },"
    "  \"Price\": { \"type\": \"decimal(9,2)\", \"from\": [\"variants[].price.amount\", \"price\"] } } }";

static void check(const char *descriptor, struct slice text, const char *rows, const char *rejects)
{
    struct parse_feed feed;
    parse_feed_open(&feed, descriptor, NULL);
    parse_check(&feed, text, rows, rejects);
    parse_feed_close(&feed);
}

static void makes_a_row_of_each_element(void **state)
{
    (void)state;
    check(products,
          SLICE("[{\"id\":1,\"vendor\":{\"x\":0,\"name\":\"a\"},\"variants\":[{\"sku\":\"s\",\"price\":{\"amount\":1."
                "50}},\n"
                "{\"price\":{\"amount\":\"2\"},\"sku\":\"t\"}]},\n{\"variants\":[{}],\"id\":2,\"price\":7}]"),
          "1@1 1|a|s|1.50\n2@1 1|a|t|2.00\n3@3 2|~|~|7.00\n", "");
}

static void makes_one_row_where_there_are_no_elements(void **state)
{
    (void)state;
    check(products, SLICE("{\"id\":1,\"variants\":[]}\n{\"id\":2,\"variants\":null}\n{\"id\":3,\"vendor\":null}"),
          "1@1 1|~|~|~\n2@2 2|~|~|~\n3@3 3|~|~|~\n", "");
}

#define ZEROS_70 "0000000000000000000000000000000000000000000000000000000000000000000000" /* cJSON cuts such numbers */

static void keeps_numbers_as_they_are_written(void **state)
{
    (void)state;
    check("{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
          "  \"N\": { \"type\": \"int64\", \"from\": \"a.b.c\" } } }",
          SLICE("{\"a\":{\"b\":{\"d\":1,\"c\":9007199254740993}}}"), "1@1 9007199254740993\n", "");
    check(products,
          SLICE("{\"variants\":[{\"price\":{\"amount\":1.50" ZEROS_70 "}},{\"price\":{\"amount\":0.00" ZEROS_70
                "},\"sku\":\"t\"}],\"id\":1." ZEROS_70 "}"),
          "1@1 1|~|~|1.50\n2@1 1|~|t|0.00\n", "");
}

static void takes_a_name_with_dots_before_a_path_and_escapes(void **state)
{
    (void)state;
    const char *descriptor = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
                             "  \"A\": { \"type\": \"text\", \"from\": \"u.n\" },"
                             "  \"B\": { \"type\": \"text\", \"from\": \"u.x\\\\.y\" } } }";
    check(descriptor, SLICE("{\"u\":{\"n\":\"path\",\"x.y\":\"dot\"}}\n{\"u\":{\"n\":\"path\"},\"u.n\":\"name\"}"),
          "1@1 path|dot\n2@2 name|~\n", "");
}

static void rejects_a_record_in_which_two_names_begin_one_path(void **state)
{
    (void)state;
    const char *descriptor =
        "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"names\": \"fold\", \"fields\": {"
        "  \"Name\": { \"type\": \"text\", \"from\": \"user.name\" },"
        "  \"Tag\": { \"type\": \"text\", \"from\": \"tags[]\" } } }";
    check(descriptor,
          SLICE("{\"User\":{\"name\":\"a\"},\"TAGS\":[\"x\"]}\n"
                "{\"user\":{\"name\":\"b\"},\"User\":{\"name\":\"c\"}}\n"
                "{\"tags\":[\"x\"],\"Tags\":[\"y\"]}"),
          "1@1 a|x\n",
          "2@2:0 : found \"User\" twice under names that count as one, expected it once "
          "[{\"user\":{\"name\":\"b\"},\"User\":{\"name\":\"c\"}}]\n"
          "3@3:0 : found \"Tags\" twice under names that count as one, expected it once "
          "[{\"tags\":[\"x\"],\"Tags\":[\"y\"]}]\n");
}

static void reads_elements_that_are_no_objects(void **state)
{
    (void)state;
    check("{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
          "  \"Id\": { \"type\": \"int64\" }, \"Tag\": { \"type\": \"text\", \"from\": \"m.tags[]\", \"required\": "
          "true } } }",
          SLICE("{\"Id\":1,\"m\":{\"tags\":[\"a\",2,null,[3]]}}"), "1@1 1|a\n2@1 1|2\n",
          "3@1:2 Tag: element 3 of m.tags: is null, required [null]\n"
          "4@1:2 Tag: element 4 of m.tags: found an array, expected text [[3]]\n");
}

static void rejects_what_stands_in_the_way(void **state)
{
    (void)state;
    check(
        products,
        SLICE("{\"id\":1,\"variants\":{\"sku\":\"s\"}}\n{\"id\":2,\"variants\":[7,{\"sku\":\"s\"},{\"price\":{"
              "\"amount\":\"x\"}}]}\n"
              "{\"id\":3,\"vendor\":7}\n{\"id\":4,\"vendor\":{\"name\":1,\"name\":2}}"),
        "3@2 2|~|s|~\n",
        "1@1:0 : found an object, expected the array variants [{\"id\":1,\"variants\":{\"sku\":\"s\"}}]\n"
        "2@2:2 Sku: element 1 of variants: found a number, expected an object with \"sku\" [7]\n"
        "4@2:2 Price: element 3 of variants: found \"x\", expected a decimal number [{\"price\":{\"amount\":\"x\"}}]\n"
        "5@3:2 Vendor: found a number, expected an object with \"name\" [{\"id\":3,\"vendor\":7}]\n"
        "6@4:2 Vendor: found \"name\" twice, expected it once [{\"id\":4,\"vendor\":{\"name\":1,\"name\":2}}]\n");
}

static void bounds_what_one_record_can_make(void **state)
{
    (void)state;
    struct parse_feed feed;
    struct buf text;
    parse_feed_open(&feed, products, NULL);
    buf_init(&text, PARSE_TEXT_MAX);
    for (size_t count = 10000; count <= 10001; count++) {
        buf_reset(&text);
        buf_put_text(&text, "{\"id\":1,\"variants\":[{}");
        for (size_t i = 1; i < count; i++)
            buf_put_text(&text, ",{}");
        buf_put_text(&text, "]}");
        struct parse_result result = parse_file(&feed, buf_slice(&text), PARSER_INPUT_MAX, 0);
        assert_ok(result.ok, &result.error);
        assert_int_equal(result.facts.rows, count > 10000 ? 1 : 10000);
        assert_int_equal(result.facts.rejected, count > 10000);
        parse_result_close(&result);
    }
    parse_feed_close(&feed);
    buf_close(&text);
}

static void assert_cut(struct slice text)
{
    assert_int_equal(text_valid_utf8(text), text.len);
    assert_true(slice_ends_with(text, SLICE("...")));
}

/* A reason is at its longest behind an expression, and longer yet as an element's. */
static void cuts_a_long_reason_between_characters(void **state)
{
    char expression[700] = "", descriptor[1000];
    struct slice file = SLICE("{\"tags\":[\"x\"]}"), raw = SLICE(" [\"x\"]\n");
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct parse_feed feed;
        snprintf(expression, sizeof expression, "%.*s(", i, "ab");
        while (strlen(expression) < sizeof expression - 5)
            strcat(expression, "\u20a6");
        snprintf(descriptor, sizeof descriptor,
                 "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
                 "  \"Tag\": { \"type\": \"text\", \"from\": \"tags[]\", \"extract\": \"%s)\" } } }",
                 expression);
        parse_feed_open(&feed, descriptor, NULL);
        struct parse_result result = parse_file(&feed, file, file.len, 0);
        struct slice rejects = buf_slice(&result.rejects);
        assert_true(result.ok && slice_ends_with(rejects, raw));
        assert_cut((struct slice){rejects.data, rejects.len - raw.len});
        parse_result_close(&result);
        feed.feed.limits = (struct feed_limits){.by_count = true, .count = 0};
        result = parse_file(&feed, file, file.len, 0);
        assert_false(result.ok);
        assert_cut(slice_of(result.error.text));
        parse_result_close(&result);
        parse_feed_close(&feed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_row_of_each_element),
        cmocka_unit_test(makes_one_row_where_there_are_no_elements),
        cmocka_unit_test(keeps_numbers_as_they_are_written),
        cmocka_unit_test(takes_a_name_with_dots_before_a_path_and_escapes),
        cmocka_unit_test(rejects_a_record_in_which_two_names_begin_one_path),
        cmocka_unit_test(reads_elements_that_are_no_objects),
        cmocka_unit_test(rejects_what_stands_in_the_way),
        cmocka_unit_test(bounds_what_one_record_can_make),
        cmocka_unit_test(cuts_a_long_reason_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
