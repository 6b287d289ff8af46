#include "app/hangup.h"

#include <signal.h>

static void on_signal(uv_signal_t *signal, int number)
{
    struct hangup *hangup = CONTAINER_OF(signal, struct hangup, signal);
    (void)number;
    hangup->came = true;
}

bool hangup_open(struct hangup *hangup, struct error *error)
{
    *hangup = (struct hangup){.came = false};
    int result = uv_loop_init(&hangup->loop);
    if (result != 0)
        return error_set(error, ERROR_IO, "cannot watch for HUP: %s", uv_strerror(result));
    result = uv_signal_init(&hangup->loop, &hangup->signal);
    if (result == 0)
        result = uv_signal_start(&hangup->signal, on_signal, SIGHUP);
    if (result == 0)
        return true;
    hangup_close(hangup);
    return error_set(error, ERROR_IO, "cannot watch for HUP: %s", uv_strerror(result));
}

bool hangup_take(struct hangup *hangup)
{
    (void)uv_run(&hangup->loop, UV_RUN_NOWAIT);
    bool came = hangup->came;
    hangup->came = false;
    return came;
}

void hangup_close(struct hangup *hangup)
{
    if (hangup->signal.type == UV_SIGNAL)
        uv_close((uv_handle_t *)&hangup->signal, NULL);
    (void)uv_run(&hangup->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&hangup->loop);
}
