/* Files on their way through workers and committer; the loop's side of struct job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/flight.h"
#include "app/pack.h"
#include "base/clock.h"

enum {
    ROOM_PAUSE = 1000 * 1000,     /* microseconds until a file that found no room is tried again, for each of so many */
    ROOM_BYTES = 4 * 1024 * 1024, /* that it has; what is to be read and written in vain again is all that fits */
    ROOM_PAUSES_MAX = 60,
    READ_PAUSE = 100 * 1000 /* and, at first, one that cannot be read */
};

/* --- the queue of what is ready ----------------------------------------------------------------------------------- */

/* No memory is needed for a place in it: a file that found none would be overtaken. */
static void queue_push(struct candidate_queue *queue, struct candidate *candidate)
{
    candidate->next = NULL;
    if (queue->count++ == 0)
        queue->first = candidate;
    else
        queue->last->next = candidate;
    queue->last = candidate;
}

/* What was just taken from it. */
static void queue_put_back(struct candidate_queue *queue, struct candidate *candidate)
{
    candidate->next = queue->first;
    queue->first = candidate;
    if (queue->count++ == 0)
        queue->last = candidate;
}

static struct candidate *queue_pop(struct candidate_queue *queue)
{
    struct candidate *candidate = queue->first;
    queue->first = candidate->next;
    queue->count--;
    return candidate;
}

/* All of both, each of which is in order, in order. */
static void queue_merge(struct candidate_queue *queue, struct candidate_queue *a, struct candidate_queue *b)
{
    while (a->count > 0 || b->count > 0) {
        bool first = b->count == 0 || (a->count > 0 && watch_compare(&a->first, &b->first) < 0);
        queue_push(queue, queue_pop(first ? a : b));
    }
}

/* In the order in which the watch would hand them out. */
static void queue_sort(struct candidate_queue *queue)
{
    struct candidate_queue half = {0}, rest = *queue;
    if (queue->count <= 1)
        return;
    while (half.count < rest.count)
        queue_push(&half, queue_pop(&rest));
    queue_sort(&half);
    queue_sort(&rest);
    *queue = (struct candidate_queue){0};
    queue_merge(queue, &half, &rest);
}

/* --- the end of a job --------------------------------------------------------------------------------------------- */

static void release(struct flight *flight)
{
    struct run *run = flight->run;
    char where[2 * SETTINGS_PATH_SIZE];
    run->jobs--;
    run->under_way[flight->job.candidate->landing->index]--;
    if (flight->tell)
        flight->tell(&run->report, &flight->job, flight_where(flight, where, sizeof where));
    flight->job.candidate->stat = flight->job.stat; /* what the watch is to know it by */
    if (flight->held && run->phase < RUN_DRAINING) {
        queue_push(&run->held, flight->job.candidate);
    } else {
        run->files_left |= flight->held;
        watch_release(run->watch, flight->job.candidate, flight->outcome);
    }
    job_clear(&flight->job);
    free(flight);
}

/* Files are archived side by side; their lines come in the order of their changes all the same. */
void flight_conclude(struct flight *flight, enum watch_outcome outcome)
{
    struct run *run = flight->run;
    flight->concluded = true;
    flight->outcome = outcome;
    for (;;) {
        struct flight **slot = &run->flights[run->next_told % RUN_JOBS_MAX];
        struct flight *first = *slot;
        if (!first || !first->concluded)
            break;
        *slot = NULL;
        run->next_told++;
        release(first);
    }
    run_told_file(run);
}

void run_jobs_go_on(struct run *run)
{
    report_tick(&run->report, run->jobs + run->pending.count);
    run_jobs_start(run);
    run_progressed(run);
}

/* --- a job that worker and committer are done with ---------------------------------------------------------------- */

static void conclude(struct flight *flight, enum watch_outcome outcome)
{
    struct run *run = flight->run;
    flight_conclude(flight, outcome);
    run_jobs_go_on(run);
}

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

static void again_later(struct flight *flight)
{
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
    flight->run->files_left |= !flight->held;
    conclude(flight, WATCH_LATER);
}

/* It was read to its end after it had been told that it cannot be. */
static void tell_read(struct flight *flight)
{
    struct candidate *candidate = flight->job.candidate;
    char name[LANDING_NAME_SIZE * 4];
    candidate->failing = 0;
    if (!candidate->unread)
        return;
    candidate->unread = false;
    candidate->told = 0;
    report_name(candidate->landing, candidate->name, name, sizeof name);
    log_info(flight->run->log, "%s can be read again", name);
}

