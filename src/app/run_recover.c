/*
 * Files that stayed hidden in their landing folders: what a crash left there is dealt with at start and when a folder
 * comes later (a mount), what a full or failing disk would not let go is tried again with the rescans.
 */
#include <stdio.h>
#include <string.h>

#include "app/run_internal.h"
#include "base/clock.h"
#include "feed/archive.h"

/* Nothing is read, committed or delivered while they are tried. So a try ends after a while, and the next one comes
   after a pause that is as long, or many times longer where it was in vain. Microseconds. */
enum { TRY_MOST = 500 * 1000, PAUSE_TIMES = 20, PAUSE_MOST = 60 * 1000 * 1000 };

/* Who asks about a feed's files. */
struct question {
    struct run *run;
    size_t feed;
    bool at_start;
};

/* At the start run_quarantine_note comes after it. Later nobody would note the copy: unless the start has, the file is
   quarantined once more, onto it. */
static bool is_own_copy(const struct question *question, const struct archive_left *left, bool *own,
                        struct error *error)
{
    if (question->at_start)
        return run_quarantine_is_unnoted(question->run, question->feed, left->archived, own, error);
    return run_quarantine_is_noted_copy(question->run, question->feed, left, own, error);
}

static bool goes_on(void *context, const struct archive_left *left, bool *committed, struct error *error)
{
    const struct question *question = context;
    struct store *store = question->run->core.store;
    const struct file_stat *stat = &left->stat;
    char stored[LANDING_PATH_SIZE];
    if (left->to_quarantine)
        return is_own_copy(question, left, committed, error);
    if (left->to_delete) {
        const struct file_record file = {.feed = slice_of(left->feed),
                                         .name = slice_of(left->name),
                                         .size = stat->size,
                                         .inode = stat->inode,
                                         .mtime_ns = stat->mtime_ns,
                                         .ctime_ns = stat->ctime_ns};
        return store_knows(store, &file, committed, error);
    }
    snprintf(stored, sizeof stored, "archive/%s/%s", left->feed, left->archived);
    return store_has_stored(store, slice_of(stored), committed, error);
}

/* Through a descriptor of its own: the watch may turn to another folder meanwhile. One that is missing has its turn
   when it comes. */
static bool recover_feed(struct run *run, size_t feed, bool at_start, struct archive_effort *effort,
                         struct error *error)
{
    struct question question = {run, feed, at_start};
    struct landing landing;
    if (!landing_open(&landing, run->settings->data, &run->pipeline->feeds[feed], feed, false, error))
        return error->kind == ERROR_CONFIG;
    bool all = archive_recover(&landing, goes_on, &question, effort, error);
    landing_close(&landing);
    return all;
}

/* A folder that came later is looked through to its end before it is watched. */
static bool has_opened(const struct recovery *recovery)
{
    for (size_t f = 0; f < PIPELINE_FEEDS_MAX; f++)
        if (recovery->looked[f])
            return true;
    return false;
}

/* The error is that of the first feed that has one. */
static void recover_all(struct run *run, bool at_start)
{
    struct recovery *recovery = &run->recovery;
    int64_t began = clock_monotonic();
    struct archive_effort effort = {.until = at_start || has_opened(recovery) ? INT64_MAX : began + TRY_MOST};
    recovery->error = (struct error){0};
    for (size_t f = 0; f < run->pipeline->feed_count && !effort.more; f++) {
        struct error error = {0};
        if (!recover_feed(run, f, at_start, &effort, &error) && recovery->error.kind == ERROR_NONE)
            recovery->error = error;
    }
    recovery->more = effort.more;
    recovery->took = clock_monotonic() - began;
}

static void try_again(struct run *run, int64_t pause)
{
    int64_t due = clock_monotonic() + pause;
    if (run->recovery.due == 0 || due < run->recovery.due)
        run->recovery.due = due;
    run->recovery.failed = true;
}

static void conclude(struct run *run)
{
    struct recovery *recovery = &run->recovery;
    bool news = strcmp(recovery->told.text, recovery->error.text) != 0;
    recovery->told = recovery->error;
    if (recovery->error.kind != ERROR_NONE && news)
        log_warning(run->log, "files wait hidden in their landing folder to be archived, others go on: %s",
                    recovery->error.text);
    if (recovery->more)
        try_again(run, recovery->took);
    else if (recovery->error.kind != ERROR_NONE)
        run_recover_later(run);
}

void run_recover_now(struct run *run)
{
    recover_all(run, true);
    conclude(run);
}

void run_recover_later(struct run *run)
{
    int64_t pause = run->recovery.took * PAUSE_TIMES;
    pause = pause < PAUSE_MOST ? pause : PAUSE_MOST;
    try_again(run, pause > run->settings->rescan ? pause : run->settings->rescan);
}

void run_recover_opened(void *context, size_t feed)
{
    struct run *run = context;
    run->recovery.opened[feed] = true;
    run->recovery.due = clock_monotonic();
    run_recover_tick(run);
}

bool run_recover_waits(const struct run *run)
{
    return run->recovery.asked || (run->recovery.due != 0 && clock_monotonic() >= run->recovery.due);
}

static void work(struct request *request, struct core *core)
{
    (void)core; /* the run's */
    recover_all(CONTAINER_OF(request, struct run, recovery.request), false);
}

static void done(struct request *request)
{
    struct run *run = CONTAINER_OF(request, struct run, recovery.request);
    struct recovery *recovery = &run->recovery;
    bool failed = recovery->failed;
    recovery->asked = recovery->failed = false;
    run->asked--;
    conclude(run);
    if (failed && !recovery->failed)
        log_info(run->log, "files that waited hidden in their landing folder are archived");
    for (size_t f = 0; f < run->pipeline->feed_count; f++) {
        if (recovery->looked[f])
            watch_opened(run->watch, f);
        if (recovery->opened[f])
            recovery->due = clock_monotonic();
    }
    run_jobs_start(run);
    run_progressed(run);
}

/* Nothing may be moving meanwhile: no file begins (run_jobs_start), and those under way come first. */
void run_recover_tick(struct run *run)
{
    if (run->phase != RUN_WORKING || run->jobs > 0 || run->recovery.asked || !run_recover_waits(run))
        return;
    run->recovery.due = 0;
    run->recovery.asked = true;
    memcpy(run->recovery.looked, run->recovery.opened, sizeof run->recovery.looked);
    memset(run->recovery.opened, 0, sizeof run->recovery.opened);
    run->recovery.request = (struct request){.work = work, .done = done, .alone = true};
    run->asked++;
    committer_submit(run->committer, &run->recovery.request);
}
