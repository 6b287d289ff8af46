/*
 * The files of a group: the changes that brought the records it is made of, its facts and those of other feeds that
 * they join to, as they count now.
 *
 * Nothing is kept of them while the group is small: its units are looked through when it is delivered. A large group
 * has a bag of them beside its others. A row that comes again with the values that are there lifts its record's rank;
 * what it brings is not new, so the record stays the file's that first brought it so, and no group changes
 * (records_origin).
 */
#ifndef DROPFOLD_ENGINE_FILES_H
#define DROPFOLD_ENGINE_FILES_H

#include "engine/state.h"
#include "model/delivery.h"

/* A list of sequences in the making. */
struct files {
    int64_t *at;
    size_t count, room;
};

void files_close(struct files *files, struct memory *memory);

/* Adds what the unit contributes to a large group's bag, or takes it. */
void files_count(struct engine *engine, struct bag *bag, uint32_t unit, int sign);

/* The files of a group as a cell: of these units, or of the bag. Its bytes are in `files`, which grows by
   `memory`, until the next one. */
struct cell files_of_units(const struct engine *engine, struct memory *memory, struct files *files,
                           const uint32_t *units, size_t count);
struct cell files_of_bag(struct memory *memory, struct files *files, const struct bag *bag);

/* Keeps the cell of a group that closes, and gives it back. Groups of one list share it. */
uint32_t files_keep(struct engine *engine, const struct cell *cell);
struct cell files_of_kept(const struct engine *engine, struct memory *memory, struct files *files, uint32_t kept);

#endif
