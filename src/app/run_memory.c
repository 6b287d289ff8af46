/*
 * The memory of a session: the engine's is held against --memory-limit, and what a burst of files needed goes back to
 * the system once it is over, as the allocator would keep what its threads freed. A worker does that: it takes its
 * time, which an idle process has.
 */
#include <stdlib.h>
#ifdef __GLIBC__ /* which the line before may have defined */
#include <malloc.h>
#endif

#include "app/run_internal.h"

/* What is worth giving back, since the last time. */
enum { BURST_FILES = 500, BURST_BYTES = 32 * 1024 * 1024 };

/* --- the limit ---------------------------------------------------------------------------------------------------- */

void run_memory_check(struct run *run, uint64_t memory)
{
    const uint64_t limit = run->settings->memory_limit;
    const double mib = 1024.0 * 1024.0;
    run->memory = memory;
    if (limit == 0 || run->memory_full)
        return;
    if (memory >= limit) {
        run->memory_full = true;
        struct error error;
        error_set(&error, ERROR_MEMORY,
                  "the state holds %.0f MiB, the --memory-limit is %.0f: no further file is taken; they wait in their "
                  "folders. Start again with a higher limit",
                  (double)memory / mib, (double)limit / mib);
        if (run->settings->once)
            run_fail(run, &error);
        else
            log_error(run->log, "%s", error.text);
    } else if (memory >= limit / 5 * 4 && !run->memory_warned) {
        run->memory_warned = true;
        log_warning(run->log, "the state holds %.0f MiB, 80%% of the --memory-limit of %.0f", (double)memory / mib,
                    (double)limit / mib);
    }
}

/* --- what goes back ----------------------------------------------------------------------------------------------- */

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

void run_memory_trim(struct run *run)
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
