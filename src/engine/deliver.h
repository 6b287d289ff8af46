/*
 * An open delivery: which groups it brings, in key order, and the rows of those that changed before they were sent.
 */
#ifndef DROPFOLD_ENGINE_DELIVER_H
#define DROPFOLD_ENGINE_DELIVER_H

#include "engine/state.h"

/* None is open in a new one. NULL when out of memory. */
struct deliver *deliver_new(struct error *error) MUST_USE;
/* Frees the engine's, as engine_delivery_end does where one is open; it may be NULL. */
void deliver_free(struct engine *engine);

/* Keeps the row of a pending group as it is now; called before the group changes. */
void deliver_set_aside(struct engine *engine, struct engine_table *table, uint32_t group);

#endif
