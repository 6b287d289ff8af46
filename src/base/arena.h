/*
 * A bump allocator: many small pieces, freed together.
 *
 * One arena per batch or per loaded document; hot loops allocate from blocks that are already there. Under
 * AddressSanitizer the unused rest of each block is poisoned. Memory is not cleared unless asked.
 */
#ifndef DROPFOLD_BASE_ARENA_H
#define DROPFOLD_BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    char *next, *end;          /* the free part of the newest block */
    size_t used, limit;        /* bytes handed out; the most it may hand out */
};

/* `limit` in bytes; nothing is allocated yet. */
void arena_init(struct arena *arena, size_t limit);

/* Frees every block; the arena is as after init. */
void arena_close(struct arena *arena);

/* Forgets what was handed out and keeps one block for reuse. */
void arena_reset(struct arena *arena);

/* What `other` handed out is this arena's from here on, and counts against its limit, which may then be passed; `other`
   is as after init. */
void arena_join(struct arena *arena, struct arena *other);

/* `size` bytes aligned for any type; NULL when memory or the limit is out. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;

/* The same for `count` elements of `size` bytes, set to zero, with the product checked. */
void *arena_array(struct arena *arena, size_t count, size_t size) MUST_USE;

/* Copies of bytes, as a slice and as a C string. When out of memory: data NULL (never for an empty s), NULL. */
struct slice arena_copy(struct arena *arena, struct slice s) MUST_USE;
char *arena_string(struct arena *arena, struct slice s) MUST_USE;

#endif
