/*
 * A change: one SQLite transaction from store_begin to store_commit.
 *
 * Ids of files, chunks and rejects are counted here and not by SQLite, so that a file's row can be written last, with
 * its buckets, and still name the chunks that were streamed before it. Each step makes sure of its room in the log
 * first (space.c) and only then writes; what fails after that loses the change.
 */
#include "store/store_internal.h"

#include <inttypes.h>
#include <string.h>

enum {
    CHANGE_PAGES = 64, /* of the change as such: its row, meta, and the splits of tree pages now and then */
    GROUPED_PAGES = 4, /* of one in a group, which has most of these pages already */
    CHUNK_PAGES = 4,   /* of the tree, beside the chunk's own */
    FILE_PAGES = 8,    /* a page of the table, of each index, of the undeclared columns, and some luck */
    FILE_BYTES = 512,  /* of a row beside its texts */
    REJECT_BYTES = 64,
    COMMIT_PAGES = 4,
    GROUP_PAGES = 8 /* of a group's commit, with its summary */
};

static bool bug(const struct store *store, struct error *error, const char *what)
{
    return error_set(error, ERROR_BUG, "%s: %s", store->path, what);
}

bool store_check_change(struct store *store, bool file_open, struct error *error)
{
    if (!store_check_writable(store, error))
        return false;
    if (!store->in_change)
        return bug(store, error, "no change is open");
    if (store->file.open != file_open)
        return bug(store, error, file_open ? "no file is open" : "a file is open");
    return true;
}

/* A change of it wrote and then failed for want of room: what it shared its transaction with is gone too. */
bool store_check_group(const struct store *store, struct error *error)
{
    return !store->undone ||
           error_set(error, ERROR_FULL, "%s: a change found no room, and all that shared a commit with it are undone",
                     store->path);
}

static uint64_t open_sequence(const struct store *store)
{
    return store->progress.sequence + 1;
}

static struct slice open_feed(const struct store *store)
{
    return (struct slice){store->file.feed, store->file.feed_len};
}

bool store_begin(struct store *store, struct error *error)
{
    if (!store_check_writable(store, error))
        return false;
    if (store->in_change || store->looks > 0)
        return bug(store, error, "a change or a read is open already");
    if (!store_check_group(store, error) ||
        !store_digest_begin(&store->digester, &store->progress.digest, open_sequence(store), error))
        return false;
    bool begun = store->in_group
                     ? store_space_add(store, 0, GROUPED_PAGES, error)
                     : store_space_begin(store, CHANGE_PAGES, error) && store_run(store, STORE_SQL_BEGIN, error);
    if (!begun) {
        digester_close(&store->digester);
        return false;
    }
    store->in_change = true;
    store->saved = false;
    store->marks = 0;
    store->kept_writes = sqlite3_total_changes64(store->db);
    store->kept_file = store->last_file;
    store->kept_chunk = store->last_chunk;
    store->kept_reject = store->last_reject;
    return true;
}

