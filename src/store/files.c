/*
 * The ledger of files: its rows, the questions that each new candidate asks, and notes about files that are no change.
 *
 * Each question costs one descent of an index, however many files there are and however often a name or a content came.
 */
#include "store/store_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    NOTE_PAGES = 8,     /* a change of one row */
    ROWS_OF_A_PAGE = 8, /* of the ledger, at the least */
    MARK_PAGES = 2      /* that one file's mark may write; no index has it */
};

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void bind_buckets(struct query *q, const struct buckets *buckets)
{
    query_u64(q, buckets->applied);
    query_u64(q, buckets->unchanged);
    query_u64(q, buckets->superseded);
    query_u64(q, buckets->filtered);
    query_u64(q, buckets->deleted);
    query_u64(q, buckets->late);
    query_u64(q, buckets->rejected);
}

bool store_file_write(struct store *store, const struct file_record *file, const struct store_file_parts *parts,
                      struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_PUT_FILE);
    query_u64(&q, file->id);
    query_u64(&q, file->sequence);
    query_u64(&q, file->state);
    query_blob(&q, file->feed);
    query_blob(&q, file->name);
    query_u64(&q, file->size);
    query_u64(&q, file->device);
    query_u64(&q, file->inode);
    query_i64(&q, file->mtime_ns);
    query_i64(&q, file->ctime_ns);
    query_digest(&q, &file->content);
    query_u64(&q, file->version);
    query_digest(&q, &file->descriptor);
    query_u64(&q, file->rows);
    bind_buckets(&q, &file->buckets);
    query_u64(&q, parts->first_chunk);
    query_u64(&q, parts->chunks);
    query_u64(&q, parts->first_reject);
    query_u64(&q, parts->rejects);
    query_i64(&q, parts->unknown);
    query_i64(&q, parts->noted);
    query_u64(&q, file->retry_of);
    query_blob(&q, file->reason);
    query_u64(&q, file->replaced);
    query_u64(&q, file->forgotten);
    query_blob(&q, file->stored);
    return query_run(&q, error);
}

void store_buckets_read(struct query *q, int first, struct buckets *buckets)
{
    buckets->applied = query_u64_at(q, first);
    buckets->unchanged = query_u64_at(q, first + 1);
    buckets->superseded = query_u64_at(q, first + 2);
    buckets->filtered = query_u64_at(q, first + 3);
    buckets->deleted = query_u64_at(q, first + 4);
    buckets->late = query_u64_at(q, first + 5);
    buckets->rejected = query_u64_at(q, first + 6);
}

static void read_parts(struct query *q, struct store_file_parts *parts)
{
    parts->first_chunk = query_u64_at(q, STORE_FILE_FIRST_CHUNK);
    parts->chunks = query_u64_at(q, STORE_FILE_CHUNKS);
    parts->first_reject = query_u64_at(q, STORE_FILE_FIRST_REJECT);
    parts->rejects = query_u64_at(q, STORE_FILE_REJECTS);
    parts->unknown = query_i64_at(q, STORE_FILE_UNKNOWN);
    parts->noted = query_i64_at(q, STORE_FILE_NOTED);
}

bool store_corrupt_file(const struct store *store, uint64_t id, struct error *error)
{
    return store_corrupt(store, error, "the ledger's row of file %" PRIu64 " fails its checksum", id);
}

bool store_file_read(struct query *q, struct file_record *file, struct store_file_parts *parts, struct error *error)
{
    uint64_t state = query_u64_at(q, STORE_FILE_STATE);
    *file = (struct file_record){
        .id = query_u64_at(q, STORE_FILE_ID),
        .sequence = query_u64_at(q, STORE_FILE_SEQUENCE),
        .feed = query_slice_at(q, STORE_FILE_FEED),
        .name = query_slice_at(q, STORE_FILE_NAME),
        .size = query_u64_at(q, STORE_FILE_SIZE),
        .device = query_u64_at(q, STORE_FILE_DEVICE),
        .inode = query_u64_at(q, STORE_FILE_INODE),
        .mtime_ns = query_i64_at(q, STORE_FILE_MTIME),
        .ctime_ns = query_i64_at(q, STORE_FILE_CTIME),
        .content = query_digest_at(q, STORE_FILE_CONTENT),
        .version = (uint32_t)query_u64_at(q, STORE_FILE_VERSION),
        .descriptor = query_digest_at(q, STORE_FILE_DESCRIPTOR),
        .rows = query_u64_at(q, STORE_FILE_ROWS),
        .retry_of = query_u64_at(q, STORE_FILE_RETRY_OF),
        .replaced = query_u64_at(q, STORE_FILE_REPLACED) != 0,
        .forgotten = query_u64_at(q, STORE_FILE_FORGOTTEN),
        .stored = query_slice_at(q, STORE_FILE_STORED),
        .reason = query_slice_at(q, STORE_FILE_REASON),
    };
    if (!query_i64_at(q, STORE_FILE_WHOLE) || state > FILE_RETRIED)
        return store_corrupt_file(q->store, file->id, error);
    file->state = (enum file_state)state;
    store_buckets_read(q, STORE_FILE_APPLIED, &file->buckets);
    if (parts)
        read_parts(q, parts);
    return true;
}

