/* Tables that several pipelines share, as those of the ledger: included by the tests of each database, after
   target_compare_cases.h. */
#ifndef DROPFOLD_TESTS_TARGET_SHARED_CASES_H
#define DROPFOLD_TESTS_TARGET_SHARED_CASES_H

#include "target_compare_cases.h"

#include "model/pipeline_ledger.h"

/* A pipeline of nothing but the ledger's tables, and a target of it. */
struct sharer {
    struct arena arena;
    struct table tables[PIPELINE_LEDGER_TABLES];
    struct pipeline pipeline;
    struct subject subject;
};

static struct subject *sharer_init(struct sharer *sharer, const char *name, bool look)
{
    const struct target_options options = {.address = ground.address, .look = look, .mend = look};
    arena_init(&sharer->arena, 1024 * 1024);
    assert_true(pipeline_ledger_tables(&sharer->arena, sharer->tables));
    sharer->pipeline =
        (struct pipeline){.name = name, .tables = sharer->tables, .ledger_count = PIPELINE_LEDGER_TABLES};
    subject_init_as(&sharer->subject, &sharer->pipeline, &options);
    assert_works(subject_open(&sharer->subject));
    return &sharer->subject;
}

static void sharer_close(struct sharer *sharer)
{
    subject_close(&sharer->subject);
    arena_close(&sharer->arena);
}

/* Rejected rows `first` to `first + rows - 1` of the pipeline's first file. */
static struct block *rejected_rows(const struct sharer *sharer, int64_t first, size_t rows, const char *raw)
{
    struct block *block = support_block(1, false, rows, LEDGER_REJECT_COLUMNS);
    for (size_t i = 0; i < rows; i++) {
        struct cell *row = &block->cells[i * LEDGER_REJECT_COLUMNS];
        row[LEDGER_REJECT_PIPELINE] = CELL_OF_TEXT(sharer->pipeline.name);
        row[LEDGER_REJECT_FILE] = CELL_OF_INT(1);
        row[LEDGER_REJECT_ROW] = row[LEDGER_REJECT_LINE] = CELL_OF_INT(first + (int64_t)i);
        row[LEDGER_REJECT_REASON] = CELL_OF_TEXT("odd");
        row[LEDGER_REJECT_RAW] = CELL_OF_TEXT(raw);
    }
    return block;
}

static void sharer_deliver(struct sharer *sharer, uint64_t sequence, bool full, int64_t first, size_t rows,
                           const char *raw)
{
    struct subject *s = &sharer->subject;
    subject_prepare(s, sequence, full);
    s->delivery.upserts[1] = rows;
    s->delivery.to.rows[1] = full ? rows : (uint64_t)first - 1 + rows;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, rejected_rows(sharer, first, rows, raw)));
    assert_works(subject_commit(s));
}

#define RAWS "SELECT pipeline, min(raw), count(*) FROM dropfold_rejects GROUP BY pipeline ORDER BY pipeline"

static void keeps_the_rows_of_pipelines_apart_in_a_table_that_they_share(void **state)
{
    (void)state;
    struct sharer one, two;
    ground.clean();
    sharer_init(&one, "it's one", false);
    sharer_init(&two, "two", false);
    assert_string_equal(target_missing(one.subject.target) ? target_missing(one.subject.target) : "", "");
    sharer_deliver(&one, 1, true, 1, 3, "a");
    sharer_deliver(&two, 1, true, 1, 2, "b"); /* empty is what has no row of this pipeline */
    sharer_deliver(&one, 2, false, 4, 2, "a");
    assert_query(RAWS, "it's one|a|5\ntwo|b|2\n");
    sharer_deliver(&two, 2, true, 1, 1, "c"); /* and all is all rows of this one */
    assert_query(RAWS, "it's one|a|5\ntwo|c|1\n");
    sharer_close(&one);
    sharer_close(&two);
    sharer_init(&one, "it's one", false);
    assert_int_equal(target_rows(one.subject.target)[1], 5);
    sharer_close(&one);
}

