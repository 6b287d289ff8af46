/* Cells stand apart from the arena, so that a block of many columns leaves the texts their whole limit. */
#include "model/delivery.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(CELL_NULL == 0, "cells set to zero are null");

struct block *block_new(size_t table, bool deletes, size_t rows, size_t columns)
{
    size_t cells;
    if (__builtin_mul_overflow(rows, columns, &cells))
        return NULL;
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->cells = calloc(cells > 0 ? cells : 1, sizeof *block->cells);
    if (!block->cells) {
        free(block);
        return NULL;
    }
    block->table = table;
    block->deletes = deletes;
    block->columns = columns;
    arena_init(&block->arena, BLOCK_BYTES_MAX);
    return block;
}

void block_free(struct block *block)
{
    if (!block)
        return;
    arena_close(&block->arena);
    free(block->cells);
    free(block);
}

bool progress_equal(const struct progress *a, const struct progress *b)
{
    if (!a->present || !b->present)
        return a->present == b->present;
    return strncmp(a->epoch, b->epoch, EPOCH_SIZE) == 0 && a->sequence == b->sequence &&
           digest_equal(&a->digest, &b->digest) && memcmp(a->rows, b->rows, sizeof a->rows) == 0;
}
