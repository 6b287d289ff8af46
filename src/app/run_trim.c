/*
 * Memory that a burst of files needed goes back to the system once it is over: the allocator would keep what its threads
 * freed. A worker does it, as it takes its time and an idle process has that.
 */
#include <stdlib.h>
#ifdef __GLIBC__ /* which the line before may have defined */
#include <malloc.h>
#endif

#include "app/run_internal.h"

/* What is worth it, since the last time. */
enum { BURST_FILES = 500, BURST_BYTES = 32 * 1024 * 1024 };

static void trim(uv_work_t *work)
{
    (void)work;
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

static void trimmed(uv_work_t *work, int status)
{
    (void)status;
    CONTAINER_OF(work, struct run, trim)->trimming = false;
}

void run_trim(struct run *run)
{
    const struct report *report = &run->report;
    if (run->trimming || run->settings->once ||
        (report->files - run->trimmed_files < BURST_FILES && report->bytes - run->trimmed_bytes < BURST_BYTES))
        return;
    run->trimming = true;
    run->trimmed_files = report->files;
    run->trimmed_bytes = report->bytes;
    uv_queue_work(&run->loop, &run->trim, trim, trimmed);
}
