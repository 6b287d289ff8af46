/*
 * Two replays: the tables as they were at the first change, and again up to the last one, noting for each row which
 * changes in between touched it. Then the rows that differ are shown with those.
 *
 * A change that forgot or replaced a file tells the history anew without it, and so touches no row of its by name: it
 * is shown for rows that no other change explains.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "app/core.h"
#include "base/list.h"
#include "base/map.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "cli/common.h"

#define NOTES_MAX ((size_t)4 << 30)
enum { SEQUENCES_SHOWN = 8 };

/* The newest changes that touched one row. */
struct note {
    struct slice key;
    uint64_t sequences[SEQUENCES_SHOWN];
    size_t count;
};

struct range {
    struct core core;
    uint64_t from, to;
    struct arena arena;
    struct changes_file *files; /* what change from + 1 + i applied or forgot */
    struct note *notes;         /* note n stands at n - 1 */
    uint32_t count;
    size_t capacity;
    struct map map;
    struct changes changes;
};

/* --- which change touched which row ------------------------------------------------------------------------------- */

static struct note *find_note(const struct range *range, struct slice key)
{
    struct map_probe probe;
    uint64_t hash = hash_bytes(key, 0);
    for (uint32_t id = map_first(&range->map, hash, &probe); id != MAP_NONE; id = map_next(&range->map, &probe))
        if (slice_equal(range->notes[id - 1].key, key))
            return &range->notes[id - 1];
    return NULL;
}

static bool make_room(struct range *range)
{
    struct note *notes = list_grow(range->notes, range->count, &range->capacity, sizeof *notes);
    if (!notes)
        return false;
    range->notes = notes;
    if (map_has_room(&range->map, 1))
        return true;
    if (!map_resize(&range->map, map_grown(&range->map)))
        return false;
    for (uint32_t i = 0; i < range->count; i++)
        map_put(&range->map, hash_bytes(range->notes[i].key, 0), i + 1);
    return true;
}

static struct note *add_note(struct range *range, struct slice key)
{
    if (!make_room(range))
        return NULL;
    struct slice copy = arena_copy(&range->arena, key);
    if (!copy.data)
        return NULL;
    struct note *note = &range->notes[range->count++];
    *note = (struct note){.key = copy};
    map_put(&range->map, hash_bytes(copy, 0), range->count);
    return note;
}

struct touching {
    struct range *range;
    uint64_t sequence;
};

static bool note_row(void *context, struct slice key, struct error *error)
{
    const struct touching *touching = context;
    struct note *note = find_note(touching->range, key);
    if (!note)
        note = add_note(touching->range, key);
    if (!note)
        return error_memory(error);
    note->sequences[note->count++ % SEQUENCES_SHOWN] = touching->sequence;
    return true;
}

