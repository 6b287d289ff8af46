/*
 * Bytes of one file to typed rows: unpack, decode, split into records, bind by name, coerce, encode.
 *
 * Push in bytes, take out batches:
 *
 *   parser_start -> { parser_feed(<= 64 KiB) -> while parser_full: parser_take }* -> parser_finish -> parser_take
 *
 * Every row read ends either in a batch's chunk or among its rejects. What makes the whole file unreadable (a quote
 * that never closes, truncated JSON, a header that fits no descriptor, a wrong checksum) fails feed, take or finish
 * with ERROR_DATA and a text that begins with "line:column: " where there is a place; the batches taken so far are then
 * void.
 *
 * Lines and columns are those of the text as it is read: unpacked, as UTF-8, columns counted in bytes. Messages say so
 * where the file itself is another.
 *
 * Pure: no I/O, no clock, no log. One parser is used by one thread at a time and reused for any number of files.
 */
#ifndef DROPFOLD_PARSE_PARSER_H
#define DROPFOLD_PARSE_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/batch.h"
#include "model/pipeline.h"

enum {
    PARSER_INPUT_MAX = 64 * 1024,    /* bytes of one parser_feed */
    PARSER_FIELD_MAX = 64 * 1024,    /* bytes of one field; a longer one fails the file: mostly a quote never closed */
    PARSER_RECORD_MAX = 1024 * 1024, /* bytes of one record */
    PARSER_COLUMNS_MAX = 4096,       /* columns of a file */
    PARSER_HEAD_MAX = 2 * 1024 * 1024, /* bytes in which it must be found which of several forms a file has */
    PARSER_DEPTH_MAX = 32,             /* of nested JSON */
    PARSER_REJECTS_MAX = 100 * 1000 /* a file with more rejected rows than this, and than accepted ones, fails; so does
                                       one past the limits of its feed (struct feed_limits) */
};

struct parser;

/* A parser for files of `feed`, which must outlive it. */
struct parser *parser_new(const struct feed *feed, struct error *error) MUST_USE;
void parser_free(struct parser *parser);

/* From here on it reads what was applied before: the limits that its feed has now do not hold for that, and a file
   without a header may be empty. */
void parser_trust(struct parser *parser);

/* Begins a file. `version` 0 chooses the descriptor by the file's columns; another asks for that one and no other. */
void parser_start(struct parser *parser, uint32_t version);

/* Tells the name of the file just begun, for fields that are read from it. It is copied. */
bool parser_name(struct parser *parser, struct slice name, struct error *error) MUST_USE;

/* The next bytes of the file, at most PARSER_INPUT_MAX. They need not outlive the call. */
bool parser_feed(struct parser *parser, struct slice bytes, struct error *error) MUST_USE;
/* There are no more. */
bool parser_finish(struct parser *parser, struct error *error) MUST_USE;

/* True when the batch being filled should be taken before more is fed. */
bool parser_full(const struct parser *parser);

/* The oldest rows not yet taken, to be freed by the caller; NULL in *batch when there are none. One block of input may
   fill several batches, and a packed one is unpacked as its rows are taken; after finish, or a failure, one take gets
   the rest. False when out of memory, or as parser_feed. */
bool parser_take(struct parser *parser, struct batch **batch, struct error *error) MUST_USE;

/*
 * Parts of a file, read by other parsers, each by a thread of its own if need be. All of this hangs on the bytes alone:
 *
 *   parser_splits after a block -> parser_twin of all that was fed
 *   for any part between two places: parser_part of a twin -> parser_feed of the part
 *   when the parser itself has come to the part's begin: parser_joins -> parser_join, and it stands at its end
 *
 * The places may be guessed: parser_joins proves them, as both parsers must stand between two records, one at the begin
 * of the part and the other at its end. What does not join is void: the parser is fed the part then, and says what is
 * wrong. Rows, rejects, counts and batches are in any case those of a file that one parser reads.
 */

/* Whether parts of what follows may be read apart: a CSV file in UTF-8 that is not packed, its header read. */
bool parser_splits(const struct parser *parser);

/* A parser that was fed `head`, all that this one was fed since its file began; NULL when out of memory. */
struct parser *parser_twin(const struct parser *parser, struct slice head, struct error *error) MUST_USE;

/* A twin begins a part: it forgets its rows and stands between two records. False when out of memory. */
bool parser_part(struct parser *twin, struct error *error) MUST_USE;

/* A place in `bytes`, which come somewhere behind what was fed, that is likely to be between records and is not before
   `from`; 0: none is seen. */
size_t parser_cut(struct parser *parser, struct slice bytes, size_t from);

/* Whether the part joins, `parser` having come to its begin; nor may its rejects pass a limit. */
bool parser_joins(const struct parser *parser, const struct parser *part);

/* Takes the rows of a part that joins. False when out of memory: the file must be read again. */
bool parser_join(struct parser *parser, struct parser *part, struct error *error) MUST_USE;

/* Fills rows, rejected, version, descriptor, unknown, named and note (allocated in facts->arena, which the caller has
   made); content and size are the reader's to fill. Meaningful after finish, and after a failure for its report. False
   when out of memory. */
bool parser_facts(const struct parser *parser, struct file_facts *facts) MUST_USE;

#endif
