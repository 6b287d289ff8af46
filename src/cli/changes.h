/* Rows that change, printed: what plan, impact and diff have in common. */
#ifndef DROPFOLD_CLI_CHANGES_H
#define DROPFOLD_CLI_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "app/snapshot.h"
#include "base/buf.h"

struct changes {
    bool json;
    uint64_t counts[3]; /* by row_change_kind */
    struct buf out;
};

void changes_init(struct changes *changes, bool json);
void changes_close(struct changes *changes);

/* A file that had a hand in a change. */
struct changes_file {
    uint64_t sequence;
    struct slice feed, name; /* the name is empty when the ledger has none any more */
    bool forgot;             /* the change did not apply the file but forgot it */
    bool retried;            /* it applied rows of it that had been rejected */
    uint64_t replaced;       /* the change whose file it took the place of, or 0 */
};

/* Prints "+ table key: columns", "- ..." or "~ table key: column old -> new", or one JSON object; `files` behind it. */
bool changes_print(struct changes *changes, const struct row_change *change, const struct changes_file *files,
                   size_t file_count, struct error *error) MUST_USE;

/* The same of struct changes, without files: for snapshot_compare. */
bool changes_visit(void *changes, const struct row_change *change, struct error *error) MUST_USE;

/* "2 rows added, 1 changed, 0 deleted" to stderr. */
void changes_sum(const struct changes *changes);

#endif
