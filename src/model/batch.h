/*
 * What the reading of a file yields, in parts: typed facts and rejected rows.
 *
 * A batch is made by a worker, handed to the store thread and freed there; it has one owner at a time. A file is one or
 * more batches, so that memory does not follow the size of files. What is true of the whole file stands in file_facts.
 */
#ifndef DROPFOLD_MODEL_BATCH_H
#define DROPFOLD_MODEL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/slice.h"
#include "model/chunk.h"

enum {
    BATCH_REJECTS_MAX = 4096,          /* rejected rows of one batch */
    BATCH_ARENA_MAX = 8 * 1024 * 1024, /* bytes of their texts */
    FILE_UNKNOWN_COLUMNS_MAX = 256     /* names kept of undeclared columns */
};

/* A row that was not accepted, kept whole. */
struct reject {
    uint64_t row, line;  /* from 1; the line is the physical one the row begins on */
    uint32_t column;     /* the source column's place, from 1; 0 when the row as such is wrong */
    struct slice field;  /* the descriptor field's name; or empty */
    struct slice reason; /* "found \"12,x\", expected an integer" */
    struct slice raw;    /* the row as it came, at most a record's limit */
};

struct batch {
    struct chunk_writer chunk; /* accepted rows */
    struct arena arena;        /* holds the rejects' texts */
    struct reject *rejects;    /* in row order */
    size_t reject_count, reject_capacity;
};

/* For rows of `feed`, which must outlive it. NULL when out of memory. */
struct batch *batch_new(const struct feed *feed) MUST_USE;
/* NULL is none. */
void batch_free(struct batch *batch);

/* Bytes it holds, for bounds on what is in flight. */
size_t batch_bytes(const struct batch *batch);

/* True when it should be handed on before more is read: the chunk or the rejects are near their limits. While it is
   false, one more row and one more reject of the largest size fit. */
bool batch_full(const struct batch *batch);

/* Whether the batch surely does not fill up, at none of their rows, when it takes in those of `more`. */
bool batch_has_room(const struct batch *batch, const struct batch *more);

/* Copies the reject's texts. False when out of memory or past a limit. */
bool batch_reject(struct batch *batch, const struct reject *reject) MUST_USE;

/* What is known of a file once all of it has been read. */
struct file_facts {
    struct digest content;    /* SHA-256 of the bytes read */
    uint64_t size;            /* bytes */
    uint64_t rows, rejected;  /* rows read: accepted ones and rejected ones */
    uint32_t version;         /* of the descriptor; 0 when none was chosen */
    struct digest descriptor; /* digest of its file */
    struct slice *unknown;    /* undeclared columns, in order; owned by `arena` */
    bool *unknown_twice;      /* of each, in a CSV file: whether another column is called so too */
    size_t unknown_count;     /* of those kept */
    bool unknown_more;        /* there are others */
    bool named;               /* some fields came out of its name: under another name it is another file */
    struct slice note;        /* "null by on_error: 3 of Age; repaired: 2 rows", or empty; owned by `arena` */
    struct arena arena;
};

/* Where the rows of a file went: promise 2. applied + unchanged + ... + rejected = rows. */
struct buckets {
    uint64_t applied, unchanged, superseded, filtered, deleted, late, rejected;
};

uint64_t buckets_total(const struct buckets *buckets);
void buckets_add(struct buckets *sum, const struct buckets *more);

enum { BUCKETS = 7 };

/* One of them with the word that users know it by. */
struct bucket {
    const char *name;
    uint64_t rows;
};

/* All of them in the order in which they are told: `applied` first. */
void buckets_list(const struct buckets *buckets, struct bucket list[BUCKETS]);

#endif
