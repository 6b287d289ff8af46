#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/infer_file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"
#include "model/descriptor_diff.h"

enum {
    ARENA_MAX = 64 * 1024 * 1024, /* bytes of two descriptors and what they extend */
    NAME_SIZE = 256
};

/* --- infer -------------------------------------------------------------------------------------------------------- */

/* What the feed is called: as it was said, else as the folder that the file lies in. */
static void name_feed(const struct invocation *invocation, const char *path, char out[NAME_SIZE])
{
    const char *name = common_base_name(path), *end = name > path ? name - 1 : path, *begin = end;
    while (begin > path && begin[-1] != '/')
        begin--;
    if (invocation->settings.feed)
        snprintf(out, NAME_SIZE, "%s", invocation->settings.feed);
    else if (end > begin && strncmp(begin, ".", (size_t)(end - begin)) != 0)
        snprintf(out, NAME_SIZE, "%.*s", (int)(end - begin), begin);
    else
        snprintf(out, NAME_SIZE, "%.*s", (int)strcspn(name, "."), name);
}

static const char *why_left_out(const struct infer_column *column)
{
    if (column->nested)
        return "an object or list,";
    return column->name.len == 0 ? "a column without a name," : "a name that several columns have,";
}

/* What a person should know of the draft. */
static void tell_left_out(const char *path, const struct infer_file *file)
{
    char shown[COMMON_SHOWN];
    if (file->form.encoding == DESCRIPTOR_WINDOWS1252)
        fprintf(stderr, "%s: it is not UTF-8, and was read as windows-1252: look whether its letters are right\n",
                path);
    if (file->rejected > 0)
        fprintf(stderr,
                "%s: %" PRIu64 " of %" PRIu64 " rows could not be read and have no say, the first in line %" PRIu64
                ": %s\n",
                path, file->rejected, file->rows, file->reject_line,
                text_escape(slice_of(file->reject), shown, sizeof shown));
    bool nested = false;
    for (size_t i = 0; i < file->count; i++) {
        nested |= file->columns[i].nested;
        if (!infer_usable(&file->columns[i]))
            fprintf(stderr, "%s: %s \"%s\" is left out\n", path, why_left_out(&file->columns[i]),
                    text_escape(file->columns[i].name, shown, sizeof shown));
    }
    if (nested)
        fprintf(stderr,
                "%s: what lies inside of them is read by a path: \"from\": \"OBJECT.MEMBER\", \"LIST[].MEMBER\"\n",
                path);
    if (file->more)
        fprintf(stderr, "%s: the columns behind the first %d are left out\n", path, FILE_UNKNOWN_COLUMNS_MAX);
}

static bool put_draft(const struct invocation *invocation, const char *path, const struct infer_file *file,
                      struct error *error)
{
    char feed[NAME_SIZE];
    struct buf out;
    size_t usable = 0;
    for (size_t i = 0; i < file->count; i++)
        usable += infer_usable(&file->columns[i]);
    if (usable == 0)
        return error_set(error, ERROR_DATA, "%s: no column that a field could read", path);
    name_feed(invocation, invocation->operands[1], feed);
    buf_init(&out, DOC_SIZE_MAX);
    bool ok = infer_draft(file->columns, file->count, feed, file->format, &file->form, &out) || error_memory(error);
    if (ok)
        fwrite(out.data, 1, out.len, stdout);
    buf_close(&out);
    return ok;
}

static int infer(const struct invocation *invocation, const char *path)
{
    struct error error = {0};
    struct infer_file file;
    char shown[COMMON_SHOWN];
    int fd;
    if (!common_open(path, O_NONBLOCK, &fd, &error))
        return common_failed(invocation, &error);
    text_escape(slice_of(path), shown, sizeof shown);
    bool ok = infer_file_read(&file, fd, settings_spare(&invocation->settings), &error) || error_in_file(&error, shown);
    if (ok) {
        tell_left_out(shown, &file);
        ok = put_draft(invocation, shown, &file, &error);
    }
    infer_file_close(&file);
    close(fd);
    return ok ? 0 : common_failed(invocation, &error);
}

/* --- diff --------------------------------------------------------------------------------------------------------- */

