/*
 * The embedded target: one SQLite file, written by one job at a time on libuv's worker threads.
 *
 * Durable when: tables and progress change in one transaction of a WAL database with synchronous=NORMAL. A crash of the
 * process loses nothing that was committed; a power loss may lose the last commits, whole, and never leaves half of
 * one. That is enough here, and saves a flush a delivery: the progress goes back with the tables, and the store, which
 * is never behind, delivers again from there. Where WAL is not to be had (some network folders) it is synchronous=FULL.
 *
 * SQLite has neither decimals nor times. integer, bigint and boolean are INTEGER; real and double precision are REAL;
 * numeric is TEXT with all its places, so that cents stay cents; date, timestamp (without zone) and timestamptz (with
 * "+00") are TEXT as PostgreSQL prints them, whose order is the order of time.
 *
 * A comparison (target_sqlite_compare.c) is a reader; one that mends is a second writer that never checkpoints.
 *
 * Readers are never in the way (WAL). Another writer is waited for half a deadline, then it is ERROR_TARGET.
 */
#include "target/target_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum {
    TEXT_MAX = 64 * 1024 * 1024, /* bytes of one row's formatted values; far more than any row has */
    PATH_SIZE = 4096 + 16        /* of a file beside the database; no longer one can be opened */
};

struct settings {
    char *path;
    struct target_sqlite *sqlite; /* NULL while closed */
};

/* --- errors and statements ---------------------------------------------------------------------------------------- */

static enum error_kind kind_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
        return ERROR_TARGET;
    case SQLITE_NOMEM:
        return ERROR_MEMORY;
    default:
        return ERROR_REFUSED;
    }
}

/* 0, or the errno of the first of the database's files that may not be read, or written, as it has to be. */
static int try_files(const struct target_sqlite *sqlite, char path[PATH_SIZE], const char **what)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    bool writes = !sqlite->look || sqlite->mend;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        snprintf(path, PATH_SIZE, "%s%s", sqlite->path, ends[i]);
        for (int write = 0; write <= writes; write++) {
            *what = write ? "write" : "read";
            if (faccessat(AT_FDCWD, path, write ? W_OK : R_OK, AT_EACCESS) != 0 && errno != ENOENT)
                return errno;
        }
    }
    return 0;
}

/* 0, or the errno of what forbids to make others beside them, as even a reader must. */
static int try_folder(const struct target_sqlite *sqlite, char path[PATH_SIZE])
{
    const char *slash = strrchr(sqlite->path, '/');
    if (slash)
        snprintf(path, PATH_SIZE, "%.*s", slash == sqlite->path ? 1 : (int)(slash - sqlite->path), sqlite->path);
    else
        snprintf(path, PATH_SIZE, ".");
    return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 || errno == ENOENT ? 0 : errno;
}

bool target_sqlite_barred(const struct target_sqlite *sqlite, enum error_kind kind, struct error *error)
{
    char path[PATH_SIZE], shown[PATH_SIZE];
    const char *what;
    int number = try_files(sqlite, path, &what);
    if (number == 0) {
        number = try_folder(sqlite, path);
        what = "make files in the folder";
    }
    if (number != 0)
        error_set(error, kind, "%s: cannot %s %s: %s", sqlite->name, what,
                  text_escape(slice_of(path), shown, sizeof shown), strerror(number));
    return number != 0;
}

/* Where SQLite may not write a file it tries to read it, so that the errno that it keeps is that of another call; and
   it says of each that the database is read-only. What it met can be asked for anew. */
