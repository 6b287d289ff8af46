/*
 * Threads for a step that has parts (engine_lend): made for it and gone after it, so that nobody has to look after
 * them.
 */
#ifndef DROPFOLD_APP_CREW_H
#define DROPFOLD_APP_CREW_H

#include <stddef.h>

enum {
    CREW_LEAST = 512 /* rows of a delivery that are worth a thread */
};

/* Calls part(of, i) once for each i below `parts`, ENGINE_PARTS_MAX at most: the last one on this thread, the others
   each on its own, or on this one where there is no thread to be had. Returns when all have returned. */
void crew_run(size_t parts, void (*part)(void *of, size_t i), void *of);

#endif
