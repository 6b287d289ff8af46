#include "app/run.h"

#include "cli/command.h"

static int execute(const struct invocation *invocation)
{
    return run(&invocation->settings, invocation->log);
}

const struct command command_run = {
    .name = "run",
    .operands = "",
    .summary = "Watch the landing folders and keep the target's tables right.",
    .help =
        "Files dropped into <data>/<feed> are read when they were renamed into place or stand still, applied to the\n"
        "checkpoint store exactly once, and their groups delivered to the target. Then the file is archived under\n"
        "<data>/archive. A bad row is kept as a reject (dropfold rejects); a file that cannot be read at all goes to\n"
        "<data>/quarantine with its reason. One line a file on stdout, the first line names the target.\n"
        "\n"
        "HUP makes it read pipeline and descriptors again. Where only the reading of files changed, it goes on with\n"
        "them; where what is computed did, it builds its store anew from the archived files first; with a mistake it\n"
        "goes on as before and says why. `dropfold status`, `pause`, `resume`, `replay` and others work beside it.\n"
        "\n"
        "TERM and INT end it after the files under way and a last delivery; a second one at once, and the first one\n"
        "while a store is being opened or built. Whatever ends it, the next start goes on from the store: there is\n"
        "nothing to repair.\n"
        "\n"
        "  dropfold run                                  until told to stop\n"
        "  dropfold run --once                           what is there now; for cron and scripts\n"
        "  dropfold -t 'host=db dbname=shop user=df' run  into PostgreSQL; the password in PGPASSFILE\n"
        "\n"
        "Exit codes: 0 what was there is applied and delivered, or quarantined: rows and files that were rejected are "
        "told\n"
        "and do not change it; 1 refused by the target, files were left that could not be read, --memory-limit, or\n"
        "--once was told to end before all was applied; 69 applied, but the target cannot be reached (the next start\n"
        "delivers); 75 another dropfold has the store or a folder; 78 pipeline, descriptors or folders are wrong.\n",
    .options = OPTION_ONCE | OPTION_YES | OPTION_THREADS | OPTION_SETTLE | OPTION_RESCAN | OPTION_NO_EVENTS |
               OPTION_MEMORY_LIMIT | OPTION_LOG_FORMAT | OPTION_TARGET_TIMEOUT | OPTION_TARGET_CHECK,
    .execute = execute,
};
