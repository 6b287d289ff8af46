/* A file that was quarantined, put back to be read anew. */
#ifndef DROPFOLD_APP_RETRY_WHOLE_H
#define DROPFOLD_APP_RETRY_WHOLE_H

#include "app/core.h"
#include "app/retry.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/*
 * Moves the newest file in quarantine that `which` means ("<feed>/<name>", a bare name, or the path or name it is kept
 * under) into its landing folder, without replacing anything there; where the feed waits for markers, its marker is
 * made. The file must be the one that was quarantined (ERROR_DATA). *found is false when there is none; appends to
 * `out` what was done. The ledger is not touched: it tells of the quarantine, and will tell what became of the file
 * when it is read anew. A crash leaves it in one of the two places.
 */
bool retry_whole(struct core *core, const struct retry_how *how, const char *which, bool *found, struct buf *out,
                 struct error *error) MUST_USE;

#endif
