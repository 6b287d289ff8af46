/*
 * An ordered multiset of codes: what min, max and distinct of a large group are read from.
 *
 * A B+ tree. Leaves hold keys with their counts, inner nodes the smallest key that may lie below each child; all leaves
 * are equally deep. Leaves are as large as their content, so that a bag of a few values is small. Adding and
 * withdrawing cost O(log n).
 */
#ifndef DROPFOLD_ENGINE_BAG_H
#define DROPFOLD_ENGINE_BAG_H

#include "engine/dict.h"

struct bag_node;

struct bag {
    struct bag_node *root; /* NULL when empty */
    uint32_t distinct;     /* keys */
};

/* How keys are ordered: as numbers, or by the bytes of the texts they stand for. */
struct bag_order {
    const struct dict *texts; /* NULL: as numbers */
};

int bag_compare(struct bag_order order, int64_t a, int64_t b);

/* Without memory the key is lost; the failure is noted. */
void bag_add(struct bag *bag, struct bag_order order, struct memory *memory, int64_t key);

/* Withdraws one of a key that is there. */
void bag_take(struct bag *bag, struct bag_order order, struct memory *memory, int64_t key);

/* Of a bag that is not empty. *count, when wanted, is how often the first key is in it. */
int64_t bag_first(const struct bag *bag, uint32_t *count);
int64_t bag_last(const struct bag *bag);

/* The greatest `most` keys, or all there are, ascending, into `keys`. Returns how many. */
size_t bag_greatest(const struct bag *bag, int64_t *keys, size_t most);

void bag_close(struct bag *bag, struct memory *memory);

#endif
