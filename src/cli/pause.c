#include "cli/command.h"
#include "cli/common.h"

static int ask(const struct invocation *invocation, const char *word)
{
    struct error error = {0};
    if (invocation->operand_count < 1) {
        error_set(&error, ERROR_USAGE, "%s: which feed?", word);
        return common_failed(invocation, &error);
    }
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
    .operands_max = 1,
    .summary = "Make the running dropfold leave the files of a feed where they are.",
    .help = "Files under way are finished; others wait in their landing folder until `dropfold resume FEED`, or until\n"
            "dropfold is started again.\n",
    .execute = pause_feed,
};

const struct command command_resume = {
    .name = "resume",
    .operands = "FEED",
    .operands_max = 1,
    .summary = "Make the running dropfold take the files of a paused feed again.",
    .help = "See `dropfold pause --help`.\n",
    .execute = resume_feed,
};
