/* A search ends at the first line with an empty slot, so no entry may have one between its home and its own line: what
   map_remove restores. */
#include "base/map.h"

#include "base/pages.h"

enum {
    SMALLEST = 2 * MAP_SLOTS,   /* slots */
    DOUBLES_BELOW = 1000 * 1000 /* slots; a larger map grows by half */
};

_Static_assert(sizeof(struct map_line) == 64, "a line of the map is one of the processor's cache");

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_close(struct map *map)
{
    pages_free(map->memory, map_size(map->capacity));
    map_init(map);
}

/* Allocations are aligned for any type, and lines for themselves. */
size_t map_size(uint32_t capacity)
{
    return capacity == 0 ? 0 : (capacity / MAP_SLOTS + 1) * sizeof(struct map_line);
}

static uint32_t next_capacity(uint32_t capacity)
{
    uint64_t next = capacity < SMALLEST        ? SMALLEST
                    : capacity < DOUBLES_BELOW ? (uint64_t)capacity * 2
                                               : (uint64_t)capacity + capacity / 2;
    return next <= UINT32_MAX ? (uint32_t)(next - next % MAP_SLOTS) : 0;
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
    map->memory = capacity > 0 ? pages_new(map_size(capacity)) : NULL;
    if (!map->memory)
        return false;
    uintptr_t past = (uintptr_t)map->memory % sizeof(struct map_line);
    map->lines = (void *)((char *)map->memory + (past > 0 ? sizeof(struct map_line) - past : 0));
    map->capacity = capacity;
    return true;
}

static inline uint32_t empty_slots(const struct map *map, uint32_t line)
{
    uint32_t empty;
    (void)map_slots(&map->lines[line], 0, &empty);
    return empty;
}

/* Of an entry, or where one may be put. */
struct place {
    uint32_t line, slot;
};

static inline void put_at(struct map *map, struct place place, uint8_t tag, uint32_t id)
{
    map->lines[place.line].tags[place.slot] = tag;
    map->lines[place.line].ids[place.slot] = id;
}

void map_put(struct map *map, uint64_t hash, uint32_t id)
{
    uint32_t line = map_home(map, hash), empty;
    while ((empty = empty_slots(map, line)) == 0)
        line = map_line_after(map, line);
    put_at(map, (struct place){line, (uint32_t)__builtin_ctz(empty)}, map_tag(hash), id);
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

static struct place place_of(const struct map *map, uint64_t hash, uint32_t id)
{
    struct place place = {.line = map_home(map, hash)};
    for (;; place.line = map_line_after(map, place.line)) {
        uint32_t empty, matches = map_slots(&map->lines[place.line], map_tag(hash), &empty);
        for (; matches != 0; matches &= matches - 1) {
            place.slot = (uint32_t)__builtin_ctz(matches);
            if (map->lines[place.line].ids[place.slot] == id)
                return place;
        }
    }
}

/* What map_remove asks of others' keys. */
struct keys {
    map_hash hash_of;
    const void *context;
};

/* A slot of the line whose entry may stand in line `hole`, before it; MAP_SLOTS: none may. */
static uint32_t movable(const struct map *map, uint32_t line, uint32_t hole, const struct keys *keys)
{
    const struct map_line *at = &map->lines[line];
    uint32_t slot = 0;
    for (; slot < MAP_SLOTS; slot++) {
        if (at->tags[slot] == 0)
            continue;
        uint32_t home = map_home(map, keys->hash_of(keys->context, at->ids[slot]));
        /* It stays when its home lies behind the hole, going round, and not behind itself. */
        bool stays = hole < line ? home > hole && home <= line : home > hole || home <= line;
        if (!stays)
            break;
    }
    return slot;
}

void map_remove(struct map *map, uint64_t hash, uint32_t id, map_hash hash_of, const void *context)
{
    const struct keys keys = {hash_of, context};
    struct place hole = place_of(map, hash, id);
    bool passed = empty_slots(map, hole.line) == 0; /* only by a line that was full others went on */
    put_at(map, hole, 0, MAP_NONE);
    map->count--;
    for (uint32_t line = hole.line; passed;) {
        line = map_line_after(map, line);
        passed = empty_slots(map, line) == 0;
        struct place from = {line, movable(map, line, hole.line, &keys)};
        if (from.slot == MAP_SLOTS)
            continue;
        put_at(map, hole, map->lines[line].tags[from.slot], map->lines[line].ids[from.slot]);
        put_at(map, from, 0, MAP_NONE);
        hole = from;
    }
}

void map_replace(struct map *map, uint64_t hash, uint32_t id, uint32_t now)
{
    struct place place = place_of(map, hash, id);
    map->lines[place.line].ids[place.slot] = now;
}
