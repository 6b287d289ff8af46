/* Exchanges with the server; see pg_conn.h for steps. */
#ifndef DROPFOLD_TARGET_PG_QUERY_H
#define DROPFOLD_TARGET_PG_QUERY_H

#include "target/pg_conn.h"

/* One or several statements without parameters; `next` gets the last result. */
void pg_query_text(struct pg_conn *conn, const char *sql, pg_step next);

/* The text in conn->sql, which is ended here. */
void pg_query_buf(struct pg_conn *conn, pg_step next);

/* The one statement in conn->sql with parameters: lengths and formats NULL for texts. They are copied. One may lie in
   conn->data: where memory was out for that, nothing is sent. */
void pg_query_params(struct pg_conn *conn, int count, const char *const *values, const int *lengths, const int *formats,
                     pg_step next);

enum { PG_PIECE = 64 * 1024 /* bytes handed to libpq at a time */ };

/* The COPY ... FROM STDIN in conn->sql, then what `more` appends to conn->data, PG_PIECE or so each time. Goes out as
   fast as the server takes it, which works while the next piece is made: never more than one is queued in libpq. */
void pg_query_copy(struct pg_conn *conn, pg_more more, pg_step next);

/* Ends the chain: the target's call worked. */
void pg_query_done(struct pg_conn *conn);

#endif
