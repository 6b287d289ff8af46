/*
 * A new store in the place of the old one.
 *
 * The rename is the one moment of change: before it the old file is whole, with its log folded in and removed; after it
 * the new one is. A log must not outlive its database: the next opener would apply it to the other file. That is why
 * readers are kept out until the rename is done (lock.c), and why a -wal that is still there, left by a program that
 * does not ask our lock, refuses the swap.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ADOPTED_DIGEST = 8 /* bytes of a digest that are kept: they tell histories apart, not forgeries */
};

/* --- adopted histories -------------------------------------------------------------------------------------------- */

static bool put_adopted(struct store *store, const char *epoch, struct slice digests, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_PUT_ADOPTED);
    query_text(&q, epoch);
    query_blob(&q, digests);
    return query_run(&q, error);
}

static bool adopt_earlier(struct store *store, struct store *replaced, struct error *error)
{
    struct query q;
    bool row = true, good = true;
    query_open(&q, replaced, STORE_SQL_ADOPTED);
    while (good && (good = query_row(&q, &row, error)) && row) {
        char epoch[EPOCH_SIZE];
        struct slice text = query_slice_at(&q, 0);
        snprintf(epoch, sizeof epoch, "%.*s", (int)text.len, text.data);
        if (query_i64_at(&q, 2))
            good = put_adopted(store, epoch, query_slice_at(&q, 1), error);
    }
    query_close(&q);
    return good;
}

/* Zeros stand where a change is damaged or gone: no digest begins so. */
static void put_digest(struct buf *out, uint64_t sequence, const struct digest *digest)
{
    static const char nothing[ADOPTED_DIGEST];
    while (!out->failed && out->len < sequence * ADOPTED_DIGEST)
        buf_put(out, nothing, sizeof nothing);
    if (out->len == sequence * ADOPTED_DIGEST)
        buf_put(out, digest->bytes, ADOPTED_DIGEST);
}

static bool put_digests(struct store *replaced, struct buf *out, struct error *error)
{
    struct query q;
    struct digest digest;
    bool row = true;
    bool good = store_digest_epoch(replaced->progress.epoch, &digest, error);
    put_digest(out, 0, &digest);
    query_open(&q, replaced, STORE_SQL_CHANGES);
    while (good && (good = query_row(&q, &row, error)) && row) {
        digest = query_digest_at(&q, 5);
        if (query_i64_at(&q, 6) && query_u64_at(&q, 0) <= replaced->progress.sequence)
            put_digest(out, query_u64_at(&q, 0), &digest);
    }
    query_close(&q);
    return good;
}

bool store_adopt(struct store *store, struct store *replaced, struct error *error)
{
    struct buf digests;
    if (!store_check_writable(store, error) || !adopt_earlier(store, replaced, error))
        return false;
    buf_init(&digests, STORE_ADOPTED_MAX);
    bool good = put_digests(replaced, &digests, error);
    if (good)
        good = digests.failed ? error_memory(error)
                              : put_adopted(store, replaced->progress.epoch, buf_slice(&digests), error);
    buf_close(&digests);
    return good;
}

bool store_adopted(struct store *store, const struct progress *progress, bool *adopted, struct error *error)
{
    struct query q;
    *adopted = false;
    if (progress->sequence > STORE_ADOPTED_MAX / ADOPTED_DIGEST)
        return true;
    query_open(&q, store, STORE_SQL_HAS_ADOPTED);
    query_text(&q, progress->epoch);
    query_u64(&q, progress->sequence);
    query_digest(&q, &progress->digest);
    return query_exists(&q, adopted, error);
}

/* --- the swap ----------------------------------------------------------------------------------------------------- */

static bool check_gone(const struct store *store, const char *end, struct error *error)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s", store->path, end) < 0)
        return error_memory(error);
    bool gone = access(path, F_OK) != 0 && errno == ENOENT;
    if (!gone)
        (void)error_set(
            error, ERROR_LOCKED,
            "%s cannot be replaced: %s is still there; another program has it open, or it cannot be removed",
            store->path, path);
    free(path);
    return gone;
}

/* Folds the log into the database, closes it, and makes sure that no log is left. */
static bool settle(struct store *store, struct error *error)
{
    if (store_is_writing(store))
        return error_set(error, ERROR_BUG, "%s: a swap within a change", store->path);
    int result = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    bool good = result == SQLITE_OK || store_fail(store, result, error);
    store_disconnect(store);
    return good && check_gone(store, "-wal", error) && check_gone(store, "-shm", error);
}

static bool swap(struct store *old, struct store *built, struct error *error)
{
    if (built->mode != STORE_BUILD || (old->mode != STORE_WRITE && old->mode != STORE_REPLACE))
        return error_set(error, ERROR_BUG, "%s cannot be replaced by %s", old->path, built->path);
    uint64_t bytes;
    /* SQLite flushed it at the checkpoint; a rename over the only other copy is no place to rely on that. */
    if (!store_lock_alone(old, error) || !settle(built, error) || !store_flush(built->path, &bytes, error) ||
        !settle(old, error))
        return false;
    if (rename(built->path, old->path) != 0)
        return error_errno(error, ERROR_IO, errno, "cannot rename %s to %s", built->path, old->path);
    return store_sync_folder(old->folder, error);
}

bool store_swap(struct store *old, struct store *built, struct error *error)
{
    bool good = swap(old, built, error);
    store_close(built);
    store_close(old);
    return good;
}
