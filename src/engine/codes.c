#include "engine/codes.h"

#include <stdlib.h>

#include "model/timestamp.h"

enum {
    SORT_FEW = 48 /* codes: so many are sorted by insertion */
};

static int64_t code_of_double(double value)
{
    int64_t bits;
    value += 0.0; /* of the two zeros the positive one */
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of_code(int64_t code)
{
    double value;
    memcpy(&value, &code, sizeof value);
    return value;
}

static int64_t code_of_timestamp(int64_t micros)
{
    if (micros % TIMESTAMP_SECOND == 0)
        return micros / TIMESTAMP_SECOND * 2;
    return micros * 2 + 1;
}

static int64_t timestamp_of_code(int64_t code)
{
    return code & 1 ? (code - 1) / 2 : code / 2 * TIMESTAMP_SECOND;
}

int64_t codes_of(enum value_kind kind, const struct value *value, struct dict *dict)
{
    switch (kind) {
    case VALUE_TEXT:
        return dict_id(dict, value->text);
    case VALUE_DOUBLE:
        return code_of_double(value->d);
    case VALUE_TIMESTAMP:
        return code_of_timestamp(value->i);
    case VALUE_INT64:
    case VALUE_DECIMAL:
    case VALUE_BOOL:
    case VALUE_DATE:
        break;
    }
    return value->i;
}

struct value codes_value(enum value_kind kind, int64_t code, const struct dict *dict)
{
    switch (kind) {
    case VALUE_TEXT:
        return (struct value){.text = dict_text(dict, (uint32_t)code)};
    case VALUE_DOUBLE:
        return (struct value){.d = double_of_code(code)};
    case VALUE_TIMESTAMP:
        return (struct value){.i = timestamp_of_code(code)};
    case VALUE_INT64:
    case VALUE_DECIMAL:
    case VALUE_BOOL:
    case VALUE_DATE:
        break;
    }
    return (struct value){.i = code};
}

/* The bits of doubles order like integers, of negative ones backwards. Its own inverse. */
static int64_t turn_negative(int64_t bits)
{
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

int64_t codes_rank(enum value_kind kind, int64_t code)
{
    if (kind == VALUE_TIMESTAMP)
        return timestamp_of_code(code);
    return kind == VALUE_DOUBLE ? turn_negative(code) : code;
}

int64_t codes_of_rank(enum value_kind kind, int64_t rank)
{
    if (kind == VALUE_TIMESTAMP)
        return code_of_timestamp(rank);
    return kind == VALUE_DOUBLE ? turn_negative(rank) : rank;
}

int codes_compare(enum value_kind kind, int64_t a, int64_t b, const struct dict *dict)
{
    if (a == b)
        return 0;
    if (kind == VALUE_TEXT)
        return slice_compare(dict_text(dict, (uint32_t)a), dict_text(dict, (uint32_t)b));
    return codes_rank(kind, a) < codes_rank(kind, b) ? -1 : 1;
}

static int compare_codes(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

void codes_sort(int64_t *codes, size_t count)
{
    if (count > SORT_FEW) {
        qsort(codes, count, sizeof *codes, compare_codes);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        int64_t code = codes[i];
        size_t at = i;
        for (; at > 0 && codes[at - 1] > code; at--)
            codes[at] = codes[at - 1];
        codes[at] = code;
    }
}
