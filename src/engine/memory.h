/*
 * The engine's memory: every byte it holds is counted here and held against one limit.
 *
 * The first failure sticks: nothing gets memory after it, also where there would be some again. What failed to get
 * memory leaves its structure valid but incomplete (a map without slots must not be filled again as if it were new),
 * and the engine gives up at the next check; so the many small steps of a change need not each be able to fail.
 */
#ifndef DROPFOLD_ENGINE_MEMORY_H
#define DROPFOLD_ENGINE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/map.h"
#include "base/slabs.h"

struct memory {
    size_t used, limit; /* bytes; limit 0: none */
    bool failed;
    bool limited; /* it failed because of the limit */
    struct slabs slabs;
};

/* `size` zeroed bytes; NULL after noting the failure. */
void *memory_new(struct memory *memory, size_t size) MUST_USE;
/* Gives back a block of that size, or NULL. */
void memory_drop(struct memory *memory, void *block, size_t size);

/* The same for blocks of many rows, which lie in slabs once there is much memory; one that takes the place of `old`, or
   NULL, lies where that does, whose room others take then. */
void *memory_new_rows(struct memory *memory, const void *old, size_t size) MUST_USE;
void memory_drop_rows(struct memory *memory, void *block, size_t size);

/* `old` bytes become `size`; new ones are not zeroed. NULL leaves the block as it was. */
void *memory_resize(struct memory *memory, void *block, size_t old, size_t size) MUST_USE;

/* Says what failed. Always returns false. */
bool memory_error(const struct memory *memory, struct error *error);

/* Makes a full list of *room elements of `size` bytes larger by half, and returns it, as it may have moved. NULL after
   noting the failure: then it is as it was. */
void *memory_more(struct memory *memory, void *items, size_t *room, size_t size) MUST_USE;

/* --- maps --------------------------------------------------------------------------------------------------------- */

/* Makes room in a map for `more` entries where there is none. `refill` puts every entry again. False after noting the
   failure: then it has no slots. */
typedef void (*memory_refill)(void *context, struct map *map);
bool memory_grow_map(struct memory *memory, struct map *map, uint32_t more, memory_refill refill,
                     void *context) MUST_USE;

static inline bool memory_map_room(struct memory *memory, struct map *map, uint32_t more, memory_refill refill,
                                   void *context)
{
    return map_has_room(map, more) || memory_grow_map(memory, map, more, refill, context);
}

/* Gives an empty map room for `count` entries at once, no more than it would have had by growing to them; where that
   takes more memory than there is, it stays as it was, and nothing has failed. */
void memory_expect(struct memory *memory, struct map *map, uint64_t count);

/* Makes a map that is mostly empty smaller, in the same way. */
bool memory_shrink_map(struct memory *memory, struct map *map, memory_refill refill, void *context) MUST_USE;

void memory_close_map(struct memory *memory, struct map *map);

/* --- lists of row numbers ----------------------------------------------------------------------------------------- */

struct ids {
    uint32_t *at;
    size_t count, room;
};

/* Makes a full list larger. False after noting the failure. */
bool memory_more_ids(struct memory *memory, struct ids *ids) MUST_USE;
void memory_close_ids(struct memory *memory, struct ids *ids);
/* Gives back the room of a list that is mostly empty. */
void memory_trim_ids(struct memory *memory, struct ids *ids);

/* Without memory the id is lost; the failure is noted. */
static inline void ids_push(struct memory *memory, struct ids *ids, uint32_t id)
{
    if (ids->count < ids->room || memory_more_ids(memory, ids))
        ids->at[ids->count++] = id;
}

#endif
