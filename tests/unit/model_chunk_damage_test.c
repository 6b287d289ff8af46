/* Bytes that no writer of chunks wrote: what is corrupt is found, and nothing is read beside them. */
#include "model_chunks.h"

/* Reads a copy on the heap to its end, so that AddressSanitizer sees any read outside; returns the last result. */
static enum chunk_result read_all(const struct feed *feed, const void *bytes, size_t len, size_t *rows)
{
    char *copy = testing_heap(bytes, len);
    struct chunk_reader reader;
    chunk_reader_init(&reader, feed, (struct slice){copy, len});
    struct value values[FIELDS_MAX];
    enum chunk_result result;
    uint64_t row = 0, line = 0;
    *rows = 0;
    while ((result = chunk_next(&reader, values)) == CHUNK_ROW) {
        assert_true(reader.row >= row && reader.row > 0 && reader.line >= line);
        row = reader.row;
        line = reader.line;
        for (size_t i = 0; i < feed->field_count; i++) {
            enum value_kind kind = feed->fields[i].type.kind;
            if (values[i].null)
                continue;
            if (kind == VALUE_TEXT && values[i].text.len > 0) {
                assert_true(values[i].text.len <= TEXT_VALUE_MAX);
                assert_true(values[i].text.data > copy && values[i].text.data + values[i].text.len <= copy + len);
            }
            if (kind == VALUE_DOUBLE)
                assert_true(isfinite(values[i].d));
        }
        (*rows)++;
    }
    if (result == CHUNK_CORRUPT) {
        const char *at = reader.at;
        assert_int_equal(chunk_next(&reader, values), CHUNK_CORRUPT);
        assert_ptr_equal(reader.at, at);
        assert_int_equal(reader.row, row);
    }
    free(copy);
    return result;
}

#define assert_corrupt(kind, bytes)                                                                                    \
    do {                                                                                                               \
        struct fixture f_;                                                                                             \
        size_t rows_;                                                                                                  \
        fixture_one(&f_, kind);                                                                                        \
        assert_int_equal(read_all(&f_.feed, bytes, sizeof(bytes) - 1, &rows_), CHUNK_CORRUPT);                         \
        assert_int_equal(rows_, 0);                                                                                    \
    } while (0)

