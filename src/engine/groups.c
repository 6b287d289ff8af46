#include "engine/groups.h"

#include "engine/accumulate.h"
#include "engine/deliver.h"
#include "engine/files.h"
#include "engine/units.h"
#include "model/timestamp.h"

enum {
    DIRTY_FEW = 1024 /* groups: so many are always worth listing */
};

/* --- finding ------------------------------------------------------------------------------------------------------ */

int64_t groups_moment(const struct engine *engine, const struct table *table, int64_t code)
{
    enum value_kind kind = engine->pipeline->feeds[0].fields[table->window_field].type.kind;
    return codes_rank(kind, code) * (kind == VALUE_DATE ? TIMESTAMP_DAY : 1);
}

static bool group_code(const struct codes *codes, struct field_ref field, groups_lookup lookup, void *context,
                       int64_t *code)
{
    if (field.feed > 0)
        return lookup(context, field, code);
    *code = codes->at[field.field];
    return !codes_null(codes, field.field);
}

bool groups_key(const struct engine *engine, const struct engine_table *table, const struct codes *codes,
                groups_lookup lookup, void *context, struct keyed_key *key)
{
    const struct table *t = table->table;
    key->nulls = 0;
    for (size_t i = 0; i < t->group_count; i++)
        if (!group_code(codes, t->group_by[i], lookup, context, &key->codes[i]))
            return false;
    if (t->windowed && codes_null(codes, t->window_field))
        return false;
    if (t->windowed)
        key->codes[t->group_count] = window_number(&t->window, groups_moment(engine, t, codes->at[t->window_field]));
    keyed_hash(&table->groups, key);
    return true;
}

void groups_key_before(const struct engine_table *table, struct keyed_key *key)
{
    key->codes[table->table->group_count]--;
    keyed_hash(&table->groups, key);
}

