/*
 * Random files against a second opinion: CSV records are made first, written with random quoting and line ends, and
 * must come back as they were made, with row and line; cut and garbled files must end the same way at every chunk size.
 */
#include "parse_testing.h"

enum { FILES = 400, ROWS_MAX = 12, COLUMNS = 4, VALUE_MAX = 12 };

/* xorshift64: the same files in every run. */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 33) % below;
}

static const char texts[] = "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\", \"null\": [\"NULL\"],"
                            "  \"fields\": { \"A\": { \"type\": \"text\" }, \"B\": { \"type\": \"text\" },"
                            "                \"C\": { \"type\": \"text\" }, \"D\": { \"type\": \"text\" } } }";

static void make_value(uint64_t *seed, char value[VALUE_MAX + 1])
{
    static const char letters[] = "ab,\"\n\r \t\xc3\xa9";
    size_t len = draw(seed, VALUE_MAX / 2), at = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t k = draw(seed, 9);
        value[at++] = letters[k];
        if (k == 8)
            value[at++] = letters[9];
    }
    value[at] = '\0';
}

static bool needs_quotes(const char *value)
{
    size_t len = strlen(value);
    return len == 0 || strpbrk(value, ",\"\r\n") || strchr(" \t", value[0]) || strchr(" \t", value[len - 1]);
}

static void put_field(struct buf *out, uint64_t *seed, const char *value)
{
    if (!needs_quotes(value) && draw(seed, 3) > 0) {
        buf_put_text(out, value);
        return;
    }
    buf_put_byte(out, '"');
    for (const char *at = value; *at; at++) {
        if (*at == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, (uint8_t)*at);
    }
    buf_put_byte(out, '"');
}

/* The lines that end in `text`: LF, CR LF and lone CR. */
static size_t count_ends(const char *text)
{
    size_t ends = 0;
    for (const char *at = text; *at; at++)
        ends += *at == '\n' || (*at == '\r' && at[1] != '\n');
    return ends;
}

static void put_end(struct buf *out, uint64_t *seed, size_t *line)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    buf_put_text(out, ends[draw(seed, 3)]);
    /* A CR followed by the next record's own LF would be one end: records here begin with neither. */
    ++*line;
}

static void make_file(uint64_t *seed, struct buf *file, struct buf *rows)
{
    size_t line = 1, count = draw(seed, ROWS_MAX);
    buf_put_text(file, "A,B,C,D");
    put_end(file, seed, &line);
    for (size_t row = 1; row <= count; row++) {
        buf_printf(rows, "%zu@%zu ", row, line);
        size_t before = file->len;
        for (int i = 0; i < COLUMNS; i++) {
            char value[VALUE_MAX + 1];
            make_value(seed, value);
            buf_put_text(file, i > 0 ? "," : "");
            buf_put_text(rows, i > 0 ? "|" : "");
            if (draw(seed, 5) == 0) {
                buf_put_text(rows, "~");
                continue;
            }
            put_field(file, seed, value);
            buf_put_text(rows, value);
        }
        buf_put_text(rows, "\n");
        buf_put_byte(file, '\0');
        line += count_ends(file->data + before);
        file->len--;
        put_end(file, seed, &line);
    }
}

static void reads_back_what_another_writer_wrote(void **state)
{
    (void)state;
    struct parse_feed feed;
    struct buf file, rows;
    uint64_t seed = 88172645463325252u;
    parse_feed_open(&feed, texts, NULL);
    buf_init(&file, PARSE_TEXT_MAX);
    buf_init(&rows, PARSE_TEXT_MAX);
    for (int i = 0; i < FILES; i++) {
        buf_reset(&file);
        buf_reset(&rows);
        make_file(&seed, &file, &rows);
        buf_put_byte(&rows, '\0');
        parse_check(&feed, buf_slice(&file), rows.data, "");
    }
    buf_close(&file);
    buf_close(&rows);
    parse_feed_close(&feed);
}

