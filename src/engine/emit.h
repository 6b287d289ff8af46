/* Groups as rows of their table: cells in the columns' final types, converted once, from exact sums. */
#ifndef DROPFOLD_ENGINE_EMIT_H
#define DROPFOLD_ENGINE_EMIT_H

#include "engine/files.h"
#include "model/delivery.h"

/* One who makes rows: it only reads the engine, so that several may do so at once, and notes apart what came of it. */
struct emit {
    const struct engine *engine;
    struct memory memory;
    size_t told; /* bytes of it that the engine counts */
    struct engine_overflows overflows;
    /* what a small group's units are gathered in; kept for the next group */
    struct outcome {
        bool any;
        int64_t least, greatest; /* ranks */
        uint64_t distinct;
        int64_t *codes; /* all that were met, for distinct */
        size_t count, room;
    } outcomes[STATE_PARTS_MAX]; /* by measure */
    struct files files;
    struct cell files_cell; /* of the row at hand */
};

/* Takes at most one part in `share` of the memory that the engine's limit leaves. */
void emit_init(struct emit *emit, const struct engine *engine, size_t share);

/* Notes in the engine what came of the rows made since the last time: values that no column could hold, memory that is
   held, or that is out. */
void emit_tell(struct emit *emit, struct engine *engine);

/* Tells the rest, and gives the memory back. */
void emit_close(struct emit *emit, struct engine *engine);

/* The units of a small group; none of a large one, nor where no column needs them. */
struct emit_members {
    uint32_t count;
    uint32_t units[STATE_BIG];
};

enum {
    EMIT_GROUPS = 16 /* at once: their lists are followed side by side, each step asking for the memory of the next */
};

void emit_find_members(const struct engine *engine, const struct engine_table *table, const uint32_t *groups,
                       size_t count, struct emit_members *members);

/* Fills a cell for each column. Texts are the dictionary's. A value that its column cannot hold becomes null and is
   counted. */
void emit_row(struct emit *emit, const struct engine_table *table, uint32_t group, const struct emit_members *members,
              struct cell *cells);

/* Writes into the group what its units or bags say of minimum, maximum and distinct; they may then go. */
void emit_keep_outcomes(struct engine *engine, struct emit *emit, struct engine_table *table, uint32_t group,
                        const struct emit_members *members);

/* The same as emit_row for the columns of the primary key only, in its order. */
void emit_key(struct emit *emit, const struct engine_table *table, uint32_t group, struct cell *cells);

#endif
