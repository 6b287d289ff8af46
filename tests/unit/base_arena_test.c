#include "testing.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "base/arena.h"

static void aligns_pieces_for_any_type(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    for (size_t size = 0; size < 100; size++) {
        /* A copied byte in between leaves the next free byte at an odd place. */
        assert_non_null(arena_copy(&arena, SLICE("x")).data);
        void *piece = arena_alloc(&arena, size);
        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
        memset(piece, 0xaa, size);
    }
    arena_close(&arena);
}

static void gives_pieces_that_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static unsigned char *pieces[COUNT];
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = arena_alloc(&arena, i + 1);
        assert_non_null(pieces[i]);
        memset(pieces[i], (int)(i % 251), i + 1);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(pieces[i][0], i % 251);
        assert_int_equal(pieces[i][i], i % 251);
    }
    arena_close(&arena);
}

static void hands_out_no_more_than_its_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    assert_null(arena_alloc(&arena, 65));
    assert_non_null(arena_alloc(&arena, 32));
    assert_null(arena_alloc(&arena, 33));
    assert_non_null(arena_alloc(&arena, 32));
    assert_null(arena_alloc(&arena, 1));
    assert_null(arena_string(&arena, SLICE("")));
    assert_int_equal(arena.used, 64);
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 64));
    arena_close(&arena);
}

static void counts_padding_against_the_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 20);
    assert_non_null(arena_copy(&arena, SLICE("x")).data);
    assert_null(arena_alloc(&arena, 10));
    assert_int_equal(arena.used, 1);
    assert_non_null(arena_alloc(&arena, 4));
    assert_int_equal(arena.used, 20);
    arena_close(&arena);
}

static void refuses_sizes_that_would_overflow(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_array(&arena, SIZE_MAX / 8, 16));
    assert_null(arena_array(&arena, (size_t)1 << 33, (size_t)1 << 32));
    assert_null(arena_copy(&arena, (struct slice){"x", SIZE_MAX}).data);
    assert_null(arena_string(&arena, (struct slice){"x", SIZE_MAX}));
    assert_int_equal(arena.used, 0);
    arena_close(&arena);
}

static void clears_arrays_in_used_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    void *dirty = arena_alloc(&arena, 400);
    assert_non_null(dirty);
    memset(dirty, 0xff, 400);
    arena_reset(&arena);
    int *array = arena_array(&arena, 100, sizeof *array);
    assert_ptr_equal(array, dirty);
    for (int i = 0; i < 100; i++)
        assert_int_equal(array[i], 0);
    arena_close(&arena);
}

static void keeps_the_newest_block_at_reset(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&arena, 1000));
    struct arena_block *newest = arena.block;
    arena_reset(&arena);
    assert_ptr_equal(arena.block, newest);
    assert_int_equal(arena.used, 0);
    /* The blocks doubled on the way to 100,000 bytes, and the last of them is 64 KiB. */
    for (int i = 0; i < 60; i++)
        assert_non_null(arena_alloc(&arena, 1000));
    assert_ptr_equal(arena.block, newest);
    arena_close(&arena);
}

static void goes_on_in_its_block_after_a_huge_piece(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    char *before = arena_alloc(&arena, 16);
    char *huge = arena_alloc(&arena, 3 << 20);
    char *after = arena_alloc(&arena, 16);
    assert_non_null(huge);
    memset(huge, 1, 3 << 20);
    assert_ptr_equal(after, before + 16);
    arena_close(&arena);
}

static void does_not_keep_a_huge_block_at_reset(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_non_null(arena_alloc(&arena, 3 << 20));
    assert_non_null(arena.block);
    arena_reset(&arena);
    assert_null(arena.block);
    assert_non_null(arena_alloc(&arena, 16));
    arena_close(&arena);
}

static void copies_bytes_and_strings(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    char text[] = "a\0b";
    struct slice copy = arena_copy(&arena, (struct slice){text, 3});
    char *string = arena_string(&arena, (struct slice){text + 2, 1});
    memset(text, 'z', sizeof text);
    assert_true(slice_equal(copy, SLICE("a\0b")));
    assert_string_equal(string, "b");
    arena_close(&arena);
}

static void copies_nothing_to_something(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1);
    struct slice copy = arena_copy(&arena, (struct slice){NULL, 0});
    assert_non_null(copy.data);
    assert_int_equal(copy.len, 0);
    char *string = arena_string(&arena, (struct slice){NULL, 0});
    assert_non_null(string);
    assert_string_equal(string, "");
    arena_close(&arena);
}

/* Each of both with no block, one, and several. */
static void takes_over_what_another_handed_out(void **state)
{
    (void)state;
    for (size_t mine = 0; mine <= 40; mine += 20)
        for (size_t others = 0; others <= 40; others += 20) {
            struct slice kept[80];
            struct arena arena, other;
            arena_init(&arena, 60000);
            arena_init(&other, 60000);
            for (size_t i = 0; i < mine + others; i++) {
                char text[1000];
                memset(text, (int)i, sizeof text);
                kept[i] = arena_copy(i < mine ? &arena : &other, (struct slice){text, sizeof text});
                assert_non_null(kept[i].data);
            }
            arena_join(&arena, &other);
            assert_int_equal(arena.used, (mine + others) * 1000);
            assert_int_equal(other.used, 0);
            arena_close(&other);
            for (size_t i = 0; i < mine + others; i++)
                assert_true((unsigned char)kept[i].data[0] == i && (unsigned char)kept[i].data[999] == i);
            /* Its own limit counts all of it, and may be passed. */
            assert_true((arena_alloc(&arena, 59000) != NULL) == (mine + others == 0));
            assert_true((arena_alloc(&arena, 16) != NULL) == (mine + others <= 40));
            arena_close(&arena);
        }
}

static void is_new_again_after_close(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 16);
    assert_non_null(arena_alloc(&arena, 16));
    arena_close(&arena);
    assert_null(arena.block);
    assert_non_null(arena_alloc(&arena, 16));
    arena_close(&arena);
}

static void poisons_what_is_not_handed_out(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    char *piece = arena_alloc(&arena, 13);
    assert_false(__asan_address_is_poisoned(piece + 12));
    assert_true(__asan_address_is_poisoned(piece + 13));
    arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(piece));
    arena_close(&arena);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_pieces_for_any_type),
        cmocka_unit_test(gives_pieces_that_do_not_overlap),
        cmocka_unit_test(hands_out_no_more_than_its_limit),
        cmocka_unit_test(counts_padding_against_the_limit),
        cmocka_unit_test(refuses_sizes_that_would_overflow),
        cmocka_unit_test(clears_arrays_in_used_memory),
        cmocka_unit_test(keeps_the_newest_block_at_reset),
        cmocka_unit_test(goes_on_in_its_block_after_a_huge_piece),
        cmocka_unit_test(does_not_keep_a_huge_block_at_reset),
        cmocka_unit_test(copies_bytes_and_strings),
        cmocka_unit_test(copies_nothing_to_something),
        cmocka_unit_test(takes_over_what_another_handed_out),
        cmocka_unit_test(is_new_again_after_close),
        cmocka_unit_test(poisons_what_is_not_handed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
