/* A file on its way, as run_jobs.c, run_held.c and run_moves.c share it. */
#ifndef DROPFOLD_APP_FLIGHT_H
#define DROPFOLD_APP_FLIGHT_H

#include <stdbool.h>
#include <uv.h>

#include "app/run_internal.h"
#include "feed/archive.h"

/* A job with what only the loop needs of it. */
struct flight {
    struct job job;
    struct run *run;
    unsigned parts;              /* worker and committer: both must be done with it */
    uv_work_t work;              /* of the move, of the first of those that are moved together */
    struct flight *next_to_move; /* in the chain that it waits in, or is moved in */
    enum archive_result moved;
    const char *remark;                  /* what became of the file, when it is not in the archive or the quarantine */
    char quarantined[ARCHIVE_PATH_SIZE]; /* of a bad file: "quarantine/<feed>/<name>", below the data folder */
    struct request note;
    struct error move_error;
    bool committed; /* the committer is done with it: its results may be read */
    bool concluded; /* waits only for its turn to be told */
    bool quiet;     /* what became of it is what became of it the last time, which was told */
    bool held;      /* found no room in the store: it is to be tried again, before those behind it */
    enum watch_outcome outcome;
    void (*tell)(struct report *report, const struct job *job, const char *where); /* or NULL */
};

/* The note of a candidate that could not be moved away: while it stays as it was then it is not read again. */
struct unmoved {
    struct file_stat stat;
    bool bad; /* it is the first part of a struct unmoved_bad; else it was committed: */
    uint64_t sequence;
    char stored[ARCHIVE_NAME_SIZE]; /* its name in the archive; empty when it is to be deleted */
};

/* The note of one that could not be quarantined. What its facts have of their arena is not kept: its undeclared
   columns. */
struct unmoved_bad {
    struct unmoved unmoved;
    struct file_facts facts;
    struct error error;
};

/* run_jobs.c: it is done with; once all before it are, its line is told and it is freed. */
void flight_conclude(struct flight *flight, enum watch_outcome outcome);
/* After some were concluded. */
void run_jobs_go_on(struct run *run);

/* run_held.c: concludes one that could not be read or committed now, or that would overtake such a one. */
void flight_again_later(struct flight *flight);
/* Whether the file is to be held back with its feed; then it is taken. */
bool run_held_keeps(struct run *run, struct candidate *candidate);
/* Whether others of its feed wait for this one if it cannot be read: not when that has lasted too long. */
bool run_held_waits_for(const struct run *run, const struct candidate *candidate);

/* run_moves.c: has it moved, or quarantined where it is bad, by the next run_moves_start, which concludes it. */
void flight_move_later(struct flight *flight);
/* The request that notes those quarantined together in the ledger. */
struct request flight_note(void);
/* Where the file went, for the report. */
char *flight_where(const struct flight *flight, char *out, size_t size);
void flight_warn(struct flight *flight, const char *what, const struct error *error);
/* The same of a file that is tried again and again: told once, until something about the file or the error is another.
   False: it was not. A file that was put back under its name is the same. */
bool flight_warn_once(struct flight *flight, const char *what, const struct error *error);
/* Names the undeclared columns of a file that was applied, where no file of its feed before had just these
   (run_told.c). */
void flight_tell_columns(const struct flight *flight);

#endif
