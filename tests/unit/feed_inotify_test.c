/* The watch with inotify, without it, and when its queue overflows. */
#include "feed_watching.h"


enum { NO_NAMESPACES = 77 /* exit code of a child */ };

static void finds_files_without_events(void **state)
{
    struct watching *w = *state;
    struct watch_stats stats;
    w->options.events = false;
    w->options.rescan = WATCHING_OFTEN;
    watching_start(w);
    file_write(w->folder[0], "written.csv", "1");
    file_deliver(w->folder[1], "renamed.csv", "1");
    run_until(w, w->count == 2);
    watch_stats(w->watch, &stats);
    assert_int_equal(stats.events, 0);
}

static void append_dated(struct watching *w, const char *name, int i)
{
    if (i == 0)
        file_write(w->folder[0], name, "1");
    else
        file_append(w->folder[0], name, "2");
    file_date(w->folder[0], name, 1600000000 + i);
}

/* As from a server whose clock is behind: what is written now looks as if it had long been there. */
static void lets_what_comes_settle_whatever_its_time(void **state)
{
    struct watching *w = *state;
    w->options.events = false;
    w->options.rescan = WATCHING_OFTEN;
    w->feeds[0].settle = WATCHING_SETTLE_LONG;
    watching_start(w);
    (void)watching_settles_once(w, append_dated);
}

/* The value that stood there, or -1 when it can't be set. */
static int set_sysctl(const char *path, int value)
{
    char text[32] = "";
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    int old = len > 0 ? atoi(text) : -1;
    len = snprintf(text, sizeof text, "%d", value);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        old = -1;
    close(fd);
    return old;
}

static int compare_notes(const void *a, const void *b)
{
    return strcmp(((const struct note *)a)->name, ((const struct note *)b)->name);
}

static void loses_nothing_when_the_queue_overflows(void **state)
{
    static const char sysctl[] = "/proc/sys/fs/inotify/max_queued_events";
    struct watching *w = *state;
    struct watch_stats stats;
    int old = set_sysctl(sysctl, 16);
    if (old < 0) {
        print_message("max_queued_events cannot be set: skipped\n");
        skip();
    }
    /* The limit counts for instances made from now on, so it can go back before anything may fail. */
    bool started = watching_try(w);
    assert_int_equal(set_sysctl(sysctl, old), 16);
    assert_ok(started, &w->error);
    run_until(w, (watch_stats(w->watch, &stats), stats.scans >= 3));
    deliver_many(w);
    run_until(w, w->count >= WATCHING_MANY);
    watch_stats(w->watch, &stats);
    assert_true(stats.overflows >= 1);
    qsort(w->notes, w->count, sizeof *w->notes, compare_notes);
    for (size_t i = 0; i < WATCHING_MANY; i++)
        assert_int_equal(atoi(w->notes[i].name), i);
    assert_int_equal(w->count, WATCHING_MANY);
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return written;
}

/* In a child. Inotify's limits hang on the user namespace too: one of our own can be without, and nobody else
   notices. */
static void find_a_file_in_spite_of(struct watching *w, const char *limit, const char *said)
{
    char map[64];
    snprintf(map, sizeof map, "%d %d 1", geteuid(), geteuid());
    if (unshare(CLONE_NEWUSER) < 0 || !write_text("/proc/self/uid_map", map) || !write_text(limit, "0"))
        _exit(NO_NAMESPACES);
    child_check(uv_loop_init(&w->loop) == 0);
    uv_timer_init(&w->loop, &w->timer);
    uv_timer_start(&w->timer, watching_beat, WATCHING_BEAT, WATCHING_BEAT);
    child_check(watching_try(w));
    file_write(w->folder[0], "a.csv", "1");
    while (w->count == 0 && w->beats < WATCHING_BEATS)
        uv_run(&w->loop, UV_RUN_ONCE);
    child_check(w->count == 1);
    child_check(watching_said(w, said) == 1);
    _exit(0);
}

static void assert_lives_on_rescans(struct watching *w, const char *limit, const char *said)
{
    int status;
    w->options.rescan = WATCHING_OFTEN;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        find_a_file_in_spite_of(w, limit, said);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACES) {
        print_message("no user namespace of its own here: skipped\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void lives_on_rescans_when_there_is_no_inotify(void **state)
{
    assert_lives_on_rescans(*state, "/proc/sys/user/max_inotify_instances", "fs.inotify.max_user_instances");
}

static void lives_on_rescans_when_there_are_no_watches(void **state)
{
    assert_lives_on_rescans(*state, "/proc/sys/user/max_inotify_watches", "fs.inotify.max_user_watches");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, watching_set_up, watching_tear_down)
    const struct CMUnitTest tests[] = {
        /* These fork, so they come before libuv has made its threads: ThreadSanitizer wants it so. */
        TEST(lives_on_rescans_when_there_is_no_inotify),
        TEST(lives_on_rescans_when_there_are_no_watches),
        TEST(finds_files_without_events),
        TEST(lets_what_comes_settle_whatever_its_time),
        TEST(loses_nothing_when_the_queue_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
