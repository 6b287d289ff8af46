#include "parse/decode.h"

#include <stdlib.h>
#include <string.h>

void decode_init(struct decode *d)
{
    *d = (struct decode){.told = false};
}

void decode_close(struct decode *d)
{
    unpack_free(d->unpack);
    free(d->in);
    free(d->out);
}

void decode_start(struct decode *d)
{
    d->head_len = d->in_at = d->in_len = 0;
    d->told = d->more = false;
    d->kind = UNPACK_NONE;
    d->plain[0] = d->plain[1] = SLICE("");
}

static bool start_unpacking(struct decode *d, struct error *error)
{
    if (!d->unpack)
        d->unpack = unpack_new();
    if (!d->in)
        d->in = malloc(UNPACK_MAGIC_MAX + DECODE_BLOCK_MAX);
    if (!d->out)
        d->out = malloc(DECODE_BLOCK_MAX);
    if (!d->unpack || !d->in || !d->out)
        return error_memory(error);
    memcpy(d->in, d->head, d->head_len);
    d->in_len = d->head_len;
    return unpack_start(d->unpack, d->kind, error);
}

static bool tell(struct decode *d, struct error *error)
{
    bool open;
    d->kind = unpack_tell((struct slice){d->head, d->head_len}, &open);
    d->told = true;
    if (d->kind != UNPACK_NONE)
        return start_unpacking(d, error);
    d->plain[0] = (struct slice){d->head, d->head_len};
    return true;
}

/* Takes first bytes until they tell. */
static bool take_head(struct decode *d, struct slice *bytes, struct error *error)
{
    bool open = true;
    while (bytes->len > 0 && open) {
        d->head[d->head_len++] = bytes->data[0];
        bytes->data++;
        bytes->len--;
        enum unpack_kind kind = unpack_tell((struct slice){d->head, d->head_len}, &open);
        open = open && kind == UNPACK_NONE;
    }
    return open || tell(d, error);
}

bool decode_feed(struct decode *d, struct slice bytes, struct error *error)
{
    if (!d->told && !take_head(d, &bytes, error))
        return false;
    if (!d->told || bytes.len == 0)
        return true;
    if (d->kind == UNPACK_NONE) {
        d->plain[1] = bytes;
        return true;
    }
    if (d->in_at == d->in_len)
        d->in_at = d->in_len = 0;
    if (bytes.len > UNPACK_MAGIC_MAX + DECODE_BLOCK_MAX - d->in_len)
        return error_set(error, ERROR_BUG, "a packed file is fed before what came out was taken");
    memcpy(d->in + d->in_len, bytes.data, bytes.len);
    d->in_len += bytes.len;
    return true;
}

static void next_plain(struct decode *d, struct slice *block)
{
    size_t i = d->plain[0].len > 0 ? 0 : 1;
    *block = d->plain[i];
    d->plain[i] = SLICE("");
}

static bool next_unpacked(struct decode *d, struct slice *block, struct error *error)
{
    size_t len = 0;
    while (len == 0 && (d->more || d->in_at < d->in_len)) {
        struct slice in = {d->in + d->in_at, d->in_len - d->in_at};
        if (!unpack_some(d->unpack, &in, d->out, DECODE_BLOCK_MAX, &len, error))
            return false;
        d->in_at = d->in_len - in.len;
        d->more = len == DECODE_BLOCK_MAX;
    }
    *block = (struct slice){d->out, len};
    return true;
}

bool decode_next(struct decode *d, struct slice *block, struct error *error)
{
    *block = SLICE("");
    if (d->kind != UNPACK_NONE)
        return next_unpacked(d, block, error);
    next_plain(d, block);
    return true;
}

bool decode_borrows(const struct decode *d)
{
    return d->plain[0].len > 0 || d->plain[1].len > 0;
}

bool decode_end(struct decode *d, struct error *error)
{
    return d->told || tell(d, error);
}

bool decode_whole(const struct decode *d, struct error *error)
{
    return d->kind == UNPACK_NONE || unpack_finish(d->unpack, error);
}
