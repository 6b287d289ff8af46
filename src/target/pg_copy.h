/* Cells in PostgreSQL's binary formats: as rows of COPY and as elements of arrays. */
#ifndef DROPFOLD_TARGET_PG_COPY_H
#define DROPFOLD_TARGET_PG_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"

/*
 * The block as the data of one COPY (FORMAT binary), a piece at a time: appends rows, one at least, until `out` has
 * `enough` bytes, from *row on, which is 0 at first and moves on. The last piece also has the end's mark, and leaves
 * *row at PG_COPY_ENDED. ERROR_BUG for a cell that is no value of its column.
 */
#define PG_COPY_ENDED SIZE_MAX
bool pg_copy_rows(struct buf *out, const struct table *table, const struct block *block, size_t *row, size_t enough,
                  struct error *error) MUST_USE;

/* The whole block as an array of the table's rows, whose type has the OID `row_type` and the columns of `table`. */
bool pg_copy_row_array(struct buf *out, const struct table *table, const struct block *block, uint32_t row_type,
                       struct error *error) MUST_USE;

/* One column of the block, columns[at] of it, as an array of the column's type; of lists as an array of their texts. */
bool pg_copy_array(struct buf *out, const struct column *column, const struct block *block, size_t at,
                   struct error *error) MUST_USE;

#endif
