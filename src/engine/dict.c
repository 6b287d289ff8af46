#include "engine/dict.h"

#include "base/hash.h"
#include "model/value.h"

_Static_assert((int)TEXT_VALUE_MAX < (int)DICT_PIECE, "every text value fits a piece");

enum { AT, LENGTH }; /* columns */

bool dict_init(struct dict *dict, struct memory *memory)
{
    *dict = (struct dict){.memory = memory};
    rows_init(&dict->rows, memory);
    rows_column(&dict->rows, ROWS_LINK);
    rows_column(&dict->rows, ROWS_ANY);
    return rows_start(&dict->rows);
}

void dict_close(struct dict *dict)
{
    for (size_t i = 0; i < dict->piece_count; i++)
        memory_drop(dict->memory, dict->pieces[i], DICT_PIECE);
    memory_drop(dict->memory, dict->pieces, dict->piece_room * sizeof *dict->pieces);
    memory_close_map(dict->memory, &dict->map);
    rows_close(&dict->rows);
}

struct slice dict_text(const struct dict *dict, uint32_t id)
{
    if (id == 0)
        return SLICE("");
    struct rows_at row = rows_at(&dict->rows, id);
    size_t at = (size_t)rows_peek(row, AT);
    return (struct slice){dict->pieces[at / DICT_PIECE] + at % DICT_PIECE, (size_t)rows_peek(row, LENGTH)};
}

static uint64_t hash_of(const struct dict *dict, uint32_t id)
{
    return hash_bytes(dict_text(dict, id), 0);
}

static void refill(void *context, struct map *map)
{
    struct map_filler filler = {.count = 0};
    const struct dict *dict = context;
    for (uint32_t id = 1; id < dict->rows.end; id++)
        map_fill(map, &filler, hash_of(dict, id), id);
    map_fill_end(map, &filler);
}

static bool add_piece(struct dict *dict)
{
    if (dict->piece_count == dict->piece_room) {
        void *pieces = memory_more(dict->memory, dict->pieces, &dict->piece_room, sizeof *dict->pieces);
        if (!pieces)
            return false;
        dict->pieces = pieces;
    }
    char *piece = memory_new(dict->memory, DICT_PIECE);
    if (!piece)
        return false;
    dict->pieces[dict->piece_count++] = piece;
    dict->left = DICT_PIECE;
    return true;
}

/* A byte stays free at the end of each piece, so that an empty text too begins inside one. */
static uint32_t add(struct dict *dict, struct slice text, uint64_t hash)
{
    if ((dict->piece_count == 0 || text.len >= dict->left) && !add_piece(dict))
        return 0;
    if (!memory_map_room(dict->memory, &dict->map, 1, refill, dict))
        return 0;
    uint32_t id = rows_add(&dict->rows);
    if (id == 0)
        return 0;
    size_t at = DICT_PIECE - dict->left;
    if (text.len > 0)
        memcpy(dict->pieces[dict->piece_count - 1] + at, text.data, text.len);
    rows_set(&dict->rows, id, AT, (int64_t)((dict->piece_count - 1) * DICT_PIECE + at));
    rows_set(&dict->rows, id, LENGTH, (int64_t)text.len);
    dict->left -= text.len;
    map_put(&dict->map, hash, id);
    return id;
}

void dict_prefetch_text(const struct dict *dict, uint64_t hash)
{
    struct map_probe probe;
    rows_prefetch_some(&dict->rows, map_first(&dict->map, hash, &probe));
}

uint32_t dict_id_hashed(struct dict *dict, struct slice text, uint64_t hash)
{
    struct map_probe probe;
    for (uint32_t id = map_first(&dict->map, hash, &probe); id != MAP_NONE; id = map_next(&dict->map, &probe))
        if (slice_equal(dict_text(dict, id), text))
            return id;
    return add(dict, text, hash);
}

uint32_t dict_id(struct dict *dict, struct slice text)
{
    return dict_id_hashed(dict, text, hash_bytes(text, 0));
}
