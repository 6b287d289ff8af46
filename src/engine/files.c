#include "engine/files.h"

#include "engine/records.h"
#include "engine/units.h"

enum { FEW = 24 /* sequences: so many are looked through before one is added */ };

void files_close(struct files *files, struct memory *memory)
{
    memory_drop(memory, files->at, files->room * sizeof *files->at);
    *files = (struct files){0};
}

/* --- the records of a unit ---------------------------------------------------------------------------------------- */

typedef void (*sequence_visit)(void *context, int64_t sequence);

static void visit_chain(const struct records *records, uint32_t parent, sequence_visit visit, void *context)
{
    for (uint32_t record = records_first(records, parent); record; record = records_next(records, record))
        if (records_count(records, record))
            visit(context, records_origin(records, record).sequence);
}

static void visit_unit(const struct engine *engine, uint32_t unit, sequence_visit visit, void *context)
{
    visit_chain(&engine->records[0], unit, visit, context);
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++) {
        uint32_t parent = units_parent(engine, unit, rows_at(&engine->units.rows, unit), feed);
        if (parent)
            visit_chain(&engine->records[feed], parent, visit, context);
    }
}

/* --- large groups ------------------------------------------------------------------------------------------------- */

static const struct bag_order by_number = {NULL};

struct counting {
    struct engine *engine;
    struct bag *bag;
    int sign;
};

static void count(void *context, int64_t sequence)
{
    const struct counting *counting = context;
    if (counting->sign > 0)
        bag_add(counting->bag, by_number, &counting->engine->memory, sequence);
    else
        bag_take(counting->bag, by_number, &counting->engine->memory, sequence);
}

void files_count(struct engine *engine, struct bag *bag, uint32_t unit, int sign)
{
    struct counting counting = {engine, bag, sign};
    visit_unit(engine, unit, count, &counting);
}

/* --- cells -------------------------------------------------------------------------------------------------------- */

static bool make_room(struct memory *memory, struct files *files, size_t count)
{
    size_t room = files->room > 0 ? files->room : 64;
    while (room < count)
        room *= 2;
    if (room == files->room)
        return true;
    int64_t *at = memory_resize(memory, files->at, files->room * sizeof *at, room * sizeof *at);
    if (!at)
        return false;
    files->at = at;
    files->room = room;
    return true;
}

struct gathering {
    struct memory *memory;
    struct files *files;
};

static void gather(void *context, int64_t sequence)
{
    const struct gathering *gathering = context;
    struct files *files = gathering->files;
    size_t last = files->count > FEW ? FEW : files->count;
    for (size_t i = files->count; i > files->count - last; i--)
        if (files->at[i - 1] == sequence)
            return;
    if (make_room(gathering->memory, files, files->count + 1))
        files->at[files->count++] = sequence;
}

static void drop_doubles(struct files *files)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++)
        if (kept == 0 || files->at[kept - 1] != files->at[i])
            files->at[kept++] = files->at[i];
    files->count = kept;
}

/* The newest ones. */
static struct cell cell_of(const struct files *files)
{
    size_t shown = files->count < PIPELINE_FILES_MAX ? files->count : PIPELINE_FILES_MAX;
    const char *bytes = (const char *)(files->at + (files->count - shown));
    return (struct cell){.kind = CELL_LIST, .text = {shown > 0 ? bytes : "", shown * sizeof *files->at}};
}

struct cell files_of_units(const struct engine *engine, struct memory *memory, struct files *files,
                           const uint32_t *units, size_t count)
{
    struct gathering gathering = {memory, files};
    files->count = 0;
    for (size_t i = 0; i < count; i++)
        visit_unit(engine, units[i], gather, &gathering);
    codes_sort(files->at, files->count);
    drop_doubles(files);
    return cell_of(files);
}

struct cell files_of_bag(struct memory *memory, struct files *files, const struct bag *bag)
{
    files->count = 0;
    if (make_room(memory, files, PIPELINE_FILES_MAX))
        files->count = bag_greatest(bag, files->at, PIPELINE_FILES_MAX);
    return cell_of(files);
}

/* --- closed groups ------------------------------------------------------------------------------------------------ */

/* Each as a varint behind the one before. */
uint32_t files_keep(struct engine *engine, const struct cell *cell)
{
    struct buf bytes;
    uint64_t before = 0;
    buf_init(&bytes, DICT_PIECE - 1);
    for (size_t i = 0; i < cell_numbers(cell); i++) {
        uint64_t sequence = (uint64_t)cell_number(cell, i);
        buf_put_varint(&bytes, sequence - before);
        before = sequence;
    }
    uint32_t kept = bytes.failed ? 0 : dict_id(&engine->dict, buf_slice(&bytes));
    engine->memory.failed |= bytes.failed;
    buf_close(&bytes);
    return kept;
}

struct cell files_of_kept(const struct engine *engine, struct memory *memory, struct files *files, uint32_t kept)
{
    struct slice bytes = dict_text(&engine->dict, kept);
    const char *at = bytes.data, *end = bytes.data + bytes.len;
    uint64_t sequence = 0, more;
    files->count = 0;
    while (at < end && varint_read(&at, end, &more) && make_room(memory, files, files->count + 1)) {
        sequence += more;
        files->at[files->count++] = (int64_t)sequence;
    }
    return cell_of(files);
}