uint32_t groups_add(struct engine *engine, struct engine_table *table, const struct keyed_key *key)
{
    uint32_t group = keyed_add(&table->groups, key);
    if (group && engine->delivered > 0)
        keyed_flag(&table->groups, group, GROUP_FRESH, true);
    return group;
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

/* Lists the group among those to deliver; gives the list up when looking through all groups is as good. */
static void list_dirty(struct engine *engine, struct engine_table *table, uint32_t group)
{
    ids_push(&engine->memory, &table->dirty, group);
    if (table->dirty.count <= DIRTY_FEW || table->dirty.count <= table->live / 4)
        return;
    memory_close_ids(&engine->memory, &table->dirty);
    table->dirty_since = engine->sequence;
}

void groups_change(struct engine *engine, struct engine_table *table, uint32_t group)
{
    struct rows_at at = rows_at(&table->groups.rows, group);
    uint64_t changed = (uint64_t)rows_peek(at, table->changed);
    if (changed == engine->sequence)
        return;
    if ((rows_peek(at, KEYED_FLAGS) & (GROUP_PENDING | GROUP_ASIDE)) == GROUP_PENDING) {
        deliver_set_aside(engine, table, group);
        at = rows_at(&table->groups.rows, group);
    }
    rows_set_at(&table->groups.rows, group, &at, table->changed, (int64_t)engine->sequence);
    table->changed_last++;
    if (changed <= table->dirty_since && engine->sequence > table->dirty_since)
        list_dirty(engine, table, group);
}

/* --- members and bags --------------------------------------------------------------------------------------------- */

struct filler {
    struct engine *engine;
    struct engine_table *table;
    struct bag *bags;
};

static void fill_bags(void *context, const struct selection *selection, const struct codes *codes)
{
    struct filler *filler = context;
    for (size_t i = selection->first; i < selection->first + selection->count; i++) {
        const struct measure *measure = &filler->table->measures[i];
        if ((measure->ordered || measure->uniform) && !codes_null(codes, measure->field))
            bag_add(&filler->bags[measure->bag], groups_order(filler->engine, measure), &filler->engine->memory,
                    codes_rank(measure->kind, codes->at[measure->field]));
    }
}

struct unrolled_walk groups_members(const struct engine_table *table, uint32_t group)
{
    uint64_t count = table->scans && !groups_bags(table, group) ? groups_units(table, group) : 0;
    uint32_t head = rows_link(&table->groups.rows, group, table->members);
    return (struct unrolled_walk){head, head ? count : 0};
}

/* All of them, with what they lead to asked for; returns how many. */
static size_t read_members(const struct engine *engine, const struct engine_table *table, uint32_t group,
                           uint32_t units[STATE_BIG + 1])
{
    struct unrolled_walk walk = groups_members(table, group);
    size_t count = 0;
    if (walk.left > STATE_BIG + 1) /* memory was out for bags */
        return 0;
    for (size_t step; (step = unrolled_step(&table->runs, &walk, units + count)) > 0; count += step) {
        unrolled_prefetch(&table->runs, &walk);
        for (size_t i = count; i < count + step; i++)
            rows_prefetch(&engine->units.rows, units[i]);
    }
    for (size_t i = 0; i < count; i++)
        units_prefetch(engine, units[i], table->files ? UINT32_MAX : table->scanned);
    return count;
}

static void fill_from(struct filler *filler, const uint32_t *units, size_t count)
{
    const struct engine_table *table = filler->table;
    for (size_t i = 0; i < count; i++) {
        accumulate_walk(filler->engine, table, units[i], fill_bags, filler);
        if (table->files)
            files_count(filler->engine, &filler->bags[table->files_bag], units[i], 1);
    }
}

/* A place in the table's array of bags, from 1; 0 after noting the failure. */
static uint32_t bags_place(struct engine *engine, struct engine_table *table)
{
    if (table->big_unused.count > 0)
        return table->big_unused.at[--table->big_unused.count];
    if (table->big_count == table->big_room) {
        void *big = memory_more(&engine->memory, table->big, &table->big_room, sizeof *table->big);
        if (!big)
            return 0;
        table->big = big;
    }
    table->big[table->big_count++] = NULL;
    return (uint32_t)table->big_count;
}

static void set_members(struct engine_table *table, uint32_t group, uint32_t head)
{
    rows_set(&table->groups.rows, group, table->members, head);
}

static void drop_members(struct engine_table *table, uint32_t group)
{
    struct unrolled_walk walk = groups_members(table, group);
    unrolled_free(&table->runs, walk.at, walk.left);
    set_members(table, group, 0);
}

static void make_big(struct engine *engine, struct engine_table *table, uint32_t group)
{
    uint32_t place = bags_place(engine, table);
    struct bag *bags = place ? memory_new(&engine->memory, table->bag_count * sizeof *bags) : NULL;
    if (!bags)
        return;
    table->big[place - 1] = bags;
    struct filler filler = {engine, table, bags};
    uint32_t units[STATE_BIG + 1];
    fill_from(&filler, units, read_members(engine, table, group, units));
    drop_members(table, group);
    rows_set(&table->groups.rows, group, table->bags, place);
}

static void drop_bags(struct engine *engine, struct engine_table *table, uint32_t group)
{
    struct bag *bags = groups_bags(table, group);
    if (!bags)
        return;
    for (size_t i = 0; i < table->bag_count; i++)
        bag_close(&bags[i], &engine->memory);
    memory_drop(&engine->memory, bags, table->bag_count * sizeof *bags);
    uint32_t place = rows_link(&table->groups.rows, group, table->bags);
    table->big[place - 1] = NULL;
    ids_push(&engine->memory, &table->big_unused, place);
    rows_set(&table->groups.rows, group, table->bags, 0);
}

void groups_release(struct engine *engine, struct engine_table *table, uint32_t group)
{
    drop_members(table, group);
    drop_bags(engine, table, group);
}

void groups_enter(struct engine *engine, struct engine_table *table, uint32_t group, uint32_t unit)
{
    struct rows *groups = &table->groups.rows;
    uint64_t count = groups_units(table, group);
    if (count == 0)
        table->live++;
    bool listed = table->scans && !groups_bags(table, group);
    if (listed)
        set_members(table, group, unrolled_add(&table->runs, rows_link(groups, group, table->members), count, unit));
    rows_set(groups, group, table->units, (int64_t)count + 1);
    if (listed && count == STATE_BIG)
        make_big(engine, table, group);
}

static void empty(struct engine *engine, struct engine_table *table, uint32_t group)
{
    table->live--;
    drop_bags(engine, table, group);
    if (keyed_has(&table->groups, group, GROUP_EMPTIED))
        return;
    keyed_flag(&table->groups, group, GROUP_EMPTIED, true);
    ids_push(&engine->memory, &table->emptied, group);
}

void groups_leave(struct engine *engine, struct engine_table *table, uint32_t group, uint32_t unit)
{
    struct unrolled_walk members = groups_members(table, group);
    uint64_t count = groups_units(table, group) - 1;
    if (members.left > 0)
        set_members(table, group, unrolled_remove(&table->runs, members.at, members.left, unit));
    rows_set(&table->groups.rows, group, table->units, (int64_t)count);
    if (count == 0)
        empty(engine, table, group);
}

/* --- uniform fields --------------------------------------------------------------------------------------------------
 *
 * Of a uniform field a group counts one value and how many have another one: none, if all is well, and then the count
 * takes no memory. Only when the counted value is gone and others are left are the units looked through.
 */

static bool is_mixed(const struct engine_table *table, uint32_t group)
{
    struct rows_at at = rows_at(&table->groups.rows, group);
    for (size_t i = 0; i < table->measure_count; i++)
        if (table->measures[i].uniform && rows_peek(at, table->measures[i].others) != 0)
            return true;
    return false;
}

/* How many have another value than the counted one, and so how many groups mix. */
static void set_others(struct engine_table *table, const struct measure *measure, uint32_t group, int64_t others)
{
    bool was = is_mixed(table, group);
    rows_set(&table->groups.rows, group, measure->others, others);
    table->mixed += (uint64_t)is_mixed(table, group) - (uint64_t)was;
}

bool groups_count_uniform(struct engine_table *table, const struct measure *measure, uint32_t group, int64_t code,
                          int sign)
{
    struct rows *groups = &table->groups.rows;
    struct rows_at at = rows_at(groups, group);
    int64_t same = rows_peek(at, measure->same), others = rows_peek(at, measure->others);
    if (same == 0 && others == 0)
        rows_set_at(groups, group, &at, measure->value, code);
    if (rows_peek(at, measure->value) != code) {
        set_others(table, measure, group, others + sign);
        return false;
    }
    rows_set_at(groups, group, &at, measure->same, same + sign);
    return same + sign == 0 && others > 0;
}

struct election {
    const struct engine_table *table;
    const struct measure *measure;
    bool found;
    int64_t code, same, others;
};

static void elect(void *context, const struct selection *selection, const struct codes *codes)
{
    struct election *election = context;
    const struct measure *measure = election->measure;
    if (selection != &election->table->selections[measure->selection] || codes_null(codes, measure->field))
        return;
    if (!election->found)
        election->code = codes->at[measure->field];
    election->found = true;
    if (election->code == codes->at[measure->field])
        election->same++;
    else
        election->others++;
}

static void elect_from_bag(const struct bag *bag, int64_t total, struct election *election)
{
    uint32_t count = 0;
    election->code = codes_of_rank(election->measure->kind, bag_first(bag, &count));
    election->same = count;
    election->others = total - count;
}

void groups_elect_uniform(struct engine *engine, struct engine_table *table, uint32_t group)
{
    struct rows *groups = &table->groups.rows;
    const struct bag *bags = groups_bags(table, group);
    for (size_t i = 0; i < table->measure_count; i++) {
        struct election election = {.table = table, .measure = &table->measures[i]};
        const struct measure *measure = election.measure;
        if (!measure->uniform || rows_get(groups, group, measure->same) != 0 ||
            rows_get(groups, group, measure->others) == 0)
            continue;
        uint32_t units[STATE_BIG + 1];
        size_t count = read_members(engine, table, group, units);
        for (size_t j = 0; j < count; j++)
            accumulate_walk(engine, table, units[j], elect, &election);
        if (bags && bags[measure->bag].root)
            elect_from_bag(&bags[measure->bag], rows_get(groups, group, measure->others), &election);
        rows_set(groups, group, measure->value, election.code);
        rows_set(groups, group, measure->same, election.same);
        set_others(table, measure, group, election.others);
    }
}

/* --- after a delivery --------------------------------------------------------------------------------------------- */

/* Forgets emptied groups that a delivery up to `sequence` has deleted. */
static void drop_emptied(struct engine *engine, struct engine_table *table, uint64_t sequence)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->emptied.count; i++) {
        uint32_t group = table->emptied.at[i];
        uint64_t changed = (uint64_t)rows_get(&table->groups.rows, group, table->changed);
        if (groups_units(table, group) > 0) {
            keyed_flag(&table->groups, group, GROUP_EMPTIED, false);
        } else if (changed > sequence) {
            table->emptied.at[kept++] = group;
        } else {
            engine->dropped = changed > engine->dropped ? changed : engine->dropped;
            keyed_remove(&table->groups, group);
        }
    }
    table->emptied.count = kept;
}

