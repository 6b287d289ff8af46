/* A block as the parameters of one statement: an array for each of its columns, in binary. */
#ifndef DROPFOLD_TARGET_PG_ARRAYS_H
#define DROPFOLD_TARGET_PG_ARRAYS_H

#include "target/pg_conn.h"

/* Column i of the block. */
const struct column *pg_arrays_column(const struct pg_conn *conn, const struct block *block, size_t i);

/* Lists go as their texts: an array of arrays could not be unnested. */
bool pg_arrays_is_text(const struct column *column);

/* Sends conn->sql, in which $1, $2, ... are the columns of conn->block. */
void pg_arrays_send(struct pg_conn *conn, pg_step next);

/* Makes the arrays of a block that is sent next, while the server is busy. What is wrong with it shows when it is sent. */
void pg_arrays_prepare(struct pg_conn *conn, const struct block *block);

/* The block is gone. */
void pg_arrays_forget(struct pg_conn *conn, const struct block *block);

#endif
