/* gzip and zstd in front of the readers: what is packed reads like what is not, and damage of any kind fails the
   file. */
#include "parse_testing.h"

#include <zlib.h>
#include <zstd.h>

#include "parse/unpack.h"

static const char orders[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\","
                             "  \"fields\": { \"Id\": { \"type\": \"int64\", \"required\": true },"
                             "                \"Name\": { \"type\": \"text\" } } }";

#define TEXT    SLICE("Id,Name\n1,a\n2,\"b\nc\"\nx,d\n")
#define ROWS    "1@2 1|a\n2@3 2|b\nc\n"
#define REJECTS "3@5:1 Id: found \"x\", expected an integer [x,d]\n"

struct fixture {
    struct parse_feed feed;
    struct buf packed, text;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    parse_feed_open(&f->feed, orders, NULL);
    buf_init(&f->packed, 4 * (size_t)PARSE_TEXT_MAX);
    buf_init(&f->text, 4 * (size_t)PARSE_TEXT_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    parse_feed_close(&f->feed);
    buf_close(&f->packed);
    buf_close(&f->text);
    free(f);
    return 0;
}

static void put_gzip(struct buf *out, struct slice text)
{
    z_stream z = {.avail_in = (uInt)text.len};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.len);
    z.next_in = (Bytef *)(uintptr_t)text.data;
    z.next_out = (Bytef *)buf_reserve(out, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

static void put_zstd(struct buf *out, struct slice text, int window_log)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(text.len);
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    if (window_log > 0)
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log);
    ZSTD_inBuffer in = {text.data, text.len, 0};
    ZSTD_outBuffer to = {buf_reserve(out, room), room, 0};
    while (ZSTD_compressStream2(z, &to, &in, ZSTD_e_end) != 0)
        assert_true(to.pos < room);
    out->len += to.pos;
    ZSTD_freeCCtx(z);
}

static void put(struct buf *out, enum unpack_kind kind, struct slice text)
{
    if (kind == UNPACK_GZIP)
        put_gzip(out, text);
    else
        put_zstd(out, text, 0);
}

static const enum unpack_kind kinds[] = {UNPACK_GZIP, UNPACK_ZSTD};

static void reads_a_packed_file_like_another(void **state)
{
    struct fixture *f = *state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        buf_reset(&f->packed);
        put(&f->packed, kinds[k], TEXT);
        parse_check(&f->feed, buf_slice(&f->packed), ROWS, REJECTS);
    }
    parse_check(&f->feed, TEXT, ROWS, REJECTS);
}

static void reads_several_members_as_one_text(void **state)
{
    struct fixture *f = *state;
    struct slice text = TEXT;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        buf_reset(&f->packed);
        put(&f->packed, kinds[k], (struct slice){text.data, 10});
        put(&f->packed, kinds[k], SLICE(""));
        put(&f->packed, kinds[k], (struct slice){text.data + 10, text.len - 10});
        parse_check(&f->feed, buf_slice(&f->packed), ROWS, REJECTS);
    }
}

/* Every cut fails: none is taken for a shorter file. */
static void refuses_a_file_that_is_cut(void **state)
{
    struct fixture *f = *state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        buf_reset(&f->packed);
        put(&f->packed, kinds[k], TEXT);
        for (size_t len = UNPACK_MAGIC_MAX; len < f->packed.len; len++) {
            struct parse_result result = parse_file(&f->feed, (struct slice){f->packed.data, len}, 7, 0);
            char wanted[128];
            snprintf(wanted, sizeof wanted, "found the end of the file at byte %zu, expected more %s data: it is cut",
                     len + 1, kinds[k] == UNPACK_GZIP ? "gzip" : "zstd");
            assert_false(result.ok);
            assert_string_equal(result.error.text, wanted);
            parse_result_close(&result);
        }
    }
}

/* Of each byte one bit at a time: a wrong byte may be one that says nothing (a time, a name's flag), but never changes
   rows. */
