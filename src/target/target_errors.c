/* Errors that more than one back end finds, each in its one wording. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "target/target_internal.h"

static const char *describe(const struct progress *progress, char out[96])
{
    if (!progress->present)
        return "no progress";
    snprintf(out, 96, "sequence %" PRIu64 " of epoch %s", progress->sequence, progress->epoch);
    return out;
}

bool target_diverged(const struct progress *found, const struct progress *wanted, struct error *error)
{
    char a[96], b[96];
    const char *other = "";
    if (found->present && wanted->present && found->sequence == wanted->sequence &&
        strcmp(found->epoch, wanted->epoch) == 0)
        other = digest_equal(&found->digest, &wanted->digest) ? " with other numbers of rows" : " with another digest";
    return error_set(error, ERROR_DIVERGED, "the target holds %s%s, not %s as expected", describe(found, a), other,
                     describe(wanted, b));
}

bool target_claimed(const struct target_owner *owner, struct error *error)
{
    return error_set(error, ERROR_DIVERGED, "pipeline %s has begun to deliver into table \"%s\"", owner->by,
                     owner->table);
}

bool target_emptied(const char *table, uint64_t rows, struct error *error)
{
    return error_set(error, ERROR_DIVERGED, "table \"%s\" is empty; the delivery before left %" PRIu64 " row%s there",
                     table, rows, text_plural(rows));
}

/* What can make a statement do less than it says; a constraint never does. */
static const char *suspects(enum target_dialect dialect)
{
    return dialect == TARGET_SQLITE ? "a trigger that skips rows"
                                    : "a trigger that skips rows, a rule or row-level security";
}

bool target_left_out(const char *table, uint64_t taken, uint64_t sent, enum target_dialect dialect, struct error *error)
{
    return error_set(error, ERROR_REFUSED,
                     "table \"%s\" took %" PRIu64 " row%s instead of %" PRIu64
                     " without an error, so nothing was committed: look for %s",
                     table, taken, text_plural(taken), sent, suspects(dialect));
}

bool target_left_in(const char *table, uint64_t left, enum target_dialect dialect, struct error *error)
{
    return error_set(error, ERROR_REFUSED,
                     "table \"%s\" kept %" PRIu64
                     " row%s that should be gone, without an error, so nothing was committed: "
                     "look for %s",
                     table, left, text_plural(left), suspects(dialect));
}

bool target_miscounted(const struct pipeline *pipeline, const struct delivery *delivery, size_t table, uint64_t found,
                       bool again, struct error *error)
{
    return error_set(
        error, delivery->full || again ? ERROR_REFUSED : ERROR_DIVERGED,
        "table \"%s\" has %" PRIu64 " row%s at the end of the delivery and should have %" PRIu64 ", so nothing was "
        "committed: look for a trigger that takes rows out or puts some in, a foreign key that cascades, or a "
        "collation that takes keys for equal",
        pipeline->tables[table].name, found, text_plural(found), delivery->to.rows[table]);
}
