/*
 * Lines of a CSV file that are no records: those to be skipped at its begin, and comments.
 *
 * Looked at piece by piece, a piece ending behind a line's end or with the block. Of a line that a block's end cuts
 * within what comments begin with, the bytes wait until more tells.
 */
#ifndef DROPFOLD_PARSE_CSV_LINES_H
#define DROPFOLD_PARSE_CSV_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "model/descriptor.h"

struct csv_lines {
    bool any;      /* there may be such lines, now or later */
    uint32_t skip; /* lines still to be skipped */
    struct slice comment;
    bool inside;    /* the line in hand is one of them */
    bool seen;      /* some line was */
    size_t waiting; /* bytes of the comment's begin that wait */
};

/* Begins a file. */
void csv_lines_start(struct csv_lines *lines, const struct descriptor_form *form);

/* Whether the piece, which goes on with such a line or begins where a record would, is to be left out. `second`: its
   first byte is the LF of a CR LF. What waited is the caller's to put before a piece that is not left out. */
bool csv_lines_take(struct csv_lines *lines, const char *from, const char *to, bool second) MUST_USE;

/* Takes out what waits. */
struct slice csv_lines_waiting(struct csv_lines *lines);

#endif
