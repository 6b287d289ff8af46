/* The target of a session: how it is opened and delivered to, and what its answers mean for the files. */
#include <string.h>

#include "app/run_internal.h"

/* Nobody looks on while a single run works; but of a long one something should be there. Microseconds. */
enum { ONCE_PATIENCE = 60 * 1000 * 1000 };

static void begin_work(struct run *run)
{
    if (run->phase == RUN_HELD)
        log_info(run->log, "the target's history is this store's again: files are taken");
    run_enter(run, RUN_WORKING);
    run_progressed(run);
}

static void on_decided(void *context)
{
    struct run *run = context;
    const char *view = target_remade(run->target);
    if (view)
        log_warning(run->log, "%s: view \"%s\" said something else than the pipeline: it was made anew",
                    target_name(run->target), view);
    if (run->phase == RUN_ASKING || run->phase == RUN_HELD)
        begin_work(run);
}

static void on_delivered(void *context, const struct delivered *delivered)
{
    struct run *run = context;
    run->trouble.kind = ERROR_NONE; /* also when the run ends before it has settled */
    if (delivered->groups > 0)
        run_told_delivered(run, delivered);
}

static void on_settled(void *context)
{
    struct run *run = context;
    run->trouble.kind = ERROR_NONE;
    run_progressed(run);
}

/* True when it is news: told then, not at every try. Another history goes on, so its words change and are no news. */
static bool note_trouble(struct run *run, const struct error *error, bool refused)
{
    bool same_text = error->kind == ERROR_DIVERGED || strcmp(run->trouble.text, error->text) == 0;
    bool news = run->refused != refused || run->trouble.kind != error->kind || !same_text;
    run->trouble = *error;
    run->refused = refused;
    return news;
}

static const char *words_of(enum error_kind trouble)
{
    if (trouble == ERROR_TARGET)
        return "the target cannot be reached";
    return trouble == ERROR_DIVERGED ? "the target changes under the delivery" : "a delivery could not be made";
}

static void on_trouble(void *context, const struct error *error, int64_t retry)
{
    struct run *run = context;
    if (note_trouble(run, error, false))
        log_warning(run->log, "%s, trying again in %.1f s (%s): %s", words_of(error->kind), (double)retry / 1e6,
                    run->phase == RUN_HELD ? "files wait" : "files go on into the store", error->text);
    if (run->phase == RUN_ASKING)
        begin_work(run);
    run_progressed(run);
}

/*
 * A target that says no at the start ends the run before any file is touched; later, also after HUP or a replay, files
 * still go into the store. Not so when it tells another history, which may be that of another store that is alive: what
 * one of them takes the other will never see. Then a daemon takes no more files and waits for its user, who can do all
 * that the message names while it runs; to end would only make a supervisor start it again and again.
 */
static void on_refused(void *context, const struct error *error)
{
    struct run *run = context;
    bool held = error->kind == ERROR_DIVERGED && !run->settings->once;
    bool begins = run->phase == RUN_ASKING && !run->goes_on;
    if (begins ? !held : error->kind == ERROR_DIVERGED && !held) {
        run_fail(run, error);
        return;
    }
    bool news = note_trouble(run, error, true);
    if (held && run->phase < RUN_HELD)
        run_enter(run, RUN_HELD);
    if (news)
        log_error(run->log, "%s: %s",
                  run->phase == RUN_HELD ? "files wait in their folders, asking the target again now and then"
                                         : "delivery has stopped, files go on into the store",
                  error->text);
    if (run->phase == RUN_ASKING)
        begin_work(run);
    run_progressed(run);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

bool run_target_open(struct run *run, struct error *error)
{
    char address[SETTINGS_PATH_SIZE];
    if (!settings_target(run->settings, run->pipeline, address, error))
        return false;
    const struct target_options options = {
        .address = address, .deadline = run->settings->target_timeout, .folder = settings_makes_folder(run->settings)};
    return target_new(&run->target, &run->loop, run->pipeline, &options, error);
}

bool run_target_start(struct run *run, struct error *error)
{
    const struct deliverer_callbacks callbacks = {run, on_decided, on_delivered, on_settled, on_trouble, on_refused};
    const struct deliverer_options options = {.target = run->target,
                                              .committer = run->committer,
                                              .pipeline = run->pipeline,
                                              .sequence = store_progress(run->core.store)->sequence,
                                              .overwrite = run->settings->yes,
                                              .rebuild = run->settings->rebuild,
                                              .check = run->settings->once ? 0 : run->settings->target_check,
                                              .patience = run->settings->once ? ONCE_PATIENCE : 0};
    return deliverer_start(&run->deliverer, &run->loop, &options, &callbacks, error);
}
