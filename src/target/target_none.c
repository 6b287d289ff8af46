/* The target that keeps nothing but its word: for dry runs and measurements. It holds no progress but that of this
   process. */
#include <stdio.h>

#include "target/target_internal.h"

static bool none_init(struct target *target, const char *address, struct error *error)
{
    (void)error;
    snprintf(target->name, sizeof target->name, "%s", address);
    return true;
}

static void none_open(struct target *target)
{
    target_answer(target, NULL);
}

static void none_begin(struct target *target)
{
    struct error error;
    if (progress_equal(&target->progress, &target->delivery->from)) {
        target_answer(target, NULL);
    } else {
        target_diverged(&target->progress, &target->delivery->from, &error);
        target_answer(target, &error);
    }
}

static void none_write(struct target *target, struct block *block)
{
    block_free(block);
    target_answer(target, NULL);
}

static void none_commit(struct target *target)
{
    target_answer(target, NULL);
}

/* Nothing is kept that could be compared. */
static void none_compare(struct target *target)
{
    struct error error;
    error_set(&error, ERROR_REFUSED, "%s keeps nothing: there is nothing to compare", target->name);
    target_answer(target, &error);
}

static void none_read_drift(struct target *target, uint64_t after)
{
    (void)after;
    none_compare(target);
}

static void none_let_go(struct target *target)
{
    (void)target;
}

const struct target_backend target_none = {
    .init = none_init,
    .open = none_open,
    .begin = none_begin,
    .write = none_write,
    .commit = none_commit,
    .compare = none_compare,
    .read_drift = none_read_drift,
    .mend = none_compare,
    .drop = none_let_go,
    .close = none_let_go,
};
