/*
 * Groups: the rows of a table while they are computed.
 *
 * A group knows how many units it has, the change that last changed it, and its accumulators. Minimum, maximum and
 * distinct have none while the group is small: it then lists its units, and they are looked through when the group is
 * delivered. Once it has more than STATE_BIG it has bags instead of the list, until it is empty.
 *
 * An emptied group stays, so that a delivery can delete its row in the target, until one has done so.
 */
#ifndef DROPFOLD_ENGINE_GROUPS_H
#define DROPFOLD_ENGINE_GROUPS_H

#include "engine/state.h"
#include "engine/unrolled.h"

/* The key of the group that a unit with these values lies in, of sliding windows the latest one's; false when a value
   that must not be null is, and the unit so lies in none. `lookup` yields the code of a joined feed's field, false when
   null. */
typedef bool (*groups_lookup)(void *context, struct field_ref field, int64_t *code);
bool groups_key(const struct engine *engine, const struct engine_table *table, const struct codes *codes,
                groups_lookup lookup, void *context, struct keyed_key *key);

/* Makes it the key of the window before. */
void groups_key_before(const struct engine_table *table, struct keyed_key *key);

/* A window field's code as a moment, in microseconds; of a date its midnight UTC. */
int64_t groups_moment(const struct engine *engine, const struct table *table, int64_t code);

/* Makes the group that keyed_find did not find; 0 after noting the failure. */
uint32_t groups_add(struct engine *engine, struct engine_table *table, const struct keyed_key *key);

/* To be called before anything of the group changes. */
void groups_change(struct engine *engine, struct engine_table *table, uint32_t group);

/* The unit becomes one of the group's, or stops being one; after its measures were added or taken. */
void groups_enter(struct engine *engine, struct engine_table *table, uint32_t group, uint32_t unit);
void groups_leave(struct engine *engine, struct engine_table *table, uint32_t group, uint32_t unit);

/* A walk over the units of a small group whose measures are looked through; over none where bags have them. */
struct unrolled_walk groups_members(const struct engine_table *table, uint32_t group);

/* Frees what a group knows of its units but how many there are. */
void groups_release(struct engine *engine, struct engine_table *table, uint32_t group);

/* The bags of a big group, else NULL. */
static inline struct bag *groups_bags(const struct engine_table *table, uint32_t group)
{
    uint32_t at = rows_link(&table->groups.rows, group, table->bags);
    return at ? table->big[at - 1] : NULL;
}

static inline struct bag_order groups_order(const struct engine *engine, const struct measure *measure)
{
    return (struct bag_order){measure->by_bytes ? &engine->dict : NULL};
}

static inline uint64_t groups_units(const struct engine_table *table, uint32_t group)
{
    return (uint64_t)rows_get(&table->groups.rows, group, table->units);
}

/* One value of a uniform field came or went. True when the value that is counted is gone and others are left: then
   groups_elect_uniform is to be called once the unit has left. */
bool groups_count_uniform(struct engine_table *table, const struct measure *measure, uint32_t group, int64_t code,
                          int sign);

/* Chooses another value to count where the one that was counted is gone. */
void groups_elect_uniform(struct engine *engine, struct engine_table *table, uint32_t group);

/* No group counts as fresh any more. */
void groups_know_all(struct engine_table *table);

/* After a delivery up to `sequence`: what is still to be delivered. */
void groups_delivered(struct engine *engine, struct engine_table *table, uint64_t sequence);

/* Calls `visit` for every group changed after `since`, emptied ones included. */
void groups_each_changed(const struct engine_table *table, uint64_t since, void (*visit)(void *context, uint32_t group),
                         void *context);

#endif
