/* A search ends at the first empty slot, so no entry may have one between its home and itself: what map_remove restores. */
#include "base/map.h"

#include <stdlib.h>

enum {
    SMALLEST = 16,          /* slots */
    DOUBLES_BELOW = 1 << 20 /* slots; a larger map grows by half */
};

_Static_assert((int)SMALLEST >= (int)MAP_GROUP, "a group of tags must not wrap around twice");

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_close(struct map *map)
{
    free(map->ids);
    map_init(map);
}

size_t map_size(uint32_t capacity)
{
    return capacity == 0 ? 0 : (size_t)capacity * (sizeof(uint32_t) + 1) + MAP_GROUP;
}

static uint32_t next_capacity(uint32_t capacity)
{
    uint64_t next = capacity < SMALLEST        ? SMALLEST
                    : capacity < DOUBLES_BELOW ? (uint64_t)capacity * 2
                                               : (uint64_t)capacity + capacity / 2;
    return next <= UINT32_MAX - MAP_GROUP ? (uint32_t)next : 0;
}

uint32_t map_grown(const struct map *map)
{
    return next_capacity(map->capacity);
}

uint32_t map_capacity_for(uint64_t count)
{
    uint32_t capacity = SMALLEST;
    while (capacity > 0 && capacity - capacity / 8 < count)
        capacity = next_capacity(capacity);
    return capacity;
}

bool map_resize(struct map *map, uint32_t capacity)
{
    map_close(map);
    map->ids = capacity > 0 ? calloc(1, map_size(capacity)) : NULL;
    if (!map->ids)
        return false;
    map->tags = (uint8_t *)(map->ids + capacity);
    map->capacity = capacity;
    return true;
}

static inline uint32_t after(const struct map *map, uint32_t slot)
{
    return slot + 1 < map->capacity ? slot + 1 : 0;
}

static inline void set_tag(struct map *map, uint32_t slot, uint8_t tag)
{
    map->tags[slot] = tag;
    if (slot < MAP_GROUP)
        map->tags[map->capacity + slot] = tag;
}

void map_put(struct map *map, uint64_t hash, uint32_t id)
{
    uint32_t slot = map_home(map, hash);
    while (map->tags[slot] != 0)
        slot = after(map, slot);
    set_tag(map, slot, map_tag(hash));
    map->ids[slot] = id;
    map->count++;
}

void map_fill_end(struct map *map, struct map_filler *filler)
{
    for (size_t i = 0; i < filler->count; i++)
        map_put(map, filler->hashes[i], filler->ids[i]);
    filler->count = 0;
}

void map_fill(struct map *map, struct map_filler *filler, uint64_t hash, uint32_t id)
{
    if (filler->count == MAP_FILLER)
        map_fill_end(map, filler);
    map_prefetch(map, hash);
    filler->hashes[filler->count] = hash;
    filler->ids[filler->count++] = id;
}

static uint32_t slot_of(const struct map *map, uint64_t hash, uint32_t id)
{
    uint32_t slot = map_home(map, hash);
    while (map->tags[slot] == 0 || map->ids[slot] != id)
        slot = after(map, slot);
    return slot;
}

void map_remove(struct map *map, uint64_t hash, uint32_t id, map_hash hash_of, const void *context)
{
    uint32_t hole = slot_of(map, hash, id);
    for (uint32_t slot = after(map, hole); map->tags[slot] != 0; slot = after(map, slot)) {
        uint32_t home = map_home(map, hash_of(context, map->ids[slot]));
        /* It stays when its home lies behind the hole, going round, and not behind itself. */
        bool stays = hole < slot ? home > hole && home <= slot : home > hole || home <= slot;
        if (stays)
            continue;
        set_tag(map, hole, map->tags[slot]);
        map->ids[hole] = map->ids[slot];
        hole = slot;
    }
    set_tag(map, hole, 0);
    map->ids[hole] = MAP_NONE;
    map->count--;
}

void map_replace(struct map *map, uint64_t hash, uint32_t id, uint32_t now)
{
    map->ids[slot_of(map, hash, id)] = now;
}
