/*
 * Whole files are parsed while every allocation fails once, and once for good, those of arenas one by one. What comes
 * out is what always comes out, or that memory is out; never a rejected row or a bad file that has nothing wrong.
 */
#include "parse_testing.h"

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "failing_arena.h"

enum { BATCHES_MAX = 64, IN_PARTS = 0 /* for the bytes of a block */ };

static const char csv_1[] =
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"null\": [\"\", \"-\"], \"match\": [\"Mark\"],"
    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true, \"extract\": \"^((?:0|01|1|2|3)*)$\" },"
    "                \"Name\": { \"type\": \"text\", \"strip_prefix\": [\"x\"], \"map\": { \"a\": \"b\" } },"
    "                \"Same\": { \"from\": [\"Name\"], \"type\": \"text\" },"
    "                \"Total\": { \"type\": \"decimal(18,2)\" } } }";
static const char json_1[] =
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"names\": \"underscore\","
    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true, \"extract\": \"^((?:0|01|1|2|3)*)$\" },"
    "                \"The_Name\": { \"type\": \"text\", \"from\": [\"The_Name\", \"Nick\"] },"
    "                \"Total\": { \"type\": \"decimal(18,2)\" } } }";

static const char cleaned[] =
    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"%s\", %s"
    "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true, \"number\": { \"suffixes\": true } },"
    "                \"Name\": { \"type\": \"text\", \"replace\": { \"^((?:0|01|1|2|3)*)$\": \"<$1>\" },"
    "                            \"unicode\": \"ascii\", \"split\": \",\", \"default\": \"?\" },"
    "                \"File\": { \"type\": \"text\", \"from_name\": \"(.*)\" },"
    "                \"Both\": { \"type\": \"text\", \"derive\": { \"concat\": [\"Name\", \"File\"] } },"
    "                \"Total\": { \"type\": \"decimal(18,2)\", \"on_error\": \"null\" } } }";

/* --- a file under failing memory ---------------------------------------------------------------------------------- */

struct outcome {
    bool ok;
    struct error error;
    struct batch *batches[BATCHES_MAX];
    size_t count;
    struct file_facts facts;
};

static bool take(struct parser *parser, struct outcome *o)
{
    assert_in_range(o->count, 0, BATCHES_MAX - 1);
    return parser_take(parser, &o->batches[o->count], &o->error) && o->batches[o->count] && ++o->count;
}

static bool feed_blocks(struct parser *parser, struct slice text, size_t chunk, struct outcome *o)
{
    for (size_t at = 0; at < text.len; at += chunk) {
        size_t len = text.len - at < chunk ? text.len - at : chunk;
        if (!parser_feed(parser, (struct slice){text.data + at, len}, &o->error))
            return false;
        while (parser_full(parser))
            take(parser, o);
    }
    return true;
}

/* What a twin reads up to the file's last line is joined, if it is there and has the memory. */
static bool feed_parts(struct parser *parser, struct slice text, struct outcome *o)
{
    struct error ignored = {.kind = ERROR_NONE};
    size_t begin = (size_t)((char *)memchr(text.data, '\n', text.len) + 1 - text.data);
    size_t end = (size_t)((char *)memrchr(text.data, '\n', text.len - 1) + 1 - text.data);
    struct slice head = {text.data, begin}, part = {text.data + begin, end - begin};
    if (!feed_blocks(parser, head, PARSER_INPUT_MAX, o))
        return false;
    struct parser *twin = parser_splits(parser) ? parser_twin(parser, head, &ignored) : NULL;
    bool joins = twin && parser_part(twin, &ignored) && parser_feed(twin, part, &ignored) && parser_joins(parser, twin);
    bool ok = joins ? parser_join(parser, twin, &o->error) : feed_blocks(parser, part, PARSER_INPUT_MAX, o);
    parser_free(twin);
    return ok && feed_blocks(parser, (struct slice){text.data + end, text.len - end}, PARSER_INPUT_MAX, o);
}

