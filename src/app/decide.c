#include "app/decide.h"

#include <inttypes.h>
#include <string.h>

#include "app/ledger.h"
#include "base/text.h"

static uint64_t total_rows(const struct decide_input *input)
{
    uint64_t rows = 0;
    for (size_t t = 0; t < input->pipeline->table_count; t++)
        rows += input->target_rows[t];
    return rows;
}

/* Rows that came or went behind our back: the tables are not what the last delivery left. */
static bool counts_differ(const struct decide_input *input)
{
    for (size_t t = 0; t < pipeline_delivered(input->pipeline); t++)
        if (input->target_rows[t] != input->target->rows[t])
            return true;
    return false;
}

/* How many rows of the ledger the target has; all of them where the pipeline keeps them to itself. */
static uint64_t known_files(const struct decide_input *input)
{
    return input->pipeline->ledger_count > 0 ? ledger_known(input->pipeline, input->target) : input->files;
}

/* An older copy of the store was put back, and knew fewer rows of the ledger after the same change: what it counted on
   from there are other ones. A target of a former dropfold has no mark. */
static bool is_other_ledger(const struct decide_input *input)
{
    uint64_t mark = input->target->rows[pipeline_delivered(input->pipeline)];
    return input->pipeline->ledger_count > 0 &&
           (known_files(input) > input->files || (mark > 0 && mark != input->mark));
}

static enum decision refuse_taken(const struct decide_input *input, struct error *error)
{
    const char *ours = input->pipeline->name, *theirs = input->taken_by;
    error_set(error, ERROR_DIVERGED,
              "diverged: pipeline %s delivers into table \"%s\" of %s, and %s would take its rows out. Ways out: give "
              "one of the two tables of other names, or a target or schema of its own; or, where %s takes the place of "
              "%s for good, have it take the tables over: `dropfold replay --rebuild --yes`, for a store that is new "
              "`dropfold replay --from-archive --yes`",
              theirs, input->taken, input->target_name, ours, ours, theirs);
    return DECIDE_REFUSE;
}

static enum decision refuse_stranger(const struct decide_input *input, struct error *error)
{
    error_set(error, ERROR_DIVERGED,
              "%s holds %" PRIu64
              " group%s of pipeline %s without a progress row: dropfold did not write them, or the row was "
              "removed. Ways out: rename or empty the tables; or overwrite them with `dropfold replay --rebuild --yes`",
              input->target_name, total_rows(input), text_plural(total_rows(input)), input->pipeline->name);
    return DECIDE_REFUSE;
}

static enum decision refuse_other_epoch(const struct decide_input *input, struct error *error)
{
    error_set(
        error, ERROR_DIVERGED,
        "diverged: %s holds %" PRIu64
        " group%s of pipeline %s from another checkpoint store (epoch %s, sequence %" PRIu64 "); this "
        "store (epoch %s) is at sequence %" PRIu64
        ", and delivering would lose what only the other one knows. Ways out: give "
        "this one a target of its own; or put the other store back; or build this one anew from every archived file "
        "with `dropfold replay --from-archive --yes`; or give the target's groups up with `dropfold replay --rebuild "
        "--yes`",
        input->target_name, total_rows(input), text_plural(total_rows(input)), input->pipeline->name,
        input->target->epoch, input->target->sequence, input->store->epoch, input->store->sequence);
    return DECIDE_REFUSE;
}

static enum decision refuse_other_history(const struct decide_input *input, struct error *error)
{
    const char *how =
        input->target->sequence > input->store->sequence ? "is ahead of this store" : "tells another history";
    error_set(
        error, ERROR_DIVERGED,
        "diverged: %s %s: it is at sequence %" PRIu64 " of epoch %s, this store at sequence %" PRIu64
        " of the same epoch (an older "
        "checkpoint file was put back, or a copy of it went on elsewhere). Ways out: build the store anew from every "
        "archived file with `dropfold replay --from-archive --yes`; or put the newer store back, and drop again what "
        "this one applied since; or give up what only the target knows and overwrite its %" PRIu64
        " group%s from this store "
        "with `dropfold replay --rebuild --yes`",
        input->target_name, how, input->target->sequence, input->target->epoch, input->store->sequence,
        total_rows(input), text_plural(total_rows(input)));
    return DECIDE_REFUSE;
}

enum decision decide(const struct decide_input *input, struct error *error)
{
    const struct progress *target = input->target;
    bool same_epoch = target->present && strcmp(target->epoch, input->store->epoch) == 0;
    if (input->taken)
        return input->overwrite ? DECIDE_FULL : refuse_taken(input, error);
    if (!target->present) {
        if (total_rows(input) > 0 && !input->overwrite)
            return refuse_stranger(input, error);
        return DECIDE_FULL;
    }
    if (!same_epoch) {
        bool nothing_there = total_rows(input) == 0;
        return input->adopted || input->overwrite || nothing_there ? DECIDE_FULL : refuse_other_epoch(input, error);
    }
    if (!input->digest_known)
        return input->overwrite ? DECIDE_FULL : refuse_other_history(input, error);
    /* What a forgotten file alone had brought, or a delivery took out since, is in no list of changed groups, but it is
       in this target. */
    bool rewritten = target->sequence < input->rewritten;
    if (input->rebuild || rewritten || counts_differ(input) || is_other_ledger(input))
        return DECIDE_FULL;
    bool same = target->sequence == input->store->sequence && known_files(input) == input->files;
    return same ? DECIDE_NOTHING : DECIDE_INCREMENTAL;
}
