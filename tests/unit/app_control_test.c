/* A command and a daemon that goes away: whether the daemon heard what it was asked. */
#include "app/control.h"
#include "testing.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE = 60 * 1000 * 1000 /* microseconds */ };

/* What listens at gone.sock of a folder, and how it goes. */
struct daemon {
    int listener;
    bool reads;
};

static void wait_until_readable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, -1), 1);
}

static void hear_one_and_go(int listener)
{
    char line[CONTROL_LINE_MAX];
    int client = accept(listener, NULL, NULL);
    assert_true(client >= 0);
    assert_true(read(client, line, sizeof line) > 0);
    close(client);
}

static void go_away(void *context)
{
    const struct daemon *daemon = context;
    wait_until_readable(daemon->listener);
    if (daemon->reads)
        hear_one_and_go(daemon->listener);
    close(daemon->listener);
}

static int listen_in(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/gone.sock", folder);
    assert_true(length < (int)sizeof address.sun_path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Asks a daemon that goes away once somebody is there. */
static enum error_kind ask_one_that_goes(bool reads, struct error *error)
{
    static const char *const words[] = {"replay", "rebuild"};
    char folder[TESTING_PATH_MAX];
    testing_folder_make(folder);
    struct daemon daemon = {.listener = listen_in(folder), .reads = reads};
    const struct control_question question = {
        .checkpoints = folder, .pipeline = "gone", .words = words, .count = COUNT_OF(words), .deadline = PATIENCE};
    struct buf answer;
    uv_thread_t thread;
    int code = 0;
    buf_init(&answer, CONTROL_ANSWER_MAX);
    assert_int_equal(uv_thread_create(&thread, go_away, &daemon), 0);
    assert_false(control_ask(&question, &answer, &code, error));
    uv_thread_join(&thread);
    buf_close(&answer);
    testing_folder_remove(folder);
    return error->kind;
}

static void a_daemon_that_hangs_up_unasked_counts_as_none(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(ask_one_that_goes(false, &error), ERROR_TARGET);
}

static void a_daemon_that_was_asked_and_hangs_up_may_have_done_it(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(ask_one_that_goes(true, &error), ERROR_IO);
    assert_string_equal(error.text, "the running dropfold ended before it answered");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_that_hangs_up_unasked_counts_as_none),
        cmocka_unit_test(a_daemon_that_was_asked_and_hangs_up_may_have_done_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
