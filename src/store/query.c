#include "store/query.h"

#include <string.h>

#include "store/store_internal.h"

void query_open(struct query *q, struct store *store, enum store_sql which)
{
    sqlite3_stmt **kept = &store->statements[which];
    *q = (struct query){.store = store, .next = 1};
    if (!*kept)
        q->result = sqlite3_prepare_v3(store->db, store_sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
    q->statement = *kept;
}

void query_close(struct query *q)
{
    /* Says again what the last step said. */
    (void)sqlite3_reset(q->statement);
}

static void keep_first(struct query *q, int result)
{
    if (q->result == SQLITE_OK)
        q->result = result;
}

void query_i64(struct query *q, int64_t value)
{
    keep_first(q, sqlite3_bind_int64(q->statement, q->next++, value));
}

void query_u64(struct query *q, uint64_t value)
{
    query_i64(q, (int64_t)value);
}

void query_blob(struct query *q, struct slice bytes)
{
    /* A null pointer would bind NULL, not the empty blob. */
    const char *data = bytes.len > 0 ? bytes.data : "";
    keep_first(q, sqlite3_bind_blob64(q->statement, q->next++, data, bytes.len, SQLITE_STATIC));
}

void query_text(struct query *q, const char *text)
{
    keep_first(q, sqlite3_bind_text(q->statement, q->next++, text, -1, SQLITE_STATIC));
}

void query_digest(struct query *q, const struct digest *digest)
{
    query_blob(q, digest_slice(digest));
}

bool query_row(struct query *q, bool *row, struct error *error)
{
    int result = q->result != SQLITE_OK ? q->result : sqlite3_step(q->statement);
    *row = result == SQLITE_ROW;
    if (*row || result == SQLITE_DONE)
        return true;
    return store_fail(q->store, result, error);
}

bool query_run(struct query *q, struct error *error)
{
    bool row = true, good = true;
    while (good && row)
        good = query_row(q, &row, error);
    query_close(q);
    return good;
}

bool query_exists(struct query *q, bool *exists, struct error *error)
{
    bool good = query_row(q, exists, error);
    query_close(q);
    return good;
}

int64_t query_i64_at(struct query *q, int column)
{
    return sqlite3_column_int64(q->statement, column);
}

uint64_t query_u64_at(struct query *q, int column)
{
    return (uint64_t)query_i64_at(q, column);
}

struct slice query_slice_at(struct query *q, int column)
{
    /* The pointer first: asking for it may change the length. */
    const char *data = sqlite3_column_blob(q->statement, column);
    int len = sqlite3_column_bytes(q->statement, column);
    return data ? (struct slice){data, (size_t)len} : SLICE("");
}

struct digest query_digest_at(struct query *q, int column)
{
    struct digest digest = {{0}};
    struct slice bytes = query_slice_at(q, column);
    if (bytes.len == DIGEST_SIZE)
        memcpy(digest.bytes, bytes.data, DIGEST_SIZE);
    return digest;
}
