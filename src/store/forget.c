/*
 * Taking a file back, with what was retried of it.
 *
 * A forget is a change like any other: one transaction, a sequence of its own, a link in the chain of digests. What it
 * writes is a mark on the file's ledger row and the change's own row, nothing else: chunks and rejects stay where they
 * are, as the digests of the file's own change cover them. A crash leaves both or neither. What the mark means for the
 * numbers is not worked out here: whoever replays the store is told the history without that file.
 *
 * A replace is the same beside a file that is applied, in the one transaction of both: what was applied under that name
 * is marked, and the change is told from one of a file by its kind.
 */
#include "store/store_internal.h"

#include <inttypes.h>

enum { MARK_PAGES = 28 /* of the row, of the indexes that it leaves and enters, and of its retries, which are few */ };

static bool mark_retries(struct store *store, const struct file_record *file, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_MARK_RETRIES);
    query_u64(&q, file->id);
    query_u64(&q, file->forgotten);
    return query_run(&q, error);
}

static bool mark(struct store *store, const struct file_record *file, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_MARK_FORGOTTEN);
    query_u64(&q, file->id);
    query_u64(&q, file->forgotten);
    if (!query_run(&q, error))
        return false;
    return sqlite3_changes(store->db) == 1 ||
           store_corrupt(store, error, "the ledger's row of file %" PRIu64 " is gone or fails its checksum", file->id);
}

bool store_forget(struct store *store, struct slice which, struct arena *texts, struct file_record *file,
                  struct error *error)
{
    if (!store_check_change(store, false, error))
        return false;
    if (store->forgetting || store->closing || store->retrying.file || store->last_file != store->kept_file)
        return error_set(error, ERROR_BUG, "%s: a change either applies files or forgets one", store->path);
    if (!store_find_file(store, which, texts, file, error) || !store_space_add(store, 0, MARK_PAGES, error))
        return false;
    file->forgotten = store->progress.sequence + 1;
    if (!mark(store, file, error) || !mark_retries(store, file, error))
        return false;
    store_digest_forget(&store->digester, file);
    store->forgetting = file->id;
    return true;
}

/* --- replacing ---------------------------------------------------------------------------------------------------- */

/* Of those that were there before the open change, where one is. */
bool store_find_at_name(struct store *store, struct slice feed, struct slice name, struct file_record *file,
                        struct error *error)
{
    struct query q;
    bool row;
    *file = (struct file_record){0};
    query_open(&q, store, STORE_SQL_LAST_AT_NAME);
    query_blob(&q, feed);
    query_blob(&q, name);
    query_u64(&q, store->in_change ? store->kept_file : store->last_file);
    bool good = query_row(&q, &row, error);
    if (good && row) {
        *file = (struct file_record){
            .id = query_u64_at(&q, 0), .sequence = query_u64_at(&q, 1), .content = query_digest_at(&q, 2)};
        good = query_i64_at(&q, 3) || store_corrupt_file(store, file->id, error);
    }
    query_close(&q);
    return good;
}

/* Of a group, and before it writes anything: the engine may yet refuse the file. */
static bool save(struct store *store, struct error *error)
{
    if (store->saved || !store->in_group || sqlite3_total_changes64(store->db) != store->kept_writes)
        return true;
    store->saved = store_run(store, STORE_SQL_SAVE, error);
    return store->saved;
}

bool store_replace(struct store *store, struct slice name, uint64_t *count, struct error *error)
{
    struct slice feed = {store->file.feed, store->file.feed_len};
    struct file_record file;
    *count = 0;
    if (!store_check_change(store, true, error))
        return false;
    if (store->replacing || store->retrying.file || store->last_file != store->kept_file)
        return error_set(error, ERROR_BUG, "%s: a file that replaces is the only one of its change", store->path);
    for (;;) {
        if (!store_find_at_name(store, feed, name, &file, error))
            return false;
        if (file.id == 0)
            return true;
        file.forgotten = store->progress.sequence + 1;
        if (!store_space_add(store, 0, MARK_PAGES, error) || !save(store, error) || !mark(store, &file, error) ||
            !mark_retries(store, &file, error))
            return false;
        *count = ++store->replacing;
    }
}

typedef bool (*forgotten_visit)(void *context, const struct file_record *file, const struct store_file_parts *parts,
                                struct error *error);

/* The files that change `sequence` took out, in order of id. */
static bool each_forgotten(struct store *store, uint64_t sequence, forgotten_visit visit, void *context,
                           struct error *error)
{
    struct file_record file;
    struct store_file_parts parts;
    struct query q;
    bool row = true, good = true;
    query_open(&q, store, STORE_SQL_FORGOTTEN_BY);
    query_u64(&q, sequence);
    while ((good = query_row(&q, &row, error)) && row)
        if (!(good = store_file_read(&q, &file, &parts, error) && visit(context, &file, &parts, error)))
            break;
    query_close(&q);
    return good;
}

struct digesting {
    struct digester *digester;
    uint64_t count;
};

static bool digest_one(void *context, const struct file_record *file, const struct store_file_parts *parts,
                       struct error *error)
{
    struct digesting *digesting = context;
    (void)parts;
    (void)error;
    if (file->state == FILE_RETRIED) /* which goes with its file */
        return true;
    store_digest_forget(digesting->digester, file);
    digesting->count++;
    return true;
}

bool store_digest_replaced(struct store *store, struct digester *d, uint64_t sequence, uint64_t *count,
                           struct error *error)
{
    struct digesting digesting = {d, 0};
    bool good = each_forgotten(store, sequence, digest_one, &digesting, error);
    *count = digesting.count;
    return good;
}

struct chunks_visit {
    struct store *store;
    store_chunk_visit visit;
    void *context;
};

static bool visit_chunks(void *context, const struct file_record *file, const struct store_file_parts *parts,
                         struct error *error)
{
    const struct chunks_visit *chunks = context;
    struct query q;
    bool row = true, good = true;
    query_open(&q, chunks->store, STORE_SQL_CHUNKS_FROM);
    query_u64(&q, parts->first_chunk);
    for (uint64_t i = 0; good && i < parts->chunks; i++) {
        good = query_row(&q, &row, error);
        if (!good)
            break;
        struct slice chunk = row ? query_slice_at(&q, 2) : SLICE("");
        if (!row || query_u64_at(&q, 0) != parts->first_chunk + i ||
            query_u64_at(&q, 1) != store_checksum(file->feed, file->sequence, i, chunk))
            good = store_corrupt(chunks->store, error,
                                 "change %" PRIu64 ": a chunk of file %" PRIu64 " is gone or damaged", file->sequence,
                                 file->id);
        else
            good = chunks->visit(chunks->context, chunk, error);
    }
    query_close(&q);
    return good;
}

bool store_taken_chunks(struct store *store, store_chunk_visit visit, void *context, struct error *error)
{
    struct chunks_visit chunks = {store, visit, context};
    return store_check_change(store, store->file.open, error) &&
           each_forgotten(store, store->progress.sequence + 1, visit_chunks, &chunks, error);
}
