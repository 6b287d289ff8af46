/*
 * Values as the engine stores them: one 64-bit code each, equal exactly where the values are.
 *
 * A text's code is its number in the dictionary, a double's its bits (with one zero), a timestamp's twice its seconds
 * when they are whole, else twice its microseconds plus one: most need five bytes instead of seven. All other kinds are
 * codes as they are. Nulls are bits beside the codes, by field.
 */
#ifndef DROPFOLD_ENGINE_CODES_H
#define DROPFOLD_ENGINE_CODES_H

#include "engine/dict.h"
#include "model/pipeline.h"
#include "model/value.h"

_Static_assert(PIPELINE_FIELDS_MAX <= 64, "a record's nulls are the bits of one code");

/* The codes of a record by field of its feed; where a null bit is set the code is 0. */
struct codes {
    int64_t at[PIPELINE_FIELDS_MAX];
    uint64_t nulls;
};

static inline bool codes_null(const struct codes *codes, size_t field)
{
    return codes->nulls >> field & 1;
}

/* The code of a value that is not null; a new text enters the dictionary, which is not read for other kinds. */
int64_t codes_of(enum value_kind kind, const struct value *value, struct dict *dict);

/* The value of a code. Text is the dictionary's. */
struct value codes_value(enum value_kind kind, int64_t code, const struct dict *dict);

/* A number that orders as the values do; of a text its code, which does not. */
int64_t codes_rank(enum value_kind kind, int64_t code);

/* The code that has this rank. */
int64_t codes_of_rank(enum value_kind kind, int64_t rank);

/* Orders two codes as value_compare orders their values. */
int codes_compare(enum value_kind kind, int64_t a, int64_t b, const struct dict *dict);

/* Sorts numbers, codes or others, ascending. */
void codes_sort(int64_t *codes, size_t count);

/* One hash of several codes; begins with 0 and takes one at a time, the null one too. */
static inline uint64_t codes_hash(uint64_t hash, int64_t code, bool null)
{
    return hash_u64(hash ^ (uint64_t)code ^ (null ? UINT64_C(0xa5a5a5a5a5a5a5a5) : 0));
}

#endif
