/* From a store that changes to a target: a real loop, the committer's thread and a SQLite target. */
#include "hanging.h"

#include <fcntl.h>
#include <unistd.h>

#include "app/core_internal.h"
#include "app/deliverer.h"
#include "app/settings.h"
#include "feed/intake.h"

enum { PAUSE_MS = 1000 /* the least for which the deliverer waits for more */ };

struct fixture {
    char folder[TESTING_PATH_MAX];
    char checkpoints[TESTING_PATH_MAX + 16], address[TESTING_PATH_MAX + 32];
    struct pipeline *pipeline;
    size_t feed;
    struct core core;
    struct flow flow;
    uv_loop_t loop;
    struct hanging hanging;
    struct committer *committer;
    struct deliverer *deliverer;
    struct request commit;
    struct request anew;
    bool overtakes;     /* the engine is built anew within the first delivery */
    unsigned committed; /* changes, customers */
    uint64_t delivered; /* the last delivery's sequence */
    unsigned parts;     /* still to be closed */
    struct error error;
};

/* --- changes ------------------------------------------------------------------------------------------------------ */

static bool put(void *context, struct batch *batch)
{
    struct fixture *f = context;
    return core_file_put(&f->core, batch, &f->error);
}

/* The next change: a file of one customer. */
static void commit_customer(struct fixture *f)
{
    struct file_facts facts;
    struct core_result result;
    const struct core_file file = {.name = "c.json", .facts = &facts};
    char path[TESTING_PATH_MAX + 16], text[64];
    snprintf(path, sizeof path, "%s/read", f->folder);
    snprintf(text, sizeof text, "[{\"Customer ID\": %u}]", f->committed + 1);
    FILE *written = fopen(path, "w");
    assert_non_null(written);
    assert_true(fputs(text, written) >= 0);
    assert_int_equal(fclose(written), 0);
    int fd = open(path, O_RDONLY);
    struct parser *parser = parser_new(&f->pipeline->feeds[f->feed], &f->error);
    assert_non_null(parser);
    core_file_begin(&f->core, f->feed);
    const struct intake_how how = {.parser = parser, .sink = put, .context = f, .spare = 1};
    assert_int_equal(intake_read_fd(fd, "c.json", &how, &facts, &f->error), INTAKE_READ);
    assert_ok(core_file_end(&f->core, &file, 1, &result, &f->error), &f->error);
    parser_free(parser);
    arena_close(&facts.arena);
    close(fd);
}

static void commit_work(struct request *request, struct core *core)
{
    (void)core;
    commit_customer(CONTAINER_OF(request, struct fixture, commit));
}

static void commit_done(struct request *request)
{
    CONTAINER_OF(request, struct fixture, commit)->committed++;
}

/* Has the store thread make the next change, after what it was asked for before. */
static void submit_commit(struct fixture *f)
{
    f->commit = (struct request){.work = commit_work, .done = commit_done, .alone = true};
    committer_submit(f->committer, &f->commit);
}

static void on_job(void *context, struct job *job)
{
    (void)context, (void)job;
    fail();
}

static void on_error(void *context, const struct error *error)
{
    (void)context;
    fail_msg("%s", error->text);
}

/* --- deliveries --------------------------------------------------------------------------------------------------- */

static void on_event(void *context)
{
    (void)context;
}

static void build_anew(struct request *request, struct core *core)
{
    struct fixture *f = CONTAINER_OF(request, struct fixture, anew);
    assert_true(core->delivering);
    core_recover(core, &f->error);
    assert_int_equal(core->broken.kind, ERROR_NONE);
}

static void built_anew(struct request *request)
{
    CONTAINER_OF(request, struct fixture, anew)->overtakes = false;
}

/* The store thread comes to it after the delivery was decided on, and before it is asked for rows. */
static void on_decided(void *context)
{
    struct fixture *f = context;
    f->anew = (struct request){.work = build_anew, .done = built_anew};
    if (f->overtakes)
        committer_submit(f->committer, &f->anew);
}

static void on_delivered(void *context, const struct delivered *delivered)
{
    ((struct fixture *)context)->delivered = delivered->sequence;
}

static void on_trouble(void *context, const struct error *error, int64_t retry)
{
    (void)retry;
    on_error(context, error);
}

static void start(struct fixture *f, int64_t patience)
{
    const struct target_options options = {.address = f->address};
    const struct committer_callbacks committer = {f, on_job, NULL, on_error};
    const struct deliverer_callbacks deliverer = {f, on_decided, on_delivered, on_event, on_trouble, on_error};
    struct target *target;
    assert_ok(target_new(&target, &f->loop, f->pipeline, &options, &f->error), &f->error);
    assert_ok(committer_start(&f->committer, &f->loop, &f->core, &f->flow, &committer, &f->error), &f->error);
    const struct deliverer_options how = {.target = target,
                                          .committer = f->committer,
                                          .pipeline = f->pipeline,
                                          .sequence = store_progress(f->core.store)->sequence,
                                          .patience = patience};
    assert_ok(deliverer_start(&f->deliverer, &f->loop, &how, &deliverer, &f->error), &f->error);
}

static void settle(struct fixture *f)
{
    while (!deliverer_is_settled(f->deliverer))
        uv_run(&f->loop, UV_RUN_ONCE);
}

