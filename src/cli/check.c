#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/core.h"
#include "app/look.h"
#include "app/reading.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"
#include "feed/intake.h"
#include "feed/landing.h"

enum { SHOWN_REJECTS = 10, SHOWN_RAW = 200 };

/* --- the whole set-up --------------------------------------------------------------------------------------------- */

static void print_feed(const struct feed *feed)
{
    printf("feed        %s: descriptor versions", feed->name);
    for (size_t v = feed->version_count; v-- > 0;)
        printf(" %" PRIu32, feed->versions[v].descriptor->version);
    printf("; %s\n", feed->key_count ? "keyed" : "every row is a record");
}

/* Whether a folder can be written, or made where it is missing: as the store's, the archive's and a SQLite target's
   are. Its parents are not. */
static bool can_write(const char *folder)
{
    char parent[SETTINGS_PATH_SIZE];
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
        return true;
    if (errno != ENOENT)
        return false;
    snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    return faccessat(AT_FDCWD, slash ? parent : ".", W_OK | X_OK, AT_EACCESS) == 0;
}

/* Of what a move to the archive opens, which follows no link. */
static const char *trouble_of(const char *archive)
{
    struct stat found;
    if (lstat(archive, &found) == 0 && !S_ISDIR(found.st_mode))
        return S_ISLNK(found.st_mode) ? ": a symbolic link, which is not followed (mount the folder there instead)"
                                      : ": no folder";
    return can_write(archive) ? NULL : ": not writable";
}

static void print_archive(const struct invocation *invocation, const struct pipeline *pipeline)
{
    char path[SETTINGS_PATH_SIZE], shown[COMMON_SHOWN];
    size_t archived = 0;
    for (size_t f = 0; f < pipeline->feed_count; f++)
        archived += pipeline->feeds[f].after == FEED_ARCHIVE;
    snprintf(path, sizeof path, "%s/archive", invocation->settings.data);
    const char *trouble = trouble_of(path);
    if (archived > 0)
        printf("archive     %s%s%s\n", text_escape(slice_of(path), shown, sizeof shown), trouble ? trouble : "",
               trouble ? ", applied files will be left where they are" : "");
}

static bool check_folders(const struct invocation *invocation, const struct pipeline *pipeline, struct error *first)
{
    bool ok = true;
    for (size_t f = 0; f < pipeline->feed_count; f++) {
        struct landing landing;
        struct error error = {0};
        char shown[COMMON_SHOWN];
        if (landing_open(&landing, invocation->settings.data, &pipeline->feeds[f], f, false, &error)) {
            printf("folder      %s%s\n", text_escape(slice_of(landing.path), shown, sizeof shown),
                   landing.writable ? "" : ": not writable, files will be left there");
            landing_close(&landing);
            continue;
        }
        log_error(invocation->log, "%s", error.text);
        if (ok)
            *first = error;
        ok = false;
    }
    if (ok && !landing_check_apart(invocation->settings.data, pipeline, first)) {
        log_error(invocation->log, "%s", first->text);
        ok = false;
    }
    return ok;
}

/* Files may be read otherwise than before; what became of them needs a pipeline of the same shape. */
static bool check_contract(struct store *store, const struct pipeline *pipeline, struct error *error)
{
    struct buf descriptors, shape;
    buf_init(&descriptors, COMMON_OUTPUT_MAX);
    buf_init(&shape, COMMON_OUTPUT_MAX);
    bool ok = reading_differences(store, pipeline, &descriptors, &shape, error);
    bool same = digest_equal(store_fingerprint(store), &pipeline->fingerprint);
    if (ok && descriptors.len > 0)
        printf("descriptors changed since the last run: %.*s; %s\n", (int)descriptors.len, descriptors.data,
               same ? "files that come are read by them, files committed before keep what they were read as"
                    : "see below");
    else if (ok)
        printf("descriptors as in the last run\n");
    if (ok && !same && store_progress(store)->sequence == 0)
        printf("the pipeline changed, and no file was applied by the old one: the next run takes it as it is\n");
    else if (ok && !same)
        ok = error_set(error, ERROR_CONFIG,
                       "what the pipeline computes, or a field's type, changed since %s was made: `dropfold replay` "
                       "builds it anew%s%.*s",
                       store_path(store), shape.len > 0 ? ". " : "", (int)shape.len, shape.len > 0 ? shape.data : "");
    buf_close(&descriptors);
    buf_close(&shape);
    return ok;
}

