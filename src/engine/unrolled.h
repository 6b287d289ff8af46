/*
 * Lists of row numbers, such as the units of a group, unrolled: the numbers lie in runs of seven, and the runs are
 * linked. Who walks over one waits for memory once a run and not once a number, and asks for that of seven rows at a
 * time.
 *
 * Whoever has a list keeps its head and how many numbers are in it. The first run may be partly filled, all others are
 * full; a single number has no run: it is the head itself. Numbers lie in no particular order.
 */
#ifndef DROPFOLD_ENGINE_UNROLLED_H
#define DROPFOLD_ENGINE_UNROLLED_H

#include "engine/rows.h"

enum {
    UNROLLED_NEXT,   /* columns of a run: the next run, */
    UNROLLED_FIRST,  /* and from here on the numbers */
    UNROLLED_RUN = 7 /* of them */
};

/* The runs of many lists. rows_close frees them, rows_trim(.., UNROLLED_NEXT, 0) gives memory back. False after noting
   the failure. */
bool unrolled_start(struct rows *runs, struct memory *memory) MUST_USE;

/* Adds `id` to a list of `count` numbers; returns its head from there on. Without memory, which is noted, the list is
   of no use any more. */
uint32_t unrolled_add(struct rows *runs, uint32_t head, uint64_t count, uint32_t id);

/* Takes `id` out of a list of `count` numbers, in which it is; returns the head of what is left, 0 for nothing. */
uint32_t unrolled_remove(struct rows *runs, uint32_t head, uint64_t count, uint32_t id);

/* Gives a list's runs back. */
void unrolled_free(struct rows *runs, uint32_t head, uint64_t count);

/* Where a walk stands; begins with a list's head and count. */
struct unrolled_walk {
    uint32_t at;
    uint64_t left;
};

/* Asks for the memory that the next step reads. */
void unrolled_prefetch(const struct rows *runs, const struct unrolled_walk *walk);

/* The next run's numbers, and how many; 0 at the end, where nothing is written. */
size_t unrolled_step(const struct rows *runs, struct unrolled_walk *walk, uint32_t ids[UNROLLED_RUN]);

#endif
