/* One session of a run after the other, under the pipelines that HUP brings. */
#include "app/run.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/rebuild.h"
#include "app/run_internal.h"

enum { EXTRA_THREADS = 3 /* beside those that read files: for scans, moves, a connection */ };

/* What sessions go by, and what is left to go back to. */
struct sessions {
    struct pipeline *pipeline;
    struct pipeline *before; /* or NULL: of the session before, until that of `pipeline` has begun; of the same shape */
};

/* Between two sessions: the store is built anew where that is needed or was asked for. A pipeline for which that fails
   is dropped, and the one before goes on. */
static void next_pipeline(struct sessions *sessions, const struct session_end *end, struct log *log)
{
    struct error error = {0};
    struct pipeline *next = end->pipeline ? end->pipeline : sessions->pipeline;
    struct pipeline *dropped = sessions->pipeline;
    bool replay = end->replay && !end->replay_as.rebuild;
    if (replay && !rebuild_store(&end->replay_as, log, next, &error)) {
        log_error(log, "%s; going on as before", error.text);
        dropped = next;
        next = sessions->pipeline;
    }
    sessions->pipeline = next;
    if (dropped == next)
        return;
    if (replay)
        pipeline_free(dropped);
    else
        sessions->before = dropped;
}

/* Whether the pipeline of a session that could not begin has one to give way to. */
static bool go_back(struct sessions *sessions, const struct session_end *end, struct log *log)
{
    struct pipeline *before = sessions->before;
    bool back = before && end->failed && !end->begun;
    sessions->before = NULL;
    if (back) {
        log_info(log, "going on with the pipeline as it was");
        pipeline_free(sessions->pipeline);
        sessions->pipeline = before;
    } else if (before) {
        pipeline_free(before);
    }
    return back;
}

/* One session after the other; the pipeline goes with the last. */
static int run_sessions(const struct settings *settings, struct log *log, struct pipeline *pipeline,
                        const struct signals *signals)
{
    struct settings session_settings = *settings;
    struct sessions sessions = {.pipeline = pipeline};
    for (bool goes_on = false;; goes_on = true) {
        struct session_end end = {0};
        int code = run_session(&session_settings, log, sessions.pipeline, signals, goes_on, &end);
        if (go_back(&sessions, &end, log)) {
            signals_hold(false);
            continue;
        }
        if (!end.again || end.failed || signals_read(signals->stop)) {
            if (end.pipeline)
                pipeline_free(end.pipeline);
            pipeline_free(sessions.pipeline);
            return code;
        }
        signals_hold(false);
        session_settings = *settings;
        session_settings.rebuild = end.replay_as.rebuild;
        session_settings.yes = end.replay_as.yes;
        next_pipeline(&sessions, &end, log);
    }
}

/* Workers read files, scan folders, archive and connect; the pool must be sized before its first use. */
static void size_thread_pool(const struct settings *settings)
{
    char count[16];
    snprintf(count, sizeof count, "%u", settings->threads + EXTRA_THREADS);
    (void)setenv("UV_THREADPOOL_SIZE", count, 0); /* without memory for it there are four, as libuv has it */
}

int run(const struct settings *settings, struct log *log)
{
    struct error error = {0};
    struct signals signals;
    int code;
    size_thread_pool(settings);
    struct pipeline *pipeline = settings_pipeline(settings, &error);
    if (pipeline && signals_open(&signals, !settings->once, &error)) {
        code = run_sessions(settings, log, pipeline, &signals);
        signals_close(&signals);
    } else {
        log_error(log, "%s", error.text);
        code = error_exit_code(error.kind);
        if (pipeline)
            pipeline_free(pipeline);
    }
    return code;
}