/* `look`, what the target said before, is compared with the store; NULL: it was not asked. */
static bool check_store(const struct invocation *invocation, const struct pipeline *pipeline, struct look *look,
                        struct error *error)
{
    struct store *store;
    const char *folder = invocation->settings.checkpoints;
    char path[SETTINGS_PATH_SIZE], shown[COMMON_SHOWN];
    bool missing = common_store_missing(invocation, pipeline, path);
    text_escape(slice_of(path), shown, sizeof shown);
    if (missing) {
        printf("store       %s: not there yet, the first run makes it\n", shown);
        if (look && !look_compare(look, pipeline, NULL, error))
            return false;
        return can_write(folder) || error_errno(error, ERROR_IO, errno, "the store cannot be made in %s", folder);
    }
    if (!store_open(&store, folder, pipeline->name, &pipeline->fingerprint, STORE_READ, error))
        return false;
    printf("store       %s: sequence %" PRIu64 "\n", shown, store_progress(store)->sequence);
    bool ok = check_contract(store, pipeline, error) && (!look || look_compare(look, pipeline, store, error));
    if (ok && access(path, W_OK) != 0)
        ok = error_errno(error, ERROR_IO, errno, "%s cannot be written", path);
    if (ok && !can_write(folder))
        ok = error_errno(error, ERROR_IO, errno, "the folder %s cannot be written", folder);
    store_close(store);
    return ok;
}

/* A SQLite file that is not there is made by the first delivery, as far as it can be. Looking at one writes nothing. */
static bool check_target_file(const struct invocation *invocation, const struct pipeline *pipeline, struct error *error)
{
    static const struct slice sqlite = {"sqlite:", 7};
    char address[SETTINGS_PATH_SIZE];
    if (!settings_target(&invocation->settings, pipeline, address, error))
        return false;
    if (!slice_starts_with(slice_of(address), sqlite))
        return true;
    char *path = address + sqlite.len, *slash = strrchr(path, '/');
    bool there = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
    if (!there && errno != ENOENT)
        return error_errno(error, ERROR_REFUSED, errno, "the target cannot be written: %s", path);
    if (slash == path)
        return true;
    if (slash)
        *slash = '\0';
    const char *folder = slash ? path : ".";
    return can_write(folder) || error_errno(error, ERROR_REFUSED, errno, "the target cannot be %s in %s",
                                            there ? "written" : "made", folder);
}

/* How it is, in a word; what is wrong with it is in `error`. */
static const char *word_of_target(const struct invocation *invocation, const struct pipeline *pipeline,
                                  const struct look *look, struct error *error)
{
    if (!look->reachable || look->barred.kind != ERROR_NONE) {
        *error = look->reachable ? look->barred : look->error;
        return error->kind == ERROR_TARGET ? "not reachable" : "refuses";
    }
    if (!check_target_file(invocation, pipeline, error))
        return "cannot be written";
    *error = look->diverged;
    return error->kind == ERROR_NONE ? "reachable" : "diverged";
}

static bool check_target(const struct invocation *invocation, const struct pipeline *pipeline, const struct look *look,
                         struct error *error)
{
    printf("target      %s: %s", look->name, word_of_target(invocation, pipeline, look, error));
    if (look->reachable && look->progress.present)
        printf(", sequence %" PRIu64, look->progress.sequence);
    putchar('\n');
    return error->kind == ERROR_NONE;
}

