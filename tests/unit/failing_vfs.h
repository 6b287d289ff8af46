/*
 * A file system for SQLite that fails on purpose, over the default one, and loses power like a real one.
 *
 *     failing_vfs_install();                      from here on every connection uses it
 *     failing_vfs_arm(&fault);                    the fault.nth call of its kind fails
 *     ...
 *     bool hit = failing_vfs_disarm();
 *
 * A write that fails has written its first half. Nothing is flushed really: no test pulls the real plug, and it would
 * take minutes.
 *
 * Loss of power: while failing_vfs_power(...) is on, what was written since a file's last flush is remembered, write by
 * write. When the power goes, every call fails from there on; failing_vfs_restart then makes the files what a disk may
 * have kept: of each write since the last flush each sector's part was written, dropped or garbled at random (as
 * SQLite's own src/test6.c does). What was flushed stays, also beside a write in the same sector: the system's VFS
 * promises as much (SQLITE_IOCAP_POWERSAFE_OVERWRITE).
 */
#ifndef DROPFOLD_TESTS_FAILING_VFS_H
#define DROPFOLD_TESTS_FAILING_VFS_H

#include "testing.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

enum failing_call {
    FAILING_OPEN,
    FAILING_DELETE,
    FAILING_READ,
    FAILING_WRITE,
    FAILING_TRUNCATE,
    FAILING_SYNC,
    FAILING_SIZE,
    FAILING_LOCK,
    FAILING_SHM_MAP,
    FAILING_SHM_LOCK,
    FAILING_CALLS
};

struct failing_fault {
    enum failing_call call;
    int result;        /* what SQLite is told */
    unsigned long nth; /* from 1 */
    bool for_good;     /* and all calls of this kind after it */
};

enum { FAILING_DISKS = 4, FAILING_SECTOR = 512 };

/* A write since the last flush; a truncation when `bytes` is NULL. */
struct failing_written {
    sqlite3_int64 at;
    size_t len;
    unsigned char *bytes;
};

/* What the disk surely holds of one file, and what it may hold besides. */
struct failing_disk {
    char path[TESTING_PATH_MAX + 64];
    unsigned char *bytes;
    size_t size, room;
    struct failing_written *written;
    size_t count, written_room;
};

static struct {
    sqlite3_vfs vfs, *real;
    const struct failing_fault *fault; /* NULL: none */
    unsigned long calls;               /* of its kind so far */
    bool hit;
    bool power;               /* what is written is remembered */
    bool dead;                /* the power went */
    bool lazy_log;            /* logs are flushed before they are folded in only, as with synchronous=NORMAL */
    unsigned long power_left; /* writes and flushes until it goes; 0: it stays */
    struct failing_disk disks[FAILING_DISKS];
} failing_vfs;

struct failing_file {
    sqlite3_file base;
    struct failing_disk *disk; /* NULL: not remembered */
    char name[TESTING_PATH_MAX + 64];
    sqlite3_file *real;
};

/* --- arming ------------------------------------------------------------------------------------------------------- */

static inline void failing_vfs_arm(const struct failing_fault *fault)
{
    failing_vfs.fault = fault;
    failing_vfs.calls = 0;
    failing_vfs.hit = false;
}

static inline bool failing_vfs_disarm(void)
{
    failing_vfs.fault = NULL;
    return failing_vfs.hit;
}

/* SQLITE_OK, or what the call is to answer. */
static inline int failing_vfs_answer(enum failing_call call)
{
    const struct failing_fault *fault = failing_vfs.fault;
    if (failing_vfs.dead)
        return SQLITE_IOERR;
    if (!fault || fault->call != call)
        return SQLITE_OK;
    failing_vfs.calls++;
    if (failing_vfs.calls < fault->nth || (failing_vfs.calls > fault->nth && !fault->for_good))
        return SQLITE_OK;
    failing_vfs.hit = true;
    return fault->result;
}

/* --- loss of power ------------------------------------------------------------------------------------------------ */

