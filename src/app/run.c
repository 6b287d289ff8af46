#include "app/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/reading.h"
#include "app/run_internal.h"
#include "base/clock.h"
#include "base/text.h"

/* A run that is to end waits for an unreachable target no longer than this many failed tries; after as many, for one
   more, as the target may be back. */
enum { LAST_TRIES = 3, TICK_MS = 250 };
/* --- taking down -------------------------------------------------------------------------------------------------- */

/* The loop ends once all of them are. */
static void on_part_down(void *context)
{
    (void)context;
}

static void close_handle(void *handle)
{
    uv_handle_t *h = handle;
    if (h->type != UV_UNKNOWN_HANDLE)
        uv_close(h, NULL);
}

static void stop_committer(struct run *run)
{
    if (run->committer)
        committer_stop(run->committer, on_part_down, run);
}

/* The committer goes last: the deliverer still hands its open delivery back to it. */
static void on_deliverer_down(void *context)
{
    stop_committer(context);
}

/* Of a run that began or of one that could not: whatever is there is closed, and the loop ends when nothing is left. */
static void take_down(struct run *run)
{
    if (run->watch)
        watch_stop(run->watch, on_part_down, run);
    if (run->deliverer)
        deliverer_stop(run->deliverer, on_deliverer_down, run);
    else if (run->target)
        target_close(run->target, on_part_down, run);
    if (!run->deliverer)
        stop_committer(run);
    if (run->control)
        control_stop(run->control, on_part_down, run);
    close_handle(&run->stops);
    close_handle(&run->tick);
}

/* --- phases ------------------------------------------------------------------------------------------------------- */

static bool delivery_over(const struct run *run)
{
    if (deliverer_is_refused(run->deliverer))
        return true;
    return deliverer_is_settled(run->deliverer) || deliverer_failures(run->deliverer) >= LAST_TRIES;
}

void run_enter(struct run *run, enum run_phase phase)
{
    run->phase = phase;
    switch (phase) {
    case RUN_ASKING:
        break;
    case RUN_WORKING:
        watch_pause(run->watch, false);
        run_jobs_start(run);
        break;
    case RUN_HELD:
        watch_pause(run->watch, true);
        break;
    case RUN_DRAINING:
        watch_pause(run->watch, true);
        run_jobs_forget_pending(run);
        break;
    case RUN_SETTLING:
        if (run->end->again)
            deliverer_hurry(run->deliverer); /* the next session asks the target anew */
        else
            deliverer_try_last(run->deliverer, LAST_TRIES);
        break;
    case RUN_STOPPING:
        take_down(run);
        break;
    }
}

/* Moves on as far as it can; called whenever something ended. */
void run_progressed(struct run *run)
{
    bool quiet = run->jobs == 0 && run->pending.count == 0;
    if (run->phase == RUN_WORKING && quiet)
        deliverer_hurry(run->deliverer);
    if (run->phase == RUN_WORKING && quiet && run->settings->once && run->watch_idle)
        run_enter(run, RUN_DRAINING);
    if (run->phase == RUN_DRAINING && run->jobs == 0 && run->asked == 0)
        run_enter(run, RUN_SETTLING);
    if (run->phase == RUN_SETTLING && (run->failed || delivery_over(run)))
        run_enter(run, RUN_STOPPING);
}

void run_drain(struct run *run)
{
    if (run->phase < RUN_DRAINING)
        run_enter(run, RUN_DRAINING);
    run_progressed(run);
}

void run_fail(struct run *run, const struct error *error)
{
    if (!run->failed)
        run->error = *error;
    run->failed = true;
    log_error(run->log, "%s", error->text);
    run_drain(run);
}

/* --- callbacks ---------------------------------------------------------------------------------------------------- */

static void tell_unmarked(const struct run *run)
{
    for (size_t f = 0; f < run->pipeline->feed_count; f++) {
        size_t count = watch_unmarked(run->watch, f);
        if (count > 0)
            log_warning(run->log, "%zu file%s of %s without a marker (NAME.done), not read", count, text_plural(count),
                        run->pipeline->feeds[f].name);
    }
}

