#include "app/deliverer.h"

#include <stdlib.h>
#include <sys/random.h>

#include "app/shipment.h"
#include "base/clock.h"

/* Pauses between tries: doubled from base to cap, each lengthened by up to half at random, so that many instances do
   not knock at once. Microseconds. */
enum { RETRY_BASE = 250 * 1000, RETRY_CAP = 30 * 1000 * 1000, RETRY_DIVERGED = 50 * 1000 };

/* While files keep coming a delivery waits until the one before lies this long back, or this many times its own length:
   groups that change again and again are then written once. */
enum { BUSY_PAUSE = 1000 * 1000, BUSY_TIMES = 4 };

/* So many times in a row a target may be another than it was when it was opened. Then what it says means something
   else, as a trigger does that finds a table of its own gone, and to open it again will not help. */
enum { CHANGES_MAX = 4 };

enum state {
    STATE_CLOSED,     /* no connection; a timer runs, or it is the very beginning */
    STATE_OPENING,    /* target_open is under way */
    STATE_IDLE,       /* connected */
    STATE_PREPARING,  /* the store thread decides and starts the engine's delivery */
    STATE_DELIVERING, /* begin, blocks, commit */
    STATE_ENDING,     /* the store thread ends the engine's delivery */
    STATE_FAILING,    /* something failed: waiting for what is under way to answer */
    STATE_REFUSED,    /* it said no; a timer runs when it is to be asked again */
    STATE_STOPPED     /* being taken down */
};

struct deliverer {
    uv_timer_t timer;
    struct deliverer_options options;
    struct deliverer_callbacks callbacks;
    enum state state;
    uint64_t wanted, known, tried; /* sequences; from which a delivery was tried last */
    uint64_t noted, taken, told;   /* notes in the ledger: made, in what is being decided, and with the target */
    bool known_valid, decided, stopping;
    bool opening;  /* what failed was the attempt to open it */
    bool checking; /* opened anew only to see whether it still holds what is known of it */
    bool hurried;  /* nothing more is coming right away */
    bool refused;  /* it said no and has not said yes since */
    unsigned failures;
    unsigned changes;           /* of these in a row: it was another than when it was opened */
    int64_t opened, busy_until; /* monotonic; the latter: not before, while files keep coming */

    /* the delivery under way */
    struct shipment shipment;
    struct error error; /* what made it fail */
    int64_t began;

    /* what is under way elsewhere */
    bool target_busy, fetching;
    bool at_end;         /* the engine has no more blocks */
    struct block *block; /* the next one, fetched while the one before is being written */

    void (*stopped)(void *context);
    void *stopped_context;
};

static void consider(struct deliverer *d);
static void wait_for(struct deliverer *d, int64_t micros);
static void pump(struct deliverer *d);
static void fail(struct deliverer *d, const struct error *error);
static void quiet(struct deliverer *d);

static bool known_to_settle(const struct deliverer *d)
{
    return d->known_valid && d->known >= d->wanted && d->told >= d->noted;
}

/* --- a delivery --------------------------------------------------------------------------------------------------- */

static void fail_at_target(struct deliverer *d, const struct error *error)
{
    struct error told = *error;
    d->changes = error->kind == ERROR_DIVERGED ? d->changes + 1 : 0;
    if (d->changes > CHANGES_MAX)
        told.kind = ERROR_REFUSED;
    fail(d, &told);
}

static void on_target(void *context, const struct error *error)
{
    struct deliverer *d = context;
    d->target_busy = false;
    if (d->state == STATE_FAILING || d->stopping)
        quiet(d);
    else if (error)
        fail_at_target(d, error);
    else
        pump(d);
}

static void on_committed(void *context, const struct error *error)
{
    struct deliverer *d = context;
    d->target_busy = false;
    if (d->stopping && error) {
        quiet(d);
    } else if (error) {
        fail_at_target(d, error);
    } else {
        d->state = STATE_ENDING;
        d->shipment.delivered = true;
        shipment_end(&d->shipment);
    }
}