static void never_reads_other_rows_from_a_damaged_file(void **state)
{
    struct fixture *f = *state;
    size_t found = 0, harmless = 0;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        buf_reset(&f->packed);
        put(&f->packed, kinds[k], TEXT);
        for (size_t bit = 8 * UNPACK_MAGIC_MAX; bit < 8 * f->packed.len; bit++) {
            f->packed.data[bit / 8] ^= (char)(1 << bit % 8);
            struct parse_result result = parse_file(&f->feed, buf_slice(&f->packed), PARSER_INPUT_MAX, 0);
            if (result.ok) {
                assert_slice(buf_slice(&result.rows), ROWS);
                assert_slice(buf_slice(&result.rejects), REJECTS);
                harmless++;
            } else {
                assert_int_equal(result.error.kind, ERROR_DATA);
                found++;
            }
            parse_result_close(&result);
            f->packed.data[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    assert_true(found > 6 * harmless);
}

static void tells_what_is_damaged_and_where(void **state)
{
    struct fixture *f = *state;
    put_gzip(&f->packed, TEXT);
    size_t crc = f->packed.len - 8;
    f->packed.data[crc] ^= 1;
    struct parse_result result = parse_file(&f->feed, buf_slice(&f->packed), PARSER_INPUT_MAX, 0);
    char wanted[160];
    snprintf(wanted, sizeof wanted,
             "found damaged gzip data before byte %zu of the file (incorrect data check), expected it whole", crc + 5);
    assert_string_equal(result.error.text, wanted);
    parse_result_close(&result);
    buf_reset(&f->packed);
    put_zstd(&f->packed, TEXT, 0);
    f->packed.data[f->packed.len - 1] ^= 1;
    result = parse_file(&f->feed, buf_slice(&f->packed), 1, 0);
    assert_error(&result.error, ERROR_DATA, "found damaged zstd data before byte ");
    assert_non_null(strstr(result.error.text, "checksum"));
    snprintf(wanted, sizeof wanted, "before byte %zu of", f->packed.len + 1);
    assert_non_null(strstr(result.error.text, wanted));
    parse_result_close(&result);
}

static void refuses_what_stands_behind_the_end(void **state)
{
    struct fixture *f = *state;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        buf_reset(&f->packed);
        put(&f->packed, kinds[k], TEXT);
        char wanted[128];
        snprintf(wanted, sizeof wanted,
                 "found other data behind the %s data, at byte %zu, expected the file to end there",
                 kinds[k] == UNPACK_GZIP ? "gzip" : "zstd", f->packed.len + 1);
        buf_put_text(&f->packed, "more\n");
        struct parse_result result = parse_file(&f->feed, buf_slice(&f->packed), PARSER_INPUT_MAX, 0);
        assert_false(result.ok);
        assert_string_equal(result.error.text, wanted);
        parse_result_close(&result);
    }
}

static void says_that_a_place_is_one_in_the_unpacked_text(void **state)
{
    struct fixture *f = *state;
    put_gzip(&f->packed, SLICE("Id,Name\n1,\"a"));
    parse_check_fails(
        &f->feed, buf_slice(&f->packed),
        "2:3: the quote that opens here never closes: found the end of the file, expected a quote (a place in the "
        "unpacked text)");
    buf_reset(&f->packed);
    put_zstd(&f->packed, SLICE("x\n1\n"), 0);
    parse_check_fails(
        &f->feed, buf_slice(&f->packed),
        "1:1: fits no descriptor of Orders: 1.json lacks Id (found \"x\") (a place in the unpacked text)");
}

static void refuses_an_empty_text(void **state)
{
    struct fixture *f = *state;
    put_gzip(&f->packed, SLICE(""));
    parse_check_fails(&f->feed, buf_slice(&f->packed), "empty file, expected a header line");
}

static void takes_other_first_bytes_for_text(void **state)
{
    struct fixture *f = *state;
    parse_check_fails(&f->feed, SLICE("\x1f\x8b\n1\n"),
                      "1:1: fits no descriptor of Orders: 1.json lacks Id (found \"\\x1f\\x8b\")");
    parse_check_fails(&f->feed, SLICE("(\xb5/\n1\n"),
                      "1:1: fits no descriptor of Orders: 1.json lacks Id (found \"(\\xb5/\")");
}

static void put_rows(struct buf *text, size_t bytes)
{
    buf_put_text(text, "Id,Name\n");
    while (text->len < bytes)
        buf_put_text(text, "7,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
}

/* Lines of blanks without end: nothing in the text itself would end it. */
static void refuses_a_file_that_expands_too_far(void **state)
{
    struct fixture *f = *state;
    size_t size = 2 * (size_t)UNPACK_FREE_MAX;
    buf_put_text(&f->text, "Id\n");
    memset(buf_reserve(&f->text, size), ' ', size);
    for (size_t i = 10000; i < size; i += 10000)
        f->text.data[f->text.len + i] = '\n';
    f->text.len += size;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        buf_reset(&f->packed);
        put(&f->packed, kinds[k], buf_slice(&f->text));
        assert_true(f->packed.len * UNPACK_RATIO_MAX < UNPACK_FREE_MAX);
        char wanted[160];
        snprintf(
            wanted, sizeof wanted,
            "found %s data that unpacks to more than 200 times its size (and more than 64 MiB), expected less: most "
            "likely made to fill disks",
            kinds[k] == UNPACK_GZIP ? "gzip" : "zstd");
        struct parse_result result = parse_file(&f->feed, buf_slice(&f->packed), PARSER_INPUT_MAX, 0);
        assert_false(result.ok);
        assert_string_equal(result.error.text, wanted);
        parse_result_close(&result);
    }
}

/* A block of 64 KiB unpacks to far more than a batch: it does so only as batches are taken. */
static void unpacks_as_batches_are_taken(void **state)
{
    struct fixture *f = *state;
    struct parser *parser = parse_parser(&f->feed);
    struct error error = {0};
    size_t batches = 0, most = 0;
    put_rows(&f->text, UNPACK_FREE_MAX / 2);
    put_zstd(&f->packed, buf_slice(&f->text), 0);
    assert_true(f->packed.len < PARSER_INPUT_MAX);
    parser_start(parser, 0);
    assert_ok(parser_feed(parser, buf_slice(&f->packed), &error), &error);
    while (parser_full(parser)) {
        struct batch *batch;
        assert_ok(parser_take(parser, &batch, &error), &error);
        most = batch_bytes(batch) > most ? batch_bytes(batch) : most;
        batch_free(batch);
        batches++;
    }
    assert_true(batches > 4);
    assert_true(most < 16 * 1024 * 1024);
    assert_ok(parser_finish(parser, &error), &error);
}

/* Damage found while batches are taken fails the taking. */
static void fails_while_batches_are_taken(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, UNPACK_FREE_MAX / 2);
    put_gzip(&f->packed, buf_slice(&f->text));
    f->packed.data[f->packed.len - 6] ^= 1;
    struct parser *parser = parse_parser(&f->feed);
    struct error error = {0};
    struct batch *batch = NULL;
    bool ok = true;
    parser_start(parser, 0);
    for (size_t at = 0; ok && at < f->packed.len; at += PARSER_INPUT_MAX) {
        size_t len = f->packed.len - at < PARSER_INPUT_MAX ? f->packed.len - at : PARSER_INPUT_MAX;
        assert_ok(parser_feed(parser, (struct slice){f->packed.data + at, len}, &error), &error);
        while (ok && parser_full(parser)) {
            ok = parser_take(parser, &batch, &error);
            batch_free(ok ? batch : NULL);
        }
    }
    assert_false(ok);
    assert_null(batch);
    assert_error(&error, ERROR_DATA, "found damaged gzip data");
    assert_false(parser_finish(parser, &error));
    assert_int_equal(error.kind, ERROR_BUG);
}