static void notices_that_its_rows_of_a_shared_table_are_gone(void **state)
{
    (void)state;
    struct sharer one, two;
    ground.clean();
    sharer_init(&one, "one", false);
    sharer_init(&two, "two", false);
    sharer_deliver(&one, 1, true, 1, 3, "a");
    sharer_deliver(&two, 1, true, 1, 3, "b");
    ground.query("DELETE FROM dropfold_rejects WHERE pipeline = 'one'");
    subject_prepare(&one.subject, 2, false);
    assert_fails(subject_begin(&one.subject), ERROR_DIVERGED, "\"dropfold_rejects\" is empty");
    sharer_deliver(&two, 2, false, 4, 1, "b");
    sharer_close(&one);
    sharer_close(&two);
}

static void compares_and_mends_only_its_rows_of_a_shared_table(void **state)
{
    (void)state;
    struct sharer one, two;
    ground.clean();
    sharer_init(&one, "one", false);
    sharer_init(&two, "two", false);
    sharer_deliver(&one, 1, true, 1, 3, "a");
    sharer_deliver(&two, 1, true, 1, 2, "b");
    sharer_close(&one);
    ground.query("UPDATE dropfold_rejects SET raw = 'edited' WHERE row_number = 1");
    ground.query("DELETE FROM dropfold_rejects WHERE row_number = 2");
    struct subject *s = sharer_init(&one, "one", true);
    const struct progress *progress = target_progress(s->target);
    s->delivery = (struct delivery){.from = *progress, .to = *progress, .compare = true};
    s->delivery.upserts[1] = s->delivery.to.rows[1] = 3;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, rejected_rows(&one, 1, 3, "a")));
    assert_works(subject_compare(s, 0));
    assert_drift(s, 0, 0, 0);
    assert_works(subject_compare(s, 1));
    assert_drift(s, 1, 0, 1);
    assert_works(subject_mend(s, 0));
    assert_works(subject_mend(s, 1));
    assert_works(subject_commit(s));
    sharer_close(&one);
    sharer_close(&two);
    assert_query(RAWS, "one|a|3\ntwo|edited|1\n");
}

/* A pipeline with a table that has a list of files, and a view over it. */
struct lister {
    struct arena arena;
    struct table tables[1 + PIPELINE_LEDGER_TABLES];
    struct column columns[2];
    struct view view;
    struct pipeline pipeline;
    struct subject subject;
};

static struct subject *lister_init(struct lister *lister, bool look)
{
    const struct target_options options = {.address = ground.address, .look = look, .mend = look};
    arena_init(&lister->arena, 1024 * 1024);
    assert_true(pipeline_ledger_tables(&lister->arena, lister->tables + 1));
    lister->columns[0] = support_column("id", SQL_BIGINT, true, 0);
    lister->columns[1] = support_column("the files", SQL_BIGINTS, true, 0);
    lister->columns[1].kind = COLUMN_FILES;
    lister->tables[0] =
        (struct table){.name = "made", .columns = lister->columns, .column_count = 2, .key = {0}, .key_count = 1};
    lister->view = (struct view){.name = "made_of", .kind = VIEW_FILES, .table = 0, .on = 1};
    lister->pipeline = (struct pipeline){.name = "it's mine",
                                         .tables = lister->tables,
                                         .table_count = 1,
                                         .ledger_count = PIPELINE_LEDGER_TABLES,
                                         .views = &lister->view,
                                         .view_count = 1};
    subject_init_as(&lister->subject, &lister->pipeline, &options);
    assert_works(subject_open(&lister->subject));
    return &lister->subject;
}

static void lister_close(struct lister *lister)
{
    subject_close(&lister->subject);
    arena_close(&lister->arena);
}

/* Row n is made of the files n, n + 1, ... n + count - 1. */
static struct block *listed_rows(int64_t first, size_t rows, size_t count)
{
    struct block *block = support_block(0, false, rows, 2);
    for (size_t i = 0; i < rows; i++) {
        int64_t numbers[8];
        for (size_t n = 0; n < count; n++)
            numbers[n] = first + (int64_t)(i + n);
        block->cells[2 * i] = CELL_OF_INT(first + (int64_t)i);
        struct slice bytes = arena_copy(&block->arena, (struct slice){(const char *)numbers, count * sizeof *numbers});
        assert_non_null(bytes.data);
        block->cells[2 * i + 1] = (struct cell){.kind = CELL_LIST, .text = bytes};
    }
    return block;
}

