/*
 * The daemon: watch, read, commit, deliver, archive, until told to stop; or once over what is there.
 */
#ifndef DROPFOLD_APP_RUN_H
#define DROPFOLD_APP_RUN_H

#include "app/settings.h"
#include "base/log.h"

/* Runs to its end and returns the process's exit code. All messages have been written. */
int run(const struct settings *settings, struct log *log);

#endif
