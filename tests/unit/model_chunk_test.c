#include "testing.h"

#include <math.h>

#include "base/hash.h"
#include "model/chunk.h"
#include "model/timestamp.h"

enum { KINDS = VALUE_TIMESTAMP + 1, FIELDS_MAX = 17 };

/* A feed of `count` fields whose kinds go round. */
struct fixture {
    struct feed feed;
    struct feed_field fields[FIELDS_MAX];
};

static void fixture_init(struct fixture *f, size_t count)
{
    *f = (struct fixture){.feed = {.name = "Orders", .field_count = count}};
    f->feed.fields = f->fields;
    for (size_t i = 0; i < count; i++) {
        enum value_kind kind = (enum value_kind)(i % KINDS);
        f->fields[i] = (struct feed_field){.name = "field", .type = {.kind = kind}, .min = INT64_MIN, .max = INT64_MAX};
        if (kind == VALUE_DECIMAL)
            f->fields[i].type = (struct value_type){VALUE_DECIMAL, 18, 2};
    }
}

/* A feed of one field. */
static void fixture_one(struct fixture *f, enum value_kind kind)
{
    fixture_init(f, 1);
    f->fields[0].type = (struct value_type){.kind = kind};
}

static uint64_t next_random(uint64_t *state)
{
    return hash_u64((*state)++);
}

/* Of any magnitude, inside what a decimal, date or timestamp holds. */
static int64_t random_integer(enum value_kind kind, uint64_t *seed)
{
    int64_t any = (int64_t)next_random(seed) >> (next_random(seed) % 64);
    if (kind == VALUE_BOOL)
        return any & 1;
    if (kind == VALUE_DATE)
        return any % (TIMESTAMP_MIN / TIMESTAMP_DAY);
    if (kind == VALUE_TIMESTAMP)
        return any % TIMESTAMP_MIN;
    return kind == VALUE_DECIMAL ? any % INT64_C(1000000000000000000) : any;
}

static struct value random_value(enum value_kind kind, const char *text, size_t len, uint64_t *seed)
{
    struct value value = {.null = next_random(seed) % 5 == 0};
    if (value.null)
        return value;
    if (kind == VALUE_TEXT)
        value.text =
            (struct slice){text, next_random(seed) % 8 == 0 ? next_random(seed) % len : next_random(seed) % 20};
    else if (kind == VALUE_DOUBLE)
        value.d = ldexp((double)next_random(seed), (int)(next_random(seed) % 200) - 100);
    else
        value.i = random_integer(kind, seed);
    return value;
}

static void assert_values(const struct feed *feed, const struct value *found, const struct value *wanted)
{
    for (size_t i = 0; i < feed->field_count; i++)
        assert_true(value_equal(feed->fields[i].type, found[i], wanted[i]));
}

static struct chunk_reader reader_of(const struct chunk_writer *writer)
{
    struct chunk_reader reader;
    chunk_reader_init(&reader, writer->feed, buf_slice(&writer->buf));
    return reader;
}

static void reads_back_random_rows_of_every_kind(void **state)
{
    (void)state;
    enum { ROWS = 1000, TEXT = 1000 };
    char text[TEXT];
    memset(text, 'x', sizeof text);
    for (size_t fields = 0; fields <= FIELDS_MAX; fields++) {
        struct fixture f;
        fixture_init(&f, fields);
        struct chunk_writer writer;
        chunk_writer_init(&writer, &f.feed);
        static struct value rows[ROWS][FIELDS_MAX];
        static uint64_t numbers[ROWS][2];
        uint64_t seed = fields, row = 0, line = 1;
        for (size_t r = 0; r < ROWS; r++) {
            numbers[r][0] = row += 1 + (next_random(&seed) >> (next_random(&seed) % 54 + 10));
            numbers[r][1] = line += next_random(&seed) >> (next_random(&seed) % 54 + 10);
            for (size_t i = 0; i < fields; i++)
                rows[r][i] = random_value(f.fields[i].type.kind, text, sizeof text, &seed);
            assert_true(chunk_put(&writer, row, line, rows[r]));
        }
        assert_int_equal(writer.rows, ROWS);
        struct chunk_reader reader = reader_of(&writer);
        for (size_t r = 0; r < ROWS; r++) {
            struct value values[FIELDS_MAX];
            assert_int_equal(chunk_next(&reader, values), CHUNK_ROW);
            assert_int_equal(reader.row, numbers[r][0]);
            assert_int_equal(reader.line, numbers[r][1]);
            assert_values(&f.feed, values, rows[r]);
        }
        struct value values[FIELDS_MAX];
        assert_int_equal(chunk_next(&reader, values), CHUNK_END);
        assert_int_equal(chunk_next(&reader, values), CHUNK_END);
        chunk_writer_close(&writer);
    }
}

