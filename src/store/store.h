/*
 * The checkpoint store: one SQLite file that holds everything the target is a function of.
 *
 * Durable when: a change (its ledger rows, chunks, rejects), or a group of them, is one SQLite transaction in WAL mode
 * with synchronous=FULL; once store_commit, or store_group_commit, returns true it survives a crash and a power loss. A
 * crash before leaves no trace of it. There is one read-write connection; commands that only look open read-only.
 *
 * What a change's numbers hang on is covered by its digest: SHA-256 of the digest before, its ledger rows and the
 * checksums of its chunks. store_replay checks every checksum and every digest on the way. Nothing is ever taken out of
 * that chain: a change that forgets or replaces a file marks it, and from then on its chunks are checked but not handed
 * out.
 *
 * What finds a byte that changed on the disk:
 *
 *   open           the format, epoch, fingerprint, the last change and the newest that forgets or replaces
 *   store_replay   the epoch, every change, every applied file's row, every chunk, which files are forgotten
 *   store_check    all rows of all tables, so also rejects, undeclared columns, redeliveries and quarantined files, where
 *                  files are kept, notes for `status`, adopted epochs; pages, indexes, free space
 *   open to write  the log (-wal) that a crash left: a byte in its header, or in any transaction but the last one written
 *
 * A byte in the last transaction (a change, or a group of them) of such a log looks like a power loss while it was
 * being written: it is gone. If it was delivered, the target is then ahead; if its file was archived, that file is in
 * no ledger: store_has_stored tells.
 *
 * Files: <folder>/<pipeline>.db (with -wal, -shm) and <folder>/<pipeline>.lock. One thread at a time.
 */
#ifndef DROPFOLD_STORE_STORE_H
#define DROPFOLD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"
#include "model/batch.h"
#include "model/delivery.h"

struct store;

/* Bytes of a page of a new store; one that was made with other pages keeps them. */
enum { STORE_PAGE = 16384 };

enum {
    STORE_NAME_SIZE = 256,      /* bytes of the name of a feed, a file or a target, the NUL included */
    STORE_STORED_SIZE = 1024,   /* bytes of where a file is kept (file_record.stored), the NUL included */
    STORE_TEXTS_MAX = 64 * 1024 /* bytes that the texts of one file_record never take: an arena for them */
};

enum store_mode {
    STORE_WRITE,   /* open or make; locked; a fingerprint that differs is refused, or taken where there is no change */
    STORE_REPLACE, /* as STORE_WRITE, any fingerprint: to be replaced by a store that is built from it */
    STORE_READ, /* must exist; beside a writer; any fingerprint. Holds off a store_swap while it is open, and waits for
                      one that is under way, ten seconds at most */
    STORE_BUILD /* make <pipeline>.db.new afresh, beside a store that this process holds open in one of the first two
                      modes and whose lock protects it; store_swap puts it in place, store_close removes it */
};

/*
 * Opens the store of `pipeline` in `folder`, which is made when missing (its last component only). ERROR_LOCKED names
 * the process that holds it, ERROR_CONFIG says that the pipeline's shape changed and names `dropfold replay`, or that a
 * newer dropfold made it; ERROR_CORRUPT that it is no store of ours or damaged, ERROR_IO all else (a read-only folder
 * says so). `fingerprint`, that of the shape, is looked at by STORE_WRITE and written by whoever makes a store. Schema
 * version 1 (user_version) is the first.
 */
bool store_open(struct store **store, const char *folder, const char *pipeline, const struct digest *fingerprint,
                enum store_mode mode, struct error *error) MUST_USE;
void store_close(struct store *store);

/* The state: epoch, last sequence and its digest. `rows` is not filled, `present` is true. Of a STORE_READ it is that
   of the open, or of the last store_replay. */
const struct progress *store_progress(const struct store *store);
/* The newest change that forgot or replaced a file, or 0. It rewrote what changes before it had made of the numbers:
   groups may be gone without a trace, so nothing that was delivered before it can be brought up to date in part. */
