/*
 * A watch under test: its feeds, its loop, an owner that notes what it is handed, and a log that can be read.
 *
 * Tests wait by running the loop until what they wait for is there; after a minute of beats without it they fail.
 */
#ifndef DROPFOLD_TESTS_FEED_WATCHING_H
#define DROPFOLD_TESTS_FEED_WATCHING_H

#include "feed_support.h"

#include <uv.h>

#include "feed/watch.h"

enum {
    WATCHING_NOTES_MAX = 4096,
    WATCHING_MANY = 2000,         /* files, where there are to be many */
    WATCHING_SETTLE = 150 * 1000, /* microseconds */
    WATCHING_NEVER = 1000 * 1000 * 1000,
    WATCHING_OFTEN = 30 * 1000, /* between rescans, where those are what is tested */
    WATCHING_BEAT = 20,         /* milliseconds */
    WATCHING_BEATS = 3000       /* a guard against hanging; while the process stands still, none comes */
};

/* A file as it was handed out. */
struct note {
    size_t feed;
    char name[LANDING_NAME_SIZE];
    int64_t at; /* monotonic */
    struct file_stat stat;
    struct candidate *candidate; /* NULL once released */
};

struct watching {
    char data[TESTING_PATH_MAX];
    char folder[3][FEED_PATH_MAX];
    struct feed feeds[3];
    struct pipeline pipeline;
    struct watch_options options;
    uv_loop_t loop;
    uv_timer_t timer;
    unsigned beats; /* of it, in this wait */
    bool late;
    struct watch *watch;
    struct log log;
    char log_path[FEED_PATH_MAX];
    struct error error;
    struct note *notes;
    size_t count, batches, known_asked, idle;
    bool keep;                  /* do not release at once */
    enum watch_outcome outcome; /* of what is released at once */
    const char *known;          /* the one name that is known */
    size_t opened;
    bool keep_opened; /* do not let them be scanned at once */
    bool stopped;
};

static inline void watching_release(struct watching *w, size_t i, enum watch_outcome outcome)
{
    assert_in_range(i, 0, w->count - 1);
    assert_non_null(w->notes[i].candidate);
    watch_release(w->watch, w->notes[i].candidate, outcome);
    w->notes[i].candidate = NULL;
}

static inline void watching_ready(void *context, struct candidate **candidates, size_t count)
{
    struct watching *w = context;
    w->batches++;
    for (size_t i = 0; i < count; i++) {
        assert_in_range(w->count, 0, WATCHING_NOTES_MAX - 1);
        struct note *note = &w->notes[w->count++];
        *note = (struct note){.feed = candidates[i]->landing->index,
                              .at = clock_monotonic(),
                              .stat = candidates[i]->stat,
                              .candidate = candidates[i]};
        snprintf(note->name, sizeof note->name, "%s", candidates[i]->name);
        if (!w->keep)
            watching_release(w, w->count - 1, w->outcome);
    }
}

static inline bool watching_known(void *context, const struct landing *landing, const char *name,
                                  const struct file_stat *stat)
{
    struct watching *w = context;
    (void)landing, (void)stat;
    w->known_asked++;
    return w->known && strcmp(w->known, name) == 0;
}

static inline void watching_opened(void *context, size_t feed)
{
    struct watching *w = context;
    w->opened++;
    if (!w->keep_opened)
        watch_opened(w->watch, feed);
}

static inline void watching_idle(void *context)
{
    ((struct watching *)context)->idle++;
}

static inline void watching_late(uv_timer_t *timer)
{
    CONTAINER_OF(timer, struct watching, timer)->late = true;
}

