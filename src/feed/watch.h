/*
 * Finding files: inotify as a hint, the folder as the truth.
 *
 * A file is seen (by an event or a scan), settles, is ready, is handed to the owner and comes back by watch_release.
 * Whatever touches the folders runs on libuv's thread pool: scans at start, every rescan interval, after an overflow,
 * when a watch is lost; looks at single files. Everything else, every callback too, happens on the loop's thread.
 *
 * Ready at once is a file that was renamed into the folder, and one that the first scan found and whose mtime lies
 * further back than the settle time. Any other is ready when two looks, the settle time apart on the monotonic clock,
 * found the same size, mtime and ctime, and nothing was heard of it between them. A writer that holds it open does not
 * count, only that it does not write.
 *
 * One that is ready waits for older ones of its folder that settle: these came by another way, or before the watch
 * began. It does so no longer than they take to settle, and `patience` more: they may be written to again and again.
 *
 * In marker mode a file is ready as soon as `<name>.done` stands beside it, and not before. The producer must not use a
 * name again while its marker is there.
 *
 * The watch is added before the first scan, so a file is seen by one of the two at least; seeing it twice is harmless.
 *
 * Files of a folder are not overtaken by newer ones because something failed for a moment: where one cannot be looked
 * at, where there is no memory for it, where the folder cannot be listed or events were lost, a scan follows at once
 * and then in growing pauses, and nothing of that folder is handed out before one has found all; but no longer than
 * `patience` on account of one file or folder that stays so.
 *
 * A folder that vanishes is warned of once, let go once no file of it is out, and looked for at each rescan. When the
 * path leads to another folder, that one is opened and locked, and scanned once the owner has dealt with what a crash
 * may have left there (a mount that came late); files that are out keep the folder that they were found in open until
 * they are released.
 */
#ifndef DROPFOLD_FEED_WATCH_H
#define DROPFOLD_FEED_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/log.h"
#include "feed/landing.h"
#include "model/pipeline.h"

struct watch;

/* A file that is ready. Owned by the watch; valid until watch_release, and so is its landing folder. Not changed while
   it is out, but for what is the owner's: any thread may read it. */
struct candidate {
    struct landing *landing;
    const char *name;      /* at most LANDING_NAME_SIZE - 1 bytes */
    struct file_stat stat; /* as it was when it was found unchanged; when it is released, as it was read */
    /* The owner's, on the loop's thread: what it remembers of the file as long as that is known to the watch; 0 at
       first. */
    uint64_t told;   /* of what it complained last (a hash) */
    bool unread;     /* it could not be read */
    int64_t failing; /* since when it can not be read although it may be, or waits for one before it of which that is so
                        (monotonic), or 0 */
    void *note;      /* NULL, or from malloc; freed with it */
    struct candidate *next; /* the one that waits behind it */
};

struct watch_callbacks {
    void *context;
    /* Files that became ready together (those of the first scans of all folders are), ordered by (mtime, name, feed).
       The array is borrowed, the candidates are not. */
    void (*ready)(void *context, struct candidate **candidates, size_t count);
    /* Asked for every file found by a scan before it becomes a candidate: true when it is known to be dealt with
       already (left in place or quarantined in place, stat unchanged). Asked once for a file that stays as it is; not
       asked after WATCH_DONE until the file changes. */
    bool (*known)(void *context, const struct landing *landing, const char *name, const struct file_stat *stat);
    /* The path of this feed leads to another folder than before, which is neither watched nor scanned until
       watch_opened. Not called for the folders of the start. */
    void (*opened)(void *context, size_t feed);
    /*
     * Nothing is settling, ready or being scanned, and nothing is out. `once`: called exactly once, when moreover a
     * round of scans begun after the last release found nothing new. Else: after the first scans, and then again each
     * time that candidates were handed out and all of them are back; scans that find nothing do not repeat it. Never
     * called from inside another function of the watch.
     */
    void (*idle)(void *context);
};

struct watch_options {
    const struct pipeline *pipeline; /* it and the log must outlive the watch */
    struct log *log;
    const char *data; /* the data folder; copied */
    bool once;        /* no inotify, no rescans: scan until nothing new is found, waiting for what settles */
    int64_t rescan;   /* microseconds between scans; 5 s by default */
    int64_t patience; /* microseconds that files wait for what may have been missed before them */
    bool events;      /* false: never use inotify (tests, file systems without events) */
};

/* Opens and locks the landing folders and begins. On false nothing is left open. ERROR_CONFIG: a folder is missing.
   Without inotify (none left, no watches left) it warns and lives on rescans. */
bool watch_start(struct watch **watch, uv_loop_t *loop, const struct watch_options *options,
                 const struct watch_callbacks *callbacks, struct error *error) MUST_USE;

enum watch_outcome {
    /* Dealt with, moved or left: it comes back only when it changes. */
    WATCH_DONE,
    /* It changed while it was read, or archiving found another file in its place: let it settle anew, even when that
       came by a rename (it may be what a producer had only begun, put back by archiving). */
    WATCH_SETTLE,
    /* It could not be read or quarantined now: try again at the next rescan; `once`: not in this run. */
    WATCH_LATER
};

/* The order in which candidates are handed out, of struct candidate *const: by (mtime, name, feed). */
int watch_compare(const void *a, const void *b);

/* Gives a candidate back. */
void watch_release(struct watch *watch, struct candidate *candidate, enum watch_outcome outcome);

/* What there was to do in the folder of feed `index` before it is scanned is done. */
void watch_opened(struct watch *watch, size_t index);

/* No more candidates are handed out while paused (backpressure); events are still taken in. */
void watch_pause(struct watch *watch, bool paused);

struct watch_stats {
    uint64_t settling, ready; /* files: waited for, waiting for the owner */
    uint64_t events, overflows;
    uint64_t scans; /* of all folders that came to their end */
};
void watch_stats(const struct watch *watch, struct watch_stats *stats);

/* Those of the folder of feed `index`. */
uint64_t watch_scans(const struct watch *watch, size_t index);

/* The files in it that had no marker when it was last scanned. */
size_t watch_unmarked(const struct watch *watch, size_t index);

/* Whether the last scan of some folder left something out: the folder could not be listed, or a file in it not be
   looked at; or, once, a file did not stand still. It was warned of. */
bool watch_missed(const struct watch *watch);

/* Whether it has the folder that `landing` leads to open, for whichever feed. */
bool watch_holds(const struct watch *watch, const struct landing *landing);

/* Stops watching; `stopped` is called on the loop once nothing of it is left there, and only then is it freed. No
   candidate may be out. After this no callback but `stopped` is called. */
void watch_stop(struct watch *watch, void (*stopped)(void *context), void *context);

#endif
