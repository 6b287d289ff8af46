#include "app/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "feed/archive.h"

void sources_init(struct sources *sources, struct store *store, const struct pipeline *pipeline, const char *data)
{
    *sources = (struct sources){.store = store, .pipeline = pipeline, .data = data};
    arena_init(&sources->arena, SOURCES_BYTES_MAX);
}

void sources_close(struct sources *sources)
{
    free(sources->items);
    arena_close(&sources->arena);
}

static char *keep(struct sources *sources, const char *text)
{
    const struct arena *arena = &sources->arena;
    char *copy = arena_string(&sources->arena, slice_of(text));
    sources->full |= !copy && strlen(text) >= arena->limit - arena->used;
    return copy;
}

/* Why no file could be added. */
static bool refuse(const struct sources *sources, struct error *error)
{
    return sources->full ? error_set(error, ERROR_MEMORY,
                                     "the names and paths of files to be read again take more than %zu bytes, the "
                                     "limit, after %zu files",
                                     sources->arena.limit, sources->count)
                         : error_memory(error);
}

/* Copies the strings. */
static bool add(struct sources *sources, struct source source, const char *path)
{
    struct source *items = list_grow(sources->items, sources->count, &sources->capacity, sizeof *items);
    if (!items)
        return false;
    sources->items = items;
    bool archived = source.stored != NULL;
    source.name = keep(sources, source.name);
    source.path = keep(sources, path);
    source.stored = archived ? keep(sources, source.stored) : NULL;
    if (!source.name || !source.path || (archived && !source.stored))
        return false;
    sources->items[sources->count++] = source;
    return true;
}

/* --- from a ledger ------------------------------------------------------------------------------------------------ */

struct ledger_walk {
    struct sources *sources;
    bool retries;
    bool again_only; /* the sources are there: only what was archived since of them */
};

static struct source *find_original(struct sources *sources, const struct file_record *file)
{
    size_t low = 0, high = sources->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sources->items[middle].order < file->sequence)
            low = middle + 1;
        else
            high = middle;
    }
    struct source *found = low < sources->count ? &sources->items[low] : NULL;
    bool original = found && found->order == file->sequence && found->retry_of == 0;
    return original && digest_equal(&found->content, &file->content) ? found : NULL;
}

/* Of many redeliveries the last, in the room of one. */
static bool keep_again(struct sources *sources, struct source *source, const char *path)
{
    size_t size = strlen(path) + 1;
    if (size > source->again_room) {
        source->again = keep(sources, path);
        source->again_room = source->again ? size : 0;
    } else {
        memcpy(source->again, path, size);
    }
    return source->again != NULL;
}

/* A redelivery that was archived. An original that was left in its folder may lie nowhere else by now, nor may one that
   went from there before it was archived. */
static bool add_again(struct ledger_walk *walk, const struct file_record *file)
{
    char path[SOURCE_PATH_SIZE];
    struct sources *sources = walk->sources;
    struct source *original = file->stored.len > 0 ? find_original(sources, file) : NULL;
    if (!original)
        return true;
    int length = snprintf(path, sizeof path, "%s/%.*s", sources->data, (int)file->stored.len, file->stored.data);
    if (original->stored && strcmp(original->path, path) == 0)
        return true;
    sources->failed = length >= (int)sizeof path || !keep_again(sources, original, path);
    if (!sources->failed && !original->stored) {
        original->path = original->again;
        original->stored = strrchr(original->path, '/') + 1;
        original->again = NULL;
        original->again_room = 0;
    }
    return !sources->failed;
}

static bool add_recorded(void *context, const struct file_record *file)
{
    struct ledger_walk *walk = context;
    struct sources *sources = walk->sources;
    char name[SOURCE_PATH_SIZE], stored[SOURCE_PATH_SIZE], path[SOURCE_PATH_SIZE];
    const struct feed *feed = pipeline_feed(sources->pipeline, file->feed);
    if (file->state == FILE_DUPLICATE)
        return add_again(walk, file);
    if (walk->again_only || (file->state != FILE_APPLIED && (file->state != FILE_RETRIED || !walk->retries)) ||
        file->forgotten)
        return true;
    if (!feed) {
        sources->skipped++;
        return true;
    }
    snprintf(name, sizeof name, "%.*s", (int)file->name.len, file->name.data);
    snprintf(stored, sizeof stored, "%.*s", (int)file->stored.len, file->stored.len ? file->stored.data : "");
    const char *archived = strrchr(stored, '/');
    int length = file->stored.len ? snprintf(path, sizeof path, "%s/%s", sources->data, stored)
                                  : snprintf(path, sizeof path, "%s/%s/%s", sources->data, feed->name, name);
    struct source source = {.feed = (size_t)(feed - sources->pipeline->feeds),
                            .order = file->sequence,
                            .id = file->id,
                            .name = name,
                            .stored = archived ? archived + 1 : NULL,
                            .version = file->version,
                            .recorded = true,
                            .retry_of = file->retry_of,
                            .content = file->content,
                            .stat = {file->device, file->inode, file->size, file->mtime_ns, file->ctime_ns},
                            .descriptor = file->descriptor,
                            .committed = file->committed,
                            .rows = file->rows,
                            .rejected = file->buckets.rejected};
    sources->failed = length >= (int)sizeof path || !add(sources, source, path);
    return !sources->failed;
}

