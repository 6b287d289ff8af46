#include "cli/options.h"

#include <string.h>

#include "base/text.h"

struct option {
    char letter; /* 0: only the long form */
    const char *name;
    const char *value; /* how help shows its value; NULL: it takes none */
    unsigned bit;      /* 0: every command takes it */
    const char *environment;
    const char *help; /* a newline in it begins another line of the table's right side */
};

static const struct option options[] = {
    {'p', "pipeline", "FILE", 0, "DROPFOLD_PIPELINE", "what to compute (schemas/ecommerce.json)"},
    {'d', "data", "FOLDER", 0, "DROPFOLD_DATA", "holds a landing folder for each feed (data)"},
    {'c', "checkpoints", "FOLDER", 0, "DROPFOLD_CHECKPOINTS", "holds the checkpoint store (checkpoints)"},
    {'t', "target", "ADDRESS", 0, "DROPFOLD_TARGET",
     "where tables go: sqlite:FILE, none:, or a libpq conninfo or URI without a password\n"
     "(the PG* variables if PGHOST, PGHOSTADDR, PGSERVICE or PGDATABASE is set,\n"
     "else sqlite:<data>/results/<pipeline>.db)"},
    {'h', "help", NULL, 0, NULL, "this text"},
    {'V', "version", NULL, 0, NULL, "the version"},
    {0, "once", NULL, OPTION_ONCE, NULL, "apply what is there, deliver, and exit"},
    {'y', "yes", NULL, OPTION_YES, NULL, "overwrite a target that tells another history"},
    {0, "threads", "N", OPTION_THREADS, "DROPFOLD_THREADS",
     "threads that parse, and that make rows (the CPUs it may use)"},
    {0, "settle", "SECONDS", OPTION_SETTLE, NULL, "how long a file must stand still (as the pipeline says: 1)"},
    {0, "rescan", "SECONDS", OPTION_RESCAN, NULL, "between looks at the folders (5)"},
    {0, "no-events", NULL, OPTION_NO_EVENTS, NULL, "do not use inotify, only rescan"},
    {0, "target-timeout", "SECONDS", OPTION_TARGET_TIMEOUT, NULL, "how long the target may take for an answer (30)"},
    {0, "target-check", "SECONDS", OPTION_TARGET_CHECK, NULL,
     "between looks at a target that has nothing to take, or refuses (60)"},
    {0, "memory-limit", "MIB", OPTION_MEMORY_LIMIT, NULL,
     "the most state to hold: `run` takes no further file then, others end (none)"},
    {0, "log-format", "FORMAT", OPTION_LOG_FORMAT, "DROPFOLD_LOG_FORMAT", "text, or json: a JSON object a line (text)"},
    {0, "healthy", NULL, OPTION_HEALTHY, NULL, "only ask the running dropfold whether it is well; exit code 0 or 1"},
    {0, "watch", NULL, OPTION_WATCH, NULL, "again every two seconds, until interrupted"},
    {0, "json", NULL, OPTION_JSON, NULL, "for programs: JSON on stdout"},
    {0, "from", "SEQUENCE", OPTION_RANGE, NULL, "the change to begin with (the one before --to)"},
    {0, "to", "SEQUENCE", OPTION_RANGE, NULL, "the change to end with (the last)"},
    {0, "feed", "NAME", OPTION_FEED, NULL, "what the feed is called (as the folder of the file)"},
    {0, "table", "NAME", OPTION_TABLE, NULL, "the table that is meant"},
    {0, "deep", NULL, OPTION_DEEP, NULL, "read every source file again, and compare the store with them"},
    {0, "repair", NULL, OPTION_REPAIR, NULL, "mend exactly the rows that drifted, in one transaction"},
    {0, "limit", "N", OPTION_LIMIT, NULL, "how many drifted rows of each table are listed (100)"},
    {0, "all", NULL, OPTION_ALL, NULL,
     "also rows that were retried since, and files that were read again or taken out of\nthe quarantine"},
    {0, "dry-run", NULL, OPTION_DRY_RUN, NULL, "only say what would be retried"},
    {0, "format", "FORMAT", OPTION_FORMAT, NULL, "csv, or json: an object a line (csv)"},
    {0, "spreadsheet", NULL, OPTION_SPREADSHEET, NULL,
     "put ' before cells that begin with = + - @ tab or CR,\nso that a spreadsheet runs none of them"},
    {0, "rebind", NULL, OPTION_REBIND, NULL, "choose each file's descriptor anew"},
    {0, "accept-missing", NULL, OPTION_ACCEPT_MISSING, NULL,
     "go on without source files that are gone (of verify: with --deep)"},
    {0, "rebuild", NULL, OPTION_REBUILD, NULL, "only refill the target from the store"},
    {0, "from-archive", NULL, OPTION_FROM_ARCHIVE, NULL, "also the archived files that the store does not know"},
};