/* --- undeclared columns ------------------------------------------------------------------------------------------- */

/* A set's name: the first eight bytes of the SHA-256 over the feed and its names, each with its length, and how many
   names, as a number, the greatest first. Never 0. (In older stores it was over the names alone, so that two feeds
   could share a set; those stay, and a file of today comes to another one.) */
static bool name_set(const struct file_record *file, int64_t *set, struct error *error)
{
    struct digester d;
    if (!digester_init(&d, error))
        return false;
    digester_add_text(&d, file->feed);
    for (size_t i = 0; i < file->unknown_count; i++)
        digester_add_text(&d, file->unknown[i]);
    digester_add_u64(&d, file->unknown_count);
    struct digest digest = digester_take(&d);
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | digest.bytes[i];
    *set = number == 0 ? 1 : (int64_t)number;
    return true;
}

static bool put_set(struct store *store, const struct file_record *file, int64_t set, struct error *error)
{
    for (size_t i = 0; i < file->unknown_count; i++) {
        struct query q;
        query_open(&q, store, STORE_SQL_PUT_UNKNOWN);
        query_i64(&q, set);
        query_u64(&q, i);
        query_blob(&q, file->unknown[i]);
        if (!query_run(&q, error))
            return false;
    }
    return true;
}

bool store_unknown_set(struct store *store, const struct file_record *file, int64_t *set, struct error *error)
{
    bool there = false;
    *set = 0;
    store->columns_new = false;
    if (file->unknown_count == 0)
        return true;
    if (!name_set(file, set, error))
        return false;
    struct query q;
    query_open(&q, store, STORE_SQL_HAS_UNKNOWN);
    query_i64(&q, *set);
    bool ok = query_exists(&q, &there, error) && (there || put_set(store, file, *set, error));
    store->columns_new = ok && !there;
    return ok;
}

bool store_columns_new(const struct store *store)
{
    return store->columns_new;
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

/* The newest applied file of this content, and where it is `named` of this name, unless it was replaced since. */
static bool find_original(struct store *store, const struct file_record *file, bool named,
                          struct store_original *original, struct error *error)
{
    struct query q;
    bool row;
    *original = (struct store_original){0};
    query_open(&q, store, named ? STORE_SQL_SAME_CONTENT_AND_NAME : STORE_SQL_SAME_CONTENT);
    query_blob(&q, file->feed);
    query_digest(&q, &file->content);
    if (named)
        query_blob(&q, file->name);
    bool good = query_row(&q, &row, error);
    if (good && row && !query_i64_at(&q, 4)) {
        good = store_corrupt_file(store, query_u64_at(&q, 0), error);
    } else if (good && row && !query_i64_at(&q, 3)) {
        struct slice name = query_slice_at(&q, 2);
        original->id = query_u64_at(&q, 0);
        original->sequence = query_u64_at(&q, 1);
        snprintf(original->name, sizeof original->name, "%.*s", (int)name.len, name.data);
    }
    query_close(&q);
    return good;
}

bool store_find_duplicate(struct store *store, const struct file_record *file, bool named,
                          struct store_original *original, struct error *error)
{
    bool newer = false;
    if (!find_original(store, file, named, original, error))
        return false;
    if (original->id == 0)
        return true;
    struct query q;
    query_open(&q, store, STORE_SQL_NEWER_AT_NAME);
    query_blob(&q, file->feed);
    query_blob(&q, file->name);
    query_u64(&q, original->id);
    if (!query_exists(&q, &newer, error))
        return false;
    if (newer)
        original->id = 0;
    return true;
}

bool store_knows(struct store *store, const struct file_record *file, bool *known, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_KNOWN);
    query_i64(&q, file->mtime_ns);
    query_u64(&q, file->inode);
    query_i64(&q, file->ctime_ns);
    query_u64(&q, file->size);
    query_blob(&q, file->name);
    query_blob(&q, file->feed);
    return query_exists(&q, known, error);
}

bool store_dealt_with(struct store *store, const struct file_record *file, bool any_ctime, struct store_dealt *dealt,
                      struct error *error)
{
    struct query q;
    dealt->stored[0] = '\0';
    query_open(&q, store, STORE_SQL_DEALT_WITH);
    query_i64(&q, file->mtime_ns);
    query_u64(&q, file->inode);
    query_u64(&q, file->size);
    query_blob(&q, file->name);
    query_blob(&q, file->feed);
    query_digest(&q, &file->content);
    query_i64(&q, file->ctime_ns);
    query_i64(&q, any_ctime);
    bool good = query_row(&q, &dealt->found, error);
    if (good && dealt->found) {
        struct slice stored = query_slice_at(&q, 1);
        dealt->sequence = query_u64_at(&q, 0);
        snprintf(dealt->stored, sizeof dealt->stored, "%.*s", (int)stored.len, stored.data);
    }
    query_close(&q);
    return good;
}

