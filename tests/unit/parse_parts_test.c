/*
 * Parts of a file read by another parser and joined: whatever the file and wherever they are cut, it all comes to what
 * one parser makes of the file: rows, rejects, batches, facts and message.
 */
#include "parse_testing.h"

enum { PART_BYTES = 200 * 1000, REJECTED_ROWS = 2 * PARSER_REJECTS_MAX };

/* What can be seen of a reading. */
struct seen {
    struct buf text;
    size_t batches, joined;
};

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){.batches = 0};
    buf_init(&seen->text, PARSE_TEXT_MAX);
}

static void take_batch(struct parse_feed *f, struct parser *parser, struct seen *seen, struct error *error)
{
    struct batch *batch = NULL;
    assert_ok(parser_take(parser, &batch, error), error);
    if (!batch)
        return;
    buf_printf(&seen->text, "--- batch %zu, %u rows\n", ++seen->batches, batch->chunk.rows);
    parse_print_rows(&f->feed, batch, &seen->text);
    parse_print_rejects(batch, &seen->text);
    batch_free(batch);
}

static void take_full(struct parse_feed *f, struct parser *parser, struct seen *seen, struct error *error)
{
    while (parser_full(parser))
        take_batch(f, parser, seen, error);
}

static bool feed(struct parse_feed *f, struct parser *parser, struct slice bytes, struct seen *seen,
                 struct error *error)
{
    for (size_t at = 0, len; at < bytes.len; at += len) {
        len = bytes.len - at < PARSER_INPUT_MAX ? bytes.len - at : PARSER_INPUT_MAX;
        if (!parser_feed(parser, (struct slice){bytes.data + at, len}, error))
            return false;
        if (seen)
            take_full(f, parser, seen, error);
    }
    return true;
}

static void print_facts(struct parser *parser, bool ok, const struct error *error, struct seen *seen)
{
    struct file_facts facts = {.rows = 0};
    arena_init(&facts.arena, PARSE_TEXT_MAX);
    assert_true(parser_facts(parser, &facts));
    /* Batches before a failure are void: how many of them were taken hangs on the pieces. */
    if (!ok)
        buf_reset(&seen->text);
    buf_printf(&seen->text, "--- %s\nrows %ju rejected %ju version %u named %d note ", ok ? "ok" : error->text,
               (uintmax_t)facts.rows, (uintmax_t)facts.rejected, facts.version, facts.named);
    buf_put_slice(&seen->text, facts.note);
    for (size_t i = 0; i < facts.unknown_count; i++) {
        buf_put_text(&seen->text, "|");
        buf_put_slice(&seen->text, facts.unknown[i]);
    }
    arena_close(&facts.arena);
    assert_false(seen->text.failed);
}

static bool finish(struct parse_feed *f, struct parser *parser, struct seen *seen, struct error *error)
{
    if (!parser_finish(parser, error))
        return false;
    take_batch(f, parser, seen, error);
    return true;
}

static void begin(struct parse_feed *f, struct seen *seen, struct error *error)
{
    seen_init(seen);
    parser_start(parse_parser(f), 0);
    assert_true(parser_name(f->parser, SLICE("part-7.csv"), error));
}

static struct seen read_whole(struct parse_feed *f, struct slice text)
{
    struct seen seen;
    struct error error = {.kind = ERROR_NONE};
    begin(f, &seen, &error);
    bool ok = feed(f, f->parser, text, &seen, &error) && finish(f, f->parser, &seen, &error);
    print_facts(f->parser, ok, &error, &seen);
    return seen;
}

/* The twin reads the part from `at` to `end`, and the parser takes it in or is fed it. */
static bool pass_part(struct parse_feed *f, struct parser *twin, struct slice part, struct seen *seen,
                      struct error *error)
{
    struct error ignored = {.kind = ERROR_NONE};
    assert_true(parser_part(twin, &ignored));
    if (feed(f, twin, part, NULL, &ignored) && parser_joins(f->parser, twin)) {
        seen->joined++;
        assert_ok(parser_join(f->parser, twin, error), error);
        take_full(f, f->parser, seen, error);
        return true;
    }
    return feed(f, f->parser, part, seen, error);
}

static void assert_alike(const struct seen *whole, const struct seen *parts)
{
    parse_assert_alike(buf_slice(&whole->text), buf_slice(&parts->text));
}

/* --- small files, cut everywhere ---------------------------------------------------------------------------------- */

#define CSV(form)                                                                                                      \
    "{\"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\"," form                                                 \
    " \"fields\": {\"Id\": {\"type\": \"int64\", \"required\": true}, \"Name\": {\"type\": \"text\"}}}"

