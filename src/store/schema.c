/*
 * The file's format: is it a store of ours, of this version, of this pipeline; and the making of a new one.
 *
 * A store is made in one transaction, so a crash leaves an empty file, which counts as none, or a whole store. What is
 * there is looked at before anything is written: the database of another program is left as it was.
 *
 * meta holds: epoch (a UUID as text), pipeline (its name), fingerprint (32 bytes), shape and reading (texts of the
 * contract, once somebody noted them), summary (text of the last commit) and the last delivery (delivered_target;
 * delivered_sequence, delivered_overflows and delivered_at in decimal).
 */
#include "store/store_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "model/store_mark.h"

enum {
    CACHE_BYTES = 16 * 1024 * 1024, /* of pages */
    /* After which it is folded into the database: often enough for a quick start, rare enough to fold many writes of
       one page. */
    LOG_BYTES = 16 * 1024 * 1024
};

/* --- meta --------------------------------------------------------------------------------------------------------- */

bool store_put_meta(struct store *store, const char *key, struct slice value, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_PUT_META);
    query_text(&q, key);
    query_blob(&q, value);
    return query_run(&q, error);
}

bool store_get_meta(struct store *store, const char *key, struct buf *out, bool *found, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_GET_META);
    query_text(&q, key);
    bool good = query_row(&q, found, error);
    if (good && *found && !query_i64_at(&q, 1))
        good = store_corrupt(store, error, "meta \"%s\" fails its checksum", key);
    else if (good && *found)
        buf_put_slice(out, query_slice_at(&q, 0));
    query_close(&q);
    return good && (!out->failed || error_memory(error));
}

/* Reads a value of exactly `size` bytes that every store has. */
static bool get_fixed(struct store *store, const char *key, void *out, size_t size, struct error *error)
{
    struct buf value;
    bool found = false;
    buf_init(&value, 4096);
    bool good = store_get_meta(store, key, &value, &found, error);
    if (good && (!found || value.len != size))
        good = store_corrupt(store, error, "it has no %s", key);
    if (good)
        memcpy(out, value.data, size);
    buf_close(&value);
    return good;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

/* A random UUID, version 4. */
static bool make_epoch(char out[EPOCH_SIZE], struct error *error)
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return error_errno(error, ERROR_IO, errno, "no random numbers for an epoch");
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, EPOCH_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
             b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return true;
}

static bool write_schema(struct store *store, const char *pipeline, struct error *error)
{
    char mark[128];
    snprintf(mark, sizeof mark, STORE_SQL_MARK_FORMAT, STORE_APPLICATION_ID, STORE_SCHEMA);
    for (size_t i = 0; i < COUNT_OF(store_schema); i++)
        if (!store_execute(store, store_schema[i], error))
            return false;
    return store_execute(store, mark, error) && store_put_meta(store, "pipeline", slice_of(pipeline), error);
}

static bool put_identity(struct store *store, const struct digest *fingerprint, struct error *error)
{
    return store_put_meta(store, "epoch", slice_of(store->progress.epoch), error) &&
           store_put_meta(store, "fingerprint", digest_slice(fingerprint), error);
}

/* Makes what is missing of it. Nothing hangs on the fingerprint of a store without a change, so it may become another
   store, whose epoch a target knows as little as that of one just made. */
static bool make_store(struct store *store, const char *pipeline, bool empty, const struct digest *fingerprint,
                       struct error *error)
{
    if (!make_epoch(store->progress.epoch, error) || !store_run(store, STORE_SQL_BEGIN, error))
        return false;
    if ((empty && !write_schema(store, pipeline, error)) || !put_identity(store, fingerprint, error) ||
        !store_run(store, STORE_SQL_COMMIT, error)) {
        (void)!store_run(store, STORE_SQL_ROLLBACK, NULL);
        return false;
    }
    store->fingerprint = *fingerprint;
    return store_sync_folder(store->folder, error);
}

/* --- checking ----------------------------------------------------------------------------------------------------- */

/* The number that a pragma or count gives. */
static bool scalar(struct store *store, const char *sql, int64_t *value, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    bool good = result == SQLITE_ROW || store_fail(store, result, error);
    (void)sqlite3_finalize(statement);
    return good;
}

/* Whether the tables and indexes are the very ones that write_schema makes. */
static bool check_schema(struct store *store, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    size_t same = 0;
    int result = sqlite3_prepare_v2(store->db, STORE_SQL_SCHEMA_TEXTS, -1, &statement, NULL);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
        result = sqlite3_step(statement);
        if (result != SQLITE_ROW)
            break;
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (!text || same == COUNT_OF(store_schema) || strcmp(text, store_schema[same]) != 0)
            break;
        same++;
    }
    bool good = result == SQLITE_DONE || result == SQLITE_ROW || store_fail(store, result, error);
    (void)sqlite3_finalize(statement);
    if (good && (result == SQLITE_ROW || same != COUNT_OF(store_schema)))
        return store_corrupt(store, error, "its tables are not those of schema %d", STORE_SCHEMA);
    return good;
}