bool store_file_begin(struct store *store, struct slice feed, struct error *error)
{
    struct store_file *file = &store->file;
    if (!store_check_change(store, false, error))
        return false;
    bool takes_one = store->retrying.file && store->last_file > store->kept_file;
    if (store->forgetting || store->replacing || store->closing || takes_one)
        return bug(store, error,
                   "the change forgets, replaces or retries a file, or closes windows: it takes no other");
    if (feed.len > sizeof file->feed)
        return bug(store, error, "the name of a feed is too long");
    memcpy(file->feed, feed.data, feed.len);
    file->feed_len = feed.len;
    file->first_chunk = store->last_chunk + 1;
    file->first_reject = store->last_reject + 1;
    file->chunks = file->rejects = file->accepted = 0;
    file->open = true;
    return true;
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

static uint64_t bytes_of(const struct batch *batch)
{
    uint64_t bytes = batch->chunk.buf.len;
    for (size_t i = 0; i < batch->reject_count; i++) {
        const struct reject *reject = &batch->rejects[i];
        bytes += reject->field.len + reject->reason.len + reject->raw.len + REJECT_BYTES;
    }
    return bytes;
}

static bool put_chunk(struct store *store, const struct chunk_writer *chunk, struct error *error)
{
    struct store_file *file = &store->file;
    struct slice bytes = buf_slice(&chunk->buf);
    uint64_t checksum = store_checksum(open_feed(store), open_sequence(store), file->chunks, bytes);
    struct query q;
    query_open(&q, store, STORE_SQL_PUT_CHUNK);
    query_u64(&q, store->last_chunk + 1);
    query_u64(&q, chunk->rows);
    query_u64(&q, checksum);
    query_blob(&q, bytes);
    if (!query_run(&q, error))
        return false;
    store->last_chunk++;
    file->chunks++;
    file->accepted += chunk->rows;
    store_digest_chunk(&store->digester, checksum, chunk->rows);
    return true;
}

static bool put_reject(struct store *store, const struct reject *reject, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_PUT_REJECT);
    query_u64(&q, store->last_reject + 1);
    query_u64(&q, reject->row);
    query_u64(&q, reject->line);
    query_u64(&q, reject->column);
    query_blob(&q, reject->field);
    query_blob(&q, reject->reason);
    query_blob(&q, reject->raw);
    if (!query_run(&q, error))
        return false;
    store->last_reject++;
    store->file.rejects++;
    return true;
}

bool store_put_batch(struct store *store, const struct batch *batch, struct error *error)
{
    if (!store_check_change(store, true, error))
        return false;
    if (batch->chunk.buf.failed)
        return bug(store, error, "a batch ran out of memory");
    if (!store_space_add(store, bytes_of(batch), CHUNK_PAGES, error))
        return false;
    if (batch->chunk.rows > 0 && !put_chunk(store, &batch->chunk, error))
        return false;
    for (size_t i = 0; i < batch->reject_count; i++)
        if (!put_reject(store, &batch->rejects[i], error))
            return false;
    return true;
}

bool store_file_chunks(struct store *store, store_chunk_visit visit, void *context, struct error *error)
{
    if (!store_check_change(store, true, error))
        return false;
    struct query q;
    bool row = true, good = true;
    uint64_t count = 0;
    query_open(&q, store, STORE_SQL_FILE_CHUNKS);
    query_u64(&q, store->file.first_chunk);
    while ((good = query_row(&q, &row, error)) && row && (good = visit(context, query_slice_at(&q, 0), error)))
        count++;
    query_close(&q);
    if (good && count != store->file.chunks)
        return store_corrupt(store, error, "chunks of the open change are gone");
    return good;
}

static uint64_t record_bytes(const struct file_record *file)
{
    uint64_t bytes = FILE_BYTES + 3 * (file->feed.len + file->name.len) + 2 * file->stored.len + file->reason.len;
    for (size_t i = 0; i < file->unknown_count; i++)
        bytes += file->unknown[i].len + REJECT_BYTES;
    return bytes;
}

static bool make_room(struct store *store, struct batch *const *batches, size_t count, const struct file_record *file,
                      uint64_t pages, struct error *error)
{
    uint64_t bytes = record_bytes(file);
    for (size_t i = 0; i < count; i++) {
        bytes += bytes_of(batches[i]);
        pages += CHUNK_PAGES;
    }
    return store_space_ahead(store, bytes, pages + FILE_PAGES + COMMIT_PAGES, error);
}

bool store_reserve(struct store *store, struct batch *const *batches, size_t count, const struct file_record *file,
                   uint64_t marks, struct error *error)
{
    return store_check_change(store, true, error) &&
           make_room(store, batches, count, file, store_mark_pages(store, marks), error);
}

