/*
 * Files that are held back and keep their place: their feed is paused, or one before them, which they may correct,
 * found no room in the store or could not be read.
 */
#include "app/flight.h"
#include "base/clock.h"

enum {
    ROOM_PAUSE = 1000 * 1000,     /* microseconds until a file that found no room is tried again, for each of so many */
    ROOM_BYTES = 4 * 1024 * 1024, /* that it has; what is to be read and written in vain again is all that fits */
    ROOM_PAUSES_MAX = 60,
    READ_PAUSE = 100 * 1000 /* and, at first, one that cannot be read */
};

/* --- a file that is to be tried again ----------------------------------------------------------------------------- */

/* With --once there is no other try for want of room. */
static void await(struct flight *flight, bool unread, int64_t pause)
{
    struct run *run = flight->run;
    size_t feed = flight->job.candidate->landing->index;
    flight->held = unread || run->room_due[feed] != 0 || !run->settings->once;
    run->unread[feed] |= unread;
    if (flight->held && run->room_due[feed] == 0)
        run->room_due[feed] = clock_monotonic() + pause;
}

/* How long it could not be read by now. Those behind it have their time meanwhile, read or not: however many of a feed
   cannot be read, the feed waits for them all no longer than for one. */
static int64_t failing_for(struct candidate *candidate)
{
    int64_t now = clock_monotonic();
    if (candidate->failing == 0)
        candidate->failing = now;
    return now - candidate->failing;
}

static int64_t read_pause(int64_t failing)
{
    if (failing < READ_PAUSE)
        return READ_PAUSE;
    return failing < ROOM_PAUSE ? failing : ROOM_PAUSE;
}

static int64_t room_pause(uint64_t bytes)
{
    uint64_t pauses = 1 + bytes / ROOM_BYTES;
    return ROOM_PAUSE * (int64_t)(pauses < ROOM_PAUSES_MAX ? pauses : ROOM_PAUSES_MAX);
}

void flight_again_later(struct flight *flight)
{
    struct run *run = flight->run;
    const struct job *job = &flight->job;
    struct candidate *candidate = job->candidate;
    bool itself = job->outcome == JOB_LATER, full = itself && job->error.kind == ERROR_FULL;
    bool touched = job->intake == INTAKE_TOUCHED, fails = touched || job->intake == INTAKE_FAILED;
    bool unread = job->outcome == JOB_BEHIND_UNREAD || (itself && fails && job->holds);
    int64_t failing = fails || unread ? failing_for(candidate) : 0;
    if (job->intake == INTAKE_READ)
        candidate->failing = 0;
    if (itself && !touched)
        (void)flight_warn_once(flight, full ? "no space left, waiting for it" : "cannot be read now", &job->error);
    candidate->unread |= itself && !full && !touched;
    if (unread || full || !itself)
        await(flight, unread, unread ? read_pause(failing) : room_pause(job->stat.size));
    run->files_left |= !flight->held;
    flight_conclude(flight, WATCH_LATER);
    run_jobs_go_on(run);
}

bool run_held_waits_for(const struct run *run, const struct candidate *candidate)
{
    int64_t patience = run->settings->once ? RUN_PATIENCE_ONCE : RUN_PATIENCE;
    return candidate->failing == 0 || clock_monotonic() - candidate->failing < patience;
}

/* --- and what comes behind it ------------------------------------------------------------------------------------- */

static bool is_held(const struct run *run, size_t feed)
{
    return run->paused[feed] || run->room_due[feed] != 0;
}

bool run_held_keeps(struct run *run, struct candidate *candidate)
{
    size_t feed = candidate->landing->index;
    if (!is_held(run, feed))
        return false;
    if (run->unread[feed])
        (void)failing_for(candidate);
    candidates_push(&run->held, candidate);
    return true;
}

/* Lets those go on whose feed is not held any more. */
static void let_go(struct run *run)
{
    for (size_t left = run->held.count; left > 0; left--) {
        struct candidate *candidate = candidates_pop(&run->held);
        candidates_push(is_held(run, candidate->landing->index) ? &run->held : &run->pending, candidate);
    }
    candidates_sort(&run->pending);
    run_jobs_start(run);
}

void run_held_pause(struct run *run, size_t feed, bool paused)
{
    run->paused[feed] = paused;
    if (!paused)
        let_go(run);
}

/* A feed is tried again once none of its files is under way: those of the last try are back before the next one
   begins. */
void run_held_tick(struct run *run)
{
    int64_t now = clock_monotonic();
    bool any = false;
    for (size_t f = 0; f < run->pipeline->feed_count; f++) {
        if (run->room_due[f] == 0 || now < run->room_due[f] || run->under_way[f] > 0)
            continue;
        run->room_due[f] = 0;
        run->unread[f] = false;
        run->turn[f]++;
        any = true;
    }
    if (any)
        let_go(run);
}
