/*
 * A file read by several threads comes to what one reads: rows, rejects, batches, facts, message, digest. Files are in
 * memory; the threads are real.
 */
#include "parse_testing.h"

#include <unistd.h>

#include "failing_malloc.h"
#include "feed/parts.h"

enum {
    FILE_BYTES = 250 * 1000,
    SHORT_BYTES = 90 * 1000, /* of a file that is read many times */
    STRIDE = 23,
    HANGS_AFTER = 300 /* seconds */
};

static const char descriptor[] =
    "{\"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\","
    " \"fields\": {\"Id\": {\"type\": \"int64\", \"required\": true},"
    "              \"Name\": {\"type\": \"text\"}, \"Size\": {\"type\": \"int64\", \"on_error\": \"null\"}}}";

struct fixture {
    struct parse_feed feed;
    struct buf text;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    parse_feed_open(&f->feed, descriptor, NULL);
    buf_init(&f->text, PARSE_TEXT_MAX);
    (void)alarm(HANGS_AFTER);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)alarm(0);
    buf_close(&f->text);
    parse_feed_close(&f->feed);
    free(f);
    return 0;
}

/* A reading on its way. */
struct course {
    struct parse_feed *feed;
    struct parser *parser;
    struct slice file;
    size_t at; /* bytes of it that were read */
    bool ok;
    struct buf seen;
    struct digester digester;
    struct error error;
    size_t fed, taken; /* pieces */
};

static void take_batch(struct course *c)
{
    struct batch *batch = NULL;
    assert_ok(parser_take(c->parser, &batch, &c->error), &c->error);
    if (!batch)
        return;
    buf_printf(&c->seen, "--- %u rows\n", batch->chunk.rows);
    parse_print_rows(&c->feed->feed, batch, &c->seen);
    parse_print_rejects(batch, &c->seen);
    batch_free(batch);
}

static void take_full(struct course *c)
{
    while (c->ok && parser_full(c->parser))
        take_batch(c);
}

static void feed(struct course *c, struct slice bytes)
{
    for (size_t at = 0, len; c->ok && at < bytes.len; at += len) {
        len = bytes.len - at < PARSER_INPUT_MAX ? bytes.len - at : PARSER_INPUT_MAX;
        c->ok = parser_feed(c->parser, (struct slice){bytes.data + at, len}, &c->error);
        take_full(c);
    }
}

/* The first block, by this thread, as intake.c does it. */
static struct slice begin(struct course *c, struct parse_feed *feed_of, struct slice file)
{
    size_t len = file.len < PARSER_INPUT_MAX ? file.len : PARSER_INPUT_MAX;
    *c = (struct course){.feed = feed_of, .parser = parse_parser(feed_of), .file = file, .at = len, .ok = true};
    buf_init(&c->seen, PARSE_TEXT_MAX);
    assert_true(digester_init(&c->digester, &c->error));
    parser_start(c->parser, 0);
    struct slice head = {file.data, len};
    digester_add(&c->digester, head);
    feed(c, head);
    return head;
}

static void end(struct course *c)
{
    char hex[DIGEST_HEX_SIZE];
    struct file_facts facts = {.rows = 0};
    struct digest digest = digester_take(&c->digester);
    if (c->ok)
        c->ok = parser_finish(c->parser, &c->error);
    if (c->ok)
        take_batch(c);
    else
        buf_reset(&c->seen); /* batches are void then */
    arena_init(&facts.arena, PARSE_TEXT_MAX);
    assert_true(parser_facts(c->parser, &facts));
    digest_hex(&digest, hex);
    buf_printf(&c->seen, "--- %s %s %ju %ju %zu ", hex, c->ok ? "ok" : c->error.text, (uintmax_t)facts.rows,
               (uintmax_t)facts.rejected, facts.unknown_count);
    buf_put_slice(&c->seen, facts.note);
    arena_close(&facts.arena);
    assert_false(c->seen.failed);
}

static struct course read_alone(struct fixture *f)
{
    struct course c;
    begin(&c, &f->feed, buf_slice(&f->text));
    struct slice rest = {f->text.data + c.at, f->text.len - c.at};
    digester_add(&c.digester, rest);
    feed(&c, rest);
    end(&c);
    return c;
}

