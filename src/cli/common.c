#include "cli/common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/control.h"
#include "app/sources.h"
#include "base/text.h"
#include "feed/archive.h"
#include "feed/landing.h"

int common_failed(const struct invocation *invocation, const struct error *error)
{
    log_error(invocation->log, "%s", error->text);
    return error_exit_code(error->kind);
}

int common_misused(const struct invocation *invocation, const char *what)
{
    const struct command *command = invocation->command;
    log_error(invocation->log, "%s", what);
    fprintf(stderr, "`dropfold %s%s--help` tells how it is used.\n", command ? command->name : "", command ? " " : "");
    return error_exit_code(ERROR_USAGE);
}

int common_unknown_verb(const struct invocation *invocation, const char *const *verbs, size_t count)
{
    char found[COMMON_SHOWN], hint[TEXT_HINT_SIZE], what[COMMON_SHOWN + TEXT_HINT_SIZE + 128];
    const struct command *command = invocation->command;
    const struct slice verb = slice_of(invocation->operands[0]);
    snprintf(what, sizeof what, "%s: found \"%s\", expected %s%s", command->name,
             text_escape(verb, found, sizeof found), command->operands, text_hint(verb, verbs, count, hint));
    return common_misused(invocation, what);
}

struct pipeline *common_pipeline(const struct invocation *invocation, int *code)
{
    struct error error = {0};
    struct pipeline *pipeline = settings_pipeline(&invocation->settings, &error);
    if (!pipeline)
        *code = common_failed(invocation, &error);
    return pipeline;
}

int common_with_pipeline(const struct invocation *invocation,
                         int (*work)(const struct invocation *invocation, const struct pipeline *pipeline))
{
    int code = 0;
    struct pipeline *pipeline = common_pipeline(invocation, &code);
    if (!pipeline)
        return code;
    code = work(invocation, pipeline);
    pipeline_free(pipeline);
    return code;
}

static const struct feed *feed_of_path(const struct pipeline *pipeline, const char *path)
{
    const struct feed *found = NULL;
    while (*path) {
        size_t len = strcspn(path, "/");
        const struct feed *feed = pipeline_feed(pipeline, (struct slice){path, len});
        if (feed && path[len] == '/')
            found = feed;
        path += len + (path[len] == '/');
    }
    return found;
}

bool common_no_feed(const struct pipeline *pipeline, const char *name, struct error *error)
{
    char feeds[PIPELINE_FEEDS_SHOWN];
    return error_set(error, ERROR_USAGE, "there is no feed \"%s\"; expected one of %s", name,
                     pipeline_list_feeds(pipeline, feeds));
}

bool common_open(const char *path, int flags, int *fd, struct error *error)
{
    char shown[COMMON_SHOWN];
    struct stat stat;
    text_escape(slice_of(path), shown, sizeof shown);
    *fd = open(path, flags | O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open %s", shown);
    if (fstat(*fd, &stat) != 0 || !(S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode)))
        return true;
    (void)close(*fd);
    return error_set(error, ERROR_IO, "%s is a device, and no file", shown);
}

bool common_open_file(const struct invocation *invocation, const struct pipeline *pipeline, size_t *feed, int *fd,
                      struct error *error)
{
    const char *path = invocation->operands[0];
    const struct feed *found = invocation->operand_count > 1
                                   ? pipeline_feed(pipeline, slice_of(invocation->operands[1]))
                                   : feed_of_path(pipeline, path);
    char feeds[PIPELINE_FEEDS_SHOWN], shown[COMMON_SHOWN];
    text_escape(slice_of(path), shown, sizeof shown);
    if (!found && invocation->operand_count > 1)
        return common_no_feed(pipeline, invocation->operands[1], error);
    if (!found)
        return error_set(error, ERROR_USAGE,
                         "%s: cannot tell its feed from the path; name it behind the file: one of %s", shown,
                         pipeline_list_feeds(pipeline, feeds));
    if (landing_ignores(found, common_base_name(path)))
        log_warning(invocation->log,
                    "%s: a file of this name is passed over (a dot in front, .tmp, .part, ~ or ._COPYING_ at the end, "
                    "or a marker's .done)",
                    shown);
    *feed = (size_t)(found - pipeline->feeds);
    return common_open(path, 0, fd, error); /* a pipe's writer is waited for */
}

bool common_view_open(struct common_view *view, const struct invocation *invocation, int *code)
{
    *view = (struct common_view){0};
    view->pipeline = common_pipeline(invocation, code);
    return view->pipeline && common_view_open_store(view, invocation, STORE_READ, code);
}

bool common_view_open_store(struct common_view *view, const struct invocation *invocation, enum store_mode mode,
                            int *code)
{
    struct error error = {0};
    if (store_open(&view->store, invocation->settings.checkpoints, view->pipeline->name, &view->pipeline->fingerprint,
                   mode, &error))
        return true;
    *code = common_failed(invocation, &error);
    common_view_close(view);
    return false;
}

