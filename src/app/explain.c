#include "app/explain.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/list.h"
#include "model/chunk.h"

#define EXPLANATION_MAX ((size_t)8 << 30) /* bytes of values and names */

/* --- which records ------------------------------------------------------------------------------------------------ */

struct gathering {
    struct explanation *explanation;
    size_t capacity;
    bool failed;
};

static bool add(struct gathering *gathering, const struct explained_record *record)
{
    struct explanation *e = gathering->explanation;
    struct explained_record *records = list_grow(e->records, e->count, &gathering->capacity, sizeof *records);
    gathering->failed = !records;
    if (!records)
        return false;
    e->records = records;
    e->records[e->count++] = *record;
    return true;
}

static bool gather(void *context, const struct engine_member *member)
{
    const struct explained_record record = {.unit = member->unit,
                                            .feed = member->feed,
                                            .sequence = member->sequence,
                                            .row = member->row,
                                            .speaks = member->speaks};
    return add(context, &record);
}

/* One that lacks several records is told once for each of them, one after the other. */
static bool gather_waiting(void *context, const struct engine_waiting *waiting)
{
    struct gathering *gathering = context;
    const struct explanation *e = gathering->explanation;
    const struct explained_record *last = e->count > 0 ? &e->records[e->count - 1] : NULL;
    const struct explained_record record = {.sequence = waiting->sequence, .row = waiting->row};
    bool told = last && last->sequence == waiting->sequence && last->row == waiting->row;
    return waiting->sequence == 0 || told || add(gathering, &record);
}

