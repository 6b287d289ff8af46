/*
 * Chunks: any bytes are safe to read, what decodes encodes to the same bytes, and what the writer takes decodes to the
 * same values.
 *
 * An input is a byte for how many fields the feed has, one for where their kinds begin, then the chunk's bytes.
 */
#include <math.h>

#include "base/buf.h"
#include "fuzz.h"
#include "model/chunk.h"
#include "model/timestamp.h"

enum { FIELDS_MAX = 20, KINDS = VALUE_TIMESTAMP + 1 };

static void make_feed(struct feed *feed, struct feed_field *fields, uint8_t count, uint8_t first)
{
    *feed = (struct feed){.name = "Feed", .fields = fields, .field_count = count % (FIELDS_MAX + 1)};
    for (size_t i = 0; i < feed->field_count; i++) {
        enum value_kind kind = (enum value_kind)((first + i) % KINDS);
        fields[i] = (struct feed_field){.name = "field", .type = {.kind = kind}, .min = INT64_MIN, .max = INT64_MAX};
        if (kind == VALUE_DECIMAL)
            fields[i].type = (struct value_type){VALUE_DECIMAL, 18, 2};
    }
}

/* Whether it is one that value.h knows. */
static bool is_sound(enum value_kind kind, struct value value)
{
    switch (kind) {
    case VALUE_INT64:
        return true;
    case VALUE_DOUBLE:
        return isfinite(value.d);
    case VALUE_DECIMAL:
        return value.i > INT64_C(-1000000000000000000) && value.i < INT64_C(1000000000000000000);
    case VALUE_TEXT:
        return value.text.len <= TEXT_VALUE_MAX;
    case VALUE_BOOL:
        return value.i == 0 || value.i == 1;
    case VALUE_DATE:
        return value.i >= TIMESTAMP_MIN / TIMESTAMP_DAY && value.i <= TIMESTAMP_MAX / TIMESTAMP_DAY;
    case VALUE_TIMESTAMP:
        return value.i >= TIMESTAMP_MIN && value.i <= TIMESTAMP_MAX;
    }
    return false;
}

/* Touches every byte of the texts, so that one that lies outside is found. */
static void check_values(const struct feed *feed, const struct value *values, struct slice bytes)
{
    for (size_t i = 0; i < feed->field_count; i++) {
        enum value_kind kind = feed->fields[i].type.kind;
        if (values[i].null)
            continue;
        check(is_sound(kind, values[i]));
        if (kind == VALUE_TEXT && values[i].text.len > 0)
            check(memmem(bytes.data, bytes.len, values[i].text.data, values[i].text.len));
    }
}

static void check_decoding(const struct feed *feed, struct slice bytes)
{
    struct chunk_reader reader;
    struct chunk_writer again;
    struct value values[FIELDS_MAX];
    enum chunk_result got;
    chunk_reader_init(&reader, feed, bytes);
    chunk_writer_init(&again, feed);
    while ((got = chunk_next(&reader, values)) == CHUNK_ROW) {
        check_values(feed, values, bytes);
        check(chunk_put(&again, reader.row, reader.line, values));
    }
    size_t read = (size_t)(reader.at - bytes.data);
    check(got == CHUNK_END ? read == bytes.len : read < bytes.len);
    check(slice_equal(buf_slice(&again.buf), (struct slice){bytes.data, read}));
    check(chunk_next(&reader, values) == got && reader.at == bytes.data + read);
    chunk_writer_close(&again);
}

/* Eight bytes for a number, of any magnitude; a text is the bytes that are left, at most 40. */
static struct value make_value(enum value_kind kind, struct slice *rest)
{
    struct value value = {.null = rest->len < 9 || rest->data[0] == 'n'};
    if (value.null) {
        rest->data += rest->len > 0;
        rest->len -= rest->len > 0;
        return value;
    }
    memcpy(&value.i, rest->data + 1, sizeof value.i);
    if (kind == VALUE_TEXT)
        value.text = (struct slice){rest->data + 1, rest->len - 1 < 40 ? rest->len - 1 : 40};
    else if (kind != VALUE_DOUBLE)
        value.i >>= (unsigned char)rest->data[0] % 64;
    rest->data += 9;
    rest->len -= 9;
    return value;
}

static void check_encoding(const struct feed *feed, struct slice rest)
{
    struct value values[FIELDS_MAX], found[FIELDS_MAX];
    struct chunk_writer writer;
    struct chunk_reader reader;
    chunk_writer_init(&writer, feed);
    uint64_t row = 1 + rest.len, line = rest.len > 0 ? (unsigned char)rest.data[0] : 1;
    bool sound = true;
    for (size_t i = 0; i < feed->field_count; i++) {
        values[i] = make_value(feed->fields[i].type.kind, &rest);
        sound = sound && (values[i].null || is_sound(feed->fields[i].type.kind, values[i]));
    }
    check(chunk_put(&writer, row, line, values) == sound);
    chunk_reader_init(&reader, feed, buf_slice(&writer.buf));
    if (sound) {
        check(chunk_next(&reader, found) == CHUNK_ROW && reader.row == row && reader.line == line);
        for (size_t i = 0; i < feed->field_count; i++)
            check(value_compare(feed->fields[i].type, values[i], found[i]) == 0);
    }
    check(chunk_next(&reader, found) == CHUNK_END && writer.rows == sound);
    chunk_writer_close(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed;
    struct feed_field fields[FIELDS_MAX];
    if (size < 2)
        return 0;
    make_feed(&feed, fields, data[0], data[1]);
    struct slice bytes = {(const char *)data + 2, size - 2};
    char *copy = fuzz_copy(bytes);
    bytes.data = copy;
    check_decoding(&feed, bytes);
    check_encoding(&feed, bytes);
    free(copy);
    return 0;
}
