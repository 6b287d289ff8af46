/* Files on their way through workers and committer; the loop's side of struct job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/flight.h"
#include "app/pack.h"
#include "base/clock.h"

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
        candidates_push(&run->held, flight->job.candidate);
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
        flight_move_later(flight);
        return;
    case JOB_UNSETTLED:
        conclude(flight, WATCH_SETTLE);
        return;
    case JOB_LATER:
    case JOB_BEHIND:
    case JOB_BEHIND_UNREAD:
        flight_again_later(flight);
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

/* Its parsers come first: a job that ends lets other packs begin, and there is room for those of as many as read at
   once. */
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

/* It keeps its place, for the next tick: those of its feed that come behind it may correct it. A single run does not
   wait. */
static void no_memory_for(struct run *run, struct candidate *candidate)
{
    struct error error;
    candidates_put_back(&run->pending, candidate);
    (void)error_set(&error, ERROR_MEMORY, "out of memory for another file");
    if (run->settings->once)
        run_fail(run, &error);
    else
        log_warning(run->log, "%s, trying again", error.text);
}

/* It could only not be moved away. A bad one was put back under its name then, which moves its ctime. */
static bool is_unmoved(const struct candidate *candidate)
{
    const struct unmoved *unmoved = candidate->note;
    return unmoved && (unmoved->bad ? file_stat_same : file_stat_equal)(&candidate->stat, &unmoved->stat);
}

static void quarantine_again(struct flight *flight, const struct unmoved_bad *bad)
{
    flight->job.outcome = JOB_BAD;
    flight->job.intake = INTAKE_BAD;
    flight->job.facts = bad->facts;
    flight->job.error = bad->error;
    flight_move_later(flight);
}

static void move_again(struct flight *flight)
{
    const struct unmoved *unmoved = flight->job.candidate->note;
    struct core_result *result = &flight->job.result;
    if (unmoved->bad) {
        quarantine_again(flight, flight->job.candidate->note);
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
                               .holds = run_held_waits_for(run, candidate),
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

/* False when there is no memory for it now. */
static bool start_or_hold(struct run *run, struct pack *pack, struct candidate *candidate)
{
    return run_held_keeps(run, candidate) || start_one(run, pack, candidate);
}

/* The workers share what is there. */
static size_t share(const struct run *run)
{
    return (run->pending.count + run->settings->threads - 1) / run->settings->threads;
}

/* A pack of the next files, or of none, and without a parser, when they are held; NULL when there is no memory for it
   now. */
static struct pack *fill_pack(struct run *run)
{
    struct pack *pack = calloc(1, sizeof *pack);
    size_t most = share(run);
    bool more = pack != NULL;
    while (more && run->pending.count > 0 && pack->count < most && run->jobs < RUN_JOBS_MAX &&
           pack_takes(pack, run->pending.first))
        more = start_or_hold(run, pack, candidates_pop(&run->pending));
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

void run_jobs_ready(void *context, struct candidate **candidates, size_t count)
{
    struct run *run = context;
    run->watch_idle = false;
    for (size_t i = 0; i < count; i++)
        candidates_push(&run->pending, candidates[i]);
    run_jobs_start(run);
}

void run_jobs_forget_pending(struct run *run)
{
    while (run->pending.count > 0)
        watch_release(run->watch, candidates_pop(&run->pending), WATCH_DONE);
    run->files_left |= run->held.count > 0;
    while (run->held.count > 0)
        watch_release(run->watch, candidates_pop(&run->held), WATCH_DONE);
}

void run_jobs_close(struct run *run)
{
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        while (run->parsers[f].count > 0)
            parser_free(run->parsers[f].idle[--run->parsers[f].count]);
}
