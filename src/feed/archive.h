/*
 * What becomes of a file once its change is committed: archived, left, deleted; or quarantined when it is bad.
 *
 * A file is only ever taken away when it is still the one that was read. It is first renamed into a hidden folder of
 * its own, inside the landing folder:
 *
 *   .dropfold-<device>-<inode>-<size>-<mtime>-<tag>/<name>
 *                                                        tag: "NNNNNN-<hash8>", "delete-<ctime>" or "quarantine"
 *
 * whose name says what was read, in hexadecimal, and what is to become of it; its own name it keeps, however long.
 * Files that are moved together share one (but for those whose names are too long for it):
 *
 *   .dropfold-group-<number>/<device>-<inode>-<size>-<mtime>-<tag>-<name>
 *
 * Then it is looked at: when a producer has meanwhile put another file there, that one goes back under its name as a
 * new candidate (under "replaced-<n>-<name>" when yet another stands there by now). Then it is moved without replacing
 * (renameat2 RENAME_NOREPLACE, or link and unlink where the file system can't); across devices by copy, fsync, rename,
 * unlink. In marker mode the marker follows the file, and goes when the file has gone. A crash, or a disk that refuses
 * half way, leaves a hidden folder, and archive_recover needs nothing else to know whether to go on or to go back. A
 * committed file that is hidden never comes back into sight: a rename moves its ctime, and the ledger would take it for
 * another file.
 *
 * All of this blocks and runs on worker threads. Errors of one file leave its name to whoever tells them, but for those
 * of archive_recover.
 */
#ifndef DROPFOLD_FEED_ARCHIVE_H
#define DROPFOLD_FEED_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/hash.h"
#include "feed/hidden.h"
#include "feed/landing.h"

enum {
    /* bytes: six digits or more, eight hex digits, the name (its end is cut when the whole would pass 255), NUL */
    ARCHIVE_NAME_SIZE = 300,
    ARCHIVE_PATH_SIZE = 4 * LANDING_NAME_SIZE /* bytes of "quarantine/<feed>/<name>", NUL included */
};

/* "NNNNNN-<hash8>-<name>": what the commit records before the file is moved. */
void archive_name(uint64_t sequence, const struct digest *content, const char *name, char out[ARCHIVE_NAME_SIZE]);

/* The other way, but that an end which was cut is gone: where the name begins in `archived`; NULL when that is no name
   of the archive's. */
const char *archive_split_name(const char *archived, uint64_t *sequence);

enum archive_result {
    ARCHIVE_MOVED,    /* it stands at <data>/archive/<feed>/<archive name> now (or is deleted) */
    ARCHIVE_UNSURE,   /* so it does, but folders could not be flushed, `error` says why: a power loss may undo it */
    ARCHIVE_REPLACED, /* another file stands under its name, or none: release the candidate with WATCH_SETTLE. The read
                         one is gone, which is the producer's doing */
    ARCHIVE_LEFT,     /* the landing folder cannot be written: left where it is; `error` says why */
    ARCHIVE_HIDDEN,   /* `error` says why; it is in its hidden folder, for archive_recover */
    ARCHIVE_FAILED    /* `error` says why; it stands where it was; try again later */
};

/* Moves the file that had `stat` when it was read to the archive. Where the archive has that name with the same bytes
   (a crash came in between, or it was delivered again), the file is removed. May be repeated after any result. */
enum archive_result archive_move(const struct landing *landing, const char *name, const struct file_stat *stat,
                                 const char *archive_name, struct error *error) MUST_USE;

/* Moves, or deletions, of several files of one landing folder, whose folders are flushed once, at the end. Not in
   marker mode. */
struct archive_set {
    const struct landing *landing;
    struct hidden_folder hidden;
    int folder;         /* the archive's */
    struct error error; /* why there is none, and nothing is moved */
    enum archive_result none;
};
/* Whether files of this folder may be moved so. `number` tells sets apart that are under way at the same time. To be
   ended whatever its moves came to. */