bool store_group_takes(struct store *store, struct batch *const *batches, size_t count, const struct file_record *file)
{
    struct error full;
    return make_room(store, batches, count, file, GROUPED_PAGES, &full);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Promise 2: every row read is in exactly one bucket, and kept in a chunk or as a reject. */
static bool check_counts(const struct store *store, const struct file_record *file, struct error *error)
{
    const struct store_file *open = &store->file;
    if (buckets_total(&file->buckets) != file->rows)
        return error_set(error, ERROR_BUG, "%s: the buckets of a file hold %" PRIu64 " rows, but %" PRIu64 " were read",
                         store->path, buckets_total(&file->buckets), file->rows);
    if (open->rejects != file->buckets.rejected || open->accepted + open->rejects != file->rows)
        return error_set(error, ERROR_BUG,
                         "%s: %" PRIu64 " accepted and %" PRIu64 " rejected rows of a file were put, but %" PRIu64
                         " read",
                         store->path, open->accepted, open->rejects, file->rows);
    return true;
}

bool store_file_end(struct store *store, const struct file_record *file, struct error *error)
{
    struct store_file *open = &store->file;
    if (!store_check_change(store, true, error) || !check_counts(store, file, error))
        return false;
    if (file->state != (store->retrying.file ? FILE_RETRIED : FILE_APPLIED) ||
        !slice_equal(file->feed, open_feed(store)))
        return bug(store, error, "a file ends as another than it began");
    if (!store_space_add(store, record_bytes(file), FILE_PAGES, error))
        return false;
    struct file_record row = *file;
    struct store_file_parts parts = {.first_chunk = open->first_chunk,
                                     .chunks = open->chunks,
                                     .first_reject = open->first_reject,
                                     .rejects = open->rejects};
    row.id = store->last_file + 1;
    row.sequence = open_sequence(store);
    row.retry_of = store->retrying.file;
    if (!store_unknown_set(store, file, &parts.unknown, error) || !store_file_write(store, &row, &parts, error))
        return false;
    store_digest_file(&store->digester, &row);
    if (store->retrying.file)
        store_digest_retry(&store->digester, &store->retrying);
    store->last_file++;
    open->open = false;
    return true;
}

static bool is_empty(const struct store *store)
{
    return store->last_file == store->kept_file && !store->forgetting && !store->closing;
}

bool store_close_windows(struct store *store, int64_t before, struct error *error)
{
    if (!store_check_change(store, false, error))
        return false;
    if (!is_empty(store) || store->retrying.file || store->replacing)
        return bug(store, error, "a change that closes windows does nothing else");
    store_digest_close(&store->digester, before);
    store->closing = true;
    store->before = before;
    return true;
}

static enum store_change_kind kind_of(const struct store *store)
{
    if (store->closing)
        return CHANGE_CLOSE;
    if (store->retrying.file)
        return CHANGE_RETRY;
    return store->forgetting ? CHANGE_FORGET : store->replacing ? CHANGE_REPLACE : CHANGE_FILE;
}

/* What its row has in place of the first file. */
static uint64_t subject_of(const struct store *store)
{
    if (store->closing)
        return (uint64_t)store->before;
    return store->forgetting ? store->forgetting : store->kept_file + 1;
}

static bool put_change(struct store *store, const struct digest *digest, int64_t now, struct error *error)
{
    struct query q;
    query_open(&q, store, STORE_SQL_PUT_CHANGE);
    query_u64(&q, open_sequence(store));
    query_u64(&q, kind_of(store));
    query_u64(&q, subject_of(store));
    query_u64(&q, store->last_file - store->kept_file);
    query_i64(&q, now);
    query_digest(&q, digest);
    return query_run(&q, error);
}

static bool end_transaction(struct store *store, struct slice summary, struct error *error)
{
    return store_space_stands(store, error) && store_put_meta(store, "summary", summary, error) &&
           store_run(store, STORE_SQL_COMMIT, error);
}

/* Of a group: nothing undoes it alone any more. */
static bool keep(struct store *store, struct error *error)
{
    return !store->saved || store_run(store, STORE_SQL_RELEASE, error);
}

bool store_commit(struct store *store, struct slice summary, int64_t now, struct error *error)
{
    if (!store_check_change(store, false, error))
        return false;
    if (is_empty(store))
        return bug(store, error, "a change without a file");
    uint64_t replaced;
    if (!store_space_add(store, summary.len, COMMIT_PAGES, error) ||
        (store->replacing && !store_digest_replaced(store, &store->digester, open_sequence(store), &replaced, error)))
        return false;
    struct digest digest = digester_take(&store->digester);
    if (!put_change(store, &digest, now, error) ||
        !(store->in_group ? keep(store, error) : end_transaction(store, summary, error)))
        return false;
    store->progress.sequence++;
    store->progress.digest = digest;
    if (store->forgetting || store->replacing)
        store->rewritten = store->progress.sequence;
    store->forgetting = store->replacing = 0;
    store->retrying = (struct store_retry){0};
    store->closing = false;
    store->in_change = false;
    if (!store->in_group)
        store_space_end(store);
    return true;
}

static void forget_group(struct store *store)
{
    const struct store_group *before = &store->before_group;
    store->progress = before->progress;
    store->rewritten = before->rewritten;
    store->last_file = before->file;
    store->last_chunk = before->chunk;
    store->last_reject = before->reject;
}

/* Takes back what the open change wrote, and all else that its transaction has where that cannot be told apart. */
static void undo(struct store *store)
{
    bool wrote = sqlite3_total_changes64(store->db) != store->kept_writes;
    if (sqlite3_get_autocommit(store->db)) /* SQLite may have done so by itself */
        store->undone = store->in_group;
    else if (store->saved) /* where that fails the store is lost, and commits no group */
        (void)!(store_run(store, STORE_SQL_UNDO, NULL) && store_run(store, STORE_SQL_RELEASE, NULL));
    else if (!store->in_group || wrote) {
        (void)!store_run(store, STORE_SQL_ROLLBACK, NULL);
        store->undone = store->in_group;
    }
}

void store_rollback(struct store *store)
{
    if (!store->in_change)
        return;
    undo(store);
    digester_close(&store->digester);
    store->in_change = store->file.open = false;
    store->forgetting = store->replacing = 0;
    store->retrying = (struct store_retry){0};
    store->closing = false;
    store->last_file = store->kept_file;
    store->last_chunk = store->kept_chunk;
    store->last_reject = store->kept_reject;
    if (store->undone)
        forget_group(store);
    if (!store->in_group)
        store_space_end(store);
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

bool store_group_begin(struct store *store, struct error *error)
{
    if (!store_check_writable(store, error))
        return false;
    if (store_is_writing(store) || store->looks > 0)
        return bug(store, error, "a change, a group or a read is open already");
    /* With the room of its commit: its files may take all else there is, and one more lack would undo them all. */
    if (!store_space_begin(store, CHANGE_PAGES + GROUP_PAGES, error) || !store_run(store, STORE_SQL_BEGIN, error))
        return false;
    store->in_group = true;
    store->before_group = (struct store_group){.progress = store->progress,
                                               .rewritten = store->rewritten,
                                               .file = store->last_file,
                                               .chunk = store->last_chunk,
                                               .reject = store->last_reject};
    return true;
}

bool store_group_commit(struct store *store, struct slice summary, struct error *error)
{
    if (!store_check_writable(store, error))
        return false;
    if (!store->in_group || store->in_change)
        return bug(store, error, "no group is open, or a change within it");
    if (!store_check_group(store, error))
        return false;
    uint64_t pages = COMMIT_PAGES + summary.len / store->page + 1;
    if ((pages > GROUP_PAGES && !store_space_add(store, 0, pages - GROUP_PAGES, error)) ||
        !end_transaction(store, summary, error))
        return false;
    store->in_group = false;
    store_space_end(store);
    return true;
}

void store_group_rollback(struct store *store)
{
    if (!store->in_group)
        return;
    store_rollback(store);
    if (!sqlite3_get_autocommit(store->db))
        (void)!store_run(store, STORE_SQL_ROLLBACK, NULL);
    store->in_group = store->undone = false;
    forget_group(store);
    store_space_end(store);
}
