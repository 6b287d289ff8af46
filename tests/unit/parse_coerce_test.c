#include "parse_testing.h"

#include "base/hash.h"
#include "parse/coerce.h"

/* One field F of a descriptor, by its JSON, in a feed that may want it wider or narrower. */
static void open_field(struct parse_feed *feed, const char *field)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"null\": [\"\", \"-\"],"
             "  \"fields\": { \"F\": %s } }",
             field);
    parse_feed_open(feed, text, NULL);
}

static struct slice quoted(struct buf *out, const char *text)
{
    buf_put_text(out, "F\n\"");
    for (const char *at = text; *at; at++) {
        if (*at == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, (uint8_t)*at);
    }
    buf_put_text(out, "\"\n");
    return buf_slice(out);
}

static void run(struct parse_feed *feed, const char *text, struct parse_result *result)
{
    struct buf file;
    buf_init(&file, PARSE_TEXT_MAX);
    *result = parse_file(feed, quoted(&file, text), 64, 0);
    assert_true(result->ok);
    buf_close(&file);
}

/* The quoted field `text` becomes `value`. */
static void check(struct parse_feed *feed, const char *text, const char *value)
{
    struct parse_result result;
    char wanted[512];
    snprintf(wanted, sizeof wanted, "1@2 %s\n", value);
    run(feed, text, &result);
    assert_slice(buf_slice(&result.rejects), "");
    assert_slice(buf_slice(&result.rows), wanted);
    parse_result_close(&result);
}

static void check_fails(struct parse_feed *feed, const char *text, const char *reason)
{
    struct parse_result result;
    char wanted[512];
    snprintf(wanted, sizeof wanted, "1@2:1 F: %s [", reason);
    run(feed, text, &result);
    assert_slice(buf_slice(&result.rows), "");
    result.rejects.len = result.rejects.len < strlen(wanted) ? result.rejects.len : strlen(wanted);
    assert_slice(buf_slice(&result.rejects), wanted);
    parse_result_close(&result);
}

static void trims_blanks_of_every_type_but_text(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"int64\" }");
    check(&feed, "\t 12 ", "12");
    check_fails(&feed, "1 2", "found \"1 2\", expected an integer");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"text\" }");
    check(&feed, " 12 ", " 12 ");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"text\", \"replace\": { \"x\": \"\" } }");
    check(&feed, " 1x2 ", " 12 ");
    parse_feed_close(&feed);
}

static void knows_null_words_also_between_blanks(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"decimal(18,2)\", \"null\": [\"\", \"-\", \"?\", \"null\", \"not known\"] }");
    check(&feed, "", "~");
    check(&feed, "  ", "~");
    check(&feed, "-", "~");
    check(&feed, "?", "~");
    check(&feed, " null ", "~");
    check(&feed, "not known", "~");
    check_fails(&feed, "Null", "found \"Null\", expected a decimal number");
    check_fails(&feed, "!", "found \"!\", expected a decimal number");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"text\", \"null\": [\"-\"] }");
    check(&feed, "-", "~");
    check(&feed, " - ", " - ");
    check(&feed, "", "");
    parse_feed_close(&feed);
}

static void rejects_nulls_of_required_fields(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"int64\", \"required\": true, \"strip_prefix\": [\"N\"] }");
    check_fails(&feed, "", "is null, required");
    check_fails(&feed, " - ", "found \" - \", which is null, required");
    check_fails(&feed, "N -", "found \"N -\", which is null, required");
    parse_feed_close(&feed);
}

static void strips_the_first_prefix_that_is_there_once(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"decimal(18,2)\", \"strip_prefix\": [\"\xe2\x82\xa6\", \"KSh\", \"K\"] }");
    check(&feed, "\xe2\x82\xa6 104250.00", "104250.00");
    check(&feed,
          "\xe2\x82\xa6"
          "11500.00",
          "11500.00");
    check(&feed, " KSh  7", "7.00");
    check(&feed, "K7", "7.00");
    check(&feed, "7", "7.00");
    check(&feed, "\xe2\x82\xa6 -", "~");
    check(&feed, "\xe2\x82\xa6", "~");
    check_fails(&feed, "KK7", "found \"KK7\", expected a decimal number");
    check_fails(&feed, "\xe2\x82\xa6 0.002377",
                "found \"\xe2\x82\xa6 0.002377\", expected a decimal with at most 2 places");
    parse_feed_close(&feed);
}

