/* Several small files read by one worker: a real thread and real files; the test takes what the store thread would. */
#include "testing.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/pack.h"
#include "app/settings.h"

enum { FILES = 8, ROUNDS = 100, HANGS_AFTER = 300 /* seconds */ };

static atomic_int flushes; /* of whole file systems */
static atomic_int alone;   /* files flushed by themselves */

__attribute__((visibility("default"))) int syncfs(int fd)
{
    flushes++;
    return (int)syscall(SYS_syncfs, fd);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    alone++;
    return (int)syscall(SYS_fsync, fd);
}

struct one {
    struct job job;
    struct candidate candidate;
    char name[32];
};

struct fixture {
    char folder[TESTING_PATH_MAX], data[TESTING_PATH_MAX + 16];
    struct pipeline *pipeline;
    struct landing landing;
    struct flow flow;
    struct pack pack;
    struct one files[FILES];
    uv_thread_t worker;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct settings settings;
    char path[TESTING_PATH_MAX + 64];
    testing_folder_make(f->folder);
    snprintf(f->data, sizeof f->data, "%s/data", f->folder);
    assert_int_equal(mkdir(f->data, 0755), 0);
    snprintf(path, sizeof path, "%s/Customers", f->data);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_ok(settings_init(&settings, &f->error), &f->error);
    settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    f->pipeline = settings_pipeline(&settings, &f->error);
    assert_non_null(f->pipeline);
    const struct feed *feed = pipeline_feed(f->pipeline, SLICE("Customers"));
    size_t index = (size_t)(feed - f->pipeline->feeds);
    assert_ok(landing_open(&f->landing, f->data, feed, index, false, &f->error), &f->error);
    f->pack.parsers[index] = parser_new(feed, &f->error);
    assert_non_null(f->pack.parsers[index]);
    assert_true(flow_init(&f->flow, 2, &f->error));
    (void)alarm(HANGS_AFTER);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)alarm(0);
    for (size_t i = 0; i < f->pack.count; i++)
        job_clear(&f->files[i].job);
    parser_free(f->pack.parsers[f->landing.index]);
    flow_close(&f->flow);
    landing_close(&f->landing);
    pipeline_free(f->pipeline);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

static void add_files(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct one *one = &f->files[i];
        struct stat stat;
        snprintf(one->name, sizeof one->name, "%zu.json", i);
        int fd = openat(f->landing.fd, one->name, O_WRONLY | O_CREAT, 0644);
        assert_true(fd >= 0 && dprintf(fd, "{\"Customer ID\": %zu}\n", i + 1) > 0);
        assert_int_equal(fstat(fd, &stat), 0);
        close(fd);
        one->candidate = (struct candidate){.landing = &f->landing, .name = one->name};
        file_stat_from(&stat, &one->candidate.stat);
        one->job =
            (struct job){.candidate = &one->candidate, .stat = one->candidate.stat, .ticket = i, .flow = &f->flow};
        assert_true(pack_takes(&f->pack, &one->candidate));
        pack_add(&f->pack, &one->job);
    }
}

static void work(void *context)
{
    pack_read(context);
}

static void start(struct fixture *f)
{
    assert_int_equal(uv_thread_create(&f->worker, work, &f->pack), 0);
}

static void all_read(struct fixture *f)
{
    for (size_t i = 0; i < f->pack.count; i++) {
        assert_true(f->files[i].job.finished && f->files[i].job.flushed);
        assert_int_equal(f->files[i].job.intake, INTAKE_READ);
        assert_int_equal(f->files[i].job.facts.rows, 1);
    }
}

static void flushes_a_few_each_by_itself_and_many_at_once(void **state)
{
    static const struct {
        size_t count;
        bool flushable;
        int flushes, alone;
    } cases[] = {{1, true, 0, 1}, {4, true, 0, 4}, {5, true, 1, 0}, {FILES, true, 1, 0}, {FILES, false, 0, FILES}};
    struct fixture *f = *state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct parser *parser = f->pack.parsers[f->landing.index];
        f->pack = (struct pack){0};
        f->pack.parsers[f->landing.index] = parser;
        f->landing.flushable = cases[c].flushable;
        add_files(f, cases[c].count);
        flushes = alone = 0;
        pack_read(&f->pack);
        all_read(f);
        assert_int_equal(flushes, cases[c].flushes);
        assert_int_equal(alone, cases[c].alone);
        for (size_t i = 0; i < cases[c].count; i++)
            job_clear(&f->files[i].job);
    }
}

