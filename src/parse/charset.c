#include "parse/charset.h"

enum { HIGH_FIRST = 0xd800, LOW_FIRST = 0xdc00, LOW_LAST = 0xdfff };

/* windows-1252 where it is not Latin-1; 0 for the five bytes that it does not have. */
static const uint16_t windows[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

void charset_start(struct charset *c, enum descriptor_encoding encoding)
{
    *c = (struct charset){.encoding = encoding, .line = 1, .column = 1};
}

/* Counts as the CSV reader does: LF, CR LF and a lone CR end a line. In JSON a lone CR ends none, and is rare. */
static void count_place(struct charset *c, uint32_t code, size_t len)
{
    if (code == '\n' && c->after_cr) {
        c->after_cr = false;
        return;
    }
    c->after_cr = code == '\r';
    c->column += len;
    if (code == '\n' || code == '\r') {
        c->line++;
        c->column = 1;
    }
}

/* A lone surrogate is written like any other code: that is no valid UTF-8. */
static size_t put(struct charset *c, uint32_t code, char *out)
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(marks[len] | code);
    count_place(c, len == 1 ? code : 0, len);
    return len;
}

static size_t put_unit(struct charset *c, uint32_t unit, char *out)
{
    uint32_t high = c->high;
    c->high = 0;
    if (high && unit >= LOW_FIRST && unit <= LOW_LAST)
        return put(c, 0x10000 + ((high - HIGH_FIRST) << 10) + (unit - LOW_FIRST), out);
    size_t len = high ? put(c, high, out) : 0;
    if (unit >= HIGH_FIRST && unit < LOW_FIRST) {
        c->high = unit;
        return len;
    }
    return len + put(c, unit, out + len);
}

static size_t put_utf16(struct charset *c, uint8_t byte, char *out)
{
    c->half = !c->half;
    if (c->half) {
        c->unit = byte;
        return 0;
    }
    return put_unit(c, c->encoding == DESCRIPTOR_UTF16LE ? c->unit | (uint32_t)byte << 8 : c->unit << 8 | byte, out);
}

static size_t put_single(struct charset *c, uint8_t byte, char *out)
{
    uint32_t code = byte;
    if (c->encoding == DESCRIPTOR_WINDOWS1252 && byte >= 0x80 && byte < 0xa0)
        code = windows[byte - 0x80];
    if (code > 0 || byte == 0)
        return put(c, code, out);
    out[0] = (char)byte;
    count_place(c, 0, 1);
    return 1;
}

size_t charset_some(struct charset *c, struct slice *in, char *out, size_t size)
{
    bool utf16 = c->encoding == DESCRIPTOR_UTF16LE || c->encoding == DESCRIPTOR_UTF16BE;
    size_t len = 0;
    for (; in->len > 0 && len + CHARSET_STEP_MAX <= size; in->data++, in->len--)
        len += utf16 ? put_utf16(c, (uint8_t)in->data[0], out + len) : put_single(c, (uint8_t)in->data[0], out + len);
    return len;
}

bool charset_whole(const struct charset *c)
{
    return !c->half && !c->high;
}
