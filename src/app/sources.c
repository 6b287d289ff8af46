#include "app/sources.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 8192, HASH8 = 8 };

void sources_init(struct sources *sources)
{
    *sources = (struct sources){0};
    arena_init(&sources->arena, SOURCES_BYTES_MAX);
}

void sources_close(struct sources *sources)
{
    free(sources->items);
    arena_close(&sources->arena);
}

/* Copies the strings. */
static bool add(struct sources *sources, struct source source, const char *path)
{
    if (sources->count == sources->capacity) {
        size_t capacity = sources->capacity ? sources->capacity * 2 : 256;
        struct source *items = reallocarray(sources->items, capacity, sizeof *items);
        if (!items)
            return false;
        sources->items = items;
        sources->capacity = capacity;
    }
    source.name = arena_string(&sources->arena, slice_of(source.name));
    source.path = arena_string(&sources->arena, slice_of(path));
    if (source.stored)
        source.stored = arena_string(&sources->arena, slice_of(source.stored));
    sources->items[sources->count++] = source;
    return source.name && source.path;
}

/* --- from a ledger ------------------------------------------------------------------------------------------------ */

struct ledger_walk {
    struct sources *sources;
    const struct pipeline *pipeline;
    const char *data;
};

static bool add_recorded(void *context, const struct file_record *file)
{
    struct ledger_walk *walk = context;
    char name[PATH_SIZE], stored[PATH_SIZE], path[PATH_SIZE];
    const struct feed *feed = pipeline_feed(walk->pipeline, file->feed);
    if (file->state != FILE_APPLIED || file->forgotten)
        return true;
    if (!feed) {
        walk->sources->skipped++;
        return true;
    }
    snprintf(name, sizeof name, "%.*s", (int)file->name.len, file->name.data);
    snprintf(stored, sizeof stored, "%.*s", (int)file->stored.len, file->stored.len ? file->stored.data : "");
    const char *archived = strrchr(stored, '/');
    int length = file->stored.len ? snprintf(path, sizeof path, "%s/%s", walk->data, stored)
                                  : snprintf(path, sizeof path, "%s/%s/%s", walk->data, feed->name, name);
    struct source source = {.feed = (size_t)(feed - walk->pipeline->feeds),
                            .order = file->sequence,
                            .name = name,
                            .stored = archived ? archived + 1 : NULL,
                            .version = file->version,
                            .content_known = true,
                            .content = file->content};
    walk->sources->failed = length >= (int)sizeof path || !add(walk->sources, source, path);
    return !walk->sources->failed;
}

bool sources_from_store(struct sources *sources, struct store *store, const struct pipeline *pipeline, const char *data,
                        struct error *error)
{
    struct ledger_walk walk = {sources, pipeline, data};
    if (!store_each_file(store, add_recorded, &walk, error))
        return false;
    return !sources->failed || error_memory(error);
}

/* --- from the archive --------------------------------------------------------------------------------------------- */

/* "000007-1a2b3c4d-orders.csv": the number and where the name begins; NULL for other names. */
static const char *split_archived(const char *archived, uint64_t *number)
{
    char *end;
    if (*archived < '0' || *archived > '9')
        return NULL;
    errno = 0;
    *number = strtoull(archived, &end, 10);
    if (errno || *end != '-' || strspn(end + 1, "0123456789abcdef") != HASH8 || end[1 + HASH8] != '-')
        return NULL;
    return end + 1 + HASH8 + 1;
}

static bool add_archived(struct sources *sources, size_t feed, const char *folder, const char *archived)
{
    char path[PATH_SIZE];
    uint64_t number;
    const char *name = split_archived(archived, &number);
    if (!name || !*name)
        return true;
    if (snprintf(path, sizeof path, "%s/%s", folder, archived) >= (int)sizeof path)
        return false;
    struct source source = {.feed = feed, .order = number, .name = name, .stored = archived};
    return add(sources, source, path);
}

static bool list_folder(struct sources *sources, size_t feed, const char *folder, struct error *error)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return errno == ENOENT || error_errno(error, ERROR_IO, errno, "cannot list %s", folder);
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(stream)) != NULL;)
        ok = add_archived(sources, feed, folder, entry->d_name) || error_memory(error);
    closedir(stream);
    return ok;
}

static int by_order(const void *a, const void *b)
{
    const struct source *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return strcmp(left->path, right->path);
}

bool sources_from_archive(struct sources *sources, const struct pipeline *pipeline, const char *data,
                          struct error *error)
{
    for (size_t f = 0; f < pipeline->feed_count; f++) {
        char folder[PATH_SIZE];
        if (snprintf(folder, sizeof folder, "%s/archive/%s", data, pipeline->feeds[f].name) >= (int)sizeof folder)
            return error_set(error, ERROR_CONFIG, "the path of the data folder is too long");
        if (!list_folder(sources, f, folder, error))
            return false;
    }
    if (sources->count > 0)
        qsort(sources->items, sources->count, sizeof *sources->items, by_order);
    return true;
}
