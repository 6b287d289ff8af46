/* Files on their way out of their folders: what was committed, by several a worker, and what is bad. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/flight.h"
#include "base/clock.h"
#include "base/hash.h"
#include "feed/archive.h"

enum {
    SET_FILES_MAX = 1024,
    SET_BYTES_MAX = 64 * 1024 * 1024 /* of the files: an archive on another disk copies them */
};

void flight_warn(struct flight *flight, const char *what, const struct error *error)
{
    char name[LANDING_NAME_SIZE * 4];
    report_name(flight->job.candidate->landing, flight->job.candidate->name, name, sizeof name);
    log_warning(flight->run->log, "%s: %s: %s", name, what, error->text);
}

bool flight_warn_once(struct flight *flight, const char *what, const struct error *error)
{
    struct candidate *candidate = flight->job.candidate;
    const struct file_stat *stat = &candidate->stat;
    const uint64_t numbers[] = {stat->device, stat->inode, stat->size, (uint64_t)stat->mtime_ns};
    struct slice bytes = {(const char *)numbers, sizeof numbers};
    uint64_t hash = hash_bytes(slice_of(error->text), hash_bytes(slice_of(what), hash_bytes(bytes, 1)));
    if (candidate->told == hash)
        return false;
    candidate->told = hash;
    flight_warn(flight, what, error);
    return true;
}

/* Without memory for it the file is read again, and known by its content. */
static enum watch_outcome try_later(struct flight *flight)
{
    struct candidate *candidate = flight->job.candidate;
    struct unmoved *unmoved = candidate->note ? candidate->note : malloc(sizeof *unmoved);
    flight->quiet |= !flight_warn_once(flight, "cannot be archived", &flight->move_error);
    candidate->note = unmoved;
    if (unmoved) {
        *unmoved = (struct unmoved){.stat = flight->job.stat, .sequence = flight->job.result.sequence};
        memcpy(unmoved->stored, flight->job.result.stored, sizeof unmoved->stored);
    }
    return WATCH_LATER;
}

/* What was read is committed whatever became of the file, so each of these is an end. */
static enum watch_outcome after_move(struct flight *flight)
{
    switch (flight->moved) {
    case ARCHIVE_MOVED:
        return WATCH_DONE;
    case ARCHIVE_UNSURE:
        flight_warn(flight, "was moved, but a power loss may undo that", &flight->move_error);
        return WATCH_DONE;
    case ARCHIVE_REPLACED:
        flight->remark = "gone meanwhile, or replaced by a newer file";
        return WATCH_SETTLE;
    case ARCHIVE_LEFT:
        flight->remark = "left in place, the folder cannot be written";
        if (flight->job.result.stored[0] == '\0')
            return WATCH_DONE;
        /* It could be when that was looked at, so the ledger has a name in the archive for it: there it goes once it
           can. Or only the file may not be moved. */
        break;
    case ARCHIVE_HIDDEN:
        flight_warn(flight, "waits hidden in its folder to be archived", &flight->move_error);
        flight->remark = "hidden in its folder";
        run_recover_later(flight->run);
        return WATCH_DONE;
    case ARCHIVE_FAILED:
        break;
    }
    flight->remark = "left in place";
    return try_later(flight);
}

/* The first of a chain. */
static void finish_moves(uv_work_t *work, int status)
{
    (void)status;
    struct flight *next, *flight = CONTAINER_OF(work, struct flight, work);
    struct run *run = flight->run;
    for (; flight; flight = next) {
        next = flight->next_to_move;
        flight->tell = flight->job.outcome == JOB_APPLIED ? report_applied : report_duplicate;
        enum watch_outcome outcome = after_move(flight);
        if (flight->quiet && outcome == WATCH_LATER)
            flight->tell = NULL;
        flight_conclude(flight, outcome);
    }
    run_jobs_go_on(run);
}

static void move_alone(struct flight *flight)
{
    const struct candidate *candidate = flight->job.candidate;
    switch (candidate->landing->feed->after) {
    case FEED_ARCHIVE:
        flight->moved = archive_move(candidate->landing, candidate->name, &flight->job.stat, flight->job.result.stored,
                                     &flight->move_error);
        return;
    case FEED_LEAVE:
        flight->moved = ARCHIVE_MOVED;
        flight->remark = "left in place";
        return;
    case FEED_DELETE:
        flight->moved = archive_delete(candidate->landing, candidate->name, &flight->job.stat, &flight->move_error);
        flight->remark = "deleted";
        return;
    }
}