/* No way leads there. Any other error says nothing of what is there. */
static bool is_gone(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ELOOP;
}

static bool look(const char *path, struct stat *found, bool *there, struct error *why)
{
    *there = lstat(path, found) == 0;
    return *there || is_gone(errno) || error_errno(why, ERROR_IO, errno, "cannot look at %s", path);
}

/* Of another file that has come under its name since, size and time tell; what is read is compared by its content. */
static bool look_for_landed(const struct source *source, const char *path, bool *landed, struct error *why)
{
    struct stat found = {0};
    struct file_stat stat;
    bool there;
    if (!look(path, &found, &there, why))
        return false;
    file_stat_from(&found, &stat);
    *landed =
        there && (!source->recorded || (stat.size == source->stat.size && stat.mtime_ns == source->stat.mtime_ns));
    return true;
}

bool sources_add(struct sources *sources, const struct file_record *file, struct error *error)
{
    struct ledger_walk walk = {.sources = sources, .retries = true};
    if (!add_recorded(&walk, file))
        return refuse(sources, error);
    walk.again_only = true;
    const struct source *added = sources->count > 0 ? &sources->items[sources->count - 1] : NULL;
    bool there = false;
    struct stat found;
    if (added && !(added->stored ? look(added->path, &found, &there, error)
                                 : look_for_landed(added, added->path, &there, error)))
        return false;
    return there || (store_each_file(sources->store, add_recorded, &walk, error) &&
                     (!sources->failed || refuse(sources, error)));
}

bool sources_from_store(struct sources *sources, bool retries, struct error *error)
{
    struct ledger_walk walk = {.sources = sources, .retries = retries};
    if (!store_each_file(sources->store, add_recorded, &walk, error))
        return false;
    return !sources->failed || refuse(sources, error);
}

/* --- from the archive --------------------------------------------------------------------------------------------- */

static const char *feed_name(const struct sources *sources, size_t feed)
{
    return sources->pipeline->feeds[feed].name;
}

static bool add_archived(struct sources *sources, size_t feed, const char *archived, struct error *error)
{
    char path[SOURCE_PATH_SIZE];
    uint64_t number;
    bool known;
    const char *name = archive_split_name(archived, &number);
    if (!name || !*name)
        return true;
    if (snprintf(path, sizeof path, "%s/archive/%s/%s", sources->data, feed_name(sources, feed), archived) >=
        (int)sizeof path)
        return error_set(error, ERROR_CONFIG, "the path of the data folder is too long");
    const char *stored = path + strlen(sources->data) + 1;
    if (!store_has_stored(sources->store, slice_of(stored), &known, error))
        return false;
    if (known)
        return true;
    sources->unrecorded++;
    struct stat found = {0};
    bool there; /* which one that is gone by now is found to be when it is read */
    if (!look(path, &found, &there, error))
        return false;
    struct source source = {.feed = feed, .order = number, .name = name, .stored = archived};
    file_stat_from(&found, &source.stat);
    return add(sources, source, path) || refuse(sources, error);
}

static bool list_folder(struct sources *sources, size_t feed, struct error *error)
{
    char folder[SOURCE_PATH_SIZE];
    if (snprintf(folder, sizeof folder, "%s/archive/%s", sources->data, feed_name(sources, feed)) >= (int)sizeof folder)
        return error_set(error, ERROR_CONFIG, "the path of the data folder is too long");
    DIR *stream = opendir(folder);
    if (!stream)
        return errno == ENOENT || error_errno(error, ERROR_IO, errno, "cannot list %s", folder);
    bool ok = true;
    errno = 0;
    for (struct dirent *entry; ok && (entry = readdir(stream)) != NULL; errno = 0)
        ok = add_archived(sources, feed, entry->d_name, error);
    /* A list that is cut short would be taken for another history. */
    if (ok && errno != 0)
        ok = error_errno(error, ERROR_IO, errno, "cannot list %s", folder);
    closedir(stream);
    return ok;
}

