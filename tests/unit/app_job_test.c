/* The stream between a worker and the committer, and its bounds: with real threads and files, without a loop. */
#include "testing.h"


#include "app/job.h"
#include "model/batch.h"

struct fixture {
    char folder[TESTING_PATH_MAX];
    struct flow flow;
    struct pipeline pipeline;
    struct feed feed;
    struct error error;
};

static struct batch *batch_of_bytes(const struct feed *feed, size_t bytes)
{
    struct batch *batch = batch_new(feed);
    assert_non_null(batch);
    char *room = buf_reserve(&batch->chunk.buf, bytes);
    assert_non_null(room);
    memset(room, 0, bytes);
    batch->chunk.buf.len = bytes;
    return batch;
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->feed.name = "Things";
    assert_true(flow_init(&f->flow, 16, &f->error));
}

static void gives_batches_back_in_order(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct job job = {.ticket = 1, .flow = &f.flow};
    struct batch *first = batch_of_bytes(&f.feed, 10), *second = batch_of_bytes(&f.feed, 20);
    assert_true(job_push(&job, first));
    assert_true(job_push(&job, second));
    uv_mutex_lock(&f.flow.mutex);
    assert_ptr_equal(job_take(&job), first);
    assert_ptr_equal(job_take(&job), second);
    assert_null(job_take(&job));
    assert_int_equal(f.flow.bytes, 0);
    uv_mutex_unlock(&f.flow.mutex);
    batch_free(first);
    batch_free(second);
    flow_close(&f.flow);
}

struct pusher {
    struct job *job;
    struct batch *batch;
    bool result;
};

static void push_main(void *argument)
{
    struct pusher *pusher = argument;
    pusher->result = job_push(pusher->job, pusher->batch);
}

static void fill(struct fixture *f, struct job *job)
{
    while (f->flow.bytes < f->flow.bytes_most - CHUNK_SIZE_MAX)
        assert_true(job_push(job, batch_of_bytes(&f->feed, CHUNK_SIZE_MAX / 2)));
    while (f->flow.bytes <= f->flow.bytes_most - CHUNK_SIZE_MAX / 8)
        assert_true(job_push(job, batch_of_bytes(&f->feed, CHUNK_SIZE_MAX / 8)));
}

static void lets_the_first_file_go_on_when_others_have_filled_the_flow(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct job head = {.ticket = 1, .flow = &f.flow}, other = {.ticket = 2, .flow = &f.flow};
    f.flow.head = 1;
    fill(&f, &other);
    struct batch *more = batch_of_bytes(&f.feed, CHUNK_SIZE_MAX / 2);
    assert_false(job_push_now(&other, more));
    assert_true(job_push(&head, batch_of_bytes(&f.feed, CHUNK_SIZE_MAX / 2)));
    assert_true(f.flow.bytes > f.flow.bytes_most - CHUNK_SIZE_MAX / 8);
    assert_false(job_push_now(&head, more)); /* the committer has something to go on with */
    batch_free(more);
    job_clear(&head);
    job_clear(&other);
    flow_close(&f.flow);
}

static void holds_so_many_batches_of_a_file_however_small(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct job job = {.ticket = 1, .flow = &f.flow};
    f.flow.head = 1;
    for (int i = 0; i < JOB_BATCHES_MAX; i++)
        assert_true(job_push_now(&job, batch_of_bytes(&f.feed, 64)));
    struct batch *more = batch_of_bytes(&f.feed, 64);
    assert_false(job_push_now(&job, more));
    uv_mutex_lock(&f.flow.mutex);
    batch_free(job_take(&job));
    uv_mutex_unlock(&f.flow.mutex);
    assert_true(job_push_now(&job, more));
    job_clear(&job);
    flow_close(&f.flow);
}

static void ends_a_waiting_worker_when_its_file_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct job head = {.ticket = 1, .flow = &f.flow}, other = {.ticket = 2, .flow = &f.flow};
    f.flow.head = 1;
    fill(&f, &other);
    struct pusher pusher = {&other, batch_of_bytes(&f.feed, CHUNK_SIZE_MAX / 2), true};
    uv_thread_t thread;
    assert_int_equal(uv_thread_create(&thread, push_main, &pusher), 0);
    uv_mutex_lock(&f.flow.mutex);
    other.dropped = true;
    uv_cond_broadcast(&f.flow.room);
    uv_mutex_unlock(&f.flow.mutex);
    uv_thread_join(&thread);
    assert_false(pusher.result);
    job_clear(&head);
    job_clear(&other);
    assert_int_equal(f.flow.bytes, 0);
    flow_close(&f.flow);
}

static void wakes_a_waiting_worker_when_there_is_room_again(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct job job = {.ticket = 2, .flow = &f.flow};
    f.flow.head = 1;
    fill(&f, &job);
    struct pusher pusher = {&job, batch_of_bytes(&f.feed, CHUNK_SIZE_MAX / 2), false};
    uv_thread_t thread;
    assert_int_equal(uv_thread_create(&thread, push_main, &pusher), 0);
    uv_mutex_lock(&f.flow.mutex);
    struct batch *taken[2] = {job_take(&job), job_take(&job)};
    uv_mutex_unlock(&f.flow.mutex);
    uv_thread_join(&thread);
    assert_true(pusher.result);
    batch_free(taken[0]);
    batch_free(taken[1]);
    job_clear(&job);
    flow_close(&f.flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_batches_back_in_order),
        cmocka_unit_test(lets_the_first_file_go_on_when_others_have_filled_the_flow),
        cmocka_unit_test(holds_so_many_batches_of_a_file_however_small),
        cmocka_unit_test(ends_a_waiting_worker_when_its_file_is_dropped),
        cmocka_unit_test(wakes_a_waiting_worker_when_there_is_room_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
