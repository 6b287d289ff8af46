/*
 * What every database that is a target must do: the same tests for all, against a `ground` that says where and how to
 * look from outside. These are about deliveries, the histories they belong to and their ends.
 */
#ifndef DROPFOLD_TESTS_TARGET_CASES_H
#define DROPFOLD_TESTS_TARGET_CASES_H

#include "target_ground.h"

#include "base/clock.h"

/* --- deliveries --------------------------------------------------------------------------------------------------- */

static void makes_what_is_missing_and_finds_it_again(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_false(target_is_open(s->target));
    assert_works(subject_open(s));
    assert_true(target_is_open(s->target));
    assert_false(target_progress(s->target)->present);
    assert_int_equal(target_rows(s->target)[KINDS], 0);
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "0\n");
    assert_query("SELECT count(*) FROM dropfold_progress", "0\n");
    s = place_again(&place);
    assert_works(subject_open(s));
    subject_close(s);
}

static void delivers_in_full_then_changes(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 5, "old");
    assert_query("SELECT id, big, cents, t FROM kinds WHERE id = 2", "2|10000000002|2.25|old\n");
    subject_prepare(s, 2, false);
    s->delivery.upserts[KINDS] = 3;
    s->delivery.deletes[KINDS] = 2;
    s->delivery.to.rows[KINDS] = 5;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(1, 2)));
    assert_works(subject_write(s, support_kinds_block(5, 3, "new")));
    assert_query("SELECT count(*) FROM kinds WHERE t = 'new'", "0\n"); /* nobody sees half a delivery */
    assert_works(subject_commit(s));
    assert_query("SELECT id, t FROM kinds ORDER BY id", "3|old\n4|old\n5|new\n6|new\n7|new\n");
    assert_int_equal(target_progress(s->target)->sequence, 2);
    assert_int_equal(target_rows(s->target)[KINDS], 5);
    subject_close(s);
}

static void remembers_its_progress(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 7, true, 1, 5, "x");
    struct progress last = s->delivery.to;
    subject_close(s);
    s = place_again(&place);
    assert_works(subject_open(s));
    assert_true(progress_equal(target_progress(s->target), &last));
    assert_int_equal(target_rows(s->target)[KINDS], 5);
    assert_int_equal(target_rows(s->target)[SALES], 0);
    subject_close(s);
    assert_query("SELECT epoch, sequence FROM dropfold_progress", "11111111-2222-4333-8444-555555555555|7\n");
}

static void takes_large_deliveries(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 40000, "first");
    assert_query("SELECT count(*), min(id), max(id) FROM kinds", "40000|1|40000\n");
    subject_deliver(s, 2, false, 20001, 50000, "second");
    assert_query("SELECT t, count(*), max(id) FROM kinds GROUP BY t ORDER BY t",
                 "first|20000|20000\nsecond|50000|70000\n");
    subject_prepare(s, 3, false);
    s->delivery.deletes[KINDS] = 4000;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_deletes(1, 4000)));
    assert_works(subject_commit(s));
    assert_query("SELECT count(*), min(id) FROM kinds", "66000|4001\n");
    subject_close(s);
}

static void replaces_all_rows_in_full(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3000, "old");
    subject_deliver(s, 2, true, 100, 10, "new");
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "new|10\n");
    subject_close(s);
}

static void copies_into_a_table_that_an_increment_finds_empty(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, false, 1, 3000, "a");
    subject_deliver(s, 2, false, 2999, 1001, "b");
    subject_deliver(s, 3, false, 3999, 1, "c");
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t ORDER BY t", "a|2998\nb|1000\nc|1\n");
    subject_close(s);
}

/* --- histories ---------------------------------------------------------------------------------------------------- */

static void refuse_other_progress(struct subject *s, struct progress from)
{
    assert_works(subject_open(s));
    subject_prepare(s, 9, true);
    s->delivery.from = from;
    assert_fails(subject_begin(s), ERROR_DIVERGED, "the target holds");
    assert_false(target_is_open(s->target));
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "kept|3\n");
}

static void refuses_another_history_and_touches_nothing(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 5, true, 1, 3, "kept");
    target_abort(s->target);
    refuse_other_progress(s, support_progress(4, 5));
    refuse_other_progress(s, support_progress(5, 4)); /* only the digest differs */
    struct progress other = support_progress(5, 5);
    other.rows[KINDS] = 2; /* only this does: an older dump, of the same change */
    refuse_other_progress(s, other);
    other.rows[KINDS] = 3;
    other.epoch[0] = '2';
    refuse_other_progress(s, other);
    refuse_other_progress(s, (struct progress){.present = false});
    assert_works(subject_open(s));
    subject_deliver(s, 6, false, 4, 1, "more");
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "4\n");
}

static void refuses_a_progress_that_was_lost(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 5, true, 1, 3, "kept");
    ground.query("DELETE FROM dropfold_progress");
    subject_prepare(s, 6, false);
    assert_fails(subject_begin(s), ERROR_DIVERGED, "no progress");
    subject_close(s);
}