void groups_know_all(struct engine_table *table)
{
    for (uint32_t group = 1; group < table->groups.rows.end; group++)
        if (keyed_has(&table->groups, group, GROUP_FRESH))
            keyed_flag(&table->groups, group, GROUP_FRESH, false);
}

void groups_delivered(struct engine *engine, struct engine_table *table, uint64_t sequence)
{
    size_t kept = 0;
    if (sequence > table->dirty_since) {
        for (size_t i = 0; i < table->dirty.count; i++)
            if ((uint64_t)rows_get(&table->groups.rows, table->dirty.at[i], table->changed) > sequence)
                table->dirty.at[kept++] = table->dirty.at[i];
        table->dirty.count = kept;
        table->dirty_since = sequence;
    }
    if (table->dirty.count == 0)
        memory_close_ids(&engine->memory, &table->dirty);
    drop_emptied(engine, table, sequence);
}

void groups_each_changed(const struct engine_table *table, uint64_t since, void (*visit)(void *context, uint32_t group),
                         void *context)
{
    const struct rows *groups = &table->groups.rows;
    if (since >= table->dirty_since) {
        for (size_t i = 0; i < table->dirty.count; i++)
            if ((uint64_t)rows_get(groups, table->dirty.at[i], table->changed) > since)
                visit(context, table->dirty.at[i]);
        return;
    }
    for (uint32_t group = 1; group < groups->end; group++)
        if (!keyed_has(&table->groups, group, KEYED_DEAD) && (uint64_t)rows_get(groups, group, table->changed) > since)
            visit(context, group);
}