/* Allocates nothing but by the parser. */
static bool read_file(struct parser *parser, struct slice text, size_t chunk, struct outcome *o)
{
    parser_start(parser, 0);
    bool fed = chunk == IN_PARTS ? feed_parts(parser, text, o) : feed_blocks(parser, text, chunk, o);
    if (!fed || !parser_finish(parser, &o->error))
        return false;
    take(parser, o);
    return parser_facts(parser, &o->facts) || error_memory(&o->error);
}

static void parse(struct parser *parser, struct slice text, size_t chunk, struct outcome *o)
{
    *o = (struct outcome){.ok = false};
    arena_init(&o->facts.arena, PARSE_TEXT_MAX);
    o->ok = read_file(parser, text, chunk, o);
}

/* All of an outcome as one text. */
static struct buf print(const struct feed *feed, const struct outcome *o)
{
    struct buf out;
    buf_init(&out, PARSE_TEXT_MAX);
    if (!o->ok)
        buf_printf(&out, "%d: %s", (int)o->error.kind, o->error.text);
    for (size_t i = 0; o->ok && i < o->count; i++) {
        parse_print_rows(feed, o->batches[i], &out);
        parse_print_rejects(o->batches[i], &out);
    }
    if (o->ok)
        buf_put_slice(&out, o->facts.note);
    for (size_t i = 0; o->ok && i < o->facts.unknown_count; i++) {
        buf_put_text(&out, " ");
        buf_put_slice(&out, o->facts.unknown[i]);
    }
    return out;
}

static void close_outcome(struct outcome *o)
{
    for (size_t i = 0; i < o->count; i++)
        batch_free(o->batches[i]);
    arena_close(&o->facts.arena);
}

static void assert_same(const struct feed *feed, struct outcome *o, const struct buf *wanted)
{
    struct buf found = print(feed, o);
    if (!slice_equal(buf_slice(&found), buf_slice(wanted)))
        print_error("found:\n%.*s\nwanted:\n%.*s\n", (int)found.len, found.data, (int)wanted->len, wanted->data);
    assert_true(slice_equal(buf_slice(&found), buf_slice(wanted)));
    buf_close(&found);
}

/* Returns how often memory was out. */
static unsigned long sweep(const struct feed *feed, struct slice text, size_t chunk, unsigned long stride)
{
    struct error error = {0};
    struct outcome o;
    unsigned long refused = 0;
    struct parser *parser = parser_new(feed, &error);
    assert_non_null(parser);
    parse(parser, text, chunk == IN_PARTS ? PARSER_INPUT_MAX : chunk, &o);
    struct buf wanted = print(feed, &o);
    close_outcome(&o);
    parser_free(parser);
    for (struct failing f = {.stride = stride}; failing_next(&f);) {
        failing_begin(&f);
        parser = parser_new(feed, &error);
        if (parser)
            parse(parser, text, chunk, &o);
        bool hit = failing_end(&f);
        if (!parser) {
            assert_true(hit);
            assert_error(&error, ERROR_MEMORY, "memory");
            continue;
        }
        bool out = hit && !o.ok && o.error.kind == ERROR_MEMORY;
        refused += out;
        if (!out)
            assert_same(feed, &o, &wanted);
        close_outcome(&o);
        /* The parser is as good as new. */
        parse(parser, text, chunk, &o);
        assert_same(feed, &o, &wanted);
        close_outcome(&o);
        parser_free(parser);
    }
    buf_close(&wanted);
    return refused;
}

static void check(const char *descriptor, struct slice text, size_t chunk, unsigned long at_least)
{
    struct parse_feed feed;
    parse_feed_open(&feed, descriptor, NULL);
    assert_in_range(sweep(&feed.feed, text, chunk, 1), at_least, 1000000);
    parse_feed_close(&feed);
}

/* --- the files ---------------------------------------------------------------------------------------------------- */

