/* What happens between "connected" and "open": tables and views checked or made, progress and rows read. */
#ifndef DROPFOLD_TARGET_PG_OPEN_H
#define DROPFOLD_TARGET_PG_OPEN_H

#include "target/pg_conn.h"

/* Of an advisory lock. Any number does as long as all dropfolds agree on it. */
#define PG_OPEN_LOCK "7238472340913"

/* The step after connecting; ends by answering the target. */
void pg_open_start(struct pg_conn *conn, PGresult *result);

/* BEGIN with what a transaction of ours needs, appended to conn->sql: its limits and nothing that outlives it. */
void pg_open_put_begin(struct pg_conn *conn, bool writes);

/* What holds for each transaction of ours, whatever was set for the role; appended behind BEGIN: nothing limits it as a
   whole, since it may need many statements; the names of types are written as we write them; and a temporary table of
   the session, which a pooler may have left there, takes the place of none. (Where no schema is in the path it stays as
   it is: with nothing but pg_temp there what is made would be temporary.) */
void pg_open_put_settings(struct pg_conn *conn);

/* Why nothing can be written to a standby. */
void pg_open_say_standby(const struct pg_conn *conn, struct error *error);

/* Reads a progress row from four columns of a result, epoch, sequence, digest in hex and rows; null: not present. */
bool pg_open_read_progress(const PGresult *result, struct progress *progress, struct error *error) MUST_USE;

/* Before the first COPY of a delivery into the table of conn->block, on which it has a lock: looks whether it still has
   the shape that it was opened with; ERROR_DIVERGED when not. The bytes of COPY are those of our types, and nobody
   converts them: a bigint would be taken for a double of the same bytes, without an error. */
void pg_open_check_table(struct pg_conn *conn, pg_step next);

#endif
