/* Many small files at hand: one commit for all of them, and each is still a change of its own. */
#include "failing_vfs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/committer.h"
#include "app/core.h"
#include "app/settings.h"
#include "feed/intake.h"

enum { DEADLINE_MS = 20 * 1000, FILES = 12, CUSTOMERS_OF_A_BIG_FILE = 200000 };

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
    uv_timer_t deadline;
    struct committer *committer;
    struct one files[FILES];
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

static void open_core(struct fixture *f)
{
    assert_ok(core_open(&f->core, f->pipeline, f->checkpoints, STORE_WRITE, 0, &f->error), &f->error);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct settings settings;
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

static void on_stopped(void *context)
{
    ((struct fixture *)context)->stopped = true;
}

/* Also of a test that failed. */
static void stop(struct fixture *f)
{
    committer_stop(f->committer, on_stopped, f);
    f->committer = NULL;
    uv_close((uv_handle_t *)&f->deadline, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->stopped);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    for (size_t i = 0; i < FILES; i++)
        if (f->files[i].job.flow)
            job_clear(&f->files[i].job);
}

static int tear_down(void **state)
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

static void write_customers(struct fixture *f, unsigned first, unsigned count)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < count; i++)
        assert_true(fprintf(file, "{\"Customer ID\": %u}\n", first + i) > 0);
    assert_int_equal(fclose(file), 0);
}

static void read_customers(struct fixture *f, intake_sink sink, void *context, struct file_facts *facts)
{
    int fd = open(f->path, O_RDONLY);
    assert_int_equal(intake_read_fd(fd, "c.json", f->parser, 0, 1, sink, context, facts, &f->error), INTAKE_READ);
    close(fd);
}

static uint64_t records(struct fixture *f)
{
    struct engine_stats stats;
    engine_stats(f->core.engine, &stats);
    return stats.records[f->landing.index];
}

/* The engine is what a replay of the store makes, now and after the next start. */
static void is_one_history(struct fixture *f, uint64_t changes, uint64_t customers)
{
    assert_int_equal(store_progress(f->core.store)->sequence, changes);
    assert_int_equal(records(f), customers);
    core_close(&f->core);
    open_core(f);
    assert_int_equal(store_progress(f->core.store)->sequence, changes);
    assert_int_equal(records(f), customers);
}

/* --- the core ----------------------------------------------------------------------------------------------------- */

static bool put(void *context, struct batch *batch)
{
    struct fixture *f = context;
    return core_file_put(&f->core, batch, &f->error);
}

/* What was written. */
static bool apply_read(struct fixture *f)
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

static bool apply(struct fixture *f, unsigned first, unsigned count)
{
    write_customers(f, first, count);
    return apply_read(f);
}

static void a_commit_that_fails_takes_all_of_them_back(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1, 1));
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    assert_true(apply(f, 2, 1));
    assert_true(apply(f, 3, 1));
    assert_int_equal(records(f), 3);
    const struct failing_fault fault = {.call = FAILING_SYNC, .result = SQLITE_IOERR_FSYNC, .nth = 1};
    failing_vfs_arm(&fault);
    assert_false(core_group_end(&f->core, &f->error));
    assert_true(failing_vfs_disarm());
    assert_error(&f->error, ERROR_IO, "must be opened again");
    assert_false(f->core.grouped);
    assert_int_equal(store_progress(f->core.store)->sequence, 1);
    assert_int_equal(records(f), 1);
}

/* The pages of a store this small would stay in SQLite's memory to the end. */
static void forget_pages(bool forgets)
{
    (void)sqlite3_soft_heap_limit64(forgets);
}

