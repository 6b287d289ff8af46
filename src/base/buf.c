/* The memory holds one byte more than `cap`, so that buf_printf's NUL fits even when the text ends at the limit. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMALLEST = 64,      /* bytes of a first allocation */
    VARINT_MAX = 10,    /* bytes of the longest varint */
    VARINT_LAST = 9 * 7 /* the shift of its tenth byte, of which one bit is left */
};

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){.limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1};
}

void buf_close(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->limit);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* The capacity for `needed` bytes, which the limit allows. */
static size_t grown(const struct buf *buf, size_t needed)
{
    size_t cap = buf->cap > buf->limit / 2 ? buf->limit : buf->cap * 2;
    if (cap < SMALLEST)
        cap = SMALLEST < buf->limit ? SMALLEST : buf->limit;
    return cap < needed ? needed : cap;
}

static bool grow(struct buf *buf, size_t size)
{
    if (size > buf->limit - buf->len)
        return false;
    size_t cap = grown(buf, buf->len + size);
    char *data = realloc(buf->data, cap + 1);
    if (!data)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}

char *buf_reserve(struct buf *buf, size_t size)
{
    if (buf->failed)
        return NULL;
    if ((!buf->data || size > buf->cap - buf->len) && !grow(buf, size)) {
        buf->failed = true;
        return NULL;
    }
    return buf->data + buf->len;
}

void buf_put(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    char *to = buf_reserve(buf, len);
    if (!to)
        return;
    memcpy(to, data, len);
    buf->len += len;
}

void buf_put_slice(struct buf *buf, struct slice s)
{
    buf_put(buf, s.data, s.len);
}

void buf_put_byte(struct buf *buf, uint8_t byte)
{
    buf_put(buf, &byte, 1);
}

void buf_put_text(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}

/* Formats into the room for `size` bytes and a NUL. Returns the length of the whole text, or a negative number. */
PRINTF_LIKE(3, 0)
static int print(struct buf *buf, size_t size, const char *format, va_list args)
{
    va_list copy;
    va_copy(copy, args);
    int length = vsnprintf(buf->data + buf->len, size + 1, format, copy);
    va_end(copy);
    return length;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    if (!buf_reserve(buf, 0))
        return;
    va_list args;
    va_start(args, format);
    size_t room = buf->cap - buf->len;
    int length = print(buf, room, format, args);
    if (length < 0)
        buf->failed = true;
    else if ((size_t)length > room && buf_reserve(buf, (size_t)length))
        length = print(buf, (size_t)length, format, args);
    va_end(args);
    if (!buf->failed)
        buf->len += (size_t)length;
}

void buf_put_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    buf_put(buf, bytes, count);
}

bool varint_read(const char **at, const char *end, uint64_t *value)
{
    uint64_t sum = 0;
    const char *next = *at;
    for (unsigned shift = 0; shift <= VARINT_LAST && next < end; shift += 7) {
        uint8_t byte = (uint8_t)*next++;
        if (shift == VARINT_LAST && byte > 1)
            return false;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        /* One number has one spelling: a last byte of zero would be a second one. */
        if (byte == 0 && shift > 0)
            return false;
        *at = next;
        *value = sum;
        return true;
    }
    return false;
}
