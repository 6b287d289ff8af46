#include "parse_testing.h"

static const char orders[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\","
                             "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true },"
                             "                \"Name\": { \"type\": \"text\" },"
                             "                \"Total\": { \"type\": \"decimal(18,2)\" } } }";

static int open_orders(void **state)
{
    return parse_feed_set_up(state, orders);
}

static void reads_rows_by_the_names_in_the_header(void **state)
{
    parse_check(*state, SLICE("Total,junk,Id,Name\n12.5,x,7,abc\n,,8,\n"), "1@2 7|abc|12.50\n2@3 8|~|~\n", "");
}

static void takes_lf_crlf_and_a_lone_cr_as_ends_of_lines(void **state)
{
    const char *rows = "1@2 1|a|1.00\n2@3 2|b|2.00\n3@4 3|c|3.00\n";
    parse_check(*state, SLICE("Id,Name,Total\n1,a,1\n2,b,2\n3,c,3\n"), rows, "");
    parse_check(*state, SLICE("Id,Name,Total\r\n1,a,1\r\n2,b,2\r\n3,c,3\r\n"), rows, "");
    parse_check(*state, SLICE("Id,Name,Total\r1,a,1\r2,b,2\r3,c,3\r"), rows, "");
    parse_check(*state, SLICE("Id,Name,Total\n1,a,1\r\n2,b,2\r3,c,3"), rows, "");
}

static void needs_no_end_of_the_last_line(void **state)
{
    parse_check(*state, SLICE("Id,Name\n1,a\n2,\"b\""), "1@2 1|a|~\n2@3 2|b|~\n", "");
    parse_check(*state, SLICE("Id,Name\n1,a\n2,"), "1@2 1|a|~\n2@3 2|~|~\n", "");
    parse_check(*state, SLICE("Id,Name\n1,a\nx,y"), "1@2 1|a|~\n",
                "2@3:1 Id: found \"x\", expected an integer [x,y]\n");
}

static void takes_lines_of_blanks_for_no_rows_but_counts_them(void **state)
{
    parse_check(*state, SLICE("\n \nId,Name\n\n1,a\n \t \n\r\n2,b\n\n"), "1@5 1|a|~\n2@8 2|b|~\n", "");
    parse_check(*state, SLICE("Id\n  x\n \n"), "", "1@2:1 Id: found \"x\", expected an integer [  x]\n");
}

static void counts_lines_inside_of_quotes(void **state)
{
    parse_check(*state, SLICE("Id,Name\n1,\"a\nb\r\nc\rd\"\n2,x\n"), "1@2 1|a\nb\r\nc\rd|~\n2@6 2|x|~\n", "");
}

static void undoes_doubled_quotes(void **state)
{
    parse_check(*state, SLICE("Id,Name\n1,\"a \"\"b\"\", c\"\n2,\"\"\"\"\n"), "1@2 1|a \"b\", c|~\n2@3 2|\"|~\n", "");
}

static void trims_fields_without_quotes_and_no_others(void **state)
{
    parse_check(*state, SLICE("Id,Name\n 1 , a b \t\n2,\" a b \"\n3, \"x\" \n"),
                "1@2 1|a b|~\n2@3 2| a b |~\n3@4 3|x|~\n", "");
}

static void takes_nothing_as_null_and_quoted_nothing_as_its_null_words_say(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"null\": [\"-\"],"
                    "  \"fields\": { \"Id\": { \"type\": \"int64\" }, \"Name\": { \"type\": \"text\" } } }",
                    NULL);
    parse_check(&feed, SLICE("Id,Name\n1,\n2,\"\"\n3,-\n"), "1@2 1|~\n2@3 2|\n3@4 3|~\n", "");
    parse_feed_close(&feed);
}

static void skips_a_byte_order_mark(void **state)
{
    parse_check(*state, SLICE("\xef\xbb\xbfId,Name\n1,a\n"), "1@2 1|a|~\n", "");
    parse_check(*state, SLICE("\xef\xbb\xbf\"Id\"\n1\n"), "1@2 1|~|~\n", "");
}

