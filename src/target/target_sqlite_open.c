/* Opening a SQLite target: its folder and file, its tables and views checked or made, progress and rows read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/pipeline_ledger.h"
#include "model/store_mark.h"
#include "target/target_sqlite.h"

enum {
    LOCK_WAIT = 5 /* milliseconds between two looks at a lock */
};

/* What else is wrong with the folder is told when the file is opened. */
static bool want_folder(const struct target_sqlite *sqlite, const char *folder, struct error *error)
{
    if (sqlite->folder && sqlite->look)
        return true;
    if (sqlite->folder)
        return mkdir(folder, 0777) == 0 || errno == EEXIST ||
               error_errno(error, ERROR_REFUSED, errno, "%s: cannot make the folder %s", sqlite->name, folder);
    return access(folder, F_OK) == 0 || errno != ENOENT ||
           error_set(error, ERROR_REFUSED, "%s: there is no folder %s: make it, or mend the address (-t)", sqlite->name,
                     folder);
}

/* A path that a person wrote may be mistyped, and should not grow a tree. */
static bool find_folder(const struct target_sqlite *sqlite, struct error *error)
{
    const char *slash = strrchr(sqlite->path, '/');
    if (!slash || slash == sqlite->path)
        return true;
    char *folder = strndup(sqlite->path, (size_t)(slash - sqlite->path));
    if (!folder)
        return error_memory(error);
    bool ok = want_folder(sqlite, folder, error);
    free(folder);
    return ok;
}

/* SQLite takes a device or a pipe for a database that is locked, or whose disk fails; so it does with a folder that it
   only reads. What cannot be looked at it names itself. */
static bool want_file(const struct target_sqlite *sqlite, struct error *error)
{
    struct stat stat_of;
    return stat(sqlite->path, &stat_of) != 0 || S_ISREG(stat_of.st_mode) ||
           error_set(error, ERROR_REFUSED, "%s is not a regular file", sqlite->name);
}

static int one_text(void *context, int count, char **values, char **names)
{
    (void)count, (void)names;
    snprintf(context, 16, "%s", values[0] ? values[0] : "");
    return 0;
}

/* By the clock, too: on a busy machine pauses last longer than was asked for, and the deadline would be told in place
   of the lock. */
static int wait_for_lock(void *context, int attempt)
{
    struct target_sqlite *sqlite = context;
    int64_t now = clock_monotonic(), paused = (int64_t)attempt * LOCK_WAIT * 1000;
    if (attempt == 0)
        sqlite->lock_since = now;
    if (atomic_load(&sqlite->dropped) || paused >= sqlite->lock_patience ||
        now - sqlite->lock_since >= sqlite->lock_patience)
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

/* Tables of ours in a checkpoint store would make it a damaged one to its next start. */
static bool refuse_store(struct target_sqlite *sqlite, struct error *error)
{
    char id[16] = "";
    if (sqlite3_exec(sqlite->db, "PRAGMA application_id", one_text, id, NULL) != SQLITE_OK)
        return target_sqlite_error(sqlite, "PRAGMA application_id", error);
    return strtol(id, NULL, 10) != STORE_APPLICATION_ID ||
           error_set(error, ERROR_REFUSED, "%s is a checkpoint store: a target needs a file of its own", sqlite->name);
}

/* A file that may not be written SQLite opens for reading, and says so only at the first write. */
static bool refuse_unwritable(struct target_sqlite *sqlite, struct error *error)
{
    if (sqlite3_db_readonly(sqlite->db, "main") != 1 || (sqlite->look && !sqlite->mend))
        return true;
    return !target_sqlite_barred(sqlite, ERROR_REFUSED, error) &&
           error_set(error, ERROR_REFUSED, "%s can only be read", sqlite->name);
}

/* Before anything is read or written. */
static bool prepare(struct target_sqlite *sqlite, struct error *error)
{
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_busy_handler(sqlite->db, wait_for_lock, sqlite);
    return refuse_unwritable(sqlite, error) && refuse_store(sqlite, error);
}

static bool configure(struct target_sqlite *sqlite, struct error *error)
{
    char mode[16] = "";
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
    if (!target_sqlite_prepare_for(sqlite, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)", name,
                                   &statement, error))
        return false;
    bool ok = true;
    int code = SQLITE_DONE;
    while (ok && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *column = target_sqlite_text(sqlite, statement, 0), *type = target_sqlite_text(sqlite, statement, 1);
        ok = (column && type) || error_memory(error);
        if (ok)
            target_shape_add(shape, column, type, sqlite3_column_int(statement, 2) != 0,
                             sqlite3_column_int(statement, 3) != 0);
    }
    if (ok && code != SQLITE_DONE)
        ok = target_sqlite_error(sqlite, "reading the columns", error);
    sqlite3_finalize(statement);
    return ok;
}