/* Every part is looked at even when one before it is wrong; the first error decides the exit code. */
static int check_setup(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct error error = {0}, first = {0}, address = {0};
    struct look look;
    bool looked = look_at_target(&look, &invocation->settings, pipeline, &address);
    printf("pipeline    %s: %zu feed%s, %zu table%s, %zu view%s\n", pipeline->name, pipeline->feed_count,
           text_plural(pipeline->feed_count), pipeline->table_count, text_plural(pipeline->table_count),
           pipeline->view_count, text_plural(pipeline->view_count));
    for (size_t f = 0; f < pipeline->feed_count; f++)
        print_feed(&pipeline->feeds[f]);
    bool folders = check_folders(invocation, pipeline, &first);
    print_archive(invocation, pipeline);
    bool store = check_store(invocation, pipeline, looked ? &look : NULL, &error);
    if (!store) {
        log_error(invocation->log, "%s", error.text);
        first = folders ? error : first;
    }
    error = address;
    if (!looked || !check_target(invocation, pipeline, &look, &error)) {
        log_error(invocation->log, "%s", error.text);
        first = folders && store ? error : first;
    }
    return error_exit_code(first.kind);
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

struct reading {
    const char *path; /* as it is shown */
    uint64_t shown;
};

static bool show_batch(void *context, struct batch *batch)
{
    struct reading *reading = context;
    for (size_t i = 0; i < batch->reject_count && reading->shown < SHOWN_REJECTS; i++, reading->shown++) {
        char reason[COMMON_SHOWN], raw[SHOWN_RAW];
        const struct reject *reject = &batch->rejects[i];
        printf("%s:%" PRIu64 ":", reading->path, reject->line);
        if (reject->column > 0) /* else the row as such is wrong */
            printf("%" PRIu32 ":", reject->column);
        printf(" %.*s%s%s\n    %s\n", (int)reject->field.len, reject->field.len ? reject->field.data : "",
               reject->field.len ? ": " : "", text_escape_again(reject->reason, reason, sizeof reason),
               text_escape(reject->raw, raw, sizeof raw));
    }
    batch_free(batch);
    return true;
}

/* Of a file that is quarantined for its rejected rows: those that were not handed out yet. */
static void show_rest(struct reading *reading, struct parser *parser)
{
    struct batch *batch = NULL;
    struct error ignored = {0};
    if (parser_take(parser, &batch, &ignored) && batch)
        show_batch(reading, batch);
}

static void tell_facts(const struct feed *feed, const char *path, const struct file_facts *facts)
{
    printf("%s: %s ", path, feed->name);
    if (facts->version > 0)
        printf("version %" PRIu32, facts->version);
    else
        printf("without a record that tells the version");
    printf(", %s row%s, %s of them would be rejected\n", TEXT_COUNT(facts->rows), text_plural(facts->rows),
           TEXT_COUNT(facts->rejected));
    for (size_t i = 0; i < facts->unknown_count; i++) {
        char name[COMMON_SHOWN];
        printf("column \"%s\" is in no descriptor and would be skipped\n",
               text_escape(facts->unknown[i], name, sizeof name));
    }
    if (facts->note.len > 0)
        printf("%.*s\n", (int)facts->note.len, facts->note.data);
}

/* Of a feed that takes no other content under a name: whether the store has one under this. */
static bool check_change(const struct invocation *invocation, const struct pipeline *pipeline, const struct feed *feed,
                         const char *name, const struct digest *content, struct error *error)
{
    char path[SETTINGS_PATH_SIZE];
    struct store *store;
    struct file_record earlier;
    if (feed->on_change != FEED_REJECT || common_store_missing(invocation, pipeline, path))
        return true;
    if (!store_open(&store, invocation->settings.checkpoints, pipeline->name, &pipeline->fingerprint, STORE_READ,
                    error))
        return false;
    bool ok = store_find_at_name(store, slice_of(feed->name), slice_of(name), &earlier, error);
    store_close(store);
    if (!ok || earlier.id == 0 || digest_equal(&earlier.content, content))
        return ok;
    core_refusal(feed, earlier.sequence, error);
    return false;
}

static int read_as(const struct invocation *invocation, const struct pipeline *pipeline, const struct feed *feed,
                   int fd)
{
    const char *name = common_landing_name(invocation->operands[0], fd);
    char path[COMMON_SHOWN];
    struct error error = {0};
    struct file_facts facts = {0};
    struct reading reading = {.path = text_escape(slice_of(invocation->operands[0]), path, sizeof path)};
    struct parser *parser = parser_new(feed, &error);
    if (!parser)
        return common_failed(invocation, &error);
    const struct intake_how how = {
        .parser = parser, .sink = show_batch, .context = &reading, .spare = settings_spare(&invocation->settings)};
    enum intake_result result = intake_read_fd(fd, name, &how, &facts, &error);
    if (result == INTAKE_BAD)
        show_rest(&reading, parser);
    parser_free(parser);
    int code = 0;
    if (result != INTAKE_READ) {
        error_in_file(&error, path);
        log_error(invocation->log, "%s", error.text);
        code = error_exit_code(result == INTAKE_BAD ? ERROR_DATA : ERROR_IO);
    } else {
        tell_facts(feed, path, &facts);
        code = facts.rejected > 0 ? error_exit_code(ERROR_DATA) : 0;
        if (!check_change(invocation, pipeline, feed, name, &facts.content, &error)) {
            error_in_file(&error, path);
            code = common_failed(invocation, &error);
        }
    }
    arena_close(&facts.arena);
    return code;
}

static int check_file(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct error error = {0};
    size_t feed;
    int fd;
    if (!common_open_file(invocation, pipeline, &feed, &fd, &error))
        return common_failed(invocation, &error);
    int code = read_as(invocation, pipeline, &pipeline->feeds[feed], fd);
    close(fd);
    return code;
}

static int execute(const struct invocation *invocation)
{
    return common_with_pipeline(invocation, invocation->operand_count ? check_file : check_setup);
}

const struct command command_check = {
    .name = "check",
    .operands = "[FILE [FEED]]",
    .operands_max = 2,
    .summary = "Look whether everything is in its place, or what would become of a file.",
    .help =
        "Without FILE: reads pipeline and descriptors (every mistake as file:line:column), looks at the folders, the\n"
        "checkpoint store, the target and, in PostgreSQL, what the role may do there.\n"
        "\n"
        "With FILE: reads it as FEED (default: the folder of that name in its path), says which descriptor fits, how\n"
        "many rows there are, the first rows that would be rejected, and whether the feed takes another content under\n"
        "its name. An archived file is read under the name that it came with. Changes nothing either way.\n"
        "\n"
        "  dropfold check\n"
        "  dropfold check data/FEED/new-03.csv\n"
        "  dropfold check /tmp/new.csv FEED\n"
        "\n"
        "Exit codes: 0 fine; 1 something cannot be read or written, or the target refuses or has diverged; 64 the\n"
        "file's feed cannot be told; 65 the file or rows of it would be rejected; 69 target unavailable; 78\n"
        "configuration.\n",
    .options = 0,
    .execute = execute,
};