static void writes_the_bytes_that_the_format_says(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 9); /* int64 double decimal text bool date timestamp int64 double */
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    struct value values[9] = {{.i = -1}, {.d = 1.0}, {.i = 150},     {.text = SLICE("abc")}, {.null = true},
                              {.i = 64}, {.i = -65}, {.null = true}, {.null = true}};
    assert_true(chunk_put(&writer, 3, 300, values));
    static const uint8_t wanted[] = {3,    0xac, 0x02, 0x90, 0x01, 1,   0,   0,   0,    0,    0,    0,
                                     0xf0, 0x3f, 0xac, 0x02, 3,    'a', 'b', 'c', 0x80, 0x01, 0x81, 0x01};
    assert_int_equal(writer.buf.len, sizeof wanted);
    assert_memory_equal(writer.buf.data, wanted, sizeof wanted);
    assert_true(chunk_put(&writer, 4, 300, values));
    assert_memory_equal(writer.buf.data + sizeof wanted, "\1\0", 2);
    chunk_writer_close(&writer);
}

static void keeps_the_extremes_of_each_kind(void **state)
{
    (void)state;
    static const struct {
        enum value_kind kind;
        int64_t least, most;
        bool beyond; /* one more on either side is refused */
    } cases[] = {
        {VALUE_INT64, INT64_MIN, INT64_MAX, false},
        {VALUE_DECIMAL, INT64_C(-999999999999999999), INT64_C(999999999999999999), true},
        {VALUE_BOOL, 0, 1, true},
        {VALUE_DATE, -719162, 2932896, true},
        {VALUE_TIMESTAMP, TIMESTAMP_MIN, TIMESTAMP_MAX, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        fixture_one(&f, cases[i].kind);
        struct chunk_writer writer;
        chunk_writer_init(&writer, &f.feed);
        struct value least = {.i = cases[i].least}, most = {.i = cases[i].most}, value;
        assert_true(chunk_put(&writer, 1, 1, &least));
        assert_true(chunk_put(&writer, 2, 2, &most));
        if (cases[i].beyond) {
            size_t len = writer.buf.len;
            assert_false(chunk_put(&writer, 3, 3, &(struct value){.i = cases[i].least - 1}));
            assert_false(chunk_put(&writer, 3, 3, &(struct value){.i = cases[i].most + 1}));
            assert_int_equal(writer.buf.len, len);
            assert_int_equal(writer.rows, 2);
            assert_false(writer.buf.failed);
        }
        struct chunk_reader reader = reader_of(&writer);
        assert_int_equal(chunk_next(&reader, &value), CHUNK_ROW);
        assert_int_equal(value.i, cases[i].least);
        assert_int_equal(chunk_next(&reader, &value), CHUNK_ROW);
        assert_int_equal(value.i, cases[i].most);
        chunk_writer_close(&writer);
    }
}

static void keeps_the_bits_of_doubles(void **state)
{
    (void)state;
    static const double doubles[] = {0.0, -0.0, 1.0, -1.5, 5e-324, 1.7976931348623157e308, 0.1};
    struct fixture f;
    fixture_one(&f, VALUE_DOUBLE);
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    for (size_t i = 0; i < COUNT_OF(doubles); i++)
        assert_true(chunk_put(&writer, i + 1, i + 1, &(struct value){.d = doubles[i]}));
    struct chunk_reader reader = reader_of(&writer);
    for (size_t i = 0; i < COUNT_OF(doubles); i++) {
        struct value value;
        assert_int_equal(chunk_next(&reader, &value), CHUNK_ROW);
        assert_memory_equal(&value.d, &doubles[i], sizeof value.d);
    }
    chunk_writer_close(&writer);
}

static void refuses_doubles_that_are_not_finite(void **state)
{
    (void)state;
    struct fixture f;
    fixture_one(&f, VALUE_DOUBLE);
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    assert_false(chunk_put(&writer, 1, 1, &(struct value){.d = (double)NAN}));
    assert_false(chunk_put(&writer, 1, 1, &(struct value){.d = HUGE_VAL}));
    assert_false(chunk_put(&writer, 1, 1, &(struct value){.d = -HUGE_VAL}));
    assert_int_equal(writer.buf.len, 0);
    chunk_writer_close(&writer);
}

static void refuses_numbers_that_fall_and_takes_those_that_stay(void **state)
{
    (void)state;
    struct fixture f;
    fixture_one(&f, VALUE_INT64);
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    struct value value = {.i = 1};
    assert_false(chunk_put(&writer, 0, 1, &value));
    assert_true(chunk_put(&writer, 5, 7, &value));
    assert_false(chunk_put(&writer, 4, 8, &value));
    assert_false(chunk_put(&writer, 6, 6, &value));
    assert_true(chunk_put(&writer, 5, 7, &value));
    assert_true(chunk_put(&writer, UINT64_MAX, UINT64_MAX, &value));
    struct chunk_reader reader = reader_of(&writer);
    static const uint64_t rows[] = {5, 5, UINT64_MAX}, lines[] = {7, 7, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(chunk_next(&reader, &value), CHUNK_ROW);
        assert_true(reader.row == rows[i] && reader.line == lines[i]);
    }
    assert_int_equal(chunk_next(&reader, &value), CHUNK_END);
    chunk_writer_close(&writer);
}

static void takes_rows_of_the_largest_size_until_it_is_full(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 16);
    struct value values[16];
    char *text = malloc(TEXT_VALUE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', TEXT_VALUE_MAX + 1);
    for (size_t i = 0; i < 16; i++) {
        f.fields[i].type = (struct value_type){.kind = VALUE_TEXT};
        values[i] = (struct value){.text = {text, TEXT_VALUE_MAX}};
    }
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    uint64_t rows = 0;
    while (!chunk_full(&writer)) {
        rows++;
        assert_true(chunk_put(&writer, rows, rows, values));
    }
    assert_int_equal(rows, 3);
    assert_true(writer.buf.len <= CHUNK_SIZE_MAX);
    struct chunk_reader reader = reader_of(&writer);
    struct value found[16];
    for (uint64_t i = 0; i < rows; i++) {
        assert_int_equal(chunk_next(&reader, found), CHUNK_ROW);
        assert_values(&f.feed, found, values);
    }
    assert_int_equal(chunk_next(&reader, found), CHUNK_END);
    values[0].text.len++;
    chunk_writer_reset(&writer);
    assert_false(chunk_put(&writer, 1, 1, values));
    chunk_writer_close(&writer);
    free(text);
}

static void refuses_a_row_beyond_its_limit_and_stays_as_it_was(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, FIELDS_MAX);
    struct value values[FIELDS_MAX];
    char *text = malloc(TEXT_VALUE_MAX);
    assert_non_null(text);
    memset(text, 'x', TEXT_VALUE_MAX);
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        f.fields[i].type = (struct value_type){.kind = VALUE_TEXT};
        values[i] = (struct value){.text = {text, TEXT_VALUE_MAX}};
    }
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    assert_false(chunk_put(&writer, 1, 1, values));
    assert_false(writer.buf.failed);
    assert_int_equal(writer.buf.len, 0);
    values[0] = VALUE_NULL;
    assert_true(chunk_put(&writer, 1, 1, values));
    chunk_writer_close(&writer);
    free(text);
}

