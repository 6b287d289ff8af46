/*
 * Blocks double from 4 KiB to 1 MiB. A piece that fits no such block gets one of its own, linked behind the newest, so
 * that the rest of the newest stays in use.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Its macros do nothing in a build without AddressSanitizer; not every C library's compiler brings it. */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size)   ((void)(data), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#endif

enum {
    BLOCK_FIRST = 4 << 10, /* bytes, the header included */
    BLOCK_MAX = 1 << 20
};

struct arena_block {
    struct arena_block *older;
    size_t size; /* of the whole block in bytes */
    _Alignas(max_align_t) char data[];
};

static size_t room_of(const struct arena_block *block)
{
    return block->size - sizeof(struct arena_block);
}

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;
        ASAN_UNPOISON_MEMORY_REGION(block->data, room_of(block));
        free(block);
        block = older;
    }
}

void arena_close(struct arena *arena)
{
    free_blocks(arena->block);
    arena_init(arena, arena->limit);
}

static void open_block(struct arena *arena, struct arena_block *block)
{
    arena->block = block;
    arena->next = block->data;
    arena->end = block->data + room_of(block);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->block;
    /* The block of one huge piece is not worth keeping through all the small batches that follow. */
    if (!kept || kept->size > BLOCK_MAX) {
        arena_close(arena);
        return;
    }
    free_blocks(kept->older);
    kept->older = NULL;
    ASAN_POISON_MEMORY_REGION(kept->data, room_of(kept));
    arena->used = 0;
    open_block(arena, kept);
}

/* Its blocks go behind the newest, which stays the one in use. */
void arena_join(struct arena *arena, struct arena *other)
{
    if (!arena->block) {
        size_t limit = arena->limit;
        *arena = *other;
        arena->limit = limit;
    } else if (other->block) {
        struct arena_block *oldest = other->block;
        while (oldest->older)
            oldest = oldest->older;
        oldest->older = arena->block->older;
        arena->block->older = other->block;
        arena->used += other->used;
    }
    arena_init(other, other->limit);
}

/* The size of a new block that holds `size` bytes. */
static size_t block_size(const struct arena *arena, size_t size)
{
    size_t needed = size + sizeof(struct arena_block);
    size_t block = arena->block ? arena->block->size * 2 : BLOCK_FIRST;
    while (block < needed && block < BLOCK_MAX)
        block *= 2;
    if (block > BLOCK_MAX)
        block = BLOCK_MAX;
    return block < needed ? needed : block;
}

/* A piece of `size` bytes at the start of a new block. */
static void *take_block(struct arena *arena, size_t size)
{
    size_t whole = block_size(arena, size);
    struct arena_block *block = malloc(whole);
    if (!block)
        return NULL;
    block->size = whole;
    ASAN_POISON_MEMORY_REGION(block->data, room_of(block));
    ASAN_UNPOISON_MEMORY_REGION(block->data, size);
    arena->used += size;
    if (whole > BLOCK_MAX && arena->block) {
        block->older = arena->block->older;
        arena->block->older = block;
        return block->data;
    }
    block->older = arena->block;
    open_block(arena, block);
    arena->next += size;
    return block->data;
}

/* Text is packed with an alignment of 1; `align` is a power of two. The padding counts as handed out. */
static void *take(struct arena *arena, size_t size, size_t align)
{
    size_t left = arena->limit > arena->used ? arena->limit - arena->used : 0;
    if (size > PTRDIFF_MAX - BLOCK_MAX || size > left)
        return NULL;
    size_t padding = (size_t)(-(uintptr_t)arena->next & (align - 1));
    size_t room = (size_t)(arena->end - arena->next);
    if (!arena->block || padding > room || size > room - padding)
        return take_block(arena, size);
    if (size + padding > left)
        return NULL;
    char *piece = arena->next + padding;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    arena->next = piece + size;
    arena->used += padding + size;
    return piece;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return take(arena, size > 0 ? size : 1, _Alignof(max_align_t));
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *array = arena_alloc(arena, total);
    if (array)
        memset(array, 0, total);
    return array;
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
    if (s.len == 0)
        return SLICE("");
    char *copy = take(arena, s.len, 1);
    if (!copy)
        return (struct slice){NULL, 0};
    memcpy(copy, s.data, s.len);
    return (struct slice){copy, s.len};
}

char *arena_string(struct arena *arena, struct slice s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *copy = take(arena, s.len + 1, 1);
    if (!copy)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}
