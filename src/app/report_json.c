/* The lines of `run` for programs: an object a line, {"time":…,"event":"applied",…}. */
#include "app/report_json.h"

#include "base/clock.h"
#include "base/json.h"

enum { EVENT_MAX = 64 * 1024 };

void report_json_buckets(struct json *json, const struct buckets *buckets)
{
    struct bucket list[BUCKETS];
    buckets_list(buckets, list);
    for (size_t i = 0; i < BUCKETS; i++)
        json_count(json, list[i].name, list[i].rows);
}

static void begin_event(struct json *json, struct buf *out, const char *event)
{
    char when[CLOCK_TEXT_SIZE];
    clock_text(clock_wall(), when);
    buf_init(out, EVENT_MAX);
    json_init(json, out);
    json_open(json, NULL, '{');
    json_text(json, "time", slice_of(when));
    json_text(json, "event", slice_of(event));
}

static void end_event(struct report *report, struct json *json, struct buf *out)
{
    json_close(json, '}');
    if (!out->failed)
        fprintf(report->out, "%.*s\n", (int)out->len, out->data);
    buf_close(out);
}

static void put_file(struct json *json, const struct job *job, const char *where)
{
    json_text(json, "feed", slice_of(job->candidate->landing->feed->name));
    json_text(json, "file", slice_of(job->candidate->name));
    json_text(json, "where", slice_of(where));
}

static void put_closed(struct report *report, const struct core_closed *closed)
{
    struct json json;
    struct buf out;
    char before[CLOCK_TEXT_SIZE];
    clock_text(closed->before, before);
    begin_event(&json, &out, "closed");
    json_text(&json, "before", slice_of(before));
    json_count(&json, "seq", closed->sequence);
    json_count(&json, "groups", closed->groups);
    json_count(&json, "units", closed->units);
    end_event(report, &json, &out);
}

void report_json_applied(struct report *report, const struct job *job, const char *where)
{
    struct json json;
    struct buf out;
    begin_event(&json, &out, "applied");
    put_file(&json, job, where);
    json_count(&json, "version", job->facts.version);
    json_count(&json, "seq", job->result.sequence);
    json_count(&json, "rows", job->facts.rows);
    report_json_buckets(&json, &job->result.buckets);
    if (job->result.replaced > 0)
        json_count(&json, "replaced", job->result.replaced);
    json_text(&json, "note", job->facts.note);
    json_count(&json, "groups", job->result.groups);
    json_count(&json, "micros", (uint64_t)(clock_monotonic() - job->started));
    end_event(report, &json, &out);
    if (job->closed.sequence > 0)
        put_closed(report, &job->closed);
}

void report_json_duplicate(struct report *report, const struct job *job, const char *where)
{
    struct json json;
    struct buf out;
    begin_event(&json, &out, "duplicate");
    put_file(&json, job, where);
    json_text(&json, "original", slice_of(job->result.original));
    json_count(&json, "seq", job->result.sequence);
    end_event(report, &json, &out);
}

void report_json_quarantined(struct report *report, const struct job *job, const char *where)
{
    struct json json;
    struct buf out;
    begin_event(&json, &out, "quarantined");
    put_file(&json, job, where);
    json_text(&json, "reason", slice_of(job->error.text));
    end_event(report, &json, &out);
}

void report_json_delivered(struct report *report, const struct delivered *delivered)
{
    struct json json;
    struct buf out;
    begin_event(&json, &out, "delivered");
    json_count(&json, "seq", delivered->sequence);
    json_count(&json, "groups", delivered->groups);
    json_bool(&json, "full", delivered->full);
    json_count(&json, "overflows", delivered->overflows.values);
    json_count(&json, "micros", (uint64_t)delivered->micros);
    end_event(report, &json, &out);
}

void report_json_target(struct report *report, const char *name)
{
    struct json json;
    struct buf out;
    begin_event(&json, &out, "target");
    json_text(&json, "name", slice_of(name));
    end_event(report, &json, &out);
}

void report_json_end(struct report *report, const struct engine_stats *stats)
{
    struct json json;
    struct buf out;
    begin_event(&json, &out, "end");
    json_count(&json, "applied_files", report->files);
    json_count(&json, "duplicate_files", report->duplicates);
    json_count(&json, "quarantined_files", report->quarantined);
    json_count(&json, "rows", report->rows);
    report_json_buckets(&json, &report->buckets);
    json_open(&json, "groups", '{');
    for (size_t t = 0; t < report->pipeline->table_count; t++)
        json_count(&json, report->pipeline->tables[t].name, stats->groups[t]);
    json_close(&json, '}');
    json_open(&json, "waiting", '{');
    for (size_t f = 1; f < report->pipeline->feed_count; f++)
        json_count(&json, report->pipeline->feeds[f].name, stats->waiting[f]);
    json_close(&json, '}');
    end_event(report, &json, &out);
}
