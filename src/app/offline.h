/* Commands that change a store which no daemon holds: it is opened, changed, and the target brought up to it. */
#ifndef DROPFOLD_APP_OFFLINE_H
#define DROPFOLD_APP_OFFLINE_H

#include "app/core.h"
#include "app/settings.h"
#include "base/error.h"
#include "base/log.h"

/* Opens the store of the settings for writing, does the work with it and closes it. Returns the process's exit code,
   that of the work where it began; all messages have been written. */
typedef int (*offline_work)(const struct settings *settings, struct core *core, void *context, struct log *log);
int offline(const struct settings *settings, offline_work work, void *context, struct log *log);

/* Delivers what the work changed, which `done` tells should the target not be reached: nothing undoes it. The exit
   code. */
int offline_deliver(const struct settings *settings, struct core *core, const char *done, struct log *log);

/* Logs the error; its exit code. */
int offline_failed(struct log *log, const struct error *error);

#endif
