#include "cli/command.h"
#include "cli/common.h"

static bool is_feed(const struct invocation *invocation, const char *name, int *code)
{
    struct error error = {0};
    struct pipeline *pipeline = common_pipeline(invocation, code);
    if (!pipeline)
        return false;
    bool known = pipeline_feed(pipeline, slice_of(name)) != NULL;
    if (!known) {
        (void)common_no_feed(pipeline, name, &error);
        *code = common_failed(invocation, &error);
    }
    pipeline_free(pipeline);
    return known;
}

/* A running dropfold knows best which feeds it has. Where none answers a slip in the name comes before that. */
static int ask(const struct invocation *invocation, const char *word)
{
    const char *words[] = {word, invocation->operands[0]};
    int code = 0;
    if (common_ask_running(invocation, words, COUNT_OF(words), &code) ||
        !is_feed(invocation, invocation->operands[0], &code))
        return code;
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
            "dropfold is started again, replays, or takes up by HUP what changed of its pipeline.\n"
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