/* Its commit says so. Whether the folder can be written by now does not matter: no name in the archive stands in the
   ledger. */
static bool is_left(const struct flight *flight)
{
    return flight->job.stays && flight->job.candidate->landing->feed->after == FEED_ARCHIVE &&
           flight->job.result.stored[0] == '\0';
}

static const struct landing *landing_of(const struct flight *flight)
{
    return flight->job.candidate->landing;
}

/* The folders of the chain could not be flushed. */
static void doubt_moves(struct flight *first, const struct error *error)
{
    for (struct flight *flight = first; flight; flight = flight->next_to_move)
        if (flight->moved == ARCHIVE_MOVED) {
            flight->moved = ARCHIVE_UNSURE;
            flight->move_error = *error;
        }
}

static bool is_bad(const struct flight *flight)
{
    return flight->job.outcome == JOB_BAD;
}

/* A chain, of one folder. */
static void move_set(struct flight *first)
{
    const struct landing *landing = landing_of(first);
    struct archive_set set;
    struct error error = {0};
    archive_set_begin(&set, landing, first->job.ticket);
    for (struct flight *flight = first; flight; flight = flight->next_to_move) {
        const struct candidate *candidate = flight->job.candidate;
        if (is_left(flight)) {
            flight->moved = ARCHIVE_LEFT;
            continue;
        }
        flight->moved =
            archive_set_move(&set, candidate->name, &flight->job.stat, flight->job.result.stored, &flight->move_error);
        if (landing->feed->after == FEED_DELETE)
            flight->remark = "deleted";
    }
    if (!archive_set_end(&set, &error))
        doubt_moves(first, &error);
}

static void move_files(uv_work_t *work)
{
    struct flight *first = CONTAINER_OF(work, struct flight, work);
    if (first->next_to_move)
        move_set(first);
    else if (is_left(first))
        first->moved = ARCHIVE_LEFT;
    else
        move_alone(first);
}

static void append(struct flight_chain *chain, struct flight *flight)
{
    flight->next_to_move = NULL;
    if (chain->count++ == 0)
        chain->first = flight;
    else
        chain->last->next_to_move = flight;
    chain->last = flight;
}

static struct flight *pop(struct flight_chain *chain)
{
    struct flight *flight = chain->first;
    if (flight) {
        chain->first = flight->next_to_move;
        chain->count--;
    }
    return flight;
}

void flight_move_later(struct flight *flight)
{
    append(&flight->run->to_move, flight);
}

/* Takes the first that waits, and those behind it that can be moved with it: files of one folder wait for each other
   anyway, and are flushed at once. */
static struct flight_chain take_set(struct flight_chain *waiting)
{
    struct flight_chain set = {0}, rest = {0};
    struct flight *first = pop(waiting);
    append(&set, first);
    if (!is_bad(first) && !archive_set_takes(landing_of(first)))
        return set;
    uint64_t bytes = first->job.candidate->stat.size;
    for (struct flight *flight; (flight = pop(waiting)) != NULL;) {
        uint64_t size = flight->job.candidate->stat.size;
        bool joins = landing_of(flight) == landing_of(first) && is_bad(flight) == is_bad(first) &&
                     set.count < SET_FILES_MAX && size <= SET_BYTES_MAX && bytes <= SET_BYTES_MAX - size;
        append(joins ? &set : &rest, flight);
        bytes += joins ? size : 0;
    }
    *waiting = rest;
    return set;
}

/* --- bad files ---------------------------------------------------------------------------------------------------- */

/* The first of a chain. */
static void note_done(struct request *request)
{
    struct flight *next, *flight = CONTAINER_OF(request, struct flight, note);
    struct run *run = flight->run;
    for (; flight; flight = next) {
        next = flight->next_to_move;
        if (flight->move_error.kind != ERROR_NONE)
            flight_warn(flight, "cannot be noted in the store", &flight->move_error);
        else
            deliverer_noted(run->deliverer);
        flight->tell = report_quarantined;
        flight_conclude(flight, flight->moved == ARCHIVE_REPLACED ? WATCH_SETTLE : WATCH_DONE);
    }
    run_jobs_go_on(run);
}