static void on_fetched(struct shipment *shipment)
{
    struct deliverer *d = CONTAINER_OF(shipment, struct deliverer, shipment);
    d->fetching = false;
    d->block = shipment->block;
    d->at_end = !shipment->failed && !d->block;
    if (d->state == STATE_FAILING || d->stopping)
        quiet(d);
    else if (shipment->failed)
        fail(d, &shipment->error);
    else
        pump(d);
    if (d->block && d->state == STATE_DELIVERING)
        target_prepare(d->options.target, d->block);
}

static void fetch_next(struct deliverer *d)
{
    d->fetching = true;
    shipment_fetch(&d->shipment);
}

/* Keeps one block on its way to the target and one being made. */
static void pump(struct deliverer *d)
{
    if (d->block && !d->target_busy) {
        struct block *block = d->block;
        d->block = NULL;
        d->target_busy = true;
        target_write(d->options.target, block, on_target, d);
    }
    if (!d->block && !d->at_end && !d->fetching)
        fetch_next(d);
    if (d->at_end && !d->block && !d->target_busy) {
        d->target_busy = true;
        target_commit(d->options.target, on_committed, d);
    }
}

static void begin_delivery(struct deliverer *d)
{
    /* A try that failed only after its COMMIT came through was none in vain: no longer pause for it. */
    if (d->shipment.delivery.from.sequence > d->tried)
        d->failures = 0;
    d->tried = d->shipment.delivery.from.sequence;
    d->state = STATE_DELIVERING;
    d->known_valid = d->checking = false;
    d->at_end = false;
    d->began = clock_monotonic();
    d->target_busy = true;
    target_begin(d->options.target, &d->shipment.delivery, on_target, d);
    fetch_next(d); /* made while the target begins */
}

/* The first of many changes waits for the others. */
static void be_patient(struct deliverer *d)
{
    int64_t until = clock_monotonic() + d->options.patience;
    d->busy_until = until > d->busy_until ? until : d->busy_until;
}

static void settle(struct deliverer *d, uint64_t sequence)
{
    d->known = sequence;
    d->told = d->taken;
    d->known_valid = true;
    d->checking = false;
    d->options.overwrite = d->options.rebuild = false; /* what was asked for is done; later findings are new ones */
    d->failures = d->changes = 0;
    d->state = STATE_IDLE;
    if (known_to_settle(d))
        d->callbacks.settled(d->callbacks.context);
    else
        be_patient(d); /* it came while another delivery was under way */
    consider(d);
}

/* Asked again it may be mended, or the rows that it did not take may be gone. `took`: how long a delivery lasted that
   it refused, which is made again then. The callback comes last: it may stop the deliverer. */
static void refuse(struct deliverer *d, int64_t took)
{
    int64_t pause = took * BUSY_TIMES;
    d->state = STATE_REFUSED;
    d->refused = true;
    d->decided = d->known_valid = d->checking = false;
    if (d->options.check > 0)
        wait_for(d, pause > d->options.check ? pause : d->options.check);
    d->callbacks.refused(d->callbacks.context, &d->error);
}

static void agree(struct deliverer *d)
{
    d->refused = false;
    if (!d->decided && d->callbacks.decided)
        d->callbacks.decided(d->callbacks.context);
    d->decided = true;
}

static void on_prepared(struct shipment *shipment)
{
    struct deliverer *d = CONTAINER_OF(shipment, struct deliverer, shipment);
    d->error = shipment->error;
    if (shipment->decision != DECIDE_REFUSE && !d->stopping)
        agree(d);
    if (d->stopping)
        quiet(d);
    else if (shipment->decision == DECIDE_NOTHING)
        settle(d, shipment->delivery.to.sequence);
    else if (shipment->decision == DECIDE_REFUSE)
        refuse(d, 0);
    else
        begin_delivery(d);
}

/* --- its end ------------------------------------------------------------------------------------------------------ */

