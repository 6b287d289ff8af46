/* Places in the text of a CSV file: ends of lines, and starts of fields for messages. */
#ifndef DROPFOLD_PARSE_CSV_PLACE_H
#define DROPFOLD_PARSE_CSV_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum { CSV_PLACE_DELIMITER_SIZE = 16 };

/*
 * Behind the first LF, CR LF or lone CR at or after `from`, or `end`. *lf is NULL for a new block and then kept by the
 * callee: the first LF, so that it is looked for once a line, also in a block that has none.
 */
const char *csv_place_line_end(const char *from, const char *end, const char **lf) MUST_USE;

struct csv_place {
    uint64_t line, column; /* from 1; columns count bytes */
    bool quoted;           /* the field begins with a quote */
};

/* The start of field `field` (from 0) of the raw record, whose own start is *place. A `quote` of NUL: there is none. */
void csv_place_find(struct slice raw, char delimiter, char quote, size_t field, struct csv_place *place);

/* A delimiter as messages name it: "a comma", "a \"|\"". Returns out. */
const char *csv_place_delimiter(char delimiter, char out[CSV_PLACE_DELIMITER_SIZE]);

/* The first `count` fields of the raw record as they stand there, quotes and blanks included. */
void csv_place_fields(struct slice raw, char delimiter, char quote, struct slice *fields, size_t count);

#endif
