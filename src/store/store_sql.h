/*
 * The schema of a checkpoint store and every statement run on one.
 *
 * Names of feeds and files, columns and raw rows are bytes and therefore BLOBs; unsigned numbers are kept as the signed
 * ones of the same bits. Chunks and rejects have no index: those of a file are a run of ids that its row names, those
 * of a change a run of files. What only grows at its end costs few pages a transaction, and so the index that is
 * scattered by nature (by content) keeps eight bytes of the hash.
 *
 * `sum` guards a row against damage that SQLite cannot see: row_sum (sum.c) of the table's name and the other columns.
 * Chunks have `checksum` instead (digest.c). The texts of the schema are compared with those in the file at each open.
 */
#ifndef DROPFOLD_STORE_STORE_SQL_H
#define DROPFOLD_STORE_STORE_SQL_H

enum {
    STORE_SCHEMA = 1 /* user_version */
};

/* Tables before indexes: the order in which VACUUM would write them too. */
static const char *const store_schema[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID",

    /* kind: enum store_change_kind. A forget has no files of its own: first_file is the one it took out. Nor has a
       close of windows: first_file is the moment, in microseconds. What a change that replaces took out says so
       itself. */
    "CREATE TABLE changes(sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, first_file INTEGER NOT NULL, "
    "files INTEGER NOT NULL, committed INTEGER NOT NULL, digest BLOB NOT NULL, sum INTEGER NOT NULL) STRICT",

    /* noted: when, of a file that is no change; retry_of: of a retry, the id of the file whose rejected rows it read;
       forgotten: the sequence of the change that took it out, or 0. What may change comes last. */
    "CREATE TABLE files(id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, state INTEGER NOT NULL, "
    "feed BLOB NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, "
    "mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, content BLOB NOT NULL, version INTEGER NOT NULL, "
    "descriptor BLOB NOT NULL, row_count INTEGER NOT NULL, applied INTEGER NOT NULL, unchanged INTEGER NOT NULL, "
    "superseded INTEGER NOT NULL, filtered INTEGER NOT NULL, deleted INTEGER NOT NULL, late INTEGER NOT NULL, "
    "rejected INTEGER NOT NULL, first_chunk INTEGER NOT NULL, chunks INTEGER NOT NULL, first_reject INTEGER NOT NULL, "
    "rejects INTEGER NOT NULL, unknown INTEGER NOT NULL, noted INTEGER NOT NULL, retry_of INTEGER NOT NULL, "
    "reason BLOB NOT NULL, "
    "replaced INTEGER NOT NULL, forgotten INTEGER NOT NULL, stored BLOB NOT NULL, sum INTEGER NOT NULL) STRICT",

    "CREATE TABLE chunks(id INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, checksum INTEGER NOT NULL, "
    "data BLOB NOT NULL) STRICT",

    "CREATE TABLE rejects(id INTEGER PRIMARY KEY, row_number INTEGER NOT NULL, line INTEGER NOT NULL, "
    "place INTEGER NOT NULL, field BLOB NOT NULL, reason BLOB NOT NULL, raw BLOB NOT NULL, sum INTEGER NOT NULL) "
    "STRICT",

    /* Files of one feed tend to have the same undeclared columns: each set of a feed is kept once, named by its
       hash. */
    "CREATE TABLE unknown(set_id INTEGER NOT NULL, ordinal INTEGER NOT NULL, name BLOB NOT NULL, "
    "sum INTEGER NOT NULL, PRIMARY KEY(set_id, ordinal)) STRICT, WITHOUT ROWID",

    /* Stores that this one replaced. digests: the first 8 bytes of each digest of the history, from digest(0) on. */
    "CREATE TABLE adopted(id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, digests BLOB NOT NULL, "
    "sum INTEGER NOT NULL) STRICT",

    "CREATE INDEX changes_that_forget ON changes(sequence) WHERE kind IN (1, 2)",
    "CREATE INDEX files_by_content ON files(substr(content, 1, 8), feed) WHERE state = 0 AND forgotten = 0",
    "CREATE INDEX files_by_name ON files(name, feed) WHERE state = 0 AND forgotten = 0",
    "CREATE INDEX files_by_retry ON files(retry_of) WHERE retry_of <> 0",
    "CREATE INDEX files_by_forgotten ON files(forgotten) WHERE forgotten <> 0",
    "CREATE INDEX files_by_time ON files(mtime, inode)",
    "CREATE INDEX files_by_stored ON files(stored) WHERE stored <> x''",
};

