/*
 * What a ledger says of files beside those that a replay applies again: redeliveries, quarantined files, and files
 * whose rows were taken back. A store that is built anew takes these rows over. Without them such a file would be a new
 * one to it: where it lies in its landing folder, or in the archive, it would be applied.
 */
#ifndef DROPFOLD_APP_REBUILD_NOTES_H
#define DROPFOLD_APP_REBUILD_NOTES_H

#include <stdbool.h>

#include "app/core.h"
#include "app/sources.h"
#include "base/attr.h"
#include "base/error.h"

/* Into core's store, from the ledger of `old`, whose other files are `sources` and were applied (source.applied). */
bool rebuild_notes(struct core *core, struct store *old, const struct sources *sources, struct error *error) MUST_USE;

#endif
