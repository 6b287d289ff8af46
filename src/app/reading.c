#include "app/reading.h"

#include "model/contract.h"

/* What the store remembers; both are empty in a store that was told nothing yet. */
struct remembered {
    struct buf shape, reading;
};

static bool remember(struct store *store, struct remembered *remembered, struct error *error)
{
    buf_init(&remembered->shape, CONTRACT_TEXT_MAX);
    buf_init(&remembered->reading, CONTRACT_TEXT_MAX);
    return store_contract(store, &remembered->shape, &remembered->reading, error);
}

static void forget_both(struct remembered *remembered)
{
    buf_close(&remembered->shape);
    buf_close(&remembered->reading);
}

bool reading_differences(struct store *store, const struct pipeline *pipeline, struct buf *descriptors,
                         struct buf *shape, struct error *error)
{
    struct remembered old;
    bool ok = remember(store, &old, error);
    if (ok && old.reading.len > 0)
        contract_reading_changes(pipeline, buf_slice(&old.reading), descriptors);
    if (ok && old.shape.len > 0)
        contract_shape_change(pipeline, buf_slice(&old.shape), shape);
    forget_both(&old);
    return ok && ((!descriptors->failed && !shape->failed) || error_memory(error));
}

static bool note(struct store *store, const struct pipeline *pipeline, struct slice reading, struct error *error)
{
    struct error why = {0};
    if (store_note_contract(store, pipeline->shape, reading, &why) || why.kind == ERROR_FULL)
        return true;
    *error = why;
    return false;
}

bool reading_note(struct store *store, const struct pipeline *pipeline, struct log *log, struct error *error)
{
    struct remembered old;
    struct buf now, changes;
    buf_init(&now, CONTRACT_TEXT_MAX);
    buf_init(&changes, CONTRACT_TEXT_MAX);
    contract_reading(pipeline, &now);
    bool ok = remember(store, &old, error);
    if (ok && old.reading.len > 0)
        contract_reading_changes(pipeline, buf_slice(&old.reading), &changes);
    ok = ok && ((!now.failed && !changes.failed) || error_memory(error));
    if (ok && changes.len > 0 && log)
        log_info(log, "descriptors changed: %.*s; files committed before keep what they were read as", (int)changes.len,
                 changes.data);
    /* The store would not have been opened for another shape, but for one without a change. */
    bool reshaped = ok && !slice_equal(buf_slice(&old.shape), pipeline->shape);
    if (reshaped && old.shape.len > 0 && log)
        log_info(log, "the pipeline changed; no file was applied by the old one, so there is nothing to build anew");
    if (ok && (reshaped || !slice_equal(buf_slice(&old.reading), buf_slice(&now))))
        ok = note(store, pipeline, buf_slice(&now), error);
    buf_close(&changes);
    buf_close(&now);
    forget_both(&old);
    return ok;
}