/* A landing folder of its own file system beside the first. */
static void flushes_each_device_of_those_that_were_read(void **state)
{
    struct fixture *f = *state;
    f->landing.flushable = true;
    struct landing other = f->landing;
    other.device++;
    add_files(f, FILES);
    for (size_t i = 1; i < FILES; i += 2) {
        f->files[i].candidate.landing = &other;
        f->files[i].candidate.stat.device = other.device;
    }
    flushes = alone = 0;
    pack_read(&f->pack);
    for (size_t i = 0; i < FILES; i++)
        assert_true(f->files[i].job.finished && f->files[i].job.flushed);
    assert_int_equal(flushes, 2);
    assert_int_equal(alone, 0);
}

static void one_that_is_gone_or_bad_is_so_alone(void **state)
{
    struct fixture *f = *state;
    add_files(f, FILES);
    assert_int_equal(unlinkat(f->landing.fd, "2.json", 0), 0);
    int fd = openat(f->landing.fd, "5.json", O_WRONLY | O_TRUNC);
    assert_true(fd >= 0 && write(fd, "\"", 1) == 1);
    struct stat stat;
    assert_int_equal(fstat(fd, &stat), 0);
    file_stat_from(&stat, &f->files[5].job.stat);
    close(fd);
    pack_read(&f->pack);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(f->files[i].job.intake, i == 2 ? INTAKE_GONE : i == 5 ? INTAKE_BAD : INTAKE_READ);
}

static void flushes_nothing_when_nothing_was_read(void **state)
{
    struct fixture *f = *state;
    f->landing.flushable = true;
    add_files(f, FILES);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(unlinkat(f->landing.fd, f->files[i].name, 0), 0);
    flushes = 0;
    pack_read(&f->pack);
    for (size_t i = 0; i < FILES; i++) {
        assert_true(f->files[i].job.finished);
        assert_int_equal(f->files[i].job.intake, INTAKE_GONE);
    }
    assert_int_equal(flushes, 0);
}

static void flushes_once_for_those_that_were_read(void **state)
{
    struct fixture *f = *state;
    f->landing.flushable = true;
    add_files(f, FILES);
    assert_int_equal(unlinkat(f->landing.fd, f->files[0].name, 0), 0);
    flushes = 0;
    pack_read(&f->pack);
    assert_int_equal(f->files[0].job.intake, INTAKE_GONE);
    for (size_t i = 1; i < FILES; i++)
        assert_true(f->files[i].job.intake == INTAKE_READ && f->files[i].job.flushed);
    assert_int_equal(flushes, 1);
}

/* Through a descriptor that files can be opened by, but nothing be flushed. */
static void make_unflushable(struct fixture *f)
{
    char path[sizeof f->landing.path];
    snprintf(path, sizeof path, "%s", f->landing.path);
    close(f->landing.fd);
    f->landing.fd = open(path, O_PATH | O_DIRECTORY);
    f->landing.flushable = true;
}

static void what_cannot_be_flushed_is_not_read(void **state)
{
    struct fixture *f = *state;
    add_files(f, FILES);
    assert_int_equal(unlinkat(f->landing.fd, f->files[3].name, 0), 0);
    make_unflushable(f);
    pack_read(&f->pack);
    for (size_t i = 0; i < FILES; i++) {
        assert_true(f->files[i].job.finished);
        if (i == 3) {
            assert_int_equal(f->files[i].job.intake, INTAKE_GONE);
            continue;
        }
        assert_int_equal(f->files[i].job.intake, INTAKE_FAILED);
        assert_error(&f->files[i].job.error, ERROR_IO, "cannot flush");
    }
}

/* The folder's flush would not reach it. */
static void what_lies_on_another_device_is_flushed_by_itself(void **state)
{
    struct fixture *f = *state;
    add_files(f, FILES);
    make_unflushable(f);
    f->landing.device++;
    flushes = alone = 0;
    pack_read(&f->pack);
    all_read(f);
    assert_int_equal(flushes, 0);
    assert_int_equal(alone, FILES);
}

static struct batch *wait_for_batch(struct fixture *f, struct job *job)
{
    struct batch *batch = NULL;
    uv_mutex_lock(&f->flow.mutex);
    while ((batch = job_take(job)) == NULL && !job->finished)
        uv_cond_wait(&f->flow.work, &f->flow.mutex);
    uv_mutex_unlock(&f->flow.mutex);
    return batch;
}

/* As the store thread does. */
static void take_all(struct fixture *f)
{
    for (size_t i = 0; i < FILES; i++) {
        struct job *job = &f->files[i].job;
        uv_mutex_lock(&f->flow.mutex);
        f->flow.head = i;
        uv_cond_broadcast(&f->flow.room);
        uv_mutex_unlock(&f->flow.mutex);
        for (struct batch *batch; (batch = wait_for_batch(f, job)) != NULL;)
            batch_free(batch);
        uv_mutex_lock(&f->flow.mutex);
        assert_true(job->finished);
        job->finished = false; /* it may be freed now: nobody is to tell of it again */
        uv_mutex_unlock(&f->flow.mutex);
    }
}

