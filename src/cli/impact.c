
#include "app/core.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "cli/common.h"

/* Two replays of one history, `until` its end, in case files come meanwhile: first without the file, then with it. */
static bool compare(struct core *core, uint64_t sequence, struct changes *changes, struct error *error)
{
    struct core_history history = {.until = store_progress(core->store)->sequence, .without = sequence};
    struct snapshot *without;
    if (!core_replay(core, &history, error) || !snapshot_take(&without, core->pipeline, core->engine, error))
        return false;
    history.without = 0;
    bool good =
        core_replay(core, &history, error) && snapshot_compare(without, core->engine, 0, changes_visit, changes, error);
    snapshot_free(without);
    return good;
}

static int show_impact(const struct invocation *invocation, struct common_view *view)
{
    struct error error = {0};
    struct arena texts;
    struct file_record file;
    struct changes changes;
    struct core core = {.pipeline = view->pipeline, .store = view->store};
    arena_init(&texts, STORE_TEXTS_MAX);
    changes_init(&changes, invocation->settings.json);
    bool good = store_find_file(view->store, slice_of(invocation->operands[0]), &texts, &file, &error) &&
                compare(&core, file.sequence, &changes, &error);
    if (good)
        changes_sum(&changes);
    changes_close(&changes);
    arena_close(&texts);
    view->store = NULL; /* the core closes it */
    core_close(&core);
    return good ? 0 : common_failed(invocation, &error);
}

static int execute(const struct invocation *invocation)
{
    return common_with_view(invocation, show_impact);
}

const struct command command_impact = {
    .name = "impact",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "Show the rows that one applied file made other than they would be without it.",
    .help =
        "Replays the checkpoint store without the file and with it, and prints each row of each table in which the\n"
        "two differ: + is there because of the file, - is not there because of it, ~ has other values: without it ->\n"
        "with it. It is what `dropfold forget FILE` would take back. Changes nothing, also beside a running dropfold.\n"
        "FILE is as for `forget`.\n"
        "\n"
        "  dropfold impact FEED/new-03.csv\n"
        "  dropfold impact seq=7 --json | jq -r .table | sort | uniq -c\n"
        "\n"
        "Exit codes: 0 shown; 1 there is no store yet; 64 no such file, or several: they are listed; 78 "
        "configuration.\n",
    .options = OPTION_JSON,
    .execute = execute,
};
