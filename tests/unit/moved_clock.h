/*
 * The monotonic clock, moved: the program's own clock_gettime and usleep, which go before those of the C library. While
 * the clock is moved, each look that another thread than the first one takes at it finds it so many microseconds later
 * than the look before, 0 for a clock that stands still; and nobody of those threads really sleeps. Only a test that
 * includes this has it.
 */
#ifndef DROPFOLD_TESTS_MOVED_CLOCK_H
#define DROPFOLD_TESTS_MOVED_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
    atomic_bool moved;
    atomic_llong now, step; /* microseconds */
    atomic_ulong looks;
} moved_clock;

static inline void moved_clock_begin(int64_t step)
{
    moved_clock.now = 1000 * 1000;
    moved_clock.step = step;
    moved_clock.looks = 0;
    moved_clock.moved = true;
}

/* Returns how often the clock was looked at. */
static inline unsigned long moved_clock_end(void)
{
    moved_clock.moved = false;
    return moved_clock.looks;
}

static inline bool moved_clock_holds(void)
{
    return moved_clock.moved && syscall(SYS_gettid) != getpid();
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *now)
{
    if (id != CLOCK_MONOTONIC || !moved_clock_holds())
        return (int)syscall(SYS_clock_gettime, id, now);
    long long micros = atomic_fetch_add(&moved_clock.now, moved_clock.step);
    moved_clock.looks++;
    *now = (struct timespec){.tv_sec = micros / 1000000, .tv_nsec = micros % 1000000 * 1000};
    return 0;
}

__attribute__((visibility("default"))) int usleep(useconds_t micros)
{
    const struct timespec pause = {.tv_sec = micros / 1000000, .tv_nsec = micros % 1000000 * 1000};
    return moved_clock_holds() ? 0 : nanosleep(&pause, NULL);
}

#endif
