#include "app/report.h"

#include <inttypes.h>
#include <unistd.h>

#include "app/report_json.h"
#include "base/clock.h"
#include "base/text.h"

enum {
    NAME_SIZE = 700,       /* bytes of an escaped "feed/name"; a longer one is cut */
    BAR_EVERY = 100 * 1000 /* microseconds */
};

static void clear_bar(struct report *report)
{
    if (report->bar_shown)
        fputs("\r\033[K", stderr);
    report->bar_shown = false;
}

static void around_log(void *context, bool before)
{
    if (before)
        clear_bar(context);
}

void report_init(struct report *report, const struct settings *settings, const struct pipeline *pipeline,
                 struct log *log)
{
    *report = (struct report){.out = stdout,
                              .log = log,
                              .settings = settings,
                              .pipeline = pipeline,
                              .bar = isatty(STDERR_FILENO) == 1 && !settings->log_json,
                              .began = clock_monotonic()};
    log->around = around_log;
    log->context = report;
    setvbuf(stdout, NULL, _IOLBF, 0);
}

char *report_name(const struct landing *landing, const char *name, char *out, size_t size)
{
    int used = snprintf(out, size, "%s/", landing->feed->name);
    if (used > 0 && (size_t)used < size)
        text_escape(slice_of(name), out + used, size - (size_t)used);
    return out;
}

static double seconds(int64_t micros)
{
    return (double)micros / 1e6;
}

static void put_buckets(struct report *report, const struct buckets *buckets)
{
    struct bucket list[BUCKETS];
    buckets_list(buckets, list);
    for (size_t i = 0; i < BUCKETS; i++)
        if (i == 0 || list[i].rows > 0)
            fprintf(report->out, " %s=%" PRIu64, list[i].name, list[i].rows);
}

void report_target(struct report *report, const char *name)
{
    if (report->settings->log_json)
        report_json_target(report, name);
    else
        fprintf(report->out, "target %s\n", name);
}

static void text_closed(struct report *report, const struct core_closed *closed)
{
    char before[CLOCK_TEXT_SIZE];
    clock_text(closed->before, before);
    fprintf(report->out, "closed windows up to %s seq=%" PRIu64 " groups=%" PRIu64 " units=%" PRIu64 "\n", before,
            closed->sequence, closed->groups, closed->units);
}

static void text_applied(struct report *report, const struct job *job, const char *where)
{
    char name[NAME_SIZE], place[NAME_SIZE * 2];
    const struct core_result *result = &job->result;
    fprintf(report->out, "applied %s v%" PRIu32 " seq=%" PRIu64 " rows=%" PRIu64,
            report_name(job->candidate->landing, job->candidate->name, name, sizeof name), job->facts.version,
            result->sequence, job->facts.rows);
    put_buckets(report, &result->buckets);
    if (result->replaced > 0)
        fprintf(report->out, " replaced seq=%" PRIu64, result->replaced);
    if (job->facts.note.len > 0)
        fprintf(report->out, " (%.*s)", (int)job->facts.note.len, job->facts.note.data);
    fprintf(report->out, " groups=%" PRIu64 " in %.2f s -> %s\n", result->groups,
            seconds(clock_monotonic() - job->started), text_escape(slice_of(where), place, sizeof place));
    if (job->closed.sequence > 0)
        text_closed(report, &job->closed);
}

void report_applied(struct report *report, const struct job *job, const char *where)
{
    clear_bar(report);
    report->files++;
    report->rows += job->facts.rows;
    report->bytes += job->facts.size;
    buckets_add(&report->buckets, &job->result.buckets);
    (report->settings->log_json ? report_json_applied : text_applied)(report, job, where);
}

static void text_duplicate(struct report *report, const struct job *job, const char *where)
{
    char name[NAME_SIZE], original[NAME_SIZE], place[NAME_SIZE * 2];
    fprintf(report->out, "duplicate %s of %s seq=%" PRIu64 ", nothing to apply -> %s\n",
            report_name(job->candidate->landing, job->candidate->name, name, sizeof name),
            report_name(job->candidate->landing, job->result.original, original, sizeof original), job->result.sequence,
            text_escape(slice_of(where), place, sizeof place));
}

void report_duplicate(struct report *report, const struct job *job, const char *where)
{
    clear_bar(report);
    report->duplicates++;
    (report->settings->log_json ? report_json_duplicate : text_duplicate)(report, job, where);
}