/* Of a view's columns SQLite knows types that nobody declared; only their names count. */
static void names_only(struct target_shape *shape)
{
    for (size_t i = 0; i < shape->count && i < TARGET_SHAPE_COLUMNS_MAX; i++)
        shape->columns[i].type[0] = '\0';
}

/* Whether it is a view whose table was dropped: SQLite keeps it, but cannot tell its columns until the table is
   back. */
static bool is_dangling(const struct pipeline *pipeline, size_t relation, const struct target_shape *shapes)
{
    if (!target_shape_is_view(pipeline, relation))
        return false;
    const struct view *view = &pipeline->views[relation - 1 - pipeline_delivered(pipeline)];
    return !shapes[1 + view->table].exists ||
           (view->kind == VIEW_FILES && !shapes[1 + pipeline_files_table(pipeline)].exists);
}

/* SQLite keeps the text of a CREATE VIEW as it was given. */
static bool compare_text(const struct pipeline *pipeline, size_t relation, const char *text, struct target_shape *shape,
                         struct error *error)
{
    struct buf wanted;
    buf_init(&wanted, TARGET_SQL_MAX);
    target_sql_name(&wanted, "CREATE VIEW ", target_shape_name(pipeline, relation));
    buf_put_text(&wanted, " AS ");
    target_sql_query(&wanted, pipeline, relation, TARGET_SQLITE);
    bool ok = !wanted.failed || error_memory(error);
    shape->stale = ok && !slice_equal(buf_slice(&wanted), slice_of(text));
    buf_close(&wanted);
    return ok;
}

static bool read_relation(struct target_sqlite *sqlite, size_t relation, sqlite3_stmt *statement,
                          struct target_shape *shape, struct error *error)
{
    bool view = target_shape_is_view(sqlite->pipeline, relation);
    const char *kind = target_sqlite_text(sqlite, statement, 0), *sql = target_sqlite_text(sqlite, statement, 1);
    if (!kind || !sql)
        return error_memory(error);
    shape->exists = true;
    shape->other_kind = strcmp(kind, view ? "view" : "table") != 0;
    return !view || compare_text(sqlite->pipeline, relation, sql, shape, error);
}

static bool find_relation(struct target_sqlite *sqlite, size_t relation, struct target_shape *shapes,
                          struct error *error)
{
    sqlite3_stmt *statement;
    struct target_shape *shape = &shapes[relation];
    const char *name = target_shape_name(sqlite->pipeline, relation);
    memset(shape, 0, sizeof *shape);
    if (!target_sqlite_prepare_for(sqlite, "SELECT type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE", name,
                                   &statement, error))
        return false;
    int code = sqlite3_step(statement);
    bool ok = code == SQLITE_DONE || (code == SQLITE_ROW ? read_relation(sqlite, relation, statement, shape, error)
                                                         : target_sqlite_error(sqlite, "reading the tables", error));
    sqlite3_finalize(statement);
    if (!ok || !shape->exists || shape->other_kind)
        return ok;
    if (!find_columns(sqlite, name, shape, error)) {
        if (error->kind != ERROR_REFUSED || !is_dangling(sqlite->pipeline, relation, shapes))
            return false;
        target_shape_wanted(sqlite->pipeline, relation, TARGET_SQLITE, shape);
    }
    if (target_shape_is_view(sqlite->pipeline, relation))
        names_only(shape);
    return true;
}

