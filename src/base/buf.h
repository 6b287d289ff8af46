/*
 * A growable run of bytes with a stated limit.
 *
 *   data            data+len              data+cap
 *   | written       | free                |
 *
 * Growth doubles. The first failure (memory or limit) sticks in `failed` and later puts do nothing, so that a writer
 * may check once at its end.
 */
#ifndef DROPFOLD_BASE_BUF_H
#define DROPFOLD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

struct buf {
    char *data;
    size_t len, cap, limit; /* bytes */
    bool failed;
};

/* `limit` in bytes; nothing is allocated yet. */
void buf_init(struct buf *buf, size_t limit);
void buf_close(struct buf *buf);

/* Empties it and keeps the memory; clears `failed`. */
void buf_reset(struct buf *buf);

/* Makes room for `size` more bytes and returns where they go, or NULL; the caller then adds to len what it wrote. */
char *buf_reserve(struct buf *buf, size_t size) MUST_USE;

void buf_put(struct buf *buf, const void *data, size_t len);
void buf_put_slice(struct buf *buf, struct slice s);
void buf_put_byte(struct buf *buf, uint8_t byte);
void buf_put_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* LEB128: seven bits a byte, the low ones first, the top bit says that more follow; at most 10 bytes. */
void buf_put_varint(struct buf *buf, uint64_t value);

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->len};
}

/* Reads a varint at *at (before end) and moves *at behind it. False on a cut or overlong one. */
bool varint_read(const char **at, const char *end, uint64_t *value) MUST_USE;

/* Signed numbers near zero as small unsigned ones: 0, -1, 1, -2 become 0, 1, 2, 3. */
static inline uint64_t zigzag_encode(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t zigzag_decode(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
