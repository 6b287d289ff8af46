/*
 * Units: what one line of an order says of all its lines, and what it joins to.
 *
 * Touching a unit takes its contribution back from its groups and counters, once a change; at the end of the change all
 * touched units are settled (settle.h).
 */
#ifndef DROPFOLD_ENGINE_UNITS_H
#define DROPFOLD_ENGINE_UNITS_H

#include "engine/state.h"

void units_touch(struct engine *engine, uint32_t unit);

/* Every unit that lies at a join's node. */
void units_touch_at_node(struct engine *engine, struct engine_join *join, uint32_t node);

/* Stores what a new or changed line of a touched unit says of the attributes. */
void units_set_attributes(struct engine *engine, uint32_t unit, uint32_t line, const struct codes *codes);

/* The line is about to leave its unit, which is touched. */
void units_lose_line(struct engine *engine, uint32_t line);

/* Lets the top line say the attributes, and notes whether lines disagree. */
void units_elect(struct engine *engine, uint32_t unit, uint32_t top);

/* Asks for the memory of what the unit leads to, records and nodes: of these sources, as bits (struct selection). */
void units_prefetch(const struct engine *engine, uint32_t unit, uint32_t sources);

/* Under which the records of a joined feed of the unit, whose row is `at`, lie: a node or the unit itself; 0 when it
   joins to nothing there. */
static inline uint32_t units_parent(const struct engine *engine, uint32_t unit, struct rows_at at, size_t feed)
{
    const struct engine_join *join = &engine->joins[feed - 1];
    if (!join->direct)
        return (uint32_t)rows_peek(at, join->unit_node);
    return (uint64_t)rows_peek(at, KEYED_NULLS) & engine->units.key_bits ? 0 : unit;
}

/* The unit's fields that tables read. */
void units_read(const struct engine *engine, uint32_t unit, struct codes *codes);

/* The live line of highest rank that counts, or 0. */
uint32_t units_top(const struct engine *engine, uint32_t unit);

/* The window of a settled unit; false when it has no lines, or none. */
bool units_window(const struct engine *engine, uint32_t unit, int64_t *window);

/* Notes for units_falls_back whether one of the lines of a settled unit lies in a closed window: lines that come later
   do not. */
void units_note_behind(struct engine *engine, uint32_t unit);

/* Whether, once `row` replaces the unit's line `line`, a line of a closed window says the attributes; which window. */
bool units_falls_back(const struct engine *engine, uint32_t unit, uint32_t line, const struct batch_row *row,
                      int64_t *window);

/* Frees a unit that is in no counter and at no node, and its lines. */
void units_free(struct engine *engine, uint32_t unit);

#endif
