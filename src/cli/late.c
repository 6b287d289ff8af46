#include <inttypes.h>
#include <stdio.h>

#include "app/late.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"
#include "model/timestamp.h"

struct listing {
    const struct pipeline *pipeline;
    bool json;
    bool failed; /* a row could not be shown, as memory is out */
    uint64_t count;
    struct buf out, value;
};

/* The fields that name the row: its feed's key; without one the grain's, or what it joins by. */
static const size_t *naming_fields(const struct pipeline *p, size_t feed, size_t *count)
{
    *count = p->feeds[feed].key_count;
    if (*count > 0)
        return p->feeds[feed].key;
    *count = feed == 0 ? p->grain_key_count : p->joins[feed - 1].on_count;
    return feed == 0 ? p->grain_key : p->joins[feed - 1].feed_field;
}

static struct slice value_text(struct listing *listing, struct value_type type, struct value value)
{
    buf_reset(&listing->value);
    if (!value.null)
        value_print(type, value, &listing->value);
    listing->failed |= listing->value.failed;
    return buf_slice(&listing->value);
}

static struct slice window_text(struct listing *listing, int64_t window)
{
    buf_reset(&listing->value);
    timestamp_print(window, &listing->value);
    return buf_slice(&listing->value);
}

static void print_json(struct listing *listing, const struct late_row *row)
{
    static const char *const words[] = {[ENGINE_LATE_WINDOW] = "window",
                                        [ENGINE_LATE_KEY] = "key",
                                        [ENGINE_LATE_SPEAKS] = "speaks",
                                        [ENGINE_LATE_JOINED] = "joined"};
    struct json json;
    const struct feed *feed = &listing->pipeline->feeds[row->feed];
    size_t count;
    const size_t *fields = naming_fields(listing->pipeline, row->feed, &count);
    json_init(&json, &listing->out);
    json_open(&json, NULL, '{');
    json_text(&json, "feed", slice_of(feed->name));
    json_text(&json, "file", row->file);
    json_count(&json, "seq", row->sequence);
    json_count(&json, "row", row->row);
    json_count(&json, "line", row->line);
    json_open(&json, "key", '{');
    for (size_t i = 0; i < count; i++)
        json_text(&json, feed->fields[fields[i]].name,
                  value_text(listing, feed->fields[fields[i]].type, row->values[fields[i]]));
    json_close(&json, '}');
    json_text(&json, "why", slice_of(words[row->why]));
    json_text(&json, "window", window_text(listing, row->window));
    json_close(&json, '}');
    listing->failed |= !common_print(&listing->out);
}

static const char *reason(enum engine_why_late why)
{
    switch (why) {
    case ENGINE_LATE_WINDOW:
        return "it lies in the closed window from";
    case ENGINE_LATE_KEY:
        return "its key was closed with the window from";
    case ENGINE_LATE_SPEAKS:
        return "what is left without it lies in the closed window from";
    case ENGINE_LATE_JOINED:
        break;
    }
    return "what it joins to was closed with the window from";
}

static void print_text(struct listing *listing, const struct late_row *row)
{
    char shown[COMMON_SHOWN];
    const struct feed *feed = &listing->pipeline->feeds[row->feed];
    size_t count;
    const size_t *fields = naming_fields(listing->pipeline, row->feed, &count);
    printf("%s/%s:%" PRIu64 ":", feed->name, text_escape(row->file, shown, sizeof shown), row->line);
    for (size_t i = 0; i < count; i++)
        printf(" %s=%s", feed->fields[fields[i]].name,
               text_escape(value_text(listing, feed->fields[fields[i]].type, row->values[fields[i]]), shown,
                           sizeof shown));
    printf("%s %s %s\n", count > 0 ? ":" : "", reason(row->why),
           text_escape(window_text(listing, row->window), shown, sizeof shown));
}

static void print_row(void *context, const struct late_row *row)
{
    struct listing *listing = context;
    listing->count++;
    if (listing->json)
        print_json(listing, row);
    else
        print_text(listing, row);
}

static int late(const struct invocation *invocation, struct common_view *view)
{
    struct error error = {0};
    struct slice name = invocation->operand_count ? slice_of(invocation->operands[0]) : (struct slice){0};
    struct listing listing = {.pipeline = view->pipeline, .json = invocation->settings.json};
    buf_init(&listing.out, COMMON_OUTPUT_MAX);
    buf_init(&listing.value, COMMON_OUTPUT_MAX);
    bool ok = (name.len == 0 || common_find_name(view->store, invocation->operands[0], &error)) &&
              late_each(view->pipeline, view->store, name, print_row, &listing, &error) &&
              (!listing.failed || error_memory(&error));
    buf_close(&listing.value);
    buf_close(&listing.out);
    if (!ok)
        return common_failed(invocation, &error);
    if (!listing.json)
        fprintf(stderr, "%s late row%s\n", TEXT_COUNT(listing.count), text_plural(listing.count));
    return 0;
}

static int execute(const struct invocation *invocation)
{
    return common_with_view(invocation, late);
}

const struct command command_late = {
    .name = "late",
    .operands = "[FILE]",
    .operands_max = 1,
    .summary = "List the rows that came after their window had closed.",
    .help = "Of a pipeline with \"retention\": each row that came too late to count, with its file, line and key, the "
            "start of\n"
            "the window that is closed, and why it hangs on that: it lies there itself; the row of its key did, or "
            "that of\n"
            "its order; what it joins to did; or it would leave its order to a line that lies there. They are kept: a\n"
            "`dropfold replay` under a longer lateness counts them. Reads the checkpoint store, also beside a running\n"
            "dropfold.\n"
            "FILE is a file's name in its landing folder, with or without \"<feed>/\" before it.\n"
            "\n"
            "  dropfold late\n"
            "  dropfold late FEED/new-03.csv\n"
            "  dropfold late --json | jq -r .why | sort | uniq -c\n"
            "\n"
            "Exit codes: 0 shown; 1 there is no store yet; 64 no such file; 78 configuration.\n",
    .options = OPTION_JSON,
    .execute = execute,
};
