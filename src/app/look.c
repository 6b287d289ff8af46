#include "app/look.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "app/decide.h"
#include "app/offer.h"

enum { LOOK_DEADLINE = 5 * 1000 * 1000 /* microseconds */ };

struct visit {
    struct look *look;
    struct target *target;
    size_t tables;
};

static void on_closed(void *context)
{
    (void)context;
}

static void on_open(void *context, const struct error *error)
{
    struct visit *visit = context;
    struct look *look = visit->look;
    look->reachable = !error;
    if (error) {
        look->error = *error;
    } else {
        const struct error *barred = target_barred(visit->target);
        look->barred = barred ? *barred : (struct error){0};
        look->progress = *target_progress(visit->target);
        const char *by;
        look->taken = target_taken(visit->target, &by);
        snprintf(look->taken_by, sizeof look->taken_by, "%s", by);
        memcpy(look->rows, target_rows(visit->target), visit->tables * sizeof look->rows[0]);
    }
    target_close(visit->target, on_closed, NULL);
}

static bool open_once(struct look *look, const struct settings *settings, const struct pipeline *pipeline, bool make,
                      struct error *error)
{
    char address[SETTINGS_PATH_SIZE];
    uv_loop_t loop;
    struct visit visit = {.look = look, .tables = pipeline_delivered(pipeline)};
    *look = (struct look){0};
    if (!settings_target(settings, pipeline, address, error))
        return false;
    if (uv_loop_init(&loop) != 0)
        return error_memory(error);
    const struct target_options options = {
        .address = address, .deadline = LOOK_DEADLINE, .folder = settings_makes_folder(settings), .look = !make};
    bool ok = target_new(&visit.target, &loop, pipeline, &options, error);
    if (ok) {
        snprintf(look->name, sizeof look->name, "%s", target_name(visit.target));
        target_open(visit.target, on_open, &visit);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return ok;
}

bool look_at_target(struct look *look, const struct settings *settings, const struct pipeline *pipeline,
                    struct error *error)
{
    return open_once(look, settings, pipeline, false, error);
}

bool look_compare(struct look *look, const struct pipeline *pipeline, struct store *store, struct error *error)
{
    const struct progress none = {.epoch = "none yet"};
    struct decide_input input = {.pipeline = pipeline,
                                 .target_name = look->name,
                                 .store = &none,
                                 .target = &look->progress,
                                 .target_rows = look->rows,
                                 .taken = look->taken,
                                 .taken_by = look->taken_by};
    look->diverged = (struct error){0};
    if (!look->reachable)
        return true;
    if (store && !offer_compare(&input, store, error))
        return false;
    if (decide(&input, &look->diverged) != DECIDE_REFUSE)
        look->diverged = (struct error){0};
    return true;
}

bool look_make_target(struct look *look, const struct settings *settings, const struct pipeline *pipeline,
                      struct error *error)
{
    return open_once(look, settings, pipeline, true, error);
}
