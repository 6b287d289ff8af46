/*
 * What is in no number that the statements of a delivery are answered with: rows that triggers, rules and foreign keys
 * of somebody's put in or take out behind them, in any of its tables.
 *
 * The server counts what a transaction does to each table, by whatever way. So in exchanges that are made anyway it is
 * asked for these numbers, when the delivery has begun and when it has written its progress, and once more where the
 * progress has triggers. A table to which more was done than the delivery did is then counted itself (count(*)), and so
 * is, each time, one that was written and has triggers: what those do may wait for the COMMIT. Of a server with
 * track_counts off only the latter is known.
 *
 * Where a count is not what it should be, somebody may have edited the table since it was opened. So at first it is
 * opened again, which counts rows too; only at the second time a trigger is to blame (target_miscounted).
 */
#ifndef DROPFOLD_TARGET_PG_RECOUNT_H
#define DROPFOLD_TARGET_PG_RECOUNT_H

#include "target/pg_conn.h"

/* Appends one column to a list of what is selected or returned: what pg_recount_take and pg_recount_more read. */
void pg_recount_put_ask(struct buf *sql, const struct pipeline *pipeline);

/* Takes that column at the beginning of a delivery, when a full one has emptied the tables. */
void pg_recount_take(struct pg_conn *conn, const PGresult *result, int column);

/* Counts the tables with triggers, if any was written, else asks nothing; `next` when all is as delivery->to says. */
void pg_recount(struct pg_conn *conn, pg_step next);

/* The same at the end, for the tables to which more was done than by the delivery, by that column again. ERROR_DIVERGED
   also when a table's name leads to another one than at the beginning. */
void pg_recount_more(struct pg_conn *conn, const PGresult *result, int column, pg_step next);

#endif