static void on_job_ended(struct flight *flight)
{
    struct run *run = flight->run;
    const struct core_closed *closed = &flight->job.closed;
    if (flight->job.outcome <= JOB_BAD)
        tell_read(flight);
    switch (flight->job.outcome) {
    case JOB_APPLIED:
        flight_tell_columns(flight);
        run_memory_check(run, closed->sequence > 0 ? closed->memory : flight->job.result.memory);
        deliverer_wants(run->deliverer, closed->sequence > 0 ? closed->sequence : flight->job.result.sequence);
        if (flight->job.not_closed.kind != ERROR_NONE)
            flight_warn(flight, "was applied, but windows that are due could not be closed behind it",
                        &flight->job.not_closed);
        /* Those that were committed with it bring nothing more; they only have to be moved away. */
        if (run->jobs - run->to_move.count + run->pending.count <= 1)
            deliverer_hurry(run->deliverer);
        flight_move_later(flight);
        return;
    case JOB_DUPLICATE:
        deliverer_noted(run->deliverer);
        flight_move_later(flight);
        return;
    case JOB_BAD:
        flight_set_aside(flight);
        return;
    case JOB_UNSETTLED:
        conclude(flight, WATCH_SETTLE);
        return;
    case JOB_LATER:
    case JOB_BEHIND:
    case JOB_BEHIND_UNREAD:
        again_later(flight);
        return;
    case JOB_GONE:
    case JOB_STOPPED:
        break;
    }
    conclude(flight, WATCH_DONE);
}

static void part_done(struct flight *flight)
{
    if (--flight->parts == 0)
        on_job_ended(flight);
}

void run_jobs_committed(void *context, struct job *job)
{
    (void)context;
    struct flight *flight = CONTAINER_OF(job, struct flight, job);
    flight->committed = true;
    part_done(flight);
}

/* Its parsers come first: a job that ends lets other packs begin, and there is room for those of as many as read at once. */
static void on_read(uv_work_t *work, int status)
{
    (void)status;
    struct pack *pack = CONTAINER_OF(work, struct pack, work);
    struct run *run = pack->context;
    run->reading--;
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        if (pack->parsers[f])
            run->parsers[f].idle[run->parsers[f].count++] = pack->parsers[f];
    for (size_t i = 0; i < pack->count; i++)
        part_done(CONTAINER_OF(pack->jobs[i], struct flight, job));
    free(pack);
    run_moves_start(run);
    run_jobs_start(run);
}

