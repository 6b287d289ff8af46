#include "app/rebuild.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/core.h"
#include "app/reading.h"
#include "app/rebuild_notes.h"
#include "app/refill.h"
#include "app/retry.h"
#include "app/sources.h"
#include "base/clock.h"
#include "base/text.h"
#include "parse/parser.h"

enum {
    SHOWN_PATH = 1024,  /* bytes of an escaped path, cut beyond */
    PROBLEMS_SHOWN = 20 /* files told one by one; further ones are counted */
};

struct rebuild {
    const struct settings *settings;
    struct log *log;
    struct pipeline *pipeline;
    struct store *old;
    struct sources sources;
    struct core core; /* around the store being built, then around the one in place */
    struct parser *parsers[PIPELINE_FEEDS_MAX];
    uint64_t problems; /* files that cannot be read as they were */
    uint64_t unread;   /* of these: that may only be so now, and are not to be left out for good */
    struct error put_error;
};

/* --- one file ----------------------------------------------------------------------------------------------------- */

static void problem(struct rebuild *rebuild, const struct source *source, const struct error *why)
{
    char path[SHOWN_PATH];
    rebuild->unread += why->kind != ERROR_DATA;
    if (rebuild->problems++ < PROBLEMS_SHOWN)
        log_warning(rebuild->log, "%s: %s", text_escape(slice_of(source->path), path, sizeof path), why->text);
}

static bool put(void *context, struct batch *batch)
{
    struct rebuild *rebuild = context;
    return core_file_put(&rebuild->core, batch, &rebuild->put_error);
}

/* What the ledger has is committed as of then, so that rows that lay ahead of the clock move the watermark no sooner
   now. */
static int64_t moment_of(const struct source *source)
{
    return source->recorded ? source->committed : clock_wall();
}

static bool end_file(struct rebuild *rebuild, struct source *source, const struct file_facts *facts,
                     struct error *error)
{
    struct core_result result;
    const struct core_file file = {.name = source->name,
                                   .stat = source->recorded ? &source->stat : NULL,
                                   .facts = facts,
                                   .stored = source->stored,
                                   .replaying = source->recorded};
    struct core_closed closed;
    if (!core_file_end(&rebuild->core, &file, moment_of(source), &result, error) ||
        !core_close_windows(&rebuild->core, moment_of(source), &closed, error))
        return false;
    source->applied = result.sequence;
    return true;
}

/* Rows that were retried are retried in the new store, as far as they are rejected there too: their file is read by the
   version that it was read by, which may have been mended since. Where "on_change" has become `replace`, a file of its
   name that was applied before the retry has taken its place there, and nothing of it counts. */
static bool apply_retry(struct rebuild *rebuild, const struct source *source, struct error *error)
{
    char which[32];
    struct arena texts;
    struct file_record file;
    struct retry_result result;
    uint64_t applied = 0;
    for (size_t i = 0; i < rebuild->sources.count && applied == 0; i++)
        if (rebuild->sources.items[i].id == source->retry_of)
            applied = rebuild->sources.items[i].applied;
    if (applied == 0) /* it could not be read, which was told */
        return true;
    snprintf(which, sizeof which, "seq=%" PRIu64, applied);
    arena_init(&texts, STORE_TEXTS_MAX);
    bool counts = store_find_file(rebuild->core.store, slice_of(which), &texts, &file, error);
    const struct retry_how how = {.settings = rebuild->settings,
                                  .version = rebuild->settings->rebind ? 0 : source->version,
                                  .now = moment_of(source)};
    bool ok = counts ? retry_rows(&rebuild->core, &how, &file, &result, error) : error->kind == ERROR_USAGE;
    arena_close(&texts);
    if (ok || error->kind != ERROR_DATA)
        return ok;
    problem(rebuild, source, error);
    return true;
}

static bool read_source(struct rebuild *rebuild, const struct source *source, struct file_facts *facts,
                        struct error *why)
{
    const struct settings *settings = rebuild->settings;
    const struct intake_how how = {.parser = rebuild->parsers[source->feed],
                                   .sink = put,
                                   .context = rebuild,
                                   .version = settings->rebind ? 0 : source->version,
                                   .spare = settings_spare(settings)};
    char path[SOURCE_PATH_SIZE];
    *facts = (struct file_facts){0};
    if (sources_locate(&rebuild->sources, source, path, sizeof path, why))
        return source_read(source, path, &how, facts, why);
    arena_init(&facts->arena, 0);
    return false;
}

/* False only when the store or the engine failed; a file that cannot be read is a problem and is left out. */
static bool apply_source(struct rebuild *rebuild, struct source *source, struct error *error)
{
    struct file_facts facts;
    struct error why = {0};
    bool ok = true;
    rebuild->put_error.kind = ERROR_NONE;
    core_file_begin(&rebuild->core, source->feed);
    if (read_source(rebuild, source, &facts, &why)) {
        ok = end_file(rebuild, source, &facts, error);
    } else {
        core_file_cancel(&rebuild->core);
        if (rebuild->put_error.kind != ERROR_NONE)
            ok = error_set(error, rebuild->put_error.kind, "%s", rebuild->put_error.text);
        else
            problem(rebuild, source, &why);
    }
    arena_close(&facts.arena);
    return ok;
}

