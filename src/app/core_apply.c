/*
 * A file's rows into the engine, and then into the store.
 *
 * What the engine refuses must leave nothing behind in a transaction that other files share. So the rows of a file that
 * was kept are written only once the engine has taken them all, and what they replace is marked only then. Of a file
 * that spilled the store has the rows already, in a transaction of the file's own.
 */
#include <string.h>

#include "app/core_internal.h"

enum { MARKED_RECENTLY = 256 };

struct application {
    struct core *core;
    struct buckets *buckets;
    struct error *error;
    bool marked_failed;
    uint64_t marked[MARKED_RECENTLY]; /* sequences marked already, by their last bits */
    uint64_t current;                 /* sequence by which rows rank that are being applied */
};

static struct slice feed_of(const struct core *core)
{
    return slice_of(core->pipeline->feeds[core->file_feed].name);
}

static void mark_replaced(void *context, uint64_t sequence)
{
    struct application *application = context;
    struct core *core = application->core;
    uint64_t *recent = &application->marked[sequence % MARKED_RECENTLY];
    if (sequence == *recent || sequence == application->current || application->marked_failed)
        return;
    *recent = sequence;
    if (!core->spilled)
        buf_put(&core->marks, &sequence, sizeof sequence);
    else if (!store_mark_replaced(core->store, feed_of(core), sequence, application->error))
        application->marked_failed = true;
}

static bool apply_chunk(void *context, struct slice chunk, struct error *error)
{
    struct application *application = context;
    struct core *core = application->core;
    const struct engine_report report = {application->buckets, mark_replaced, application};
    return engine_apply(core->engine, core->file_feed, chunk, &report, error) && !application->marked_failed;
}

bool core_apply(struct core *core, uint64_t sequence, int64_t now, struct buckets *buckets, struct error *error)
{
    uint64_t rank = core->retry_of ? core->retry_of->sequence : sequence;
    struct application application = {.core = core, .buckets = buckets, .error = error, .current = rank};
    engine_set_commit(core->engine, now);
    engine_rank(core->engine, rank);
    if (core->spilled && !store_file_chunks(core->store, apply_chunk, &application, error))
        return false;
    for (size_t i = 0; !core->spilled && i < core->kept_count; i++)
        if (!apply_chunk(&application, buf_slice(&core->kept[i]->chunk.buf), error))
            return false;
    return engine_end(core->engine, error) && (!core->marks.failed || error_memory(error));
}

bool core_reserve(struct core *core, const struct file_record *record, struct error *error)
{
    return store_reserve(core->store, core->kept, core->kept_count, record, core->marks.len / sizeof(uint64_t), error);
}

bool core_write(struct core *core, const struct file_record *record, struct error *error)
{
    if (core->spilled)
        return true;
    if (core->marks.len > 0 && !core_reserve(core, record, error))
        return false;
    for (size_t i = 0; i < core->kept_count; i++)
        if (!store_put_batch(core->store, core->kept[i], error))
            return false;
    for (size_t at = 0; at < core->marks.len; at += sizeof(uint64_t)) {
        uint64_t sequence;
        memcpy(&sequence, core->marks.data + at, sizeof sequence);
        if (!store_mark_replaced(core->store, feed_of(core), sequence, error))
            return false;
    }
    return true;
}
