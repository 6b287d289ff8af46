/*
 * What the unit tests share: cmocka with the headers it wants before it, a folder to write in, checks of errors.
 *
 *     char folder[TESTING_PATH_MAX];
 *     testing_folder_make(folder);
 *     ...
 *     testing_folder_remove(folder);
 */
#ifndef DROPFOLD_TESTS_TESTING_H
#define DROPFOLD_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

enum {
    TESTING_PATH_MAX = 512,    /* bytes of a folder's path, the NUL included */
    TESTING_MEMORY = 512 << 20 /* bytes free of what is in memory, for a test to go there */
};

/* Long sweeps over fault points and random drivers take one step in so many. Only where a sanitizer or counters make
   each step dear it is more than one: DROPFOLD_TESTS_STEP in CMakePresets.json. */
#ifndef TESTING_STEP
#define TESTING_STEP 1
#endif

/* Of so many steps those that are taken, at least one. */
#define TESTING_SHARE(STEPS) (((STEPS) + TESTING_STEP - 1) / TESTING_STEP)

/* scripts/valgrind.sh says so: everything is slow, system calls are valgrind's, long double has 64 bits. */
static inline bool testing_under_valgrind(void)
{
    return getenv("DROPFOLD_VALGRIND") != NULL;
}

/* Folders that are made from here on need no disk: in memory, where there is room, flushes cost nothing. */
static inline void testing_in_memory(void)
{
    static const char memory[] = "/dev/shm";
    struct statvfs there;
    if (access(memory, W_OK) == 0 && statvfs(memory, &there) == 0 &&
        (uint64_t)there.f_bavail * there.f_frsize >= TESTING_MEMORY)
        (void)setenv("TMPDIR", memory, 0);
}

/* A new empty folder in TMPDIR or /tmp. */
static inline void testing_folder_make(char path[TESTING_PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    int len = snprintf(path, TESTING_PATH_MAX, "%s/dropfold-test-XXXXXX", parent && *parent ? parent : "/tmp");
    assert_in_range(len, 1, TESTING_PATH_MAX - 1);
    assert_non_null(mkdtemp(path));
}

static inline int testing_remove_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
    (void)stat, (void)type, (void)where;
    return remove(path);
}

/* Removes the folder and all that is in it, without following links. */
static inline void testing_folder_remove(const char *path)
{
    assert_int_equal(nftw(path, testing_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The next of the numbers that `state` leads to, the same in every run. */
static inline uint64_t testing_random(uint64_t *state)
{
    return hash_u64((*state)++);
}

/* A copy of just these bytes on the heap, so that AddressSanitizer sees a read beside them. The caller frees it. */
static inline char *testing_heap(const void *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    return len > 0 ? memcpy(copy, bytes, len) : copy;
}

/* A file of this text with double quotes for single ones: JSON that can be read in C. */
static inline void testing_write_quoted(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (; *text; text++)
        fputc(*text == '\'' ? '"' : *text, file);
    assert_int_equal(fclose(file), 0);
}

/* Makes `to` a copy of the file `from`. */
static inline void testing_copy(const char *from, const char *to)
{
    char bytes[65536];
    size_t len;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((len = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* Fails unless `error` (a struct error *) is of this kind and its text contains `part`. */
#define assert_error(error, wanted, part)                                                                              \
    do {                                                                                                               \
        if ((error)->kind != (wanted) || !strstr((error)->text, (part))) {                                             \
            print_error("error kind %d: \"%s\"\nwanted     %d: \"%s\"\n", (int)(error)->kind, (error)->text,           \
                        (int)(wanted), (part));                                                                        \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Fails, and shows the error, unless the call it came from returned true. */
#define assert_ok(call, error)                                                                                         \
    do {                                                                                                               \
        if (!(call)) {                                                                                                 \
            print_error("%s: %s\n", #call, (error)->text);                                                             \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Fails unless the slice holds exactly the bytes of a C string. */
#define assert_slice(given, wanted)                                                                                    \
    do {                                                                                                               \
        struct slice testing_s = (given);                                                                              \
        if (!slice_equal(testing_s, slice_of(wanted))) {                                                               \
            print_error("\"%.*s\" (%zu bytes)\nwanted \"%s\"\n", (int)testing_s.len,                                   \
                        testing_s.data ? testing_s.data : "", testing_s.len, (wanted));                                \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

#endif
