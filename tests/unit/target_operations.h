/*
 * Everything that can be asked of a target, one operation each, for tests that make each of them fail at every point:
 * whatever happened, its tables and its progress are those before the operation or those after it.
 */
#ifndef DROPFOLD_TESTS_TARGET_OPERATIONS_H
#define DROPFOLD_TESTS_TARGET_OPERATIONS_H

#include "target_support.h"

enum { OPERATING_ROWS = 6 };

/* Where the target is, and how to look at it from outside. */
struct operating_ground {
    const char *address;
    /* Puts there what operating_fill left the first time; `empty`: nothing at all. */
    void (*reset)(bool empty);
    /* "sequence|rows|sum of ids|least text|greatest text" of the progress and the table kinds. */
    const char *(*look)(void);
};

struct operating {
    struct support_pipeline pipeline;
    struct subject subject;
    struct block *blocks[2]; /* made beforehand; those not yet taken over */
    struct error error;
};

struct operation {
    const char *name;
    bool empty, look, mend;               /* how the target is to begin with, and how it is opened */
    bool closed;                          /* the operation opens it itself */
    void (*prepare)(struct operating *o); /* or NULL */
    bool (*work)(struct operating *o);
};

static inline bool operating_step(struct operating *o, const struct answer *answer)
{
    if (!answer->ok)
        o->error = answer->error;
    return answer->ok;
}

/* Rows 1 to 6, as delivered. */
static inline void operating_fill(const struct operating_ground *ground)
{
    struct operating o;
    support_pipeline_init(&o.pipeline);
    subject_init(&o.subject, &o.pipeline.pipeline, ground->address, 0);
    assert_works(subject_open(&o.subject));
    subject_deliver(&o.subject, 1, true, 1, OPERATING_ROWS, "old");
    subject_close(&o.subject);
}

static inline bool operating_send(struct operating *o, size_t i)
{
    struct block *block = o->blocks[i];
    o->blocks[i] = NULL;
    return operating_step(o, subject_write(&o->subject, block));
}

static inline bool operation_open(struct operating *o)
{
    bool good = operating_step(o, subject_open(&o->subject));
    assert_true(!good || !target_missing(o->subject.target));
    return good;
}

static inline void operating_prepare_change(struct operating *o)
{
    o->blocks[0] = support_kinds_deletes(1, 2);
    o->blocks[1] = support_kinds_block(5, 4, "new");
}

static inline bool operation_change(struct operating *o)
{
    subject_prepare(&o->subject, 2, false);
    o->subject.delivery.deletes[KINDS] = 2;
    o->subject.delivery.upserts[KINDS] = 4;
    o->subject.delivery.to.rows[KINDS] = OPERATING_ROWS;
    return operating_step(o, subject_begin(&o->subject)) && operating_send(o, 0) && operating_send(o, 1) &&
           operating_step(o, subject_commit(&o->subject));
}

static inline void operating_prepare_replacement(struct operating *o)
{
    o->blocks[0] = support_kinds_block(20, 3, "new");
}

static inline bool operation_replace(struct operating *o)
{
    subject_prepare(&o->subject, 2, true);
    o->subject.delivery.upserts[KINDS] = o->subject.delivery.to.rows[KINDS] = 3;
    return operating_step(o, subject_begin(&o->subject)) && operating_send(o, 0) &&
           operating_step(o, subject_commit(&o->subject));
}

/* Expected: rows 2 to 6 as they are, 1 with another text, and one more. */
static inline void operating_prepare_comparison(struct operating *o)
{
    o->blocks[0] = support_kinds_block(1, OPERATING_ROWS + 1, "old");
    o->blocks[0]->cells[7] = CELL_OF_TEXT("another");
}

