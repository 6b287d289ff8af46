/*
 * The files known in one landing folder: a table by name, and one list for every state a file can be in.
 *
 *   DUE -> LOOKING -> SETTLING -> DUE -> LOOKING -> READY -> OUT -> DONE | LATER | DUE
 *
 * Every entry is in exactly one list, that of its state; entry_move is the only way from one to another. All on the
 * loop's thread.
 */
#ifndef DROPFOLD_FEED_ENTRY_H
#define DROPFOLD_FEED_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "feed/watch.h"

enum entry_state {
    ENTRY_DUE,      /* to be looked at now */
    ENTRY_LOOKING,  /* a worker is looking at it */
    ENTRY_SETTLING, /* waits for its deadline; the list is in order of deadlines */
    ENTRY_READY,    /* to be handed to the owner */
    ENTRY_OUT,      /* with the owner */
    ENTRY_LATER,    /* the owner could do nothing with it; waits for the next rescan. Once: or it never stood still */
    ENTRY_DONE,     /* dealt with; kept with its stat as long as it stays in the folder */
    ENTRY_ODD, /* not a regular file, one that can have no marker, or one that can't be looked at for now; reported */
    ENTRY_STATES
};

struct entry {
    struct candidate candidate;   /* stat: the last one seen, of DONE files the one that was dealt with */
    struct entry *next_in_slot;   /* of the table */
    struct entry *before, *after; /* in the list of its state */
    uint64_t hash;
    int64_t deadline; /* SETTLING: monotonic, microseconds */
    uint64_t seen;    /* number of the last scan that found it, or that ran when something was heard of it */
    int64_t unseen;   /* since when it can't be looked at (monotonic); 0: it can */
    int64_t settles;  /* since when it is waited for (monotonic), or 0 */
    int64_t moved;    /* when it was last found not to stand still (monotonic), or 0 */
    int64_t waited;   /* microseconds that it is waited for, but for those in which nobody could look at it */
    uint8_t state;
    bool known_stat; /* the stat is one to compare the next look with */
    bool was_done;   /* DUE, LOOKING, unseen: the stat is the one that was dealt with */
    bool looked_for; /* ODD, unseen: it was when it was looked at, and is to be judged as that look would have */
    bool renamed_in; /* ready without settling */
    bool distrusted; /* changed while it was out: must settle, however it comes */
    bool touched;    /* LOOKING, OUT: something was heard of it meanwhile */
    char name[];
};

struct entry_list {
    struct entry *first, *last;
    size_t count;
};

struct entries {
    const char *feed; /* for messages */
    struct log *log;
    struct entry **slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
    struct entry_list lists[ENTRY_STATES];
};

void entries_init(struct entries *entries, const char *feed, struct log *log);
void entries_close(struct entries *entries);

/* NULL: the name is not known. */
struct entry *entries_find(const struct entries *entries, const char *name);

/* A new entry, DUE. The name must not be there yet. NULL when out of memory. */
struct entry *entries_add(struct entries *entries, const char *name) MUST_USE;
void entries_remove(struct entries *entries, struct entry *entry);

/* Moves it to the end of the list of `state`. A move that makes no sense ends the process: going on could hand a file
   out twice or free it under its owner. */
void entry_move(struct entries *entries, struct entry *entry, enum entry_state state);

#endif
