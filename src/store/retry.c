/*
 * Rejected rows of a file, read again later.
 *
 * A retry is a change with one ledger row of its own, in state FILE_RETRIED, whose chunks hold the rows that are valid
 * now and whose rejects are those that are not. Its rows rank by the sequence of their file, not by that of the change,
 * so whoever replays the store is told both. The file's own row stays as it was; which of its rejects are closed
 * follows from the retries that refer to it.
 */
#include "store/store_internal.h"

#include <inttypes.h>

bool store_retry_read(struct store *store, uint64_t id, struct store_retry *retry, uint64_t *forgotten,
                      struct error *error)
{
    struct file_record file;
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_GET_FILE);
    query_u64(&q, id);
    bool good = query_row(&q, &row, error);
    if (good && !row)
        good = store_corrupt(store, error, "file %" PRIu64 ", which was retried, is missing", id);
    good = good && store_file_read(&q, &file, NULL, error);
    if (good && file.state != FILE_APPLIED)
        good = store_corrupt(store, error, "file %" PRIu64 " was retried, and never applied", id);
    if (good) {
        *retry = (struct store_retry){file.id, file.sequence, file.content};
        *forgotten = file.forgotten;
    }
    query_close(&q);
    return good;
}

bool store_retry(struct store *store, uint64_t id, struct error *error)
{
    uint64_t forgotten;
    struct store_retry retry;
    if (!store_check_change(store, false, error))
        return false;
    if (store->forgetting || store->closing || store->retrying.file || store->last_file != store->kept_file)
        return error_set(error, ERROR_BUG, "%s: a change retries one file, and nothing else", store->path);
    if (!store_retry_read(store, id, &retry, &forgotten, error))
        return false;
    if (forgotten)
        return error_set(error, ERROR_BUG, "%s: a file that was forgotten is not retried", store->path);
    store->retrying = retry;
    return true;
}