static inline void failing_disk_put(struct failing_disk *disk, size_t at, const unsigned char *bytes, size_t len)
{
    if (at + len > disk->room) {
        disk->room = (at + len) * 2;
        disk->bytes = realloc(disk->bytes, disk->room);
        assert_non_null(disk->bytes);
    }
    if (at > disk->size)
        memset(disk->bytes + disk->size, 0, at - disk->size);
    memcpy(disk->bytes + at, bytes, len);
    if (at + len > disk->size)
        disk->size = at + len;
}

static inline void failing_disk_cut(struct failing_disk *disk, size_t size)
{
    if (size < disk->size)
        disk->size = size;
}

static inline void failing_disk_forget(struct failing_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        free(disk->written[i].bytes);
    disk->count = 0;
}

static inline void failing_disk_flush(struct failing_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        const struct failing_written *w = &disk->written[i];
        if (w->bytes)
            failing_disk_put(disk, (size_t)w->at, w->bytes, w->len);
        else
            failing_disk_cut(disk, (size_t)w->at);
    }
    failing_disk_forget(disk);
}

static inline void failing_disk_note(struct failing_disk *disk, sqlite3_int64 at, const void *bytes, size_t len)
{
    if (disk->count == disk->written_room) {
        disk->written_room = disk->written_room * 2 + 16;
        disk->written = realloc(disk->written, disk->written_room * sizeof *disk->written);
        assert_non_null(disk->written);
    }
    unsigned char *copy = bytes ? malloc(len) : NULL;
    if (bytes)
        memcpy(copy, bytes, len);
    disk->written[disk->count++] = (struct failing_written){at, len, copy};
}

/* The disk of a file, as it is when the file is first opened; NULL for those that are not watched. */
static inline struct failing_disk *failing_disk_of(const char *path)
{
    unsigned char bytes[65536];
    ssize_t len;
    size_t free_place = FAILING_DISKS;
    for (size_t i = FAILING_DISKS; i-- > 0;) {
        if (strcmp(failing_vfs.disks[i].path, path) == 0)
            return &failing_vfs.disks[i];
        if (failing_vfs.disks[i].path[0] == '\0')
            free_place = i;
    }
    assert_in_range(free_place, 0, FAILING_DISKS - 1);
    struct failing_disk *disk = &failing_vfs.disks[free_place];
    snprintf(disk->path, sizeof disk->path, "%s", path);
    int fd = open(path, O_RDONLY);
    while (fd >= 0 && (len = read(fd, bytes, sizeof bytes)) > 0)
        failing_disk_put(disk, disk->size, bytes, (size_t)len);
    if (fd >= 0)
        close(fd);
    return disk;
}

/* From now on, `calls` writes and flushes until the power goes (0: it stays). */
static inline void failing_vfs_power(unsigned long calls, bool lazy_log)
{
    failing_vfs.power = true;
    failing_vfs.dead = false;
    failing_vfs.lazy_log = lazy_log;
    failing_vfs.power_left = calls;
}

/* Counts a write or flush; true when there is no power for it. */
static inline bool failing_vfs_goes_out(void)
{
    if (failing_vfs.power && failing_vfs.power_left > 0 && --failing_vfs.power_left == 0)
        failing_vfs.dead = true;
    return failing_vfs.dead;
}

static inline uint32_t failing_draw(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 33) % below;
}

/* Each sector's part of the write: written, dropped or garbled. */
static inline void failing_disk_tear(struct failing_disk *disk, const struct failing_written *w, uint64_t *seed)
{
    unsigned char garbage[FAILING_SECTOR];
    for (size_t from = 0, len; from < w->len; from += len) {
        size_t at = (size_t)w->at + from;
        len = FAILING_SECTOR - at % FAILING_SECTOR;
        len = len < w->len - from ? len : w->len - from;
        uint32_t fate = failing_draw(seed, 3);
        for (size_t i = 0; i < len; i++)
            garbage[i] = (unsigned char)failing_draw(seed, 256);
        if (fate > 0)
            failing_disk_put(disk, at, fate == 1 ? w->bytes + from : garbage, len);
    }
}

