#include "app/offline.h"

#include "app/refill.h"

int offline_failed(struct log *log, const struct error *error)
{
    log_error(log, "%s", error->text);
    return error_exit_code(error->kind);
}

int offline_deliver(const struct settings *settings, struct core *core, const char *done, struct log *log)
{
    struct error error = {0};
    if (refill(settings, core, false, &error))
        return 0;
    log_error(log, "%s%s: %s", done, error.kind == ERROR_TARGET ? " (the next run delivers)" : "", error.text);
    return error_exit_code(error.kind);
}

int offline(const struct settings *settings, offline_work work, void *context, struct log *log)
{
    struct error error = {0};
    struct core core;
    int code;
    struct pipeline *pipeline = settings_pipeline(settings, &error);
    if (!pipeline)
        return offline_failed(log, &error);
    if (core_open(&core, pipeline, settings->checkpoints, STORE_WRITE, settings->memory_limit, &error)) {
        code = work(settings, &core, context, log);
        core_close(&core);
    } else {
        code = offline_failed(log, &error);
    }
    pipeline_free(pipeline);
    return code;
}
