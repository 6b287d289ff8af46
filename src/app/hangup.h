/*
 * HUP, over all sessions of a daemon: one that comes while no session runs (the store is built anew, or opened) would end the
 * process otherwise. It waits until a session asks for it.
 */
#ifndef DROPFOLD_APP_HANGUP_H
#define DROPFOLD_APP_HANGUP_H

#include <stdbool.h>
#include <uv.h>

#include "base/attr.h"
#include "base/error.h"

struct hangup {
    uv_loop_t loop; /* runs only when it is asked */
    uv_signal_t signal;
    bool came;
};

bool hangup_open(struct hangup *hangup, struct error *error) MUST_USE;
/* Whether one came since this was true last. */
bool hangup_take(struct hangup *hangup);
void hangup_close(struct hangup *hangup);

#endif
