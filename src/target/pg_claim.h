/* A delivery makes the tables its own (target_owner.h), before it looks at its row of progress. */
#ifndef DROPFOLD_TARGET_PG_CLAIM_H
#define DROPFOLD_TARGET_PG_CLAIM_H

#include "target/pg_conn.h"

/* In the exchange that conn->sql begins. The rows of others that have one of the tables are taken out where that was
   known when the target was opened; else one of them is ERROR_DIVERGED. One that stays all the same is
   ERROR_REFUSED. */
void pg_claim(struct pg_conn *conn, pg_step next);

#endif