static void text_quarantined(struct report *report, const struct job *job, const char *where)
{
    char name[NAME_SIZE], place[NAME_SIZE * 2];
    fprintf(report->out, "quarantined %s: %s -> %s\n",
            report_name(job->candidate->landing, job->candidate->name, name, sizeof name), job->error.text,
            text_escape(slice_of(where), place, sizeof place));
}

void report_quarantined(struct report *report, const struct job *job, const char *where)
{
    clear_bar(report);
    report->quarantined++;
    (report->settings->log_json ? report_json_quarantined : text_quarantined)(report, job, where);
}

void report_delivery(FILE *out, const struct pipeline *pipeline, const struct delivered *delivered)
{
    const struct engine_overflows *overflows = &delivered->overflows;
    fprintf(out, "delivered seq=%" PRIu64 " groups=%" PRIu64 "%s in %.2f s", delivered->sequence, delivered->groups,
            delivered->full ? " (full)" : "", seconds(delivered->micros));
    if (overflows->values > 0) {
        const struct table *table = &pipeline->tables[overflows->table];
        fprintf(out, "; overflows=%" PRIu64 ": NULL, as their column cannot hold them, one in %s.%s", overflows->values,
                table->name, table->columns[overflows->column].name);
    }
    fputc('\n', out);
}

void report_delivered(struct report *report, const struct delivered *delivered)
{
    clear_bar(report);
    if (report->settings->log_json)
        report_json_delivered(report, delivered);
    else
        report_delivery(report->out, report->pipeline, delivered);
}

void report_tick(struct report *report, uint64_t ahead)
{
    int64_t now = clock_monotonic();
    if (!report->bar || now - report->bar_at < BAR_EVERY)
        return;
    report->bar_at = now;
    if (ahead == 0) {
        clear_bar(report);
        return;
    }
    double spent = seconds(now - report->began);
    uint64_t done = report->files + report->duplicates + report->quarantined;
    fprintf(stderr, "\r\033[K%s of %s file%s, %s row%s, %.1f MB/s", TEXT_COUNT(done), TEXT_COUNT(done + ahead),
            text_plural(done + ahead), TEXT_COUNT(report->rows), text_plural(report->rows),
            spent > 0 ? (double)report->bytes / 1e6 / spent : 0.0);
    if (done > 0)
        fprintf(stderr, ", about %.0f s left", spent / (double)done * (double)ahead);
    report->bar_shown = true;
    fflush(stderr);
}

void report_waiting(FILE *out, const struct pipeline *pipeline, const uint64_t *waiting)
{
    bool any = false;
    for (size_t f = 1; f < pipeline->feed_count; f++) {
        if (waiting[f] == 0)
            continue;
        if (any)
            fprintf(out, ", %s for %s", TEXT_COUNT(waiting[f]), pipeline->feeds[f].name);
        else
            fprintf(out, "%s %s%s wait%s for %s", TEXT_COUNT(waiting[f]), pipeline->has_grain ? "unit" : "row",
                    text_plural(waiting[f]), waiting[f] == 1 ? "s" : "", pipeline->feeds[f].name);
        any = true;
    }
    if (any)
        fputs(" (dropfold unmatched)\n", out);
}

static void text_end(struct report *report, const struct engine_stats *stats)
{
    fprintf(report->out, "%s file%s applied, %s duplicate, %s quarantined; %s row%s:", TEXT_COUNT(report->files),
            text_plural(report->files), TEXT_COUNT(report->duplicates), TEXT_COUNT(report->quarantined),
            TEXT_COUNT(report->rows), text_plural(report->rows));
    put_buckets(report, &report->buckets);
    fputs(";", report->out);
    for (size_t t = 0; t < report->pipeline->table_count; t++)
        fprintf(report->out, "%s %s group%s in %s", t ? "," : "", TEXT_COUNT(stats->groups[t]),
                text_plural(stats->groups[t]), report->pipeline->tables[t].name);
    fprintf(report->out, "; %.2f s\n", seconds(clock_monotonic() - report->began));
    report_waiting(report->out, report->pipeline, stats->waiting);
}

void report_end(struct report *report, const struct engine_stats *stats)
{
    clear_bar(report);
    (report->settings->log_json ? report_json_end : text_end)(report, stats);
    for (size_t t = 0; t < report->pipeline->table_count; t++)
        if (stats->mixed[t] > 0)
            log_warning(report->log, "%" PRIu64 " group%s of %s with several values of a field that should be uniform",
                        stats->mixed[t], text_plural(stats->mixed[t]), report->pipeline->tables[t].name);
}
