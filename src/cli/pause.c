#include "cli/command.h"
#include "cli/common.h"

static int ask(const struct invocation *invocation, const char *word)
{
    const char *words[] = {word, invocation->operands[0]};
    return common_ask(invocation, words, COUNT_OF(words));
}

static int pause_feed(const struct invocation *invocation)
{
    return ask(invocation, "pause");
}

static int resume_feed(const struct invocation *invocation)
{
    return ask(invocation, "resume");
}

const struct command command_pause = {
    .name = "pause",
    .operands = "FEED",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "Make the running dropfold leave the files of a feed where they are.",
    .help = "Files under way are finished; others wait in their landing folder until `dropfold resume FEED`, or until\n"
            "dropfold is started again.\n"
            "\n"
            "Exit codes: 0 done; 1 no dropfold answers; 64 no such feed; 78 configuration.\n",
    .execute = pause_feed,
};

const struct command command_resume = {
    .name = "resume",
    .operands = "FEED",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "Make the running dropfold take the files of a paused feed again.",
    .help = "See `dropfold pause --help`, also for the exit codes.\n",
    .execute = resume_feed,
};
