/* The ledger's tables: what each column is called, is, and means to a reader of the database. */
#include "model/pipeline_ledger.h"

#include <string.h>

#include "model/pipeline_build.h"

#define COLUMN(at, sql_name, sql, never_null, text)                                                                    \
    [at] = {.name = (sql_name), .type = (sql), .not_null = (never_null), .doc = (text)}

static const struct column file_columns[LEDGER_FILE_COLUMNS] = {
    COLUMN(LEDGER_FILE_PIPELINE, "pipeline", SQL_TEXT, true, "The pipeline that the file was read for"),
    COLUMN(LEDGER_FILE_ID, "id", SQL_BIGINT, true, "The row's number in the pipeline's ledger: 1, 2, 3, no gaps"),
    COLUMN(LEDGER_FILE_SEQUENCE, "sequence", SQL_BIGINT, false,
           "The change that applied the file; of a duplicate, its original's; null for a quarantined file"),
    COLUMN(LEDGER_FILE_FEED, "feed", SQL_TEXT, true, "The landing folder"),
    COLUMN(LEDGER_FILE_NAME, "name", SQL_TEXT, true, "The file's name there"),
    COLUMN(LEDGER_FILE_STATE, "state", SQL_TEXT, true,
           "applied; duplicate: a redelivery, nothing of it was applied; quarantined: it could not be read, or too "
           "much of it was wrong; retried: rejected "
           "rows of a file, read again"),
    COLUMN(LEDGER_FILE_VERSION, "version", SQL_BIGINT, false,
           "Version of the descriptor it was read with; null when none fitted"),
    COLUMN(LEDGER_FILE_ROWS, "rows", SQL_BIGINT, true,
           "Rows read: applied + unchanged + superseded + filtered + deleted + late + rejected"),
    COLUMN(LEDGER_FILE_APPLIED, "applied", SQL_BIGINT, true, "Rows that became live records"),
    COLUMN(LEDGER_FILE_UNCHANGED, "unchanged", SQL_BIGINT, true, "Rows that were live already, with these values"),
    COLUMN(LEDGER_FILE_SUPERSEDED, "superseded", SQL_BIGINT, true, "Rows of whose key a higher rank was live"),
    COLUMN(LEDGER_FILE_FILTERED, "filtered", SQL_BIGINT, true, "Rows that the feed's filter leaves out"),
    COLUMN(LEDGER_FILE_DELETED, "deleted", SQL_BIGINT, true, "Delete markers"),
    COLUMN(LEDGER_FILE_LATE, "late", SQL_BIGINT, true, "Rows of a closed window"),
    COLUMN(LEDGER_FILE_REJECTED, "rejected", SQL_BIGINT, true, "Rows that were not accepted: dropfold_rejects"),
    COLUMN(LEDGER_FILE_SIZE, "size", SQL_BIGINT, true, "Bytes read"),
    COLUMN(LEDGER_FILE_SHA256, "sha256", SQL_TEXT, true, "SHA-256 of those bytes"),
    COLUMN(LEDGER_FILE_COMMITTED, "committed", SQL_TIMESTAMPTZ, true, "When it came into the ledger"),
    COLUMN(LEDGER_FILE_STORED, "stored", SQL_TEXT, false,
           "Where it is kept, below the data folder; null when it was left in place or deleted"),
    COLUMN(LEDGER_FILE_FORGOTTEN, "forgotten", SQL_BIGINT, false, "The change that took its rows back, or null"),
    COLUMN(LEDGER_FILE_RETRY_OF, "retry_of", SQL_BIGINT, false,
           "Of a retry the id of the file whose rejected rows it read again, else null"),
    COLUMN(LEDGER_FILE_NOTE, "note", SQL_TEXT, false, "Why it was quarantined, or what else is to be said of it"),
};

static const struct column reject_columns[LEDGER_REJECT_COLUMNS] = {
    COLUMN(LEDGER_REJECT_PIPELINE, "pipeline", SQL_TEXT, true, "The pipeline that the file was read for"),
    COLUMN(LEDGER_REJECT_FILE, "file_id", SQL_BIGINT, true, "The file, or the retry: id in dropfold_files"),
    COLUMN(LEDGER_REJECT_ROW, "row_number", SQL_BIGINT, true, "The row's number in the file, from 1"),
    COLUMN(LEDGER_REJECT_LINE, "line_number", SQL_BIGINT, true, "The line on which the row begins, from 1"),
    COLUMN(LEDGER_REJECT_COLUMN, "column_number", SQL_BIGINT, false,
           "The column's place in the file, from 1; null when the row as such is wrong"),
    COLUMN(LEDGER_REJECT_FIELD, "field", SQL_TEXT, false, "The descriptor's field; null when the row as such is wrong"),
    COLUMN(LEDGER_REJECT_REASON, "reason", SQL_TEXT, true, "What was found and what was expected"),
    COLUMN(LEDGER_REJECT_RAW, "raw", SQL_TEXT, true, "The row as it came; one that is not valid UTF-8 is escaped"),
    COLUMN(LEDGER_REJECT_RETRIED, "retried", SQL_BIGINT, false,
           "The change that read the row again, whatever came of it; null while it is open"),
};

const struct ledger_view_column ledger_view_columns[LEDGER_VIEW_COLUMNS] = {
    {LEDGER_FILE_ID, "file_id"},    {LEDGER_FILE_SEQUENCE, "sequence"}, {LEDGER_FILE_FEED, "feed"},
    {LEDGER_FILE_NAME, "name"},     {LEDGER_FILE_VERSION, "version"},   {LEDGER_FILE_COMMITTED, "committed"},
    {LEDGER_FILE_STORED, "stored"},
};

static struct column *copy(struct arena *arena, const struct column *columns, size_t count)
{
    struct column *copied = arena_array(arena, count, sizeof *copied);
    if (copied)
        memcpy(copied, columns, count * sizeof *copied);
    return copied;
}

bool pipeline_ledger_tables(struct arena *arena, struct table tables[PIPELINE_LEDGER_TABLES])
{
    tables[0] = (struct table){.name = "dropfold_files",
                               .doc = "Every file that dropfold took, and what became of its rows; written with the "
                                      "tables that it changed",
                               .columns = copy(arena, file_columns, LEDGER_FILE_COLUMNS),
                               .column_count = LEDGER_FILE_COLUMNS,
                               .key = {LEDGER_FILE_PIPELINE, LEDGER_FILE_ID},
                               .key_count = 2,
                               .shared = true};
    tables[1] = (struct table){.name = "dropfold_rejects",
                               .doc = "Every row of those files that was not accepted",
                               .columns = copy(arena, reject_columns, LEDGER_REJECT_COLUMNS),
                               .column_count = LEDGER_REJECT_COLUMNS,
                               .key = {LEDGER_REJECT_PIPELINE, LEDGER_REJECT_FILE, LEDGER_REJECT_ROW},
                               .key_count = 3,
                               .shared = true};
    return tables[0].columns && tables[1].columns;
}

void build_ledger(struct build *build, const struct doc_node *root)
{
    struct pipeline *p = build->pipeline;
    bool wanted = true;
    if (!doc_bool(root, "ledger", &wanted) || !wanted || !p->tables)
        return;
    if (pipeline_ledger_tables(build->arena, p->tables + p->table_count))
        p->ledger_count = PIPELINE_LEDGER_TABLES;
    else
        doc_memory(build->doc);
}
