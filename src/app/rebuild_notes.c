#include "app/rebuild_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REASON_SIZE = LANDING_NAME_SIZE + 128,
    NOTES_OF_A_COMMIT = 256 /* of which each has 128 KiB of the log reserved */
};

struct notes {
    struct core *core;
    const struct source **applied; /* those of the ledger, in the order of their sequences there */
    size_t count;
    uint64_t kept;
    struct error *error;
    bool failed;
};

static int by_sequence(const void *key, const void *item)
{
    uint64_t sequence = *(const uint64_t *)key;
    const struct source *source = *(const struct source *const *)item;
    return sequence < source->order ? -1 : sequence > source->order;
}

/* What was applied by change `sequence` of the old store; NULL when its rows were taken back. */
static const struct source *find_applied(const struct notes *notes, uint64_t sequence)
{
    const struct source *const *found =
        bsearch(&sequence, notes->applied, notes->count, sizeof(const struct source *), by_sequence);
    return found ? *found : NULL;
}

static bool list_applied(struct notes *notes, const struct sources *sources, struct error *error)
{
    notes->applied = calloc(sources->count + 1, sizeof(const struct source *));
    if (!notes->applied)
        return error_memory(error);
    for (size_t i = 0; i < sources->count; i++)
        if (sources->items[i].recorded && !sources->items[i].retry_of)
            notes->applied[notes->count++] = &sources->items[i];
    return true;
}

/* There may be many: many share a commit, and no more than there is room for on any disk. */
static bool join_commit(struct notes *notes)
{
    return notes->kept++ % NOTES_OF_A_COMMIT != 0 ||
           (core_group_end(notes->core, notes->error) && core_group_begin(notes->core, notes->error));
}

static bool put(struct notes *notes, struct file_record *note, int64_t when)
{
    note->rows = 0;
    note->buckets = (struct buckets){0};
    note->replaced = false;
    note->forgotten = 0;
    notes->failed = !join_commit(notes) || !store_note_file(notes->core->store, note, when, notes->error);
    return !notes->failed;
}

/* One whose original could not be read may be all that is left of it, and stays unknown. */
static bool keep_duplicate(struct notes *notes, const struct file_record *file)
{
    char reason[REASON_SIZE];
    struct file_record note = *file;
    const struct source *original = find_applied(notes, file->sequence);
    if (original && original->applied == 0)
        return true;
    note.sequence = original ? original->applied : 0;
    if (original) {
        snprintf(reason, sizeof reason, "same content as %s (seq %" PRIu64 ")", original->name, original->applied);
        note.reason = slice_of(reason);
    }
    return put(notes, &note, file->committed);
}

/* Nothing of it is applied, as of a redelivery. */
static bool keep_forgotten(struct notes *notes, const struct file_record *file)
{
    char reason[REASON_SIZE];
    struct file_record note = *file;
    note.state = FILE_DUPLICATE;
    note.sequence = 0;
    snprintf(reason, sizeof reason, "%s before the store was built anew (there it was seq %" PRIu64 ")",
             file->succeeded ? "replaced" : "forgotten", file->sequence);
    note.reason = slice_of(reason);
    return put(notes, &note, file->committed);
}

static bool keep(void *context, const struct file_record *file)
{
    struct notes *notes = context;
    struct file_record note = *file;
    if (!pipeline_feed(notes->core->pipeline, file->feed))
        return true;
    switch (file->state) {
    case FILE_DUPLICATE:
        return keep_duplicate(notes, file);
    case FILE_QUARANTINED:
        return put(notes, &note, file->committed);
    case FILE_APPLIED:
        return !file->forgotten || keep_forgotten(notes, file);
    case FILE_RETRIED:
        break;
    }
    return true;
}

bool rebuild_notes(struct core *core, struct store *old, const struct sources *sources, struct error *error)
{
    struct notes notes = {.core = core, .error = error};
    bool ok = list_applied(&notes, sources, error) && store_each_file(old, keep, &notes, error) && !notes.failed &&
              core_group_end(core, error);
    free(notes.applied);
    return ok;
}
