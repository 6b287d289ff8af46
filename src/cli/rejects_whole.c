#include "cli/rejects_whole.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/common.h"
#include "model/pipeline.h"

/* A file that was quarantined, by its row. */
struct whole {
    struct digest content;
    char feed[PIPELINE_NAME_MAX + 1];
    uint64_t id, again; /* again: the row of the next file of its feed with its content, or 0 */
};

struct wholes {
    struct whole *items; /* by content, feed, then id, once all are there */
    size_t count, room;
    bool failed, all;
    bool silent;         /* they are counted only */
    const char *data;    /* the folder below which they are kept */
    struct slice wanted; /* a file's name; empty: of all */
    struct buf *json;    /* NULL: text */
    uint64_t shown;
};

static int by_content(const struct whole *a, const struct whole *b)
{
    int order = memcmp(a->content.bytes, b->content.bytes, DIGEST_SIZE);
    return order != 0 ? order : strcmp(a->feed, b->feed);
}

static int in_order(const void *left, const void *right)
{
    const struct whole *a = left, *b = right;
    int order = by_content(a, b);
    return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

static struct whole whole_of(const struct file_record *file)
{
    struct whole whole = {.content = file->content, .id = file->id};
    snprintf(whole.feed, sizeof whole.feed, "%.*s", (int)file->feed.len, file->feed.data);
    return whole;
}

static bool collect(void *context, const struct file_record *file)
{
    struct wholes *wholes = context;
    if (file->state != FILE_QUARANTINED)
        return true;
    struct whole *items = list_grow(wholes->items, wholes->count, &wholes->room, sizeof *items);
    wholes->failed = !items;
    if (!items)
        return false;
    wholes->items = items;
    wholes->items[wholes->count++] = whole_of(file);
    return true;
}

/* The first of those with its feed and content whose row is not before its own. */
static size_t first_from(const struct wholes *wholes, const struct whole *key)
{
    size_t low = 0, high = wholes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in_order(&wholes->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The file is what the last one of its feed before it with its content became. */
static bool note_again(void *context, const struct file_record *file)
{
    struct wholes *wholes = context;
    struct whole key = whole_of(file);
    size_t at = first_from(wholes, &key);
    struct whole *before = at > 0 ? &wholes->items[at - 1] : NULL;
    if (before && before->again == 0 && by_content(before, &key) == 0)
        before->again = file->id;
    return true;
}

/* Whether somebody took it out of the quarantine, and so is done with it. Not so where the folder itself is not
   there. */
static bool is_taken(const char *data, struct slice stored)
{
    char path[SETTINGS_PATH_SIZE + STORE_STORED_SIZE];
    struct stat found;
    snprintf(path, sizeof path, "%s/%.*s", data, (int)stored.len, stored.len > 0 ? stored.data : "");
    if (stored.len == 0 || lstat(path, &found) == 0 || errno != ENOENT)
        return false;
    *strrchr(path, '/') = '\0';
    return lstat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bool print_json(struct buf *out, const struct file_record *file, bool again, bool taken)
{
    struct json json;
    json_init(&json, out);
    json_open(&json, NULL, '{');
    json_text(&json, "feed", file->feed);
    json_text(&json, "file", file->name);
    json_bool(&json, "whole", true);
    json_text(&json, "reason", file->reason);
    if (again)
        json_bool(&json, "again", true);
    else
        json_text(&json, "stored", file->stored);
    if (!again && taken)
        json_bool(&json, "taken", true);
    json_close(&json, '}');
    return common_print(out);
}

static void print_text(const struct file_record *file, bool again, bool taken)
{
    char name[COMMON_SHOWN], reason[COMMON_SHOWN], stored[COMMON_SHOWN];
    printf("%.*s/%s: the whole file: %s\n    %s%s\n", (int)file->feed.len, file->feed.data,
           text_escape(file->name, name, sizeof name), text_escape_again(file->reason, reason, sizeof reason),
           again ? "read again since" : text_escape(file->stored, stored, sizeof stored),
           !again && taken ? ": taken out of the quarantine since" : "");
}

static bool print_file(void *context, const struct file_record *file)
{
    struct wholes *wholes = context;
    char name[COMMON_SHOWN], reason[COMMON_SHOWN];
    if (!store_names_file(wholes->wanted, file->feed, file->name))
        return true;
    if (file->state == FILE_APPLIED && file->reason.len > 0 && !wholes->json && !wholes->silent)
        printf("%.*s/%s: %s\n", (int)file->feed.len, file->feed.data, text_escape(file->name, name, sizeof name),
               text_escape_again(file->reason, reason, sizeof reason));
    if (file->state != FILE_QUARANTINED)
        return true;
    struct whole key = whole_of(file);
    bool again = wholes->items[first_from(wholes, &key)].again > 0;
    bool taken = is_taken(wholes->data, file->stored);
    if ((again || taken) && !wholes->all)
        return true;
    wholes->shown++;
    if (wholes->silent)
        return true;
    if (wholes->json)
        wholes->failed = !print_json(wholes->json, file, again, taken);
    else
        print_text(file, again, taken);
    return !wholes->failed;
}

static bool go_through(struct wholes *wholes, struct store *store, struct error *error)
{
    bool ok = store_each_file(store, collect, wholes, error);
    if (ok && wholes->failed)
        ok = error_memory(error);
    if (ok && wholes->count > 0)
        qsort(wholes->items, wholes->count, sizeof *wholes->items, in_order);
    ok = ok && store_each_file(store, note_again, wholes, error) && store_each_file(store, print_file, wholes, error);
    free(wholes->items);
    return ok && (!wholes->failed || error_memory(error));
}

bool rejects_whole_print(struct store *store, const char *name, const struct settings *settings, struct buf *json,
                         uint64_t *count, struct error *error)
{
    struct wholes wholes = {.all = settings->all, .data = settings->data, .wanted = slice_of(name), .json = json};
    bool ok = go_through(&wholes, store, error);
    *count = wholes.shown;
    return ok;
}

bool rejects_whole_count(struct store *store, const struct settings *settings, uint64_t *count, struct error *error)
{
    struct wholes wholes = {.data = settings->data, .wanted = slice_of(""), .silent = true};
    bool ok = go_through(&wholes, store, error);
    *count = wholes.shown;
    return ok;
}
