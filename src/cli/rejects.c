#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/retry.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/rejects_export.h"
#include "cli/rejects_whole.h"

enum { SHOWN_RAW = 400, SEQUENCE_SIZE = 32, FILES_MAX = 100000 };

struct listing {
    const struct settings *settings;
    bool export, json;
    bool failed;           /* a row could not be shown, as memory is out */
    uint64_t count, whole; /* rows, quarantined files */
    struct buf out;
};

static void print_text(const struct reject_record *record)
{
    char name[COMMON_SHOWN], field[COMMON_SHOWN], reason[COMMON_SHOWN], raw[SHOWN_RAW];
    const struct reject *reject = &record->reject;
    printf("%.*s/%s:%" PRIu64 ":", (int)record->feed.len, record->feed.data,
           text_escape(record->name, name, sizeof name), reject->line);
    if (reject->column > 0) /* else the row as such is wrong */
        printf("%" PRIu32 ":", reject->column);
    printf(" %s%s%s\n    %s\n", text_escape(reject->field, field, sizeof field), reject->field.len ? ": " : "",
           text_escape_again(reject->reason, reason, sizeof reason), text_escape(reject->raw, raw, sizeof raw));
    if (record->retried)
        printf("    retried in seq %" PRIu64 "\n", record->retried);
}

static bool print_reject(void *context, const struct reject_record *record)
{
    struct listing *listing = context;
    if (record->retried && !listing->settings->all)
        return true;
    listing->count++;
    if (!listing->export && !listing->json) {
        print_text(record);
        return true;
    }
    if (listing->json)
        rejects_export_json(&listing->out, record);
    else
        rejects_export_csv(&listing->out, record, listing->settings->spreadsheet);
    listing->failed |= !common_print(&listing->out);
    return !listing->failed;
}

/* --- the list ----------------------------------------------------------------------------------------------------- */

/* Of one file, or with an empty name of all. */
static bool list_file(struct listing *listing, struct store *store, const char *name, struct error *error)
{
    return store_each_reject(store, slice_of(name), print_reject, listing, error) &&
           (!listing->failed || error_memory(error));
}

static void tell_sum(const struct listing *listing)
{
    fprintf(stderr, "%s rejected row%s", TEXT_COUNT(listing->count), text_plural(listing->count));
    if (listing->whole > 0)
        fprintf(stderr, ", %s file%s quarantined", TEXT_COUNT(listing->whole), text_plural(listing->whole));
    fputc('\n', stderr);
}

static int list(const struct invocation *invocation, bool export, char **names, size_t count)
{
    struct common_view view;
    struct error error = {0};
    const struct settings *settings = &invocation->settings;
    struct listing listing = {.settings = settings, .export = export, .json = settings->json || settings->export_json};
    int code = 0;
    if (!common_view_open(&view, invocation, &code))
        return code;
    buf_init(&listing.out, COMMON_OUTPUT_MAX);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = common_find_name(view.store, names[i], &error);
    if (ok && export && !listing.json) {
        rejects_export_header(&listing.out);
        listing.failed = !common_print(&listing.out);
    }
    ok = ok && (count > 0 || list_file(&listing, view.store, "", &error));
    for (size_t i = 0; ok && i < count; i++)
        ok = list_file(&listing, view.store, names[i], &error);
    if (ok && !export)
        ok = rejects_whole_print(view.store, count > 0 ? names[0] : "", settings, listing.json ? &listing.out : NULL,
                                 &listing.whole, &error);
    buf_close(&listing.out);
    common_view_close(&view);
    if (!ok)
        return common_failed(invocation, &error);
    if (!export && !listing.json)
        tell_sum(&listing);
    return 0;
}

/* --- retry -------------------------------------------------------------------------------------------------------- */

/* The files that are meant: those named, else all that have open rejects, as "seq=N". */
struct meant {
    const char *const *which;
    size_t count;
    const char **all; /* `which`, of these; else NULL, as is */
    char (*texts)[SEQUENCE_SIZE];
};

