/*
 * Opening and closing, transactions, the state.
 *
 * Durable is what a committed SQLite transaction holds: the log (-wal) is flushed at each COMMIT (synchronous=FULL),
 * the database file at each checkpoint. A crash leaves the last committed change, whole, in the two files together;
 * SQLite reads the log back at the next open. Nothing else of ours is kept: no journal of our own, no state between
 * changes.
 */
#include "store/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_SIZE_MAX = STORE_ADOPTED_MAX + 64 * 1024 /* bytes: a damaged length must not ask for a gigabyte */
};

/* --- transactions ------------------------------------------------------------------------------------------------- */

bool store_is_writing(const struct store *store)
{
    return store->in_change || store->in_group;
}

/* Ends a transaction that could not be ended when it should have been, for lack of memory: what is written within it
   would never be committed. */
static bool end_left_over(struct store *store, struct error *error)
{
    return store_is_writing(store) || store->looks > 0 || sqlite3_get_autocommit(store->db) ||
           store_run(store, STORE_SQL_ROLLBACK, error);
}

bool store_check_writable(struct store *store, struct error *error)
{
    if (store->mode == STORE_READ)
        return error_set(error, ERROR_BUG, "%s is open for reading only", store->path);
    if (store->lost)
        return error_set(error, ERROR_IO, "%s must be opened again after an earlier error%s", store->path,
                         store->reason);
    return end_left_over(store, error);
}

bool store_execute(struct store *store, const char *sql, struct error *error)
{
    int result = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK || store_fail(store, result, error);
}

bool store_run(struct store *store, enum store_sql which, struct error *error)
{
    struct query q;
    query_open(&q, store, which);
    return query_run(&q, error);
}

bool store_read_begin(struct store *store, struct error *error)
{
    bool begins = !store_is_writing(store) && store->looks == 0;
    if (begins && (!end_left_over(store, error) || !store_run(store, STORE_SQL_BEGIN_READ, error)))
        return false;
    store->looks++;
    return true;
}

void store_read_end(struct store *store)
{
    store->looks--;
    if (!store_is_writing(store) && store->looks == 0 && !sqlite3_get_autocommit(store->db))
        (void)!store_run(store, STORE_SQL_ROLLBACK, NULL);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool connect(struct store *store, struct error *error)
{
    /* SQLite takes a name that begins with "file:" for a URI. */
    char *name = NULL;
    if (asprintf(&name, "%s%s", store->path[0] == '/' ? "" : "./", store->path) < 0)
        return error_memory(error);
    int access = store->mode == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int result = sqlite3_open_v2(name, &store->db, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    free(name);
    if (!store->db)
        return error_memory(error);
    return result == SQLITE_OK || store_fail(store, result, error);
}

static bool configure(struct store *store, struct error *error)
{
    char settings[256];
    snprintf(settings, sizeof settings, STORE_SQL_SETTINGS_WRITE, STORE_PAGE);
    (void)sqlite3_busy_timeout(store->db, STORE_BUSY_WAIT);
    (void)sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, ROW_SIZE_MAX);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    return store_sum_register(store, error) && store_execute(store, STORE_SQL_SETTINGS, error) &&
           (store->mode == STORE_READ || store_execute(store, settings, error));
}

static bool name_files(struct store *store, const char *folder, const char *pipeline, struct error *error)
{
    const char *end = store->mode == STORE_BUILD ? ".db.new" : ".db";
    store->folder = strdup(folder);
    if (asprintf(&store->path, "%s/%s%s", folder, pipeline, end) < 0)
        store->path = NULL;
    if (asprintf(&store->lock_path, "%s/%s.lock", folder, pipeline) < 0)
        store->lock_path = NULL;
    return (store->folder && store->path && store->lock_path) || error_memory(error);
}

static bool name_copy(struct store *store, const char *path, struct error *error)
{
    store->path = strdup(path);
    if (asprintf(&store->lock_path, "%s.lock", path) < 0)
        store->lock_path = NULL;
    return (store->path && store->lock_path) || error_memory(error);
}

static struct store *new_store(enum store_mode mode, struct error *error)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        (void)error_memory(error);
        return NULL;
    }
    store->mode = mode;
    store->lock = store->space.log = -1;
    return store;
}

