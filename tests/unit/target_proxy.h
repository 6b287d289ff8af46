/*
 * A proxy in front of PostgreSQL that spoils COMMIT, for what a network may do at the worst moment.
 *
 * One client at a time, on a thread of its own; the client must not use TLS.
 */
#ifndef DROPFOLD_TESTS_TARGET_PROXY_H
#define DROPFOLD_TESTS_TARGET_PROXY_H

#include "testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum proxy_mode {
    PROXY_PASS,
    PROXY_CUT_BEFORE, /* the COMMIT never arrives */
    PROXY_CUT_AFTER,  /* it arrives, its answer does not */
    PROXY_SWALLOW,    /* the same, but the connection stays */
    PROXY_ROLLBACK    /* the server is asked for a ROLLBACK instead */
};

struct proxy {
    char server[TESTING_PATH_MAX + 64]; /* its Unix socket */
    int listener, port;
    _Atomic enum proxy_mode mode;
    _Atomic int commits; /* seen */
    pthread_t thread;
};

/* A socket on 127.0.0.1 at a free port. */
static inline int proxy_bind(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* The same, listening. */
static inline int proxy_listen(int *port)
{
    int fd = proxy_bind(port);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static inline void proxy_send(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        len -= (size_t)sent;
    }
}

/* Passes on what the client says; true when the connection is to be cut now. */
static inline bool proxy_client_says(struct proxy *proxy, int server, const char *data, size_t len, bool *mute)
{
    static const char commit[] = {'Q', 0, 0, 0, 11, 'C', 'O', 'M', 'M', 'I', 'T', 0};
    static const char rollback[] = {'Q', 0, 0, 0, 13, 'R', 'O', 'L', 'L', 'B', 'A', 'C', 'K', 0};
    enum proxy_mode mode = atomic_load(&proxy->mode);
    if (len != sizeof commit || memcmp(data, commit, len) != 0) {
        proxy_send(server, data, len);
        return false;
    }
    atomic_fetch_add(&proxy->commits, 1);
    if (mode == PROXY_CUT_BEFORE)
        return true;
    if (mode == PROXY_ROLLBACK)
        proxy_send(server, rollback, sizeof rollback);
    else
        proxy_send(server, data, len);
    *mute = mode == PROXY_CUT_AFTER || mode == PROXY_SWALLOW;
    return false;
}

static inline void proxy_serve(struct proxy *proxy, int client, int server)
{
    char data[65536];
    bool mute = false;
    for (;;) {
        struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            return;
        if (fds[0].revents) {
            ssize_t len = read(client, data, sizeof data);
            if (len <= 0 || proxy_client_says(proxy, server, data, (size_t)len, &mute))
                return;
        }
        if (fds[1].revents) {
            ssize_t len = read(server, data, sizeof data);
            if (len <= 0 || (mute && atomic_load(&proxy->mode) == PROXY_CUT_AFTER))
                return;
            if (!mute)
                proxy_send(client, data, (size_t)len);
        }
    }
}

static inline void *proxy_run(void *argument)
{
    struct proxy *proxy = argument;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", proxy->server);
    int client;
    while ((client = accept(proxy->listener, NULL, NULL)) >= 0) {
        int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(server, (struct sockaddr *)&address, sizeof address) == 0)
            proxy_serve(proxy, client, server);
        close(server);
        close(client);
    }
    return NULL;
}

static inline void proxy_start(struct proxy *proxy, const char *server, enum proxy_mode mode)
{
    snprintf(proxy->server, sizeof proxy->server, "%.500s", server);
    proxy->listener = proxy_listen(&proxy->port);
    atomic_store(&proxy->mode, mode);
    atomic_store(&proxy->commits, 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
}

/* The client must be gone by then. */
static inline void proxy_stop(struct proxy *proxy)
{
    shutdown(proxy->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(proxy->thread, NULL), 0);
    close(proxy->listener);
}

#endif
