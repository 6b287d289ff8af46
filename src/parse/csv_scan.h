/*
 * Records of well-formed CSV, found 64 bytes at a time by the processor's vector instructions: a fast way past libcsv
 * for what needs none of its judgement.
 *
 * It takes a record only when all of it is in hand and nothing about it is in doubt: as many fields as expected, quotes
 * around whole fields and doubled inside, a line that ends by LF or CR LF. The fields are then those that libcsv would
 * find. Of everything else it says that it is odd, and libcsv reads the record and has the word on what is wrong with
 * it. So there is one grammar and one set of messages, and a record read here or there gives the same row.
 *
 * Quotes are marked, and delimiters and line ends outside of quotes, for a window at a time: a quote toggles, so the
 * sum of quotes before a byte, modulo two, says whether it lies inside. The walk from mark to mark checks what that
 * supposes.
 */
#ifndef DROPFOLD_PARSE_CSV_SCAN_H
#define DROPFOLD_PARSE_CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse/parser.h"

enum {
    CSV_SCAN_WINDOW = 8 * 1024, /* bytes marked at a time; a longer record is odd */
    CSV_SCAN_STEP = 64          /* bytes marked by one step */
};

/* A field in the block: without its quotes, or without the blanks around it. */
struct csv_scan_field {
    const char *data;
    uint32_t len;
    bool quoted;
    bool doubled; /* has doubled quotes, still twice */
};

/* The record found last. */
struct csv_scan_record {
    const char *end;  /* before its line end */
    const char *next; /* behind it */
    size_t lines;     /* line ends in it and behind it */
};

struct csv_scan_bytes {
    char delimiter, quote;
};

/* Appends the places of the marks in `len` bytes to `marks`, which has room for len + CSV_SCAN_STEP; how many. */
typedef size_t (*csv_scan_mark)(const char *from, size_t len, struct csv_scan_bytes bytes, uint32_t *marks);

struct csv_scan {
    csv_scan_mark mark; /* the fastest that this processor has */
    struct csv_scan_bytes bytes;
    const char *base; /* the window; NULL: none */
    size_t len;
    size_t count, next; /* marks in it, and of these the first that was not used */
    const char *reached; /* behind the record taken last: where that mark counts from */
    uint32_t marks[CSV_SCAN_WINDOW + CSV_SCAN_STEP];
    struct csv_scan_field fields[PARSER_COLUMNS_MAX];
};

void csv_scan_init(struct csv_scan *scan);
/* Begins a file. `quote` is not NUL. */
void csv_scan_start(struct csv_scan *scan, char delimiter, char quote);
/* Begins a block: what lay before is no longer read. */
static inline void csv_scan_block(struct csv_scan *scan)
{
    scan->base = NULL;
}

enum csv_scan_result {
    CSV_SCAN_RECORD, /* scan->fields has it */
    CSV_SCAN_CUT,    /* it does not end in the block */
    CSV_SCAN_ODD     /* libcsv must read it */
};

/* The record at `from`, of `count` fields. Within a block `from` never falls; a record that was left to libcsv may be
   skipped. */
enum csv_scan_result csv_scan_take(struct csv_scan *scan, const char *from, const char *end, size_t count,
                                   struct csv_scan_record *record);

/* Every way of marking that runs on this processor, for tests: the i-th, or NULL. */
csv_scan_mark csv_scan_way(size_t i);

#endif
