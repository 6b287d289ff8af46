/*
 * The engine anew, from what the store holds.
 *
 * This thread reads the store, checks it and decodes; another one applies (ahead.h). Questions that want to look into
 * the engine on the way (core_history) are told in one thread.
 */
#include <inttypes.h>
#include <string.h>

#include "app/ahead.h"
#include "app/core.h"
#include "app/core_internal.h"
#include "app/summary.h"

struct replay {
    struct core *core;
    const struct core_history *history;
    struct ahead *ahead; /* or NULL: one thread */

    /* of the side that applies */
    uint64_t begun;                   /* the change whose chunks are being applied */
    const struct replay_chunk *chunk; /* the one at hand */
    struct buckets buckets;
    uint64_t rows;
};

/* --- applying ----------------------------------------------------------------------------------------------------- */

static void replay_begin(struct replay *replay, uint64_t sequence)
{
    if (replay->begun == sequence)
        return;
    engine_begin(replay->core->engine, sequence);
    replay->begun = sequence;
    replay->buckets = (struct buckets){0};
}

static void begin_chunk(struct replay *replay, const struct replay_chunk *chunk)
{
    engine_set_commit(replay->core->engine, chunk->committed);
    replay_begin(replay, chunk->sequence);
    engine_rank(replay->core->engine, chunk->rank);
    replay->chunk = chunk;
}

static void replay_late(void *context, const struct engine_late *late)
{
    struct replay *replay = context;
    replay->history->late(replay->history->context, replay->chunk, late);
}

static bool apply_close(struct replay *replay, uint64_t sequence, int64_t before, struct error *error)
{
    replay->begun = sequence;
    replay->buckets = (struct buckets){0};
    return engine_close(replay->core->engine, sequence, before, error);
}

/* Without what a forgotten file brought, the same rows may fall into other buckets (one that was a correction is the
   first of its key now), but there are as many of them. */
static bool same_rows(const struct buckets *replayed, const struct replay_end *end)
{
    return end->as_committed ? memcmp(replayed, &end->buckets, sizeof *replayed) == 0
                             : buckets_total(replayed) == buckets_total(&end->buckets);
}

/* The buckets were fixed when the change was committed; a replay that sorts rows otherwise would show other numbers
   than the target has, so it is an error and not a surprise later. */
static bool apply_end(struct replay *replay, const struct replay_end *end, struct error *error)
{
    replay_begin(replay, end->sequence);
    if (!engine_end(replay->core->engine, error))
        return false;
    struct buckets replayed = replay->buckets;
    replayed.rejected = end->buckets.rejected;
    if (!same_rows(&replayed, end))
        return error_set(error, ERROR_CORRUPT, "change %" PRIu64 " does not replay to the rows its ledger counts",
                         end->sequence);
    replay->rows += buckets_total(&end->buckets);
    const struct core_history *history = replay->history;
    return !history->change_end || history->change_end(history->context, replay->core, end->sequence, error);
}

