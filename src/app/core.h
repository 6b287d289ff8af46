/*
 * Store and engine together: the one place where a file becomes a change.
 *
 *   core_file_begin  core_file_put*  core_file_end | core_file_cancel
 *
 * Order inside core_file_end, and what a crash at each point leaves:
 *   1. redelivery?               nothing was written yet that counts: rolled back, noted as a duplicate
 *   2. rows into the engine      memory only; gone with the process
 *   3. rows, ledger row, COMMIT  durable from here; before it nothing of the file is in the store
 * The caller delivers and archives after it returned, from what is durable.
 *
 * When the store refuses after step 2 the engine is ahead of it. core_file_end then builds the engine anew from the
 * store before it reports, so that the two always tell the same history. Any open delivery is void after that.
 *
 * A retry of rejected rows (core_retry_begin) takes the same way as a file, but for step 1: it is no file, and what it
 * is of is in the ledger already.
 *
 * With retention windows close between two files, by a change of its own (core_close_windows): after each file that is
 * applied, when one is due, and when a store is opened to write, should a crash have come between the two. What is
 * closed is written in the change, so that a replay closes the same.
 *
 * A file that takes the place of an earlier one of its name (FEED_REPLACE) is the same change. Before step 2 the
 * earlier one is marked, within the open transaction, and the engine loses its rows: it takes them back where they are
 * alone (engine_alone), and is else built anew from what the transaction shows.
 *
 * core_forget does the same without a file: the mark, the engine, COMMIT. Before that nothing happened, after it the
 * file is gone for good.
 *
 * Many small files may share one commit (core_group_begin): step 3 then is durable with the last of them. What step 2
 * refuses has written nothing yet, and what it lets pass has its room, so that one of them that fails leaves the others
 * be.
 *
 * One thread at a time: the committer's, or the only one of a command without threads.
 */
#ifndef DROPFOLD_APP_CORE_H
#define DROPFOLD_APP_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/ledger.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"
#include "feed/archive.h"
#include "feed/landing.h"
#include "model/batch.h"
#include "model/pipeline.h"
#include "store/store.h"

enum { CORE_KEPT_MAX = 8 /* batches of a file; one of more is written to the store as it is read */ };

struct core {
    const struct pipeline *pipeline;
    struct store *store;
    struct engine *engine;
    size_t memory_limit;
    size_t threads;       /* by which deliveries are made; 0 or 1: the caller's alone */
    bool delivering;      /* a delivery of this engine is open */
    struct ledger ledger; /* what comes behind the engine's part of it */
    uint64_t replayed;    /* rows read by the last replay */
    /* The newest change that took rows back which this engine never had, or 0: what they were in is in no list of
       changed groups. A target that is older needs a full delivery. */
    uint64_t rewritten;
    bool grouped; /* a group is open: what its files came to is not durable yet */
    /* Why the engine could not be built anew after a failure; ERROR_NONE: nothing is wrong. It lacks what it had, so
       nothing may be applied to it or delivered from it any more. */
    struct error broken;
    /* the file being put together */
    size_t file_feed;
    const struct file_record *retry_of; /* the file whose rejected rows it holds; or NULL */
    bool store_open;                    /* a store transaction is open for it */
    struct batch *kept[CORE_KEPT_MAX];  /* its batches while they are few, so that the store need not be read back */
    size_t kept_count;
    bool spilled;     /* there were more than CORE_KEPT_MAX: the store has them all */
    struct buf marks; /* uint64_t each: the changes of which the kept rows replace records */
};

/* Opens the store and replays it into a new engine; for STORE_WRITE closes the windows that a crash left due. On false
   there is nothing to close. */
bool core_open(struct core *core, const struct pipeline *pipeline, const char *checkpoints, enum store_mode mode,
               size_t memory_limit, struct error *error) MUST_USE;
/* Another history than the store's whole one, for questions. */
struct core_history {
    uint64_t until;   /* as it was after this change; 0: as it is now */
    uint64_t without; /* as if the file of this change had been forgotten; 0: none */
    /* After each change, or NULL. */
    bool (*change_end)(void *context, struct core *core, uint64_t sequence, struct error *error);
    /* For each row that is late, of which chunk, or NULL. */
    void (*late)(void *context, const struct replay_chunk *chunk, const struct engine_late *late);
    void *context; /* of both */
};
/* Builds the engine anew from that history; an open delivery is void whatever comes of it. Where it is not the whole
   one the core is never asked to apply a file. ERROR_CONFIG: the store was made with a pipeline of another shape. */
bool core_replay(struct core *core, const struct core_history *history, struct error *error) MUST_USE;

/* Around a store that is open already; takes it over, also when it fails: the store is closed then. */
bool core_init(struct core *core, const struct pipeline *pipeline, struct store *store, size_t memory_limit,
               struct error *error) MUST_USE;
void core_close(struct core *core);

/* Deliveries are made by up to so many threads at once, from here on. */
void core_use_threads(struct core *core, size_t threads);