/* Wherever it is: what the message says is what happened, and nothing of the group did. */
static void an_error_of_the_disk_amid_them_is_told_as_one(void **state)
{
    struct fixture *f = *state;
    static const struct failing_fault faults[] = {{.call = FAILING_READ, .result = SQLITE_IOERR_READ},
                                                  {.call = FAILING_WRITE, .result = SQLITE_IOERR_WRITE}};
    unsigned hits = 0;
    assert_true(apply(f, 1, 1));
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct failing_fault fault = faults[i];
        for (bool hit = true; hit; hits += hit) {
            fault.nth++;
            core_close(&f->core);
            open_core(f);
            forget_pages(true);
            uint64_t before = store_progress(f->core.store)->sequence, customers = records(f);
            assert_ok(core_group_begin(&f->core, &f->error), &f->error);
            assert_true(apply(f, (unsigned)customers + 1, 1));
            failing_vfs_arm(&fault);
            bool good = apply(f, (unsigned)customers + 2, 1);
            hit = failing_vfs_disarm();
            if (!good)
                assert_int_equal(f->error.kind, ERROR_IO);
            bool ended = core_group_end(&f->core, &f->error);
            forget_pages(false);
            assert_int_equal(ended, good);
            if (!ended)
                is_one_history(f, before, customers);
        }
    }
    assert_true(hits > 4);
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Whichever step of the second of three it is that finds no room. */
static void one_without_room_is_undone_alone(void **state)
{
    struct fixture *f = *state;
    uint64_t changes = 0, customers = 0;
    unsigned first = 1, refused = 0, applied = 0;
    struct stat log;
    char path[TESTING_PATH_MAX + 64];
    (void)signal(SIGXFSZ, SIG_IGN);
    snprintf(path, sizeof path, "%s/ecommerce.db-wal", f->checkpoints);
    for (rlim_t room = 0; room < 12 * 1024 * 1024; room += 640 * 1024) {
        assert_ok(core_group_begin(&f->core, &f->error), &f->error);
        assert_true(apply(f, first, 1));
        assert_int_equal(stat(path, &log), 0);
        write_customers(f, first + 1, CUSTOMERS_OF_A_BIG_FILE);
        limit_files((rlim_t)log.st_size + room);
        bool good = apply_read(f);
        limit_files(RLIM_INFINITY);
        if (!good)
            assert_int_equal(f->error.kind, ERROR_FULL);
        assert_true(apply(f, first + 1 + CUSTOMERS_OF_A_BIG_FILE, 1));
        assert_ok(core_group_end(&f->core, &f->error), &f->error);
        changes += good ? 3 : 2;
        customers += good ? CUSTOMERS_OF_A_BIG_FILE + 2 : 2;
        first += CUSTOMERS_OF_A_BIG_FILE + 2;
        good ? applied++ : refused++;
        is_one_history(f, changes, customers);
        if (applied > 1)
            break;
    }
    assert_true(refused > 2 && applied > 1);
}

static void what_is_not_committed_is_gone_with_the_process(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1, 1));
    assert_ok(core_group_begin(&f->core, &f->error), &f->error);
    assert_true(apply(f, 2, 1));
    core_close(&f->core);
    open_core(f);
    is_one_history(f, 1, 1);
}

/* --- the store thread --------------------------------------------------------------------------------------------- */

static bool push(void *context, struct batch *batch)
{
    return job_push(context, batch);
}

static void on_job(void *context, struct job *job)
{
    struct fixture *f = context;
    f->disorder = f->disorder || job->ticket != f->answered;
    f->answered++;
}

static void on_failed(void *context, const struct error *error)
{
    struct fixture *f = context;
    f->failed = true;
    f->error = *error;
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("still waiting after %d s", DEADLINE_MS / 1000);
}

static void start(struct fixture *f)
{
    const struct committer_callbacks callbacks = {f, on_job, NULL, on_failed};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    uv_timer_init(&f->loop, &f->deadline);
    uv_timer_start(&f->deadline, on_deadline, DEADLINE_MS, 0);
    assert_ok(committer_start(&f->committer, &f->loop, &f->core, &f->flow, &callbacks, &f->error), &f->error);
}

/* Reads a file of one customer, whose end the store thread is not told yet. */
static void make_file(struct fixture *f, size_t i)
{
    struct one *one = &f->files[i];
    size_t number = f->before + i;
    snprintf(one->name, sizeof one->name, "%zu.json", number);
    one->candidate = (struct candidate){.landing = &f->landing, .name = one->name, .stat = {.inode = number + 1}};
    one->job = (struct job){.candidate = &one->candidate, .ticket = number, .flow = &f->flow};
    write_customers(f, (unsigned)number + 1, 1);
    read_customers(f, push, &one->job, &one->job.facts);
}

static void add_file(struct fixture *f, size_t i)
{
    make_file(f, i);
    committer_add(f->committer, &f->files[i].job);
}

/* From here on they are all at hand. */
static void finish_all(struct fixture *f)
{
    uv_mutex_lock(&f->flow.mutex);
    for (size_t i = 0; i < FILES; i++)
        f->files[i].job.finished = true;
    uv_cond_signal(&f->flow.work);
    uv_mutex_unlock(&f->flow.mutex);
}

static void wait_for_answers(struct fixture *f)
{
    while (f->answered < f->before + FILES)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* Flushes of the store from here on. */
static const struct failing_fault never = {.call = FAILING_SYNC, .nth = ULONG_MAX};

static void files_at_hand_share_a_commit(void **state)
{
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < FILES; i++)
        add_file(f, i);
    failing_vfs_arm(&never);
    finish_all(f);
    wait_for_answers(f);
    assert_in_range(failing_vfs.calls, 1, 2); /* of the log's header, and of the commit */
    (void)failing_vfs_disarm();
    assert_false(f->disorder);
    for (size_t i = 0; i < FILES; i++) {
        assert_int_equal(f->files[i].job.outcome, JOB_APPLIED);
        assert_int_equal(f->files[i].job.result.sequence, i + 1);
    }
    stop(f);
    is_one_history(f, FILES, FILES);
}

/* On the store thread, where nothing can be asserted. */
static void look(struct request *request, struct core *core)
{
    struct fixture *f = CONTAINER_OF(request, struct fixture, request);
    struct store *reader = NULL;
    f->grouped = core->grouped;
    f->thought = store_progress(core->store)->sequence;
    f->seen = UINT64_MAX;
    if (store_open(&reader, f->checkpoints, f->pipeline->name, &f->pipeline->fingerprint, STORE_READ, NULL))
        f->seen = store_progress(reader)->sequence;
    store_close(reader);
}

