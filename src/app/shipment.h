/*
 * A delivery as the store thread makes it, asked for from the loop step by step:
 *
 *   shipment_prepare   what the target lacks is decided, and the engine's delivery of it is opened
 *   shipment_fetch     its next block, again and again; the changes of files may come in between
 *   shipment_end       the engine's delivery is closed
 *
 * Each step is answered on the loop by its callback. From asking to that answer what it writes here is the store
 * thread's. One step at a time.
 */
#ifndef DROPFOLD_APP_SHIPMENT_H
#define DROPFOLD_APP_SHIPMENT_H

#include <stdbool.h>

#include "app/committer.h"
#include "app/decide.h"
#include "base/error.h"
#include "engine/engine.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "target/target.h"

struct shipment {
    const struct pipeline *pipeline;
    struct target *target;
    struct committer *committer;

    bool overwrite, rebuild; /* as shipment_prepare was told */
    enum decision decision;
    struct delivery delivery;          /* made by prepare; of DECIDE_NOTHING only `to` */
    bool open;                         /* the engine's delivery: to be ended */
    bool failed;                       /* what was fetched; `error` says why */
    struct block *block;               /* fetched: the caller's from there on; NULL: there is no other */
    struct error error;                /* of DECIDE_REFUSE, or of what was fetched */
    bool delivered;                    /* the caller's word before the end: the target has committed it */
    struct engine_overflows overflows; /* what the engine had counted before it; once it has ended: its own */

    /* the answers, on the loop */
    void (*prepared)(struct shipment *shipment);
    void (*fetched)(struct shipment *shipment);
    void (*ended)(struct shipment *shipment);
    struct request prepare, fetch, end;
};

/* Nothing is under way. The callbacks are the caller's to set. */
void shipment_init(struct shipment *shipment, const struct pipeline *pipeline, struct target *target,
                   struct committer *committer);

/* The target is open and nobody touches it until the answer. `overwrite` and `rebuild` as struct decide_input has
   them. */
void shipment_prepare(struct shipment *shipment, bool overwrite, bool rebuild);
void shipment_fetch(struct shipment *shipment);
void shipment_end(struct shipment *shipment);

#endif