static void end_taken(struct fixture *f)
{
    uv_thread_join(&f->worker);
    for (size_t i = 0; i < FILES; i++) {
        assert_false(f->files[i].job.finished);
        f->files[i].job.finished = true;
    }
    all_read(f);
}

/* A large file behind this pack has taken all the room. The store thread is at the pack's first file and must come to
   its end, or nobody ever goes on. */
static void files_behind_it_that_take_all_room_do_not_stop_it(void **state)
{
    struct fixture *f = *state;
    f->flow.bytes = f->flow.bytes_most;
    add_files(f, FILES);
    start(f);
    take_all(f);
    end_taken(f);
    f->flow.bytes = 0;
}

/* Another worker's file, which takes what room there is as soon as there is some. */
struct greedy {
    uv_thread_t thread;
    struct flow *flow;
    bool ends;
};

static void take_room(void *context)
{
    struct greedy *greedy = context;
    for (bool ends = false; !ends;) {
        uv_mutex_lock(&greedy->flow->mutex);
        greedy->flow->bytes -= greedy->flow->bytes_most;
        uv_mutex_unlock(&greedy->flow->mutex);
        uv_mutex_lock(&greedy->flow->mutex);
        greedy->flow->bytes += greedy->flow->bytes_most;
        ends = greedy->ends;
        uv_mutex_unlock(&greedy->flow->mutex);
    }
}

/* Between two looks at it, again and again. */
static void room_that_goes_while_it_is_looked_for_does_not_stop_it(void **state)
{
    struct fixture *f = *state;
    struct parser *parser = f->pack.parsers[f->landing.index];
    struct greedy greedy = {.flow = &f->flow};
    f->flow.bytes = f->flow.bytes_most;
    assert_int_equal(uv_thread_create(&greedy.thread, take_room, &greedy), 0);
    for (size_t round = 0; round < ROUNDS; round++) {
        f->pack = (struct pack){0};
        f->pack.parsers[f->landing.index] = parser;
        f->flow.head = 0;
        add_files(f, FILES);
        start(f);
        take_all(f);
        end_taken(f);
        for (size_t i = 0; i < FILES; i++)
            job_clear(&f->files[i].job);
    }
    uv_mutex_lock(&f->flow.mutex);
    greedy.ends = true;
    uv_mutex_unlock(&f->flow.mutex);
    uv_thread_join(&greedy.thread);
    f->flow.bytes = 0;
    f->pack.count = 0;
}

static void takes_no_large_file_beside_others(void **state)
{
    struct fixture *f = *state;
    const uint64_t device = f->landing.device;
    struct candidate large = {.landing = &f->landing, .stat = {.size = PACK_FILE_BYTES_MAX + 1, .device = device}};
    struct candidate small = {.landing = &f->landing, .stat = {.size = PACK_FILE_BYTES_MAX, .device = device}};
    struct candidate mounted = {.landing = &f->landing, .stat = {.size = 1, .device = f->landing.device + 1}};
    assert_true(pack_takes(&f->pack, &large));
    add_files(f, 2);
    assert_false(pack_takes(&f->pack, &large));
    assert_false(pack_takes(&f->pack, &mounted));
    assert_int_equal(f->pack.bytes, f->files[0].candidate.stat.size + f->files[1].candidate.stat.size);
    assert_true(pack_takes(&f->pack, &small));
    f->pack.bytes = PACK_BYTES_MAX - PACK_FILE_BYTES_MAX;
    assert_true(pack_takes(&f->pack, &small));
    f->pack.bytes++;
    assert_false(pack_takes(&f->pack, &small));
    f->pack.bytes = 0;
    f->pack.count = PACK_FILES_MAX;
    assert_false(pack_takes(&f->pack, &f->files[0].candidate));
    f->pack.count = 2;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flushes_a_few_each_by_itself_and_many_at_once),
        TEST(flushes_each_device_of_those_that_were_read),
        TEST(one_that_is_gone_or_bad_is_so_alone),
        TEST(flushes_nothing_when_nothing_was_read),
        TEST(flushes_once_for_those_that_were_read),
        TEST(what_cannot_be_flushed_is_not_read),
        TEST(what_lies_on_another_device_is_flushed_by_itself),
        TEST(files_behind_it_that_take_all_room_do_not_stop_it),
        TEST(room_that_goes_while_it_is_looked_for_does_not_stop_it),
        TEST(takes_no_large_file_beside_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
