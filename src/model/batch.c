#include "model/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"

enum {
    /* Bytes of the texts of one reject: a record's limit, and far more than name and reason. */
    REJECT_BYTES_MAX = CHUNK_ROW_MAX + 65536
};

struct batch *batch_new(const struct feed *feed)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    chunk_writer_init(&batch->chunk, feed);
    arena_init(&batch->arena, BATCH_ARENA_MAX);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    chunk_writer_close(&batch->chunk);
    arena_close(&batch->arena);
    free(batch->rejects);
    free(batch);
}

size_t batch_bytes(const struct batch *batch)
{
    return sizeof *batch + batch->chunk.buf.cap + batch->arena.used + batch->reject_capacity * sizeof *batch->rejects;
}

bool batch_full(const struct batch *batch)
{
    return chunk_full(&batch->chunk) || batch->reject_count == BATCH_REJECTS_MAX ||
           batch->arena.used > BATCH_ARENA_MAX - REJECT_BYTES_MAX;
}

bool batch_has_room(const struct batch *batch, const struct batch *more)
{
    size_t texts = batch->arena.used + more->arena.used;
    return chunk_has_room(&batch->chunk, &more->chunk) &&
           batch->reject_count + more->reject_count < BATCH_REJECTS_MAX && texts <= BATCH_ARENA_MAX - REJECT_BYTES_MAX;
}

static bool make_room(struct batch *batch)
{
    if (batch->reject_count == BATCH_REJECTS_MAX)
        return false;
    struct reject *rejects = list_grow(batch->rejects, batch->reject_count, &batch->reject_capacity, sizeof *rejects);
    if (rejects)
        batch->rejects = rejects;
    return rejects != NULL;
}

bool batch_reject(struct batch *batch, const struct reject *reject)
{
    if (!make_room(batch))
        return false;
    struct reject copy = *reject;
    copy.field = arena_copy(&batch->arena, reject->field);
    copy.reason = arena_copy(&batch->arena, reject->reason);
    copy.raw = arena_copy(&batch->arena, reject->raw);
    if (!copy.field.data || !copy.reason.data || !copy.raw.data)
        return false;
    batch->rejects[batch->reject_count++] = copy;
    return true;
}

uint64_t buckets_total(const struct buckets *buckets)
{
    return buckets->applied + buckets->unchanged + buckets->superseded + buckets->filtered + buckets->deleted +
           buckets->late + buckets->rejected;
}

void buckets_add(struct buckets *sum, const struct buckets *more)
{
    sum->applied += more->applied;
    sum->unchanged += more->unchanged;
    sum->superseded += more->superseded;
    sum->filtered += more->filtered;
    sum->deleted += more->deleted;
    sum->late += more->late;
    sum->rejected += more->rejected;
}

void buckets_list(const struct buckets *buckets, struct bucket list[BUCKETS])
{
    const struct bucket all[BUCKETS] = {{"applied", buckets->applied},       {"unchanged", buckets->unchanged},
                                        {"superseded", buckets->superseded}, {"filtered", buckets->filtered},
                                        {"deleted", buckets->deleted},       {"late", buckets->late},
                                        {"rejected", buckets->rejected}};
    memcpy(list, all, sizeof all);
}
