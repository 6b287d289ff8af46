/*
 * row_sum(table, column...): what a row's `sum` must be.
 *
 *   h = 0; for each argument: h = hash_u64(h + type), with type 1 for integers, 2 for bytes and text, 3 for NULL;
 *   then h = hash_u64(h ^ integer), or h = XXH3(bytes, seed h ^ length)
 *
 * The table's name and the row's key are among the arguments, so that a row in the place of another is found too.
 */
#include "store/store_internal.h"

static uint64_t add_value(uint64_t h, sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL)
        return hash_u64(h + 3);
    if (type == SQLITE_INTEGER)
        return hash_u64(hash_u64(h + 1) ^ (uint64_t)sqlite3_value_int64(value));
    const char *data = sqlite3_value_blob(value);
    size_t len = (size_t)sqlite3_value_bytes(value);
    return hash_bytes((struct slice){data, data ? len : 0}, hash_u64(h + 2) ^ len);
}

static void row_sum(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint64_t h = 0;
    for (int i = 0; i < count; i++)
        h = add_value(h, values[i]);
    sqlite3_result_int64(context, (int64_t)h);
}

bool store_sum_register(struct store *store, struct error *error)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    int result = sqlite3_create_function_v2(store->db, "row_sum", -1, flags, NULL, row_sum, NULL, NULL, NULL);
    return result == SQLITE_OK || store_fail(store, result, error);
}
