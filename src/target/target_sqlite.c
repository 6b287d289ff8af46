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
 * Readers are never in the way (WAL). Another writer is waited for half a deadline, then it is ERROR_TARGET.
 */
#include "target/target_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include <unistd.h>

enum {
    LOCK_WAIT = 5,              /* milliseconds between two looks at a lock */
    TEXT_MAX = 64 * 1024 * 1024 /* bytes of one row's formatted values; far more than any row has */
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

bool target_sqlite_error(struct target_sqlite *sqlite, const char *doing, struct error *error)
{
    int code = sqlite->db ? sqlite3_extended_errcode(sqlite->db) : SQLITE_NOMEM;
    const char *text = sqlite->db ? sqlite3_errmsg(sqlite->db) : "out of memory";
    int number = sqlite->db ? sqlite3_system_errno(sqlite->db) : 0;
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

bool target_sqlite_prepare(struct target_sqlite *sqlite, const char *sql, sqlite3_stmt **statement, struct error *error)
{
    if (sqlite3_prepare_v2(sqlite->db, sql, -1, statement, NULL) == SQLITE_OK)
        return true;
    return target_sqlite_error(sqlite, "PREPARE", error);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* The folder of a new database is made, its parents are not: a mistyped path should not grow a tree. */
static bool make_folder(const struct target_sqlite *sqlite, struct error *error)
{
    const char *slash = strrchr(sqlite->path, '/');
    if (!slash || slash == sqlite->path)
        return true;
    char *folder = strndup(sqlite->path, (size_t)(slash - sqlite->path));
    if (!folder)
        return error_memory(error);
    bool ok = mkdir(folder, 0777) == 0 || errno == EEXIST;
    if (!ok)
        error_errno(error, ERROR_REFUSED, errno, "%s: cannot make its folder", sqlite->name);
    free(folder);
    return ok;
}

static int one_text(void *context, int count, char **values, char **names)
{
    (void)count, (void)names;
    snprintf(context, 16, "%s", values[0] ? values[0] : "");
    return 0;
}

static int wait_for_lock(void *context, int attempt)
{
    struct target_sqlite *sqlite = context;
    if (atomic_load(&sqlite->dropped) || (int64_t)attempt * LOCK_WAIT >= sqlite->busy_timeout)
        return 0;
    sqlite3_sleep(LOCK_WAIT);
    return 1;
}

/* Two that turn a new database to WAL at once: SQLite tells the second that it is locked without asking the handler. */
static int turn_to_wal(struct target_sqlite *sqlite, char mode[16])
{
    int code;
    int attempt = 0;
    do
        code = sqlite3_exec(sqlite->db, "PRAGMA journal_mode = WAL", one_text, mode, NULL);
    while ((code & 0xff) == SQLITE_BUSY && wait_for_lock(sqlite, attempt++));
    return code;
}

static bool configure(struct target_sqlite *sqlite, struct error *error)
{
    char mode[16] = "";
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_busy_handler(sqlite->db, wait_for_lock, sqlite);
    if (turn_to_wal(sqlite, mode) != SQLITE_OK)
        return target_sqlite_error(sqlite, "PRAGMA journal_mode", error);
    return target_sqlite_exec(
               sqlite, strcmp(mode, "wal") == 0 ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", error) &&
           target_sqlite_exec(sqlite,
                              "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -32768;"
                              "PRAGMA journal_size_limit = 16777216",
                              error);
}

static bool find_columns(struct target_sqlite *sqlite, const char *name, struct target_shape *shape,
                         struct error *error)
{
    sqlite3_stmt *statement;
    if (!target_sqlite_prepare(sqlite, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)", &statement,
                               error))
        return false;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        target_shape_add(shape, (const char *)sqlite3_column_text(statement, 0),
                         (const char *)sqlite3_column_text(statement, 1), sqlite3_column_int(statement, 2) != 0,
                         sqlite3_column_int(statement, 3) != 0);
    if (code != SQLITE_DONE)
        target_sqlite_error(sqlite, "reading the columns", error);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE;
}

/* Of a view's columns SQLite knows types that nobody declared; only their names count. */
static void names_only(struct target_shape *shape)
{
    for (size_t i = 0; i < shape->count && i < TARGET_SHAPE_COLUMNS_MAX; i++)
        shape->columns[i].type[0] = '\0';
}

static bool find_relation(struct target_sqlite *sqlite, size_t relation, struct target_shape *shape,
                          struct error *error)
{
    sqlite3_stmt *statement;
    const char *name = target_shape_name(sqlite->pipeline, relation);
    bool view = target_shape_is_view(sqlite->pipeline, relation);
    memset(shape, 0, sizeof *shape);
    if (!target_sqlite_prepare(sqlite, "SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", &statement,
                               error))
        return false;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        shape->exists = true;
        shape->other_kind = strcmp((const char *)sqlite3_column_text(statement, 0), view ? "view" : "table") != 0;
    } else if (code != SQLITE_DONE) {
        target_sqlite_error(sqlite, "reading the tables", error);
    }
    sqlite3_finalize(statement);
    if (code == SQLITE_DONE || (code == SQLITE_ROW && shape->other_kind))
        return true;
    if (code != SQLITE_ROW || !find_columns(sqlite, name, shape, error))
        return false;
    if (view)
        names_only(shape);
    return true;
}

static bool find_relations(struct target_sqlite *sqlite, struct target_shape *shapes, bool *missing,
                           struct error *error)
{
    *missing = false;
    for (size_t i = 0; i < target_shape_relations(sqlite->pipeline); i++) {
        if (!find_relation(sqlite, i, &shapes[i], error))
            return false;
        *missing = *missing || !shapes[i].exists;
    }
    return target_shape_check(sqlite->pipeline, TARGET_SQLITE, shapes, error);
}

static bool create_missing(struct target_sqlite *sqlite, struct target_shape *shapes, struct error *error)
{
    struct buf sql;
    buf_init(&sql, TARGET_SQL_MAX);
    for (size_t i = 0; i < target_shape_relations(sqlite->pipeline); i++) {
        if (!shapes[i].exists)
            target_sql_create(&sql, sqlite->pipeline, i, TARGET_SQLITE);
        shapes[i].exists = true;
    }
    buf_put_byte(&sql, '\0');
    bool ok = sql.failed ? error_memory(error) : target_sqlite_exec(sqlite, sql.data, error);
    buf_close(&sql);
    return ok;
}

/* Looks twice: without a lock, since nearly always all is there; and again under it, since another may make them too. */
static bool ensure_relations(struct target_sqlite *sqlite, struct target_shape *shapes, struct error *error)
{
    bool missing;
    if (!find_relations(sqlite, shapes, &missing, error))
        return false;
    return !missing ||
           (target_sqlite_exec(sqlite, "BEGIN IMMEDIATE", error) && find_relations(sqlite, shapes, &missing, error) &&
            create_missing(sqlite, shapes, error) && target_sqlite_exec(sqlite, "COMMIT", error));
}

static bool read_row(struct target_sqlite *sqlite, sqlite3_stmt *statement, struct error *error)
{
    const char *columns[4];
    for (int i = 0; i < 4; i++) {
        columns[i] = (const char *)sqlite3_column_text(statement, i);
        if (!columns[i])
            columns[i] = "";
    }
    return target_sql_read_progress(columns[0], columns[1], columns[2], columns[3], &sqlite->progress, error);
}

bool target_sqlite_read_progress(struct target_sqlite *sqlite, struct error *error)
{
    sqlite3_stmt *statement;
    memset(&sqlite->progress, 0, sizeof sqlite->progress);
    if (!target_sqlite_prepare(sqlite,
                               "SELECT epoch, sequence, hex(digest), rows FROM dropfold_progress WHERE pipeline = ?",
                               &statement, error))
        return false;
    sqlite3_bind_text(statement, 1, sqlite->pipeline->name, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    bool ok = code == SQLITE_DONE || (code == SQLITE_ROW ? read_row(sqlite, statement, error)
                                                         : target_sqlite_error(sqlite, "reading the progress", error));
    sqlite3_finalize(statement);
    return ok;
}

static bool count_rows(struct target_sqlite *sqlite, size_t table, struct error *error)
{
    struct buf sql;
    sqlite3_stmt *statement = NULL;
    buf_init(&sql, TARGET_SQL_MAX);
    buf_put_text(&sql, "SELECT count(*) FROM ");
    target_sql_name(&sql, sqlite->pipeline->tables[table].name);
    buf_put_byte(&sql, '\0');
    bool ok = sql.failed ? error_memory(error) : target_sqlite_prepare(sqlite, sql.data, &statement, error);
    if (ok && sqlite3_step(statement) == SQLITE_ROW)
        sqlite->rows[table] = (uint64_t)sqlite3_column_int64(statement, 0);
    else if (ok)
        ok = target_sqlite_error(sqlite, "counting the rows", error);
    sqlite3_finalize(statement);
    buf_close(&sql);
    return ok;
}

/* Progress and counts from one snapshot; of what does not exist, nothing. */
static bool look(struct target_sqlite *sqlite, const struct target_shape *shapes, struct error *error)
{
    if (!target_sqlite_exec(sqlite, "BEGIN", error) ||
        (shapes[0].exists && !target_sqlite_read_progress(sqlite, error)))
        return false;
    for (size_t i = 0; i < sqlite->pipeline->table_count; i++)
        if (shapes[i + 1].exists && !count_rows(sqlite, i, error))
            return false;
    return target_sqlite_exec(sqlite, "COMMIT", error);
}

/* Opens what is there and makes nothing. Without a file there is nothing to open. */
static bool look_in(struct target_sqlite *sqlite, struct target_shape *shapes, struct error *error)
{
    bool missing;
    if (access(sqlite->path, F_OK) != 0)
        return errno == ENOENT || error_errno(error, ERROR_REFUSED, errno, "%s", sqlite->name);
    if (sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return target_sqlite_error(sqlite, "opening", error);
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_busy_handler(sqlite->db, wait_for_lock, sqlite);
    return find_relations(sqlite, shapes, &missing, error) && look(sqlite, shapes, error);
}

static bool open_fully(struct target_sqlite *sqlite, struct target_shape *shapes, struct error *error)
{
    if (!make_folder(sqlite, error))
        return false;
    if (sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return target_sqlite_error(sqlite, "opening", error);
    return configure(sqlite, error) && ensure_relations(sqlite, shapes, error) && look(sqlite, shapes, error);
}

static bool open_job(struct target_sqlite *sqlite, struct error *error)
{
    struct target_shape *shapes = calloc(target_shape_relations(sqlite->pipeline), sizeof *shapes);
    if (!shapes)
        return error_memory(error);
    bool ok = sqlite->look ? look_in(sqlite, shapes, error) : open_fully(sqlite, shapes, error);
    free(shapes);
    return ok;
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
    sqlite->busy_timeout = (int)(target->deadline / 2000);
    sqlite->look = target->look;
    buf_init(&sqlite->text, TEXT_MAX);
    settings->sqlite = sqlite;
    target_hold(target);
    start_job(sqlite, open_job);
}

static struct target_sqlite *connection(struct target *target)
{
    struct settings *settings = target->data;
    return settings->sqlite;
}

static void begin(struct target *target)
{
    connection(target)->delivery = *target->delivery;
    start_job(connection(target), target_sqlite_begin);
}

static void write_block(struct target *target, struct block *block)
{
    connection(target)->block = block;
    start_job(connection(target), target_sqlite_write);
}

static void commit(struct target *target)
{
    start_job(connection(target), target_sqlite_commit);
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
    .drop = drop,
    .close = free_settings,
};
