/*
 * What the files of the daemon share, each of which has one part of it:
 *
 *   run_sessions.c  one session after the other        run.c          a session: its phases, its start and its end
 *   run_target.c    what the target's answers mean     run_held.c     feeds that wait
 *   run_jobs.c      files to workers and committer     run_moves.c    and away from their folders (flight.h)
 *   run_recover.c   what stayed hidden on that way     run_quarantine.c    what lies in the quarantine
 *   run_control.c   the control socket's words         run_reload.c   HUP and replay, which end a session
 *   run_told.c      the order of lines                 run_memory.c   its limit, and giving it back
 *
 * Loop thread only.
 */
#ifndef DROPFOLD_APP_RUN_INTERNAL_H
#define DROPFOLD_APP_RUN_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "app/candidates.h"
#include "app/committer.h"
#include "app/control.h"
#include "app/core.h"
#include "app/deliverer.h"
#include "app/job.h"
#include "app/known.h"
#include "app/report.h"
#include "app/settings.h"
#include "app/signals.h"
#include "base/log.h"
#include "feed/watch.h"
#include "model/pipeline.h"
#include "target/target.h"

enum {
    /* Microseconds that files wait for one before them that cannot be looked at or read; and in a single run. */
    RUN_PATIENCE = 60 * 1000 * 1000,
    RUN_PATIENCE_ONCE = 5 * 1000 * 1000,
    /* Deliveries whose lines wait for those of their files; of more, the oldest is told without waiting. */
    RUN_UNTOLD_MAX = 16,
    RUN_JOBS_MAX = 4096, /* files being read or waiting for their commit */
    RUN_PARSERS_MAX = SETTINGS_THREADS_MAX,
    /* Bytes of what stands beside a file that is quarantined, the NUL included. */
    RUN_REASON_SIZE = ERROR_TEXT_MAX + LANDING_NAME_SIZE + 160
};

/* What the process is doing; changed by run_enter only. */
enum run_phase {
    RUN_ASKING, /* the target has not answered yet: files wait */
    RUN_WORKING,
    RUN_HELD,     /* the target tells another history: files wait until one of the two gives way */
    RUN_DRAINING, /* told to stop, or once and all is read: jobs under way end, nothing new begins */
    RUN_SETTLING, /* all jobs have ended: the last delivery */
    RUN_STOPPING  /* parts are being taken down */
};

struct flight; /* flight.h */

/* Why a session ended, and with what the next one begins. */
struct session_end {
    bool again;                /* there is a next one */
    bool replay;               /* build the store anew first */
    struct settings replay_as; /* with these flags */
    struct pipeline *pipeline; /* for a pipeline that was loaded anew; else NULL */
    bool begun;                /* it came to life */
    bool failed;               /* an error ended it, and with it the process or what this session was to try */
};

struct parser_pool {
    struct parser *idle[RUN_PARSERS_MAX];
    size_t count;
};

/* Files that stayed hidden in their landing folders. */
struct recovery {
    int64_t due;                                                 /* monotonic: when to try again, or 0 */
    bool asked;                                                  /* the store thread is at it */
    bool failed;                                                 /* some could not be moved */
    bool more;                                                   /* the last try left some for the next one */
    int64_t took;                                                /* microseconds of the last try */
    bool opened[PIPELINE_FEEDS_MAX], looked[PIPELINE_FEEDS_MAX]; /* the watch waits: for the next try, for this one */
    struct error error, told; /* of the last try, and of the one before, which was logged */
    struct request request;
};

struct flight_chain {
    struct flight *first, *last;
    size_t count;
};

struct run {
    const struct settings *settings;
    struct log *log;
    struct report report;
    bool goes_on; /* another session came before it */
    uv_loop_t loop;
    const struct signals *signals;
    uv_poll_t stops; /* of TERM and INT */
    uv_timer_t tick;
    struct pipeline *pipeline;
    struct core core;
    struct known known;
    struct flow flow;
    struct committer *committer;
    struct target *target;
    struct deliverer *deliverer;
    struct watch *watch;
    struct control *control; /* NULL with --once */
    bool unheard;            /* its socket is gone and cannot be made anew, which was told */
    struct recovery recovery;

    enum run_phase phase;
    struct candidates pending; /* ready, not begun */
    struct candidates held;    /* ready, their feed is paused */
    bool paused[PIPELINE_FEEDS_MAX];
    /* A file found no room in the store, or could not be read: it and those behind it are held until then (monotonic);
       or 0 */
    int64_t room_due[PIPELINE_FEEDS_MAX];
    bool unread[PIPELINE_FEEDS_MAX];      /* it was the latter */
    unsigned turn[PIPELINE_FEEDS_MAX];    /* so many times that was tried again */
    size_t under_way[PIPELINE_FEEDS_MAX]; /* of `jobs` */
    uint64_t memory;                      /* bytes that the state held behind the last file */
    bool memory_warned, memory_full;
    unsigned asked;          /* control requests that the store thread has not answered yet */
    struct session_end *end; /* what the next session is to be */
    struct parser_pool parsers[PIPELINE_FEEDS_MAX];
    size_t jobs, reading; /* begun and not released; packs of them with a worker */
    uint64_t next_ticket;
    struct delivered untold[RUN_UNTOLD_MAX];
    size_t untold_count;
    uint64_t next_told;                   /* ticket of the file whose line comes next */
    struct flight_chain to_move;          /* committed, or to be quarantined */
    struct flight *flights[RUN_JOBS_MAX]; /* by ticket: at most so many are under way, so no two share a place */
    uv_work_t trim;
    bool trimming;
    uint64_t trimmed_files, trimmed_bytes; /* of the report, when memory was given back last */
    bool told_to_stop;                     /* by TERM or INT */
    bool watch_idle;                       /* once: nothing more is to be found */
    bool files_left;                       /* some could not be found, read or stored, or once: were not waited for */
    bool failed;                           /* `error` ends the process */
    struct error error;
    struct error trouble; /* the target's last */
    bool refused;         /* it was a refusal */
};