uint64_t store_rewritten(const struct store *store);
const char *store_path(const struct store *store);
/* The one the store was made with. */
const struct digest *store_fingerprint(const struct store *store);
/* What STORE_WRITE asks at open: ERROR_CONFIG when it was made with another fingerprint, and changes hang on that. */
bool store_check_fingerprint(const struct store *store, const char *pipeline, const struct digest *fingerprint,
                             struct error *error) MUST_USE;

/* The digest at `sequence` (0 has one too: of the epoch). ERROR_REFUSED when there is no such sequence. */
bool store_digest_at(struct store *store, uint64_t sequence, struct digest *digest, struct error *error) MUST_USE;

/* --- files -------------------------------------------------------------------------------------------------------- */

enum file_state {
    FILE_APPLIED,     /* part of a change */
    FILE_DUPLICATE,   /* a redelivery; nothing of it was applied */
    FILE_QUARANTINED, /* nothing of it could be, or was to be, applied */
    FILE_RETRIED      /* rejected rows of an applied file that were read again, as a change of their own */
};

/* A row of the file ledger. Strings are borrowed in both directions. */
struct file_record {
    uint64_t id;       /* given by the store */
    uint64_t sequence; /* of its change; of the original for a duplicate; 0 when quarantined */
    enum file_state state;
    struct slice feed, name; /* name: bytes, relative to the landing folder */
    uint64_t size;
    uint64_t device, inode;
    int64_t mtime_ns, ctime_ns;
    struct digest content;
    uint32_t version; /* of the descriptor */
    struct digest descriptor;
    uint64_t rows;
    uint64_t retry_of; /* of a retry: the id of its file; else 0 */
    struct buckets buckets;
    bool replaced;      /* a record of it was replaced since, or taken over by a row of the same values */
    uint64_t forgotten; /* the change that took its rows back, or 0 */
    bool succeeded;     /* which did so by applying another file of its name; only told by store_each_file */
    /* Where it is kept: "archive/Orders/000007-...", "quarantine/..."; empty when left or deleted. */
    struct slice stored;
    struct slice reason;         /* of a quarantine; "duplicate of Orders/x.csv (seq 3)"; the note of file_facts */
    const struct slice *unknown; /* undeclared columns */
    size_t unknown_count;
    int64_t committed; /* wall clock, microseconds */
};

/* The one applied and not forgotten file that `which` means: "<feed>/<name>" (also at the end of a path), a bare name,
   the path or name it is archived under, or "seq=N", for which nothing else is read of the ledger. ERROR_USAGE when
   that is none or several, and says what there is. Fills `file`, with texts in `texts` and without undeclared columns.
   */
bool store_find_file(struct store *store, struct slice which, struct arena *texts, struct file_record *file,
                     struct error *error) MUST_USE;

/* The newest applied and not forgotten file of `feed` called `name`: its id, sequence and content, without texts. The
   id is 0 where there is none. */
bool store_find_at_name(struct store *store, struct slice feed, struct slice name, struct file_record *file,
                        struct error *error) MUST_USE;

/* What a redelivery is one of. */
struct store_original {
    uint64_t id; /* in the ledger; 0: it is no redelivery */
    uint64_t sequence;
    char name[STORE_NAME_SIZE];
};
/* Whether `file` (feed, name, content) is a redelivery: of the newest applied and not forgotten file of its feed with
   this content nothing was replaced since, and nothing else was committed at its name since that was not forgotten.
   (Rows that were superseded or late when they came count as replaced once any file was taken back since.) `named`: its
   rows come out of its name too, so that only a file of the same name can be the original. */
bool store_find_duplicate(struct store *store, const struct file_record *file, bool named,
                          struct store_original *original, struct error *error) MUST_USE;

/* Whether a ledger row of any state says that this very file (feed, name, size, times, inode) was dealt with. The
   device does not tell: the same disk may have another number after the next boot. */
bool store_knows(struct store *store, const struct file_record *file, bool *known, struct error *error) MUST_USE;