static void rejects_a_row_with_too_few_or_too_many_fields(void **state)
{
    parse_check(*state, SLICE("Id,Name\n1\n2,b,c\nx,b,c\n4,d\n"), "4@5 4|d|~\n",
                "1@2:0 : found 1 field, expected 2 [1]\n"
                "2@3:0 : found 3 fields, expected 2 [2,b,c]\n"
                "3@4:0 : found 3 fields, expected 2 [x,b,c]\n");
}

static void rejects_a_row_for_its_first_bad_field(void **state)
{
    parse_check(*state, SLICE("Name,Id,Total\na,\"12,x\",y\nb,2,1.234\nc,,1\n"), "",
                "1@2:2 Id: found \"12,x\", expected an integer [a,\"12,x\",y]\n"
                "2@3:3 Total: found \"1.234\", expected a decimal with at most 2 places [b,2,1.234]\n"
                "3@4:2 Id: is null, required [c,,1]\n");
}

static void keeps_the_raw_text_of_rejects_exactly(void **state)
{
    parse_check(*state, SLICE("Id,Name\n x ,\"a\r\nb\"\"\" \t\r\n2,b\r\n"), "2@4 2|b|~\n",
                "1@2:1 Id: found \"x\", expected an integer [ x ,\"a\r\nb\"\"\" \t]\n");
}

static void rejects_invalid_utf8_and_nul_in_declared_fields_only(void **state)
{
    parse_check(*state, SLICE("Id,Name,other\n1,a\xff,\n2,b,\xff\n3,c,x\n"), "2@3 2|b|~\n3@4 3|c|~\n",
                "1@2:2 Name: found \"a\\xff\", expected valid UTF-8 [1,a\xff,]\n");
    struct parse_result result = parse_file(*state, SLICE("Id,Name,x\n1,a\0b,\n2,c,\0\n"), 5, 0);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), "2@3 2|c|~\n");
    assert_true(slice_starts_with(buf_slice(&result.rejects),
                                  SLICE("1@2:2 Name: found \"a\\x00b\", expected a text without NUL [1,a\0b,]\n")));
    parse_result_close(&result);
}

static void takes_a_header_alone_for_a_file_without_rows(void **state)
{
    parse_check(*state, SLICE("Id,Name"), "", "");
    parse_check(*state, SLICE("Id,Name\r\n"), "", "");
    struct parse_result result = parse_file(*state, SLICE("Id\n"), 1, 0);
    assert_int_equal(result.facts.version, 1);
    assert_int_equal(result.facts.rows, 0);
    assert_int_equal(result.batches, 0);
    parse_result_close(&result);
}

static void refuses_an_empty_file(void **state)
{
    parse_check_fails(*state, SLICE(""), "empty file, expected a header line");
    parse_check_fails(*state, SLICE("\xef\xbb\xbf"), "empty file, expected a header line");
    parse_check_fails(*state, SLICE(" \n\r\n"), "empty file, expected a header line");
}

static void refuses_utf16_that_nothing_tells(void **state)
{
    parse_check_fails(
        *state, SLICE("I\0d\0,\0"),
        "1:1: found a NUL byte in column 1 of the header, expected UTF-8 (UTF-16 without a byte order mark "
        "must be declared: \"encoding\": \"utf-16le\"; a workbook, .xlsx or .xls, must be saved as CSV)");
    parse_check_fails(
        *state, SLICE("\"a\n\",b,\0\n"),
        "2:5: found a NUL byte in column 3 of the header, expected UTF-8 (UTF-16 without a byte order mark "
        "must be declared: \"encoding\": \"utf-16le\"; a workbook, .xlsx or .xls, must be saved as CSV)");
}

