/* Many small files at hand: the store thread makes one commit of all of them, and each is still a change of its own. */
#include "app_grouping.h"
#include "moved_clock.h"

#include <sched.h>

enum { ROOM_OF_SOME_FILES = 5 * 512 * 1024 };

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

static void start(struct fixture *f)
{
    const struct committer_callbacks callbacks = {f, on_job, NULL, on_failed};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    hanging_begin(&f->hanging, &f->loop);
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
    for (size_t i = 0; i < f->count; i++)
        f->files[i].job.finished = true;
    uv_cond_signal(&f->flow.work);
    uv_mutex_unlock(&f->flow.mutex);
}

static void wait_for_answers(struct fixture *f)
{
    while (f->answered < f->before + f->count)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* Flushes of the store from here on. */
static const struct failing_fault never = {.call = FAILING_SYNC, .nth = ULONG_MAX};

/* Applies so many files, all of them at hand, each of `size` bytes as its facts say, while each look at the clock finds
   it `micros` later. Returns how often the store's log is flushed for that: once a commit. */
static unsigned long commits(struct fixture *f, size_t count, uint64_t size, int64_t micros)
{
    assert_true(apply(f, FILES_MOST + 1, 1)); /* the log has its header */
    f->count = count;
    f->flow.bytes_most = SIZE_MAX;
    start(f);
    for (size_t i = 0; i < count; i++) {
        add_file(f, i);
        f->files[i].job.facts.size = size;
    }
    failing_vfs_arm(&never);
    moved_clock_begin(micros);
    finish_all(f);
    wait_for_answers(f);
    (void)moved_clock_end();
    unsigned long calls = failing_vfs.calls;
    (void)failing_vfs_disarm();
    assert_false(f->disorder);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(f->files[i].job.outcome, JOB_APPLIED);
        assert_int_equal(f->files[i].job.result.sequence, i + 2);
    }
    stop(f);
    is_one_history(f, count + 1, count + 1);
    return calls;
}

static void files_at_hand_share_a_commit(void **state)
{
    assert_int_equal(commits(*state, FILES, 20, 0), 1);
}

static void two_files_of_half_a_group_fill_it(void **state)
{
    assert_int_equal(commits(*state, FILES, 32 * 1024 * 1024, 0), FILES / 2);
}

static void a_larger_file_is_a_commit_of_its_own(void **state)
{
    assert_int_equal(commits(*state, FILES, 32 * 1024 * 1024 + 1, 0), FILES);
}

static void a_group_is_full_with_1024_files(void **state)
{
    assert_int_equal(commits(*state, 1025, 20, 0), 2);
}

/* The clock is looked at a few times a file. */
static void a_group_ends_a_quarter_of_a_second_after_its_first_file(void **state)
{
    assert_in_range(commits(*state, FILES, 20, 50 * 1000), 2, FILES - 1);
}

/* What they may write at the most is more than there is, what they write is not. */
static void files_that_find_no_room_together_are_committed_in_turn(void **state)
{
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < FILES; i++)
        add_file(f, i);
    grouping_limit_log(f, ROOM_OF_SOME_FILES);
    finish_all(f);
    wait_for_answers(f);
    grouping_limit_files(RLIM_INFINITY);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(f->files[i].job.outcome, JOB_APPLIED);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_at_hand_share_a_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_files_of_half_a_group_fill_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_larger_file_is_a_commit_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_group_is_full_with_1024_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_group_ends_a_quarter_of_a_second_after_its_first_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_find_no_room_together_are_committed_in_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_sees_what_is_durable_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_fails_gives_every_file_of_it_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_waits_for_one_that_is_still_being_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_file_is_applied_to_an_engine_that_could_not_be_built_anew, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