void common_view_close(struct common_view *view)
{
    if (view->store)
        store_close(view->store);
    if (view->pipeline)
        pipeline_free(view->pipeline);
    *view = (struct common_view){0};
}

int common_with_view(const struct invocation *invocation,
                     int (*work)(const struct invocation *invocation, struct common_view *view))
{
    struct common_view view;
    int code = 0;
    if (!common_view_open(&view, invocation, &code))
        return code;
    code = work(invocation, &view);
    common_view_close(&view);
    return code;
}

bool common_store_there(const struct invocation *invocation, int *code)
{
    struct common_view view;
    if (!common_view_open(&view, invocation, code))
        return false;
    common_view_close(&view);
    return true;
}

bool common_store_missing(const struct invocation *invocation, const struct pipeline *pipeline,
                          char path[SETTINGS_PATH_SIZE])
{
    struct stat stat;
    snprintf(path, SETTINGS_PATH_SIZE, "%s/%s.db", invocation->settings.checkpoints, pipeline->name);
    if (lstat(path, &stat) != 0)
        return errno == ENOENT;
    return S_ISREG(stat.st_mode) && stat.st_size == 0; /* as a first run leaves it that is killed before it wrote */
}

struct naming {
    struct slice name;
    bool found;
};

static bool compare_name(void *context, const struct file_record *file)
{
    struct naming *naming = context;
    naming->found = naming->found || store_names_file(naming->name, file->feed, file->name);
    return !naming->found;
}

bool common_find_name(struct store *store, const char *name, struct error *error)
{
    struct naming naming = {.name = slice_of(name)};
    struct arena texts;
    struct file_record file;
    if (!store_each_file(store, compare_name, &naming, error))
        return false;
    if (naming.found)
        return true;
    arena_init(&texts, COMMON_OUTPUT_MAX);
    if (store_find_file(store, naming.name, &texts, &file, error))
        error_set(error, ERROR_USAGE, "found \"%s\", expected a name in a landing folder: \"%.*s/%.*s\"", name,
                  (int)file.feed.len, file.feed.data, (int)file.name.len, file.name.data);
    arena_close(&texts);
    return false;
}

/* What went well is data, what did not is a message. Returns the exit code. */
static int show_answer(const struct invocation *invocation, struct buf *answer, int code)
{
    struct error error;
    if (code != 0) {
        log_error(invocation->log, "%.*s", (int)answer->len, answer->len ? answer->data : "");
    } else if (!common_print(answer)) {
        (void)error_memory(&error);
        code = common_failed(invocation, &error);
    }
    return code;
}

/* ERROR_TARGET in `error` when none runs. */
static int ask(const struct invocation *invocation, const char *const *words, size_t count, struct error *error)
{
    int code = 0;
    struct buf out;
    struct pipeline *pipeline = common_pipeline(invocation, &code);
    if (!pipeline)
        return code;
    buf_init(&out, COMMON_OUTPUT_MAX);
    const struct control_question question = {invocation->settings.checkpoints, pipeline->name, words, count,
                                              CONTROL_DEADLINE};
    if (control_ask(&question, &out, &code, error))
        code = show_answer(invocation, &out, code);
    else if (error->kind != ERROR_TARGET)
        code = common_failed(invocation, error);
    buf_close(&out);
    pipeline_free(pipeline);
    return code;
}

bool common_ask_running(const struct invocation *invocation, const char *const *words, size_t count, int *code)
{
    struct error error = {0};
    *code = ask(invocation, words, count, &error);
    return error.kind != ERROR_TARGET;
}

int common_ask(const struct invocation *invocation, const char *const *words, size_t count)
{
    struct error error = {0};
    int code = ask(invocation, words, count, &error);
    if (error.kind != ERROR_TARGET)
        return code;
    log_error(invocation->log, "%s", error.text);
    return 1;
}

const char *common_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *common_landing_name(const char *path, int fd)
{
    const char *base = common_base_name(path);
    char again[ARCHIVE_NAME_SIZE];
    uint64_t sequence;
    struct digest content;
    struct error ignored; /* what cannot be read now is told by whoever reads it next */
    const char *name = archive_split_name(base, &sequence);
    if (!name || !*name || lseek(fd, 0, SEEK_CUR) != 0)
        return base;
    bool known = source_hash(fd, &content, &ignored);
    if (lseek(fd, 0, SEEK_SET) != 0 || !known)
        return base;
    archive_name(sequence, &content, name, again);
    return strcmp(again, base) == 0 ? name : base;
}

bool common_print(struct buf *out)
{
    bool ok = !out->failed;
    if (ok)
        printf("%.*s\n", (int)out->len, out->len ? out->data : "");
    buf_reset(out);
    return ok;
}
