/* Every allocation of the model fails once, and once for good, those of arenas one by one. */
#include "testing.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>

#include "failing_arena.h"
#include "model/batch.h"
#include "model/delivery.h"
#include "model/pattern.h"
#include "model/pipeline.h"

/* --- documents ---------------------------------------------------------------------------------------------------- */

#define SALES_1                                                                                                        \
    "{'feed': 'Sales', 'version': 1, 'format': 'csv', 'names': 'underscore', 'null': ['', 'n/a'], 'match': 'Till',"    \
    " 'fields': {"                                                                                                     \
    "  'Receipt': {'type': 'int64', 'required': true, 'extract': '^R-?([0-9]+)$', 'doc': 'The receipt'},"              \
    "  'Line': {'type': 'int64', 'required': true}, 'Shop': {'type': 'text', 'required': true},"                       \
    "  'Sold_At': {'type': 'timestamp', 'required': true, 'formats': ['iso8601', '%d.%m.%Y %H:%M']},"                  \
    "  'Product': {'type': 'text', 'null': '-'}, 'Weight': {'type': 'double'},"                                        \
    "  'Amount': {'from': ['Amount EUR', 'Amount'], 'type': 'decimal(12,2)', 'strip_prefix': 'E'},"                    \
    "  'Day': {'type': 'date', 'derive': {'date': 'Sold_At'}},"                                                        \
    "  'Paid_By': {'type': 'text', 'map': {'C': 'card', 'B': 'cash'}}}}"
#define SALES_2                                                                                                        \
    "{'feed': 'Sales', 'version': 2, 'format': 'csv', 'fields': {"                                                     \
    "  'Receipt': {'type': 'int64', 'required': true}, 'Line': {'type': 'int64', 'required': true},"                   \
    "  'Shop': {'type': 'text', 'required': true}, 'Sold_At': {'type': 'timestamp', 'required': true},"                \
    "  'Amount': {'type': 'decimal(9,1)', 'doc': 'Euro'}, 'Paid_By': {'type': 'text'}}}"
#define SHOPS                                                                                                          \
    "{'feed': 'Shops', 'version': 1, 'format': 'json', 'fields': {"                                                    \
    "  'Shop': {'from': 'id', 'type': 'text', 'required': true}, 'City': {'type': 'text', 'required': true}}}"
#define RETURNS                                                                                                        \
    "{'feed': 'Returns', 'version': 1, 'format': 'csv', 'fields': {"                                                   \
    "  'Receipt': {'type': 'int64', 'required': true}, 'Why': {'type': 'text'}}}"
#define PIPELINE                                                                                                       \
    "{'pipeline': 'sales',"                                                                                            \
    " 'facts': {'feed': 'Sales', 'key': ['Receipt', 'Line'],"                                                          \
    "  'grain': {'key': ['Receipt'], 'attributes': ['Shop', 'Sold_At', 'Paid_By']},"                                   \
    "  'filter': {'not': {'Product': ['TEST', 'NONE']}}},"                                                             \
    " 'join': [{'feed': 'Shops', 'key': ['Shop'], 'on': 'Shop'},"                                                      \
    "  {'feed': 'Returns', 'on': {'Receipt': 'Receipt'}, 'required': false, 'filter': {'Why': {'null': false}}}],"     \
    " 'feeds': {'Shops': {'after': 'leave', 'ready': 'done', 'settle': '2 seconds'}},"                                 \
    " 'tables': {'days': {'doc': 'Sales per day', 'group_by': ['Shops.City'], 'uniform': ['Paid_By'],"                 \
    "  'window': {'on': 'Sold_At', 'size': '1 day', 'zone': 'Etc/UTC'}, 'columns': {"                                  \
    "  'city': {'group': 'Shops.City'}, 'day': {'window': 'start'}, 'until': {'window': 'end'},"                       \
    "  'receipts': {'count': 'Receipt'}, 'by_card': {'count': 'Receipt', 'where': {'Paid_By': 'card'}},"               \
    "  'amount': {'sum': 'Amount', 'doc': 'Euro'}, 'per_receipt': {'ratio': ['amount', 'receipts']},"                  \
    "  'heaviest': {'max': 'Weight', 'where': {'any': [{'Weight': {'<': 9.5}}, {'Line': 1}]}},"                        \
    "  'returned': {'count': 'Returns.Why'}, 'products': {'count_distinct': 'Product'}}}},"                            \
    " 'views': {'city_now': {'doc': 'The newest', 'table': 'days', 'latest': {'by': ['city'], 'on': 'day'}},"          \
    "  'city_total': {'table': 'days', 'by': ['city'], 'columns': {'amount': {'sum': 'amount'},"                       \
    "  'receipts': {'sum': 'receipts'}, 'mean': {'ratio': ['amount', 'receipts']}, 'first': {'min': 'day'}}}}}"

static char folder[TESTING_PATH_MAX];

