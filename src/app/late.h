/* The rows that came after their window had closed, found by telling the store's history once more. */
#ifndef DROPFOLD_APP_LATE_H
#define DROPFOLD_APP_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "engine/engine.h"
#include "model/pipeline.h"
#include "store/store.h"

/* Texts and values are valid during the call. */
struct late_row {
    size_t feed;
    struct slice file; /* its name in the landing folder */
    uint64_t sequence, row, line;
    const struct value *values; /* of the feed's fields */
    enum engine_why_late why;
    int64_t window; /* the start of the closed one, microseconds */
};
typedef void (*late_visit)(void *context, const struct late_row *row);

/* Visits those of all files not forgotten, in the order they came, or of the file `name` only (bare or "feed/name")
   unless that is empty. The store is open for reading. */
bool late_each(const struct pipeline *pipeline, struct store *store, struct slice name, late_visit visit, void *context,
               struct error *error) MUST_USE;

#endif
