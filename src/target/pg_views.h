/* Views that say something else than the pipeline does: one keeps its columns' names when the pipeline makes another
   thing of them. */
#ifndef DROPFOLD_TARGET_PG_VIEWS_H
#define DROPFOLD_TARGET_PG_VIEWS_H

#include "target/pg_conn.h"

/* Within the transaction of an opening, which reads only, and in another such one afterwards: makes views anew that say
   something else, unless the target is only looked at. Once a target: only a start, or HUP, brings another pipeline. */
void pg_views(struct pg_conn *conn, pg_step next);

#endif