static inline int watching_set_up(void **state)
{
    static const char *const names[] = {"Orders", "Deliveries", "Customers"};
    struct watching *w = calloc(1, sizeof *w);
    w->notes = calloc(WATCHING_NOTES_MAX, sizeof *w->notes);
    testing_folder_make(w->data);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        path_join(w->folder[i], w->data, names[i]);
        assert_int_equal(mkdir(w->folder[i], 0755), 0);
        w->feeds[i] = (struct feed){.name = names[i], .settle = WATCHING_SETTLE};
    }
    w->pipeline = (struct pipeline){.feeds = w->feeds, .feed_count = COUNT_OF(names)};
    w->options =
        (struct watch_options){.data = w->data, .rescan = WATCHING_NEVER, .patience = WATCHING_NEVER, .events = true};
    path_join(w->log_path, w->data, "log");
    log_init(&w->log, open(w->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600), LOG_INFO);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_timer_init(&w->loop, &w->timer), 0);
    *state = w;
    return 0;
}

static inline bool watching_try(struct watching *w)
{
    const struct watch_callbacks callbacks = {.context = w,
                                              .ready = watching_ready,
                                              .known = watching_known,
                                              .opened = watching_opened,
                                              .idle = watching_idle};
    w->options.pipeline = &w->pipeline;
    w->options.log = &w->log;
    return watch_start(&w->watch, &w->loop, &w->options, &callbacks, &w->error);
}

/* Fails with the log when the loop could not make `condition` true in time. */
static inline void watching_fail(const struct watching *w, const char *condition)
{
    char line[4096];
    print_error("not in time: %s\nthe log:\n", condition);
    FILE *file = fopen(w->log_path, "r");
    while (file && fgets(line, sizeof line, file))
        print_error("%s", line);
    for (size_t i = 0; i < w->count; i++)
        print_error("handed out: %zu %s\n", w->notes[i].feed, w->notes[i].name);
    fail();
}

/* A turn of the loop may make the condition true and go to sleep then: a beat wakes it. */
static inline void watching_beat(uv_timer_t *timer)
{
    CONTAINER_OF(timer, struct watching, timer)->beats++;
}

#define run_until(w, condition)                                                                                        \
    do {                                                                                                               \
        (w)->beats = 0;                                                                                                \
        uv_update_time(&(w)->loop);                                                                                    \
        uv_timer_start(&(w)->timer, watching_beat, WATCHING_BEAT, WATCHING_BEAT);                                      \
        while (!(condition) && (w)->beats < WATCHING_BEATS)                                                            \
            uv_run(&(w)->loop, UV_RUN_ONCE);                                                                           \
        if (!(condition))                                                                                              \
            watching_fail((w), #condition);                                                                            \
        uv_timer_stop(&(w)->timer);                                                                                    \
    } while (0)

/* Lets so many microseconds pass. Not for waiting: only for tests of what time itself does. */
static inline void run_for(struct watching *w, int64_t micros)
{
    w->late = false;
    uv_update_time(&w->loop);
    uv_timer_start(&w->timer, watching_late, (uint64_t)(micros / 1000), 0);
    while (!w->late)
        uv_run(&w->loop, UV_RUN_ONCE);
}

/* Changes that come one after the other, each within the settle time of the one before it: that is long beside the
   pauses between them, and all of them together are longer. */
enum {
    WATCHING_CHANGES = 12,
    WATCHING_PAUSE = 100 * 1000,
    WATCHING_SETTLE_LONG = 10 * WATCHING_PAUSE,
    WATCHING_TRIES = 20
};

/* change() makes a file of the first folder, of one byte, and adds one at each further call. False when this machine
   stood still for so long that the file settled between two of them: it is handed out whole in the end all the same. */
static inline bool watching_change(struct watching *w, const char *name, int64_t *changed,
                                   void (*change)(struct watching *w, const char *name, int i))
{
    bool kept_pace = true;
    int64_t before = clock_monotonic();
    for (int i = 0; i < WATCHING_CHANGES; i++) {
        int64_t begun = clock_monotonic();
        change(w, name, i);
        *changed = clock_monotonic();
        kept_pace = kept_pace && *changed - before < WATCHING_SETTLE_LONG;
        before = begun;
        run_for(w, WATCHING_PAUSE);
    }
    return kept_pace && clock_monotonic() - before < WATCHING_SETTLE_LONG;
}

/* A file that changes so is handed out once, whole. Returns when it had been changed last. */
static inline int64_t watching_settles_once(struct watching *w,
                                            void (*change)(struct watching *w, const char *name, int i))
{
    char name[32];
    for (int try = 0; try < WATCHING_TRIES; try++) {
        size_t before = w->count;
        int64_t changed = 0;
        snprintf(name, sizeof name, "%d.csv", try);
        bool kept_pace = watching_change(w, name, &changed, change);
        if (kept_pace)
            assert_int_equal(w->count, before);
        run_until(w, w->count > before && w->notes[w->count - 1].stat.size == WATCHING_CHANGES);
        if (!kept_pace)
            continue;
        assert_int_equal(w->count, before + 1);
        return changed;
    }
    fail_msg("this machine is too slow for pauses of %d ms", WATCHING_PAUSE / 1000);
    return 0;
}

static inline void watching_stopped(void *context)
{
    ((struct watching *)context)->stopped = true;
}

/* Gives back what is out and stops. */
static inline void watching_stop(struct watching *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->notes[i].candidate)
            watching_release(w, i, WATCH_DONE);
    watch_stop(w->watch, watching_stopped, w);
    w->watch = NULL;
    run_until(w, w->stopped);
}

