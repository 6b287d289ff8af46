#include "app/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/offline.h"
#include "app/retry_whole.h"
#include "app/sources.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"

enum { OUT_MAX = 16 * 1024 /* bytes of the answer */, SHOWN_NAME = 400 /* of an escaped name, cut beyond */ };

/* A row that was rejected and not read again since. */
struct open_row {
    uint64_t row, line;
};

/* The open rows of one file, on their way through its source: 16 bytes a row. */
struct retrying {
    struct core *core;
    const struct retry_how *how;
    const struct file_record *file;
    const struct feed *feed;
    struct open_row *open; /* ascending */
    size_t count, room;
    uint64_t found, valid;
    struct batch *out; /* being filled; NULL when looking */
    bool shifted;      /* a row stands at another line than it did */
    char *first;       /* as in struct retry_result */
    struct error error;
};

/* --- which rows --------------------------------------------------------------------------------------------------- */

static bool note_open(void *context, const struct reject_record *record)
{
    struct retrying *r = context;
    if (record->retried)
        return true;
    struct open_row *open = list_grow(r->open, r->count, &r->room, sizeof *open);
    if (!open)
        return error_memory(&r->error);
    r->open = open;
    r->open[r->count++] = (struct open_row){record->reject.row, record->reject.line};
    return true;
}

static bool find_open(struct retrying *r, struct error *error)
{
    if (!store_each_reject_of(r->core->store, r->file->id, note_open, r, error))
        return false;
    if (r->error.kind != ERROR_NONE)
        *error = r->error;
    return r->error.kind == ERROR_NONE;
}

static int by_row(const void *left, const void *right)
{
    const struct open_row *a = left, *b = right;
    return (a->row > b->row) - (a->row < b->row);
}

/* Whether the row is to be retried; shifted when it was another row. */
static bool is_open(struct retrying *r, uint64_t row, uint64_t line)
{
    const struct open_row key = {row, line};
    const struct open_row *open = bsearch(&key, r->open, r->count, sizeof key, by_row);
    if (!open)
        return false;
    r->shifted |= open->line != line;
    r->found++;
    return !r->shifted;
}

/* --- reading the source ------------------------------------------------------------------------------------------- */

/* Hands the batch on when it is full, or as it is when the source was read as a `whole`. */
static bool hand_on(struct retrying *r, bool whole)
{
    if (!r->out || (!whole && !batch_full(r->out)))
        return true;
    struct batch *full = r->out;
    r->out = whole ? NULL : batch_new(r->feed);
    return core_file_put(r->core, full, &r->error) && (whole || r->out || error_memory(&r->error));
}

static bool take_row(struct retrying *r, const struct chunk_reader *reader, const struct value *values)
{
    r->valid++;
    return !r->out || (hand_on(r, false) &&
                       (chunk_put(&r->out->chunk, reader->row, reader->line, values) || error_memory(&r->error)));
}

static bool take_rows(struct retrying *r, struct slice chunk)
{
    struct value values[PIPELINE_FIELDS_MAX];
    struct chunk_reader reader;
    chunk_reader_init(&reader, r->feed, chunk);
    while (chunk_next(&reader, values) == CHUNK_ROW)
        if (is_open(r, reader.row, reader.line) && !take_row(r, &reader, values))
            return false;
    return true;
}

static void note_first(struct retrying *r, const struct reject *reject)
{
    char field[SHOWN_NAME], reason[RETRY_FIRST_SIZE];
    snprintf(r->first, RETRY_FIRST_SIZE, "line %" PRIu64 "%s%s: %s", reject->line, reject->field.len > 0 ? ", " : "",
             text_escape(reject->field, field, sizeof field), text_escape_again(reject->reason, reason, sizeof reason));
}

static bool take_reject(struct retrying *r, const struct reject *reject)
{
    if (!r->first[0])
        note_first(r, reject);
    return !r->out || (hand_on(r, false) && (batch_reject(r->out, reject) || error_memory(&r->error)));
}

static bool take_rejects(struct retrying *r, const struct batch *batch)
{
    for (size_t i = 0; i < batch->reject_count; i++)
        if (is_open(r, batch->rejects[i].row, batch->rejects[i].line) && !take_reject(r, &batch->rejects[i]))
            return false;
    return true;
}

static bool take_batch(void *context, struct batch *batch)
{
    struct retrying *r = context;
    bool ok = take_rows(r, buf_slice(&batch->chunk.buf)) && take_rejects(r, batch);
    batch_free(batch);
    return ok && !r->shifted;
}

static bool shifted(const struct retrying *r, const char *path, struct error *error)
{
    char shown[SHOWN_NAME];
    return error_set(error, ERROR_DATA,
                     "%s is split into other rows now than the %" PRIu64 " it had: `dropfold forget seq=%" PRIu64
                     "` and drop it again, or `dropfold replay`",
                     text_escape(slice_of(path), shown, sizeof shown), r->file->rows, r->file->sequence);
}

