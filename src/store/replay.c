/*
 * Reading all of it back, and checking it on the way.
 *
 * Changes, files and chunks are three cursors that advance in step, each in the order it was written: no look-up, and
 * no row of the three that does not take part. The walk recomputes every checksum and every digest, so what it hands
 * out is what was committed. What it does not read (indexes, rejects, notes) is looked at by store_check.
 *
 * A forgotten file is known by its own row before the change that forgets it is reached, so its chunks are checked and
 * not handed out. That row is not covered by the digest of its change. So each change that forgets looks its file up
 * again (by then it was passed), and at the end there must be as many of the one as of the other: a mark that was set,
 * taken away or moved to another file is found. A retry's mark is held against that of its file. A change that replaces
 * has its marks found by an index, and they are in its digest.
 */
#include "store/store_internal.h"

#include <inttypes.h>

#include "base/text.h"

struct replay {
    struct store *store;
    const struct replay_visit *visit;
    struct query changes, files, chunks;
    struct digester digester;
    struct digest digest; /* of the change before */
    uint64_t sequence;
    int64_t committed;              /* when it was */
    uint64_t next_file, next_chunk; /* ids that come next */
    uint64_t forgotten, forgets;    /* files passed that are marked, changes passed that mark one */
    uint64_t rank;                  /* by which the rows of the file at hand rank */
    uint64_t hidden;                /* files passed that the history is told without */
    uint64_t rewritten;             /* the last of these changes */
};

/* "change 3, file Orders/a.csv: what" as an error. */
static bool damaged_file(const struct replay *r, const struct file_record *file, const char *what, struct error *error)
{
    char feed[128], name[512];
    return store_corrupt(r->store, error, "change %" PRIu64 ", file %s/%s: %s", r->sequence,
                         text_escape(file->feed, feed, sizeof feed), text_escape(file->name, name, sizeof name), what);
}

static bool damaged_change(const struct replay *r, const char *what, struct error *error)
{
    return store_corrupt(r->store, error, "change %" PRIu64 ": %s", r->sequence, what);
}

/* The visitor hears of no change after this one. */
static bool is_past(const struct replay *r)
{
    return r->visit->until > 0 && r->sequence > r->visit->until;
}

static bool is_hidden(const struct replay *r, const struct file_record *file)
{
    bool forgotten = file->forgotten && (r->visit->until == 0 || file->forgotten <= r->visit->until);
    return forgotten || r->rank == r->visit->without;
}

static bool replay_chunk(struct replay *r, const struct file_record *file, uint64_t ordinal, struct error *error)
{
    struct query *q = &r->chunks;
    bool row;
    if (!query_row(q, &row, error))
        return error_wrap(error, "change %" PRIu64, r->sequence);
    if (!row || query_u64_at(q, 0) != r->next_chunk)
        return damaged_file(r, file, "a chunk is missing", error);
    struct replay_chunk chunk = {.sequence = r->sequence,
                                 .file = file->id,
                                 .rank = r->rank,
                                 .ordinal = ordinal,
                                 .committed = r->committed,
                                 .feed = file->feed,
                                 .chunk = query_slice_at(q, 3)};
    uint64_t checksum = query_u64_at(q, 2);
    if (store_checksum(file->feed, r->sequence, ordinal, chunk.chunk) != checksum)
        return damaged_file(r, file, "a chunk fails its checksum", error);
    store_digest_chunk(&r->digester, checksum, query_u64_at(q, 1));
    r->next_chunk++;
    return is_past(r) || is_hidden(r, file) || !r->visit->chunk || r->visit->chunk(r->visit->context, &chunk, error);
}

/* The file at hand is a retry exactly when its change is one, and then forgotten exactly when its file is. */
static bool check_retry(struct replay *r, const struct file_record *file, struct store_retry *retry,
                        struct error *error)
{
    uint64_t forgotten;
    bool is_retry = query_u64_at(&r->changes, 1) == CHANGE_RETRY;
    r->rank = file->sequence;
    if (is_retry != (file->state == FILE_RETRIED))
        return damaged_file(r, file, "it is a retry, or its change is, and not both", error);
    if (!is_retry)
        return true;
    if (!store_retry_read(r->store, file->retry_of, retry, &forgotten, error))
        return error_wrap(error, "change %" PRIu64, r->sequence);
    if (retry->sequence >= r->sequence || file->forgotten != forgotten)
        return damaged_file(r, file, "it does not follow the file that it retried", error);
    r->rank = retry->sequence;
    return true;
}

