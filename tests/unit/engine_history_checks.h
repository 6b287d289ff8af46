/*
 * What must hold in a random history: the engine delivers what the reference computes from scratch, in full and to a
 * target that only sees changes, and an engine that is told all of it again comes to the same.
 */
#ifndef DROPFOLD_TESTS_ENGINE_HISTORY_CHECKS_H
#define DROPFOLD_TESTS_ENGINE_HISTORY_CHECKS_H

#include "engine_history.h"
#include "engine_reference_print.h"

/* --- groups ------------------------------------------------------------------------------------------------------- */

static inline void print_groups(const struct table *table, const struct ref_groups *groups, struct buf *out)
{
    for (size_t i = 0; i < groups->count; i++)
        ref_print_group(table, &groups->at[i], out);
    buf_put_byte(out, 0);
}

/* Notes what the reference says now. */
static inline void note_expected(struct history *h)
{
    for (size_t t = 0; t < h->shop.pipeline->table_count; t++) {
        struct ref_totals totals;
        struct ref_groups groups = ref_compute(&h->ref, &h->shop.pipeline->tables[t], &totals);
        buf_reset(&h->expected[t]);
        print_groups(&h->shop.pipeline->tables[t], &groups, &h->expected[t]);
        ref_free_groups(&groups);
    }
}

static unsigned rewinds; /* of all targets */

static inline void check_full(struct history *h, size_t t, const struct ref_groups *groups)
{
    const struct table *table = &h->shop.pipeline->tables[t];
    struct buf found, wanted;
    buf_init(&found, SIZE_MAX);
    buf_init(&wanted, SIZE_MAX);
    struct delivery delivery = shop_deliver(&h->shop, 0, true, false, table->name, &found);
    print_groups(table, groups, &wanted);
    assert_text(&found, wanted.data);
    assert_int_equal(delivery.to.rows[t], groups->count);
    buf_close(&found);
    buf_close(&wanted);
}

static inline void check_state(struct history *h)
{
    for (size_t t = 0; t < h->shop.pipeline->table_count; t++) {
        struct ref_totals totals;
        struct ref_groups groups = ref_compute(&h->ref, &h->shop.pipeline->tables[t], &totals);
        struct engine_stats stats = shop_stats(&h->shop);
        uint64_t mixed = 0;
        for (size_t i = 0; i < groups.count; i++)
            mixed += groups.at[i].mixed;
        check_full(h, t, &groups);
        assert_int_equal(stats.groups[t], groups.count);
        assert_int_equal(stats.mixed[t], mixed);
        assert_int_equal(stats.closed_groups[t], h->ref.closed[t].count);
        assert_int_equal(stats.units, totals.units);
        assert_int_equal(stats.grain_conflicts, totals.conflicts);
        for (size_t f = 0; f < h->shop.pipeline->feed_count; f++) {
            assert_int_equal(stats.waiting[f], totals.waiting[f]);
            assert_int_equal(stats.records[f], h->ref.feeds[f].count);
        }
        ref_free_groups(&groups);
    }
}

/* --- deliveries --------------------------------------------------------------------------------------------------- */

