/*
 * Where rows end: accepted ones in a batch's chunk, the others among its rejects, all of them counted.
 *
 * One block of input may hold more rejects than a batch takes (64 KiB of two-byte rows), so full batches wait in a line
 * until they are taken; the batch being filled always has room for one more row and one more reject.
 */
#ifndef DROPFOLD_PARSE_ROWSINK_H
#define DROPFOLD_PARSE_ROWSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/batch.h"

enum {
    ROWSINK_SHOWN_MAX = 80, /* bytes of found text that a message shows, escaped */
    ROWSINK_REASON_MAX = 400
};

struct rowsink {
    const struct feed *feed;
    struct batch *open;  /* being filled; or NULL */
    struct batch **full; /* oldest first */
    size_t full_count, full_capacity;
    uint64_t rows, rejected;        /* of the file so far */
    uint64_t repaired;              /* accepted ones that were shifted */
    char first[ROWSINK_REASON_MAX]; /* "line 7, Quantity: found ...": the first one rejected */
    bool trusts;                    /* what comes was applied before: the feed's own limits do not hold */
};

void rowsink_init(struct rowsink *sink, const struct feed *feed);
void rowsink_close(struct rowsink *sink);

/* Drops what was not taken and counts from 0 again. */
void rowsink_start(struct rowsink *sink);

enum rowsink_result {
    ROWSINK_OK,
    ROWSINK_UNFIT, /* the values take more than a chunk's row may: nothing was counted, reject it */
    ROWSINK_MEMORY
};

/* The reason to reject a row that is unfit. */
#define ROWSINK_UNFIT_WORDS "found values too long for one row, expected at most 1 MiB after cleaning"

/* The next row, which begins on physical line `line`: a value for each field of the feed, copied. */
enum rowsink_result rowsink_accept(struct rowsink *sink, uint64_t line, const struct value *values) MUST_USE;

/* Fills in the row's number. False when out of memory. */
bool rowsink_reject(struct rowsink *sink, struct reject reject) MUST_USE;

/* After each rejected row, which is `last`: false when there are too many of them. The limit of all feeds: more than
   PARSER_REJECTS_MAX, and than accepted ones; the file is of another kind then, and must not fill the store. The feed's
   own: more than max_rejects. */
bool rowsink_check(const struct rowsink *sink, const struct reject *last, struct error *error) MUST_USE;

/* At the end of the file: false when more of its rows were rejected than max_rejects_percent. */
bool rowsink_check_end(const struct rowsink *sink, struct error *error) MUST_USE;

/* Whether more rejected rows break a limit, or may break one; then the row has to be found at which they do. */
bool rowsink_may_break(const struct rowsink *sink, uint64_t more);

/* Adds all rows of a sink of the same feed, whose line 1 is line `line` + 1 here, as if they had come here one by one:
   the same batches come of them. That sink is empty then. False when out of memory. */
bool rowsink_join(struct rowsink *sink, struct rowsink *more, uint64_t line) MUST_USE;

/* True when a batch should be taken before more is read. */
bool rowsink_full(const struct rowsink *sink);

/* The oldest batch, the caller's from then on; NULL when there are no rows. */
struct batch *rowsink_take(struct rowsink *sink) MUST_USE;

#endif