static void on_idle(void *context)
{
    struct run *run = context;
    if (run->settings->once)
        tell_unmarked(run);
    run->watch_idle = true;
    run->files_left = run->files_left || watch_missed(run->watch);
    run_memory_trim(run);
    run_progressed(run);
}

static bool on_known(void *context, const struct landing *landing, const char *name, const struct file_stat *stat)
{
    const struct run *run = context;
    /* Elsewhere it is here because a crash came before its move: read again, it is found in the ledger and moved. */
    return landing_keeps_file(landing, stat) && known_has(&run->known, landing->feed->name, name, stat);
}

static void on_committer_failed(void *context, const struct error *error)
{
    run_fail(context, error);
}

/* One that is to end for the next session ends the last one then, and one that ends by itself goes on doing so. */
static void stop(struct run *run, int number)
{
    if (run->told_to_stop)
        _exit(128 + number);
    run->told_to_stop = true;
    run->end->again = false;
    run->files_left |= !run->watch_idle;
    log_info(run->log,
             "stopping: what is under way (%zu file%s) is finished first; the same signal again leaves at once",
             run->jobs, text_plural(run->jobs));
    run_drain(run);
}

static void on_stops(uv_poll_t *poll, int status, int events)
{
    struct run *run = poll->data;
    (void)events;
    for (int number; status == 0 && (number = signals_read(run->signals->stop)) != 0;)
        stop(run, number);
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;
    report_tick(&run->report, run->jobs + run->pending.count);
    run_recover_tick(run);
    run_jobs_start(run); /* where there was no memory for a file, nothing else may begin it */
    run_held_tick(run);
    run_control_tick(run);
    run_reload(run);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static bool start_signals(struct run *run, struct error *error)
{
    signal(SIGPIPE, SIG_IGN);
    signals_hold(true);
    uv_timer_init(&run->loop, &run->tick);
    run->tick.data = run;
    uv_timer_start(&run->tick, on_tick, TICK_MS, TICK_MS);
    int result = uv_poll_init(&run->loop, &run->stops, run->signals->stop);
    run->stops.data = run;
    if (result == 0)
        result = uv_poll_start(&run->stops, UV_READABLE, on_stops);
    return result == 0 || error_set(error, ERROR_IO, "cannot watch for signals: %s", uv_strerror(result));
}

static bool start_watch(struct run *run, struct error *error)
{
    const struct watch_options options = {.pipeline = run->pipeline,
                                          .log = run->log,
                                          .data = run->settings->data,
                                          .once = run->settings->once,
                                          .rescan = run->settings->rescan,
                                          .patience = run->settings->once ? RUN_PATIENCE_ONCE : RUN_PATIENCE,
                                          .events = run->settings->events};
    const struct watch_callbacks callbacks = {run, run_jobs_ready, on_known, run_recover_opened, on_idle};
    if (!watch_start(&run->watch, &run->loop, &options, &callbacks, error))
        return false;
    watch_pause(run->watch, true);
    run_recover_now(run);
    run_quarantine_note(run);
    return true;
}

static bool start_parts(struct run *run, struct error *error)
{
    const struct committer_callbacks committer = {run, run_jobs_committed, run_moves_start, on_committer_failed};
    return committer_start(&run->committer, &run->loop, &run->core, &run->flow, &committer, error) &&
           run_target_start(run, error);
}

/* Past --memory-limit ingest pauses (run_memory_check); the engine itself gives up a quarter above, should one change
   leap that far. */
static size_t hard_limit(const struct settings *settings)
{
    return settings->memory_limit + settings->memory_limit / 4;
}

/* *memory: what its state holds. */
static bool open_core(struct run *run, uint64_t *memory, struct error *error)
{
    int64_t began = clock_monotonic();
    struct engine_stats stats;
    if (!core_open(&run->core, run->pipeline, run->settings->checkpoints, STORE_WRITE, hard_limit(run->settings),
                   error) ||
        !reading_note(run->core.store, run->pipeline, run->log, error) ||
        !known_load(&run->known, run->core.store, error))
        return false;
    core_use_threads(&run->core, run->settings->threads);
    if (run->core.replayed > 0)
        log_info(run->log, "replayed %" PRIu64 " row%s of %" PRIu64 " change%s in %.2f s", run->core.replayed,
                 text_plural(run->core.replayed), store_progress(run->core.store)->sequence,
                 text_plural(store_progress(run->core.store)->sequence), (double)(clock_monotonic() - began) / 1e6);
    engine_stats(run->core.engine, &stats);
    *memory = stats.memory;
    return true;
}

static bool start_control(struct run *run, struct error *error)
{
    const struct control_service service = {
        .checkpoints = run->settings->checkpoints,
        .pipeline = run->pipeline->name,
        .request = run_control_request,
        .context = run,
    };
    return run->settings->once || control_start(&run->control, &run->loop, &service, error);
}

static int exit_code(const struct run *run)
{
    if (run->failed)
        return error_exit_code(run->error.kind);
    if (run->trouble.kind != ERROR_NONE)
        return error_exit_code(run->trouble.kind);
    bool left = run->files_left || run->recovery.error.kind != ERROR_NONE;
    return run->settings->once && left ? 1 : 0;
}

/* The target's line says that the run has begun: it can be asked through its socket and told by signals from here on.
   The limit may end it at once, which all its parts have to be there for. */
static bool start(struct run *run, struct error *error)
{
    uint64_t memory = 0;
    bool started = run_target_open(run, error) && open_core(run, &memory, error) && start_signals(run, error) &&
                   start_watch(run, error) && start_control(run, error) && start_parts(run, error);
    if (started) {
        report_target(&run->report, target_name(run->target));
        run_memory_check(run, memory);
    }
    return started;
}

static void close_run(struct run *run)
{
    run_jobs_close(run);
    known_close(&run->known);
    core_close(&run->core);
    flow_close(&run->flow);
    uv_loop_close(&run->loop);
    run->log->around = NULL;
    free(run);
}

/* Loop and flow are there before anything that may fail with them half made. */
static struct run *new_run(const struct settings *settings, struct error *error)
{
    struct run *run = calloc(1, sizeof *run);
    int result = run ? uv_loop_init(&run->loop) : UV_ENOMEM;
    if (result != 0) {
        free(run);
        (void)error_set(error, ERROR_IO, "cannot begin: %s", uv_strerror(result));
        return NULL;
    }
    if (!flow_init(&run->flow, settings->threads, error)) {
        uv_loop_close(&run->loop);
        free(run);
        return NULL;
    }
    run->settings = settings;
    return run;
}

/* The committer's thread has ended: the engine is ours to read. */
static void report_sums(struct run *run)
{
    struct engine_stats stats;
    engine_stats(run->core.engine, &stats);
    report_end(&run->report, &stats);
}

int run_session(const struct settings *settings, struct log *log, struct pipeline *pipeline,
                const struct signals *signals, bool goes_on, struct session_end *end)
{
    struct error error = {0};
    struct run *run = new_run(settings, &error);
    if (!run) {
        log_error(log, "%s", error.text);
        return error_exit_code(error.kind);
    }
    run->log = log;
    run->pipeline = pipeline;
    run->signals = signals;
    run->end = end;
    run->goes_on = goes_on;
    report_init(&run->report, settings, pipeline, log);
    bool started = start(run, &error);
    if (!started) {
        run->failed = true;
        run->error = error;
        log_error(log, "%s", error.text);
        take_down(run);
    }
    uv_run(&run->loop, UV_RUN_DEFAULT);
    run_told_all(run);
    if (started && run->core.broken.kind == ERROR_NONE)
        report_sums(run);
    int code = exit_code(run);
    end->begun = started;
    end->failed = run->failed;
    close_run(run);
    return code;
}
