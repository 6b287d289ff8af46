/*
 * An arena in which every piece is an allocation of its own, in the place of base/arena.c: so each of them can fail,
 * not only those that begin a block, and a sanitizer sees where each one ends.
 */
#ifndef DROPFOLD_TESTS_FAILING_ARENA_H
#define DROPFOLD_TESTS_FAILING_ARENA_H

#include "base/arena.h"
#include "failing_malloc.h"

struct arena_block {
    struct arena_block *older;
    max_align_t piece[];
};

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

void arena_close(struct arena *arena)
{
    while (arena->block) {
        struct arena_block *older = arena->block->older;
        free(arena->block);
        arena->block = older;
    }
    arena->used = 0;
}

void arena_reset(struct arena *arena)
{
    arena_close(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->limit - arena->used || size > PTRDIFF_MAX / 2)
        return NULL;
    struct arena_block *block = malloc(sizeof *block + (size > 0 ? size : 1));
    if (!block)
        return NULL;
    block->older = arena->block;
    arena->block = block;
    arena->used += size;
    return block->piece;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *array = arena_alloc(arena, total);
    return array ? memset(array, 0, total) : NULL;
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
    if (s.len == 0)
        return SLICE("");
    char *copy = arena_alloc(arena, s.len);
    if (!copy)
        return (struct slice){NULL, 0};
    return (struct slice){memcpy(copy, s.data, s.len), s.len};
}

char *arena_string(struct arena *arena, struct slice s)
{
    char *copy = s.len < SIZE_MAX ? arena_alloc(arena, s.len + 1) : NULL;
    if (!copy)
        return NULL;
    copy[s.len] = '\0';
    return s.len > 0 ? memcpy(copy, s.data, s.len) : copy;
}

#endif