/* Tells a store of ours from an empty file, and refuses all else. */
static bool check_format(struct store *store, bool *empty, struct error *error)
{
    int64_t application = 0, version = 0, objects = 0;
    if (!scalar(store, STORE_SQL_APPLICATION, &application, error) ||
        !scalar(store, STORE_SQL_VERSION, &version, error) || !scalar(store, STORE_SQL_SCHEMA_COUNT, &objects, error))
        return false;
    *empty = application == 0 && version == 0 && objects == 0;
    if (*empty)
        return true;
    if (application != STORE_APPLICATION_ID)
        return error_set(error, ERROR_CORRUPT, "%s is not a dropfold store", store->path);
    if (version > STORE_SCHEMA)
        return error_set(error, ERROR_CONFIG, "%s was made by a newer dropfold (schema %" PRId64 "; this one knows %d)",
                         store->path, version, STORE_SCHEMA);
    /* Version 1 was the first. */
    if (version < STORE_SCHEMA)
        return store_corrupt(store, error, "there is no schema %" PRId64, version);
    return check_schema(store, error);
}

static bool check_pipeline(struct store *store, const char *pipeline, struct error *error)
{
    struct buf name;
    bool found = false;
    buf_init(&name, 4096);
    bool good = store_get_meta(store, "pipeline", &name, &found, error);
    if (good && (!found || !slice_equal(buf_slice(&name), slice_of(pipeline))))
        good = error_set(error, ERROR_CONFIG, "%s is not the store of the pipeline \"%s\"", store->path, pipeline);
    buf_close(&name);
    return good;
}

bool store_check_fingerprint(const struct store *store, const char *pipeline, const struct digest *fingerprint,
                             struct error *error)
{
    return store->progress.sequence == 0 || digest_equal(&store->fingerprint, fingerprint) ||
           error_set(
               error, ERROR_CONFIG,
               "what the pipeline \"%s\" computes, or the type of a field that it uses, changed since %s was made "
               "(`dropfold check` says what): run `dropfold replay` to build a new store from the archived files, or "
               "put the old pipeline and descriptors back",
               pipeline, store->path);
}

/* Before the last change's row is read and checked (store_load_state). */
static bool find_sequence(struct store *store, struct error *error)
{
    int64_t sequence;
    bool good = scalar(store, STORE_SQL_SEQUENCE, &sequence, error);
    store->progress.sequence = good ? (uint64_t)sequence : 0;
    return good;
}

static bool check_meta(struct store *store, const char *pipeline, const struct digest *fingerprint, struct error *error)
{
    return get_fixed(store, "epoch", store->progress.epoch, EPOCH_SIZE - 1, error) &&
           get_fixed(store, "fingerprint", store->fingerprint.bytes, DIGEST_SIZE, error) &&
           check_pipeline(store, pipeline, error) && find_sequence(store, error) &&
           (store->mode != STORE_WRITE || store_check_fingerprint(store, pipeline, fingerprint, error));
}

/* One look at the file, so that a store that is just being made is seen either empty or whole. */
static bool inspect(struct store *store, const char *pipeline, const struct digest *fingerprint, bool *empty,
                    struct error *error)
{
    if (!store_read_begin(store, error))
        return false;
    bool good = check_format(store, empty, error) && (*empty || check_meta(store, pipeline, fingerprint, error));
    store_read_end(store);
    return good;
}

/* SQLite keeps the number of pages, not of bytes, when it comes to know their size. */
static bool set_by_page(struct store *store, struct error *error)
{
    char sql[128];
    int64_t page;
    if (!scalar(store, STORE_SQL_PAGE_SIZE, &page, error))
        return false;
    store->page = (uint32_t)page;
    snprintf(sql, sizeof sql, STORE_SQL_BY_PAGE, CACHE_BYTES / page, LOG_BYTES / page);
    return store_execute(store, sql, error);
}

bool store_schema_open(struct store *store, const char *pipeline, const struct digest *fingerprint, struct error *error)
{
    bool empty;
    if (!inspect(store, pipeline, fingerprint, &empty, error) || !set_by_page(store, error))
        return false;
    if (store->mode == STORE_READ)
        return !empty ||
               error_set(error, ERROR_IO, "there is no store at %s: it is empty, and the first `dropfold run` fills it",
                         store->path);
    if (!store_check_writable(store, error) || !store_execute(store, STORE_SQL_WAL, error))
        return false;
    bool another = !empty && store->mode == STORE_WRITE && !digest_equal(&store->fingerprint, fingerprint);
    return (!empty && !another) || make_store(store, pipeline, empty, fingerprint, error);
}
