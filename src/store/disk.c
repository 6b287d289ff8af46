/*
 * The store's folder and files: found, made, flushed and removed.
 *
 * The database file is made with mode 0640, which its -wal and -shm take over: it holds rows of customers, so it is not
 * for everybody, while a group may run `dropfold status` or a backup.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 0755,
    DATABASE_MODE = 0640,
    PAGE_MIN = 512 /* bytes, of SQLite */
};

bool store_sync_folder(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open the folder %s", path);
    bool good = fsync(fd) == 0 || error_errno(error, ERROR_IO, errno, "cannot flush the folder %s", path);
    (void)close(fd);
    return good;
}

bool store_flush(const char *path, uint64_t *bytes, struct error *error)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open %s", path);
    bool good =
        (fsync(fd) == 0 && fstat(fd, &stat) == 0) || error_errno(error, ERROR_IO, errno, "cannot flush %s", path);
    *bytes = good ? (uint64_t)stat.st_size : 0;
    (void)close(fd);
    return good;
}

static bool sync_parent(const char *folder, struct error *error)
{
    char *parent = NULL;
    if (asprintf(&parent, "%s/..", folder) < 0)
        return error_memory(error);
    bool good = store_sync_folder(parent, error);
    free(parent);
    return good;
}

static bool make_folder(const char *folder, struct error *error)
{
    if (mkdir(folder, FOLDER_MODE) == 0)
        return sync_parent(folder, error);
    if (errno == EEXIST)
        return true;
    return error_errno(error, ERROR_IO, errno, "cannot make the folder %s", folder);
}

/* Makes the file when it is missing, and finds out in plain words whether it can be written. */
static bool touch_database(struct store *store, struct error *error)
{
    int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, DATABASE_MODE);
    if (fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open %s for writing", store->path);
    /* Before SQLite has it open: closing any descriptor of a file drops the process's locks on it. */
    (void)close(fd);
    return true;
}

static bool find_database(struct store *store, struct error *error)
{
    struct stat stat;
    if (lstat(store->path, &stat) != 0)
        return errno == ENOENT ? error_set(error, ERROR_IO,
                                           "there is no store at %s: the first `dropfold run` makes it", store->path)
                               : error_errno(error, ERROR_IO, errno, "cannot look at %s", store->path);
    if (!S_ISREG(stat.st_mode))
        return error_set(error, ERROR_IO, "%s is not a regular file", store->path);
    /* SQLite would take what is less than its smallest page for an empty database. */
    if (stat.st_size > 0 && stat.st_size < PAGE_MIN)
        return store_corrupt(store, error, "it is cut to %" PRId64 " bytes", stat.st_size);
    return true;
}

bool store_remove(const char *database, struct error *error)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    bool good = true;
    for (size_t i = 0; good && i < COUNT_OF(ends); i++) {
        char *path = NULL;
        if (asprintf(&path, "%s%s", database, ends[i]) < 0)
            return error_memory(error);
        if (unlink(path) != 0 && errno != ENOENT)
            good = error_errno(error, ERROR_IO, errno, "cannot remove %s", path);
        free(path);
    }
    return good;
}

bool store_disk_prepare(struct store *store, struct error *error)
{
    switch (store->mode) {
    case STORE_WRITE:
    case STORE_REPLACE:
        return make_folder(store->folder, error) && store_lock(store, error) && touch_database(store, error) &&
               find_database(store, error) && store_log_check(store, error);
    case STORE_READ:
        return find_database(store, error) && store_lock_shared(store, error);
    case STORE_BUILD:
        return store_remove(store->path, error) && touch_database(store, error); /* of a replay that was cut short */
    }
    return error_set(error, ERROR_BUG, "no such store mode: %d", (int)store->mode);
}
