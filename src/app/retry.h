/*
 * Rejected rows read again, after a descriptor was mended: from the kept source of their file, as the descriptors that
 * there are now would read it. Those that are valid now are committed as one change a file (core_retry_begin); those
 * that are not are rejected again, with today's reasons. Where none is valid nothing is committed.
 *
 * The rows are known again by their numbers and lines, so a source that is split into other rows today is refused, and
 * so is one that is gone or has another content. A file that was quarantined is put back into its landing folder
 * instead.
 */
#ifndef DROPFOLD_APP_RETRY_H
#define DROPFOLD_APP_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/core.h"
#include "app/settings.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"

enum { RETRY_FIRST_SIZE = 400 };

struct retry_result {
    uint64_t sequence;    /* of the change; 0 when none was made */
    uint64_t open, valid; /* rejects that were open; those of them that are valid now */
    uint32_t version;     /* of the descriptor that says so */
    struct buckets buckets;
    char first[RETRY_FIRST_SIZE]; /* of those that are not valid, where it stands and why; cut, and "" where all are */
};

struct retry_how {
    const struct settings *settings;
    uint32_t version; /* of the descriptor; 0: the best one */
    /* Only says what would be: of the core pipeline and store are used, and the store may be one that reads. */
    bool look;
    int64_t now; /* wall clock, microseconds */
};

/* Retries the open rejects of `file`, an applied one. ERROR_DATA says why the source is none to retry from; then
   nothing happened. After all other errors as after core_file_end. */
bool retry_rows(struct core *core, const struct retry_how *how, const struct file_record *file,
                struct retry_result *result, struct error *error) MUST_USE;

/* The same of the file that `which` means (store_find_file), or the file of that name that was quarantined; appends to
   `out` what was done, for people. *changed tells whether a change was made. Delivering is the caller's. */
bool retry_file(struct core *core, const struct retry_how *how, const char *which, bool *changed, struct buf *out,
                struct error *error) MUST_USE;

/* The sequences of all files that have open rejects, in order; the caller frees them. */
bool retry_list(struct store *store, uint64_t **sequences, size_t *count, struct error *error) MUST_USE;

/* The files that a command means, and what came of it. */
struct retry_wanted {
    const char *const *which;
    size_t count;
    bool look;       /* as of retry_how */
    bool to_deliver; /* some change was made, and nothing failed but files */
};

/* Retries each, and prints what was done. Goes on after a file that cannot be retried; the first such decides the exit
   code. All messages have been written. */
int retry_each(struct core *core, const struct settings *settings, struct retry_wanted *wanted, struct log *log);

/* The whole command, for a store that nobody else holds: opens, retries each, delivers. */
int retry(const struct settings *settings, struct retry_wanted *wanted, struct log *log);

#endif
