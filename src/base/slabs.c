#include "base/slabs.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    PAGE = 4096,
    LINE = 64, /* of the cache: where blocks begin */
    HUGE_PAGE = 2 * 1024 * 1024,
    SLAB = 8 * 1024 * 1024,
    MAPPED = SLAB + HUGE_PAGE, /* room to begin at a huge page */
    BLOCK_MAX = SLAB / 8
};

struct slab {
    struct slab *next;
    char *mapping, *from, *at, *end; /* blocks lie in `from` to `at` */
    size_t blocks;                   /* that are not given back */
};

static struct slab *new_slab(void)
{
    struct slab *slab = calloc(1, sizeof *slab);
    char *mapping = slab ? mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (mapping == MAP_FAILED) {
        free(slab);
        return NULL;
    }
    slab->mapping = mapping;
    slab->from = slab->at = mapping + (HUGE_PAGE - (uintptr_t)mapping % HUGE_PAGE) % HUGE_PAGE;
    slab->end = slab->from + SLAB;
    (void)madvise(slab->from, SLAB, MADV_HUGEPAGE);
    return slab;
}

void *slabs_take(struct slabs *slabs, size_t size)
{
    size_t room = (size + LINE - 1) / LINE * LINE;
    struct slab *slab = slabs->first;
    if (size > BLOCK_MAX)
        return NULL;
    if (!slab || (size_t)(slab->end - slab->at) < room) {
        slab = new_slab();
        if (!slab)
            return NULL;
        slab->next = slabs->first;
        slabs->first = slab;
    }
    void *block = slab->at;
    slab->at += room;
    slab->blocks++;
    return block;
}

/* Pages that are the block's alone. */
static void drop_pages(const char *block, size_t size)
{
    uintptr_t first = ((uintptr_t)block + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)block + size) / PAGE * PAGE;
    if (first < end)
        (void)madvise((void *)first, end - first, MADV_DONTNEED);
}

bool slabs_give(struct slabs *slabs, void *block, size_t size)
{
    struct slab **link = &slabs->first;
    while (*link && ((char *)block < (*link)->from || (char *)block >= (*link)->end))
        link = &(*link)->next;
    struct slab *slab = *link;
    if (!slab)
        return false;
    if (--slab->blocks > 0) {
        drop_pages(block, size);
        return true;
    }
    *link = slab->next;
    (void)munmap(slab->mapping, MAPPED);
    free(slab);
    return true;
}