static void note_work(struct request *request, struct core *core)
{
    struct flight *flight = CONTAINER_OF(request, struct flight, note);
    for (; flight; flight = flight->next_to_move) {
        const struct candidate *candidate = flight->job.candidate;
        const struct core_file file = {.name = candidate->name, .stat = &flight->job.stat, .facts = &flight->job.facts};
        flight->move_error.kind = ERROR_NONE;
        /* note_done tells what the error says. */
        (void)!core_note_quarantined(core, candidate->landing->index, &file, flight->quarantined,
                                     flight->job.error.text, clock_wall(), &flight->move_error);
    }
}

/* Without memory for it the file is read again. What the store refused may be another answer then, so that is asked
   again. */
static void remember_bad(struct flight *flight)
{
    struct candidate *candidate = flight->job.candidate;
    free(candidate->note);
    struct unmoved_bad *note = flight->job.intake == INTAKE_BAD ? malloc(sizeof *note) : NULL;
    candidate->note = note;
    if (!note)
        return;
    *note = (struct unmoved_bad){
        .unmoved = {.stat = flight->job.stat, .bad = true}, .facts = flight->job.facts, .error = flight->job.error};
    note->facts.unknown = NULL;
    note->facts.unknown_twice = NULL;
    note->facts.unknown_count = 0;
    note->facts.note = (struct slice){0};
    note->facts.arena = (struct arena){0};
}

static void keep_bad(struct flight *flight)
{
    (void)flight_warn_once(flight, "cannot be quarantined", &flight->move_error);
    flight->run->files_left = true;
    remember_bad(flight);
    if (flight->moved == ARCHIVE_HIDDEN)
        run_recover_later(flight->run);
    flight_conclude(flight, WATCH_LATER);
}

/* The first of a chain. */
static void finish_bad(uv_work_t *work, int status)
{
    (void)status;
    struct flight *next, *flight = CONTAINER_OF(work, struct flight, work);
    struct run *run = flight->run;
    struct flight_chain moved = {0};
    for (; flight; flight = next) {
        next = flight->next_to_move;
        if (flight->moved == ARCHIVE_FAILED || flight->moved == ARCHIVE_HIDDEN) {
            keep_bad(flight);
            continue;
        }
        if (flight->moved != ARCHIVE_MOVED)
            (void)after_move(flight); /* for its remark and its warning; note_done has the outcome */
        append(&moved, flight);
    }
    if (moved.first)
        committer_submit(run->committer, &moved.first->note);
    else
        run_jobs_go_on(run);
}

/* A chain, of one folder. */
static void move_bad(uv_work_t *work)
{
    struct flight *first = CONTAINER_OF(work, struct flight, work);
    struct archive_quarantine quarantine;
    struct error error = {0};
    archive_quarantine_begin(&quarantine, landing_of(first));
    for (struct flight *flight = first; flight; flight = flight->next_to_move) {
        char reason[RUN_REASON_SIZE];
        const char *name = flight->job.candidate->name;
        run_quarantine_reason(flight->run, flight->job.error.text, name, reason);
        flight->moved = archive_quarantine_move(&quarantine, name, &flight->job.stat, reason, flight->quarantined,
                                                &flight->move_error);
    }
    if (!archive_quarantine_end(&quarantine, &error))
        doubt_moves(first, &error);
}

struct request flight_note(void)
{
    return (struct request){.work = note_work, .done = note_done, .alone = true};
}

/* --- both --------------------------------------------------------------------------------------------------------- */

void run_moves_start(void *context)
{
    struct run *run = context;
    while (run->to_move.count > 0) {
        struct flight *first = take_set(&run->to_move).first;
        if (is_bad(first))
            uv_queue_work(&run->loop, &first->work, move_bad, finish_bad);
        else
            uv_queue_work(&run->loop, &first->work, move_files, finish_moves);
    }
}

char *flight_where(const struct flight *flight, char *out, size_t size)
{
    const char *data = flight->run->settings->data;
    if (flight->remark)
        snprintf(out, size, "%s", flight->remark);
    else if (flight->quarantined[0] != '\0')
        snprintf(out, size, "%s/%s", data, flight->quarantined);
    else
        snprintf(out, size, "%s/archive/%s/%s", data, landing_of(flight)->feed->name, flight->job.result.stored);
    return out;
}
