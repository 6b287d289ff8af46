/*
 * What csv_reader.c, which finds records, and csv_rows.c, which makes rows of them, know of a file under way.
 */
#ifndef DROPFOLD_PARSE_CSV_READER_INTERNAL_H
#define DROPFOLD_PARSE_CSV_READER_INTERNAL_H

#include <csv.h>

#include "parse/csv_header.h"
#include "parse/csv_lines.h"
#include "parse/csv_reader.h"
#include "parse/csv_scan.h"
#include "parse/repair.h"

struct csv_reader {
    struct csv_parser csv;
    bool csv_open;
    struct bind *bind;
    struct coerce *coerce;
    struct rowsink *sink;

    const struct descriptor_form *form;
    struct csv_lines lines;
    struct csv_header header;
    bool have_header; /* its names are known, and whose they are */
    bool settled;     /* and a file without a header has as many columns */

    /* The record in progress. */
    bool in_record;
    struct buf carry;
    const char *record_start, *piece_end; /* in the block; the end is before the line's end */
    uint64_t record_line, record_column;
    size_t fields;       /* seen so far */
    size_t live_columns; /* columns still worth a look: all of them, or 0 once the row is known to be bad */
    struct value values[COERCE_VALUES_MAX];
    char *text; /* PARSER_RECORD_MAX bytes: its text values, as libcsv reuses its buffer */
    size_t text_len;
    size_t kept_field, kept_at; /* the field last copied (from 1; 0: none) and where to */
    const struct coerce_rule *bad;
    size_t bad_field;      /* its column, from 1 */
    struct repair *repair; /* NULL: no version of the feed asks for it */
    bool repairs;          /* the file's version does */

    /* Records that need no libcsv. */
    struct csv_scan *scan;
    bool scans;         /* the file's form allows it */
    unsigned odd, hold; /* records left to libcsv after the last odd one, and of these those to come */

    /* Where we are. */
    uint64_t line;
    size_t line_before;     /* bytes of the line in earlier blocks */
    const char *line_start; /* of its part in this block */
    bool after_cr;

    struct error *error;
    bool failed;
};

/* Each stores what failed and returns false. */
bool csv_fail_memory(struct csv_reader *r);
bool csv_fail_field(struct csv_reader *r);                 /* the one in progress is too long */
bool csv_fail_record(struct csv_reader *r);                /* so is the record */
bool csv_fail_quote(struct csv_reader *r, const char *at); /* libcsv refused the byte there */
bool csv_fail_unclosed(struct csv_reader *r);              /* the file ends inside of quotes */

/* The columns are known: rows follow. */
bool csv_rows_begin(struct csv_reader *r);

/* A field's values, as the row's: `stays` says that its bytes outlive the row. */
void csv_rows_take(struct csv_reader *r, const struct csv_column *column, struct slice field, bool stays);

/* What libcsv calls: a field ended (data is NULL when nothing stood there), for a file whose rows may have to be
   repaired, a row ended. */
void csv_rows_on_field(void *data, size_t len, void *context);
void csv_rows_on_kept_field(void *data, size_t len, void *context);
void csv_rows_on_row(int terminator, void *context);

#endif