static void csv_rows_are_as_ever_or_memory_is_out(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfTotal,junk,Id,Name,more junk,Mark\r\n"
                               "12.5,j,1,\"a\nquoted, \"\"field\"\"\",,\n"
                               ",,2,xa,,\nx,,3,,,\n1,2\n\n4.125,,\"2\",b,,\n9,,9,not a number that fits,,\n";
    check(csv_1, SLICE(text), 7, 20);
    check(csv_1, SLICE(text), 1, 20);
    check(csv_1, SLICE(text), PARSER_INPUT_MAX, 20);
    check(csv_1, SLICE(text), IN_PARTS, 20);
}

static void a_field_that_is_long_to_match_is_not_rejected_for_lack_of_memory(void **state)
{
    (void)state;
    static char csv[4096], json[4096];
    char digits[2700];
    memset(digits, '0', sizeof digits);
    snprintf(csv, sizeof csv, "Id,Name,Total,Mark\n%.*s,a,1,\n", (int)sizeof digits, digits);
    check(csv_1, slice_of(csv), PARSER_INPUT_MAX, 3);
    snprintf(json, sizeof json, "[{\"Id\":\"%.*s\"}]", (int)sizeof digits, digits);
    check(json_1, slice_of(json), PARSER_INPUT_MAX, 3);
}

static void a_csv_file_that_is_bad_is_bad_for_its_own_reason(void **state)
{
    (void)state;
    check(csv_1, SLICE("Id,Name,Mark\n1,\"a,\n2,b,\n"), 3, 3);
    check(csv_1, SLICE("Id,Name,Mark\n1,a\"b,\n"), 3, 3);
    check(csv_1, SLICE("Id,Name,Mark\n1,\"a\"b,\n"), 3, 3);
    check(csv_1, SLICE("Id,Name\n1,a\n"), 3, 3);
    check(csv_1, SLICE("Id,Na\0me\n"), 3, 1);
    check(csv_1, SLICE(""), 3, 0);
}

static void json_rows_are_as_ever_or_memory_is_out(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"Id\": 1, \"The Name\": \"a \\u00e9\", \"Total\": 12.5, \"junk\": {\"deep\": [1, 2]}},\n"
        "{\"Nick\":\"n\",\"Id\":\"2\",\"more\":null},\n{\"Id\":3,\"Id\":3},{\"Id\":3,\"The Name\":1,\"The_Name\":2},"
        "{\"Id\":\"x\"}, 7, {\"Name\":1}, {\"Id\":[]}, {\"Id\":01}, {\"Id\":3,\"Total\":1e3}]";
    check(json_1, SLICE(text), 7, 60);
    check(json_1, SLICE(text), PARSER_INPUT_MAX, 60);
}

static void a_json_file_that_is_bad_is_bad_for_its_own_reason(void **state)
{
    (void)state;
    check(json_1, SLICE("[{\"Id\":1},{\"Id\":"), 3, 3);
    check(json_1, SLICE("[{\"Id\":1}}"), 3, 3);
    check(json_1, SLICE("[{\"Key\":1}]"), 3, 3);
}

static void cleaned_and_repaired_rows_are_as_ever_or_memory_is_out(void **state)
{
    (void)state;
    char descriptor[1024], digits[2700];
    static char text[8192];
    memset(digits, '0', sizeof digits);
    snprintf(descriptor, sizeof descriptor, cleaned, "csv", "\"repair\": { \"unquoted\": \"Junk\" },");
    snprintf(text, sizeof text, "Id,Junk,Name,Total\n1k,a,\"b,,\xc3\xa9 c\",x\n2,a,b,c,3\n3,a,b,c,d\n4,%.*s,%.*s,1\n",
             (int)sizeof digits, digits, (int)sizeof digits, digits);
    check(descriptor, slice_of(text), PARSER_INPUT_MAX, 10);
    check(descriptor, slice_of(text), 100, 10);
    check(descriptor, slice_of(text), IN_PARTS, 10);
    snprintf(descriptor, sizeof descriptor, cleaned, "json", "");
    snprintf(text, sizeof text, "[{\"Id\":\"1k\",\"Name\":\"b, c\",\"Total\":[]},{\"Id\":2,\"Name\":\"%.*s\"}]",
             (int)sizeof digits, digits);
    check(descriptor, slice_of(text), PARSER_INPUT_MAX, 10);
}