static void extracts_by_pattern_or_rejects_with_it(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"int64\", \"extract\": \"^(?:YR-)?([0-9]+)(?:,0)?$\" }");
    check(&feed, "YR-11262518,0", "11262518");
    check(&feed, "11262518", "11262518");
    check(&feed, "-", "~");
    check_fails(&feed, "abc", "found \"abc\", expected a match of ^(?:YR-)?([0-9]+)(?:,0)?$");
    check_fails(&feed, "7\xff", "found \"7\\xff\", expected valid UTF-8");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"int64\", \"strip_prefix\": [\"#\"], \"extract\": \"^([0-9 ]+)x$\" }");
    check(&feed, "# 7 x", "7");
    parse_feed_close(&feed);
}

static void maps_exact_texts_after_the_other_cleaning(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"text\", \"strip_prefix\": [\"in \"], \"extract\": \"^([^.]+)\\\\.?$\","
                      "  \"map\": { \"\xe2\x82\xa6\": \"NGN\", \"KSh\": \"KES\" } }");
    check(&feed, "in KSh.", "KES");
    check(&feed, "\xe2\x82\xa6", "NGN");
    check(&feed, "ksh", "ksh");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"int64\", \"map\": { \"one\": \"1\" } }");
    check(&feed, " one ", "1");
    check_fails(&feed, "One", "found \"One\", expected an integer");
    parse_feed_close(&feed);
}

static void reads_every_type_and_says_what_it_expected(void **state)
{
    (void)state;
    static const struct {
        const char *field, *good, *value, *bad, *reason;
    } cases[] = {
        {"{ \"type\": \"int64\" }", "+12", "12", "12,x", "found \"12,x\", expected an integer"},
        {"{ \"type\": \"double\" }", "3.68E+29", "3.68e+29", "1e999",
         "found \"1e999\", expected a number within the range of a double"},
        {"{ \"type\": \"bool\" }", "Yes", "true", "2",
         "found \"2\", expected true, false, yes, no, t, f, y, n, 1 or 0"},
        {"{ \"type\": \"date\" }", "2022-02-28", "2022-02-28", "2022-02-31",
         "found \"2022-02-31\", expected a day that exists"},
        {"{ \"type\": \"timestamp\" }", "2022-02-17T12:03:13.000Z", "2022-02-17T12:03:13Z", "2022-02-31T00:00:00Z",
         "found \"2022-02-31T00:00:00Z\", expected a day that exists"},
        {"{ \"type\": \"timestamp\", \"formats\": [\"%d/%m/%Y\", \"%d.%m.%Y %H:%M\"] }", "17.02.2022 09:30",
         "2022-02-17T09:30:00Z", "yesterday",
         "found \"yesterday\", expected a date or time as its descriptor's format says"},
        {"{ \"type\": \"decimal(4,1)\" }", "123.40", "123.4", "1234.5",
         "found \"1234.5\", expected a decimal with at most 3 digits before the point"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct parse_feed feed;
        open_field(&feed, cases[i].field);
        check(&feed, cases[i].good, cases[i].value);
        check_fails(&feed, cases[i].bad, cases[i].reason);
        parse_feed_close(&feed);
    }
}

static void tells_of_several_formats_what_is_wrong_in_the_one_that_fits(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"timestamp\", \"formats\": [\"iso8601\", \"%d.%m.%Y %H:%M\", \"%d.%m.%Y\"] }");
    check_fails(&feed, "31.02.2022", "found \"31.02.2022\", expected a day that exists");
    check_fails(&feed, "28.02.2022 25:00", "found \"28.02.2022 25:00\", expected a time of day that exists");
    check_fails(&feed, "2022-02-31", "found \"2022-02-31\", expected a day that exists");
    check_fails(&feed, "2022", "found \"2022\", expected a time as 2022-02-17T12:03:13Z");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"date\", \"formats\": [\"%d.%m.%Y\", \"%d/%m/%Y\"] }");
    check_fails(&feed, "31/02/2022", "found \"31/02/2022\", expected a day that exists");
    check_fails(&feed, "2022", "found \"2022\", expected a date or time as its descriptor's format says");
    parse_feed_close(&feed);
}

static void shows_found_text_escaped_and_cut(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"int64\" }");
    check_fails(&feed, "a\tb\nc\\", "found \"a\\tb\\nc\\\\\", expected an integer");
    char text[200], reason[200];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    snprintf(reason, sizeof reason, "found \"%.76s...\", expected an integer", text);
    check_fails(&feed, text, reason);
    parse_feed_close(&feed);
}

