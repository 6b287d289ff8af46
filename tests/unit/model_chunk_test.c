/* Rows come back out of a chunk as they went in, and what does not fit stays out. */
#include "model_chunks.h"

static void assert_values(const struct feed *feed, const struct value *found, const struct value *wanted)
{
    for (size_t i = 0; i < feed->field_count; i++)
        assert_true(value_compare(feed->fields[i].type, found[i], wanted[i]) == 0);
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
            numbers[r][0] = row += 1 + (testing_random(&seed) >> (testing_random(&seed) % 54 + 10));
            numbers[r][1] = line += testing_random(&seed) >> (testing_random(&seed) % 54 + 10);
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
    chunk_writer_close(&writer);
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
    chunk_writer_close(&writer);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