static bool note_change(void *context, struct core *core, uint64_t sequence, struct error *error)
{
    struct touching touching = {context, sequence};
    return sequence <= touching.range->from ||
           snapshot_touched(core->pipeline, core->engine, sequence - 1, note_row, &touching, error);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void name_change(struct range *range, uint64_t sequence, const struct file_record *file, bool forgot)
{
    if (sequence <= range->from || sequence > range->to)
        return;
    struct changes_file *named = &range->files[sequence - range->from - 1];
    *named =
        (struct changes_file){sequence, arena_copy(&range->arena, file->feed), arena_copy(&range->arena, file->name),
                              forgot,   file->state == FILE_RETRIED,           named->replaced};
}

/* Files come in the order of their changes, so the one that takes the place is named after it. */
static void name_replaced(struct range *range, const struct file_record *file)
{
    if (file->forgotten > range->from && file->forgotten <= range->to)
        range->files[file->forgotten - range->from - 1].replaced = file->sequence;
}

static bool note_file(void *context, const struct file_record *file)
{
    struct range *range = context;
    if (file->state == FILE_APPLIED || file->state == FILE_RETRIED)
        name_change(range, file->sequence, file, false);
    if (file->state == FILE_APPLIED && file->succeeded)
        name_replaced(range, file);
    else if (file->state == FILE_APPLIED && file->forgotten > 0)
        name_change(range, file->forgotten, file, true);
    return true;
}

static bool name_changes(struct range *range, struct error *error)
{
    uint64_t count = range->to - range->from;
    range->files = calloc(count > 0 ? count : 1, sizeof *range->files);
    return range->files ? store_each_file(range->core.store, note_file, range, error) : error_memory(error);
}

/* --- what is shown ------------------------------------------------------------------------------------------------ */

static size_t list_rewrites(const struct range *range, struct changes_file *files)
{
    size_t count = 0;
    for (uint64_t i = 0; i < range->to - range->from && count < SEQUENCES_SHOWN; i++)
        if (range->files[i].forgot || range->files[i].replaced > 0)
            files[count++] = range->files[i];
    return count;
}

static bool print_change(void *context, const struct row_change *change, struct error *error)
{
    struct range *range = context;
    struct changes_file files[SEQUENCES_SHOWN];
    const struct note *note = find_note(range, change->packed_key);
    size_t count = note && note->count < SEQUENCES_SHOWN ? note->count : note ? SEQUENCES_SHOWN : 0;
    for (size_t i = 0; i < count; i++)
        files[i] = range->files[note->sequences[(note->count - count + i) % SEQUENCES_SHOWN] - range->from - 1];
    if (count == 0)
        count = list_rewrites(range, files);
    return changes_print(&range->changes, change, files, count, error);
}

/* An engine without any change, or as it was after `from`. */
static bool go_back(struct range *range, struct error *error)
{
    if (range->from > 0)
        return core_replay(&range->core, &(struct core_history){.until = range->from}, error);
    range->core.engine = engine_new(range->core.pipeline, 0, error);
    return range->core.engine != NULL;
}

static bool compare(struct range *range, struct error *error)
{
    const struct core_history history = {.until = range->to, .change_end = note_change, .context = range};
    struct snapshot *before;
    if (!name_changes(range, error) || !go_back(range, error) ||
        !snapshot_take(&before, range->core.pipeline, range->core.engine, error))
        return false;
    bool good = core_replay(&range->core, &history, error) &&
                snapshot_compare(before, range->core.engine, 0, print_change, range, error);
    snapshot_free(before);
    return good;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static bool find_range(struct range *range, const struct settings *settings, struct error *error)
{
    uint64_t last = store_progress(range->core.store)->sequence;
    range->to = settings->to >= 0 ? (uint64_t)settings->to : last;
    range->from = settings->from >= 0 ? (uint64_t)settings->from : range->to > 0 ? range->to - 1 : 0;
    if (last == 0)
        return error_set(error, ERROR_USAGE, "there is no change yet");
    if (range->to > last || range->from > last)
        return error_set(error, ERROR_USAGE, "there is no change %" PRIu64 ": the last one is %" PRIu64,
                         range->to > last ? range->to : range->from, last);
    return range->from < range->to ||
           error_set(error, ERROR_USAGE,
                     "from %" PRIu64 " to %" PRIu64 ": expected an earlier change first, then a later one", range->from,
                     range->to);
}

static int diff(const struct invocation *invocation, struct common_view *view)
{
    struct error error = {0};
    struct range range = {.core = {.pipeline = view->pipeline, .store = view->store}};
    view->store = NULL; /* the core closes it */
    arena_init(&range.arena, NOTES_MAX);
    map_init(&range.map);
    changes_init(&range.changes, invocation->settings.json);
    bool good = find_range(&range, &invocation->settings, &error) && compare(&range, &error);
    if (good)
        changes_sum(&range.changes);
    changes_close(&range.changes);
    map_close(&range.map);
    free(range.notes);
    free(range.files);
    arena_close(&range.arena);
    core_close(&range.core);
    return good ? 0 : common_failed(invocation, &error);
}

static int execute(const struct invocation *invocation)
{
    return common_with_view(invocation, diff);
}

const struct command command_diff = {
    .name = "diff",
    .operands = "",
    .summary = "Show what became of the tables between two changes, and which files did it.",
    .help =
        "Replays the checkpoint store to either change and prints each row of each table that differs: + added,\n"
        "- deleted, ~ changed: column then -> now, and the changes in between that touched the row. The sequence of a\n"
        "change stands in its line of report and in `dropfold status`; 0 is before the first. Without --to the last\n"
        "one is meant, without --from the one before --to. Changes nothing, also beside a running dropfold.\n"
        "\n"
        "  dropfold diff                     what the last change did\n"
        "  dropfold diff --from 7 --to 12\n"
        "  dropfold diff --from 0 --json     all of it\n"
        "\n"
        "Exit codes: 0 shown; 1 there is no store yet; 64 no such change; 78 configuration.\n",
    .options = OPTION_JSON | OPTION_RANGE,
    .execute = execute,
};