/* --- one option --------------------------------------------------------------------------------------------------- */

static bool set_count(const char *name, const char *value, unsigned long max, unsigned long *out, struct error *error)
{
    return settings_count(value, 1, max, out) ||
           error_set(error, ERROR_USAGE, "--%s: found \"%s\", expected a number from 1 to %lu", name, value, max);
}

static bool set_seconds(const char *name, const char *value, int64_t *out, struct error *error)
{
    return settings_seconds(value, out) ||
           error_set(error, ERROR_USAGE, "--%s: found \"%s\", expected seconds up to 86400, such as 0.5", name, value);
}

/* Seconds of which there must be some. */
static bool set_pause(const char *name, const char *value, int64_t *out, struct error *error)
{
    return set_seconds(name, value, out, error) &&
           (*out > 0 || error_set(error, ERROR_USAGE, "--%s: must be more than 0", name));
}

static bool set_sequence(const char *name, const char *value, int64_t *out, struct error *error)
{
    unsigned long number;
    if (!settings_count(value, 0, INT64_MAX, &number))
        return error_set(error, ERROR_USAGE, "--%s: found \"%s\", expected the sequence of a change", name, value);
    *out = (int64_t)number;
    return true;
}

static bool set_limit(const char *name, const char *value, unsigned long *out, struct error *error)
{
    return settings_count(value, 0, SETTINGS_LIMIT_MAX, out) ||
           error_set(error, ERROR_USAGE, "--%s: found \"%s\", expected a number up to %d", name, value,
                     SETTINGS_LIMIT_MAX);
}

static bool set_path(const struct option *option, struct settings *settings, const char *value, struct error *error)
{
    if (option->letter != 't' && *value == '\0')
        return error_set(error, ERROR_USAGE, "--%s: expected a path, found nothing", option->name);
    if (option->letter == 'p')
        settings->pipeline = value;
    else if (option->letter == 'd')
        settings->data = value;
    else if (option->letter == 'c')
        settings->checkpoints = value;
    else
        settings->target = value;
    return true;
}

static bool set_format(struct settings *settings, const char *value, struct error *error)
{
    return settings_log_format(settings, value) ||
           error_set(error, ERROR_USAGE, "--log-format: found \"%s\", expected text or json", value);
}

static bool set_export_format(struct settings *settings, const char *value, struct error *error)
{
    settings->export_json = strcmp(value, "json") == 0;
    return settings->export_json || strcmp(value, "csv") == 0 ||
           error_set(error, ERROR_USAGE, "--format: found \"%s\", expected csv or json", value);
}

static bool set_value(const struct option *option, struct settings *settings, const char *value, struct error *error)
{
    unsigned long count = 0;
    bool ok = true;
    if (option->bit == 0)
        return set_path(option, settings, value, error);
    if (option->bit == OPTION_LOG_FORMAT)
        return set_format(settings, value, error);
    if (option->bit == OPTION_FORMAT)
        return set_export_format(settings, value, error);
    if (option->bit == OPTION_SETTLE)
        return set_seconds(option->name, value, &settings->settle, error);
    if (option->bit == OPTION_RESCAN)
        return set_seconds(option->name, value, &settings->rescan, error);
    if (option->bit == OPTION_TARGET_TIMEOUT)
        return set_pause(option->name, value, &settings->target_timeout, error);
    if (option->bit == OPTION_TARGET_CHECK)
        return set_pause(option->name, value, &settings->target_check, error);
    if (option->bit == OPTION_TABLE || option->bit == OPTION_FEED) {
        *(option->bit == OPTION_TABLE ? &settings->table : &settings->feed) = value;
        return true;
    }
    if (option->bit == OPTION_RANGE)
        return set_sequence(option->name, value, *option->name == 'f' ? &settings->from : &settings->to, error);
    if (option->bit == OPTION_LIMIT)
        return set_limit(option->name, value, &settings->limit, error);
    if (option->bit == OPTION_THREADS) {
        ok = set_count(option->name, value, SETTINGS_THREADS_MAX, &count, error);
        settings->threads = (unsigned)count;
    } else {
        ok = set_count(option->name, value, 1u << 30, &count, error);
        settings->memory_limit = count * 1024 * 1024;
    }
    return ok;
}

