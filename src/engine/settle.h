/*
 * Settling touched units at the end of a change: the line of highest rank says the attributes, the unit finds its join
 * nodes, and contributes anew.
 *
 * One unit after another would wait for main memory a dozen times each: its row, its line, its joined records, its
 * node, its groups. So a few are taken together and go through these steps side by side, and each step asks for the
 * memory that the next one will read.
 */
#ifndef DROPFOLD_ENGINE_SETTLE_H
#define DROPFOLD_ENGINE_SETTLE_H

#include "engine/state.h"

enum {
    SETTLE_UNITS = 32 /* at once; more would push the first ones out of the nearest cache again */
};

void settle_touched(struct engine *engine);

/* Takes a unit that is to be freed away from its nodes, and frees those that nothing lies at any more. */
void settle_leave(struct engine *engine, uint32_t unit);

#endif
