#include "app/core.h"

#include "app/core_internal.h"
#include "app/crew.h"
#include "app/summary.h"
#include "base/clock.h"

static bool build_engine(struct core *core, struct error *error)
{
    return core_replay(core, &(struct core_history){0}, error);
}

bool core_init(struct core *core, const struct pipeline *pipeline, struct store *store, size_t memory_limit,
               struct error *error)
{
    *core = (struct core){.pipeline = pipeline, .store = store, .memory_limit = memory_limit};
    buf_init(&core->marks, CORE_MARKS_MAX);
    if (build_engine(core, error))
        return true;
    core_close(core);
    return false;
}

bool core_open(struct core *core, const struct pipeline *pipeline, const char *checkpoints, enum store_mode mode,
               size_t memory_limit, struct error *error)
{
    struct store *store;
    *core = (struct core){0};
    if (!store_open(&store, checkpoints, pipeline->name, &pipeline->fingerprint, mode, error) ||
        !core_init(core, pipeline, store, memory_limit, error))
        return false;
    /* A crash may have come between a file and the windows that it made due. */
    if (mode != STORE_WRITE || core_close_due(core, clock_wall(), error))
        return true;
    core_close(core);
    return false;
}

void core_use_threads(struct core *core, size_t threads)
{
    core->threads = threads;
    engine_lend(core->engine, threads, CREW_LEAST, crew_run);
}

void core_close(struct core *core)
{
    core_file_cancel(core);
    if (core->grouped)
        store_group_rollback(core->store);
    engine_free(core->engine);
    if (core->store)
        store_close(core->store);
    buf_close(&core->marks);
    *core = (struct core){0};
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

static void drop_kept(struct core *core)
{
    for (size_t i = 0; i < core->kept_count; i++)
        batch_free(core->kept[i]);
    core->kept_count = 0;
}

void core_file_begin(struct core *core, size_t feed)
{
    core->file_feed = feed;
    core->retry_of = NULL;
    core->store_open = false;
    core->spilled = false;
    buf_reset(&core->marks);
}

void core_retry_begin(struct core *core, size_t feed, const struct file_record *file)
{
    core_file_begin(core, feed);
    core->retry_of = file;
}

bool core_begin(struct core *core, struct error *error)
{
    if (core->broken.kind != ERROR_NONE)
        *error = core->broken;
    core->store_open = core->broken.kind == ERROR_NONE && store_begin(core->store, error);
    return core->store_open;
}

bool core_file_open(struct core *core, struct error *error)
{
    if (core->store_open)
        return true;
    return core_begin(core, error) && (!core->retry_of || store_retry(core->store, core->retry_of->id, error)) &&
           store_file_begin(core->store, slice_of(core->pipeline->feeds[core->file_feed].name), error);
}

static bool spill(struct core *core, struct error *error)
{
    if (!core_file_open(core, error))
        return false;
    for (size_t i = 0; i < core->kept_count; i++)
        if (!store_put_batch(core->store, core->kept[i], error))
            return false;
    return true;
}

bool core_file_put(struct core *core, struct batch *batch, struct error *error)
{
    if (!core->spilled && core->kept_count < COUNT_OF(core->kept)) {
        core->kept[core->kept_count++] = batch;
        return true;
    }
    bool ok = core->spilled || spill(core, error);
    if (ok && !core->spilled) {
        core->spilled = true;
        drop_kept(core);
    }
    ok = ok && store_put_batch(core->store, batch, error);
    batch_free(batch);
    return ok;
}

void core_file_cancel(struct core *core)
{
    drop_kept(core);
    if (core->store_open)
        store_rollback(core->store);
    core->store_open = core->spilled = false;
}

bool core_summary(const struct core *core, const struct engine_stats *stats, struct buf *text, struct error *error)
{
    buf_init(text, SUMMARY_MAX);
    summary_write(stats, core->pipeline, text);
    return !text->failed || error_memory(error);
}

bool core_commit(struct core *core, struct engine_stats *stats, int64_t now, struct error *error)
{
    struct buf text = {0};
    engine_stats(core->engine, stats);
    bool ok = (core->grouped || core_summary(core, stats, &text, error)) &&
              store_commit(core->store, buf_slice(&text), now, error);
    buf_close(&text);
    return ok;
}

void core_recover(struct core *core, struct error *error)
{
    struct error again = {0};
    core_file_cancel(core);
    if (!build_engine(core, &again)) {
        *error = again;
        error_wrap(error, "after a failed commit");
        error->kind = ERROR_CORRUPT;
        core->broken = *error;
    }
}