/* Begins a file of feed number `feed`, once the one before was ended or cancelled. */
void core_file_begin(struct core *core, size_t feed);
/* Begins a retry of open rejects of `file`, an applied one: what is put are those of its rows that are valid now, and
   those that are rejected again. They rank as rows of that file, whatever came since. `file` must live until the
   end. */
void core_retry_begin(struct core *core, size_t feed, const struct file_record *file);
/* Takes the batch over, also on false, after which the file is to be cancelled: ERROR_FULL when the store has no room
   for it, else as of store_put_batch. */
bool core_file_put(struct core *core, struct batch *batch, struct error *error) MUST_USE;
/* Drops the open file, if there is one: nothing of it is in store or engine. */
void core_file_cancel(struct core *core);

/* What core_file_end is told about the file. */
struct core_file {
    const char *name;             /* in the landing folder */
    const struct file_stat *stat; /* as it was read; or NULL */
    const struct file_facts *facts;
    const char *stored; /* its archive name when it has one already (replay); NULL: one is made if the feed archives */
    bool stays;     /* no name is made: it lies in its folder for good, whatever becomes of its mode, owner and links */
    bool replaying; /* nor then; and no search for redeliveries: each recorded file is applied again */
};

enum core_outcome {
    CORE_APPLIED,
    CORE_DUPLICATE,
    CORE_REFUSED /* of a feed with FEED_REJECT, another content was applied under its name; nothing happened. Not of a file
                    that is in the archive */
};

struct core_result {
    enum core_outcome outcome;
    uint64_t sequence;                /* of the change; of the original for a duplicate; of what it would change */
    uint64_t replaced;                /* the change whose rows were taken back for it, or 0 */
    char original[LANDING_NAME_SIZE]; /* of a duplicate */
    char stored[ARCHIVE_NAME_SIZE];   /* the archive name; empty when it is not to be archived */
    uint64_t groups;                  /* changed, over all tables */
    uint64_t memory;                  /* bytes the engine holds after it */
    struct buckets buckets;
    bool columns_new; /* it has undeclared columns, and no file of its feed before had just these */
};

/* Why a file was refused, as an ERROR_DATA: another was applied under its name as change `sequence`. */
void core_refusal(const struct feed *feed, uint64_t sequence, struct error *error);

/* What became of windows that were due. */
struct core_closed {
    uint64_t sequence;      /* of the change that closed them; 0: none was due */
    int64_t before;         /* windows that end here or earlier, microseconds */
    uint64_t units, groups; /* that were closed with them, over all tables */
    uint64_t memory;        /* bytes the engine holds after it */
};

/* Closes the windows that are due, after a file. ERROR_FULL: nothing happened, and they are due after the next file;
   all else is as of core_file_end. */
bool core_close_windows(struct core *core, int64_t now, struct core_closed *closed, struct error *error) MUST_USE;

/* The same where nobody tells what was closed. ERROR_FULL counts as done: the next file meets the same lack, and
   tells. */
bool core_close_due(struct core *core, int64_t now, struct error *error) MUST_USE;

/* Ends the open file, whatever comes of it. `now` is the wall clock in microseconds. */
bool core_file_end(struct core *core, const struct core_file *file, int64_t now, struct core_result *result,
                   struct error *error) MUST_USE;

/* Instead, of a file that cannot be read by today's descriptors or limits, but for its content: CORE_DUPLICATE when it
   was applied before, and is noted as by core_file_end; any other outcome says that it is to be quarantined. A group
   that is open has room for it. */
bool core_file_unread(struct core *core, const struct core_file *file, int64_t now, struct core_result *result,
                      struct error *error) MUST_USE;

/* From here on files, closed windows and redeliveries share one commit, that of core_group_end; until then nobody may
   be told of them, and nothing else be asked of the core. Each is a change of its own all the same, and is undone alone
   when it fails. ERROR_FULL: nothing happened. */
bool core_group_begin(struct core *core, struct error *error) MUST_USE;
/* Whether there is room for the open file in the group, if one is open. */
bool core_group_takes(const struct core *core, const struct core_file *file) MUST_USE;
/* Whether the open file is of a batch or less, and may be of a group: a larger one has a transaction of its own
   open. */
bool core_is_small(const struct core *core);
/* Commits what is open, if anything is. False: nothing of the group happened, and the engine is as the store is, unless
   it could not be built anew (core->broken); ERROR_FULL when only room is missing. */
bool core_group_end(struct core *core, struct error *error) MUST_USE;

/* Takes one applied file's contribution back, exactly, as a change of its own; see store_forget for `which`, `texts`
   and `file`. No file may be under way. Where the engine had to be built anew (core->rewritten) any open delivery is
   void; so it may be when this fails. */
bool core_forget(struct core *core, struct slice which, int64_t now, struct arena *texts, struct file_record *file,
                 struct error *error) MUST_USE;

/* A ledger row for a file that was quarantined; `stored` is where, relative to the data folder. Empty: it is left in
   its folder; then one row is enough for this very file. */
bool core_note_quarantined(struct core *core, size_t feed, const struct core_file *file, const char *stored,
                           const char *reason, int64_t now, struct error *error) MUST_USE;

#endif
