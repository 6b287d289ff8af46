/*
 * <pipeline>.lock: one writer, and no readers while a store is swapped.
 *
 * The writer holds flock(LOCK_EX) for as long as it lives; the kernel drops it with the process, so that no stale lock
 * can remain. Its number stands in the file for whoever is turned away.
 *
 * A reader of a store that is replaced by rename would share the log's name with the next writer and read pages of
 * another database as its own. So readers hold a shared record lock on the file (an open file description lock: it
 * belongs to the descriptor, not to the process), and store_swap waits until it gets that lock alone.
 */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    LOCK_MODE = 0644,               /* others may read who holds it */
    RECORD_TRIES = 200,             /* for readers to finish, or a swap: ten seconds */
    RECORD_PAUSE = 50 * 1000 * 1000 /* nanoseconds between tries */
};

/* The process number in the lock file, or 0 when its holder has not written it yet. */
static long holder_of(int fd)
{
    char text[32];
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    return strtol(text, NULL, 10);
}

static bool refuse_locked(struct store *store, struct error *error)
{
    long holder = holder_of(store->lock);
    char who[48] = "another process";
    if (holder > 0)
        snprintf(who, sizeof who, "process %ld", holder);
    return error_set(error, ERROR_LOCKED, "%s is held by %s: another dropfold uses this store", store->lock_path, who);
}

static bool write_holder(struct store *store, struct error *error)
{
    char when[CLOCK_TEXT_SIZE], text[64];
    clock_text(clock_wall(), when);
    int len = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), when);
    if (ftruncate(store->lock, 0) != 0 || pwrite(store->lock, text, (size_t)len, 0) != len)
        return error_errno(error, ERROR_IO, errno, "cannot write %s", store->lock_path);
    return true;
}

bool store_lock(struct store *store, struct error *error)
{
    store->lock = open(store->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
    if (store->lock < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open %s", store->lock_path);
    if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)
        return write_holder(store, error);
    if (errno == EWOULDBLOCK)
        return refuse_locked(store, error);
    return error_errno(error, ERROR_IO, errno, "cannot lock %s", store->lock_path);
}

/* `busy`: what to say of the store when whoever holds the lock does not give it back. */
static bool record_lock(struct store *store, short type, const char *busy, struct error *error)
{
    const struct timespec pause = {.tv_nsec = RECORD_PAUSE};
    struct flock range = {.l_type = type, .l_whence = SEEK_SET};
    for (int i = 0; i < RECORD_TRIES; i++) {
        if (fcntl(store->lock, F_OFD_SETLK, &range) == 0)
            return true;
        if (errno != EAGAIN && errno != EACCES)
            return error_errno(error, ERROR_IO, errno, "cannot lock %s", store->lock_path);
        (void)nanosleep(&pause, NULL);
    }
    return error_set(error, ERROR_LOCKED, "%s %s", store->path, busy);
}

bool store_lock_shared(struct store *store, struct error *error)
{
    store->lock = open(store->lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    /* A copied store may come without it: then there is no writer either. */
    if (store->lock < 0 && errno == ENOENT)
        return true;
    if (store->lock < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open %s", store->lock_path);
    return record_lock(store, F_RDLCK, "is being replaced by a new one: try again", error);
}

bool store_lock_alone(struct store *store, struct error *error)
{
    return record_lock(store, F_WRLCK, "cannot be replaced: another process is reading it", error);
}

void store_unlock(struct store *store)
{
    if (store->lock >= 0)
        (void)close(store->lock);
    store->lock = -1;
}
