/*
 * Rows are compared by a hash over all rows of a file in their durable form, numbers of row and line included. It does
 * not depend on where one chunk ends and the next begins: that is no promise between versions of the program.
 *
 * A running dropfold may have committed a file and be about to archive it, or wait for room there: so a source is
 * looked for all along its way.
 */
#include "app/verify_sources.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/sources.h"
#include "base/hash.h"
#include "base/text.h"
#include "feed/archive.h"

enum {
    IDS_FIRST = 1024, /* files that there is room for at first */
    WHAT_SIZE = 256   /* bytes of what is told of one */
};

struct deep {
    const struct settings *settings;
    const struct pipeline *pipeline;
    struct store *store;
    const struct verify_visit *visit;
    struct verify_result *result;
    struct parser *parsers[PIPELINE_FEEDS_MAX];
    uint64_t *sums; /* of the rows in the store, by the file's id */
    size_t id_room;
    uint64_t last; /* the change that the sums end with */

    /* the file being read */
    const struct feed *feed;
    uint64_t sum;
    bool corrupt;
    bool rows_tell; /* it is read as it was */
};

static void tell(const struct deep *deep, enum verify_problem kind, const char *path, const char *what)
{
    deep->result->problems[kind]++;
    if (deep->visit->problem)
        deep->visit->problem(deep->visit->context, kind, path, what);
}

/* --- rows as one number ------------------------------------------------------------------------------------------- */

/* The bytes of a row behind its two steps, which count from the row before it in its chunk. */
static bool behind_steps(const char **at, const char *end)
{
    uint64_t step;
    return varint_read(at, end, &step) && varint_read(at, end, &step);
}

static bool add_rows(uint64_t *sum, const struct feed *feed, struct slice chunk)
{
    struct value values[PIPELINE_FIELDS_MAX];
    struct chunk_reader reader;
    enum chunk_result result;
    chunk_reader_init(&reader, feed, chunk);
    const char *at = reader.at;
    while ((result = chunk_next(&reader, values)) == CHUNK_ROW) {
        if (!behind_steps(&at, reader.at))
            return false;
        uint64_t place = hash_u64(hash_u64(*sum ^ reader.row) ^ reader.line);
        *sum = hash_bytes((struct slice){at, (size_t)(reader.at - at)}, place);
        at = reader.at;
    }
    return result == CHUNK_END;
}

/* --- the store's -------------------------------------------------------------------------------------------------- */

static bool make_room(struct deep *deep, uint64_t id)
{
    size_t room = deep->id_room > 0 ? deep->id_room : IDS_FIRST;
    while (room <= id)
        room *= 2;
    if (room == deep->id_room)
        return true;
    uint64_t *sums = reallocarray(deep->sums, room, sizeof *sums);
    if (!sums)
        return false;
    for (size_t i = deep->id_room; i < room; i++)
        sums[i] = 0;
    deep->sums = sums;
    deep->id_room = room;
    return true;
}

static bool sum_chunk(void *context, const struct replay_chunk *chunk, struct error *error)
{
    struct deep *deep = context;
    const struct feed *feed = pipeline_feed(deep->pipeline, chunk->feed);
    if (!make_room(deep, chunk->file))
        return error_memory(error);
    return (feed && add_rows(&deep->sums[chunk->file], feed, chunk->chunk)) ||
           error_set(error, ERROR_CORRUPT, "change %" PRIu64 " has rows that cannot be read", chunk->sequence);
}

/* --- the source's ------------------------------------------------------------------------------------------------- */

static bool sum_batch(void *context, struct batch *batch)
{
    struct deep *deep = context;
    deep->corrupt = deep->corrupt || !add_rows(&deep->sum, deep->feed, buf_slice(&batch->chunk.buf));
    batch_free(batch);
    return !deep->corrupt;
}

static bool read_at(struct deep *deep, const struct source *source, const char *path, struct file_facts *facts,
                    struct error *why)
{
    deep->feed = &deep->pipeline->feeds[source->feed];
    deep->sum = 0;
    deep->corrupt = false;
    if (!deep->rows_tell) {
        *facts = (struct file_facts){.size = 0};
        arena_init(&facts->arena, 0);
        return source_same(source, path, why);
    }
    const struct intake_how how = {.parser = deep->parsers[source->feed],
                                   .sink = sum_batch,
                                   .context = deep,
                                   .version = source->version,
                                   .spare = settings_spare(deep->settings)};
    if (source_read(source, path, &how, facts, why))
        return true;
    arena_close(&facts->arena);
    return false;
}

/* Where it should be; else where it was before that, in the order of its way; and there again, as it may have come
   there between two looks; and last where a redelivery of it is. `why` tells of the first. */
