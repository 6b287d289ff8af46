/* What a running daemon can be asked and told through the control socket. Loop thread only. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/forget.h"
#include "app/retry.h"
#include "app/run_internal.h"
#include "base/clock.h"
#include "base/json.h"

/* --- what it is asked --------------------------------------------------------------------------------------------- */

static void answer_healthy(struct run *run, struct control_client *client)
{
    if (run->failed)
        control_answer(client, 1, run->error.text);
    else if (deliverer_is_refused(run->deliverer) || run->trouble.kind == ERROR_REFUSED) /* asked again, not told yes */
        control_answer(client, 1, run->trouble.text);
    else if (run->memory_full)
        control_answer(client, 1, "ingest is paused: the memory limit is reached");
    else
        control_answer(client, 0, "healthy");
}

static void put_paused(const struct run *run, struct buf *out)
{
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        if (run->paused[f])
            buf_printf(out, "; %s is paused", run->pipeline->feeds[f].name);
    for (size_t f = 0; f < run->pipeline->feed_count; f++) {
        size_t count = watch_unmarked(run->watch, f);
        if (count > 0)
            buf_printf(out, "; %zu of %s without a marker", count, run->pipeline->feeds[f].name);
    }
    if (run->memory_full)
        buf_put_text(out, "; ingest is paused: the memory limit is reached");
    if (run->phase == RUN_HELD)
        buf_put_text(out, "; files wait until target and store tell one history");
}

/* Files that are ready and not begun, the watch's own too. */
static uint64_t waiting(const struct run *run, const struct watch_stats *stats)
{
    return stats->ready + run->pending.count + run->held.count;
}

static void put_live_text(const struct run *run, const struct watch_stats *stats, struct buf *out)
{
    buf_printf(out, "running as process %d: %" PRIu64 " files settle, %" PRIu64 " wait, %zu are under way",
               (int)getpid(), stats->settling, waiting(run, stats), run->jobs);
    put_paused(run, out);
    buf_printf(out, "; the state holds %.1f MiB", (double)run->memory / (1024 * 1024));
    if (stats->overflows > 0)
        buf_printf(out, "; inotify's queue ran over %" PRIu64 " times (nothing is lost: the folders were scanned)",
                   stats->overflows);
    if (run->trouble.kind != ERROR_NONE)
        buf_printf(out, "; target: %s", run->trouble.text);
}

static void put_live_json(const struct run *run, const struct watch_stats *stats, struct buf *out)
{
    struct json json;
    json_init(&json, out);
    json_open(&json, NULL, '{');
    json_count(&json, "process", (uint64_t)getpid());
    json_count(&json, "settling", stats->settling);
    json_count(&json, "waiting", waiting(run, stats));
    json_count(&json, "under_way", run->jobs);
    json_open(&json, "paused", '[');
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        if (run->paused[f])
            json_text(&json, NULL, slice_of(run->pipeline->feeds[f].name));
    json_close(&json, ']');
    json_count(&json, "memory_bytes", run->memory);
    json_bool(&json, "memory_full", run->memory_full);
    json_bool(&json, "held", run->phase == RUN_HELD);
    if (run->trouble.kind != ERROR_NONE)
        json_text(&json, "trouble", slice_of(run->trouble.text));
    else
        json_null(&json, "trouble");
    json_count(&json, "events", stats->events);
    json_count(&json, "overflows", stats->overflows);
    json_open(&json, "scans", '{');
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        json_count(&json, run->pipeline->feeds[f].name, watch_scans(run->watch, f));
    json_close(&json, '}');
    json_open(&json, "unmarked", '{');
    for (size_t f = 0; f < run->pipeline->feed_count; f++)
        json_count(&json, run->pipeline->feeds[f].name, watch_unmarked(run->watch, f));
    json_close(&json, '}');
    json_close(&json, '}');
}

static void answer_live(struct run *run, struct control_client *client, bool as_json)
{
    struct watch_stats stats;
    struct buf out;
    watch_stats(run->watch, &stats);
    buf_init(&out, CONTROL_ANSWER_MAX);
    if (as_json)
        put_live_json(run, &stats, &out);
    else
        put_live_text(run, &stats, &out);
    buf_put_byte(&out, '\0');
    if (out.failed)
        control_answer(client, error_exit_code(ERROR_MEMORY), "out of memory");
    else
        control_answer(client, 0, out.data);
    buf_close(&out);
}

static void answer_pause(struct run *run, struct control_client *client, const char *name, bool pause)
{
    char text[256 + PIPELINE_FEEDS_SHOWN], feeds[PIPELINE_FEEDS_SHOWN];
    const struct feed *feed = pipeline_feed(run->pipeline, slice_of(name));
    if (!feed) {
        snprintf(text, sizeof text, "there is no feed \"%.200s\"; expected one of %s", name,
                 pipeline_list_feeds(run->pipeline, feeds));
        control_answer(client, error_exit_code(ERROR_USAGE), text);
        return;
    }
    run_held_pause(run, (size_t)(feed - run->pipeline->feeds), pause);
    snprintf(text, sizeof text, "%s %s", feed->name, pause ? "is paused: its files wait in their folder" : "goes on");
    log_info(run->log, "%s", text);
    control_answer(client, 0, text);
}

static void answer_replay(struct run *run, struct control_client *client, char **flags, size_t count)
{
    struct error error = {0};
    if (!run_can_replay(run, &error)) {
        control_answer(client, error_exit_code(error.kind), error.text);
        return;
    }
    log_info(run->log, "asked to replay: the files under way are finished first");
    control_answer(client, 0, "the running dropfold replays now; its log and `dropfold status` tell the rest");
    run_replay(run, flags, count);
}

