/* The files a replay reads again, or a deep look: from a ledger, or, when that is lost, from the names of the
   archive. */
#ifndef DROPFOLD_APP_SOURCES_H
#define DROPFOLD_APP_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/hash.h"
#include "feed/intake.h"
#include "model/pipeline.h"
#include "store/store.h"

enum {
    SOURCES_BYTES_MAX = 1 << 30, /* of names and paths */
    SOURCE_PATH_SIZE = 8192      /* bytes of the path of one, the NUL included */
};

struct source {
    size_t feed;
    uint64_t order;     /* sequence it was committed with */
    unsigned turn;      /* what goes before `order`: sources_from_archive */
    uint64_t id;        /* in the ledger; this and what follows `content` are 0 when it is not recorded */
    const char *name;   /* in the landing folder */
    const char *stored; /* archive name, its own or that of a redelivery; NULL when it is not archived */
    const char *path;   /* where it should be now */
    char *again;        /* where its last redelivery is archived, or NULL: it may have gone before its own move */
    size_t again_room;  /* bytes */
    uint32_t version;   /* of the descriptor; 0: unknown */
    bool recorded;      /* in the ledger, with its version and content; else only in the archive */
    uint64_t retry_of;  /* of a retry of rejected rows: the id of the source that has them; else 0 */
    uint64_t applied;   /* the change that a replay made of it; 0 before */
    struct digest content;
    struct file_stat stat;    /* as it was read; of one that is not recorded, as it lies in the archive */
    struct digest descriptor; /* that it was read by */
    int64_t committed;        /* wall clock, microseconds */
    uint64_t rows, rejected;
};

struct sources {
    struct store *store;
    const struct pipeline *pipeline;
    const char *data;
    struct arena arena;
    struct source *items;
    size_t count, capacity;
    uint64_t skipped;    /* files of feeds the pipeline no longer has */
    uint64_t unrecorded; /* of the archive, that the ledger does not know */
    bool failed;
    bool full; /* SOURCES_BYTES_MAX is reached */
};

/* Of the ledger in `store` and the data folder `data`, which must all outlive it. What adds to it fails with
   ERROR_MEMORY, which says so where the limit is reached. */
void sources_init(struct sources *sources, struct store *store, const struct pipeline *pipeline, const char *data);
void sources_close(struct sources *sources);

/* Adds an applied file of the ledger, or a retry of one. One that was left in its folder, and was archived when it was
   found there later, is where that row of the ledger says; the ledger is searched only where it does not lie in its
   folder. */
bool sources_add(struct sources *sources, const struct file_record *file, struct error *error) MUST_USE;

/* Every applied file of the ledger that was not forgotten, and with `retries` what was retried of them, in the order of
   the changes. */
bool sources_from_store(struct sources *sources, bool retries, struct error *error) MUST_USE;

/*
 * Adds every file "NNNNNN-<hash8>-<name>" under <data>/archive/<feed> that the ledger does not know, and puts them in
 * the order in which all were applied. With an empty ledger that is the order of the numbers. Else another store
 * applied them, one that was lost or put back by an older copy; so they come, by their numbers, before the first
 * recorded file that has a number of theirs or a later one: that was applied after the copy was put back. Of one number
 * are a file and its redeliveries: the one that was written first (mtime, then ctime and name) is taken for the file.
 */
bool sources_from_archive(struct sources *sources, struct error *error) MUST_USE;

/* Where the source is now: where it should be, else where it was before that, all along its way, else where a
   redelivery of it is; where it should be when it is nowhere. On false `why` says where it could not be looked for. */
bool sources_locate(const struct sources *sources, const struct source *source, char *path, size_t size,
                    struct error *why) MUST_USE;

/* Whether the descriptor of its recorded version is the one that it was read by. Read otherwise, it may have other
   rows. */
bool source_reads_as_before(const struct source *source, const struct feed *feed);

/* The SHA-256 of all that is to be read from `fd`. */
bool source_hash(int fd, struct digest *digest, struct error *why) MUST_USE;

/* Whether the file at `path` has the content that was applied; else `why` says what is wrong: ERROR_DATA where it is
   gone or is another, any other kind where it could only not be read now. */
bool source_same(const struct source *source, const char *path, struct error *why) MUST_USE;

/* Reads the file at `path`, where `source` is or may be. True when it was read and has the content that was applied;
   else `why` says what is wrong, as source_same does, and the batches that the sink took are void. `facts` are made
   whatever the result, and facts->arena is the caller's to close. */
bool source_read(const struct source *source, const char *path, const struct intake_how *how, struct file_facts *facts,
                 struct error *why) MUST_USE;

#endif
