/*
 * The second half of a row's way: texts get their numbers, then rows go through in batches small enough that the memory
 * they will read, asked for at the batch's beginning, is still in the cache when its turn comes.
 */
#include <string.h>

#include "engine/closed.h"
#include "engine/decoded.h"
#include "engine/engine.h"
#include "engine/records.h"

enum { TEXTS_AHEAD = 8 };

/* Numbers for the texts: each is looked up when the two steps of its way through memory were asked for before. */
static void number_texts(struct engine *engine, struct engine_rows *rows)
{
    struct decoded_text *texts = rows->texts;
    const size_t count = rows->text_count;
    for (size_t i = 0; i < count + 2 * TEXTS_AHEAD; i++) {
        if (i < count)
            dict_prefetch(&engine->dict, texts[i].hash);
        if (i >= TEXTS_AHEAD && i - TEXTS_AHEAD < count)
            dict_prefetch_text(&engine->dict, texts[i - TEXTS_AHEAD].hash);
        if (i < 2 * TEXTS_AHEAD)
            continue;
        struct decoded_text *text = &texts[i - 2 * TEXTS_AHEAD];
        text->id = dict_id_hashed(&engine->dict, (struct slice){rows->bytes.data + text->at, text->len}, text->hash);
    }
}

/* Without a version a row ranks lower than with any. */
static int64_t version_of(const struct feed *feed, const struct batch_row *row)
{
    size_t field = feed->version_field;
    if (!feed->versioned)
        return 0;
    return codes_null(&row->codes, field) ? INT64_MIN : codes_rank(feed->fields[field].type.kind, row->codes.at[field]);
}

static void take_row(const struct engine *engine, const struct engine_rows *rows, size_t i, struct batch_row *row)
{
    const struct feed *feed = rows->feed;
    const struct decoded_row *decoded = &rows->rows[i];
    memcpy(row->codes.at, rows->codes + i * feed->field_count, feed->field_count * sizeof *row->codes.at);
    row->codes.nulls = decoded->nulls;
    for (size_t t = 0; t < rows->text_field_count; t++) {
        size_t field = rows->text_fields[t];
        if (!codes_null(&row->codes, field))
            row->codes.at[field] = rows->texts[row->codes.at[field]].id;
    }
    row->deletes = decoded->deletes;
    row->passes = decoded->passes;
    row->rank = (struct rank){version_of(feed, row), (int64_t)engine->rank, (int64_t)decoded->row};
}

/* Takes up to STATE_BATCH rows from the one at `first` on, and asks for the memory they will need. */
static size_t take_batch(struct engine *engine, size_t feed, const struct engine_rows *rows, size_t first)
{
    size_t count = rows->count - first < STATE_BATCH ? rows->count - first : STATE_BATCH;
    for (size_t i = 0; i < count; i++) {
        take_row(engine, rows, first + i, &engine->batch[i]);
        records_prepare(engine, feed, &engine->batch[i]);
    }
    if (engine->closed.on && feed == 0)
        closed_watch(engine, engine->batch, count);
    for (size_t i = 0; i < count; i++)
        records_prefetch(engine, feed, &engine->batch[i]);
    records_prefetch_units(engine, feed, engine->batch, count);
    return count;
}

static void count_row(struct buckets *buckets, enum records_result result, const struct batch_row *row)
{
    switch (result) {
    case RECORDS_SUPERSEDED:
        buckets->superseded++;
        break;
    case RECORDS_UNCHANGED:
        buckets->unchanged++;
        break;
    case RECORDS_LATE:
        buckets->late++;
        break;
    case RECORDS_APPLIED:
        if (row->passes)
            buckets->applied++;
        else if (row->deletes)
            buckets->deleted++;
        else
            buckets->filtered++;
        break;
    }
}

