/*
 * The table of commands. A command gets the settings (flags over environment over defaults), its operands and the log,
 * and returns the exit code; data goes to stdout, messages to the log.
 */
#ifndef DROPFOLD_CLI_COMMAND_H
#define DROPFOLD_CLI_COMMAND_H

#include <stddef.h>

#include "app/settings.h"
#include "base/log.h"

struct command;

struct invocation {
    const struct command *command;
    struct settings settings;
    struct log *log;
    char **operands;
    size_t operand_count;
    unsigned given; /* OPTION_* that the line had */
};

struct command {
    const char *name;
    const char *operands;              /* how the usage line shows them: "[FILE]", or "" */
    size_t operands_min, operands_max; /* the first is 0 or 1 */
    const char *summary;               /* one line */
    const char *help;                  /* what it does, examples, exit codes; paragraphs */
    unsigned options;                  /* OPTION_* it takes beside the common ones */
    int (*execute)(const struct invocation *invocation);
};

/* Options beyond -p -d -c -t, as bits. */
enum {
    OPTION_ONCE = 1 << 0,
    OPTION_YES = 1 << 1,
    OPTION_THREADS = 1 << 2,
    OPTION_SETTLE = 1 << 3,
    OPTION_RESCAN = 1 << 4,
    OPTION_NO_EVENTS = 1 << 5,
    OPTION_JSON = 1 << 6,
    OPTION_REBIND = 1 << 7,
    OPTION_ACCEPT_MISSING = 1 << 8,
    OPTION_REBUILD = 1 << 9,
    OPTION_MEMORY_LIMIT = 1 << 10,
    OPTION_LOG_FORMAT = 1 << 11,
    OPTION_HEALTHY = 1 << 12,
    OPTION_WATCH = 1 << 13,
    OPTION_TARGET_TIMEOUT = 1 << 14,
    OPTION_TARGET_CHECK = 1 << 15,
    OPTION_RANGE = 1 << 16,
    OPTION_TABLE = 1 << 17,
    OPTION_FROM_ARCHIVE = 1 << 18,
    OPTION_DEEP = 1 << 19,
    OPTION_REPAIR = 1 << 20,
    OPTION_LIMIT = 1 << 21,
    OPTION_FEED = 1 << 22,
    OPTION_ALL = 1 << 23,
    OPTION_DRY_RUN = 1 << 24,
    OPTION_FORMAT = 1 << 25,
    OPTION_SPREADSHEET = 1 << 26
};

extern const struct command command_run, command_status, command_rejects, command_late, command_unmatched,
    command_check, command_replay, command_pause, command_resume, command_target, command_forget, command_store,
    command_plan, command_impact, command_diff, command_explain, command_verify, command_schema;

/* All of them in the order of the help; `count` commands. */
const struct command *const *command_list(size_t *count);
/* NULL: there is none of that name. */
const struct command *command_find(const char *name);

#endif
