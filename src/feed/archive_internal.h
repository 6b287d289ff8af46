/* What the files archive*.c share. */
#ifndef DROPFOLD_FEED_ARCHIVE_INTERNAL_H
#define DROPFOLD_FEED_ARCHIVE_INTERNAL_H

#include "feed/archive.h"
#include "feed/hidden.h"

enum { ARCHIVE_NAME_MAX = 255 /* bytes of a name, of any file system here */ };

/* The tag of a file that is to be deleted, before the ctime by which the ledger knows it. */
static const char archive_delete_prefix[] = "delete-";

/* And of one that is to be quarantined. */
static const char archive_quarantine_tag[] = "quarantine";

/* The tag of an archive name: what stands before its second hyphen. */
void archive_tag(const char *archived, char *out, size_t size);

/* "<tag>-<name>", cut as an archive name is. */
void archive_join_name(const char *tag, const char *name, char out[ARCHIVE_NAME_SIZE]);

/* Appends as much of the name as fits, and no half of a UTF-8 character. */
void archive_append_cut(char *out, size_t max, const char *name);

bool archive_can_write(const struct landing *landing, struct error *error) MUST_USE;

/* What it means that the file could not be taken into hiding. */
enum archive_result archive_not_taken(enum hidden_result result) MUST_USE;

/* What it says that `what` failed with `code`, an errno. */
void archive_explain(int code, const char *what, struct error *error);

/* Goes back after `code`; `what`: what was tried. */
enum archive_result archive_give_up(struct hidden *hidden, int code, const char *what, struct error *error) MUST_USE;

/* The move or deletion of a committed file failed. Back in sight it would be another file to the ledger, for a rename
   moves ctime, and once a newer file had replaced its records it would be applied again: so it stays hidden. One that
   was written to while it was copied is another file. */
enum archive_result archive_stay_hidden(struct hidden *hidden, int code, const char *what,
                                        struct error *error) MUST_USE;

/* <data>/<kind>/<feed>, made when missing. -1 and an error when it can't be had. */
int archive_open_store(const struct landing *landing, const char *kind, struct error *error) MUST_USE;

/* It went on its way: ends the hiding. `code`: what came of flushing the folder where it is now. */
enum archive_result archive_end(struct hidden *hidden, int code, struct error *error) MUST_USE;

/* What hides goes on its way, and the hiding ends; from a shared folder `folder` is the caller's to flush. */
enum archive_result archive_finish_move(struct hidden *hidden, int folder, const char *archived,
                                        struct error *error) MUST_USE;
enum archive_result archive_finish_delete(struct hidden *hidden, struct error *error) MUST_USE;
/* Of one that lies in the quarantine `folder` already, as `name`, and was written to nowhere since. */
enum archive_result archive_finish_quarantine(struct hidden *hidden, int folder, const char *name,
                                              struct error *error) MUST_USE;

/* Where in the quarantine `folder` the bytes of such a file lie already. 0, or an errno: ENOENT when nowhere. */
int archive_find_quarantined(const struct hidden *hidden, int folder, char name[ARCHIVE_NAME_SIZE]) MUST_USE;

#endif