/* --- a change of one file ----------------------------------------------------------------------------------------- */

/* A change of one file that is asked for, on its way through the store thread. */
struct asked_change {
    struct request request;
    struct run *run;
    struct control_client *client;
    char which[CONTROL_LINE_MAX];
    /* Appends to `out` what was done. */
    bool (*make)(struct core *core, const struct settings *settings, const char *which, bool *changed, struct buf *out,
                 struct error *error);
    struct buf out;
    uint64_t sequence;
    bool ok, changed;
    struct error error;
};

static void change_work(struct request *request, struct core *core)
{
    struct asked_change *change = CONTAINER_OF(request, struct asked_change, request);
    change->ok =
        change->make(core, change->run->settings, change->which, &change->changed, &change->out, &change->error);
    change->sequence = store_progress(core->store)->sequence;
}

/* What was done is logged too, its first line. */
static void change_made(struct asked_change *change)
{
    struct run *run = change->run;
    const char *end = change->out.len > 0 ? memchr(change->out.data, '\n', change->out.len) : NULL;
    log_info(run->log, "%.*s", (int)(end ? end - change->out.data : 0), change->out.data);
    deliverer_wants(run->deliverer, change->sequence);
    deliverer_hurry(run->deliverer);
}

static void change_done(struct request *request)
{
    struct asked_change *change = CONTAINER_OF(request, struct asked_change, request);
    struct run *run = change->run;
    run->asked--;
    if (change->changed)
        change_made(change);
    if (change->out.len > 0 && change->out.data[change->out.len - 1] == '\n')
        change->out.len--;
    buf_put_byte(&change->out, '\0');
    if (change->ok)
        control_answer(change->client, 0, change->out.failed ? "done" : change->out.data);
    else
        control_answer(change->client, error_exit_code(change->error.kind), change->error.text);
    buf_close(&change->out);
    free(change);
    run_progressed(run);
}

static void ask_change(struct run *run, struct control_client *client, const struct asked_change *asked,
                       const char *which)
{
    struct asked_change *change = run->phase == RUN_WORKING ? calloc(1, sizeof *change) : NULL;
    if (!change) {
        control_answer(client, error_exit_code(ERROR_LOCKED),
                       run->phase == RUN_HELD ? "not now: the target tells another history (dropfold status)"
                                              : "not now: starting, or ending");
        return;
    }
    *change = *asked;
    change->request = (struct request){.work = change_work, .done = change_done, .alone = true};
    change->run = run;
    change->client = client;
    snprintf(change->which, sizeof change->which, "%s", which);
    buf_init(&change->out, CONTROL_ANSWER_MAX);
    run->asked++;
    committer_submit(run->committer, &change->request);
}

static bool make_forget(struct core *core, const struct settings *settings, const char *which, bool *changed,
                        struct buf *out, struct error *error)
{
    return *changed = forget_file(core, settings, which, out, error);
}

static bool make_retry(struct core *core, const struct settings *settings, const char *which, bool *changed,
                       struct buf *out, struct error *error)
{
    const struct retry_how how = {.settings = settings, .now = clock_wall()};
    return retry_file(core, &how, which, changed, out, error);
}

/* `source`: of the pipeline as the asking command read it; rows that are retried by other descriptors would be a
   surprise. */
static void answer_retry(struct run *run, struct control_client *client, const char *source, const char *which)
{
    char ours[DIGEST_HEX_SIZE];
    digest_hex(&run->pipeline->source, ours);
    if (strcmp(source, ours) == 0)
        ask_change(run, client, &(struct asked_change){.make = make_retry}, which);
    else
        control_answer(client, error_exit_code(ERROR_CONFIG),
                       "the running dropfold reads files by other descriptors than those that are there now: send it "
                       "HUP first");
}

/* --- words -------------------------------------------------------------------------------------------------------- */

void run_control_request(void *context, struct control_client *client, char **words, size_t count)
{
    struct run *run = context;
    if (strcmp(words[0], "healthy") == 0)
        answer_healthy(run, client);
    else if (strcmp(words[0], "live") == 0)
        answer_live(run, client, count == 2 && strcmp(words[1], "json") == 0);
    else if (strcmp(words[0], "pause") == 0 && count == 2)
        answer_pause(run, client, words[1], true);
    else if (strcmp(words[0], "resume") == 0 && count == 2)
        answer_pause(run, client, words[1], false);
    else if (strcmp(words[0], "forget") == 0 && count == 2)
        ask_change(run, client, &(struct asked_change){.make = make_forget}, words[1]);
    else if (strcmp(words[0], "retry") == 0 && count == 3)
        answer_retry(run, client, words[1], words[2]);
    else if (strcmp(words[0], "replay") == 0)
        answer_replay(run, client, words + 1, count - 1);
    else
        control_answer(client, error_exit_code(ERROR_USAGE), "the running dropfold does not know that request");
}

void run_control_tick(struct run *run)
{
    struct error error = {0};
    bool made = false;
    if (!run->control)
        return;
    bool ok = control_keep(run->control, &made, &error);
    if (made)
        log_warning(run->log, "the control socket was gone: it was made anew");
    else if (!ok && !run->unheard)
        log_warning(run->log, "%s: nothing can be asked of this dropfold until that works", error.text);
    run->unheard = !ok;
}
