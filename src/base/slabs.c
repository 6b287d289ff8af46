#include "base/slabs.h"

#include <stdlib.h>

#include "base/pages.h"

enum {
    LINE = 64, /* of the cache: where blocks begin */
    SLAB = 8 * 1024 * 1024,
    BLOCK_MAX = SLAB / 8
};

struct slab {
    struct slab *next;
    char *from, *at, *end; /* blocks lie in `from` to `at` */
    size_t blocks;         /* that are not given back */
};

static struct slab *new_slab(void)
{
    struct slab *slab = calloc(1, sizeof *slab);
    char *from = slab ? pages_new(SLAB) : NULL;
    if (!from) {
        free(slab);
        return NULL;
    }
    *slab = (struct slab){.from = from, .at = from, .end = from + SLAB};
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

static bool holds(const struct slab *slab, const char *block)
{
    return block >= slab->from && block < slab->end;
}

bool slabs_have(const struct slabs *slabs, const void *block)
{
    const struct slab *slab = slabs->first;
    while (slab && !holds(slab, block))
        slab = slab->next;
    return slab != NULL;
}

bool slabs_give(struct slabs *slabs, void *block, size_t size)
{
    struct slab **link = &slabs->first;
    while (*link && !holds(*link, block))
        link = &(*link)->next;
    struct slab *slab = *link;
    if (!slab)
        return false;
    if (--slab->blocks > 0) {
        pages_drop(block, size);
        return true;
    }
    *link = slab->next;
    pages_free(slab->from, SLAB);
    free(slab);
    return true;
}
