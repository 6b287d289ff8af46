/*
 * The kernel's hints: one inotify descriptor for all landing folders, read on the loop.
 *
 * Subscribed to are IN_CREATE (a hard link raises nothing else), IN_CLOSE_WRITE, IN_MOVED_TO and the loss of the folder
 * itself. Not to IN_MODIFY: a writer that keeps its file open is seen by the looks that settling takes anyway, and its
 * every write would be an event. Not to names that go away: the next look or scan tells.
 */
#ifndef DROPFOLD_FEED_NOTIFY_H
#define DROPFOLD_FEED_NOTIFY_H

#include <stdbool.h>
#include <uv.h>

#include "base/attr.h"
#include "base/error.h"

struct notify_callbacks {
    void *context;
    /* Something happened to `name` in the watched folder. `renamed`: it was renamed into it. */
    void (*name)(void *context, int watch, const char *name, bool renamed);
    /* The folder was moved, removed or unmounted: its watch is gone. */
    void (*lost)(void *context, int watch);
    /* The queue ran over: anything may have happened in any folder. */
    void (*overflow)(void *context);
    /* All events there were have been told. */
    void (*end)(void *context);
    /* Reading fails for good; nothing will be told any more. */
    void (*broken)(void *context, const struct error *error);
};

struct notify {
    uv_poll_t poll;
    int fd;
    struct notify_callbacks callbacks;
};

/* The errors name the sysctl to raise. Nothing is left open on false. */
bool notify_open(struct notify *notify, uv_loop_t *loop, const struct notify_callbacks *callbacks,
                 struct error *error) MUST_USE;

/* Stops and closes; `closed` is the close callback of notify->poll. */
void notify_close(struct notify *notify, uv_close_cb closed);

/* Watches the open folder `fd`, known as `path`; the number that events of it will carry, or -1. */
int notify_add(struct notify *notify, int fd, const char *path, struct error *error) MUST_USE;
void notify_remove(struct notify *notify, int watch);

#endif