static bool replay_file(struct replay *r, struct buckets *sum, struct error *error)
{
    struct file_record file;
    struct store_retry retry = {0};
    struct store_file_parts parts;
    bool row;
    if (!query_row(&r->files, &row, error))
        return error_wrap(error, "change %" PRIu64, r->sequence);
    if (!row)
        return damaged_change(r, "a file is missing", error);
    if (!store_file_read(&r->files, &file, &parts, error))
        return error_wrap(error, "change %" PRIu64, r->sequence);
    if (file.id < r->next_file || file.sequence != r->sequence)
        return damaged_change(r, "its files are not those it was committed with", error);
    if (!check_retry(r, &file, &retry, error))
        return false;
    if (parts.chunks > 0 && parts.first_chunk != r->next_chunk)
        return damaged_file(r, &file, "it has the chunks of another file", error);
    for (uint64_t i = 0; i < parts.chunks; i++)
        if (!replay_chunk(r, &file, i, error))
            return false;
    store_digest_file(&r->digester, &file);
    if (retry.file)
        store_digest_retry(&r->digester, &retry);
    r->forgotten += file.forgotten > 0 && !retry.file;
    if (is_hidden(r, &file))
        r->hidden++;
    else
        buckets_add(sum, &file.buckets);
    r->next_file = file.id + 1;
    return true;
}

/* The change forgets the file `id`: an earlier one that says so itself. */
static bool replay_forget(struct replay *r, uint64_t id, struct error *error)
{
    struct file_record file;
    struct query q;
    bool row;
    query_open(&q, r->store, STORE_SQL_GET_FILE);
    query_u64(&q, id);
    bool good = query_row(&q, &row, error);
    if (good && !row)
        good = damaged_change(r, "the file that it forgets is missing", error);
    good = good && store_file_read(&q, &file, NULL, error);
    if (good && (file.state != FILE_APPLIED || file.sequence >= r->sequence || file.forgotten != r->sequence))
        good = damaged_change(r, "it forgets a file that does not say so", error);
    if (good)
        store_digest_forget(&r->digester, &file);
    query_close(&q);
    r->forgets++;
    r->rewritten = r->sequence;
    return good;
}

/* The change replaces the files that say so: at least one. */
static bool replay_replaced(struct replay *r, struct digester *d, struct error *error)
{
    uint64_t count;
    if (!store_digest_replaced(r->store, d, r->sequence, &count, error))
        return false;
    r->forgets += count;
    r->rewritten = r->sequence;
    return count > 0 || damaged_change(r, "the file that it replaces does not say so", error);
}

/* The change closes windows, and has no files. */
static bool replay_close(struct replay *r, int64_t before, uint64_t files, struct error *error)
{
    if (files > 0)
        return damaged_change(r, "it closes windows, but has files", error);
    store_digest_close(&r->digester, before);
    return is_past(r) || !r->visit->close || r->visit->close(r->visit->context, r->sequence, before, error);
}

static bool end_change(struct replay *r, const struct buckets *sum, struct error *error)
{
    struct replay_end end = {.sequence = r->sequence, .buckets = *sum, .as_committed = r->hidden == 0};
    return is_past(r) || !r->visit->change_end || r->visit->change_end(r->visit->context, &end, error);
}