/* A store whose files are named. */
static bool open_named(struct store *store, const char *pipeline, const struct digest *fingerprint, struct error *error)
{
    return store_disk_prepare(store, error) && connect(store, error) && configure(store, error) &&
           store_schema_open(store, pipeline, fingerprint, error) && store_log_fold(store, error) &&
           store_load_state(store, error);
}

/* Hands a store out that is open, else closes it. */
static bool hand_out(struct store *store, bool good, struct store **out)
{
    if (!good) {
        store_close(store);
        store = NULL;
    } else if (store->mode != STORE_READ) {
        store_space_open(store);
    }
    *out = store;
    return good;
}

bool store_open(struct store **out, const char *folder, const char *pipeline, const struct digest *fingerprint,
                enum store_mode mode, struct error *error)
{
    struct store *store = new_store(mode, error);
    bool good = store && name_files(store, folder, pipeline, error) && open_named(store, pipeline, fingerprint, error);
    return hand_out(store, good, out);
}

bool store_open_copy(struct store **out, const char *path, const char *pipeline, struct error *error)
{
    struct store *store = new_store(STORE_READ, error);
    return hand_out(store, store && name_copy(store, path, error) && open_named(store, pipeline, NULL, error), out);
}

void store_disconnect(struct store *store)
{
    for (size_t i = 0; i < STORE_SQL_COUNT; i++) {
        (void)sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    store_space_close(store);
    (void)sqlite3_close(store->db);
    store->db = NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_disconnect(store);
    /* That a stale one cannot be removed now is no loss: the next build does it, or says why not. */
    if (store->mode == STORE_BUILD && store->path)
        (void)!store_remove(store->path, NULL);
    store_unlock(store);
    digester_close(&store->digester);
    free(store->folder);
    free(store->path);
    free(store->lock_path);
    free(store);
}

/* --- state -------------------------------------------------------------------------------------------------------- */

static bool load_last_change(struct store *store, struct error *error)
{
    struct progress *progress = &store->progress;
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_LAST_CHANGE);
    bool good = query_row(&q, &row, error);
    if (good && row && !query_i64_at(&q, 2))
        good = store_corrupt(store, error, "the row of its last change fails its checksum");
    if (good && row) {
        progress->sequence = query_u64_at(&q, 0);
        progress->digest = query_digest_at(&q, 1);
    } else if (good) {
        progress->sequence = 0;
        good = store_digest_epoch(progress->epoch, &progress->digest, error);
    }
    query_close(&q);
    return good;
}

static bool load_last_ids(struct store *store, struct error *error)
{
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_LAST_IDS);
    bool good = query_row(&q, &row, error);
    if (good) {
        store->last_file = query_u64_at(&q, 0);
        store->last_chunk = query_u64_at(&q, 1);
        store->last_reject = query_u64_at(&q, 2);
    }
    query_close(&q);
    return good;
}

static bool load_rewritten(struct store *store, struct error *error)
{
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_LAST_FORGET);
    bool good = query_row(&q, &row, error);
    if (good && row && !query_i64_at(&q, 1))
        good = store_corrupt(store, error, "the row of its last change that forgets fails its checksum");
    store->rewritten = good && row ? query_u64_at(&q, 0) : 0;
    query_close(&q);
    return good;
}

bool store_load_state(struct store *store, struct error *error)
{
    store->progress.present = true;
    return load_last_change(store, error) && load_rewritten(store, error) && load_last_ids(store, error);
}

const struct progress *store_progress(const struct store *store)
{
    return &store->progress;
}

uint64_t store_rewritten(const struct store *store)
{
    return store->rewritten;
}

const char *store_path(const struct store *store)
{
    return store->path;
}

const struct digest *store_fingerprint(const struct store *store)
{
    return &store->fingerprint;
}

bool store_digest_at(struct store *store, uint64_t sequence, struct digest *digest, struct error *error)
{
    if (sequence == 0)
        return store_digest_epoch(store->progress.epoch, digest, error);
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_GET_CHANGE);
    query_u64(&q, sequence);
    bool good = query_row(&q, &row, error);
    if (good && !row)
        good = error_set(error, ERROR_REFUSED, "%s has no change %" PRIu64, store->path, sequence);
    else if (good && !query_i64_at(&q, 3))
        good = store_corrupt(store, error, "the row of change %" PRIu64 " fails its checksum", sequence);
    else if (good)
        *digest = query_digest_at(&q, 2);
    query_close(&q);
    return good;
}