static inline int watching_tear_down(void **state)
{
    struct watching *w = *state;
    if (w->watch)
        watching_stop(w);
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0); /* EBUSY: the watch left a handle */
    close(w->log.fd);
    testing_folder_remove(w->data);
    free(w->notes);
    free(w);
    return 0;
}

/* Starts, and runs until the first scans are done. */
static inline void watching_start(struct watching *w)
{
    struct watch_stats stats = {.scans = 0};
    assert_ok(watching_try(w), &w->error);
    run_until(w, (watch_stats(w->watch, &stats), stats.scans >= COUNT_OF(w->folder)));
}

/* How often the log says `text`. */
static inline size_t watching_said(const struct watching *w, const char *text)
{
    char line[4096];
    size_t count = 0;
    FILE *file = fopen(w->log_path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, text) != NULL;
    fclose(file);
    return count;
}

/* Runs until `more` further scans have listed a folder. */
static inline void watching_scans(struct watching *w, uint64_t more)
{
    struct watch_stats stats;
    watch_stats(w->watch, &stats);
    uint64_t wanted = stats.scans + more;
    run_until(w, (watch_stats(w->watch, &stats), stats.scans >= wanted));
}

/* The first folder gets another name. */
static inline void move_folder_away(const struct watching *w, const char *name)
{
    char moved[FEED_PATH_MAX];
    path_join(moved, w->data, name);
    assert_int_equal(rename(w->folder[0], moved), 0);
}

/* Whether the watch has the folder open that the path of feed `index` leads to now. */
static inline bool watching_has_folder(struct watching *w, size_t index)
{
    struct landing landing;
    if (!landing_open(&landing, w->data, &w->feeds[index], index, false, &w->error))
        return false;
    bool has = watch_holds(w->watch, &landing);
    landing_close(&landing);
    return has;
}

/* WATCHING_MANY files into the first folder, every other one written in place. */
static inline void deliver_many(struct watching *w)
{
    char name[32];
    for (int i = 0; i < WATCHING_MANY; i++) {
        snprintf(name, sizeof name, "%05d.csv", i);
        if (i % 2 == 0)
            file_deliver(w->folder[0], name, "1");
        else
            file_write(w->folder[0], name, "1");
    }
}

#define assert_note(w, i, wanted_feed, wanted_name)                                                                    \
    do {                                                                                                               \
        assert_string_equal((w)->notes[i].name, (wanted_name));                                                        \
        assert_int_equal((w)->notes[i].feed, (wanted_feed));                                                           \
    } while (0)

#endif
