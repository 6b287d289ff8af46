#include "parse/rowsink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/text.h"
#include "parse/parser.h"

void rowsink_init(struct rowsink *sink, const struct feed *feed)
{
    *sink = (struct rowsink){.feed = feed};
}

void rowsink_start(struct rowsink *sink)
{
    batch_free(sink->open);
    sink->open = NULL;
    for (size_t i = 0; i < sink->full_count; i++)
        batch_free(sink->full[i]);
    sink->full_count = 0;
    sink->rows = sink->rejected = sink->repaired = 0;
}

void rowsink_close(struct rowsink *sink)
{
    rowsink_start(sink);
    free(sink->full);
}

static bool open_batch(struct rowsink *sink)
{
    if (!sink->open)
        sink->open = batch_new(sink->feed);
    return sink->open != NULL;
}

/* Moves a batch that is full to the line. */
static bool settle(struct rowsink *sink)
{
    if (!batch_full(sink->open))
        return true;
    struct batch **full = list_grow(sink->full, sink->full_count, &sink->full_capacity, sizeof(struct batch *));
    if (!full)
        return false;
    sink->full = full;
    sink->full[sink->full_count++] = sink->open;
    sink->open = NULL;
    return true;
}

enum rowsink_result rowsink_accept(struct rowsink *sink, uint64_t line, const struct value *values)
{
    if (!open_batch(sink))
        return ROWSINK_MEMORY;
    if (!chunk_put(&sink->open->chunk, sink->rows + 1, line, values))
        return sink->open->chunk.buf.failed ? ROWSINK_MEMORY : ROWSINK_UNFIT;
    sink->rows++;
    return settle(sink) ? ROWSINK_OK : ROWSINK_MEMORY;
}

static void note_first(struct rowsink *sink, const struct reject *reject)
{
    text_print(sink->first, sizeof sink->first, "line %ju%s%.*s: %.*s", (uintmax_t)reject->line,
               reject->field.len > 0 ? ", " : "", (int)reject->field.len, reject->field.data ? reject->field.data : "",
               (int)reject->reason.len, reject->reason.data);
}

bool rowsink_reject(struct rowsink *sink, struct reject reject)
{
    reject.row = sink->rows + 1;
    if (!open_batch(sink) || !batch_reject(sink->open, &reject))
        return false;
    if (sink->rejected == 0)
        note_first(sink, &reject);
    sink->rows++;
    sink->rejected++;
    return settle(sink);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

bool rowsink_check(const struct rowsink *sink, const struct reject *last, struct error *error)
{
    const struct feed_limits *limits = &sink->feed->limits;
    char why[128] = "";
    if (!sink->trusts && limits->by_count && sink->rejected > limits->count)
        snprintf(why, sizeof why, ", and \"max_rejects\" of the feed is %ju", (uintmax_t)limits->count);
    else if (sink->rejected > PARSER_REJECTS_MAX && sink->rejected > sink->rows - sink->rejected)
        snprintf(why, sizeof why, ", so this is no file of this feed");
    else
        return true;
    return error_set(error, ERROR_DATA, "%ju:1: %ju of the first %ju rows are rejected%s; the first one, %s",
                     (uintmax_t)last->line, (uintmax_t)sink->rejected, (uintmax_t)sink->rows, why, sink->first);
}

bool rowsink_check_end(const struct rowsink *sink, struct error *error)
{
    const struct feed_limits *limits = &sink->feed->limits;
    if (sink->trusts || !limits->by_percent ||
        (wide)sink->rejected * 100 * FEED_PERCENT_UNIT <= (wide)sink->rows * (wide)limits->percent)
        return true;
    return error_set(error, ERROR_DATA,
                     "of %ju rows %ju are rejected, and \"max_rejects_percent\" of the feed is %s; the first one, %s",
                     (uintmax_t)sink->rows, (uintmax_t)sink->rejected, limits->percent_text, sink->first);
}

bool rowsink_may_break(const struct rowsink *sink, uint64_t more)
{
    const struct feed_limits *limits = &sink->feed->limits;
    uint64_t rejected = sink->rejected + more;
    return more > 0 &&
           (rejected > PARSER_REJECTS_MAX || (!sink->trusts && limits->by_count && rejected > limits->count));
}

/* --- joining ------------------------------------------------------------------------------------------------------ */

/* A batch whose row 1 is row `row` + 1 here. */
struct joined {
    const struct batch *batch;
    uint64_t row, line;
    size_t rejects; /* of it that were taken */
};

static bool take_reject(struct rowsink *sink, struct joined *from)
{
    struct reject reject = from->batch->rejects[from->rejects++];
    reject.line += from->line;
    return rowsink_reject(sink, reject);
}

/* Where the batch in hand fills up on the way: each row comes as it came there. */
static bool join_rows(struct rowsink *sink, struct joined *from)
{
    const struct batch *batch = from->batch;
    struct chunk_reader reader;
    struct value values[PIPELINE_FIELDS_MAX];
    chunk_reader_init(&reader, sink->feed, buf_slice(&batch->chunk.buf));
    while (chunk_next(&reader, values) == CHUNK_ROW) {
        while (from->rejects < batch->reject_count && batch->rejects[from->rejects].row < reader.row)
            if (!take_reject(sink, from))
                return false;
        if (rowsink_accept(sink, from->line + reader.line, values) != ROWSINK_OK)
            return false;
    }
    while (from->rejects < batch->reject_count)
        if (!take_reject(sink, from))
            return false;
    return true;
}

/* Where it does not, accepted rows need not be looked at. */
static bool join_whole(struct rowsink *sink, struct joined *from)
{
    const struct batch *batch = from->batch;
    while (from->rejects < batch->reject_count) {
        sink->rows = from->row + batch->rejects[from->rejects].row - 1;
        if (!take_reject(sink, from))
            return false;
    }
    if (!chunk_append(&sink->open->chunk, &batch->chunk, from->row, from->line))
        return false;
    if (sink->rows < from->row + batch->chunk.last_row)
        sink->rows = from->row + batch->chunk.last_row;
    return true;
}

bool rowsink_join(struct rowsink *sink, struct rowsink *more, uint64_t line)
{
    uint64_t row = sink->rows;
    struct batch *batch;
    bool ok = true;
    sink->repaired += more->repaired;
    while (ok && (batch = rowsink_take(more)) != NULL) {
        struct joined from = {.batch = batch, .row = row, .line = line};
        ok = open_batch(sink) && (batch_has_room(sink->open, batch) ? join_whole(sink, &from) : join_rows(sink, &from));
        batch_free(batch);
    }
    return ok;
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

bool rowsink_full(const struct rowsink *sink)
{
    return sink->full_count > 0;
}

struct batch *rowsink_take(struct rowsink *sink)
{
    struct batch *batch = sink->open;
    if (sink->full_count == 0) {
        sink->open = NULL;
        return batch;
    }
    batch = sink->full[0];
    sink->full_count--;
    memmove(sink->full, sink->full + 1, sink->full_count * sizeof(struct batch *));
    return batch;
}
