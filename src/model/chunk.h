/*
 * Facts in their durable form: rows of one file, as the checkpoint store keeps them and the engine reads them.
 *
 * A chunk is a run of rows of one feed in file order. The engine applies a file from the very bytes that replay will
 * read, so there is one path from facts to numbers. Format, all integers LEB128 varints:
 *
 *   chunk = row*
 *   row   = row_step line_step nulls value*
 *   row_step   this row's number minus that of the row before (of 0 before the first row of a chunk)
 *   line_step  the same for the physical line the row begins on
 *   nulls      one bit a field of the feed, in bytes, field 0 the lowest bit of the first byte; 1 is null
 *   value      of every field that is not null, in the feed's order: text as length and bytes, double as its 8 bytes
 *              least first, every other kind zigzag
 *
 * Rows are numbered from 1 over all rows of the file, rejected ones included. The store adds the checksum.
 */
#ifndef DROPFOLD_MODEL_CHUNK_H
#define DROPFOLD_MODEL_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "model/pipeline.h"

enum {
    CHUNK_SIZE_MAX = 4 * 1024 * 1024, /* bytes; a writer is full when one more row of the largest size might not fit */
    CHUNK_ROW_MAX = 1024 * 1024 + 4096 /* bytes of one encoded row: a record's limit and what the format adds */
};

struct chunk_writer {
    const struct feed *feed;
    struct buf buf;
    uint32_t rows;
    uint64_t last_row, last_line;
};

void chunk_writer_init(struct chunk_writer *writer, const struct feed *feed);
/* Leaves it as it was after its init. */
void chunk_writer_close(struct chunk_writer *writer);

/*
 * Adds a row; values[i] belongs to feed->fields[i]. `row` and `line` never fall. False when out of memory (then
 * buf.failed is set), or when chunk_next would not take the row: a value that its kind cannot hold, numbers that fall,
 * more than CHUNK_ROW_MAX bytes; the writer is then as it was.
 */
bool chunk_put(struct chunk_writer *writer, uint64_t row, uint64_t line, const struct value *values) MUST_USE;

/* True when the next row might pass CHUNK_SIZE_MAX. */
bool chunk_full(const struct chunk_writer *writer);

/* Whether the writer is surely not full, at none of their rows, when it takes in those of `more`. */
bool chunk_has_room(const struct chunk_writer *writer, const struct chunk_writer *more);

/* Adds the rows of `more`, of which row 1 is row `row` + 1 here and line 1 line `line` + 1, as if each were put; there
   is room for them. False when out of memory. */
bool chunk_append(struct chunk_writer *writer, const struct chunk_writer *more, uint64_t row, uint64_t line) MUST_USE;

struct chunk_reader {
    const struct feed *feed;
    const char *at, *end;
    uint64_t row, line; /* of the row last read */
};

void chunk_reader_init(struct chunk_reader *reader, const struct feed *feed, struct slice bytes);

enum chunk_result { CHUNK_ROW, CHUNK_END, CHUNK_CORRUPT };

/*
 * Reads the next row into values[0 .. feed->field_count); text borrows the chunk's bytes. Any bytes are safe to read:
 * what no writer writes (a number cut or spelled too long, stray null bits, row 0, a value beyond its kind, a double
 * that is not finite, more than CHUNK_ROW_MAX bytes) is corrupt, and the reader stays where it is. UTF-8 is not checked
 * again.
 */
enum chunk_result chunk_next(struct chunk_reader *reader, struct value *values) MUST_USE;

#endif
