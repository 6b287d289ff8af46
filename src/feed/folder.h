/*
 * One landing folder under watch: its files, and the two jobs on libuv's thread pool that look at it.
 *
 * A scan first makes sure that the path still leads to the folder that is open (and opens the new one when it does
 * not), then lists it. A look stats a handful of files whose time has come. At most one of each runs. A job borrows the
 * open folder; it changes nothing that the loop reads, and answers on the loop.
 */
#ifndef DROPFOLD_FEED_FOLDER_H
#define DROPFOLD_FEED_FOLDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/log.h"
#include "feed/entry.h"
#include "feed/landing.h"
#include "feed/notify.h"
#include "feed/sight.h"
#include "feed/watch.h"

enum {
    FOLDER_LOOKS_MAX = 256 /* files of one look */
};

/* What all folders of a watch share. */
struct folder_host {
    struct folder_held *held; /* all that are open */
    uv_loop_t *loop;
    struct log *log;
    const char *data;
    bool once;
    int64_t patience;      /* microseconds, as in watch_options */
    struct notify *notify; /* NULL: no events */
    bool watch_warned;     /* that a watch could not be added */
    bool (*known)(void *context, const struct landing *landing, const char *name, const struct file_stat *stat);
    void (*opened)(void *context, size_t feed);
    void *context;                             /* of `known` and `opened` */
    void (*changed)(struct folder_host *host); /* there may be something to do: called from the jobs' ends */
    atomic_bool stopping;                      /* read by the workers */
    size_t jobs;                               /* that have not answered yet */
};

/* A landing folder as long as somebody uses it: the folder itself, a job, a candidate that is out. */
struct folder_held {
    struct landing landing;
    size_t users;
    /* Its path does not lead to it any more: it is locked only as long as a file of it is out, for the folder may have
       become another feed's. */
    bool lost;
    struct folder_held *next; /* of the host's */
};

enum scan_outcome { SCAN_LISTED, SCAN_FAILED, SCAN_OPENED, SCAN_LOST };

struct scan_job {
    uv_work_t work;
    bool running;
    struct folder_held *held;   /* what is scanned */
    struct folder_held *opened; /* the one that the path leads to now */
    enum scan_outcome outcome;
    dev_t device; /* SCAN_LOST by ERROR_LOCKED: the folder that somebody else has */
    ino_t inode;
    struct sights sights;
    struct error error;
};

struct look_job {
    uv_work_t work;
    bool running;
    struct folder_held *held;
    size_t count;
    struct entry *entries[FOLDER_LOOKS_MAX]; /* LOOKING, so they stay */
    struct sight sights[FOLDER_LOOKS_MAX];
};

struct folder {
    struct folder_host *host;
    const struct feed *feed;
    size_t index;
    struct folder_held *held; /* the one open now, or last */
    int watch;                /* its inotify watch, or -1 */
    bool lost;                /* the path leads nowhere, or to what others have; warned, */
    bool unsaid;   /* unless it is locked and so for the first time: another feed may be about to let it go */
    bool failed;   /* the last scan could not read it; warned */
    bool missed;   /* since the last scan began something in it could not be looked at */
    bool left;     /* once: a file of it never stood still */
    bool gap;      /* something may be in it that is not known, or not how old it is: none of its files is handed out */
    bool stays;    /* the gap came, or was there again, since the last scan began */
    bool complete; /* a scan has left no gap */
    bool unready;  /* it was opened, and the owner is not done with it */
    bool wanted;   /* a scan is to begin as soon as none is running */
    bool seen;     /* one scan has answered */
    uint64_t scan; /* the number of the last one begun */
    uint64_t listed; /* scans that listed it to its end */
    size_t unmarked; /* files without their marker, as of the last scan */
    int64_t unsure;  /* since when the folder itself is why there is a gap (monotonic), or 0 */
    int64_t retry;   /* when to scan again for its sake (monotonic), or 0 */
    int64_t pause;   /* microseconds before the scan after that */
    struct entries entries;
    struct scan_job scan_job;
    struct look_job look_job;
};

/* Opens and locks it. On false there is nothing to close. */
bool folder_open(struct folder *folder, struct folder_host *host, const struct feed *feed, size_t index,
                 struct error *error) MUST_USE;
/* No job may be running. */
void folder_close(struct folder *folder);

/* Starts what there is to do: the scan that is wanted, looks at the files that are due at `now` (monotonic). */
void folder_work(struct folder *folder, int64_t now);

/* Lets queued jobs answer at once. */
void folder_cancel(struct folder *folder);

/* Something was heard of `name`. */
void folder_heard(struct folder *folder, const char *name, bool renamed);

/* Events were lost. */
void folder_missed(struct folder *folder);

/* The owner is done with the folder that was opened. */
void folder_begin(struct folder *folder);

/* The watch is gone, and with it perhaps the folder. */
void folder_unwatched(struct folder *folder);

/* The entry, READY, goes to the owner with the folder that it was found in, which stays open until it is taken back. */
void folder_hand_out(struct folder *folder, struct entry *entry);
void folder_take_back(struct folder *folder, struct entry *entry, enum watch_outcome outcome);

/* Files on their way to the owner. */
size_t folder_settling(const struct folder *folder);
/* True when no file is on its way or out, and no job is running or wanted. */
bool folder_quiet(const struct folder *folder);
/* How many files are ready to be handed out. */
size_t folder_ready(const struct folder *folder);
/* The oldest file that is to settle, and is not waited for too long: newer ones wait for it. NULL: none. */
const struct candidate *folder_settles_first(const struct folder *folder);
/* When the next file has settled, or the next scan is due (monotonic); INT64_MAX for never. */
int64_t folder_deadline(const struct folder *folder);

#endif
