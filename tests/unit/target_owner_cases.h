/* Pipelines that would deliver into one table: included by the tests of each database, after target_cases.h. */
#ifndef DROPFOLD_TESTS_TARGET_OWNER_CASES_H
#define DROPFOLD_TESTS_TARGET_OWNER_CASES_H

#include "target_ground.h"

/* Another pipeline of the same tables. */
static struct subject *rival_init(struct place *place, const char *name)
{
    support_pipeline_init(&place->pipeline);
    place->pipeline.pipeline.name = name;
    subject_init(&place->subject, &place->pipeline.pipeline, ground.address, 0);
    return &place->subject;
}

static void assert_taken(struct subject *s, const char *by)
{
    const char *found;
    const char *table = target_taken(s->target, &found);
    assert_string_equal(table ? table : "", by ? "kinds" : "");
    assert_string_equal(by ? by : "", table ? found : "");
}

/* Empties it: nothing is in the table that would tell whose it is. */
static void deliver_nothing(struct subject *s, uint64_t sequence)
{
    subject_deliver(s, sequence, true, 1, 0, "");
}

static void tells_tables_of_another_pipeline(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r;
    assert_works(subject_open(s));
    deliver_nothing(s, 1);
    r = rival_init(&rival, "rival");
    assert_works(subject_open(r));
    assert_taken(r, place.pipeline.pipeline.name);
    subject_close(r);
    target_abort(s->target);
    assert_works(subject_open(s));
    assert_taken(s, NULL);
    rival.pipeline.tables[KINDS].name = "others"; /* sales and the third are left */
    subject_init(r, &rival.pipeline.pipeline, ground.address, 0);
    assert_works(subject_open(r));
    const char *by;
    assert_string_equal(target_taken(r->target, &by), "sales");
    subject_close(r);
    subject_close(s);
}

static void gives_tables_to_the_first_of_two_that_begin(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r = rival_init(&rival, "rival");
    assert_works(subject_open(s));
    assert_works(subject_open(r));
    assert_taken(r, NULL);
    deliver_nothing(s, 1);
    subject_prepare(r, 1, true);
    assert_fails(subject_begin(r), ERROR_DIVERGED, "has begun to deliver into table \"kinds\"");
    assert_works(subject_open(r));
    assert_taken(r, place.pipeline.pipeline.name);
    subject_deliver_among(s, 2, false, 1, 2, "its own", 2);
    subject_close(r);
    subject_close(s);
}

/* As a pipeline does that takes the place of another. */
static void takes_tables_over_and_ends_the_other_s_progress(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r;
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "old");
    r = rival_init(&rival, "rival");
    assert_works(subject_open(r));
    subject_deliver(r, 1, true, 1, 3, "new");
    assert_taken(r, NULL);
    subject_deliver_among(r, 2, false, 4, 1, "new", 4);
    subject_prepare(s, 2, false);
    assert_fails(subject_begin(s), ERROR_DIVERGED, "the target holds no progress");
    assert_works(subject_open(s));
    assert_taken(s, "rival");
    assert_false(target_progress(s->target)->present);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "new|4\n");
    subject_deliver(s, 1, true, 1, 1, "back");
    subject_prepare(r, 3, false);
    assert_fails(subject_begin(r), ERROR_DIVERGED, "the target holds no progress");
    subject_close(r);
    subject_close(s);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "back|1\n");
}

/* Else both would deliver into them. */
static void takes_no_tables_over_whose_progress_a_trigger_keeps(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r = rival_init(&rival, "rival");
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "old");
    ground.query(ground.postgresql
                     ? "CREATE RULE keep AS ON DELETE TO dropfold_progress DO INSTEAD NOTHING"
                     : "CREATE TRIGGER keep BEFORE DELETE ON dropfold_progress BEGIN SELECT RAISE(IGNORE); END");
    assert_works(subject_open(r));
    subject_prepare(r, 1, true);
    assert_fails(subject_begin(r), ERROR_REFUSED, "table \"dropfold_progress\" kept 1 row that should be gone");
    subject_close(r);
    subject_deliver_among(s, 2, false, 4, 1, "new", 4);
    subject_close(s);
}

static void marks_its_tables_in_a_progress_of_an_older_dropfold(void **state)
{
    (void)state;
    struct place place, rival;
    struct subject *s = place_init(&place), *r = rival_init(&rival, "rival");
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 3, "old");
    ground.query("UPDATE dropfold_progress SET rows = '{3,0,0}'");
    target_abort(s->target);
    assert_works(subject_open(s));
    assert_taken(s, NULL);
    assert_works(subject_open(r));
    assert_taken(r, NULL);
    subject_deliver_among(s, 2, false, 4, 1, "new", 4);
    subject_close(s);
    target_abort(r->target);
    assert_works(subject_open(r));
    assert_taken(r, place.pipeline.pipeline.name);
    subject_close(r);
}

#define TARGET_OWNER_CASES                                                                                             \
    cmocka_unit_test(tells_tables_of_another_pipeline), cmocka_unit_test(gives_tables_to_the_first_of_two_that_begin), \
        cmocka_unit_test(takes_tables_over_and_ends_the_other_s_progress),                                             \
        cmocka_unit_test(takes_no_tables_over_whose_progress_a_trigger_keeps),                                         \
        cmocka_unit_test(marks_its_tables_in_a_progress_of_an_older_dropfold)

#endif
