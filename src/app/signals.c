#include "app/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t set_of(int one, int other)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, one);
    sigaddset(&set, other);
    return set;
}

static int open_for(int one, int other)
{
    sigset_t set = set_of(one, other);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Of a container: the kernel keeps from it what would end it, so there signals always wait. */
static bool is_first(void)
{
    return getpid() == 1;
}

bool signals_open(struct signals *signals, bool hangups, struct error *error)
{
    *signals = (struct signals){.stop = open_for(SIGTERM, SIGINT), .hangup = hangups ? open_for(SIGHUP, SIGHUP) : -1};
    if (signals->stop < 0 || (hangups && signals->hangup < 0)) {
        (void)error_errno(error, ERROR_IO, errno, "cannot watch for signals");
        signals_close(signals);
        return false;
    }
    sigset_t set = set_of(SIGHUP, SIGHUP);
    if (hangups)
        (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    signals_hold(is_first());
    return true;
}

void signals_close(struct signals *signals)
{
    if (signals->stop >= 0)
        (void)close(signals->stop);
    if (signals->hangup >= 0)
        (void)close(signals->hangup);
}

void signals_hold(bool hold)
{
    if (!hold && is_first())
        return;
    sigset_t set = set_of(SIGTERM, SIGINT);
    (void)pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int signals_read(int fd)
{
    struct signalfd_siginfo info;
    if (fd < 0 || read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    return (int)info.ssi_signo;
}
