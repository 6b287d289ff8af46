/* One delivery into PostgreSQL: one transaction. Each of these ends by answering the target. */
#ifndef DROPFOLD_TARGET_PG_DELIVERY_H
#define DROPFOLD_TARGET_PG_DELIVERY_H

#include "target/pg_conn.h"

void pg_delivery_begin(struct pg_conn *conn);
void pg_delivery_write(struct pg_conn *conn, struct block *block);
void pg_delivery_commit(struct pg_conn *conn);

#endif