static bool read_source(struct deep *deep, const struct source *source, struct file_facts *facts, struct error *why)
{
    struct error ignored;
    char landing[SOURCE_PATH_SIZE], landed[2 * SOURCE_PATH_SIZE], hidden[2 * SOURCE_PATH_SIZE];
    if (read_at(deep, source, source->path, facts, why))
        return true;
    if (!source->stored)
        return false;
    snprintf(landing, sizeof landing, "%s/%s", deep->settings->data, deep->pipeline->feeds[source->feed].name);
    snprintf(landed, sizeof landed, "%s/%s", landing, source->name);
    if (read_at(deep, source, landed, facts, &ignored))
        return true;
    const struct archive_way way = {landing, source->name, source->stored};
    bool found = false;
    if (!archive_under_way(&way, hidden, sizeof hidden, &found, &ignored))
        *why = ignored;
    return (found && read_at(deep, source, hidden, facts, &ignored)) ||
           read_at(deep, source, source->path, facts, &ignored) ||
           (source->again && read_at(deep, source, source->again, facts, &ignored));
}

static void check_source(struct deep *deep, const struct source *source)
{
    struct file_facts facts;
    struct error why = {0};
    char what[WHAT_SIZE];
    bool chosen = source->version > 0; /* else none of its records told a version, and it is read in any form */
    deep->result->sources++;
    deep->rows_tell = !chosen || source_reads_as_before(source, &deep->pipeline->feeds[source->feed]);
    bool read = read_source(deep, source, &facts, &why);
    if (!chosen && (!read || facts.version > 0)) { /* by today's descriptors one does */
        if (read)
            arena_close(&facts.arena);
        deep->rows_tell = false;
        read = read_source(deep, source, &facts, &why);
    }
    deep->result->changed += !deep->rows_tell;
    if (!read) {
        tell(deep, VERIFY_MISSING, source->path, why.text);
        return;
    }
    if (!deep->rows_tell) {
        arena_close(&facts.arena);
        return;
    }
    uint64_t kept = source->id < deep->id_room ? deep->sums[source->id] : 0;
    if (facts.rows != source->rows || facts.rejected != source->rejected) {
        snprintf(what, sizeof what,
                 "%" PRIu64 " row%s read and %" PRIu64 " rejected, but the store has %" PRIu64 " and %" PRIu64,
                 facts.rows, text_plural(facts.rows), facts.rejected, source->rows, source->rejected);
        tell(deep, VERIFY_DIFFERENT, source->path, what);
    } else if (deep->sum != kept) {
        tell(deep, VERIFY_DIFFERENT, source->path, "the store has other values in its rows");
    }
    arena_close(&facts.arena);
}

/* What was committed since the store's rows were summed is left to the next time. */
static bool check_sources(struct deep *deep, struct error *error)
{
    struct sources sources;
    sources_init(&sources, deep->store, deep->pipeline, deep->settings->data);
    bool ok = sources_from_store(&sources, false, error);
    for (size_t f = 0; ok && f < deep->pipeline->feed_count; f++) {
        ok = (deep->parsers[f] = parser_new(&deep->pipeline->feeds[f], error)) != NULL;
        if (ok)
            parser_trust(deep->parsers[f]);
    }
    for (size_t i = 0; ok && i < sources.count; i++)
        if (sources.items[i].order <= deep->last)
            check_source(deep, &sources.items[i]);
    sources_close(&sources);
    return ok;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* Files are committed before they are archived, so whatever lies in the archive is known by the time the store is asked
   for it. */
static bool check_archive(struct deep *deep, struct error *error)
{
    struct sources unknown;
    sources_init(&unknown, deep->store, deep->pipeline, deep->settings->data);
    bool ok = sources_from_archive(&unknown, error);
    for (size_t i = 0; ok && i < unknown.count; i++)
        tell(deep, VERIFY_UNKNOWN, unknown.items[i].path, "is in no row of the ledger");
    sources_close(&unknown);
    return ok;
}

bool verify_sources(const struct settings *settings, const struct pipeline *pipeline, struct store *store,
                    const struct verify_visit *visit, struct verify_result *result, struct error *error)
{
    struct deep deep = {.settings = settings, .pipeline = pipeline, .store = store, .visit = visit, .result = result};
    const struct replay_visit replay = {.context = &deep, .chunk = sum_chunk};
    bool ok = store_replay(store, &replay, error);
    deep.last = store_progress(store)->sequence;
    ok = ok && check_sources(&deep, error) && check_archive(&deep, error);
    for (size_t f = 0; f < pipeline->feed_count; f++)
        parser_free(deep.parsers[f]);
    free(deep.sums);
    return ok;
}
