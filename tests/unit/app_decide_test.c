/* The rule about targets, one case a line of the table in docs/architecture.md. */
#include "testing.h"

#include <string.h>

#include "app/decide.h"

struct fixture {
    struct pipeline pipeline;
    struct progress store, target;
    uint64_t rows[PIPELINE_DELIVERED_MAX];
    struct decide_input input;
    struct error error;
};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->pipeline.name = "shop";
    f->pipeline.table_count = 2;
    f->store = (struct progress){.present = true, .epoch = "epoch-of-store", .sequence = 7};
    f->target = (struct progress){.present = true, .epoch = "epoch-of-store", .sequence = 7, .rows = {3, 4}};
    f->rows[0] = 3;
    f->rows[1] = 4;
    f->input = (struct decide_input){.pipeline = &f->pipeline,
                                     .target_name = "sqlite:shop.db",
                                     .store = &f->store,
                                     .target = &f->target,
                                     .target_rows = f->rows,
                                     .digest_known = true};
}

static void does_nothing_when_the_target_holds_everything(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(decide(&f.input, &f.error), DECIDE_NOTHING);
}

static void delivers_what_is_newer_than_the_target(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.target.sequence = 5;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_INCREMENTAL);
}

static void delivers_rows_of_the_ledger_that_are_no_change(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.pipeline.ledger_count = PIPELINE_LEDGER_TABLES;
    f.target.rows[2] = f.rows[2] = 9;
    f.input.files = 9;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_NOTHING);
    f.input.files = 10;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_INCREMENTAL);
}

static void refills_a_ledger_that_is_not_what_was_delivered(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.pipeline.ledger_count = PIPELINE_LEDGER_TABLES;
    f.target.rows[2] = f.rows[2] = 9;
    f.input.files = 8; /* an older copy of the store, which knows fewer notes */
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
    f.input.files = 9;
    f.rows[3] = 1; /* somebody added a rejected row */
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void refills_a_ledger_whose_newest_row_is_another_one(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.pipeline.ledger_count = PIPELINE_LEDGER_TABLES;
    f.target.rows[2] = f.rows[2] = 9;
    f.input.files = 10; /* an older copy of the store, which noted others since */
    f.input.mark = 12;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_INCREMENTAL); /* of a former dropfold */
    f.target.rows[4] = 12;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_INCREMENTAL);
    f.target.rows[4] = 11;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
    f.pipeline.ledger_count = 0;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_NOTHING);
}

static void refuses_tables_that_another_pipeline_delivers_into_until_told_to_overwrite(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.input.taken = "orders";
    f.input.taken_by = "depot";
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
    assert_error(&f.error, ERROR_DIVERGED,
                 "pipeline depot delivers into table \"orders\" of sqlite:shop.db, and shop would take its rows out");
    f.input.rebuild = true; /* which nobody asks for without knowing of it */
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
    f.input.rebuild = false;
    f.input.overwrite = true;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL); /* also where nothing else is amiss */
}

static void fills_an_empty_target(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.target = (struct progress){0};
    f.rows[0] = f.rows[1] = 0;
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void refills_tables_whose_number_of_rows_is_not_what_was_delivered(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.rows[1] = 0;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
    f.rows[1] = 5;
    f.target.sequence = 3;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void refuses_rows_without_progress_until_told_to_overwrite(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.target = (struct progress){0};
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
    assert_int_equal(f.error.kind, ERROR_DIVERGED);
    assert_non_null(strstr(f.error.text, "7 groups"));
    f.input.overwrite = true;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void refuses_a_target_that_is_ahead(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.target.sequence = 9;
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
    assert_non_null(strstr(f.error.text, "is ahead of this store"));
    assert_non_null(strstr(f.error.text, "dropfold replay --rebuild --yes"));
    f.input.overwrite = true;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void refuses_another_history_of_the_same_epoch(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
    assert_non_null(strstr(f.error.text, "tells another history"));
}

static void refuses_the_groups_of_another_store_and_names_what_is_at_stake(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    strcpy(f.target.epoch, "epoch-of-another");
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
    assert_non_null(strstr(f.error.text, "7 groups"));
    assert_non_null(strstr(f.error.text, "epoch-of-another"));
    assert_non_null(strstr(f.error.text, "dropfold replay --rebuild --yes"));
    f.input.overwrite = true;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void takes_over_what_a_replaced_store_delivered(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    strcpy(f.target.epoch, "epoch-of-another");
    f.input.digest_known = false;
    f.input.adopted = true;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void takes_over_another_epoch_that_holds_nothing(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    strcpy(f.target.epoch, "epoch-of-another");
    f.rows[0] = f.rows[1] = 0;
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void refills_a_target_from_before_a_file_was_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.input.rewritten = 6;
    f.target.sequence = 5;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
    f.target.sequence = 0;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

static void delivers_what_is_newer_than_the_last_forgotten_file(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.input.rewritten = f.target.sequence = 6;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_INCREMENTAL);
    f.target.sequence = 7;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_NOTHING);
}

static void refuses_another_history_also_when_a_file_was_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.input.rewritten = 6;
    f.target.sequence = 5;
    f.input.digest_known = false;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_REFUSE);
}

static void delivers_in_full_when_asked_to(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    f.input.rebuild = true;
    assert_int_equal(decide(&f.input, &f.error), DECIDE_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_nothing_when_the_target_holds_everything),
        cmocka_unit_test(delivers_what_is_newer_than_the_target),
        cmocka_unit_test(delivers_rows_of_the_ledger_that_are_no_change),
        cmocka_unit_test(refills_a_ledger_that_is_not_what_was_delivered),
        cmocka_unit_test(refuses_tables_that_another_pipeline_delivers_into_until_told_to_overwrite),
        cmocka_unit_test(refills_a_ledger_whose_newest_row_is_another_one),
        cmocka_unit_test(fills_an_empty_target),
        cmocka_unit_test(refills_tables_whose_number_of_rows_is_not_what_was_delivered),
        cmocka_unit_test(refuses_rows_without_progress_until_told_to_overwrite),
        cmocka_unit_test(refuses_a_target_that_is_ahead),
        cmocka_unit_test(refuses_another_history_of_the_same_epoch),
        cmocka_unit_test(refuses_the_groups_of_another_store_and_names_what_is_at_stake),
        cmocka_unit_test(takes_over_what_a_replaced_store_delivered),
        cmocka_unit_test(takes_over_another_epoch_that_holds_nothing),
        cmocka_unit_test(refills_a_target_from_before_a_file_was_forgotten),
        cmocka_unit_test(delivers_what_is_newer_than_the_last_forgotten_file),
        cmocka_unit_test(refuses_another_history_also_when_a_file_was_forgotten),
        cmocka_unit_test(delivers_in_full_when_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
