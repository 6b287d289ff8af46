/*
 * Moving one file without ever replacing another. All of these return 0 or an errno.
 */
#ifndef DROPFOLD_FEED_MOVE_H
#define DROPFOLD_FEED_MOVE_H

#include <stdbool.h>

#include "base/attr.h"
#include "feed/landing.h"

/* Renames; EEXIST when `to` is taken. Where the file system can't, it links and unlinks: a crash in between leaves both
   names. */
int move_noreplace(int from_folder, const char *from, int to_folder, const char *to) MUST_USE;

/* The same into a folder that only the caller writes to, in one step on every file system: the name `from` may be
   another file's the moment after, and an unlink would take that one. */
int move_away(int from_folder, const char *from, int to_folder, const char *to) MUST_USE;

/*
 * Moves the file that has `stat` into a folder that only dropfold writes to. Across devices it is copied under a hidden
 * name, synced, renamed, and only then removed here. `to` that is there with the same bytes counts as moved. EEXIST: it
 * has other bytes. ESTALE: the file changed while it was copied. The caller flushes `to_folder`, for a mere rename, and
 * `from_folder`.
 */
int move_into(int from_folder, const char *from, const struct file_stat *stat, int to_folder, const char *to) MUST_USE;

/* The same up to the last step: *remains when the file is here too by now, to be removed once all that hangs on it is
   durable there. */
int move_place(int from_folder, const char *from, const struct file_stat *stat, int to_folder, const char *to,
               bool *remains) MUST_USE;

/* Whether the folder has something of that name. *there is set on 0 only: a look that fails says nothing. */
int move_find(int folder, const char *name, bool *there) MUST_USE;

/* 0 when `other` is a regular file with the bytes of the file `name`, EEXIST when not. */
int move_compare(int folder, const char *name, int other_folder, const char *other) MUST_USE;

/* fsync of a folder or file; a file system that can't is taken to need none. */
int move_sync(int fd) MUST_USE;

/* Writes all of `size` bytes. */
int move_write(int fd, const char *data, size_t size) MUST_USE;

#endif
