#include "testing.h"

#include <sys/mman.h>

#include "base/pages.h"

enum { PAGE = 4096, PAGES = 64 };

static size_t resident(void *block)
{
    unsigned char flags[PAGES];
    size_t count = 0;
    assert_int_equal(mincore(block, sizeof flags * PAGE, flags), 0);
    for (size_t i = 0; i < PAGES; i++)
        count += flags[i] & 1;
    return count;
}

static uint8_t *new_block(void)
{
    uint8_t *block = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    return block;
}

/* All pages that lie in the block, and nothing in it changes. */
static void the_pages_of_a_block_are_there(void **state)
{
    (void)state;
    uint8_t *block = new_block();
    block[5 * PAGE + 7] = 'x';
    if (madvise(block, PAGE, MADV_POPULATE_WRITE) != 0)
        skip();
    pages_ask(block + 100, PAGES * PAGE - 200);
    assert_int_equal(resident(block), PAGES - 1); /* the first one by the question above */
    for (size_t i = 0; i < PAGES * PAGE; i++)
        assert_int_equal(block[i], i == 5 * PAGE + 7 ? 'x' : 0);
    munmap(block, PAGES * PAGE);
}

static void a_small_block_is_left_alone(void **state)
{
    (void)state;
    uint8_t *block = new_block();
    pages_ask(block, 60 * 1024);
    assert_int_equal(resident(block), 0);
    munmap(block, PAGES * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pages_of_a_block_are_there),
        cmocka_unit_test(a_small_block_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