static uint64_t groups_in(const struct pipeline *pipeline, const struct delivery *delivery)
{
    uint64_t groups = 0;
    for (size_t t = 0; t < pipeline->table_count; t++)
        groups += delivery->upserts[t] + delivery->deletes[t];
    return groups;
}

static int64_t retry_pause(const struct deliverer *d)
{
    int64_t pause = d->error.kind == ERROR_DIVERGED ? RETRY_DIVERGED : RETRY_BASE;
    for (unsigned i = 1; i < d->failures && pause < RETRY_CAP; i++)
        pause *= 2;
    if (pause > RETRY_CAP)
        pause = RETRY_CAP;
    uint32_t jitter = 0;
    if (getrandom(&jitter, sizeof jitter, GRND_NONBLOCK) != (ssize_t)sizeof jitter)
        return pause;
    return pause + (int64_t)(jitter % (uint64_t)(pause / 2));
}

/* To try again right away would not help. */
static bool lasts(enum error_kind kind)
{
    return kind == ERROR_REFUSED || kind == ERROR_CORRUPT || kind == ERROR_BUG;
}

static void after_failure(struct deliverer *d)
{
    d->known_valid = d->checking = false;
    if (lasts(d->error.kind)) {
        refuse(d, d->opening ? 0 : clock_monotonic() - d->began);
        return;
    }
    d->failures++;
    d->state = STATE_CLOSED;
    int64_t pause = retry_pause(d);
    wait_for(d, pause);
    /* Once is no news: the target is not what it was when it was opened, so it is opened again. */
    if (d->error.kind != ERROR_DIVERGED || d->failures > 1)
        d->callbacks.trouble(d->callbacks.context, &d->error, pause);
}

static void on_ended(struct shipment *shipment)
{
    struct deliverer *d = CONTAINER_OF(shipment, struct deliverer, shipment);
    if (shipment->delivered) {
        const struct delivery *delivery = &shipment->delivery;
        int64_t now = clock_monotonic();
        struct delivered delivered = {delivery->to.sequence, groups_in(d->options.pipeline, delivery), delivery->full,
                                      now - d->began, shipment->overflows};
        int64_t pause = delivered.micros * BUSY_TIMES;
        d->busy_until = now + (pause > BUSY_PAUSE ? pause : BUSY_PAUSE);
        shipment->delivered = false;
        d->callbacks.delivered(d->callbacks.context, &delivered);
        if (!d->stopping) {
            settle(d, delivered.sequence);
            return;
        }
    }
    if (d->stopping)
        quiet(d);
    else
        after_failure(d);
}

static void fail(struct deliverer *d, const struct error *error)
{
    d->error = *error;
    d->opening = d->state == STATE_OPENING;
    d->state = STATE_FAILING;
    target_abort(d->options.target);
    quiet(d);
}

/* --- taking down -------------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct deliverer *d = handle->data;
    void (*stopped)(void *) = d->stopped;
    void *context = d->stopped_context;
    free(d);
    stopped(context);
}

static void on_target_closed(void *context)
{
    struct deliverer *d = context;
    uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

/* After a failure or a stop: goes on once everything that was under way has answered. */
static void quiet(struct deliverer *d)
{
    if (d->target_busy || d->fetching || d->state == STATE_STOPPED)
        return;
    block_free(d->block);
    d->block = NULL;
    if (d->shipment.open) {
        d->state = STATE_ENDING;
        shipment_end(&d->shipment);
    } else if (d->stopping) {
        d->state = STATE_STOPPED;
        target_close(d->options.target, on_target_closed, d);
    } else {
        after_failure(d);
    }
}

