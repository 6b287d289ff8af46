/* What the tests of chunks share: feeds of fields of every kind, and random values for them. */
#ifndef DROPFOLD_TESTS_MODEL_CHUNKS_H
#define DROPFOLD_TESTS_MODEL_CHUNKS_H

#include "testing.h"

#include <math.h>

#include "model/chunk.h"
#include "model/timestamp.h"

enum { KINDS = VALUE_TIMESTAMP + 1, FIELDS_MAX = 17 };

/* A feed of `count` fields whose kinds go round. */
struct fixture {
    struct feed feed;
    struct feed_field fields[FIELDS_MAX];
};

static inline void fixture_init(struct fixture *f, size_t count)
{
    *f = (struct fixture){.feed = {.name = "Orders", .field_count = count}};
    f->feed.fields = f->fields;
    for (size_t i = 0; i < count; i++) {
        enum value_kind kind = (enum value_kind)(i % KINDS);
        f->fields[i] = (struct feed_field){.name = "field", .type = {.kind = kind}, .min = INT64_MIN, .max = INT64_MAX};
        if (kind == VALUE_DECIMAL)
            f->fields[i].type = (struct value_type){VALUE_DECIMAL, 18, 2};
    }
}

/* A feed of one field. */
static inline void fixture_one(struct fixture *f, enum value_kind kind)
{
    fixture_init(f, 1);
    f->fields[0].type = (struct value_type){.kind = kind};
}

/* Of any magnitude, inside what a decimal, date or timestamp holds. */
static inline int64_t random_integer(enum value_kind kind, uint64_t *seed)
{
    int64_t any = (int64_t)testing_random(seed) >> (testing_random(seed) % 64);
    if (kind == VALUE_BOOL)
        return any & 1;
    if (kind == VALUE_DATE)
        return any % (TIMESTAMP_MIN / TIMESTAMP_DAY);
    if (kind == VALUE_TIMESTAMP)
        return any % TIMESTAMP_MIN;
    return kind == VALUE_DECIMAL ? any % INT64_C(1000000000000000000) : any;
}

static inline struct value random_value(enum value_kind kind, const char *text, size_t len, uint64_t *seed)
{
    struct value value = {.null = testing_random(seed) % 5 == 0};
    if (value.null)
        return value;
    if (kind == VALUE_TEXT)
        value.text = (struct slice){text, testing_random(seed) % 8 == 0 ? testing_random(seed) % len
                                                                        : testing_random(seed) % 20};
    else if (kind == VALUE_DOUBLE)
        value.d = ldexp((double)testing_random(seed), (int)(testing_random(seed) % 200) - 100);
    else
        value.i = random_integer(kind, seed);
    return value;
}

#endif
