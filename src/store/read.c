/*
 * What the looking commands ask: files, rejects, sums, undeclared columns.
 *
 * Each walk is one read transaction, so that it shows one moment even beside a writer. Sums go over the whole ledger:
 * they are for people, not for the path of a file.
 */
#include "store/store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNKNOWN_BYTES_MAX = 16 * 1024 * 1024, /* names of one set of undeclared columns */
    META_TEXT_MAX = 4096
};

/* --- files -------------------------------------------------------------------------------------------------------- */

/* The set of undeclared columns read last: most files of a feed share one. */
struct unknown_set {
    int64_t id;
    struct arena arena;
    struct slice *names;
    size_t count;
};

static bool add_unknown(struct unknown_set *set, struct slice name, struct error *error)
{
    struct slice copy = arena_copy(&set->arena, name);
    if (!copy.data)
        return error_memory(error);
    set->names[set->count++] = copy;
    return true;
}

static bool load_unknown(struct store *store, int64_t id, struct unknown_set *set, struct error *error)
{
    arena_reset(&set->arena);
    set->id = id;
    set->count = 0;
    set->names = arena_array(&set->arena, FILE_UNKNOWN_COLUMNS_MAX, sizeof *set->names);
    if (!set->names)
        return error_memory(error);
    struct query q;
    bool row = true, good = true;
    query_open(&q, store, STORE_SQL_GET_UNKNOWN);
    query_i64(&q, id);
    while ((good = query_row(&q, &row, error)) && row && set->count < FILE_UNKNOWN_COLUMNS_MAX) {
        good = query_i64_at(&q, 1) ? add_unknown(set, query_slice_at(&q, 0), error)
                                   : store_corrupt(store, error, "the name of an undeclared column fails its checksum");
        if (!good)
            break;
    }
    query_close(&q);
    return good;
}

static bool read_file(struct query *q, struct unknown_set *set, struct file_record *file, struct error *error)
{
    struct store_file_parts parts;
    if (!store_file_read(q, file, &parts, error))
        return false;
    if (parts.unknown != set->id && !load_unknown(q->store, parts.unknown, set, error))
        return false;
    file->unknown = set->names;
    file->unknown_count = set->count;
    file->committed = query_i64_at(q, STORE_FILE_COMMITTED);
    file->succeeded = query_i64_at(q, STORE_FILE_TAKEN_BY) == CHANGE_REPLACE;
    return true;
}

bool store_each_file(struct store *store, bool (*visit)(void *context, const struct file_record *file), void *context,
                     struct error *error)
{
    if (!store_read_begin(store, error))
        return false;
    struct unknown_set set = {.id = 0};
    struct file_record file;
    struct query q;
    bool row = true, good = true;
    arena_init(&set.arena, UNKNOWN_BYTES_MAX);
    query_open(&q, store, STORE_SQL_FILES);
    while ((good = query_row(&q, &row, error)) && row) {
        good = read_file(&q, &set, &file, error);
        if (!good || !visit(context, &file))
            break;
    }
    query_close(&q);
    arena_close(&set.arena);
    store_read_end(store);
    return good;
}

/* --- rejects ------------------------------------------------------------------------------------------------------ */

typedef bool (*reject_visit)(void *context, const struct reject_record *reject);

/* Whether `wanted` is the file's name, bare or behind its feed, or nothing. */
bool store_names_file(struct slice wanted, struct slice feed, struct slice name)
{
    if (wanted.len == 0 || slice_equal(wanted, name))
        return true;
    if (wanted.len != feed.len + 1 + name.len || !slice_starts_with(wanted, feed) || wanted.data[feed.len] != '/')
        return false;
    return slice_ends_with(wanted, name);
}

void store_reject_read(struct query *q, struct reject *reject)
{
    reject->row = query_u64_at(q, 1);
    reject->line = query_u64_at(q, 2);
    reject->column = (uint32_t)query_u64_at(q, 3);
    reject->field = query_slice_at(q, 4);
    reject->reason = query_slice_at(q, 5);
    reject->raw = query_slice_at(q, 6);
}

/* The rejects of the file that `files` is at; *more turns false when the visitor has seen enough. */
static bool visit_rejects(struct query *files, reject_visit visit, void *context, bool *more, struct error *error)
{
    struct reject_record record = {.feed = query_slice_at(files, 1),
                                   .name = query_slice_at(files, 2),
                                   .sequence = query_u64_at(files, 3),
                                   .retried = query_u64_at(files, 7)};
    uint64_t id = query_u64_at(files, 0), first = query_u64_at(files, 4), count = query_u64_at(files, 5), seen = 0;
    struct query q;
    bool row = true, good = true;
    query_open(&q, files->store, STORE_SQL_FILE_REJECTS);
    query_u64(&q, first);
    query_u64(&q, first + count);
    while (*more && (good = query_row(&q, &row, error)) && row && query_i64_at(&q, 7)) {
        store_reject_read(&q, &record.reject);
        *more = visit(context, &record);
        seen++;
    }
    query_close(&q);
    if (good && *more && seen != count)
        return store_corrupt(files->store, error, "a rejected row of file %" PRIu64 " is gone or fails its checksum",
                             id);
    return good;
}

