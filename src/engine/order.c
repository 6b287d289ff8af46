/* Long lists are sorted in parts, side by side, and the parts merged. */
#include "engine/order.h"

#include <endian.h>
#include <stdlib.h>

#include "engine/beside.h"

enum { PREFIX_PARTS = 2 };

/* A group with the beginning of its key, which nearly always decides. */
struct sorted {
    uint64_t prefix[PREFIX_PARTS];
    uint32_t group;
};

struct sorter {
    const struct engine *engine;
    const struct engine_table *table;
    struct ids *groups;
    size_t parts; /* each sorted by itself, then merged */
    struct sorted *sorted;
};

static enum value_kind part_kind(const struct engine_table *table, size_t key)
{
    const struct column *column = &table->table->columns[table->table->key[key]];
    return column->kind == COLUMN_GROUP ? column->field_type.kind : VALUE_INT64;
}

static int64_t part_code(const struct engine_table *table, uint32_t group, size_t key)
{
    return rows_get(&table->groups.rows, group, KEYED_KEY + table->column_part[table->table->key[key]]);
}

static uint64_t prefix_of(const struct sorter *sorter, uint32_t group, size_t key)
{
    int64_t code = part_code(sorter->table, group, key);
    enum value_kind kind = part_kind(sorter->table, key);
    if (kind != VALUE_TEXT)
        return (uint64_t)codes_rank(kind, code) ^ UINT64_C(1) << 63;
    struct slice text = dict_text(&sorter->engine->dict, (uint32_t)code);
    uint64_t bytes = 0;
    memcpy(&bytes, text.data, text.len < sizeof bytes ? text.len : sizeof bytes);
    return be64toh(bytes);
}

static int compare_groups(const void *a, const void *b, void *context)
{
    const struct sorter *sorter = context;
    const struct sorted *x = a, *y = b;
    for (size_t i = 0; i < PREFIX_PARTS; i++) {
        if (x->prefix[i] == y->prefix[i])
            continue;
        /* Only where all before is equal does the next prefix count; texts may differ behind theirs. */
        if (i == 0 || part_kind(sorter->table, 0) != VALUE_TEXT)
            return x->prefix[i] < y->prefix[i] ? -1 : 1;
        break;
    }
    for (size_t key = 0; key < sorter->table->table->key_count; key++) {
        int order = codes_compare(part_kind(sorter->table, key), part_code(sorter->table, x->group, key),
                                  part_code(sorter->table, y->group, key), &sorter->engine->dict);
        if (order != 0)
            return order;
    }
    return 0;
}

static void sort_part(void *of, size_t i)
{
    struct sorter *sorter = of;
    const struct engine_table *table = sorter->table;
    size_t first = beside_first(sorter->groups->count, sorter->parts, i);
    size_t end = beside_first(sorter->groups->count, sorter->parts, i + 1);
    for (size_t at = first; at < end; at++) {
        struct sorted *sorted = &sorter->sorted[at];
        sorted->group = sorter->groups->at[at];
        for (size_t key = 0; key < PREFIX_PARTS && key < table->table->key_count; key++)
            sorted->prefix[key] = prefix_of(sorter, sorted->group, key);
    }
    qsort_r(sorter->sorted + first, end - first, sizeof *sorter->sorted, compare_groups, sorter);
}

/* Writes the groups in the order of all parts: the least of their next ones, again and again. */
static void merge(struct sorter *sorter)
{
    size_t next[ENGINE_PARTS_MAX], end[ENGINE_PARTS_MAX], count = sorter->groups->count;
    for (size_t i = 0; i < sorter->parts; i++) {
        next[i] = beside_first(count, sorter->parts, i);
        end[i] = beside_first(count, sorter->parts, i + 1);
    }
    for (size_t at = 0; at < count; at++) {
        size_t least = sorter->parts;
        for (size_t i = 0; i < sorter->parts; i++)
            if (next[i] < end[i] &&
                (least == sorter->parts ||
                 compare_groups(&sorter->sorted[next[i]], &sorter->sorted[next[least]], sorter) < 0))
                least = i;
        sorter->groups->at[at] = sorter->sorted[next[least]++].group;
    }
}

bool order_groups(struct engine *engine, const struct engine_table *table, struct ids *groups)
{
    size_t size = groups->count * sizeof(struct sorted);
    if (groups->count < 2 || table->table->key_count == 0)
        return true;
    struct sorter sorter = {.engine = engine,
                            .table = table,
                            .groups = groups,
                            .parts = beside_parts(engine, groups->count),
                            .sorted = memory_new(&engine->memory, size)};
    if (!sorter.sorted)
        return false;
    beside_run(engine, sorter.parts, sort_part, &sorter);
    merge(&sorter);
    memory_drop(&engine->memory, sorter.sorted, size);
    return true;
}
