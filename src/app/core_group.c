/* Files that share one commit. */
#include "app/core_internal.h"

bool core_group_begin(struct core *core, struct error *error)
{
    if (!core->grouped && !store_group_begin(core->store, error))
        return false;
    core->grouped = true;
    return true;
}

bool core_group_takes(const struct core *core, const struct core_file *file)
{
    static const char longest[STORE_STORED_SIZE];
    struct file_record record;
    if (!core->grouped)
        return true;
    core_record_from(&record, core, core->file_feed, file);
    record.stored = (struct slice){longest, sizeof longest};
    return store_group_takes(core->store, core->kept, core->kept_count, &record);
}

bool core_is_small(const struct core *core)
{
    return !core->spilled && core->kept_count <= 1;
}

static bool commit_group(struct core *core, struct error *error)
{
    struct engine_stats stats;
    struct buf text;
    engine_stats(core->engine, &stats);
    bool ok = core_summary(core, &stats, &text, error) && store_group_commit(core->store, buf_slice(&text), error);
    buf_close(&text);
    return ok;
}

bool core_group_end(struct core *core, struct error *error)
{
    if (!core->grouped)
        return true;
    /* What is counted is told by the engine, and one that could not be built anew counts nothing. */
    bool broken = core->broken.kind != ERROR_NONE, committed = !broken && commit_group(core, error);
    core->grouped = false;
    if (committed)
        return true;
    store_group_rollback(core->store);
    if (broken)
        *error = core->broken;
    else
        core_recover(core, error);
    return false;
}
