/*
 * Tables that have triggers of somebody's are counted at the end of a delivery that wrote them: what a trigger takes out
 * behind a statement, or puts in, is in no number that the statement is answered with. Of tables without
 * triggers only the catalogue is asked, in an exchange that is made anyway.
 *
 * Where a count is not what it should be, somebody may have edited the table since it was opened. So at first it is opened
 * again, which counts rows too; only at the second time a trigger is to blame (target_miscounted).
 */
#ifndef DROPFOLD_TARGET_PG_RECOUNT_H
#define DROPFOLD_TARGET_PG_RECOUNT_H

#include "target/pg_conn.h"

/* Appends one column for each table to a SELECT: whether it, or a part of it, has a trigger that is not switched off. */
void pg_recount_put_ask(struct buf *sql, const struct pipeline *pipeline);

/* Takes these columns, which stand behind one other for each table. */
void pg_recount_take(struct pg_conn *conn, const PGresult *result);

/* Counts what has to be counted, else asks nothing; `next` when all of it is as delivery->to says. */
void pg_recount(struct pg_conn *conn, pg_step next);

#endif