static int by_order(const void *a, const void *b)
{
    const struct source *left = a, *right = b;
    if (left->turn != right->turn)
        return left->turn < right->turn ? -1 : 1;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    /* A redelivery is archived by the number of its original, which came first as files of a folder do. */
    if (left->stat.mtime_ns != right->stat.mtime_ns)
        return left->stat.mtime_ns < right->stat.mtime_ns ? -1 : 1;
    /* One that was copied with its time came into the archive later, as long as that is where it was put. */
    if (left->stat.ctime_ns != right->stat.ctime_ns)
        return left->stat.ctime_ns < right->stat.ctime_ns ? -1 : 1;
    return strcmp(left->path, right->path);
}

static void put_in_order(struct sources *sources)
{
    uint64_t first = UINT64_MAX; /* number of the archive that is not the ledger's */
    for (size_t i = 0; i < sources->count; i++)
        if (!sources->items[i].recorded && sources->items[i].order < first)
            first = sources->items[i].order;
    for (size_t i = 0; i < sources->count; i++) {
        struct source *source = &sources->items[i];
        source->turn = !source->recorded ? 1 : source->order < first ? 0 : 2;
    }
    if (sources->count > 0)
        qsort(sources->items, sources->count, sizeof *sources->items, by_order);
}

bool sources_from_archive(struct sources *sources, struct error *error)
{
    for (size_t f = 0; f < sources->pipeline->feed_count; f++)
        if (!list_folder(sources, f, error))
            return false;
    put_in_order(sources);
    return true;
}

/* --- one of them -------------------------------------------------------------------------------------------------- */

bool sources_locate(const struct sources *sources, const struct source *source, char *path, size_t size,
                    struct error *why)
{
    char landing[SOURCE_PATH_SIZE];
    struct stat stat;
    bool found = true;
    snprintf(path, size, "%s", source->path);
    if (!source->stored)
        return true;
    if (!look(path, &stat, &found, why))
        return false;
    if (found)
        return true;
    snprintf(landing, sizeof landing, "%s/%s", sources->data, feed_name(sources, source->feed));
    snprintf(path, size, "%s/%s", landing, source->name);
    const struct archive_way way = {landing, source->name, source->stored};
    if (!look_for_landed(source, path, &found, why) || (!found && !archive_under_way(&way, path, size, &found, why)))
        return false;
    if (found)
        return true;
    if (source->again && !look(source->again, &stat, &found, why))
        return false;
    snprintf(path, size, "%s", found ? source->again : source->path);
    return true;
}

bool source_reads_as_before(const struct source *source, const struct feed *feed)
{
    for (size_t v = 0; v < feed->version_count; v++)
        if (feed->versions[v].descriptor->version == source->version)
            return digest_equal(&feed->versions[v].descriptor->digest, &source->descriptor);
    return false;
}

static bool other_content(struct error *why)
{
    return error_set(why, ERROR_DATA, "its content is not what the ledger says");
}

bool source_hash(int fd, struct digest *digest, struct error *why)
{
    char block[PARSER_INPUT_MAX];
    struct digester digester;
    ssize_t count;
    if (!digester_init(&digester, why))
        return false;
    while ((count = read(fd, block, sizeof block)) > 0 || (count < 0 && errno == EINTR))
        if (count > 0)
            digester_add(&digester, (struct slice){block, (size_t)count});
    if (count < 0)
        (void)error_set(why, ERROR_IO, "%s", strerror(errno));
    *digest = digester_take(&digester);
    return count == 0;
}

static int open_source(const char *path, struct error *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        (void)error_set(why, is_gone(errno) ? ERROR_DATA : ERROR_IO, "%s", strerror(errno));
    return fd;
}

bool source_same(const struct source *source, const char *path, struct error *why)
{
    struct digest digest;
    int fd = open_source(path, why);
    if (fd < 0)
        return false;
    bool ok = source_hash(fd, &digest, why) && (digest_equal(&digest, &source->content) || other_content(why));
    close(fd);
    return ok;
}

bool source_read(const struct source *source, const char *path, const struct intake_how *how, struct file_facts *facts,
                 struct error *why)
{
    int fd = open_source(path, why);
    if (fd < 0) {
        *facts = (struct file_facts){0};
        arena_init(&facts->arena, 0);
        return false;
    }
    enum intake_result result = intake_read_fd(fd, source->name, how, facts, why);
    close(fd);
    if (result != INTAKE_READ)
        return false;
    return !source->recorded || digest_equal(&facts->content, &source->content) || other_content(why);
}