static bool find_relations(struct target_sqlite *sqlite, struct target_shape *shapes, bool *missing,
                           struct error *error)
{
    *missing = false;
    for (size_t i = 0; i < target_shape_relations(sqlite->pipeline); i++) {
        if (!find_relation(sqlite, i, shapes, error))
            return false;
        *missing = *missing || !shapes[i].exists || shapes[i].stale;
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
        else if (shapes[i].stale)
            target_sql_remake(&sql, sqlite->pipeline, i, NULL);
        if (shapes[i].stale && !sqlite->remade)
            sqlite->remade = target_shape_name(sqlite->pipeline, i);
        shapes[i].exists = true;
        shapes[i].stale = false;
    }
    bool ok = target_sqlite_run(sqlite, &sql, error);
    buf_close(&sql);
    return ok;
}

/* Looks twice: without a lock, since nearly always all is there; and again under it, since another may make them
   too. */
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
    const struct target_sql_progress row = {.epoch = target_sqlite_text(sqlite, statement, 0),
                                            .sequence = target_sqlite_text(sqlite, statement, 1),
                                            .digest = target_sqlite_text(sqlite, statement, 2),
                                            .rows = target_sqlite_text(sqlite, statement, 3)};
    if (!row.epoch || !row.sequence || !row.digest || !row.rows)
        return error_memory(error);
    return target_sql_read_progress(&row, &sqlite->progress, error);
}

/* A step that fails where the statement could be prepared: the table has gone between the two. */
static bool fail_reading(struct target_sqlite *sqlite, const char *doing, struct error *error)
{
    bool gone = (sqlite3_errcode(sqlite->db) & 0xff) == SQLITE_ERROR;
    target_sqlite_error(sqlite, doing, error);
    if (gone)
        error->kind = ERROR_DIVERGED;
    return false;
}

bool target_sqlite_read_progress(struct target_sqlite *sqlite, struct error *error)
{
    sqlite3_stmt *statement;
    memset(&sqlite->progress, 0, sizeof sqlite->progress);
    if (!target_sqlite_prepare_for(
            sqlite, "SELECT epoch, sequence, hex(digest), rows FROM dropfold_progress WHERE pipeline = ?",
            sqlite->pipeline->name, &statement, error))
        return false;
    int code = sqlite3_step(statement);
    bool ok = code == SQLITE_DONE || (code == SQLITE_ROW ? read_row(sqlite, statement, error)
                                                         : fail_reading(sqlite, "reading the progress", error));
    sqlite3_finalize(statement);
    return ok;
}

/* The row that was just read goes; those behind it are read on. By one that a trigger keeps the other pipeline would go
   on delivering. */
static bool take_over(struct target_sqlite *sqlite, const char *name, struct error *error)
{
    sqlite3_stmt *statement;
    if (!target_sqlite_prepare_for(sqlite, "DELETE FROM dropfold_progress WHERE pipeline = ?", name, &statement, error))
        return false;
    bool ok = sqlite3_step(statement) == SQLITE_DONE || target_sqlite_error(sqlite, "taking tables over", error);
    if (ok && sqlite3_changes64(sqlite->db) == 0)
        ok = target_sqlite_left_in(sqlite, "dropfold_progress", 1, error);
    sqlite3_finalize(statement);
    return ok;
}

static bool read_owner(struct target_sqlite *sqlite, sqlite3_stmt *statement, bool takes, struct error *error)
{
    const char *name = target_sqlite_text(sqlite, statement, 0), *rows = target_sqlite_text(sqlite, statement, 1);
    if (!name || !rows)
        return error_memory(error);
    return !target_owner_read(&sqlite->owner, sqlite->pipeline, name, rows) || !takes || take_over(sqlite, name, error);
}

bool target_sqlite_read_owner(struct target_sqlite *sqlite, bool takes, struct error *error)
{
    sqlite3_stmt *statement;
    bool ok = true;
    int code = SQLITE_DONE;
    if (!target_sqlite_prepare(sqlite, "SELECT pipeline, rows FROM dropfold_progress", &statement, error))
        return false;
    while (ok && (code = sqlite3_step(statement)) == SQLITE_ROW)
        ok = read_owner(sqlite, statement, takes, error);
    if (ok && code != SQLITE_DONE)
        ok = fail_reading(sqlite, "reading the progress", error);
    sqlite3_finalize(statement);
    return ok;
}