/* What the ledger has of a file that was dealt with. */
struct store_dealt {
    bool found;
    uint64_t sequence;
    char stored[STORE_STORED_SIZE]; /* where it is kept, as file_record.stored */
};
/* Whether this very file, with `file->content`, was applied or found to be a redelivery before: it must not be asked
   again what it is, as its rows may have been replaced or forgotten since. `any_ctime`: also when its mode, owner or
   links changed since, unless something else was committed at its name. */
bool store_dealt_with(struct store *store, const struct file_record *file, bool any_ctime, struct store_dealt *dealt,
                      struct error *error) MUST_USE;

/* Whether a row of the ledger says that its file is kept under `stored`. */
bool store_has_stored(struct store *store, struct slice stored, bool *found, struct error *error) MUST_USE;

/* --- a change ----------------------------------------------------------------------------------------------------- */

/*
 * store_begin  { { store_file_begin  store_put_batch*  store_file_end }+ |
 *                store_retry  store_file_begin  store_put_batch*  store_file_end |
 *                store_file_begin  { store_replace | store_put_batch }*  store_file_end |
 *                store_forget | store_close_windows }  store_commit | store_rollback
 *
 * While a change is open its sequence is store_progress()->sequence + 1. What false means:
 *
 *   ERROR_FULL  there is no room, and nothing happened: make the same call again later, or roll back. Each call first
 *               reserves in the log what it may write (fallocate), since SQLite itself would undo the whole change.
 *   ERROR_BUG   the call was out of order or its numbers do not add up; nothing happened; roll back.
 *   all else    the change is lost, also where SQLite ran out of space after all (a file system without fallocate, or
 *               many unlucky pages: ERROR_IO that says so). Roll back and close: nothing can be written before the
 *               store is opened again, as nobody knows what the disk holds. Whether a failed COMMIT is in it, the next
 *               open tells.
 */
bool store_begin(struct store *store, struct error *error) MUST_USE;
bool store_file_begin(struct store *store, struct slice feed, struct error *error) MUST_USE;
bool store_put_batch(struct store *store, const struct batch *batch, struct error *error) MUST_USE;

/* Makes sure of the room for what the open file is still to write, so that store_put_batch of these batches, `marks`
   calls of store_mark_replaced (each of a change of one file), store_file_end and, within a group, store_commit do not
   fail with ERROR_FULL. Nothing is written. */
bool store_reserve(struct store *store, struct batch *const *batches, size_t count, const struct file_record *file,
                   uint64_t marks, struct error *error) MUST_USE;

/* The chunks put since store_file_begin, in order; the bytes are valid during the call. */
typedef bool (*store_chunk_visit)(void *context, struct slice chunk, struct error *error);
bool store_file_chunks(struct store *store, store_chunk_visit visit, void *context, struct error *error) MUST_USE;

/* Ends the file: checks that buckets add up to rows, that every row was put as accepted or rejected and that
   buckets.rejected of them were rejected (ERROR_BUG); writes its ledger row (id, sequence, committed are given here).
   `file->state` is FILE_APPLIED, or FILE_RETRIED behind store_retry; `file->feed` that of the begin. */
bool store_file_end(struct store *store, const struct file_record *file, struct error *error) MUST_USE;

/* Whether the file that ended last had undeclared columns, and none of its feed before it had just these. */
bool store_columns_new(const struct store *store);

/* The change is a retry of rejected rows of the applied file `id`, which was not forgotten: the one file that it ends
   holds those that were open (store_each_reject), and closes them; those that are rejected again are open instead. */
bool store_retry(struct store *store, uint64_t id, struct error *error) MUST_USE;

/* Takes the contribution of one file back, and of its retries, found as by store_find_file; the change has no file of
   its own. Until the commit, store_replay tells what the history before it will be. */
bool store_forget(struct store *store, struct slice which, struct arena *texts, struct file_record *file,
                  struct error *error) MUST_USE;

/* Takes the contribution of every file back that was applied as `name` in the open file's feed and not forgotten; the
   open file, the only one of the change, comes in their place. *count is how many there are: with none the change is
   one like any other. Until the commit, store_replay tells what the history before it will be. */
bool store_replace(struct store *store, struct slice name, uint64_t *count, struct error *error) MUST_USE;
/* The chunks of the files that the open change forgets or replaces, and of their retries. */
bool store_taken_chunks(struct store *store, store_chunk_visit visit, void *context, struct error *error) MUST_USE;

