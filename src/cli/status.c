#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/control.h"
#include "app/look.h"
#include "app/report.h"
#include "app/report_json.h"
#include "app/summary.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

enum { SHOWN_NAME = 300, WATCH_SECONDS = 2 };

/* All that `status` shows, gathered before anything is printed. */
struct state {
    struct common_view view;
    struct look look;
    struct store_summary summary;
    struct engine_stats stats;
    struct feed_summary feeds[PIPELINE_FEEDS_MAX]; /* in the pipeline's order */
};

static bool keep_feed(void *context, const struct feed_summary *feed)
{
    struct state *state = context;
    const struct pipeline *pipeline = state->view.pipeline;
    const struct feed *known = pipeline_feed(pipeline, feed->feed);
    if (known)
        state->feeds[known - pipeline->feeds] = *feed;
    return true;
}

static bool gather(struct state *state, struct error *error)
{
    struct store *store = state->view.store;
    struct buf text;
    if (!look_compare(&state->look, state->view.pipeline, store, error))
        return false;
    buf_init(&text, COMMON_OUTPUT_MAX);
    bool ok = store_summary(store, &state->summary, error) && store_summary_text(store, &text, error) &&
              store_each_feed(store, keep_feed, state, error);
    if (ok)
        summary_read(buf_slice(&text), state->view.pipeline, &state->stats);
    buf_close(&text);
    return ok;
}

/* The sequence the target holds: its own word, else the last one noted; false when nothing of this store's is known. */
static bool delivered_sequence(const struct state *state, uint64_t *sequence)
{
    const struct progress *store = store_progress(state->view.store);
    const struct progress *target = &state->look.progress;
    *sequence = 0;
    if (!state->look.reachable) {
        *sequence = state->summary.delivered_sequence;
        return slice_equal(slice_of(state->summary.delivered_target), slice_of(state->look.name));
    }
    if (state->look.diverged.kind != ERROR_NONE)
        return false;
    if (!target->present)
        return true;
    *sequence = target->sequence;
    return slice_equal(slice_of(target->epoch), slice_of(store->epoch));
}

/* The first table that has other rows than the target's own progress says, as when somebody emptied or dropped it; NULL
   where there is none. The next delivery writes all of them anew. */