/* Settings of a connection; the second group is for the one that writes, with the page of a new store: four times
   SQLite's own choice, as chunks are large and each page is a call to write it to the log and two to fold it back. */
#define STORE_SQL_SETTINGS                                                                                             \
    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY"
#define STORE_SQL_SETTINGS_WRITE                                                                                       \
    "PRAGMA page_size = %d; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; "                         \
    "PRAGMA secure_delete = OFF"
/* And what is reckoned in pages, so that it can be told only when the size of this store's is known: the cache, and
   after how much log comes a checkpoint. */
#define STORE_SQL_PAGE_SIZE    "PRAGMA page_size"
#define STORE_SQL_BY_PAGE      "PRAGMA cache_size = %" PRId64 "; PRAGMA wal_autocheckpoint = %" PRId64
#define STORE_SQL_WAL          "PRAGMA journal_mode = WAL"
#define STORE_SQL_APPLICATION  "PRAGMA application_id"
#define STORE_SQL_VERSION      "PRAGMA user_version"
#define STORE_SQL_SCHEMA_TEXTS "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
#define STORE_SQL_SEQUENCE     "SELECT ifnull(max(sequence), 0) FROM changes"
#define STORE_SQL_SCHEMA_COUNT "SELECT count(*) FROM sqlite_schema"
#define STORE_SQL_MARK_FORMAT  "PRAGMA application_id = %d; PRAGMA user_version = %d"
#define STORE_SQL_STRUCTURE    "PRAGMA integrity_check(1)"

#define STORE_SQL_FILE_FIXED                                                                                           \
    "id, sequence, state, feed, name, size, device, inode, mtime, ctime, content, version, descriptor, row_count, "    \
    "applied, unchanged, superseded, filtered, deleted, late, rejected, first_chunk, chunks, first_reject, rejects, "  \
    "unknown, noted, retry_of, reason"
#define STORE_SQL_FILE_SUM "row_sum('files', " STORE_SQL_FILE_FIXED ", replaced, forgotten, stored)"
#define STORE_SQL_FILE_ROWS                                                                                            \
    "SELECT " STORE_SQL_FILE_FIXED ", replaced, forgotten, stored, sum = " STORE_SQL_FILE_SUM                          \
    ", ifnull((SELECT committed FROM changes WHERE state IN (0, 3) AND changes.sequence = files.sequence), noted), "   \
    "(SELECT kind FROM changes WHERE forgotten <> 0 AND changes.sequence = forgotten) FROM files"
/* Files with rejects, and the change of the first retry behind each, which closed them, or 0. */
#define STORE_SQL_REJECTED_ROWS                                                                                        \
    "SELECT id, feed, name, iif(retry_of = 0, sequence, (SELECT original.sequence FROM files AS original "             \
    "WHERE original.id = files.retry_of)), first_reject, rejects, sum = " STORE_SQL_FILE_SUM                           \
    ", ifnull((SELECT min(later.sequence) FROM files AS later INDEXED BY files_by_retry WHERE later.retry_of = "       \
    "iif(files.retry_of = 0, files.id, files.retry_of) AND later.retry_of <> 0 AND later.id > files.id), 0) "          \
    "FROM files WHERE rejects > 0 AND forgotten = 0"
/* Whether a row of the file may be replaced by now. Of one that came under a row that was taken back since, or late by
   one, no mark tells what came over it meanwhile. */
#define STORE_SQL_OVERTAKEN                                                                                            \
    "replaced OR (superseded + late > 0 AND EXISTS(SELECT 1 FROM changes INDEXED BY changes_that_forget "              \
    "WHERE kind IN (1, 2) AND changes.sequence > files.sequence))"
/* Of the ledger up to row ?2 as it was after change ?3: whether the file's rejects are listed, and the change of its
   first retry behind it, which closed them, or 0. */
#define STORE_SQL_LEDGER_SHOWN "(forgotten = 0 OR forgotten > ?3)"
#define STORE_SQL_LATER_RETRY                                                                                          \
    "ifnull((SELECT min(later.sequence) FROM files AS later INDEXED BY files_by_retry WHERE later.retry_of = "         \
    "iif(files.retry_of = 0, files.id, files.retry_of) AND later.retry_of <> 0 AND later.id > files.id "               \
    "AND later.id <= ?2), 0)"
