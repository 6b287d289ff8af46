/*
 * Landing folders are opened once and held, so that a folder that is renamed or mounted over is noticed and never mixed
 * up with its successor. The lock is flock on the folder itself: it vanishes with the process, whatever ends it.
 */
#include "feed/landing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { NANOS = 1000000000 };

static const struct slice marker_suffix = {".done", 5};

/* A file system without locks (EBADF is what NFS says of a folder) is no reason to refuse it. */
bool landing_lock(struct landing *landing, struct error *error)
{
    int result;
    do
        result = flock(landing->fd, LOCK_EX | LOCK_NB);
    while (result < 0 && errno == EINTR);
    landing->locked = result == 0;
    if (landing->locked || errno == EBADF || errno == EOPNOTSUPP || errno == ENOSYS || errno == ENOLCK ||
        errno == EINVAL)
        return true;
    if (errno == EWOULDBLOCK)
        return error_set(error, ERROR_LOCKED, "%s is in use by another dropfold", landing->path);
    return error_errno(error, ERROR_IO, errno, "cannot lock %s", landing->path);
}

static bool open_folder(struct landing *landing, struct error *error)
{
    landing->fd = open(landing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (landing->fd >= 0)
        return true;
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(error, ERROR_CONFIG, "the landing folder %s %s, or say with -d which folder holds it",
                         landing->path,
                         errno == ENOENT ? "is missing: make it" : "is none: something else lies there; make it one");
    return error_errno(error, ERROR_IO, errno, "cannot open the landing folder %s", landing->path);
}

/* Of a look whether a folder can be written: the answer no. Any other error says nothing of the folder. */
static bool is_refusal(int code)
{
    return code == EACCES || code == EPERM || code == EROFS;
}

static bool identify(struct landing *landing, struct error *error)
{
    struct stat stat;
    if (fstat(landing->fd, &stat) < 0)
        return error_errno(error, ERROR_IO, errno, "cannot look at %s", landing->path);
    landing->device = stat.st_dev;
    landing->inode = stat.st_ino;
    landing->sticky = (stat.st_mode & S_ISVTX) && stat.st_uid != geteuid() && geteuid() != 0;
    landing->writable = faccessat(landing->fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
    if (landing->writable || is_refusal(errno))
        return true;
    return error_errno(error, ERROR_IO, errno, "cannot find out whether %s can be written", landing->path);
}

/* Since Linux 5.8 syncfs tells what could not be written, as fsync does. */
static bool tells_errors(void)
{
    struct utsname system;
    unsigned major = 0, minor = 0;
    return uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 8));
}

/* Of a file system that is a server's, or lies over another, syncfs may leave behind what fsync would not. */
static bool is_flushable(int fd)
{
    struct statfs system;
    if (fstatfs(fd, &system) != 0)
        return false;
    switch ((unsigned long)system.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
        return tells_errors();
    default:
        return false;
    }
}

static bool path_of(const char *data, const struct feed *feed, char path[LANDING_PATH_SIZE])
{
    int len = snprintf(path, LANDING_PATH_SIZE, "%s/%s", data, feed->name);
    return len > 0 && len < LANDING_PATH_SIZE;
}

bool landing_open(struct landing *landing, const char *data, const struct feed *feed, size_t index, bool lock,
                  struct error *error)
{
    *landing = (struct landing){.feed = feed, .index = index, .data = data, .fd = -1};
    if (!path_of(data, feed, landing->path))
        return error_set(error, ERROR_CONFIG, "the path of the landing folder of %s is too long", feed->name);
    if (!open_folder(landing, error))
        return false;
    landing->flushable = is_flushable(landing->fd);
    if (identify(landing, error) && (!lock || landing_lock(landing, error)))
        return true;
    landing_close(landing);
    return false;
}

void landing_unlock(struct landing *landing)
{
    if (landing->locked)
        (void)flock(landing->fd, LOCK_UN);
    landing->locked = false;
}

void landing_close(struct landing *landing)
{
    if (landing->fd >= 0)
        close(landing->fd);
    landing->fd = -1;
    landing->locked = false;
}

/* Looks what a path leads to; *there false: to nothing. */
static bool look(const char *path, struct stat *found, bool *there, struct error *error)
{
    *there = stat(path, found) == 0;
    return *there || errno == ENOENT || errno == ENOTDIR ||
           error_errno(error, ERROR_IO, errno, "cannot look at the landing folder %s", path);
}

bool landing_check_apart(const char *data, const struct pipeline *pipeline, struct error *error)
{
    struct stat found[PIPELINE_FEEDS_MAX];
    bool there[PIPELINE_FEEDS_MAX];
    char path[LANDING_PATH_SIZE];
    for (size_t f = 0; f < pipeline->feed_count; f++) {
        there[f] = false;
        if (path_of(data, &pipeline->feeds[f], path) && !look(path, &found[f], &there[f], error))
            return false;
        for (size_t i = 0; i < f && there[f]; i++)
            if (there[i] && found[i].st_dev == found[f].st_dev && found[i].st_ino == found[f].st_ino)
                return error_set(error, ERROR_CONFIG,
                                 "%s is the landing folder of %s too: each feed needs one of its own", path,
                                 pipeline->feeds[i].name);
    }
    return true;
}