/* Single quotes become double ones. */
static void put(const char *name, const char *text)
{
    char path[2 * TESTING_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    testing_write_quoted(path, text);
}

static int make_schemas(void **state)
{
    (void)state;
    static const char *const feeds[] = {"Sales", "Shops", "Returns"};
    char path[2 * TESTING_PATH_MAX];
    testing_folder_make(folder);
    for (size_t i = 0; i < COUNT_OF(feeds); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, feeds[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    put("Sales/1.json", SALES_1);
    put("Sales/2.json", SALES_2);
    put("Shops/1.json", SHOPS);
    put("Returns/1.json", RETURNS);
    put("sales.json", PIPELINE);
    return 0;
}

static int remove_schemas(void **state)
{
    (void)state;
    testing_folder_remove(folder);
    return 0;
}

/* A load that failed said so: in words, where there was memory for words, and of no other place but those of
   `mistakes`. */
static void assert_only_memory_or(const struct doc_problems *problems, struct slice mistakes)
{
    assert_true(problems->count > 0);
    struct slice text = buf_slice(&problems->text);
    while (text.len > 0) { /* line by line */
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) + 1 : text.len;
        const char *words = memmem(text.data, len, ": ", 2);
        size_t place = words ? (size_t)(words - text.data) + 2 : len;
        bool told = memmem(text.data, len, "memory", 6) || memmem(mistakes.data, mistakes.len, text.data, place);
        if (!told && !problems->text.failed) {
            print_error("%.*s\n", (int)problems->text.len, problems->text.data);
            fail();
        }
        text = (struct slice){text.data + len, text.len - len};
    }
}

static struct digest fingerprint_of(const char *path)
{
    struct doc_problems problems;
    doc_problems_init(&problems);
    struct pipeline *pipeline = pipeline_load(path, &problems);
    assert_non_null(pipeline);
    struct digest fingerprint = pipeline->fingerprint;
    pipeline_free(pipeline);
    doc_problems_close(&problems);
    return fingerprint;
}

static void a_pipeline_is_whole_or_refused_for_lack_of_memory(void **state)
{
    (void)state;
    char path[2 * TESTING_PATH_MAX];
    unsigned long refused = 0;
    snprintf(path, sizeof path, "%s/sales.json", folder);
    struct digest fingerprint = fingerprint_of(path);
    for (struct failing f = {0}; failing_next(&f);) {
        struct doc_problems problems;
        doc_problems_init(&problems);
        failing_begin(&f);
        struct pipeline *pipeline = pipeline_load(path, &problems);
        bool hit = failing_end(&f);
        if (pipeline) {
            assert_int_equal(problems.count, 0);
            assert_true(digest_equal(&pipeline->fingerprint, &fingerprint));
            assert_int_equal(pipeline->table_count, 1);
            assert_int_equal(pipeline->view_count, 2);
            pipeline_free(pipeline);
        } else {
            assert_true(hit);
            assert_only_memory_or(&problems, SLICE(""));
            refused++;
        }
        doc_problems_close(&problems);
    }
    assert_in_range(refused, 500, 100000);
}

static bool folder_breaks;

/* In the place of the C library's. */
FAILING_EXPORTED struct dirent *readdir(DIR *dir)
{
    static struct dirent *(*real)(DIR * dir);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "readdir");
    struct dirent *entry = real(dir);
    if (!folder_breaks || !entry || strcmp(entry->d_name, "1.json") != 0)
        return entry;
    errno = EIO;
    return NULL;
}

static void a_folder_that_cannot_be_read_to_its_end_is_refused(void **state)
{
    (void)state;
    char path[2 * TESTING_PATH_MAX];
    struct doc_problems problems;
    snprintf(path, sizeof path, "%s/sales.json", folder);
    doc_problems_init(&problems);
    folder_breaks = true;
    assert_null(pipeline_load(path, &problems));
    folder_breaks = false;
    buf_put_byte(&problems.text, '\0');
    assert_non_null(strstr(problems.text.data, "Sales: Input/output error"));
    doc_problems_close(&problems);
}

/* Mistakes of the files are told as ever, or memory is. */
static void a_list_of_mistakes_is_cut_and_not_wrong(void **state)
{
    (void)state;
    char path[2 * TESTING_PATH_MAX];
    put("Sales/1.json", "{'feed': 'Sales', 'version': 1, 'format': 'csv', 'fields': {'A': {'type': 'int65'},"
                        "'B': {'type': 'text', 'extract': '(', 'feild': 1}}}");
    snprintf(path, sizeof path, "%s/sales.json", folder);
    struct doc_problems ever;
    doc_problems_init(&ever);
    assert_null(pipeline_load(path, &ever));
    assert_int_equal(ever.count, 3);
    for (struct failing f = {0}; failing_next(&f);) {
        struct doc_problems problems;
        doc_problems_init(&problems);
        failing_begin(&f);
        struct pipeline *pipeline = pipeline_load(path, &problems);
        bool hit = failing_end(&f);
        assert_null(pipeline);
        assert_only_memory_or(&problems, buf_slice(&ever.text));
        assert_true(hit || slice_equal(buf_slice(&problems.text), buf_slice(&ever.text)));
        doc_problems_close(&problems);
    }
    doc_problems_close(&ever);
}

/* --- patterns ----------------------------------------------------------------------------------------------------- */

static void a_pattern_matches_or_is_not_made(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        struct error error = {0};
        failing_begin(&f);
        struct pattern *pattern = pattern_new(SLICE("^R-?([0-9]+)$"), &error);
        struct pattern_scratch *scratch = pattern ? pattern_scratch_new() : NULL;
        bool hit = failing_end(&f);
        struct slice found;
        if (pattern && scratch) {
            assert_int_equal(PATTERN_FOUND, pattern_extract(pattern, scratch, SLICE("R-17"), &found));
            assert_slice(found, "17");
        } else {
            assert_true(hit);
        }
        if (!pattern)
            assert_error(&error, ERROR_MEMORY, "memory");
        pattern_scratch_free(scratch);
        pattern_free(pattern);
    }
}

