#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/core.h"
#include "base/text.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "cli/common.h"
#include "feed/intake.h"

struct planning {
    const struct invocation *invocation;
    char path[COMMON_SHOWN]; /* as it is shown */
    const char *name;        /* in the landing folder */
    struct core core;
    size_t feed;
    struct snapshot *before;
    uint64_t since;
    struct file_record replaced; /* at whose path it comes, where the feed has a rule for that; or its sequence is 0 */
    struct buckets buckets;
    struct file_facts facts;
    struct error error;
};

/* --- the file into the engine, and nowhere else ------------------------------------------------------------------- */

static bool apply_batch(void *context, struct batch *batch)
{
    struct planning *planning = context;
    const struct engine_report report = {.buckets = &planning->buckets};
    bool good =
        engine_apply(planning->core.engine, planning->feed, buf_slice(&batch->chunk.buf), &report, &planning->error);
    batch_free(batch);
    return good;
}

static const struct feed *feed_of(const struct planning *planning)
{
    return &planning->core.pipeline->feeds[planning->feed];
}

/* What comes in the place of another file comes to a history without it. */
static bool make_way(struct planning *planning)
{
    const struct feed *feed = feed_of(planning);
    if (!planning->core.store || (feed->on_change != FEED_REPLACE && feed->on_change != FEED_REJECT))
        return true;
    if (!store_find_at_name(planning->core.store, slice_of(feed->name), slice_of(planning->name), &planning->replaced,
                            &planning->error))
        return false;
    const struct core_history history = {.until = planning->since, .without = planning->replaced.sequence};
    return history.without == 0 || feed->on_change == FEED_REJECT ||
           core_replay(&planning->core, &history, &planning->error);
}

/* As a file of the next change would be. On false `error` says why. */
static bool apply(struct planning *planning, int fd)
{
    struct parser *parser = parser_new(&planning->core.pipeline->feeds[planning->feed], &planning->error);
    if (!parser)
        return false;
    engine_begin(planning->core.engine, planning->since + 1);
    const struct intake_how how = {.parser = parser,
                                   .sink = apply_batch,
                                   .context = planning,
                                   .spare = settings_spare(&planning->invocation->settings)};
    enum intake_result result = intake_read_fd(fd, planning->name, &how, &planning->facts, &planning->error);
    parser_free(parser);
    if (result != INTAKE_READ && result != INTAKE_STOPPED)
        error_in_file(&planning->error, planning->path);
    planning->buckets.rejected = planning->facts.rejected;
    return result == INTAKE_READ && engine_end(planning->core.engine, &planning->error);
}

/* Another content was applied at its path, which the feed has a rule for. */
static bool is_other(const struct planning *planning)
{
    return planning->replaced.sequence > 0 && !digest_equal(&planning->replaced.content, &planning->facts.content);
}

/* Of a feed that takes no other content under a name. */
static bool is_refused(struct planning *planning)
{
    if (feed_of(planning)->on_change != FEED_REJECT || !is_other(planning))
        return false;
    core_refusal(feed_of(planning), planning->replaced.sequence, &planning->error);
    error_wrap(&planning->error, "%s", planning->path);
    return true;
}

/* A redelivery changes nothing. */
static bool find_original(struct planning *planning, bool *found)
{
    struct store_original original;
    char shown[COMMON_SHOWN];
    if (!planning->core.store || is_other(planning))
        return true;
    const struct file_record file = {.feed = slice_of(feed_of(planning)->name),
                                     .name = slice_of(planning->name),
                                     .content = planning->facts.content};
    if (!store_find_duplicate(planning->core.store, &file, planning->facts.named, &original, &planning->error))
        return false;
    *found = original.id > 0;
    if (*found)
        fprintf(stderr, "a redelivery of %s (seq %" PRIu64 "): it would not be applied\n",
                text_escape(slice_of(original.name), shown, sizeof shown), original.sequence);
    return true;
}

/* --- what it would do --------------------------------------------------------------------------------------------- */

static void tell_rows(const struct planning *planning)
{
    const struct buckets *b = &planning->buckets;
    fprintf(stderr,
            "version %" PRIu32 ", %s row%s: %s applied, %s unchanged, %s superseded, %s filtered, %s deleted, %s late, "
            "%s rejected",
            planning->facts.version, TEXT_COUNT(planning->facts.rows), text_plural(planning->facts.rows),
            TEXT_COUNT(b->applied), TEXT_COUNT(b->unchanged), TEXT_COUNT(b->superseded), TEXT_COUNT(b->filtered),
            TEXT_COUNT(b->deleted), TEXT_COUNT(b->late), TEXT_COUNT(b->rejected));
    if (feed_of(planning)->on_change == FEED_REPLACE && is_other(planning))
        fprintf(stderr, "; it replaces seq=%" PRIu64, planning->replaced.sequence);
    fputc('\n', stderr);
}