/* Power again: the files are what the disk may have kept. All connections must be closed. */
static inline void failing_vfs_restart(uint64_t seed)
{
    for (size_t i = 0; i < FAILING_DISKS; i++) {
        struct failing_disk *disk = &failing_vfs.disks[i];
        if (disk->path[0] == '\0')
            continue;
        for (size_t k = 0; k < disk->count; k++) {
            if (disk->written[k].bytes)
                failing_disk_tear(disk, &disk->written[k], &seed);
            else if (failing_draw(&seed, 2))
                failing_disk_cut(disk, (size_t)disk->written[k].at);
        }
        failing_disk_forget(disk);
        int fd = open(disk->path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, disk->bytes, disk->size), disk->size);
        close(fd);
        free(disk->written);
        free(disk->bytes);
        *disk = (struct failing_disk){.size = 0};
    }
    failing_vfs.power = failing_vfs.dead = failing_vfs.lazy_log = false;
}

/* --- SQLite's calls ----------------------------------------------------------------------------------------------- */

static inline struct failing_file *failing_file(sqlite3_file *file)
{
    return (struct failing_file *)(void *)file;
}

static inline int failing_close(sqlite3_file *file)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xClose(real);
}

static inline int failing_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    sqlite3_file *real = failing_file(file)->real;
    int answer = failing_vfs_answer(FAILING_READ);
    return answer ? answer : real->pMethods->xRead(real, out, len, at);
}

static inline bool failing_is_log(const char *path)
{
    size_t len = strlen(path);
    return len > 4 && strcmp(path + len - 4, "-wal") == 0;
}

/* Before the first write into the database itself. */
static inline void failing_flush_logs(void)
{
    for (size_t i = 0; i < FAILING_DISKS; i++)
        if (failing_is_log(failing_vfs.disks[i].path))
            failing_disk_flush(&failing_vfs.disks[i]);
}

static inline int failing_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct failing_file *f = failing_file(file);
    bool out = failing_vfs_goes_out();
    if (f->disk && failing_vfs.lazy_log && !failing_is_log(f->name))
        failing_flush_logs();
    int answer = failing_vfs.dead ? SQLITE_OK : failing_vfs_answer(FAILING_WRITE);
    if (answer)
        (void)f->real->pMethods->xWrite(f->real, bytes, len / 2, at);
    else if (f->disk)
        failing_disk_note(f->disk, at, bytes, (size_t)len);
    if (out)
        return SQLITE_IOERR_WRITE;
    return answer ? answer : f->real->pMethods->xWrite(f->real, bytes, len, at);
}

static inline int failing_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct failing_file *f = failing_file(file);
    int answer = failing_vfs_answer(FAILING_TRUNCATE);
    if (answer)
        return answer;
    if (f->disk)
        failing_disk_note(f->disk, size, NULL, 0);
    return f->real->pMethods->xTruncate(f->real, size);
}

static inline int failing_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct failing_file *f = failing_file(file);
    int answer = failing_vfs_answer(FAILING_SYNC);
    if (answer)
        return answer;
    if (failing_vfs_goes_out())
        return SQLITE_IOERR_FSYNC;
    if (f->disk && !(failing_vfs.lazy_log && failing_is_log(f->name)))
        failing_disk_flush(f->disk);
    return SQLITE_OK;
}

static inline int failing_size(sqlite3_file *file, sqlite3_int64 *size)
{
    sqlite3_file *real = failing_file(file)->real;
    int answer = failing_vfs_answer(FAILING_SIZE);
    return answer ? answer : real->pMethods->xFileSize(real, size);
}

static inline int failing_lock(sqlite3_file *file, int level)
{
    sqlite3_file *real = failing_file(file)->real;
    int answer = failing_vfs_answer(FAILING_LOCK);
    return answer ? answer : real->pMethods->xLock(real, level);
}

static inline int failing_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xUnlock(real, level);
}

static inline int failing_reserved(sqlite3_file *file, int *out)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xCheckReservedLock(real, out);
}