static inline bool operation_compare(struct operating *o)
{
    const struct progress *progress = target_progress(o->subject.target);
    o->subject.delivery = (struct delivery){.from = *progress, .to = *progress, .compare = true};
    o->subject.delivery.upserts[KINDS] = OPERATING_ROWS + 1;
    o->subject.delivery.to.rows[KINDS] = OPERATING_ROWS + 1;
    if (!operating_step(o, subject_begin(&o->subject)) || !operating_send(o, 0) ||
        !operating_step(o, subject_compare(&o->subject, KINDS)) ||
        !operating_step(o, subject_read_drift(&o->subject, KINDS, 0)))
        return false;
    assert_int_equal(target_drift(o->subject.target)[DRIFT_MISSING], 1);
    assert_int_equal(target_drift(o->subject.target)[DRIFT_DIFFERENT], 1);
    assert_int_equal(target_drift(o->subject.target)[DRIFT_UNEXPECTED], 0);
    assert_int_equal(target_drift_page(o->subject.target)->rows, 2);
    return true;
}

static inline bool operation_mend(struct operating *o)
{
    return operation_compare(o) && operating_step(o, subject_mend(&o->subject, KINDS)) &&
           operating_step(o, subject_commit(&o->subject));
}

static const struct operation operations[] = {
    {.name = "make", .empty = true, .closed = true, .work = operation_open},
    {.name = "open", .closed = true, .work = operation_open},
    {.name = "look", .closed = true, .look = true, .work = operation_open},
    {.name = "change", .prepare = operating_prepare_change, .work = operation_change},
    {.name = "replace", .prepare = operating_prepare_replacement, .work = operation_replace},
    {.name = "compare", .look = true, .prepare = operating_prepare_comparison, .work = operation_compare},
    {.name = "mend", .look = true, .mend = true, .prepare = operating_prepare_comparison, .work = operation_mend},
};

/* --- one of them -------------------------------------------------------------------------------------------------- */

static inline void operating_prepare(struct operating *o, const struct operation *operation,
                                     const struct operating_ground *ground)
{
    const struct target_options options = {
        .address = ground->address, .look = operation->look, .mend = operation->mend};
    *o = (struct operating){.error = {.kind = ERROR_NONE}};
    support_pipeline_init(&o->pipeline);
    subject_init_as(&o->subject, &o->pipeline.pipeline, &options);
    if (!operation->closed)
        assert_works(subject_open(&o->subject));
    if (operation->prepare)
        operation->prepare(o);
}

static inline void operating_close(struct operating *o)
{
    for (size_t i = 0; i < COUNT_OF(o->blocks); i++)
        block_free(o->blocks[i]);
    subject_close(&o->subject);
}

static inline void operating_note(const struct operating_ground *ground, char out[128])
{
    snprintf(out, 128, "%s", ground->look());
}

/* What is there before the operation, and after it where nothing fails. */
static inline void operating_expect(const struct operation *operation, const struct operating_ground *ground,
                                    char before[128], char after[128])
{
    struct operating o;
    ground->reset(operation->empty);
    before[0] = '\0';
    if (!operation->empty)
        operating_note(ground, before);
    operating_prepare(&o, operation, ground);
    assert_ok(operation->work(&o), &o.error);
    operating_close(&o);
    operating_note(ground, after);
}

/*
 * Once in the place of the work something failed, or not: the tables are as before or as after, and that if it worked.
 * A target that failed is opened again, and takes the operation unless it has it already.
 */
static inline void operating_judge(struct operating *o, const struct operation *operation,
                                   const struct operating_ground *ground, bool good, const char *before,
                                   const char *after)
{
    char found[128];
    struct operating again;
    operating_close(o);
    if (good || !operation->empty) {
        operating_note(ground, found);
        if (strcmp(found, after) != 0 && (good || strcmp(found, before) != 0))
            print_error("%s, %s\nfound  %sbefore %safter  %s", operation->name, good ? "done" : "failed", found, before,
                        after);
        assert_true(strcmp(found, after) == 0 || (!good && strcmp(found, before) == 0));
        if (strcmp(found, after) == 0)
            return;
    }
    operating_prepare(&again, operation, ground);
    assert_ok(operation->work(&again), &again.error);
    operating_close(&again);
    operating_note(ground, found);
    assert_string_equal(found, after);
}

#endif
