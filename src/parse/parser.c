/*
 * The face of the floor. A file's bytes pass these steps, which hold nothing back in the common case:
 *
 *   decode        gzip and zstd are unpacked
 *   trial         where versions read files of different forms: the head of the file is kept until one of them fits
 *   form_reader   byte order marks are dropped, other encodings become UTF-8, and CSV or JSON becomes rows
 */
#include "parse/parser.h"

#include <stdlib.h>

#include "base/text.h"
#include "parse/bind.h"
#include "parse/coerce.h"
#include "parse/decode.h"
#include "parse/form_reader.h"
#include "parse/rowsink.h"
#include "parse/trial.h"

enum {
    NOTE_MAX = 64 * 1024 /* bytes: a count and a name for every field there can be */
};

struct parser {
    struct bind bind;
    struct coerce coerce;
    struct rowsink sink;
    struct decode decode;
    struct form_reader reader;
    struct trial trial;
    bool failed;
    struct error error;
};

/* --- life --------------------------------------------------------------------------------------------------------- */

struct parser *parser_new(const struct feed *feed, struct error *error)
{
    struct parser *p = calloc(1, sizeof *p);
    if (!p) {
        error_memory(error);
        return NULL;
    }
    rowsink_init(&p->sink, feed);
    decode_init(&p->decode);
    trial_init(&p->trial, &p->bind, &p->reader);
    if (!bind_init(&p->bind, feed, error) || !coerce_init(&p->coerce, error) ||
        !form_reader_init(&p->reader, &p->bind, &p->coerce, &p->sink, error)) {
        parser_free(p);
        return NULL;
    }
    parser_start(p, 0);
    return p;
}

void parser_free(struct parser *p)
{
    if (!p)
        return;
    trial_close(&p->trial);
    form_reader_close(&p->reader);
    rowsink_close(&p->sink);
    coerce_close(&p->coerce);
    bind_close(&p->bind);
    decode_close(&p->decode);
    free(p);
}

void parser_start(struct parser *p, uint32_t version)
{
    bind_start(&p->bind, version);
    decode_start(&p->decode);
    trial_start(&p->trial);
    p->failed = false;
    p->error.kind = ERROR_NONE;
}

bool parser_name(struct parser *p, struct slice name, struct error *error)
{
    return bind_name(&p->bind, name) || error_memory(error);
}

/* --- the way of a block ------------------------------------------------------------------------------------------- */

/* Reads on until a batch should be taken, or to the end of what was fed (always, for `all` of it). What is borrowed is
   used up in any case. */
static bool read_on(struct parser *p, bool all, struct error *error)
{
    while (all || decode_borrows(&p->decode) || !rowsink_full(&p->sink)) {
        struct slice block;
        if (trial_waits(&p->trial)) {
            if (!trial_read(&p->trial, error))
                return false;
            continue;
        }
        if (!decode_next(&p->decode, &block, error))
            return false;
        if (block.len == 0)
            return true;
        if (!trial_feed(&p->trial, block, error))
            return false;
    }
    return true;
}

static bool finish(struct parser *p, struct error *error)
{
    return decode_end(&p->decode, error) && read_on(p, true, error) && decode_whole(&p->decode, error) &&
           trial_finish(&p->trial, error) && rowsink_check_end(&p->sink, error);
}

/* --- the face ----------------------------------------------------------------------------------------------------- */

/* Says of places in a text that is not the file's own bytes that they are. */
static void tell_place(const struct parser *p, struct error *error)
{
    bool placed = error->kind == ERROR_DATA && text_is_digit(error->text[0]);
    if (!placed || (p->decode.kind == UNPACK_NONE && !form_reader_recodes(&p->reader)))
        return;
    struct error before = *error;
    error_set(error, ERROR_DATA, "%s (a place in the %s)", before.text,
              p->decode.kind == UNPACK_NONE ? "text as UTF-8" : "unpacked text");
}

static bool done(struct parser *p, bool ok, struct error *error)
{
    if (ok)
        return true;
    tell_place(p, &p->error);
    p->failed = true;
    if (error)
        *error = p->error;
    return false;
}

static bool fail_again(struct error *error)
{
    return error_set(error, ERROR_BUG, "a file that failed is read on");
}

bool parser_feed(struct parser *p, struct slice bytes, struct error *error)
{
    if (p->failed)
        return fail_again(error);
    return done(p, decode_feed(&p->decode, bytes, &p->error) && read_on(p, false, &p->error), error);
}

bool parser_finish(struct parser *p, struct error *error)
{
    if (p->failed)
        return fail_again(error);
    return done(p, finish(p, &p->error), error);
}

