/*
 * CSV to rows: RFC 4180 by libcsv in its strict mode, the header binding the fields by name.
 *
 * What counts as what:
 *   - LF, CR LF and a lone CR end a line. Lines without anything but blanks are no rows.
 *   - Blanks and tabs around a field without quotes are no part of it; inside of quotes everything is.
 *   - Nothing between two delimiters is null; "" is the empty text.
 *   - A row with more or fewer fields than the header is rejected; a quote where none may be makes all that follows
 *     doubtful and fails the file, and so does a field, a record or a header past its limit (parser.h).
 *   - An empty file fails: it may be one that is still being written. A header alone is none; nor, where the names are the
 *     descriptor's, are the lines to skip, or a comment.
 *   - Delimiter, quote, comments, lines before the header and the names of files without one are the descriptor's.
 *     Lines to skip and comments are whole lines, whatever quotes are in them; a comment begins where a record would.
 */
#ifndef DROPFOLD_PARSE_CSV_READER_H
#define DROPFOLD_PARSE_CSV_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "parse/bind.h"
#include "parse/coerce.h"
#include "parse/rowsink.h"

struct csv_reader;

/* What it is given must outlive it. */
struct csv_reader *csv_reader_new(struct bind *bind, struct coerce *coerce, struct rowsink *sink,
                                  struct error *error) MUST_USE;
void csv_reader_free(struct csv_reader *reader);

/* Begins a file of the run's form (bind_form) whose first byte to come stands at this place. ERROR_DATA when the names
   it gives files without a header fit no version. */
bool csv_reader_start(struct csv_reader *reader, uint64_t line, uint64_t column, struct error *error) MUST_USE;

/* Whether the file was found to be of this form: its header fits a version, or its first row the names given. */
bool csv_reader_settled(const struct csv_reader *reader);

/*
 * Rows that another reader reads. Its file began like this one, and with csv_reader_part it forgets the rows of that
 * and goes on at line 1, before a record. A reader is between records where the next byte begins one, or a line that is
 * none, at the begin of a line; there this one may take in what the part has read up to such a place.
 */
bool csv_reader_part(struct csv_reader *part, struct error *error) MUST_USE;
bool csv_reader_between(const struct csv_reader *reader);
uint64_t csv_reader_line(const struct csv_reader *reader);
void csv_reader_join(struct csv_reader *reader, const struct csv_reader *part);

/* A place in `bytes` behind `from` that is likely to be between records, as a record seems to begin there; 0: none is
   seen. Not to be asked before the file is settled. */
size_t csv_reader_cut(struct csv_reader *reader, struct slice bytes, size_t from);

/* The error's text begins with the place. After a failure only start may follow. */
bool csv_reader_feed(struct csv_reader *reader, struct slice block, struct error *error) MUST_USE;
bool csv_reader_finish(struct csv_reader *reader, struct error *error) MUST_USE;

#endif
