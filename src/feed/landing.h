/*
 * A landing folder: opened once, locked, and every file in it reached relative to its descriptor by one name.
 */
#ifndef DROPFOLD_FEED_LANDING_H
#define DROPFOLD_FEED_LANDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/pipeline.h"

enum {
    LANDING_NAME_SIZE = 256, /* bytes of a name, NUL included: NAME_MAX + 1 */
    LANDING_PATH_SIZE = 4096
};

struct landing {
    const struct feed *feed;
    size_t index;                 /* of the feed in the pipeline */
    const char *data;             /* the data folder; borrowed */
    char path[LANDING_PATH_SIZE]; /* data folder and feed name */
    int fd; /* O_PATH is not enough: the folder is locked and synced through it; -1 when not open */
    dev_t device;
    ino_t inode;
    bool locked; /* false when not asked for, or when the file system knows no locks (NFS): the store's lock then stands
                    alone */
    bool writable;  /* else files are left where they are */
    bool sticky;    /* so are those of other users, which only they may move (the mode of the folder says so) */
    bool flushable; /* landing_flush does for all files in it what fsync does for each */
};

/* What the file system says of a file; equal stats mean that nobody wrote in between. */
struct file_stat {
    dev_t device;
    ino_t inode;
    uint64_t size;              /* bytes */
    int64_t mtime_ns, ctime_ns; /* since 1970 */
    uid_t owner;                /* not compared */
};

/* Opens and locks (flock, shared by nobody) the folder of `feed`, which is number `index` of the pipeline, in the data
   folder, whose path must outlive it. ERROR_LOCKED names it when another instance has it, ERROR_CONFIG when it is
   missing, ERROR_IO otherwise. After ERROR_LOCKED device and inode say which it is. `lock` false (for commands that
   only look) takes no lock. The folder itself may be reached through a symlink; nothing inside it may. */
bool landing_open(struct landing *landing, const char *data, const struct feed *feed, size_t index, bool lock,
                  struct error *error) MUST_USE;
/* Gives the lock back too. Of one that could not be opened, or is closed, nothing is left to do. */
void landing_close(struct landing *landing);

/* Of one that is open: gives its lock back, so that others may open it, and takes it again. ERROR_LOCKED: one of them
   has. */
void landing_unlock(struct landing *landing);
bool landing_lock(struct landing *landing, struct error *error) MUST_USE;

/* ERROR_CONFIG when two feeds have one folder, by a symlink or a mount: each would take the other's files. Those that
   are missing are passed over. */
bool landing_check_apart(const char *data, const struct pipeline *pipeline, struct error *error) MUST_USE;

/* *current: the path still leads to the folder that is open. On false it could not be looked where it leads. */
bool landing_current(const struct landing *landing, bool *current, struct error *error) MUST_USE;

/* Flushes the file system that the folder lies on; of a flushable one. What was read from files in it is on the disk
   then. */
bool landing_flush(const struct landing *landing, struct error *error) MUST_USE;

/* Whether a file that had `stat` when it was looked at stays where it is once it was dealt with: all of the folder do,
   or it is another user's in a sticky one. */
bool landing_keeps_file(const struct landing *landing, const struct file_stat *stat);

/* The same as of now: the folder may have become one that cannot be written since it was opened. It takes
   calls to the system; when they fail the folder counts as it did, and the move of the file tells what is wrong. */
bool landing_keeps_now(const struct landing *landing, const char *name);

/* Names that are never candidates: dotfiles, *.tmp, *.part, *~, *._COPYING_, and *.done in marker mode. */
bool landing_ignores(const struct feed *feed, const char *name);

/* The name of the file that says `name` is complete: "<name>.done". False when the feed has no markers, or when the
   name is too long to have one. */
bool landing_marker(const struct landing *landing, const char *name, char out[LANDING_NAME_SIZE]);

/* The other way: the name that the marker `name` speaks of. False when it is no marker. */
bool landing_marked(const struct landing *landing, const char *name, char out[LANDING_NAME_SIZE]);

/*
 * Opens one file of the folder for reading: O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC, then fstat: regular files only.
 * -1 with ERROR_IO, which leaves the file's name to whoever tells it, and errno in *number (ENOENT: gone; ELOOP: a
 * symlink; EISDIR and ENOTSUP: not a regular file).
 */
int landing_open_file(const struct landing *landing, const char *name, struct file_stat *stat, int *number,
                      struct error *error) MUST_USE;

/* Times beyond what 64 bits of nanoseconds hold become the nearest that they do. */
void file_stat_from(const struct stat *from, struct file_stat *to);
bool file_stat_equal(const struct file_stat *a, const struct file_stat *b);

/* The same file, whatever names it had: equal but for ctime, which every rename and link moves. */
bool file_stat_same(const struct file_stat *a, const struct file_stat *b);

#endif
