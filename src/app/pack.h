/*
 * Small files that one worker reads in one go.
 *
 * A file must be on the disk before its change is. For a few each is flushed by itself; for more the file system is
 * flushed once (syncfs), and the store thread is told of all of them then. A pack of one is an ordinary file.
 */
#ifndef DROPFOLD_APP_PACK_H
#define DROPFOLD_APP_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "app/job.h"
#include "feed/watch.h"
#include "model/pipeline.h"
#include "parse/parser.h"

enum {
    PACK_FILES_MAX = 512,
    PACK_FILE_BYTES_MAX = 64 * 1024, /* a larger file is a pack of its own */
    PACK_BYTES_MAX = 4 * 1024 * 1024
};

struct pack {
    uv_work_t work;
    void *context;
    struct job *jobs[PACK_FILES_MAX]; /* in the order of their tickets */
    size_t count;
    unsigned spare;                             /* cores, as in struct intake_how */
    size_t bytes;                               /* of the files */
    size_t read, told;                          /* so many were read; and the store thread told that they have ended */
    struct parser *parsers[PIPELINE_FEEDS_MAX]; /* one of each feed that is in it; owned by whoever made the pack */
};

/* Whether the candidate may join what is there. */
bool pack_takes(const struct pack *pack, const struct candidate *candidate);
/* The parser of the job's feed must be there. */
void pack_add(struct pack *pack, struct job *job);

/* On a worker thread. */
void pack_read(struct pack *pack);

#endif