static void refuses_a_header_without_a_required_field(void **state)
{
    parse_check_fails(*state, SLICE("Name,Total\na,1\n"), "1:1: fits no descriptor of Orders: 1.json lacks Id");
    parse_check_fails(*state, SLICE("Id;Name\n1;a\n"),
                      "1:1: fits no descriptor of Orders: 1.json lacks Id (found the one column \"Id;Name\": is the "
                      "\"delimiter\" another?)");
    parse_check_fails(*state, SLICE("sep=,\nId,Name\n1,a\n"),
                      "1:1: fits no descriptor of Orders: 1.json lacks Id (its first line is no header but names the "
                      "delimiter: \"skip\": 1)");
    parse_check_fails(*state, SLICE("\nId,Name,Id\n1,a,1\n"),
                      "2:1: fits no descriptor of Orders: 1.json column \"Id\" stands twice");
}

static void refuses_stray_quotes_with_their_place(void **state)
{
    parse_check_fails(
        *state, SLICE("Id,Name\n1,a\n2,b \"c\" d\n3,e\n"),
        "3:5: found a quote inside a field without quotes, expected the whole field in quotes and its own "
        "quotes doubled");
    parse_check_fails(
        *state, SLICE("Id,Name\r\n1,\"x\r\ny\"z\r\n"),
        "3:3: found \"z\" behind a closing quote, expected a comma or the end of the line (a quote inside "
        "of quotes is written twice)");
}

static void refuses_a_quote_that_never_closes(void **state)
{
    parse_check_fails(*state, SLICE("Id,Name\n1,a\n2, \"b\n3,c\n4,d\n"),
                      "3:4: the quote that opens here never closes: found the end of the file, expected a quote");
    parse_check_fails(*state, SLICE("Id,\"Name\n"),
                      "1:4: the quote that opens here never closes: found the end of the file, expected a quote");
    parse_check_fails(*state, SLICE("Id,Name\n\"1\n\"\"2\",\"\r\nx"),
                      "3:6: the quote that opens here never closes: found the end of the file, expected a quote");
}

static struct slice filled(struct buf *text, const char *head, char fill, size_t count, const char *tail)
{
    buf_init(text, PARSE_TEXT_MAX);
    buf_put_text(text, head);
    char *at = buf_reserve(text, count);
    assert_non_null(at);
    memset(at, fill, count);
    text->len += count;
    buf_put_text(text, tail);
    assert_false(text->failed);
    return buf_slice(text);
}

static void refuses_a_field_past_its_limit(void **state)
{
    struct buf text;
    struct slice file = filled(&text, "Id,Name\n1,\"", 'x', PARSER_FIELD_MAX, "\"\n");
    struct parse_result result = parse_file(*state, file, PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.rejected, 0);
    parse_result_close(&result);
    result = parse_file(*state, file, 1, 0);
    assert_true(result.ok);
    parse_result_close(&result);
    buf_close(&text);

    parse_check_fails(*state, filled(&text, "Id,Name\n1,\"", 'x', PARSER_FIELD_MAX + 1, "\"\n"),
                      "2:3: found a field longer than 65536 bytes, expected the quote that opens here to close; it may "
                      "never do so");
    buf_close(&text);
    parse_check_fails(*state, filled(&text, "Id,other,Name\n1,", 'x', PARSER_FIELD_MAX + 1, ""),
                      "2:3: found a field longer than 65536 bytes, expected a comma before");
    buf_close(&text);
}

static void lets_blanks_behind_a_field_be_longer_than_a_field(void **state)
{
    struct buf text;
    struct slice file = filled(&text, "Id,Name\n1,a", ' ', PARSER_FIELD_MAX + 9, "\n2,b\n");
    parse_check(*state, file, "1@2 1|a|~\n2@3 2|b|~\n", "");
    buf_close(&text);
}

static void refuses_a_record_past_its_limit(void **state)
{
    struct buf text;
    parse_check_fails(*state, filled(&text, "Id,Name\n1,a\n2,b", ',', PARSER_RECORD_MAX, "\n"),
                      "3:1: found a record longer than 1048576 bytes, expected its line to end");
    buf_close(&text);
}

