#include "parse/trial.h"

#include <stdio.h>
#include <string.h>

#include "parse/decode.h"
#include "parse/parser.h"

void trial_init(struct trial *t, struct bind *bind, struct form_reader *reader)
{
    *t = (struct trial){.bind = bind, .reader = reader};
    buf_init(&t->head, PARSER_HEAD_MAX + DECODE_BLOCK_MAX);
}

void trial_close(struct trial *t)
{
    buf_close(&t->head);
}

void trial_start(struct trial *t)
{
    bool any = bind_next_run(t->bind);
    form_reader_start(t->reader);
    buf_reset(&t->head);
    t->head_at = 0;
    t->misfits = t->faults = 0;
    t->open = any && !bind_last_run(t->bind);
}

/* Keeps in mind why the run is not it. */
static void note_failure(struct trial *t, const struct error *error)
{
    char why[ERROR_TEXT_MAX + 16];
    if (t->bind->noted) {
        t->misfits += !t->reader->other_format;
        return;
    }
    if (t->faults == 0)
        t->fault = *error;
    else if (strcmp(t->fault.text, error->text) == 0)
        return;
    t->faults++;
    snprintf(why, sizeof why, "fails: %s", error->text);
    bind_note(t->bind, why);
}

/* The run failed: the next one begins. False when it was the last one: then the error says all of them. */
static bool next_run(struct trial *t, struct error *error)
{
    note_failure(t, error);
    if (bind_next_run(t->bind)) {
        form_reader_start(t->reader);
        t->head_at = 0;
        return true;
    }
    t->open = false;
    if (t->faults != 1 || t->misfits > 0)
        return bind_fail(t->bind, error);
    *error = t->fault;
    return false;
}

/* What a block, or the end, came to in this run. */
static bool judge(struct trial *t, bool ok, struct error *error)
{
    if (!t->open)
        return ok;
    if (form_reader_settled(t->reader)) {
        t->open = false;
        return ok;
    }
    return ok || (error->kind == ERROR_DATA && next_run(t, error));
}

bool trial_waits(const struct trial *t)
{
    return t->head_at < t->head.len;
}

/* Where another run may still come, this one must tell within the bytes that may be kept. */
bool trial_read(struct trial *t, struct error *error)
{
    bool bounded = t->open && !bind_last_run(t->bind);
    size_t end = bounded && t->head.len > PARSER_HEAD_MAX ? PARSER_HEAD_MAX : t->head.len;
    struct slice block = {t->head.data + t->head_at, end - t->head_at};
    if (block.len == 0)
        return judge(t, error_set(error, ERROR_DATA, "it has no header in its first %d bytes", PARSER_HEAD_MAX), error);
    if (block.len > PARSER_INPUT_MAX)
        block.len = PARSER_INPUT_MAX;
    t->head_at += block.len;
    return judge(t, form_reader_feed(t->reader, block, error), error);
}

bool trial_feed(struct trial *t, struct slice block, struct error *error)
{
    if (!t->open) {
        buf_reset(&t->head);
        t->head_at = 0;
    }
    if (!t->open || bind_last_run(t->bind))
        return judge(t, form_reader_feed(t->reader, block, error), error);
    buf_put_slice(&t->head, block);
    return !t->head.failed || error_memory(error);
}

bool trial_finish(struct trial *t, struct error *error)
{
    for (;;) {
        size_t run = t->bind->first;
        if (!judge(t, form_reader_finish(t->reader, error), error))
            return false;
        if (t->bind->first == run)
            return true;
        while (trial_waits(t))
            if (!trial_read(t, error))
                return false;
    }
}
