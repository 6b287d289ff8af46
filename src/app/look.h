/* Asking a target how far it is, without changing anything of it: for `status` and `check`; and, for `target init`, having
   it make what is missing. */
#ifndef DROPFOLD_APP_LOOK_H
#define DROPFOLD_APP_LOOK_H

#include <stdbool.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"

enum { LOOK_NAME_SIZE = 1024 };

struct look {
    char name[LOOK_NAME_SIZE]; /* of the target */
    bool reachable;
    struct error error;  /* why not, or what is wrong with it */
    struct error barred; /* reachable, but a delivery would be refused: why; ERROR_NONE: not known to be */
    struct progress progress;
    uint64_t rows[PIPELINE_DELIVERED_MAX];
};

/* False only when the address itself is wrong. Waits a few seconds at most. */
bool look_at_target(struct look *look, const struct settings *settings, const struct pipeline *pipeline,
                    struct error *error) MUST_USE;

/* The same, but what is missing of tables and views is made. */
bool look_make_target(struct look *look, const struct settings *settings, const struct pipeline *pipeline,
                      struct error *error) MUST_USE;

#endif
