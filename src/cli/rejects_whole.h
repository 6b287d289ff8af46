/* What `dropfold rejects` says of files: those quarantined, and the notes of those applied. */
#ifndef DROPFOLD_CLI_REJECTS_WHOLE_H
#define DROPFOLD_CLI_REJECTS_WHOLE_H

#include <stdbool.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"

/* Prints them, of the files called `name` or with "" of all. Of quarantined files those that were neither read again
   since (a later file of their feed has their content) nor taken out of the quarantine; with --all those too, and which
   it was. With `json`, an empty buffer, quarantined files alone, an object a line. *count: how many quarantined files
   were printed. */
bool rejects_whole_print(struct store *store, const char *name, const struct settings *settings, struct buf *json,
                         uint64_t *count, struct error *error) MUST_USE;
/* How many files that were quarantined were neither read again since nor taken out. */
bool rejects_whole_count(struct store *store, const struct settings *settings, uint64_t *count,
                         struct error *error) MUST_USE;

#endif
