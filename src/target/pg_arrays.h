/*
 * A block as the parameters of one statement, in binary.
 *
 * Upserts go as one array of rows, whose type is that of their table's rows, as each table has one: the server takes
 * that apart with less work than an array for each column. Deletes go as arrays of their columns; so do upserts while
 * the type's number is not known, and into a table that has its columns in another order (conn->row_types).
 */
#ifndef DROPFOLD_TARGET_PG_ARRAYS_H
#define DROPFOLD_TARGET_PG_ARRAYS_H

#include "target/pg_conn.h"

/* Column i of the block. */
const struct column *pg_arrays_column(const struct pg_conn *conn, const struct block *block, size_t i);

/* Appends to conn->sql what conn->block is selected from, unnest(...) AS new ("a", ...). */
void pg_arrays_put_unnest(struct pg_conn *conn);

/* Appends its columns, and where these come from, behind SELECT: rows in their order. */
void pg_arrays_put_select(struct pg_conn *conn);

/* What follows the name of column i in the unnested block: lists among arrays go as texts, since an array of arrays
   could not be unnested. */
const char *pg_arrays_cast(const struct pg_conn *conn, size_t i);

/* Sends conn->sql, in which $1, $2, ... are those that the above wrote. */
void pg_arrays_send(struct pg_conn *conn, pg_step next);

/* Makes the arrays of a block that is sent next, while the server is busy. What is wrong with it shows when it is
   sent. */
void pg_arrays_prepare(struct pg_conn *conn, const struct block *block);

/* The block is gone. */
void pg_arrays_forget(struct pg_conn *conn, const struct block *block);

#endif