static const struct {
    const char *descriptor;
    struct slice text;
    uint64_t limit; /* of rejects; 0: none */
} files[] = {
    /* Quoted line ends and quotes, no line end at the end. */
    {CSV(""), SLICE("Id,Name\n1,\"a\nb\"\n2,\"c\"\"\n\"\n\"3\",d\n4,\"\n5,e\n\"\n6,f"), 0},
    /* Every kind of line end, blank lines, a byte order mark. */
    {CSV(""), SLICE("\xef\xbb\xbfId,Name\r\n1,a\r\n\r\n2,b\r3,c\r\n \t\n4,d\n\r\n\n5,\"e\r\n\"\r\n"), 0},
    /* Rejects of every kind, unknown columns, NUL and blanks. */
    {CSV(""), SLICE("Id,Name,More,Still\nx,a,,\n1,b,,\n2,c\n,d,,\n3,e,,,\n 4 ,\0f,,\n5,\"g\n\",,\ny,h,,\n6,,,\n"), 0},
    {CSV(""), SLICE("Id,Name\n1,a\nx,b\n2,c\ny,d\n3,e\nz,f\n4,g\n"), 2},
    {CSV(""), SLICE("Id,Name\n1,a\nx,b\n2,c\ny,d\n3,e\nz,f\n4,g\n"), 3},
    /* What fails a file. */
    {CSV(""), SLICE("Id,Name\n1,a\nx,b\n2,\"c\nd\"\n3,e\"f\n4,g\n"), 0},
    {CSV(""), SLICE("Id,Name\n1,a\n2,\"b\"c\n3,d\n"), 0},
    {CSV(""), SLICE("Id,Name\n1,a\n2,\"b\n3,c\n4,d\n"), 0},
    /* Other forms. */
    {CSV("\"quote\": \"none\", \"delimiter\": \"|\","), SLICE("Id|Name\n1|\"a\n2|b\"\nx|c\n3|d\r\n4|e"), 0},
    {CSV("\"skip\": 2, \"comment\": \"--\","), SLICE("one\n\"two\nId,Name\n1,a\n--\"\n-1,b\n--x\n2,\"\n--c\"\n-"), 0},
    {CSV("\"header\": [\"Id\", \"Name\"],"), SLICE("1,a\n2,\"b\n\"\n3,c,d\n4,e\n"), 0},
    {"{\"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"repair\": {\"unquoted\": [\"Notes\"]},"
     " \"fields\": {\"Id\": {\"type\": \"int64\"}, \"Km\": {\"type\": \"int64\", \"on_error\": \"null\"},"
     " \"Part\": {\"type\": \"int64\", \"from_name\": \"part-([0-9]+)\"}}}",
     SLICE("Id,Notes,Km,,\n1,a,2,,\n2,b, c,3,\n3,d,x,,\n4,\"e\n,\",y,,\n5,f,g,z,4,h\n6,i,7,,\n"), 0},
    /* Not read in parts. */
    {"{\"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {\"Id\": {\"type\": \"int64\"}}}",
     SLICE("{\"Id\": 1}\n{\"Id\": 2}\n{\"Id\": \"x\"}\n"), 0},
};

/* Head, one part from every place to every other one, and the rest as one more part. */
static size_t check_all_cuts(struct parse_feed *f, struct slice text, struct seen *whole)
{
    struct error error = {.kind = ERROR_NONE};
    size_t joined = 0;
    for (size_t at = 1; at < text.len; at++) {
        struct parser *twin = NULL;
        for (size_t end = at; end <= text.len; end++) {
            struct slice head = {text.data, at}, part = {text.data + at, end - at},
                         rest = {text.data + end, text.len - end};
            struct seen seen;
            begin(f, &seen, &error);
            bool ok = feed(f, f->parser, head, &seen, &error);
            bool splits = ok && parser_splits(f->parser);
            if (splits && !twin)
                twin = parser_twin(f->parser, head, &error);
            assert_true(!splits || twin);
            if (splits)
                ok = pass_part(f, twin, part, &seen, &error) && pass_part(f, twin, rest, &seen, &error);
            else
                ok = ok && feed(f, f->parser, part, &seen, &error) && feed(f, f->parser, rest, &seen, &error);
            ok = ok && finish(f, f->parser, &seen, &error);
            print_facts(f->parser, ok, &error, &seen);
            assert_alike(whole, &seen);
            joined += seen.joined;
            buf_close(&seen.text);
        }
        parser_free(twin);
    }
    return joined;
}