static bool replay_change(struct replay *r, struct error *error)
{
    struct query *q = &r->changes;
    struct buckets sum = {0};
    r->sequence++;
    if (!query_i64_at(q, 6))
        return damaged_change(r, "its row fails its checksum", error);
    if (query_u64_at(q, 0) != r->sequence)
        return damaged_change(r, "it is missing", error);
    if (!store_digest_begin(&r->digester, &r->digest, r->sequence, error))
        return false;
    r->committed = query_i64_at(q, 4);
    if (query_u64_at(q, 1) == CHANGE_FORGET && !replay_forget(r, query_u64_at(q, 2), error))
        return false;
    if (query_u64_at(q, 1) == CHANGE_CLOSE && !replay_close(r, query_i64_at(q, 2), query_u64_at(q, 3), error))
        return false;
    for (uint64_t i = 0; i < query_u64_at(q, 3); i++)
        if (!replay_file(r, &sum, error))
            return false;
    if (query_u64_at(q, 1) == CHANGE_REPLACE && !replay_replaced(r, &r->digester, error))
        return false;
    struct digest wanted = query_digest_at(q, 5);
    r->digest = digester_take(&r->digester);
    if (!digest_equal(&r->digest, &wanted))
        return damaged_change(r, "its digest does not follow from its files and the change before", error);
    return end_change(r, &sum, error);
}

/* The open change has no row yet and no digest, and is not told: only what it takes back is not told either. */
static bool replay_open_change(struct replay *r, struct error *error)
{
    r->sequence++;
    bool good = store_digest_begin(&r->digester, &r->digest, r->sequence, error) &&
                (r->store->forgetting ? replay_forget(r, r->store->forgetting, error)
                                      : replay_replaced(r, &r->digester, error));
    digester_close(&r->digester);
    return good;
}

/* Nothing may be left over, and the end must be where the store says it is. */
static bool check_end(struct replay *r, struct error *error)
{
    const struct progress *progress = &r->store->progress;
    bool file, chunk;
    if (!query_row(&r->files, &file, error) || !query_row(&r->chunks, &chunk, error))
        return false;
    if (chunk && r->store->replacing && r->next_chunk == r->store->kept_chunk + 1)
        chunk = query_u64_at(&r->chunks, 0) != r->next_chunk; /* else the first of the open file's */
    if (file || chunk)
        return store_corrupt(r->store, error, "behind change %" PRIu64 " there are %s of no change", r->sequence,
                             file ? "files" : "chunks");
    if (r->sequence != progress->sequence || !digest_equal(&r->digest, &progress->digest))
        return store_corrupt(r->store, error, "it ends at change %" PRIu64 " and not as it did when it was opened",
                             r->sequence);
    if (r->rewritten != r->store->rewritten)
        return store_corrupt(r->store, error, "its index of changes that forget a file does not end at change %" PRIu64,
                             r->rewritten);
    return true;
}

static bool check_forgotten(struct replay *r, struct error *error)
{
    return r->forgotten == r->forgets ||
           store_corrupt(r->store, error,
                         "%" PRIu64 " files are marked as forgotten, but %" PRIu64 " changes forget one", r->forgotten,
                         r->forgets);
}

static bool replay_all(struct replay *r, struct error *error)
{
    bool row;
    query_open(&r->changes, r->store, STORE_SQL_CHANGES);
    query_open(&r->files, r->store, STORE_SQL_CHANGE_FILES);
    query_open(&r->chunks, r->store, STORE_SQL_CHUNKS);
    bool good = query_row(&r->changes, &row, error);
    while (good && row)
        good = replay_change(r, error) && query_row(&r->changes, &row, error);
    good = good && check_end(r, error) && (!r->store->in_change || replay_open_change(r, error)) &&
           check_forgotten(r, error);
    query_close(&r->chunks);
    query_close(&r->files);
    query_close(&r->changes);
    return good;
}

bool store_replay(struct store *store, const struct replay_visit *visit, struct error *error)
{
    if (store->in_change && !store->forgetting && !store->replacing)
        return error_set(error, ERROR_BUG, "%s: a replay within a change", store->path);
    struct replay r = {.store = store, .visit = visit, .next_file = 1, .next_chunk = 1};
    bool good = store_read_begin(store, error);
    if (good) {
        /* A writer may have gone on since a reader opened. */
        good = (store->mode != STORE_READ || store_load_state(store, error)) &&
               store_digest_epoch(store->progress.epoch, &r.digest, error) && replay_all(&r, error);
        store_read_end(store);
    }
    digester_close(&r.digester);
    return good;
}