static void bounds_the_window_of_zstd(void **state)
{
    struct fixture *f = *state;
    put_rows(&f->text, 10 * 1024 * 1024);
    put_zstd(&f->packed, buf_slice(&f->text), UNPACK_WINDOW_LOG);
    struct parse_result result = parse_file(&f->feed, buf_slice(&f->packed), PARSER_INPUT_MAX, 0);
    assert_ok(result.ok, &result.error);
    parse_result_close(&result);
    buf_reset(&f->packed);
    put_zstd(&f->packed, buf_slice(&f->text), UNPACK_WINDOW_LOG + 1);
    parse_check_fails(&f->feed, buf_slice(&f->packed),
                      "found zstd data that needs a window of more than 8 MiB, expected at most that: pack it without "
                      "--long and --ultra");
}

/* One parser reads packed and other files in turn, whatever became of the one before. */
static void starts_anew_after_any_file(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            buf_reset(&f->packed);
            put(&f->packed, kinds[k], TEXT);
            struct parse_result result = parse_file(&f->feed, (struct slice){f->packed.data, f->packed.len / 2}, 3, 0);
            assert_false(result.ok);
            parse_result_close(&result);
            result = parse_file(&f->feed, buf_slice(&f->packed), 3, 0);
            assert_ok(result.ok, &result.error);
            assert_slice(buf_slice(&result.rows), ROWS);
            parse_result_close(&result);
            result = parse_file(&f->feed, TEXT, 3, 0);
            assert_slice(buf_slice(&result.rows), ROWS);
            parse_result_close(&result);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_a_packed_file_like_another),
        TEST(reads_several_members_as_one_text),
        TEST(refuses_a_file_that_is_cut),
        TEST(never_reads_other_rows_from_a_damaged_file),
        TEST(tells_what_is_damaged_and_where),
        TEST(refuses_what_stands_behind_the_end),
        TEST(says_that_a_place_is_one_in_the_unpacked_text),
        TEST(refuses_an_empty_text),
        TEST(takes_other_first_bytes_for_text),
        TEST(refuses_a_file_that_expands_too_far),
        TEST(unpacks_as_batches_are_taken),
        TEST(fails_while_batches_are_taken),
        TEST(bounds_the_window_of_zstd),
        TEST(starts_anew_after_any_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