/* Those of the files that `files` has, if they are called so. */
static bool visit_rejected(struct query *files, struct slice name, reject_visit visit, void *context,
                           struct error *error)
{
    bool row = true, good = true, more = true;
    while (more && (good = query_row(files, &row, error)) && row) {
        if (!query_i64_at(files, 6))
            good = store_corrupt_file(files->store, query_u64_at(files, 0), error);
        else if (store_names_file(name, query_slice_at(files, 1), query_slice_at(files, 2)))
            good = visit_rejects(files, visit, context, &more, error);
        if (!good)
            break;
    }
    query_close(files);
    return good;
}

bool store_each_reject(struct store *store, struct slice name, reject_visit visit, void *context, struct error *error)
{
    struct query q;
    if (!store_read_begin(store, error))
        return false;
    query_open(&q, store, STORE_SQL_REJECTED_FILES);
    bool good = visit_rejected(&q, name, visit, context, error);
    store_read_end(store);
    return good;
}

bool store_each_reject_of(struct store *store, uint64_t id, reject_visit visit, void *context, struct error *error)
{
    struct query q;
    if (!store_read_begin(store, error))
        return false;
    query_open(&q, store, STORE_SQL_REJECTED_FILE);
    query_u64(&q, id);
    bool good = visit_rejected(&q, SLICE(""), visit, context, error);
    store_read_end(store);
    return good;
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

static void read_feed(struct query *q, struct feed_summary *feed)
{
    feed->feed = query_slice_at(q, 0);
    for (int i = 0; i < 3; i++)
        feed->files[i] = query_u64_at(q, 1 + i);
    store_buckets_read(q, 4, &feed->buckets);
    feed->rows = query_u64_at(q, 11);
    feed->forgotten = query_u64_at(q, 12);
    feed->succeeded = query_u64_at(q, 13);
}

bool store_each_feed(struct store *store, bool (*visit)(void *context, const struct feed_summary *feed), void *context,
                     struct error *error)
{
    struct feed_summary feed;
    struct query q;
    bool row = true, good = true;
    query_open(&q, store, STORE_SQL_FEEDS);
    while ((good = query_row(&q, &row, error)) && row) {
        read_feed(&q, &feed);
        if (!visit(context, &feed))
            break;
    }
    query_close(&q);
    return good;
}

static bool add_feed(void *context, const struct feed_summary *feed)
{
    struct store_summary *summary = context;
    for (size_t i = 0; i < COUNT_OF(summary->files); i++)
        summary->files[i] += feed->files[i];
    summary->forgotten += feed->forgotten;
    summary->succeeded += feed->succeeded;
    buckets_add(&summary->buckets, &feed->buckets);
    /* store_file_end lets no file in whose rejects are not all kept. */
    summary->rejects += feed->buckets.rejected;
    return true;
}

/* Text of meta as a C string, cut to `size`; "" when there is none. */
static bool get_text(struct store *store, const char *key, char *out, size_t size, struct error *error)
{
    struct buf value;
    bool found = false;
    buf_init(&value, META_TEXT_MAX);
    bool good = store_get_meta(store, key, &value, &found, error);
    snprintf(out, size, "%.*s", good && found ? (int)value.len : 0, value.data ? value.data : "");
    buf_close(&value);
    return good;
}

static bool read_delivered(struct store *store, struct store_summary *summary, struct error *error)
{
    char at[32], number[32], overflows[32];
    if (!get_text(store, "delivered_target", summary->delivered_target, sizeof summary->delivered_target, error) ||
        !get_text(store, "delivered_sequence", number, sizeof number, error) ||
        !get_text(store, "delivered_overflows", overflows, sizeof overflows, error) ||
        !get_text(store, "delivered_at", at, sizeof at, error))
        return false;
    summary->delivered_sequence = strtoull(number, NULL, 10);
    summary->delivered_overflows = strtoull(overflows, NULL, 10);
    summary->delivered_at = strtoll(at, NULL, 10);
    return true;
}

static bool read_committed(struct store *store, int64_t *committed, struct error *error)
{
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_LAST_CHANGE);
    bool good = query_row(&q, &row, error);
    if (good && row)
        *committed = query_i64_at(&q, 3);
    query_close(&q);
    return good;
}

bool store_summary(struct store *store, struct store_summary *summary, struct error *error)
{
    *summary = (struct store_summary){0};
    if (!store_read_begin(store, error))
        return false;
    bool good = store_each_feed(store, add_feed, summary, error) && read_delivered(store, summary, error) &&
                read_committed(store, &summary->committed_at, error);
    store_read_end(store);
    return good;
}

bool store_summary_text(struct store *store, struct buf *out, struct error *error)
{
    bool found;
    return store_get_meta(store, "summary", out, &found, error);
}

bool store_each_unknown(struct store *store,
                        bool (*visit)(void *context, struct slice feed, struct slice column, uint64_t files),
                        void *context, struct error *error)
{
    struct query q;
    bool row = true, good = true;
    query_open(&q, store, STORE_SQL_COUNT_UNKNOWN);
    while ((good = query_row(&q, &row, error)) && row)
        if (!visit(context, query_slice_at(&q, 0), query_slice_at(&q, 1), query_u64_at(&q, 2)))
            break;
    query_close(&q);
    return good;
}
