#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

enum { SHOWN_RAW = 400, SHOWN_TEXT = 1200 };

struct listing {
    bool json;
    uint64_t count;
    struct buf out;
};

static void print_json(struct listing *listing, const struct reject_record *record)
{
    struct json json;
    json_init(&json, &listing->out);
    json_open(&json, NULL, '{');
    json_text(&json, "feed", record->feed);
    json_text(&json, "file", record->name);
    json_count(&json, "seq", record->sequence);
    json_count(&json, "row", record->reject.row);
    json_count(&json, "line", record->reject.line);
    json_count(&json, "column", record->reject.column);
    json_text(&json, "field", record->reject.field);
    json_text(&json, "reason", record->reject.reason);
    json_text(&json, "raw", record->reject.raw);
    json_close(&json, '}');
    common_print(&listing->out);
}

static void print_text(const struct reject_record *record)
{
    char name[SHOWN_TEXT], field[SHOWN_TEXT], reason[SHOWN_TEXT], raw[SHOWN_RAW];
    const struct reject *reject = &record->reject;
    printf("%.*s/%s:%" PRIu64 ":", (int)record->feed.len, record->feed.data,
           text_escape(record->name, name, sizeof name), reject->line);
    if (reject->column > 0) /* else the row as such is wrong */
        printf("%" PRIu32 ":", reject->column);
    printf(" %s%s%s\n    %s\n", text_escape(reject->field, field, sizeof field), reject->field.len ? ": " : "",
           text_escape(reject->reason, reason, sizeof reason), text_escape(reject->raw, raw, sizeof raw));
}

static bool print_reject(void *context, const struct reject_record *record)
{
    struct listing *listing = context;
    listing->count++;
    if (listing->json)
        print_json(listing, record);
    else
        print_text(record);
    return true;
}

static bool print_whole(void *context, const struct file_record *file)
{
    struct listing *listing = context;
    char name[SHOWN_TEXT], reason[SHOWN_TEXT], stored[SHOWN_TEXT];
    if (listing->json)
        return true;
    if (file->state == FILE_APPLIED && file->reason.len > 0)
        printf("%.*s/%s: %s\n", (int)file->feed.len, file->feed.data,
               text_escape(file->name, name, sizeof name), text_escape(file->reason, reason, sizeof reason));
    if (file->state != FILE_QUARANTINED)
        return true;
    printf("%.*s/%s: the whole file: %s\n    %s\n", (int)file->feed.len, file->feed.data,
           text_escape(file->name, name, sizeof name), text_escape(file->reason, reason, sizeof reason),
           text_escape(file->stored, stored, sizeof stored));
    return true;
}

static int execute(const struct invocation *invocation)
{
    struct common_view view;
    struct error error = {0};
    int code = 0;
    if (!common_view_open(&view, invocation, &code))
        return code;
    struct slice name = invocation->operand_count ? slice_of(invocation->operands[0]) : (struct slice){0};
    struct listing listing = {.json = invocation->settings.json};
    buf_init(&listing.out, COMMON_OUTPUT_MAX);
    bool ok = store_each_reject(view.store, name, print_reject, &listing, &error) &&
              (name.len > 0 || store_each_file(view.store, print_whole, &listing, &error));
    buf_close(&listing.out);
    common_view_close(&view);
    if (!ok)
        return common_failed(invocation, &error);
    if (!listing.json)
        fprintf(stderr, "%" PRIu64 " rejected row%s\n", listing.count, listing.count == 1 ? "" : "s");
    return 0;
}

const struct command command_rejects = {
    .name = "rejects",
    .operands = "[FILE]",
    .operands_max = 1,
    .summary = "List the rows that were not accepted, and the files set aside whole.",
    .help = "Each row with its file, line, column, the reason and its raw text, so that it can be mended and dropped "
            "again.\n"
            "Behind them, how many values of a file are null by \"on_error\" and how many rows were repaired.\n"
            "FILE is a file's name in its landing folder, with or without \"<feed>/\" before it.\n"
            "\n"
            "  dropfold rejects\n"
            "  dropfold rejects FEED/new-03.csv\n"
            "  dropfold rejects --json | jq -r .raw          one JSON object a line\n",
    .options = OPTION_JSON,
    .execute = execute,
};