static void fill(struct course *c, struct parts *parts, struct parts_bytes room)
{
    size_t left = c->file.len - c->at, len = left < room.len ? left : room.len;
    memcpy(room.data, c->file.data + c->at, len);
    c->at += len;
    parts_filled(parts, len, len < room.len);
}

static void go_on(struct course *c, struct parts *parts)
{
    struct parts_bytes bytes;
    for (;;) {
        bool good = c->ok;
        switch (parts_next(parts, &bytes, &c->error)) {
        case PARTS_FILL:
            fill(c, parts, bytes);
            break;
        case PARTS_FEED:
            c->fed++;
            feed(c, (struct slice){bytes.data, bytes.len});
            break;
        case PARTS_TAKE:
            c->taken++;
            take_full(c);
            break;
        case PARTS_END:
            return;
        case PARTS_FAILED:
            c->ok = false;
        }
        if (!c->ok && c->error.kind == ERROR_MEMORY)
            return;
        if (good && !c->ok)
            parts_hash_only(parts);
    }
}

static struct course read_together(struct fixture *f, unsigned helpers, size_t piece)
{
    struct course c;
    struct slice head = begin(&c, &f->feed, buf_slice(&f->text));
    struct parts *parts = parts_start(c.parser, head, &c.digester, helpers, piece);
    assert_non_null(parts);
    go_on(&c, parts);
    parts_end(parts);
    end(&c);
    return c;
}

/* The pieces that were joined and fed, of the smallest size: what the test is about was there. */
static struct course check(struct fixture *f)
{
    static const struct {
        unsigned helpers;
        size_t piece;
    } ways[] = {{1, 100000}, {PARTS_HELPERS_MAX, 10000}, {2, 3000}};
    struct course alone = read_alone(f), last = {.fed = 0};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        last = read_together(f, ways[i].helpers, ways[i].piece);
        parse_assert_alike(buf_slice(&alone.seen), buf_slice(&last.seen));
        buf_close(&last.seen);
    }
    buf_close(&alone.seen);
    return last;
}

/* Rows of all kinds that do not fail a file. */
static void put_rows(struct buf *text, size_t bytes)
{
    if (text->len == 0)
        buf_put_text(text, "Id,Name,Size,More\n");
    for (int i = 0; text->len < bytes; i++) {
        if (i % 7 == 0)
            buf_printf(text, "%d,\"two\nlines, \"\"%d\"\"\",%d,\r\n", i, i, i);
        else if (i % 11 == 0)
            buf_printf(text, "none,\"\n%d\",1,\n", i);
        else if (i % 13 == 0)
            buf_printf(text, "%d,too,many,fields,here\n\n \t\n", i);
        else if (i % 17 == 0)
            buf_printf(text, "%d, blanks ,odd,\r", i);
        else
            buf_printf(text, "%d,plain %d,%d,\n", i, i, i);
    }
}

static void joins_what_others_read(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, FILE_BYTES);
    struct course c = check(f);
    assert_true(c.ok && c.taken > 45);
    buf_put_text(&f->text, "7,no line end,7,");
    assert_true(check(f).ok);
}

static void feeds_what_begins_nowhere(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, PARSER_INPUT_MAX * 2);
    buf_put_text(&f->text, "1,\"");
    for (size_t to = f->text.len + 60000; f->text.len < to;)
        buf_put_text(&f->text, "a line of a long text\n");
    buf_put_text(&f->text, "\",1,\n");
    put_rows(&f->text, FILE_BYTES);
    struct course c = check(f);
    assert_true(c.ok && c.fed > 10 && c.taken > 30);
}

/* Lines that look like records, but are text. */
static void is_not_misled(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, PARSER_INPUT_MAX * 2);
    for (int i = 0; i < 5; i++) {
        buf_put_text(&f->text, "1,\"");
        for (size_t to = f->text.len + 50000; f->text.len < to;)
            buf_put_text(&f->text, "2,within,3,4\n");
        buf_put_text(&f->text, "\",1,\n");
    }
    put_rows(&f->text, FILE_BYTES);
    struct course c = check(f);
    assert_true(c.ok && c.fed > 10 && c.taken > 5);
}

static void reads_alone_what_has_no_lines(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, FILE_BYTES);
    for (size_t i = 0; i < f->text.len; i++)
        if (f->text.data[i] == '\n')
            f->text.data[i] = '\r';
    struct course c = check(f);
    assert_true(c.ok && c.taken == 0);
}

