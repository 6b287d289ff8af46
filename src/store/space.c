/*
 * Makes sure of room in the log before SQLite needs it.
 *
 * SQLite answers a full disk, whether at an INSERT whose cache spills or at COMMIT, by rolling the whole transaction
 * back. By then the engine has applied the change, so that losing it means starting over. Therefore every step of a
 * change first reserves what it may write, by fallocate beyond the end of the -wal: when that fails nothing has
 * happened, and the same call can be made again once there is space.
 *
 * The estimate is generous: of many small changes that share a commit many times what they write. What is not used goes
 * back at the end of the transaction, so that a small disk has it for the target and the archive; a little stays until
 * the log is cut or removed, as the next change asks for as much. The estimate errs at two ends: a file system that
 * cannot reserve (then SQLite's own answer stands), and the -shm, 32 KiB for every 16 MiB of log, which is SQLite's
 * alone to open, as closing it would drop its locks.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FRAME_HEAD = 24,    /* bytes before each page in the log */
    PAGE_TAKES = 64,    /* of a page no more than these hold no part of a row */
    STEP = 1024 * 1024, /* bytes reserved at a time while there is plenty */
    SPARE = 4 * STEP    /* bytes that stay reserved */
};

static bool has_name(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) != 0 || stat.st_nlink > 0; /* what cannot be looked at is not gone */
}

void store_space_open(struct store *store)
{
    struct store_space *space = &store->space;
    char *path = NULL;
    space->supported = true;
    space->log = -1;
    if (asprintf(&path, "%s-wal", store->path) < 0)
        return;
    space->log = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    free(path);
    space->named = space->log >= 0 && has_name(space->log);
}

void store_space_close(struct store *store)
{
    if (store->space.log >= 0)
        (void)close(store->space.log);
    store->space.log = -1;
}

/* Room that a file may grow into: fallocate beyond the end of a file does not ask for ulimit -f, but write does. */
static bool is_allowed(uint64_t end)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || end <= limit.rlim_cur)
        return true;
    errno = EFBIG;
    return false;
}

/* Whether the log has room up to `end`; on false errno says why. Only what is new is asked for: tmpfs takes time for
   every page of the range, also for those it has. */
static bool reserve(struct store_space *space, uint64_t end)
{
    int result = 0;
    if (!is_allowed(end))
        return false;
    do
        result = fallocate(space->log, FALLOC_FL_KEEP_SIZE, (off_t)space->end, (off_t)(end - space->end));
    while (result != 0 && errno == EINTR);
    if (result != 0)
        return false;
    space->end = end;
    return true;
}

/* Bytes of the log for that. */
static uint64_t log_bytes(const struct store *store, uint64_t bytes, uint64_t pages)
{
    return (bytes / (store->page - PAGE_TAKES) + pages) * (store->page + FRAME_HEAD);
}

bool store_space_ahead(struct store *store, uint64_t bytes, uint64_t pages, struct error *error)
{
    struct store_space *space = &store->space;
    uint64_t end = space->start + space->need + log_bytes(store, bytes, pages);
    if (space->log < 0 || !space->supported || end <= space->end)
        return true;
    bool done = reserve(space, (end / STEP + 1) * STEP) || reserve(space, end);
    if (!done && error_is_full(errno))
        return error_errno(error, ERROR_FULL, errno, "cannot make room in %s", store->path);
    if (!done)
        space->supported = false;
    return true;
}

bool store_space_add(struct store *store, uint64_t bytes, uint64_t pages, struct error *error)
{
    if (!store_space_ahead(store, bytes, pages, error))
        return false;
    store->space.need += log_bytes(store, bytes, pages);
    return true;
}

/* SQLite writes on to a log that somebody deleted, and nobody will ever find what it commits there. */
bool store_space_stands(struct store *store, struct error *error)
{
    if (!store->space.named || has_name(store->space.log))
        return true;
    store->lost = true;
    return error_set(error, ERROR_IO,
                     "%s-wal was deleted while it is in use, so nothing more is written to it. Start again; what is "
                     "missing then, a backup or `dropfold replay --from-archive --yes` brings back",
                     store->path);
}

bool store_space_begin(struct store *store, uint64_t pages, struct error *error)
{
    struct store_space *space = &store->space;
    struct stat stat;
    if (!store_space_stands(store, error))
        return false;
    if (space->log < 0 || fstat(space->log, &stat) != 0)
        return true;
    /* SQLite cuts the log now and then, and with it goes what was reserved behind its end. */
    space->start = space->end = (uint64_t)stat.st_size;
    space->need = 0;
    return store_space_add(store, 0, pages, error);
}

void store_space_end(struct store *store)
{
    struct store_space *space = &store->space;
    struct stat stat;
    if (space->log < 0 || space->end <= space->start + SPARE || fstat(space->log, &stat) != 0 ||
        space->end <= (uint64_t)stat.st_size + SPARE)
        return;
    /* To the size that it has: what lies behind its end is given up. Nobody else writes to it. */
    if (ftruncate(space->log, stat.st_size) == 0)
        space->end = (uint64_t)stat.st_size;
}