/* Which feed and version a descriptor says that it is: here its path need not agree. */
static bool load_identity(const char *path, struct arena *arena, struct doc_problems *problems, const char **feed,
                          int64_t *version)
{
    struct doc doc;
    return doc_load(&doc, path, arena, problems) && doc_string(doc.root, "feed", true, feed) &&
           doc_integer(doc.root, "version", true, 1, DESCRIPTOR_VERSION_MAX, version);
}

static struct descriptor *load_descriptor(const char *path, struct arena *arena, struct doc_problems *problems)
{
    const char *feed = NULL;
    int64_t version = 0;
    if (!load_identity(path, arena, problems, &feed, &version))
        return NULL;
    return descriptor_load(path, feed, (uint32_t)version, arena, problems);
}

static int print_diff(const struct invocation *invocation, const struct descriptor *old, const struct descriptor *new)
{
    struct descriptor_diff diff;
    struct buf out;
    struct error error = {0};
    buf_init(&out, COMMON_OUTPUT_MAX);
    descriptor_diff(old, new, &diff, &out);
    bool ok = !out.failed || error_memory(&error);
    if (ok)
        fwrite(out.data, 1, out.len, stdout);
    buf_close(&out);
    return ok ? diff.changes > 0 : common_failed(invocation, &error);
}

static int diff(const struct invocation *invocation, const char *old_path, const char *new_path)
{
    struct arena arena;
    struct doc_problems problems;
    struct error error = {0};
    arena_init(&arena, ARENA_MAX);
    doc_problems_init(&problems);
    struct descriptor *old = load_descriptor(old_path, &arena, &problems);
    struct descriptor *new = load_descriptor(new_path, &arena, &problems);
    int code;
    if (old && new) {
        code = print_diff(invocation, old, new);
    } else {
        fprintf(stderr, "%.*s", (int)problems.text.len, problems.text.len ? problems.text.data : "");
        error_set(&error, ERROR_CONFIG, "%zu mistake%s in %s and %s", problems.count, text_plural(problems.count),
                  old_path, new_path);
        code = common_failed(invocation, &error);
    }
    descriptor_close(old);
    descriptor_close(new);
    doc_problems_close(&problems);
    arena_close(&arena);
    return code;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int execute(const struct invocation *invocation)
{
    static const char *const verbs[] = {"infer", "diff"};
    char **operands = invocation->operands;
    const char *verb = operands[0];
    if (invocation->settings.feed && strcmp(verb, "infer") != 0)
        return common_misused(invocation, "schema: --feed goes with infer");
    if (strcmp(verb, "infer") == 0)
        return invocation->operand_count == 2 ? infer(invocation, operands[1])
                                              : common_misused(invocation, "schema infer: expected one FILE");
    if (strcmp(verb, "diff") == 0)
        return invocation->operand_count == 3
                   ? diff(invocation, operands[1], operands[2])
                   : common_misused(invocation, "schema diff: expected two descriptors, OLD NEW");
    return common_unknown_verb(invocation, verbs, COUNT_OF(verbs));
}

const struct command command_schema = {
    .name = "schema",
    .operands = "infer FILE | diff OLD NEW",
    .operands_min = 1,
    .operands_max = 3,
    .summary = "Draft a descriptor from a file, or compare two descriptors.",
    .help =
        "infer    reads all of a CSV or JSON file and writes the draft of its descriptor to stdout: types that hold\n"
        "         every value, required where none is null. The delimiter is found among comma, semicolon, tab and |;\n"
        "         what is no UTF-8 is taken for windows-1252. What is left out is told on stderr. Look it over: a "
        "file\n"
        "         does not say what another one may bring.\n"
        "diff     says field by field what NEW changes over OLD, and whether both can be versions of one feed.\n"
        "\n"
        "  dropfold schema infer data/FEED/first.csv > schemas/FEED/1.json\n"
        "  dropfold schema infer /tmp/first.json --feed FEED\n"
        "  dropfold schema diff schemas/FEED/1.json schemas/FEED/2.json\n"
        "\n"
        "Exit codes: 0 done, or equal; 1 different, or the file cannot be opened; 64 usage; 65 the file cannot be "
        "read\n"
        "as CSV or JSON; 78 a mistake in a descriptor.\n",
    .options = OPTION_FEED,
    .execute = execute,
};
