#include "app/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

enum { SHOWN_VALUE = 1024, FAILED = 1 };

static const char *const kind_names[] = {"missing", "unexpected", "different"};
static const char *const problem_names[] = {"missing", "different", "unknown"};

struct report {
    const struct settings *settings;
    struct buf out;
    bool failed;     /* a line could not be shown, as memory is out */
    uint64_t listed; /* rows of the table */
    uint64_t found;
};

static bool is_behind(const struct verify_result *result)
{
    return result->sequence < result->store_sequence;
}

static bool has_drifted(const struct verify_result *result)
{
    return verify_drifted(result) > 0 || result->counts_differ;
}

static bool is_incomplete(const struct verify_result *result)
{
    return result->problems[VERIFY_MISSING] + result->problems[VERIFY_UNKNOWN] > 0;
}

static struct slice key_of(const struct drift_value *value)
{
    return value->found.data ? value->found : value->expected;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void tell_store(void *context, const char *path)
{
    char shown[COMMON_SHOWN];
    (void)context;
    printf("store       %s: every page, index and row is sound\n", text_escape(slice_of(path), shown, sizeof shown));
    fflush(stdout);
}

static void tell_problem(void *context, enum verify_problem kind, const char *path, const char *what)
{
    char shown[COMMON_SHOWN];
    (void)context;
    printf("%-11s %s: %s\n", problem_names[kind], text_escape(slice_of(path), shown, sizeof shown), what);
}

static void tell_sources(void *context, const struct verify_result *result)
{
    const uint64_t *problems = result->problems;
    (void)context;
    printf("sources     %s file%s read again", TEXT_COUNT(result->sources), text_plural(result->sources));
    if (problems[VERIFY_MISSING] + problems[VERIFY_DIFFERENT] == 0)
        printf(": the store has their rows");
    else
        printf(": %s missing, of %s the store has other rows", TEXT_COUNT(problems[VERIFY_MISSING]),
               TEXT_COUNT(problems[VERIFY_DIFFERENT]));
    if (result->changed > 0)
        printf("; %s were read by descriptors that are others now: their bytes were compared, not their rows",
               TEXT_COUNT(result->changed));
    if (problems[VERIFY_UNKNOWN] > 0)
        printf("; archived and in no ledger: %s", TEXT_COUNT(problems[VERIFY_UNKNOWN]));
    putchar('\n');
    fflush(stdout);
}

static void tell_target(void *context, const struct verify_result *result)
{
    (void)context;
    printf("history     sound: every checksum and digest up to sequence %" PRIu64 "\n", result->store_sequence);
    printf("target      %s: holds sequence %" PRIu64, result->target, result->sequence);
    if (is_behind(result))
        printf(", %s change%s undelivered", TEXT_COUNT(result->store_sequence - result->sequence),
               text_plural(result->store_sequence - result->sequence));
    putchar('\n');
    fflush(stdout);
}

static void end_rows(struct report *report)
{
    if (report->found > report->listed)
        printf("            and %s row%s more\n", TEXT_COUNT(report->found - report->listed),
               text_plural(report->found - report->listed));
    report->found = report->listed = 0;
}

static void tell_table(void *context, const struct table *table, const struct verify_table *found)
{
    struct report *report = context;
    end_rows(report);
    printf("table       %s: %s row%s", table->name, TEXT_COUNT(found->rows), text_plural(found->rows));
    for (size_t kind = 0; kind < DRIFT_KINDS; kind++) {
        if (found->drift[kind] > 0)
            printf("%s%s %s", report->found > 0 ? ", " : ": ", TEXT_COUNT(found->drift[kind]), kind_names[kind]);
        report->found += found->drift[kind];
    }
    puts(report->found > 0 ? "" : ", as they should be");
}

static void print_value(struct slice value)
{
    char shown[SHOWN_VALUE];
    fputs(value.data ? text_escape(value, shown, sizeof shown) : "null", stdout);
}

static void tell_row(void *context, const struct table *table, enum drift_kind kind, const struct drift_value *values)
{
    struct report *report = context;
    const char *between = ": ";
    printf("%-11s %s", kind_names[kind], table->name);
    for (size_t i = 0; i < table->key_count; i++) {
        printf(" %s=", table->columns[table->key[i]].name);
        print_value(key_of(&values[table->key[i]]));
    }
    for (size_t i = 0; kind == DRIFT_DIFFERENT && i < table->column_count; i++) {
        if (!values[i].differs)
            continue;
        printf("%s%s is ", between, table->columns[i].name);
        print_value(values[i].found);
        fputs(" and should be ", stdout);
        print_value(values[i].expected);
        between = ", ";
    }
    putchar('\n');
    report->listed++;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void json_value(struct json *json, const char *name, struct slice value)
{
    if (value.data)
        json_text(json, name, value);
    else
        json_null(json, name);
}

static void json_problem(void *context, enum verify_problem kind, const char *path, const char *what)
{
    struct report *report = context;
    struct json json;
    json_init(&json, &report->out);
    json_open(&json, NULL, '{');
    json_text(&json, "source", slice_of(path));
    json_text(&json, "problem", slice_of(problem_names[kind]));
    json_text(&json, "what", slice_of(what));
    json_close(&json, '}');
    report->failed |= !common_print(&report->out);
}

static void json_columns(struct json *json, const struct table *table, enum drift_kind kind,
                         const struct drift_value *values)
{
    json_open(json, "columns", '{');
    for (size_t i = 0; i < table->column_count; i++) {
        if (table_is_key(table, i) || !values[i].differs)
            continue;
        json_open(json, table->columns[i].name, '{');
        if (kind != DRIFT_MISSING)
            json_value(json, "found", values[i].found);
        if (kind != DRIFT_UNEXPECTED)
            json_value(json, "expected", values[i].expected);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void json_row(void *context, const struct table *table, enum drift_kind kind, const struct drift_value *values)
{
    struct report *report = context;
    struct json json;
    json_init(&json, &report->out);
    json_open(&json, NULL, '{');
    json_text(&json, "table", slice_of(table->name));
    json_text(&json, "drift", slice_of(kind_names[kind]));
    json_open(&json, "key", '{');
    for (size_t i = 0; i < table->key_count; i++)
        json_value(&json, table->columns[table->key[i]].name, key_of(&values[table->key[i]]));
    json_close(&json, '}');
    json_columns(&json, table, kind, values);
    json_close(&json, '}');
    report->failed |= !common_print(&report->out);
}

static void json_tables(struct json *json, const struct pipeline *pipeline, const struct verify_result *result)
{
    json_open(json, "tables", '[');
    for (size_t t = 0; t < pipeline_delivered(pipeline); t++) {
        json_open(json, NULL, '{');
        json_text(json, "table", slice_of(pipeline->tables[t].name));
        json_count(json, "rows", result->tables[t].rows);
        for (size_t kind = 0; kind < DRIFT_KINDS; kind++)
            json_count(json, kind_names[kind], result->tables[t].drift[kind]);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void json_sources(struct json *json, const struct verify_result *result)
{
    json_open(json, "sources", '{');
    json_count(json, "read", result->sources);
    json_count(json, "changed", result->changed);
    for (size_t kind = 0; kind < VERIFY_PROBLEMS; kind++)
        json_count(json, problem_names[kind], result->problems[kind]);
    json_close(json, '}');
}

static void print_summary(struct report *report, const struct pipeline *pipeline, const struct verify_result *result)
{
    struct json json;
    json_init(&json, &report->out);
    json_open(&json, NULL, '{');
    json_text(&json, "target", slice_of(result->target));
    json_bool(&json, "equal", !has_drifted(result));
    json_bool(&json, "repaired", result->repaired);
    json_count(&json, "sequence", result->sequence);
    json_count(&json, "undelivered", result->store_sequence - result->sequence);
    json_tables(&json, pipeline, result);
    if (report->settings->deep)
        json_sources(&json, result);
    json_close(&json, '}');
    report->failed |= !common_print(&report->out);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static void tell_drift(struct log *log, const struct verify_result *result)
{
    uint64_t rows = verify_drifted(result);
    if (result->repaired)
        log_info(log, "mended: the rows that drifted (%" PRIu64 ") are what they should be", rows);
    else if (rows > 0)
        log_error(log, "%" PRIu64 " row%s drifted%s", rows, text_plural(rows),
                  verify_agrees(result) ? ": `dropfold verify --repair` mends them" : "");
    else if (result->counts_differ)
        log_error(log, "the tables are as they should be, but the progress row counts other rows: `dropfold verify "
                       "--repair` mends it, or the next start delivers in full");
}

/* What is worst decides. */
static int conclude(const struct invocation *invocation, const struct verify_result *result)
{
    bool accepted = invocation->settings.accept_missing || !is_incomplete(result);
    bool lacking = is_behind(result) && !result->delivering;
    struct log *log = invocation->log;
    tell_drift(log, result);
    if (!verify_agrees(result))
        log_error(log, "the store has other rows than its sources: `dropfold replay` builds it anew from them");
    if (!accepted)
        log_error(log, "the deep look is incomplete: put back the files that are missing, move those that the ledger "
                       "does not know out of the archive, or accept it with --accept-missing");
    if (lacking)
        log_error(log, "%" PRIu64 " change%s not delivered: `dropfold run --once` delivers what is missing",
                  result->store_sequence - result->sequence,
                  result->store_sequence - result->sequence == 1 ? " is" : "s are");
    if (!verify_agrees(result) || (has_drifted(result) && !result->repaired))
        return FAILED;
    if (!accepted)
        return error_exit_code(ERROR_DATA);
    return lacking ? error_exit_code(ERROR_TARGET) : 0;
}

static int run(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct report report = {.settings = &invocation->settings};
    struct verify_result result;
    struct error error = {0};
    const struct verify_visit text = {&report,     tell_store, tell_problem, tell_sources,
                                      tell_target, tell_table, tell_row};
    const struct verify_visit json = {.context = &report, .problem = json_problem, .row = json_row};
    bool as_json = invocation->settings.json;
    buf_init(&report.out, COMMON_OUTPUT_MAX);
    bool ok = verify(&invocation->settings, pipeline, as_json ? &json : &text, &result, &error);
    if (as_json && ok)
        print_summary(&report, pipeline, &result);
    else
        end_rows(&report);
    fflush(stdout);
    buf_close(&report.out);
    ok = ok && (!report.failed || error_memory(&error));
    return ok ? conclude(invocation, &result) : common_failed(invocation, &error);
}

static int execute(const struct invocation *invocation)
{
    if (invocation->settings.accept_missing && !invocation->settings.deep)
        return common_misused(invocation, "verify: --accept-missing goes with --deep");
    return common_with_pipeline(invocation, run);
}

const struct command command_verify = {
    .name = "verify",
    .operands = "",
    .summary = "Compare the target's tables, row by row, with what the checkpoint store makes of the files.",
    .help =
        "Checks all of the store, works every table out anew, and has the target compare: rows that are missing,\n"
        "unexpected or different are listed (--limit N of each table) and counted. Tables are compared as of the\n"
        "change that the target holds; later ones are told as undelivered. Changes nothing and holds nobody up, also\n"
        "beside a running dropfold.\n"
        "\n"
        "--repair mends exactly the rows that drifted, in one transaction; deliveries wait until it is done.\n"
        "\n"
        "--deep also reads every source file again, from the archive or its landing folder, with the recorded\n"
        "descriptor version, and compares its rows with the store's, so that it is told whether the store or the\n"
        "target drifted; and lists archived files that the ledger does not know. Where store and sources disagree\n"
        "nothing is repaired.\n"
        "\n"
        "  dropfold verify\n"
        "  dropfold verify --repair --json >mended.ndjson\n"
        "  dropfold verify --deep             now and then, by cron\n"
        "\n"
        "Exit codes: 0 equal, or repaired; 1 drift was found and not repaired, or store and sources disagree, or the\n"
        "target tells another history or has no such table, or the store is damaged or not there yet; 65 sources are\n"
        "missing (--deep); 69 the target cannot be reached or lacks changes that nobody is delivering; 78\n"
        "configuration.\n",
    .options = OPTION_JSON | OPTION_DEEP | OPTION_REPAIR | OPTION_LIMIT | OPTION_ACCEPT_MISSING | OPTION_MEMORY_LIMIT |
               OPTION_TARGET_TIMEOUT,
    .execute = execute,
};
