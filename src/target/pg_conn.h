/*
 * A connection to PostgreSQL: made on a worker (DNS and TLS may block), then driven by the loop, and every exchange on
 * it.
 *
 * Steps. Whatever is done to the server is a chain of exchanges: pg_query_* sends and names the step that comes next,
 * which is called with the result once the whole answer is there and only if all of it worked. When anything fails, the
 * target is answered with the error, the connection is dropped, and no step is called again; so steps hold no error
 * handling. After a call that may have failed a step must do nothing more than return.
 */
#ifndef DROPFOLD_TARGET_PG_CONN_H
#define DROPFOLD_TARGET_PG_CONN_H

#include <libpq-fe.h>

#include "target/pg_error.h"
#include "target/target_internal.h"
#include "target/target_sql.h"

struct pg_conn;
typedef void (*pg_step)(struct pg_conn *conn, PGresult *result);
/* Appends more to conn->data, which is empty; nothing: that was all. */
typedef bool (*pg_more)(struct pg_conn *conn, struct error *error);

enum pg_phase {
    PG_QUIET,   /* nothing was asked */
    PG_WAITING, /* for the answer */
    PG_COPYING  /* data goes out */
};

/* A block as arrays (pg_arrays.h), one behind the other. */
struct pg_arrays {
    const struct block *of; /* NULL: of none */
    size_t count;
    struct buf data;
    size_t starts[PIPELINE_COLUMNS_MAX + 1];
};

/* What the server says of a table within a transaction (pg_recount.h). */
struct pg_tally {
    uint64_t oid;  /* 0: it is gone */
    bool triggers; /* it has some of somebody's */
    uint64_t done; /* rows that were put in, changed or taken out, from some moment before the transaction on */
};

struct pg_conn {
    struct target *target;
    bool answers; /* false once dropped */

    /* Connecting: the worker's until `connecting` is false. */
    bool connecting;
    unsigned *workers; /* the target's count of connections that a worker has */
    uv_work_t work;
    int wake; /* an eventfd: written to when the connection is dropped while the worker waits */
    char *address;
    struct error error;
    PGconn *pg;

    int watched; /* a duplicate of libpq's socket: libpq closes its own when the connection dies, and the number might be
                    another file's by the time the loop lets go of it; -1: none */
    uv_poll_t poll;
    enum pg_phase phase;
    const char *doing; /* for messages */
    pg_step next;
    PGresult *result;                /* the last of the exchange, or the first that failed */
    PGresult *before;                /* the one before the last, until something else is asked */
    char farewell[PG_FAREWELL_SIZE]; /* why the server ends the session, once it said so */

    struct buf sql;
    struct buf data; /* what COPY sends now, or the text of a parameter */
    size_t sent;     /* of `data`, to libpq */
    pg_more more;    /* where COPY gets more of it */

    /* Opening. */
    struct target_shape *shapes;
    bool making;                        /* within the transaction that creates what is missing */
    const char *veiled;                 /* a table of which row-level security may hide rows from this role; or NULL */
    bool trying;                        /* this role may make temporary views */
    bool standby;                       /* the server is in recovery, which only a look goes on with */
    bool loose[PIPELINE_DELIVERED_MAX]; /* a collation of the table's key takes texts for equal that are not */
    uint32_t row_types[PIPELINE_DELIVERED_MAX]; /* the OID of the table's rows, which are as ours; 0: they are not */

    /* A delivery. */
    struct block *block;                                 /* under way */
    size_t row;                                          /* of it: what COPY comes to next (pg_copy_rows) */
    struct pg_arrays arrays;                             /* of it, or of the block behind it */
    bool empty[PIPELINE_DELIVERED_MAX];                  /* COPY goes straight into the table */
    struct pg_tally tallies[1 + PIPELINE_DELIVERED_MAX]; /* at its beginning; the first is the progress table's */
    uint64_t done[PIPELINE_DELIVERED_MAX];               /* rows that its own statements put in, changed or took out */
    bool counted[PIPELINE_DELIVERED_MAX];                /* the table's rows are, at its end */
    bool known[PIPELINE_DELIVERED_MAX];                  /* its shape was looked at once more */
    bool guarded[PIPELINE_DELIVERED_MAX];                /* and that told that row-level security holds for this role */
    bool stage[PIPELINE_DELIVERED_MAX];                  /* of a comparison: the temporary table exists */
    const char *doubtful; /* SQLSTATE that now means: it is not what it was when it was opened; or NULL */
    /* What comes after pg_views, pg_delivery_match, pg_open_check_table, pg_stage_block's COPY, pg_recount,
       pg_claim. */
    pg_step viewed, matched, shaped, copied, recounted, claimed;
};

/*
 * Starts to connect; `next` is called with no result when it stands. Holds the target until the connection is gone.
 * *workers counts connections of the target that a worker still has, dropped ones too: those may sit in DNS for minutes
 * and must not take up all threads, so a third one is ERROR_TARGET.
 */
void pg_conn_start(struct pg_conn **conn, struct target *target, const char *address, unsigned *workers, pg_step next);

/* Lets it go: it answers no more and frees itself. */
void pg_conn_drop(struct pg_conn *conn);

/* Answers the target with the error, which drops the connection. */
void pg_conn_fail(struct pg_conn *conn, const struct error *error);

#endif
