/*
 * The watch over all folders: one timer callback (turn) does whatever there is to do, and everything that changes
 * something asks for a turn. So files that become ready in one turn of the loop are handed out together, and no
 * callback runs inside a call of the owner.
 */
#include "feed/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "feed/folder.h"

enum {
    RETRY_MICROS = 1000000, /* when memory was out */
    MICROS_PER_MILLI = 1000
};

struct watch {
    struct folder_host host;
    struct watch_callbacks callbacks;
    struct folder *folders;
    size_t count;
    char *data;
    int64_t rescan;
    uv_timer_t turn, rescans;
    struct notify notify;
    size_t handles; /* open ones */
    bool paused;
    bool asked;   /* for a turn, by something that happened since the last one began */
    bool told;    /* idle was called for the first time */
    bool worked;  /* something was handed out since idle was called, or since a round of `once` began */
    bool starved; /* no memory to hand out what is ready */
    uint64_t events, overflows;
    void (*stopped)(void *context);
    void *stopped_context;
};

static bool stopping(const struct watch *watch)
{
    return watch->stopped != NULL;
}

/* --- turns --- */

static void turn(uv_timer_t *timer);

static void turn_in(struct watch *watch, int64_t delay)
{
    uint64_t millis = delay > 0 ? (uint64_t)((delay + MICROS_PER_MILLI - 1) / MICROS_PER_MILLI) : 0;
    uv_update_time(watch->host.loop);
    uv_timer_start(&watch->turn, turn, millis, 0);
}

static void ask_for_turn(struct watch *watch)
{
    if (stopping(watch) || watch->asked)
        return;
    watch->asked = true;
    turn_in(watch, 0);
}

static void release_all(struct watch *watch);

/* Frees the watch once no handle is open and no job will answer; last, since it calls the owner. */
static void maybe_stopped(struct watch *watch)
{
    if (!stopping(watch) || watch->handles > 0 || watch->host.jobs > 0)
        return;
    void (*stopped)(void *context) = watch->stopped;
    void *context = watch->stopped_context;
    release_all(watch);
    stopped(context);
}

static void changed(struct folder_host *host)
{
    struct watch *watch = CONTAINER_OF(host, struct watch, host);
    if (stopping(watch))
        maybe_stopped(watch);
    else
        ask_for_turn(watch);
}

static size_t count_in(const struct watch *watch, enum entry_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < watch->count; i++)
        count += watch->folders[i].entries.lists[state].count;
    return count;
}

static size_t count_ready(const struct watch *watch)
{
    size_t count = 0;
    for (size_t i = 0; i < watch->count; i++)
        count += folder_ready(&watch->folders[i]);
    return count;
}

static struct entry *entry_of(struct candidate *candidate)
{
    return CONTAINER_OF(candidate, struct entry, candidate);
}

/* Names are unique in a feed, so no two files are equal. */
int watch_compare(const void *a, const void *b)
{
    const struct candidate *x = *(struct candidate *const *)a, *y = *(struct candidate *const *)b;
    if (x->stat.mtime_ns != y->stat.mtime_ns)
        return x->stat.mtime_ns < y->stat.mtime_ns ? -1 : 1;
    int order = strcmp(x->name, y->name);
    if (order != 0)
        return order;
    return x->landing->index < y->landing->index ? -1 : 1;
}

static size_t collect_from(struct folder *folder, struct candidate **ready)
{
    const struct candidate *first = folder_settles_first(folder);
    size_t count = 0;
    struct entry *next;
    for (struct entry *entry = folder->entries.lists[ENTRY_READY].first; entry; entry = next) {
        struct candidate *candidate = &entry->candidate;
        next = entry->after;
        if (first && watch_compare(&first, &candidate) < 0)
            continue;
        folder_hand_out(folder, entry);
        ready[count++] = candidate;
    }
    return count;
}

/* All must be out before the owner is called: it may give some back at once. */
static size_t collect(struct watch *watch, struct candidate **ready)
{
    size_t count = 0;
    for (size_t i = 0; i < watch->count; i++)
        if (folder_ready(&watch->folders[i]) > 0)
            count += collect_from(&watch->folders[i], ready + count);
    return count;
}

/* Files that lay there at start are one delivery, in one order, however long each folder's first scan takes. */
static bool all_seen(const struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        if (!watch->folders[i].seen)
            return false;
    return true;
}

