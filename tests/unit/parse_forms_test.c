/* The forms a descriptor can give its files: encodings, dialects of CSV, files without a header; and versions that
   differ in them. */
#include "parse_testing.h"

#define FIELDS      "\"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true }, \"Name\": { \"type\": \"text\" } } }"
#define CSV(keys)   "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", " keys FIELDS
#define CSV2(keys)  "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"csv\", " keys FIELDS
#define JSON(keys)  "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", " keys FIELDS
#define JSON2(keys) "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"json\", " keys FIELDS

/* `text` reads so under the descriptor. */
static void check(const char *descriptor, struct slice text, const char *rows, const char *rejects)
{
    struct parse_feed feed;
    parse_feed_open(&feed, descriptor, NULL);
    parse_check(&feed, text, rows, rejects);
    parse_feed_close(&feed);
}

static void check_fails(const char *descriptor, struct slice text, const char *message)
{
    struct parse_feed feed;
    parse_feed_open(&feed, descriptor, NULL);
    parse_check_fails(&feed, text, message);
    parse_feed_close(&feed);
}

/* Under two versions; the file is found to be of `version`. */
static void check_version(struct parse_feed *feed, struct slice text, uint32_t version, const char *rows,
                          const char *rejects)
{
    parse_check(feed, text, rows, rejects);
    for (size_t i = 0; i < COUNT_OF(parse_chunk_sizes); i++) {
        struct parse_result result = parse_file(feed, text, parse_chunk_sizes[i], 0);
        assert_int_equal(result.facts.version, version);
        parse_result_close(&result);
    }
}

/* --- encodings ---------------------------------------------------------------------------------------------------- */

static void reads_utf16_by_its_mark(void **state)
{
    (void)state;
    check(CSV(""), SLICE("\xff\xfeI\0d\0,\0N\0a\0m\0e\0\r\0\n\0001\0,\0\xe9\0\xac\x20=\xd8\x00\xde\n\0"),
          "1@2 1|\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n", "");
    check(CSV(""), SLICE("\xfe\xff\0I\0d\0,\0N\0a\0m\0e\0\n\0x\0,\0\xe9"), "",
          "1@2:1 Id: found \"x\", expected an integer [x,\xc3\xa9]\n");
    check(JSON(""), SLICE("\xff\xfe{\0\"\0I\0d\0\"\0:\0001\0}\0"), "1@1 1|~\n", "");
}

static void reads_utf16_that_is_declared(void **state)
{
    (void)state;
    check(CSV("\"encoding\": \"utf-16le\","), SLICE("I\0d\0\n\0001\0"), "1@2 1|~\n", "");
    check(CSV("\"encoding\": \"utf-16be\","), SLICE("\0I\0d\0\n\0001"), "1@2 1|~\n", "");
    check(JSON("\"encoding\": \"utf-16be\","), SLICE("\0{\0\"\0I\0d\0\"\0:\0001\0}"), "1@1 1|~\n", "");
}

static void lets_a_mark_overrule_what_is_declared(void **state)
{
    (void)state;
    check(CSV("\"encoding\": \"utf-16be\","), SLICE("\xff\xfeI\0d\0\n\0001\0"), "1@2 1|~\n", "");
    check(CSV("\"encoding\": \"latin-1\","), SLICE("\xef\xbb\xbfId,Name\n1,\xc3\xa9\n"), "1@2 1|\xc3\xa9\n", "");
}

static void reads_latin1_and_windows_1252(void **state)
{
    (void)state;
    check(CSV("\"encoding\": \"latin-1\","), SLICE("Id,Name\n1,\xe9\xff\n2,\x80\n"),
          "1@2 1|\xc3\xa9\xc3\xbf\n2@3 2|\xc2\x80\n", "");
    check(CSV("\"encoding\": \"windows-1252\","), SLICE("Id,Name\n1,\x80\x93x\x94\xe9\x9f\n"),
          "1@2 1|\xe2\x82\xac\xe2\x80\x9cx\xe2\x80\x9d\xc3\xa9\xc5\xb8\n", "");
}