static void rejects_what_the_columns_cannot_hold_and_names_the_holder(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"int64\" }");
    feed.fields[0].min = INT32_MIN;
    feed.fields[0].max = INT32_MAX;
    feed.fields[0].holder = "ecommerce.Customer_ID is integer";
    check(&feed, "2147483647", "2147483647");
    check(&feed, "-2147483648", "-2147483648");
    check_fails(&feed, "3000000000",
                "found 3000000000, expected -2147483648 to 2147483647 (ecommerce.Customer_ID is integer)");
    check_fails(&feed, "-2147483649",
                "found -2147483649, expected -2147483648 to 2147483647 (ecommerce.Customer_ID is integer)");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"decimal(18,2)\" }");
    feed.fields[0].min = 0;
    feed.fields[0].max = 100000;
    check_fails(&feed, "1000.01", "found 1000.01, expected 0.00 to 1000.00");
    parse_feed_close(&feed);
}

static void rejects_a_text_longer_than_the_key_that_shows_it(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"text\" }");
    feed.fields[0].max = 4;
    feed.fields[0].holder = "t.Name is part of a key";
    check(&feed, "abcd", "abcd");
    check_fails(&feed, "abcde", "found 5 bytes, \"abcde\", expected at most 4 (t.Name is part of a key)");
    parse_feed_close(&feed);
}

static void widens_to_the_type_of_the_feed(void **state)
{
    (void)state;
    struct parse_feed feed;
    open_field(&feed, "{ \"type\": \"int64\" }");
    feed.fields[0].type = (struct value_type){VALUE_DECIMAL, 18, 4};
    check(&feed, "12", "12.0000");
    check_fails(&feed, "123456789012345", "found \"123456789012345\", expected decimal(18,4)");
    parse_feed_close(&feed);
    open_field(&feed, "{ \"type\": \"date\" }");
    feed.fields[0].type = (struct value_type){VALUE_TIMESTAMP, 0, 0};
    check(&feed, "2022-02-17", "2022-02-17T00:00:00Z");
    parse_feed_close(&feed);
}

static void validates_fields_that_no_pipeline_uses(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"fields\": {"
                    "  \"A\": { \"type\": \"text\" }, \"B\": { \"type\": \"int64\", \"required\": true } } }",
                    NULL);
    feed.versions[0].feed_field[1] = -1;
    feed.feed.field_count = 1;
    parse_check(&feed, SLICE("A,B\na,1\nb,x\nc,\n"), "1@2 a\n",
                "2@3:2 B: found \"x\", expected an integer [b,x]\n3@4:2 B: is null, required [c,]\n");
    parse_feed_close(&feed);
}

/* Maps may make a row larger than its record: so many fields that each is allowed and all together are not. */
static void open_blown_up(struct parse_feed *feed, struct slice huge, int fields, const char *format)
{
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    buf_printf(&text, "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"%s\", \"fields\": {", format);
    for (int i = 0; i < fields; i++)
        buf_printf(&text, "%s\"F%d\": { \"type\": \"text\", \"from\": [\"F\"], \"map\": { \"a\": \"b\" } }",
                   i > 0 ? "," : "", i);
    buf_put_text(&text, "} }");
    buf_put_byte(&text, '\0');
    parse_feed_open(feed, text.data, NULL);
    for (int i = 0; i < fields; i++)
        feed->versions[0].descriptor->fields[i].map[0].to = huge;
    buf_close(&text);
}

static void check_blown_up(struct slice file, const char *format, const char *reject)
{
    static char huge[TEXT_VALUE_MAX + 1];
    struct parse_feed feed;
    memset(huge, 'x', sizeof huge);
    open_blown_up(&feed, (struct slice){huge, TEXT_VALUE_MAX}, 17, format);
    struct parse_result result = parse_file(&feed, file, 64, 0);
    assert_ok(result.ok, &result.error);
    assert_int_equal(result.facts.rows, 2);
    assert_slice(buf_slice(&result.rejects), reject);
    assert_true(slice_starts_with(buf_slice(&result.rows), SLICE("2@3 c|c|c|")));
    parse_result_close(&result);
    parse_feed_close(&feed);
}

static void rejects_a_row_that_maps_make_too_large(void **state)
{
    (void)state;
    check_blown_up(SLICE("F\na\nc\n"), "csv",
                   "1@2:0 : found values too long for one row, expected at most 1 MiB after cleaning [a]\n");
    check_blown_up(SLICE("[\n{\"F\":\"a\"},\n{\"F\":\"c\"}]"), "json",
                   "1@2:0 : found values too long for one row, expected at most 1 MiB after cleaning "
                   "[{\"F\":\"a\"}]\n");
}

