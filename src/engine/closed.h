/*
 * What is left of closed windows: where they end, the keys of what was freed, and which rows are late by that.
 *
 * A key costs its codes and a window's number, a few bytes, and five in its map. Where the pipeline has no retention
 * nothing here is made, and `any` is all that the way of a row ever asks.
 */
#ifndef DROPFOLD_ENGINE_CLOSED_H
#define DROPFOLD_ENGINE_CLOSED_H

#include "engine/state.h"

/* Once units and records are planned. False after noting the failure. */
bool closed_make(struct engine *engine) MUST_USE;
void closed_free(struct engine *engine);

/* Whether the row is late by itself: its window or one of its keys is closed. What it is late for is noted. */
bool closed_is_late(struct engine *engine, size_t feed, const struct batch_row *row);
/* Notes that the row is late because its unit would be left to a line of window `window`. Returns true. */
bool closed_note_speaks(struct engine *engine, int64_t window);

/* Rows of the facts move the watermark. */
void closed_watch(struct engine *engine, const struct batch_row *rows, size_t count);

/* The number of the window that these values of the facts lie in; false when there is none. */
bool closed_window(const struct engine *engine, const struct codes *codes, int64_t *window);

/* Keeps the key of a unit, or of a record of a joined feed that `keeps` says so of. */
void closed_keep_unit(struct engine *engine, uint32_t unit, int64_t window, uint32_t lacks);
void closed_keep_record(struct engine *engine, size_t feed, const struct codes *codes, int64_t window);

/* The feeds that a unit lacked when it was closed, as bits; of a row of closed.units. */
uint32_t closed_lacks(const struct engine *engine, uint32_t row);

#endif
