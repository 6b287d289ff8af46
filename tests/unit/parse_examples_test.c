/* The table of examples in docs/descriptors.md: each row is read as it says, by a feed of that one field. */
#include "parse_testing.h"

enum { EXAMPLES_MIN = 28, CELL_MAX = 512 };

static const char *const heading = "### From text to value";

static char *load_document(void)
{
    FILE *file = fopen(PROJECT_DIR "/docs/descriptors.md", "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_in_range(fread(text, 1, (1 << 20) - 1, file), 1000, (1 << 20) - 2);
    assert_int_equal(fclose(file), 0);
    return text;
}

/* The next cell of the row at *at, without blanks and without the marks of code around it. */
static struct slice next_cell(const char **at)
{
    const char *end = strstr(*at, " |");
    assert_non_null(end);
    struct slice cell = slice_trim((struct slice){*at, (size_t)(end - *at)});
    *at = end + 2;
    if (cell.len >= 2 && cell.data[0] == '`')
        cell = (struct slice){cell.data + 1, cell.len - 2};
    return cell;
}

/* The source as a file has it: a record of one quoted field. */
static void put_file(struct buf *out, struct slice source)
{
    buf_put_text(out, "F\n\"");
    buf_put_slice(out, source);
    buf_put_text(out, "\"\n");
}

static void check_example(struct slice source, struct slice field, struct slice value)
{
    struct parse_feed feed;
    struct buf file;
    char text[2 * CELL_MAX], rows[CELL_MAX] = "", rejects[CELL_MAX] = "";
    snprintf(text, sizeof text,
             "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"match\": \"F\", \"fields\": { \"F\": %.*s "
             "} }",
             (int)field.len, field.data);
    buf_init(&file, PARSE_TEXT_MAX);
    put_file(&file, source);
    struct slice reject = SLICE("rejected: ");
    if (slice_starts_with(value, reject))
        snprintf(rejects, sizeof rejects, "1@2:1 F: %.*s [\"%.*s\"]\n", (int)(value.len - reject.len),
                 value.data + reject.len, (int)source.len, source.data);
    else
        snprintf(rows, sizeof rows, "1@2 %.*s\n", slice_equal(value, SLICE("null")) ? 1 : (int)value.len,
                 slice_equal(value, SLICE("null")) ? "~" : value.data);
    parse_feed_open(&feed, text, NULL);
    struct parse_result result = parse_file(&feed, buf_slice(&file), PARSER_INPUT_MAX, 0);
    if (!result.ok)
        print_error("%s: %s\n", text, result.error.text);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), rows);
    assert_slice(buf_slice(&result.rejects), rejects);
    parse_result_close(&result);
    parse_feed_close(&feed);
    buf_close(&file);
}

static void the_examples_of_the_reference_are_true(void **state)
{
    (void)state;
    size_t count = 0;
    char *text = load_document();
    const char *at = strstr(text, heading);
    assert_non_null(at);
    at = strstr(at, "|---|---|---|\n");
    assert_non_null(at);
    at = strchr(at, '\n') + 1;
    for (; *at == '|'; at = strchr(at, '\n') + 1, count++) {
        const char *cell = at + 1;
        struct slice source = next_cell(&cell), field = next_cell(&cell), value = next_cell(&cell);
        check_example(source, field, value);
    }
    free(text);
    assert_in_range(count, EXAMPLES_MIN, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_reference_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
