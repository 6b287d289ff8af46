/* What the files of the store share. Nothing outside src/store includes this. */
#ifndef DROPFOLD_STORE_STORE_INTERNAL_H
#define DROPFOLD_STORE_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/query.h"
#include "store/store.h"
#include "store/store_sql.h"

enum {
    STORE_BUSY_WAIT = 10000,     /* milliseconds, for a reader that recovers the log */
    STORE_ADOPTED_MAX = 1 << 29, /* bytes of the digests of a history that was replaced: of 64 million changes */
};

/* Room made sure of in the log before a change needs it; space.c. */
struct store_space {
    int log;        /* a descriptor of our own of the -wal; -1 when not open */
    bool supported; /* the file system can reserve */
    bool named;     /* it counts the names of a file, and the log had one when it was opened */
    uint64_t start; /* size of the log when the change began */
    uint64_t need;  /* bytes the change may write, as estimated so far */
    uint64_t end;   /* the log has room up to here */
};

/* The file that is open within a change. */
struct store_file {
    bool open;
    char feed[STORE_NAME_SIZE];
    size_t feed_len;
    uint64_t first_chunk, chunks, first_reject, rejects;
    uint64_t accepted; /* rows in its chunks */
};

/* What the open change retries. */
struct store_retry {
    uint64_t file, sequence; /* id and sequence of the file; 0 when the change is no retry */
    struct digest content;   /* of it */
};

/* What a change is, as its row says. */
enum store_change_kind {
    CHANGE_FILE,    /* files were applied */
    CHANGE_FORGET,  /* a file was taken out */
    CHANGE_REPLACE, /* a file was applied, and those taken out that had been applied under its name */
    CHANGE_RETRY,   /* rejected rows of a file were applied */
    CHANGE_CLOSE    /* windows were closed */
};

/* What a group that is undone goes back to. */
struct store_group {
    struct progress progress;
    uint64_t rewritten, file, chunk, reject;
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_SQL_COUNT];
    enum store_mode mode;
    char *folder, *path, *lock_path;
    int lock;         /* descriptor of the lock file; -1 when not held */
    uint32_t page;    /* bytes of a page */
    unsigned looks;   /* reads that share one transaction now */
    bool lost;        /* writing failed in a way that leaves the connection, or what is thought durable, in doubt */
    char reason[128]; /* ": " and why, when that was an I/O error */
    bool log_found;   /* a log was there when it was opened: the one before did not close it */
    struct progress progress;
    struct digest fingerprint;
    uint64_t rewritten;                          /* the newest change that forgets or replaces, or 0 */
    uint64_t last_file, last_chunk, last_reject; /* ids given out, the open change's included */
    bool columns_new;                            /* as store_columns_new */

    bool in_group; /* a group is open: its changes share one transaction */
    bool undone;   /* and a change that failed took all before it along: nothing of it will be */
    struct store_group before_group;
    bool in_change;
    uint64_t kept_file, kept_chunk, kept_reject; /* the last ids before it */
    uint64_t marks;                              /* files that it marked as replaced */
    bool saved;                                  /* within a group: a savepoint undoes it alone */
    int64_t kept_writes;                         /* rows that the connection had written before it */
    struct store_file file;
    uint64_t forgetting; /* id of the file that it forgets; 0 when it is of files */
    struct store_retry retrying;
    uint64_t replacing; /* how many files it replaces */
    bool closing;       /* it closes windows, up to */
    int64_t before;
    struct store_space space;
    struct digester digester; /* of the open change, else closed */
};

/* --- errors.c --- */

/* Turns an SQLite result into an error. Within a transaction that writes, any error also marks the store as lost. */
bool store_fail(struct store *store, int result, struct error *error);
/* ERROR_CORRUPT in the store's name. */
bool store_corrupt(const struct store *store, struct error *error, const char *format, ...) PRINTF_LIKE(3, 4);

/* --- disk.c --- */

/* Folder, lock and database file, as the store's mode wants them, before SQLite opens it. */
bool store_disk_prepare(struct store *store, struct error *error) MUST_USE;
/* Flushes a folder's entries to disk. */
bool store_sync_folder(const char *path, struct error *error) MUST_USE;
/* Flushes a database that nobody has open, and says how large it is. */
bool store_flush(const char *path, uint64_t *bytes, struct error *error) MUST_USE;
/* Removes a database and what SQLite has beside it, where they are. */
bool store_remove(const char *database, struct error *error) MUST_USE;

/* --- store.c: opening, transactions, state --- */

/* Opens the file at `path` for reading, whatever it is called and of any fingerprint; without a lock. */
bool store_open_copy(struct store **store, const char *path, const char *pipeline, struct error *error) MUST_USE;
/* Refuses a store that only reads, or that is lost. Before whatever writes. */
bool store_check_writable(struct store *store, struct error *error) MUST_USE;
/* Runs SQL that is no prepared statement and has no rows of interest. */
bool store_execute(struct store *store, const char *sql, struct error *error) MUST_USE;
/* True within a transaction that this store began to write: a change, or a group between two of them. */
bool store_is_writing(const struct store *store);
/* Refuses a group that is undone. */
bool store_check_group(const struct store *store, struct error *error) MUST_USE;
/* For calls within a change; `file_open` is what they expect. */
bool store_check_change(struct store *store, bool file_open, struct error *error) MUST_USE;
/* Runs a prepared statement without parameters. */
bool store_run(struct store *store, enum store_sql which, struct error *error) MUST_USE;
/* Reads the progress and the last ids. */
bool store_load_state(struct store *store, struct error *error) MUST_USE;
/* Brackets of one consistent look at the store, within the open change if there is one. */
bool store_read_begin(struct store *store, struct error *error) MUST_USE;
void store_read_end(struct store *store);
/* Closes the connection and nothing else; the lock stays. */
void store_disconnect(struct store *store);

