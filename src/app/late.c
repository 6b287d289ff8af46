#include "app/late.h"

#include <stdlib.h>

#include "app/core.h"
#include "base/list.h"
#include "model/chunk.h"

#define NAMES_MAX ((size_t)1 << 30) /* bytes of the names of all files */

/* A file whose rows are wanted. */
struct named {
    uint64_t id;
    struct slice name;
};

struct listing {
    const struct pipeline *pipeline;
    struct slice wanted;
    struct arena arena;  /* of names */
    struct named *files; /* by id */
    size_t count, room;
    bool failed;
    late_visit visit;
    void *context;
    /* the chunk whose rows are read, as far as they are */
    uint64_t file, ordinal;
    struct chunk_reader reader;
    struct value values[PIPELINE_FIELDS_MAX];
};

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool note_file(void *context, const struct file_record *file)
{
    struct listing *listing = context;
    bool has_rows = file->state == FILE_APPLIED || file->state == FILE_RETRIED;
    if (!has_rows || file->forgotten > 0 || !store_names_file(listing->wanted, file->feed, file->name))
        return true;
    struct named *files = list_grow(listing->files, listing->count, &listing->room, sizeof *files);
    listing->failed = !files;
    if (!files)
        return false;
    listing->files = files;
    struct named *named = &listing->files[listing->count++];
    *named = (struct named){file->id, arena_copy(&listing->arena, file->name)};
    listing->failed = !named->name.data;
    return !listing->failed;
}

static int by_id(const void *key, const void *element)
{
    uint64_t id = *(const uint64_t *)key, other = ((const struct named *)element)->id;
    return (id > other) - (id < other);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* Late rows of a chunk are told in its order, so it is read once. */
static bool read_to(struct listing *listing, const struct replay_chunk *chunk, size_t feed, uint64_t row)
{
    if (listing->file != chunk->file || listing->ordinal != chunk->ordinal) {
        chunk_reader_init(&listing->reader, &listing->pipeline->feeds[feed], chunk->chunk);
        listing->file = chunk->file;
        listing->ordinal = chunk->ordinal;
    }
    while (listing->reader.row < row)
        if (chunk_next(&listing->reader, listing->values) != CHUNK_ROW)
            return false;
    return listing->reader.row == row;
}

static void on_late(void *context, const struct replay_chunk *chunk, const struct engine_late *late)
{
    struct listing *listing = context;
    size_t feed = pipeline_feed_index(listing->pipeline, chunk->feed);
    const struct named *file =
        listing->count > 0 ? bsearch(&chunk->file, listing->files, listing->count, sizeof *listing->files, by_id)
                           : NULL;
    if (!file || !read_to(listing, chunk, feed, late->row))
        return;
    const struct late_row row = {.feed = feed,
                                 .file = file->name,
                                 .sequence = chunk->sequence,
                                 .row = late->row,
                                 .line = listing->reader.line,
                                 .values = listing->values,
                                 .why = late->why,
                                 .window = late->window};
    listing->visit(listing->context, &row);
}

bool late_each(const struct pipeline *pipeline, struct store *store, struct slice name, late_visit visit, void *context,
               struct error *error)
{
    struct listing listing = {.pipeline = pipeline, .wanted = name, .visit = visit, .context = context};
    const struct core_history history = {.late = on_late, .context = &listing};
    struct core core = {.pipeline = pipeline, .store = store};
    arena_init(&listing.arena, NAMES_MAX);
    bool good = store_each_file(store, note_file, &listing, error);
    if (good && listing.failed)
        good = error_memory(error);
    good = good && core_replay(&core, &history, error);
    engine_free(core.engine);
    free(listing.files);
    arena_close(&listing.arena);
    return good;
}
