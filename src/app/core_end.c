/* The end of a file: whether it is a redelivery, where it is to be kept, and its change in engine and store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/core_internal.h"

_Static_assert((int)LANDING_NAME_SIZE == (int)STORE_NAME_SIZE,
               "the name of a redelivery's original comes from the store");

/* The open file at its end. */
struct ending {
    struct core *core;
    const struct core_file *file;
    struct core_result *result;
    int64_t now;                    /* wall clock, microseconds */
    struct file_record record;      /* what the ledger will say of it */
    char stored[STORE_STORED_SIZE]; /* record.stored */
    /* The ledger has this very file already, and a crash came before it was moved to where that says. */
    struct store_dealt noted;
};

static const struct feed *feed_of(const struct ending *ending)
{
    return &ending->core->pipeline->feeds[ending->core->file_feed];
}

void core_record_from(struct file_record *record, const struct core *core, size_t feed, const struct core_file *file)
{
    const struct file_facts *facts = file->facts;
    *record = (struct file_record){
        .feed = slice_of(core->pipeline->feeds[feed].name),
        .name = slice_of(file->name),
        .size = facts->size,
        .content = facts->content,
        .version = facts->version,
        .descriptor = facts->descriptor,
        .rows = facts->rows,
        .unknown = facts->unknown,
        .unknown_count = facts->unknown_count,
    };
    if (file->stat) {
        record->device = file->stat->device;
        record->inode = file->stat->inode;
        record->mtime_ns = file->stat->mtime_ns;
        record->ctime_ns = file->stat->ctime_ns;
    }
}

/* --- where it is kept --------------------------------------------------------------------------------------------- */

static bool is_archived(const struct ending *ending)
{
    return !ending->core->retry_of && !ending->file->replaying && !ending->file->stays &&
           feed_of(ending)->after == FEED_ARCHIVE;
}

static void name_archived(struct ending *ending)
{
    const struct core_file *file = ending->file;
    struct core_result *result = ending->result;
    result->stored[0] = '\0';
    if (file->stored)
        snprintf(result->stored, sizeof result->stored, "%s", file->stored);
    else if (is_archived(ending))
        archive_name(result->sequence, &file->facts->content, file->name, result->stored);
    if (result->stored[0] != '\0')
        snprintf(ending->stored, sizeof ending->stored, "archive/%s/%s", feed_of(ending)->name, result->stored);
    ending->record.stored = slice_of(ending->stored);
}

/* The archive name is the one in the ledger: in a store that was built anew it begins with the sequence of before. Also
   of a file that would stay now: when it was committed it was to be archived, so that is tried. */
static void name_noted(struct ending *ending)
{
    const char *name = strrchr(ending->noted.stored, '/');
    if (name)
        snprintf(ending->result->stored, sizeof ending->result->stored, "%s", name + 1);
}

/* --- redeliveries ------------------------------------------------------------------------------------------------- */

/* Whether another content was applied under the file's name, which the feed has a rule for. What is in the archive was
   applied once, whatever the rule was or became. */
static bool find_change(struct ending *ending, bool *found, struct error *error)
{
    enum feed_on_change rule = feed_of(ending)->on_change;
    const struct file_record *record = &ending->record;
    struct file_record earlier;
    *found = false;
    if (rule != FEED_REPLACE && rule != FEED_REJECT)
        return true;
    if (!store_find_at_name(ending->core->store, record->feed, record->name, &earlier, error))
        return false;
    *found = earlier.id > 0 && !digest_equal(&earlier.content, &record->content);
    ending->result->sequence = earlier.sequence;
    if (*found && rule == FEED_REJECT && !ending->file->stored)
        ending->result->outcome = CORE_REFUSED;
    return true;
}

static void take_for_duplicate(struct core_result *result, uint64_t sequence, struct slice original)
{
    result->outcome = CORE_DUPLICATE;
    result->sequence = sequence;
    snprintf(result->original, sizeof result->original, "%.*s", (int)original.len, original.data);
}

/* Whether the ledger has this very file. Of a file out of the archive nothing is known that tells it from another one
   of its name and content, which may have been dropped to undo what came between. */
static bool find_noted(struct ending *ending, bool *found, struct error *error)
{
    struct store *store = ending->core->store;
    struct store_dealt *noted = &ending->noted, changed = {0};
    if (ending->file->stat && !store_dealt_with(store, &ending->record, false, noted, error))
        return false;
    if (ending->file->stays && !noted->found && !store_dealt_with(store, &ending->record, true, &changed, error))
        return false;
    *found = noted->found || changed.found;
    if (*found)
        take_for_duplicate(ending->result, noted->found ? noted->sequence : changed.sequence, ending->record.name);
    /* One that was left in its folder, and is archived now, gets a row that says so before it is moved, as a redelivery
       has one: rows do not change once they were told. */
    noted->found = noted->found && (noted->stored[0] != '\0' || !is_archived(ending));
    return true;
}

static bool find_duplicate(struct ending *ending, struct error *error)
{
    const struct file_facts *facts = ending->file->facts;
    struct store_original original;
    bool found;
    if (!find_noted(ending, &found, error) || (!found && !find_change(ending, &found, error)))
        return false;
    if (found)
        return true;
    /* Which of its fields would come out of the name nobody knows of a file that fits no descriptor. */
    bool named = facts->named || facts->version == 0;
    if (!store_find_duplicate(ending->core->store, &ending->record, named, &original, error))
        return false;
    if (original.id > 0)
        take_for_duplicate(ending->result, original.sequence, slice_of(original.name));
    return true;
}