static bool is_about_files(const struct target_sqlite *sqlite, int code, int number)
{
    if (number == EMFILE || number == ENFILE)
        return false;
    return (code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY ||
           ((code & 0xff) == SQLITE_IOERR && !sqlite->look);
}

bool target_sqlite_error(struct target_sqlite *sqlite, const char *doing, struct error *error)
{
    int code = sqlite->db ? sqlite3_extended_errcode(sqlite->db) : SQLITE_NOMEM;
    const char *text = sqlite->db ? sqlite3_errmsg(sqlite->db) : "out of memory";
    int number = sqlite->db ? sqlite3_system_errno(sqlite->db) : 0;
    if (is_about_files(sqlite, code, number) && target_sqlite_barred(sqlite, kind_of(code), error))
        return false;
    if ((code & 0xff) == SQLITE_CANTOPEN && number != 0)
        return error_set(error, ERROR_REFUSED, "%s: %s: %s: %s", sqlite->name, doing, text, strerror(number));
    return error_set(error, kind_of(code), "%s: %s: %s", sqlite->name, doing, text);
}

bool target_sqlite_exec(struct target_sqlite *sqlite, const char *sql, struct error *error)
{
    if (sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    char doing[32];
    snprintf(doing, sizeof doing, "%.*s", (int)strcspn(sql, " (;\n"), sql);
    return target_sqlite_error(sqlite, doing, error);
}

bool target_sqlite_run(struct target_sqlite *sqlite, struct buf *sql, struct error *error)
{
    buf_put_byte(sql, '\0');
    return sql->failed ? error_memory(error) : target_sqlite_exec(sqlite, sql->data, error);
}

bool target_sqlite_prepare(struct target_sqlite *sqlite, const char *sql, sqlite3_stmt **statement, struct error *error)
{
    int code = sqlite3_prepare_v2(sqlite->db, sql, -1, statement, NULL);
    if (code == SQLITE_OK)
        return true;
    target_sqlite_error(sqlite, "PREPARE", error);
    /* Our statements are well formed: a table is gone since it was looked for. */
    if (code == SQLITE_ERROR)
        error->kind = ERROR_DIVERGED;
    return false;
}

bool target_sqlite_prepare_buf(struct target_sqlite *sqlite, struct buf *sql, sqlite3_stmt **statement,
                               struct error *error)
{
    buf_put_byte(sql, '\0');
    return sql->failed ? error_memory(error) : target_sqlite_prepare(sqlite, sql->data, statement, error);
}

bool target_sqlite_prepare_for(struct target_sqlite *sqlite, const char *sql, const char *text,
                               sqlite3_stmt **statement, struct error *error)
{
    if (!target_sqlite_prepare(sqlite, sql, statement, error))
        return false;
    if (sqlite3_bind_text(*statement, 1, text, -1, SQLITE_STATIC) == SQLITE_OK)
        return true;
    target_sqlite_error(sqlite, "PREPARE", error);
    sqlite3_finalize(*statement);
    return false;
}

const char *target_sqlite_text(struct target_sqlite *sqlite, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (text)
        return text;
    return (sqlite3_errcode(sqlite->db) & 0xff) == SQLITE_NOMEM ? NULL : "";
}

bool target_sqlite_left_out(struct target_sqlite *sqlite, const char *table, uint64_t taken, uint64_t sent,
                            struct error *error)
{
    target_left_out(table, taken, sent, TARGET_SQLITE, error);
    return error_wrap(error, "%s", sqlite->name);
}

bool target_sqlite_left_in(struct target_sqlite *sqlite, const char *table, uint64_t left, struct error *error)
{
    target_left_in(table, left, TARGET_SQLITE, error);
    return error_wrap(error, "%s", sqlite->name);
}

/* --- jobs --------------------------------------------------------------------------------------------------------- */

static void run_job(uv_work_t *work)
{
    struct target_sqlite *sqlite = CONTAINER_OF(work, struct target_sqlite, work);
    sqlite->worked = sqlite->job(sqlite, &sqlite->error);
}

static void close_later(struct target_sqlite *sqlite);

static void after_job(uv_work_t *work, int status)
{
    struct target_sqlite *sqlite = CONTAINER_OF(work, struct target_sqlite, work);
    struct target *target = sqlite->target;
    (void)status; /* never cancelled */
    sqlite->busy = false;
    if (!sqlite->answers) {
        close_later(sqlite);
        return;
    }
    if (sqlite->worked && !sqlite->opened) {
        sqlite->opened = true;
        target->progress = sqlite->progress;
        memcpy(target->rows, sqlite->rows, sizeof target->rows);
        target->owner = sqlite->owner;
        target->missing = sqlite->missing;
        target->remade = sqlite->remade;
    }
    if (!sqlite->worked)
        target->miscounted |= sqlite->miscounted;
    if (sqlite->worked && target->state == TARGET_COMPARING)
        memcpy(target->drift, sqlite->drift, sizeof target->drift);
    if (sqlite->worked && sqlite->page) {
        target->page = sqlite->page; /* the one before was freed when this one was asked for */
        sqlite->page = NULL;
    }
    target_answer(target, sqlite->worked ? NULL : &sqlite->error);
}

static void start_job(struct target_sqlite *sqlite, bool (*job)(struct target_sqlite *, struct error *))
{
    sqlite->job = job;
    sqlite->busy = true;
    uv_queue_work(sqlite->target->loop, &sqlite->work, run_job, after_job);
}

/* Closing may checkpoint the log, which is real work for the disk, and rolls back what was not committed. */
static bool close_job(struct target_sqlite *sqlite, struct error *error)
{
    (void)error;
    target_sqlite_end(sqlite);
    sqlite3_close(sqlite->db);
    return true;
}

static void after_close(uv_work_t *work, int status)
{
    struct target_sqlite *sqlite = CONTAINER_OF(work, struct target_sqlite, work);
    struct target *target = sqlite->target;
    (void)status;
    block_free(sqlite->block);
    drift_page_free(sqlite->page);
    buf_close(&sqlite->text);
    free(sqlite);
    target_release(target);
}

static void close_later(struct target_sqlite *sqlite)
{
    sqlite->job = close_job;
    uv_queue_work(sqlite->target->loop, &sqlite->work, run_job, after_close);
}

/* --- the table of functions --------------------------------------------------------------------------------------- */

static bool init(struct target *target, const char *address, struct error *error)
{
    const char *path = address + strlen("sqlite:");
    if (path[0] == '\0' || path[0] == ':')
        return error_set(error, ERROR_USAGE, "\"%s\" names no file; write sqlite:PATH, as in sqlite:data/results.db",
                         address);
    struct settings *settings = calloc(1, sizeof *settings);
    if (!settings)
        return error_memory(error);
    settings->path = strdup(path);
    if (!settings->path) {
        free(settings);
        return error_memory(error);
    }
    text_escape(slice_of(address), target->name, sizeof target->name);
    target->data = settings;
    return true;
}

static void open_sqlite(struct target *target)
{
    struct settings *settings = target->data;
    struct target_sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite) {
        struct error error;
        error_memory(&error);
        target_answer(target, &error);
        return;
    }
    sqlite->target = target;
    sqlite->answers = true;
    sqlite->name = target->name;
    sqlite->path = settings->path;
    sqlite->pipeline = target->pipeline;
    sqlite->lock_patience = target->deadline / 2;
    sqlite->folder = target->folder;
    sqlite->look = target->look;
    sqlite->mend = target->mend;
    buf_init(&sqlite->text, TEXT_MAX);
    settings->sqlite = sqlite;
    target_hold(target);
    start_job(sqlite, target_sqlite_open);
}

static struct target_sqlite *connection(struct target *target)
{
    struct settings *settings = target->data;
    return settings->sqlite;
}

static void begin(struct target *target)
{
    connection(target)->delivery = *target->delivery;
    start_job(connection(target), target->delivery->compare ? target_sqlite_compare_begin : target_sqlite_begin);
}

static void write_block(struct target *target, struct block *block)
{
    connection(target)->block = block;
    start_job(connection(target), target_sqlite_write);
}

/* A comparison knows only now what its progress will be. */
static void commit(struct target *target)
{
    connection(target)->delivery = *target->delivery;
    connection(target)->miscounted = target->miscounted;
    start_job(connection(target), target_sqlite_commit);
}

static void start_comparing(struct target *target, bool (*job)(struct target_sqlite *, struct error *))
{
    connection(target)->comparing = target->comparing;
    start_job(connection(target), job);
}

static void compare(struct target *target)
{
    start_comparing(target, target_sqlite_compare_table);
}

static void read_drift(struct target *target, uint64_t after)
{
    connection(target)->after = after;
    start_comparing(target, target_sqlite_compare_read);
}

static void mend(struct target *target)
{
    start_comparing(target, target_sqlite_compare_mend);
}

static void drop(struct target *target)
{
    struct settings *settings = target->data;
    struct target_sqlite *sqlite = settings->sqlite;
    if (!sqlite)
        return;
    settings->sqlite = NULL;
    sqlite->answers = false;
    atomic_store(&sqlite->dropped, true);
    if (!sqlite->busy)
        close_later(sqlite);
    else if (sqlite->opened)
        sqlite3_interrupt(sqlite->db);
}

static void free_settings(struct target *target)
{
    struct settings *settings = target->data;
    free(settings->path);
    free(settings);
}

const struct target_backend target_sqlite = {
    .init = init,
    .open = open_sqlite,
    .begin = begin,
    .write = write_block,
    .commit = commit,
    .compare = compare,
    .read_drift = read_drift,
    .mend = mend,
    .drop = drop,
    .close = free_settings,
};