static const struct table *altered_table(const struct state *state, size_t *table)
{
    const struct pipeline *pipeline = state->view.pipeline;
    for (*table = 0; state->look.progress.present && *table < pipeline_delivered(pipeline); ++*table)
        if (state->look.rows[*table] != state->look.progress.rows[*table])
            return &pipeline->tables[*table];
    return NULL;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void json_target(struct json *json, const struct state *state)
{
    uint64_t delivered;
    char when[CLOCK_TEXT_SIZE];
    bool known = delivered_sequence(state, &delivered);
    json_open(json, "target", '{');
    json_text(json, "name", slice_of(state->look.name));
    json_bool(json, "reachable", state->look.reachable);
    if (!state->look.reachable)
        json_text(json, "error", slice_of(state->look.error.text));
    else if (state->look.diverged.kind != ERROR_NONE)
        json_text(json, "error", slice_of(state->look.diverged.text));
    if (known && !state->look.reachable) {
        clock_text(state->summary.delivered_at, when);
        json_text(json, "last_delivery", slice_of(when));
    }
    if (known) {
        json_count(json, "sequence", delivered);
        json_count(json, "undelivered", store_progress(state->view.store)->sequence - delivered);
    } else {
        json_null(json, "sequence");
        json_null(json, "undelivered");
    }
    size_t t;
    const struct table *altered = altered_table(state, &t);
    if (altered)
        json_text(json, "altered", slice_of(altered->name));
    json_close(json, '}');
}

static void json_feeds(struct json *json, const struct state *state)
{
    const struct pipeline *pipeline = state->view.pipeline;
    json_open(json, "feeds", '[');
    for (size_t f = 0; f < pipeline->feed_count; f++) {
        const struct feed_summary *feed = &state->feeds[f];
        json_open(json, NULL, '{');
        json_text(json, "feed", slice_of(pipeline->feeds[f].name));
        json_open(json, "files", '{');
        json_count(json, "applied", feed->files[FILE_APPLIED]);
        json_count(json, "duplicate", feed->files[FILE_DUPLICATE]);
        json_count(json, "quarantined", feed->files[FILE_QUARANTINED]);
        json_count(json, "forgotten", feed->forgotten);
        json_count(json, "replaced", feed->succeeded);
        json_close(json, '}');
        json_count(json, "rows", feed->rows);
        report_json_buckets(json, &feed->buckets);
        json_count(json, "records", state->stats.records[f]);
        json_count(json, "waiting", state->stats.waiting[f]);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static bool json_unknown(void *context, struct slice feed, struct slice column, uint64_t files)
{
    struct json *json = context;
    json_open(json, NULL, '{');
    json_text(json, "feed", feed);
    json_text(json, "column", column);
    json_count(json, "files", files);
    json_close(json, '}');
    return true;
}

/* What only the running process knows, in its own words, or why it does not answer; null when none runs. */
static void json_running(struct json *json, const struct invocation *invocation, const struct state *state)
{
    static const char *const words[] = {"live", "json"};
    struct error error = {0};
    struct buf answer;
    int code = 0;
    buf_init(&answer, CONTROL_ANSWER_MAX);
    const struct control_question question = {invocation->settings.checkpoints, state->view.pipeline->name, words,
                                              COUNT_OF(words), CONTROL_DEADLINE};
    bool answered = control_ask(&question, &answer, &code, &error);
    if (answered && code == 0) {
        json_raw(json, "running", buf_slice(&answer));
    } else if (!answered && error.kind == ERROR_TARGET) {
        json_null(json, "running");
    } else {
        json_open(json, "running", '{');
        json_text(json, "error", answered ? buf_slice(&answer) : slice_of(error.text));
        json_close(json, '}');
    }
    buf_close(&answer);
}

static void json_closed(struct json *json, const struct state *state)
{
    const struct engine_stats *stats = &state->stats;
    char when[CLOCK_TEXT_SIZE];
    if (stats->closed_before == INT64_MIN) {
        json_null(json, "closed");
        return;
    }
    json_open(json, "closed", '{');
    clock_text(stats->closed_before, when);
    json_text(json, "before", slice_of(when));
    json_count(json, "units", stats->closed);
    json_count(json, "waiting", stats->closed_waiting);
    json_close(json, '}');
}

static bool print_json(const struct invocation *invocation, const struct state *state, struct error *error)
{
    struct buf out;
    struct json json;
    const struct pipeline *pipeline = state->view.pipeline;
    const struct progress *progress = store_progress(state->view.store);
    buf_init(&out, COMMON_OUTPUT_MAX);
    json_init(&json, &out);
    json_open(&json, NULL, '{');
    json_text(&json, "pipeline", slice_of(pipeline->name));
    json_text(&json, "epoch", slice_of(progress->epoch));
    json_count(&json, "sequence", progress->sequence);
    json_target(&json, state);
    json_feeds(&json, state);
    json_open(&json, "tables", '[');
    for (size_t t = 0; t < pipeline->table_count; t++) {
        json_open(&json, NULL, '{');
        json_text(&json, "table", slice_of(pipeline->tables[t].name));
        json_count(&json, "groups", state->stats.groups[t]);
        json_count(&json, "mixed", state->stats.mixed[t]);
        json_count(&json, "closed", state->stats.closed_groups[t]);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_count(&json, "units", state->stats.units);
    json_closed(&json, state);
    json_count(&json, "grain_conflicts", state->stats.grain_conflicts);
    json_count(&json, "overflows", state->summary.delivered_overflows);
    json_count(&json, "rejects", state->summary.rejects);
    json_open(&json, "unknown_columns", '[');
    bool ok = store_each_unknown(state->view.store, json_unknown, &json, error);
    json_close(&json, ']');
    json_running(&json, invocation, state);
    json_close(&json, '}');
    ok = ok && (common_print(&out) || error_memory(error));
    buf_close(&out);
    return ok;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void print_altered(const struct state *state)
{
    size_t t;
    const struct table *altered = altered_table(state, &t);
    if (altered)
        printf(", but %s has %s row%s instead of %s", altered->name, TEXT_COUNT(state->look.rows[t]),
               text_plural(state->look.rows[t]), TEXT_COUNT(state->look.progress.rows[t]));
}

/* Of a target that does not say so itself now. */
static void print_delivered(const struct state *state)
{
    uint64_t delivered, sequence = store_progress(state->view.store)->sequence;
    char when[CLOCK_TEXT_SIZE];
    if (!delivered_sequence(state, &delivered)) {
        puts("delivered   nothing that this store knows of");
        return;
    }
    clock_text(state->summary.delivered_at, when);
    printf("delivered   sequence %" PRIu64 " at %s, %s change%s undelivered\n", delivered, when,
           TEXT_COUNT(sequence - delivered), text_plural(sequence - delivered));
}

static void print_target(const struct state *state)
{
    uint64_t delivered, sequence = store_progress(state->view.store)->sequence;
    char text[ERROR_TEXT_MAX];
    if (!state->look.reachable) {
        printf("target      %s: %s\n", state->look.error.kind == ERROR_TARGET ? "not reachable" : "refuses",
               text_escape_again(slice_of(state->look.error.text), text, sizeof text));
        print_delivered(state);
        return;
    }
    if (state->look.diverged.kind != ERROR_NONE) {
        printf("target      %s\n", text_escape_again(slice_of(state->look.diverged.text), text, sizeof text));
        return;
    }
    printf("target      %s; ", state->look.name);
    if (!delivered_sequence(state, &delivered))
        printf("holds what another store delivered, and the next delivery replaces it");
    else if (delivered == sequence)
        printf("holds everything");
    else
        printf("holds sequence %" PRIu64 ", %s change%s undelivered", delivered, TEXT_COUNT(sequence - delivered),
               text_plural(sequence - delivered));
    print_altered(state);
    putchar('\n');
}

static void print_count(const char *name, uint64_t count)
{
    if (count > 0)
        printf(", %s %s", TEXT_COUNT(count), name);
}

static void print_feed(const struct state *state, size_t f)
{
    const struct feed_summary *feed = &state->feeds[f];
    struct bucket list[BUCKETS];
    buckets_list(&feed->buckets, list);
    printf("%-11s %s file%s applied", state->view.pipeline->feeds[f].name, TEXT_COUNT(feed->files[FILE_APPLIED]),
           text_plural(feed->files[FILE_APPLIED]));
    print_count("duplicate", feed->files[FILE_DUPLICATE]);
    print_count("quarantined", feed->files[FILE_QUARANTINED]);
    print_count("forgotten", feed->forgotten);
    print_count("replaced", feed->succeeded);
    printf("; %s row%s: %s applied", TEXT_COUNT(feed->rows), text_plural(feed->rows), TEXT_COUNT(list[0].rows));
    for (size_t i = 1; i < BUCKETS; i++)
        print_count(list[i].name, list[i].rows);
    printf("; %s live record%s\n", TEXT_COUNT(state->stats.records[f]), text_plural(state->stats.records[f]));
}

/* Undeclared columns, a line a feed. */
struct unknown {
    char feed[SHOWN_NAME]; /* whose line has begun; "" before the first */
};

static bool print_unknown(void *context, struct slice feed, struct slice column, uint64_t files)
{
    struct unknown *unknown = context;
    char name[SHOWN_NAME];
    (void)files;
    if (!slice_equal(slice_of(unknown->feed), feed)) {
        printf("%sunknown     %.*s, columns in no descriptor: ", unknown->feed[0] ? "\n" : "", (int)feed.len,
               feed.data);
        snprintf(unknown->feed, sizeof unknown->feed, "%.*s", (int)feed.len, feed.data);
    } else {
        fputs(", ", stdout);
    }
    printf("\"%s\"", text_escape(column, name, sizeof name));
    return true;
}

static void print_closed(const struct engine_stats *stats)
{
    char before[CLOCK_TEXT_SIZE];
    clock_text(stats->closed_before, before);
    printf("closed      windows up to %s: %s unit%s freed", before, TEXT_COUNT(stats->closed),
           text_plural(stats->closed));
    if (stats->closed_waiting > 0)
        printf(", %s of them while they waited", TEXT_COUNT(stats->closed_waiting));
    puts("; later rows of theirs are late (dropfold late)");
}

static bool print_text(const struct state *state, struct error *error)
{
    const struct pipeline *pipeline = state->view.pipeline;
    const struct progress *progress = store_progress(state->view.store);
    char when[CLOCK_TEXT_SIZE] = "never", path[COMMON_SHOWN];
    if (state->summary.committed_at > 0)
        clock_text(state->summary.committed_at, when);
    printf("pipeline    %s\nstore       %s: sequence %" PRIu64 ", last change %s\n", pipeline->name,
           text_escape(slice_of(store_path(state->view.store)), path, sizeof path), progress->sequence, when);
    print_target(state);
    for (size_t f = 0; f < pipeline->feed_count; f++)
        print_feed(state, f);
    for (size_t t = 0; t < pipeline->table_count; t++) {
        printf("table       %s: %s group%s", pipeline->tables[t].name, TEXT_COUNT(state->stats.groups[t]),
               text_plural(state->stats.groups[t]));
        if (state->stats.mixed[t] > 0)
            printf(", %s of them with several values of what should be uniform", TEXT_COUNT(state->stats.mixed[t]));
        putchar('\n');
    }
    if (state->stats.closed_before != INT64_MIN)
        print_closed(&state->stats);
    if (pipeline->has_grain)
        printf("conflicts   %s unit%s whose lines disagree\n", TEXT_COUNT(state->stats.grain_conflicts),
               text_plural(state->stats.grain_conflicts));
    if (state->summary.delivered_overflows > 0)
        printf("overflows   %s value%s of the last delivery, of sequence %" PRIu64
               ", NULL as their column cannot hold them\n",
               TEXT_COUNT(state->summary.delivered_overflows), text_plural(state->summary.delivered_overflows),
               state->summary.delivered_sequence);
    printf("rejects     %s row%s (dropfold rejects)\n", TEXT_COUNT(state->summary.rejects),
           text_plural(state->summary.rejects));
    report_waiting(stdout, pipeline, state->stats.waiting);
    struct unknown unknown = {""};
    bool ok = store_each_unknown(state->view.store, print_unknown, &unknown, error);
    if (unknown.feed[0])
        putchar('\n');
    return ok;
}

/* What only the running process knows, in one line. */
static void print_live(const struct invocation *invocation)
{
    static const char *const words[] = {"live"};
    int code;
    if (!common_ask_running(invocation, words, COUNT_OF(words), &code))
        puts("no dropfold answers: none runs, or it is starting, ending or replaying");
}

static int ask_healthy(const struct invocation *invocation)
{
    static const char *const words[] = {"healthy"};
    return common_ask(invocation, words, COUNT_OF(words)) == 0 ? 0 : 1;
}

static int show(const struct invocation *invocation)
{
    struct state state = {0};
    struct error error = {0};
    int code = 0;
    char path[SETTINGS_PATH_SIZE];
    state.view.pipeline = common_pipeline(invocation, &code);
    if (!state.view.pipeline)
        return code;
    bool missing = common_store_missing(invocation, state.view.pipeline, path); /* which is told without a look */
    if (!missing && !look_at_target(&state.look, &invocation->settings, state.view.pipeline, &error)) {
        common_view_close(&state.view);
        return common_failed(invocation, &error);
    }
    if (!common_view_open_store(&state.view, invocation, STORE_READ, &code))
        return code;
    bool ok = gather(&state, &error) &&
              (invocation->settings.json ? print_json(invocation, &state, &error) : print_text(&state, &error));
    if (ok && !invocation->settings.json)
        print_live(invocation);
    common_view_close(&state.view);
    return ok ? 0 : common_failed(invocation, &error);
}

static int execute(const struct invocation *invocation)
{
    if (invocation->settings.healthy && (invocation->settings.json || invocation->settings.watch))
        return common_misused(invocation, "status: --healthy goes with none of --json and --watch");
    if (invocation->settings.healthy)
        return ask_healthy(invocation);
    int code = show(invocation);
    while (invocation->settings.watch && code == 0 && fflush(stdout) == 0) {
        sleep(WATCH_SECONDS);
        if (isatty(STDOUT_FILENO))
            fputs("\033[H\033[2J", stdout);
        else if (!invocation->settings.json)
            putchar('\n');
        code = show(invocation);
    }
    return code;
}

const struct command command_status = {
    .name = "status",
    .operands = "",
    .summary = "Show what was read, what the tables hold, and where the target is.",
    .help =
        "Files by state and rows by bucket of every feed, groups of every table, the sequence of the store and of the\n"
        "target, undeclared columns, conflicts within a grain. Rows always add up: applied + unchanged + superseded +\n"
        "filtered + deleted + late + rejected = rows read. Of a running dropfold also what is under way, what is "
        "paused\n"
        "and how often inotify's queue ran over. Changes nothing, also beside a running dropfold.\n"
        "\n"
        "  dropfold status\n"
        "  dropfold status --json | jq .target.undelivered\n"
        "\n"
        "Exit codes: 0 shown, also when the target cannot be reached; 1 there is no store yet, or of --healthy: none\n"
        "answers, or it is not well: it has failed, its target refuses, or --memory-limit is reached. (A target that\n"
        "cannot be reached is waited for, and no illness.) 78 configuration (of --healthy 1, too).\n",
    .options = OPTION_JSON | OPTION_HEALTHY | OPTION_WATCH,
    .execute = execute,
};