/* The outcome at one chunk size, all of it as text. */
static void put_outcome(struct parse_feed *feed, struct slice text, size_t chunk, struct buf *out)
{
    struct parse_result result = parse_file(feed, text, chunk, 0);
    if (result.ok) {
        buf_put_slice(out, buf_slice(&result.rows));
        buf_put_slice(out, buf_slice(&result.rejects));
    } else {
        assert_int_equal(result.error.kind, ERROR_DATA);
        buf_put_text(out, result.error.text);
    }
    buf_printf(out, "%ju %ju %zu", (uintmax_t)result.facts.rows, (uintmax_t)result.facts.rejected,
               result.facts.unknown_count);
    parse_result_close(&result);
}

static void garble(uint64_t *seed, struct buf *text)
{
    static const char bytes[] = "\0\xff\"\\{}[],:\n\r 0e-x";
    for (uint32_t i = draw(seed, 4); i-- > 0 && text->len > 0;)
        text->data[draw(seed, (uint32_t)text->len)] = bytes[draw(seed, sizeof bytes - 1)];
    if (draw(seed, 4) == 0)
        text->len = draw(seed, (uint32_t)text->len + 1);
}

static void check_garbled(struct parse_feed *feed, struct slice text, int files)
{
    struct buf copy, one, other;
    uint64_t seed = 2463534242u;
    buf_init(&copy, PARSE_TEXT_MAX);
    buf_init(&one, PARSE_TEXT_MAX);
    buf_init(&other, PARSE_TEXT_MAX);
    for (int i = 0; i < files; i++) {
        buf_reset(&copy);
        buf_put_slice(&copy, text);
        garble(&seed, &copy);
        buf_reset(&one);
        put_outcome(feed, buf_slice(&copy), PARSER_INPUT_MAX, &one);
        for (size_t k = 0; k < 4; k++) {
            buf_reset(&other);
            put_outcome(feed, buf_slice(&copy), 1 + draw(&seed, 20), &other);
            if (!slice_equal(buf_slice(&one), buf_slice(&other)))
                print_error("%.*s\n--- is not ---\n%.*s\n", (int)other.len, other.data, (int)one.len, one.data);
            assert_true(slice_equal(buf_slice(&one), buf_slice(&other)));
        }
    }
    buf_close(&copy);
    buf_close(&one);
    buf_close(&other);
}

static void ends_a_garbled_csv_file_alike_at_every_cut(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed, texts, NULL);
    check_garbled(&feed, SLICE("A,B,\"C\",x,D\r\n1,\"two\nlines\",3,,4\n\n \r,\"a \"\"b\"\"\",c,\"d\",e\r\nf,g,h,i,j"),
                  3000);
    parse_feed_close(&feed);
}

static void ends_a_garbled_json_file_alike_at_every_cut(void **state)
{
    (void)state;
    struct parse_feed feed;
    parse_feed_open(&feed,
                    "{ \"feed\": \"Orders\", \"version\": 1, \"format\": \"json\", \"fields\": {"
                    "  \"A\": { \"type\": \"int64\", \"required\": true }, \"B\": { \"type\": \"text\" },"
                    "  \"C\": { \"type\": \"double\" } } }",
                    NULL);
    check_garbled(&feed,
                  SLICE("[{\"A\":1,\"B\":\"x\\n\\u00e9\",\"C\":1e3},\n{\"A\":2,\"x\":[{},[1,\"]\"]]},\n null,"
                        "{\"B\":null,\"A\":\"3\",\"C\":-0.5}\n]"),
                  5000);
    check_garbled(&feed, SLICE("{\"A\":1,\"B\":\"x\"}\n{\"A\":2,\"C\":3.25}\n{\"A\":3}"), 5000);
    parse_feed_close(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_another_writer_wrote),
        cmocka_unit_test(ends_a_garbled_csv_file_alike_at_every_cut),
        cmocka_unit_test(ends_a_garbled_json_file_alike_at_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
