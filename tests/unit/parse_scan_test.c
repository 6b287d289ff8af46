/* The fast way past libcsv: what it takes, what it leaves, and that every way of marking finds the same marks. */
#include "parse_testing.h"

#include "parse/csv_scan.h"

enum { TEXT_SIZE = 700, ROUNDS = 400, EDGE = CSV_SCAN_WINDOW };

static struct csv_scan scan;

static int setup(void **state)
{
    (void)state;
    csv_scan_init(&scan);
    csv_scan_start(&scan, ',', '"');
    return 0;
}

/* What becomes of the record at the start of `text`, if it should have `count` fields. */
static enum csv_scan_result taken(const char *text, size_t count, struct csv_scan_record *record)
{
    csv_scan_block(&scan);
    return csv_scan_take(&scan, text, text + strlen(text), count, record);
}

static void takes_a_record_without_a_doubt(void **state)
{
    (void)state;
    struct csv_scan_record record;
    const char *text = "a, b\t,,\"c\"\"d,\n\",\"\"\r\nnext";
    assert_int_equal(taken(text, 5, &record), CSV_SCAN_RECORD);
    static const struct {
        const char *text;
        bool quoted, doubled;
    } expected[] = {{"a", false, false}, {"b", false, false}, {"", false, false}, {"c\"\"d,\n", true, true}, {"", true, false}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(scan.fields[i].len, strlen(expected[i].text));
        assert_memory_equal(scan.fields[i].data, expected[i].text, scan.fields[i].len);
        assert_int_equal(scan.fields[i].quoted, expected[i].quoted);
        assert_int_equal(scan.fields[i].doubled, expected[i].doubled);
    }
    assert_int_equal(record.lines, 2);
    assert_string_equal(record.next, "next");
    assert_memory_equal(record.end, "\r\n", 2);
}

static void leaves_what_is_in_doubt_to_libcsv(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "a,b,c\n",       "a\n",         "a\"b,c\n",   "\"a\"b,c\n",  " \"a\",c\n", "\"a\" ,c\n", "a,b\rc,d\n",
        "\"a\rb\",c\n", "\n",          " \n",        "\r\na,b\n",  " a,b\n",     "\ta,b\n",   "\"a\"\"\"b,c\n",
        "\"a,b\"\n",     "\"a\"\"b\"c\",d\n"};
    struct csv_scan_record record;
    for (size_t i = 0; i < COUNT_OF(odd); i++)
        if (taken(odd[i], 2, &record) != CSV_SCAN_ODD)
            fail_msg("took \"%s\"", odd[i]);
}

static void waits_for_a_record_that_the_block_cuts(void **state)
{
    (void)state;
    static const char *const cut[] = {"a", "a,", "a,b", "a,b\r", "a,\"b", "a,\"b\"", "a,\"b\"\"", "a,\"b\"\r"};
    struct csv_scan_record record;
    for (size_t i = 0; i < COUNT_OF(cut); i++)
        if (taken(cut[i], 2, &record) != CSV_SCAN_CUT)
            fail_msg("did not wait for the rest of \"%s\"", cut[i]);
}

static void goes_on_where_a_window_ends(void **state)
{
    (void)state;
    static char text[3 * EDGE];
    struct csv_scan_record record = {.next = text};
    size_t rows = 0, len = 0;
    while (len + 40 < sizeof text)
        len += (size_t)snprintf(text + len, sizeof text - len, "%zu,\"x,%zu\"\n", rows, rows % 7), rows++;
    csv_scan_block(&scan);
    for (size_t i = 0; i < rows; i++) {
        assert_int_equal(csv_scan_take(&scan, record.next, text + len, 2, &record), CSV_SCAN_RECORD);
        assert_int_equal(strtoul(scan.fields[0].data, NULL, 10), i);
        assert_int_equal(scan.fields[1].len, 3);
    }
    assert_ptr_equal(record.next, text + len);
    memset(text, 'x', EDGE + 1);
    csv_scan_block(&scan);
    assert_int_equal(csv_scan_take(&scan, text, text + len, 2, &record), CSV_SCAN_ODD);
}

static void every_way_of_marking_finds_the_same(void **state)
{
    (void)state;
    static const char letters[] = "ab,\"\n\r \0;";
    static uint32_t found[TEXT_SIZE + CSV_SCAN_STEP], expected[TEXT_SIZE + CSV_SCAN_STEP];
    char text[TEXT_SIZE];
    uint64_t seed = 7;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t len = round % (TEXT_SIZE + 1), count = 0;
        bool inside = false;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[i] = letters[(seed >> 40) % (sizeof letters - 1)];
            inside ^= text[i] == '"';
            if (text[i] == '"' || (!inside && (text[i] == ',' || text[i] == '\n' || text[i] == '\r')))
                expected[count++] = (uint32_t)i;
        }
        for (size_t way = 0; csv_scan_way(way); way++) {
            size_t marks = csv_scan_way(way)(text, len, (struct csv_scan_bytes){',', '"'}, found);
            assert_int_equal(marks, count);
            assert_memory_equal(found, expected, count * sizeof *found);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_record_without_a_doubt),      cmocka_unit_test(leaves_what_is_in_doubt_to_libcsv),
        cmocka_unit_test(waits_for_a_record_that_the_block_cuts), cmocka_unit_test(goes_on_where_a_window_ends),
        cmocka_unit_test(every_way_of_marking_finds_the_same),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