bool target_sqlite_count_rows(struct target_sqlite *sqlite, size_t table, uint64_t *rows, struct error *error)
{
    struct buf sql;
    sqlite3_stmt *statement = NULL;
    buf_init(&sql, TARGET_SQL_MAX);
    target_sql_ours(&sql, "SELECT count(*) FROM ", sqlite->pipeline, &sqlite->pipeline->tables[table]);
    bool ok = target_sqlite_prepare_buf(sqlite, &sql, &statement, error);
    if (ok && sqlite3_step(statement) == SQLITE_ROW)
        *rows = (uint64_t)sqlite3_column_int64(statement, 0);
    else if (ok)
        ok = fail_reading(sqlite, "counting the rows", error);
    sqlite3_finalize(statement);
    buf_close(&sql);
    return ok;
}

/* SQLite takes names that differ in the case of letters of ASCII for one. */
static void mark_tables(struct target_sqlite *sqlite)
{
    for (size_t i = 0; i < sqlite->pipeline->table_count; i++) {
        char name[PIPELINE_NAME_MAX + 1];
        snprintf(name, sizeof name, "%s", sqlite->pipeline->tables[i].name);
        for (char *c = name; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
        sqlite->owner.marks[i] = target_owner_mark("main", name);
    }
}

/* Progress and counts from one snapshot; of what does not exist, nothing. */
static bool look(struct target_sqlite *sqlite, const struct target_shape *shapes, struct error *error)
{
    if (!target_sqlite_exec(sqlite, "BEGIN", error) ||
        (shapes[0].exists &&
         (!target_sqlite_read_progress(sqlite, error) || !target_sqlite_read_owner(sqlite, false, error))))
        return false;
    for (size_t i = 0; i < pipeline_delivered(sqlite->pipeline); i++)
        if (shapes[i + 1].exists && !target_sqlite_count_rows(sqlite, i, &sqlite->rows[i], error))
            return false;
    return target_sqlite_exec(sqlite, "COMMIT", error);
}

/* Of the connections to one log only one may fold it into the database: SQLite 3.40.1 and many others can lose what is
   written while two do so. The one that delivers does; this one only adds to the log. (When it is closed and was the
   only one it folds it in: that is under an exclusive lock.) */
static bool leave_log_alone(struct target_sqlite *sqlite, struct error *error)
{
    return target_sqlite_exec(sqlite, "PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF", error);
}

/* Opens what is there and makes nothing. Without a file there is nothing to open. */
static bool look_in(struct target_sqlite *sqlite, struct target_shape *shapes, struct error *error)
{
    bool missing;
    int access_mode = sqlite->mend ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    sqlite->missing = target_shape_missing(sqlite->pipeline, shapes);
    if (access(sqlite->path, F_OK) != 0)
        return errno == ENOENT || error_errno(error, ERROR_REFUSED, errno, "%s: cannot look at it", sqlite->name);
    if (sqlite3_open_v2(sqlite->path, &sqlite->db, access_mode | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return target_sqlite_error(sqlite, "opening", error);
    if (!prepare(sqlite, error))
        return false;
    if ((sqlite->mend && !leave_log_alone(sqlite, error)) || !find_relations(sqlite, shapes, &missing, error))
        return false;
    sqlite->missing = target_shape_missing(sqlite->pipeline, shapes);
    return look(sqlite, shapes, error);
}

static bool open_fully(struct target_sqlite *sqlite, struct target_shape *shapes, struct error *error)
{
    if (sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return target_sqlite_error(sqlite, "opening", error);
    return prepare(sqlite, error) && configure(sqlite, error) && ensure_relations(sqlite, shapes, error) &&
           look(sqlite, shapes, error);
}

bool target_sqlite_open(struct target_sqlite *sqlite, struct error *error)
{
    struct target_shape *shapes = calloc(target_shape_relations(sqlite->pipeline), sizeof *shapes);
    if (!shapes)
        return error_memory(error);
    mark_tables(sqlite);
    bool ok = find_folder(sqlite, error) && want_file(sqlite, error) &&
              (sqlite->look ? look_in(sqlite, shapes, error) : open_fully(sqlite, shapes, error));
    free(shapes);
    return ok;
}
