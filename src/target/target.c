/*
 * The face of every target: one state, one call under way, one timer.
 *
 * The timer has two uses that never meet: while a call is under way it is the deadline; once the answer stands it is
 * restarted at zero, so that callbacks always run from the loop and never from inside a call or a back end.
 */
#include "target/target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "target/target_internal.h"

enum {
    DEADLINE_DEFAULT = 30 * 1000 * 1000, /* microseconds */
    ROW_PATIENCE = 20                    /* microseconds more for each row that is removed or committed in one go */
};

static const char *const state_names[] = {"closed",  "opening",   "idle",       "beginning", "delivering",
                                          "writing", "comparing", "committing", "closing"};

#define STATE(name) (1u << TARGET_##name)

/* Where each state may go. */
static const unsigned moves[] = {
    [TARGET_CLOSED] = STATE(OPENING) | STATE(CLOSING),
    [TARGET_OPENING] = STATE(IDLE) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_IDLE] = STATE(BEGINNING) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_BEGINNING] = STATE(DELIVERING) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_DELIVERING] = STATE(WRITING) | STATE(COMPARING) | STATE(COMMITTING) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_COMPARING] = STATE(DELIVERING) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_WRITING] = STATE(DELIVERING) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_COMMITTING] = STATE(IDLE) | STATE(CLOSED) | STATE(CLOSING),
    [TARGET_CLOSING] = 0,
};

/* The one place that changes the state. A move that is not in the table is a mistake of ours that no answer can mend.
 */
static void move(struct target *target, enum target_state to)
{
    if (!(moves[target->state] & 1u << to))
        abort();
    target->state = to;
}

static const struct target_backend *backend_of(const char *address)
{
    if (strncmp(address, "sqlite:", 7) == 0)
        return &target_sqlite;
    if (strcmp(address, "none:") == 0)
        return &target_none;
    return &target_pg;
}

static bool check_names(const struct pipeline *pipeline, struct error *error)
{
    for (size_t i = 0; i < pipeline->table_count + pipeline->view_count; i++) {
        const char *name =
            i < pipeline->table_count ? pipeline->tables[i].name : pipeline->views[i - pipeline->table_count].name;
        if (strncmp(name, "dropfold_", 9) == 0)
            return error_set(error, ERROR_CONFIG, "%s: names of tables and views that begin with dropfold_ are taken",
                             name);
    }
    return true;
}

bool target_new(struct target **out, uv_loop_t *loop, const struct pipeline *pipeline,
                const struct target_options *options, struct error *error)
{
    if (!check_names(pipeline, error))
        return false;
    struct target *target = calloc(1, sizeof *target);
    if (!target)
        return error_memory(error);
    target->loop = loop;
    target->pipeline = pipeline;
    target->deadline = options->deadline > 0 ? options->deadline : DEADLINE_DEFAULT;
    target->folder = options->folder;
    target->look = options->look;
    target->mend = options->mend;
    target->backend = backend_of(options->address);
    if (!target->backend->init(target, options->address, error)) {
        free(target);
        return false;
    }
    uv_timer_init(loop, &target->timer);
    target_hold(target);
    *out = target;
    return true;
}

const char *target_name(const struct target *target)
{
    return target->name;
}

const struct progress *target_progress(const struct target *target)
{
    return &target->progress;
}

const uint64_t *target_rows(const struct target *target)
{
    return target->rows;
}

bool target_is_open(const struct target *target)
{
    return target->state != TARGET_CLOSED && target->state != TARGET_OPENING && target->state != TARGET_CLOSING;
}

const char *target_taken(const struct target *target, const char **by)
{
    *by = target->owner.by;
    return target->owner.table;
}

const char *target_missing(const struct target *target)
{
    return target->missing;
}

const char *target_remade(const struct target *target)
{
    return target->remade;
}

const struct error *target_barred(const struct target *target)
{
    return target->barred.kind != ERROR_NONE ? &target->barred : NULL;
}

const uint64_t *target_drift(const struct target *target)
{
    return target->drift;
}

const struct drift_page *target_drift_page(const struct target *target)
{
    return target->page;
}

void target_hold(struct target *target)
{
    target->holds++;
}

void target_release(struct target *target)
{
    if (--target->holds > 0)
        return;
    void (*closed)(void *) = target->closed;
    void *context = target->closed_context;
    target->backend->close(target);
    drift_page_free(target->page);
    free(target);
    closed(context);
}