/* From opening the store to closing it, under one pipeline; `goes_on` when another session came before it. The exit
   code, should it be the last. */
int run_session(const struct settings *settings, struct log *log, struct pipeline *pipeline,
                const struct signals *signals, bool goes_on, struct session_end *end);

/* The one place that changes the phase. */
void run_enter(struct run *run, enum run_phase phase);

/* Finds the target; nothing is asked of it before deliveries start, behind the committer (run_target.c). */
bool run_target_open(struct run *run, struct error *error) MUST_USE;
bool run_target_start(struct run *run, struct error *error) MUST_USE;

/* From the watch: files are ready. */
void run_jobs_ready(void *context, struct candidate **candidates, size_t count);
/* From the committer. */
void run_jobs_committed(void *context, struct job *job);
/* Has those moved away that were committed since the last time. */
void run_moves_start(void *context);
/* Begins as many pending files as may be under way. */
void run_jobs_start(struct run *run);
/* Gives candidates that wait back unread. */
void run_jobs_forget_pending(struct run *run);
void run_jobs_close(struct run *run);

/* Holds back, or lets go on, the files of one feed. Those under way are finished (run_held.c). */
void run_held_pause(struct run *run, size_t feed, bool paused);
/* Those that found no room, or could not be read, have their next try, when that is due. */
void run_held_tick(struct run *run);

/* A job has ended, or something else that the phase may hang on. */
void run_progressed(struct run *run);

/* Ends the session after what is under way; run_fail, with `error`, the process too. */
void run_drain(struct run *run);
void run_fail(struct run *run, const struct error *error);

/* Nothing is under way: gives memory back that many files have needed. */
void run_memory_trim(struct run *run);

/* Notes the engine's memory, in bytes, and holds it against --memory-limit: from there on no further file begins; a
   single run fails. */
void run_memory_check(struct run *run, uint64_t memory);

/* Tells of a delivery, behind the lines of the files that it brought (run_told.c); of those that wait, after lines of
   files were told; and of all that are left. */
void run_told_delivered(struct run *run, const struct delivered *delivered);
void run_told_file(struct run *run);
void run_told_all(struct run *run);

/* Finishes what a crash left half archived; before anything moves (run_recover.c). */
void run_recover_now(struct run *run);
/* Notes files that this pipeline quarantined before a crash; after that, and before anything moves
   (run_quarantine.c). */
void run_quarantine_note(struct run *run);
/* *unnoted: the file that lies as `name` in the quarantine of the feed is one that would be noted so. */
bool run_quarantine_is_unnoted(struct run *run, size_t feed, const char *name, bool *unnoted,
                               struct error *error) MUST_USE;
/* *noted: the file that this one of the feed lies as in the quarantine was noted so by a start, and is the copy of
   it. */
bool run_quarantine_is_noted_copy(struct run *run, size_t feed, const struct archive_left *left, bool *noted,
                                  struct error *error) MUST_USE;
/* What is to stand beside a file that is quarantined: `why`, one line, who does it, and what it was called. */
void run_quarantine_reason(const struct run *run, const char *why, const char *name, char out[RUN_REASON_SIZE]);
/* Some file could not be moved on and is hidden: tried again in a while. */
void run_recover_later(struct run *run);
/* From the watch: this feed has another folder, which waits to be looked at. */
void run_recover_opened(void *context, size_t feed);
/* Whether that is under way or due: no file may begin. */
bool run_recover_waits(const struct run *run);
void run_recover_tick(struct run *run);

/* From the control socket (run_control.c). */
void run_control_request(void *context, struct control_client *client, char **words, size_t count);
/* Makes it anew where somebody removed it. */
void run_control_tick(struct run *run);

/* When HUP came and the session can end now: loads the pipeline anew. The session ends when it is another and its
   folders are there; where its shape is another too, the store is built anew before the next session. */
void run_reload(struct run *run);
/* Whether the session can end now for a replay, and the next one begin. ERROR_LOCKED: try again. */
bool run_can_replay(struct run *run, struct error *error) MUST_USE;
/* Ends it for a replay with these flags: "rebind", "accept-missing", "rebuild", "from-archive", "yes". */
void run_replay(struct run *run, char *const *flags, size_t count);

#endif
