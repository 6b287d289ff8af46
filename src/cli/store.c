#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

/* --- check -------------------------------------------------------------------------------------------------------- */

/* What a replay passes. */
struct census {
    uint64_t changes, chunks, bytes, rows;
};

static bool count_chunk(void *context, const struct replay_chunk *chunk, struct error *error)
{
    struct census *census = context;
    (void)error;
    census->chunks++;
    census->bytes += chunk->chunk.len;
    return true;
}

static bool count_change(void *context, const struct replay_end *end, struct error *error)
{
    struct census *census = context;
    (void)error;
    census->changes++;
    census->rows += buckets_total(&end->buckets);
    return true;
}

static void print_census(const struct store *store, const struct census *census, const struct store_summary *summary)
{
    char hex[DIGEST_HEX_SIZE];
    const struct progress *progress = store_progress(store);
    digest_hex(&progress->digest, hex);
    printf("history     sound: %s change%s of %s file%s", TEXT_COUNT(census->changes), text_plural(census->changes),
           TEXT_COUNT(summary->files[FILE_APPLIED]), text_plural(summary->files[FILE_APPLIED]));
    if (summary->forgotten > 0)
        printf(" and %s forgotten", TEXT_COUNT(summary->forgotten));
    if (summary->succeeded > 0)
        printf(" and %s replaced", TEXT_COUNT(summary->succeeded));
    printf(", %s row%s in %s chunk%s of %.1f MiB; every checksum and digest\n", TEXT_COUNT(census->rows),
           text_plural(census->rows), TEXT_COUNT(census->chunks), text_plural(census->chunks),
           (double)census->bytes / (1024.0 * 1024.0));
    printf("end         sequence %" PRIu64 " of epoch %s, digest %.16s\n", progress->sequence, progress->epoch, hex);
}

/* Each part is told as it ends: the whole may take minutes. */
static int check(const struct invocation *invocation, struct common_view *view)
{
    struct census census = {0};
    struct store_summary summary;
    struct error error = {0};
    char path[COMMON_SHOWN];
    const struct replay_visit visit = {.context = &census, .chunk = count_chunk, .change_end = count_change};
    printf("store       %s\n", text_escape(slice_of(store_path(view->store)), path, sizeof path));
    bool ok = store_check(view->store, &error);
    if (ok)
        printf("structure   sound: every page and index, the sum of every row\n");
    fflush(stdout);
    ok = ok && store_replay(view->store, &visit, &error) && store_summary(view->store, &summary, &error);
    if (ok)
        print_census(view->store, &census, &summary);
    return ok ? 0 : common_failed(invocation, &error);
}

/* --- backup ------------------------------------------------------------------------------------------------------- */

static int backup(const struct invocation *invocation, const char *path)
{
    struct common_view view;
    struct store_backup made;
    struct error error = {0};
    char shown[1200];
    int code = 0;
    if (!common_view_open(&view, invocation, &code))
        return code;
    bool ok = store_backup(view.store, path, &made, &error);
    common_view_close(&view);
    if (!ok)
        return common_failed(invocation, &error);
    printf("backed up %s: sequence %" PRIu64 " of epoch %s, %s bytes, read back and compared\n",
           text_escape(slice_of(path), shown, sizeof shown), made.progress.sequence, made.progress.epoch,
           TEXT_COUNT(made.bytes));
    return 0;
}

/* --- compact ------------------------------------------------------------------------------------------------------ */

/* Opened for reading first: opened for writing it would be made when it is not there. */
static bool open_to_compact(struct common_view *view, const struct invocation *invocation, int *code)
{
    if (!common_view_open(view, invocation, code))
        return false;
    store_close(view->store);
    view->store = NULL;
    return common_view_open_store(view, invocation, STORE_REPLACE, code);
}

static int compact(const struct invocation *invocation)
{
    struct common_view view;
    struct error error = {0};
    uint64_t before = 0, after = 0;
    char path[COMMON_SHOWN];
    int code = 0;
    if (!open_to_compact(&view, invocation, &code))
        return code;
    bool ok = store_compact(view.store, &before, &after, &error);
    if (ok)
        printf("compacted %s: %s bytes before, %s after\n",
               text_escape(slice_of(store_path(view.store)), path, sizeof path), TEXT_COUNT(before), TEXT_COUNT(after));
    common_view_close(&view);
    return ok ? 0 : common_failed(invocation, &error);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int execute(const struct invocation *invocation)
{
    static const char *const verbs[] = {"check", "backup", "compact"};
    const char *verb = invocation->operands[0];
    bool named = invocation->operand_count > 1;
    if (strcmp(verb, "backup") == 0)
        return named ? backup(invocation, invocation->operands[1])
                     : common_misused(invocation, "store backup: expected FILE, found nothing");
    bool checks = strcmp(verb, "check") == 0;
    if (!checks && strcmp(verb, "compact") != 0)
        return common_unknown_verb(invocation, verbs, COUNT_OF(verbs));
    if (named)
        return common_misused(invocation, "store: only backup takes a FILE");
    return checks ? common_with_view(invocation, check) : compact(invocation);
}

const struct command command_store = {
    .name = "store",
    .operands = "check | backup FILE | compact",
    .operands_min = 1,
    .operands_max = 2,
    .summary = "Check the checkpoint store, copy it while it is in use, or give back its unused space.",
    .help =
        "check    reads all of it: SQLite's own check of every page and index, the sum of every row, then a replay\n"
        "         of the whole history with every checksum and digest. Says what is damaged by its name.\n"
        "backup   copies it into a new file, which must not be there yet: as it is at one moment, flushed, read\n"
        "         back and compared. To restore it, stop dropfold and put it in the place of\n"
        "         <checkpoints>/<pipeline>.db, without a -wal or -shm beside it.\n"
        "compact  rewrites it in one piece without holes; needs as much room again on the way.\n"
        "\n"
        "check and backup change nothing and work beside a running dropfold; compact needs it stopped.\n"
        "\n"
        "  dropfold store check\n"
        "  dropfold store backup /backups/shop-$(date +%F).db\n"
        "  dropfold store compact\n"
        "\n"
        "Exit codes: 0 done and sound; 1 damaged, there is no store yet, or the file is there already or cannot be\n"
        "written; 64 usage; 75 a dropfold is running (compact); 78 configuration.\n",
    .options = 0,
    .execute = execute,
};
