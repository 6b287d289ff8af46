/*
 * A copy of the store in one file.
 *
 *   1. <path>.part-XXXXXX   made, filled by SQLite's backup of one read transaction, turned from WAL to a rollback
 *                           journal (so that it is one file, and one that a medium without shared memory can hold)
 *   2. the same             opened as a store, replayed, compared with what was to be copied; flushed
 *   3. <path>               renamed without replacing, the folder flushed
 *
 * A crash before the last step leaves a .part file, which nobody takes for a backup.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COPY_MODE = 0640, /* as the store: rows of customers */
    ALL_PAGES = -1
};

static const char settings_of_copy[] = "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY";
static const char one_file[] = "PRAGMA journal_mode = DELETE";

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool make_part(const char *path, char **part, struct error *error)
{
    struct stat stat;
    *part = NULL;
    if (lstat(path, &stat) == 0)
        return error_set(error, ERROR_IO, "%s is there already: a backup overwrites nothing", path);
    if (asprintf(part, "%s.part-XXXXXX", path) < 0) {
        *part = NULL;
        return error_memory(error);
    }
    int fd = mkostemp(*part, O_CLOEXEC);
    if (fd < 0) {
        (void)error_errno(error, ERROR_IO, errno, "cannot make %s", path);
        free(*part);
        *part = NULL;
        return false;
    }
    bool good = fchmod(fd, COPY_MODE) == 0 || error_errno(error, ERROR_IO, errno, "cannot make %s", path);
    (void)close(fd);
    return good;
}

static bool sync_folder_of(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
    if (!folder)
        return error_memory(error);
    bool good = store_sync_folder(folder, error);
    free(folder);
    return good;
}

/* The last step. Where a file system cannot rename without replacing, it can link. */
static bool publish(const char *part, const char *path, struct error *error)
{
    bool done = renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
    if (!done && errno == EINVAL)
        done = link(part, path) == 0 && unlink(part) == 0;
    if (!done && errno == EEXIST)
        return error_set(error, ERROR_IO, "%s is there already: a backup overwrites nothing", path);
    if (!done)
        return error_errno(error, ERROR_IO, errno, "cannot rename %s to %s", part, path);
    return sync_folder_of(path, error);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

/* What is wrong with the copy; the store itself is only read. */
static bool copy_failed(const struct store *store, sqlite3 *copy, const char *part, int result, struct error *error)
{
    int number = copy ? sqlite3_system_errno(copy) : 0;
    if ((result & 0xff) == SQLITE_FULL || error_is_full(number))
        return error_set(error, ERROR_FULL, "no space left for %s", part);
    if ((result & 0xff) == SQLITE_NOMEM)
        return error_memory(error);
    if ((result & 0xff) == SQLITE_CORRUPT)
        return store_corrupt(store, error, "it cannot be copied: %s", sqlite3_errstr(result));
    return error_set(error, ERROR_IO, "cannot copy %s to %s: %s", store->path, part,
                     number != 0 ? strerror(number) : sqlite3_errstr(result));
}

static int copy_all(struct store *store, sqlite3 *copy)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", store->db, "main");
    if (!backup)
        return sqlite3_extended_errcode(copy);
    int result = sqlite3_backup_step(backup, ALL_PAGES);
    int end = sqlite3_backup_finish(backup);
    /* A step that could not begin says so only itself. */
    return result != SQLITE_DONE && result != SQLITE_OK ? result : end;
}

static bool copy_pages(struct store *store, const char *part, struct error *error)
{
    sqlite3 *copy = NULL;
    char *name = NULL;
    if (asprintf(&name, "%s%s", part[0] == '/' ? "" : "./", part) < 0)
        return error_memory(error);
    int result =
        sqlite3_open_v2(name, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    free(name);
    if (result == SQLITE_OK)
        result = sqlite3_exec(copy, settings_of_copy, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = copy_all(store, copy);
    if (result == SQLITE_OK)
        result = sqlite3_exec(copy, one_file, NULL, NULL, NULL);
    bool good = result == SQLITE_OK || copy_failed(store, copy, part, result, error);
    (void)sqlite3_close(copy);
    return good;
}

/* One look: what the progress says is what is copied. */
static bool copy_look(struct store *store, const char *part, struct progress *progress, struct error *error)
{
    if (!store_read_begin(store, error))
        return false;
    bool good = (store->mode != STORE_READ || store_load_state(store, error)) && copy_pages(store, part, error);
    *progress = store->progress;
    store_read_end(store);
    return good;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static bool name_of_pipeline(struct store *store, struct buf *name, struct error *error)
{
    bool found = false;
    bool good = store_get_meta(store, "pipeline", name, &found, error) &&
                (found || store_corrupt(store, error, "it has no pipeline"));
    buf_put_byte(name, '\0');
    return good && (!name->failed || error_memory(error));
}

static bool check_copy(const char *part, const char *pipeline, const struct progress *wanted, struct error *error)
{
    const struct replay_visit nobody = {0};
    struct store *copy;
    if (!store_open_copy(&copy, part, pipeline, error))
        return false;
    bool good = store_replay(copy, &nobody, error);
    if (good && !progress_equal(wanted, store_progress(copy)))
        good = error_set(error, ERROR_CORRUPT, "%s does not hold what was copied", part);
    store_close(copy);
    return good;
}

static bool make_copy(struct store *store, const char *part, const char *path, struct store_backup *made,
                      struct error *error)
{
    struct buf pipeline;
    buf_init(&pipeline, 4096);
    bool good = name_of_pipeline(store, &pipeline, error) && copy_look(store, part, &made->progress, error) &&
                check_copy(part, pipeline.data, &made->progress, error) && store_flush(part, &made->bytes, error) &&
                publish(part, path, error);
    buf_close(&pipeline);
    return good;
}

bool store_backup(struct store *store, const char *path, struct store_backup *made, struct error *error)
{
    char *part = NULL;
    *made = (struct store_backup){.bytes = 0};
    if (store_is_writing(store))
        return error_set(error, ERROR_BUG, "%s: a backup within a change", store->path);
    bool good = make_part(path, &part, error) && make_copy(store, part, path, made, error);
    if (part && !good)
        (void)!store_remove(part, NULL);
    free(part);
    return good;
}
