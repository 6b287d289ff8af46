/*
 * Replay: a new store beside the old one, from the files themselves.
 *
 * For a pipeline or descriptor that changed, and for a store that was lost. Every applied file of the old ledger is
 * read again from where it is kept (archive, or its landing folder), in the old order, with the descriptor version that
 * was recorded for it (or the best one). The new store takes the old one's place by one rename and the target is
 * refilled in one transaction: until then both are as they were. Without an old ledger the archive's names tell the
 * order.
 */
#ifndef DROPFOLD_APP_REBUILD_H
#define DROPFOLD_APP_REBUILD_H

#include <stdbool.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/log.h"
#include "model/pipeline.h"

/* Builds the store of settings->checkpoints anew for `pipeline` and swaps it in; delivers nothing. On false the old
   store is in place, and closed. */
bool rebuild_store(const struct settings *settings, struct log *log, struct pipeline *pipeline,
                   struct error *error) MUST_USE;

/* Returns the process's exit code; all messages have been written. settings->rebuild: only refills the target. */
int rebuild(const struct settings *settings, struct log *log);

#endif
