/*
 * Texts as numbers: equal texts have equal numbers, from 1 on, and each is stored once for as long as the engine lives.
 *
 * The bytes lie in large pieces that never move, so a text's slice stays valid. Numbers follow the order in which texts
 * are first met; nothing that leaves the engine depends on them.
 */
#ifndef DROPFOLD_ENGINE_DICT_H
#define DROPFOLD_ENGINE_DICT_H

#include "base/map.h"
#include "base/slice.h"
#include "engine/memory.h"
#include "engine/rows.h"

enum {
    DICT_PIECE = 256 * 1024 /* bytes; a text never crosses a piece's end */
};

struct dict {
    struct memory *memory;
    struct rows rows; /* where each text begins and its length */
    struct map map;
    char **pieces;
    size_t piece_count, piece_room;
    size_t left; /* free bytes at the end of the last piece */
};

/* False after noting the failure; to be closed also then. */
bool dict_init(struct dict *dict, struct memory *memory) MUST_USE;
void dict_close(struct dict *dict);

/* The number of a text shorter than DICT_PIECE; a new one gets the next. 0 after noting the failure. */
uint32_t dict_id(struct dict *dict, struct slice text);
/* The same with its hash_bytes, of seed 0, at hand. */
uint32_t dict_id_hashed(struct dict *dict, struct slice text, uint64_t hash);

/* Ask for the memory that dict_id_hashed will read first, and, once that came, for what it leads to. */
static inline void dict_prefetch(const struct dict *dict, uint64_t hash)
{
    map_prefetch(&dict->map, hash);
}
void dict_prefetch_text(const struct dict *dict, uint64_t hash);

/* The text of a number that dict_id returned; of 0 the empty one. */
struct slice dict_text(const struct dict *dict, uint32_t id);

#endif