/* Reads all of the source. False when it is none to retry from. */
static bool read_source(struct retrying *r, const struct source *source, const char *path, struct file_facts *facts,
                        struct error *error)
{
    char shown[SHOWN_NAME];
    struct error why = {0};
    struct parser *parser = parser_new(r->feed, error);
    if (!parser)
        return false;
    parser_trust(parser);
    /* One core to spare at most: the workers of a daemon may be busy too. */
    const struct intake_how how = {.parser = parser,
                                   .sink = take_batch,
                                   .context = r,
                                   .version = r->how->version,
                                   .spare = settings_spare(r->how->settings) > 0};
    bool ok = source_read(source, path, &how, facts, &why) && hand_on(r, true);
    parser_free(parser);
    if (r->shifted || (ok && (facts->rows != r->file->rows || r->found != r->count)))
        ok = shifted(r, path, error);
    else if (r->error.kind != ERROR_NONE)
        *error = r->error;
    else if (!ok)
        error_set(error, why.kind, "%s cannot be retried from: %s", text_escape(slice_of(path), shown, sizeof shown),
                  why.text);
    return ok;
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

static bool commit_rows(struct retrying *r, const struct source *source, struct file_facts *facts,
                        struct retry_result *result, struct error *error)
{
    struct core_result committed;
    facts->rows = r->count;
    facts->rejected = r->count - r->valid;
    facts->unknown_count = 0; /* these and the note are of all its rows, and were told when it was applied */
    facts->note = (struct slice){NULL, 0};
    const struct core_file file = {.name = source->name, .facts = facts};
    if (!core_file_end(r->core, &file, r->how->now, &committed, error))
        return false;
    result->sequence = committed.sequence;
    result->buckets = committed.buckets;
    return core_close_due(r->core, r->how->now, error);
}

/* Reads and commits; cancels what was begun where there is nothing to commit. */
static bool retry_from(struct retrying *r, const struct sources *sources, struct retry_result *result,
                       struct error *error)
{
    const struct source *source = &sources->items[0];
    struct file_facts facts;
    char path[SOURCE_PATH_SIZE];
    if (!sources_locate(sources, source, path, sizeof path, error))
        return false;
    if (!r->how->look) {
        core_retry_begin(r->core, source->feed, r->file);
        r->out = batch_new(r->feed);
        if (!r->out)
            return error_memory(error);
    }
    facts = (struct file_facts){.size = 0};
    arena_init(&facts.arena, 0);
    bool ok = read_source(r, source, path, &facts, error);
    result->valid = r->valid;
    result->version = facts.version;
    if (ok && r->valid > 0 && !r->how->look)
        ok = commit_rows(r, source, &facts, result, error);
    else if (!r->how->look)
        core_file_cancel(r->core);
    arena_close(&facts.arena);
    return ok;
}

bool retry_rows(struct core *core, const struct retry_how *how, const struct file_record *file,
                struct retry_result *result, struct error *error)
{
    struct sources sources;
    struct retrying r = {.core = core, .how = how, .file = file};
    *result = (struct retry_result){0};
    r.first = result->first;
    r.feed = pipeline_feed(core->pipeline, file->feed);
    if (!r.feed)
        return error_set(error, ERROR_CONFIG, "the pipeline has no feed of seq=%" PRIu64, file->sequence);
    sources_init(&sources, core->store, core->pipeline, how->settings->data);
    bool ok = find_open(&r, error);
    result->open = r.count;
    if (ok && r.count > 0)
        ok = sources_add(&sources, file, error) && retry_from(&r, &sources, result, error);
    if (r.out)
        batch_free(r.out);
    free(r.open);
    sources_close(&sources);
    return ok;
}

/* --- in words ----------------------------------------------------------------------------------------------------- */

static void put_buckets(struct buf *out, const struct buckets *buckets)
{
    struct bucket list[BUCKETS];
    buckets_list(buckets, list);
    for (size_t i = 0; i < BUCKETS; i++)
        if (list[i].rows > 0)
            buf_printf(out, " %s=%" PRIu64, list[i].name, list[i].rows);
}

/* Of a file without a record that tells its version, none. */
static void put_version(struct buf *out, uint32_t version)
{
    if (version > 0)
        buf_printf(out, " by version %" PRIu32, version);
}

static void tell(const struct file_record *file, const struct retry_result *result, bool look, struct buf *out)
{
    char feed[SHOWN_NAME], name[SHOWN_NAME];
    buf_printf(out, "%s%s/%s seq=%" PRIu64, result->sequence ? "retried " : "",
               text_escape(file->feed, feed, sizeof feed), text_escape(file->name, name, sizeof name), file->sequence);
    if (result->sequence) {
        buf_printf(out, " as seq=%" PRIu64 ": rows=%" PRIu64, result->sequence, result->open);
        put_buckets(out, &result->buckets);
        buf_put_byte(out, ',');
        put_version(out, result->version);
        buf_put_byte(out, '\n');
    } else if (result->open == 0) {
        buf_put_text(out, ": no rejected row of it is open\n");
    } else if (result->valid == 0) {
        buf_printf(out, ": none of %" PRIu64 " rejected row%s is valid", result->open, text_plural(result->open));
        put_version(out, result->version);
        buf_printf(out, "; nothing was changed. The first one, %s\n", result->first);
    } else if (look) {
        buf_printf(out, ": %" PRIu64 " of %" PRIu64 " rejected row%s would be valid", result->valid, result->open,
                   text_plural(result->open));
        put_version(out, result->version);
        buf_printf(out, "%s%s\n", result->first[0] ? "; the first that would not, " : "", result->first);
    }
}

static bool retry_applied(struct core *core, const struct retry_how *how, const char *which, bool *changed,
                          struct buf *out, struct error *error)
{
    struct arena texts;
    struct file_record file;
    struct retry_result result;
    struct error unknown = {0};
    bool found = false;
    arena_init(&texts, STORE_TEXTS_MAX);
    bool ok = store_find_file(core->store, slice_of(which), &texts, &file, &unknown);
    if (ok) {
        ok = retry_rows(core, how, &file, &result, error);
        if (ok)
            tell(&file, &result, how->look, out);
        *changed = ok && result.sequence > 0;
    } else if (unknown.kind == ERROR_USAGE) {
        ok = retry_whole(core, how, which, &found, out, error);
        if (ok && !found)
            ok = error_set(error, unknown.kind, "%s", unknown.text);
    } else {
        *error = unknown;
    }
    arena_close(&texts);
    return ok;
}

bool retry_file(struct core *core, const struct retry_how *how, const char *which, bool *changed, struct buf *out,
                struct error *error)
{
    bool ok = true, found = false;
    *changed = false;
    /* A path into the quarantine may end like the name of an applied file. */
    if (strstr(which, "quarantine/"))
        ok = retry_whole(core, how, which, &found, out, error);
    return ok && !found ? retry_applied(core, how, which, changed, out, error) : ok;
}

/* --- which files -------------------------------------------------------------------------------------------------- */

struct listing {
    uint64_t *sequences;
    size_t count, room;
    bool failed;
};

static bool note_file(void *context, const struct reject_record *record)
{
    struct listing *listing = context;
    if (record->retried || (listing->count > 0 && listing->sequences[listing->count - 1] == record->sequence))
        return true;
    uint64_t *sequences = list_grow(listing->sequences, listing->count, &listing->room, sizeof *sequences);
    listing->failed = !sequences;
    if (!sequences)
        return false;
    listing->sequences = sequences;
    listing->sequences[listing->count++] = record->sequence;
    return true;
}

static int by_number(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

bool retry_list(struct store *store, uint64_t **sequences, size_t *count, struct error *error)
{
    struct listing listing = {0};
    bool ok = store_each_reject(store, SLICE(""), note_file, &listing, error);
    if (ok && listing.failed)
        ok = error_memory(error);
    if (!ok) {
        free(listing.sequences);
        return false;
    }
    /* Open rejects of one file stand together: of itself, or of its last retry. */
    if (listing.count > 0)
        qsort(listing.sequences, listing.count, sizeof *listing.sequences, by_number);
    *sequences = listing.sequences;
    *count = listing.count;
    return true;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* What is wrong with one file's source does not matter to the next; all else does. */
int retry_each(struct core *core, const struct settings *settings, struct retry_wanted *wanted, struct log *log)
{
    bool some = false, changed = false, goes_on = true;
    int code = 0;
    struct buf out;
    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < wanted->count && goes_on; i++) {
        struct error error = {0};
        const struct retry_how how = {.settings = settings, .look = wanted->look, .now = clock_wall()};
        buf_reset(&out);
        if (retry_file(core, &how, wanted->which[i], &changed, &out, &error)) {
            printf("%.*s", (int)out.len, out.len > 0 ? out.data : "");
            some |= changed;
            continue;
        }
        goes_on = error.kind == ERROR_DATA || error.kind == ERROR_USAGE;
        int its = offline_failed(log, &error);
        code = code ? code : its;
    }
    fflush(stdout);
    buf_close(&out);
    wanted->to_deliver = some && goes_on;
    return code;
}

static int retry_all(const struct settings *settings, struct core *core, void *context, struct log *log)
{
    struct retry_wanted *wanted = context;
    int code = retry_each(core, settings, wanted, log);
    const char *done = "the rows are in the store for good, but the target has them not yet";
    int delivered = wanted->to_deliver ? offline_deliver(settings, core, done, log) : 0;
    return code ? code : delivered;
}

int retry(const struct settings *settings, struct retry_wanted *wanted, struct log *log)
{
    return offline(settings, retry_all, wanted, log);
}