static void rejects_a_row_for_what_its_encoding_does_not_have(void **state)
{
    (void)state;
    check(CSV("\"encoding\": \"windows-1252\","), SLICE("Id,Name\n1,\x81\n2,b\n"), "2@3 2|b\n",
          "1@2:2 Name: found \"\\x81\", expected valid UTF-8 [1,\x81]\n");
    check(CSV(""), SLICE("\xff\xfeI\0d\0,\0N\0a\0m\0e\0\n\0001\0,\0=\xd8\n\0002\0,\0\x00\xde\n\0003\0,\0c\0"),
          "3@4 3|c\n",
          "1@2:2 Name: found \"\\xed\\xa0\\xbd\", expected valid UTF-8 [1,\xed\xa0\xbd]\n"
          "2@3:2 Name: found \"\\xed\\xb8\\x80\", expected valid UTF-8 [2,\xed\xb8\x80]\n");
}

static void refuses_half_a_character_at_the_end(void **state)
{
    (void)state;
    const char *message =
        "2:4: found half a character of UTF-16 at the end of the file: it is cut (a place in the text as UTF-8)";
    check_fails(CSV(""), SLICE("\xff\xfeI\0d\0\r\0\n\0001\0\xe9\0x"), message);
    check_fails(CSV(""), SLICE("\xff\xfeI\0d\0\r\0\n\0001\0\xe9\0=\xd8"), message);
    check_fails(CSV(""), SLICE("\xff\xfeI"),
                "1:1: found half a character of UTF-16 at the end of the file: it is cut (a "
                "place in the text as UTF-8)");
}

static void counts_places_in_the_decoded_text(void **state)
{
    (void)state;
    check_fails(
        CSV("\"encoding\": \"latin-1\","), SLICE("Id,Name\n1,\xe9\"\n"),
        "2:5: found a quote inside a field without quotes, expected the whole field in quotes and its own quotes "
        "doubled (a place in the text as UTF-8)");
}

/* --- CSV's dialect ------------------------------------------------------------------------------------------------ */

static void takes_other_delimiters(void **state)
{
    (void)state;
    check(CSV("\"delimiter\": \";\","), SLICE("Id;Name\n1;a,b\n2;\"c;d\"\n"), "1@2 1|a,b\n2@3 2|c;d\n", "");
    check(CSV("\"delimiter\": \"\\t\","), SLICE("Id\tName\n1\t a \n2\t\"c\td\"\n\t\n"), "1@2 1|a\n2@3 2|c\td\n",
          "3@4:1 Id: is null, required [\t]\n");
    check(CSV("\"delimiter\": \"|\","), SLICE("Id|Name\nx|\"a|\n\"\n"), "",
          "1@2:1 Id: found \"x\", expected an integer [x|\"a|\n\"]\n");
    check_fails(CSV("\"delimiter\": \"\\t\","), SLICE("Id\tName\n1\t\t\t \"\n"),
                "2:6: the quote that opens here never closes: found the end of the file, expected a quote");
}

static void names_the_delimiter_in_messages(void **state)
{
    (void)state;
    check_fails(CSV("\"delimiter\": \";\","), SLICE("Id;Name\n1;\"a\"b\n"),
                "2:6: found \"b\" behind a closing quote, expected a semicolon or the end of the line (a quote inside "
                "of quotes "
                "is written twice)");
    check_fails(
        CSV("\"delimiter\": \"\\t\","), SLICE("Id\t\"N\"x\n"),
        "1:7: found \"x\" behind a closing quote, expected a tab or the end of the line (a quote inside of quotes "
        "is written twice)");
    check_fails(
        CSV("\"delimiter\": \"|\","), SLICE("Id|\"N\"x\n"),
        "1:7: found \"x\" behind a closing quote, expected a \"|\" or the end of the line (a quote inside of quotes "
        "is written twice)");
}

static void repairs_rows_shifted_by_the_delimiter(void **state)
{
    (void)state;
    check(CSV("\"delimiter\": \";\", \"quote\": \"'\", \"repair\": { \"unquoted\": [\"Name\"] },"),
          SLICE("Name;Id\na;b;1\n'c;d';2\n'c';d;3\n\"e;f\";4\n"), "1@2 1|a;b\n2@3 2|c;d\n4@5 4|\"e;f\"\n",
          "3@4:0 : found 3 fields, expected 2: no way of rejoining Name is valid ['c';d;3]\n");
}

