#include "engine/keyed.h"

void keyed_init(struct keyed *keyed, struct memory *memory, size_t parts, const uint64_t *bits)
{
    *keyed = (struct keyed){.parts = parts};
    rows_init(&keyed->rows, memory);
    rows_column(&keyed->rows, ROWS_ANY); /* flags */
    rows_column(&keyed->rows, ROWS_ANY); /* nulls */
    for (size_t i = 0; i < parts; i++) {
        rows_column(&keyed->rows, ROWS_ANY);
        keyed->bits[i] = bits ? bits[i] : 0;
        keyed->key_bits |= keyed->bits[i];
    }
}

bool keyed_start(struct keyed *keyed)
{
    return rows_start(&keyed->rows);
}

void keyed_close(struct keyed *keyed)
{
    memory_close_map(keyed->rows.memory, &keyed->map);
    rows_close(&keyed->rows);
}

void keyed_hash(const struct keyed *keyed, struct keyed_key *key)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < keyed->parts; i++)
        hash = codes_hash(hash, key->codes[i], (key->nulls & keyed->bits[i]) != 0);
    key->hash = hash;
}

void keyed_key(const struct keyed *keyed, uint32_t row, struct keyed_key *key)
{
    struct rows_at at = rows_at(&keyed->rows, row);
    key->nulls = (uint64_t)rows_peek(at, KEYED_NULLS) & keyed->key_bits;
    for (size_t i = 0; i < keyed->parts; i++)
        key->codes[i] = rows_peek(at, KEYED_KEY + i);
    keyed_hash(keyed, key);
}

static uint64_t hash_of(const void *context, uint32_t row)
{
    struct keyed_key key;
    keyed_key(context, row, &key);
    return key.hash;
}

static void refill(void *context, struct map *map)
{
    struct map_filler filler = {.count = 0};
    const struct keyed *keyed = context;
    for (uint32_t row = 1; row < keyed->rows.end; row++)
        if (!keyed_has(keyed, row, KEYED_DEAD))
            map_fill(map, &filler, hash_of(keyed, row), row);
    map_fill_end(map, &filler);
}

static bool is_row(const struct keyed *keyed, uint32_t row, const struct keyed_key *key)
{
    struct rows_at at = rows_at(&keyed->rows, row);
    for (size_t i = 0; i < keyed->parts; i++)
        if (rows_peek(at, KEYED_KEY + i) != key->codes[i])
            return false;
    return keyed->key_bits == 0 || (((uint64_t)rows_peek(at, KEYED_NULLS) ^ key->nulls) & keyed->key_bits) == 0;
}

uint32_t keyed_find(const struct keyed *keyed, const struct keyed_key *key)
{
    struct map_probe probe;
    for (uint32_t row = map_first(&keyed->map, key->hash, &probe); row != MAP_NONE; row = map_next(&keyed->map, &probe))
        if (is_row(keyed, row, key))
            return row;
    return 0;
}

uint32_t keyed_add(struct keyed *keyed, const struct keyed_key *key)
{
    if (!memory_map_room(keyed->rows.memory, &keyed->map, 1, refill, keyed))
        return 0;
    uint32_t row = rows_add(&keyed->rows);
    if (row == 0)
        return 0;
    if (key->nulls)
        rows_set(&keyed->rows, row, KEYED_NULLS, (int64_t)key->nulls);
    for (size_t i = 0; i < keyed->parts; i++)
        if (key->codes[i] != 0)
            rows_set(&keyed->rows, row, KEYED_KEY + i, key->codes[i]);
    map_put(&keyed->map, key->hash, row);
    return row;
}

uint32_t keyed_add_unfound(struct keyed *keyed)
{
    return rows_add(&keyed->rows);
}

void keyed_remove(struct keyed *keyed, uint32_t row)
{
    map_remove(&keyed->map, hash_of(keyed, row), row, hash_of, keyed);
    keyed_remove_unfound(keyed, row);
}

void keyed_remove_unfound(struct keyed *keyed, uint32_t row)
{
    rows_set(&keyed->rows, row, KEYED_FLAGS, KEYED_DEAD);
    rows_remove(&keyed->rows, row);
}

void keyed_trim(struct keyed *keyed)
{
    rows_trim(&keyed->rows, KEYED_FLAGS, KEYED_DEAD);
    (void)!memory_shrink_map(keyed->rows.memory, &keyed->map, refill, keyed);
}
