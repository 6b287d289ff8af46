/*
 * Files that stay in their landing folder once they were dealt with: known again after a restart without being read.
 *
 * Only a shortcut before their content is looked at: a file is known when feed, name, size, both times and inode are
 * all those of a ledger row. ctime cannot be set by a user, so a changed file is never taken for a known one. Kept
 * as sorted 128-bit hashes, 16 bytes a file.
 */
#ifndef DROPFOLD_APP_KNOWN_H
#define DROPFOLD_APP_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "feed/landing.h"
#include "store/store.h"

struct known_key {
    uint64_t high, low;
};

struct known {
    struct known_key *keys;
    size_t count, capacity;
    bool failed;
};

/* All files of the ledger. */
bool known_load(struct known *known, struct store *store, struct error *error) MUST_USE;
void known_close(struct known *known);
bool known_has(const struct known *known, const char *feed, const char *name, const struct file_stat *stat);

#endif
