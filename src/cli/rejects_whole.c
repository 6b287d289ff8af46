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

/* A file that was set aside, by its row. */
struct aside {
    struct digest content;
    char feed[PIPELINE_NAME_MAX + 1];
    uint64_t id, again; /* again: the row of the next file of its feed with its content, or 0 */
};

struct asides {
    struct aside *items; /* by content, feed, then id, once all are there */
    size_t count, room;
    bool failed, all;
    bool silent;         /* they are counted only */
    const char *data;    /* the folder below which they are kept */
    struct slice wanted; /* a file's name; empty: of all */
    struct buf *json;    /* NULL: text */
    uint64_t shown;
};

static int by_content(const struct aside *a, const struct aside *b)
{
    int order = memcmp(a->content.bytes, b->content.bytes, DIGEST_SIZE);
    return order != 0 ? order : strcmp(a->feed, b->feed);
}

static int in_order(const void *left, const void *right)
{
    const struct aside *a = left, *b = right;
    int order = by_content(a, b);
    return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

static struct aside aside_of(const struct file_record *file)
{
    struct aside aside = {.content = file->content, .id = file->id};
    snprintf(aside.feed, sizeof aside.feed, "%.*s", (int)file->feed.len, file->feed.data);
    return aside;
}

static bool collect(void *context, const struct file_record *file)
{
    struct asides *asides = context;
    if (file->state != FILE_QUARANTINED)
        return true;
    struct aside *items = list_grow(asides->items, asides->count, &asides->room, sizeof *items);
    asides->failed = !items;
    if (!items)
        return false;
    asides->items = items;
    asides->items[asides->count++] = aside_of(file);
    return true;
}

/* The first of those with its feed and content whose row is not before its own. */
static size_t first_from(const struct asides *asides, const struct aside *key)
{
    size_t low = 0, high = asides->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in_order(&asides->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The file is what the last one of its feed before it with its content became. */
static bool note_again(void *context, const struct file_record *file)
{
    struct asides *asides = context;
    struct aside key = aside_of(file);
    size_t at = first_from(asides, &key);
    struct aside *before = at > 0 ? &asides->items[at - 1] : NULL;
    if (before && before->again == 0 && by_content(before, &key) == 0)
        before->again = file->id;
    return true;
}

/* Whether somebody took it out of the quarantine, and so is done with it. Not so where the folder itself is not there. */
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
    struct asides *asides = context;
    char name[COMMON_SHOWN], reason[COMMON_SHOWN];
    if (!store_names_file(asides->wanted, file->feed, file->name))
        return true;
    if (file->state == FILE_APPLIED && file->reason.len > 0 && !asides->json && !asides->silent)
        printf("%.*s/%s: %s\n", (int)file->feed.len, file->feed.data, text_escape(file->name, name, sizeof name),
               text_escape_again(file->reason, reason, sizeof reason));
    if (file->state != FILE_QUARANTINED)
        return true;
    struct aside key = aside_of(file);
    bool again = asides->items[first_from(asides, &key)].again > 0;
    bool taken = is_taken(asides->data, file->stored);
    if ((again || taken) && !asides->all)
        return true;
    asides->shown++;
    if (asides->silent)
        return true;
    if (asides->json)
        asides->failed = !print_json(asides->json, file, again, taken);
    else
        print_text(file, again, taken);
    return !asides->failed;
}

static bool go_through(struct asides *asides, struct store *store, struct error *error)
{
    bool ok = store_each_file(store, collect, asides, error);
    if (ok && asides->failed)
        ok = error_memory(error);
    if (ok && asides->count > 0)
        qsort(asides->items, asides->count, sizeof *asides->items, in_order);
    ok = ok && store_each_file(store, note_again, asides, error) && store_each_file(store, print_file, asides, error);
    free(asides->items);
    return ok && (!asides->failed || error_memory(error));
}

bool rejects_whole_print(struct store *store, const char *name, const struct settings *settings, struct buf *json,
                         uint64_t *count, struct error *error)
{
    struct asides asides = {.all = settings->all, .data = settings->data, .wanted = slice_of(name), .json = json};
    bool ok = go_through(&asides, store, error);
    *count = asides.shown;
    return ok;
}

bool rejects_whole_count(struct store *store, const struct settings *settings, uint64_t *count, struct error *error)
{
    struct asides asides = {.data = settings->data, .wanted = slice_of(""), .silent = true};
    bool ok = go_through(&asides, store, error);
    *count = asides.shown;
    return ok;
}