/* Several batches from one block: 4,096 rejects fill one. */
static void many_rejects_are_all_kept_or_memory_is_out(void **state)
{
    (void)state;
    static char text[60000];
    size_t len = (size_t)snprintf(text, sizeof text, "Id,Name,Mark\n");
    while (len + 2 <= sizeof text) {
        text[len++] = 'x';
        text[len++] = '\n';
    }
    struct parse_feed feed;
    parse_feed_open(&feed, csv_1, NULL);
    assert_in_range(sweep(&feed.feed, (struct slice){text, len}, PARSER_INPUT_MAX, 5003), 10, 1000000);
    assert_in_range(sweep(&feed.feed, (struct slice){text, len}, IN_PARTS, 5003), 10, 1000000);
    parse_feed_close(&feed);
}

static void rows_of_an_array_are_as_ever_or_memory_is_out(void **state)
{
    (void)state;
    static const char nested[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
                                 "  \"Id\": { \"type\": \"int64\", \"from\": \"a.id\" },"
                                 "  \"Name\": { \"type\": \"text\", \"from\": \"rows[].name\" } } }";
    check(nested, SLICE("[{\"a\":{\"id\":1},\"rows\":[{\"name\":\"x\"},{},7]},{\"a\":7}]"), 7, 10);
}

/* Unpacked, from another encoding, and tried in two forms. */
static void forms_are_told_as_ever_or_memory_is_out(void **state)
{
    (void)state;
    static const char latin1[] =
        "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\","
        "  \"encoding\": \"latin-1\", \"header\": [\"Id\", \"Name\"],"
        "  \"fields\": { \"Id\": { \"type\": \"int64\" }, \"Name\": { \"type\": \"text\" } } }";
    static const char other[] = "{ \"feed\": \"Orders\", \"version\": 2, \"format\": \"csv\", \"comment\": \"#\","
                                "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true } } }";
    static const struct slice text = SLICE("1,\xe9\nx,b\n2,c");
    char gzip[256], zstd[256];
    z_stream z = {.next_in = (const Bytef *)text.data, .avail_in = (uInt)text.len};
    z.next_out = (Bytef *)gzip;
    z.avail_out = sizeof gzip;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    size_t zstd_len = ZSTD_compress(zstd, sizeof zstd, text.data, text.len, 3);
    struct parse_feed feed;
    parse_feed_open(&feed, other, latin1);
    assert_in_range(sweep(&feed.feed, text, 5, 1), 5, 1000000);
    assert_in_range(sweep(&feed.feed, (struct slice){gzip, z.total_out}, 5, 1), 8, 1000000);
    assert_in_range(sweep(&feed.feed, (struct slice){gzip, z.total_out - 1}, 5, 1), 8, 1000000);
    assert_in_range(sweep(&feed.feed, (struct slice){zstd, zstd_len}, PARSER_INPUT_MAX, 1), 8, 1000000);
    parse_feed_close(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_rows_are_as_ever_or_memory_is_out),
        cmocka_unit_test(a_field_that_is_long_to_match_is_not_rejected_for_lack_of_memory),
        cmocka_unit_test(a_csv_file_that_is_bad_is_bad_for_its_own_reason),
        cmocka_unit_test(json_rows_are_as_ever_or_memory_is_out),
        cmocka_unit_test(a_json_file_that_is_bad_is_bad_for_its_own_reason),
        cmocka_unit_test(cleaned_and_repaired_rows_are_as_ever_or_memory_is_out),
        cmocka_unit_test(many_rejects_are_all_kept_or_memory_is_out),
        cmocka_unit_test(rows_of_an_array_are_as_ever_or_memory_is_out),
        cmocka_unit_test(forms_are_told_as_ever_or_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
