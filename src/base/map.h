/*
 * An index from hashes to row numbers: open addressing in lines of the processor's cache, a little over five bytes a
 * slot.
 *
 *   line   | 12 tags: 0 or 0x80 + 7 bits of the hash, a byte each | 4 bytes unused | 12 row numbers (1 ..) |
 *
 * A search begins at the line that the hash says and goes on to the next one while there is no empty slot; so it nearly
 * always reads one line, and asking for that ahead is one request.
 *
 * The map knows nothing of keys: it yields candidates, and the caller compares them with its rows. The tags of a line
 * are looked at together and let one wrong candidate in 128 through, so that a miss rarely touches a row. There are no
 * tombstones: removal moves later entries back.
 *
 * It does not grow by itself either. Entries are few bytes because hashes are not kept; the owner of the rows puts them
 * all again after map_resize, in the order they lie in memory. The old slots are freed before the new ones are there,
 * so growth has no peak. Capacities need not be powers of two: large maps grow by half.
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
    MAP_SLOTS = 12, /* of a line */
    MAP_FILLER = 32 /* entries */
};

struct map_line {
    uint8_t tags[MAP_SLOTS];
    uint32_t unused;
    uint32_t ids[MAP_SLOTS];
};

struct map {
    struct map_line *lines; /* aligned as they are long, within `memory` */
    void *memory;
    uint32_t capacity, count; /* slots, entries */
};

/* Where a search stands. */
struct map_probe {
    uint32_t line;
    uint32_t matches; /* its slots still to be looked at, as bits */
    uint8_t tag;
    bool last; /* the line has an empty slot: the search ends here */
};

/* Nothing is allocated yet: it has no slots. */
void map_init(struct map *map);
void map_close(struct map *map);

/* Bytes that a map of this capacity, a multiple of MAP_SLOTS, holds. */
size_t map_size(uint32_t capacity);

/* The next larger capacity, and the smallest one that has room for `count` entries; 0 when there is none. */
uint32_t map_grown(const struct map *map);
uint32_t map_capacity_for(uint64_t count);

/* Whether `more` entries can be put before it must be resized. */
static inline bool map_has_room(const struct map *map, uint32_t more)
{
    return (uint64_t)map->count + more <= map->capacity - map->capacity / 8;
}

/* Empties it and gives it `capacity` slots (from map_grown or map_capacity_for). False when memory is out: it is empty
   then, without slots. */
bool map_resize(struct map *map, uint32_t capacity) MUST_USE;

/* Adds an entry; the map has room, and no entry of this id. */
void map_put(struct map *map, uint64_t hash, uint32_t id);

/* For putting very many: entries wait a little for the memory of their slots. map_fill_end puts those that still
   wait. */
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
    return (uint32_t)((hash >> 32) * (map->capacity / MAP_SLOTS) >> 32);
}

static inline uint8_t map_tag(uint64_t hash)
{
    return (uint8_t)(0x80 | (hash & 0x7f));
}

/* Asks for the memory that a search for `hash` will read first. */
static inline void map_prefetch(const struct map *map, uint64_t hash)
{
    if (map->capacity > 0)
        prefetch(&map->lines[map_home(map, hash)]);
}

/* The top bits of eight bytes side by side. */
static inline uint32_t map_bits(uint64_t tops)
{
    return (uint32_t)((tops >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* Of eight tags those that are `tag`, as top bits. With one that is, the next one up may be taken for it, too, when it
   differs in the last bit only: never an empty one, and candidates are compared anyway. */
static inline uint64_t map_equal(uint64_t tags, uint8_t tag)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t differ = tags ^ (ones * tag);
    return (differ - ones) & ~differ & (ones << 7);
}

/* The slots of a line that may have this tag, and those that are empty, as bits. */
static inline uint32_t map_slots(const struct map_line *line, uint8_t tag, uint32_t *empty)
{
    const uint64_t tops = UINT64_C(0x8080808080808080);
    uint64_t low;
    uint32_t high;
    memcpy(&low, line->tags, sizeof low);
    memcpy(&high, line->tags + sizeof low, sizeof high);
    low = le64toh(low);
    uint64_t rest = le32toh(high) | UINT64_C(0xffffffff) << 32; /* four slots that are not there */
    *empty = map_bits(~low & tops) | map_bits(~rest & tops) << 8;
    return map_bits(map_equal(low, tag)) | (map_bits(map_equal(rest, tag)) & 15) << 8;
}

static inline void map_look(const struct map *map, struct map_probe *probe)
{
    uint32_t empty;
    probe->matches = map_slots(&map->lines[probe->line], probe->tag, &empty);
    probe->last = empty != 0;
}

static inline uint32_t map_line_after(const struct map *map, uint32_t line)
{
    return (line + 1) * (uint64_t)MAP_SLOTS < map->capacity ? line + 1 : 0;
}

static inline uint32_t map_next(const struct map *map, struct map_probe *probe)
{
    while (probe->matches == 0) {
        if (probe->last)
            return MAP_NONE;
        probe->line = map_line_after(map, probe->line);
        map_look(map, probe);
    }
    uint32_t slot = (uint32_t)__builtin_ctz(probe->matches);
    probe->matches &= probe->matches - 1;
    return map->lines[probe->line].ids[slot];
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
    probe->line = map_home(map, hash);
    probe->tag = map_tag(hash);
    map_look(map, probe);
    return map_next(map, probe);
}

#endif