/* Closes windows: a change that is nothing but the moment `before`, in microseconds, which is what is kept of it and
   told by store_replay. What it means is not known here. */
bool store_close_windows(struct store *store, int64_t before, struct error *error) MUST_USE;

/* Marks the files of `feed` in change `sequence` as replaced; of the open change those ended so far. */
bool store_mark_replaced(struct store *store, struct slice feed, uint64_t sequence, struct error *error) MUST_USE;

/* Commits; at least one file was ended, one forgotten, or windows closed. `summary` is text kept with the newest change
   for `status` (opaque here). `now` is the wall clock. */
bool store_commit(struct store *store, struct slice summary, int64_t now, struct error *error) MUST_USE;
void store_rollback(struct store *store);

/*
 * Changes that share one flush of the disk:
 *
 * store_group_begin  { store_begin ... store_commit | store_rollback,  store_note_file }*  store_group_commit |
 * store_group_rollback
 *
 * Each has its own sequence, digest and ledger row as without a group, and is seen by all that is asked of the store
 * from its store_commit on. But nothing of the group is durable before store_group_commit returns true: until then
 * nobody may be told. store_group_rollback takes all of it back, so that store_progress is what it was. The summary is
 * that of store_group_commit; what the others are given is not kept. False as above; ERROR_FULL leaves the group open.
 *
 * A rollback undoes one change alone while that has written nothing, or began by store_replace. Else the group is
 * undone with it, store_progress is what it was, and all that is left is store_group_rollback: a savepoint for every
 * change would copy each page that it writes. So a change of a group makes sure of its room (store_reserve) and of all
 * else before it writes.
 */
bool store_group_begin(struct store *store, struct error *error) MUST_USE;
/* Whether the open group has room for one more change, of a file with these batches that replaces nothing. What is
   reserved is more than what is written: where there is none, there may be once the group is committed. */
bool store_group_takes(struct store *store, struct batch *const *batches, size_t count,
                       const struct file_record *file) MUST_USE;
bool store_group_commit(struct store *store, struct slice summary, struct error *error) MUST_USE;
void store_group_rollback(struct store *store);

/* A ledger row that is no change: a duplicate or a quarantined file, without its undeclared columns: an applied one is
   the first to have them. One transaction of its own, never within a change. ERROR_FULL: nothing happened. */
bool store_note_file(struct store *store, const struct file_record *file, int64_t now, struct error *error) MUST_USE;

/* The last delivery known, for `status` when the target cannot be asked. */
struct store_delivered {
    struct slice target; /* its name */
    uint64_t sequence;   /* that it was brought to */
    uint64_t overflows;  /* how many of its values are NULL as their column cannot hold them */
    int64_t at;          /* wall clock, microseconds */
};
/* Durable on return; within a change, with that change. */
bool store_note_delivered(struct store *store, const struct store_delivered *delivered, struct error *error) MUST_USE;

/* What the pipeline's shape and its descriptors are, as texts for people to be told how they differ later (opaque
   here): the one that the store was made with, and the one that files were last read by. store_contract appends them;
   both are empty until they were noted first. ERROR_FULL: nothing happened. */
bool store_note_contract(struct store *store, struct slice shape, struct slice reading, struct error *error) MUST_USE;
bool store_contract(struct store *store, struct buf *shape, struct buf *reading, struct error *error) MUST_USE;

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* A walk is one consistent look. Its visitor may ask other things of the store, but begin neither a change nor the same
   walk. */

