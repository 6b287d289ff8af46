/*
 * What a store has for a target: the two are compared, and when there is something to deliver, the engine's delivery of
 * it is begun. On the store thread.
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
#include "target/target.h"

/* What decide() is to know of a target that is open: its own words. overwrite and rebuild are the caller's. The input
   points into the target. */
struct decide_input offer_ask(const struct pipeline *pipeline, const struct target *target);

/* And what `store`, into which it points too, knows of them. ERROR_CORRUPT and ERROR_IO when that cannot be read. */
bool offer_compare(struct decide_input *input, struct store *store, struct error *error) MUST_USE;

/* Decides, and for DECIDE_INCREMENTAL and DECIDE_FULL begins the engine's delivery (core->delivering) and fills
   `delivery`; for DECIDE_NOTHING only delivery->to. DECIDE_REFUSE: see `error`, also for what failed on the way. */
enum decision offer_make(struct core *core, const struct decide_input *input, struct delivery *delivery,
                         struct error *error) MUST_USE;

/* The next block of the delivery that was begun, the engine's and then the ledger's; NULL after the last. */
bool offer_next(struct core *core, struct block **block, struct error *error) MUST_USE;

#endif
