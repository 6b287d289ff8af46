/*
 * Writer and reader refuse the same rows, so that nothing enters a store that a replay could not read.
 *
 * The reader is the hot loop of a replay: lengths of one and two bytes and numbers of up to eight are decoded inline
 * from one load; only the last bytes of a chunk and numbers beyond 2^56 take the loop in base.
 */
#include "model/chunk.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "model/timestamp.h"

#define DECIMAL_MAX (INT64_C(1000000000000000000) - 1)

enum {
    VARINT_MAX = 10 /* bytes of the longest varint */
};

void chunk_writer_init(struct chunk_writer *writer, const struct feed *feed)
{
    *writer = (struct chunk_writer){.feed = feed};
    buf_init(&writer->buf, CHUNK_SIZE_MAX);
}

void chunk_writer_close(struct chunk_writer *writer)
{
    buf_close(&writer->buf);
    writer->rows = 0;
    writer->last_row = writer->last_line = 0;
}

bool chunk_full(const struct chunk_writer *writer)
{
    return writer->buf.len > CHUNK_SIZE_MAX - CHUNK_ROW_MAX;
}

/* Whether a value that is not null is one of its kind. */
static inline bool value_allowed(enum value_kind kind, const struct value *value)
{
    switch (kind) {
    case VALUE_INT64:
        return true;
    case VALUE_DOUBLE:
        return isfinite(value->d);
    case VALUE_DECIMAL:
        return value->i >= -DECIMAL_MAX && value->i <= DECIMAL_MAX;
    case VALUE_TEXT:
        return value->text.len <= TEXT_VALUE_MAX;
    case VALUE_BOOL:
        return (uint64_t)value->i <= 1;
    case VALUE_DATE:
        return value->i >= TIMESTAMP_MIN / TIMESTAMP_DAY && value->i <= TIMESTAMP_MAX / TIMESTAMP_DAY;
    case VALUE_TIMESTAMP:
        return value->i >= TIMESTAMP_MIN && value->i <= TIMESTAMP_MAX;
    }
    return false;
}

static inline size_t null_bytes(const struct feed *feed)
{
    return (feed->field_count + 7) / 8;
}

/* The most bytes that the row can take, or 0 when it cannot be stored. */
static size_t row_bound(const struct feed *feed, const struct value *values)
{
    size_t bound = (2 + feed->field_count) * VARINT_MAX + null_bytes(feed);
    for (size_t i = 0; i < feed->field_count; i++) {
        enum value_kind kind = feed->fields[i].type.kind;
        if (values[i].null)
            continue;
        if (!value_allowed(kind, &values[i]))
            return 0;
        if (kind == VALUE_TEXT)
            bound += values[i].text.len;
    }
    return bound <= CHUNK_ROW_MAX ? bound : 0;
}

static inline char *put_varint(char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    return at;
}

static inline char *put_value(char *at, enum value_kind kind, const struct value *value)
{
    if (kind == VALUE_TEXT) {
        at = put_varint(at, value->text.len);
        if (value->text.len > 0)
            memcpy(at, value->text.data, value->text.len);
        return at + value->text.len;
    }
    if (kind == VALUE_DOUBLE) {
        uint64_t bits;
        memcpy(&bits, &value->d, sizeof bits);
        bits = htole64(bits);
        memcpy(at, &bits, sizeof bits);
        return at + sizeof bits;
    }
    return put_varint(at, zigzag_encode(value->i));
}

/* Nulls and values of a row; returns their end. */
static char *put_values(char *at, const struct feed *feed, const struct value *values)
{
    char *nulls = at;
    memset(nulls, 0, null_bytes(feed));
    at += null_bytes(feed);
    for (size_t i = 0; i < feed->field_count; i++) {
        if (values[i].null)
            nulls[i / 8] = (char)(nulls[i / 8] | 1 << i % 8);
        else
            at = put_value(at, feed->fields[i].type.kind, &values[i]);
    }
    return at;
}

bool chunk_put(struct chunk_writer *writer, uint64_t row, uint64_t line, const struct value *values)
{
    if (row == 0 || row < writer->last_row || line < writer->last_line)
        return false;
    size_t bound = row_bound(writer->feed, values);
    if (bound == 0)
        return false;
    char *start = buf_reserve(&writer->buf, bound);
    if (!start)
        return false;
    char *at = put_varint(start, row - writer->last_row);
    at = put_varint(at, line - writer->last_line);
    at = put_values(at, writer->feed, values);
    writer->buf.len += (size_t)(at - start);
    writer->last_row = row;
    writer->last_line = line;
    writer->rows++;
    return true;
}

bool chunk_has_room(const struct chunk_writer *writer, const struct chunk_writer *more)
{
    return writer->buf.len + more->buf.len + 2 * VARINT_MAX <= CHUNK_SIZE_MAX - CHUNK_ROW_MAX;
}

