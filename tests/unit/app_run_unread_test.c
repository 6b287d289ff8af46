/*
 * A single run in which files cannot be read, however often that is tried: those behind them wait, and then go on
 * without them. Each try takes a second by the clock of this process.
 */
#include "app_running.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "app/pack.h"
#include "app/run_internal.h"

enum {
    UNREAD = 6,                          /* files */
    TRIES = RUN_PATIENCE_ONCE / 1000000, /* of a file, while others wait for it */
    LARGE = PACK_FILE_BYTES_MAX + 1,     /* bytes of a file that is read alone */
    OTHERS = 20                          /* looks at the clock until all that can happen meanwhile has happened */
};

static struct {
    atomic_int tries;   /* of files that cannot be read */
    atomic_int clocks;  /* looks at the clock since a file was opened */
    atomic_bool slow;   /* the next open of slow.csv takes its time */
    atomic_int touch;   /* so many reads of touched.csv are still to see its mode changed, */
    atomic_int touched; /* which is read by this descriptor */
} seen;

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_MONOTONIC) {
        now->tv_sec += seen.tries;
        atomic_fetch_add(&seen.clocks, 1);
    }
    return result;
}

static void let_others_go_on(void)
{
    while (seen.clocks < OTHERS)
        uv_sleep(1);
}

__attribute__((visibility("default"))) int openat(int folder, const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    seen.clocks = 0;
    if (strncmp(name, "unread", 6) == 0) {
        atomic_fetch_add(&seen.tries, 1);
        errno = EIO;
        return -1;
    }
    if (strcmp(name, "slow.csv") == 0 && atomic_exchange(&seen.slow, false))
        let_others_go_on();
    int fd = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (strcmp(name, "touched.csv") == 0)
        seen.touched = fd;
    return fd;
}

/* Until its ctime tells. */
static void touch(int fd)
{
    struct stat before, now;
    assert_int_equal(fstat(fd, &before), 0);
    do
        assert_int_equal(fchmod(fd, 0600), 0);
    while (fstat(fd, &now) == 0 && now.st_ctim.tv_sec == before.st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

__attribute__((visibility("default"))) ssize_t read(int fd, void *bytes, size_t size)
{
    if (seen.touch > 0 && fd == seen.touched) {
        atomic_fetch_sub(&seen.touch, 1);
        touch(fd);
    }
    return syscall(SYS_read, fd, bytes, size);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

struct fixture {
    struct running at;
    int dropped;
};

static int set_up(void **state)
{
    static const char *const feeds[] = {"Customers", "Deliveries", "Orders"};
    struct fixture *f = calloc(1, sizeof *f);
    char path[RUNNING_PATH_MAX];
    running_make_folder(&f->at);
    for (size_t i = 0; i < COUNT_OF(feeds); i++) {
        snprintf(path, sizeof path, "%s/%s", f->at.folder, feeds[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    running_open(&f->at);
    log_init(&f->at.log, f->at.null, LOG_ERROR);
    seen.tries = 0;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    running_close(&f->at);
    testing_folder_remove(f->at.folder);
    free(f);
    return 0;
}

/* An order, and blanks up to `size` bytes; later than all files before it. */
static void drop(struct fixture *f, const char *name, int size)
{
    char path[RUNNING_PATH_MAX];
    const struct timespec times[2] = {{.tv_sec = 1600000000 + f->dropped}, {.tv_sec = 1600000000 + f->dropped}};
    snprintf(path, sizeof path, "%s/Orders/%s", f->at.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("Order ID,SKU,Customer ID,Order Time,Quantity,Order Total,Currency Symbol,Debt Amount\n", file);
    fprintf(file, "%d,A,1,2022-01-10T12:00:00.000Z,1,100,x,\n%*s", ++f->dropped, size, "");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

struct applied {
    size_t count;
    char last[32];
};

static bool count_file(void *context, const struct file_record *file)
{
    struct applied *applied = context;
    applied->count += file->state == FILE_APPLIED;
    snprintf(applied->last, sizeof applied->last, "%.*s", (int)file->name.len, file->name.data);
    return true;
}

static struct applied look_at_applied(const struct fixture *f)
{
    struct applied applied = {0};
    running_each_file(&f->at, count_file, &applied);
    return applied;
}

static size_t count_applied(const struct fixture *f)
{
    return look_at_applied(f).count;
}

/* Microseconds, whatever was tried. */
static int64_t true_time(void)
{
    struct timespec now;
    assert_int_equal(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* For so many tries, of a second each; less those for whose time this machine stood still. */
static void assert_waited(int64_t begun, int tries)
{
    assert_true(seen.tries * INT64_C(1000000) + true_time() - begun >= tries * INT64_C(1000000));
}

/* They are so large that one is read at a time, and each fails for the first time when those before it are given up. */
static void a_feed_waits_for_many_files_no_longer_than_for_one(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < UNREAD; i++) {
        char name[32];
        snprintf(name, sizeof name, "unread%d.csv", i);
        drop(f, name, LARGE);
    }
    drop(f, "good.csv", 0);
    int64_t begun = true_time();
    assert_int_equal(running_run(&f->at, 1), 1);
    assert_int_equal(count_applied(f), 1);
    assert_waited(begun, TRIES + UNREAD - 1);
    assert_in_range(seen.tries, UNREAD, UNREAD * TRIES - 1); /* on a busy machine rescans try them some times more */
}

/* The worker that met the one which cannot be read still reads another, while a second worker is done with the file
   behind these two. */
static void no_file_is_left_out_for_one_before_it(void **state)
{
    struct fixture *f = *state;
    drop(f, "unread.csv", 0);
    drop(f, "slow.csv", 0);
    drop(f, "good.csv", 0);
    seen.slow = true;
    int64_t begun = true_time();
    assert_int_equal(running_run(&f->at, 2), 1);
    assert_int_equal(count_applied(f), 2);
    assert_waited(begun, TRIES);
    assert_in_range(seen.tries, 1, TRIES + 2);
}

/* A file that was renamed in has its mode changed while it is read. */
static void a_file_whose_mode_is_changed_while_it_is_read_is_not_overtaken(void **state)
{
    struct fixture *f = *state;
    drop(f, "touched.csv", 0);
    drop(f, "correction.csv", 0);
    seen.touch = 2;
    assert_int_equal(running_run(&f->at, 1), 0);
    const struct applied applied = look_at_applied(f);
    assert_int_equal(applied.count, 2);
    assert_string_equal(applied.last, "correction.csv");
    assert_int_equal(seen.touch, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_feed_waits_for_many_files_no_longer_than_for_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_file_is_left_out_for_one_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_whose_mode_is_changed_while_it_is_read_is_not_overtaken, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