static void tells_of_two_faults_the_one_that_stands_first_at_every_cut(void **state)
{
    struct buf text;
    parse_check_fails(*state, filled(&text, "Id,Name\n1,\"", 'x', PARSER_FIELD_MAX + 1, "\"y\n"),
                      "2:3: found a field longer than 65536 bytes, expected the quote that opens here to close; it may "
                      "never do so");
    buf_close(&text);
    parse_check_fails(*state, filled(&text, "Id,Name\n2,b", ',', PARSER_RECORD_MAX - 10, "x\"yyyyyyyyyyyy\n"),
                      "2:1048571: found a quote inside a field without quotes, expected the whole field in quotes and "
                      "its own quotes doubled");
    buf_close(&text);
}

static void rejects_a_record_of_the_largest_size_with_its_raw_text(void **state)
{
    struct buf text;
    struct slice file = filled(&text, "Id,Name\n2,b", ',', PARSER_RECORD_MAX - 3, "\n3,c\n");
    for (size_t chunk = 1000; chunk <= PARSER_INPUT_MAX; chunk += 9001) {
        struct parse_result result = parse_file(*state, file, chunk, 0);
        assert_true(result.ok);
        assert_int_equal(result.facts.rejected, 1);
        assert_slice(buf_slice(&result.rows), "2@3 3|c|~\n");
        assert_in_range(result.rejects.len, PARSER_RECORD_MAX, PARSER_RECORD_MAX + 100);
        parse_result_close(&result);
    }
    buf_close(&text);
}

static void refuses_a_header_of_too_many_columns(void **state)
{
    struct buf text;
    struct slice file = filled(&text, "Id", ',', PARSER_COLUMNS_MAX - 1, "\n");
    struct parse_result result = parse_file(*state, file, 64, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.unknown_count, 1);
    parse_result_close(&result);
    buf_close(&text);
    parse_check_fails(*state, filled(&text, "Id", ',', PARSER_COLUMNS_MAX, "\n"),
                      "1:4099: found more than 4096 columns, expected at most that many");
    buf_close(&text);
}

static void lists_undeclared_columns_once_in_order(void **state)
{
    struct parse_result result = parse_file(*state, SLICE("b,Id,,a,b,,Name\n"), 3, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.unknown_count, 3);
    assert_slice(result.facts.unknown[0], "b");
    assert_slice(result.facts.unknown[1], "");
    assert_slice(result.facts.unknown[2], "a");
    parse_result_close(&result);
}

static void keeps_a_bounded_list_of_undeclared_columns(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "Id");
    for (int i = 0; i < FILE_UNKNOWN_COLUMNS_MAX + 10; i++)
        buf_printf(&text, ",c%d", i);
    struct parse_result result = parse_file(*state, buf_slice(&text), 64, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.unknown_count, FILE_UNKNOWN_COLUMNS_MAX);
    assert_slice(result.facts.unknown[FILE_UNKNOWN_COLUMNS_MAX - 1], "c255");
    parse_result_close(&result);
    buf_close(&text);
}

static void starts_anew_after_a_file_that_failed(void **state)
{
    parse_check_fails(*state, SLICE("Id\n\"1"),
                      "2:1: the quote that opens here never closes: found the end of the file, expected a quote");
    parse_check(*state, SLICE("Id\n1\n"), "1@2 1|~|~\n", "");
    struct parse_result result = parse_file(*state, SLICE("Id\n1\n\"x\"y"), 64, 0);
    assert_false(result.ok);
    assert_int_equal(result.facts.rows, 1);
    assert_false(parser_feed(parse_parser(*state), SLICE("Id"), &result.error));
    assert_int_equal(result.error.kind, ERROR_BUG);
    parse_result_close(&result);
    parse_check(*state, SLICE("Id\n2\n"), "1@2 2|~|~\n", "");
}

static void hands_out_full_batches_before_a_reject_could_be_lost(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "Id\n");
    const size_t rows = 3 * BATCH_REJECTS_MAX + 1;
    for (size_t i = 0; i < rows; i++)
        buf_put_text(&text, "x\n");
    struct parse_result result = parse_file(*state, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_int_equal(result.batches, 4);
    assert_int_equal(result.facts.rows, rows);
    assert_int_equal(result.facts.rejected, rows);
    char last[64];
    snprintf(last, sizeof last, "%zu@%zu:1 Id: found \"x\", expected an integer [x]\n", rows, rows + 1);
    assert_true(slice_ends_with(buf_slice(&result.rejects), slice_of(last)));
    parse_result_close(&result);
    buf_close(&text);
}

