/* What the tests of files that share a commit share: a core over the shipped pipeline, files of customers for it, and
   the store thread where a test starts one. */
#ifndef DROPFOLD_TESTS_APP_GROUPING_H
#define DROPFOLD_TESTS_APP_GROUPING_H

#include "failing_vfs.h"
#include "hanging.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/committer.h"
#include "app/core.h"
#include "app/settings.h"
#include "feed/intake.h"

enum { FILES = 12, FILES_MOST = 1025 };

struct one {
    struct job job;
    struct candidate candidate;
    char name[32];
};

struct fixture {
    char folder[TESTING_PATH_MAX], checkpoints[TESTING_PATH_MAX + 16];
    char path[TESTING_PATH_MAX + 16]; /* of what is read */
    struct pipeline *pipeline;
    struct landing landing;
    struct parser *parser;
    struct core core;
    struct flow flow;
    uv_loop_t loop;
    struct hanging hanging;
    struct committer *committer;
    struct one files[FILES_MOST];
    size_t count; /* of those: FILES, where a test says nothing else */
    struct request request;
    size_t before;          /* files of earlier rounds, */
    size_t answered;        /* and how many were answered in all */
    uint64_t thought, seen; /* when the request was served: where the core was, and what another process found */
    bool disorder;          /* jobs were answered in another order than that of their tickets */
    bool grouped, served, stopped, failed;
    bool forgotten; /* what became of a forget, */
    struct error told;
    struct error error;
};

static inline void open_core(struct fixture *f)
{
    assert_ok(core_open(&f->core, f->pipeline, f->checkpoints, STORE_WRITE, 0, &f->error), &f->error);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct settings settings;
    f->count = FILES;
    testing_folder_make(f->folder);
    snprintf(f->checkpoints, sizeof f->checkpoints, "%s/checkpoints", f->folder);
    snprintf(f->path, sizeof f->path, "%s/read", f->folder);
    assert_ok(settings_init(&settings, &f->error), &f->error);
    settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    f->pipeline = settings_pipeline(&settings, &f->error);
    assert_non_null(f->pipeline);
    f->landing.feed = pipeline_feed(f->pipeline, SLICE("Customers"));
    f->landing.index = (size_t)(f->landing.feed - f->pipeline->feeds);
    f->landing.writable = true;
    f->parser = parser_new(f->landing.feed, &f->error);
    assert_non_null(f->parser);
    assert_true(flow_init(&f->flow, 2, &f->error));
    open_core(f);
    *state = f;
    return 0;
}

static inline void on_stopped(void *context)
{
    ((struct fixture *)context)->stopped = true;
}

/* Also of a test that failed. */
static inline void stop(struct fixture *f)
{
    committer_stop(f->committer, on_stopped, f);
    f->committer = NULL;
    uv_close((uv_handle_t *)&f->hanging.timer, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->stopped);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    for (size_t i = 0; i < f->count; i++)
        if (f->files[i].job.flow)
            job_clear(&f->files[i].job);
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->committer)
        stop(f);
    core_close(&f->core);
    flow_close(&f->flow);
    parser_free(f->parser);
    pipeline_free(f->pipeline);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

/* Writes what is read next: so many customers, numbered from `first`. */
static inline void write_customers(struct fixture *f, unsigned first, unsigned count)
{
    (void)unlink(f->path); /* what is only cut to nothing is flushed by some file systems */
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < count; i++)
        assert_true(fprintf(file, "{\"Customer ID\": %u}\n", first + i) > 0);
    assert_int_equal(fclose(file), 0);
}

static inline void read_customers(struct fixture *f, intake_sink sink, void *context, struct file_facts *facts)
{
    int fd = open(f->path, O_RDONLY);
    const struct intake_how how = {.parser = f->parser, .sink = sink, .context = context, .spare = 1};
    assert_int_equal(intake_read_fd(fd, "c.json", &how, facts, &f->error), INTAKE_READ);
    close(fd);
}

static inline uint64_t records(struct fixture *f)
{
    struct engine_stats stats;
    engine_stats(f->core.engine, &stats);
    return stats.records[f->landing.index];
}

/* The engine is what a replay of the store makes, now and after the next start. */
static inline void is_one_history(struct fixture *f, uint64_t changes, uint64_t customers)
{
    assert_int_equal(store_progress(f->core.store)->sequence, changes);
    assert_int_equal(records(f), customers);
    core_close(&f->core);
    open_core(f);
    assert_int_equal(store_progress(f->core.store)->sequence, changes);
    assert_int_equal(records(f), customers);
}

static inline bool put(void *context, struct batch *batch)
{
    struct fixture *f = context;
    return core_file_put(&f->core, batch, &f->error);
}

/* Applies what was written. */
static inline bool apply_read(struct fixture *f)
{
    struct file_facts facts;
    struct core_result result;
    const struct core_file file = {.name = "c.json", .facts = &facts};
    core_file_begin(&f->core, f->landing.index);
    read_customers(f, put, f, &facts);
    bool good = core_file_end(&f->core, &file, 1, &result, &f->error);
    assert_true(!good || result.outcome == CORE_APPLIED);
    arena_close(&facts.arena);
    return good;
}

/* Writes and applies a file, as a change of its own. */
static inline bool apply(struct fixture *f, unsigned first, unsigned count)
{
    write_customers(f, first, count);
    return apply_read(f);
}

/* No file of this process grows beyond that. */
static inline void grouping_limit_files(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Nor the store's log by more than `room` bytes from here on. */
static inline void grouping_limit_log(const struct fixture *f, rlim_t room)
{
    struct stat log;
    char path[TESTING_PATH_MAX + 64];
    (void)signal(SIGXFSZ, SIG_IGN);
    snprintf(path, sizeof path, "%s/ecommerce.db-wal", f->checkpoints);
    assert_int_equal(stat(path, &log), 0);
    grouping_limit_files((rlim_t)log.st_size + room);
}

static inline int install(void **state)
{
    (void)state;
    failing_vfs_install();
    return 0;
}

#endif
