/* Rows of a store changed from outside in a way that their own sums do not show. */
#ifndef DROPFOLD_TESTS_STORE_FORGING_H
#define DROPFOLD_TESTS_STORE_FORGING_H

#include <sqlite3.h>

#include "store/store_sql.h"
#include "store_testing.h"

/* row_sum as sum.c publishes it, so that a forger's rows look whole. */
static inline void forging_row_sum(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint64_t h = 0;
    for (int i = 0; i < count; i++) {
        size_t len = (size_t)sqlite3_value_bytes(values[i]);
        if (sqlite3_value_type(values[i]) == SQLITE_INTEGER)
            h = hash_u64(hash_u64(h + 1) ^ (uint64_t)sqlite3_value_int64(values[i]));
        else
            h = hash_bytes((struct slice){sqlite3_value_blob(values[i]), len}, hash_u64(h + 2) ^ len);
    }
    sqlite3_result_int64(context, (int64_t)h);
}

/* Makes ecommerce.db in the folder, which nobody has open, a copy of whole.db, and runs `sql` on it. */
static inline void forging_run(const char *folder, const char *sql)
{
    static const char *const sums[] = {
        "UPDATE files SET sum = " STORE_SQL_FILE_SUM,
        "UPDATE changes SET sum = row_sum('changes', " STORE_SQL_CHANGE_COLUMNS ")",
    };
    sqlite3 *db;
    testing_copy(testing_path(folder, "whole.db"), testing_path(folder, "ecommerce.db"));
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(db, "row_sum", -1, SQLITE_UTF8, NULL, forging_row_sum, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < COUNT_OF(sums); i++)
        assert_int_equal(sqlite3_exec(db, sums[i], NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A replay of the store, opened anew with `sql` run on it so, finds it corrupt and says this. */
static inline void forging_assert_found(struct store **store, const char *folder, const char *sql, const char *part)
{
    struct testing_story story;
    struct error error = {0};
    store_close(*store);
    forging_run(folder, sql);
    *store = testing_open(folder, STORE_WRITE);
    assert_false(testing_replay(*store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, part);
    buf_close(&story.bytes);
}

#endif
