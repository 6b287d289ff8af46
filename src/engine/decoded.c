#include "engine/decoded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/codes.h"

enum { HELD_MAX = DECODED_BYTES + CHUNK_ROW_MAX };

static size_t widest_feed(const struct pipeline *pipeline)
{
    size_t fields = 1;
    for (size_t i = 0; i < pipeline->feed_count; i++)
        if (pipeline->feeds[i].field_count > fields)
            fields = pipeline->feeds[i].field_count;
    return fields;
}

struct engine_rows *engine_rows_new(const struct pipeline *pipeline, struct error *error)
{
    size_t fields = DECODED_ROWS * widest_feed(pipeline);
    struct engine_rows *rows = calloc(1, sizeof *rows);
    if (rows) {
        buf_init(&rows->held, HELD_MAX);
        rows->codes = malloc(fields * sizeof *rows->codes);
        rows->texts = malloc(fields * sizeof *rows->texts);
    }
    if (rows && rows->codes && rows->texts)
        return rows;
    engine_rows_free(rows);
    error_memory(error);
    return NULL;
}

void engine_rows_free(struct engine_rows *rows)
{
    if (!rows)
        return;
    buf_close(&rows->held);
    free(rows->texts);
    free(rows->codes);
    free(rows);
}

static void begin(struct engine_rows *rows, const struct chunk_reader *reader)
{
    if (rows->feed != reader->feed) {
        rows->feed = reader->feed;
        rows->text_field_count = 0;
        for (size_t i = 0; i < rows->feed->field_count; i++)
            if (rows->feed->fields[i].type.kind == VALUE_TEXT)
                rows->text_fields[rows->text_field_count++] = i;
    }
    rows->count = rows->text_count = 0;
    rows->bytes = (struct slice){reader->at, 0};
    for (size_t i = 0; i < rows->text_field_count; i++)
        rows->last_text[rows->text_fields[i]] = DECODED_NO_TEXT;
}

/* The place in `texts` of the field's text. Neighbouring rows often say the same. */
static uint32_t place_text(struct engine_rows *rows, size_t field, struct slice text)
{
    uint32_t last = rows->last_text[field];
    if (last != DECODED_NO_TEXT && rows->texts[last].len == text.len &&
        memcmp(rows->bytes.data + rows->texts[last].at, text.data, text.len) == 0)
        return last;
    uint32_t place = (uint32_t)rows->text_count++;
    rows->texts[place] =
        (struct decoded_text){hash_bytes(text, 0), (uint32_t)(text.data - rows->bytes.data), (uint32_t)text.len, 0};
    rows->last_text[field] = place;
    return place;
}

static int64_t code_of(struct engine_rows *rows, size_t field)
{
    enum value_kind kind = rows->feed->fields[field].type.kind;
    const struct value *value = &rows->values[field];
    return kind == VALUE_TEXT ? (int64_t)place_text(rows, field, value->text) : codes_of(kind, value, NULL);
}

static void put_row(struct engine_rows *rows, uint64_t number)
{
    const struct feed *feed = rows->feed;
    struct decoded_row *row = &rows->rows[rows->count];
    int64_t *codes = rows->codes + rows->count * feed->field_count;
    row->row = number;
    row->nulls = 0;
    for (size_t i = 0; i < feed->field_count; i++) {
        bool null = rows->values[i].null;
        codes[i] = null ? 0 : code_of(rows, i);
        row->nulls |= (uint64_t)null << i;
    }
    row->deletes = feed->deletes && condition_holds(feed->deletes, rows->values);
    row->passes = !row->deletes && condition_holds(feed->filter, rows->values);
    rows->count++;
}

bool engine_decode(struct engine_rows *rows, struct chunk_reader *reader, bool *more, struct error *error)
{
    enum chunk_result result = CHUNK_ROW;
    begin(rows, reader);
    while (rows->count < DECODED_ROWS && reader->at - rows->bytes.data < DECODED_BYTES) {
        result = chunk_next(reader, rows->values);
        if (result != CHUNK_ROW)
            break;
        put_row(rows, reader->row);
    }
    rows->bytes.len = (size_t)(reader->at - rows->bytes.data);
    *more = result == CHUNK_ROW;
    return result != CHUNK_CORRUPT ||
           error_set(error, ERROR_CORRUPT, "a chunk of %s cannot be read behind row %" PRIu64, reader->feed->name,
                     reader->row);
}

bool engine_rows_hold(struct engine_rows *rows, struct error *error)
{
    buf_reset(&rows->held);
    buf_put_slice(&rows->held, rows->bytes);
    rows->bytes = buf_slice(&rows->held);
    return !rows->held.failed || error_memory(error);
}