/* The text of a file with so many good rows, then bad ones, then good ones. */
static void write_flood(struct buf *text, int good, int bad, int more)
{
    buf_init(text, PARSE_TEXT_MAX);
    buf_put_text(text, "Id\n");
    for (int i = 0; i < good + bad + more; i++)
        buf_put_text(text, i >= good && i < good + bad ? "x\n" : "1\n");
}

static void fails_a_file_of_which_most_rows_are_rejected_past_a_limit(void **state)
{
    const struct {
        int good, bad, more;
        bool ok;
    } cases[] = {{0, PARSER_REJECTS_MAX, 0, true},
                 {0, PARSER_REJECTS_MAX + 1, PARSER_REJECTS_MAX, false},
                 {PARSER_REJECTS_MAX, PARSER_REJECTS_MAX + 1, 0, false},
                 {PARSER_REJECTS_MAX + 1, PARSER_REJECTS_MAX + 1, 0, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf text;
        write_flood(&text, cases[i].good, cases[i].bad, cases[i].more);
        struct parse_result result = parse_file(*state, buf_slice(&text), PARSER_INPUT_MAX, 0);
        assert_int_equal(result.ok, cases[i].ok);
        if (!result.ok)
            assert_error(&result.error, ERROR_DATA, "rows are rejected");
        parse_result_close(&result);
        buf_close(&text);
    }
}

static struct parse_result parse_flood(struct parse_feed *f, int good, int bad, int more)
{
    struct buf text;
    write_flood(&text, good, bad, more);
    struct parse_result result = parse_file(f, buf_slice(&text), 64, 0);
    buf_close(&text);
    return result;
}

static void fails_a_file_with_more_rejected_rows_than_its_feed_allows(void **state)
{
    struct parse_feed *f = *state;
    f->feed.limits = (struct feed_limits){.by_count = true, .count = 3};
    struct parse_result result = parse_flood(f, 2, 3, 5);
    assert_ok(result.ok, &result.error);
    assert_int_equal(result.facts.rejected, 3);
    parse_result_close(&result);
    result = parse_flood(f, 2, 4, 5000);
    assert_false(result.ok);
    assert_error(
        &result.error, ERROR_DATA,
        "7:1: 4 of the first 6 rows are rejected, and \"max_rejects\" of the feed is 3; the first one, line 4, Id: "
        "found \"x\", expected an integer");
    parse_result_close(&result);
    f->feed.limits.count = 0;
    result = parse_flood(f, 2, 0, 0);
    assert_ok(result.ok, &result.error);
    parse_result_close(&result);
    result = parse_flood(f, 0, 1, 0);
    assert_false(result.ok);
    parse_result_close(&result);
    f->feed.limits = (struct feed_limits){0};
}

/* More than the percentage: exactly it is allowed, of however few rows. */
static void fails_a_file_of_which_a_greater_part_is_rejected_than_its_feed_allows(void **state)
{
    struct parse_feed *f = *state;
    const struct {
        uint64_t percent;
        int good, bad;
        bool ok;
    } cases[] = {{10 * FEED_PERCENT_UNIT, 90, 10, true},
                 {10 * FEED_PERCENT_UNIT, 89, 10, false},
                 {10 * FEED_PERCENT_UNIT, 9, 1, true},
                 {10 * FEED_PERCENT_UNIT, 8, 1, false},
                 {FEED_PERCENT_UNIT / 4, 399, 1, true},
                 {FEED_PERCENT_UNIT / 4, 398, 1, false},
                 {0, 5, 0, true},
                 {0, 500, 1, false},
                 {0, 0, 0, true},
                 {100 * FEED_PERCENT_UNIT, 0, 7, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        f->feed.limits = (struct feed_limits){.by_percent = true, .percent = cases[i].percent, .percent_text = "N"};
        struct parse_result result = parse_flood(f, 0, cases[i].bad, cases[i].good);
        assert_int_equal(result.ok, cases[i].ok);
        parse_result_close(&result);
    }
    f->feed.limits = (struct feed_limits){.by_percent = true, .percent = 5 * FEED_PERCENT_UNIT, .percent_text = "5.0"};
    struct parse_result result = parse_flood(f, 1, 2, 3);
    assert_error(
        &result.error, ERROR_DATA,
        "of 6 rows 2 are rejected, and \"max_rejects_percent\" of the feed is 5.0; the first one, line 3, Id: found");
    parse_result_close(&result);
    f->feed.limits = (struct feed_limits){0};
}

static void splits_many_rows_over_batches(void **state)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "Id,Name\n");
    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "%d,a name of some length %d\n", i, i);
    struct parse_result result = parse_file(*state, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_true(result.ok);
    assert_in_range(result.batches, 2, 10);
    assert_int_equal(result.facts.rows, 200000);
    assert_true(
        slice_ends_with(buf_slice(&result.rows), SLICE("200000@200001 199999|a name of some length 199999|~\n")));
    parse_result_close(&result);
    buf_close(&text);
}

