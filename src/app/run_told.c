/*
 * The order of what is told: a delivery behind the files whose rows it brought. It is often there before such a file is
 * archived, and only then that is told. Deliveries of earlier changes are told at once.
 */
#include <string.h>

#include "app/flight.h"

/* Whether a file of a change that was delivered is still to be told. */
static bool waits(const struct run *run, const struct delivered *delivered)
{
    for (uint64_t ticket = run->next_told; ticket < run->next_ticket; ticket++) {
        const struct flight *flight = run->flights[ticket % RUN_JOBS_MAX];
        if (flight && flight->committed && flight->job.outcome == JOB_APPLIED &&
            flight->job.result.sequence <= delivered->sequence)
            return true;
    }
    return false;
}

static void tell_first(struct run *run)
{
    report_delivered(&run->report, &run->untold[0]);
    run->untold_count--;
    memmove(run->untold, run->untold + 1, run->untold_count * sizeof run->untold[0]);
}

void run_told_delivered(struct run *run, const struct delivered *delivered)
{
    if (run->untold_count == RUN_UNTOLD_MAX)
        tell_first(run);
    run->untold[run->untold_count++] = *delivered;
    run_told_file(run);
}

void run_told_file(struct run *run)
{
    while (run->untold_count > 0 && !waits(run, &run->untold[0]))
        tell_first(run);
}

void run_told_all(struct run *run)
{
    while (run->untold_count > 0)
        tell_first(run);
}
