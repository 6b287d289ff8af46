/* Between the parts of the SQLite target: the connection with its worker, the opening, the writing, the comparing. */
#ifndef DROPFOLD_TARGET_TARGET_SQLITE_H
#define DROPFOLD_TARGET_TARGET_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "target/target_internal.h"
#include "target/target_sql.h"

/*
 * A connection. While a job is under way the worker has all of it, but what stands first: that is the loop's alone.
 */
struct target_sqlite {
    struct target *target;
    bool answers;        /* false once dropped */
    bool busy;           /* a job is under way */
    bool opened;         /* `db` stays what it is until it is closed */
    atomic_bool dropped; /* tells a job that waits for another writer to stop */
    uv_work_t work;
    bool (*job)(struct target_sqlite *sqlite, struct error *error);
    bool worked;
    struct error error;

    const char *name, *path; /* the target's; they outlive this */
    const struct pipeline *pipeline;
    int64_t lock_patience, lock_since; /* how long another writer's lock is waited for, since when; microseconds */
    bool folder, look, mend;           /* as in target_options */
    sqlite3 *db;
    struct progress progress;
    uint64_t rows[PIPELINE_DELIVERED_MAX];
    struct target_owner owner; /* as it stands; the target's is as open found it */
    const char *missing;       /* a table that a look did not find */
    const char *remade;        /* as target_remade */

    struct delivery delivery; /* a copy: a dropped job outlives the caller's */
    struct block *block;      /* to write */
    bool miscounted;          /* of a commit: the target's, before it and when it failed */
    int64_t changes, own;     /* of the connection when the delivery began, and its own statements' since */
    sqlite3_stmt *upsert[PIPELINE_DELIVERED_MAX], *erase[PIPELINE_DELIVERED_MAX];
    struct buf text; /* values of one row that SQLite takes as text */

    size_t comparing; /* the table of a comparison's job */
    uint64_t after;   /* rows of its drift that were read */
    uint64_t drift[DRIFT_KINDS];
    struct drift_page *page; /* NULL, or read by the job that just ended */
};

/* Jobs, run by the worker. */
bool target_sqlite_open(struct target_sqlite *sqlite, struct error *error) MUST_USE;
bool target_sqlite_begin(struct target_sqlite *sqlite, struct error *error) MUST_USE;
bool target_sqlite_write(struct target_sqlite *sqlite, struct error *error) MUST_USE;
bool target_sqlite_commit(struct target_sqlite *sqlite, struct error *error) MUST_USE;

/* Those of a comparison: begin, then write and commit as above. */
bool target_sqlite_compare_begin(struct target_sqlite *sqlite, struct error *error) MUST_USE;
bool target_sqlite_compare_table(struct target_sqlite *sqlite, struct error *error) MUST_USE;
bool target_sqlite_compare_read(struct target_sqlite *sqlite, struct error *error) MUST_USE;
bool target_sqlite_compare_mend(struct target_sqlite *sqlite, struct error *error) MUST_USE;
/* The temporary table that takes the expected rows of a table. */
void target_sqlite_compare_put_stage(struct buf *sql, size_t table);

/* Finalizes the statements of a delivery. */
void target_sqlite_end(struct target_sqlite *sqlite);

/* What the database says of its last error, with the kind that it means. Returns false. */
bool target_sqlite_error(struct target_sqlite *sqlite, const char *doing, struct error *error);

/* Whether the operating system forbids what is needed of the database's files, which the error then names. */
bool target_sqlite_barred(const struct target_sqlite *sqlite, enum error_kind kind, struct error *error) MUST_USE;

/* The text of a column, "" for null; NULL when out of memory, as a number is made text only when it is asked for. */
const char *target_sqlite_text(struct target_sqlite *sqlite, sqlite3_stmt *statement, int column) MUST_USE;

/* Runs SQL text without parameters or results. */
bool target_sqlite_exec(struct target_sqlite *sqlite, const char *sql, struct error *error) MUST_USE;

/* Prepares a statement; NULL and false on failure. */
bool target_sqlite_prepare(struct target_sqlite *sqlite, const char *sql, sqlite3_stmt **statement,
                           struct error *error) MUST_USE;

/* The same of the text in `sql`, which is ended here. */
bool target_sqlite_prepare_buf(struct target_sqlite *sqlite, struct buf *sql, sqlite3_stmt **statement,
                               struct error *error) MUST_USE;

/* The same of a statement with one parameter, `text`, which has to outlive it. (A text needs memory where the database
   has another encoding, and is another value where there was none.) */
bool target_sqlite_prepare_for(struct target_sqlite *sqlite, const char *sql, const char *text,
                               sqlite3_stmt **statement, struct error *error) MUST_USE;

/* Runs the text in `sql`, which is ended here. */
bool target_sqlite_run(struct target_sqlite *sqlite, struct buf *sql, struct error *error) MUST_USE;

/* How many rows of the pipeline a table has. */
bool target_sqlite_count_rows(struct target_sqlite *sqlite, size_t table, uint64_t *rows, struct error *error) MUST_USE;

/* Fails as target_left_out and target_left_in (target_internal.h) say. Returns false. */
bool target_sqlite_left_out(struct target_sqlite *sqlite, const char *table, uint64_t taken, uint64_t sent,
                            struct error *error);
bool target_sqlite_left_in(struct target_sqlite *sqlite, const char *table, uint64_t left, struct error *error);

/* Reads whose the tables are within the transaction that is open. When a delivery `takes` them over, others lose their
   progress. */
bool target_sqlite_read_owner(struct target_sqlite *sqlite, bool takes, struct error *error) MUST_USE;

/* Reads the progress row within the transaction that is open. */
bool target_sqlite_read_progress(struct target_sqlite *sqlite, struct error *error) MUST_USE;

#endif
