/* The two clocks, in microseconds. The pure floors never include this: time is handed to them. */
#ifndef DROPFOLD_BASE_CLOCK_H
#define DROPFOLD_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970-01-01 00:00 UTC. */
int64_t clock_wall(void);

/* Microseconds since some moment; never goes back. */
int64_t clock_monotonic(void);

enum { CLOCK_TEXT_SIZE = 32 };

/* "2026-11-20T10:56:01.123Z" of a wall time. */
void clock_text(int64_t wall, char out[CLOCK_TEXT_SIZE]);

#endif