static bool apply_step(void *context, const struct ahead_step *step, struct error *error)
{
    struct replay *replay = context;
    switch (step->kind) {
    case AHEAD_ROWS:
        begin_chunk(replay, &step->chunk);
        return engine_apply_rows(replay->core->engine, step->feed, step->rows, &replay->buckets, error);
    case AHEAD_CLOSE:
        return apply_close(replay, step->sequence, step->before, error);
    case AHEAD_CHANGE_END:
        break;
    }
    return apply_end(replay, &step->end, error);
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

/* Rows of a chunk to the other thread. */
static bool send_rows(struct replay *replay, size_t feed, const struct replay_chunk *chunk, struct error *error)
{
    struct chunk_reader reader;
    chunk_reader_init(&reader, &replay->core->pipeline->feeds[feed], chunk->chunk);
    for (bool more = true; more;) {
        struct ahead_step *step = ahead_next(replay->ahead);
        if (!step || !engine_decode(step->rows, &reader, &more, error) || !engine_rows_hold(step->rows, error))
            return false;
        step->kind = AHEAD_ROWS;
        step->feed = feed;
        step->chunk = *chunk;
        step->chunk.feed = step->chunk.chunk = (struct slice){0};
        ahead_push(replay->ahead);
    }
    return true;
}

static bool tell_chunk(void *context, const struct replay_chunk *chunk, struct error *error)
{
    struct replay *replay = context;
    size_t feed = pipeline_feed_index(replay->core->pipeline, chunk->feed);
    if (feed == SIZE_MAX)
        return error_set(error, ERROR_CORRUPT, "change %" PRIu64 " is of a feed that the pipeline does not have",
                         chunk->sequence);
    if (replay->ahead)
        return send_rows(replay, feed, chunk, error);
    begin_chunk(replay, chunk);
    return engine_apply(replay->core->engine, feed, chunk->chunk, &(struct engine_report){.buckets = &replay->buckets},
                        error);
}

/* What was closed is told by the change, so that it stays closed whatever the pipeline now says of lateness; that it
   says nothing at all any more would open it again. */
static bool tell_close(void *context, uint64_t sequence, int64_t before, struct error *error)
{
    struct replay *replay = context;
    if (!replay->core->pipeline->retention.on)
        return error_set(error, ERROR_CONFIG,
                         "change %" PRIu64
                         " closed windows, but the pipeline has no \"retention\" any more: put it back, or "
                         "`dropfold replay` computes everything anew without it",
                         sequence);
    if (!replay->ahead)
        return apply_close(replay, sequence, before, error);
    struct ahead_step *step = ahead_next(replay->ahead);
    if (!step)
        return false;
    step->kind = AHEAD_CLOSE;
    step->sequence = sequence;
    step->before = before;
    ahead_push(replay->ahead);
    return true;
}

static bool tell_end(void *context, const struct replay_end *end, struct error *error)
{
    struct replay *replay = context;
    if (!replay->ahead)
        return apply_end(replay, end, error);
    struct ahead_step *step = ahead_next(replay->ahead);
    if (!step)
        return false;
    step->kind = AHEAD_CHANGE_END;
    step->end = *end;
    ahead_push(replay->ahead);
    return true;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static bool tell_all(struct replay *replay, struct error *error)
{
    const struct core_history *history = replay->history;
    struct replay_visit visit = {.context = replay,
                                 .until = history->until,
                                 .without = history->without,
                                 .chunk = tell_chunk,
                                 .close = tell_close,
                                 .change_end = tell_end};
    return store_replay(replay->core->store, &visit, error);
}

/* The side that applies is behind: when it fails, it is at what comes first. Where there is nothing for another thread,
   this one does both. */
static bool tell_ahead(struct replay *replay, struct error *error)
{
    struct error behind = {0};
    replay->ahead = ahead_start(replay->core->pipeline, apply_step, replay);
    if (!replay->ahead)
        return tell_all(replay, error);
    bool good = tell_all(replay, error);
    if (ahead_end(replay->ahead, &behind))
        return good;
    *error = behind;
    return false;
}

/* How much there will be is known from the last commit, and a hint only: what is damaged is not taken. */
static void expect(struct core *core)
{
    struct engine_stats stats;
    struct error ignored;
    struct buf text;
    buf_init(&text, SUMMARY_MAX);
    if (store_summary_text(core->store, &text, &ignored)) {
        summary_read(buf_slice(&text), core->pipeline, &stats);
        engine_expect(core->engine, &stats);
    }
    buf_close(&text);
}

bool core_replay(struct core *core, const struct core_history *history, struct error *error)
{
    struct replay replay = {.core = core, .history = history};
    bool looks = history->late || history->change_end;
    core->delivering = false; /* also when it comes to no other engine: this one may hold what the store refused */
    /* In other types its rows would be read as other values. */
    if (!store_check_fingerprint(core->store, core->pipeline->name, &core->pipeline->fingerprint, error))
        return false;
    engine_free(core->engine);
    core->engine = engine_new(core->pipeline, core->memory_limit, error);
    if (core->engine)
        core_use_threads(core, core->threads);
    if (core->engine && history->until == 0)
        expect(core);
    if (core->engine && history->late)
        engine_on_late(core->engine, replay_late, &replay);
    bool good = core->engine && (looks || store_progress(core->store)->sequence == 0 ? tell_all(&replay, error)
                                                                                     : tell_ahead(&replay, error));
    core->replayed = replay.rows;
    if (core->engine)
        engine_on_late(core->engine, NULL, NULL);
    if (good)
        core->rewritten = store_rewritten(core->store);
    return good;
}
