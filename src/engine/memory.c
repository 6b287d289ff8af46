#include "engine/memory.h"

#include <stdlib.h>

#include "base/pages.h"

enum {
    LIST_SMALLEST = 16,              /* elements */
    LARGE_ENGINE = 32 * 1024 * 1024, /* bytes held, beside which a block may have all its pages before it needs them */
    SLABS_FROM = 8 * 1024 * 1024     /* the same, beside which most of a slab that is not filled is no waste */
};

/* Counts `more` bytes, `less` of which are given back at once. */
static bool take(struct memory *memory, size_t less, size_t more)
{
    if (memory->failed)
        return false;
    size_t used = memory->used - less;
    if (memory->limit > 0 && more > less && (used > memory->limit || more > memory->limit - used)) {
        memory->failed = memory->limited = true;
        return false;
    }
    memory->used = used + more;
    return true;
}

void *memory_new(struct memory *memory, size_t size)
{
    if (!take(memory, 0, size))
        return NULL;
    void *block = calloc(1, size);
    if (!block) {
        memory->used -= size;
        memory->failed = true;
    } else if (memory->used >= LARGE_ENGINE) {
        pages_ask(block, size);
    }
    return block;
}

void memory_drop(struct memory *memory, void *block, size_t size)
{
    if (!block)
        return;
    memory->used -= size;
    free(block);
}

void *memory_new_rows(struct memory *memory, const void *old, size_t size)
{
    if (old ? !slabs_have(&memory->slabs, old) : memory->used < SLABS_FROM)
        return memory_new(memory, size);
    if (!take(memory, 0, size))
        return NULL;
    void *block = slabs_take(&memory->slabs, size);
    if (block)
        return block;
    memory->used -= size;
    return memory_new(memory, size);
}

void memory_drop_rows(struct memory *memory, void *block, size_t size)
{
    if (block && slabs_give(&memory->slabs, block, size))
        memory->used -= size;
    else
        memory_drop(memory, block, size);
}

void *memory_resize(struct memory *memory, void *block, size_t old, size_t size)
{
    if (!take(memory, old, size))
        return NULL;
    void *now = realloc(block, size);
    if (!now) {
        memory->used = memory->used - size + old;
        memory->failed = true;
    }
    return now;
}

void *memory_more(struct memory *memory, void *items, size_t *room, size_t size)
{
    size_t more = *room > 0 ? *room + *room / 2 : LIST_SMALLEST;
    void *now = memory_resize(memory, items, *room * size, more * size);
    if (now)
        *room = more;
    return now;
}

bool memory_error(const struct memory *memory, struct error *error)
{
    if (!memory->limited)
        return error_memory(error);
    return error_set(error, ERROR_MEMORY,
                     "the records and groups need more memory than the limit of %zu MiB (%zu bytes) allows",
                     memory->limit >> 20, memory->limit);
}

static bool resize_map(struct memory *memory, struct map *map, uint32_t capacity, memory_refill refill, void *context)
{
    if (!take(memory, map_size(map->capacity), map_size(capacity)))
        return false;
    if (!map_resize(map, capacity)) {
        memory->used -= map_size(capacity);
        memory->failed = true;
        return false;
    }
    pages_ask(map->memory, map_size(capacity));
    refill(context, map);
    return true;
}

bool memory_grow_map(struct memory *memory, struct map *map, uint32_t more, memory_refill refill, void *context)
{
    uint32_t capacity = map_grown(map), needed = map_capacity_for((uint64_t)map->count + more);
    if (needed == 0)
        capacity = 0;
    else if (capacity > 0 && capacity < needed)
        capacity = needed;
    if (capacity == 0) {
        memory->failed = true;
        return false;
    }
    return resize_map(memory, map, capacity, refill, context);
}

void memory_expect(struct memory *memory, struct map *map, uint64_t count)
{
    uint32_t capacity = map_capacity_for(count);
    size_t size = map_size(capacity);
    if (memory->failed || map->capacity > 0 || count == 0 || capacity == 0 ||
        (memory->limit > 0 && (memory->used > memory->limit || size > memory->limit - memory->used)))
        return;
    if (!map_resize(map, capacity))
        return;
    pages_ask(map->memory, size);
    memory->used += size;
}

bool memory_shrink_map(struct memory *memory, struct map *map, memory_refill refill, void *context)
{
    uint32_t capacity = map_capacity_for((uint64_t)map->count + map->count / 2);
    if (memory->failed || capacity == 0 || capacity > map->capacity / 2)
        return !memory->failed;
    return resize_map(memory, map, capacity, refill, context);
}

void memory_close_map(struct memory *memory, struct map *map)
{
    memory->used -= map_size(map->capacity);
    map_close(map);
}

bool memory_more_ids(struct memory *memory, struct ids *ids)
{
    void *at = memory_more(memory, ids->at, &ids->room, sizeof *ids->at);
    if (at)
        ids->at = at;
    return at != NULL;
}

void memory_close_ids(struct memory *memory, struct ids *ids)
{
    memory_drop(memory, ids->at, ids->room * sizeof *ids->at);
    *ids = (struct ids){0};
}

void memory_trim_ids(struct memory *memory, struct ids *ids)
{
    if (ids->count == 0) {
        memory_close_ids(memory, ids);
        return;
    }
    if (ids->count > ids->room / 2)
        return;
    void *at = memory_resize(memory, ids->at, ids->room * sizeof *ids->at, ids->count * sizeof *ids->at);
    if (!at)
        return;
    ids->at = at;
    ids->room = ids->count;
}
