/*
 * What a table looks like to a database: names, types as the database prints them, nulls, key. The pipeline says what
 * is wanted, the catalogue what was found; the difference is told in words.
 */
#ifndef DROPFOLD_TARGET_TARGET_SHAPE_H
#define DROPFOLD_TARGET_TARGET_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/pipeline.h"

enum target_dialect { TARGET_POSTGRESQL, TARGET_SQLITE };

enum {
    TARGET_SHAPE_NAME_SIZE = 256, /* bytes, the NUL included; longer names in a catalogue are cut */
    TARGET_SHAPE_COLUMNS_MAX = PIPELINE_COLUMNS_MAX + 16 /* of a found table; further ones are counted only */
};

struct target_shape_column {
    char name[TARGET_SHAPE_NAME_SIZE];
    char type[TARGET_SHAPE_NAME_SIZE];
    bool not_null;
    bool key;
};

struct target_shape {
    bool exists;
    bool other_kind; /* it exists and is not what it should be: a view for a table, or the other way round */
    bool stale;      /* a view that says something else than the pipeline */
    bool late_key;   /* its primary key is deferrable, by which no row can be found to be updated */
    struct target_shape_column columns[TARGET_SHAPE_COLUMNS_MAX];
    size_t count; /* may exceed the room above */
};

/* The type of the column in DDL and in the catalogue. */
const char *target_shape_type(enum target_dialect dialect, enum sql_type type);

/*
 * What a target holds, as numbers: 0 is the progress table, then the pipeline's tables, then its views.
 */
size_t target_shape_relations(const struct pipeline *pipeline);
bool target_shape_is_view(const struct pipeline *pipeline, size_t relation);
const char *target_shape_name(const struct pipeline *pipeline, size_t relation);

/* The shape that `relation` should have. Of a view only the columns' names count. */
void target_shape_wanted(const struct pipeline *pipeline, size_t relation, enum target_dialect dialect,
                         struct target_shape *shape);

/* Adds a column to a shape that is being read from a catalogue. */
void target_shape_add(struct target_shape *shape, const char *name, const char *type, bool not_null, bool key);

/* The name of the first table, the progress table included, that does not exist; or NULL. */
const char *target_shape_missing(const struct pipeline *pipeline, const struct target_shape *found);

/*
 * Compares what was found with what is wanted, in `dialect`. Those that do not exist are no difference. ERROR_REFUSED
 * lists the differences of all relations with the remedy. `found` has one shape for each relation.
 */
bool target_shape_check(const struct pipeline *pipeline, enum target_dialect dialect, const struct target_shape *found,
                        struct error *error) MUST_USE;

#endif
