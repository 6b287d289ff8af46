#include "feed/move.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

enum {
    BLOCK_SIZE = 64 * 1024 /* bytes copied and compared at once */
};

/* 0 or the errno of a call that says -1. */
static int code_of(int result)
{
    return result < 0 ? errno : 0;
}

static int link_and_unlink(int from_folder, const char *from, int to_folder, const char *to)
{
    int code = code_of(linkat(from_folder, from, to_folder, to, 0));
    return code ? code : code_of(unlinkat(from_folder, from, 0));
}

/* Whether that is what a file system says which does not know the flag. */
static bool cannot_noreplace(int code)
{
    return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP;
}

int move_noreplace(int from_folder, const char *from, int to_folder, const char *to)
{
    int code = code_of(renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE));
    return cannot_noreplace(code) ? link_and_unlink(from_folder, from, to_folder, to) : code;
}

static int rename_unless_there(int from_folder, const char *from, int to_folder, const char *to)
{
    struct stat stat;
    int code = code_of(fstatat(to_folder, to, &stat, AT_SYMLINK_NOFOLLOW));
    if (code != ENOENT)
        return code ? code : EEXIST;
    return code_of(renameat(from_folder, from, to_folder, to));
}

int move_away(int from_folder, const char *from, int to_folder, const char *to)
{
    int code = code_of(renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE));
    return cannot_noreplace(code) ? rename_unless_there(from_folder, from, to_folder, to) : code;
}

int move_find(int folder, const char *name, bool *there)
{
    struct stat stat;
    int code = code_of(fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW));
    if (code && code != ENOENT)
        return code;
    *there = code == 0;
    return 0;
}

int move_sync(int fd)
{
    int code = code_of(fsync(fd));
    return code == EINVAL || code == EROFS ? 0 : code;
}

int move_write(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);
        if (count < 0 && errno != EINTR)
            return errno;
        if (count > 0) {
            data += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

/* Fills the block as far as the file goes. */
static int read_block(int fd, char *block, size_t *len)
{
    *len = 0;
    while (*len < BLOCK_SIZE) {
        ssize_t count = read(fd, block + *len, BLOCK_SIZE - *len);
        if (count < 0 && errno != EINTR)
            return errno;
        if (count == 0)
            break;
        if (count > 0)
            *len += (size_t)count;
    }
    return 0;
}

/* --- copies --- */

static int open_file(int folder, const char *name, int *fd)
{
    *fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return code_of(*fd);
}

static int check_same(int fd, const struct file_stat *stat, struct stat *found)
{
    struct file_stat now;
    if (fstat(fd, found) < 0)
        return errno;
    file_stat_from(found, &now);
    return file_stat_same(&now, stat) ? 0 : ESTALE;
}

static int copy_bytes(int from, int to)
{
    char block[BLOCK_SIZE];
    size_t len;
    int code;
    do {
        code = read_block(from, block, &len);
        if (code == 0)
            code = move_write(to, block, len);
    } while (code == 0 && len == BLOCK_SIZE);
    return code;
}

/* The copy is as old as its original, and as private. */
static int copy_attributes(int to, const struct stat *stat)
{
    const struct timespec times[2] = {stat->st_atim, stat->st_mtim};
    int code = code_of(fchmod(to, stat->st_mode & 0777));
    return code ? code : code_of(futimens(to, times));
}

static int copy_to(int from, const struct file_stat *stat, int to)
{
    struct stat found;
    int code = check_same(from, stat, &found);
    if (code == 0)
        code = copy_bytes(from, to);
    if (code == 0)
        code = check_same(from, stat, &found);
    if (code == 0)
        code = copy_attributes(to, &found);
    return code ? code : code_of(fsync(to));
}

/* What a copy that was cut short left has the same name, also after a boot that gave the device another number, so it
   is replaced and does not pile up. No other has: a file may have two names (a hard link), and two workers be at
   them. */
static int make_temporary(int folder, const char *name, int *fd)
{
    (void)unlinkat(folder, name, 0);
    *fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return code_of(*fd);
}

static int copy_open(int from, const struct file_stat *stat, int to_folder, const char *to)
{
    char temporary[80];
    int fd;
    snprintf(temporary, sizeof temporary, ".dropfold-copy-%" PRIx64 "-%" PRIx64, (uint64_t)stat->inode,
             hash_bytes(slice_of(to), 0));
    int code = make_temporary(to_folder, temporary, &fd);
    if (code)
        return code;
    code = copy_to(from, stat, fd);
    if (close(fd) < 0 && code == 0)
        code = errno;
    if (code == 0)
        code = move_noreplace(to_folder, temporary, to_folder, to);
    if (code)
        (void)unlinkat(to_folder, temporary, 0);
    return code;
}

static int copy(int from_folder, const char *from, const struct file_stat *stat, int to_folder, const char *to)
{
    int fd;
    int code = open_file(from_folder, from, &fd);
    if (code)
        return code;
    code = copy_open(fd, stat, to_folder, to);
    close(fd);
    return code;
}

/* --- comparing --- */

/* 0 when the same bytes come from both, EEXIST when not. */
static int compare_bytes(int a, int b)
{
    char from_a[BLOCK_SIZE], from_b[BLOCK_SIZE];
    size_t len_a, len_b;
    do {
        int code = read_block(a, from_a, &len_a);
        if (code == 0)
            code = read_block(b, from_b, &len_b);
        if (code)
            return code;
        if (len_a != len_b || memcmp(from_a, from_b, len_a) != 0)
            return EEXIST;
    } while (len_a == BLOCK_SIZE);
    return 0;
}

/* Anything but a regular file is something else. */
static int compare_open(int a, int b)
{
    struct stat stat;
    if (fstat(b, &stat) < 0)
        return errno;
    return S_ISREG(stat.st_mode) ? compare_bytes(a, b) : EEXIST;
}

int move_compare(int folder, const char *name, int other_folder, const char *other)
{
    int a, b;
    int code = open_file(folder, name, &a);
    if (code)
        return code;
    code = open_file(other_folder, other, &b);
    if (code == 0) {
        code = compare_open(a, b);
        close(b);
    } else if (code == ELOOP || code == ENXIO) {
        code = EEXIST;
    }
    close(a);
    return code;
}

int move_place(int from_folder, const char *from, const struct file_stat *stat, int to_folder, const char *to,
               bool *remains)
{
    *remains = false;
    int code = move_noreplace(from_folder, from, to_folder, to);
    if (code == EXDEV) {
        code = copy(from_folder, from, stat, to_folder, to);
        *remains = code == 0;
    }
    if (code == EEXIST) {
        code = move_compare(from_folder, from, to_folder, to);
        *remains = code == 0;
    }
    return code == 0 && *remains ? move_sync(to_folder) : code;
}

int move_into(int from_folder, const char *from, const struct file_stat *stat, int to_folder, const char *to)
{
    bool remains;
    int code = move_place(from_folder, from, stat, to_folder, to, &remains);
    if (code == 0 && remains)
        code = code_of(unlinkat(from_folder, from, 0));
    return code;
}
