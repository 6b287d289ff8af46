#include <inttypes.h>
#include <stdio.h>

#include "app/explain.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

enum { KEY_TEXT_MAX = 64 * 1024 * PIPELINE_KEY_MAX };

struct listing {
    const struct pipeline *pipeline;
    struct explanation places;
    bool json;
    bool failed; /* one could not be shown, as memory is out */
    uint64_t waiting, closed;
    struct buf out, value;
};

static struct slice key_text(struct listing *listing, const struct engine_waiting *waiting, size_t i)
{
    const struct feed_field *field = &listing->pipeline->feeds[0].fields[waiting->key_fields[i]];
    buf_reset(&listing->value);
    value_print(field->type, waiting->key[i], &listing->value);
    listing->failed |= listing->value.failed;
    return buf_slice(&listing->value);
}

static void print_json(struct listing *listing, const struct engine_waiting *waiting)
{
    struct json json;
    json_init(&json, &listing->out);
    json_open(&json, NULL, '{');
    json_open(&json, "key", '{');
    for (size_t i = 0; i < waiting->key_count; i++)
        json_text(&json, listing->pipeline->feeds[0].fields[waiting->key_fields[i]].name,
                  key_text(listing, waiting, i));
    json_close(&json, '}');
    json_text(&json, "waits_for", slice_of(listing->pipeline->feeds[waiting->lacks].name));
    json_bool(&json, "closed", waiting->sequence == 0);
    if (waiting->sequence > 0) {
        const struct explained_record *place = explain_find(&listing->places, waiting->sequence, waiting->row);
        json_text(&json, "feed", slice_of(listing->pipeline->feeds[0].name));
        json_text(&json, "file", place->file->name);
        json_count(&json, "seq", waiting->sequence);
        json_count(&json, "row", waiting->row);
        json_count(&json, "line", place->line);
    }
    json_close(&json, '}');
    listing->failed |= !common_print(&listing->out);
}

static void print_text(struct listing *listing, const struct engine_waiting *waiting)
{
    char shown[COMMON_SHOWN];
    for (size_t i = 0; i < waiting->key_count; i++)
        printf("%s=%s ", listing->pipeline->feeds[0].fields[waiting->key_fields[i]].name,
               text_escape(key_text(listing, waiting, i), shown, sizeof shown));
    const char *feed = listing->pipeline->feeds[waiting->lacks].name;
    if (waiting->sequence == 0) {
        printf("waited for %s when its window closed\n", feed);
        return;
    }
    const struct explained_record *place = explain_find(&listing->places, waiting->sequence, waiting->row);
    printf("waits for %s (%s/%s:%" PRIu64 ", seq %" PRIu64 ")\n", feed, listing->pipeline->feeds[0].name,
           text_escape(place->file->name, shown, sizeof shown), place->line, waiting->sequence);
}

static bool print_waiting(void *context, const struct engine_waiting *waiting)
{
    struct listing *listing = context;
    if (waiting->sequence > 0)
        listing->waiting++;
    else
        listing->closed++;
    if (listing->json)
        print_json(listing, waiting);
    else
        print_text(listing, waiting);
    return !listing->failed;
}

static void tell_sum(const struct listing *listing)
{
    fprintf(stderr, "%s waiting", TEXT_COUNT(listing->waiting));
    if (listing->closed > 0)
        fprintf(stderr, ", and %s whose window closed while they waited", TEXT_COUNT(listing->closed));
    fputc('\n', stderr);
}

static bool list(struct listing *listing, struct core *core, struct error *error)
{
    uint64_t until = store_progress(core->store)->sequence;
    buf_init(&listing->out, COMMON_OUTPUT_MAX);
    buf_init(&listing->value, KEY_TEXT_MAX);
    bool ok = explain_waiting(&listing->places, core, until, error);
    if (ok)
        engine_each_waiting(core->engine, print_waiting, listing);
    buf_close(&listing->value);
    buf_close(&listing->out);
    explain_close(&listing->places);
    return ok && (!listing->failed || error_memory(error));
}

static int unmatched(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct core core;
    struct error error = {0};
    if (!core_open(&core, pipeline, invocation->settings.checkpoints, STORE_READ, 0, &error))
        return common_failed(invocation, &error);
    struct listing listing = {.pipeline = pipeline, .json = invocation->settings.json};
    bool ok = list(&listing, &core, &error);
    core_close(&core);
    if (!ok)
        return common_failed(invocation, &error);
    if (!listing.json)
        tell_sum(&listing);
    return 0;
}

static int execute(const struct invocation *invocation)
{
    return common_with_pipeline(invocation, unmatched);
}

const struct command command_unmatched = {
    .name = "unmatched",
    .operands = "",
    .summary = "List what waits for a record of another feed.",
    .help =
        "A unit (an order, say) counts in the tables once every required feed has a record for it. Those that lack\n"
        "one are nowhere else to be seen, and are listed here with their key, the feed they lack, and the file, line\n"
        "and change they came with. So are those whose window closed meanwhile (\"retention\" in the pipeline); they\n"
        "never count. Reads the checkpoint store, also beside a running dropfold.\n"
        "\n"
        "  dropfold unmatched\n"
        "  dropfold unmatched --json | jq -r .waits_for | sort | uniq -c\n"
        "\n"
        "Exit codes: 0 shown; 1 there is no store yet; 78 configuration.\n",
    .options = OPTION_JSON,
    .execute = execute,
};
