/* Segments with the same widths share one layout, so that few of them are in use and stay in the processor's cache. */
#include "engine/rows.h"

enum {
    SLACK = sizeof(uint64_t) /* bytes behind the last row: numbers are read eight bytes at a time */
};

void rows_init(struct rows *rows, struct memory *memory)
{
    *rows = (struct rows){.memory = memory};
}

size_t rows_column(struct rows *rows, enum rows_hint hint)
{
    rows->hints[rows->columns] = (uint8_t)hint;
    return rows->columns++;
}

static size_t layout_size(const struct rows *rows)
{
    return sizeof(struct rows_layout) + rows->columns * sizeof(struct rows_place);
}

static size_t data_size(const struct rows_layout *layout)
{
    return (size_t)layout->stride * ROWS_SEGMENT + SLACK;
}

static bool has_widths(const struct rows *rows, const struct rows_layout *layout, const uint8_t *widths)
{
    for (size_t i = 0; i < rows->columns; i++)
        if (layout->places[i].width != widths[i])
            return false;
    return true;
}

static struct rows_place place_of(uint32_t offset, uint8_t width)
{
    uint64_t mask = width == 0 ? 0 : ~UINT64_C(0) >> (64 - 8 * width);
    return (struct rows_place){mask, mask ^ (mask >> 1), offset, width};
}

static struct rows_layout *new_layout(struct rows *rows, const uint8_t *widths)
{
    struct rows_layout *layout = memory_new(rows->memory, layout_size(rows));
    if (!layout)
        return NULL;
    for (size_t i = 0; i < rows->columns; i++) {
        layout->places[i] = place_of(layout->stride, widths[i]);
        layout->stride += widths[i];
    }
    return layout;
}

/* The layout with these widths, made when there is none. */
static const struct rows_layout *find_layout(struct rows *rows, const uint8_t *widths)
{
    for (size_t i = rows->layout_count; i-- > 0;)
        if (has_widths(rows, rows->layouts[i], widths))
            return rows->layouts[i];
    if (rows->layout_count == rows->layout_room) {
        void *layouts = memory_more(rows->memory, rows->layouts, &rows->layout_room, sizeof *rows->layouts);
        if (!layouts)
            return NULL;
        rows->layouts = layouts;
    }
    struct rows_layout *layout = new_layout(rows, widths);
    if (layout)
        rows->layouts[rows->layout_count++] = layout;
    return layout;
}

static bool more_segments(struct rows *rows)
{
    void *segments = memory_more(rows->memory, rows->segments, &rows->segment_room, sizeof *rows->segments);
    if (segments)
        rows->segments = segments;
    return segments != NULL;
}

static bool add_segment(struct rows *rows)
{
    if (rows->segment_count == rows->segment_room && !more_segments(rows))
        return false;
    const struct rows_layout *layout = find_layout(rows, rows->widths);
    if (!layout)
        return false;
    uint8_t *data = memory_new_rows(rows->memory, NULL, data_size(layout));
    if (!data)
        return false;
    rows->segments[rows->segment_count++] = (struct rows_segment){data, layout};
    return true;
}

bool rows_start(struct rows *rows)
{
    rows->end = 1;
    return add_segment(rows);
}

void rows_close(struct rows *rows)
{
    for (size_t i = 0; i < rows->segment_count; i++)
        if (rows->segments[i].data != rows->dead.data)
            memory_drop_rows(rows->memory, rows->segments[i].data, data_size(rows->segments[i].layout));
    if (rows->dead.data)
        memory_drop(rows->memory, rows->dead.data, data_size(rows->dead.layout));
    for (size_t i = 0; i < rows->layout_count; i++)
        memory_drop(rows->memory, rows->layouts[i], layout_size(rows));
    memory_drop(rows->memory, rows->segments, rows->segment_room * sizeof *rows->segments);
    memory_drop(rows->memory, rows->layouts, rows->layout_room * sizeof(void *));
    memory_close_ids(rows->memory, &rows->unused);
    memory_close_ids(rows->memory, &rows->vacant);
    *rows = (struct rows){.memory = rows->memory};
}

