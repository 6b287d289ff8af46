/* Parts of one step that are done side by side, on the threads that the engine was lent (engine_lend). */
#ifndef DROPFOLD_ENGINE_BESIDE_H
#define DROPFOLD_ENGINE_BESIDE_H

#include "engine/state.h"

/* In how many parts `count` rows are done; 1: by the caller alone. */
size_t beside_parts(const struct engine *engine, size_t count);

/* Of `count` rows in `parts`, the first one of part `i`; the end of the last part for i = parts. */
static inline size_t beside_first(size_t count, size_t parts, size_t i)
{
    return count * i / parts;
}

/* Calls part(of, i) for each i below `parts` and returns when all have. They may read the engine and write what is
   theirs alone. */
void beside_run(const struct engine *engine, size_t parts, void (*part)(void *of, size_t i), void *of);

#endif
