/*
 * The SQL that both databases share: names, DDL, the progress row.
 *
 * Only identifiers of the pipeline and numbers of ours are written into SQL text, identifiers always quoted; values
 * travel as parameters or by COPY. Quoted literals are comments, which take no parameters, and the pipeline's name.
 */
#ifndef DROPFOLD_TARGET_TARGET_SQL_H
#define DROPFOLD_TARGET_TARGET_SQL_H

#include "base/buf.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "target/target_owner.h"
#include "target/target_shape.h"

enum {
    TARGET_SQL_MAX = 1024 * 1024 /* bytes of one SQL text */
};

/* `words`, and an identifier in quotes. */
void target_sql_name(struct buf *out, const char *words, const char *name);

/* A literal that means `text` with standard_conforming_strings on and off. */
void target_sql_literal(struct buf *out, const char *text);

/* "a", "b", "c": all columns of a table, or those of its key. */
void target_sql_columns(struct buf *out, const struct table *table);
void target_sql_key(struct buf *out, const struct table *table);

/* " ON CONFLICT (key) DO UPDATE SET ...": every column but the key's takes the new value. */
void target_sql_on_conflict(struct buf *out, const struct table *table);

/* `words`, the table's name and, of a shared one, " WHERE ...": the rows of this pipeline. */
void target_sql_ours(struct buf *out, const char *words, const struct pipeline *pipeline, const struct table *table);

/* CREATE of one relation (target_shape.h), with its comments where the dialect has them; each statement ends in ';'. */
void target_sql_create(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect);

/* The same of a view that takes the place of the one that is there: in PostgreSQL in `schema`, where rights and views
   of others that lean on it stay; NULL: in SQLite, which keeps no such ties. */
void target_sql_remake(struct buf *out, const struct pipeline *pipeline, size_t relation, const char *schema);

/* The SELECT of a relation that is a view, as target_sql_create writes it. */
void target_sql_query(struct buf *out, const struct pipeline *pipeline, size_t relation, enum target_dialect dialect);

/* Numbers of a progress row, and behind them the marks of an owner that is marked (target_owner.h): "{1,2,3}". */
void target_sql_put_rows(struct buf *out, const struct pipeline *pipeline, const uint64_t *rows,
                         const struct target_owner *owner);

/* A row of progress as texts, the digest in hexadecimal. */
struct target_sql_progress {
    const char *epoch, *sequence, *digest, *rows;
};
/* Fills a progress from them; ERROR_REFUSED when they are not what dropfold writes. */
bool target_sql_read_progress(const struct target_sql_progress *row, struct progress *progress,
                              struct error *error) MUST_USE;

#endif