/* The loop's idea of now is old when the caller worked long in the same turn. */
static void start_timer(struct target *target, uv_timer_cb callback, int64_t micros)
{
    uv_update_time(target->loop);
    uv_timer_start(&target->timer, callback, (uint64_t)((micros + 999) / 1000), 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
    target_release(CONTAINER_OF((uv_timer_t *)(void *)handle, struct target, timer));
}

static void on_answer(uv_timer_t *timer)
{
    struct target *target = CONTAINER_OF(timer, struct target, timer);
    bool closing = target->state == TARGET_CLOSING;
    target_done done = target->done;
    struct error error = target->error;
    target->done = NULL;
    done(target->context, target->failed ? &error : NULL);
    if (closing)
        uv_close((uv_handle_t *)&target->timer, on_timer_closed);
}

/* Where a call that worked leads. */
static enum target_state after(enum target_state state)
{
    return state == TARGET_OPENING || state == TARGET_COMMITTING ? TARGET_IDLE : TARGET_DELIVERING;
}

static void fail(struct target *target, const struct error *error)
{
    target->failed = true;
    target->error = *error;
    target->backend->drop(target);
    if (target->state != TARGET_CLOSED && target->state != TARGET_CLOSING)
        move(target, TARGET_CLOSED);
}

static void take_over(struct target *target)
{
    target->doubts = target->miscounted = false;
    target->owner.table = NULL;
    target->owner.marked |= !target->delivery->compare;
    target->progress = target->delivery->to;
    memcpy(target->rows, target->delivery->to.rows, sizeof target->rows);
}

void target_lost(struct target *target, const struct error *why)
{
    if (target->state != TARGET_IDLE)
        return;
    target->parting = *why;
    target->backend->drop(target);
    move(target, TARGET_CLOSED);
}

void target_answer(struct target *target, const struct error *error)
{
    if (error) {
        fail(target, error);
    } else {
        if (target->state == TARGET_COMMITTING)
            take_over(target);
        target->failed = false;
        move(target, after(target->state));
    }
    start_timer(target, on_answer, 0);
}

static void on_deadline(uv_timer_t *timer)
{
    struct target *target = CONTAINER_OF(timer, struct target, timer);
    struct error error;
    error_set(&error, ERROR_TARGET, "%s: no answer within %.3g s", target->name, (double)target->patience / 1e6);
    target_answer(target, &error);
}

/* Starts a call; in the wrong state it is answered with ERROR_BUG and false is returned. */
static bool call(struct target *target, enum target_state from, enum target_state to, target_done done, void *context)
{
    if (target->done || target->state == TARGET_CLOSING)
        abort(); /* nobody would ever hear the answer */
    target->done = done;
    target->context = context;
    target->patience = target->deadline;
    if (target->state != from) {
        struct error error = target->parting;
        if (from != TARGET_IDLE || error.kind == ERROR_NONE)
            error_set(&error, ERROR_BUG, "%s: it is %s and not %s", target->name, state_names[target->state],
                      state_names[from]);
        target_answer(target, &error);
        return false;
    }
    move(target, to);
    return true;
}

void target_open(struct target *target, target_done done, void *context)
{
    if (!call(target, TARGET_CLOSED, TARGET_OPENING, done, context))
        return;
    target->remade = NULL;
    target->parting.kind = ERROR_NONE;
    memset(&target->owner, 0, sizeof target->owner);
    start_timer(target, on_deadline, target->patience);
    target->backend->open(target);
}

void target_begin(struct target *target, const struct delivery *delivery, target_done done, void *context)
{
    if (!call(target, TARGET_IDLE, TARGET_BEGINNING, done, context))
        return;
    target->delivery = delivery;
    memset(target->upserts, 0, sizeof target->upserts);
    memset(target->deletes, 0, sizeof target->deletes);
    for (size_t i = 0; delivery->full && i < pipeline_delivered(target->pipeline); i++)
        target->patience += (int64_t)target->rows[i] * ROW_PATIENCE;
    start_timer(target, on_deadline, target->patience);
    target->backend->begin(target);
}

static bool block_fits(const struct target *target, const struct block *block)
{
    if (block->table >= pipeline_delivered(target->pipeline))
        return false;
    const struct table *table = &target->pipeline->tables[block->table];
    return block->columns == (block->deletes ? table->key_count : table->column_count);
}

void target_write(struct target *target, struct block *block, target_done done, void *context)
{
    struct error error;
    if (!call(target, TARGET_DELIVERING, TARGET_WRITING, done, context)) {
        block_free(block);
    } else if (!block_fits(target, block)) {
        error_set(&error, ERROR_BUG, "%s: a block of %zu columns for table %zu", target->name, block->columns,
                  block->table);
        block_free(block);
        target_answer(target, &error);
    } else if (block->rows == 0) {
        block_free(block);
        target_answer(target, NULL);
    } else {
        *(block->deletes ? &target->deletes[block->table] : &target->upserts[block->table]) += block->rows;
        start_timer(target, on_deadline, target->patience);
        target->backend->write(target, block);
    }
}

void target_prepare(struct target *target, const struct block *block)
{
    if (target->state == TARGET_WRITING && target->backend->prepare && block_fits(target, block))
        target->backend->prepare(target, block);
}

static bool table_complete(const struct target *target, size_t i, struct error *error)
{
    const struct delivery *delivery = target->delivery;
    return (target->upserts[i] == delivery->upserts[i] && target->deletes[i] == delivery->deletes[i]) ||
           error_set(error, ERROR_BUG,
                     "%s: the delivery announced %" PRIu64 " upserts and %" PRIu64 " deletes for %s; %" PRIu64
                     " and %" PRIu64 " came",
                     target->name, delivery->upserts[i], delivery->deletes[i], target->pipeline->tables[i].name,
                     target->upserts[i], target->deletes[i]);
}

/* A delivery that lost or doubled a block must not be committed under the progress of a whole one. */
static bool complete(const struct target *target, struct error *error)
{
    if (target->delivery->compare && !target->mend)
        return error_set(error, ERROR_BUG, "%s: a comparison that mends nothing is committed", target->name);
    for (size_t i = 0; i < pipeline_delivered(target->pipeline); i++)
        if (!table_complete(target, i, error))
            return false;
    return true;
}

void target_commit(struct target *target, target_done done, void *context)
{
    struct error error;
    if (!call(target, TARGET_DELIVERING, TARGET_COMMITTING, done, context))
        return;
    if (!complete(target, &error)) {
        target_answer(target, &error);
        return;
    }
    for (size_t i = 0; i < pipeline_delivered(target->pipeline); i++)
        target->patience += (int64_t)(target->upserts[i] + target->deletes[i]) * ROW_PATIENCE;
    start_timer(target, on_deadline, target->patience);
    target->backend->commit(target);
}

/* Starts a call about a table of a comparison whose rows are all there. */
static bool call_compared(struct target *target, size_t table, target_done done, void *context)
{
    struct error error;
    if (!call(target, TARGET_DELIVERING, TARGET_COMPARING, done, context))
        return false;
    bool ok = (target->delivery->compare && table < pipeline_delivered(target->pipeline)) ||
              error_set(&error, ERROR_BUG, "%s: table %zu of no comparison", target->name, table);
    if (!ok || !table_complete(target, table, &error)) {
        target_answer(target, &error);
        return false;
    }
    target->comparing = table;
    target->patience += (int64_t)(target->rows[table] + target->upserts[table]) * ROW_PATIENCE;
    start_timer(target, on_deadline, target->patience);
    return true;
}

void target_compare(struct target *target, size_t table, target_done done, void *context)
{
    memset(target->drift, 0, sizeof target->drift);
    if (call_compared(target, table, done, context))
        target->backend->compare(target);
}

void target_read_drift(struct target *target, size_t table, uint64_t after, target_done done, void *context)
{
    drift_page_free(target->page);
    target->page = NULL;
    if (call_compared(target, table, done, context))
        target->backend->read_drift(target, after);
}

void target_mend(struct target *target, size_t table, target_done done, void *context)
{
    struct error error;
    if (!call_compared(target, table, done, context))
        return;
    if (target->mend) {
        target->backend->mend(target);
    } else {
        error_set(&error, ERROR_BUG, "%s: it was opened to look and not to mend", target->name);
        target_answer(target, &error);
    }
}

/* Also an answer that already stands but was not given yet becomes this error: the connection is gone now. */
static void answer_called_off(struct target *target)
{
    struct error error;
    error_set(&error, ERROR_TARGET, "%s: called off", target->name);
    target_answer(target, &error);
}

void target_abort(struct target *target)
{
    if (target->done)
        answer_called_off(target);
    else if (target->state != TARGET_CLOSED && target->state != TARGET_CLOSING) {
        target->backend->drop(target);
        move(target, TARGET_CLOSED);
    }
}

void target_close(struct target *target, void (*closed)(void *context), void *context)
{
    target->closed = closed;
    target->closed_context = context;
    move(target, TARGET_CLOSING);
    if (target->done) {
        answer_called_off(target);
        return;
    }
    target->backend->drop(target);
    uv_close((uv_handle_t *)&target->timer, on_timer_closed);
}
