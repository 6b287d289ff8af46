/*
 * What SQLite's answers mean, and what follows from them.
 *
 * A failed flush may be reported once and never again although the data is gone (the kernel drops the pages). So after
 * any I/O error in a store that writes, the store is `lost`: it refuses all further writing, and opening it anew, which
 * reads what the disk really has, is the only way on.
 */
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAYS_OUT                                                                                                       \
    "; restore it from a backup, or move it away with its -wal and -shm and run `dropfold replay --from-archive "      \
    "--yes`"

static bool is_full(int result, int number)
{
    return (result & 0xff) == SQLITE_FULL || ((result & 0xff) == SQLITE_IOERR && error_is_full(number));
}

static bool fail_full(struct store *store, struct error *error)
{
    if (!store_is_writing(store))
        return error_set(error, ERROR_FULL, "no space left for %s", store->path);
    store->lost = true;
    return error_set(error, ERROR_IO, "no space left for %s, and the change was undone: make room, then start again",
                     store->path);
}

static bool fail_io(struct store *store, int number, struct error *error)
{
    const char *reason = number != 0 ? strerror(number) : sqlite3_errmsg(store->db);
    if (store->mode == STORE_READ)
        return error_set(error, ERROR_IO, "cannot read %s: %s", store->path, reason);
    store->lost = true;
    snprintf(store->reason, sizeof store->reason, ": %s", reason);
    return error_set(error, ERROR_IO, "cannot use %s: %s; the store must be opened again", store->path, reason);
}

bool store_fail(struct store *store, int result, struct error *error)
{
    int number = sqlite3_system_errno(store->db);
    const char *text = sqlite3_errmsg(store->db);
    if (store_is_writing(store))
        store->lost = true;
    if (is_full(result, number))
        return fail_full(store, error);
    switch (result & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL: /* the -shm cannot be locked or unlocked */
        return fail_io(store, number, error);
    case SQLITE_NOMEM:
        return error_memory(error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(error, ERROR_LOCKED, "%s is in use by another program", store->path);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        /* A log has to lie beside it, also for a reader. */
        return error_set(error, ERROR_IO, "cannot open %s: %s%s", store->path, number != 0 ? strerror(number) : text,
                         access(store->path, R_OK) == 0 ? " (is its folder writable?)" : "");
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return error_set(error, ERROR_BUG, "%s: SQLite says %s", store->path, text);
    default:
        /* All our SQL is constant and the schema was compared: whatever else it complains of is the data. */
        return store_corrupt(store, error, "SQLite says \"%s\"", text);
    }
}

bool store_corrupt(const struct store *store, struct error *error, const char *format, ...)
{
    char text[ERROR_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A copy that is being checked is no store yet: nothing is lost with it. */
    return error_set(error, ERROR_CORRUPT, "%s is damaged: %s%s", store->path, text, store->folder ? WAYS_OUT : "");
}
