/* The real files of ../shared/data/market2 by the shipped descriptors. Skipped, and said so, where they are not
   there. */
#include "parse_testing.h"

#include <unistd.h>

#define DATA PROJECT_DIR "/../shared/data/market2"

static struct pipeline *load_pipeline(void)
{
    struct doc_problems problems;
    doc_problems_init(&problems);
    struct pipeline *pipeline = pipeline_load(PROJECT_DIR "/schemas/ecommerce.json", &problems);
    if (!pipeline)
        print_error("%.*s", (int)problems.text.len, problems.text.data);
    assert_non_null(pipeline);
    doc_problems_close(&problems);
    return pipeline;
}

static void load_file(const char *path, struct buf *text)
{
    char block[65536];
    size_t len;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    buf_init(text, PARSE_TEXT_MAX);
    while ((len = fread(block, 1, sizeof block, file)) > 0)
        buf_put(text, block, len);
    assert_int_equal(fclose(file), 0);
}

static void check_file(const char *feed, const char *name, size_t rows)
{
    static const size_t chunks[] = {1, 13, 1000, PARSER_INPUT_MAX};
    char path[TESTING_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", DATA, name);
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not here\n", path);
        skip();
    }
    struct buf text;
    load_file(path, &text);
    struct pipeline *pipeline = load_pipeline();
    struct parse_feed wrapped = {.feed = *pipeline_feed(pipeline, slice_of(feed))};
    struct parse_result whole =
        parse_file(&wrapped, buf_slice(&text), text.len < PARSER_INPUT_MAX ? text.len : 4096, 0);
    assert_int_equal(whole.facts.rows, rows);
    for (size_t i = 0; i < COUNT_OF(chunks); i++) {
        struct parse_result result = parse_file(&wrapped, buf_slice(&text), chunks[i], 0);
        assert_ok(result.ok, &result.error);
        assert_slice(buf_slice(&result.rejects), "");
        assert_int_equal(result.facts.rows, rows);
        assert_int_equal(result.facts.rejected, 0);
        assert_int_equal(result.facts.version, 1);
        assert_true(slice_equal(buf_slice(&result.rows), buf_slice(&whole.rows)));
        parse_result_close(&result);
    }
    parse_result_close(&whole);
    parser_free(wrapped.parser);
    pipeline_free(pipeline);
    buf_close(&text);
}

static void reads_all_real_orders(void **state)
{
    (void)state;
    check_file("Orders", "orders.csv", 1429);
}

static void reads_all_real_deliveries(void **state)
{
    (void)state;
    check_file("Deliveries", "deliveries.csv", 8019);
}

static void reads_all_real_customers(void **state)
{
    (void)state;
    check_file("Customers", "customers.json", 1095);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_real_orders),
        cmocka_unit_test(reads_all_real_deliveries),
        cmocka_unit_test(reads_all_real_customers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
