/*
 * The first step of reading: a file's bytes as they lie on disk to the bytes of its text, in bounded blocks.
 *
 * A file that is not packed goes through without a copy.
 */
#ifndef DROPFOLD_PARSE_DECODE_H
#define DROPFOLD_PARSE_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "parse/parser.h"
#include "parse/unpack.h"

enum { DECODE_BLOCK_MAX = PARSER_INPUT_MAX /* bytes fed at once, and of a block that comes out */ };

struct decode {
    char head[UNPACK_MAGIC_MAX]; /* first bytes, until they tell what the file is */
    size_t head_len;
    bool told;
    enum unpack_kind kind;
    struct slice plain[2]; /* what comes next of a file that is not packed: the head, the block fed */
    struct unpack *unpack; /* this and the two blocks: made for the first packed file */
    char *in, *out;
    size_t in_at, in_len;
    bool more; /* the last block was full: there may be more to get without more input */
};

void decode_init(struct decode *decode);
void decode_close(struct decode *decode);

/* Begins a file. */
void decode_start(struct decode *decode);

/* Gives it a block, once decode_next said that it has nothing more. A block of a file that is not packed is borrowed
   until then. */
bool decode_feed(struct decode *decode, struct slice bytes, struct error *error) MUST_USE;

/* The next block, valid until the next call; an empty one when more must be fed first. */
bool decode_next(struct decode *decode, struct slice *block, struct error *error) MUST_USE;

/* Whether something is borrowed. */
bool decode_borrows(const struct decode *decode);

/* Nothing more will be fed: what waited comes out of decode_next. */
bool decode_end(struct decode *decode, struct error *error) MUST_USE;

/* Then, once that has nothing more: ERROR_DATA when a packed file is cut. */
bool decode_whole(const struct decode *decode, struct error *error) MUST_USE;

#endif