#define STORE_SQL_FILE_PARAMS                                                                                          \
    "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, "  \
    "?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32"
#define STORE_SQL_CHANGE_COLUMNS "sequence, kind, first_file, files, committed, digest"
#define STORE_SQL_REJECT_COLUMNS "id, row_number, line, place, field, reason, raw"

/* Columns of a file in the order of store_file_read; the last says whether the row is whole. */
enum store_file_column {
    STORE_FILE_ID,
    STORE_FILE_SEQUENCE,
    STORE_FILE_STATE,
    STORE_FILE_FEED,
    STORE_FILE_NAME,
    STORE_FILE_SIZE,
    STORE_FILE_DEVICE,
    STORE_FILE_INODE,
    STORE_FILE_MTIME,
    STORE_FILE_CTIME,
    STORE_FILE_CONTENT,
    STORE_FILE_VERSION,
    STORE_FILE_DESCRIPTOR,
    STORE_FILE_ROWS,
    STORE_FILE_APPLIED,
    STORE_FILE_UNCHANGED,
    STORE_FILE_SUPERSEDED,
    STORE_FILE_FILTERED,
    STORE_FILE_DELETED,
    STORE_FILE_LATE,
    STORE_FILE_REJECTED,
    STORE_FILE_FIRST_CHUNK,
    STORE_FILE_CHUNKS,
    STORE_FILE_FIRST_REJECT,
    STORE_FILE_REJECTS,
    STORE_FILE_UNKNOWN,
    STORE_FILE_NOTED,
    STORE_FILE_RETRY_OF,
    STORE_FILE_REASON,
    STORE_FILE_REPLACED,
    STORE_FILE_FORGOTTEN,
    STORE_FILE_STORED,
    STORE_FILE_WHOLE,
    STORE_FILE_COMMITTED, /* of its change; this and the next only in STORE_SQL_FILE_ROWS */
    STORE_FILE_TAKEN_BY   /* kind of the change that forgot it; NULL when none did */
};

/* Of the ledger up to row ?1: those that changes after ?2, up to ?3, took back; behind row ?4. */
#define STORE_SQL_TAKEN_SINCE                                                                                          \
    " INDEXED BY files_by_forgotten WHERE forgotten > ?2 AND forgotten <= ?3 AND forgotten <> 0 AND id > ?4 "          \
    "AND id <= ?1"

enum store_sql {
    STORE_SQL_BEGIN_READ,
    STORE_SQL_BEGIN,
    STORE_SQL_COMMIT,
    STORE_SQL_ROLLBACK,
    STORE_SQL_SAVE,
    STORE_SQL_RELEASE,
    STORE_SQL_UNDO,
    STORE_SQL_GET_META,
    STORE_SQL_PUT_META,
    STORE_SQL_LAST_CHANGE,
    STORE_SQL_LAST_IDS,
    STORE_SQL_PUT_CHANGE,
    STORE_SQL_GET_CHANGE,
    STORE_SQL_CHANGES,
    STORE_SQL_LAST_FORGET,
    STORE_SQL_PUT_FILE,
    STORE_SQL_GET_FILE,
    STORE_SQL_CHANGE_FILES,
    STORE_SQL_FILES,
    STORE_SQL_MARK_REPLACED,
    STORE_SQL_MARK_FORGOTTEN,
    STORE_SQL_MARK_RETRIES,
    STORE_SQL_SAME_CONTENT,
    STORE_SQL_SAME_CONTENT_AND_NAME,
    STORE_SQL_NEWER_AT_NAME,
    STORE_SQL_LAST_AT_NAME,
    STORE_SQL_FORGOTTEN_BY,
    STORE_SQL_KNOWN,
    STORE_SQL_DEALT_WITH,
    STORE_SQL_STORED,
    STORE_SQL_PUT_CHUNK,
    STORE_SQL_FILE_CHUNKS,
    STORE_SQL_CHUNKS_FROM,
    STORE_SQL_CHUNKS,
    STORE_SQL_PUT_REJECT,
    STORE_SQL_REJECTED_FILES,
    STORE_SQL_REJECTED_FILE,
    STORE_SQL_FILE_REJECTS,
    STORE_SQL_LEDGER_FILES,
    STORE_SQL_LEDGER_RETRIES,
    STORE_SQL_LEDGER_REJECTED_FILES,
    STORE_SQL_LEDGER_COUNT_REJECTS,
    STORE_SQL_LEDGER_TAKEN,
    STORE_SQL_LEDGER_COUNT_TAKEN,
    STORE_SQL_LEDGER_TAKEN_REJECTED,
    STORE_SQL_HAS_UNKNOWN,
    STORE_SQL_PUT_UNKNOWN,
    STORE_SQL_GET_UNKNOWN,
    STORE_SQL_COUNT_UNKNOWN,
    STORE_SQL_PUT_ADOPTED,
    STORE_SQL_HAS_ADOPTED,
    STORE_SQL_ADOPTED,
    STORE_SQL_FEEDS,
    STORE_SQL_DAMAGED_ROWS,
    STORE_SQL_MISSING_ROWS,
    STORE_SQL_COUNT
};

