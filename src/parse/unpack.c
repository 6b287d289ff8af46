#define ZLIB_CONST /* its input is not written to */
#include "parse/unpack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { GZIP_WINDOW_BITS = 15 + 16 /* the largest window; 16: with gzip's header and trailer, both checked */ };

struct unpack {
    enum unpack_kind kind;
    z_stream gzip;
    bool gzip_open;
    ZSTD_DCtx *zstd; /* made for the first file that needs it */
    bool whole;      /* the file may end here: a member or frame has just ended */
    uint64_t in, out;
};

static const char gzip_magic[] = {'\x1f', '\x8b', '\x08'};
static const char zstd_magic[] = {'\x28', '\xb5', '\x2f', '\xfd'};

static bool begins(struct slice head, const char *magic, size_t len, bool *open)
{
    size_t common = head.len < len ? head.len : len;
    bool same = common == 0 || memcmp(head.data, magic, common) == 0;
    *open = *open || (same && head.len < len);
    return same && head.len >= len;
}

enum unpack_kind unpack_tell(struct slice head, bool *open)
{
    *open = false;
    bool gzip = begins(head, gzip_magic, sizeof gzip_magic, open);
    bool zstd = begins(head, zstd_magic, sizeof zstd_magic, open);
    return gzip ? UNPACK_GZIP : zstd ? UNPACK_ZSTD : UNPACK_NONE;
}

struct unpack *unpack_new(void)
{
    return calloc(1, sizeof(struct unpack));
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    if (u->gzip_open)
        inflateEnd(&u->gzip);
    ZSTD_freeDCtx(u->zstd);
    free(u);
}

static bool start_gzip(struct unpack *u, struct error *error)
{
    if (!u->gzip_open)
        u->gzip_open = inflateInit2(&u->gzip, GZIP_WINDOW_BITS) == Z_OK;
    return (u->gzip_open && inflateReset(&u->gzip) == Z_OK) || error_memory(error);
}

static bool start_zstd(struct unpack *u, struct error *error)
{
    if (!u->zstd)
        u->zstd = ZSTD_createDCtx();
    if (!u->zstd)
        return error_memory(error);
    /* Neither can fail: no frame is under way, and the limit is one that zstd knows. */
    (void)ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_and_parameters);
    (void)ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, UNPACK_WINDOW_LOG);
    return true;
}

bool unpack_start(struct unpack *u, enum unpack_kind kind, struct error *error)
{
    u->kind = kind;
    u->whole = false;
    u->in = u->out = 0;
    return kind == UNPACK_GZIP ? start_gzip(u, error) : start_zstd(u, error);
}

static const char *kind_name(const struct unpack *u)
{
    return u->kind == UNPACK_GZIP ? "gzip" : "zstd";
}

/* `ahead`: bytes behind those counted that may be the damaged ones. */
static bool fail_damaged(const struct unpack *u, size_t ahead, const char *why, struct error *error)
{
    return error_set(error, ERROR_DATA, "found damaged %s data before byte %ju of the file (%s), expected it whole",
                     kind_name(u), (uintmax_t)(u->in + ahead) + 1, why);
}

static bool fail_behind(const struct unpack *u, struct error *error)
{
    return error_set(error, ERROR_DATA,
                     "found other data behind the %s data, at byte %ju, expected the file to end there", kind_name(u),
                     (uintmax_t)u->in + 1);
}

/* The libraries' positions moved: counts them and moves `in`. */
static void count(struct unpack *u, struct slice *in, size_t used, size_t made)
{
    in->data += used;
    in->len -= used;
    u->in += used;
    u->out += made;
}

/* --- gzip --------------------------------------------------------------------------------------------------------- */

static bool next_member(struct unpack *u, struct slice in, struct error *error)
{
    if (in.data[0] != gzip_magic[0])
        return fail_behind(u, error);
    u->whole = false;
    return inflateReset(&u->gzip) == Z_OK || error_memory(error);
}

static bool gzip_some(struct unpack *u, struct slice *in, char *out, size_t size, size_t *len, struct error *error)
{
    if (u->whole && in->len == 0)
        return true;
    if (u->whole && !next_member(u, *in, error))
        return false;
    u->gzip.next_in = (const Bytef *)in->data;
    u->gzip.avail_in = (uInt)in->len;
    u->gzip.next_out = (Bytef *)out;
    u->gzip.avail_out = (uInt)size;
    int result = inflate(&u->gzip, Z_NO_FLUSH);
    *len = size - u->gzip.avail_out;
    count(u, in, in->len - u->gzip.avail_in, *len);
    u->whole = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR)
        return error_memory(error);
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
        return true;
    return fail_damaged(u, 0, u->gzip.msg ? u->gzip.msg : "no reason given", error);
}

/* --- zstd --------------------------------------------------------------------------------------------------------- */

static bool fail_zstd(const struct unpack *u, size_t code, size_t ahead, bool between, struct error *error)
{
    switch ((int)ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        return error_memory(error);
    case ZSTD_error_frameParameter_windowTooLarge:
        return error_set(error, ERROR_DATA,
                         "found zstd data that needs a window of more than %d MiB, expected at most that: pack it "
                         "without --long and --ultra",
                         (1 << UNPACK_WINDOW_LOG) / (1024 * 1024));
    case ZSTD_error_prefix_unknown:
        if (between)
            return fail_behind(u, error);
        break;
    default:
        break;
    }
    return fail_damaged(u, ahead, ZSTD_getErrorName(code), error);
}

static bool zstd_some(struct unpack *u, struct slice *in, char *out, size_t size, size_t *len, struct error *error)
{
    if (u->whole && in->len == 0)
        return true;
    bool between = u->whole;
    ZSTD_inBuffer from = {in->data, in->len, 0};
    ZSTD_outBuffer to = {out, size, 0};
    size_t result = ZSTD_decompressStream(u->zstd, &to, &from);
    if (ZSTD_isError(result))
        return fail_zstd(u, result, in->len, between, error);
    *len = to.pos;
    count(u, in, from.pos, to.pos);
    u->whole = result == 0;
    return true;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static bool fail_expansion(const struct unpack *u, struct error *error)
{
    return error_set(error, ERROR_DATA,
                     "found %s data that unpacks to more than %d times its size (and more than %d MiB), expected "
                     "less: most likely made to fill disks",
                     kind_name(u), UNPACK_RATIO_MAX, UNPACK_FREE_MAX / (1024 * 1024));
}

bool unpack_some(struct unpack *u, struct slice *in, char *out, size_t size, size_t *len, struct error *error)
{
    *len = 0;
    bool ok =
        u->kind == UNPACK_GZIP ? gzip_some(u, in, out, size, len, error) : zstd_some(u, in, out, size, len, error);
    if (!ok)
        return false;
    return u->out <= UNPACK_FREE_MAX + u->in * UNPACK_RATIO_MAX || fail_expansion(u, error);
}

bool unpack_finish(const struct unpack *u, struct error *error)
{
    return u->whole ||
           error_set(error, ERROR_DATA, "found the end of the file at byte %ju, expected more %s data: it is cut",
                     (uintmax_t)u->in + 1, kind_name(u));
}