/* Neighbouring columns whose widths stay are copied together. */
struct run {
    uint32_t from, to, len;
    size_t column; /* a single one that gets wider, when len is 0 */
};

static size_t find_runs(const struct rows *rows, const struct rows_layout *old, const struct rows_layout *now,
                        struct run *runs)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->columns; i++) {
        struct rows_place a = old->places[i], b = now->places[i];
        if (a.width == 0)
            continue;
        if (a.width != b.width)
            runs[count++] = (struct run){a.offset, b.offset, 0, i};
        else if (count > 0 && runs[count - 1].len > 0 && runs[count - 1].from + runs[count - 1].len == a.offset &&
                 runs[count - 1].to + runs[count - 1].len == b.offset)
            runs[count - 1].len += a.width;
        else
            runs[count++] = (struct run){a.offset, b.offset, a.width, i};
    }
    return count;
}

static void copy_rows(const struct rows *rows, const struct rows_segment *old, const struct rows_segment *now,
                      size_t count)
{
    struct run runs[ROWS_COLUMNS_MAX];
    size_t run_count = find_runs(rows, old->layout, now->layout, runs);
    for (size_t row = 0; row < count; row++) {
        struct rows_at from = {old->data + row * old->layout->stride, old->layout};
        uint8_t *to = now->data + row * now->layout->stride;
        for (const struct run *run = runs; run < runs + run_count; run++) {
            if (run->len > 0)
                memcpy(to + run->to, from.data + run->from, run->len);
            else
                rows_store(to + run->to, now->layout->places[run->column].width,
                           (uint64_t)rows_peek(from, run->column));
        }
    }
}

/* Gives a vacant segment memory again, and its rows to be handed out, the first one first. Until each is, it reads as
   dead. */
static bool fill_vacant(struct rows *rows)
{
    const struct rows_layout *layout = find_layout(rows, rows->widths);
    uint8_t *data = layout ? memory_new_rows(rows->memory, NULL, data_size(layout)) : NULL;
    if (!data)
        return false;
    uint32_t segment = rows->vacant.at[--rows->vacant.count];
    rows->segments[segment] = (struct rows_segment){data, layout};
    copy_rows(rows, &rows->dead, &rows->segments[segment], ROWS_SEGMENT);
    for (uint32_t i = ROWS_SEGMENT; i-- > 0;)
        ids_push(rows->memory, &rows->unused, (segment << ROWS_SHIFT) + i);
    return !rows->memory->failed;
}

/* The next row, of another segment. Seldom, and so kept out of rows_add. */
static __attribute__((noinline)) uint32_t add_in_other_segment(struct rows *rows)
{
    if (rows->vacant.count > 0)
        return fill_vacant(rows) ? rows_add(rows) : 0;
    return add_segment(rows) ? rows->end++ : 0;
}

uint32_t rows_add(struct rows *rows)
{
    if (rows->unused.count > 0) {
        uint32_t row = rows->unused.at[--rows->unused.count];
        struct rows_at at = rows_at(rows, row);
        memset(at.data, 0, at.layout->stride);
        return row;
    }
    if (rows->end == UINT32_MAX) {
        rows->memory->failed = true;
        return 0;
    }
    if (rows->end >> ROWS_SHIFT == rows->segment_count)
        return add_in_other_segment(rows);
    return rows->end++;
}

void rows_remove(struct rows *rows, uint32_t row)
{
    ids_push(rows->memory, &rows->unused, row);
}

/* --- trimming ----------------------------------------------------------------------------------------------------- */

/* A segment of rows that are all dead. */
static bool make_dead(struct rows *rows, size_t column, int64_t value)
{
    uint8_t widths[ROWS_COLUMNS_MAX] = {0};
    widths[column] = 1;
    const struct rows_layout *layout = rows->dead.data ? rows->dead.layout : find_layout(rows, widths);
    if (rows->dead.data || !layout)
        return layout;
    rows->dead.data = memory_new(rows->memory, data_size(layout));
    rows->dead.layout = layout;
    if (rows->dead.data)
        memset(rows->dead.data, (int)value, (size_t)layout->stride * ROWS_SEGMENT);
    return rows->dead.data;
}

