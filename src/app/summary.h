/*
 * The engine's counts as the text that each commit keeps beside its change, so that `status` need not replay.
 * One line a word: the word, then numbers in the pipeline's order of feeds or tables.
 */
#ifndef DROPFOLD_APP_SUMMARY_H
#define DROPFOLD_APP_SUMMARY_H

#include "base/buf.h"
#include "engine/engine.h"
#include "model/pipeline.h"

void summary_write(const struct engine_stats *stats, const struct pipeline *pipeline, struct buf *out);

/* Words that are missing or strange leave zeros. */
void summary_read(struct slice text, const struct pipeline *pipeline, struct engine_stats *stats);

#endif
