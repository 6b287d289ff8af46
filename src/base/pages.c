#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE_PAGE = 2 * 1024 * 1024, WORTH_A_CALL = 64 * 1024, WORTH_A_MAPPING = 4 * 1024 * 1024 };

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Of the pages that are the block's alone. */
static void advise(void *block, size_t size, int advice)
{
    uintptr_t first = ((uintptr_t)block + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)block + size) / PAGE * PAGE;
    if (first < end)
        (void)madvise((void *)first, end - first, advice);
}

void pages_ask(void *block, size_t size)
{
    if (size >= WORTH_A_CALL)
        advise(block, size, MADV_POPULATE_WRITE);
}

void pages_drop(void *block, size_t size)
{
    advise(block, size, MADV_DONTNEED);
}

static size_t whole_pages(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

/* What the mapping has before and behind the block was only there for that to begin at a huge page. */
static void *map_pages(size_t size)
{
    char *mapping = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)mapping % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0)
        (void)munmap(mapping, before);
    (void)munmap(mapping + before + size, HUGE_PAGE - before);
    (void)madvise(mapping + before, size, MADV_HUGEPAGE);
    return mapping + before;
}

void *pages_new(size_t size)
{
    return size < WORTH_A_MAPPING ? calloc(1, size) : map_pages(whole_pages(size));
}

void pages_free(void *block, size_t size)
{
    if (size < WORTH_A_MAPPING)
        free(block);
    else if (block)
        (void)munmap(block, whole_pages(size));
}
