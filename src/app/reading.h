/* How files are read may change from one start to the next, while what they became stays (model/contract.h): what the
   store was last told, and what is said when that is no longer so. */
#ifndef DROPFOLD_APP_READING_H
#define DROPFOLD_APP_READING_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "model/pipeline.h"
#include "store/store.h"

/* Notes in the store the descriptors of `pipeline`, and its shape. When either is another than before, `log` (or NULL)
   is told in a line. Where there is no room the next start says it again. */
bool reading_note(struct store *store, const struct pipeline *pipeline, struct log *log, struct error *error) MUST_USE;

/* Appends what the store's last descriptors lack or have otherwise, and what its shape; nothing where there is no
   difference or nothing was noted. */
bool reading_differences(struct store *store, const struct pipeline *pipeline, struct buf *descriptors,
                         struct buf *shape, struct error *error) MUST_USE;

#endif