/* Steps lead from row to row, so that only the first row's are others here. */
bool chunk_append(struct chunk_writer *writer, const struct chunk_writer *more, uint64_t row, uint64_t line)
{
    uint64_t row_step, line_step;
    if (more->rows == 0)
        return true;
    const char *from = more->buf.data, *end = from + more->buf.len;
    bool read = varint_read(&from, end, &row_step) && varint_read(&from, end, &line_step);
    char *start = read ? buf_reserve(&writer->buf, 2 * VARINT_MAX + (size_t)(end - from)) : NULL;
    if (!start)
        return false;
    char *at = put_varint(start, row + row_step - writer->last_row);
    at = put_varint(at, line + line_step - writer->last_line);
    memcpy(at, from, (size_t)(end - from));
    writer->buf.len += (size_t)(at + (end - from) - start);
    writer->last_row = row + more->last_row;
    writer->last_line = line + more->last_line;
    writer->rows += more->rows;
    return true;
}

void chunk_reader_init(struct chunk_reader *reader, const struct feed *feed, struct slice bytes)
{
    *reader = (struct chunk_reader){.feed = feed, .at = bytes.data, .end = bytes.data};
    if (bytes.len > 0)
        reader->end += bytes.len;
}

/* Brings the seven low bits of each of eight bytes together. */
static inline uint64_t join_sevens(uint64_t x)
{
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
    return (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;
}

/* varint_read for the eight bytes that are there, when the varint ends among them; as strict about its spelling. */
static inline bool get_varint_of_eight(const char **at, const char *end, uint64_t *value)
{
    uint64_t word;
    memcpy(&word, *at, sizeof word);
    word = le64toh(word);
    uint64_t stops = ~word & 0x8080808080808080;
    if (stops == 0)
        return varint_read(at, end, value);
    uint64_t used = stops ^ (stops - 1); /* all bits up to the first byte without a top bit */
    uint64_t last = used & ~(used >> 8);
    word &= used;
    if ((word & last) == 0)
        return false;
    *value = join_sevens(word & 0x7f7f7f7f7f7f7f7f);
    *at += (unsigned)(__builtin_ctzll(stops) + 1) / 8;
    return true;
}

static inline bool get_varint(const char **at, const char *end, uint64_t *value)
{
    if (end - *at < (ptrdiff_t)sizeof *value)
        return varint_read(at, end, value);
    const uint8_t *p = (const uint8_t *)*at;
    if (p[0] < 0x80) {
        *value = p[0];
        *at += 1;
        return true;
    }
    if (p[1] < 0x80 && p[1] > 0) {
        *value = (uint64_t)p[1] << 7 | (p[0] & 0x7f);
        *at += 2;
        return true;
    }
    return get_varint_of_eight(at, end, value);
}

static inline bool get_text(const char **at, const char *end, struct value *value)
{
    uint64_t len;
    if (!get_varint(at, end, &len) || len > (uint64_t)(end - *at))
        return false;
    value->text = (struct slice){*at, (size_t)len};
    *at += len;
    return true;
}

static inline bool get_double(const char **at, const char *end, struct value *value)
{
    uint64_t bits;
    if (end - *at < (ptrdiff_t)sizeof bits)
        return false;
    memcpy(&bits, *at, sizeof bits);
    bits = le64toh(bits);
    memcpy(&value->d, &bits, sizeof bits);
    *at += sizeof bits;
    return true;
}

static inline bool get_integer(const char **at, const char *end, struct value *value)
{
    uint64_t bits;
    if (!get_varint(at, end, &bits))
        return false;
    value->i = zigzag_decode(bits);
    return true;
}

static inline bool get_value(const char **at, const char *end, enum value_kind kind, struct value *value)
{
    value->null = false;
    bool got = kind == VALUE_TEXT     ? get_text(at, end, value)
               : kind == VALUE_DOUBLE ? get_double(at, end, value)
                                      : get_integer(at, end, value);
    return got && value_allowed(kind, value);
}

static inline bool get_step(const char **at, const char *end, uint64_t before, uint64_t *now)
{
    uint64_t step;
    return get_varint(at, end, &step) && !__builtin_add_overflow(before, step, now);
}

/* The null bits at *at, or NULL when they are cut or say something of fields that do not exist. */
static inline const uint8_t *get_nulls(const char **at, const char *end, const struct feed *feed)
{
    size_t count = null_bytes(feed);
    if ((size_t)(end - *at) < count)
        return NULL;
    const uint8_t *nulls = (const uint8_t *)*at;
    if (feed->field_count % 8 != 0 && nulls[count - 1] >> feed->field_count % 8 != 0)
        return NULL;
    *at += count;
    return nulls;
}

enum chunk_result chunk_next(struct chunk_reader *reader, struct value *values)
{
    const struct feed *feed = reader->feed;
    const char *at = reader->at, *end = reader->end;
    if (at == end)
        return CHUNK_END;
    uint64_t row, line;
    if (!get_step(&at, end, reader->row, &row) || row == 0 || !get_step(&at, end, reader->line, &line))
        return CHUNK_CORRUPT;
    const uint8_t *nulls = get_nulls(&at, end, feed);
    if (!nulls)
        return CHUNK_CORRUPT;
    for (size_t i = 0; i < feed->field_count; i++) {
        if (nulls[i / 8] >> i % 8 & 1)
            values[i] = VALUE_NULL;
        else if (!get_value(&at, end, feed->fields[i].type.kind, &values[i]))
            return CHUNK_CORRUPT;
    }
    if (at - reader->at > CHUNK_ROW_MAX)
        return CHUNK_CORRUPT;
    reader->at = at;
    reader->row = row;
    reader->line = line;
    return CHUNK_ROW;
}
