/*
 * Which version of the feed's descriptor a file follows, and which of its columns nobody declares.
 *
 * The highest version whose required fields and `match` columns are all there is taken; when none fits the message says
 * what each one lacks.
 */
#ifndef DROPFOLD_PARSE_BIND_H
#define DROPFOLD_PARSE_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    int columns[DESCRIPTOR_FIELDS_MAX]; /* of each of its fields the column, or -1; by the names given to bind_choose */
    struct slice name;                  /* of the file, for fields that are read from it; data NULL: not known */
    struct value
        row[COERCE_VALUES_MAX]; /* a row before its columns are read: nulls, defaults, constants, parts of the name */
    struct slice unknown[FILE_UNKNOWN_COLUMNS_MAX];
    size_t unknown_count;
    struct arena names; /* holds the unknown ones, and the file's own with its parts */
    struct buf lacks;   /* why no version fits; with all the memory it may take */
};

bool bind_init(struct bind *bind, const struct feed *feed, struct error *error) MUST_USE;
void bind_close(struct bind *bind);

/* Begins a file. */
void bind_start(struct bind *bind, uint32_t wanted);

/* Tells the name of the file that was begun. False when out of memory. */
bool bind_name(struct bind *bind, struct slice name) MUST_USE;

/* Whether some version that may be chosen has this format. */
bool bind_reads(const struct bind *bind, enum descriptor_format format);

/* Chooses the version by a file's columns. ERROR_DATA when none fits. */
bool bind_choose(struct bind *bind, enum descriptor_format format, const struct slice *names, size_t count,
                 struct error *error) MUST_USE;

/* Fills `row` once the version is chosen. ERROR_DATA when the file's name is not what a field needs. */
bool bind_row(struct bind *bind, struct coerce *coerce, struct error *error) MUST_USE;

/* Whether some version asks for repairs. */
bool bind_repairs(const struct bind *bind);

/* Whether the chosen version reads fields from the file's name. */
bool bind_named(const struct bind *bind);

/* Whether the chosen version speaks of this column at all, in a field's `from` or in `match`. */
bool bind_declares(const struct bind *bind, struct slice name);

/* Notes an undeclared column, once. False when out of memory. */
bool bind_unknown(struct bind *bind, struct slice name) MUST_USE;

#endif