static bool end_duplicate(struct ending *ending, struct error *error)
{
    char reason[LANDING_NAME_SIZE + 64];
    struct file_record *record = &ending->record;
    if (ending->noted.found) {
        name_noted(ending);
        return true;
    }
    snprintf(reason, sizeof reason, "same content as %s (seq %" PRIu64 ")", ending->result->original,
             ending->result->sequence);
    name_archived(ending);
    record->state = FILE_DUPLICATE;
    record->sequence = ending->result->sequence;
    record->reason = slice_of(reason);
    return store_note_file(ending->core->store, record, ending->now, error);
}

/* --- its change --------------------------------------------------------------------------------------------------- */

/* The same for a file: what was applied under its name is taken back where the feed wants that. */
static bool begin_change(struct core *core, struct slice name, struct core_result *result, bool *rebuilt,
                         struct error *error)
{
    const struct feed *feed = &core->pipeline->feeds[core->file_feed];
    struct file_record earlier = {0};
    uint64_t count = 0;
    if (!core->retry_of && feed->on_change == FEED_REPLACE &&
        (!store_find_at_name(core->store, slice_of(feed->name), name, &earlier, error) ||
         (earlier.id > 0 && !store_replace(core->store, name, &count, error))))
        return false;
    result->replaced = earlier.sequence;
    return core_begin_taking((struct core_taking){core, core->file_feed, earlier.sequence}, count, rebuilt, error);
}

/* A retried row that ranks below a live one was replaced before it came: its file dropped again would bring it back,
   and is no redelivery any more. */
static bool note_superseded(struct core *core, const struct file_record *record, struct error *error)
{
    return !core->retry_of || record->buckets.superseded == 0 ||
           store_mark_replaced(core->store, record->feed, core->retry_of->sequence, error);
}

/* What the ledger will say of it, but for its buckets; and the room for it. False: nothing happened. */
static bool begin_commit(struct ending *ending, struct error *error)
{
    struct core *core = ending->core;
    struct file_record *record = &ending->record;
    ending->result->sequence = store_progress(core->store)->sequence + 1;
    name_archived(ending);
    record->state = core->retry_of ? FILE_RETRIED : FILE_APPLIED;
    record->buckets.rejected = ending->file->facts->rejected;
    record->reason = ending->file->facts->note;
    return core->spilled || (core_file_open(core, error) && core_reserve(core, record, error));
}

static bool commit_file(struct ending *ending, struct error *error)
{
    struct core *core = ending->core;
    struct file_record *record = &ending->record;
    struct core_result *result = ending->result;
    struct engine_stats stats;
    bool rebuilt = false;
    if (!begin_change(core, record->name, result, &rebuilt, error) ||
        !core_apply(core, result->sequence, ending->now, &record->buckets, error))
        return false;
    result->buckets = record->buckets;
    if (!core_write(core, record, error) || !note_superseded(core, record, error) ||
        !store_file_end(core->store, record, error) || !core_commit(core, &stats, ending->now, error))
        return false;
    if (rebuilt)
        core->rewritten = result->sequence;
    result->memory = stats.memory;
    result->columns_new = store_columns_new(core->store);
    for (size_t t = 0; t < core->pipeline->table_count; t++)
        result->groups += stats.changed[t];
    return true;
}

static void begin_ending(struct ending *ending)
{
    core_record_from(&ending->record, ending->core, ending->core->file_feed, ending->file);
    *ending->result = (struct core_result){.outcome = CORE_APPLIED};
}

bool core_file_unread(struct core *core, const struct core_file *file, int64_t now, struct core_result *result,
                      struct error *error)
{
    struct ending ending = {.core = core, .file = file, .result = result, .now = now};
    core_file_cancel(core);
    begin_ending(&ending);
    ending.record.rows = 0;
    return find_duplicate(&ending, error) && (result->outcome != CORE_DUPLICATE || end_duplicate(&ending, error));
}

bool core_file_end(struct core *core, const struct core_file *file, int64_t now, struct core_result *result,
                   struct error *error)
{
    struct ending ending = {.core = core, .file = file, .result = result, .now = now};
    begin_ending(&ending);
    bool ready = (file->replaying || core->retry_of || find_duplicate(&ending, error)) &&
                 (result->outcome != CORE_APPLIED || begin_commit(&ending, error));
    if (!ready || result->outcome != CORE_APPLIED) {
        core_file_cancel(core);
        return ready && (result->outcome == CORE_REFUSED || end_duplicate(&ending, error));
    }
    if (!commit_file(&ending, error)) {
        core_recover(core, error);
        return false;
    }
    core->store_open = false; /* committed: nothing to roll back */
    core_file_cancel(core);
    return true;
}

void core_refusal(const struct feed *feed, uint64_t sequence, struct error *error)
{
    error_set(error, ERROR_DATA,
              "another content was applied under this name before, as seq=%" PRIu64
              ", and \"on_change\" of %s is reject",
              sequence, feed->name);
}

bool core_note_quarantined(struct core *core, size_t feed, const struct core_file *file, const char *stored,
                           const char *reason, int64_t now, struct error *error)
{
    struct file_record record;
    bool known = false;
    core_record_from(&record, core, feed, file);
    record.state = FILE_QUARANTINED;
    record.rows = 0;
    record.stored = slice_of(stored);
    record.reason = slice_of(reason);
    /* One that is left in its folder is read again when that was away. */
    if (*stored == '\0' && !store_knows(core->store, &record, &known, error))
        return false;
    return known || store_note_file(core->store, &record, now, error);
}
