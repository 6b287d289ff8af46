/*
 * Finds where the elements of a JSON file end, over any cuts between blocks.
 *
 * A file is one top-level array, or values behind each other with or without blanks between them. Only strings, escapes
 * and the depth of braces and brackets are looked at: an element may still be malformed inside, which costs that
 * element only. What stands between elements is checked here, and a mistake there fails the file.
 *
 * Or each line is an element, whatever it is, but for the blanks around it; blank lines are none (NDJSON).
 */
#ifndef DROPFOLD_PARSE_JSON_SCAN_H
#define DROPFOLD_PARSE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum json_scan_state {
    JSON_SCAN_START,  /* before the first value */
    JSON_SCAN_FIRST,  /* behind the array's bracket */
    JSON_SCAN_VALUE,  /* behind a comma of the array */
    JSON_SCAN_NEXT,   /* behind an element of the array */
    JSON_SCAN_AFTER,  /* behind the array */
    JSON_SCAN_LOOSE,  /* between values that are not in an array */
    JSON_SCAN_NESTED, /* in an object or array */
    JSON_SCAN_STRING, /* in a string */
    JSON_SCAN_ESCAPE, /* behind a backslash there */
    JSON_SCAN_SCALAR, /* in a number or word */
    JSON_SCAN_LINE    /* in a line that is an element */
};

struct json_scan {
    enum json_scan_state state;
    bool lines; /* each is an element */
    bool in_array;
    size_t depth;        /* open braces and brackets of the element */
    uint64_t line;       /* of the next byte */
    uint64_t offset;     /* of the block's first byte, in what was scanned */
    uint64_t line_start; /* offset of the line's first byte; the first line's may lie before 0 */
    uint64_t element_line, element_column;
    size_t begin;         /* where the element begins in the block; 0 when it began in an earlier one */
    const char *expected; /* after JSON_SCAN_FAULT, or when the file ends too early */
};

enum json_scan_result {
    JSON_SCAN_MORE,    /* the block is used up */
    JSON_SCAN_ELEMENT, /* block[begin .. *at) ends an element */
    JSON_SCAN_FAULT    /* block[*at] may not stand there: `expected` */
};

/* The next byte stands at this place. */
void json_scan_start(struct json_scan *scan, bool lines, uint64_t line, uint64_t column);

/* Scans block from *at on and moves *at. After JSON_SCAN_MORE call json_scan_advance before the next block. */
enum json_scan_result json_scan_next(struct json_scan *scan, struct slice block, size_t *at) MUST_USE;

/* What comes next stands in another block, behind this one of `len` bytes. */
void json_scan_advance(struct json_scan *scan, size_t len);

/* True while an element has begun and not ended. */
bool json_scan_inside(const struct json_scan *scan);

/* The file's end: MORE when it may end here, ELEMENT when that ends a number, a word or a line, FAULT when it is
   cut. */
enum json_scan_result json_scan_finish(struct json_scan *scan) MUST_USE;

/* The column, from 1, of block[at]. */
uint64_t json_scan_column(const struct json_scan *scan, size_t at);

#endif
