/* Moments for the tests of timestamps: any of them, and those that the C library knows. */
#ifndef DROPFOLD_TESTS_MODEL_MOMENTS_H
#define DROPFOLD_TESTS_MODEL_MOMENTS_H

#include "testing.h"

#include <time.h>

#include "model/timestamp.h"

static inline int64_t random_moment(uint64_t *state)
{
    return TIMESTAMP_MIN + (int64_t)(testing_random(state) % (uint64_t)(TIMESTAMP_MAX - TIMESTAMP_MIN + 1));
}

/* timegm of a day at a time of day. */
static inline int64_t system_micros(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return (int64_t)timegm(&tm) * TIMESTAMP_SECOND;
}

#endif
