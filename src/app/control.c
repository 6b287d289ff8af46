#include "app/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/pipeline.h"

enum {
    ASK_PATIENCE_MS = 5000, /* that a client may take to ask */
    SOCKET_MODE = 0600
};

struct control_client {
    struct control *control;
    uv_pipe_t pipe;
    uv_timer_t patience; /* until the line is there */
    uv_write_t write;
    char line[CONTROL_LINE_MAX + 1];
    size_t len;
    char *answer;
    bool closing;
    unsigned handles;
    struct control_client *next;
};

struct control_listener {
    uv_pipe_t pipe;
    struct control *control;
};

struct control {
    uv_loop_t *loop;
    struct control_listener *listener;
    unsigned listeners; /* that are not closed yet */
    const char *checkpoints;
    int folder; /* that one */
    char name[PIPELINE_NAME_MAX + sizeof ".sock"];
    control_request request;
    void *context;
    struct control_client *clients;
    unsigned client_count;
    void (*stopped)(void *context);
    void *stopped_context;
};

/* Through the folder's descriptor: a socket's path may hold 107 bytes, a folder's may be longer. */
static struct sockaddr_un socket_address(int folder, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    return address;
}

/* --- a client ----------------------------------------------------------------------------------------------------- */

static void finish_stop(struct control *control)
{
    if (control->listeners > 0 || control->clients)
        return;
    void (*stopped)(void *) = control->stopped;
    void *context = control->stopped_context;
    if (control->folder >= 0)
        close(control->folder);
    free(control);
    if (stopped) /* it was started */
        stopped(context);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct control_client *client = handle->data;
    struct control *control = client->control;
    if (--client->handles > 0)
        return;
    struct control_client **link = &control->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    control->client_count--;
    free(client->answer);
    free(client);
    finish_stop(control);
}

static void close_client(struct control_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    uv_close((uv_handle_t *)&client->patience, on_client_closed);
}

static void on_patience_over(uv_timer_t *timer)
{
    close_client(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    close_client(CONTAINER_OF(write, struct control_client, write));
}

void control_answer(struct control_client *client, int code, const char *text)
{
    if (client->closing)
        return;
    size_t room = strlen(text) + 16;
    client->answer = malloc(room);
    if (!client->answer) {
        close_client(client);
        return;
    }
    int length = snprintf(client->answer, room, "%d\n%s", code, text);
    uv_buf_t out = uv_buf_init(client->answer, (unsigned)length);
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &out, 1, on_written) != 0)
        close_client(client);
}