bool store_has_stored(struct store *store, struct slice stored, bool *found, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_STORED);
    query_blob(&q, stored);
    return query_exists(&q, found, error);
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

/* A transaction of its own, unless a change or a group is open: then the note is part of that. */
static bool note_begin(struct store *store, struct error *error)
{
    if (!store_check_writable(store, error))
        return false;
    if (store_is_writing(store))
        return store_check_group(store, error) && store_space_add(store, 0, NOTE_PAGES, error);
    return store_space_begin(store, NOTE_PAGES, error) && store_run(store, STORE_SQL_BEGIN, error);
}

static bool note_end(struct store *store, bool good, struct error *error)
{
    if (store_is_writing(store))
        return good;
    if (good && store_run(store, STORE_SQL_COMMIT, error))
        return true;
    if (!sqlite3_get_autocommit(store->db))
        (void)!store_run(store, STORE_SQL_ROLLBACK, NULL);
    return false;
}

bool store_note_file(struct store *store, const struct file_record *file, int64_t now, struct error *error)
{
    if (store->in_change || file->state == FILE_APPLIED || file->state == FILE_RETRIED)
        return error_set(error, ERROR_BUG, "%s: an applied file, or one within a change, is not noted", store->path);
    if (!note_begin(store, error))
        return false;
    struct file_record row = *file;
    struct store_file_parts parts = {.noted = now};
    row.id = store->last_file + 1;
    bool good = store_file_write(store, &row, &parts, error);
    if (!note_end(store, good, error))
        return false;
    store->last_file++;
    return true;
}

bool store_note_delivered(struct store *store, const struct store_delivered *delivered, struct error *error)
{
    char at[32], number[32], nulls[32];
    snprintf(number, sizeof number, "%" PRIu64, delivered->sequence);
    snprintf(nulls, sizeof nulls, "%" PRIu64, delivered->overflows);
    snprintf(at, sizeof at, "%" PRId64, delivered->at);
    if (!note_begin(store, error))
        return false;
    bool good = store_put_meta(store, "delivered_target", delivered->target, error) &&
                store_put_meta(store, "delivered_sequence", slice_of(number), error) &&
                store_put_meta(store, "delivered_overflows", slice_of(nulls), error) &&
                store_put_meta(store, "delivered_at", slice_of(at), error);
    return note_end(store, good, error);
}

bool store_note_contract(struct store *store, struct slice shape, struct slice reading, struct error *error)
{
    if (!note_begin(store, error))
        return false;
    bool good = store_space_add(store, shape.len + reading.len, NOTE_PAGES, error) &&
                store_put_meta(store, "shape", shape, error) && store_put_meta(store, "reading", reading, error);
    return note_end(store, good, error);
}

bool store_contract(struct store *store, struct buf *shape, struct buf *reading, struct error *error)
{
    bool found;
    if (!store_read_begin(store, error))
        return false;
    bool good = store_get_meta(store, "shape", shape, &found, error) &&
                store_get_meta(store, "reading", reading, &found, error);
    store_read_end(store);
    return good;
}

/* The ids of a change's files: *first up to, but not including, *end. */
static bool files_of_change(struct store *store, uint64_t sequence, uint64_t *first, uint64_t *end, struct error *error)
{
    if (store->in_change && sequence == store->progress.sequence + 1) {
        *first = store->kept_file + 1;
        *end = store->last_file + 1;
        return true;
    }
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_GET_CHANGE);
    query_u64(&q, sequence);
    bool good = query_row(&q, &row, error);
    if (good && (!row || !query_i64_at(&q, 3)))
        good = store_corrupt(store, error, "change %" PRIu64 " is gone or fails its checksum", sequence);
    if (good) {
        *first = query_u64_at(&q, 0);
        *end = *first + query_u64_at(&q, 1);
    }
    query_close(&q);
    return good;
}

uint64_t store_mark_pages(const struct store *store, uint64_t files)
{
    uint64_t all = store->last_file / ROWS_OF_A_PAGE + MARK_PAGES, pages = files * MARK_PAGES;
    return pages < all ? pages : all;
}

/* Of a change: what these take beside those it has marked before. */
static bool mark_space(struct store *store, uint64_t files, struct error *error)
{
    uint64_t before = store_mark_pages(store, store->marks);
    if (!store_space_add(store, 0, store_mark_pages(store, store->marks + files) - before, error))
        return false;
    store->marks += files;
    return true;
}

bool store_mark_replaced(struct store *store, struct slice feed, uint64_t sequence, struct error *error)
{
    uint64_t first, end;
    if (!store_check_writable(store, error) || !files_of_change(store, sequence, &first, &end, error) ||
        (store->in_change && !mark_space(store, end - first, error)))
        return false;
    struct query q;
    query_open(&q, store, STORE_SQL_MARK_REPLACED);
    query_u64(&q, first);
    query_u64(&q, end);
    query_blob(&q, feed);
    return query_run(&q, error);
}
