/* A file's columns and what their values may be, for the draft of a descriptor: read by the very parser that would read
   it. */
#ifndef DROPFOLD_APP_INFER_FILE_H
#define DROPFOLD_APP_INFER_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/infer.h"

enum { INFER_FILE_BYTES_MAX = 64 * 1024 * 1024 /* of names */ };

struct infer_file {
    struct arena arena;
    struct infer_column *columns; /* in the file's order, at most FILE_UNKNOWN_COLUMNS_MAX */
    size_t count;
    bool more; /* columns than these */
    enum descriptor_format format;
    struct descriptor_form form; /* delimiter, encoding and lines as found, all else plain */
    uint64_t rows, rejected;     /* rejected ones have no say */
    uint64_t reject_line;        /* of the first */
    char reject[ERROR_TEXT_MAX]; /* and why */
};

/* Reads the regular file behind `fd`, several times, with so many cores to `spare`. Whatever the result,
   infer_file_close follows. */
bool infer_file_read(struct infer_file *file, int fd, unsigned spare, struct error *error) MUST_USE;
void infer_file_close(struct infer_file *file);

#endif
