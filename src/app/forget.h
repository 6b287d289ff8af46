/* Taking a file back by hand: the store first, then the target. */
#ifndef DROPFOLD_APP_FORGET_H
#define DROPFOLD_APP_FORGET_H

#include "app/core.h"
#include "app/settings.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"

/* core_forget by whoever has the core, on its thread; appends to `out` what was done and how to undo it, in two lines
   for people. Delivering is the caller's. */
bool forget_file(struct core *core, const struct settings *settings, const char *which, struct buf *out,
                 struct error *error) MUST_USE;

/* The whole command, for a store that nobody else holds: opens, forgets, delivers. Returns the process's exit code; all
   messages have been written. Once the forget is committed a target that cannot be reached undoes nothing. */
int forget(const struct settings *settings, const char *which, struct log *log);

#endif
