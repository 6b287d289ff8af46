/*
 * No file is overtaken by newer ones of its folder: neither one that settles, nor one that is missed for a moment
 * because a call to the system failed.
 */
#include "feed_watching.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "feed/entry.h"
#include "feed/folder.h"

/* What fails, for the workers of the watch too: looks at this name, entries for one as long, and lists; `spared` calls
   first. */
static struct {
    char name[64];
    atomic_int looks, entries, lists, spared, number;
} failing;

enum { PATIENCE = 5 /* seconds, of which one and the settle time may count while the process stands still */ };
static atomic_int stood_still; /* seconds that the clock has moved on meanwhile */

static bool fails(atomic_int *left)
{
    if (*left <= 0 || atomic_fetch_sub(&failing.spared, 1) > 0)
        return false;
    atomic_fetch_sub(left, 1);
    errno = failing.number;
    return true;
}

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_MONOTONIC)
        now->tv_sec += stood_still;
    return result;
}

static void next_of(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, size);
}

__attribute__((visibility("default"))) int fstatat(int folder, const char *name, struct stat *stat, int flags)
{
    static _Thread_local int (*next)(int folder, const char *name, struct stat *stat, int flags);
    if (!next)
        next_of("fstatat", &next, sizeof next);
    return strcmp(name, failing.name) == 0 && fails(&failing.looks) ? -1 : next(folder, name, stat, flags);
}

__attribute__((visibility("default"))) struct dirent *readdir(DIR *dir)
{
    static _Thread_local struct dirent *(*next)(DIR * dir);
    if (!next)
        next_of("readdir", &next, sizeof next);
    return fails(&failing.lists) ? NULL : next(dir);
}

extern void *__libc_calloc(size_t count, size_t size);
extern void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak)); /* of a sanitizer */

__attribute__((visibility("default"), no_sanitize("address", "thread", "undefined"))) void *calloc(size_t count,
                                                                                                   size_t size)
{
    if (failing.entries > 0 && size == sizeof(struct entry) + sizeof "longer.csv" && fails(&failing.entries))
        return NULL;
    return __interceptor_calloc ? __interceptor_calloc(count, size) : __libc_calloc(count, size);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    failing.looks = failing.entries = failing.lists = failing.spared = 0;
    failing.number = EIO;
    snprintf(failing.name, sizeof failing.name, "first.csv");
    return watching_set_up(state);
}

static void drop(const struct watching *w, const char *name, int64_t time)
{
    file_write(w->folder[0], name, "1");
    file_date(w->folder[0], name, time);
}

static void assert_in_order(struct watching *w, const char *first, const char *second)
{
    run_until(w, w->count == 2);
    assert_note(w, 0, 0, first);
    assert_note(w, 1, 0, second);
}

static void waits_for_a_file_that_cannot_be_looked_at(void **state)
{
    struct watching *w = *state;
    drop(w, "first.csv", 1600000000);
    drop(w, "newer.csv", 1600000001);
    failing.looks = 3;
    assert_ok(watching_try(w), &w->error);
    assert_in_order(w, "first.csv", "newer.csv");
    assert_int_equal(w->batches, 1);
    assert_int_equal(watching_said(w, "Orders/first.csv cannot be looked at"), 1);
    assert_false(watch_missed(w->watch));
}

static void waits_in_a_single_run_too(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    drop(w, "first.csv", 1600000000);
    drop(w, "newer.csv", 1600000001);
    failing.looks = 1;
    assert_ok(watching_try(w), &w->error);
    run_until(w, w->idle == 1);
    assert_in_order(w, "first.csv", "newer.csv");
    assert_false(watch_missed(w->watch));
}

static void waits_for_a_file_that_was_heard_of(void **state)
{
    struct watching *w = *state;
    w->feeds[0].settle = WATCHING_NEVER; /* it was renamed in, and stays so */
    watching_start(w);
    failing.looks = 3;
    file_deliver(w->folder[0], "first.csv", "1");
    file_deliver(w->folder[0], "newer.csv", "1");
    assert_in_order(w, "first.csv", "newer.csv");
}

/* More files than one look takes. */
static void looks_first_at_what_was_heard_of_first(void **state)
{
    struct watching *w = *state;
    char name[32], path[FEED_PATH_MAX], hidden[FEED_PATH_MAX];
    w->feeds[0].settle = WATCHING_NEVER;
    watching_start(w);
    file_deliver(w->folder[0], "first.csv", "1");
    for (int i = 0; i < FOLDER_LOOKS_MAX; i++) {
        snprintf(name, sizeof name, "newer-%d.csv", i);
        file_deliver(w->folder[0], name, "1");
    }
    path_join(path, w->folder[0], "first.csv");
    path_join(hidden, w->folder[0], ".first.csv");
    assert_true(rename(path, hidden) == 0 && rename(hidden, path) == 0);
    run_until(w, w->count == FOLDER_LOOKS_MAX + 1);
    assert_note(w, 0, 0, "first.csv");
}

