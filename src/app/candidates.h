/*
 * Files that are ready and wait for their turn, first in, first out. The list is a chain through the candidates
 * (candidate->next): no memory is needed for a place in it, as a file that found none would be overtaken.
 *
 * Empty when it holds zeros. A candidate is in one list at most, and whoever takes it from there has to give it back to
 * the watch.
 */
#ifndef DROPFOLD_APP_CANDIDATES_H
#define DROPFOLD_APP_CANDIDATES_H

#include <stddef.h>

#include "feed/watch.h"

struct candidates {
    struct candidate *first, *last;
    size_t count;
};

void candidates_push(struct candidates *list, struct candidate *candidate);

/* Takes the first one; of a list that is not empty. */
struct candidate *candidates_pop(struct candidates *list);

/* The one that was popped last becomes the first again. */
void candidates_put_back(struct candidates *list, struct candidate *candidate);

/* Brings them into the order in which the watch would hand them out. */
void candidates_sort(struct candidates *list);

#endif
