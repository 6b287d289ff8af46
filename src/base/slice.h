/*
 * A run of bytes that somebody else owns: pointer and length, never NUL-terminated by contract.
 *
 * A slice is valid as long as the buffer it points into; whoever hands one out says in its own header how long that is.
 * Names of files and values of fields are bytes: they may hold anything, and are escaped only where they are shown.
 */
#ifndef DROPFOLD_BASE_SLICE_H
#define DROPFOLD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const char *data;
    size_t len; /* bytes */
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* The bytes of a C string without its NUL. `text` may be NULL: the empty slice. */
struct slice slice_of(const char *text);

bool slice_equal(struct slice a, struct slice b);

/* Whether s is equal to one of the list. */
bool slice_among(struct slice s, const struct slice *list, size_t count);

/* Orders by unsigned bytes, a prefix before what it begins: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);

/* Without ASCII blanks (space, tab, CR, LF, VT, FF) at both ends. */
struct slice slice_trim(struct slice s);

bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);

/* Whether `path` is `name` or ends in "/name"; in an empty name none does. */
bool slice_ends_path(struct slice path, struct slice name);

#endif
