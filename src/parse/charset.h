/*
 * Texts of other encodings to UTF-8, over any cuts between blocks.
 *
 * What is invalid in an encoding (half of a surrogate pair, a byte that windows-1252 does not have) becomes bytes that
 * are no valid UTF-8 either: so it costs the row that it stands in, as it does in a file of UTF-8, and not the file.
 */
#ifndef DROPFOLD_PARSE_CHARSET_H
#define DROPFOLD_PARSE_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/descriptor.h"

enum { CHARSET_STEP_MAX = 6 /* bytes that one byte more of input can give at most */ };

struct charset {
    enum descriptor_encoding encoding;
    uint32_t unit;         /* bytes of a UTF-16 unit so far */
    bool half;             /* there is one such byte */
    uint32_t high;         /* a high surrogate that waits for its low one; 0: none */
    uint64_t line, column; /* of what comes next, in the UTF-8; columns count bytes */
    bool after_cr;
};

void charset_start(struct charset *charset, enum descriptor_encoding encoding);

/* Writes as much of *in as fits `size` bytes (more than CHARSET_STEP_MAX) to out, moves *in and returns the length. Not
   for UTF-8, which needs no way through here. */
size_t charset_some(struct charset *charset, struct slice *in, char *out, size_t size);

/* Whether the text may end here: no half of a character waits. */
bool charset_whole(const struct charset *charset);

#endif
