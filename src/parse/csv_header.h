/* The columns of a CSV file: their names, from its header or given by the descriptor, and the fields that read them. */
#ifndef DROPFOLD_PARSE_CSV_HEADER_H
#define DROPFOLD_PARSE_CSV_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "parse/bind.h"
#include "parse/coerce.h"
#include "parse/parser.h"

/* The fields that read a column. */
struct csv_column {
    bool declared;
    bool unknown;                      /* the descriptor does not even ignore it */
    bool quick;                        /* coerce_quick may be asked, and tells all of it */
    const struct csv_further *further; /* fields that read it besides; mostly NULL */
    struct coerce_rule rule;           /* of the first one: a copy, so that it is found at once */
};

struct csv_further {
    const struct coerce_rule *rule;
    const struct csv_further *next;
};

/* The header for which versions were tried last, and what was chosen; files of one feed mostly have the same. */
struct csv_header_last {
    const struct feed_version *version; /* NULL: nothing to go by */
    const struct coerce_rule *chosen;
    size_t first, end; /* the run of versions that it was chosen from */
    uint64_t choice;   /* bind->choices then */
    struct buf text;
    size_t ends[PARSER_COLUMNS_MAX];
    size_t count;
};

struct csv_header {
    struct csv_header_last last;
    struct buf text;
    size_t ends[PARSER_COLUMNS_MAX];        /* of names in text, which moves while it grows */
    struct slice names[PARSER_COLUMNS_MAX]; /* made of both once all are there */
    size_t count;
    struct csv_column columns[PARSER_COLUMNS_MAX];
    struct csv_further further[DESCRIPTOR_FIELDS_MAX];
};

void csv_header_init(struct csv_header *header);
void csv_header_close(struct csv_header *header);

/* Begins a file. */
void csv_header_start(struct csv_header *header);

/* A name of the header. ERROR_DATA past the limit of columns and at a NUL; the place is the caller's to tell. */
bool csv_header_add(struct csv_header *header, struct slice name, struct error *error) MUST_USE;

/* All names were added: chooses the version by them, links its fields to the columns and notes the undeclared ones. */
bool csv_header_choose(struct csv_header *header, struct bind *bind, uint64_t line, struct error *error) MUST_USE;

/* The same for a file without a header that begins at this place. */
bool csv_header_give(struct csv_header *header, const struct descriptor_form *form, struct bind *bind, uint64_t line,
                     uint64_t column, struct error *error) MUST_USE;

#endif
