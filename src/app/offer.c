#include "app/offer.h"

#include <string.h>

#include "app/ledger.h"
#include "engine/engine.h"

struct decide_input offer_ask(const struct pipeline *pipeline, const struct target *target)
{
    struct decide_input input = {.pipeline = pipeline,
                                 .target_name = target_name(target),
                                 .target = target_progress(target),
                                 .target_rows = target_rows(target)};
    input.taken = target_taken(target, &input.taken_by);
    return input;
}

bool offer_compare(struct decide_input *input, struct store *store, struct error *error)
{
    const struct progress *target = input->target;
    struct digest digest;
    input->store = store_progress(store);
    input->files = store_files(store);
    if (!target->present)
        return true;
    if (!store_adopted(store, target, &input->adopted, error) ||
        !ledger_mark(store, ledger_known(input->pipeline, target), &input->mark, error))
        return false;
    if (target->sequence > input->store->sequence)
        return true;
    if (!store_digest_at(store, target->sequence, &digest, error))
        return false;
    input->digest_known = digest_equal(&digest, &target->digest);
    return true;
}

enum {
    FRESH_LEAST = 128 /* rows: fewer are not worth a statement of their own */
};

static bool start(struct core *core, const struct decide_input *input, bool full, struct delivery *delivery,
                  struct error *error)
{
    struct delivery made = {.from = *input->target, .full = full, .fresh_least = FRESH_LEAST};
    const struct ledger_end end = {.files = input->files, .sequence = input->store->sequence};
    if (!ledger_start(&core->ledger, core->pipeline, core->store, end, &made, error) ||
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
