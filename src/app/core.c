#include "app/core.h"

#include <stdio.h>
#include <string.h>

#include "app/core_internal.h"
#include "app/crew.h"
#include "app/summary.h"
#include "base/clock.h"

_Static_assert((int)LANDING_NAME_SIZE == (int)STORE_NAME_SIZE,
               "the name of a redelivery's original comes from the store");

static bool build_engine(struct core *core, struct error *error)
{
    return core_replay(core, &(struct core_history){0}, error);
}

bool core_init(struct core *core, const struct pipeline *pipeline, struct store *store, size_t memory_limit,
               struct error *error)
{
    *core = (struct core){.pipeline = pipeline, .store = store, .memory_limit = memory_limit};
    buf_init(&core->marks, CORE_MARKS_MAX);
    if (build_engine(core, error))
        return true;
    core_close(core);
    return false;
}

bool core_open(struct core *core, const struct pipeline *pipeline, const char *checkpoints, enum store_mode mode,
               size_t memory_limit, struct error *error)
{
    struct store *store;
    *core = (struct core){0};
    if (!store_open(&store, checkpoints, pipeline->name, &pipeline->fingerprint, mode, error) ||
        !core_init(core, pipeline, store, memory_limit, error))
        return false;
    /* A crash may have come between a file and the windows that it made due. */
    if (mode != STORE_WRITE || core_close_due(core, clock_wall(), error))
        return true;
    core_close(core);
    return false;
}

void core_use_threads(struct core *core, size_t threads)
{
    core->threads = threads;
    engine_lend(core->engine, threads, CREW_LEAST, crew_run);
}