static void rejects_a_map_to_a_text_too_long(void **state)
{
    (void)state;
    static char huge[TEXT_VALUE_MAX + 1];
    struct parse_feed feed;
    memset(huge, 'x', sizeof huge);
    open_blown_up(&feed, (struct slice){huge, sizeof huge}, 1, "csv");
    parse_check(&feed, SLICE("F\na\n"), "", "1@2:1 F0: found \"a\", expected a text of at most 65536 bytes [a]\n");
    parse_feed_close(&feed);
}

/* Texts of a few bytes that mean something to fields, so that numbers, null words and prefixes come up. */
static size_t random_text(uint64_t *seed, char *text, size_t max)
{
    static const char letters[] = "0123456789012345678901234567890..--  \t\xe2\x82\xa6KShkT:Z\"+e\0\xff";
    size_t len = hash_u64((*seed)++) % (max + 1);
    for (size_t i = 0; i < len; i++)
        text[i] = letters[hash_u64((*seed)++) % (sizeof letters - 1)];
    return len;
}

/* coerce_quick against coerce_field; how many texts it read. */
static size_t check_quick(const char *field, uint64_t seed)
{
    struct parse_feed feed;
    struct coerce coerce;
    struct coerce_rule rule;
    struct error error;
    struct value fallback, quick, slow;
    size_t read = 0;
    open_field(&feed, field);
    assert_true(coerce_init(&coerce, &error));
    assert_true(coerce_rule_init(&rule, &feed.feed, &feed.versions[0], 0, &fallback, &error));
    assert_true(coerce_is_quick(&rule));
    for (size_t round = 0; round < 200000; round++) {
        char text[12];
        struct coerce_input input = {.text = {text, random_text(&seed, text, sizeof text)}};
        if (input.text.len == 0 || !coerce_quick(&rule, input.text, &quick))
            continue;
        read++;
        assert_true(coerce_field(&coerce, &rule, &input, &slow));
        assert_false(quick.null || slow.null);
        assert_true(value_compare(rule.type, quick, slow) == 0);
        coerce_begin_row(&coerce);
    }
    coerce_close(&coerce);
    parse_feed_close(&feed);
    return read;
}

static void reads_quickly_what_it_would_read_slowly(void **state)
{
    (void)state;
    assert_true(check_quick("{ \"type\": \"int64\", \"null\": [\"\", \"-\", \"0\", \"-1\"] }", 1) > 1000);
    assert_true(check_quick("{ \"type\": \"decimal(6,2)\" }", 2) > 1000);
    assert_true(check_quick("{ \"type\": \"double\", \"null\": [\"1.5\", \"7\"] }", 3) > 1000);
    assert_true(check_quick("{ \"type\": \"text\", \"null\": [\" \", \"K\"] }", 4) > 1000);
    assert_true(
        check_quick(
            "{ \"type\": \"decimal(18,2)\", \"strip_prefix\": [\" 2\", \"\xe2\x82\xa6\", \"KSh\", \"K\", \"1\"] }", 5) >
        1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trims_blanks_of_every_type_but_text),
        cmocka_unit_test(knows_null_words_also_between_blanks),
        cmocka_unit_test(rejects_nulls_of_required_fields),
        cmocka_unit_test(strips_the_first_prefix_that_is_there_once),
        cmocka_unit_test(extracts_by_pattern_or_rejects_with_it),
        cmocka_unit_test(maps_exact_texts_after_the_other_cleaning),
        cmocka_unit_test(reads_every_type_and_says_what_it_expected),
        cmocka_unit_test(tells_of_several_formats_what_is_wrong_in_the_one_that_fits),
        cmocka_unit_test(shows_found_text_escaped_and_cut),
        cmocka_unit_test(rejects_what_the_columns_cannot_hold_and_names_the_holder),
        cmocka_unit_test(rejects_a_text_longer_than_the_key_that_shows_it),
        cmocka_unit_test(widens_to_the_type_of_the_feed),
        cmocka_unit_test(validates_fields_that_no_pipeline_uses),
        cmocka_unit_test(rejects_a_row_that_maps_make_too_large),
        cmocka_unit_test(rejects_a_map_to_a_text_too_long),
        cmocka_unit_test(reads_quickly_what_it_would_read_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
