/*
 * TERM, INT and HUP over all sessions of a run. A session that ends watches them no more before the next one does, and
 * a signal that came then would be lost, or would end a daemon that was only told to read its files again. So they are
 * blocked and read from descriptors, where they wait:
 *
 *   HUP         from the beginning of a daemon on, until a session asks for it
 *   TERM, INT   while a session runs and while it ends; then they end the process at once, as a store that is being built
 *               or opened is none that has to be closed (but for the first process of a container, which they cannot end)
 */
#ifndef DROPFOLD_APP_SIGNALS_H
#define DROPFOLD_APP_SIGNALS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct signals {
    int stop;   /* becomes readable by TERM and INT */
    int hangup; /* by HUP; -1: HUP ends the process */
};

/* Before there are other threads. */
bool signals_open(struct signals *signals, bool hangups, struct error *error) MUST_USE;
void signals_close(struct signals *signals);

/* Whether TERM and INT wait to be read. Threads that are begun meanwhile leave them to this one. */
void signals_hold(bool hold);

/* The signal that came to `fd` first and was not read yet; 0: none. */
int signals_read(int fd);

#endif
