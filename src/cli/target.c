#include <stdio.h>
#include <string.h>

#include "app/look.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

static int init_target(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct look look;
    struct error error = {0};
    if (!look_make_target(&look, &invocation->settings, pipeline, &error))
        return common_failed(invocation, &error);
    if (!look.reachable)
        return common_failed(invocation, &look.error);
    if (slice_starts_with(slice_of(look.name), SLICE("none:"))) {
        printf("target %s keeps nothing: nothing was made\n", look.name);
        return 0;
    }
    printf("target %s: tables and views are there", look.name);
    for (size_t t = 0; t < pipeline->table_count; t++)
        printf("%s %s (%s group%s)", t ? "," : ":", pipeline->tables[t].name, TEXT_COUNT(look.rows[t]),
               text_plural(look.rows[t]));
    putchar('\n');
    if (!look.taken)
        return 0;
    /* That is refused whatever a store has. */
    return common_failed(invocation, look_compare(&look, pipeline, NULL, &error) ? &look.diverged : &error);
}

static int execute(const struct invocation *invocation)
{
    static const char *const verbs[] = {"init"};
    if (strcmp(invocation->operands[0], verbs[0]) != 0)
        return common_unknown_verb(invocation, verbs, COUNT_OF(verbs));
    return common_with_pipeline(invocation, init_target);
}

const struct command command_target = {
    .name = "target",
    .operands = "init",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "Make the target's tables and views, so that a role without that right can fill them.",
    .help =
        "Run it as the owner of the database, once and after each change of the pipeline's tables. What is there\n"
        "already is checked and left alone, but for a view that says something else than the pipeline does under the\n"
        "same columns: it is made anew. Then let the owner grant the role that runs dropfold, df for one, what it\n"
        "needs on the tables, those that begin with dropfold_ too; TEMPORARY is for `verify` and a look at the views:\n"
        "\n"
        "  dropfold -t 'host=db dbname=shop user=owner' target init\n"
        "\n"
        "  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO df;\n"
        "  GRANT TEMPORARY ON DATABASE shop TO df;\n"
        "\n"
        "Where the role may make tables itself, as in SQLite, `dropfold run` needs none of this.\n"
        "\n"
        "Exit codes: 0 they are there; 1 the target refused: the role may not make them, or they have another shape, "
        "or\n"
        "another pipeline delivers into one of them; 69 target unavailable; 78 configuration.\n",
    .execute = execute,
};