/* The target holds exactly the expected lines. */
static inline void check_target(const struct target *target, const char *expected)
{
    size_t lines = 0;
    for (const char *at = expected; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(target->count, lines);
    for (size_t i = 0; i < target->count; i++) {
        const char *found = strstr(expected, target->rows[i].row);
        while (found && found != expected && found[-1] != '\n')
            found = strstr(found + 1, target->rows[i].row);
        if (!found)
            fail_msg("the target holds %sexpected\n%s", target->rows[i].row, expected);
    }
}

/* Brings the target some or all blocks of a delivery; changes may come in between, and it may fail. */
static inline void deliver_some(struct history *h)
{
    struct error error;
    struct delivery delivery = {0};
    if (!h->open) {
        /* An older target has rows again that were deleted, in no list of changed ones. */
        bool full = random_below(5) == 0 || h->targets[0].sequence < engine_dropped(h->shop.engine);
        assert_ok(engine_delivery_start(h->shop.engine, h->targets[0].sequence, full, &delivery, &error), &error);
        h->open = true;
        h->opened_at = h->shop.sequence;
        h->opened_full = full;
        note_expected(h);
    }
    if (random_below(3) == 0)
        return;
    for (;;) {
        struct block *block;
        assert_ok(engine_delivery_next(h->shop.engine, &block, &error), &error);
        if (!block)
            break;
        assert_true(h->held_count < COUNT_OF(h->held));
        h->held[h->held_count++] = block;
    }
}

/* Ends an open delivery. Whatever was applied in between, the target then holds what was there at its start. */
static inline void end_delivery(struct history *h, bool commit)
{
    for (size_t t = 0; commit && h->opened_full && t < h->shop.pipeline->table_count; t++) {
        target_close(&h->targets[t]);
        h->targets[t] = (struct target){0};
    }
    for (size_t i = 0; i < h->held_count; i++) {
        if (commit)
            target_write(&h->targets[h->held[i]->table], h->shop.pipeline, h->held[i]);
        block_free(h->held[i]);
    }
    h->held_count = 0;
    /* Now and then the answer to the COMMIT is lost. */
    engine_delivery_end(h->shop.engine, commit && random_below(5) != 0);
    for (size_t t = 0; commit && t < h->shop.pipeline->table_count; t++)
        h->targets[t].sequence = h->opened_at;
    for (size_t t = 0; commit && t < h->shop.pipeline->table_count; t++)
        check_target(&h->targets[t], h->expected[t].data);
    h->open = false;
}

static inline void drain(struct history *h)
{
    struct error error;
    for (struct block *block;;) {
        assert_ok(engine_delivery_next(h->shop.engine, &block, &error), &error);
        if (!block)
            return;
        assert_true(h->held_count < COUNT_OF(h->held));
        h->held[h->held_count++] = block;
    }
}

/* Now and then the target is dumped, and put back to what it was then, or found to hold all. */
static inline void disturb_target(struct history *h)
{
    struct target *from = h->targets, *to = h->older;
    int what = random_below(6);
    if (what == 0 && h->targets[0].sequence == h->shop.sequence)
        engine_delivered(h->shop.engine);
    if (what == 1) {
        from = h->older;
        to = h->targets;
        rewinds++;
    }
    for (size_t t = 0; what < 3 && what > 0 && t < h->shop.pipeline->table_count; t++) {
        target_close(&to[t]);
        to[t] = target_copy(&from[t]);
    }
}

/* --- replays ------------------------------------------------------------------------------------------------------ */

/* `more` is added to all sequences. */
static inline void apply_again(struct shop *again, const struct history *h, size_t i, uint64_t more)
{
    struct error error;
    if (h->applied[i].feed == CLOSE) {
        assert_ok(engine_close(again->engine, h->applied[i].sequence, h->applied[i].before, &error), &error);
        return;
    }
    engine_rank(again->engine, h->applied[i].rank + more);
    assert_ok(engine_apply(again->engine, h->applied[i].feed, buf_slice(&h->chunks[i]), NULL, &error), &error);
}

static inline void open_again(struct shop *again, const struct history *h)
{
    struct error error;
    *again = (struct shop){.pipeline = h->shop.pipeline};
    again->engine = engine_new(again->pipeline, 0, &error);
    assert_non_null(again->engine);
}

/* Lists of files name changes: they are other ones where changes have other numbers. */
static inline void drop_lists(struct buf *text)
{
    size_t kept = 0;
    bool inside = false;
    for (size_t i = 0; i < text->len; i++) {
        inside = inside ? text->data[i] != '}' : text->data[i] == '{';
        if (!inside)
            text->data[kept++] = text->data[i];
    }
    text->len = kept;
}

static inline void check_again(struct shop *again, struct history *h, bool renumbered)
{
    struct buf first, second;
    buf_init(&first, SIZE_MAX);
    buf_init(&second, SIZE_MAX);
    shop_deliver(&h->shop, 0, true, false, NULL, &first);
    shop_deliver(again, 0, true, false, NULL, &second);
    if (renumbered) {
        drop_lists(&first);
        drop_lists(&second);
    }
    buf_put_byte(&first, 0);
    assert_text(&second, first.data);
    struct engine_stats a = shop_stats(&h->shop), b = shop_stats(again);
    assert_memory_equal(a.mixed, b.mixed, sizeof a.mixed);
    assert_memory_equal(a.waiting, b.waiting, sizeof a.waiting);
    assert_int_equal(a.grain_conflicts, b.grain_conflicts);
    engine_free(again->engine);
    buf_close(&first);
    buf_close(&second);
}

/* A second engine that replays the chunks must come to the same rows and numbers. */
static inline void check_replay(struct history *h)
{
    struct shop again;
    open_again(&again, h);
    for (size_t i = 0; i < h->applied_count;) {
        uint64_t sequence = h->applied[i].sequence;
        if (h->applied[i].feed == CLOSE) {
            apply_again(&again, h, i++, 0);
            continue;
        }
        engine_begin(again.engine, sequence);
        for (; i < h->applied_count && h->applied[i].sequence == sequence; i++)
            apply_again(&again, h, i, 0);
        shop_end(&again);
    }
    check_again(&again, h, false);
}

/* So must one that gets feed after feed, beginning with `first`, each feed's rows in their order. */
static inline void check_feed_order(struct history *h, size_t first)
{
    struct shop again;
    open_again(&again, h);
    for (size_t f = 0; f < 3; f++) {
        uint64_t last = 0, more = f * 1000;
        for (size_t i = 0; i < h->applied_count; i++) {
            if (h->applied[i].feed != (first + f) % 3)
                continue;
            if (last != 0 && last != h->applied[i].sequence)
                shop_end(&again);
            if (last != h->applied[i].sequence)
                engine_begin(again.engine, h->applied[i].sequence + more);
            last = h->applied[i].sequence;
            apply_again(&again, h, i, more);
        }
        if (last != 0)
            shop_end(&again);
    }
    check_again(&again, h, true);
}

#endif
