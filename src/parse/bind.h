/*
 * Which version of the feed's descriptor a file follows, and which of its columns nobody declares.
 *
 * The highest version whose required fields and `match` columns are all there is taken; when none fits the message says
 * what each one lacks. A version can only fit a file that was read in the version's own form (encoding, delimiter and
 * so on): so versions are tried in runs, each of neighbours that have one form, and the file is read anew for every
 * run.
 */
#ifndef DROPFOLD_PARSE_BIND_H
#define DROPFOLD_PARSE_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/batch.h"
#include "model/pipeline.h"
#include "parse/coerce.h"

struct bind {
    const struct feed *feed;
    struct coerce_rule **rules;         /* of each version: one a descriptor field */
    struct value **fallbacks;           /* of each version: the defaults its rules point at */
    uint32_t wanted;                    /* the only version allowed; 0: any */
    const struct feed_version *version; /* of the file; NULL until chosen */
    const struct coerce_rule *chosen;   /* its rules */
    size_t first, end;                  /* the run being tried: versions [first, end) */
    uint64_t choices;                   /* times that names were held against versions; `columns` is of the last */
    struct buf lacks;                   /* what the versions tried so far lack; with all the memory it may take */
    bool noted;                         /* why this run is not it stands there */
    uint64_t line, column;              /* where the names stood that did not fit; 0: none did yet */
    int columns[DESCRIPTOR_FIELDS_MAX]; /* of each of its fields the column, or -1; by the names given to bind_choose */
    struct slice name;                  /* of the file, for fields that are read from it; data NULL: not known */
    /* A row before its columns are read: nulls, defaults, constants, parts of the name. */
    struct value row[COERCE_VALUES_MAX];
    size_t row_end; /* places of it that the chosen version may use */
    struct slice unknown[FILE_UNKNOWN_COLUMNS_MAX];
    bool again[FILE_UNKNOWN_COLUMNS_MAX]; /* of each, whether it was noted more than once */
    size_t unknown_count;
    bool unknown_more;  /* there are more than are kept */
    struct arena names; /* holds the unknown ones, and the file's own with its parts */
};

/* ERROR_CONFIG when a default does not fit its field. To be closed also on false. */
bool bind_init(struct bind *bind, const struct feed *feed, struct error *error) MUST_USE;
void bind_close(struct bind *bind);

/* Begins a file. */
void bind_start(struct bind *bind, uint32_t wanted);

/* Tells the name of the file that was begun. False when out of memory. */
bool bind_name(struct bind *bind, struct slice name) MUST_USE;

/* Whether some version that may be chosen has this format. */
bool bind_reads(const struct bind *bind, enum descriptor_format format);

/* Goes on to the next run of versions, the first one after bind_start. False when there is none. */
bool bind_next_run(struct bind *bind);

/* Whether no run comes behind this one; whether none does of its format. */
bool bind_last_run(const struct bind *bind);
bool bind_last_of_format(const struct bind *bind);

/* The first descriptor of the run: as to the form of files all of them are alike. */
const struct descriptor *bind_form(const struct bind *bind);

/* Chooses the version among those of the run by a file's columns, which stand at line and column. ERROR_DATA when none
   fits, saying so of all versions tried. */
bool bind_choose(struct bind *bind, const struct slice *names, size_t count, uint64_t line, uint64_t column,
                 struct error *error) MUST_USE;

/* Fills `row` once the version is chosen. ERROR_DATA when the file's name is not what a field needs. */
bool bind_row(struct bind *bind, struct coerce *coerce, struct error *error) MUST_USE;

/* Makes `values` a row before its columns are read. */
static inline void bind_begin_row(const struct bind *bind, struct value *values)
{
    memcpy(values, bind->row, bind->row_end * sizeof *values);
}

/* Whether some version reads members inside of others. */
bool bind_has_paths(const struct bind *bind);

/* Whether some version asks for repairs. */
bool bind_repairs(const struct bind *bind);

/* Whether the chosen version reads fields from the file's name. */
bool bind_named(const struct bind *bind);

/* Notes why the versions of the run cannot be it, other than by their columns: "is for JSON files". */
void bind_note(struct bind *bind, const char *why);

/* The same with a place, of a version chosen before as well: ERROR_DATA. Always false. */
bool bind_refuse(struct bind *bind, const char *why, uint64_t line, uint64_t column, struct error *error);

/* ERROR_DATA: none of the versions tried fits. Always false. */
bool bind_fail(const struct bind *bind, struct error *error);

/* Whether the chosen version speaks of this column at all, in a field's `from` or in `match`. */
bool bind_declares(const struct bind *bind, struct slice name);

/* Notes an undeclared column, once. False when out of memory. */
bool bind_unknown(struct bind *bind, struct slice name) MUST_USE;

#endif
