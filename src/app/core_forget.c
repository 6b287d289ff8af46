/* Rows taken back: of a file that is forgotten, and of one that another replaces. */
#include "app/core_internal.h"

static bool take_chunk(void *context, struct slice chunk, struct error *error)
{
    const struct core_taking *taking = context;
    return engine_take_back(taking->core->engine, taking->feed, taking->rank, chunk, error);
}

bool core_begin_taking(struct core_taking taking, uint64_t count, bool *rebuilt, struct error *error)
{
    struct core *core = taking.core;
    bool alone = count == 1 && taking.feed != SIZE_MAX && engine_alone(core->engine, taking.feed, taking.rank);
    *rebuilt = count > 0 && !alone;
    if (*rebuilt && !core_replay(core, &(struct core_history){0}, error))
        return false;
    engine_begin(core->engine, store_progress(core->store)->sequence + 1);
    return !alone || store_taken_chunks(core->store, take_chunk, &taking, error);
}

/* Before the commit the engine has what the store will have, so that the commit holds its counts, and so that a history
   that cannot be told without the file is not begun. */
static bool forget_in_change(struct core *core, const struct file_record *file, int64_t now, struct error *error)
{
    struct engine_stats stats;
    bool rebuilt;
    size_t feed = pipeline_feed_index(core->pipeline, file->feed);
    if (!core_begin_taking((struct core_taking){core, feed, file->sequence}, 1, &rebuilt, error) ||
        !engine_end(core->engine, error) || !core_commit(core, &stats, now, error))
        return false;
    if (rebuilt)
        core->rewritten = file->forgotten;
    return true;
}

bool core_forget(struct core *core, struct slice which, int64_t now, struct arena *texts, struct file_record *file,
                 struct error *error)
{
    if (core->store_open || core->kept_count > 0)
        return error_set(error, ERROR_BUG, "a file is being put together: nothing can be forgotten");
    if (!core_begin(core, error))
        return false;
    if (!store_forget(core->store, which, texts, file, error)) {
        core_file_cancel(core);
        return false;
    }
    if (!forget_in_change(core, file, now, error)) {
        core_recover(core, error);
        return false;
    }
    core->store_open = false;
    return true;
}
