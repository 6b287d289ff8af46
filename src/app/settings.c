#include "app/settings.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

enum {
    RESCAN_DEFAULT = 5 * 1000 * 1000,
    TARGET_TIMEOUT_DEFAULT = 30 * 1000 * 1000,
    TARGET_CHECK_DEFAULT = 60 * 1000 * 1000,
    LIMIT_DEFAULT = 100
};

static const char *environment(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

static unsigned usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > SETTINGS_THREADS_MAX ? SETTINGS_THREADS_MAX : (unsigned)count;
}

bool settings_count(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || *end || value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool settings_seconds(const char *text, int64_t *micros)
{
    struct value value;
    const char *expected;
    struct value_type seconds = {VALUE_DECIMAL, DECIMAL_PRECISION_MAX, 6};
    if (!value_parse(seconds, NULL, 0, slice_of(text), &value, &expected) || value.null)
        return false;
    if (value.i < 0 || value.i > INT64_C(86400000000))
        return false;
    *micros = value.i;
    return true;
}

bool settings_log_format(struct settings *settings, const char *text)
{
    settings->log_json = strcmp(text, "json") == 0;
    return settings->log_json || strcmp(text, "text") == 0;
}

bool settings_init(struct settings *settings, struct error *error)
{
    *settings = (struct settings){
        .pipeline = environment("DROPFOLD_PIPELINE", "schemas/ecommerce.json"),
        .data = environment("DROPFOLD_DATA", "data"),
        .checkpoints = environment("DROPFOLD_CHECKPOINTS", "checkpoints"),
        .target = environment("DROPFOLD_TARGET", NULL),
        .threads = usable_cpus(),
        .settle = -1,
        .from = -1,
        .to = -1,
        .rescan = RESCAN_DEFAULT,
        .target_timeout = TARGET_TIMEOUT_DEFAULT,
        .target_check = TARGET_CHECK_DEFAULT,
        .limit = LIMIT_DEFAULT,
        .events = true,
    };
    const char *format = environment("DROPFOLD_LOG_FORMAT", "text");
    if (!settings_log_format(settings, format))
        return error_set(error, ERROR_USAGE, "DROPFOLD_LOG_FORMAT: found \"%s\", expected text or json", format);
    const char *threads = environment("DROPFOLD_THREADS", NULL);
    unsigned long count;
    if (threads) {
        if (!settings_count(threads, 1, SETTINGS_THREADS_MAX, &count))
            return error_set(error, ERROR_USAGE, "DROPFOLD_THREADS: found \"%s\", expected a number from 1 to %d",
                             threads, SETTINGS_THREADS_MAX);
        settings->threads = (unsigned)count;
    }
    return true;
}

bool settings_target(const struct settings *settings, const struct pipeline *pipeline, char *out, struct error *error)
{
    static const char *const from_postgres[] = {"PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"};
    int length = -1;
    if (settings->target) {
        length = snprintf(out, SETTINGS_PATH_SIZE, "%s", settings->target);
    } else {
        for (size_t i = 0; i < COUNT_OF(from_postgres) && length < 0; i++)
            if (environment(from_postgres[i], NULL))
                length = snprintf(out, SETTINGS_PATH_SIZE, "%s", "");
        if (length < 0)
            length = snprintf(out, SETTINGS_PATH_SIZE, "sqlite:%s/results/%s.db", settings->data, pipeline->name);
    }
    if (length < 0 || length >= SETTINGS_PATH_SIZE)
        return error_set(error, ERROR_USAGE, "the target's address is longer than %d bytes", SETTINGS_PATH_SIZE - 1);
    return true;
}

unsigned settings_spare(const struct settings *settings)
{
    return settings->threads > 1 ? settings->threads - 1 : 0;
}

struct pipeline *settings_pipeline(const struct settings *settings, struct error *error)
{
    struct doc_problems problems;
    if (access(settings->pipeline, R_OK) != 0) {
        error_set(error, ERROR_CONFIG, "the pipeline %s cannot be read: %s; -p or DROPFOLD_PIPELINE names another",
                  settings->pipeline, strerror(errno));
        return NULL;
    }
    doc_problems_init(&problems);
    struct pipeline *pipeline = pipeline_load(settings->pipeline, &problems);
    if (!pipeline) {
        fprintf(stderr, "%.*s", (int)problems.text.len, problems.text.len ? problems.text.data : "");
        error_set(error, ERROR_CONFIG, "%zu mistake%s in %s and its descriptors", problems.count,
                  text_plural(problems.count), settings->pipeline);
    }
    doc_problems_close(&problems);
    for (size_t i = 0; pipeline && settings->settle >= 0 && i < pipeline->feed_count; i++)
        pipeline->feeds[i].settle = settings->settle;
    return pipeline;
}