void core_close(struct core *core)
{
    core_file_cancel(core);
    if (core->grouped)
        store_group_rollback(core->store);
    engine_free(core->engine);
    if (core->store)
        store_close(core->store);
    buf_close(&core->marks);
    *core = (struct core){0};
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

static void drop_kept(struct core *core)
{
    for (size_t i = 0; i < core->kept_count; i++)
        batch_free(core->kept[i]);
    core->kept_count = 0;
}

void core_file_begin(struct core *core, size_t feed)
{
    core->file_feed = feed;
    core->retry_of = NULL;
    core->store_open = false;
    core->spilled = false;
    buf_reset(&core->marks);
}

void core_retry_begin(struct core *core, size_t feed, const struct file_record *file)
{
    core_file_begin(core, feed);
    core->retry_of = file;
}

bool core_begin(struct core *core, struct error *error)
{
    if (core->broken.kind != ERROR_NONE)
        *error = core->broken;
    core->store_open = core->broken.kind == ERROR_NONE && store_begin(core->store, error);
    return core->store_open;
}

/* The transaction is opened late: a redelivery of an ordinary file is found out without one. */
static bool open_store(struct core *core, struct error *error)
{
    if (core->store_open)
        return true;
    return core_begin(core, error) && (!core->retry_of || store_retry(core->store, core->retry_of->id, error)) &&
           store_file_begin(core->store, slice_of(core->pipeline->feeds[core->file_feed].name), error);
}

static bool spill(struct core *core, struct error *error)
{
    if (!open_store(core, error))
        return false;
    for (size_t i = 0; i < core->kept_count; i++)
        if (!store_put_batch(core->store, core->kept[i], error))
            return false;
    return true;
}

bool core_file_put(struct core *core, struct batch *batch, struct error *error)
{
    if (!core->spilled && core->kept_count < COUNT_OF(core->kept)) {
        core->kept[core->kept_count++] = batch;
        return true;
    }
    bool ok = core->spilled || spill(core, error);
    if (ok && !core->spilled) {
        core->spilled = true;
        drop_kept(core);
    }
    ok = ok && store_put_batch(core->store, batch, error);
    batch_free(batch);
    return ok;
}

void core_file_cancel(struct core *core)
{
    drop_kept(core);
    if (core->store_open)
        store_rollback(core->store);
    core->store_open = core->spilled = false;
}

struct taking {
    struct core *core;
    size_t feed;
    uint64_t rank; /* the sequence by which the rows of the file rank, retried ones too */
};

static bool take_chunk(void *context, struct slice chunk, struct error *error)
{
    const struct taking *taking = context;
    return engine_take_back(taking->core->engine, taking->feed, taking->rank, chunk, error);
}

/* Begins the open change in the engine without the rows that it takes back: those of `count` files of `feed`, of which
   change `taken` is one. *rebuilt tells whether it is another engine. */
static bool begin_taking(struct core *core, size_t feed, uint64_t count, uint64_t taken, bool *rebuilt,
                         struct error *error)
{
    struct taking taking = {core, feed, taken};
    bool alone = count == 1 && feed != SIZE_MAX && engine_alone(core->engine, feed, taken);
    *rebuilt = count > 0 && !alone;
    if (*rebuilt && !build_engine(core, error))
        return false;
    engine_begin(core->engine, store_progress(core->store)->sequence + 1);
    return !alone || store_taken_chunks(core->store, take_chunk, &taking, error);
}

/* The same for a file: what was applied under its name is taken back where the feed wants that. */
static bool begin_change(struct core *core, struct slice name, struct core_result *result, bool *rebuilt,
                         struct error *error)
{
    struct slice feed = slice_of(core->pipeline->feeds[core->file_feed].name);
    struct digest content;
    uint64_t count = 0;
    bool found = false;
    if (!core->retry_of && core->pipeline->feeds[core->file_feed].on_change == FEED_REPLACE &&
        (!store_find_at_name(core->store, feed, name, &found, &result->replaced, &content, error) ||
         (found && !store_replace(core->store, name, &count, error))))
        return false;
    return begin_taking(core, core->file_feed, count, result->replaced, rebuilt, error);
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

static bool is_archived(const struct core *core, const struct core_file *file)
{
    return !core->retry_of && !file->replaying && !file->stays &&
           core->pipeline->feeds[core->file_feed].after == FEED_ARCHIVE;
}

static void name_archived(const struct core *core, const struct core_file *file, struct core_result *result)
{
    result->stored[0] = '\0';
    if (file->stored)
        snprintf(result->stored, sizeof result->stored, "%s", file->stored);
    else if (is_archived(core, file))
        archive_name(result->sequence, &file->facts->content, file->name, result->stored);
}

/* The archive name is the one in the ledger: in a store that was built anew it begins with the sequence of before. Also of
   a file that would stay now: when it was committed it was to be archived, so that is tried. */
static void name_noted(const struct core *core, const struct core_file *file, const char *stored,
                       struct core_result *result)
{
    const char *name = strrchr(stored, '/');
    name_archived(core, file, result);
    if (name && core->pipeline->feeds[core->file_feed].after == FEED_ARCHIVE)
        snprintf(result->stored, sizeof result->stored, "%s", name + 1);
}

static bool note_duplicate(struct core *core, const struct core_file *file, struct file_record *record,
                           struct core_result *result, int64_t now, struct error *error)
{
    char reason[LANDING_NAME_SIZE + 64];
    char stored[STORE_STORED_SIZE] = "";
    snprintf(reason, sizeof reason, "same content as %s (seq %llu)", result->original,
             (unsigned long long)result->sequence);
    name_archived(core, file, result);
    if (result->stored[0] != '\0')
        snprintf(stored, sizeof stored, "archive/%s/%s", core->pipeline->feeds[core->file_feed].name, result->stored);
    record->state = FILE_DUPLICATE;
    record->sequence = result->sequence;
    record->stored = slice_of(stored);
    record->reason = slice_of(reason);
    return store_note_file(core->store, record, now, error);
}

bool core_summary(const struct core *core, const struct engine_stats *stats, struct buf *text, struct error *error)
{
    buf_init(text, SUMMARY_MAX);
    summary_write(stats, core->pipeline, text);
    return !text->failed || error_memory(error);
}

bool core_commit(struct core *core, struct engine_stats *stats, int64_t now, struct error *error)
{
    struct buf text = {0};
    engine_stats(core->engine, stats);
    bool ok = (core->grouped || core_summary(core, stats, &text, error)) &&
              store_commit(core->store, buf_slice(&text), now, error);
    buf_close(&text);
    return ok;
}

/* A retried row that ranks below a live one was replaced before it came: its file dropped again would bring it back, and
   is no redelivery any more. */
static bool note_superseded(struct core *core, const struct file_record *record, struct error *error)
{
    return !core->retry_of || record->buckets.superseded == 0 ||
           store_mark_replaced(core->store, record->feed, core->retry_of->sequence, error);
}

/* What the ledger will say of it, but for its buckets; and the room for it. False: nothing happened. */
static bool begin_commit(struct core *core, const struct core_file *file, struct file_record *record,
                         struct core_result *result, char stored[STORE_STORED_SIZE], struct error *error)
{
    result->sequence = store_progress(core->store)->sequence + 1;
    name_archived(core, file, result);
    if (result->stored[0] != '\0')
        snprintf(stored, STORE_STORED_SIZE, "archive/%s/%s", core->pipeline->feeds[core->file_feed].name,
                 result->stored);
    record->state = core->retry_of ? FILE_RETRIED : FILE_APPLIED;
    record->stored = slice_of(stored);
    record->buckets.rejected = file->facts->rejected;
    record->reason = file->facts->note;
    return core->spilled || (open_store(core, error) && core_reserve(core, record, error));
}

static bool commit_file(struct core *core, struct file_record *record, struct core_result *result, int64_t now,
                        struct error *error)
{
    struct engine_stats stats;
    bool rebuilt = false;
    if (!begin_change(core, record->name, result, &rebuilt, error) ||
        !core_apply(core, result->sequence, now, &record->buckets, error))
        return false;
    result->buckets = record->buckets;
    if (!core_write(core, record, error) || !note_superseded(core, record, error) ||
        !store_file_end(core->store, record, error) || !core_commit(core, &stats, now, error))
        return false;
    if (rebuilt)
        core->rewritten = result->sequence;
    result->memory = stats.memory;
    result->columns_new = store_columns_new(core->store);
    for (size_t t = 0; t < core->pipeline->table_count; t++)
        result->groups += stats.changed[t];
    return true;
}

void core_recover(struct core *core, struct error *error)
{
    struct error again = {0};
    core_file_cancel(core);
    if (!build_engine(core, &again)) {
        *error = again;
        error_wrap(error, "after a failed commit");
        error->kind = ERROR_CORRUPT;
        core->broken = *error;
    }
}

/* Whether another content was applied under the file's name, which the feed has a rule for. What is in the archive was applied
   once, whatever the rule was or became. */
static bool find_change(struct core *core, const struct core_file *file, const struct file_record *record,
                        struct core_result *result, bool *found, struct error *error)
{
    enum feed_on_change rule = core->pipeline->feeds[core->file_feed].on_change;
    struct digest content;
    *found = false;
    if (rule != FEED_REPLACE && rule != FEED_REJECT)
        return true;
    if (!store_find_at_name(core->store, record->feed, record->name, found, &result->sequence, &content, error))
        return false;
    *found = *found && !digest_equal(&content, &record->content);
    if (*found && rule == FEED_REJECT && !file->stored)
        result->outcome = CORE_REFUSED;
    return true;
}

/* `noted`: the ledger has this very file already, and a crash came before it was moved to `stored`. */
static bool find_duplicate(struct core *core, const struct core_file *file, const struct file_record *record,
                           struct core_result *result, bool *noted, char stored[STORE_STORED_SIZE], struct error *error)
{
    bool found = false;
    char left[STORE_STORED_SIZE];
    /* Of a file out of the archive nothing is known that tells it from another one of its name and content, which may have
       been dropped to undo what came between. */
    *noted = false;
    if (file->stat && !store_dealt_with(core->store, record, false, noted, &result->sequence, stored, error))
        return false;
    if (file->stays && !*noted && !store_dealt_with(core->store, record, true, &found, &result->sequence, left, error))
        return false;
    if (*noted || found) {
        /* One that was left in its folder, and is archived now, gets a row that says so before it is moved, as a redelivery
           has one: rows do not change once they were told. */
        *noted = *noted && (stored[0] != '\0' || !is_archived(core, file));
        result->outcome = CORE_DUPLICATE;
        snprintf(result->original, sizeof result->original, "%.*s", (int)record->name.len, record->name.data);
        return true;
    }
    if (!find_change(core, file, record, result, &found, error))
        return false;
    if (found)
        return true;
    /* Which of its fields would come out of the name nobody knows of a file that fits no descriptor. */
    bool named = file->facts->named || file->facts->version == 0;
    if (!store_find_duplicate(core->store, record->feed, record->name, &record->content, named, &found,
                              &result->sequence, result->original, error))
        return false;
    result->outcome = found ? CORE_DUPLICATE : CORE_APPLIED;
    return true;
}

/* `stored`: where the ledger's row says that it is kept; NULL when it has none yet. */
static bool end_duplicate(struct core *core, const struct core_file *file, struct file_record *record,
                          const char *stored, struct core_result *result, int64_t now, struct error *error)
{
    if (!stored)
        return note_duplicate(core, file, record, result, now, error);
    name_noted(core, file, stored, result);
    return true;
}

bool core_file_unread(struct core *core, const struct core_file *file, int64_t now, struct core_result *result,
                      struct error *error)
{
    struct file_record record;
    char stored[STORE_STORED_SIZE] = "";
    bool noted = false;
    core_file_cancel(core);
    core_record_from(&record, core, core->file_feed, file);
    record.rows = 0;
    *result = (struct core_result){.outcome = CORE_APPLIED};
    return find_duplicate(core, file, &record, result, &noted, stored, error) &&
           (result->outcome != CORE_DUPLICATE ||
            end_duplicate(core, file, &record, noted ? stored : NULL, result, now, error));
}

bool core_file_end(struct core *core, const struct core_file *file, int64_t now, struct core_result *result,
                   struct error *error)
{
    struct file_record record;
    char stored[STORE_STORED_SIZE] = "";
    core_record_from(&record, core, core->file_feed, file);
    bool noted = false;
    *result = (struct core_result){.outcome = CORE_APPLIED};
    bool ready =
        (file->replaying || core->retry_of || find_duplicate(core, file, &record, result, &noted, stored, error)) &&
        (result->outcome != CORE_APPLIED || begin_commit(core, file, &record, result, stored, error));
    if (!ready || result->outcome != CORE_APPLIED) {
        core_file_cancel(core);
        return ready && (result->outcome == CORE_REFUSED ||
                         end_duplicate(core, file, &record, noted ? stored : NULL, result, now, error));
    }
    if (!commit_file(core, &record, result, now, error)) {
        core_recover(core, error);
        return false;
    }
    core->store_open = false; /* committed: nothing to roll back */
    core_file_cancel(core);
    return true;
}

void core_refusal(const struct feed *feed, const struct core_result *result, struct error *error)
{
    error_set(error, ERROR_DATA,
              "another content was applied under this name before, as seq=%llu, and \"on_change\" of %s is reject",
              (unsigned long long)result->sequence, feed->name);
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

/* --- taking a file back ------------------------------------------------------------------------------------------- */

/* Before the commit the engine has what the store will have, so that the commit holds its counts, and so that a history that
   cannot be told without the file is not begun. */
static bool forget_in_change(struct core *core, const struct file_record *file, int64_t now, struct error *error)
{
    struct engine_stats stats;
    bool rebuilt;
    size_t feed = pipeline_feed_index(core->pipeline, file->feed);
    if (!begin_taking(core, feed, 1, file->sequence, &rebuilt, error) || !engine_end(core->engine, error) ||
        !core_commit(core, &stats, now, error))
        return false;
    if (rebuilt)
        core->rewritten = file->forgotten;
    return true;
}

bool core_forget(struct core *core, struct slice which, int64_t now, struct arena *texts, struct file_record *file,
                 struct error *error)
{
    if (core->store_open || core->kept_count > 0)
        return error_set(error, ERROR_BUG, "a file is being put together: nothing can be forgotten");
    if (!core_begin(core, error))
        return false;
    if (!store_forget(core->store, which, texts, file, error)) {
        core_file_cancel(core);
        return false;
    }
    if (!forget_in_change(core, file, now, error)) {
        core_recover(core, error);
        return false;
    }
    core->store_open = false;
    return true;
}