static bool name_all(struct meant *meant, struct store *store, struct error *error)
{
    uint64_t *sequences = NULL;
    if (!retry_list(store, &sequences, &meant->count, error))
        return false;
    size_t room = meant->count > 0 ? meant->count : 1;
    meant->which = meant->all = calloc(room, sizeof *meant->all);
    meant->texts = calloc(room, sizeof *meant->texts);
    bool ok = meant->all && meant->texts;
    for (size_t i = 0; ok && i < meant->count; i++) {
        snprintf(meant->texts[i], SEQUENCE_SIZE, "seq=%" PRIu64, sequences[i]);
        meant->all[i] = meant->texts[i];
    }
    free(sequences);
    return ok || error_memory(error);
}

/* Only looks: with the store as it is, beside whoever writes it. */
static int look(const struct invocation *invocation, const struct common_view *view, const struct meant *meant)
{
    struct core core = {.pipeline = view->pipeline, .store = view->store};
    return retry_each(&core, &invocation->settings,
                      &(struct retry_wanted){.which = meant->which, .count = meant->count, .look = true},
                      invocation->log);
}

/* A running dropfold retries them itself, each between two files; else all are retried here. */
static int do_retry(const struct invocation *invocation, const struct digest *source, const struct meant *meant)
{
    int code = 0;
    char hex[DIGEST_HEX_SIZE];
    digest_hex(source, hex);
    for (size_t i = 0; i < meant->count; i++) {
        const char *words[] = {"retry", hex, meant->which[i]};
        int its = 0;
        if (!common_ask_running(invocation, words, COUNT_OF(words), &its)) {
            its = retry(&invocation->settings,
                        &(struct retry_wanted){.which = meant->which + i, .count = meant->count - i}, invocation->log);
            return code ? code : its;
        }
        code = code ? code : its;
    }
    return code;
}

/* Which of them are worth another try, only their owner knows. */
static void tell_whole(uint64_t count)
{
    if (count > 0)
        fprintf(stderr,
                "%" PRIu64
                " quarantined file%s %s not among these: `dropfold rejects` lists them, `dropfold rejects retry "
                "FILE` puts one back\n",
                count, text_plural(count), count == 1 ? "is" : "are");
}

