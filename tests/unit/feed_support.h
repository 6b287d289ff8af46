/*
 * What the tests of the feed floor share: a data folder with landing folders, files in it, and feeds without
 * descriptors.
 */
#ifndef DROPFOLD_TESTS_FEED_SUPPORT_H
#define DROPFOLD_TESTS_FEED_SUPPORT_H

#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "feed/landing.h"
#include "model/pipeline.h"

enum { FEED_PATH_MAX = TESTING_PATH_MAX + 512 };

static inline void path_join(char out[FEED_PATH_MAX], const char *folder, const char *name)
{
    assert_in_range(snprintf(out, FEED_PATH_MAX, "%s/%s", folder, name), 1, FEED_PATH_MAX - 1);
}

/* Writes a file in place: create or truncate, write, close. */
static inline void file_write(const char *folder, const char *name, const char *text)
{
    char path[FEED_PATH_MAX];
    path_join(path, folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline void file_append(const char *folder, const char *name, const char *text)
{
    char path[FEED_PATH_MAX];
    path_join(path, folder, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* As good producers do: written under a name that is ignored, then renamed. */
static inline void file_deliver(const char *folder, const char *name, const char *text)
{
    char from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    file_write(folder, ".delivering.tmp", text);
    path_join(from, folder, ".delivering.tmp");
    path_join(to, folder, name);
    assert_int_equal(rename(from, to), 0);
}

/* Sets the mtime to `seconds` since 1970. */
static inline void file_date(const char *folder, const char *name, int64_t seconds)
{
    char path[FEED_PATH_MAX];
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    path_join(path, folder, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline bool file_there(const char *folder, const char *name)
{
    char path[FEED_PATH_MAX];
    struct stat stat;
    path_join(path, folder, name);
    return lstat(path, &stat) == 0;
}

/* Fails unless the file holds exactly `text`. */
static inline void assert_file(const char *folder, const char *name, const char *text)
{
    char path[FEED_PATH_MAX], data[4096];
    path_join(path, folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        print_error("%s is missing\n", path);
    assert_true(fd >= 0);
    ssize_t len = read(fd, data, sizeof data);
    close(fd);
    assert_in_range(len, 0, sizeof data);
    assert_slice(((struct slice){data, (size_t)len}), text);
}

static inline struct file_stat file_stat_of(const char *folder, const char *name)
{
    char path[FEED_PATH_MAX];
    struct stat stat;
    struct file_stat out;
    path_join(path, folder, name);
    assert_int_equal(lstat(path, &stat), 0);
    file_stat_from(&stat, &out);
    return out;
}

static inline bool is_current(const struct landing *landing)
{
    struct error error;
    bool current;
    assert_ok(landing_current(landing, &current, &error), &error);
    return current;
}

/* The path may be longer than a socket's address, so it is bound from inside the folder. */
static inline void file_socket(const char *folder, const char *name)
{
    char before[FEED_PATH_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(chdir(before), 0);
    close(fd);
}

/* Runs `test` in a child process without privileges that root has (or as the user there is); its failure is ours. The
   folder is given to that user. */
static inline void run_unprivileged(const char *folder, void (*test)(void *context), void *context)
{
    enum { NOBODY = 65534 };
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (chmod(folder, 0755) || setegid(NOBODY) || seteuid(NOBODY)))
            _exit(2);
        test(context);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child of run_unprivileged, where cmocka can't be used. */
#define child_check(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

#endif