static void set_flag(const struct option *option, struct parsed *parsed, struct settings *settings)
{
    struct {
        unsigned bit;
        bool *flag;
    } const flags[] = {{OPTION_ONCE, &settings->once},
                       {OPTION_YES, &settings->yes},
                       {OPTION_JSON, &settings->json},
                       {OPTION_REBIND, &settings->rebind},
                       {OPTION_ACCEPT_MISSING, &settings->accept_missing},
                       {OPTION_REBUILD, &settings->rebuild},
                       {OPTION_FROM_ARCHIVE, &settings->from_archive},
                       {OPTION_HEALTHY, &settings->healthy},
                       {OPTION_WATCH, &settings->watch},
                       {OPTION_DEEP, &settings->deep},
                       {OPTION_REPAIR, &settings->repair},
                       {OPTION_ALL, &settings->all},
                       {OPTION_DRY_RUN, &settings->dry_run},
                       {OPTION_SPREADSHEET, &settings->spreadsheet}};
    if (option->letter == 'h')
        parsed->help = true;
    else if (option->letter == 'V')
        parsed->version = true;
    else if (option->bit == OPTION_NO_EVENTS)
        settings->events = false;
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        if (option->bit == flags[i].bit)
            *flags[i].flag = true;
}

/* --- the line ----------------------------------------------------------------------------------------------------- */