static void takes_another_quote_or_none(void **state)
{
    (void)state;
    check(CSV("\"quote\": \"'\","), SLICE("Id,Name\n1,'a,''b'\n2,\"x\"\n"), "1@2 1|a,'b\n2@3 2|\"x\"\n", "");
    check(CSV("\"quote\": \"none\","), SLICE("Id,Name\n1,\"a\n2,5\" pipe\n"), "1@2 1|\"a\n2@3 2|5\" pipe\n", "");
    check_fails(CSV("\"quote\": \"'\","), SLICE("Id,Name\n1,'a\n"),
                "2:3: the quote that opens here never closes: found the end of the file, expected a quote");
    check(CSV("\"quote\": \"none\","), SLICE("Id,Name,Note\n1,a\xff,\n2,b,\xff\n\xff,\xff\n4,\xfe,c\n5,e,\n"),
          "2@3 2|b\n5@6 5|e\n",
          "1@2:2 Name: found \"a\\xff\", expected valid UTF-8 [1,a\xff,]\n"
          "3@4:0 : found 2 fields, expected 3 [\xff,\xff]\n"
          "4@5:2 Name: found \"\\xfe\", expected valid UTF-8 [4,\xfe,c]\n");
}

static void rejects_a_row_with_nul_where_nothing_is_quoted(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV("\"quote\": \"none\","), NULL);
    for (size_t chunk = 1; chunk < 40; chunk++) {
        struct parse_result result =
            parse_file(&feed, SLICE("Id,Name,Note\n1,\0a\0,\n2,b,\0\n\0,\0\n4,d,\n"), chunk, 0);
        assert_true(result.ok);
        assert_slice(buf_slice(&result.rows), "2@3 2|b\n4@5 4|d\n");
        assert_int_equal(result.facts.rejected, 2);
        struct slice first = SLICE("1@2:2 Name: found \"\\x00a\\x00\", expected a text without NUL [1,\0a\0,]\n");
        assert_true(slice_starts_with(buf_slice(&result.rejects), first));
        parse_result_close(&result);
    }
    parse_check_fails(
        &feed, SLICE("\0Id\0,Name\n1,a\n"),
        "1:1: found a NUL byte in column 1 of the header, expected UTF-8 (UTF-16 without a byte order mark "
        "must be declared: \"encoding\": \"utf-16le\"; a workbook, .xlsx or .xls, must be saved as CSV)");
    parse_feed_close(&feed);
}

static void leaves_comments_out(void **state)
{
    (void)state;
    check(CSV("\"comment\": \"#\","), SLICE("# it's \"1\nId,Name\n1,a\n#2,b\n3,#c\n \n #4\n#"), "1@3 1|a\n2@5 3|#c\n",
          "3@7:0 : found 1 field, expected 2 [ #4]\n");
    check(CSV("\"comment\": \"--\","), SLICE("--\r\n--x\rId,Name\r\n-1,\"a\n--b\"\n-\n"), "1@4 -1|a\n--b\n",
          "2@6:0 : found 1 field, expected 2 [-]\n");
    check(CSV("\"comment\": \"--\","), SLICE("Id,Name\nx,-\n-7,a\n-"), "2@3 -7|a\n",
          "1@2:1 Id: found \"x\", expected an integer [x,-]\n3@4:0 : found 1 field, expected 2 [-]\n");
    check_fails(
        CSV("\"comment\": \"--\","), SLICE("Id,Name\n1,a\n-\"\n"),
        "3:2: found a quote inside a field without quotes, expected the whole field in quotes and its own quotes "
        "doubled");
}

static void skips_lines_before_the_header(void **state)
{
    (void)state;
    check(CSV("\"skip\": 2,"), SLICE("Report \"of\nto,day\nId,Name\n1,a\n"), "1@4 1|a\n", "");
    check(CSV("\"skip\": 2,"), SLICE("\r\n\r\nId,Name\r\n1,a\r\n"), "1@4 1|a\n", "");
    check(CSV("\"skip\": 1, \"comment\": \"#\","), SLICE("#one\r#two\rId\r1"), "1@4 1|~\n", "");
    check_fails(CSV("\"skip\": 3,"), SLICE("a\nb\n"), "empty file, expected a header line");
}

