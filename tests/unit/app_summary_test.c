#include "testing.h"

#include "app/summary.h"

static struct pipeline two_feeds_one_table(void)
{
    return (struct pipeline){.feed_count = 2, .table_count = 1};
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    struct pipeline pipeline = two_feeds_one_table();
    struct engine_stats stats = {.records = {5, UINT64_MAX},
                                 .waiting = {0, 3},
                                 .groups = {9},
                                 .mixed = {2},
                                 .units = 4,
                                 .grain_conflicts = 6,
                                 .memory = 7,
                                 .closed = 8,
                                 .closed_waiting = 9,
                                 .closed_groups = {5},
                                 .closed_before = -864000,
                                 .watermark = 77};
    struct engine_stats back;
    struct buf text;
    buf_init(&text, 4096);
    summary_write(&stats, &pipeline, &text);
    summary_read(buf_slice(&text), &pipeline, &back);
    assert_memory_equal(&stats, &back, sizeof stats);
    /* Stores have texts of earlier builds. */
    assert_slice(buf_slice(&text),
                 "records 5 18446744073709551615\nwaiting 0 3\ngroups 9\nmixed 2\nunits 4\nconflicts 6\n"
                 "memory 7\nclosed 8\nclosed_waiting 9\nclosed_groups 5\n"
                 "closed_before 18446744073708687616\nwatermark 77\n");
    buf_close(&text);
}

static void leaves_out_what_it_does_not_know(void **state)
{
    (void)state;
    struct pipeline pipeline = two_feeds_one_table();
    struct engine_stats back, nothing = {.closed_before = INT64_MIN, .watermark = INT64_MIN};
    summary_read(SLICE("colour 3\nrecords\n\nunits"), &pipeline, &back);
    assert_memory_equal(&back, &nothing, sizeof nothing);
}

static void ignores_numbers_beyond_the_feeds_of_the_pipeline(void **state)
{
    (void)state;
    struct pipeline pipeline = two_feeds_one_table();
    struct engine_stats back;
    summary_read(SLICE("records 1 2 3 4\nunits 8\n"), &pipeline, &back);
    assert_int_equal(back.records[1], 2);
    assert_int_equal(back.records[2], 0);
    assert_int_equal(back.units, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(leaves_out_what_it_does_not_know),
        cmocka_unit_test(ignores_numbers_beyond_the_feeds_of_the_pipeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
