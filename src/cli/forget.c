#include "app/forget.h"

#include "cli/command.h"
#include "cli/common.h"

/* A running dropfold forgets it itself, between two files. */
static int execute(const struct invocation *invocation)
{
    const char *words[] = {"forget", invocation->operands[0]};
    int code = 0;
    if (common_ask_running(invocation, words, COUNT_OF(words), &code) || !common_store_there(invocation, &code))
        return code;
    return forget(&invocation->settings, invocation->operands[0], invocation->log);
}

const struct command command_forget = {
    .name = "forget",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "Take the rows of one applied file back, as if it had never come.",
    .help =
        "What the file had corrected is as it was before, groups that only it had are deleted, its rejects are no\n"
        "longer listed, and later files count as they would have without it. The history keeps the file: a forget is\n"
        "a change with a sequence of its own, made in one transaction of the checkpoint store and then delivered. A\n"
        "crash leaves it done or not done; once it is done, the next run delivers it.\n"
        "\n"
        "FILE is its name in the landing folder, with or without \"<feed>/\" or a path before it, the name it is\n"
        "archived under, or \"seq=N\" with the sequence of its line of report. The file itself is not touched: it is\n"
        "kept where it was archived, and dropped again it is applied anew. (A replay without the old store reads\n"
        "every archived file: move it elsewhere if it is never to come back.)\n"
        "\n"
        "  dropfold forget FEED/bad-03.csv\n"
        "  dropfold forget data/archive/FEED/000007-1a2b3c4d-bad-03.csv\n"
        "  dropfold forget seq=7\n"
        "\n"
        "Exit codes: 0 forgotten and delivered, or forgotten by a running dropfold, which delivers it; 1 there is no\n"
        "store yet, or the target refused: then the file is forgotten all the same; 64 no such file, or several: they\n"
        "are listed; 69 forgotten, but the target cannot be reached (the next run delivers); 75 a running dropfold is\n"
        "starting, ending or replaying: try again; 78 configuration.\n",
    .options = OPTION_MEMORY_LIMIT | OPTION_TARGET_TIMEOUT,
    .execute = execute,
};
