/*
 * The end of a session for the next one: by HUP, when the pipeline or its descriptors changed, and because a replay was
 * asked for. Loop thread only.
 */
#include <string.h>

#include "app/run_internal.h"

static void end_for_replay(struct run *run, const struct settings *as)
{
    run->end->again = run->end->replay = true;
    run->end->replay_as = *as;
    run_drain(run);
}

static bool may_replay(const struct run *run)
{
    return (run->phase == RUN_WORKING || run->phase == RUN_HELD) && !run->end->again;
}

/* The flags of a replay are asked for each time; what the process was started with was for its start. */
static struct settings without_flags(const struct settings *settings)
{
    struct settings as = *settings;
    as.rebuild = as.yes = false;
    return as;
}

/* Whether a session of `pipeline` finds its landing folders, each its own and nobody else's: else it could not
   begin. */
static bool check_folders(struct run *run, const struct pipeline *pipeline, struct error *error)
{
    const char *data = run->settings->data;
    bool ok = landing_check_apart(data, pipeline, error);
    for (size_t f = 0; ok && f < pipeline->feed_count; f++) {
        struct landing landing;
        ok = landing_open(&landing, data, &pipeline->feeds[f], f, false, error);
        if (!ok)
            break;
        ok = watch_holds(run->watch, &landing) || landing_lock(&landing, error);
        landing_close(&landing);
    }
    return ok;
}

/* The next session begins with `pipeline`. Of the same shape it reads files otherwise and needs no other store. */
static void take_over(struct run *run, struct pipeline *pipeline)
{
    struct settings as = without_flags(run->settings);
    bool same = digest_equal(&pipeline->fingerprint, &run->pipeline->fingerprint);
    log_info(run->log, "%s",
             same ? "the pipeline's file or descriptors changed, and nothing of what they compute: the store stays"
                  : "what the pipeline computes, or a field's type, changed: the store is built anew");
    run->end->pipeline = pipeline;
    if (!same) {
        end_for_replay(run, &as);
        return;
    }
    run->end->again = true;
    run->end->replay_as = as;
    run_drain(run);
}

void run_reload(struct run *run)
{
    struct error error = {0};
    if (!may_replay(run) || !signals_read(run->signals->hangup))
        return;
    struct pipeline *pipeline = settings_pipeline(run->settings, &error);
    if (!pipeline) {
        log_error(run->log, "%s; going on with the pipeline as it was", error.text);
    } else if (strcmp(pipeline->name, run->pipeline->name) != 0) {
        log_error(
            run->log,
            "the pipeline is called \"%s\" now, which is another one with a store of its own: start again for it; "
            "going on with \"%s\" as it was",
            pipeline->name, run->pipeline->name);
        pipeline_free(pipeline);
    } else if (digest_equal(&pipeline->source, &run->pipeline->source)) {
        pipeline_free(pipeline);
        log_info(run->log, "pipeline and descriptors are as they were");
    } else if (!check_folders(run, pipeline, &error)) {
        pipeline_free(pipeline);
        log_error(run->log, "%s; going on with the pipeline as it was", error.text);
    } else {
        take_over(run, pipeline);
    }
}

bool run_can_replay(struct run *run, struct error *error)
{
    return may_replay(run)
               ? check_folders(run, run->pipeline, error)
               : error_set(error, ERROR_LOCKED, "not now: starting, ending, or replaying already; try again");
}

void run_replay(struct run *run, char *const *flags, size_t count)
{
    struct settings as = without_flags(run->settings);
    for (size_t i = 0; i < count; i++) {
        as.rebind |= strcmp(flags[i], "rebind") == 0;
        as.accept_missing |= strcmp(flags[i], "accept-missing") == 0;
        as.rebuild |= strcmp(flags[i], "rebuild") == 0;
        as.from_archive |= strcmp(flags[i], "from-archive") == 0;
        as.yes |= strcmp(flags[i], "yes") == 0;
    }
    end_for_replay(run, &as);
}