static void looked(struct request *request)
{
    CONTAINER_OF(request, struct fixture, request)->served = true;
}

static void wait_for_the_first(struct fixture *f)
{
    for (bool applied = false; !applied; sched_yield()) {
        uv_mutex_lock(&f->flow.mutex);
        applied = f->files[0].job.dropped;
        uv_mutex_unlock(&f->flow.mutex);
    }
}

/* Files of which the first ones are applied when a request comes. */
static void serve_amid_files(struct fixture *f)
{
    for (size_t i = 0; i < FILES; i++)
        add_file(f, i);
    finish_all(f);
    wait_for_the_first(f);
    f->served = false;
    f->request = (struct request){.work = look, .done = looked};
    committer_submit(f->committer, &f->request);
    while (!f->served)
        uv_run(&f->loop, UV_RUN_ONCE);
    wait_for_answers(f);
    for (size_t i = 0; i < FILES; i++) {
        job_clear(&f->files[i].job);
        f->files[i].job.flow = NULL;
    }
    f->before += FILES;
}

/* Until one was served before the last file of its round. */
static void a_request_sees_what_is_durable_and_no_more(void **state)
{
    struct fixture *f = *state;
    start(f);
    do {
        serve_amid_files(f);
        assert_false(f->grouped);
        assert_int_equal(f->seen, f->thought);
    } while (f->thought == f->before);
    stop(f);
    is_one_history(f, f->before, f->before);
}

static void a_commit_that_fails_gives_every_file_of_it_back(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1000, 1));
    start(f);
    for (size_t i = 0; i < FILES; i++)
        add_file(f, i);
    const struct failing_fault fault = {.call = FAILING_SYNC, .result = SQLITE_IOERR_FSYNC, .nth = 1, .for_good = true};
    failing_vfs_arm(&fault);
    finish_all(f);
    wait_for_answers(f);
    assert_true(failing_vfs_disarm());
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(f->files[i].job.outcome, JOB_STOPPED);
    while (!f->failed)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_error(&f->error, ERROR_IO, "must be opened again");
    stop(f);
}

/* The last of them is whole, but its end was not told: the others are not kept waiting for it. */
static void nobody_waits_for_one_that_is_still_being_read(void **state)
{
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < FILES; i++)
        add_file(f, i);
    uv_mutex_lock(&f->flow.mutex);
    for (size_t i = 0; i + 1 < FILES; i++)
        f->files[i].job.finished = true;
    uv_cond_signal(&f->flow.work);
    uv_mutex_unlock(&f->flow.mutex);
    while (f->answered < FILES - 1)
        uv_run(&f->loop, UV_RUN_ONCE);
    finish_all(f);
    wait_for_answers(f);
    stop(f);
    is_one_history(f, FILES, FILES);
}

/* On the store thread. There is no memory for the history without the file, nor, after that, for the one with it. */
static void forget_without_memory(struct request *request, struct core *core)
{
    struct fixture *f = CONTAINER_OF(request, struct fixture, request);
    struct file_record file;
    struct arena texts;
    arena_init(&texts, SIZE_MAX);
    core->memory_limit = 1;
    f->forgotten = core_forget(core, SLICE("seq=1"), 1, &texts, &file, &f->told);
    arena_close(&texts);
}

static void no_file_is_applied_to_an_engine_that_could_not_be_built_anew(void **state)
{
    struct fixture *f = *state;
    assert_true(apply(f, 1, 2));
    assert_true(apply(f, 2, 3)); /* a customer of both: what the first one brought is not alone */
    start(f);
    for (size_t i = 0; i < FILES; i++)
        make_file(f, i);
    f->request = (struct request){.work = forget_without_memory, .done = looked, .alone = true};
    committer_submit(f->committer, &f->request);
    while (!f->served)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_false(f->forgotten);
    assert_error(&f->told, ERROR_CORRUPT, "after a failed commit");
    for (size_t i = 0; i < FILES; i++)
        committer_add(f->committer, &f->files[i].job);
    finish_all(f);
    wait_for_answers(f);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(f->files[i].job.outcome, JOB_STOPPED);
    assert_true(f->failed);
    assert_error(&f->error, ERROR_CORRUPT, "after a failed commit");
    stop(f);
    core_close(&f->core);
    open_core(f);
    is_one_history(f, 2, 4);
}

static int install(void **state)
{
    (void)state;
    failing_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_that_fails_takes_all_of_them_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_of_the_disk_amid_them_is_told_as_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_without_room_is_undone_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_committed_is_gone_with_the_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_at_hand_share_a_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_sees_what_is_durable_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_fails_gives_every_file_of_it_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_waits_for_one_that_is_still_being_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_file_is_applied_to_an_engine_that_could_not_be_built_anew, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
