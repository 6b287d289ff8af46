/*
 * An index from hashes to row numbers: open addressing, linear probing, five bytes a slot.
 *
 *   tags   | 0 or 0x80 + 7 bits of the hash, a byte a slot | the first GROUP tags again |
 *   ids    | row number (1 ..) a slot                                                   |
 *
 * The map knows nothing of keys: it yields candidates, and the caller compares them with its rows. Tags are read eight at
 * a time and let one wrong candidate in 128 through, so that a miss rarely touches a row. There are no tombstones:
 * removal moves later entries back.
 *
 * It does not grow by itself either. Entries are few bytes because hashes are not kept; the owner of the rows puts them
 * all again after map_resize, in the order they lie in memory. The old slots are freed before the new ones are there, so
 * growth has no peak. Capacities need not be powers of two: large maps grow by half.
 */
#ifndef DROPFOLD_BASE_MAP_H
#define DROPFOLD_BASE_MAP_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/prefetch.h"

enum {
    MAP_NONE = 0,   /* no row */
    MAP_GROUP = 8,  /* tags read at once */
    MAP_FILLER = 32 /* entries */
};

struct map {
    uint32_t *ids;
    uint8_t *tags; /* behind the ids, in the same allocation */
    uint32_t capacity, count;
};

/* Where a search stands. */
struct map_probe {
    uint64_t matches; /* tags at `at` still to be looked at */
    uint32_t at;
    uint8_t tag;
    bool last; /* there is an empty slot among them: the search ends here */
};

void map_init(struct map *map);
void map_close(struct map *map);

/* Bytes that a map of this capacity holds. */
size_t map_size(uint32_t capacity);

/* The next larger capacity, and the smallest one that has room for `count` entries; 0 when there is none. */
uint32_t map_grown(const struct map *map);
uint32_t map_capacity_for(uint64_t count);

/* Whether `more` entries can be put before it must be resized. */
static inline bool map_has_room(const struct map *map, uint32_t more)
{
    return (uint64_t)map->count + more <= map->capacity - map->capacity / 8;
}

/* Empties it and gives it `capacity` slots (from map_grown or map_capacity_for). On false it is empty, without slots. */
bool map_resize(struct map *map, uint32_t capacity) MUST_USE;

/* Adds an entry; the map has room, and no entry of this id. */
void map_put(struct map *map, uint64_t hash, uint32_t id);

/* For putting very many: entries wait a little for the memory of their slots. map_fill_end puts those that still wait. */
struct map_filler {
    uint64_t hashes[MAP_FILLER];
    uint32_t ids[MAP_FILLER];
    size_t count;
};

void map_fill(struct map *map, struct map_filler *filler, uint64_t hash, uint32_t id);
void map_fill_end(struct map *map, struct map_filler *filler);

/* Removes the entry that is there. `hash_of` yields the hashes of other entries, which may have to move. */
typedef uint64_t (*map_hash)(const void *context, uint32_t id);
void map_remove(struct map *map, uint64_t hash, uint32_t id, map_hash hash_of, const void *context);

/* The entry that is there stands for row `now` from here on. */
void map_replace(struct map *map, uint64_t hash, uint32_t id, uint32_t now);

static inline uint32_t map_home(const struct map *map, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * map->capacity >> 32);
}

static inline uint8_t map_tag(uint64_t hash)
{
    return (uint8_t)(0x80 | (hash & 0x7f));
}

/* Asks for the memory that a search for `hash` will read. */
static inline void map_prefetch(const struct map *map, uint64_t hash)
{
    uint32_t home = map_home(map, hash);
    if (map->capacity > 0) {
        prefetch(map->tags + home);
        prefetch(map->ids + home);
    }
}

static inline void map_look(const struct map *map, struct map_probe *probe)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t tags;
    memcpy(&tags, map->tags + probe->at, sizeof tags);
    tags = le64toh(tags);
    uint64_t empty = ~tags & tops;
    uint64_t differ = tags ^ (ones * probe->tag);
    uint64_t equal = (differ - ones) & ~differ & tops;
    probe->last = empty != 0;
    probe->matches = equal & (probe->last ? (empty & -empty) - 1 : ~UINT64_C(0));
}

static inline uint32_t map_next(const struct map *map, struct map_probe *probe)
{
    while (probe->matches == 0) {
        if (probe->last)
            return MAP_NONE;
        probe->at += MAP_GROUP;
        if (probe->at >= map->capacity)
            probe->at -= map->capacity;
        map_look(map, probe);
    }
    uint32_t slot = probe->at + (uint32_t)__builtin_ctzll(probe->matches) / 8;
    probe->matches &= probe->matches - 1;
    return map->ids[slot < map->capacity ? slot : slot - map->capacity];
}

/*
 * Candidates for a hash, nearest first:
 *
 *     struct map_probe probe;
 *     for (uint32_t id = map_first(map, hash, &probe); id != MAP_NONE; id = map_next(map, &probe))
 *         if (row id has the key) return id;
 */
static inline uint32_t map_first(const struct map *map, uint64_t hash, struct map_probe *probe)
{
    if (map->capacity == 0)
        return MAP_NONE;
    probe->at = map_home(map, hash);
    probe->tag = map_tag(hash);
    map_look(map, probe);
    return map_next(map, probe);
}

#endif