/* By its second look: it has settled. */
static void waits_for_a_file_that_has_settled(void **state)
{
    struct watching *w = *state;
    watching_start(w);
    failing.spared = 1;
    failing.looks = 4;
    file_write(w->folder[0], "first.csv", "1");
    run_until(w, watching_said(w, "first.csv cannot be looked at") == 1);
    w->feeds[0].settle = WATCHING_NEVER; /* it does not settle once more */
    file_deliver(w->folder[0], "newer.csv", "1");
    assert_in_order(w, "first.csv", "newer.csv");
}

static void waits_for_a_marker_that_cannot_be_looked_at(void **state)
{
    struct watching *w = *state;
    w->feeds[0].ready = FEED_READY_DONE_MARKER;
    snprintf(failing.name, sizeof failing.name, "first.csv.done");
    failing.looks = 3;
    watching_start(w);
    file_write(w->folder[0], "first.csv", "1");
    file_write(w->folder[0], "newer.csv", "1");
    file_date(w->folder[0], "first.csv", 1600000000);
    file_write(w->folder[0], "first.csv.done", "");
    file_write(w->folder[0], "newer.csv.done", "");
    assert_in_order(w, "first.csv", "newer.csv");
}

static void waits_for_a_file_that_finds_no_memory(void **state)
{
    struct watching *w = *state;
    failing.number = ENOMEM;
    drop(w, "longer.csv", 1600000000);
    drop(w, "newer.csv", 1600000001);
    failing.entries = 3;
    watching_start(w);
    assert_in_order(w, "longer.csv", "newer.csv");
    assert_true(watching_said(w, "out of memory") == 1 || testing_under_valgrind()); /* which has calloc itself */
}

static void waits_for_a_file_that_finds_no_memory_when_it_is_heard_of(void **state)
{
    struct watching *w = *state;
    w->feeds[0].ready = FEED_READY_DONE_MARKER;
    failing.number = ENOMEM;
    watching_start(w);
    failing.entries = 4;
    file_write(w->folder[0], "longer.csv", "1");
    file_date(w->folder[0], "longer.csv", 1600000000);
    file_write(w->folder[0], "newer.csv", "1");
    file_write(w->folder[0], "longer.csv.done", "");
    file_write(w->folder[0], "newer.csv.done", "");
    assert_in_order(w, "longer.csv", "newer.csv");
}

static void waits_for_a_folder_that_cannot_be_listed(void **state)
{
    struct watching *w = *state;
    drop(w, "first.csv", 1600000000);
    failing.lists = 9; /* of three folders */
    assert_ok(watching_try(w), &w->error);
    run_until(w, watching_said(w, "Orders: ") == 1);
    file_deliver(w->folder[0], "newer.csv", "1");
    assert_in_order(w, "first.csv", "newer.csv");
    assert_int_equal(watching_said(w, "Orders can be read again"), 1);
}

static void goes_on_without_a_file_that_can_never_be_looked_at(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    w->options.patience = WATCHING_SETTLE;
    drop(w, "first.csv", 1600000000);
    drop(w, "newer.csv", 1600000001);
    failing.looks = INT_MAX;
    int64_t begun = clock_monotonic();
    watching_start(w);
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "newer.csv");
    assert_true(w->notes[0].at - begun >= WATCHING_SETTLE);
    run_until(w, watch_missed(w->watch)); /* a scan that has only begun has missed nothing yet */
    w->options.patience = WATCHING_NEVER; /* no other waits for it once more */
    file_deliver(w->folder[0], "newest.csv", "1");
    run_until(w, w->count == 2);
    watching_scans(w, 6);
    assert_int_equal(watching_said(w, "first.csv cannot be looked at"), 1);
    failing.looks = 0;
    run_until(w, w->count == 3);
    assert_note(w, 2, 0, "first.csv");
}

static void ends_a_single_run_without_a_file_that_can_never_be_looked_at(void **state)
{
    struct watching *w = *state;
    w->options.once = true;
    w->options.patience = WATCHING_SETTLE;
    drop(w, "first.csv", 1600000000);
    drop(w, "newer.csv", 1600000001);
    failing.looks = INT_MAX;
    assert_ok(watching_try(w), &w->error);
    run_until(w, w->idle == 1);
    assert_int_equal(w->count, 1);
    assert_note(w, 0, 0, "newer.csv");
    assert_true(watch_missed(w->watch));
}

static void does_not_wait_for_what_it_may_not_look_at(void **state)
{
    struct watching *w = *state;
    drop(w, "first.csv", 1600000000);
    drop(w, "newer.csv", 1600000001);
    failing.number = EACCES;
    failing.looks = INT_MAX;
    watching_start(w);
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "newer.csv");
    assert_true(watch_missed(w->watch));
}

static void hands_out_a_file_only_once_that_cannot_be_looked_at_for_a_while(void **state)
{
    struct watching *w = *state;
    w->options.rescan = WATCHING_OFTEN;
    drop(w, "first.csv", 1600000000);
    watching_start(w);
    run_until(w, w->count == 1);
    failing.looks = 2;
    run_until(w, watching_said(w, "first.csv cannot be looked at") == 1);
    file_append(w->folder[0], "first.csv", ""); /* heard of, and looked at */
    watching_scans(w, 12);
    assert_int_equal(failing.looks, 0);
    assert_int_equal(w->count, 1);
}