static const char *const store_sql_texts[STORE_SQL_COUNT] = {
    [STORE_SQL_BEGIN_READ] = "BEGIN",
    [STORE_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_SQL_COMMIT] = "COMMIT",
    [STORE_SQL_ROLLBACK] = "ROLLBACK",
    /* A change within a group. */
    [STORE_SQL_SAVE] = "SAVEPOINT change",
    [STORE_SQL_RELEASE] = "RELEASE change",
    [STORE_SQL_UNDO] = "ROLLBACK TO change",

    [STORE_SQL_GET_META] = "SELECT value, sum = row_sum('meta', key, value) FROM meta WHERE key = ?1",
    [STORE_SQL_PUT_META] = "INSERT INTO meta(key, value, sum) VALUES(?1, ?2, row_sum('meta', ?1, ?2)) "
                           "ON CONFLICT(key) DO UPDATE SET value = excluded.value, sum = excluded.sum",

    [STORE_SQL_LAST_CHANGE] = "SELECT sequence, digest, sum = row_sum('changes', " STORE_SQL_CHANGE_COLUMNS
                              "), committed FROM changes ORDER BY sequence DESC LIMIT 1",
    [STORE_SQL_LAST_IDS] = "SELECT ifnull((SELECT max(id) FROM files), 0), ifnull((SELECT max(id) FROM chunks), 0), "
                           "ifnull((SELECT max(id) FROM rejects), 0)",
    [STORE_SQL_PUT_CHANGE] = "INSERT INTO changes(" STORE_SQL_CHANGE_COLUMNS ", sum) "
                             "VALUES(?1, ?2, ?3, ?4, ?5, ?6, row_sum('changes', ?1, ?2, ?3, ?4, ?5, ?6))",
    [STORE_SQL_GET_CHANGE] = "SELECT first_file, files, digest, sum = row_sum('changes', " STORE_SQL_CHANGE_COLUMNS
                             ") FROM changes WHERE sequence = ?1",
    [STORE_SQL_CHANGES] = "SELECT " STORE_SQL_CHANGE_COLUMNS ", sum = row_sum('changes', " STORE_SQL_CHANGE_COLUMNS
                          ") FROM changes ORDER BY sequence",
    [STORE_SQL_LAST_FORGET] = "SELECT sequence, sum = row_sum('changes', " STORE_SQL_CHANGE_COLUMNS
                              ") FROM changes INDEXED BY changes_that_forget WHERE kind IN (1, 2) "
                              "ORDER BY sequence DESC LIMIT 1",

    [STORE_SQL_PUT_FILE] = "INSERT INTO files(" STORE_SQL_FILE_FIXED ", replaced, forgotten, stored, sum) "
                           "VALUES(" STORE_SQL_FILE_PARAMS ", row_sum('files', " STORE_SQL_FILE_PARAMS "))",
    [STORE_SQL_GET_FILE] = "SELECT " STORE_SQL_FILE_FIXED ", replaced, forgotten, stored, sum = " STORE_SQL_FILE_SUM
                           " FROM files WHERE id = ?1",
    [STORE_SQL_CHANGE_FILES] = "SELECT " STORE_SQL_FILE_FIXED ", replaced, forgotten, stored, sum = " STORE_SQL_FILE_SUM
                               " FROM files WHERE state IN (0, 3) ORDER BY id",
    [STORE_SQL_FILES] = STORE_SQL_FILE_ROWS " ORDER BY id",
    /* A damaged row keeps its wrong sum: to write it anew would hide the damage. */
    [STORE_SQL_MARK_REPLACED] = "UPDATE files SET replaced = 1, sum = row_sum('files', " STORE_SQL_FILE_FIXED
                                ", 1, forgotten, stored) WHERE id >= ?1 AND id < ?2 AND feed = ?3 AND state = 0 "
                                "AND replaced = 0 AND sum = " STORE_SQL_FILE_SUM,
    [STORE_SQL_MARK_FORGOTTEN] = "UPDATE files SET forgotten = ?2, sum = row_sum('files', " STORE_SQL_FILE_FIXED
                                 ", replaced, ?2, stored) WHERE id = ?1 AND state = 0 AND forgotten = 0 "
                                 "AND sum = " STORE_SQL_FILE_SUM,

    /* With a file its retries are forgotten. */
    [STORE_SQL_MARK_RETRIES] = "UPDATE files SET forgotten = ?2, sum = row_sum('files', " STORE_SQL_FILE_FIXED
                               ", replaced, ?2, stored) WHERE retry_of = ?1 AND retry_of <> 0 AND forgotten = 0 "
                               "AND sum = " STORE_SQL_FILE_SUM,

    [STORE_SQL_SAME_CONTENT] = "SELECT id, sequence, name, " STORE_SQL_OVERTAKEN ", sum = " STORE_SQL_FILE_SUM
                               " FROM files INDEXED BY files_by_content WHERE state = 0 AND forgotten = 0 "
                               "AND substr(content, 1, 8) = substr(?2, 1, 8) AND feed = ?1 AND content = ?2 "
                               "ORDER BY id DESC LIMIT 1",
    [STORE_SQL_SAME_CONTENT_AND_NAME] =
        "SELECT id, sequence, name, " STORE_SQL_OVERTAKEN ", sum = " STORE_SQL_FILE_SUM
        " FROM files INDEXED BY files_by_content WHERE state = 0 AND forgotten = 0 "
        "AND substr(content, 1, 8) = substr(?2, 1, 8) AND feed = ?1 AND content = ?2 AND name = ?3 "
        "ORDER BY id DESC LIMIT 1",
    [STORE_SQL_NEWER_AT_NAME] = "SELECT 1 FROM files INDEXED BY files_by_name "
                                "WHERE state = 0 AND forgotten = 0 AND name = ?2 AND feed = ?1 AND id > ?3 LIMIT 1",
    [STORE_SQL_LAST_AT_NAME] = "SELECT id, sequence, content, sum = " STORE_SQL_FILE_SUM
                               " FROM files INDEXED BY files_by_name WHERE state = 0 AND forgotten = 0 "
                               "AND name = ?2 AND feed = ?1 AND id <= ?3 ORDER BY id DESC LIMIT 1",
    [STORE_SQL_FORGOTTEN_BY] = "SELECT " STORE_SQL_FILE_FIXED ", replaced, forgotten, stored, sum = " STORE_SQL_FILE_SUM
                               " FROM files INDEXED BY files_by_forgotten "
                               "WHERE forgotten = ?1 AND forgotten <> 0 ORDER BY id",
    [STORE_SQL_KNOWN] = "SELECT 1 FROM files INDEXED BY files_by_time WHERE mtime = ?1 AND inode = ?2 "
                        "AND ctime = ?3 AND size = ?4 AND name = ?5 AND feed = ?6 LIMIT 1",
    [STORE_SQL_DEALT_WITH] =
        "SELECT sequence, stored FROM files INDEXED BY files_by_time WHERE mtime = ?1 AND inode = ?2 "
        "AND size = ?3 AND name = ?4 AND feed = ?5 AND state < 2 "
        "AND content = ?6 AND (ctime = ?7 OR (?8 AND NOT EXISTS(SELECT 1 FROM files AS newer "
        "INDEXED BY files_by_name WHERE newer.state = 0 AND newer.forgotten = 0 "
        "AND newer.name = ?4 AND newer.feed = ?5 AND newer.id > files.id))) "
        "ORDER BY id DESC LIMIT 1",
    [STORE_SQL_STORED] = "SELECT 1 FROM files INDEXED BY files_by_stored WHERE stored = ?1 AND stored <> x'' LIMIT 1",

    [STORE_SQL_PUT_CHUNK] = "INSERT INTO chunks(id, row_count, checksum, data) VALUES(?1, ?2, ?3, ?4)",
    [STORE_SQL_FILE_CHUNKS] = "SELECT data FROM chunks WHERE id >= ?1 ORDER BY id",
    [STORE_SQL_CHUNKS_FROM] = "SELECT id, checksum, data FROM chunks WHERE id >= ?1 ORDER BY id",
    [STORE_SQL_CHUNKS] = "SELECT id, row_count, checksum, data FROM chunks ORDER BY id",

    [STORE_SQL_PUT_REJECT] = "INSERT INTO rejects(" STORE_SQL_REJECT_COLUMNS ", sum) "
                             "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, row_sum('rejects', ?1, ?2, ?3, ?4, ?5, ?6, ?7))",
    /* A retry shows its file's sequence. Whatever a later retry of the same file read again is closed. */
    [STORE_SQL_REJECTED_FILES] = STORE_SQL_REJECTED_ROWS " ORDER BY id",
    [STORE_SQL_REJECTED_FILE] =
        STORE_SQL_REJECTED_ROWS " AND (id = ?1 OR (retry_of = ?1 AND retry_of <> 0)) ORDER BY id",
    [STORE_SQL_FILE_REJECTS] = "SELECT " STORE_SQL_REJECT_COLUMNS ", sum = row_sum('rejects', " STORE_SQL_REJECT_COLUMNS
                               ") FROM rejects WHERE id >= ?1 AND id < ?2 ORDER BY id",

    [STORE_SQL_LEDGER_FILES] = STORE_SQL_FILE_ROWS " WHERE id > ?1 AND id <= ?2 ORDER BY id",
    [STORE_SQL_LEDGER_RETRIES] = "SELECT 1 FROM files WHERE id > ?1 AND id <= ?2 AND retry_of <> 0 LIMIT 1",
    [STORE_SQL_LEDGER_REJECTED_FILES] =
        "SELECT id, first_reject, rejects, sum = " STORE_SQL_FILE_SUM ", " STORE_SQL_LATER_RETRY
        " FROM files WHERE id > ?4 AND id <= ?2 AND rejects > 0 AND " STORE_SQL_LEDGER_SHOWN
        " AND (id > ?1 OR " STORE_SQL_LATER_RETRY " <> 0) ORDER BY id",
    [STORE_SQL_LEDGER_COUNT_REJECTS] =
        "SELECT ifnull(sum(rejects), 0), ifnull(sum(iif(id > ?1, rejects, 0)), 0) FROM files WHERE id > ?4 AND "
        "id <= ?2 AND rejects > 0 AND " STORE_SQL_LEDGER_SHOWN " AND (id > ?1 OR " STORE_SQL_LATER_RETRY " <> 0)",
    [STORE_SQL_LEDGER_TAKEN] = STORE_SQL_FILE_ROWS STORE_SQL_TAKEN_SINCE " ORDER BY id",
    [STORE_SQL_LEDGER_COUNT_TAKEN] = "SELECT count(*), ifnull(sum(rejects), 0) FROM files" STORE_SQL_TAKEN_SINCE,
    [STORE_SQL_LEDGER_TAKEN_REJECTED] = "SELECT id, first_reject, rejects, sum = " STORE_SQL_FILE_SUM
                                        ", 0 FROM files" STORE_SQL_TAKEN_SINCE " AND rejects > 0 ORDER BY id",

    [STORE_SQL_HAS_UNKNOWN] = "SELECT 1 FROM unknown WHERE set_id = ?1 LIMIT 1",
    [STORE_SQL_PUT_UNKNOWN] = "INSERT INTO unknown(set_id, ordinal, name, sum) "
                              "VALUES(?1, ?2, ?3, row_sum('unknown', ?1, ?2, ?3))",
    [STORE_SQL_GET_UNKNOWN] = "SELECT name, sum = row_sum('unknown', set_id, ordinal, name) FROM unknown "
                              "WHERE set_id = ?1 ORDER BY ordinal",
    [STORE_SQL_COUNT_UNKNOWN] =
        "SELECT f.feed, u.name, sum(f.files) FROM (SELECT feed, unknown, count(*) AS files "
        "FROM files WHERE state = 0 AND forgotten = 0 AND unknown <> 0 GROUP BY feed, unknown) AS f "
        "JOIN unknown AS u ON u.set_id = f.unknown GROUP BY f.feed, u.name ORDER BY 1, 2",

    [STORE_SQL_PUT_ADOPTED] = "INSERT INTO adopted(epoch, digests, sum) VALUES(?1, ?2, row_sum('adopted', ?1, ?2))",
    [STORE_SQL_HAS_ADOPTED] = "SELECT 1 FROM adopted WHERE epoch = ?1 AND substr(digests, ?2 * 8 + 1, 8) = "
                              "substr(?3, 1, 8) AND sum = row_sum('adopted', epoch, digests)",
    [STORE_SQL_ADOPTED] = "SELECT epoch, digests, sum = row_sum('adopted', epoch, digests) FROM adopted ORDER BY id",

    [STORE_SQL_FEEDS] =
        /* A row that was retried is counted where it is now, and read once. */
    "SELECT feed, sum(counts AND state = 0), sum(state = 1), sum(state = 2), "
    "sum(iif(counts, applied, 0)), sum(iif(counts, unchanged, 0)), sum(iif(counts, superseded, 0)), "
    "sum(iif(counts, filtered, 0)), sum(iif(counts, deleted, 0)), sum(iif(counts, late, 0)), "
    "sum(iif(counts, rejected - iif(state = 3, row_count, 0), 0)), sum(iif(counts AND state = 0, row_count, 0)), "
    "sum(state = 0 AND taken_by = 1), sum(state = 0 AND taken_by = 2) "
    "FROM (SELECT *, state IN (0, 3) AND forgotten = 0 AS counts, iif(forgotten = 0, 0, (SELECT kind FROM changes "
    "WHERE changes.sequence = forgotten)) AS taken_by FROM files) GROUP BY feed ORDER BY feed",

    [STORE_SQL_DAMAGED_ROWS] =
        "SELECT 'meta', key FROM meta WHERE sum <> row_sum('meta', key, value) "
        "UNION ALL SELECT 'changes', sequence FROM changes WHERE sum <> row_sum('changes', " STORE_SQL_CHANGE_COLUMNS
        ") UNION ALL SELECT 'files', id FROM files WHERE sum <> " STORE_SQL_FILE_SUM
        " UNION ALL SELECT 'rejects', id FROM rejects WHERE sum <> row_sum('rejects', " STORE_SQL_REJECT_COLUMNS
        ") UNION ALL SELECT 'unknown', ordinal FROM unknown WHERE sum <> row_sum('unknown', set_id, ordinal, name) "
        "UNION ALL SELECT 'adopted', epoch FROM adopted WHERE sum <> row_sum('adopted', epoch, digests) LIMIT 1",

    /* Ids are given out without gaps, and nothing is ever deleted. */
    [STORE_SQL_MISSING_ROWS] =
        "SELECT 'files' WHERE (SELECT count(*) FROM files) <> (SELECT ifnull(max(id), 0) FROM files) "
        "UNION ALL SELECT 'chunks' WHERE (SELECT count(*) FROM chunks) <> (SELECT ifnull(max(id), 0) FROM chunks) "
        "UNION ALL SELECT 'rejects' WHERE (SELECT count(*) FROM rejects) <> (SELECT ifnull(max(id), 0) FROM rejects) "
        "UNION ALL SELECT 'adopted' WHERE (SELECT count(*) FROM adopted) <> (SELECT ifnull(max(id), 0) FROM adopted) "
        "UNION ALL SELECT 'rejects' WHERE (SELECT count(*) FROM rejects) <> (SELECT ifnull(sum(rejects), 0) FROM "
        "files) "
        "UNION ALL SELECT 'unknown' FROM unknown GROUP BY set_id HAVING count(*) <> max(ordinal) + 1 "
        "UNION ALL SELECT 'unknown' FROM files WHERE unknown <> 0 AND NOT EXISTS "
        "(SELECT 1 FROM unknown WHERE set_id = files.unknown) LIMIT 1",
};

#endif