/* The first segment holds row 0, and the last one rows that were never handed out. */
static bool is_vacant(const struct rows *rows, const uint32_t *given_back, size_t segment)
{
    return segment > 0 && (segment + 1) << ROWS_SHIFT <= rows->end && given_back[segment] == ROWS_SEGMENT;
}

static void vacate(struct rows *rows, const uint32_t *given_back)
{
    for (size_t i = 0; i < rows->segment_count && !rows->memory->failed; i++) {
        struct rows_segment *segment = &rows->segments[i];
        if (!is_vacant(rows, given_back, i))
            continue;
        ids_push(rows->memory, &rows->vacant, (uint32_t)i);
        memory_drop_rows(rows->memory, segment->data, data_size(segment->layout));
        *segment = rows->dead;
    }
    size_t kept = 0;
    for (size_t i = 0; i < rows->unused.count; i++)
        if (!is_vacant(rows, given_back, rows->unused.at[i] >> ROWS_SHIFT))
            rows->unused.at[kept++] = rows->unused.at[i];
    rows->unused.count = kept;
    memory_trim_ids(rows->memory, &rows->unused);
}

void rows_trim(struct rows *rows, size_t column, int64_t value)
{
    size_t size = rows->segment_count * sizeof(uint32_t);
    bool vacant = false;
    if (rows->unused.count < ROWS_SEGMENT)
        return;
    uint32_t *given_back = memory_new(rows->memory, size);
    if (!given_back)
        return;
    for (size_t i = 0; i < rows->unused.count; i++)
        given_back[rows->unused.at[i] >> ROWS_SHIFT]++;
    for (size_t i = 0; i < rows->segment_count; i++)
        vacant = vacant || is_vacant(rows, given_back, i);
    if (vacant && make_dead(rows, column, value))
        vacate(rows, given_back);
    memory_drop(rows->memory, given_back, size);
}

/* --- widths ------------------------------------------------------------------------------------------------------- */

static uint8_t width_for(const struct rows *rows, size_t column, int64_t value)
{
    uint8_t width = 0;
    for (struct rows_place place = place_of(0, 0); rows_narrowed(&place, (uint64_t)value) != value;
         place = place_of(0, width))
        width++;
    switch ((enum rows_hint)rows->hints[column]) {
    case ROWS_LINK:
        return width > 0 && width < 3 ? 3 : width;
    case ROWS_GROWS:
        return (uint8_t)(width + width % 2);
    case ROWS_ANY:
        return width == 7 ? 8 : width;
    }
    return width;
}

/* The segment takes over what other segments have learned of all columns, so that it seldom has to change again. */
static bool widen(struct rows *rows, uint32_t row, size_t column, int64_t value)
{
    uint8_t width = width_for(rows, column, value);
    if (rows->widths[column] < width)
        rows->widths[column] = width;
    struct rows_segment *segment = &rows->segments[row >> ROWS_SHIFT];
    struct rows_segment now = {.layout = find_layout(rows, rows->widths)};
    if (!now.layout)
        return false;
    now.data = memory_new_rows(rows->memory, segment->data, data_size(now.layout));
    if (!now.data)
        return false;
    uint32_t first = row & ~(uint32_t)(ROWS_SEGMENT - 1);
    uint32_t used = rows->end - first < ROWS_SEGMENT ? rows->end - first : ROWS_SEGMENT;
    copy_rows(rows, segment, &now, used);
    memory_drop_rows(rows->memory, segment->data, data_size(segment->layout));
    *segment = now;
    return true;
}

void rows_set_wider(struct rows *rows, uint32_t row, size_t column, int64_t value)
{
    if (widen(rows, row, column, value) && !rows_put(rows_at(rows, row), column, value))
        rows->memory->failed = true;
}
