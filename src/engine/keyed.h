/*
 * Rows that are found by their key: units, join nodes and groups.
 *
 * Every row begins with its flags, the null bits of its key (and, in a unit, of its attributes) and its key's codes;
 * further columns are their owner's. Each key has at most one row.
 */
#ifndef DROPFOLD_ENGINE_KEYED_H
#define DROPFOLD_ENGINE_KEYED_H

#include "engine/codes.h"
#include "engine/rows.h"

enum { KEYED_PARTS_MAX = PIPELINE_GROUP_MAX + 1 };

/* Columns. */
enum { KEYED_FLAGS, KEYED_NULLS, KEYED_KEY };

/* Flags; others are the owner's. */
enum {
    KEYED_DEAD = 1,    /* the row was given back */
    KEYED_FLAG_OWN = 2 /* the first of the owner's */
};

struct keyed {
    struct rows rows;
    struct map map;
    size_t parts;                   /* of the key */
    uint64_t bits[KEYED_PARTS_MAX]; /* each part's in KEYED_NULLS; 0: it is never null */
    uint64_t key_bits;              /* all of them */
};

struct keyed_key {
    int64_t codes[KEYED_PARTS_MAX]; /* 0 where null */
    uint64_t nulls;                 /* as in KEYED_NULLS */
    uint64_t hash;
};

/* `bits` may be NULL: no part is ever null. Further columns are added to `rows` by the caller, then keyed_start; false
   after noting the failure. */
void keyed_init(struct keyed *keyed, struct memory *memory, size_t parts, const uint64_t *bits);
bool keyed_start(struct keyed *keyed) MUST_USE;
void keyed_close(struct keyed *keyed);

/* Fills in the hash. */
void keyed_hash(const struct keyed *keyed, struct keyed_key *key);

/* 0 when there is none. */
uint32_t keyed_find(const struct keyed *keyed, const struct keyed_key *key);

/* Adds the row that keyed_find did not find; 0 after noting the failure. */
uint32_t keyed_add(struct keyed *keyed, const struct keyed_key *key);

/* A row that no key finds; its key's columns stay zero. */
uint32_t keyed_add_unfound(struct keyed *keyed);

void keyed_remove(struct keyed *keyed, uint32_t row);
/* The same of a row of keyed_add_unfound. */
void keyed_remove_unfound(struct keyed *keyed, uint32_t row);

/* The row's key. */
void keyed_key(const struct keyed *keyed, uint32_t row, struct keyed_key *key);

/* Gives memory back after many rows were removed. */
void keyed_trim(struct keyed *keyed);

static inline bool keyed_has(const struct keyed *keyed, uint32_t row, int64_t flag)
{
    return (rows_get(&keyed->rows, row, KEYED_FLAGS) & flag) != 0;
}

static inline void keyed_flag(struct keyed *keyed, uint32_t row, int64_t flag, bool on)
{
    int64_t flags = rows_get(&keyed->rows, row, KEYED_FLAGS);
    rows_set(&keyed->rows, row, KEYED_FLAGS, on ? flags | flag : flags & ~flag);
}

#endif
