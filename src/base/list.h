/* Lists: an array of the caller's, with a count and, of those that grow by doubling, the room that there is. */
#ifndef DROPFOLD_BASE_LIST_H
#define DROPFOLD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Makes room for one more element of `size` bytes behind the `count` that are there (`items` may be NULL then). Returns
   the list, which may have moved, to be freed by free(); NULL when out of memory: then it is as it was, and still the
   caller's. */
void *list_grow(void *items, size_t count, size_t *room, size_t size) MUST_USE;

/* Whether the number is among these. */
bool list_has(const size_t *numbers, size_t count, size_t number);
/* Its place among them; `count` when it is not. */
size_t list_place(const size_t *numbers, size_t count, size_t number);

#endif
