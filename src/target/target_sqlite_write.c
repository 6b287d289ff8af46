/*
 * A delivery into SQLite: one IMMEDIATE transaction, one prepared statement a table, bound row by row in key order.
 *
 * What SQLite keeps as TEXT is printed into one buffer a row, which bound values point into until the row is stepped.
 *
 * A trigger of the database's owner can skip a row (RAISE(IGNORE)) without an error; the statement then changes none.
 * That alone is no proof: the row may have been equal already, or gone where it was to be deleted. So it is looked for.
 * What a trigger takes out behind the statement is in no number of its: a table that has triggers is counted at the
 * end, and so are all where triggers wrote anything, which SQLite counts with the rest. So is one whose key has a
 * collation of somebody's: a row may have taken the place of another.
 */
#include <math.h>

#include "model/timestamp.h"
#include "model/value_quick.h"
#include "target/target_sqlite.h"

static bool empty_table(struct target_sqlite *sqlite, size_t table, struct error *error)
{
    struct buf sql;
    buf_init(&sql, TARGET_SQL_MAX);
    target_sql_ours(&sql, "DELETE FROM ", sqlite->pipeline, &sqlite->pipeline->tables[table]);
    uint64_t left = 0;
    bool ok = target_sqlite_run(sqlite, &sql, error) && target_sqlite_count_rows(sqlite, table, &left, error);
    buf_close(&sql);
    return ok && (left == 0 || target_sqlite_left_in(sqlite, sqlite->pipeline->tables[table].name, left, error));
}

/* Whether the statement finds a row; that is the end of it. */
static bool find_row(struct target_sqlite *sqlite, sqlite3_stmt *statement, const char *doing, bool *found,
                     struct error *error)
{
    int code = sqlite3_step(statement);
    *found = code == SQLITE_ROW;
    bool ok = *found || code == SQLITE_DONE || target_sqlite_error(sqlite, doing, error);
    sqlite3_finalize(statement);
    return ok;
}

/* A table emptied since the target was opened must not be taken for what the last delivery left. */
static bool check_filled(struct target_sqlite *sqlite, size_t table, struct error *error)
{
    struct buf sql;
    sqlite3_stmt *statement = NULL;
    bool filled;
    uint64_t rows = sqlite->delivery.from.rows[table];
    buf_init(&sql, TARGET_SQL_MAX);
    target_sql_ours(&sql, "SELECT 1 FROM ", sqlite->pipeline, &sqlite->pipeline->tables[table]);
    bool ok = target_sqlite_prepare_buf(sqlite, &sql, &statement, error) &&
              find_row(sqlite, statement, "beginning a delivery", &filled, error);
    buf_close(&sql);
    return ok && (filled || rows == 0 || target_emptied(sqlite->pipeline->tables[table].name, rows, error));
}

/* Marks that another pipeline wrote since the target was opened are seen; those that it had by then are given up. */
static bool claim_tables(struct target_sqlite *sqlite, struct error *error)
{
    bool takes = sqlite->owner.table;
    if (!target_owner_is_open(&sqlite->owner, sqlite->pipeline))
        return true;
    if (!target_sqlite_read_owner(sqlite, takes, error))
        return false;
    if (!takes && sqlite->owner.table)
        return target_claimed(&sqlite->owner, error);
    sqlite->owner.table = NULL;
    sqlite->owner.marked = true;
    return true;
}

bool target_sqlite_begin(struct target_sqlite *sqlite, struct error *error)
{
    if (!target_sqlite_exec(sqlite, "BEGIN IMMEDIATE", error) || !target_sqlite_read_progress(sqlite, error))
        return false;
    if (!progress_equal(&sqlite->progress, &sqlite->delivery.from))
        return target_diverged(&sqlite->progress, &sqlite->delivery.from, error);
    bool ok = claim_tables(sqlite, error);
    for (size_t i = 0; ok && i < pipeline_delivered(sqlite->pipeline); i++)
        ok = sqlite->delivery.full ? empty_table(sqlite, i, error) : check_filled(sqlite, i, error);
    sqlite->changes = sqlite3_total_changes64(sqlite->db);
    sqlite->own = 0;
    return ok;
}

/* Whether somebody gave the table another unique index than that of its key. */
static bool look_for_unique(struct target_sqlite *sqlite, const struct table *table, bool *found, struct error *error)
{
    static const char sql[] = "SELECT 1 FROM pragma_index_list(?, 'main') WHERE \"unique\" AND origin <> 'pk'";
    sqlite3_stmt *statement;
    return target_sqlite_prepare_for(sqlite, sql, table->name, &statement, error) &&
           find_row(sqlite, statement, "reading the indexes", found, error);
}