bool landing_current(const struct landing *landing, bool *current, struct error *error)
{
    struct stat now = {0};
    bool there;
    if (!look(landing->path, &now, &there, error))
        return false;
    *current = there && now.st_dev == landing->device && now.st_ino == landing->inode;
    return true;
}

bool landing_flush(const struct landing *landing, struct error *error)
{
    return syncfs(landing->fd) == 0 || error_errno(error, ERROR_IO, errno, "cannot flush %s", landing->path);
}

static bool keeps(const struct landing *landing)
{
    return landing->feed->after == FEED_LEAVE || !landing->writable;
}

bool landing_keeps_file(const struct landing *landing, const struct file_stat *stat)
{
    return keeps(landing) || (landing->sticky && stat->owner != geteuid());
}

static bool is_others(const struct landing *landing, const char *name)
{
    struct stat stat;
    return fstatat(landing->fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && stat.st_uid != geteuid();
}

bool landing_keeps_now(const struct landing *landing, const char *name)
{
    return keeps(landing) || (faccessat(landing->fd, ".", W_OK | X_OK, AT_EACCESS) != 0 && is_refusal(errno)) ||
           (landing->sticky && is_others(landing, name));
}

static bool has_markers(const struct feed *feed)
{
    return feed->ready == FEED_READY_DONE_MARKER;
}

bool landing_ignores(const struct feed *feed, const char *name)
{
    static const char *const unfinished[] = {".tmp", ".part", "~", "._COPYING_"};
    struct slice s = slice_of(name);
    if (s.len == 0 || s.len >= LANDING_NAME_SIZE || name[0] == '.')
        return true;
    for (size_t i = 0; i < COUNT_OF(unfinished); i++)
        if (slice_ends_with(s, slice_of(unfinished[i])))
            return true;
    return has_markers(feed) && slice_ends_with(s, marker_suffix);
}

bool landing_marker(const struct landing *landing, const char *name, char out[LANDING_NAME_SIZE])
{
    size_t len = strlen(name);
    if (!has_markers(landing->feed) || len + marker_suffix.len >= LANDING_NAME_SIZE)
        return false;
    memcpy(out, name, len);
    memcpy(out + len, marker_suffix.data, marker_suffix.len);
    out[len + marker_suffix.len] = '\0';
    return true;
}

bool landing_marked(const struct landing *landing, const char *name, char out[LANDING_NAME_SIZE])
{
    struct slice s = slice_of(name);
    if (!has_markers(landing->feed) || s.len >= LANDING_NAME_SIZE || s.len <= marker_suffix.len ||
        !slice_ends_with(s, marker_suffix))
        return false;
    memcpy(out, name, s.len - marker_suffix.len);
    out[s.len - marker_suffix.len] = '\0';
    return true;
}

/* One name inside the folder: nothing that could lead out of it. */
static bool is_one_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int refuse(int code, int *number, struct error *error)
{
    *number = code;
    (void)error_errno(error, ERROR_IO, code, "cannot open it");
    return -1;
}

/* Why an open descriptor is not to be read, as an errno; 0 when it is. */
static int oddness(const struct stat *stat)
{
    if (S_ISREG(stat->st_mode))
        return 0;
    return S_ISDIR(stat->st_mode) ? EISDIR : ENOTSUP;
}

int landing_open_file(const struct landing *landing, const char *name, struct file_stat *stat, int *number,
                      struct error *error)
{
    if (!is_one_name(name))
        return refuse(EINVAL, number, error);
    /* O_NONBLOCK: opening a FIFO that took the place of a file must not wait for its writer. */
    int fd = openat(landing->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) /* ENXIO: a socket, or a device that is not there */
        return refuse(errno == ENXIO || errno == ENODEV ? ENOTSUP : errno, number, error);
    struct stat found;
    int code = fstat(fd, &found) < 0 ? errno : oddness(&found);
    if (code != 0) {
        close(fd);
        return refuse(code, number, error);
    }
    file_stat_from(&found, stat);
    *number = 0;
    return fd;
}

static int64_t nanoseconds(const struct timespec *time)
{
    int64_t value;
    if (!__builtin_mul_overflow((int64_t)time->tv_sec, (int64_t)NANOS, &value) &&
        !__builtin_add_overflow(value, (int64_t)time->tv_nsec, &value))
        return value;
    return time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
}

void file_stat_from(const struct stat *from, struct file_stat *to)
{
    *to = (struct file_stat){.device = from->st_dev,
                             .inode = from->st_ino,
                             .size = (uint64_t)from->st_size,
                             .mtime_ns = nanoseconds(&from->st_mtim),
                             .ctime_ns = nanoseconds(&from->st_ctim),
                             .owner = from->st_uid};
}

bool file_stat_same(const struct file_stat *a, const struct file_stat *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

bool file_stat_equal(const struct file_stat *a, const struct file_stat *b)
{
    return file_stat_same(a, b) && a->ctime_ns == b->ctime_ns;
}
