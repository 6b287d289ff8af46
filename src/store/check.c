/* The slow look at everything that a replay does not touch: for `verify`, not for each start. */
#include "store/store_internal.h"

#include <string.h>

static bool check_structure(struct store *store, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool good;
    int result = sqlite3_prepare_v2(store->db, STORE_SQL_STRUCTURE, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        good = store_fail(store, result, error);
    } else {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        good = (text && strcmp(text, "ok") == 0) || store_corrupt(store, error, "%s", text ? text : "out of memory");
    }
    (void)sqlite3_finalize(statement);
    return good;
}

static bool check_rows(struct store *store, struct error *error)
{
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_DAMAGED_ROWS);
    bool good = query_row(&q, &row, error);
    if (good && row) {
        struct slice table = query_slice_at(&q, 0), key = query_slice_at(&q, 1);
        good = store_corrupt(store, error, "row %.*s of %.*s fails its checksum", (int)key.len, key.data,
                             (int)table.len, table.data);
    }
    query_close(&q);
    return good;
}

static bool check_missing(struct store *store, struct error *error)
{
    struct query q;
    bool row;
    query_open(&q, store, STORE_SQL_MISSING_ROWS);
    bool good = query_row(&q, &row, error);
    if (good && row) {
        struct slice table = query_slice_at(&q, 0);
        good = store_corrupt(store, error, "rows of %.*s are missing", (int)table.len, table.data);
    }
    query_close(&q);
    return good;
}

bool store_check(struct store *store, struct error *error)
{
    if (!store_read_begin(store, error))
        return false;
    bool good = check_structure(store, error) && check_rows(store, error) && check_missing(store, error);
    store_read_end(store);
    return good;
}
