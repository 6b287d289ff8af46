#include "app/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/control.h"
#include "app/core.h"
#include "app/offer.h"
#include "app/verify_sources.h"
#include "app/verify_target.h"
#include "model/pipeline_ledger.h"

enum {
    TRIES = 20,                    /* a delivery between two questions makes them be asked again */
    ASK_DEADLINE = 5 * 1000 * 1000 /* microseconds for the running dropfold's answer */
};

struct verify {
    const struct settings *settings;
    const struct pipeline *pipeline;
    const struct verify_visit *visit;
    struct verify_result *result;
    struct store *store; /* NULL when closed, or the core's */
    struct core core;
    struct verify_target asked;
    struct delivery delivery;
};

uint64_t verify_drifted(const struct verify_result *result)
{
    uint64_t rows = 0;
    for (size_t t = 0; t < PIPELINE_DELIVERED_MAX; t++)
        for (size_t kind = 0; kind < DRIFT_KINDS; kind++)
            rows += result->tables[t].drift[kind];
    return rows;
}

bool verify_agrees(const struct verify_result *result)
{
    return result->problems[VERIFY_DIFFERENT] == 0;
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

/* Called again, it shows what was committed meanwhile. */
static bool open_store(struct verify *v, struct error *error)
{
    if (v->store)
        store_close(v->store);
    v->store = NULL;
    return store_open(&v->store, v->settings->checkpoints, v->pipeline->name, &v->pipeline->fingerprint, STORE_READ,
                      error) &&
           store_check_fingerprint(v->store, v->pipeline->name, &v->pipeline->fingerprint, error);
}

/* All that telling the history does not look at. */
static bool check_store(struct verify *v, struct error *error)
{
    if (!open_store(v, error) || !store_check(v->store, error))
        return false;
    if (v->visit->store)
        v->visit->store(v->visit->context, store_path(v->store));
    return true;
}

static bool check_sources(struct verify *v, struct error *error)
{
    if (!verify_sources(v->settings, v->pipeline, v->store, v->visit, v->result, error))
        return false;
    if (v->visit->sources)
        v->visit->sources(v->visit->context, v->result);
    return true;
}

/* The history up to the change that the target holds. The store is the core's from here on. */
static bool tell_history(struct verify *v, struct error *error)
{
    const struct core_history history = {.until = v->delivery.from.sequence};
    v->core = (struct core){.pipeline = v->pipeline, .store = v->store, .memory_limit = v->settings->memory_limit};
    v->store = NULL;
    if (history.until > 0)
        return core_replay(&v->core, &history, error);
    v->core.engine = engine_new(v->pipeline, v->settings->memory_limit, error);
    return v->core.engine;
}

/* --- what the target holds ---------------------------------------------------------------------------------------- */

/* Nothing of this store's history, and no rows that would be lost: the next delivery is a full one. */
static bool not_delivered(const struct verify *v, const struct decide_input *input, struct error *error)
{
    return error_set(error, ERROR_TARGET,
                     "%s holds nothing of this store yet: %" PRIu64
                     " change%s not delivered; `dropfold run --once` delivers what is missing",
                     target_name(v->asked.target), input->store->sequence,
                     input->store->sequence == 1 ? " is" : "s are");
}

static bool refuse_missing(const struct verify *v, const char *table, struct error *error)
{
    return error_set(error, ERROR_REFUSED,
                     "%s has no table \"%s\" any more: `dropfold replay --rebuild` makes it anew and delivers all rows",
                     target_name(v->asked.target), table);
}

/* Whether the target tells a part of this store's history; as for a delivery, and refused as that would be. */
static bool is_ours(struct verify *v, struct error *error)
{
    struct decide_input input = offer_ask(v->pipeline, v->asked.target);
    const char *missing = target_missing(v->asked.target);
    if (!offer_compare(&input, v->store, error) || decide(&input, error) == DECIDE_REFUSE)
        return false;
    if (strcmp(input.target->epoch, input.store->epoch) != 0)
        return not_delivered(v, &input, error);
    return !missing || refuse_missing(v, missing, error);
}

/* The store is opened after the target said where it is, so that it has all that the target has. */
static bool begin_once(struct verify *v, struct error *error)
{
    if (!verify_target_open(&v->asked, error) || !open_store(v, error) || !is_ours(v, error))
        return false;
    const struct progress *progress = target_progress(v->asked.target);
    v->delivery = (struct delivery){.from = *progress, .to = *progress, .compare = true};
    return verify_target_begin(&v->asked, &v->delivery, error);
}

/* Between opening and beginning somebody may have delivered: then the target is closed again, and asked anew. */
static bool begin(struct verify *v, struct error *error)
{
    for (int i = 0; i < TRIES; i++) {
        if (begin_once(v, error))
            return true;
        if (error->kind != ERROR_DIVERGED || target_is_open(v->asked.target))
            return false;
    }
    return error_set(error, ERROR_TARGET, "%s: a delivery came in between %d times", target_name(v->asked.target),
                     TRIES);
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

/* How much of the ledger the target has: as its progress says, or as many rows as there are when that was edited. */
static uint64_t files_held(const struct verify *v)
{
    uint64_t known = ledger_known(v->pipeline, &v->delivery.from), all = store_files(v->core.store);
    if (v->pipeline->ledger_count > 0 && target_rows(v->asked.target)[pipeline_files_table(v->pipeline)] > known)
        known = target_rows(v->asked.target)[pipeline_files_table(v->pipeline)];
    return known < all ? known : all;
}

static bool write_expected(struct verify *v, struct error *error)
{
    const struct ledger_end end = {.files = files_held(v), .sequence = v->delivery.from.sequence};
    struct block *block;
    if (!ledger_start(&v->core.ledger, v->pipeline, v->core.store, end, &v->delivery, error) ||
        !engine_delivery_start(v->core.engine, 0, true, &v->delivery, error))
        return false;
    v->core.delivering = true;
    do {
        if (!offer_next(&v->core, &block, error))
            return false;
        if (block && !verify_target_write(&v->asked, block, error))
            return false;
    } while (block);
    engine_delivery_end(v->core.engine, false);
    v->core.delivering = false;
    return true;
}

static bool list_rows(struct verify *v, const struct table *table, size_t t, struct error *error)
{
    uint64_t listed = 0;
    bool more = v->visit->row;
    while (more && listed < v->settings->limit) {
        if (!verify_target_read(&v->asked, t, listed, error))
            return false;
        const struct drift_page *page = target_drift_page(v->asked.target);
        more = page->rows == DRIFT_PAGE_ROWS;
        for (size_t i = 0; i < page->rows && listed < v->settings->limit; i++, listed++)
            v->visit->row(v->visit->context, table, page->kinds[i], page->values + i * page->columns);
    }
    return true;
}

static bool compare_table(struct verify *v, size_t t, struct error *error)
{
    const struct table *table = &v->pipeline->tables[t];
    struct verify_table *found = &v->result->tables[t];
    found->rows = v->delivery.to.rows[t];
    if (!verify_target_compare(&v->asked, t, error))
        return false;
    memcpy(found->drift, target_drift(v->asked.target), sizeof found->drift);
    v->result->counts_differ |= v->delivery.from.rows[t] != found->rows;
    if (v->visit->table)
        v->visit->table(v->visit->context, table, found);
    return list_rows(v, table, t, error);
}

static bool mend(struct verify *v, struct error *error)
{
    for (size_t t = 0; t < pipeline_delivered(v->pipeline); t++)
        if (!verify_target_mend(&v->asked, t, error))
            return false;
    if (!verify_target_commit(&v->asked, error))
        return false;
    v->result->repaired = true;
    return true;
}

static bool is_to_be_mended(const struct verify *v)
{
    return v->settings->repair && verify_agrees(v->result) &&
           (verify_drifted(v->result) > 0 || v->result->counts_differ);
}

static bool compare(struct verify *v, struct error *error)
{
    struct verify_result *result = v->result;
    if (!verify_target_init(&v->asked, v->settings, v->pipeline, error) || !begin(v, error))
        return false;
    snprintf(result->target, sizeof result->target, "%s", target_name(v->asked.target));
    result->sequence = v->delivery.from.sequence;
    if (!tell_history(v, error))
        return false;
    result->store_sequence = store_progress(v->core.store)->sequence;
    if (v->visit->target)
        v->visit->target(v->visit->context, result);
    if (!write_expected(v, error))
        return false;
    for (size_t t = 0; t < pipeline_delivered(v->pipeline); t++)
        if (!compare_table(v, t, error))
            return false;
    return !is_to_be_mended(v) || mend(v, error);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static bool ask_delivering(const struct verify *v)
{
    static const char *const words[] = {"healthy"};
    struct error ignored;
    struct buf answer;
    int code = 1;
    buf_init(&answer, CONTROL_ANSWER_MAX);
    const struct control_question question = {v->settings->checkpoints, v->pipeline->name, words, COUNT_OF(words),
                                              ASK_DEADLINE};
    bool told = control_ask(&question, &answer, &code, &ignored);
    buf_close(&answer);
    return told && code == 0;
}

bool verify(const struct settings *settings, const struct pipeline *pipeline, const struct verify_visit *visit,
            struct verify_result *result, struct error *error)
{
    struct verify v = {.settings = settings, .pipeline = pipeline, .visit = visit, .result = result};
    *result = (struct verify_result){.sequence = 0};
    bool ok = check_store(&v, error) && (!settings->deep || check_sources(&v, error)) && compare(&v, error);
    verify_target_close(&v.asked);
    core_close(&v.core);
    if (v.store)
        store_close(v.store);
    if (ok && result->sequence < result->store_sequence)
        result->delivering = ask_delivering(&v);
    return ok;
}