static void hand_out(struct watch *watch)
{
    size_t count = count_ready(watch);
    watch->starved = false;
    if (count == 0 || watch->paused || !all_seen(watch))
        return;
    struct candidate **ready = malloc(count * sizeof *ready);
    if (!ready) {
        log_warning(watch->host.log, "out of memory: %zu files wait", count);
        watch->starved = true;
        return;
    }
    count = collect(watch, ready);
    qsort(ready, count, sizeof *ready, watch_compare);
    watch->worked = watch->worked || count > 0;
    if (count > 0)
        watch->callbacks.ready(watch->callbacks.context, ready, count);
    free(ready);
}

static void want_scans(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        watch->folders[i].wanted = true;
}

static void check_idle(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        if (!folder_quiet(&watch->folders[i]))
            return;
    if (watch->host.once && watch->worked) {
        watch->worked = false;
        want_scans(watch);
        ask_for_turn(watch);
        return;
    }
    bool tell = watch->worked || !watch->told;
    watch->worked = false;
    watch->told = true;
    if (tell)
        watch->callbacks.idle(watch->callbacks.context);
}

/* Unless something asks before, the next turn comes when a file has settled. */
static void plan_turn(struct watch *watch)
{
    int64_t now = clock_monotonic(), next = watch->starved ? now + RETRY_MICROS : INT64_MAX;
    for (size_t i = 0; i < watch->count; i++) {
        int64_t deadline = folder_deadline(&watch->folders[i]);
        next = deadline < next ? deadline : next;
    }
    if (next < INT64_MAX && !watch->asked)
        turn_in(watch, next - now);
}

static void turn(uv_timer_t *timer)
{
    struct watch *watch = CONTAINER_OF(timer, struct watch, turn);
    int64_t now = clock_monotonic();
    watch->asked = false;
    for (size_t i = 0; i < watch->count; i++)
        folder_work(&watch->folders[i], now);
    hand_out(watch);
    if (stopping(watch)) /* the owner may stop the watch from its callbacks */
        return;
    plan_turn(watch);
    check_idle(watch);
}

static void rescan(uv_timer_t *timer)
{
    struct watch *watch = CONTAINER_OF(timer, struct watch, rescans);
    for (size_t i = 0; i < watch->count; i++)
        watch->folders[i].wanted = watch->folders[i].wanted || !watch->folders[i].scan_job.running;
    ask_for_turn(watch);
}

/* --- events --- */

static struct folder *find_folder(const struct watch *watch, int descriptor)
{
    for (size_t i = 0; i < watch->count; i++)
        if (watch->folders[i].watch == descriptor)
            return &watch->folders[i];
    return NULL; /* of a watch that was removed meanwhile */
}

static void on_name(void *context, int descriptor, const char *name, bool renamed)
{
    struct watch *watch = context;
    struct folder *folder = find_folder(watch, descriptor);
    watch->events++;
    if (folder)
        folder_heard(folder, name, renamed);
}

static void on_lost(void *context, int descriptor)
{
    struct watch *watch = context;
    struct folder *folder = find_folder(watch, descriptor);
    watch->events++;
    if (folder)
        folder_unwatched(folder);
}

static void events_lost(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        folder_missed(&watch->folders[i]);
}

static void on_overflow(void *context)
{
    struct watch *watch = context;
    watch->overflows++;
    log_write(watch->host.log, watch->overflows == 1 ? LOG_INFO : LOG_DEBUG,
              "inotify's queue ran over: scanning all folders (fs.inotify.max_queued_events is the sysctl)");
    events_lost(watch);
}

static void on_end(void *context)
{
    ask_for_turn(context);
}

static void on_broken(void *context, const struct error *error)
{
    struct watch *watch = context;
    log_warning(watch->host.log, "%s; files are found by rescans only", error->text);
    events_lost(watch);
    ask_for_turn(watch);
}

static void open_notify(struct watch *watch)
{
    const struct notify_callbacks callbacks = {.context = watch,
                                               .name = on_name,
                                               .lost = on_lost,
                                               .overflow = on_overflow,
                                               .end = on_end,
                                               .broken = on_broken};
    struct error error;
    if (notify_open(&watch->notify, watch->host.loop, &callbacks, &error)) {
        watch->host.notify = &watch->notify;
        watch->handles++;
    } else {
        log_warning(watch->host.log, "%s; files are found by rescans only", error.text);
    }
}

/* --- start and stop --- */

static void release_all(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        folder_close(&watch->folders[i]);
    free(watch->folders);
    free(watch->data);
    free(watch);
}

static bool open_folders(struct watch *watch, const struct pipeline *pipeline, struct error *error)
{
    watch->folders = calloc(pipeline->feed_count, sizeof *watch->folders);
    if (!watch->folders || !watch->data)
        return error_memory(error);
    if (!landing_check_apart(watch->data, pipeline, error))
        return false;
    for (; watch->count < pipeline->feed_count; watch->count++)
        if (!folder_open(&watch->folders[watch->count], &watch->host, &pipeline->feeds[watch->count], watch->count,
                         error))
            return false;
    return true;
}

