#include "app/verify_target.h"

static void on_answer(void *context, const struct error *error)
{
    struct verify_target *asked = context;
    asked->answered = true;
    asked->failed = error;
    if (error)
        asked->error = *error;
}

static bool wait(struct verify_target *asked, struct error *error)
{
    while (!asked->answered)
        uv_run(&asked->loop, UV_RUN_ONCE);
    asked->answered = false;
    if (asked->failed)
        *error = asked->error;
    return !asked->failed;
}

static void on_closed(void *context)
{
    struct verify_target *asked = context;
    asked->target = NULL;
}

bool verify_target_init(struct verify_target *asked, const struct settings *settings, const struct pipeline *pipeline,
                        struct error *error)
{
    char address[SETTINGS_PATH_SIZE];
    *asked = (struct verify_target){.target = NULL};
    if (!settings_target(settings, pipeline, address, error))
        return false;
    if (uv_loop_init(&asked->loop) != 0)
        return error_memory(error);
    asked->loop_open = true;
    const struct target_options options = {
        .address = address, .deadline = settings->target_timeout, .look = true, .mend = settings->repair};
    return target_new(&asked->target, &asked->loop, pipeline, &options, error);
}

void verify_target_close(struct verify_target *asked)
{
    if (asked->target)
        target_close(asked->target, on_closed, asked);
    if (!asked->loop_open)
        return;
    uv_run(&asked->loop, UV_RUN_DEFAULT);
    uv_loop_close(&asked->loop);
    asked->loop_open = false;
}

bool verify_target_open(struct verify_target *asked, struct error *error)
{
    target_open(asked->target, on_answer, asked);
    return wait(asked, error);
}

bool verify_target_begin(struct verify_target *asked, const struct delivery *delivery, struct error *error)
{
    target_begin(asked->target, delivery, on_answer, asked);
    return wait(asked, error);
}

bool verify_target_write(struct verify_target *asked, struct block *block, struct error *error)
{
    target_write(asked->target, block, on_answer, asked);
    return wait(asked, error);
}

bool verify_target_compare(struct verify_target *asked, size_t table, struct error *error)
{
    target_compare(asked->target, table, on_answer, asked);
    return wait(asked, error);
}

bool verify_target_read(struct verify_target *asked, size_t table, uint64_t after, struct error *error)
{
    target_read_drift(asked->target, table, after, on_answer, asked);
    return wait(asked, error);
}

bool verify_target_mend(struct verify_target *asked, size_t table, struct error *error)
{
    target_mend(asked->target, table, on_answer, asked);
    return wait(asked, error);
}

bool verify_target_commit(struct verify_target *asked, struct error *error)
{
    target_commit(asked->target, on_answer, asked);
    return wait(asked, error);
}
