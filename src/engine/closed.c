#include "engine/closed.h"

#include "engine/groups.h"
#include "engine/records.h"
#include "model/timestamp.h"

/* --- life --------------------------------------------------------------------------------------------------------- */

/* Behind the key. */
static size_t window_column(const struct keyed *keyed)
{
    return KEYED_KEY + keyed->parts;
}

static size_t lacks_column(const struct keyed *keyed)
{
    return window_column(keyed) + 1;
}

static bool make_keys(struct engine *engine, struct keyed *keys, size_t parts, const uint64_t *bits)
{
    keyed_init(keys, &engine->memory, parts, bits);
    rows_column(&keys->rows, ROWS_ANY); /* the window */
    rows_column(&keys->rows, ROWS_ANY); /* the feeds it waited for */
    return keyed_start(keys);
}

/* Records under a unit whose key does not contain the unit's may come again under another one. */
static bool make_record_keys(struct engine *engine, size_t feed)
{
    const struct records *records = &engine->records[feed];
    uint64_t bits[KEYED_PARTS_MAX] = {0};
    if (!engine->joins[feed - 1].direct || !records->keyed || records->nested)
        return true;
    for (size_t i = 0; i < records->rest_count; i++)
        bits[i] = UINT64_C(1) << i;
    engine->closed.keeps[feed] = true;
    return make_keys(engine, &engine->closed.records[feed], records->rest_count, bits);
}

bool closed_make(struct engine *engine)
{
    struct closed *closed = &engine->closed;
    closed->on = engine->pipeline->retention.on;
    closed->watermark = INT64_MIN;
    closed->horizon = INT64_MAX;
    if (!closed->on)
        return true;
    bool good = !engine->units_found || make_keys(engine, &closed->units, engine->units.parts, engine->units.bits);
    for (size_t feed = 1; feed < engine->pipeline->feed_count && good; feed++)
        good = make_record_keys(engine, feed);
    return good;
}

void closed_free(struct engine *engine)
{
    struct closed *closed = &engine->closed;
    if (closed->units.rows.memory)
        keyed_close(&closed->units);
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++)
        if (closed->keeps[feed])
            keyed_close(&closed->records[feed]);
}

/* --- windows ------------------------------------------------------------------------------------------------------ */

/* The one that all tables have. */
static const struct table *windowed(const struct engine *engine)
{
    return &engine->pipeline->tables[0];
}

bool closed_window(const struct engine *engine, const struct codes *codes, int64_t *window)
{
    size_t field = windowed(engine)->window_field;
    if (codes_null(codes, field))
        return false;
    *window = window_number(&windowed(engine)->window, groups_moment(engine, windowed(engine), codes->at[field]));
    return true;
}

void closed_watch(struct engine *engine, const struct batch_row *rows, size_t count)
{
    struct closed *closed = &engine->closed;
    size_t field = windowed(engine)->window_field;
    for (size_t i = 0; i < count; i++) {
        int64_t micros = groups_moment(engine, windowed(engine), rows[i].codes.at[field]);
        if (!codes_null(&rows[i].codes, field) && micros > closed->watermark && micros <= closed->horizon)
            closed->watermark = micros;
    }
}

void engine_set_commit(struct engine *engine, int64_t committed)
{
    engine->closed.horizon = committed + engine->pipeline->retention.max_ahead;
}

bool engine_close_due(const struct engine *engine, int64_t *before)
{
    const struct closed *closed = &engine->closed;
    if (!closed->on || closed->watermark < TIMESTAMP_MIN + engine->pipeline->retention.lateness)
        return false;
    int64_t until = closed->watermark - engine->pipeline->retention.lateness;
    int64_t first_open = window_number(&windowed(engine)->window, until);
    *before = window_start(&windowed(engine)->window, first_open);
    if (*before < TIMESTAMP_MIN)
        return false; /* no row lies in a window before that one */
    return !closed->any || first_open > closed->first_open;
}

/* --- rows that are late ------------------------------------------------------------------------------------------- */

static bool is_late(struct engine *engine, enum engine_why_late why, int64_t window)
{
    engine->closed.late = (struct engine_late){.why = why, .window = window_start(&windowed(engine)->window, window)};
    return true;
}

bool closed_note_speaks(struct engine *engine, int64_t window)
{
    return is_late(engine, ENGINE_LATE_SPEAKS, window);
}

static int64_t window_of_key(const struct keyed *keys, uint32_t row)
{
    return rows_get(&keys->rows, row, window_column(keys));
}

/* The key of a record whose feed keeps them. */
static void key_of_record(const struct engine *engine, size_t feed, const struct codes *codes, struct keyed_key *key)
{
    const struct keyed *keys = &engine->closed.records[feed];
    const struct records *records = &engine->records[feed];
    key->nulls = 0;
    for (size_t i = 0; i < records->rest_count; i++) {
        key->codes[i] = codes->at[records->rest[i]];
        key->nulls |= codes_null(codes, records->rest[i]) ? keys->bits[i] : 0;
    }
    keyed_hash(keys, key);
}

static bool has_closed_key(struct engine *engine, size_t feed, const struct codes *codes)
{
    const struct keyed *keys = &engine->closed.records[feed];
    struct keyed_key key;
    key_of_record(engine, feed, codes, &key);
    uint32_t found = keyed_find(keys, &key);
    return found && is_late(engine, ENGINE_LATE_KEY, window_of_key(keys, found));
}

/* The key of a unit that was freed is the row's own, or what it joins by. */
static bool has_closed_unit(struct engine *engine, const struct batch_row *row, enum engine_why_late why)
{
    const struct keyed *keys = &engine->closed.units;
    uint32_t found = engine->units_found ? keyed_find(keys, &row->parent) : 0;
    return found && is_late(engine, why, window_of_key(keys, found));
}

bool closed_is_late(struct engine *engine, size_t feed, const struct batch_row *row)
{
    int64_t window;
    if (feed > 0)
        return engine->joins[feed - 1].direct &&
               ((engine->closed.keeps[feed] && has_closed_key(engine, feed, &row->codes)) ||
                has_closed_unit(engine, row, ENGINE_LATE_JOINED));
    if (has_closed_unit(engine, row, ENGINE_LATE_KEY))
        return true;
    return closed_window(engine, &row->codes, &window) && window < engine->closed.first_open &&
           is_late(engine, ENGINE_LATE_WINDOW, window);
}

void engine_on_late(struct engine *engine, engine_visit_late visit, void *context)
{
    engine->closed.visit = visit;
    engine->closed.context = context;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void keep(struct keyed *keys, const struct keyed_key *key, int64_t window, uint32_t lacks)
{
    uint32_t row = keyed_add(keys, key);
    rows_set(&keys->rows, row, window_column(keys), window);
    if (lacks)
        rows_set(&keys->rows, row, lacks_column(keys), lacks);
}

void closed_keep_unit(struct engine *engine, uint32_t unit, int64_t window, uint32_t lacks)
{
    struct keyed_key key;
    if (!engine->units_found)
        return;
    keyed_key(&engine->units, unit, &key);
    keep(&engine->closed.units, &key, window, lacks);
}

void closed_keep_record(struct engine *engine, size_t feed, const struct codes *codes, int64_t window)
{
    struct keyed_key key;
    key_of_record(engine, feed, codes, &key);
    keep(&engine->closed.records[feed], &key, window, 0);
}

uint32_t closed_lacks(const struct engine *engine, uint32_t row)
{
    const struct keyed *keys = &engine->closed.units;
    return rows_link(&keys->rows, row, lacks_column(keys));
}
