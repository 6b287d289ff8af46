/*
 * The ledger as a target shows it: a stretch of its rows, as they were after some change.
 *
 * A row's number is given once and its texts never change; what may come later is the mark of a change that took the
 * file back, which names that change, and the row of a retry, which closes rejects of the file. So the first n rows
 * after change m are the same whenever they are asked for.
 */
#include "store/store_internal.h"

#include <inttypes.h>

uint64_t store_files(const struct store *store)
{
    if (store->in_group)
        return store->before_group.file;
    return store->in_change ? store->kept_file : store->last_file;
}

/* Those that the query gives, as they were after change `sequence`; *last is the id of the last one that was taken. */
static bool visit_files(struct query *q, uint64_t sequence, ledger_file_visit visit, void *context, uint64_t *last,
                        struct error *error)
{
    struct file_record file;
    bool row = true, good = true, more = true;
    while (more && (good = query_row(q, &row, error)) && row) {
        good = store_file_read(q, &file, NULL, error);
        if (!good)
            break;
        file.committed = query_i64_at(q, STORE_FILE_COMMITTED);
        if (file.forgotten > sequence)
            file.forgotten = 0;
        more = visit(context, &file);
        *last = more ? file.id : *last;
    }
    query_close(q);
    return good;
}

bool store_read_files(struct store *store, const struct ledger_range *range, ledger_file_visit visit, void *context,
                      struct error *error)
{
    struct query q;
    uint64_t last = 0;
    query_open(&q, store, STORE_SQL_LEDGER_FILES);
    query_u64(&q, range->after);
    query_u64(&q, range->upto);
    return visit_files(&q, range->sequence, visit, context, &last, error);
}

/* --- what was taken back ------------------------------------------------------------------------------------------ */

static void ask_taken(struct query *q, struct store *store, enum store_sql which, const struct ledger_taken *taken,
                      uint64_t after)
{
    query_open(q, store, which);
    query_u64(q, taken->upto);
    query_u64(q, taken->since);
    query_u64(q, taken->sequence);
    query_u64(q, after);
}

bool store_count_taken(struct store *store, struct ledger_taken *taken, struct error *error)
{
    struct query q;
    bool row;
    ask_taken(&q, store, STORE_SQL_LEDGER_COUNT_TAKEN, taken, 0);
    bool good = query_row(&q, &row, error);
    if (good && row) {
        taken->files = query_u64_at(&q, 0);
        taken->rejects = query_u64_at(&q, 1);
    }
    query_close(&q);
    return good;
}

bool store_read_taken(struct store *store, struct ledger_taken *taken, ledger_file_visit visit, void *context,
                      struct error *error)
{
    struct query q;
    ask_taken(&q, store, STORE_SQL_LEDGER_TAKEN, taken, taken->after);
    return visit_files(&q, taken->sequence, visit, context, &taken->after, error);
}

/* --- rejects ------------------------------------------------------------------------------------------------------ */

bool store_open_rejects(struct store *store, const struct ledger_range *range, struct ledger_rejects *rejects,
                        struct error *error)
{
    struct query q;
    bool row, retries = false;
    query_open(&q, store, STORE_SQL_LEDGER_RETRIES);
    query_u64(&q, range->after);
    query_u64(&q, range->upto);
    if (!query_exists(&q, &retries, error))
        return false;
    *rejects = (struct ledger_rejects){.range = *range, .file = retries ? 0 : range->after};
    query_open(&q, store, STORE_SQL_LEDGER_COUNT_REJECTS);
    query_u64(&q, range->after);
    query_u64(&q, range->upto);
    query_u64(&q, range->sequence);
    query_u64(&q, rejects->file);
    bool good = query_row(&q, &row, error);
    if (good && row) {
        rejects->left = query_u64_at(&q, 0);
        rejects->added = query_u64_at(&q, 1);
    }
    query_close(&q);
    return good;
}

/* Those of the file that `files` is at. */
static bool read_rejects(struct query *files, struct ledger_rejects *rejects, ledger_reject_visit visit, void *context,
                         bool *more, struct error *error)
{
    struct ledger_reject found = {.file = query_u64_at(files, 0), .retried = query_u64_at(files, 4)};
    uint64_t first = query_u64_at(files, 1), end = first + query_u64_at(files, 2);
    uint64_t next = rejects->number >= first ? rejects->number + 1 : first;
    struct query q;
    bool row = true, good = true;
    query_open(&q, files->store, STORE_SQL_FILE_REJECTS);
    query_u64(&q, next);
    query_u64(&q, end);
    while ((good = query_row(&q, &row, error)) && row && query_i64_at(&q, 7)) {
        store_reject_read(&q, &found.reject);
        *more = visit(context, &found);
        if (!*more)
            break;
        rejects->number = query_u64_at(&q, 0);
        rejects->left--;
        next++;
    }
    query_close(&q);
    if (good && *more && next != end)
        return store_corrupt(files->store, error, "a rejected row of file %" PRIu64 " is gone or fails its checksum",
                             found.file);
    if (good && *more) {
        rejects->file = found.file;
        rejects->number = 0;
    }
    return good;
}

static void ask_rejected(struct query *q, struct store *store, const struct ledger_rejects *rejects)
{
    query_open(q, store, STORE_SQL_LEDGER_REJECTED_FILES);
    query_u64(q, rejects->range.after);
    query_u64(q, rejects->range.upto);
    query_u64(q, rejects->range.sequence);
    query_u64(q, rejects->file);
}

bool store_read_rejects(struct store *store, struct ledger_rejects *rejects, ledger_reject_visit visit, void *context,
                        struct error *error)
{
    struct query q;
    bool row = true, good = true, more = true;
    if (rejects->taken_back)
        ask_taken(&q, store, STORE_SQL_LEDGER_TAKEN_REJECTED, &rejects->taken, rejects->file);
    else
        ask_rejected(&q, store, rejects);
    while (more && (good = query_row(&q, &row, error)) && row) {
        good = query_i64_at(&q, 3) ? read_rejects(&q, rejects, visit, context, &more, error)
                                   : store_corrupt_file(store, query_u64_at(&q, 0), error);
        if (!good)
            break;
    }
    query_close(&q);
    return good;
}
