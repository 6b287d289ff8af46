/*
 * Taking a file back, with what was retried of it.
 *
 * A forget is a change like any other: one transaction, a sequence of its own, a link in the chain of digests. What it
 * writes is a mark on the file's ledger row and the change's own row, nothing else: chunks and rejects stay where they
 * are, as the digests of the file's own change cover them. A crash leaves both or neither. What the mark means for the
 * numbers is not worked out here: whoever replays the store is told the history without that file.
 */
#include "store/store_internal.h"

enum { MARK_PAGES = 24 /* of the row, of the indexes that it leaves, and of its retries, which are few */ };

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
           store_corrupt(store, error, "the ledger's row of file %llu is gone or fails its checksum",
                         (unsigned long long)file->id);
}

bool store_forget(struct store *store, struct slice which, struct arena *texts, struct file_record *file,
                  struct error *error)
{
    if (!store_check_change(store, false, error))
        return false;
    if (store->forgetting || store->retrying.file || store->last_file != store->kept_file)
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