static void reads_files_without_a_header(void **state)
{
    (void)state;
    const char *given = CSV("\"header\": [\"Name\", \"x\", \"Id\"],");
    check(given, SLICE("a,,1\nb,2,\nc,4\n\"d\",,3"), "1@1 1|a\n4@4 3|d\n",
          "2@2:3 Id: is null, required [b,2,]\n3@3:0 : found 2 fields, expected 3 [c,4]\n");
    check_fails(given, SLICE(""), "empty file, expected a row");
    check_fails(given, SLICE("\xef\xbb\xbf \r\n\n"), "empty file, expected a row");
    check_fails(CSV("\"skip\": 2, \"header\": [\"Id\", \"Name\"],"), SLICE("x\n"), "empty file, expected a row");
    check(CSV("\"skip\": 1, \"header\": [\"Id\", \"Name\"],"), SLICE("x\n"), "", "");
    check(CSV("\"comment\": \"#\", \"header\": [\"Id\", \"Name\"],"), SLICE("# none\n"), "", "");
    check_fails(given, SLICE("1,2\n3,4,5\n"),
                "1:1: fits no descriptor of Orders: 1.json has a header of 3 names, the first "
                "row 2 fields");
    check_fails("{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"skip\": 1, \"header\": \"Id\", "
                "\"fields\": { \"Id\": { \"type\": \"int64\" } } }",
                SLICE("x\n\n1,2,3\n"),
                "3:1: fits no descriptor of Orders: 1.json has a header of 1 name, the first row 3 fields");
    struct parse_feed feed;
    parse_feed_open(&feed, given, NULL);
    struct parse_result result = parse_file(&feed, SLICE("a,b,1\n"), 5, 0);
    assert_int_equal(result.facts.unknown_count, 1);
    assert_slice(result.facts.unknown[0], "x");
    parse_result_close(&result);
    parser_trust(feed.parser); /* what was applied before stays */
    parse_check(&feed, SLICE(""), "", "");
    parse_feed_close(&feed);
}

/* --- versions of several forms ------------------------------------------------------------------------------------ */

static void tells_dialects_of_one_feed_apart_by_the_columns(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV2("\"delimiter\": \";\","), CSV(""));
    check_version(&feed, SLICE("Id;Name\n1;a,b\n"), 2, "1@2 1|a,b\n", "");
    check_version(&feed, SLICE("Id,Name\n1,a;b\nx,\n"), 1, "1@2 1|a;b\n",
                  "2@3:1 Id: found \"x\", expected an integer [x,]\n");
    check_version(&feed, SLICE("Id"), 2, "", "");
    parse_check_fails(&feed, SLICE("Key,Name\n"),
                      "1:1: fits no descriptor of Orders: 2.json lacks Id (found the one column \"Key,Name\": is the "
                      "\"delimiter\" another?); 1.json lacks Id");
    parse_check_fails(&feed, SLICE("\n"), "empty file, expected a header line");
    parse_feed_close(&feed);
}

/* What one form cannot read at all may be fine in another. */
static void goes_on_to_the_next_form_after_a_fault(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV2(""), CSV("\"quote\": \"none\", \"delimiter\": \"|\","));
    check_version(&feed, SLICE("Name \"x\"|Id\na|1\n"), 1, "1@2 1|~\n", "");
    parse_check_fails(
        &feed, SLICE("Name \"x\n"),
        "1:1: fits no descriptor of Orders: 2.json fails: 1:6: found a quote inside a field without quotes, "
        "expected the whole field in quotes and its own quotes doubled; 1.json lacks Id (found \"Name \"x\")");
    parse_feed_close(&feed);
}

static void fails_for_good_once_a_version_was_chosen(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV2(""), CSV("\"quote\": \"none\","));
    parse_check_fails(
        &feed, SLICE("Id,Name\n1,a\"\n"),
        "2:4: found a quote inside a field without quotes, expected the whole field in quotes and its own "
        "quotes doubled");
    parse_feed_close(&feed);
}