bool archive_set_takes(const struct landing *landing);
void archive_set_begin(struct archive_set *set, const struct landing *landing, uint64_t number);
/* As archive_move or, where the feed wants that, archive_delete; only the end makes it sure. */
enum archive_result archive_set_move(struct archive_set *set, const char *name, const struct file_stat *stat,
                                     const char *archive_name, struct error *error) MUST_USE;
/* False: what was ARCHIVE_MOVED is ARCHIVE_UNSURE. */
bool archive_set_end(struct archive_set *set, struct error *error) MUST_USE;

/* As archive_move, but the file is removed. */
enum archive_result archive_delete(const struct landing *landing, const char *name, const struct file_stat *stat,
                                   struct error *error) MUST_USE;

/* Bad files of one landing folder that are quarantined together, as those of a set are moved. */
struct archive_quarantine {
    const struct landing *landing;
    int folder;         /* the quarantine */
    struct error error; /* why there is none, and nothing is moved */
    enum archive_result none;
};
void archive_quarantine_begin(struct archive_quarantine *quarantine, const struct landing *landing);
/* Moves a bad file to <data>/quarantine/<feed>/<name> (a long name cut, and numbered when that is taken by other bytes)
   and writes <name>.reason beside it. `path` receives where it went, relative to the data folder. */
enum archive_result archive_quarantine_move(struct archive_quarantine *quarantine, const char *name,
                                            const struct file_stat *stat, const char *reason,
                                            char path[ARCHIVE_PATH_SIZE], struct error *error) MUST_USE;
/* False: what was ARCHIVE_MOVED is ARCHIVE_UNSURE. */
bool archive_quarantine_end(struct archive_quarantine *quarantine, struct error *error) MUST_USE;

/* Whether a file called `name` can have been quarantined as `stored`. */
bool archive_is_quarantine_name(const char *stored, const char *name);

/* Gives a file in the quarantine the reason that a crash kept from its name; 0, or the errno: ENOENT when there is
   none. A file that came from another device is not known again by its stat: archive_recover has its stat from
   there. */
int archive_finish_reason(int folder, const char *name, const struct file_stat *stat) MUST_USE;

/* A hidden file that archive_recover asks about. */
struct archive_left {
    const char *feed, *name;
    struct file_stat stat;            /* what was read; ctime only of one that was to be deleted */
    bool to_delete, to_quarantine;    /* else it was to be archived */
    char archived[ARCHIVE_NAME_SIZE]; /* its name in the archive; or in the quarantine, where its bytes are already */
};

/*
 * Deals with what a crash or a failed move left in the folder. Nothing may be moving. `lookup` tells whether the file
 * was committed (false: it cannot say, and the file stays hidden); when it was, and it is still what was read, its move
 * is finished. Of a file that was to be quarantined, and whose bytes lie in the quarantine, it tells whether they are
 * its own: those of another file that came before are in the ledger. Every other file goes back under its own name and
 * is read again. On false the rest was dealt with all the same, and what could not be is hidden as before: try again
 * later. Where the archive had no room for a file, none that is not smaller is copied there.
 */
struct archive_effort {
    int64_t until; /* monotonic microseconds: once a file was moved after this, the rest is left for another call */
    bool more;     /* set: there is such a rest */
};
typedef bool (*archive_lookup)(void *context, const struct archive_left *left, bool *finish, struct error *error);
bool archive_recover(const struct landing *landing, archive_lookup lookup, void *context, struct archive_effort *effort,
                     struct error *error) MUST_USE;

/* A file that may be on its way from the landing folder at the path `landing` to the archive, where it will be
   `archived`. */
struct archive_way {
    const char *landing, *name, *archived;
};
/* Where it is: in a hidden folder, as a path. *found false: it is on no way, or the path is longer than `size`. */
bool archive_under_way(const struct archive_way *way, char *path, size_t size, bool *found,
                       struct error *error) MUST_USE;

#endif
