#include "recode.h"

#include <zlib.h>
#include <zstd.h>

#include "reference.h"

static bool begins(struct slice file, const struct slice *with, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_starts_with(file, with[i]))
            return true;
    return false;
}

bool recode_is_packed(struct slice file)
{
    static const struct slice magics[] = {{"\x1f\x8b\x08", 3}, {"\x28\xb5\x2f\xfd", 4}};
    return begins(file, magics, COUNT_OF(magics));
}

bool recode_is_marked(struct slice file)
{
    static const struct slice marks[] = {{"\xef\xbb\xbf", 3}, {"\xff\xfe", 2}, {"\xfe\xff", 2}};
    return begins(file, marks, COUNT_OF(marks));
}

static void put_unit(struct buf *out, uint32_t unit, bool big)
{
    buf_put_byte(out, (uint8_t)(big ? unit >> 8 : unit));
    buf_put_byte(out, (uint8_t)(big ? unit : unit >> 8));
}

static void put_point(struct buf *out, uint32_t point, bool big)
{
    if (point >= 0x10000) {
        put_unit(out, 0xd800 + ((point - 0x10000) >> 10), big);
        point = 0xdc00 + ((point - 0x10000) & 0x3ff);
    }
    put_unit(out, point, big);
}

static void put_utf16(struct slice file, bool big, struct buf *out)
{
    put_unit(out, 0xfeff, big);
    for (size_t i = 0; i < file.len;) {
        uint8_t lead = (uint8_t)file.data[i];
        size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        uint32_t point = len == 1 ? lead : lead & (0x7fu >> len);
        for (size_t k = 1; k < len; k++)
            point = point << 6 | ((uint8_t)file.data[i + k] & 0x3f);
        put_point(out, point, big);
        i += len;
    }
}

static void put_gzip(struct slice file, struct buf *out)
{
    z_stream z = {.avail_in = (uInt)file.len};
    check(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    uLong bound = deflateBound(&z, file.len);
    z.next_in = (Bytef *)(uintptr_t)file.data;
    z.next_out = (Bytef *)buf_reserve(out, bound);
    z.avail_out = (uInt)bound;
    check(z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->len += bound - z.avail_out;
    deflateEnd(&z);
}

static void put_zstd(struct slice file, struct buf *out)
{
    size_t bound = ZSTD_compressBound(file.len);
    char *at = buf_reserve(out, bound);
    check(at);
    size_t len = ZSTD_compress(at, bound, file.data, file.len, 1);
    check(!ZSTD_isError(len));
    out->len += len;
}

bool recode(struct slice file, enum recode_way way, struct buf *out)
{
    const struct slice halves[] = {{file.data, file.len / 2}, {file.data + file.len / 2, file.len - file.len / 2}};
    if (way == RECODE_UTF16LE || way == RECODE_UTF16BE) {
        if (!reference_is_utf8(file))
            return false;
        put_utf16(file, way == RECODE_UTF16BE, out);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(halves); i++)
        (way == RECODE_GZIP ? put_gzip : put_zstd)(halves[i], out);
    return !out->failed;
}
