/*
 * Unpacking of gzip (RFC 1952) and zstd (RFC 8878), told by a file's first bytes whatever its name says.
 *
 * Several members or frames behind each other are one text. Checksums and lengths are checked as far as the file has
 * them: gzip always, zstd when it was written with a checksum. Whatever is cut, damaged or stands behind the end fails.
 *
 * What comes out is bounded by what goes in, so that a small file cannot keep us busy for hours.
 */
#ifndef DROPFOLD_PARSE_UNPACK_H
#define DROPFOLD_PARSE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

enum {
    UNPACK_MAGIC_MAX = 4,               /* first bytes that tell */
    UNPACK_FREE_MAX = 64 * 1024 * 1024, /* bytes that may come out of any file, and then */
    UNPACK_RATIO_MAX = 200,             /* as many more for each byte that went in */
    UNPACK_WINDOW_LOG = 23              /* zstd's memory: 8 MiB, what its format asks every reader to have */
};

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD };

/* What a file that begins with these bytes is; *open when more of them could still make it another. */
enum unpack_kind unpack_tell(struct slice head, bool *open);

struct unpack;

/* NULL when out of memory. */
struct unpack *unpack_new(void) MUST_USE;
void unpack_free(struct unpack *unpack);

/* Begins a file of one of the two kinds. */
bool unpack_start(struct unpack *unpack, enum unpack_kind kind, struct error *error) MUST_USE;

/* Unpacks from *in, which is moved behind what was used, into `size` bytes at `out`; *len of them were written. As long
   as *in is not empty or all of `out` was written there is more to get. ERROR_DATA when the data is damaged or expands
   too far. */
bool unpack_some(struct unpack *unpack, struct slice *in, char *out, size_t size, size_t *len,
                 struct error *error) MUST_USE;

/* The file's end: ERROR_DATA when it is cut. */
bool unpack_finish(const struct unpack *unpack, struct error *error) MUST_USE;

#endif
