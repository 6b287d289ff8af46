/*
 * The members of one JSON value, as they stand in its text, with the grammar of RFC 8259 checked all the way down.
 *
 * cJSON lets much pass (numbers like 01, control characters, "\u0000", bytes that are no UTF-8) and keeps numbers as
 * doubles; so its input is checked here first, and the tokens of numbers are taken from here.
 */
#ifndef DROPFOLD_PARSE_JSON_RECORD_H
#define DROPFOLD_PARSE_JSON_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };

struct json_member {
    struct slice value; /* its text in the record, quotes included */
    enum json_kind kind;
};

struct json_record {
    enum json_kind kind;
    struct json_member *members; /* of an object, the caller's array; in the order of the text */
    size_t count, capacity;
    struct buf *short_text; /* the caller's, or NULL: see json_record_read */
    size_t fault;           /* after a failure: where in the text */
    const char *expected;   /* and what should stand there */
};

/* Reads the whole of `text`, which begins with no blank. False at the first fault. Where numbers in it are longer than
   cJSON reads, short_text is then the text with 0 and blanks in their places; else it is empty. */
bool json_record_read(struct json_record *record, struct slice text) MUST_USE;

/* "an object", "a number" and so on. */
const char *json_kind_words(enum json_kind kind);

#endif
