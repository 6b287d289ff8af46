/* What the files of the core share. */
#ifndef DROPFOLD_APP_CORE_INTERNAL_H
#define DROPFOLD_APP_CORE_INTERNAL_H

#include "app/core.h"

enum {
    SUMMARY_MAX = 16 * 1024,          /* bytes of the text that a commit keeps */
    CORE_MARKS_MAX = 64 * 1024 * 1024 /* bytes: a sequence for each row that the kept batches can have */
};

/* What the engine counts now, as the text that a commit keeps; to be closed. */
bool core_summary(const struct core *core, const struct engine_stats *stats, struct buf *text,
                  struct error *error) MUST_USE;

/* What is known of a file of feed number `feed` before it is applied; texts are the file's. */
void core_record_from(struct file_record *record, const struct core *core, size_t feed, const struct core_file *file);

/* Opens a change in the store. False on a core that is broken, too: nothing is applied to its engine. */
bool core_begin(struct core *core, struct error *error) MUST_USE;
/* The same for the open file, once: late, as a redelivery of an ordinary file is found out without one. */
bool core_file_open(struct core *core, struct error *error) MUST_USE;

/* A file of which the open change takes the rows back. */
struct core_taking {
    struct core *core;
    size_t feed;   /* SIZE_MAX: the pipeline has it no more */
    uint64_t rank; /* the sequence by which its rows rank, retried ones too */
};
/* Begins the open change in the engine without the rows that it takes back: those of `count` files, of which `taking`
   is one. *rebuilt tells whether it is another engine. */
bool core_begin_taking(struct core_taking taking, uint64_t count, bool *rebuilt, struct error *error) MUST_USE;

/* The rows of the open file into the engine, as change `sequence`; `buckets` is added to. Its change is begun in the
   engine, and ended here. What they replace is kept in core->marks, or marked in the store if that has the rows. On
   false the engine has failed, or is ahead of the store. */
bool core_apply(struct core *core, uint64_t sequence, int64_t now, struct buckets *buckets,
                struct error *error) MUST_USE;

/* Makes sure of the room for core_write, as far as is known, and for the file's row. ERROR_FULL: nothing happened. */
bool core_reserve(struct core *core, const struct file_record *record, struct error *error) MUST_USE;

/* The rows of the open file into the store, if it has them not yet, and marks for what they replace. */
bool core_write(struct core *core, const struct file_record *record, struct error *error) MUST_USE;

/* Commits the open change with what the engine counts now. */
bool core_commit(struct core *core, struct engine_stats *stats, int64_t now, struct error *error) MUST_USE;

/* The engine has rows that the store refused: tells the store's history again. An error here leaves no way on. */
void core_recover(struct core *core, struct error *error);

#endif
