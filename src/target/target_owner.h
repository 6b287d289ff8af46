/*
 * Whose a table is. Pipelines of one target have a row of progress each; behind the numbers of rows it has a mark of
 * each table of its pipeline, by which another pipeline that delivers into the same table is told from somebody's
 * edits. A row of an older dropfold has no marks; the next delivery of its pipeline writes them.
 *
 * A mark stands for a name, not for the table that has it: it outlives a dump, and a table that was dropped.
 */
#ifndef DROPFOLD_TARGET_TARGET_OWNER_H
#define DROPFOLD_TARGET_TARGET_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/pipeline.h"

#define TARGET_OWNER_LEAST (UINT64_C(1) << 62) /* marks are not less, all other numbers are */

struct target_owner {
    uint64_t marks[PIPELINE_TABLES_MAX]; /* of the pipeline's own tables; 0: not known, as the table is missing */
    bool marked;                         /* its row has just these */
    const char *table;                   /* the first that another pipeline has, or NULL; */
    char by[PIPELINE_NAME_MAX + 1];      /* and that pipeline */
};

/* The mark of a table. */
uint64_t target_owner_mark(const char *schema, const char *table);

/* Takes a row of progress in: the pipeline it is of, and its numbers. True when it is of another pipeline and has one
   of the marks. */
bool target_owner_read(struct target_owner *owner, const struct pipeline *pipeline, const char *name, const char *rows);

/* Whether a delivery has to look at the rows of others, and to write its marks. */
static inline bool target_owner_is_open(const struct target_owner *owner, const struct pipeline *pipeline)
{
    return pipeline->table_count > 0 && (!owner->marked || owner->table);
}

#endif