struct replay_chunk {
    uint64_t sequence, file;  /* of its change; the id of its file */
    uint64_t rank;            /* the sequence by which its rows rank: of a retry that of its file */
    uint64_t ordinal;         /* which of the file's chunks, from 0 */
    int64_t committed;        /* when that was */
    struct slice feed, chunk; /* valid during the call */
};
/* After the last chunk of each change. */
struct replay_end {
    uint64_t sequence;
    struct buckets buckets; /* of its files, without forgotten ones, as they were counted when it was committed */
    bool as_committed;      /* no file up to here was forgotten since: the same rows must fall into the same buckets */
};
/* Forgotten files are checked like all others, and their chunks not visited. */
struct replay_visit {
    void *context; /* each function may be NULL */
    bool (*chunk)(void *context, const struct replay_chunk *chunk, struct error *error);
    bool (*change_end)(void *context, const struct replay_end *end, struct error *error);
    uint64_t until;   /* the history as it was after this change: later ones are checked and not told; 0: all of it */
    uint64_t without; /* as if the file of this change had been forgotten, with its retries; 0: none */
    /* In place of chunks, when the change closed windows. */
    bool (*close)(void *context, uint64_t sequence, int64_t before, struct error *error);
};
/* All changes in order, every checksum and digest checked on the way: ERROR_CORRUPT names the first that fails. */
bool store_replay(struct store *store, const struct replay_visit *visit, struct error *error) MUST_USE;

/* What a replay does not read: SQLite's own check of every page and index, the checksum of every row, and that no row
   is missing from those that are numbered. A page that cannot be read counts as damage here. Slow. */
bool store_check(struct store *store, struct error *error) MUST_USE;

/* Ledger rows in order of id. `visit` returning false ends the walk without error. */
bool store_each_file(struct store *store, bool (*visit)(void *context, const struct file_record *file), void *context,
                     struct error *error) MUST_USE;

/* Whether `wanted` means the file `name` of `feed`: it is empty, its name, or "feed/name". */
bool store_names_file(struct slice wanted, struct slice feed, struct slice name);

struct reject_record {
    struct slice feed, name; /* of the file */
    uint64_t sequence;       /* of the file's change */
    uint64_t retried;        /* the change that read the row again, and closed this reject; 0: it is open */
    struct reject reject;
};
/* Rejected rows of files not forgotten, open ones and closed ones, in order of file (or retry) and row; of the file
   `name` only (bare or "feed/name") unless that is empty. */
bool store_each_reject(struct store *store, struct slice name,
                       bool (*visit)(void *context, const struct reject_record *reject), void *context,
                       struct error *error) MUST_USE;

/* The same of one file, by its id, and of its retries: of the ledger no other row is read. */
bool store_each_reject_of(struct store *store, uint64_t id,
                          bool (*visit)(void *context, const struct reject_record *reject), void *context,
                          struct error *error) MUST_USE;

/* --- the ledger, for a target --- */

/* A stretch of the ledger's rows as they were after a change: marks of later ones are left out. */
struct ledger_range {
    uint64_t after, upto; /* ids of files: after < id <= upto */
    uint64_t sequence;
};
/* Rows of the ledger up to id `upto` that changes after `since`, up to `sequence`, took back. */
struct ledger_taken {
    uint64_t upto, since, sequence;
    uint64_t files, rejects; /* how many to come, and how many rejects they have */
    uint64_t after;          /* done with files up to this one */
};
struct ledger_reject {
    uint64_t file;        /* id of the file's row, or of the retry's */
    uint64_t retried;     /* the change that read the row again, and closed this reject; 0: it is open */
    struct reject reject; /* valid during the call */
};
/* A walk over the rejects that a stretch of the ledger brings or closes. */
struct ledger_rejects {
    bool taken_back; /* those of files that were taken back, and no others */
    struct ledger_taken taken;
    struct ledger_range range;
    uint64_t left, added;  /* rows to come; of them those of the stretch itself */
    uint64_t file, number; /* done with files up to this one, and of the next with rejects up to this one */
};
/* False: it has seen enough, and wants this one again. */
typedef bool (*ledger_file_visit)(void *context, const struct file_record *file);
typedef bool (*ledger_reject_visit)(void *context, const struct ledger_reject *reject);

/* The ledger's rows that are durable: their ids are 1 to this. */
uint64_t store_files(const struct store *store);
/* In order of id, without undeclared columns. Also within a change, whose own files are not seen. */
bool store_read_files(struct store *store, const struct ledger_range *range, ledger_file_visit visit, void *context,
                      struct error *error) MUST_USE;
