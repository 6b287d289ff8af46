/*
 * Every row of every table at one moment, and what another moment makes of them: for `plan`, `impact` and `diff`.
 *
 * Rows are kept and compared as they are printed (cell_print), so that what is shown as changed is what a reader of the
 * table sees change.
 */
#ifndef DROPFOLD_APP_SNAPSHOT_H
#define DROPFOLD_APP_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "engine/engine.h"
#include "model/pipeline.h"

struct snapshot;

enum row_change_kind { ROW_ADDED, ROW_CHANGED, ROW_DELETED };

struct row_change {
    const struct table *table;
    enum row_change_kind kind;
    /* Its columns, data NULL where null. Of an added row `before` is empty, of a deleted one `after`; valid during the
       call. */
    const struct slice *before, *after;
    struct slice packed_key; /* tells the row apart from all others of all tables; valid during the call */
};
typedef bool (*row_change_visit)(void *context, const struct row_change *change, struct error *error);

/* What the engine's tables hold now. No delivery of it may be open. ERROR_MEMORY past 16 GiB or what there is. */
bool snapshot_take(struct snapshot **snapshot, const struct pipeline *pipeline, struct engine *engine,
                   struct error *error) MUST_USE;
void snapshot_free(struct snapshot *snapshot);

/* Visits each row that the engine now has otherwise than the snapshot, table by table. `since`: the change the snapshot
   was taken after, when the engine is the same one and went on; 0: any engine, all rows are looked at. A snapshot
   serves one comparison. */
bool snapshot_compare(struct snapshot *snapshot, struct engine *engine, uint64_t since, row_change_visit visit,
                      void *context, struct error *error) MUST_USE;

/* Visits the key of each row that changes after `since` touched, whether or not it is another one now. */
bool snapshot_touched(const struct pipeline *pipeline, struct engine *engine, uint64_t since,
                      bool (*visit)(void *context, struct slice packed_key, struct error *error), void *context,
                      struct error *error) MUST_USE;

#endif
