/*
 * Decoded rows: the first half of a row's way into the engine, all that can be found out without the engine's state.
 *
 * engine_apply goes both halves. A replay has many rows before it and lets one thread decode while another one applies
 * (engine_apply_rows), each with its own engine_rows.
 */
#ifndef DROPFOLD_ENGINE_DECODED_H
#define DROPFOLD_ENGINE_DECODED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/chunk.h"
#include "model/pipeline.h"

enum {
    DECODED_ROWS = 256,          /* rows at most */
    DECODED_BYTES = 64 * 1024,   /* bytes of a chunk after which no further row begins */
    DECODED_NO_TEXT = UINT32_MAX /* no place in `texts` */
};

struct decoded_row {
    uint64_t row, nulls; /* its number in the file; a bit a field */
    bool deletes;        /* it is a delete marker */
    bool passes;         /* the filter, and is none */
};

/* A text that fields of these rows have, kept once where rows one after the other have it in one field. */
struct decoded_text {
    uint64_t hash;
    uint32_t at, len; /* bytes from `bytes` on */
    uint32_t id;      /* for the engine: its number in the dictionary */
};

/* Rows of a chunk, decoded. Private to the engine but for the functions below. */
struct engine_rows {
    const struct feed *feed;
    struct slice bytes; /* the rows in the chunk, or in `held` */
    size_t count, text_count;
    struct decoded_row rows[DECODED_ROWS];
    int64_t *codes; /* feed->field_count for each row; of a text its place in `texts`; of a null 0 */
    struct decoded_text *texts;
    struct buf held;
    struct value values[PIPELINE_FIELDS_MAX]; /* of the row being decoded */
    uint32_t last_text[PIPELINE_FIELDS_MAX];  /* by field: its text in the row before, or DECODED_NO_TEXT */
    size_t text_fields[PIPELINE_FIELDS_MAX];
    size_t text_field_count;
};

/* Room for the rows of any feed of the pipeline: DECODED_ROWS times 32 bytes a field, and the bytes it is to hold. */
struct engine_rows *engine_rows_new(const struct pipeline *pipeline, struct error *error) MUST_USE;
void engine_rows_free(struct engine_rows *rows);

/*
 * Decodes the next rows of a chunk; `more` tells whether there may be others. They borrow the chunk's bytes. False when
 * it cannot be read on: the rows before that are there.
 */
bool engine_decode(struct engine_rows *rows, struct chunk_reader *reader, bool *more, struct error *error) MUST_USE;

/* Takes a copy of the bytes, so that the chunk may go. */
bool engine_rows_hold(struct engine_rows *rows, struct error *error) MUST_USE;

#endif
