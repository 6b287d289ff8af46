/*
 * JSON to rows: a top-level array of objects, or objects behind each other, or one on each line; one record at a time.
 *
 * A record that is malformed inside is one rejected row. Where the file's own structure is broken (it is cut, a comma
 * is missing, something stands behind the array) nothing that follows can be trusted, and the file fails. Of lines each
 * one can be trusted but a last one without a line end: where that is no whole record, the file is cut.
 */
#ifndef DROPFOLD_PARSE_JSON_READER_H
#define DROPFOLD_PARSE_JSON_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "parse/bind.h"
#include "parse/coerce.h"
#include "parse/rowsink.h"

struct json_reader;

/* What it is given must outlive it. */
struct json_reader *json_reader_new(struct bind *bind, struct coerce *coerce, struct rowsink *sink,
                                    struct error *error) MUST_USE;
void json_reader_free(struct json_reader *reader);

/* Begins a file whose first byte to come stands at this place. `lines`: each line is a record. `first`: its first
   record must tell the version; one that cannot be read fails the file instead of being rejected, as a sign that it is
   to be read in another way. */
void json_reader_start(struct json_reader *reader, bool lines, bool first, uint64_t line, uint64_t column);

/* The error's text begins with the place. After a failure only start may follow. */
bool json_reader_feed(struct json_reader *reader, struct slice block, struct error *error) MUST_USE;
bool json_reader_finish(struct json_reader *reader, struct error *error) MUST_USE;

#endif
