/* Rows shifted by a comma that was not quoted. */
#include "parse_testing.h"

static const char tasks[] =
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"names\": \"underscore\", \"null\": [\"\", \"-\"],"
    "  \"repair\": { \"unquoted\": [\"Notes\", \"Special_Instructions\"] },"
    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true },"
    "                \"Km\": { \"type\": \"int64\" },"
    "                \"Tip\": { \"type\": \"decimal(9,2)\", \"on_error\": \"null\" },"
    "                \"Tip_Text\": { \"type\": \"text\", \"from\": \"Tip\" } } }";

static void check_notes(struct parse_feed *feed, const char *text, const char *rows, const char *rejects,
                        const char *note)
{
    for (size_t i = 0; i < COUNT_OF(parse_chunk_sizes); i++) {
        struct parse_result result = parse_file(feed, slice_of(text), parse_chunk_sizes[i], 0);
        if (!result.ok)
            print_error("%s\n", result.error.text);
        assert_true(result.ok);
        assert_slice(buf_slice(&result.rows), rows);
        assert_slice(buf_slice(&result.rejects), rejects);
        assert_slice(result.facts.note, note);
        assert_int_equal(result.facts.unknown_count, 0);
        parse_result_close(&result);
    }
}

#define HEADER "Id,Notes,Km,Special Instructions,Tip,,\n"

static void rejoins_the_one_way_that_is_valid(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, tasks, NULL);
    check_notes(
        &feed,
        HEADER "1,call me,5,-,1.50,,\n"
               "2,\"call, please\",5,-,2,,\n"
               "3,call , then knock,5,-,3,\n"    /* one in Notes: filled up to the width of all rows */
               "4,a,b,c,5,-,4\n"                 /* two of them: still within the width */
               "5,x,5,leave it,at the door,5,\n" /* one in Special Instructions */
               "6,x,y,5,leave it,there,6\n"      /* one in each */
               "7,x,5,-,7,,,\n"                  /* longer than the header, but empty at the end */
               "8,a,b,c,d,5,-,8,,\n"
               "9,a,b,c,d,5,-,9\n", /* longer than the header, and shifted */
        "1@2 1|5|1.50|1.50\n2@3 2|5|2.00|2\n3@4 3|5|3.00|3\n4@5 4|5|4.00|4\n5@6 5|5|5.00|5\n6@7 6|5|6.00|6\n"
        "8@9 8|5|8.00|8\n9@10 9|5|9.00|9\n",
        "7@8:0 : found 6 fields, expected 5: more than one way of rejoining Notes, Special_Instructions is valid "
        "[7,x,5,-,7,,,]\n",
        "repaired: 6 rows");
    parse_feed_close(&feed);
}

static void rejects_what_is_not_valid_or_ambiguous(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, tasks, NULL);
    check_notes(
        &feed,
        HEADER "1,5,5,5,5,5,\n"                     /* Km is 5 wherever the comma was */
               "2,x,y,z,-,1,\n"                     /* Km is never a number */
               "3,\"a\",b,5,-,1,\n"                 /* a quoted field had its commas quoted */
               "4,5,6,-,1,1,\n"                     /* Km is 5 or 6: two different rows */
               "5,a,b,c,d,e,f,g,h,i,j,k,5,-,1,,,\n" /* more than anybody forgets */
               "6,x,5,-\n"                          /* too few is another matter */
               "7,x,y,5,-,tip,\n"                   /* on_error is no way to be valid */
               "8,a,\"b\",5,-,1,\n"                 /* whichever of them is quoted, */
               "9, \"a\",b,5,-,1,\n",               /* and behind a blank */
        "1@2 1|5|5.00|5\n",
        "2@3:0 : found 6 fields, expected 5: no way of rejoining Notes, Special_Instructions is valid "
        "[2,x,y,z,-,1,]\n"
        "3@4:0 : found 6 fields, expected 5: no way of rejoining Notes, Special_Instructions is valid "
        "[3,\"a\",b,5,-,1,]\n"
        "4@5:0 : found 6 fields, expected 5: more than one way of rejoining Notes, Special_Instructions is valid "
        "[4,5,6,-,1,1,]\n"
        "5@6:0 : found 16 fields, expected 5: more than 8 too many to be rejoined "
        "[5,a,b,c,d,e,f,g,h,i,j,k,5,-,1,,,]\n"
        "6@7:0 : found 4 fields, expected 7 [6,x,5,-]\n"
        "7@8:0 : found 6 fields, expected 5: no way of rejoining Notes, Special_Instructions is valid "
        "[7,x,y,5,-,tip,]\n"
        "8@9:0 : found 6 fields, expected 5: no way of rejoining Notes, Special_Instructions is valid "
        "[8,a,\"b\",5,-,1,]\n"
        "9@10:0 : found 6 fields, expected 5: no way of rejoining Notes, Special_Instructions is valid "
        "[9, \"a\",b,5,-,1,]\n",
        "repaired: 1 row");
    parse_feed_close(&feed);
}

