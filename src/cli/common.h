/* What several commands begin and end with. */
#ifndef DROPFOLD_CLI_COMMON_H
#define DROPFOLD_CLI_COMMON_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "cli/command.h"
#include "model/pipeline.h"
#include "store/store.h"

enum {
    COMMON_SHOWN = 1200,                 /* bytes of a name, a path or a text as it is shown, escaped; more is cut */
    COMMON_OUTPUT_MAX = 16 * 1024 * 1024 /* bytes of one printed record or report */
};

/* Logs the error and returns its exit code. */
int common_failed(const struct invocation *invocation, const struct error *error);

/* The command line is wrong: logs `what`, and says where help is. Returns the exit code. */
int common_misused(const struct invocation *invocation, const char *what);

/* The same of a command's first operand, which is none of its verbs. */
int common_unknown_verb(const struct invocation *invocation, const char *const *verbs, size_t count);

/* Loads the pipeline; its problems are printed to stderr. NULL after logging; *code is the exit code then. */
struct pipeline *common_pipeline(const struct invocation *invocation, int *code) MUST_USE;

/* Loads the pipeline, does the work with it and frees it. Returns the exit code, that of the work where it began. */
int common_with_pipeline(const struct invocation *invocation,
                         int (*work)(const struct invocation *invocation, const struct pipeline *pipeline));

/* ERROR_USAGE: the pipeline has no feed of that name, but others. Returns false. */
bool common_no_feed(const struct pipeline *pipeline, const char *name, struct error *error);

/* Opens a file or a pipe for reading; a device is refused, as it may have no end. `flags` are further ones of open(2).
   The caller closes the descriptor. */
bool common_open(const char *path, int flags, int *fd, struct error *error) MUST_USE;

/* Opens the file that the operands FILE [FEED] mean and finds its feed: the one named, else the last folder of its path
   that is called like one ("data/Orders/x.csv"); warns of a name that no landing folder takes. The caller closes the
   descriptor. */
bool common_open_file(const struct invocation *invocation, const struct pipeline *pipeline, size_t *feed, int *fd,
                      struct error *error) MUST_USE;

/* Pipeline and store, the store for reading only. False after logging. */
struct common_view {
    struct pipeline *pipeline;
    struct store *store;
};
bool common_view_open(struct common_view *view, const struct invocation *invocation, int *code) MUST_USE;
/* The store alone, of a view that has its pipeline. False after logging, with the view closed. */
bool common_view_open_store(struct common_view *view, const struct invocation *invocation, enum store_mode mode,
                            int *code) MUST_USE;
void common_view_close(struct common_view *view);
/* Opens both, does the work with them and closes what it left open. Returns the exit code, that of the work where it
   began. */
int common_with_view(const struct invocation *invocation,
                     int (*work)(const struct invocation *invocation, struct common_view *view));

/* For what changes a store and is no reason to make one. False, after logging, where none is. */
bool common_store_there(const struct invocation *invocation, int *code) MUST_USE;

/* Whether no run has made the store yet, or one only its empty file; it would be at `path`. */
bool common_store_missing(const struct invocation *invocation, const struct pipeline *pipeline,
                          char path[SETTINGS_PATH_SIZE]);

/* False with ERROR_USAGE when no file that was taken has this name in its landing folder ("x.csv" or "Orders/x.csv"):
   what there is of it is then nothing because of a slip. */
bool common_find_name(struct store *store, const char *name, struct error *error) MUST_USE;

/* Asks the running dropfold and prints its answer. False when none runs: then nothing was printed. */
bool common_ask_running(const struct invocation *invocation, const char *const *words, size_t count,
                        int *code) MUST_USE;

/* The same where one must run: that none does is an error, which is logged. Returns the exit code. */
int common_ask(const struct invocation *invocation, const char *const *words, size_t count);

/* What follows the last slash. */
const char *common_base_name(const char *path);

/* What the open file `path` is called in its landing folder, or was: without what the archive put before its name. That
   begins with the digest of the content, which no name of a producer's does; so it is read for that. */
const char *common_landing_name(const char *path, int fd);

/* Writes the buffer to stdout with a newline and empties it. False when it had failed: then nothing was written. */
bool common_print(struct buf *out) MUST_USE;

#endif
