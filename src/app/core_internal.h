/* What the files of the core share. */
#ifndef DROPFOLD_APP_CORE_INTERNAL_H
#define DROPFOLD_APP_CORE_INTERNAL_H

#include "app/core.h"

enum { SUMMARY_MAX = 16 * 1024 };

/* What the engine counts now, as the text that a commit keeps; to be closed. */
bool core_summary(const struct core *core, const struct engine_stats *stats, struct buf *text,
                  struct error *error) MUST_USE;

/* Commits the open change with what the engine counts now. */
bool core_commit(struct core *core, struct engine_stats *stats, int64_t now, struct error *error) MUST_USE;

/* The engine has rows that the store refused: tells the store's history again. An error here leaves no way on. */
void core_recover(struct core *core, struct error *error);

#endif
