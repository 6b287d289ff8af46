/* What was seen, heard and answered, and what follows for the files of a folder. On the loop's thread. */
#ifndef DROPFOLD_FEED_FOLDER_JUDGE_H
#define DROPFOLD_FEED_FOLDER_JUDGE_H

#include "feed/folder.h"

/* All names of the folder, as the scan numbered folder->scan found them. */
void folder_judge_scan(struct folder *folder, const struct sights *sights);

/* One file that was LOOKING; `sight` NULL when the look was at another folder. */
void folder_judge_look(struct folder *folder, struct entry *entry, const struct sight *sight);

/* Something was missed since *since (0: now) that may be found by another scan. */
void folder_judge_missed(struct folder *folder, int64_t *since);

/* One file that was OUT. */
void folder_judge_return(struct folder *folder, struct entry *entry, enum watch_outcome outcome);

/* The folder is another one or gone: forgets every file that neither the owner nor a job has. */
void folder_judge_abandon(struct folder *folder);

#endif