/* Matching a long text by the interpreter takes memory: where there is none, it is not said that the text does not
   match. */
static void a_match_without_memory_is_not_taken_for_none(void **state)
{
    (void)state;
    struct error error = {0};
    char text[2700];
    unsigned long unknown = 0;
    memset(text, 'a', sizeof text);
    struct pattern *pattern = pattern_new(SLICE("^((?:a|ab)*)$"), &error);
    assert_non_null(pattern);
    for (struct failing f = {0}; failing_next(&f);) {
        struct pattern_scratch *scratch = pattern_scratch_new();
        struct slice found;
        failing_begin(&f);
        enum pattern_result result = pattern_extract(pattern, scratch, (struct slice){text, sizeof text}, &found);
        assert_int_equal(result, failing_end(&f) ? PATTERN_MEMORY : PATTERN_FOUND);
        unknown += result == PATTERN_MEMORY;
        pattern_scratch_free(scratch);
    }
    assert_in_range(unknown, 2, 1000);
    pattern_free(pattern);
}

/* --- batches and blocks ------------------------------------------------------------------------------------------- */

static void a_batch_refuses_a_row_and_keeps_those_before(void **state)
{
    (void)state;
    struct feed_field fields[] = {{.name = "Id", .type = {VALUE_INT64, 0, 0}},
                                  {.name = "Text", .type = {VALUE_TEXT, 0, 0}}};
    const struct feed feed = {.name = "F", .fields = fields, .field_count = 2};
    const struct reject reject = {1, 2, 3, SLICE("Id"), SLICE("found \"x\""), SLICE("x,y")};
    for (struct failing f = {0}; failing_next(&f);) {
        size_t rows = 0, rejects = 0;
        bool good = true;
        failing_begin(&f);
        struct batch *batch = batch_new(&feed);
        for (uint64_t row = 1; batch && row <= 60 && good; row++) {
            struct value values[] = {{.i = (int64_t)row}, {.text = SLICE("some text")}};
            good = chunk_put(&batch->chunk, row, row, values);
            rows += good;
            good = good && batch_reject(batch, &reject);
            rejects += good;
        }
        bool hit = failing_end(&f);
        assert_int_equal(hit, !batch || !good);
        if (batch) {
            struct chunk_reader reader;
            struct value values[2];
            size_t read = 0;
            assert_int_equal(batch->reject_count, rejects);
            assert_int_equal(batch->chunk.rows, rows);
            chunk_reader_init(&reader, &feed, buf_slice(&batch->chunk.buf));
            while (chunk_next(&reader, values) == CHUNK_ROW)
                assert_int_equal(values[0].i, ++read);
            assert_int_equal(read, rows);
            assert_true(batch_bytes(batch) > 0);
        }
        batch_free(batch);
    }
}

static void a_block_is_whole_or_there_is_none(void **state)
{
    (void)state;
    for (struct failing f = {0}; failing_next(&f);) {
        failing_begin(&f);
        struct block *block = block_new(1, false, 10, 4);
        assert_int_equal(failing_end(&f), !block);
        block_free(block);
    }
}

int main(void)
{
#define WITH_SCHEMAS(name) cmocka_unit_test_setup_teardown(name, make_schemas, remove_schemas)
    const struct CMUnitTest tests[] = {
        WITH_SCHEMAS(a_pipeline_is_whole_or_refused_for_lack_of_memory),
        WITH_SCHEMAS(a_folder_that_cannot_be_read_to_its_end_is_refused),
        WITH_SCHEMAS(a_list_of_mistakes_is_cut_and_not_wrong),
        cmocka_unit_test(a_pattern_matches_or_is_not_made),
        cmocka_unit_test(a_match_without_memory_is_not_taken_for_none),
        cmocka_unit_test(a_batch_refuses_a_row_and_keeps_those_before),
        cmocka_unit_test(a_block_is_whole_or_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