/* Fills in the counts. */
bool store_count_taken(struct store *store, struct ledger_taken *taken, struct error *error) MUST_USE;
/* Goes on with its files, in order of id. */
bool store_read_taken(struct store *store, struct ledger_taken *taken, ledger_file_visit visit, void *context,
                      struct error *error) MUST_USE;
/* Begins a walk over rejected rows of files that were not forgotten: those of the stretch, and those of files before it
   that a retry in it closed. */
bool store_open_rejects(struct store *store, const struct ledger_range *range, struct ledger_rejects *rejects,
                        struct error *error) MUST_USE;
/* Goes on with it, in order of file and row. */
bool store_read_rejects(struct store *store, struct ledger_rejects *rejects, ledger_reject_visit visit, void *context,
                        struct error *error) MUST_USE;

struct store_summary {
    uint64_t files[FILE_RETRIED]; /* by file_state, without forgotten ones; a retry is no file */
    uint64_t forgotten;           /* applied once, and taken back */
    uint64_t succeeded;           /* so are these, by another file of their name */
    struct buckets buckets; /* over all applied files but forgotten ones, a row that was retried where it is now; so are
                               the sums of a feed */
    uint64_t rejects;
    char delivered_target[STORE_NAME_SIZE]; /* "" when nothing was noted */
    uint64_t delivered_sequence, delivered_overflows;
    int64_t delivered_at, committed_at; /* wall clock; 0 when never */
};
bool store_summary(struct store *store, struct store_summary *summary, struct error *error) MUST_USE;
/* The text given to the last store_commit, into `out`. */
bool store_summary_text(struct store *store, struct buf *out, struct error *error) MUST_USE;

struct feed_summary {
    struct slice feed;
    uint64_t files[FILE_RETRIED], forgotten, succeeded; /* as above */
    struct buckets buckets;
    uint64_t rows;
};
bool store_each_feed(struct store *store, bool (*visit)(void *context, const struct feed_summary *feed), void *context,
                     struct error *error) MUST_USE;

/* Undeclared columns: feed, column, in how many applied files that were not forgotten. */
bool store_each_unknown(struct store *store,
                        bool (*visit)(void *context, struct slice feed, struct slice column, uint64_t files),
                        void *context, struct error *error) MUST_USE;

/* --- keeping it --------------------------------------------------------------------------------------------------- */

struct store_backup {
    struct progress progress; /* what the copy holds */
    uint64_t bytes;
};
/*
 * Copies the store, as it is at one moment, into the new file `path`; also beside a writer, which it does not hold up.
 * The copy is flushed, opened, and replayed with all its checksums and digests before it gets its name: a file of that
 * name is a whole backup. One that is there already is never overwritten (ERROR_IO). Within no change.
 */
bool store_backup(struct store *store, const char *path, struct store_backup *made, struct error *error) MUST_USE;

/* Gives back the space that is not used and puts each table in one piece; needs room for a second store on the way.
   Bytes before and after are of the database with its log. A crash leaves it as it was. Of a store that writes. */
bool store_compact(struct store *store, uint64_t *before, uint64_t *after, struct error *error) MUST_USE;

/* --- replay into a new store -------------------------------------------------------------------------------------- */

/* Remembers the histories that this store replaces: that of `replaced` and those it had replaced itself. What they
   delivered may be overwritten in full. What is damaged of them is left out. */
bool store_adopt(struct store *store, struct store *replaced, struct error *error) MUST_USE;
/* Whether `progress` lies on one of them. Not so when a copy of a replaced store went on beyond it, or otherwise. */
bool store_adopted(struct store *store, const struct progress *progress, bool *adopted, struct error *error) MUST_USE;

/*
 * Puts the store `built` (STORE_BUILD) in the place of `old` (STORE_WRITE or STORE_REPLACE): both are closed cleanly so
 * that no -wal is left, then one rename. Waits up to ten seconds for readers to close, then ERROR_LOCKED. Both are
 * freed whatever happens; a crash leaves either the old or the new one, whole.
 */
bool store_swap(struct store *old, struct store *built, struct error *error) MUST_USE;

#endif
