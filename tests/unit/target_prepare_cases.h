/* Blocks that are told while another is written: included by the tests of each database, after target_taken_cases.h. */
#ifndef DROPFOLD_TESTS_TARGET_PREPARE_CASES_H
#define DROPFOLD_TESTS_TARGET_PREPARE_CASES_H

#include "target_taken_cases.h"

/* Sends `block`, and tells `next` while that is under way. */
static const struct answer *write_and_prepare(struct subject *s, struct block *block, const struct block *next)
{
    target_write(s->target, block, support_answered, &s->answer);
    target_prepare(s->target, next);
    return subject_wait(s);
}

static void begin_upserts_among_90(struct subject *s, size_t upserts)
{
    subject_prepare(s, 2, false);
    s->delivery.upserts[KINDS] = upserts;
    s->delivery.to.rows[KINDS] = 90;
    assert_works(subject_begin(s));
}

static void writes_blocks_that_were_prepared(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    subject_deliver(s, 1, true, 1, 90, "old");
    begin_upserts_among_90(s, 90);
    struct block *next = support_kinds_block(31, 30, "second");
    assert_works(write_and_prepare(s, support_kinds_block(1, 30, "first"), next));
    assert_works(subject_write(s, next));
    /* One that was not told, and may lie where the one before it did. */
    assert_works(subject_write(s, support_kinds_block(61, 30, "third")));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT t, count(*), min(id), max(id) FROM kinds GROUP BY t ORDER BY min(id)",
                 "first|30|1|30\nsecond|30|31|60\nthird|30|61|90\n");
}

/* The block that was sent is looked for in the table, after the one behind it was prepared. */
static void counts_a_block_while_the_next_is_prepared(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place);
    assert_works(subject_open(s));
    have_rows_updated();
    subject_deliver(s, 1, true, 1, 90, "old");
    if (ground.postgresql)
        ground.query("CREATE TRIGGER skip BEFORE UPDATE ON kinds FOR EACH ROW"
                     " EXECUTE FUNCTION suppress_redundant_updates_trigger()");
    else
        skip_rows("UPDATE", "kinds", "OLD.t IS NEW.t");
    begin_upserts_among_90(s, 60);
    struct block *next = support_kinds_block(31, 30, "new");
    assert_works(write_and_prepare(s, support_kinds_block(1, 30, "old"), next));
    assert_works(subject_write(s, next));
    assert_works(subject_commit(s));
    subject_close(s);
    assert_query("SELECT t, count(*), min(id), max(id) FROM kinds GROUP BY t ORDER BY t",
                 "new|30|31|60\nold|60|1|90\n");
}

#define TARGET_PREPARE_CASES                                                                                           \
    cmocka_unit_test(writes_blocks_that_were_prepared), cmocka_unit_test(counts_a_block_while_the_next_is_prepared)

#endif
