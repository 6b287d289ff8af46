/*
 * VACUUM, as one transaction of the log that then is folded in.
 *
 * The rewritten database is put together in a temporary file of SQLite's (SQLITE_TMPDIR, TMPDIR or /var/tmp), written
 * to the log, committed there, and copied into the database file, which is then cut. A crash before that commit leaves
 * the old pages, one after it a log that the next open reads.
 */
#include "store/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* All else keeps its temporary tables in memory, where a whole store has no place. */
static const char vacuum[] = "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY";

/* Bytes of the database and its log. */
static uint64_t size_of(const struct store *store)
{
    static const char *const ends[] = {"", "-wal"};
    uint64_t size = 0;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct stat stat;
        char *path = NULL;
        if (asprintf(&path, "%s%s", store->path, ends[i]) < 0)
            return size;
        size += lstat(path, &stat) == 0 ? (uint64_t)stat.st_size : 0;
        free(path);
    }
    return size;
}

/* While somebody reads, the log stays, and the next writer folds it in. */
static bool fold(struct store *store, struct error *error)
{
    int result = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return result == SQLITE_OK || (result & 0xff) == SQLITE_BUSY || store_fail(store, result, error);
}

bool store_compact(struct store *store, uint64_t *before, uint64_t *after, struct error *error)
{
    if (!store_check_writable(store, error))
        return false;
    if (store_is_writing(store) || store->looks > 0)
        return error_set(error, ERROR_BUG, "%s: it cannot be compacted within a change or a read", store->path);
    *before = size_of(store);
    bool good = store_execute(store, vacuum, error) && fold(store, error);
    *after = size_of(store);
    return good;
}
