/* Rows set aside: what groups of one table were like when a delivery began, where they changed before they were
   sent. */
#ifndef DROPFOLD_ENGINE_ASIDE_H
#define DROPFOLD_ENGINE_ASIDE_H

#include "engine/memory.h"
#include "model/delivery.h"

struct aside {
    struct ids groups;
    struct map map; /* place in `groups`, from 1 */
    struct cell *cells;
    size_t room; /* rows */
};

/* Room for the cells of one more row; NULL after noting that memory is out. It is none of the rows until aside_add. */
struct cell *aside_room(struct memory *memory, struct aside *aside, size_t columns) MUST_USE;

/* The cells in that room are the group's, which has no row here yet. Lists are copied, texts stay where they are. False
   when memory is out: then it has none. */
bool aside_add(struct memory *memory, struct aside *aside, uint32_t group, size_t columns) MUST_USE;

/* The group's row; NULL: it has none here. */
const struct cell *aside_find(const struct aside *aside, uint32_t group, size_t columns);

void aside_close(struct memory *memory, struct aside *aside, size_t columns);

#endif
