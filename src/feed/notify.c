#include "feed/notify.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    EVENTS_SIZE = 16 * 1024, /* bytes read at once: hundreds of events */
    READS_MAX = 64           /* of one callback, so that a busy folder leaves the loop time for the rest */
};

static void tell(struct notify *notify, const struct inotify_event *event)
{
    const struct notify_callbacks *callbacks = &notify->callbacks;
    if (event->mask & IN_Q_OVERFLOW)
        callbacks->overflow(callbacks->context);
    else if (event->mask & (IN_IGNORED | IN_UNMOUNT | IN_MOVE_SELF | IN_DELETE_SELF))
        callbacks->lost(callbacks->context, event->wd);
    else if (event->len > 0 && !(event->mask & IN_ISDIR))
        callbacks->name(callbacks->context, event->wd, event->name, (event->mask & IN_MOVED_TO) != 0);
}

static void tell_all(struct notify *notify, const char *data, size_t len)
{
    size_t at = 0;
    while (at + sizeof(struct inotify_event) <= len) {
        const struct inotify_event *event = (const void *)(data + at);
        at += sizeof *event + event->len;
        tell(notify, event);
    }
}

static void broken(struct notify *notify, int number)
{
    struct error error;
    (void)error_errno(&error, ERROR_IO, number, "cannot read inotify events");
    uv_poll_stop(&notify->poll);
    notify->callbacks.broken(notify->callbacks.context, &error);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct notify *notify = CONTAINER_OF(poll, struct notify, poll);
    _Alignas(struct inotify_event) char data[EVENTS_SIZE];
    ssize_t len = 1;
    if (status < 0) {
        broken(notify, -status);
        return;
    }
    for (int i = 0; i < READS_MAX && len > 0; i++) {
        do
            len = read(notify->fd, data, sizeof data);
        while (len < 0 && errno == EINTR);
        int number = errno;
        if (len > 0)
            tell_all(notify, data, (size_t)len);
        else if (len < 0 && number != EAGAIN) {
            broken(notify, number);
            return;
        }
    }
    notify->callbacks.end(notify->callbacks.context);
}

static bool no_instance(struct error *error, int number)
{
    if (number == EMFILE)
        return error_errno(error, ERROR_IO, number,
                           "no inotify instance is left for this user (or no file descriptor): raise "
                           "fs.inotify.max_user_instances by sysctl (or ulimit -n)");
    return error_errno(error, ERROR_IO, number, "inotify cannot be used");
}

bool notify_open(struct notify *notify, uv_loop_t *loop, const struct notify_callbacks *callbacks, struct error *error)
{
    *notify = (struct notify){.callbacks = *callbacks};
    notify->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notify->fd < 0)
        return no_instance(error, errno);
    int code = uv_poll_init(loop, &notify->poll, notify->fd);
    if (code == 0) /* cannot fail once the handle is there */
        code = uv_poll_start(&notify->poll, UV_READABLE, readable);
    if (code == 0)
        return true;
    close(notify->fd);
    return error_set(error, ERROR_IO, "inotify cannot be polled: %s", uv_strerror(code));
}

void notify_close(struct notify *notify, uv_close_cb closed)
{
    uv_poll_stop(&notify->poll);
    uv_close((uv_handle_t *)&notify->poll, closed);
    close(notify->fd);
}

static int no_watch(struct error *error, const char *path, int number)
{
    if (number == ENOSPC)
        (void)error_set(error, ERROR_IO, /* not strerror's word: it speaks of a full device */
                        "cannot watch %s: all inotify watches of this user are taken: raise "
                        "fs.inotify.max_user_watches by sysctl",
                        path);
    else
        (void)error_errno(error, ERROR_IO, number, "cannot watch %s", path);
    return -1;
}

int notify_add(struct notify *notify, int fd, const char *path, struct error *error)
{
    const uint32_t mask = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    /* By its descriptor it is the folder that is open, whatever the path leads to by now. Without /proc the path must
       do; the scan that follows compares it with what is open. */
    char by_fd[64];
    snprintf(by_fd, sizeof by_fd, "/proc/self/fd/%d", fd);
    int watch = inotify_add_watch(notify->fd, by_fd, mask);
    if (watch < 0 && (errno == ENOENT || errno == ENOTDIR))
        watch = inotify_add_watch(notify->fd, path, mask);
    return watch < 0 ? no_watch(error, path, errno) : watch;
}

void notify_remove(struct notify *notify, int watch)
{
    (void)inotify_rm_watch(notify->fd, watch);
}
