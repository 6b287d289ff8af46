#include "app/forget.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/offline.h"
#include "base/clock.h"
#include "base/text.h"

enum {
    OUT_MAX = 16 * 1024, /* bytes of the answer */
    SHOWN_NAME = 1200,   /* bytes of an escaped name, cut beyond; so is */
    SHOWN_FEED = 300     /* that of a feed */
};

/* --- what is said ------------------------------------------------------------------------------------------------- */

/* Where the file itself is: forgetting rows is no reason to touch it. */
static void tell_where(const struct feed *feed, const char *data, const struct file_record *file, struct buf *out)
{
    char stored[SHOWN_NAME], name[SHOWN_NAME];
    if (file->stored.len > 0)
        buf_printf(out, "kept at %s/%s\n", data, text_escape(file->stored, stored, sizeof stored));
    else if (feed && feed->after == FEED_DELETE)
        buf_printf(out, "the file was deleted when it had been applied\n");
    else
        buf_printf(out, "left at %s/%.*s/%s\n", data, (int)file->feed.len, file->feed.data,
                   text_escape(file->name, name, sizeof name));
}

static void tell(const struct pipeline *pipeline, const struct settings *settings, const struct file_record *file,
                 struct buf *out)
{
    char feed[SHOWN_FEED], name[SHOWN_NAME], data[SHOWN_NAME];
    text_escape(file->feed, feed, sizeof feed);
    text_escape(slice_of(settings->data), data, sizeof data);
    buf_printf(out, "forgot %s/%s seq=%" PRIu64 " as seq=%" PRIu64 ": rows=%" PRIu64 " taken back; ", feed,
               text_escape(file->name, name, sizeof name), file->sequence, file->forgotten, file->rows);
    tell_where(pipeline_feed(pipeline, file->feed), data, file, out);
    buf_printf(out, "dropped into %s/%s again, it is applied anew\n", data, feed);
}

bool forget_file(struct core *core, const struct settings *settings, const char *which, struct buf *out,
                 struct error *error)
{
    struct arena texts;
    struct file_record file;
    arena_init(&texts, STORE_TEXTS_MAX);
    bool ok = core_forget(core, slice_of(which), clock_wall(), &texts, &file, error);
    if (ok)
        tell(core->pipeline, settings, &file, out);
    arena_close(&texts);
    return ok;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int forget_and_deliver(const struct settings *settings, struct core *core, void *context, struct log *log)
{
    const char **which = context;
    struct error error = {0};
    struct buf out;
    buf_init(&out, OUT_MAX);
    bool ok = forget_file(core, settings, *which, &out, &error);
    if (ok)
        printf("%.*s", (int)out.len, out.len > 0 ? out.data : "");
    fflush(stdout);
    buf_close(&out);
    return ok ? offline_deliver(settings, core, "the file is forgotten for good, but the target has its rows still",
                                log)
              : offline_failed(log, &error);
}

int forget(const struct settings *settings, const char *which, struct log *log)
{
    return offline(settings, forget_and_deliver, &which, log);
}
