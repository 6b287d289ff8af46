#include "app/forget.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/refill.h"
#include "base/clock.h"
#include "base/text.h"

enum { TEXTS_MAX = 64 * 1024, OUT_MAX = 16 * 1024, SHOWN_NAME = 1200, SHOWN_FEED = 300 };

/* --- what is said ------------------------------------------------------------------------------------------------- */

/* Where the file itself is: forgetting rows is no reason to touch it. */
static void tell_where(const struct feed *feed, const struct settings *settings, const struct file_record *file,
                       struct buf *out)
{
    char stored[SHOWN_NAME], name[SHOWN_NAME];
    if (file->stored.len > 0)
        buf_printf(out, "kept at %s/%s\n", settings->data, text_escape(file->stored, stored, sizeof stored));
    else if (feed && feed->after == FEED_DELETE)
        buf_printf(out, "the file was deleted when it had been applied\n");
    else
        buf_printf(out, "left at %s/%.*s/%s\n", settings->data, (int)file->feed.len, file->feed.data,
                   text_escape(file->name, name, sizeof name));
}

static void tell(const struct pipeline *pipeline, const struct settings *settings, const struct file_record *file,
                 struct buf *out)
{
    char feed[SHOWN_FEED], name[SHOWN_NAME];
    text_escape(file->feed, feed, sizeof feed);
    buf_printf(out, "forgot %s/%s seq=%" PRIu64 " as seq=%" PRIu64 ": rows=%" PRIu64 " taken back; ", feed,
               text_escape(file->name, name, sizeof name), file->sequence, file->forgotten, file->rows);
    tell_where(pipeline_feed(pipeline, file->feed), settings, file, out);
    buf_printf(out, "dropped into %s/%s again, it is applied anew\n", settings->data, feed);
}

bool forget_file(struct core *core, const struct settings *settings, const char *which, struct buf *out,
                 struct error *error)
{
    struct arena texts;
    struct file_record file;
    arena_init(&texts, TEXTS_MAX);
    bool ok = core_forget(core, slice_of(which), clock_wall(), &texts, &file, error);
    if (ok)
        tell(core->pipeline, settings, &file, out);
    arena_close(&texts);
    return ok;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int failed(struct log *log, const struct error *error)
{
    log_error(log, "%s", error->text);
    return error_exit_code(error->kind);
}

static int deliver(const struct settings *settings, struct core *core, struct log *log)
{
    struct error error = {0};
    if (refill(settings, core, false, &error))
        return 0;
    log_error(log, "the file is forgotten for good, but the target has its rows still%s: %s",
              error.kind == ERROR_TARGET ? " (the next run delivers)" : "", error.text);
    return error_exit_code(error.kind);
}

static int forget_and_deliver(const struct settings *settings, struct core *core, const char *which, struct log *log)
{
    struct error error = {0};
    struct buf out;
    buf_init(&out, OUT_MAX);
    bool ok = forget_file(core, settings, which, &out, &error);
    if (ok)
        printf("%.*s", (int)out.len, out.len > 0 ? out.data : "");
    fflush(stdout);
    buf_close(&out);
    return ok ? deliver(settings, core, log) : failed(log, &error);
}

int forget(const struct settings *settings, const char *which, struct log *log)
{
    struct error error = {0};
    struct core core;
    int code;
    struct pipeline *pipeline = settings_pipeline(settings, &error);
    if (!pipeline)
        return failed(log, &error);
    if (core_open(&core, pipeline, settings->checkpoints, STORE_WRITE, settings->memory_limit, &error)) {
        code = forget_and_deliver(settings, &core, which, log);
        core_close(&core);
    } else {
        code = failed(log, &error);
    }
    pipeline_free(pipeline);
    return code;
}
