/*
 * The tables that show the ledger of files and the rejected rows in the target: dropfold_files and dropfold_rejects.
 *
 * They stand behind the pipeline's own tables (pipeline.h) and are delivered, compared and mended as those are; a
 * target has one of each for all its pipelines. Their rows come from the checkpoint store.
 */
#ifndef DROPFOLD_MODEL_PIPELINE_LEDGER_H
#define DROPFOLD_MODEL_PIPELINE_LEDGER_H

#include "model/pipeline.h"

/* Columns of dropfold_files, in order. */
enum ledger_file_column {
    LEDGER_FILE_PIPELINE,
    LEDGER_FILE_ID,
    LEDGER_FILE_SEQUENCE,
    LEDGER_FILE_FEED,
    LEDGER_FILE_NAME,
    LEDGER_FILE_STATE,
    LEDGER_FILE_VERSION,
    LEDGER_FILE_ROWS,
    LEDGER_FILE_APPLIED,
    LEDGER_FILE_UNCHANGED,
    LEDGER_FILE_SUPERSEDED,
    LEDGER_FILE_FILTERED,
    LEDGER_FILE_DELETED,
    LEDGER_FILE_LATE,
    LEDGER_FILE_REJECTED,
    LEDGER_FILE_SIZE,
    LEDGER_FILE_SHA256,
    LEDGER_FILE_COMMITTED,
    LEDGER_FILE_STORED,
    LEDGER_FILE_FORGOTTEN,
    LEDGER_FILE_RETRY_OF,
    LEDGER_FILE_NOTE,
    LEDGER_FILE_COLUMNS
};

/* Columns of dropfold_rejects, in order. */
enum ledger_reject_column {
    LEDGER_REJECT_PIPELINE,
    LEDGER_REJECT_FILE,
    LEDGER_REJECT_ROW,
    LEDGER_REJECT_LINE,
    LEDGER_REJECT_COLUMN,
    LEDGER_REJECT_FIELD,
    LEDGER_REJECT_REASON,
    LEDGER_REJECT_RAW,
    LEDGER_REJECT_RETRIED,
    LEDGER_REJECT_COLUMNS
};

/* What a view of files shows of them, behind the key of its table. */
enum { LEDGER_VIEW_COLUMNS = 7 };
struct ledger_view_column {
    enum ledger_file_column column;
    const char *name;
};
extern const struct ledger_view_column ledger_view_columns[LEDGER_VIEW_COLUMNS];

/* The tables' numbers in the pipeline, when it has them (ledger_count > 0). */
static inline size_t pipeline_files_table(const struct pipeline *pipeline)
{
    return pipeline->table_count;
}

static inline size_t pipeline_rejects_table(const struct pipeline *pipeline)
{
    return pipeline->table_count + 1;
}

/* The two tables, their columns in the arena. False when that is out of memory. */
bool pipeline_ledger_tables(struct arena *arena, struct table tables[PIPELINE_LEDGER_TABLES]) MUST_USE;

#endif