static void tells_files_with_and_without_a_header_apart(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV2(""), CSV("\"header\": [\"Id\", \"Name\"],"));
    check_version(&feed, SLICE("Id,Name\n1,a\n"), 2, "1@2 1|a\n", "");
    check_version(&feed, SLICE("1,a\n2,b\n"), 1, "1@1 1|a\n2@2 2|b\n", "");
    parse_check_fails(
        &feed, SLICE("1,a,b\n"),
        "1:1: fits no descriptor of Orders: 2.json lacks Id (found \"1\", \"a\", \"b\"); 1.json has a header of 2 "
        "names, the first row 3 fields");
    parse_feed_close(&feed);
    parse_feed_open(&feed, CSV2("\"header\": [\"Name\", \"Id\", \"x\"],"), CSV("\"header\": [\"Id\", \"Name\"],"));
    check_version(&feed, SLICE("a,1,\n2,b\n"), 2, "1@1 1|a\n", "2@2:0 : found 2 fields, expected 3 [2,b]\n");
    check_version(&feed, SLICE("1,a\n2,b,c\n"), 1, "1@1 1|a\n", "2@2:0 : found 3 fields, expected 2 [2,b,c]\n");
    parse_feed_close(&feed);
}

static void tells_encodings_apart_by_names_that_need_them(void **state)
{
    (void)state;
    struct parse_feed feed;
    const char *name = "\"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true, \"from\": \"N\xc2\xb0\" } } }";
    char first[512], second[512];
    snprintf(second, sizeof second, "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"csv\", %s", name);
    snprintf(first, sizeof first,
             "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"encoding\": \"latin-1\", %s", name);
    parse_feed_open(&feed, second, first);
    check_version(&feed, SLICE("N\xb0\n1\n"), 1, "1@2 1\n", "");
    check_version(&feed, SLICE("N\xc2\xb0\n2\n"), 2, "1@2 2\n", "");
    check_version(&feed, SLICE("\xff\xfeN\0\xb0\0\n\0003\0"), 2, "1@2 3\n", "");
    parse_feed_close(&feed);
}

static void tells_encodings_of_json_apart_by_the_first_record(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, JSON2(""), JSON("\"encoding\": \"latin-1\","));
    check_version(&feed, SLICE("[{\"Id\":1,\"Name\":\"\xe9\"}]"), 1, "1@1 1|\xc3\xa9\n", "");
    check_version(&feed, SLICE("[{\"Id\":1},{\"Id\":2,\"Name\":\"\xe9\"}]"), 2, "1@1 1|~\n",
                  "2@1:0 : 1:27: found \"\\xe9\"}\", expected valid UTF-8 [{\"Id\":2,\"Name\":\"\xe9\"}]\n");
    check_version(&feed, SLICE("[7,{\"Id\":1}]"), 1, "2@1 1|~\n", "1@1:0 : found a number, expected an object [7]\n");
    parse_check_fails(&feed, SLICE("[{\"x\":1}]"),
                      "1:2: fits no descriptor of Orders: 2.json lacks Id (found \"x\"); 1.json lacks Id (found \"x\") "
                      "(a place in the text as UTF-8)");
    parse_feed_close(&feed);
}

static void keeps_rejects_before_the_choice_where_only_one_form_is_json(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, JSON2(""), CSV(""));
    check_version(&feed, SLICE("[7,{\"Id\":1}]"), 2, "2@1 1|~\n", "1@1:0 : found a number, expected an object [7]\n");
    parse_feed_close(&feed);
    parse_feed_open(&feed, CSV2("\"skip\": 1,"), JSON(""));
    check_version(&feed, SLICE("[x]\nId,Name\n1,a\n"), 2, "1@3 1|a\n", "");
    check_version(&feed, SLICE("[7,{\"Id\":1}]"), 1, "2@1 1|~\n", "1@1:0 : found a number, expected an object [7]\n");
    parse_feed_close(&feed);
}

/* A feed of both formats looks for the first byte that is no blank; a tab may part an empty first field from the
   rest. */
