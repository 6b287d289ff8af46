/* Blocks in slabs: zeroed, apart from each other, and gone in the end. */
#include "base/slabs.h"
#include "base/attr.h"
#include "testing.h"

enum { BLOCKS = 300, STEPS = 3000, LARGEST = 200 * 1024, SLAB = 8 * 1024 * 1024, LARGEST_OF_ALL = SLAB / 8 };

struct held {
    unsigned char *block, mark;
    size_t size;
};

static void assert_all(const struct held *held, unsigned char value)
{
    for (size_t i = 0; i < held->size; i++)
        if (held->block[i] != value)
            fail_msg("byte %zu is %d and not %d", i, held->block[i], value);
}

static void blocks_are_zeroed_and_nobody_elses(void **state)
{
    (void)state;
    static struct held held[BLOCKS];
    struct slabs slabs = {0};
    uint32_t seed = 1;
    char other;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        struct held *at = &held[(seed >> 8) % BLOCKS];
        if (at->block) {
            assert_all(at, at->mark);
            assert_true(slabs_give(&slabs, at->block, at->size));
            at->block = NULL;
            continue;
        }
        at->size = 1 + (seed >> 4) % LARGEST;
        at->mark = (unsigned char)(1 + i % 255);
        at->block = slabs_take(&slabs, at->size);
        assert_non_null(at->block);
        assert_int_equal((uintptr_t)at->block % 64, 0);
        assert_all(at, 0);
        memset(at->block, at->mark, at->size);
    }
    assert_false(slabs_give(&slabs, &other, 1));
    for (int i = 0; i < BLOCKS; i++) {
        if (!held[i].block)
            continue;
        assert_all(&held[i], held[i].mark);
        assert_true(slabs_give(&slabs, held[i].block, held[i].size));
    }
    assert_null(slabs.first);
}

static void what_is_too_large_for_a_slab_is_refused(void **state)
{
    (void)state;
    struct slabs slabs = {0};
    assert_null(slabs_take(&slabs, LARGEST_OF_ALL + 1));
    assert_null(slabs.first);
    char *block = slabs_take(&slabs, LARGEST_OF_ALL);
    assert_non_null(block);
    assert_true(slabs_give(&slabs, block, LARGEST_OF_ALL));
    assert_null(slabs.first);
}

/* Whoever has a block asks whose it is before it is given back. */
static void what_lies_in_any_of_the_slabs_is_theirs_and_nothing_else(void **state)
{
    (void)state;
    struct slabs slabs = {0};
    char *blocks[20], other = 0;
    assert_false(slabs_have(&slabs, &other));
    blocks[0] = slabs_take(&slabs, LARGEST_OF_ALL);
    assert_true(slabs_have(&slabs, blocks[0]));
    assert_true(slabs_have(&slabs, blocks[0] + SLAB - 1));
    assert_false(slabs_have(&slabs, blocks[0] + SLAB));
    assert_false(slabs_have(&slabs, blocks[0] - 1));
    for (size_t i = 1; i < COUNT_OF(blocks); i++)
        assert_non_null(blocks[i] = slabs_take(&slabs, LARGEST_OF_ALL));
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        assert_true(slabs_have(&slabs, blocks[i]));
    assert_false(slabs_have(&slabs, &other));
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        assert_true(slabs_give(&slabs, blocks[i], LARGEST_OF_ALL));
    assert_null(slabs.first);
    assert_false(slabs_have(&slabs, blocks[0]));
}

/* Pages that were given back hold nothing when they are looked at again, and their neighbours all that they held. */
static void a_block_gives_its_pages_back_while_others_stay(void **state)
{
    (void)state;
    struct slabs slabs = {0};
    struct held held[3];
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        held[i] = (struct held){slabs_take(&slabs, LARGEST), (unsigned char)(i + 1), LARGEST};
        assert_non_null(held[i].block);
        memset(held[i].block, held[i].mark, LARGEST);
    }
    assert_true(slabs_give(&slabs, held[1].block, LARGEST));
    assert_int_equal(held[1].block[LARGEST / 2], 0);
    assert_all(&held[0], 1);
    assert_all(&held[2], 3);
    assert_true(slabs_give(&slabs, held[0].block, LARGEST));
    assert_true(slabs_give(&slabs, held[2].block, LARGEST));
    assert_null(slabs.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_are_zeroed_and_nobody_elses),
                                       cmocka_unit_test(what_is_too_large_for_a_slab_is_refused),
                                       cmocka_unit_test(what_lies_in_any_of_the_slabs_is_theirs_and_nothing_else),
                                       cmocka_unit_test(a_block_gives_its_pages_back_while_others_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
