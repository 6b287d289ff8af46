/* Blocks in slabs: zeroed, apart from each other, and gone in the end. */
#include "base/slabs.h"
#include "testing.h"

enum { BLOCKS = 300, STEPS = 3000, LARGEST = 200 * 1024 };

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
    assert_null(slabs_take(&slabs, 2 * 1024 * 1024));
    assert_null(slabs.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_are_zeroed_and_nobody_elses),
                                       cmocka_unit_test(what_is_too_large_for_a_slab_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
