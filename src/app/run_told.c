/*
 * Columns that were skipped, when they come up; and the order of what is told: a delivery behind the files whose rows
 * it brought. It is often there before such a file is archived, and only then that is told. Deliveries of earlier
 * changes are told at once.
 */
#include <string.h>

#include "app/flight.h"
#include "base/text.h"

enum { COLUMNS_TOLD = 8, COLUMN_SHOWN = 128 };

void flight_tell_columns(const struct flight *flight)
{
    const struct file_facts *facts = &flight->job.facts;
    char name[LANDING_NAME_SIZE * 4], column[COLUMN_SHOWN];
    struct buf list;
    if (!flight->job.result.columns_new)
        return;
    buf_init(&list, COLUMNS_TOLD * (COLUMN_SHOWN + 8) + 32);
    for (size_t i = 0; i < facts->unknown_count && i < COLUMNS_TOLD; i++)
        buf_printf(&list, "%s\"%s\"", i > 0 ? ", " : "", text_escape(facts->unknown[i], column, sizeof column));
    if (facts->unknown_count > COLUMNS_TOLD)
        buf_printf(&list, " and %zu more", facts->unknown_count - COLUMNS_TOLD);
    report_name(flight->job.candidate->landing, flight->job.candidate->name, name, sizeof name);
    log_info(flight->run->log, "%s: columns in no descriptor, skipped: %.*s", name, (int)list.len,
             list.len > 0 ? list.data : "");
    buf_close(&list);
}

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