static void comes_to_the_same_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct parse_feed f;
        parse_feed_open(&f, files[i].descriptor, NULL);
        f.feed.limits = (struct feed_limits){.by_count = files[i].limit > 0, .count = files[i].limit};
        struct seen whole = read_whole(&f, files[i].text);
        size_t joined = check_all_cuts(&f, files[i].text, &whole);
        /* Not in vain: parts join, but in the last file. */
        assert_int_equal(joined > 0, i + 1 < COUNT_OF(files));
        buf_close(&whole.text);
        parse_feed_close(&f);
    }
}

/* --- large files -------------------------------------------------------------------------------------------------- */

/* The file in parts that end at likely places; `joined` of them at least. */
static void check_large(struct parse_feed *f, struct slice text, size_t joined)
{
    struct error error = {.kind = ERROR_NONE};
    struct seen whole = read_whole(f, text), parts;
    struct slice head = {text.data, PARSER_INPUT_MAX};
    begin(f, &parts, &error);
    bool ok = feed(f, f->parser, head, &parts, &error);
    struct parser *twin = ok ? parser_twin(f->parser, head, &error) : NULL;
    for (size_t at = head.len, len; ok && at < text.len; at += len) {
        struct slice rest = {text.data + at, text.len - at};
        len = rest.len <= PART_BYTES ? 0 : parser_cut(f->parser, (struct slice){rest.data, PART_BYTES}, PART_BYTES / 2);
        len = len > 0 ? len : rest.len;
        ok = pass_part(f, twin, (struct slice){rest.data, len}, &parts, &error);
    }
    ok = ok && finish(f, f->parser, &parts, &error);
    print_facts(f->parser, ok, &error, &parts);
    assert_alike(&whole, &parts);
    assert_true(parts.joined >= joined);
    parser_free(twin);
    buf_close(&whole.text);
    buf_close(&parts.text);
}

static void fills_the_same_batches(void **state)
{
    (void)state;
    struct parse_feed f;
    struct buf text;
    parse_feed_open(&f, CSV(""), NULL);
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "Id,Name\n");
    /* Rejects become more frequent: first chunks fill batches, then rejects do. */
    for (int i = 0; text.len < 8 * 1000 * 1000; i++) {
        if (i % (text.len < 4 * 1000 * 1000 ? 1000 : 3) == 0)
            buf_printf(&text, "%d,\"not\n,\"\"accepted\"\" %d\",\n", i, i);
        buf_printf(&text, "%d,\"a name\nin, two lines, of %d\"\n", i, i);
    }
    check_large(&f, buf_slice(&text), 40);
    buf_close(&text);
    parse_feed_close(&f);
}

static void fails_at_the_same_of_too_many_rejects(void **state)
{
    (void)state;
    struct parse_feed f;
    struct buf text;
    parse_feed_open(&f, CSV(""), NULL);
    buf_init(&text, PARSE_TEXT_MAX);
    buf_put_text(&text, "Id,Name\n");
    for (int i = 0; i < REJECTED_ROWS; i++)
        buf_printf(&text, i % 10 ? "no number\n" : "%d,fine\n", i);
    check_large(&f, buf_slice(&text), 2);
    buf_close(&text);
    parse_feed_close(&f);
}

static void cuts_where_a_record_seems_to_begin(void **state)
{
    (void)state;
    struct parse_feed f;
    struct error error = {.kind = ERROR_NONE};
    struct seen seen;
    parse_feed_open(&f, CSV(""), NULL);
    begin(&f, &seen, &error);
    assert_true(feed(&f, f.parser, SLICE("Id,Name\n1,a\n2,"), &seen, &error) && parser_splits(f.parser));
    /* Behind b and c lies no whole record, and behind the line of 4 neither. */
    const struct slice bytes = SLICE("\"b\nc\nd, e\"\n3,f\n4,\"g\n\"\n5,h");
    assert_int_equal(parser_cut(f.parser, bytes, 0), strlen("\"b\nc\nd, e\"\n"));
    assert_int_equal(parser_cut(f.parser, bytes, strlen("\"b\nc\nd, e\"\n")), strlen("\"b\nc\nd, e\"\n3,f\n"));
    assert_int_equal(parser_cut(f.parser, bytes, strlen("\"b\nc\nd, e\"\n3,f\n")), 0);
    assert_int_equal(parser_cut(f.parser, SLICE("b"), 0), 0);
    buf_close(&seen.text);
    parse_feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_to_the_same_wherever_it_is_cut),
        cmocka_unit_test(fills_the_same_batches),
        cmocka_unit_test(fails_at_the_same_of_too_many_rejects),
        cmocka_unit_test(cuts_where_a_record_seems_to_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
