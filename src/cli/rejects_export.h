/* Rejected rows as a table for other programs: `dropfold rejects export`. */
#ifndef DROPFOLD_CLI_REJECTS_EXPORT_H
#define DROPFOLD_CLI_REJECTS_EXPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "store/store.h"

/* Appends the reject as an object of JSON; `retried` stands in it when it is not 0, `raw_hex` when the raw row is no
   UTF-8. */
void rejects_export_json(struct buf *out, const struct reject_record *record);

/* Appends the names of the columns, or a reject's cells, as a line of CSV (RFC 4180, but that lines end in LF alone).
   Bytes are as the store has them; `spreadsheet`: but for a ' before a cell that a spreadsheet would take for a
   formula. */
void rejects_export_header(struct buf *out);
void rejects_export_csv(struct buf *out, const struct reject_record *record, bool spreadsheet);

#endif
