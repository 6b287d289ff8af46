/*
 * Files that stayed hidden in their landing folders: what a crash left there is dealt with at start and when a folder
 * comes later (a mount), what a full or failing disk would not let go is tried again with the rescans.
 */
#include <stdio.h>
#include <string.h>

#include "app/run_internal.h"
#include "base/clock.h"
#include "feed/archive.h"

/* Who asks about a feed's files. */
struct question {
    struct run *run;
    size_t feed;
    bool at_start;
};

/* At the start run_note_aside comes after it. Later nobody would note the copy: the file is set aside once more, onto it. */
static bool is_own_copy(const struct question *question, const struct archive_left *left, bool *own,
                        struct error *error)
{
    *own = false;
    return !question->at_start || run_aside_is_unnoted(question->run, question->feed, left->archived, own, error);
}

static bool goes_on(void *context, const struct archive_left *left, bool *committed, struct error *error)
{
    const struct question *question = context;
    struct store *store = question->run->core.store;
    const struct file_stat *stat = &left->stat;
    char stored[LANDING_PATH_SIZE];
    if (left->to_set_aside)
        return is_own_copy(question, left, committed, error);
    if (left->to_delete)
        return store_knows(store, slice_of(left->feed), slice_of(left->name), stat->size, stat->mtime_ns,
                           stat->ctime_ns, stat->inode, committed, error);
    snprintf(stored, sizeof stored, "archive/%s/%s", left->feed, left->archived);
    return store_has_stored(store, slice_of(stored), committed, error);
}

/* Through a descriptor of its own: the watch may turn to another folder meanwhile. One that is missing has its turn when
   it comes. */
static bool recover_feed(struct run *run, size_t feed, bool at_start, struct error *error)
{
    struct question question = {run, feed, at_start};
    struct landing landing;
    if (!landing_open(&landing, run->settings->data, &run->pipeline->feeds[feed], feed, false, error))
        return error->kind == ERROR_CONFIG;
    bool all = archive_recover(&landing, run->settings->data, goes_on, &question, error);
    landing_close(&landing);
    return all;
}

/* The error is that of the first feed that has one. */
static void recover_all(struct run *run, bool at_start)
{
    run->recovery.error = (struct error){0};
    for (size_t f = 0; f < run->pipeline->feed_count; f++) {
        struct error error = {0};
        if (!recover_feed(run, f, at_start, &error) && run->recovery.error.kind == ERROR_NONE)
            run->recovery.error = error;
    }
}

static void conclude(struct run *run)
{
    struct recovery *recovery = &run->recovery;
    bool news = strcmp(recovery->told.text, recovery->error.text) != 0;
    recovery->told = recovery->error;
    if (recovery->error.kind == ERROR_NONE)
        return;
    if (news)
        log_warning(run->log, "files wait hidden in their landing folder to be archived: %s", recovery->error.text);
    run_recover_later(run);
}

void run_recover_now(struct run *run)
{
    recover_all(run, true);
    conclude(run);
}

void run_recover_later(struct run *run)
{
    run->recovery.failed = true;
    run->recovery.due = clock_monotonic() + run->settings->rescan;
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
