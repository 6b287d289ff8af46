#include "target_support.h"

static void takes_everything_and_keeps_nothing(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    support_pipeline_init(&p);
    subject_init(&s, &p.pipeline, "none:", 0);
    assert_string_equal(target_name(s.target), "none:");
    assert_works(subject_open(&s));
    subject_deliver(&s, 1, true, 1, 10000, "gone");
    assert_int_equal(target_progress(s.target)->sequence, 1);
    assert_int_equal(target_rows(s.target)[KINDS], 10000);
    subject_deliver(&s, 2, false, 1, 1, "gone");
    target_abort(s.target);
    assert_works(subject_open(&s));
    assert_int_equal(target_progress(s.target)->sequence, 2); /* to be asked now and then costs no delivery */
    subject_close(&s);
    subject_init(&s, &p.pipeline, "none:", 0);
    assert_works(subject_open(&s));
    assert_false(target_progress(s.target)->present);
    subject_close(&s);
}

static void compares_the_progress_as_others_do(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    support_pipeline_init(&p);
    subject_init(&s, &p.pipeline, "none:", 0);
    assert_works(subject_open(&s));
    subject_prepare(&s, 2, false);
    s.delivery.from = support_progress(1, 1);
    assert_fails(subject_begin(&s), ERROR_DIVERGED, "no progress, not sequence 1");
    assert_false(target_is_open(s.target));
    subject_close(&s);
}

static void closes_without_having_been_opened(void **state)
{
    (void)state;
    struct support_pipeline p;
    struct subject s;
    support_pipeline_init(&p);
    subject_init(&s, &p.pipeline, "none:", 0);
    target_abort(s.target);
    subject_close(&s);
}

static void keeps_names_of_its_own_from_pipelines(void **state)
{
    (void)state;
    struct error error;
    struct target *target;
    struct support_pipeline p;
    struct target_options options = {.address = "none:"};
    support_pipeline_init(&p);
    p.views[1].name = "dropfold_progress";
    assert_false(target_new(&target, NULL, &p.pipeline, &options, &error));
    assert_error(&error, ERROR_CONFIG, "dropfold_progress");
    support_pipeline_init(&p);
    p.tables[SALES].name = "dropfold_stage_0";
    assert_false(target_new(&target, NULL, &p.pipeline, &options, &error));
    assert_error(&error, ERROR_CONFIG, "dropfold_stage_0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_everything_and_keeps_nothing),
        cmocka_unit_test(compares_the_progress_as_others_do),
        cmocka_unit_test(closes_without_having_been_opened),
        cmocka_unit_test(keeps_names_of_its_own_from_pipelines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
