#include "app/offer.h"

#include <string.h>

#include "app/ledger.h"
#include "engine/engine.h"

bool offer_input(struct decide_input *input, const struct pipeline *pipeline, struct store *store, const char *target,
                 const struct progress *progress, const uint64_t *rows, struct error *error)
{
    struct digest digest;
    *input = (struct decide_input){
        .pipeline = pipeline,
        .target_name = target,
        .store = store_progress(store),
        .target = progress,
        .target_rows = rows,
        .rewritten = store_rewritten(store),
        .files = store_files(store),
    };
    if (!progress->present)
        return true;
    if (!store_adopted(store, progress, &input->adopted, error) ||
        !ledger_mark(store, ledger_known(pipeline, progress), &input->mark, error))
        return false;
    if (progress->sequence <= input->store->sequence) {
        if (!store_digest_at(store, progress->sequence, &digest, error))
            return false;
        input->digest_known = digest_equal(&digest, &progress->digest);
    }
    return true;
}

enum {
    FRESH_LEAST = 128 /* rows: fewer are not worth a statement of their own */
};

static bool start(struct core *core, const struct decide_input *input, bool full, struct delivery *delivery,
                  struct error *error)
{
    struct delivery made = {.from = *input->target, .full = full, .fresh_least = FRESH_LEAST};
    if (!ledger_start(&core->ledger, core->pipeline, core->store, input->files, input->store->sequence, &made, error) ||
        !engine_delivery_start(core->engine, full ? 0 : input->target->sequence, full, &made, error))
        return false;
    *delivery = made;
    delivery->to = *input->store;
    memcpy(delivery->to.rows, made.to.rows, sizeof delivery->to.rows);
    core->delivering = true;
    return true;
}

enum decision offer_make(struct core *core, const struct decide_input *input, struct delivery *delivery,
                         struct error *error)
{
    enum decision decision = decide(input, error);
    if (decision == DECIDE_NOTHING) {
        delivery->to = *input->store;
        engine_delivered(core->engine);
    } else if (decision != DECIDE_REFUSE && !start(core, input, decision == DECIDE_FULL, delivery, error)) {
        decision = DECIDE_REFUSE;
    }
    return decision;
}

bool offer_next(struct core *core, struct block **block, struct error *error)
{
    return engine_delivery_next(core->engine, block, error) && (*block || ledger_next(&core->ledger, block, error));
}
