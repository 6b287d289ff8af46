/*
 * What a worker sees in a landing folder: one file, or all of them. Data only; judging it is the loop's business.
 */
#ifndef DROPFOLD_FEED_SIGHT_H
#define DROPFOLD_FEED_SIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "feed/landing.h"

enum sight_kind {
    SIGHT_FILE,     /* a regular file; in marker mode with its marker */
    SIGHT_UNMARKED, /* a regular file whose marker is missing */
    SIGHT_TOO_LONG, /* in marker mode a regular file whose name leaves no room for that of a marker */
    SIGHT_ODD,      /* something else: never followed, never opened */
    SIGHT_GONE,
    SIGHT_ERROR /* `number` says why it can't be looked at */
};

struct sight {
    enum sight_kind kind;
    int number;
    struct file_stat stat; /* of SIGHT_FILE */
    size_t name;           /* of a listed one: where it begins in sights.names */
};

/* What there is under `name` now; it blocks. */
void sight_look(const struct landing *landing, const char *name, struct sight *sight);

struct sights {
    struct sight *items;
    size_t count, capacity;
    struct buf names; /* NUL-terminated */
};

void sights_init(struct sights *sights);
void sights_close(struct sights *sights);

/* Lists every name that is not ignored. False when the folder can't be read to its end; also, with ERROR_NONE, once
 *stop is true. */
bool sights_list(struct sights *sights, const struct landing *landing, const atomic_bool *stop,
                 struct error *error) MUST_USE;

#endif