/* All columns are given, so that replacing a row is updating it; of a table without other indexes SQLite then
   overwrites the row unread, twice as fast as ON CONFLICT DO UPDATE. With another unique index it would take out other
   rows too; so would one that somebody declared ON CONFLICT REPLACE, without OR ABORT. In a full delivery there is no
   row to replace: one that is met is of a key that a collation of somebody's takes for equal. */
static void put_upsert(struct buf *sql, const struct table *table, const struct delivery *delivery, bool unique,
                       size_t number)
{
    bool replaces = !delivery->full && !unique;
    buf_put_text(sql, replaces ? "INSERT OR REPLACE INTO " : "INSERT OR ABORT INTO ");
    if (delivery->compare)
        target_sqlite_compare_put_stage(sql, number);
    else
        target_sql_name(sql, "", table->name);
    buf_put_text(sql, " (");
    target_sql_columns(sql, table);
    buf_put_text(sql, ") VALUES (");
    for (size_t i = 0; i < table->column_count; i++)
        buf_put_text(sql, i > 0 ? ", ?" : "?");
    buf_put_text(sql, ")");
    if (!replaces && !delivery->full)
        target_sql_on_conflict(sql, table);
}

static void put_erase(struct buf *sql, const struct table *table)
{
    target_sql_name(sql, "DELETE FROM ", table->name);
    for (size_t i = 0; i < table->key_count; i++) {
        target_sql_name(sql, i > 0 ? " AND " : " WHERE ", table->columns[table->key[i]].name);
        buf_put_text(sql, " = ?");
    }
}

static bool prepare(struct target_sqlite *sqlite, sqlite3_stmt **statement, struct error *error)
{
    if (*statement)
        return true;
    struct buf sql;
    bool unique = false;
    const struct table *table = &sqlite->pipeline->tables[sqlite->block->table];
    if (!sqlite->delivery.compare && !look_for_unique(sqlite, table, &unique, error))
        return false;
    buf_init(&sql, TARGET_SQL_MAX);
    if (sqlite->block->deletes)
        put_erase(&sql, table);
    else
        put_upsert(&sql, table, &sqlite->delivery, unique, sqlite->block->table);
    bool ok = target_sqlite_prepare_buf(sqlite, &sql, statement, error);
    buf_close(&sql);
    return ok;
}

/* The decimal of the fewest places that means the same float: 0.1 and not 0.100000001490116. A whole number
   of nine digits or ten, over a power of ten that is a double: their quotient is the double nearest to that decimal. */
static double shortest(double real)
{
    for (size_t i = 0; i <= VALUE_EXACT_POWER; i++) {
        double rounded = rint(real * value_double_powers[i]) / value_double_powers[i];
        if ((double)(float)rounded == real)
            return rounded;
    }
    return real;
}

static void print_integer(struct buf *text, enum sql_type type, int64_t value)
{
    if (type == SQL_DATE)
        timestamp_print_date(value, text);
    else
        timestamp_print_sql(value, text);
    if (type == SQL_TIMESTAMPTZ)
        buf_put_text(text, "+00");
}

static bool is_text(const struct column *column, const struct cell *cell)
{
    return cell->kind == CELL_NUMERIC || cell->kind == CELL_LIST ||
           (cell->kind == CELL_INT &&
            (column->type == SQL_DATE || column->type == SQL_TIMESTAMP || column->type == SQL_TIMESTAMPTZ));
}

/* The row's printed values end where `ends` says. */
static bool print_row(struct buf *text, const struct column *const *columns, const struct cell *cells, size_t count,
                      size_t *ends)
{
    buf_reset(text);
    for (size_t i = 0; i < count; i++) {
        if (is_text(columns[i], &cells[i])) {
            if (cells[i].kind == CELL_NUMERIC)
                wide_print(cells[i].n, columns[i]->scale, text);
            else if (cells[i].kind == CELL_LIST)
                cell_print_list(&cells[i], '[', ']', text);
            else
                print_integer(text, columns[i]->type, cells[i].i);
        }
        ends[i] = text->len;
    }
    return !text->failed;
}

