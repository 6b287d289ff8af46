/*
 * Tables of integers whose columns are as wide as their values need.
 *
 * A row is a run of 64-bit numbers by column; a number from 1 on names it for as long as it lives. Rows lie in segments
 * of ROWS_SEGMENT, and each segment gives every column 0 to 8 bytes, enough for the values it holds: a column of
 * nothing but zeros takes no room at all, ids and amounts three or four bytes. A value that does not fit makes its
 * segment be laid out anew, wider; new segments begin with the widths that the older ones came to need. So nothing has
 * to be known of values beforehand, rare columns (nulls, conflicts, the upper half of a 128-bit sum) are free until
 * they are used, and growth neither copies what is there nor has a peak.
 *
 * Rows that were given back are handed out again. Many at once may leave whole segments without a row; rows_trim frees
 * the memory of these, and each of their rows reads as a dead one until it is handed out again.
 *
 * Row 0 exists, holds nothing and is never handed out: 0 means "none", and what fails for want of memory lands there.
 * A pointer into a row (rows_at) is valid until the next rows_set or rows_add.
 */
#ifndef DROPFOLD_ENGINE_ROWS_H
#define DROPFOLD_ENGINE_ROWS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/prefetch.h"
#include "engine/memory.h"

enum {
    ROWS_SHIFT = 12,
    ROWS_SEGMENT = 1 << ROWS_SHIFT, /* rows of a segment */
    ROWS_COLUMNS_MAX = 512
};

/* What a column is expected to grow to at once, so that growing numbers do not lay segments out again and again. */
enum rows_hint {
    ROWS_ANY,   /* no expectation */
    ROWS_LINK,  /* a row number: 3 bytes or more */
    ROWS_GROWS, /* a sum: 2, 4, 6 or 8 bytes */
};

struct rows_place {
    uint64_t mask, sign;    /* the bits of the width, and the topmost of them */
    uint32_t offset, width; /* bytes */
};

struct rows_layout {
    uint32_t stride;
    struct rows_place places[];
};

struct rows_segment {
    uint8_t *data;
    const struct rows_layout *layout;
};

struct rows {
    struct memory *memory;
    size_t columns;
    uint8_t hints[ROWS_COLUMNS_MAX];  /* enum rows_hint */
    uint8_t widths[ROWS_COLUMNS_MAX]; /* the widest of any segment: how the next one begins */
    struct rows_segment *segments;
    size_t segment_count, segment_room;
    struct rows_layout **layouts; /* all that occur */
    size_t layout_count, layout_room;
    uint32_t end;      /* rows below it have been handed out */
    struct ids unused; /* and given back */
    struct ids vacant; /* segments without memory: they share `dead` */
    struct rows_segment dead;
};

/* What it holds is counted by `memory`, which must outlive it. */
void rows_init(struct rows *rows, struct memory *memory);
/* Adds a column and returns its number. All of them are added before rows_start. */
size_t rows_column(struct rows *rows, enum rows_hint hint);
/* Before the first row. False after noting the failure. */
bool rows_start(struct rows *rows) MUST_USE;
void rows_close(struct rows *rows);

/* A row of zeros; 0 after noting the failure. */
uint32_t rows_add(struct rows *rows);

/* Gives the row back. Its owner knows dead rows from live ones when it walks over all. */
void rows_remove(struct rows *rows, uint32_t row);

/* Frees segments all of whose rows were given back. A walk over all rows finds `value`, one byte, in their `column` and
   zeros in all others; it is the same at each call. */
void rows_trim(struct rows *rows, size_t column, int64_t value);

/* Lays the row's segment out anew so that the value fits, and writes it. Without memory it is lost. */
void rows_set_wider(struct rows *rows, uint32_t row, size_t column, int64_t value);

struct rows_at {
    uint8_t *data;
    const struct rows_layout *layout;
};

static inline struct rows_at rows_at(const struct rows *rows, uint32_t row)
{
    const struct rows_segment *segment = &rows->segments[row >> ROWS_SHIFT];
    return (struct rows_at){segment->data + (size_t)(row & (ROWS_SEGMENT - 1)) * segment->layout->stride,
                            segment->layout};
}

/* The row's first byte and its last: most rows lie in one line of the cache, and of wide ones what is between
   follows. */
static inline void rows_prefetch(const struct rows *rows, uint32_t row)
{
    struct rows_at at = rows_at(rows, row);
    prefetch(at.data);
    prefetch(at.data + at.layout->stride - 1);
}

/* The same of a row that may be none. */
static inline void rows_prefetch_some(const struct rows *rows, uint32_t row)
{
    if (row)
        rows_prefetch(rows, row);
}

/* The lowest bytes of `bits`, as many as the place has, as a number with a sign. */
static inline int64_t rows_narrowed(const struct rows_place *place, uint64_t bits)
{
    return (int64_t)(((bits & place->mask) ^ place->sign) - place->sign);
}

static inline int64_t rows_peek(struct rows_at at, size_t column)
{
    const struct rows_place *place = &at.layout->places[column];
    uint64_t bits;
    memcpy(&bits, at.data + place->offset, sizeof bits);
    return rows_narrowed(place, le64toh(bits));
}

static inline int64_t rows_get(const struct rows *rows, uint32_t row, size_t column)
{
    return rows_peek(rows_at(rows, row), column);
}

static inline uint32_t rows_link(const struct rows *rows, uint32_t row, size_t column)
{
    return (uint32_t)rows_get(rows, row, column);
}

/* Writes exactly `width` bytes, as two overlapping numbers: no byte is read, and none behind is touched, so that
   reading the next column need not wait for this write. */
static inline void rows_store(uint8_t *at, unsigned width, uint64_t bits)
{
    if (width >= 4) {
        uint32_t low = htole32((uint32_t)bits), high = htole32((uint32_t)(bits >> (8 * (width - 4))));
        memcpy(at, &low, sizeof low);
        memcpy(at + width - 4, &high, sizeof high);
    } else if (width >= 2) {
        uint16_t low = htole16((uint16_t)bits), high = htole16((uint16_t)(bits >> (8 * (width - 2))));
        memcpy(at, &low, sizeof low);
        memcpy(at + width - 2, &high, sizeof high);
    } else if (width == 1) {
        *at = (uint8_t)bits;
    }
}

/* Writes a number unless its column is too narrow. */
static inline bool rows_put(struct rows_at at, size_t column, int64_t value)
{
    const struct rows_place *place = &at.layout->places[column];
    if (rows_narrowed(place, (uint64_t)value) != value)
        return false;
    rows_store(at.data + place->offset, place->width, (uint64_t)value);
    return true;
}

static inline void rows_set(struct rows *rows, uint32_t row, size_t column, int64_t value)
{
    if (!rows_put(rows_at(rows, row), column, value))
        rows_set_wider(rows, row, column, value);
}

/* The same with the row's place at hand, which is renewed when it moves. */
static inline void rows_set_at(struct rows *rows, uint32_t row, struct rows_at *at, size_t column, int64_t value)
{
    if (rows_put(*at, column, value))
        return;
    rows_set_wider(rows, row, column, value);
    *at = rows_at(rows, row);
}

#endif