static struct watch *watch_new(uv_loop_t *loop, const struct watch_options *options,
                               const struct watch_callbacks *callbacks)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->callbacks = *callbacks;
    watch->rescan = options->rescan;
    watch->data = strdup(options->data);
    watch->host = (struct folder_host){.loop = loop,
                                       .log = options->log,
                                       .data = watch->data,
                                       .once = options->once,
                                       .patience = options->patience,
                                       .known = callbacks->known,
                                       .opened = callbacks->opened,
                                       .context = callbacks->context,
                                       .changed = changed};
    return watch;
}

static void start_timers(struct watch *watch)
{
    uv_timer_init(watch->host.loop, &watch->turn);
    uv_timer_init(watch->host.loop, &watch->rescans);
    watch->handles += 2;
    uint64_t millis = (uint64_t)(watch->rescan / MICROS_PER_MILLI);
    if (!watch->host.once)
        uv_timer_start(&watch->rescans, rescan, millis ? millis : 1, millis ? millis : 1);
    ask_for_turn(watch);
}

bool watch_start(struct watch **out, uv_loop_t *loop, const struct watch_options *options,
                 const struct watch_callbacks *callbacks, struct error *error)
{
    struct watch *watch = watch_new(loop, options, callbacks);
    *out = NULL;
    if (!watch)
        return error_memory(error);
    if (!open_folders(watch, options->pipeline, error)) {
        release_all(watch);
        return false;
    }
    /* From here on nothing fails: closing a handle takes a turn of the loop, and "nothing is left open" could not be
     * kept. */
    if (options->events && !options->once)
        open_notify(watch);
    start_timers(watch);
    *out = watch;
    return true;
}

static void closed(struct watch *watch)
{
    watch->handles--;
    maybe_stopped(watch);
}

static void turn_closed(uv_handle_t *handle)
{
    closed(CONTAINER_OF(handle, struct watch, turn));
}

static void rescans_closed(uv_handle_t *handle)
{
    closed(CONTAINER_OF(handle, struct watch, rescans));
}

static void poll_closed(uv_handle_t *handle)
{
    closed(CONTAINER_OF(handle, struct watch, notify.poll));
}

void watch_stop(struct watch *watch, void (*stopped)(void *context), void *context)
{
    assert(stopped && !stopping(watch));
    assert(count_in(watch, ENTRY_OUT) == 0);
    watch->stopped = stopped;
    watch->stopped_context = context;
    atomic_store(&watch->host.stopping, true);
    for (size_t i = 0; i < watch->count; i++)
        folder_cancel(&watch->folders[i]);
    uv_close((uv_handle_t *)&watch->turn, turn_closed);
    uv_close((uv_handle_t *)&watch->rescans, rescans_closed);
    if (watch->host.notify)
        notify_close(&watch->notify, poll_closed);
}

/* --- what the owner says and asks --- */

void watch_release(struct watch *watch, struct candidate *candidate, enum watch_outcome outcome)
{
    folder_take_back(&watch->folders[candidate->landing->index], entry_of(candidate), outcome);
    ask_for_turn(watch);
}

void watch_opened(struct watch *watch, size_t index)
{
    folder_begin(&watch->folders[index]);
    ask_for_turn(watch);
}

void watch_pause(struct watch *watch, bool paused)
{
    watch->paused = paused;
    ask_for_turn(watch);
}

void watch_stats(const struct watch *watch, struct watch_stats *stats)
{
    *stats = (struct watch_stats){
        .ready = count_in(watch, ENTRY_READY), .events = watch->events, .overflows = watch->overflows};
    for (size_t i = 0; i < watch->count; i++) {
        stats->settling += folder_settling(&watch->folders[i]);
        stats->scans += watch->folders[i].listed;
    }
}

uint64_t watch_scans(const struct watch *watch, size_t index)
{
    return watch->folders[index].listed;
}

size_t watch_unmarked(const struct watch *watch, size_t index)
{
    return watch->folders[index].unmarked;
}

bool watch_missed(const struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        if (watch->folders[i].missed || watch->folders[i].left)
            return true;
    return false;
}

bool watch_holds(const struct watch *watch, const struct landing *landing)
{
    const struct folder_held *held = watch->host.held;
    while (held && (held->landing.device != landing->device || held->landing.inode != landing->inode))
        held = held->next;
    return held != NULL;
}
