/*
 * An allocator that fails on purpose: the program's own malloc, calloc, realloc, strdup and strndup, which go before
 * those of the C library for every library that it loads. Only a test that includes this has it.
 *
 *     for (struct failing f = {0}; failing_next(&f);) {
 *         ...                          what is not under test
 *         failing_begin(&f);
 *         bool good = work();
 *         bool hit = failing_end(&f);  whether some allocation of `work` failed
 *         ...                          what must hold then
 *     }
 *
 * goes twice over all allocations of the work, in any thread: in run k the k-th alone fails, as under a passing
 * shortage; then from the k-th on all of them. It ends with the run that nothing failed in. Where there are too many,
 * `f.stride` leaves some out; where there are none, it fails. Leaks are for the address sanitizer to find.
 */
#ifndef DROPFOLD_TESTS_FAILING_MALLOC_H
#define DROPFOLD_TESTS_FAILING_MALLOC_H

#include "testing.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct failing {
    bool started, for_good; /* for_good: from the k-th on */
    unsigned long k, points;
    unsigned long stride; /* allocations between two runs; 0 counts as 1 */
    unsigned long calls;  /* allocations of the last run */
    bool hit;
};

/* Fails nothing: for counting. */
#define FAILING_NEVER ((struct failing){.k = ULONG_MAX})

/* What the allocator does now. */
static struct {
    atomic_bool armed, for_good, hit;
    atomic_ulong k, calls; /* the allocation that fails, and those so far */
} failing_now;

static inline void failing_begin(const struct failing *f)
{
    failing_now.for_good = f->for_good;
    failing_now.hit = false;
    failing_now.k = f->k;
    failing_now.calls = 0;
    failing_now.armed = true;
}

static inline bool failing_end(struct failing *f)
{
    failing_now.armed = false;
    f->hit = failing_now.hit;
    f->calls = failing_now.calls;
    f->points += f->hit;
    return f->hit;
}

/* Between these two nothing fails: for what the test itself does in the midst of the work. */
static inline void failing_pause(void)
{
    failing_now.armed = false;
}

static inline void failing_resume(void)
{
    failing_now.armed = true;
}

static inline bool failing_next(struct failing *f)
{
    unsigned long stride = f->stride > 0 ? f->stride : 1;
    failing_now.armed = false;
    if (f->started && !f->hit && f->for_good) {
        assert_true(f->points > 0 || testing_under_valgrind()); /* else nothing was tried */
        return false;
    }
    if (f->started && !f->hit)
        f->for_good = true;
    f->k = f->started && f->hit ? f->k + stride : 1;
    f->started = true;
    return true;
}

/* Called before the sanitizers have started, by their own start. */
#define FAILING_EARLY __attribute__((no_sanitize("address", "thread", "undefined")))

/* A sanitizer looks where the stack of a new thread lies, which allocates, and ends the process where that fails. */
static _Thread_local bool failing_spared;

FAILING_EARLY static inline bool failing_fails(void)
{
    if (!failing_now.armed || failing_spared)
        return false;
    unsigned long call = atomic_fetch_add(&failing_now.calls, 1) + 1;
    if (call < failing_now.k || (call > failing_now.k && !failing_now.for_good))
        return false;
    failing_now.hit = true;
    errno = ENOMEM;
    return true;
}

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
/* Those of a sanitizer, where there is one. */
extern void *__interceptor_malloc(size_t size) __attribute__((weak));
extern void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));

#define FAILING_EXPORTED FAILING_EARLY __attribute__((visibility("default")))

FAILING_EXPORTED void *malloc(size_t size)
{
    if (failing_fails())
        return NULL;
    return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

FAILING_EXPORTED void *calloc(size_t count, size_t size)
{
    if (failing_fails())
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(count, size) : __libc_calloc(count, size);
}

FAILING_EXPORTED void *realloc(void *old, size_t size)
{
    if (failing_fails())
        return NULL;
    return __interceptor_realloc ? __interceptor_realloc(old, size) : __libc_realloc(old, size);
}

FAILING_EXPORTED char *strndup(const char *text, size_t most)
{
    size_t len = strnlen(text, most);
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    copy[len] = '\0';
    return memcpy(copy, text, len);
}

FAILING_EXPORTED char *strdup(const char *text)
{
    return strndup(text, strlen(text));
}

FAILING_EXPORTED int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
    failing_spared = true;
    int (*next)(pthread_t, pthread_attr_t *) =
        (int (*)(pthread_t, pthread_attr_t *))(uintptr_t)dlsym(RTLD_NEXT, "pthread_getattr_np");
    int code = next(thread, attributes);
    failing_spared = false;
    return code;
}

#endif