static int retry_rejects(const struct invocation *invocation, char **names, size_t count)
{
    struct common_view view;
    struct error error = {0};
    struct meant meant = {.which = (const char *const *)names, .count = count};
    int code = 0;
    uint64_t whole = 0;
    if (!common_view_open(&view, invocation, &code))
        return code;
    struct digest source = view.pipeline->source;
    bool ok = store_check_fingerprint(view.store, view.pipeline->name, &view.pipeline->fingerprint, &error) &&
              (count > 0 || (name_all(&meant, view.store, &error) &&
                             rejects_whole_count(view.store, &invocation->settings, &whole, &error)));
    if (ok && invocation->settings.dry_run)
        code = look(invocation, &view, &meant);
    common_view_close(&view); /* a command that writes may need to wait for readers */
    if (!ok)
        code = common_failed(invocation, &error);
    else if (!invocation->settings.dry_run && meant.count > 0)
        code = do_retry(invocation, &source, &meant);
    if (ok && meant.count == 0)
        fprintf(stderr, "no rejected row is open\n");
    if (ok)
        tell_whole(whole);
    free(meant.all);
    free(meant.texts);
    return code;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* What options do not go with what is asked for; or NULL. */
static const char *find_misuse(const struct invocation *invocation, bool retries, bool exports)
{
    const struct settings *settings = &invocation->settings;
    if (settings->dry_run && !retries)
        return "rejects: --dry-run goes with retry";
    if (!retries && (invocation->given & (OPTION_MEMORY_LIMIT | OPTION_TARGET_TIMEOUT)))
        return "rejects: --memory-limit and --target-timeout go with retry";
    if ((settings->export_json || settings->spreadsheet) && !exports)
        return "rejects: --format and --spreadsheet go with export";
    if (settings->spreadsheet && (settings->export_json || settings->json))
        return "rejects: --spreadsheet goes with CSV";
    if (retries && (settings->json || settings->all))
        return "rejects: --json and --all do not go with retry";
    return NULL;
}

static int execute(const struct invocation *invocation)
{
    char **operands = invocation->operands;
    size_t count = invocation->operand_count;
    bool retries = count > 0 && strcmp(operands[0], "retry") == 0;
    bool exports = count > 0 && strcmp(operands[0], "export") == 0;
    const char *misuse = find_misuse(invocation, retries, exports);
    if (misuse)
        return common_misused(invocation, misuse);
    if (retries)
        return retry_rejects(invocation, operands + 1, count - 1);
    if (exports)
        return list(invocation, true, operands + 1, count - 1);
    if (count > 1)
        return common_misused(invocation, "rejects: expected one FILE, or retry FILE..., or export FILE...");
    return list(invocation, false, operands, count);
}

const struct command command_rejects = {
    .name = "rejects",
    .operands = "[FILE | retry [FILE...] | export [FILE...]]",
    .operands_max = FILES_MAX,
    .summary = "List the rows that were not accepted, read them again, or export them.",
    .help =
        "Each row with its file, line, column (1 is the row's first one), the reason and its raw text, so that it can "
        "be\n"
        "mended and dropped again. Behind them, how many values of a file are null by \"on_error\" and how many rows\n"
        "were repaired, and the quarantined files, until they are read again or taken out of the quarantine. FILE\n"
        "is a file's name in its landing folder, with or without \"<feed>/\" before it. With --json an object a line:\n"
        "each row, then each quarantined file, which has \"whole\", the reason, and where it is kept. A row that is "
        "not\n"
        "UTF-8 has its bytes in \"raw_hex\" too.\n"
        "\n"
        "retry    after a descriptor was mended: reads the rejected rows again from the kept file (of each FILE, or "
        "of\n"
        "         all), and applies those that are valid now, at the places they had in their file: what corrected "
        "them\n"
        "         since stays. One change a file; those that are rejected again stay listed, with today's reason. A\n"
        "         FILE that was quarantined is put back into its landing folder. FILE is as for `forget`.\n"
        "export   all open rows as CSV on stdout, or with --format json (or --json) as an object a line. Cells are as\n"
        "         they came; with --spreadsheet those that a spreadsheet would run begin with '.\n"
        "A file that is itself called \"retry\" or \"export\" is meant by \"<feed>/retry\".\n"
        "\n"
        "  dropfold rejects\n"
        "  dropfold rejects FEED/new-03.csv\n"
        "  dropfold rejects --json | jq -r .reason\n"
        "  dropfold rejects retry --dry-run\n"
        "  dropfold rejects retry FEED/new-03.csv\n"
        "  dropfold rejects export --spreadsheet > rejected.csv\n"
        "\n"
        "Exit codes: 0 done, also when nothing is valid yet, or retried by a running dropfold, which delivers it; 1 "
        "there\n"
        "is no store yet, or the target refused: what was retried stays so; 64 no such file, or several: they are\n"
        "listed; 65 a kept file is gone, has another content or other rows: nothing of it was changed; 69 retried, "
        "but\n"
        "the target cannot be reached (the next run delivers); 75 a running dropfold is starting, ending or "
        "replaying:\n"
        "try again; 78 configuration.\n",
    .options = OPTION_JSON | OPTION_ALL | OPTION_DRY_RUN | OPTION_FORMAT | OPTION_SPREADSHEET | OPTION_MEMORY_LIMIT |
               OPTION_TARGET_TIMEOUT,
    .execute = execute,
};
