#include "engine/unrolled.h"

bool unrolled_start(struct rows *runs, struct memory *memory)
{
    rows_init(runs, memory);
    for (size_t i = 0; i < UNROLLED_FIRST + UNROLLED_RUN; i++)
        rows_column(runs, ROWS_LINK);
    return rows_start(runs);
}

/* Numbers in the first run. */
static size_t in_first(uint64_t count)
{
    return (size_t)((count - 1) % UNROLLED_RUN) + 1;
}

static uint32_t new_run(struct rows *runs, uint32_t next, uint32_t id)
{
    uint32_t run = rows_add(runs);
    if (run == 0)
        return 0;
    struct rows_at at = rows_at(runs, run);
    if (next)
        rows_set_at(runs, run, &at, UNROLLED_NEXT, next);
    rows_set_at(runs, run, &at, UNROLLED_FIRST, id);
    return run;
}

uint32_t unrolled_add(struct rows *runs, uint32_t head, uint64_t count, uint32_t id)
{
    if (count == 0)
        return id;
    if (count == 1)
        head = new_run(runs, 0, head);
    else if (count % UNROLLED_RUN == 0)
        return new_run(runs, head, id);
    if (head)
        rows_set(runs, head, UNROLLED_FIRST + count % UNROLLED_RUN, id);
    return head;
}

/* Puts `now` in the place of `id`. */
static void replace(struct rows *runs, uint32_t run, size_t filled, uint32_t id, uint32_t now)
{
    for (; run; run = rows_link(runs, run, UNROLLED_NEXT), filled = UNROLLED_RUN)
        for (size_t i = 0; i < filled; i++)
            if (rows_link(runs, run, UNROLLED_FIRST + i) == id) {
                rows_set(runs, run, UNROLLED_FIRST + i, now);
                return;
            }
}

uint32_t unrolled_remove(struct rows *runs, uint32_t head, uint64_t count, uint32_t id)
{
    if (count == 1)
        return 0;
    size_t filled = in_first(count);
    replace(runs, head, filled, id, rows_link(runs, head, UNROLLED_FIRST + filled - 1));
    uint32_t left = filled == 1 ? rows_link(runs, head, UNROLLED_NEXT) : head;
    if (count == 2)
        left = rows_link(runs, head, UNROLLED_FIRST);
    if (left != head || count == 2)
        rows_remove(runs, head);
    return left;
}

void unrolled_free(struct rows *runs, uint32_t head, uint64_t count)
{
    for (uint32_t next; count > 1 && head; head = next) {
        next = rows_link(runs, head, UNROLLED_NEXT);
        rows_remove(runs, head);
    }
}

void unrolled_prefetch(const struct rows *runs, const struct unrolled_walk *walk)
{
    if (walk->left > 1)
        rows_prefetch(runs, walk->at);
}

size_t unrolled_step(const struct rows *runs, struct unrolled_walk *walk, uint32_t ids[UNROLLED_RUN])
{
    if (walk->left == 0)
        return 0;
    if (walk->left == 1) { /* of a list of one: behind the first run a multiple of UNROLLED_RUN is left */
        ids[0] = walk->at;
        walk->left = 0;
        return 1;
    }
    struct rows_at at = rows_at(runs, walk->at);
    size_t count = in_first(walk->left);
    for (size_t i = 0; i < count; i++)
        ids[i] = (uint32_t)rows_peek(at, UNROLLED_FIRST + i);
    walk->at = (uint32_t)rows_peek(at, UNROLLED_NEXT);
    walk->left -= count;
    return count;
}
