/* Turns a pipeline into the engine's tables: which field lies where, and what each group keeps. */
#ifndef DROPFOLD_ENGINE_PLAN_H
#define DROPFOLD_ENGINE_PLAN_H

#include "engine/state.h"

/* Fills an engine whose pipeline, memory and dictionary are set. On false, plan_close still frees what is there. */
bool plan_make(struct engine *engine, struct error *error) MUST_USE;
void plan_close(struct engine *engine);

/* plan_tables.c: what groups keep; adds to read[feed] the bits of the fields that tables read. plan_scans: whether the
   units of its groups are listed (`scans` of struct engine_table). */
bool plan_scans(const struct table *table);
bool plan_tables(struct engine *engine, uint64_t *read, struct error *error) MUST_USE;
void plan_close_tables(struct engine *engine);

#endif
