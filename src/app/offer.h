/*
 * What a store has for a target: the two are compared, and when there is something to deliver, the engine's delivery of it
 * is begun. On the store thread.
 */
#ifndef DROPFOLD_APP_OFFER_H
#define DROPFOLD_APP_OFFER_H

#include <stdbool.h>

#include "app/core.h"
#include "app/decide.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "store/store.h"

/* What decide() is to know of a target: its own words when it was opened, and what `store` knows of them. overwrite,
   rebuild and taken are the caller's. The input points into all of it. ERROR_STORE and ERROR_IO when the store cannot be
   read. */
bool offer_input(struct decide_input *input, const struct pipeline *pipeline, struct store *store, const char *target,
                 const struct progress *progress, const uint64_t *rows, struct error *error) MUST_USE;

/* Decides, and for DECIDE_INCREMENTAL and DECIDE_FULL begins the engine's delivery (core->delivering) and fills
   `delivery`; for DECIDE_NOTHING only delivery->to. DECIDE_REFUSE: see `error`, also for what failed on the way. */
enum decision offer_make(struct core *core, const struct decide_input *input, struct delivery *delivery,
                         struct error *error) MUST_USE;

/* The next block of the delivery that was begun, the engine's and then the ledger's; NULL after the last. */
bool offer_next(struct core *core, struct block **block, struct error *error) MUST_USE;

#endif
