/* Rejected rows for other programs: which cells are quoted, and which a spreadsheet would run. */
#include "cli/rejects_export.h"
#include "testing.h"

#include "base/attr.h"

static const char *exported(struct buf *out, const char *cell, bool spreadsheet)
{
    const struct slice text = slice_of(cell);
    const struct reject_record record = {
        .feed = text,
        .name = text,
        .sequence = 1,
        .reject = {.row = 2, .line = 3, .column = 4, .field = text, .reason = text, .raw = text}};
    buf_reset(out);
    rejects_export_csv(out, &record, spreadsheet);
    buf_put_byte(out, '\0');
    assert_false(out->failed);
    return out->data;
}

static void assert_exported(const char *cell, bool spreadsheet, const char *wanted)
{
    char line[256];
    struct buf out;
    buf_init(&out, 4096);
    snprintf(line, sizeof line, "%1$s,%1$s,1,2,3,4,%1$s,%1$s,%1$s", wanted);
    assert_string_equal(exported(&out, cell, spreadsheet), line);
    buf_close(&out);
}

static void quotes_what_would_end_a_cell_or_a_line(void **state)
{
    (void)state;
    assert_exported("", false, "");
    assert_exported("plain; 'text'", false, "plain; 'text'");
    assert_exported("a,b", false, "\"a,b\"");
    assert_exported("a\nb", false, "\"a\nb\"");
    assert_exported("a\rb", false, "\"a\rb\"");
    assert_exported("say \"a\"", false, "\"say \"\"a\"\"\"");
    assert_exported("=1+1", false, "=1+1");
}

/* In every cell that comes from outside, quoted or not. */
static void lets_a_spreadsheet_run_nothing(void **state)
{
    (void)state;
    static const char *const cells[][2] = {{"=1+1", "'=1+1"},     {"+1", "'+1"},   {"-1", "'-1"},
                                           {"@x", "'@x"},         {"\tx", "'\tx"}, {"\rx", "\"'\rx\""},
                                           {"=a,b", "\"'=a,b\""}, {"", ""},        {"a=b", "a=b"}};
    for (size_t i = 0; i < COUNT_OF(cells); i++)
        assert_exported(cells[i][0], true, cells[i][1]);
}

static void says_in_json_by_what_a_row_was_retried(void **state)
{
    (void)state;
    struct buf out;
    struct reject_record record = {.feed = SLICE("F"), .name = SLICE("n"), .sequence = 1};
    buf_init(&out, 4096);
    rejects_export_json(&out, &record);
    buf_put_byte(&out, '\0');
    assert_null(strstr(out.data, "retried"));
    buf_reset(&out);
    record.retried = 7;
    rejects_export_json(&out, &record);
    buf_put_byte(&out, '\0');
    assert_non_null(strstr(out.data, "\"retried\":7"));
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_what_would_end_a_cell_or_a_line),
        cmocka_unit_test(lets_a_spreadsheet_run_nothing),
        cmocka_unit_test(says_in_json_by_what_a_row_was_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