static struct block *listed_file(const struct lister *lister, int64_t sequence, const char *name)
{
    struct block *block = support_block(1, false, 1, LEDGER_FILE_COLUMNS);
    for (size_t i = 0; i < LEDGER_FILE_COLUMNS; i++)
        if (lister->tables[1].columns[i].not_null)
            block->cells[i] = lister->tables[1].columns[i].type == SQL_TEXT ? CELL_OF_TEXT("x") : CELL_OF_INT(0);
    block->cells[LEDGER_FILE_PIPELINE] = CELL_OF_TEXT(lister->pipeline.name);
    block->cells[LEDGER_FILE_ID] = block->cells[LEDGER_FILE_SEQUENCE] = CELL_OF_INT(sequence);
    block->cells[LEDGER_FILE_STATE] = CELL_OF_TEXT("applied");
    block->cells[LEDGER_FILE_NAME] = CELL_OF_TEXT(name);
    return block;
}

static void lister_deliver(struct lister *lister, uint64_t sequence, int64_t first, size_t rows, size_t count,
                           const char *file)
{
    struct subject *s = &lister->subject;
    subject_prepare(s, sequence, false);
    s->delivery.upserts[0] = s->delivery.to.rows[0] = rows;
    s->delivery.upserts[1] = file ? 1 : 0;
    assert_works(subject_begin(s));
    for (size_t at = 0; at < rows; at += BLOCK_ROWS_MAX) {
        size_t part = rows - at < BLOCK_ROWS_MAX ? rows - at : BLOCK_ROWS_MAX;
        assert_works(subject_write(s, listed_rows(first + (int64_t)at, part, count)));
    }
    if (file)
        assert_works(subject_write(s, listed_file(lister, (int64_t)sequence, file)));
    assert_works(subject_commit(s));
}

static void keeps_lists_and_leads_from_them_to_files(void **state)
{
    (void)state;
    struct lister lister;
    const char *lists = ground.postgresql ? "{1,2}|{2}|{3}\n" : "[1,2]|[2]|[3]\n";
    ground.clean();
    lister_init(&lister, false);
    lister_deliver(&lister, 1, 1, 2, 1, "one.csv");  /* by COPY into an empty table */
    lister_deliver(&lister, 2, 1, 1, 2, "it's.csv"); /* by arrays over a row */
    lister_deliver(&lister, 3, 3, 5000, 1, "3.csv"); /* many */
    assert_query("SELECT (SELECT \"the files\" FROM made WHERE id = 1), (SELECT \"the files\" FROM made WHERE id = 2),"
                 " (SELECT \"the files\" FROM made WHERE id = 3)",
                 lists);
    assert_query("SELECT id, file_id, sequence, name FROM made_of ORDER BY id, sequence",
                 "1|1|1|one.csv\n1|2|2|it's.csv\n2|2|2|it's.csv\n3|3|3|3.csv\n");
    lister_close(&lister);
    ground.query(ground.postgresql ? "UPDATE made SET \"the files\" = '{7}' WHERE id = 2"
                                   : "UPDATE made SET \"the files\" = '[7]' WHERE id = 2");
    struct subject *s = lister_init(&lister, true);
    const struct progress *progress = target_progress(s->target);
    s->delivery = (struct delivery){.from = *progress, .to = *progress, .compare = true};
    s->delivery.upserts[0] = 2;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, listed_rows(1, 1, 2)));
    assert_works(subject_write(s, listed_rows(2, 1, 1)));
    assert_works(subject_compare(s, 0));
    assert_drift(s, 0, 5000, 1);
    assert_works(subject_read_drift(s, 0, 0));
    assert_value(&target_drift_page(s->target)->values[1], ground.postgresql ? "{2}" : "[2]",
                 ground.postgresql ? "{7}" : "[7]", true);
    assert_works(subject_mend(s, 0));
    assert_query("SELECT count(*) FROM made", "5002\n"); /* not before the commit */
    lister_close(&lister);
}

#define TARGET_SHARED_CASES                                                                                            \
    cmocka_unit_test(keeps_the_rows_of_pipelines_apart_in_a_table_that_they_share),                                    \
        cmocka_unit_test(notices_that_its_rows_of_a_shared_table_are_gone),                                            \
        cmocka_unit_test(compares_and_mends_only_its_rows_of_a_shared_table),                                          \
        cmocka_unit_test(keeps_lists_and_leads_from_them_to_files)

#endif
