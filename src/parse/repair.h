/*
 * CSV rows that are shifted because a comma in a free text was not quoted.
 *
 * Such a row has more fields than the header, or, where all rows were filled up to one width, something in the header's
 * unnamed columns at its end. Every way of rejoining fields in the columns that "repair" names is tried; the row is
 * accepted when exactly one of them makes all declared fields valid. Two ways that give the declared fields the same
 * texts count as one.
 */
#ifndef DROPFOLD_PARSE_REPAIR_H
#define DROPFOLD_PARSE_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "model/descriptor.h"
#include "parse/bind.h"
#include "parse/coerce.h"
#include "parse/parser.h"

enum {
    REPAIR_SHIFT_MAX = 8, /* fields that a row may have too many */
    REPAIR_FIELDS_MAX = PARSER_COLUMNS_MAX + REPAIR_SHIFT_MAX
};

/* A field of the row as libcsv gave it, or fields rejoined. */
struct repair_text {
    struct slice text;
    bool null;
};

struct repair {
    const struct descriptor *descriptor;  /* that of the file, if it has a "repair"; else NULL */
    size_t columns, named;                /* of the header; without the unnamed ones at its end */
    size_t places[DESCRIPTOR_REPAIR_MAX]; /* columns that may be rejoined, in their order */
    size_t place_count;

    /* The row in hand. */
    struct buf kept;                /* its fields' texts */
    size_t ends[REPAIR_FIELDS_MAX]; /* in it */
    bool nulls[REPAIR_FIELDS_MAX];
    size_t fields;                                /* seen; further ones than the limit are counted */
    struct slice pieces[REPAIR_FIELDS_MAX];       /* the same as they stand in the record */
    struct repair_text texts[PARSER_COLUMNS_MAX]; /* of each column, rejoined in one way */
    struct repair_text found[PARSER_COLUMNS_MAX]; /* and in the first way that was valid */
};

/* NULL when out of memory. */
struct repair *repair_new(void) MUST_USE;
void repair_free(struct repair *repair);

/* Begins a file whose header was read. */
void repair_start(struct repair *repair, const struct descriptor *descriptor, const struct slice *names, size_t count);

/* Begins a row, and keeps one field of it: data is NULL when nothing stood there. */
void repair_begin_row(struct repair *repair);
void repair_keep(struct repair *repair, struct slice field);

/* Whether the row that was kept is shifted. */
bool repair_is_due(const struct repair *repair);

enum repair_result {
    REPAIR_DONE,      /* `values` holds the row */
    REPAIR_NONE,      /* no way is valid */
    REPAIR_AMBIGUOUS, /* several are */
    REPAIR_TOO_LONG,  /* more fields too many than are tried */
    REPAIR_MEMORY
};

/* Tries every way; what on_error would excuse is not valid. `raw` is the record as it came. */
enum repair_result repair_row(struct repair *repair, const struct bind *bind, struct coerce *coerce, struct slice raw,
                              struct value *values) MUST_USE;

/* "found 31 fields, expected 29: ..." for results that are none. `size` is at least COERCE_REASON_MAX. Returns out. */
char *repair_reason(const struct repair *repair, enum repair_result result, char *out, size_t size);

#endif
