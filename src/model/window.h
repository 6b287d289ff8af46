/*
 * Windows, tumbling or sliding: in which ones a moment lies, and where these begin.
 *
 * They are numbered: 0 begins with 1970 or is the first to begin in it or later, -1 ends there, and of two the later
 * one has the greater number. A window of days or months in a zone begins when the clocks there first show its begin
 * (midnight, if no origin says otherwise) or later. Where they skip that, it is when they do so; where they are put
 * back over it, what they then show of the time before is of the window that has begun.
 */
#ifndef DROPFOLD_MODEL_WINDOW_H
#define DROPFOLD_MODEL_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "model/timestamp.h"
#include "model/zone.h"

enum { WINDOW_SPAN_MAX = 100 };

struct window {
    int64_t size;            /* from one window's begin to the next one's: microseconds, or months */
    uint32_t span;           /* the windows that hold a moment, each so many sizes long: 1 tumbling, more sliding */
    int64_t origin;          /* by how much window 0 begins behind 1970, on the clocks of its zone: 0 to size - 1 */
    bool months;             /* else, in a zone, whole days */
    const struct zone *zone; /* NULL: all windows are equally long. Months have one: window_utc, if no other */
    const char *zone_name;   /* as it was written; NULL: none was */
};

extern const struct zone window_utc;

/* Has a window begin when clocks show `local`, and so each other one. Windows of months begin on the first of one, at
   midnight: false where `local` is something else. */
bool window_align(struct window *window, int64_t local) MUST_USE;

/* The same windows as if the clocks of their zone showed UTC. */
struct window window_in_utc(const struct window *window);

/* What follows, where there is a zone. */
int64_t window_number_by_clocks(const struct window *window, int64_t micros);
int64_t window_start_by_clocks(const struct window *window, int64_t number);

/* The number of the latest window that holds a moment in TIMESTAMP_MIN to TIMESTAMP_MAX; those before it, `span` with
   it, do so too. */
static inline int64_t window_number(const struct window *window, int64_t micros)
{
    return window->zone ? window_number_by_clocks(window, micros)
                        : timestamp_window(micros - window->origin, window->size);
}

/* The moment at which the window of that number begins. It ends where the one `span` after it begins. */
static inline int64_t window_start(const struct window *window, int64_t number)
{
    return window->zone ? window_start_by_clocks(window, number) : number * window->size + window->origin;
}

#endif
