/*
 * Blocks of memory that live long, are read here and there, and are too many for each to lie in pages of its own: side
 * by side in slabs of 8 MiB (pages_new). Of hundreds of MiB in pages of 4 KiB, finding the page of a row takes as long
 * as reading it.
 *
 * A block's place is not used again: its pages go back to the kernel at once, its addresses when all blocks of its slab
 * are gone. For blocks of at most a few hundred KiB.
 */
#ifndef DROPFOLD_BASE_SLABS_H
#define DROPFOLD_BASE_SLABS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct slabs {
    struct slab *first; /* the newest, in which there may be room; all zero: none */
};

/* `size` zeroed bytes; NULL when a slab cannot be had, or the block is too large for one. */
void *slabs_take(struct slabs *slabs, size_t size) MUST_USE;

/* Whether the block is one of these slabs'. */
bool slabs_have(const struct slabs *slabs, const void *block);

/* Gives back a block of that size. False: it is none of these slabs'. */
bool slabs_give(struct slabs *slabs, void *block, size_t size) MUST_USE;

#endif
