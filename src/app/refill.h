/* Brings a target up to a store without taking any file: what follows a replay, a forget or a retry, and
   `replay --rebuild`. */
#ifndef DROPFOLD_APP_REFILL_H
#define DROPFOLD_APP_REFILL_H

#include "app/core.h"
#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"

/* Delivers `core` to the target of the settings and waits for it: what the target lacks, or `rebuild`: all of it in any
   case. `core` is open before and after. */
bool refill(const struct settings *settings, struct core *core, bool rebuild, struct error *error) MUST_USE;

#endif