static void read_work(uv_work_t *work)
{
    pack_read(CONTAINER_OF(work, struct pack, work));
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static bool have_parser(struct run *run, struct pack *pack, const struct candidate *candidate, struct error *error)
{
    size_t feed = candidate->landing->index;
    struct parser_pool *pool = &run->parsers[feed];
    if (!pack->parsers[feed])
        pack->parsers[feed] = pool->count > 0 ? pool->idle[--pool->count] : parser_new(candidate->landing->feed, error);
    return pack->parsers[feed] != NULL;
}

/* It keeps its place, for the next tick: those of its feed that come behind it may correct it. A single run does not wait. */
static void no_memory_for(struct run *run, struct candidate *candidate)
{
    struct error error;
    queue_put_back(&run->pending, candidate);
    (void)error_set(&error, ERROR_MEMORY, "out of memory for another file");
    if (run->settings->once)
        run_fail(run, &error);
    else
        log_warning(run->log, "%s, trying again", error.text);
}

static bool holds_others(const struct run *run, const struct candidate *candidate)
{
    int64_t patience = run->settings->once ? RUN_PATIENCE_ONCE : RUN_PATIENCE;
    return candidate->failing == 0 || clock_monotonic() - candidate->failing < patience;
}

/* It could only not be moved away. A bad one was put back under its name then, which moves its ctime. */
static bool is_unmoved(const struct candidate *candidate)
{
    const struct unmoved *unmoved = candidate->note;
    return unmoved && (unmoved->bad ? file_stat_same : file_stat_equal)(&candidate->stat, &unmoved->stat);
}

static void set_aside_again(struct flight *flight, const struct unmoved_bad *bad)
{
    flight->job.outcome = JOB_BAD;
    flight->job.intake = INTAKE_BAD;
    flight->job.facts = bad->facts;
    flight->job.error = bad->error;
    flight_set_aside(flight);
}

static void move_again(struct flight *flight)
{
    const struct unmoved *unmoved = flight->job.candidate->note;
    struct core_result *result = &flight->job.result;
    if (unmoved->bad) {
        set_aside_again(flight, flight->job.candidate->note);
        return;
    }
    flight->job.outcome = JOB_DUPLICATE;
    flight->quiet = true; /* if it comes to nothing again */
    result->sequence = unmoved->sequence;
    snprintf(result->original, sizeof result->original, "%s", flight->job.candidate->name);
    memcpy(result->stored, unmoved->stored, sizeof result->stored);
    flight_move_later(flight);
}

static bool start_one(struct run *run, struct pack *pack, struct candidate *candidate)
{
    struct error error = {0};
    struct flight *flight = calloc(1, sizeof *flight);
    bool unmoved = is_unmoved(candidate);
    if (!flight || (!unmoved && !have_parser(run, pack, candidate, &error))) {
        free(flight);
        no_memory_for(run, candidate);
        return false;
    }
    flight->run = run;
    flight->parts = 2;
    flight->note = flight_note();
    flight->job = (struct job){.candidate = candidate,
                               .stat = candidate->stat,
                               .ticket = run->next_ticket++,
                               .turn = run->turn[candidate->landing->index] + 1,
                               .holds = holds_others(run, candidate),
                               .flow = &run->flow,
                               .started = clock_monotonic()};
    run->flights[flight->job.ticket % RUN_JOBS_MAX] = flight;
    run->jobs++;
    run->under_way[candidate->landing->index]++;
    if (unmoved) {
        move_again(flight);
        return true;
    }
    pack_add(pack, &flight->job);
    committer_add(run->committer, &flight->job);
    return true;
}

static bool is_held(const struct run *run, size_t feed)
{
    return run->paused[feed] || run->room_due[feed] != 0;
}

/* False when there is no memory for it now. */
static bool start_or_hold(struct run *run, struct pack *pack, struct candidate *candidate)
{
    if (!is_held(run, candidate->landing->index))
        return start_one(run, pack, candidate);
    if (run->unread[candidate->landing->index])
        (void)failing_for(candidate);
    queue_push(&run->held, candidate);
    return true;
}

/* The workers share what is there. */
static size_t share(const struct run *run)
{
    return (run->pending.count + run->settings->threads - 1) / run->settings->threads;
}

/* A pack of the next files, or of none, and without a parser, when they are held; NULL when there is no memory for it now. */
static struct pack *fill_pack(struct run *run)
{
    struct pack *pack = calloc(1, sizeof *pack);
    size_t most = share(run);
    bool more = pack != NULL;
    while (more && run->pending.count > 0 && pack->count < most && run->jobs < RUN_JOBS_MAX &&
           pack_takes(pack, run->pending.first))
        more = start_or_hold(run, pack, queue_pop(&run->pending));
    if (pack && pack->count == 0 && !more) {
        free(pack);
        pack = NULL;
    }
    return pack;
}

/* Cores that each worker that reads could have besides its own: none while something else is there to be read. */
static unsigned spare_cores(const struct run *run)
{
    return run->pending.count == 0 ? run->settings->threads / (unsigned)run->reading - 1 : 0;
}

static bool may_start(const struct run *run)
{
    return run->phase == RUN_WORKING && !run->memory_full && !run_recover_waits(run) && run->pending.count > 0 &&
           run->jobs < RUN_JOBS_MAX && run->reading < run->settings->threads;
}

void run_jobs_start(struct run *run)
{
    while (may_start(run)) {
        struct pack *pack = fill_pack(run);
        if (!pack)
            break;
        if (pack->count == 0) {
            free(pack);
            continue;
        }
        pack->context = run;
        run->reading++;
        pack->spare = spare_cores(run);
        uv_queue_work(&run->loop, &pack->work, read_work, on_read);
    }
    run_moves_start(run);
}

/* Lets those go on whose feed is not held any more. */
static void let_go(struct run *run)
{
    for (size_t left = run->held.count; left > 0; left--) {
        struct candidate *candidate = queue_pop(&run->held);
        queue_push(is_held(run, candidate->landing->index) ? &run->held : &run->pending, candidate);
    }
    queue_sort(&run->pending);
    run_jobs_start(run);
}

void run_jobs_pause(struct run *run, size_t feed, bool paused)
{
    run->paused[feed] = paused;
    if (!paused)
        let_go(run);
}

/* A feed is tried again once none of its files is under way: those of the last try are back before the next one begins. */
void run_jobs_tick(struct run *run)
{
    run_jobs_start(run); /* where there was no memory for it, nothing else may begin them */
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

void run_jobs_ready(void *context, struct candidate **candidates, size_t count)
{
    struct run *run = context;
    run->watch_idle = false;
    for (size_t i = 0; i < count; i++)
        queue_push(&run->pending, candidates[i]);
    run_jobs_start(run);
}

void run_jobs_forget_pending(struct run *run)
{
    while (run->pending.count > 0)
        watch_release(run->watch, queue_pop(&run->pending), WATCH_DONE);
    run->files_left |= run->held.count > 0;
    while (run->held.count > 0)
        watch_release(run->watch, queue_pop(&run->held), WATCH_DONE);
}

void run_jobs_close(struct run *run)
{
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        while (run->parsers[f].count > 0)
            parser_free(run->parsers[f].idle[--run->parsers[f].count]);
}
