/*
 * What a delivery and a comparison share: COPY of a block, the words of an upsert, and the failure when fewer rows were
 * written than sent; and the temporary table for each table of the pipeline (dropped at the end of the transaction) in
 * which a comparison has the rows that are expected.
 */
#ifndef DROPFOLD_TARGET_PG_STAGE_H
#define DROPFOLD_TARGET_PG_STAGE_H

#include "target/pg_conn.h"

/* The name of the temporary table of table number `table`. */
void pg_stage_put_name(struct buf *sql, size_t table);

/* Makes the temporary table, empty, unless it is there. */
void pg_stage_make(struct pg_conn *conn, size_t table, pg_step next);

/* Sends conn->block by COPY into its temporary table. */
void pg_stage_block(struct pg_conn *conn, pg_step next);

/* The same into the relation whose name stands in conn->sql. */
void pg_stage_copy(struct pg_conn *conn, pg_step next);

/* INSERT INTO table (columns) SELECT */
void pg_stage_put_insert(struct buf *sql, const struct table *table);

/* The connection fails, as target_left_out and target_left_in (target_internal.h) say. */
void pg_stage_left_out(struct pg_conn *conn, const char *table, uint64_t taken, uint64_t sent);
void pg_stage_left_in(struct pg_conn *conn, const char *table, uint64_t left);

#endif