static void tells_the_same_of_a_bad_file(void **state)
{
    static const char *const ends[] = {"8,a\"quote,8,\n", "8,\"closed\" too early,8,\n", "8,\"never closed,8,\n"};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        buf_reset(&f->text);
        put_rows(&f->text, FILE_BYTES / 2);
        buf_put_text(&f->text, ends[i]);
        put_rows(&f->text, FILE_BYTES);
        struct course c = check(f);
        assert_true(!c.ok && c.taken > 5);
    }
}

static void keeps_the_limit_of_rejects(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, FILE_BYTES);
    f->feed.feed.limits = (struct feed_limits){.by_count = true, .count = 900};
    struct course c = check(f);
    assert_true(!c.ok && c.taken > 10);
    f->feed.feed.limits = (struct feed_limits){.by_percent = true, .percent = 1, .percent_text = "1"};
    c = check(f);
    assert_true(!c.ok && c.taken > 45);
}

/* A part that fills a batch is not kept. */
static void feeds_what_is_nearly_all_rejected(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, PARSER_INPUT_MAX * 2);
    for (int i = 0; i < 10 * BATCH_REJECTS_MAX; i++)
        buf_put_text(&f->text, "none,,,\n"); /* a block ends behind one */
    put_rows(&f->text, FILE_BYTES);
    struct course c = check(f);
    assert_true(c.ok && c.taken > 30);
}

/* What its parser was fed is bad at once, or of another format. */
static void hashes_what_is_not_parsed(void **state)
{
    struct fixture *f = *state;
    buf_put_text(&f->text, "Other,Columns\n");
    put_rows(&f->text, FILE_BYTES);
    struct course c = check(f);
    assert_true(!c.ok && c.taken == 0);
}

/* Threads are ended in the midst of it. */
static void ends_at_any_time(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, FILE_BYTES);
    for (size_t steps = 0; steps < 60; steps += 7) {
        struct course c;
        struct parts_bytes bytes;
        struct slice head = begin(&c, &f->feed, buf_slice(&f->text));
        struct parts *parts = parts_start(c.parser, head, &c.digester, 2, 3000);
        assert_non_null(parts);
        for (size_t i = 0; i < steps; i++) {
            enum parts_step step = parts_next(parts, &bytes, &c.error);
            if (step == PARTS_FILL)
                fill(&c, parts, bytes);
            else if (step == PARTS_FEED)
                feed(&c, (struct slice){bytes.data, bytes.len});
        }
        parts_end(parts);
        digester_close(&c.digester);
        buf_close(&c.seen);
    }
}

/* A sanitizer ends the process when it has no memory for a new thread. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Some allocation fails, of any thread: the file is read all the same, or memory is out. */
static void is_as_ever_or_memory_is_out(void **state)
{
    struct fixture *f = *state;
    if (IS_SANITIZED)
        skip();
    unsigned long out = 0, read = 0;
    put_rows(&f->text, SHORT_BYTES);
    struct course alone = read_alone(f);
    for (struct failing failing = {.stride = STRIDE}; failing_next(&failing);) {
        struct course c;
        struct slice head = begin(&c, &f->feed, buf_slice(&f->text));
        assert_non_null(buf_reserve(&c.seen, alone.seen.len)); /* what the test keeps does not fail */
        failing_begin(&failing);
        struct parts *parts = parts_start(c.parser, head, &c.digester, 1, 3000);
        if (parts) {
            go_on(&c, parts);
            parts_end(parts);
        }
        bool hit = failing_end(&failing);
        if (c.error.kind == ERROR_MEMORY) {
            assert_true(hit && !c.ok);
            out++;
            digester_close(&c.digester);
        } else if (parts) {
            read += hit;
            end(&c);
            parse_assert_alike(buf_slice(&alone.seen), buf_slice(&c.seen));
        } else {
            digester_close(&c.digester);
        }
        buf_close(&c.seen);
    }
    buf_close(&alone.seen);
    assert_true(out > 0 && read > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(joins_what_others_read),
        TEST(feeds_what_begins_nowhere),
        TEST(is_not_misled),
        TEST(reads_alone_what_has_no_lines),
        TEST(tells_the_same_of_a_bad_file),
        TEST(keeps_the_limit_of_rejects),
        TEST(feeds_what_is_nearly_all_rejected),
        TEST(hashes_what_is_not_parsed),
        TEST(ends_at_any_time),
        TEST(is_as_ever_or_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