static int by_rank(const void *left, const void *right)
{
    const struct explained_record *a = left, *b = right;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static int by_unit(const void *left, const void *right)
{
    const struct explained_record *a = left, *b = right;
    if (a->unit != b->unit)
        return a->unit < b->unit ? -1 : 1;
    if (a->feed != b->feed)
        return a->feed < b->feed ? -1 : 1;
    return by_rank(left, right);
}

/* --- their values and files --------------------------------------------------------------------------------------- */

/* Records by rank, in which they are looked for chunk by chunk; one that several units join to stands there once for
   each. */
struct reading {
    struct explanation *explanation;
    size_t found;
};

/* The first record that does not rank below (sequence, row). */
static size_t first_from(const struct explanation *e, uint64_t sequence, uint64_t row)
{
    const struct explained_record key = {.sequence = sequence, .row = row};
    size_t low = 0, high = e->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_rank(&e->records[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct value *copy_values(struct explanation *e, const struct feed *feed, const struct value *values)
{
    struct value *copy = arena_array(&e->arena, feed->field_count, sizeof *copy);
    for (size_t i = 0; copy && i < feed->field_count; i++) {
        copy[i] = values[i];
        if (feed->fields[i].type.kind != VALUE_TEXT || values[i].null)
            continue;
        copy[i].text = arena_copy(&e->arena, values[i].text);
        if (!copy[i].text.data)
            return NULL;
    }
    return copy;
}

/* The row is that of the records from *next on that rank by `rank` and have its number, if there are any. */
static bool take_row(struct reading *reading, const struct replay_chunk *chunk, size_t feed,
                     const struct chunk_reader *reader, const struct value *values, size_t *next)
{
    struct explanation *e = reading->explanation;
    const struct value *copy = NULL;
    for (; *next < e->count && e->records[*next].sequence == chunk->rank && e->records[*next].row <= reader->row;
         ++*next) {
        struct explained_record *record = &e->records[*next];
        if (record->row != reader->row || record->feed != feed)
            continue;
        if (e->table && !copy && !(copy = copy_values(e, reader->feed, values)))
            return false;
        record->values = copy;
        record->line = reader->line;
        record->retried = chunk->rank == chunk->sequence ? 0 : chunk->sequence;
        reading->found++;
    }
    return true;
}

static bool read_chunk(void *context, const struct replay_chunk *chunk, struct error *error)
{
    struct reading *reading = context;
    const struct explanation *e = reading->explanation;
    const struct feed *feed = pipeline_feed(e->pipeline, chunk->feed);
    struct value values[PIPELINE_FIELDS_MAX];
    struct chunk_reader reader;
    size_t next = first_from(e, chunk->rank, 0);
    if (!feed || next == e->count || e->records[next].sequence != chunk->rank)
        return true;
    chunk_reader_init(&reader, feed, chunk->chunk);
    while (chunk_next(&reader, values) == CHUNK_ROW)
        if (!take_row(reading, chunk, (size_t)(feed - e->pipeline->feeds), &reader, values, &next))
            return error_memory(error);
    return true;
}

/* The first record of which nothing was found, for the report of what cannot be. */
static const struct explained_record *unread(const struct explanation *e)
{
    const struct explained_record *record = e->records;
    while (record->line > 0)
        record++;
    return record;
}

static bool read_values(struct explanation *e, struct store *store, uint64_t until, struct error *error)
{
    struct reading reading = {e, 0};
    const struct replay_visit visit = {.context = &reading, .chunk = read_chunk, .until = until};
    if (!store_replay(store, &visit, error))
        return false;
    return reading.found == e->count ||
           error_set(error, ERROR_BUG, "row %" PRIu64 " of change %" PRIu64 " is not in the store", unread(e)->row,
                     unread(e)->sequence);
}

/* A retry comes behind the file whose rows it retried. */
static void note_retry(struct explanation *e, const struct file_record *retry)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->records[i].retried == retry->sequence)
            e->records[i].version = retry->version;
}

static bool note_file(void *context, const struct file_record *file)
{
    struct explanation *e = context;
    if (file->state == FILE_RETRIED)
        note_retry(e, file);
    if (file->state != FILE_APPLIED)
        return true;
    size_t at = first_from(e, file->sequence, 0);
    if (at == e->count || e->records[at].sequence != file->sequence)
        return true;
    struct file_record *copy = &e->files[e->file_count++];
    *copy = (struct file_record){.sequence = file->sequence,
                                 .feed = arena_copy(&e->arena, file->feed),
                                 .name = arena_copy(&e->arena, file->name)};
    for (; at < e->count && e->records[at].sequence == file->sequence; at++) {
        e->records[at].file = copy;
        e->records[at].version = file->version;
    }
    return copy->feed.data && copy->name.data;
}

static bool read_files(struct explanation *e, struct store *store, struct error *error)
{
    size_t changes = 1;
    for (size_t i = 1; i < e->count; i++)
        changes += e->records[i].sequence != e->records[i - 1].sequence;
    e->files = arena_array(&e->arena, changes, sizeof *e->files);
    if (!e->files)
        return error_memory(error);
    if (!store_each_file(store, note_file, e, error))
        return false;
    for (size_t i = 0; i < e->count; i++)
        if (!e->records[i].file)
            return error_memory(error);
    return true;
}

static void sort(struct explanation *e, int (*compare)(const void *, const void *))
{
    if (e->count > 0)
        qsort(e->records, e->count, sizeof *e->records, compare);
}

bool explain_group(struct explanation *e, struct core *core, size_t table, uint32_t group, uint64_t until,
                   struct error *error)
{
    struct gathering gathering = {.explanation = e};
    *e = (struct explanation){.pipeline = core->pipeline, .table = &core->pipeline->tables[table]};
    arena_init(&e->arena, EXPLANATION_MAX);
    e->row = arena_array(&e->arena, e->table->column_count, sizeof *e->row);
    if (!e->row)
        return error_memory(error);
    if (!engine_group_row(core->engine, table, group, &e->arena, e->row))
        return error_memory(error);
    e->closed = engine_group_closed(core->engine, table, group);
    engine_each_member(core->engine, table, group, gather, &gathering);
    if (gathering.failed)
        return error_memory(error);
    sort(e, by_rank);
    if (!read_values(e, core->store, until, error) || !read_files(e, core->store, error))
        return false;
    sort(e, by_unit);
    return true;
}

bool explain_waiting(struct explanation *e, struct core *core, uint64_t until, struct error *error)
{
    struct gathering gathering = {.explanation = e};
    *e = (struct explanation){.pipeline = core->pipeline};
    arena_init(&e->arena, EXPLANATION_MAX);
    engine_each_waiting(core->engine, gather_waiting, &gathering);
    if (gathering.failed)
        return error_memory(error);
    sort(e, by_rank);
    return e->count == 0 || (read_values(e, core->store, until, error) && read_files(e, core->store, error));
}

const struct explained_record *explain_find(const struct explanation *e, uint64_t sequence, uint64_t row)
{
    size_t at = first_from(e, sequence, row);
    bool found = at < e->count && e->records[at].sequence == sequence && e->records[at].row == row;
    return found ? &e->records[at] : NULL;
}

void explain_close(struct explanation *e)
{
    free(e->records);
    arena_close(&e->arena);
    *e = (struct explanation){0};
}

/* --- what went into a column -------------------------------------------------------------------------------------- */

size_t explain_unit(const struct explanation *e, size_t first)
{
    size_t end = first;
    while (end < e->count && e->records[end].unit == e->records[first].unit)
        end++;
    return end - first;
}

/* One unit: its facts come first, and one of them speaks for all. */
struct unit {
    const struct explained_record *records, *top;
    size_t count;
    size_t of_feed[PIPELINE_FEEDS_MAX];
    int64_t weight;
};

static void open_unit(const struct explanation *e, size_t first, struct unit *unit)
{
    *unit = (struct unit){.records = &e->records[first], .count = explain_unit(e, first), .weight = 1};
    for (size_t i = 0; i < unit->count; i++) {
        unit->of_feed[unit->records[i].feed]++;
        if (unit->records[i].speaks)
            unit->top = &unit->records[i];
    }
    for (size_t feed = 1; !e->pipeline->has_grain && feed < e->pipeline->feed_count; feed++)
        if (unit->of_feed[feed] > 1)
            unit->weight *= (int64_t)unit->of_feed[feed];
}

static bool is_of_grain(const struct pipeline *pipeline, size_t field)
{
    for (size_t i = 0; i < pipeline->grain_key_count; i++)
        if (pipeline->grain_key[i] == field)
            return true;
    for (size_t i = 0; i < pipeline->grain_attribute_count; i++)
        if (pipeline->grain_attributes[i] == field)
            return true;
    return false;
}

/* What `where` reads: the record, or the unit; of a line the attributes are the unit's. */
static bool chosen(const struct pipeline *pipeline, const struct column *column, const struct unit *unit,
                   const struct explained_record *record)
{
    struct value values[PIPELINE_FIELDS_MAX];
    if (!column->where)
        return true;
    if (column->where_feed != 0 || record->feed != 0)
        return condition_holds(column->where, column->where_feed == 0 ? unit->top->values : record->values);
    for (size_t i = 0; i < pipeline->feeds[0].field_count; i++)
        values[i] = (is_of_grain(pipeline, i) ? unit->top : record)->values[i];
    return condition_holds(column->where, values);
}

/* With a grain each record counts once. */
static int64_t times_of(const struct pipeline *pipeline, const struct unit *unit, size_t feed)
{
    return pipeline->has_grain || feed == 0 ? unit->weight : unit->weight / (int64_t)unit->of_feed[feed];
}

void explain_terms(const struct explanation *e, const struct column *column,
                   void (*visit)(void *context, const struct explained_term *term), void *context)
{
    struct unit unit;
    size_t feed = column->field.feed;
    bool once = feed == 0 && e->pipeline->has_grain && is_of_grain(e->pipeline, column->field.field);
    for (size_t first = 0; first < e->count; first += unit.count) {
        open_unit(e, first, &unit);
        for (size_t i = 0; i < unit.count; i++) {
            const struct explained_record *record = &unit.records[i];
            if (record->feed != feed || (once && record != unit.top) || !chosen(e->pipeline, column, &unit, record))
                continue;
            const struct explained_term term = {record->values[column->field.field],
                                                times_of(e->pipeline, &unit, feed)};
            if (!term.value.null)
                visit(context, &term);
        }
    }
}
