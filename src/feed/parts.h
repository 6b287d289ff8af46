/*
 * A large file read by several threads: the caller reads its bytes in pieces, and what there is of other threads hashes
 * them in order and parses those that begin at likely places, each by a parser of its own (parser_twin). The caller's
 * parser takes in what they read, in order, once it stands at a piece's begin and the place is proven; all other pieces
 * it is fed.
 *
 *     read >   | piece | piece | piece | piece |   > hashed, parsed (any order)   > joined (in order)
 *
 * The caller does what parts_next says, step by step, which itself parses and hashes where it would have to wait. At
 * most PARTS_PIECES_MAX pieces are held, and of each the rows of at most one batch and one block more.
 */
#ifndef DROPFOLD_FEED_PARTS_H
#define DROPFOLD_FEED_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"
#include "parse/parser.h"

enum {
    PARTS_HELPERS_MAX = 3, /* threads beside the caller's; more would wait for the one that hashes */
    PARTS_PER_THREAD = 4,  /* pieces */
    PARTS_PIECES_MAX = PARTS_PER_THREAD * (1 + PARTS_HELPERS_MAX),
    PARTS_PIECE_BYTES = 256 * 1024 /* a usual piece: what a core's own cache holds some of */
};

struct parts;

/* Starts as many helpers as there can be, of `helpers`. `parser` was fed `head`, all of the file so far, without
   failing; what the digester was given is that. All three are borrowed until parts_end, the digester wholly. NULL:
   there is no memory or no thread for it. */
struct parts *parts_start(struct parser *parser, struct slice head, struct digester *digester, unsigned helpers,
                          size_t piece_bytes) MUST_USE;

enum parts_step {
    PARTS_FILL,  /* read up to bytes.len bytes to bytes.data, then parts_filled */
    PARTS_FEED,  /* feed the bytes to the parser, and take its batches */
    PARTS_TAKE,  /* take the parser's batches: it was joined */
    PARTS_END,   /* all was hashed and parsed */
    PARTS_FAILED /* out of memory */
};

struct parts_bytes {
    char *data;
    size_t len;
};

/* What is to be done next. Waits while it is all with the others. */
enum parts_step parts_next(struct parts *parts, struct parts_bytes *bytes, struct error *error) MUST_USE;

/* `len` bytes were read; none come behind them if it is the `last` time. */
void parts_filled(struct parts *parts, size_t len, bool last);

/* The parser failed: what comes is only to be hashed. */
void parts_hash_only(struct parts *parts);

/* Ends the threads, at any time, and frees it all. */
void parts_end(struct parts *parts);

#endif
