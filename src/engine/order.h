/* The order in which rows are delivered: that of their primary key, as a target's index has it. */
#ifndef DROPFOLD_ENGINE_ORDER_H
#define DROPFOLD_ENGINE_ORDER_H

#include "engine/state.h"

/* Sorts groups of the table by their keys; a table without a key keeps them as they are. False when memory is out. */
bool order_groups(struct engine *engine, const struct engine_table *table, struct ids *groups) MUST_USE;

#endif