static int set_up_with(void **state, int64_t patience, bool overtakes)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->overtakes = overtakes;
    struct settings settings;
    testing_folder_make(f->folder);
    snprintf(f->checkpoints, sizeof f->checkpoints, "%s/checkpoints", f->folder);
    snprintf(f->address, sizeof f->address, "sqlite:%s/target.db", f->folder);
    assert_ok(settings_init(&settings, &f->error), &f->error);
    settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    f->pipeline = settings_pipeline(&settings, &f->error);
    assert_non_null(f->pipeline);
    f->feed = (size_t)(pipeline_feed(f->pipeline, SLICE("Customers")) - f->pipeline->feeds);
    assert_ok(core_open(&f->core, f->pipeline, f->checkpoints, STORE_WRITE, 0, &f->error), &f->error);
    assert_true(flow_init(&f->flow, 2, &f->error));
    assert_int_equal(uv_loop_init(&f->loop), 0);
    hanging_begin(&f->hanging, &f->loop);
    commit_customer(f);
    f->committed = 1;
    start(f, patience);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 0, false);
}

static int set_up_patient(void **state)
{
    return set_up_with(state, INT64_C(3600) * 1000 * 1000, false);
}

static int set_up_overtaken(void **state)
{
    return set_up_with(state, 0, true);
}

static void on_stopped(void *context)
{
    struct fixture *f = context;
    f->parts--;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->parts = 2;
    deliverer_stop(f->deliverer, on_stopped, f);
    while (f->parts > 1)
        uv_run(&f->loop, UV_RUN_ONCE);
    committer_stop(f->committer, on_stopped, f);
    uv_close((uv_handle_t *)&f->hanging.timer, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->parts, 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    core_close(&f->core);
    flow_close(&f->flow);
    pipeline_free(f->pipeline);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

/* The worker of the first of two files was held up after it had read it: its change is told after the next one. */
static void a_change_that_is_told_late_takes_no_later_one_back(void **state)
{
    struct fixture *f = *state;
    settle(f);
    assert_int_equal(f->delivered, 1);
    submit_commit(f);
    while (f->committed < 2)
        uv_run(&f->loop, UV_RUN_ONCE);
    deliverer_wants(f->deliverer, 2);
    deliverer_wants(f->deliverer, 1);
    assert_false(deliverer_is_settled(f->deliverer));
    deliverer_hurry(f->deliverer);
    settle(f);
    assert_int_equal(f->delivered, 2);
}

/* What is there is delivered; another change is committed, and wanted. */
static void want_second(struct fixture *f)
{
    settle(f);
    submit_commit(f);
    while (f->committed < 2)
        uv_run(&f->loop, UV_RUN_ONCE);
    deliverer_wants(f->deliverer, 2);
}

/* It would wait for more to come, by a timer, which is seen in how long the loop would sleep. */
static void what_is_left_when_nothing_more_comes_is_delivered_without_a_pause(void **state)
{
    struct fixture *f = *state;
    want_second(f);
    deliverer_hurry(f->deliverer);
    submit_commit(f); /* after the delivery of 2 was begun */
    deliverer_wants(f->deliverer, 3);
    deliverer_hurry(f->deliverer);
    assert_false(deliverer_is_settled(f->deliverer));
    while (f->delivered < 2)
        uv_run(&f->loop, UV_RUN_ONCE);
    int sleep = uv_backend_timeout(&f->loop);
    assert_true(sleep == 0 || sleep > PAUSE_MS);
    settle(f);
    assert_int_equal(f->delivered, 3);
}

/* The pause after the delivery at the start is over in a second; the loop would sleep for longer than that. */
static void a_patient_one_waits_for_more_until_it_is_hurried(void **state)
{
    struct fixture *f = *state;
    want_second(f);
    assert_false(deliverer_is_settled(f->deliverer));
    assert_true(uv_backend_timeout(&f->loop) > PAUSE_MS);
    deliverer_hurry(f->deliverer);
    settle(f);
    assert_int_equal(f->delivered, 2);
}

/* Also for what comes while it delivers, as at the start, when the target is made. */
static void a_patient_one_waits_for_more_after_a_delivery_too(void **state)
{
    struct fixture *f = *state;
    want_second(f);
    deliverer_hurry(f->deliverer);
    submit_commit(f);
    deliverer_wants(f->deliverer, 3);
    while (f->delivered < 2)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_true(uv_backend_timeout(&f->loop) > PAUSE_MS);
    deliverer_hurry(f->deliverer);
    settle(f);
    assert_int_equal(f->delivered, 3);
}

/* The engine is built anew where a file is taken back, or a commit fails. That is no trouble with the target. */
static void a_delivery_that_was_overtaken_is_made_again_without_a_word(void **state)
{
    struct fixture *f = *state;
    settle(f);
    assert_false(f->overtakes);
    assert_int_equal(f->delivered, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_that_is_told_late_takes_no_later_one_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_when_nothing_more_comes_is_delivered_without_a_pause, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_patient_one_waits_for_more_until_it_is_hurried, set_up_patient, tear_down),
        cmocka_unit_test_setup_teardown(a_patient_one_waits_for_more_after_a_delivery_too, set_up_patient, tear_down),
        cmocka_unit_test_setup_teardown(a_delivery_that_was_overtaken_is_made_again_without_a_word, set_up_overtaken,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
