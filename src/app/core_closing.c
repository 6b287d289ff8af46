/* Windows that are due, closed by a change of their own. */
#include "app/core_internal.h"

static uint64_t closed_groups(const struct core *core, const struct engine_stats *stats)
{
    uint64_t groups = 0;
    for (size_t t = 0; t < core->pipeline->table_count; t++)
        groups += stats->closed_groups[t];
    return groups;
}

/* Within the open change. */
static bool close_before(struct core *core, int64_t now, struct core_closed *closed, struct error *error)
{
    struct engine_stats stats;
    engine_stats(core->engine, &stats);
    closed->units = stats.closed;
    closed->groups = closed_groups(core, &stats);
    if (!engine_close(core->engine, closed->sequence, closed->before, error) || !core_commit(core, &stats, now, error))
        return false;
    closed->memory = stats.memory;
    closed->units = stats.closed - closed->units;
    closed->groups = closed_groups(core, &stats) - closed->groups;
    return true;
}

bool core_close_windows(struct core *core, int64_t now, struct core_closed *closed, struct error *error)
{
    *closed = (struct core_closed){0};
    if (!engine_close_due(core->engine, &closed->before))
        return true;
    if (!core_begin(core, error))
        return false;
    if (!store_close_windows(core->store, closed->before, error)) {
        core_file_cancel(core);
        return false;
    }
    closed->sequence = store_progress(core->store)->sequence + 1;
    if (!close_before(core, now, closed, error)) {
        closed->sequence = 0;
        core_recover(core, error);
        return false;
    }
    core->store_open = false;
    return true;
}

bool core_close_due(struct core *core, int64_t now, struct error *error)
{
    struct core_closed closed;
    struct error why = {0};
    if (core_close_windows(core, now, &closed, &why) || why.kind == ERROR_FULL)
        return true;
    *error = why;
    return false;
}
