/* A comparison in PostgreSQL (target.h): one transaction. Each of these ends by answering the target. */
#ifndef DROPFOLD_TARGET_PG_COMPARE_H
#define DROPFOLD_TARGET_PG_COMPARE_H

#include "target/pg_conn.h"

void pg_compare_begin(struct pg_conn *conn);
void pg_compare_write(struct pg_conn *conn, struct block *block);
void pg_compare_table(struct pg_conn *conn);
void pg_compare_read(struct pg_conn *conn, uint64_t after);
void pg_compare_mend(struct pg_conn *conn);

#endif
