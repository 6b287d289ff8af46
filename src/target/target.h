/*
 * Where tables are written: PostgreSQL, SQLite (the embedded default), or nowhere.
 *
 * Everything is asynchronous: each call answers once through its callback, on the loop's thread, never from inside the
 * call. One call is under way at a time. Each has a deadline of its own, so that an answer always comes; a full
 * delivery's begin and every commit have 20 us a row more.
 *
 *   closed --open--> idle --begin--> delivering --write*, commit--> idle        any failure, and abort --> closed
 *
 * An idle one may close by itself, when its server ends the session. Nobody is told: target_is_open says so, and a
 * begin that comes all the same is answered with why (ERROR_TARGET).
 *
 * Errors: ERROR_TARGET may pass (refused connection, lost connection, deadlock, out of space, shutdown: SQLSTATE 08,
 * 40, 53, 57P; a COMMIT whose answer was lost); ERROR_REFUSED will not (wrong password, no right, another table shape,
 * data that is refused: 22, 23, 28, 42, or left out or taken out by a trigger without an error); ERROR_DIVERGED: the
 * target is not what it was when it was opened (the progress is not what delivery->from says, a table is gone or was
 * emptied): open again, read, decide anew.
 *
 * PostgreSQL has the pipeline's types themselves. In SQLite integer, bigint and boolean are INTEGER; real and double
 * precision are REAL (a real as the shortest decimal that names it); all else is TEXT: numeric exactly and with all its
 * places ("12.30"; CAST it to compare or add), date ("2022-02-17"), timestamp ("2022-02-17 12:03:13", a fraction only
 * when there is one), timestamptz (the same with "+00"). Views over numeric columns are sums of REAL there, rounded.
 *
 * Tables of a pipeline are made when missing, with comments and views; an existing one with other columns, types or key
 * is ERROR_REFUSED with the differences and the remedy. A view of these columns that says something else is made anew
 * (in PostgreSQL by a role that may make temporary views: another cannot tell). Progress is one row of
 * dropfold_progress, which says whose the tables are, too (target_owner.h). One delivery is one transaction, and the
 * progress row is locked and compared first.
 */
#ifndef DROPFOLD_TARGET_TARGET_H
#define DROPFOLD_TARGET_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "target/drift.h"

struct target;

typedef void (*target_done)(void *context, const struct error *error); /* NULL: it worked */

struct target_options {
    /* "sqlite:PATH", "none:", else a libpq conninfo or URI as it is ("" takes all from PG* variables). */
    const char *address;
    int64_t deadline; /* microseconds an answer may take; 0: 30 s */
    bool folder;      /* a SQLite file's folder is made when it is missing (not its parents), and not refused by name */
    bool look;        /* open makes nothing: neither folder nor file nor tables; what is missing counts as empty */
    bool mend;        /* of a look that compares: target_mend may write, and deliveries of others wait meanwhile */
};

/* Checks the address: ERROR_USAGE for a password in it, an unknown scheme, or words that libpq does not know.
   ERROR_CONFIG: a table or view has a name that is ours. Loop and pipeline must outlive it, the options need not. */
bool target_new(struct target **target, uv_loop_t *loop, const struct pipeline *pipeline,
                const struct target_options *options, struct error *error) MUST_USE;

/* How messages name it, without secrets: "postgresql://user@host:5432/db", "sqlite:data/results/ecommerce.db". */
const char *target_name(const struct target *target);

/* Connects, makes or checks tables and views, reads the progress and counts the rows of each table. */
void target_open(struct target *target, target_done done, void *context);
/* What the last open or commit left: the progress row, */
const struct progress *target_progress(const struct target *target);
/* and how many rows each table had at open (kept up to date by commits). */
const uint64_t *target_rows(const struct target *target);
/* Whether a delivery may begin, or one is under way. */
bool target_is_open(const struct target *target);
/* The first of the pipeline's tables into which another pipeline delivers, and that pipeline; or NULL. A delivery that
   is begun all the same takes the tables over: the other one has no progress from then on. */
const char *target_taken(const struct target *target, const char **by);
/* The first table that a look did not find, the progress table included; or NULL. */
const char *target_missing(const struct target *target);
/* The first view that open found to say something else than the pipeline does, and made anew; or NULL. */
const char *target_remade(const struct target *target);
/* What a look found that a delivery would be refused all the same: in PostgreSQL a right to make what is missing, or to
   fill what is there. NULL: nothing. */
const struct error *target_barred(const struct target *target);

/* Begins the delivery's transaction: locks the progress row, compares it with delivery->from. `delivery` must stay
   valid until commit or failure. */
void target_begin(struct target *target, const struct delivery *delivery, target_done done, void *context);
/* Takes the block over. Tables come in order, a table's deletes before its upserts. */
void target_write(struct target *target, struct block *block, target_done done, void *context);
/* While a block is being written: which one is written next, so that what can be done of it is done before its turn. It
   stays the caller's, who changes nothing of it until then, and who calls target_write with it or gives the delivery
   up. */
void target_prepare(struct target *target, const struct block *block);
/* Writes the progress and commits. After ERROR_TARGET here nobody knows: open again and read the progress. */
void target_commit(struct target *target, target_done done, void *context);

/*
 * Comparing: a delivery whose `compare` is set writes no table. Its rows go into temporary tables of the same types,
 * and the database itself compares. All of it sees the target as it was at begin; others deliver on meanwhile, unless
 * `mend` was asked for. `delivery->upserts` need to be known, and the rows written, only when target_compare is called.
 *
 *   target_begin  target_write*  { target_compare  target_read_drift* }+  { target_mend+  target_commit | target_abort }
 *
 * target_mend makes a compared table what it should be: unexpected rows are deleted, missing and different ones
 * written, no other is touched. It counts from target_commit on, with the progress of delivery->to.
 */
void target_compare(struct target *target, size_t table, target_done done, void *context);
/* How many rows of each kind the last target_compare found. */
const uint64_t *target_drift(const struct target *target);
/* Reads the page of drifted rows, in key order, that follows the first `after` ones. */
void target_read_drift(struct target *target, size_t table, uint64_t after, target_done done, void *context);
/* What was read; valid until the next call. */
const struct drift_page *target_drift_page(const struct target *target);
/* ERROR_BUG where `mend` was not asked for. */
void target_mend(struct target *target, size_t table, target_done done, void *context);

/* Drops the connection and what was not committed; a call under way is answered with an error. */
void target_abort(struct target *target);

/* Closes; `closed` comes when nothing of it is left on the loop, then it is freed. */
void target_close(struct target *target, void (*closed)(void *context), void *context);

#endif