void deliverer_stop(struct deliverer *d, void (*stopped)(void *context), void *context)
{
    d->stopping = true;
    d->stopped = stopped;
    d->stopped_context = context;
    uv_timer_stop(&d->timer);
    if (d->target_busy)
        target_abort(d->options.target);
    if (d->state != STATE_PREPARING && d->state != STATE_ENDING)
        quiet(d);
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static void on_open(void *context, const struct error *error)
{
    struct deliverer *d = context;
    d->target_busy = false;
    if (d->stopping) {
        quiet(d);
    } else if (error) {
        fail(d, error);
    } else {
        d->opened = clock_monotonic();
        d->state = STATE_IDLE;
        consider(d);
    }
}

static bool has_to_wait(struct deliverer *d)
{
    int64_t left = d->busy_until - clock_monotonic();
    if (d->hurried || left <= 0)
        return false;
    wait_for(d, left);
    return true;
}

static bool check_is_due(const struct deliverer *d)
{
    return d->options.check > 0 && clock_monotonic() - d->opened >= d->options.check;
}

/* To open it again. */
static void close_target(struct deliverer *d)
{
    uv_timer_stop(&d->timer);
    target_abort(d->options.target);
    d->state = STATE_CLOSED;
}

/* The one place from which anything starts. */
static void consider(struct deliverer *d)
{
    if (d->stopping)
        return;
    if (d->state == STATE_CLOSED && !uv_is_active((uv_handle_t *)&d->timer)) {
        d->state = STATE_OPENING;
        d->target_busy = true;
        target_open(d->options.target, on_open, d);
    } else if (d->state == STATE_IDLE && (!target_is_open(d->options.target) || check_is_due(d))) {
        d->checking = true;
        close_target(d);
        consider(d);
    } else if (d->state == STATE_IDLE && (d->checking || !known_to_settle(d))) {
        if (has_to_wait(d))
            return;
        d->state = STATE_PREPARING;
        d->taken = d->noted;
        shipment_prepare(&d->shipment, d->options.overwrite, d->options.rebuild);
    } else if (d->state == STATE_IDLE && d->options.check > 0) {
        wait_for(d, d->opened + d->options.check - clock_monotonic());
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct deliverer *d = timer->data;
    if (d->state == STATE_REFUSED)
        close_target(d);
    consider(d);
}

static void wait_for(struct deliverer *d, int64_t micros)
{
    uv_timer_start(&d->timer, on_timer, (uint64_t)((micros + 999) / 1000), 0);
}

void deliverer_wants(struct deliverer *d, uint64_t sequence)
{
    d->hurried = false;
    if (known_to_settle(d))
        be_patient(d);
    if (sequence > d->wanted)
        d->wanted = sequence;
    if (d->state == STATE_IDLE)
        consider(d);
}

void deliverer_noted(struct deliverer *d)
{
    if (d->options.pipeline->ledger_count > 0)
        d->noted++;
    deliverer_wants(d, d->wanted);
}

void deliverer_hurry(struct deliverer *d)
{
    d->hurried = true;
    if (d->state != STATE_IDLE)
        return;
    uv_timer_stop(&d->timer);
    consider(d);
}

void deliverer_try_last(struct deliverer *d, unsigned failures)
{
    d->failures = d->failures < failures ? d->failures : failures - 1;
    if (d->state == STATE_CLOSED)
        uv_timer_stop(&d->timer);
    deliverer_hurry(d);
    consider(d);
}

bool deliverer_start(struct deliverer **out, uv_loop_t *loop, const struct deliverer_options *options,
                     const struct deliverer_callbacks *callbacks, struct error *error)
{
    struct deliverer *d = calloc(1, sizeof *d);
    if (!d)
        return error_memory(error);
    d->options = *options;
    d->callbacks = *callbacks;
    d->wanted = options->sequence;
    shipment_init(&d->shipment, options->pipeline, options->target, options->committer);
    d->shipment.prepared = on_prepared;
    d->shipment.fetched = on_fetched;
    d->shipment.ended = on_ended;
    uv_timer_init(loop, &d->timer);
    d->timer.data = d;
    *out = d;
    consider(d);
    return true;
}

bool deliverer_is_settled(const struct deliverer *d)
{
    return known_to_settle(d) && (d->state == STATE_IDLE || d->checking);
}

bool deliverer_is_refused(const struct deliverer *d)
{
    return d->refused;
}

unsigned deliverer_failures(const struct deliverer *d)
{
    return d->failures;
}
