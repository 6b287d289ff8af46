/*
 * What `run` tells: one line a file on stdout, a progress bar on a terminal's stderr, the sums at the end.
 */
#ifndef DROPFOLD_APP_REPORT_H
#define DROPFOLD_APP_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/deliverer.h"
#include "app/job.h"
#include "app/settings.h"
#include "base/log.h"
#include "engine/engine.h"

struct report {
    FILE *out;
    struct log *log;
    const struct settings *settings;
    const struct pipeline *pipeline;
    bool bar; /* stderr is a terminal */
    bool bar_shown;
    int64_t began;  /* monotonic */
    int64_t bar_at; /* when the bar was last drawn */
    uint64_t files, duplicates, quarantined, rows, bytes;
    struct buckets buckets;
};

/* From here on stdout is flushed line by line, and the log clears the bar before its own lines: until log->around is
   NULL again, the report must live. */
void report_init(struct report *report, const struct settings *settings, const struct pipeline *pipeline,
                 struct log *log);

void report_target(struct report *report, const char *name);

/* `where` is where the file went ("data/archive/Orders/..."), or why it stayed. */
void report_applied(struct report *report, const struct job *job, const char *where);
void report_duplicate(struct report *report, const struct job *job, const char *where);
void report_quarantined(struct report *report, const struct job *job, const char *where);
void report_delivered(struct report *report, const struct delivered *delivered);

/* "delivered seq=7 groups=3 in 0.02 s", and which values are NULL there that are none. */
void report_delivery(FILE *out, const struct pipeline *pipeline, const struct delivered *delivered);

/* Draws the bar anew, at most ten times a second; `ahead` files were found and are not yet dealt with. */
void report_tick(struct report *report, uint64_t ahead);

/* The sums of this run and what waits. */
void report_end(struct report *report, const struct engine_stats *stats);

/* "944 orders wait for Deliveries, 12 for Customers (dropfold unmatched)", or nothing when none waits. */
void report_waiting(FILE *out, const struct pipeline *pipeline, const uint64_t *waiting);

/* A file's name, fit for one line of a terminal: "Orders/orders-03.csv". Returns out. */
char *report_name(const struct landing *landing, const char *name, char *out, size_t size);

#endif
