/*
 * A place for single runs within the test's own process: a folder of landing folders, a checkpoint store in it, no
 * target.
 */
#ifndef DROPFOLD_TESTS_APP_RUNNING_H
#define DROPFOLD_TESTS_APP_RUNNING_H

#include "testing.h"

#include <fcntl.h>
#include <unistd.h>

#include "app/run.h"
#include "app/settings.h"
#include "store/store.h"

enum {
    RUNNING_PATH_MAX = TESTING_PATH_MAX + 64,
    RUNNING_PATIENCE = 300 /* seconds until a run counts as hung */
};

struct running {
    char folder[TESTING_PATH_MAX], checkpoints[RUNNING_PATH_MAX];
    struct settings settings;
    struct log log; /* the test's to begin */
    int null, out;
};

static inline void running_make_folder(struct running *r)
{
    testing_folder_make(r->folder);
    snprintf(r->checkpoints, sizeof r->checkpoints, "%s/checkpoints", r->folder);
}

static inline void running_open(struct running *r)
{
    struct error error = {0};
    assert_ok(settings_init(&r->settings, &error), &error);
    r->settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    r->settings.target = "none:";
    r->settings.data = r->folder;
    r->settings.checkpoints = r->checkpoints;
    r->settings.once = true;
    r->settings.settle = 0;
    r->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    r->out = dup(STDOUT_FILENO);
}

static inline void running_close(const struct running *r)
{
    close(r->null);
    close(r->out);
}

/* Its exit code. What it prints is not of interest. */
static inline int running_run(struct running *r, unsigned threads)
{
    r->settings.threads = threads;
    fflush(NULL);
    dup2(r->null, STDOUT_FILENO);
    alarm(RUNNING_PATIENCE);
    int code = run(&r->settings, &r->log);
    alarm(0);
    fflush(NULL);
    dup2(r->out, STDOUT_FILENO);
    return code;
}

/* Shows every file of the ledger, in its order. */
static inline void running_each_file(const struct running *r,
                                     bool (*visit)(void *context, const struct file_record *file), void *context)
{
    struct error error = {0};
    struct store *store;
    struct pipeline *pipeline = settings_pipeline(&r->settings, &error);
    assert_non_null(pipeline);
    assert_ok(store_open(&store, r->settings.checkpoints, pipeline->name, &pipeline->fingerprint, STORE_READ, &error),
              &error);
    assert_ok(store_each_file(store, visit, context, &error), &error);
    store_close(store);
    pipeline_free(pipeline);
}

#endif