static void takes_a_tab_that_parts_fields_for_no_blank(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV2("\"delimiter\": \"\\t\","), JSON(""));
    check_version(&feed, SLICE("\n \tId\tName\n0\t1\ta\n1\t2\tb\n"), 2, "1@3 1|a\n2@4 2|b\n", "");
    check_version(&feed, SLICE("\t[{\"Id\":1}]"), 1, "1@1 1|~\n", "");
    parse_feed_close(&feed);
    parse_feed_open(&feed, JSON2(""), CSV("\"delimiter\": \"\\t\", \"header\": [\"x\", \"Id\", \"Name\"],"));
    check_version(&feed, SLICE("\t1\ta\n\t2\t\n"), 1, "1@1 1|a\n2@2 2|~\n", "");
    check_version(&feed, SLICE("\t{\"Id\":1}"), 2, "1@1 1|~\n", "");
    parse_feed_close(&feed);
}

/* A lone CR ends a line of CSV and none of JSON; before the format is known it may be either. */
static void counts_the_lines_before_the_first_byte_as_its_format_does(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, CSV2(""), JSON(""));
    check_version(&feed, SLICE("\r \r\r\n\n Id,Name\r1,a\rx,b\r"), 2, "1@6 1|a\n",
                  "2@7:1 Id: found \"x\", expected an integer [x,b]\n");
    check_version(&feed, SLICE("\r \r\r\n\n [{\"Id\":1},{\"Id\":\"x\"}]"), 1, "1@3 1|~\n",
                  "2@3:1 Id: found \"x\", expected an integer [{\"Id\":\"x\"}]\n");
    parse_check_fails(&feed, SLICE("\r\r \"Id,Name\r"),
                      "3:2: the quote that opens here never closes: found the end of the file, expected a quote");
    parse_check_fails(&feed, SLICE("\r\r [1 2]"), "1:7: found \"2\", expected , or ]");
    parse_feed_close(&feed);
}

/* The highest version that fits is taken also where versions of its form stand on both sides of one of another. */
static void asks_the_versions_in_their_order(void **state)
{
    (void)state;
    struct parse_feed feed;
    memset(&feed, 0, sizeof feed);
    arena_init(&feed.arena, PARSE_TEXT_MAX);
    doc_problems_init(&feed.problems);
    feed.feed = (struct feed){.name = "Orders", .fields = feed.fields, .versions = feed.versions};
    parse_feed_add(&feed, 3, "{ \"feed\": \"Orders\", \"version\": 3, \"format\": \"csv\", \"match\": \"z\", " FIELDS);
    parse_feed_add(&feed, 2, CSV2("\"comment\": \"#\","));
    parse_feed_add(&feed, 1, CSV(""));
    check_version(&feed, SLICE("Id,z\n#1,\n2,\n"), 3, "2@3 2|~\n",
                  "1@2:1 Id: found \"#1\", expected an integer [#1,]\n");
    check_version(&feed, SLICE("Id,Name\n#1,\n2,\n"), 2, "1@3 2|~\n", "");
    struct parse_result result = parse_file(&feed, SLICE("Id,Name\n#1,\n2,\n"), 4, 1);
    assert_int_equal(result.facts.version, 1);
    assert_int_equal(result.facts.rejected, 1);
    parse_result_close(&result);
    parse_feed_close(&feed);
}

