/* Asking a target how far it is, without changing anything of it: for `status` and `check`; and, for `target init`,
   having it make what is missing. */
#ifndef DROPFOLD_APP_LOOK_H
#define DROPFOLD_APP_LOOK_H

#include <stdbool.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "store/store.h"

enum { LOOK_NAME_SIZE = 1024 };

struct look {
    char name[LOOK_NAME_SIZE]; /* of the target */
    bool reachable;
    struct error error;  /* why not, or what is wrong with it */
    struct error barred; /* reachable, but a delivery would be refused: why; ERROR_NONE: not known to be */
    struct progress progress;
    uint64_t rows[PIPELINE_DELIVERED_MAX];
    const char *taken;                    /* as target_taken: the pipeline's word, */
    char taken_by[PIPELINE_NAME_MAX + 1]; /* and the other pipeline */
    struct error diverged;                /* as look_compare found; ERROR_NONE: nothing */
};

/* False only when the address itself is wrong. Waits a few seconds at most. */
bool look_at_target(struct look *look, const struct settings *settings, const struct pipeline *pipeline,
                    struct error *error) MUST_USE;

/* Whether a delivery of `store` would be refused for what the target holds. The store is opened behind the look, so
   that it has all that was delivered by then; NULL: there is none yet. False when the store cannot be read. */
bool look_compare(struct look *look, const struct pipeline *pipeline, struct store *store,
                  struct error *error) MUST_USE;

/* As look_at_target, but what is missing of tables and views is made. */
bool look_make_target(struct look *look, const struct settings *settings, const struct pipeline *pipeline,
                      struct error *error) MUST_USE;

#endif