static int bind_cell(sqlite3_stmt *statement, int at, const struct column *column, const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_NULL:
        return sqlite3_bind_null(statement, at);
    case CELL_FLOAT:
        return sqlite3_bind_double(statement, at, column->type == SQL_REAL ? shortest(cell->d) : cell->d);
    case CELL_TEXT:
        return sqlite3_bind_text(statement, at, cell->text.len > 0 ? cell->text.data : "", (int)cell->text.len,
                                 SQLITE_STATIC);
    case CELL_INT:
    case CELL_NUMERIC:
    case CELL_LIST:
        break;
    }
    return sqlite3_bind_int64(statement, at, cell->i);
}

static int bind_row(sqlite3_stmt *statement, const struct buf *text, const struct column *const *columns,
                    const struct cell *cells, size_t count, const size_t *ends)
{
    int code = SQLITE_OK;
    size_t start = 0;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        int at = (int)i + 1;
        if (is_text(columns[i], &cells[i]))
            code = sqlite3_bind_text(statement, at, text->data + start, (int)(ends[i] - start), SQLITE_STATIC);
        else
            code = bind_cell(statement, at, columns[i], &cells[i]);
        start = ends[i];
    }
    return code;
}

/* Rows on their way into a table. */
struct writing {
    const struct block *block;
    const struct table *table;
    const struct column *columns[PIPELINE_COLUMNS_MAX];
    sqlite3_stmt *statement;
    sqlite3_stmt *there; /* NULL, or finds a row of the block: by its key, an upsert by all its values */
    uint64_t wrong;      /* rows that are not there after all, or are although they were deleted */
};

static bool prepare_there(struct target_sqlite *sqlite, struct writing *w, struct error *error)
{
    struct buf sql;
    if (w->there)
        return true;
    buf_init(&sql, TARGET_SQL_MAX);
    target_sql_name(&sql, "SELECT 1 FROM ", w->table->name);
    for (size_t i = 0; i < w->block->columns; i++) {
        target_sql_name(&sql, i > 0 ? " AND " : " WHERE ", w->columns[i]->name);
        buf_put_text(&sql, " IS ?");
    }
    bool ok = target_sqlite_prepare_buf(sqlite, &sql, &w->there, error);
    buf_close(&sql);
    return ok;
}

/* Binds the row, which is printed, to one of the two statements and runs it. */
static int run_row(struct target_sqlite *sqlite, struct writing *w, sqlite3_stmt *statement, const struct cell *cells,
                   const size_t *ends)
{
    int code = bind_row(statement, &sqlite->text, w->columns, cells, w->block->columns, ends);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);
    return reset != SQLITE_OK ? reset : code;
}

/* The row's statement changed nothing. */
static bool look_for_row(struct target_sqlite *sqlite, struct writing *w, const struct cell *cells, const size_t *ends,
                         struct error *error)
{
    if (!prepare_there(sqlite, w, error))
        return false;
    int code = run_row(sqlite, w, w->there, cells, ends);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return target_sqlite_error(sqlite, w->table->name, error);
    w->wrong += (code == SQLITE_ROW) == w->block->deletes;
    return true;
}

static bool write_row(struct target_sqlite *sqlite, struct writing *w, const struct cell *cells, struct error *error)
{
    size_t ends[PIPELINE_COLUMNS_MAX];
    if (!print_row(&sqlite->text, w->columns, cells, w->block->columns, ends))
        return error_memory(error);
    if (run_row(sqlite, w, w->statement, cells, ends) != SQLITE_DONE)
        return target_sqlite_error(sqlite, w->table->name, error);
    sqlite->own += sqlite3_changes64(sqlite->db);
    return sqlite3_changes64(sqlite->db) > 0 || sqlite->delivery.compare || look_for_row(sqlite, w, cells, ends, error);
}

static bool write_rows(struct target_sqlite *sqlite, struct writing *w, struct error *error)
{
    const struct block *block = w->block;
    for (size_t i = 0; i < block->columns; i++)
        w->columns[i] = &w->table->columns[block->deletes ? w->table->key[i] : i];
    for (size_t row = 0; row < block->rows; row++)
        if (!write_row(sqlite, w, block->cells + row * block->columns, error))
            return false;
    if (w->wrong == 0)
        return true;
    return block->deletes ? target_sqlite_left_in(sqlite, w->table->name, w->wrong, error)
                          : target_sqlite_left_out(sqlite, w->table->name, block->rows - w->wrong, block->rows, error);
}

bool target_sqlite_write(struct target_sqlite *sqlite, struct error *error)
{
    struct block *block = sqlite->block;
    sqlite3_stmt **statement = block->deletes ? &sqlite->erase[block->table] : &sqlite->upsert[block->table];
    if (!prepare(sqlite, statement, error))
        return false;
    struct writing w = {.block = block, .table = &sqlite->pipeline->tables[block->table], .statement = *statement};
    bool ok = write_rows(sqlite, &w, error);
    sqlite3_finalize(w.there);
    if (!ok)
        return false;
    block_free(block);
    sqlite->block = NULL;
    return true;
}