static void take_line(struct control_client *client)
{
    char *words[CONTROL_WORDS_MAX];
    size_t count = 0;
    char *rest = client->line;
    uv_timer_stop(&client->patience);
    uv_read_stop((uv_stream_t *)&client->pipe);
    while (rest && count < CONTROL_WORDS_MAX)
        words[count++] = strsep(&rest, "\t");
    client->control->request(client->control->context, client, words, count);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct control_client *client = handle->data;
    (void)suggested;
    *buf = uv_buf_init(client->line + client->len, (unsigned)(CONTROL_LINE_MAX - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct control_client *client = stream->data;
    (void)buf;
    if (len < 0) {
        close_client(client);
        return;
    }
    client->len += (size_t)len;
    client->line[client->len] = '\0';
    char *end = memchr(client->line, '\n', client->len);
    if (end) {
        *end = '\0';
        take_line(client);
    } else if (client->len == CONTROL_LINE_MAX) {
        close_client(client);
    }
}

/* --- the listener ------------------------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct control *control = ((struct control_listener *)stream->data)->control;
    if (status != 0)
        return;
    struct control_client *client = calloc(1, sizeof *client);
    if (!client)
        return;
    uv_loop_t *loop = stream->loop;
    client->control = control;
    uv_pipe_init(loop, &client->pipe, 0);
    uv_timer_init(loop, &client->patience);
    client->pipe.data = client->patience.data = client;
    client->handles = 2;
    client->next = control->clients;
    control->clients = client;
    control->client_count++;
    if (uv_accept(stream, (uv_stream_t *)&client->pipe) != 0 || control->client_count > CONTROL_CLIENTS_MAX ||
        uv_timer_start(&client->patience, on_patience_over, ASK_PATIENCE_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
        close_client(client);
}

/* The mode is set before the name is there: a process has one umask for all of its threads. */
static int bind_socket(const struct control *control)
{
    const struct sockaddr_un address = socket_address(control->folder, control->name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    unlinkat(control->folder, control->name, 0); /* a killed daemon's; the store's lock says that no other lives */
    if (fchmod(fd, SOCKET_MODE) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct control_listener *listener = handle->data;
    struct control *control = listener->control;
    free(listener);
    control->listeners--;
    finish_stop(control);
}

static void close_listener(struct control_listener *listener)
{
    if (listener)
        uv_close((uv_handle_t *)&listener->pipe, on_listener_closed);
}

/* Takes the place of the one before, if there is one, when it listens. */
static bool listen_at(struct control *control, int fd, struct error *error)
{
    struct control_listener *listener = malloc(sizeof *listener);
    if (!listener) {
        close(fd);
        return error_memory(error);
    }
    uv_pipe_init(control->loop, &listener->pipe, 0);
    listener->pipe.data = listener;
    listener->control = control;
    control->listeners++;
    int result = uv_pipe_open(&listener->pipe, fd);
    if (result != 0)
        close(fd);
    else
        result = uv_listen((uv_stream_t *)&listener->pipe, CONTROL_CLIENTS_MAX, on_connection);
    if (result != 0) {
        close_listener(listener);
        return error_set(error, ERROR_IO, "cannot listen at the control socket: %s", uv_strerror(result));
    }
    close_listener(control->listener);
    control->listener = listener;
    return true;
}

static bool make_socket(struct control *control, struct error *error)
{
    int fd = bind_socket(control);
    if (fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot make the control socket %s/%s", control->checkpoints,
                           control->name);
    bool ok = listen_at(control, fd, error);
    if (!ok)
        unlinkat(control->folder, control->name, 0);
    return ok;
}

void control_stop(struct control *control, void (*stopped)(void *context), void *context)
{
    control->stopped = stopped;
    control->stopped_context = context;
    unlinkat(control->folder, control->name, 0);
    close_listener(control->listener);
    for (struct control_client *client = control->clients; client; client = client->next)
        close_client(client);
    finish_stop(control); /* of one that could not be started */
}

bool control_start(struct control **out, uv_loop_t *loop, const struct control_service *service, struct error *error)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return error_memory(error);
    control->loop = loop;
    control->request = service->request;
    control->context = service->context;
    snprintf(control->name, sizeof control->name, "%s.sock", service->pipeline);
    control->checkpoints = service->checkpoints;
    control->folder = open(service->checkpoints, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool ok = make_socket(control, error);
    if (ok)
        *out = control;
    else
        control_stop(control, NULL, NULL);
    return ok;
}

bool control_keep(struct control *control, bool *made, struct error *error)
{
    struct stat stat;
    bool gone = fstatat(control->folder, control->name, &stat, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
    *made = gone && make_socket(control, error);
    return *made || !gone;
}

/* --- the other side ----------------------------------------------------------------------------------------------- */

static int connect_to(const char *checkpoints, const char *pipeline, struct error *error)
{
    int folder = open(checkpoints, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[PIPELINE_NAME_MAX + sizeof ".sock"];
    snprintf(name, sizeof name, "%s.sock", pipeline);
    const struct sockaddr_un address = socket_address(folder, name);
    int fd = folder < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    int number = errno;
    if (folder >= 0)
        close(folder);
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    if (number == EACCES)
        error_errno(error, ERROR_IO, number, "only the user whose dropfold it is may ask on %s/%s.sock", checkpoints,
                    pipeline);
    else
        error_set(error, ERROR_TARGET,
                  "no dropfold answers on %s/%s.sock (%s): none runs, or it is starting, ending or replaying",
                  checkpoints, pipeline, strerror(number));
    return -1;
}

/* A daemon that hangs up before it reads what it is asked ends a session: it is as if none had listened. One that read
   it and hangs up then gives the end of its answer instead. */
static bool unheard(int number, const char *what, struct error *error)
{
    return number == EPIPE || number == ECONNRESET
               ? error_set(error, ERROR_TARGET, "the running dropfold hangs up: it is ending or replaying")
               : error_errno(error, ERROR_IO, number, "the running dropfold %s", what);
}

static bool send_words(int fd, const char *const *words, size_t count, struct error *error)
{
    struct buf line;
    buf_init(&line, CONTROL_LINE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_put_byte(&line, '\t');
        buf_put_text(&line, words[i]);
        if (strpbrk(words[i], "\t\n"))
            line.failed = true;
    }
    buf_put_byte(&line, '\n');
    bool ok = line.failed ? error_set(error, ERROR_USAGE, "the request is too long, or has a tab or a newline in it")
                          : send(fd, line.data, line.len, MSG_NOSIGNAL) == (ssize_t)line.len ||
                                unheard(errno, "does not listen", error);
    buf_close(&line);
    return ok;
}

static bool receive(int fd, int64_t deadline, struct buf *answer, struct error *error)
{
    int64_t until = clock_monotonic() + deadline;
    for (;;) {
        char block[4096];
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = until - clock_monotonic();
        int ready = left > 0 ? poll(&poll_fd, 1, (int)(left / 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return error_set(error, ERROR_IO, "the running dropfold does not answer");
        ssize_t len = read(fd, block, sizeof block);
        if (len < 0 && errno != EINTR)
            return unheard(errno, "does not answer", error);
        if (len == 0)
            return true;
        if (len > 0)
            buf_put(answer, block, (size_t)len);
    }
}

/* The first line is the exit code. */
static bool split_answer(struct buf *answer, int *code, struct error *error)
{
    char *end = answer->len ? memchr(answer->data, '\n', answer->len) : NULL;
    if (answer->failed || !end || end - answer->data > 3)
        return error_set(error, ERROR_IO, "the running dropfold ended before it answered");
    *end = '\0';
    *code = atoi(answer->data);
    size_t head = (size_t)(end - answer->data) + 1;
    answer->len -= head;
    memmove(answer->data, answer->data + head, answer->len);
    return true;
}

bool control_ask(const struct control_question *question, struct buf *answer, int *code, struct error *error)
{
    int fd = connect_to(question->checkpoints, question->pipeline, error);
    if (fd < 0)
        return false;
    bool ok = send_words(fd, question->words, question->count, error) &&
              receive(fd, question->deadline, answer, error) && split_answer(answer, code, error);
    close(fd);
    return ok;
}
