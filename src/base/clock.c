#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { MICROS = 1000000 };

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * MICROS + now.tv_nsec / 1000;
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void clock_text(int64_t wall, char out[CLOCK_TEXT_SIZE])
{
    int64_t seconds = wall / MICROS;
    int64_t rest = wall % MICROS;
    /* Before 1970 the division rounds up and leaves a negative rest; a fraction always counts forwards. */
    if (rest < 0) {
        seconds--;
        rest += MICROS;
    }
    time_t time = (time_t)seconds;
    struct tm tm;
    gmtime_r(&time, &tm);
    size_t len = strftime(out, CLOCK_TEXT_SIZE, "%FT%T", &tm);
    snprintf(out + len, CLOCK_TEXT_SIZE - len, ".%03uZ", (unsigned)(rest / 1000));
}
