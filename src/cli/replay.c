#include "app/rebuild.h"
#include "cli/command.h"
#include "cli/common.h"

/* A running dropfold is asked to do it between two of its sessions. */
static int execute(const struct invocation *invocation)
{
    const struct settings *settings = &invocation->settings;
    const char *words[6] = {"replay"};
    size_t count = 1;
    int code = 0;
    if (settings->rebuild && (settings->rebind || settings->accept_missing || settings->from_archive))
        return common_misused(invocation,
                              "replay: --rebuild leaves the store as it is, and goes with none of --rebind, "
                              "--accept-missing and --from-archive");
    if (settings->rebind)
        words[count++] = "rebind";
    if (settings->accept_missing)
        words[count++] = "accept-missing";
    if (settings->rebuild)
        words[count++] = "rebuild";
    if (settings->from_archive)
        words[count++] = "from-archive";
    if (settings->yes)
        words[count++] = "yes";
    if (common_ask_running(invocation, words, count, &code) ||
        (settings->rebuild && !common_store_there(invocation, &code)))
        return code;
    return rebuild(settings, invocation->log);
}

const struct command command_replay = {
    .name = "replay",
    .operands = "",
    .summary = "Build the checkpoint store anew from the archived files, or refill the target.",
    .help =
        "After a change of pipeline or descriptors, or when the store was lost: reads every file again from the "
        "archive\n"
        "or its landing folder, in the recorded order, with the recorded descriptor version (--rebind: the one that\n"
        "fits best now), into a new store beside the old one; swaps it in by a rename; refills the target in one\n"
        "transaction. Until the swap nothing is changed. Files that are gone or differ are listed and the replay is\n"
        "refused, unless --accept-missing; one that is there and cannot be read now ends it all the same.\n"
        "\n"
        "--from-archive also takes files of the archive that the store does not know: another one applied them, which\n"
        "was lost, or was replaced by an older copy. What was forgotten in that other one comes back. Of a store that\n"
        "is empty that is the only way, and needs no flag.\n"
        "\n"
        "A running dropfold is told to do it, between two files; its log says how it went.\n"
        "\n"
        "--rebuild leaves the store as it is and only refills the target from it. --yes allows it to overwrite a\n"
        "target that was filled from another store.\n"
        "\n"
        "  dropfold replay\n"
        "  dropfold replay --rebind           after a descriptor was mended\n"
        "  dropfold replay --from-archive --yes   after the store was lost, or an older one was put back\n"
        "  dropfold replay --rebuild          after tables were edited by hand\n"
        "\n"
        "Exit codes: 0 done, or begun by a running dropfold; 1 the target refused, or no store to --rebuild from; 65\n"
        "files are missing, or cannot be read as they were; 69 the store is done, the target cannot be reached (the "
        "next\n"
        "run delivers); 75 another dropfold has the store, or the running one is starting, ending or replaying: try\n"
        "again; 78 configuration.\n",
    .options = OPTION_YES | OPTION_REBIND | OPTION_ACCEPT_MISSING | OPTION_REBUILD | OPTION_FROM_ARCHIVE |
               OPTION_MEMORY_LIMIT | OPTION_TARGET_TIMEOUT,
    .execute = execute,
};