static void finds_each_way_of_being_corrupt(void **state)
{
    (void)state;
    assert_corrupt(VALUE_INT64, "\0\1\0\2");                                               /* row 0 */
    assert_corrupt(VALUE_INT64, "\1");                                                     /* no line */
    assert_corrupt(VALUE_INT64, "\1\1");                                                   /* no nulls */
    assert_corrupt(VALUE_INT64, "\1\1\0");                                                 /* no value */
    assert_corrupt(VALUE_INT64, "\1\1\2\2");                                               /* null bit of no field */
    assert_corrupt(VALUE_INT64, "\1\1\0\x80");                                             /* cut varint */
    assert_corrupt(VALUE_INT64, "\1\1\0\x80\0");                                           /* overlong varint */
    assert_corrupt(VALUE_INT64, "\1\1\0\x80\0........");                                   /* the same, inside */
    assert_corrupt(VALUE_INT64, "\1\1\0\x81\x82\x83\0........");                           /* the same, longer */
    assert_corrupt(VALUE_INT64, "\x80\0\1\0\2........");                                   /* overlong row */
    assert_corrupt(VALUE_INT64, "\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");         /* beyond 64 bits */
    assert_corrupt(VALUE_INT64, "\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01...."); /* eleven bytes */
    assert_corrupt(VALUE_TEXT, "\1\1\0\3ab");                                              /* cut text */
    assert_corrupt(VALUE_TEXT, "\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");          /* length of 2^64 - 1 */
    assert_corrupt(VALUE_DOUBLE, "\1\1\0\0\0\0\0\0\0\0");                                  /* seven bytes */
    assert_corrupt(VALUE_DOUBLE, "\1\1\0\0\0\0\0\0\0\xf8\x7f");                            /* NaN */
    assert_corrupt(VALUE_DOUBLE, "\1\1\0\0\0\0\0\0\0\xf0\xff");                            /* infinity */
    assert_corrupt(VALUE_BOOL, "\1\1\0\4");                                                /* 2 */
    assert_corrupt(VALUE_BOOL, "\1\1\0\1");                                                /* -1 */
    assert_corrupt(VALUE_DATE, "\1\1\0\xff\xff\xff\xff\x0f");                              /* far away */
    assert_corrupt(VALUE_TIMESTAMP, "\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");     /* INT64_MIN */
    assert_corrupt(VALUE_DECIMAL, "\1\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

static void bounds_the_length_of_a_text(void **state)
{
    (void)state;
    struct fixture f;
    fixture_one(&f, VALUE_TEXT);
    size_t len = TEXT_VALUE_MAX + 8, rows;
    char *bytes = malloc(len);
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    memcpy(bytes, "\1\1\0\x80\x80\4", 6); /* 65536 */
    assert_int_equal(read_all(&f.feed, bytes, TEXT_VALUE_MAX + 6, &rows), CHUNK_END);
    assert_int_equal(rows, 1);
    memcpy(bytes, "\1\1\0\x81\x80\4", 6); /* 65537 */
    assert_int_equal(read_all(&f.feed, bytes, TEXT_VALUE_MAX + 7, &rows), CHUNK_CORRUPT);
    free(bytes);
}

static void bounds_the_length_of_a_row(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, FIELDS_MAX);
    size_t len = 5, rows, text = TEXT_VALUE_MAX + 3;
    char *bytes = calloc(1, len + FIELDS_MAX * text);
    assert_non_null(bytes);
    memcpy(bytes, "\1\1", 2);
    for (size_t i = 0; i < FIELDS_MAX; i++, len += text) {
        f.fields[i].type = (struct value_type){.kind = VALUE_TEXT};
        memcpy(bytes + len, "\x80\x80\4", 3); /* 65536 */
    }
    assert_true(len > CHUNK_ROW_MAX && len - text + 1 < CHUNK_ROW_MAX);
    assert_int_equal(read_all(&f.feed, bytes, len, &rows), CHUNK_CORRUPT);
    bytes[len - text] = 0; /* the last text is empty */
    assert_int_equal(read_all(&f.feed, bytes, len - text + 1, &rows), CHUNK_END);
    assert_int_equal(rows, 1);
    free(bytes);
}

static void tells_row_numbers_that_wrap(void **state)
{
    (void)state;
    struct fixture f;
    fixture_one(&f, VALUE_INT64);
    size_t rows;
    static const char wraps_row[] = "\1\1\0\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\1\0\2";
    assert_int_equal(read_all(&f.feed, wraps_row, sizeof wraps_row - 1, &rows), CHUNK_CORRUPT);
    assert_int_equal(rows, 1);
    static const char wraps_line[] = "\1\1\0\2\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\2";
    assert_int_equal(read_all(&f.feed, wraps_line, sizeof wraps_line - 1, &rows), CHUNK_CORRUPT);
    assert_int_equal(rows, 1);
}

/* Some rows in one chunk, for the tests that damage it. */
static void write_rows(struct chunk_writer *writer, const struct fixture *f, size_t rows, uint64_t seed)
{
    chunk_writer_init(writer, &f->feed);
    static const char text[] = "some text to point into";
    for (size_t r = 1; r <= rows; r++) {
        struct value values[FIELDS_MAX];
        for (size_t i = 0; i < f->feed.field_count; i++)
            values[i] = random_value(f->fields[i].type.kind, text, sizeof text, &seed);
        assert_true(chunk_put(writer, r, r, values));
    }
}

static void is_corrupt_wherever_it_is_cut_inside_a_row(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, FIELDS_MAX);
    struct chunk_writer writer;
    write_rows(&writer, &f, 10, 42);
    size_t whole = 0, rows;
    for (size_t len = 0; len <= writer.buf.len; len++) {
        enum chunk_result result = read_all(&f.feed, writer.buf.data, len, &rows);
        whole += result == CHUNK_END;
        assert_true(rows <= 10);
    }
    /* Behind each of the ten rows, and before the first. */
    assert_int_equal(whole, 11);
    chunk_writer_close(&writer);
}

static void reads_damaged_bytes_without_harm(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (size_t fields = 0; fields <= FIELDS_MAX; fields++) {
        struct fixture f;
        fixture_init(&f, fields);
        struct chunk_writer writer;
        write_rows(&writer, &f, 10, seed);
        size_t corrupt = 0, rows;
        for (int round = 0; round < 1000; round++) {
            size_t at = testing_random(&seed) % writer.buf.len;
            char kept = writer.buf.data[at];
            writer.buf.data[at] = (char)testing_random(&seed);
            corrupt += read_all(&f.feed, writer.buf.data, writer.buf.len, &rows) == CHUNK_CORRUPT;
            writer.buf.data[at] = kept;
        }
        assert_true(fields == 0 || corrupt > 0);
        assert_int_equal(read_all(&f.feed, writer.buf.data, writer.buf.len, &rows), CHUNK_END);
        assert_int_equal(rows, 10);
        chunk_writer_close(&writer);
    }
}

static void reads_random_bytes_without_harm(void **state)
{
    (void)state;
    uint64_t seed = 6;
    size_t rows, read = 0;
    for (int round = 0; round < 20000; round++) {
        struct fixture f;
        fixture_init(&f, testing_random(&seed) % (FIELDS_MAX + 1));
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            uint64_t any = testing_random(&seed);
            bytes[i] = (uint8_t)(any >> 8 & (any % 3 == 0 ? 0xff : 3));
        }
        read_all(&f.feed, bytes, testing_random(&seed) % (sizeof bytes + 1), &rows);
        read += rows;
    }
    assert_true(read > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_way_of_being_corrupt),
        cmocka_unit_test(bounds_the_length_of_a_text),
        cmocka_unit_test(bounds_the_length_of_a_row),
        cmocka_unit_test(tells_row_numbers_that_wrap),
        cmocka_unit_test(is_corrupt_wherever_it_is_cut_inside_a_row),
        cmocka_unit_test(reads_damaged_bytes_without_harm),
        cmocka_unit_test(reads_random_bytes_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
