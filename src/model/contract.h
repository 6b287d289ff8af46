/*
 * What of a pipeline a store remembers as text, and in words how two of them differ.
 *
 * The shape is what committed rows hang on (pipeline.h). The reading is how files become rows from now on: a line for
 * each descriptor, of its feed, its version and its digest. It may change at any time: what was committed stays what it
 * was read as, and the ledger says by which descriptor.
 */
#ifndef DROPFOLD_MODEL_CONTRACT_H
#define DROPFOLD_MODEL_CONTRACT_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/pipeline.h"

enum {
    CONTRACT_TEXT_MAX = 16 * 1024 * 1024, /* bytes of a shape or a reading */
    CONTRACT_CHANGES_MAX = 8              /* descriptors named; further ones are counted */
};

/* Appends the reading of the pipeline. */
void contract_reading(const struct pipeline *pipeline, struct buf *out);

/* Appends how the pipeline's reading differs from `before`: "Orders v2 added, Customers v1 changed, Customers v3 gone";
   nothing when it does not. */
void contract_reading_changes(const struct pipeline *pipeline, struct slice before, struct buf *out);

/* Appends the first line in which the pipeline's shape differs from `before`: `field "Orders"."Total" decimal(18,2) was
   field "Orders"."Total" decimal(12,2)`, or that a line is new or gone; nothing when it does not. */
void contract_shape_change(const struct pipeline *pipeline, struct slice before, struct buf *out);

#endif
