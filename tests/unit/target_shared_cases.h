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

#define TARGET_SHARED_CASES                                                                                            \
    cmocka_unit_test(keeps_the_rows_of_pipelines_apart_in_a_table_that_they_share),                                    \
        cmocka_unit_test(notices_that_its_rows_of_a_shared_table_are_gone),                                            \
        cmocka_unit_test(compares_and_mends_only_its_rows_of_a_shared_table)

#endif
