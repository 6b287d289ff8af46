#include "app/shipment.h"

#include "app/offer.h"
#include "base/clock.h"
#include "store/store.h"

/* --- deciding ----------------------------------------------------------------------------------------------------- */

/* A target that is older than this needs a full delivery: it may have rows that are in no list of changed groups. */
static uint64_t untold(const struct core *core)
{
    uint64_t dropped = engine_dropped(core->engine);
    return core->rewritten > dropped ? core->rewritten : dropped;
}

static void prepare_work(struct request *request, struct core *core)
{
    struct shipment *s = CONTAINER_OF(request, struct shipment, prepare);
    struct decide_input input = offer_ask(s->pipeline, s->target);
    s->error = core->broken;
    s->decision = DECIDE_REFUSE;
    if (core->broken.kind != ERROR_NONE || !offer_compare(&input, core->store, &s->error))
        return;
    input.overwrite = s->overwrite;
    input.rebuild = s->rebuild;
    input.rewritten = untold(core);
    s->decision = offer_make(core, &input, &s->delivery, &s->error);
    s->open = core->delivering;
    if (s->open)
        s->overflows = engine_overflows(core->engine);
}

static void prepare_done(struct request *request)
{
    struct shipment *s = CONTAINER_OF(request, struct shipment, prepare);
    s->prepared(s);
}

void shipment_prepare(struct shipment *s, bool overwrite, bool rebuild)
{
    s->overwrite = overwrite;
    s->rebuild = rebuild;
    committer_submit(s->committer, &s->prepare);
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static void fetch_work(struct request *request, struct core *core)
{
    struct shipment *s = CONTAINER_OF(request, struct shipment, fetch);
    s->block = NULL;
    /* the engine may have been built anew since (core.h): then its delivery is gone */
    bool ok = core->delivering
                  ? offer_next(core, &s->block, &s->error)
                  : error_set(&s->error, ERROR_DIVERGED, "the delivery was overtaken: the engine was built anew");
    s->failed = !ok;
}

static void fetch_done(struct request *request)
{
    struct shipment *s = CONTAINER_OF(request, struct shipment, fetch);
    s->fetched(s);
}

void shipment_fetch(struct shipment *s)
{
    committer_submit(s->committer, &s->fetch);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* For `status` only: the target's own row is what counts. */
static void note(const struct shipment *s, const struct core *core)
{
    const struct store_delivered delivered = {.target = slice_of(target_name(s->target)),
                                              .sequence = s->delivery.to.sequence,
                                              .overflows = s->overflows.values,
                                              .at = clock_wall()};
    struct error ignored;
    if (s->delivered && !core->store_open)
        (void)!store_note_delivered(core->store, &delivered, &ignored);
}

static void end_work(struct request *request, struct core *core)
{
    struct shipment *s = CONTAINER_OF(request, struct shipment, end);
    uint64_t before = s->overflows.values;
    s->overflows.values = 0;
    if (core->delivering) {
        s->overflows = engine_overflows(core->engine);
        s->overflows.values -= before;
        engine_delivery_end(core->engine, s->delivered);
    }
    core->delivering = false;
    s->open = false;
    note(s, core);
}

static void end_done(struct request *request)
{
    struct shipment *s = CONTAINER_OF(request, struct shipment, end);
    s->ended(s);
}

void shipment_end(struct shipment *s)
{
    committer_submit(s->committer, &s->end);
}

void shipment_init(struct shipment *s, const struct pipeline *pipeline, struct target *target,
                   struct committer *committer)
{
    *s = (struct shipment){.pipeline = pipeline, .target = target, .committer = committer};
    s->prepare = (struct request){.work = prepare_work, .done = prepare_done};
    s->fetch = (struct request){.work = fetch_work, .done = fetch_done};
    s->end = (struct request){.work = end_work, .done = end_done};
}
