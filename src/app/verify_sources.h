/* The deep part of verify: every source read again, and every archived file looked for in the ledger. */
#ifndef DROPFOLD_APP_VERIFY_SOURCES_H
#define DROPFOLD_APP_VERIFY_SOURCES_H

#include "app/verify.h"
#include "store/store.h"

/* Fills result->sources and problems, telling each to the visit. False only when the store or memory failed. */
bool verify_sources(const struct settings *settings, const struct pipeline *pipeline, struct store *store,
                    const struct verify_visit *visit, struct verify_result *result, struct error *error) MUST_USE;

#endif