static inline int failing_control(sqlite3_file *file, int op, void *argument)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xFileControl(real, op, argument);
}

static inline int failing_sector(sqlite3_file *file)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xSectorSize(real);
}

static inline int failing_traits(sqlite3_file *file)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xDeviceCharacteristics(real);
}

static inline int failing_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    sqlite3_file *real = failing_file(file)->real;
    int answer = failing_vfs_answer(FAILING_SHM_MAP);
    *out = NULL;
    return answer ? answer : real->pMethods->xShmMap(real, page, size, extend, out);
}

static inline int failing_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    sqlite3_file *real = failing_file(file)->real;
    /* Giving a lock back does not fail. */
    int answer = flags & SQLITE_SHM_LOCK ? failing_vfs_answer(FAILING_SHM_LOCK) : SQLITE_OK;
    return answer ? answer : real->pMethods->xShmLock(real, offset, count, flags);
}

static inline void failing_shm_barrier(sqlite3_file *file)
{
    sqlite3_file *real = failing_file(file)->real;
    real->pMethods->xShmBarrier(real);
}

static inline int failing_shm_unmap(sqlite3_file *file, int remove_it)
{
    sqlite3_file *real = failing_file(file)->real;
    return real->pMethods->xShmUnmap(real, remove_it);
}

static const sqlite3_io_methods failing_methods = {
    .iVersion = 2,
    .xClose = failing_close,
    .xRead = failing_read,
    .xWrite = failing_write,
    .xTruncate = failing_truncate,
    .xSync = failing_sync,
    .xFileSize = failing_size,
    .xLock = failing_lock,
    .xUnlock = failing_unlock,
    .xCheckReservedLock = failing_reserved,
    .xFileControl = failing_control,
    .xSectorSize = failing_sector,
    .xDeviceCharacteristics = failing_traits,
    .xShmMap = failing_shm_map,
    .xShmLock = failing_shm_lock,
    .xShmBarrier = failing_shm_barrier,
    .xShmUnmap = failing_shm_unmap,
};

static inline int failing_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given)
{
    (void)vfs;
    struct failing_file *f = failing_file(file);
    int answer = failing_vfs_answer(FAILING_OPEN);
    f->base.pMethods = NULL;
    if (answer)
        return answer;
    f->real = (sqlite3_file *)(void *)(f + 1);
    f->disk = NULL;
    snprintf(f->name, sizeof f->name, "%s", name ? name : "");
    if (failing_vfs.power && name && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL))
        f->disk = failing_disk_of(name);
    int result = failing_vfs.real->xOpen(failing_vfs.real, name, f->real, flags, given);
    if (f->real->pMethods)
        f->base.pMethods = &failing_methods;
    return result;
}

static inline int failing_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    (void)sync_folder;
    int answer = failing_vfs_answer(FAILING_DELETE);
    if (answer)
        return answer;
    for (size_t i = 0; failing_vfs.power && i < FAILING_DISKS; i++) {
        if (strcmp(failing_vfs.disks[i].path, name) != 0)
            continue;
        failing_disk_forget(&failing_vfs.disks[i]);
        failing_vfs.disks[i].size = 0;
    }
    return failing_vfs.real->xDelete(failing_vfs.real, name, 0);
}

/* Who waits for a lock waits for nobody here. */
static inline int failing_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static inline void failing_vfs_install(void)
{
    failing_vfs.real = sqlite3_vfs_find(NULL);
    assert_non_null(failing_vfs.real);
    failing_vfs.vfs = *failing_vfs.real;
    failing_vfs.vfs.zName = "failing";
    failing_vfs.vfs.szOsFile = (int)sizeof(struct failing_file) + failing_vfs.real->szOsFile;
    failing_vfs.vfs.xOpen = failing_open;
    failing_vfs.vfs.xDelete = failing_delete;
    failing_vfs.vfs.xSleep = failing_sleep;
    assert_int_equal(sqlite3_vfs_register(&failing_vfs.vfs, 1), SQLITE_OK);
}

#endif
