/* What archive.c and archive_recover.c share. */
#ifndef DROPFOLD_FEED_ARCHIVE_INTERNAL_H
#define DROPFOLD_FEED_ARCHIVE_INTERNAL_H

#include "feed/archive.h"
#include "feed/hidden.h"

/* The tag of a file that is to be deleted, before the ctime by which the ledger knows it. */
static const char archive_delete_prefix[] = "delete-";

/* And of one that is to be set aside. */
static const char archive_aside_tag[] = "quarantine";

/* "<tag>-<name>", cut as an archive name is. */
void archive_join_name(const char *tag, const char *name, char out[ARCHIVE_NAME_SIZE]);

/* <data>/<kind>/<feed>, made when missing. -1 and an error when it can't be had. */
int archive_open_store(const char *data, const char *kind, const char *feed, struct error *error) MUST_USE;

/* What hides goes on its way, and the hiding ends; from a shared folder `folder` is the caller's to flush. */
enum archive_result archive_finish_move(struct hidden *hidden, int folder, const char *archived,
                                        struct error *error) MUST_USE;
enum archive_result archive_finish_delete(struct hidden *hidden, struct error *error) MUST_USE;
/* Of one that lies in the quarantine `folder` already, as `name`, and was written to nowhere since. */
enum archive_result archive_finish_aside(struct hidden *hidden, int folder, const char *name,
                                         struct error *error) MUST_USE;

/* Where in the quarantine `folder` the same bytes lie that are to be set aside. 0, or an errno: ENOENT when nowhere. */
int archive_find_aside(const struct hidden *hidden, int folder, char name[ARCHIVE_NAME_SIZE]) MUST_USE;

#endif