static bool put_progress(struct target_sqlite *sqlite, sqlite3_stmt *statement, struct error *error)
{
    const struct progress *to = &sqlite->delivery.to;
    buf_reset(&sqlite->text);
    target_sql_put_rows(&sqlite->text, sqlite->pipeline, to->rows, &sqlite->owner);
    if (sqlite->text.failed)
        return error_memory(error);
    int code = sqlite3_bind_text(statement, 1, sqlite->pipeline->name, -1, SQLITE_STATIC);
    code = code ? code : sqlite3_bind_text(statement, 2, to->epoch, -1, SQLITE_STATIC);
    code = code ? code : sqlite3_bind_int64(statement, 3, (int64_t)to->sequence);
    code = code ? code : sqlite3_bind_blob(statement, 4, to->digest.bytes, DIGEST_SIZE, SQLITE_STATIC);
    code = code ? code : sqlite3_bind_text(statement, 5, sqlite->text.data, (int)sqlite->text.len, SQLITE_STATIC);
    if (code != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE)
        return target_sqlite_error(sqlite, "writing the progress", error);
    sqlite->own += sqlite3_changes64(sqlite->db);
    return sqlite3_changes64(sqlite->db) > 0 || target_sqlite_left_out(sqlite, "dropfold_progress", 0, 1, error);
}

/* Triggers, or a key with a collation of somebody's, to which two keys may be one. */
static bool is_counted(struct target_sqlite *sqlite, size_t table, bool *found, struct error *error)
{
    static const char sql[] =
        "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE"
        " UNION ALL SELECT 1 FROM pragma_index_list(?1, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x"
        " WHERE l.origin = 'pk' AND x.\"key\" AND x.coll <> 'BINARY'";
    sqlite3_stmt *statement;
    return target_sqlite_prepare_for(sqlite, sql, sqlite->pipeline->tables[table].name, &statement, error) &&
           find_row(sqlite, statement, "reading triggers and collations", found, error);
}

/* `more`: triggers wrote something, wherever. */
static bool recount(struct target_sqlite *sqlite, size_t table, bool more, struct error *error)
{
    bool counts = more;
    const struct delivery *delivery = &sqlite->delivery;
    uint64_t found = delivery->to.rows[table];
    if (!more && !delivery->full && delivery->upserts[table] == 0 && delivery->deletes[table] == 0)
        return true;
    if ((!more && !is_counted(sqlite, table, &counts, error)) ||
        (counts && !target_sqlite_count_rows(sqlite, table, &found, error)))
        return false;
    if (found == delivery->to.rows[table])
        return true;
    target_miscounted(sqlite->pipeline, delivery, table, found, sqlite->miscounted, error);
    sqlite->miscounted = true;
    return error_wrap(error, "%s", sqlite->name);
}

static bool recount_all(struct target_sqlite *sqlite, struct error *error)
{
    bool ok = true;
    bool more = sqlite3_total_changes64(sqlite->db) - sqlite->changes > sqlite->own;
    for (size_t i = 0; ok && !sqlite->delivery.compare && i < pipeline_delivered(sqlite->pipeline); i++)
        ok = recount(sqlite, i, more, error);
    return ok;
}

bool target_sqlite_commit(struct target_sqlite *sqlite, struct error *error)
{
    sqlite3_stmt *statement;
    if (!target_sqlite_prepare(sqlite,
                               "INSERT OR REPLACE INTO dropfold_progress"
                               " (pipeline, epoch, sequence, digest, rows, delivered_at)"
                               " VALUES (?, ?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f+00', 'now'))",
                               &statement, error))
        return false;
    bool ok = put_progress(sqlite, statement, error);
    sqlite3_finalize(statement);
    target_sqlite_end(sqlite);
    ok = ok && recount_all(sqlite, error);
    return ok && target_sqlite_exec(sqlite, "COMMIT", error);
}

void target_sqlite_end(struct target_sqlite *sqlite)
{
    for (size_t i = 0; i < pipeline_delivered(sqlite->pipeline); i++) {
        sqlite3_finalize(sqlite->upsert[i]);
        sqlite3_finalize(sqlite->erase[i]);
        sqlite->upsert[i] = sqlite->erase[i] = NULL;
    }
}