static bool show(struct planning *planning)
{
    struct changes changes;
    bool redelivery = false;
    /* An engine that was built anew knows of no changes between the two. */
    bool rebuilt = planning->replaced.sequence > 0 && feed_of(planning)->on_change == FEED_REPLACE;
    uint64_t since = rebuilt ? 0 : planning->since;
    if (is_refused(planning))
        return false;
    tell_rows(planning);
    if (!find_original(planning, &redelivery))
        return false;
    changes_init(&changes, planning->invocation->settings.json);
    bool good = redelivery || snapshot_compare(planning->before, planning->core.engine, since, changes_visit, &changes,
                                               &planning->error);
    if (good)
        changes_sum(&changes);
    changes_close(&changes);
    return good;
}

/* A run closes the windows that are due before it takes a file, where less of "lateness" made them so, or a crash. */
static bool close_overdue(struct planning *planning)
{
    int64_t before;
    if (!engine_close_due(planning->core.engine, &before))
        return true;
    return engine_close(planning->core.engine, ++planning->since, before, &planning->error);
}

/* Before the first run there is no store, and none is made: the engine is asked alone. */
static bool open_core(struct planning *planning)
{
    char path[SETTINGS_PATH_SIZE], shown[COMMON_SHOWN];
    struct core *core = &planning->core;
    const struct pipeline *pipeline = core->pipeline;
    const char *folder = planning->invocation->settings.checkpoints;
    if (common_store_missing(planning->invocation, pipeline, path)) {
        fprintf(stderr, "there is no store at %s yet: as the first file\n",
                text_escape(slice_of(path), shown, sizeof shown));
        core->engine = engine_new(pipeline, 0, &planning->error);
        return core->engine != NULL;
    }
    if (!core_open(core, pipeline, folder, STORE_READ, 0, &planning->error))
        return false;
    planning->since = store_progress(core->store)->sequence;
    return true;
}

static int plan_file(struct planning *planning, int fd)
{
    const struct pipeline *pipeline = planning->core.pipeline;
    if (!open_core(planning))
        return common_failed(planning->invocation, &planning->error);
    bool good = close_overdue(planning) &&
                snapshot_take(&planning->before, pipeline, planning->core.engine, &planning->error) &&
                make_way(planning) && apply(planning, fd) && show(planning);
    int code = good ? 0 : common_failed(planning->invocation, &planning->error);
    snapshot_free(planning->before);
    arena_close(&planning->facts.arena);
    core_close(&planning->core);
    return code;
}

static int plan(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct planning planning = {.invocation = invocation, .core = {.pipeline = pipeline}};
    int fd = -1;
    if (!common_open_file(invocation, pipeline, &planning.feed, &fd, &planning.error))
        return common_failed(invocation, &planning.error);
    text_escape(slice_of(invocation->operands[0]), planning.path, sizeof planning.path);
    planning.name = common_landing_name(invocation->operands[0], fd);
    int code = plan_file(&planning, fd);
    close(fd);
    return code;
}

static int execute(const struct invocation *invocation)
{
    return common_with_pipeline(invocation, plan);
}

const struct command command_plan = {
    .name = "plan",
    .operands = "FILE [FEED]",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "Show the rows of the tables that applying a file would add, change and delete.",
    .help =
        "Reads FILE as FEED (default: the folder of that name in its path), applies it to what the checkpoint store\n"
        "holds, in memory, and prints each row of each table that would be another one: + added, - deleted,\n"
        "~ changed: column now -> then. Dropping the file as it is, before any other, does just that. Changes "
        "nothing,\n"
        "also beside a running dropfold. Before the first run it is as if the file were the only one. An archived "
        "file\n"
        "is read under the name that it came with.\n"
        "\n"
        "  dropfold plan /tmp/new.csv FEED\n"
        "  dropfold plan data/FEED/new-03.csv --json\n"
        "\n"
        "Exit codes: 0 shown; 1 the file cannot be read; 64 its feed cannot be told; 65 the file would be quarantined\n"
        "whole; 78 configuration.\n",
    .options = OPTION_JSON,
    .execute = execute,
};