static bool unknown_option(struct slice name, struct error *error)
{
    const char *names[COUNT_OF(options)];
    for (size_t i = 0; i < COUNT_OF(options); i++)
        names[i] = options[i].name;
    const char *near = text_nearest(name, names, COUNT_OF(options));
    return error_set(error, ERROR_USAGE, "unknown option \"--%.*s\"%s%s%s", (int)name.len, name.data,
                     near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static const struct option *find_long(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (slice_equal(name, slice_of(options[i].name)))
            return &options[i];
    return NULL;
}

static const struct option *find_letter(char letter)
{
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (options[i].letter == letter && letter)
            return &options[i];
    return NULL;
}

struct line {
    int argc, at;
    char **argv;
    bool used[COUNT_OF(options)];
};

/* One argument that begins with a dash: --name, --name=value, --name value, -x, -xVALUE, -x VALUE. */
static bool take_option(struct line *line, struct parsed *parsed, struct settings *settings, struct error *error)
{
    const char *text = line->argv[line->at];
    const char *value = NULL;
    const struct option *option;
    if (text[1] == '-') {
        const char *equals = strchr(text, '=');
        struct slice name = {text + 2, equals ? (size_t)(equals - text - 2) : strlen(text + 2)};
        option = find_long(name);
        if (!option)
            return unknown_option(name, error);
        value = equals ? equals + 1 : NULL;
    } else {
        option = find_letter(text[1]);
        if (!option || (!option->value && text[2]))
            return error_set(error, ERROR_USAGE, "unknown option \"%s\"", text);
        value = text[2] ? text + 2 : NULL;
    }
    if (!option->value && value)
        return error_set(error, ERROR_USAGE, "--%s takes no value", option->name);
    if (option->value && !value && ++line->at >= line->argc)
        return error_set(error, ERROR_USAGE, "--%s needs a value: %s", option->name, option->value);
    line->used[option - options] = true;
    if (option->value)
        return set_value(option, settings, value ? value : line->argv[line->at], error);
    set_flag(option, parsed, settings);
    return true;
}

static bool take_command(const char *name, struct parsed *parsed, struct error *error)
{
    const char *names[32];
    size_t count;
    const struct command *const *commands = command_list(&count);
    if (strcmp(name, "help") == 0 && !parsed->help) { /* as --help, of the command behind it if there is one */
        parsed->help = true;
        return true;
    }
    parsed->command = command_find(name);
    if (parsed->command)
        return true;
    for (size_t i = 0; i < count; i++)
        names[i] = commands[i]->name;
    const char *near = text_nearest(slice_of(name), names, count);
    return error_set(error, ERROR_USAGE, "unknown command \"%s\"%s%s%s", name, near ? "; did you mean " : "",
                     near ? near : "", near ? "?" : "");
}

static bool check_use(const struct line *line, const struct parsed *parsed, struct invocation *invocation,
                      struct error *error)
{
    const struct command *command = parsed->command;
    invocation->given = 0;
    if (parsed->help || parsed->version || line->argc < 2)
        return true;
    if (!command)
        return error_set(error, ERROR_USAGE, "found options alone, expected a command such as check, run or status");
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        unsigned bit = line->used[i] ? options[i].bit : 0;
        if (bit & ~command->options)
            return error_set(error, ERROR_USAGE, "%s does not take --%s", command->name, options[i].name);
        invocation->given |= bit;
    }
    if (invocation->operand_count < command->operands_min)
        return error_set(error, ERROR_USAGE, "%s: expected %s, found nothing", command->name, command->operands);
    if (invocation->operand_count > command->operands_max)
        return error_set(error, ERROR_USAGE, "%s: unexpected \"%s\"", command->name,
                         invocation->operands[command->operands_max]);
    /* An empty one is a variable of a script that was not set, and names nothing. */
    for (size_t i = 0; i < invocation->operand_count; i++)
        if (*invocation->operands[i] == '\0')
            return error_set(error, ERROR_USAGE, "%s: expected %s, found an empty text", command->name,
                             command->operands);
    return true;
}

/* Options, the command and its operands, in any order. */
static bool take_words(struct line *line, struct parsed *parsed, struct invocation *invocation, struct error *error)
{
    bool only_operands = false;
    for (; line->at < line->argc; line->at++) {
        char *text = line->argv[line->at];
        bool is_option = !only_operands && text[0] == '-' && text[1];
        if (is_option && strcmp(text, "--") == 0)
            only_operands = true;
        else if (!is_option && parsed->command)
            invocation->operands[invocation->operand_count++] = text;
        else if (!(is_option ? take_option(line, parsed, &invocation->settings, error)
                             : take_command(text, parsed, error)))
            return false;
    }
    return true;
}

bool options_parse(int argc, char **argv, struct parsed *parsed, struct invocation *invocation, struct error *error)
{
    struct line line = {.argc = argc, .at = 1, .argv = argv};
    *parsed = (struct parsed){0};
    invocation->command = NULL;
    invocation->operands = argv + 1;
    invocation->operand_count = 0;
    struct error unfit = {0}; /* what the environment says: help must be had all the same */
    bool fit = settings_init(&invocation->settings, &unfit);
    bool read = take_words(&line, parsed, invocation, error);
    invocation->command = parsed->command;
    if (!read)
        return false;
    if (!fit && !parsed->help && !parsed->version) {
        *error = unfit;
        return false;
    }
    return check_use(&line, parsed, invocation, error);
}

/* --- help --------------------------------------------------------------------------------------------------------- */

static void print_option(FILE *out, const struct option *option)
{
    char left[64];
    if (option->letter)
        snprintf(left, sizeof left, "-%c, --%s %s", option->letter, option->name, option->value ? option->value : "");
    else
        snprintf(left, sizeof left, "    --%s %s", option->name, option->value ? option->value : "");
    fprintf(out, "  %-28s ", left);
    for (const char *c = option->help; *c; c++) {
        fputc(*c, out);
        if (*c == '\n')
            fprintf(out, "%31s", "");
    }
    if (option->environment)
        fprintf(out, " [%s]", option->environment);
    fputc('\n', out);
}

static void print_options(FILE *out, unsigned bits)
{
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (options[i].bit == 0 || (options[i].bit & bits))
            print_option(out, &options[i]);
}

void options_print_help(FILE *out)
{
    size_t count;
    const struct command *const *commands = command_list(&count);
    fputs("dropfold: drop CSV and JSON files into folders; their rows fold into windowed aggregates, exactly once.\n\n"
          "usage: dropfold [OPTIONS] COMMAND [OPERANDS]\n\n",
          out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nOptions of every command (a flag goes before its environment variable, that before the default):\n", out);
    print_options(out, 0);
    fputs("\nExit codes: 0 done, 1 failed, 64 usage, 65 data rejected, 69 target unavailable, 75 locked by another\n"
          "dropfold, 78 configuration. `dropfold COMMAND --help` tells more of each.\n\n"
          "A first try:\n"
          "  dropfold check                 is everything in its place?\n"
          "  dropfold run --once            apply what lies in data/, write data/results\n"
          "  dropfold status                what was read, and where the target is\n",
          out);
}

void options_print_command_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: dropfold [OPTIONS] %s%s%s\n\n%s\n\n%s\nOptions:\n", command->name,
            *command->operands ? " " : "", command->operands, command->summary, command->help);
    print_options(out, command->options);
}
