/*
 * Looks at files, and moves, that fail on purpose: the program's own fstatat, stat, lstat, access, faccessat, readdir,
 * renameat, renameat2 and mkdirat, which go before those of the C library, and unlinkat where FAILING_REMOVALS is
 * defined. Only a test that includes this has them.
 *
 *     for (struct failing f = {0}; failing_next(&f);) {
 *         ...                          what is not under test
 *         failing_begin(&f);
 *         bool good = work();
 *         bool hit = failing_end(&f);  whether some call of `work` failed
 *         ...                          what must hold then
 *     }
 *
 * goes over all of these calls: in run k the k-th alone fails, as by a disk or a network that does so for a moment. It
 * ends with the run that nothing failed in, and fails where none did. Calls of all threads are counted together.
 */
#ifndef DROPFOLD_TESTS_FAILING_LOOKS_H
#define DROPFOLD_TESTS_FAILING_LOOKS_H

#include "testing.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct failing {
    bool started, hit;
    unsigned long k;
    unsigned long points; /* runs in which a call failed */
};

static struct {
    atomic_bool armed, hit;
    atomic_ulong k, calls; /* the call that fails, and those so far */
} failing_now;

static inline void failing_begin(const struct failing *f)
{
    failing_now.hit = false;
    failing_now.k = f->k;
    failing_now.calls = 0;
    failing_now.armed = true;
}

static inline bool failing_end(struct failing *f)
{
    failing_now.armed = false;
    f->hit = failing_now.hit;
    f->points += f->hit;
    return f->hit;
}

static inline bool failing_next(struct failing *f)
{
    if (f->started && !f->hit) {
        assert_true(f->points > 0); /* else nothing was tried */
        return false;
    }
    f->started = true;
    f->k++;
    return true;
}

static inline bool failing_fails(void)
{
    if (!failing_now.armed || atomic_fetch_add(&failing_now.calls, 1) + 1 != failing_now.k)
        return false;
    failing_now.hit = true;
    errno = EIO;
    return true;
}

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

/* Defines the call, which hands on to the next of its name. */
#define FAILING_CALL(type, name, failure, parameters, arguments)                                                       \
    __attribute__((visibility("default"))) type name parameters                                                        \
    {                                                                                                                  \
        static type(*next) parameters;                                                                                 \
        if (!next) {                                                                                                   \
            void *found = dlsym(RTLD_NEXT, #name);                                                                     \
            memcpy(&next, &found, sizeof next);                                                                        \
        }                                                                                                              \
        return failing_fails() ? (failure) : next arguments;                                                           \
    }

FAILING_CALL(int, fstatat, -1, (int folder, const char *name, struct stat *stat, int flags),
             (folder, name, stat, flags))
FAILING_CALL(int, stat, -1, (const char *path, struct stat *out), (path, out))
FAILING_CALL(int, lstat, -1, (const char *path, struct stat *out), (path, out))
FAILING_CALL(int, access, -1, (const char *path, int mode), (path, mode))
FAILING_CALL(int, faccessat, -1, (int folder, const char *name, int mode, int flags), (folder, name, mode, flags))
FAILING_CALL(int, renameat, -1, (int from_folder, const char *from, int to_folder, const char *to),
             (from_folder, from, to_folder, to))
FAILING_CALL(int, renameat2, -1, (int from_folder, const char *from, int to_folder, const char *to, unsigned flags),
             (from_folder, from, to_folder, to, flags))
FAILING_CALL(int, mkdirat, -1, (int folder, const char *name, mode_t mode), (folder, name, mode))
#ifdef FAILING_REMOVALS
FAILING_CALL(int, unlinkat, -1, (int folder, const char *name, int flags), (folder, name, flags))
#endif
FAILING_CALL(struct dirent *, readdir, NULL, (DIR * dir), (dir))

#endif