static void gives_one_column_to_several_fields(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"fields\": {"
                    "  \"Price\": { \"type\": \"decimal(18,2)\", \"from\": [\"P\"], \"extract\": \"([0-9]+)$\" },"
                    "  \"Text\": { \"type\": \"text\", \"from\": [\"P\"] },"
                    "  \"Sign\": { \"type\": \"text\", \"from\": [\"P\"], \"extract\": \"^([A-Z]+)\" } } }",
                    NULL);
    parse_check(&feed, SLICE("P,x\nUSD 12,\nEUR 7,y\n"), "1@2 12.00|USD 12|USD\n2@3 7.00|EUR 7|EUR\n", "");
    parse_feed_close(&feed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_orders, parse_feed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_rows_by_the_names_in_the_header),
        TEST(takes_lf_crlf_and_a_lone_cr_as_ends_of_lines),
        TEST(needs_no_end_of_the_last_line),
        TEST(takes_lines_of_blanks_for_no_rows_but_counts_them),
        TEST(counts_lines_inside_of_quotes),
        TEST(undoes_doubled_quotes),
        TEST(trims_fields_without_quotes_and_no_others),
        TEST(takes_nothing_as_null_and_quoted_nothing_as_its_null_words_say),
        TEST(skips_a_byte_order_mark),
        TEST(rejects_a_row_with_too_few_or_too_many_fields),
        TEST(rejects_a_row_for_its_first_bad_field),
        TEST(keeps_the_raw_text_of_rejects_exactly),
        TEST(rejects_invalid_utf8_and_nul_in_declared_fields_only),
        TEST(takes_a_header_alone_for_a_file_without_rows),
        TEST(refuses_an_empty_file),
        TEST(refuses_utf16_that_nothing_tells),
        TEST(refuses_a_header_without_a_required_field),
        TEST(refuses_stray_quotes_with_their_place),
        TEST(refuses_a_quote_that_never_closes),
        TEST(refuses_a_field_past_its_limit),
        TEST(lets_blanks_behind_a_field_be_longer_than_a_field),
        TEST(refuses_a_record_past_its_limit),
        TEST(tells_of_two_faults_the_one_that_stands_first_at_every_cut),
        TEST(rejects_a_record_of_the_largest_size_with_its_raw_text),
        TEST(refuses_a_header_of_too_many_columns),
        TEST(lists_undeclared_columns_once_in_order),
        TEST(keeps_a_bounded_list_of_undeclared_columns),
        TEST(starts_anew_after_a_file_that_failed),
        TEST(hands_out_full_batches_before_a_reject_could_be_lost),
        TEST(fails_a_file_of_which_most_rows_are_rejected_past_a_limit),
        TEST(fails_a_file_with_more_rejected_rows_than_its_feed_allows),
        TEST(fails_a_file_of_which_a_greater_part_is_rejected_than_its_feed_allows),
        TEST(splits_many_rows_over_batches),
        TEST(gives_one_column_to_several_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