static void keeps_a_rejoined_text_as_it_stands(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(
        &feed,
        "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"repair\": { \"unquoted\": \"Notes\" },"
        "  \"fields\": { \"Notes\": { \"type\": \"text\" },"
        "                \"Upper\": { \"type\": \"text\", \"from\": \"Notes\", \"replace\": { \",\": \";\" } },"
        "                \"Km\": { \"type\": \"int64\", \"required\": true } } }",
        NULL);
    check_notes(&feed, "Notes,Km\n  a ,\tb,, c ,7\r\nd,8\n,,9\n", "1@2 a ,\tb,, c|a ;\tb;; c|7\n2@3 d|d|8\n3@4 ,|;|9\n",
                "", "repaired: 2 rows");
    /* A file without the column is a file without repairs. */
    struct parse_result result = parse_file(&feed, SLICE("Km\n7\n8,9\n"), 64, 0);
    assert_true(result.ok);
    assert_slice(buf_slice(&result.rows), "1@2 ~|~|7\n");
    assert_slice(buf_slice(&result.rejects),
                 "2@3:0 : found 2 fields, expected 1: no way of rejoining Notes is valid [8,9]\n");
    parse_result_close(&result);
    parse_feed_close(&feed);
}

static void leaves_out_the_comma_behind_the_last_named_column(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(
        &feed,
        "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"repair\": { \"unquoted\": \"Notes\" },"
        "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true }, \"Notes\": { \"type\": \"text\" } } }",
        NULL);
    check_notes(&feed,
                "Id,Notes,,\n"
                "1,call, please,\n"   /* filled up to the width of all rows */
                "2,call, please ,,\n" /* and by one beyond it */
                "3,a,b,c\n"
                "4,a,b,,c,\n",
                "1@2 1|call, please\n2@3 2|call, please\n3@4 3|a,b,c\n4@5 4|a,b,,c\n", "", "repaired: 4 rows");
    parse_feed_close(&feed);
}

static void leaves_files_of_other_versions_alone(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"csv\", \"fields\": {"
                    "  \"Id\": { \"type\": \"int64\", \"required\": true },"
                    "  \"Total\": { \"type\": \"int64\", \"required\": true } } }",
                    tasks);
    struct parse_result result = parse_file(&feed, SLICE("Id,Notes,Total\n1,a,b,2\n3,4,5\n"), 64, 0);
    assert_true(result.ok);
    assert_int_equal(result.facts.version, 2);
    assert_slice(buf_slice(&result.rejects), "1@2:0 : found 4 fields, expected 3 [1,a,b,2]\n");
    parse_result_close(&result);
    parse_feed_close(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejoins_the_one_way_that_is_valid),
        cmocka_unit_test(rejects_what_is_not_valid_or_ambiguous),
        cmocka_unit_test(keeps_a_rejoined_text_as_it_stands),
        cmocka_unit_test(leaves_out_the_comma_behind_the_last_named_column),
        cmocka_unit_test(leaves_files_of_other_versions_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