void parser_trust(struct parser *p)
{
    p->sink.trusts = true;
}

bool parser_full(const struct parser *p)
{
    return rowsink_full(&p->sink);
}

bool parser_take(struct parser *p, struct batch **batch, struct error *error)
{
    *batch = rowsink_take(&p->sink);
    if (p->failed || done(p, read_on(p, false, &p->error), error))
        return true;
    batch_free(*batch);
    *batch = NULL;
    return false;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

bool parser_splits(const struct parser *p)
{
    return !p->failed && p->decode.told && p->decode.kind == UNPACK_NONE && !decode_borrows(&p->decode) &&
           !p->trial.open && !trial_waits(&p->trial) && p->reader.phase == FORM_CSV &&
           !form_reader_recodes(&p->reader) && csv_reader_settled(p->reader.csv);
}

struct parser *parser_twin(const struct parser *p, struct slice head, struct error *error)
{
    struct parser *twin = parser_new(p->sink.feed, error);
    if (!twin)
        return NULL;
    parser_trust(twin); /* limits are those of the whole file */
    parser_start(twin, p->bind.wanted);
    if ((!p->bind.name.data || parser_name(twin, p->bind.name, error)) && parser_feed(twin, head, error))
        return twin;
    parser_free(twin);
    return NULL;
}

bool parser_part(struct parser *twin, struct error *error)
{
    rowsink_start(&twin->sink);
    coerce_start(&twin->coerce);
    twin->failed = false;
    return csv_reader_part(twin->reader.csv, error);
}

size_t parser_cut(struct parser *p, struct slice bytes, size_t from)
{
    return csv_reader_cut(p->reader.csv, bytes, from);
}

static bool is_between(const struct parser *p)
{
    return !p->failed && csv_reader_between(p->reader.csv);
}

bool parser_joins(const struct parser *p, const struct parser *part)
{
    return is_between(p) && is_between(part) && !rowsink_may_break(&p->sink, part->sink.rejected);
}

bool parser_join(struct parser *p, struct parser *part, struct error *error)
{
    uint64_t line = csv_reader_line(p->reader.csv);
    if (!rowsink_join(&p->sink, &part->sink, line - 1))
        return done(p, error_memory(&p->error), error);
    coerce_join(&p->coerce, &part->coerce);
    csv_reader_join(p->reader.csv, part->reader.csv);
    return true;
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static bool put_note(const struct parser *p, struct file_facts *facts)
{
    const struct feed_version *version = p->bind.version;
    struct buf text;
    buf_init(&text, NOTE_MAX);
    facts->note = SLICE("");
    for (size_t i = 0; version && i < version->descriptor->field_count; i++)
        if (p->coerce.nulled_total[i] > 0)
            buf_printf(&text, "%s%ju of %s",
                       text.len > 0 ? ", " : "null by on_error: ", (uintmax_t)p->coerce.nulled_total[i],
                       version->descriptor->fields[i].name);
    if (p->sink.repaired > 0)
        buf_printf(&text, "%srepaired: %ju row%s", text.len > 0 ? "; " : "", (uintmax_t)p->sink.repaired,
                   text_plural(p->sink.repaired));
    if (text.len > 0)
        facts->note = arena_copy(&facts->arena, buf_slice(&text));
    bool ok = !text.failed && facts->note.data;
    buf_close(&text);
    return ok;
}

bool parser_facts(const struct parser *p, struct file_facts *facts)
{
    const struct feed_version *version = p->bind.version;
    facts->rows = p->sink.rows;
    facts->rejected = p->sink.rejected;
    facts->version = version ? version->descriptor->version : 0;
    facts->descriptor = version ? version->descriptor->digest : (struct digest){{0}};
    facts->named = version && bind_named(&p->bind);
    if (!put_note(p, facts))
        return false;
    facts->unknown_count = 0;
    facts->unknown_more = p->bind.unknown_more;
    facts->unknown = arena_array(&facts->arena, p->bind.unknown_count, sizeof *facts->unknown);
    facts->unknown_twice = arena_array(&facts->arena, p->bind.unknown_count, sizeof *facts->unknown_twice);
    if (!facts->unknown || !facts->unknown_twice)
        return false;
    for (size_t i = 0; i < p->bind.unknown_count; i++) {
        facts->unknown[i] = arena_copy(&facts->arena, p->bind.unknown[i]);
        if (!facts->unknown[i].data)
            return false;
        facts->unknown_twice[i] = p->bind.again[i];
        facts->unknown_count++;
    }
    return true;
}
