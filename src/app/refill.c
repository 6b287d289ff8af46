#include "app/refill.h"

#include <stdio.h>

#include "app/committer.h"
#include "app/deliverer.h"
#include "app/report.h"
#include "target/target.h"

enum { REFILL_TRIES = 3 };

struct refilling {
    uv_loop_t loop;
    const struct pipeline *pipeline;
    struct flow flow;
    struct committer *committer;
    struct target *target;
    struct deliverer *deliverer;
    bool ok, over;
    struct error *error;
};

static void on_down(void *context)
{
    (void)context;
}

static void on_deliverer_down(void *context)
{
    struct refilling *refilling = context;
    committer_stop(refilling->committer, on_down, refilling);
}

static void finish(struct refilling *refilling, const struct error *error)
{
    if (refilling->over)
        return;
    refilling->over = true;
    refilling->ok = !error;
    if (error)
        *refilling->error = *error;
    deliverer_stop(refilling->deliverer, on_deliverer_down, refilling);
}

static void on_delivered(void *context, const struct delivered *delivered)
{
    const struct refilling *refilling = context;
    report_delivery(stdout, refilling->pipeline, delivered);
}

static void on_settled(void *context)
{
    finish(context, NULL);
}

static void on_trouble(void *context, const struct error *error, int64_t retry)
{
    struct refilling *refilling = context;
    (void)retry;
    if (deliverer_failures(refilling->deliverer) >= REFILL_TRIES)
        finish(refilling, error);
}

static void on_refused(void *context, const struct error *error)
{
    finish(context, error);
}

static void on_failed(void *context, const struct error *error)
{
    finish(context, error);
}

static bool open_target(struct refilling *refilling, const struct settings *settings, struct core *core)
{
    char address[SETTINGS_PATH_SIZE];
    struct error *error = refilling->error;
    if (!settings_target(settings, core->pipeline, address, error))
        return false;
    const struct target_options options = {
        .address = address, .deadline = settings->target_timeout, .folder = settings_makes_folder(settings)};
    if (!target_new(&refilling->target, &refilling->loop, core->pipeline, &options, error))
        return false;
    printf("target %s\n", target_name(refilling->target));
    return true;
}

static bool start(struct refilling *refilling, const struct settings *settings, struct core *core, bool rebuild)
{
    const struct committer_callbacks committer = {.context = refilling, .failed = on_failed};
    const struct deliverer_callbacks deliverer = {refilling, NULL, on_delivered, on_settled, on_trouble, on_refused};
    if (!open_target(refilling, settings, core))
        return false;
    if (!committer_start(&refilling->committer, &refilling->loop, core, &refilling->flow, &committer,
                         refilling->error)) {
        target_close(refilling->target, on_down, NULL);
        return false;
    }
    const struct deliverer_options options = {.target = refilling->target,
                                              .committer = refilling->committer,
                                              .pipeline = core->pipeline,
                                              .sequence = store_progress(core->store)->sequence,
                                              .overwrite = settings->yes,
                                              .rebuild = rebuild};
    if (deliverer_start(&refilling->deliverer, &refilling->loop, &options, &deliverer, refilling->error))
        return true;
    target_close(refilling->target, on_down, NULL);
    committer_stop(refilling->committer, on_down, NULL);
    return false;
}

bool refill(const struct settings *settings, struct core *core, bool rebuild, struct error *error)
{
    struct refilling refilling = {.pipeline = core->pipeline, .error = error};
    if (uv_loop_init(&refilling.loop) != 0)
        return error_memory(error);
    if (!flow_init(&refilling.flow, 1, error)) {
        uv_loop_close(&refilling.loop);
        return false;
    }
    bool started = start(&refilling, settings, core, rebuild);
    uv_run(&refilling.loop, UV_RUN_DEFAULT);
    flow_close(&refilling.flow);
    uv_loop_close(&refilling.loop);
    return started && refilling.ok;
}