/* What a trial keeps is bounded: a form that has not told by then is not it. */
static void gives_a_form_up_that_shows_no_header(void **state)
{
    (void)state;
    struct parse_feed feed;
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    while (text.len <= PARSER_HEAD_MAX + PARSER_INPUT_MAX)
        buf_put_text(&text, "#####################################################################################\n");
    parse_feed_open(&feed, CSV2("\"comment\": \"#\","), CSV("\"comment\": \"##\","));
    size_t comments = text.len;
    buf_put_text(&text, "Id\n1\n");
    struct parse_result result = parse_file(&feed, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_ok(result.ok, &result.error);
    assert_int_equal(result.facts.version, 1);
    assert_int_equal(result.facts.rows, 1);
    parse_result_close(&result);
    text.len = comments;
    buf_put_text(&text, "x\n1\n");
    result = parse_file(&feed, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_false(result.ok);
    assert_non_null(
        strstr(result.error.text, "2.json fails: it has no header in its first 2097152 bytes; 1.json lacks Id"));
    parse_result_close(&result);
    /* The limit is one of bytes, wherever blocks end. */
    for (size_t chunk = PARSER_INPUT_MAX - 1; chunk <= PARSER_INPUT_MAX; chunk++) {
        for (size_t len = PARSER_HEAD_MAX - 1; len <= PARSER_HEAD_MAX; len++) {
            text.len = len - len % 86;
            while (text.len < len - 2)
                buf_put_text(&text, " ");
            buf_put_text(&text, "Id\n1\n");
            result = parse_file(&feed, buf_slice(&text), chunk, 0);
            assert_ok(result.ok, &result.error);
            assert_int_equal(result.facts.version, len < PARSER_HEAD_MAX ? 2 : 1);
            parse_result_close(&result);
        }
    }
    parse_feed_close(&feed);
    buf_close(&text);
}

/* Rows of a head that was kept come out in batches like others. */
static void reads_a_kept_head_to_its_end(void **state)
{
    (void)state;
    struct parse_feed feed;
    struct buf text;
    buf_init(&text, PARSE_TEXT_MAX);
    while (text.len < PARSER_HEAD_MAX / 2)
        buf_put_text(&text, "# a line before the header\n");
    buf_put_text(&text, "Id,Name\n");
    const uint64_t rows = 20000;
    for (uint64_t i = 0; i < rows; i++)
        buf_put_text(&text, i % 2 ? "1,a\n" : "x,\n");
    parse_feed_open(&feed, CSV2("\"comment\": \"#\", \"delimiter\": \";\","), CSV("\"comment\": \"#\","));
    struct parse_result result = parse_file(&feed, buf_slice(&text), PARSER_INPUT_MAX, 0);
    assert_ok(result.ok, &result.error);
    assert_int_equal(result.facts.version, 1);
    assert_int_equal(result.facts.rows, rows);
    assert_int_equal(result.facts.rejected, rows / 2);
    assert_true(result.batches >= rows / 2 / BATCH_REJECTS_MAX);
    parse_result_close(&result);
    parse_feed_close(&feed);
    buf_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_utf16_by_its_mark),
        cmocka_unit_test(reads_utf16_that_is_declared),
        cmocka_unit_test(lets_a_mark_overrule_what_is_declared),
        cmocka_unit_test(reads_latin1_and_windows_1252),
        cmocka_unit_test(rejects_a_row_for_what_its_encoding_does_not_have),
        cmocka_unit_test(refuses_half_a_character_at_the_end),
        cmocka_unit_test(counts_places_in_the_decoded_text),
        cmocka_unit_test(takes_other_delimiters),
        cmocka_unit_test(names_the_delimiter_in_messages),
        cmocka_unit_test(repairs_rows_shifted_by_the_delimiter),
        cmocka_unit_test(takes_another_quote_or_none),
        cmocka_unit_test(rejects_a_row_with_nul_where_nothing_is_quoted),
        cmocka_unit_test(leaves_comments_out),
        cmocka_unit_test(skips_lines_before_the_header),
        cmocka_unit_test(reads_files_without_a_header),
        cmocka_unit_test(tells_dialects_of_one_feed_apart_by_the_columns),
        cmocka_unit_test(goes_on_to_the_next_form_after_a_fault),
        cmocka_unit_test(fails_for_good_once_a_version_was_chosen),
        cmocka_unit_test(tells_files_with_and_without_a_header_apart),
        cmocka_unit_test(tells_encodings_apart_by_names_that_need_them),
        cmocka_unit_test(tells_encodings_of_json_apart_by_the_first_record),
        cmocka_unit_test(keeps_rejects_before_the_choice_where_only_one_form_is_json),
        cmocka_unit_test(takes_a_tab_that_parts_fields_for_no_blank),
        cmocka_unit_test(counts_the_lines_before_the_first_byte_as_its_format_does),
        cmocka_unit_test(asks_the_versions_in_their_order),
        cmocka_unit_test(gives_a_form_up_that_shows_no_header),
        cmocka_unit_test(reads_a_kept_head_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