static void starts_anew_after_a_reset(void **state)
{
    (void)state;
    struct fixture f;
    fixture_one(&f, VALUE_INT64);
    struct chunk_writer writer;
    chunk_writer_init(&writer, &f.feed);
    struct value value = {.i = 9};
    assert_true(chunk_put(&writer, 100, 100, &value));
    chunk_writer_reset(&writer);
    assert_int_equal(writer.rows, 0);
    assert_int_equal(writer.buf.len, 0);
    assert_true(chunk_put(&writer, 2, 2, &value));
    struct chunk_reader reader = reader_of(&writer);
    assert_int_equal(chunk_next(&reader, &value), CHUNK_ROW);
    assert_int_equal(reader.row, 2);
    chunk_writer_close(&writer);
}

static void reads_an_empty_chunk_to_its_end_at_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_one(&f, VALUE_INT64);
    struct chunk_reader reader;
    struct value value;
    chunk_reader_init(&reader, &f.feed, (struct slice){NULL, 0});
    assert_int_equal(chunk_next(&reader, &value), CHUNK_END);
}

/* --- bytes that no writer wrote ----------------------------------------------------------------------------------- */

/* Reads a copy on the heap to its end, so that AddressSanitizer sees any read outside; returns the last result. */
static enum chunk_result read_all(const struct feed *feed, const void *bytes, size_t len, size_t *rows)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
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
            size_t at = next_random(&seed) % writer.buf.len;
            char kept = writer.buf.data[at];
            writer.buf.data[at] = (char)next_random(&seed);
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
        fixture_init(&f, next_random(&seed) % (FIELDS_MAX + 1));
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            uint64_t any = next_random(&seed);
            bytes[i] = (uint8_t)(any >> 8 & (any % 3 == 0 ? 0xff : 3));
        }
        read_all(&f.feed, bytes, next_random(&seed) % (sizeof bytes + 1), &rows);
        read += rows;
    }
    assert_true(read > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_random_rows_of_every_kind),
        cmocka_unit_test(writes_the_bytes_that_the_format_says),
        cmocka_unit_test(keeps_the_extremes_of_each_kind),
        cmocka_unit_test(keeps_the_bits_of_doubles),
        cmocka_unit_test(refuses_doubles_that_are_not_finite),
        cmocka_unit_test(refuses_numbers_that_fall_and_takes_those_that_stay),
        cmocka_unit_test(takes_rows_of_the_largest_size_until_it_is_full),
        cmocka_unit_test(refuses_a_row_beyond_its_limit_and_stays_as_it_was),
        cmocka_unit_test(starts_anew_after_a_reset),
        cmocka_unit_test(reads_an_empty_chunk_to_its_end_at_once),
        cmocka_unit_test(finds_each_way_of_being_corrupt),
        cmocka_unit_test(bounds_the_length_of_a_text),
        cmocka_unit_test(tells_row_numbers_that_wrap),
        cmocka_unit_test(is_corrupt_wherever_it_is_cut_inside_a_row),
        cmocka_unit_test(reads_damaged_bytes_without_harm),
        cmocka_unit_test(reads_random_bytes_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
