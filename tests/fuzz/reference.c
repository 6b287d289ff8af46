#include "reference.h"

#include "model/chunk.h"
#include "parse/parser.h"

enum { ROWS_MAX = 1024 * 1024 /* bytes of all rows */ };

void reference_init(struct reference *reference)
{
    *reference = (struct reference){.verdict = REFERENCE_SOUND};
    buf_init(&reference->rows, ROWS_MAX);
}

void reference_close(struct reference *reference)
{
    buf_close(&reference->rows);
}

bool reference_is_utf8(struct slice s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < s.len;) {
        uint8_t lead = (uint8_t)s.data[i];
        size_t len = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
        if (len == 0 || len > s.len - i)
            return false;
        uint32_t point = len == 1 ? lead : lead & (0x7fu >> len);
        for (size_t k = 1; k < len; k++) {
            if (((uint8_t)s.data[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | ((uint8_t)s.data[i + k] & 0x3f);
        }
        if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        i += len;
    }
    return true;
}

static bool is_text(struct slice s)
{
    return s.len <= TEXT_VALUE_MAX && (s.len == 0 || !memchr(s.data, '\0', s.len)) && reference_is_utf8(s);
}

void reference_refuse(struct reference *reference)
{
    reference->refused++;
    if (reference->refused > PARSER_REJECTS_MAX && reference->refused > reference->accepted)
        reference->verdict = REFERENCE_FAULTY;
}

void reference_row(struct reference *reference, const struct value *values)
{
    static struct feed_field fields[REFERENCE_FIELDS] = {
        {.type = {.kind = VALUE_TEXT}}, {.type = {.kind = VALUE_TEXT}}, {.type = {.kind = VALUE_TEXT}}};
    const struct feed feed = {.name = "Words", .fields = fields, .field_count = REFERENCE_FIELDS};
    for (size_t i = 0; i < REFERENCE_FIELDS; i++) {
        if (!values[i].null && !is_text(values[i].text)) {
            reference_refuse(reference);
            return;
        }
    }
    reference->accepted++;
    struct chunk_writer row;
    chunk_writer_init(&row, &feed);
    check(chunk_put(&row, 1, 0, values));
    buf_put_slice(&reference->rows, buf_slice(&row.buf));
    check(!reference->rows.failed);
    chunk_writer_close(&row);
}

char reference_begin(struct slice *file)
{
    if (slice_starts_with(*file, SLICE("\xef\xbb\xbf"))) {
        file->data += 3;
        file->len -= 3;
    }
    while (file->len > 0 && strchr(" \t\r\n", file->data[0]) && file->data[0] != '\0') {
        file->data++;
        file->len--;
    }
    return file->len > 0 ? file->data[0] : '\0';
}