static void tell_late(const struct closed *closed, const struct batch_row *row)
{
    struct engine_late late = closed->late;
    late.row = (uint64_t)row->rank.row;
    if (closed->visit)
        closed->visit(closed->context, &late);
}

static enum records_result apply_row(struct engine *engine, size_t feed, bool any_closed, int64_t *replaced,
                                     const struct batch_row *row)
{
    if (any_closed && closed_is_late(engine, feed, row))
        return RECORDS_LATE;
    return records_apply(engine, feed, row, replaced);
}

static void apply_batch(struct engine *engine, size_t feed, size_t count, const struct engine_report *report)
{
    const bool any_closed = engine->closed.any;
    for (size_t i = 0; i < count && !engine->memory.failed; i++) {
        int64_t replaced = 0;
        enum records_result result = apply_row(engine, feed, any_closed, &replaced, &engine->batch[i]);
        if (report->buckets)
            count_row(report->buckets, result, &engine->batch[i]);
        if (any_closed && result == RECORDS_LATE)
            tell_late(&engine->closed, &engine->batch[i]);
        if (replaced > 0 && report->replaced)
            report->replaced(report->context, (uint64_t)replaced);
    }
}

static bool apply_rows(struct engine *engine, size_t feed, struct engine_rows *rows, const struct engine_report *report,
                       struct error *error)
{
    number_texts(engine, rows);
    for (size_t i = 0; i < rows->count && !engine->memory.failed; i += STATE_BATCH)
        apply_batch(engine, feed, take_batch(engine, feed, rows, i), report);
    return !engine->memory.failed || memory_error(&engine->memory, error);
}

bool engine_apply_rows(struct engine *engine, size_t feed, struct engine_rows *rows, struct buckets *buckets,
                       struct error *error)
{
    return apply_rows(engine, feed, rows, &(struct engine_report){.buckets = buckets}, error);
}

bool engine_apply(struct engine *engine, size_t feed, struct slice chunk, const struct engine_report *report,
                  struct error *error)
{
    static const struct engine_report nothing = {0};
    struct chunk_reader reader;
    struct error unread = {0};
    bool more = true;
    chunk_reader_init(&reader, &engine->pipeline->feeds[feed], chunk);
    while (more) {
        bool read = engine_decode(engine->rows, &reader, &more, &unread);
        if (!apply_rows(engine, feed, engine->rows, report ? report : &nothing, error))
            return false;
        if (!read) {
            *error = unread;
            return false;
        }
    }
    return true;
}

/* --- taking rows back --------------------------------------------------------------------------------------------- */

static void remove_rows(struct engine *engine, size_t feed, uint64_t sequence, struct engine_rows *rows)
{
    number_texts(engine, rows);
    for (size_t first = 0; first < rows->count; first += STATE_BATCH) {
        size_t count = take_batch(engine, feed, rows, first);
        for (size_t i = 0; i < count && !engine->memory.failed; i++) {
            engine->batch[i].rank.sequence = (int64_t)sequence;
            records_remove(engine, feed, &engine->batch[i]);
        }
    }
}

bool engine_alone(const struct engine *engine, size_t feed, uint64_t sequence)
{
    return !engine->closed.on && (!engine->records[feed].keyed || !records_shared(engine, sequence));
}

bool engine_take_back(struct engine *engine, size_t feed, uint64_t sequence, struct slice chunk, struct error *error)
{
    struct chunk_reader reader;
    bool more = engine->records[feed].keyed, read = true;
    chunk_reader_init(&reader, &engine->pipeline->feeds[feed], chunk);
    if (!engine->records[feed].keyed)
        records_remove_all(engine, feed, sequence);
    while (more && read && !engine->memory.failed) {
        read = engine_decode(engine->rows, &reader, &more, error);
        remove_rows(engine, feed, sequence, engine->rows);
    }
    /* What follows in this change walks over chains. */
    records_sweep(engine);
    if (engine->memory.failed)
        return memory_error(&engine->memory, error);
    return read;
}