/* --- schema.c: the file's format and meta --- */

/* Makes the tables in an empty file, or checks those of a store. */
bool store_schema_open(struct store *store, const char *pipeline, const struct digest *fingerprint,
                       struct error *error) MUST_USE;
bool store_put_meta(struct store *store, const char *key, struct slice value, struct error *error) MUST_USE;
/* Appends the value to `out`; *found is false when there is none. */
bool store_get_meta(struct store *store, const char *key, struct buf *out, bool *found, struct error *error) MUST_USE;
/* The SQL function row_sum(table, column...) on this connection. */
bool store_sum_register(struct store *store, struct error *error) MUST_USE;

/* --- lock.c --- */

/* Takes the lock of a writer. */
bool store_lock(struct store *store, struct error *error) MUST_USE;
/* Joins the readers: store_swap waits until there are none. One that is under way is waited for, ten seconds at
   most. */
bool store_lock_shared(struct store *store, struct error *error) MUST_USE;
/* Waits until no reader is left and keeps new ones out; of a store that holds the lock. */
bool store_lock_alone(struct store *store, struct error *error) MUST_USE;
void store_unlock(struct store *store);

/* --- log.c: for those that write, before and right after SQLite opens the store --- */

/* ERROR_CORRUPT when the log is damaged in its midst. */
bool store_log_check(struct store *store, struct error *error) MUST_USE;
/* Folds a log that was found into the database, and cuts it. */
bool store_log_fold(struct store *store, struct error *error) MUST_USE;

/* --- space.c --- */

/* Where the log cannot be opened room is not made sure of, as on a file system that cannot reserve. */
void store_space_open(struct store *store);
void store_space_close(struct store *store);
/* ERROR_IO, and the store is lost, when the log was deleted. Before a commit. */
bool store_space_stands(struct store *store, struct error *error) MUST_USE;
/* The same, and begins the account of a transaction that writes up to `pages` beside the rows it adds. ERROR_FULL as
   below. */
bool store_space_begin(struct store *store, uint64_t pages, struct error *error) MUST_USE;
/* Makes sure of `bytes` of rows more, in up to `pages` other pages. ERROR_FULL leaves all as it was. */
bool store_space_add(struct store *store, uint64_t bytes, uint64_t pages, struct error *error) MUST_USE;
/* The same without adding it to the account: calls that add as much, in any parts, will find room. */
bool store_space_ahead(struct store *store, uint64_t bytes, uint64_t pages, struct error *error) MUST_USE;
/* Ends the account, whatever came of the transaction: gives back what was made sure of and not written. */
void store_space_end(struct store *store);

/* --- digest.c: the format of checksums and digests --- */

/* Of a chunk: of its bytes, and of where it belongs. */
uint64_t store_checksum(struct slice feed, uint64_t sequence, uint64_t ordinal, struct slice chunk);
bool store_digest_epoch(const char *epoch, struct digest *digest, struct error *error) MUST_USE;
/* Begins the digest of change `sequence`, in a digester that is closed. */
bool store_digest_begin(struct digester *d, const struct digest *before, uint64_t sequence,
                        struct error *error) MUST_USE;
void store_digest_chunk(struct digester *d, uint64_t checksum, uint64_t rows);
void store_digest_file(struct digester *d, const struct file_record *file);
void store_digest_retry(struct digester *d, const struct store_retry *retry);
void store_digest_forget(struct digester *d, const struct file_record *file);
void store_digest_close(struct digester *d, int64_t before);

/* --- retry.c --- */

/* What a retry says of the file `id` whose rows it retried; *forgotten is the change that took that file back, or 0. */
bool store_retry_read(struct store *store, uint64_t id, struct store_retry *retry, uint64_t *forgotten,
                      struct error *error) MUST_USE;

/* --- forget.c --- */

/* Where a file's chunks, rejects and undeclared columns stand. */
struct store_file_parts {
    uint64_t first_chunk, chunks, first_reject, rejects;
    int64_t unknown, noted;
};
/* Adds what the digest of a change that replaces has of the files that it took out; *count is how many there are. */
bool store_digest_replaced(struct store *store, struct digester *d, uint64_t sequence, uint64_t *count,
                           struct error *error) MUST_USE;

/* --- files.c --- */

/* Writes a row of the ledger with the id, sequence and state that `file` holds. */
bool store_file_write(struct store *store, const struct file_record *file, const struct store_file_parts *parts,
                      struct error *error) MUST_USE;
/* Reads one; texts are borrowed from the statement. ERROR_CORRUPT when the row is damaged. `parts` may be NULL. */
bool store_file_read(struct query *q, struct file_record *file, struct store_file_parts *parts,
                     struct error *error) MUST_USE;

/* ERROR_CORRUPT: the ledger's row of that file. */
bool store_corrupt_file(const struct store *store, uint64_t id, struct error *error);
/* The buckets, in the order in which they are told, from column `first` on. */
void store_buckets_read(struct query *q, int first, struct buckets *buckets);

/* What marks of so many files as replaced may write: never more than the ledger has. */
uint64_t store_mark_pages(const struct store *store, uint64_t files);

/* The columns of STORE_SQL_REJECT_COLUMNS. */
void store_reject_read(struct query *q, struct reject *reject);
/* The set of undeclared columns under which the file's are kept, made when new; 0 for none. */
bool store_unknown_set(struct store *store, const struct file_record *file, int64_t *set, struct error *error) MUST_USE;

#endif
