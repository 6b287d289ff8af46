#include "testing.h"

#include "model/delivery.h"

static void makes_blocks_of_null_cells(void **state)
{
    (void)state;
    struct block *block = block_new(3, true, 100, 7);
    assert_non_null(block);
    assert_int_equal(block->table, 3);
    assert_true(block->deletes);
    assert_int_equal(block->rows, 0);
    assert_int_equal(block->columns, 7);
    for (size_t i = 0; i < 700; i++) {
        assert_int_equal(block->cells[i].kind, CELL_NULL);
        block->cells[i] = (struct cell){.kind = CELL_NUMERIC, .n = (wide)1 << 100};
    }
    block_free(block);
}

static void leaves_a_full_block_all_its_bytes_for_texts(void **state)
{
    (void)state;
    struct block *block = block_new(0, false, BLOCK_ROWS_MAX, PIPELINE_COLUMNS_MAX);
    assert_non_null(block);
    assert_non_null(arena_alloc(&block->arena, BLOCK_BYTES_MAX));
    assert_null(arena_alloc(&block->arena, 1));
    block_free(block);
}

static void makes_no_block_beyond_memory(void **state)
{
    (void)state;
    assert_null(block_new(0, false, SIZE_MAX / 2, 3));
    struct block *empty = block_new(0, false, 0, 0);
    assert_non_null(empty);
    block_free(empty);
    block_free(NULL);
}

static struct progress some_progress(void)
{
    return (struct progress){.present = true,
                             .epoch = "0193d8a6-0000-7000-8000-000000000001",
                             .sequence = 7,
                             .digest = {{1, 2, 3}},
                             .rows = {10, 20}};
}

static void tells_progress_apart_by_each_of_its_parts(void **state)
{
    (void)state;
    const struct progress a = some_progress();
    struct progress b = some_progress();
    assert_true(progress_equal(&a, &b));
    b.epoch[35] = '2';
    assert_false(progress_equal(&a, &b));
    b = some_progress();
    b.sequence++;
    assert_false(progress_equal(&a, &b));
    b = some_progress();
    b.digest.bytes[DIGEST_SIZE - 1] = 1;
    assert_false(progress_equal(&a, &b));
    b = some_progress();
    b.rows[PIPELINE_TABLES_MAX - 1] = 1;
    assert_false(progress_equal(&a, &b));
    b = some_progress();
    b.present = false;
    assert_false(progress_equal(&a, &b));
    assert_false(progress_equal(&b, &a));
}

static void ignores_what_stands_behind_an_epochs_end(void **state)
{
    (void)state;
    struct progress a = some_progress(), b = some_progress();
    memcpy(a.epoch, "short\0x", 7);
    memcpy(b.epoch, "short\0y", 7);
    assert_true(progress_equal(&a, &b));
}

static void finds_all_missing_progress_alike(void **state)
{
    (void)state;
    struct progress a = {0}, b = some_progress();
    b.present = false;
    assert_true(progress_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_blocks_of_null_cells),
        cmocka_unit_test(leaves_a_full_block_all_its_bytes_for_texts),
        cmocka_unit_test(makes_no_block_beyond_memory),
        cmocka_unit_test(tells_progress_apart_by_each_of_its_parts),
        cmocka_unit_test(ignores_what_stands_behind_an_epochs_end),
        cmocka_unit_test(finds_all_missing_progress_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
