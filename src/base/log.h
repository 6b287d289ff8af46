/*
 * Messages for people, on stderr; data goes to stdout and never through here.
 *
 * One line a message, one write(2) a line: "12:03:13 warning: text", or as JSON {"time":"…","level":"warning",
 * "message":"…"}. A message that only repeats the one before it is counted and told again every ten seconds. A log is a
 * value that its user owns (app), not a global, and is used by one thread. Bytes that are not printable must have been
 * escaped before.
 */
#ifndef DROPFOLD_BASE_LOG_H
#define DROPFOLD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum { LOG_TEXT_MAX = 4000 /* bytes of a message, NUL included; longer ones are cut */ };

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
    int fd;
    enum log_level level; /* what is less grave than this is dropped */
    bool json;
    /* Called before and after a line when set: lets a progress bar clear itself and come back. */
    void (*around)(void *context, bool before);
    void *context;
    char last[LOG_TEXT_MAX]; /* the message told last, */
    int64_t last_at;         /* when (monotonic), */
    unsigned repeated;       /* and how often it came again since */
};

void log_init(struct log *log, int fd, enum log_level level);
void log_write(struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_error(log, ...)   log_write(log, LOG_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_WARNING, __VA_ARGS__)
#define log_info(log, ...)    log_write(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_write(log, LOG_DEBUG, __VA_ARGS__)

#endif
