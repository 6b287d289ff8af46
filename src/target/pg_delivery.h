/* One delivery into PostgreSQL: one transaction. Each of these ends by answering the target. */
#ifndef DROPFOLD_TARGET_PG_DELIVERY_H
#define DROPFOLD_TARGET_PG_DELIVERY_H

#include "target/pg_conn.h"

void pg_delivery_begin(struct pg_conn *conn);
void pg_delivery_write(struct pg_conn *conn, struct block *block);
/* As target_prepare. */
void pg_delivery_prepare(struct pg_conn *conn, const struct block *block);
void pg_delivery_commit(struct pg_conn *conn);

/* Parts that a comparison (pg_compare.h) shares. Reads the progress row of the transaction that is open, and locks it;
   `next` when it is what delivery->from says, else ERROR_DIVERGED. */
void pg_delivery_match(struct pg_conn *conn, bool lock, pg_step next);
/* The step that ends a write: the block has served. */
void pg_delivery_written(struct pg_conn *conn, PGresult *result);

#endif