/* --- what settles --- */

static void rename_in(const struct watching *w, const char *name)
{
    char from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    file_write(w->folder[0], "old.tmp", "1");
    file_date(w->folder[0], "old.tmp", 1600000000);
    path_join(from, w->folder[0], "old.tmp");
    path_join(to, w->folder[0], name);
    assert_int_equal(rename(from, to), 0);
}

static void lets_a_file_wait_for_an_older_one_that_settles(void **state)
{
    struct watching *w = *state;
    watching_start(w);
    file_write(w->folder[0], "a.csv", "1");
    file_deliver(w->folder[0], "b.csv", "1");
    run_until(w, w->count == 2);
    assert_note(w, 0, 0, "a.csv");
    assert_note(w, 1, 0, "b.csv");
}

/* Patience is for what goes on longer than it has to. */
static void lets_a_file_wait_for_an_older_one_however_long_that_has_to_settle(void **state)
{
    struct watching *w = *state;
    w->feeds[0].settle = WATCHING_SETTLE_LONG;
    w->options.patience = 1;
    watching_start(w);
    file_write(w->folder[0], "a.csv", "1");
    file_deliver(w->folder[0], "b.csv", "1");
    run_until(w, w->count == 2);
    assert_note(w, 0, 0, "a.csv");
    assert_note(w, 1, 0, "b.csv");
}

/* Once the oldest is there, the one that was heard of before it was looked at. */
static void lets_a_file_wait_for_an_older_one_although_the_process_stood_still(void **state)
{
    struct watching *w = *state;
    w->options.patience = PATIENCE * 1000 * 1000;
    watching_start(w);
    file_write(w->folder[0], "a.csv", "1");
    rename_in(w, "oldest.csv");
    run_until(w, w->count >= 1);
    stood_still += 2 * PATIENCE;
    file_append(w->folder[0], "a.csv", "2");
    file_deliver(w->folder[0], "b.csv", "1");
    run_until(w, strcmp(w->notes[w->count - 1].name, "b.csv") == 0);
    assert_note(w, w->count - 2, 0, "a.csv");
}

static void lets_no_file_wait_for_a_newer_one_that_settles(void **state)
{
    struct watching *w = *state;
    w->feeds[0].settle = WATCHING_NEVER;
    watching_start(w);
    file_write(w->folder[0], "newer.csv", "1");
    rename_in(w, "older.csv");
    run_until(w, w->count == 1);
    assert_note(w, 0, 0, "older.csv");
}

static bool is_handed_out(const struct watching *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->notes[i].name, name) == 0)
            return true;
    return false;
}

/* The older one's writer never ends, and it bears the time of a server whose clock is behind. It may settle all the
   same: where this machine stands still for so long. Their names are in order, as their first times may be one. */
static bool is_overtaken(struct watching *w, int try)
{
    char older[32], newer[32];
    snprintf(older, sizeof older, "a-%d.csv", try);
    snprintf(newer, sizeof newer, "b-%d.csv", try);
    file_write(w->folder[0], older, "1");
    file_deliver(w->folder[0], newer, "1");
    for (int i = 0; i < 100 && !is_handed_out(w, newer) && !is_handed_out(w, older); i++) {
        run_for(w, WATCHING_SETTLE / 4);
        file_append(w->folder[0], older, "2");
        file_date(w->folder[0], older, 1600000000);
    }
    return !is_handed_out(w, older) && is_handed_out(w, newer);
}

static void lets_no_file_wait_too_long_for_an_older_one(void **state)
{
    struct watching *w = *state;
    bool overtaken = false;
    w->options.patience = WATCHING_SETTLE;
    watching_start(w);
    for (int i = 0; i < WATCHING_TRIES && !overtaken; i++)
        overtaken = is_overtaken(w, i);
    assert_true(overtaken);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, watching_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(waits_for_a_file_that_cannot_be_looked_at),
        TEST(waits_in_a_single_run_too),
        TEST(waits_for_a_file_that_was_heard_of),
        TEST(looks_first_at_what_was_heard_of_first),
        TEST(waits_for_a_file_that_has_settled),
        TEST(waits_for_a_marker_that_cannot_be_looked_at),
        TEST(waits_for_a_file_that_finds_no_memory),
        TEST(waits_for_a_file_that_finds_no_memory_when_it_is_heard_of),
        TEST(waits_for_a_folder_that_cannot_be_listed),
        TEST(goes_on_without_a_file_that_can_never_be_looked_at),
        TEST(ends_a_single_run_without_a_file_that_can_never_be_looked_at),
        TEST(does_not_wait_for_what_it_may_not_look_at),
        TEST(lets_a_file_wait_for_an_older_one_that_settles),
        TEST(lets_a_file_wait_for_an_older_one_however_long_that_has_to_settle),
        TEST(lets_a_file_wait_for_an_older_one_although_the_process_stood_still),
        TEST(lets_no_file_wait_for_a_newer_one_that_settles),
        TEST(lets_no_file_wait_too_long_for_an_older_one),
        TEST(hands_out_a_file_only_once_that_cannot_be_looked_at_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