/* What a delivery into a place that is not what it was says, and that opening it again finds out. */
static void notice(struct subject *s, const char *change, const char *wanted)
{
    assert_works(subject_open(s));
    subject_deliver(s, 5, true, 1, 3, "kept");
    ground.query(change);
    subject_prepare(s, 6, false);
    s->delivery.upserts[KINDS] = 1;
    assert_fails(subject_begin(s), ERROR_DIVERGED, wanted);
    assert_works(subject_open(s));
    assert_int_equal(target_rows(s->target)[KINDS], 0);
    subject_deliver(s, 7, true, 1, 2, "again");
    target_abort(s->target);
}

static void notices_tables_that_are_emptied_or_gone_since_it_opened(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    notice(s, "DELETE FROM kinds", "table \"kinds\" is empty; the delivery before left 3 rows there");
    notice(s, ground.postgresql ? "DROP TABLE kinds CASCADE" : "DROP TABLE kinds", "kinds");
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "2\n");
}

static void lets_one_of_two_first_deliveries_win(void **state)
{
    (void)state;
    struct place one, two;
    struct subject *a = place_init(&one), *b = place_again(&two);
    assert_works(subject_open(a));
    assert_works(subject_open(b));
    subject_prepare(a, 1, true);
    subject_prepare(b, 1, true);
    b->delivery.to.epoch[0] = '2';
    assert_works(subject_begin(a));
    target_begin(b->target, &b->delivery, support_answered, &b->answer);
    for (int i = 0; i < 10; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_int_equal(b->answer.count, 0); /* it waits for the first */
    assert_works(subject_commit(a));
    assert_fails(subject_wait(b), ERROR_DIVERGED, "sequence 1 of epoch 1");
    subject_close(a);
    subject_close(b);
    assert_query("SELECT count(*) FROM dropfold_progress", "1\n");
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void leaves_nothing_of_an_aborted_delivery(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    subject_prepare(s, 2, true);
    s->delivery.upserts[KINDS] = 5000;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_block(1, 4000, "dropped")));
    target_write(s->target, support_kinds_block(4001, 1000, "dropped"), support_answered, &s->answer);
    target_abort(s->target);
    assert_false(target_is_open(s->target));
    assert_fails(subject_wait(s), ERROR_TARGET, "called off");
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 1);
    assert_int_equal(target_rows(s->target)[KINDS], 3);
    subject_deliver(s, 2, false, 4, 1, "kept");
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "kept|4\n");
}

static void answers_once_when_closed_during_a_call(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    target_open(s->target, support_answered, &s->answer);
    subject_close(s);
    assert_int_equal(s->answer.count, 1);
    assert_false(s->answer.ok);
    s = place_again(&place);
    assert_works(subject_open(s));
    subject_prepare(s, 1, true);
    target_begin(s->target, &s->delivery, support_answered, &s->answer);
    subject_close(s);
    assert_int_equal(s->answer.count, 1);
    assert_error(&s->answer.error, ERROR_TARGET, "called off");
}

static void opens_again_right_after_an_abort(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    target_open(s->target, support_answered, &s->answer);
    target_abort(s->target);
    assert_fails(subject_wait(s), ERROR_TARGET, "called off");
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 1, "x");
    target_abort(s->target);
    assert_works(subject_open(s));
    subject_close(s);
}

static void lets_two_make_the_tables_at_once(void **state)
{
    (void)state;
    struct place one, two;
    struct subject *a = place_init(&one), *b = place_again(&two);
    target_open(a->target, support_answered, &a->answer);
    target_open(b->target, support_answered, &b->answer);
    for (int64_t end = clock_monotonic() + SUPPORT_PATIENCE;
         a->answer.count + b->answer.count < 2 && clock_monotonic() < end;) {
        uv_run(&a->loop, UV_RUN_NOWAIT);
        uv_run(&b->loop, UV_RUN_NOWAIT);
    }
    assert_works(subject_wait(a));
    assert_works(subject_wait(b));
    subject_close(a);
    subject_close(b);
}

static void looks_without_making_anything(void **state)
{
    (void)state;
    struct place place;
    struct subject *s;
    ground.clean();
    s = place_look(&place);
    assert_works(subject_open(s));
    assert_false(target_progress(s->target)->present);
    assert_int_equal(target_rows(s->target)[KINDS], 0);
    assert_non_null(target_missing(s->target));
    target_abort(s->target);
    ground.query("CREATE TABLE another (x integer)"); /* makes the file */
    assert_works(subject_open(s));
    subject_close(s);
    assert_query(ground.postgresql ? "SELECT count(*) FROM pg_class WHERE relname = 'kinds'"
                                   : "SELECT count(*) FROM sqlite_master WHERE name = 'kinds'",
                 "0\n");
}

