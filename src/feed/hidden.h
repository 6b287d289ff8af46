/*
 * A file on its way out of a landing folder: in a hidden folder of its own whose name says what was read (archive.h has
 * the format). Made and undone by one thread at a time.
 */
#ifndef DROPFOLD_FEED_HIDDEN_H
#define DROPFOLD_FEED_HIDDEN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "feed/landing.h"

struct hidden {
    const struct landing *landing;
    char folder[LANDING_NAME_SIZE]; /* in the landing folder */
    int fd;                         /* of that folder */
    char name[LANDING_NAME_SIZE];   /* of the file in the landing folder */
    /* And in hiding: the same, or in a shared folder all that the folder's name would say. */
    char inner[LANDING_NAME_SIZE];
    bool shared;           /* the folder is that of several files, and its owner's to close and to flush */
    bool together;         /* hidden_close: the landing folder is flushed by the caller, for others too */
    bool has_file;         /* false: it is on its way or gone; at most its marker is left here */
    bool has_more;         /* hidden_open: another name of the file (a hard link) is here, too, for another one */
    struct file_stat stat; /* what was read; ctime is not kept in the folder's name, and the device is that of now */
    char tag[64];
};

enum hidden_result {
    HIDDEN_TAKEN,    /* it is the file that was read; to be ended by hidden_put_back or hidden_close */
    HIDDEN_REPLACED, /* it was another one, which is back under its name */
    HIDDEN_GONE,     /* there was none */
    HIDDEN_REFUSED,  /* the landing folder can't be written */
    HIDDEN_KEPT, /* it is in hiding, or its marker is, but could not be looked at or put back: for a later hidden_open */
    HIDDEN_FAILED
};

/* A folder in which several files of one landing folder can hide, told apart by `number`. */
struct hidden_folder {
    const struct landing *landing;
    char name[64];
    int fd;
};
/* Makes it, or opens what is left of it. 0 or an errno. */
int hidden_folder_open(struct hidden_folder *folder, const struct landing *landing, uint64_t number) MUST_USE;
/* Removes it when it is empty. */
void hidden_folder_close(struct hidden_folder *folder);
/* The same as hidden_take, into that folder. A name so long that it does not fit there beside the rest: HIDDEN_FAILED
   with an error of kind ERROR_USAGE, and nothing happened. */
enum hidden_result hidden_take_into(struct hidden *hidden, const struct hidden_folder *folder, const char *name,
                                    const struct file_stat *stat, const char *tag, struct error *error) MUST_USE;
/* What a crash left in the shared folder `name`; *ours false: it is none. */
bool hidden_folder_found(struct hidden_folder *folder, const struct landing *landing, const char *name, bool *ours,
                         struct error *error) MUST_USE;
/* The file called `inner` in it; *ours false: no file was ever hidden so. To be ended like a taken one. */
bool hidden_find(struct hidden *hidden, const struct hidden_folder *folder, const char *inner, bool *ours,
                 struct error *error) MUST_USE;

/* Takes `name` into hiding. Both files, when it is not the one with `stat`, are safe whatever the result. */
enum hidden_result hidden_take(struct hidden *hidden, const struct landing *landing, const char *name,
                               const struct file_stat *stat, const char *tag, struct error *error) MUST_USE;

/* Puts the file and its marker back into sight, without replacing anything, and ends the hiding. On false something may
   be left in hiding, for a later hidden_open. */
bool hidden_put_back(struct hidden *hidden, struct error *error) MUST_USE;

/* After hidden_open: takes along the marker that a crash left in sight without its file. On false it is as before. */
bool hidden_take_marker(struct hidden *hidden, struct error *error) MUST_USE;

/* Leaves the file in hiding, if it is there, for a later hidden_open. */
void hidden_leave(struct hidden *hidden);

/* Ends the hiding of a file that was moved on: its marker goes, and the folder. */
bool hidden_close(struct hidden *hidden, struct error *error) MUST_USE;

/* *same: the hidden file is what was read. */
bool hidden_look(const struct hidden *hidden, bool *same, struct error *error) MUST_USE;

/* Opens the hidden folder that a crash left. *ours false: `folder` is not one. The name is empty when the folder is. To
   be ended like a taken one. */
bool hidden_open(struct hidden *hidden, const struct landing *landing, const char *folder, bool *ours,
                 struct error *error) MUST_USE;

#endif
