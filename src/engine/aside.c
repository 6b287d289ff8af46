#include "engine/aside.h"

static void refill(void *context, struct map *map)
{
    struct map_filler filler = {.count = 0};
    const struct aside *aside = context;
    for (size_t i = 0; i < aside->groups.count; i++)
        map_fill(map, &filler, hash_u64(aside->groups.at[i]), (uint32_t)i + 1);
    map_fill_end(map, &filler);
}

struct cell *aside_room(struct memory *memory, struct aside *aside, size_t columns)
{
    if (!memory_map_room(memory, &aside->map, 1, refill, aside))
        return NULL;
    if (aside->groups.count == aside->room) {
        struct cell *cells = memory_more(memory, aside->cells, &aside->room, columns * sizeof *cells);
        if (!cells)
            return NULL;
        aside->cells = cells;
    }
    return aside->cells + aside->groups.count * columns;
}

static bool is_list(const struct cell *cell)
{
    return cell->kind == CELL_LIST && cell->text.len > 0;
}

/* Lists are the emitter's: a row that is set aside has its own. */
static bool keep_lists(struct memory *memory, struct cell *cells, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        if (!is_list(&cells[i]))
            continue;
        char *copy = memory_new(memory, cells[i].text.len);
        if (!copy)
            return false;
        memcpy(copy, cells[i].text.data, cells[i].text.len);
        cells[i].text.data = copy;
    }
    return true;
}

static void drop_lists(struct memory *memory, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_list(&cells[i]))
            memory_drop(memory, (void *)(uintptr_t)cells[i].text.data, cells[i].text.len);
}

bool aside_add(struct memory *memory, struct aside *aside, uint32_t group, size_t columns)
{
    if (!keep_lists(memory, aside->cells + aside->groups.count * columns, columns))
        return false;
    size_t before = aside->groups.count;
    ids_push(memory, &aside->groups, group);
    if (aside->groups.count == before)
        return false;
    map_put(&aside->map, hash_u64(group), (uint32_t)aside->groups.count);
    return true;
}

const struct cell *aside_find(const struct aside *aside, uint32_t group, size_t columns)
{
    struct map_probe probe;
    for (uint32_t at = map_first(&aside->map, hash_u64(group), &probe); at != MAP_NONE;
         at = map_next(&aside->map, &probe))
        if (aside->groups.at[at - 1] == group)
            return aside->cells + (at - 1) * columns;
    return NULL;
}

void aside_close(struct memory *memory, struct aside *aside, size_t columns)
{
    drop_lists(memory, aside->cells, aside->groups.count * columns);
    memory_drop(memory, aside->cells, aside->room * columns * sizeof(struct cell));
    memory_close_ids(memory, &aside->groups);
    memory_close_map(memory, &aside->map);
    *aside = (struct aside){0};
}