static bool apply_all(struct rebuild *rebuild, struct error *error)
{
    for (size_t f = 0; f < rebuild->pipeline->feed_count; f++) {
        rebuild->parsers[f] = parser_new(&rebuild->pipeline->feeds[f], error);
        if (!rebuild->parsers[f])
            return false;
        parser_trust(rebuild->parsers[f]);
    }
    for (size_t i = 0; i < rebuild->sources.count; i++) {
        struct source *source = &rebuild->sources.items[i];
        if (source->retry_of ? !apply_retry(rebuild, source, error) : !apply_source(rebuild, source, error))
            return false;
    }
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* Of a feed that the pipeline did not have for a while, for one: nothing else would tell that its files are missing. */
static void warn_of_unknown(const struct rebuild *rebuild)
{
    struct sources unknown;
    struct error error = {0};
    sources_init(&unknown, rebuild->old, rebuild->pipeline, rebuild->settings->data);
    if (!sources_from_archive(&unknown, &error))
        log_warning(rebuild->log, "%s", error.text);
    else if (unknown.count > 0)
        log_warning(rebuild->log,
                    "the archive has %zu file%s that the store does not know: left out; `dropfold replay "
                    "--from-archive` takes such too",
                    unknown.count, text_plural(unknown.count));
    sources_close(&unknown);
}

static bool list_sources(struct rebuild *rebuild, struct error *error)
{
    struct sources *sources = &rebuild->sources;
    bool lost = store_progress(rebuild->old)->sequence == 0;
    sources_init(sources, rebuild->old, rebuild->pipeline, rebuild->settings->data);
    if (!sources_from_store(sources, true, error))
        return false;
    if (!lost && !rebuild->settings->from_archive)
        warn_of_unknown(rebuild);
    else if (!sources_from_archive(sources, error))
        return false;
    log_info(rebuild->log, "replaying %zu file%s in the order of %s", sources->count, text_plural(sources->count),
             lost ? "the archive's names" : "the ledger");
    if (!lost && sources->unrecorded > 0)
        log_info(rebuild->log, "%" PRIu64 " of them are known to the archive only", sources->unrecorded);
    if (rebuild->sources.skipped > 0)
        log_warning(rebuild->log,
                    "%" PRIu64 " file%s of feeds that the pipeline no longer has: left out; once it has them again, "
                    "`dropfold replay --from-archive` takes what was archived",
                    rebuild->sources.skipped, text_plural(rebuild->sources.skipped));
    return true;
}

static bool build(struct rebuild *rebuild, struct error *error)
{
    struct store *built;
    const struct settings *settings = rebuild->settings;
    if (!store_open(&built, settings->checkpoints, rebuild->pipeline->name, &rebuild->pipeline->fingerprint,
                    STORE_BUILD, error) ||
        !core_init(&rebuild->core, rebuild->pipeline, built, settings->memory_limit, error))
        return false;
    if (!list_sources(rebuild, error) || !apply_all(rebuild, error) ||
        !rebuild_notes(&rebuild->core, rebuild->old, &rebuild->sources, error) ||
        !store_adopt(rebuild->core.store, rebuild->old, error) ||
        !reading_note(rebuild->core.store, rebuild->pipeline, NULL, error))
        return false;
    if (rebuild->problems > 0 && !settings->accept_missing)
        return error_set(
            error, ERROR_DATA,
            "%" PRIu64 " of %zu files cannot be read as they were; nothing was changed. Put them back (or the "
            "descriptors they were read by, or choose others with --rebind), or leave them out for good with "
            "--accept-missing",
            rebuild->problems, rebuild->sources.count);
    if (rebuild->unread > 0)
        return error_set(error, ERROR_IO,
                         "%" PRIu64
                         " file%s cannot be read now and may not be gone; nothing was changed. Try again, or "
                         "take away what is lost",
                         rebuild->unread, text_plural(rebuild->unread));
    return true;
}

/* The built store leaves its core, because the swap closes it. */
static bool swap(struct rebuild *rebuild, struct error *error)
{
    struct store *built = rebuild->core.store, *old = rebuild->old;
    rebuild->core.store = NULL;
    core_close(&rebuild->core);
    rebuild->old = NULL;
    return store_swap(old, built, error);
}

static void close_rebuild(struct rebuild *rebuild)
{
    for (size_t f = 0; f < PIPELINE_FEEDS_MAX; f++)
        parser_free(rebuild->parsers[f]);
    core_close(&rebuild->core);
    if (rebuild->old)
        store_close(rebuild->old);
    sources_close(&rebuild->sources);
}

bool rebuild_store(const struct settings *settings, struct log *log, struct pipeline *pipeline, struct error *error)
{
    struct rebuild rebuild = {.settings = settings, .log = log, .pipeline = pipeline};
    bool ok =
        store_open(&rebuild.old, settings->checkpoints, pipeline->name, &pipeline->fingerprint, STORE_REPLACE, error) &&
        build(&rebuild, error) && swap(&rebuild, error);
    close_rebuild(&rebuild);
    return ok;
}

static bool deliver(const struct settings *settings, const struct pipeline *pipeline, struct error *error)
{
    struct core core;
    if (!core_open(&core, pipeline, settings->checkpoints, STORE_WRITE, settings->memory_limit, error))
        return false;
    printf("store at sequence %" PRIu64 ", %" PRIu64 " row%s\n", store_progress(core.store)->sequence, core.replayed,
           text_plural(core.replayed));
    bool ok = refill(settings, &core, true, error);
    core_close(&core);
    return ok;
}

int rebuild(const struct settings *settings, struct log *log)
{
    struct error error = {0};
    struct pipeline *pipeline = settings_pipeline(settings, &error);
    bool ok = pipeline && (settings->rebuild || rebuild_store(settings, log, pipeline, &error)) &&
              deliver(settings, pipeline, &error);
    if (!ok)
        log_error(log, "%s", error.text);
    if (pipeline)
        pipeline_free(pipeline);
    return ok ? 0 : error_exit_code(error.kind);
}