static void looks_at_what_is_there(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 3, true, 1, 5, "x");
    subject_close(s);
    ground.query("DROP VIEW latest_window");
    s = place_look(&place);
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 3);
    assert_int_equal(target_rows(s->target)[KINDS], 5);
    target_abort(s->target);
    ground.query("DROP TABLE dropfold_progress");
    assert_works(subject_open(s));
    assert_false(target_progress(s->target)->present);
    assert_int_equal(target_rows(s->target)[KINDS], 5);
    subject_close(s);
}

static void close_in_answer(void *context, const struct error *error)
{
    struct subject *s = context;
    assert_null(error);
    target_close(s->target, support_closed, &s->answer);
}

static void may_be_closed_by_an_answer(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    target_open(s->target, close_in_answer, s);
    support_wait(&s->answer);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static void refuses_calls_out_of_order(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_fails(subject_commit(s), ERROR_BUG, "closed and not delivering");
    assert_works(subject_open(s));
    assert_fails(subject_write(s, support_kinds_block(1, 1, "x")), ERROR_BUG, "idle and not delivering");
    assert_false(target_is_open(s->target));
    subject_close(s);
}

static void does_not_commit_half_of_what_was_announced(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_prepare(s, 1, true);
    s->delivery.upserts[KINDS] = 2;
    assert_works(subject_begin(s));
    assert_works(subject_write(s, support_kinds_block(1, 1, "half")));
    assert_fails(subject_commit(s), ERROR_BUG, "announced 2 upserts");
    subject_close(s);
    assert_query("SELECT count(*) FROM kinds", "0\n");
}

static void delivers_the_progress_of_a_pipeline_without_tables(void **state)
{
    (void)state;
    struct subject s;
    const struct pipeline pipeline = {.name = "nothing"};
    ground.clean();
    subject_init(&s, &pipeline, ground.address, 0);
    assert_works(subject_open(&s));
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        subject_prepare(&s, sequence, sequence == 2);
        assert_works(subject_begin(&s));
        assert_works(subject_commit(&s));
    }
    subject_close(&s);
    assert_query("SELECT sequence FROM dropfold_progress", "3\n");
}

static void tells_data_that_is_refused(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "kept");
    subject_prepare(s, 2, false);
    s->delivery.upserts[SALES] = 1;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_block(SALES, false, 1, SALES_COLUMNS)), ERROR_REFUSED, "customer_id");
    assert_false(target_is_open(s->target));
    assert_works(subject_open(s));
    assert_int_equal(target_progress(s->target)->sequence, 1);
    subject_close(s);
}

/* One of somebody else's. The row that has the value already stays. */
static void tells_rows_that_another_unique_index_refuses(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 4, "kept");
    ground.query("CREATE UNIQUE INDEX mine ON kinds (t) WHERE id > 3");
    subject_prepare(s, 2, false);
    s->delivery.upserts[KINDS] = 1;
    assert_works(subject_begin(s));
    assert_fails(subject_write(s, support_kinds_block(5, 1, "kept")), ERROR_REFUSED, "kinds");
    assert_works(subject_open(s));
    subject_deliver(s, 2, false, 2, 3, "new"); /* over rows that are there */
    subject_close(s);
    assert_query("SELECT id, t FROM kinds ORDER BY id", "1|kept\n2|new\n3|new\n4|new\n");
}

#define TARGET_CASES                                                                                                   \
    cmocka_unit_test(makes_what_is_missing_and_finds_it_again), cmocka_unit_test(delivers_in_full_then_changes),       \
        cmocka_unit_test(remembers_its_progress), cmocka_unit_test(takes_large_deliveries),                            \
        cmocka_unit_test(replaces_all_rows_in_full),                                                                   \
        cmocka_unit_test(copies_into_a_table_that_an_increment_finds_empty),                                           \
        cmocka_unit_test(refuses_another_history_and_touches_nothing),                                                 \
        cmocka_unit_test(notices_tables_that_are_emptied_or_gone_since_it_opened),                                     \
        cmocka_unit_test(refuses_a_progress_that_was_lost), cmocka_unit_test(lets_one_of_two_first_deliveries_win),    \
        cmocka_unit_test(leaves_nothing_of_an_aborted_delivery), cmocka_unit_test(looks_without_making_anything),      \
        cmocka_unit_test(looks_at_what_is_there), cmocka_unit_test(answers_once_when_closed_during_a_call),            \
        cmocka_unit_test(lets_two_make_the_tables_at_once), cmocka_unit_test(opens_again_right_after_an_abort),        \
        cmocka_unit_test(may_be_closed_by_an_answer), cmocka_unit_test(refuses_calls_out_of_order),                    \
        cmocka_unit_test(does_not_commit_half_of_what_was_announced), cmocka_unit_test(tells_data_that_is_refused),    \
        cmocka_unit_test(delivers_the_progress_of_a_pipeline_without_tables),                                          \
        cmocka_unit_test(tells_rows_that_another_unique_index_refuses)

#endif
