/*
 * The face of the floor. A file's bytes pass these steps, the first three of which hold nothing back in the common case:
 *
 *   decode    gzip and zstd are unpacked
 *   trial     where versions read files of different forms: the head of the file is kept until one of them fits
 *   charset   byte order marks are dropped, other encodings become UTF-8
 *   reader    CSV or JSON: the form's; of a feed that has both the first byte that is no blank tells
 *
 * A trial is over when the reader settled on a version. Until then a failure sends the kept head through the next run of
 * versions (bind.h); what the last one says is final.
 */
#include "parse/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse/bind.h"
#include "parse/charset.h"
#include "parse/coerce.h"
#include "parse/csv_reader.h"
#include "parse/decode.h"
#include "parse/json_reader.h"
#include "parse/rowsink.h"

enum {
    NOTE_MAX = 64 * 1024 /* bytes: a count and a name for every field there can be */
};

enum phase {
    PHASE_NONE,   /* the feed has no such version */
    PHASE_MARK,   /* the first bytes may be a byte order mark */
    PHASE_FORMAT, /* blanks until the format is known */
    PHASE_CSV,
    PHASE_JSON,
    PHASE_FAILED
};

struct parser {
    const struct feed *feed;
    struct bind bind;
    struct coerce coerce;
    struct rowsink sink;
    struct csv_reader *csv;
    struct json_reader *json;
    struct decode decode;

    /* the trial */
    bool trying;
    struct buf head;    /* what it keeps */
    size_t head_at;     /* bytes of it that were read in this run */
    bool other_format;  /* the file is not of this run's format */
    size_t misfits;     /* runs whose versions lack columns */
    size_t faults;      /* runs that failed otherwise, each in its own way */
    struct error fault; /* the first of these */

    /* this run */
    enum phase phase;
    char mark[3]; /* bytes that wait */
    size_t mark_len;
    struct charset charset;
    struct error error;
    char *text;            /* PARSER_INPUT_MAX bytes of UTF-8; made for the first file that needs them */
    uint64_t line, column; /* of the next byte, while in PHASE_FORMAT */
};

static const char utf8_mark[] = {'\xef', '\xbb', '\xbf'};

/* --- life --------------------------------------------------------------------------------------------------------- */

struct parser *parser_new(const struct feed *feed, struct error *error)
{
    struct parser *p = calloc(1, sizeof *p);
    if (!p) {
        error_memory(error);
        return NULL;
    }
    p->feed = feed;
    rowsink_init(&p->sink, feed);
    decode_init(&p->decode);
    buf_init(&p->head, PARSER_HEAD_MAX + DECODE_BLOCK_MAX);
    bool ok = bind_init(&p->bind, feed, error) && coerce_init(&p->coerce, error);
    if (ok)
        ok = (p->csv = csv_reader_new(&p->bind, &p->coerce, &p->sink, error)) != NULL &&
             (p->json = json_reader_new(&p->bind, &p->coerce, &p->sink, error)) != NULL;
    if (!ok) {
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
    csv_reader_free(p->csv);
    json_reader_free(p->json);
    rowsink_close(&p->sink);
    coerce_close(&p->coerce);
    bind_close(&p->bind);
    decode_close(&p->decode);
    buf_close(&p->head);
    free(p->text);
    free(p);
}

static void start_run(struct parser *p)
{
    rowsink_start(&p->sink);
    coerce_start(&p->coerce);
    p->phase = PHASE_MARK;
    p->mark_len = p->head_at = 0;
    p->line = p->column = 1;
    p->other_format = false;
    charset_start(&p->charset, DESCRIPTOR_UTF8);
}

void parser_start(struct parser *p, uint32_t version)
{
    bind_start(&p->bind, version);
    decode_start(&p->decode);
    buf_reset(&p->head);
    start_run(p);
    p->misfits = p->faults = 0;
    p->error.kind = ERROR_NONE;
    if (!bind_next_run(&p->bind))
        p->phase = PHASE_NONE;
    p->trying = p->phase != PHASE_NONE && !bind_last_run(&p->bind);
}

bool parser_name(struct parser *p, struct slice name, struct error *error)
{
    return bind_name(&p->bind, name) || error_memory(error);
}

/* --- the first characters ----------------------------------------------------------------------------------------- */

static bool begin_csv(struct parser *p, struct error *error)
{
    p->phase = PHASE_CSV;
    return csv_reader_start(p->csv, p->line, p->column, error);
}

static bool begin_json(struct parser *p)
{
    p->phase = PHASE_JSON;
    json_reader_start(p->json, p->trying && !bind_last_of_format(&p->bind), p->line, p->column);
    return true;
}

/* The reader of the run, for a file of the format that was found. */
static bool begin_reader(struct parser *p, enum descriptor_format found, struct error *error)
{
    enum descriptor_format format = bind_form(&p->bind)->format;
    if (format != found) {
        p->other_format = true;
        bind_note(&p->bind, found == DESCRIPTOR_CSV ? "is for JSON files" : "is for CSV files");
        return bind_fail(&p->bind, error);
    }
    return format == DESCRIPTOR_CSV ? begin_csv(p, error) : begin_json(p);
}

/* Chooses the format where the first byte is not needed for it. It is not asked of files with lines to skip. */
static bool begin_format(struct parser *p, struct error *error)
{
    const struct descriptor *form = bind_form(&p->bind);
    bool both = bind_reads(&p->bind, DESCRIPTOR_CSV) && bind_reads(&p->bind, DESCRIPTOR_JSON);
    p->phase = PHASE_FORMAT;
    return (both && form->form.skip == 0) || begin_reader(p, form->format, error);
}

/* Skips blanks; then the first byte tells. */
static bool sniff(struct parser *p, struct slice *block, struct error *error)
{
    for (; block->len > 0; block->data++, block->len--) {
        char c = block->data[0];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return begin_reader(p, c == '[' || c == '{' ? DESCRIPTOR_JSON : DESCRIPTOR_CSV, error);
        p->column = c == '\n' ? 1 : p->column + 1;
        p->line += c == '\n';
    }
    return true;
}

/* Text in UTF-8 to the reader. */
static bool read_text(struct parser *p, struct slice block, struct error *error)
{
    if (p->phase == PHASE_FORMAT && !sniff(p, &block, error))
        return false;
    if (block.len == 0)
        return true;
    return p->phase == PHASE_CSV ? csv_reader_feed(p->csv, block, error) : json_reader_feed(p->json, block, error);
}

static bool read_encoded(struct parser *p, struct slice block, struct error *error)
{
    if (p->charset.encoding == DESCRIPTOR_UTF8)
        return read_text(p, block, error);
    bool ok = true;
    while (ok && block.len > 0) {
        size_t len = charset_some(&p->charset, &block, p->text, PARSER_INPUT_MAX);
        ok = read_text(p, (struct slice){p->text, len}, error);
    }
    return ok;
}

/* --- the byte order mark ------------------------------------------------------------------------------------------ */

/* The encoding that the waiting bytes are the mark of; *len bytes of it. The descriptor's when they are none. */
static enum descriptor_encoding marked(const struct parser *p, size_t *len)
{
    *len = 2;
    if (p->mark_len >= 2 && memcmp(p->mark, "\xff\xfe", 2) == 0)
        return DESCRIPTOR_UTF16LE;
    if (p->mark_len >= 2 && memcmp(p->mark, "\xfe\xff", 2) == 0)
        return DESCRIPTOR_UTF16BE;
    *len = 3;
    if (p->mark_len == sizeof utf8_mark && memcmp(p->mark, utf8_mark, sizeof utf8_mark) == 0)
        return DESCRIPTOR_UTF8;
    *len = 0;
    return bind_form(&p->bind)->form.encoding;
}

/* Whether the waiting bytes may become a mark with more of them. */
static bool mark_open(const struct parser *p)
{
    if (p->mark_len == 0)
        return true;
    if (p->mark_len == 1 && (p->mark[0] == '\xff' || p->mark[0] == '\xfe'))
        return true;
    return p->mark_len < sizeof utf8_mark && memcmp(p->mark, utf8_mark, p->mark_len) == 0;
}

/* The waiting bytes are a mark, or the file's first bytes. */
static bool end_mark(struct parser *p, struct error *error)
{
    size_t len;
    enum descriptor_encoding encoding = marked(p, &len);
    if (encoding != DESCRIPTOR_UTF8 && !p->text && !(p->text = malloc(PARSER_INPUT_MAX)))
        return error_memory(error);
    charset_start(&p->charset, encoding);
    return begin_format(p, error) && read_encoded(p, (struct slice){p->mark + len, p->mark_len - len}, error);
}

/* A block of this run. */
static bool read_block(struct parser *p, struct slice block, struct error *error)
{
    if (p->phase == PHASE_NONE)
        return bind_fail(&p->bind, error);
    while (p->phase == PHASE_MARK && block.len > 0 && mark_open(p)) {
        p->mark[p->mark_len++] = block.data[0];
        block.data++;
        block.len--;
    }
    if (p->phase == PHASE_MARK && mark_open(p))
        return true;
    if (p->phase == PHASE_MARK && !end_mark(p, error))
        return false;
    return read_encoded(p, block, error);
}

/* The end of the text, in this run. */
static bool finish_run(struct parser *p, struct error *error)
{
    if (p->phase == PHASE_MARK && !end_mark(p, error))
        return false;
    if (!charset_whole(&p->charset))
        return error_set(error, ERROR_DATA,
                         "%ju:%ju: found half a character of UTF-16 at the end of the file: it is cut",
                         (uintmax_t)p->charset.line, (uintmax_t)p->charset.column);
    switch (p->phase) {
    case PHASE_CSV:
        return csv_reader_finish(p->csv, error);
    case PHASE_JSON:
        return json_reader_finish(p->json, error);
    case PHASE_NONE:
        return bind_fail(&p->bind, error);
    case PHASE_MARK:
    case PHASE_FORMAT:
    case PHASE_FAILED:
        break;
    }
    return error_set(error, ERROR_DATA, "empty file, expected a header line, [ or {");
}

/* --- trials ------------------------------------------------------------------------------------------------------- */

static bool settled(const struct parser *p)
{
    return p->phase == PHASE_CSV ? csv_reader_settled(p->csv) : p->bind.version != NULL;
}

/* Keeps in mind why the run is not it. */
static void note_failure(struct parser *p, const struct error *error)
{
    char why[ERROR_TEXT_MAX + 16];
    if (p->bind.noted) {
        p->misfits += !p->other_format;
        return;
    }
    if (p->faults == 0)
        p->fault = *error;
    else if (strcmp(p->fault.text, error->text) == 0)
        return;
    p->faults++;
    snprintf(why, sizeof why, "fails: %s", error->text);
    bind_note(&p->bind, why);
}

/* The run failed: the next one begins. False when it was the last one: then the error says all of them. */
static bool next_run(struct parser *p, struct error *error)
{
    note_failure(p, error);
    if (bind_next_run(&p->bind)) {
        start_run(p);
        return true;
    }
    p->trying = false;
    if (p->faults != 1 || p->misfits > 0)
        return bind_fail(&p->bind, error);
    *error = p->fault;
    return false;
}

/* What a block, or the end, came to in this run. */
static bool judge(struct parser *p, bool ok, struct error *error)
{
    if (!p->trying)
        return ok;
    if (settled(p)) {
        p->trying = false;
        return ok;
    }
    return ok || (error->kind == ERROR_DATA && next_run(p, error));
}

/* A block of what the trial keeps. Another form may still come: then it must tell within the bytes that may be kept. */
static bool read_head(struct parser *p, struct error *error)
{
    bool bounded = p->trying && !bind_last_run(&p->bind);
    size_t end = bounded && p->head.len > PARSER_HEAD_MAX ? PARSER_HEAD_MAX : p->head.len;
    struct slice block = {p->head.data + p->head_at, end - p->head_at};
    if (block.len == 0)
        return judge(p, error_set(error, ERROR_DATA, "it has no header in its first %d bytes", PARSER_HEAD_MAX), error);
    if (block.len > PARSER_INPUT_MAX)
        block.len = PARSER_INPUT_MAX;
    p->head_at += block.len;
    return judge(p, read_block(p, block, error), error);
}

/* A block that was unpacked. */
static bool take_block(struct parser *p, struct slice block, struct error *error)
{
    if (!p->trying || bind_last_run(&p->bind))
        return judge(p, read_block(p, block, error), error);
    buf_put_slice(&p->head, block);
    return !p->head.failed || error_memory(error);
}

/* Reads on until a batch should be taken, or to the end of what was fed (always, for `all` of it). What is borrowed is used
   up in any case. */
static bool read_on(struct parser *p, bool all, struct error *error)
{
    while (all || decode_borrows(&p->decode) || !rowsink_full(&p->sink)) {
        struct slice block;
        if (p->head_at < p->head.len) {
            if (!read_head(p, error))
                return false;
            continue;
        }
        if (!p->trying) {
            buf_reset(&p->head);
            p->head_at = 0;
        }
        if (!decode_next(&p->decode, &block, error))
            return false;
        if (block.len == 0)
            return true;
        if (!take_block(p, block, error))
            return false;
    }
    return true;
}

static bool finish(struct parser *p, struct error *error)
{
    if (!decode_end(&p->decode, error) || !read_on(p, true, error) || !decode_whole(&p->decode, error))
        return false;
    for (;;) {
        size_t run = p->bind.first;
        if (!judge(p, finish_run(p, error), error))
            return false;
        if (p->bind.first == run)
            return rowsink_check_end(&p->sink, error);
        if (!read_on(p, true, error))
            return false;
    }
}

/* --- the face ----------------------------------------------------------------------------------------------------- */

/* Says of places in a text that is not the file's own bytes that they are. */
static void tell_place(const struct parser *p, struct error *error)
{
    bool placed = error->kind == ERROR_DATA && error->text[0] >= '0' && error->text[0] <= '9';
    if (!placed || (p->decode.kind == UNPACK_NONE && p->charset.encoding == DESCRIPTOR_UTF8))
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
    p->phase = PHASE_FAILED;
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
    if (p->phase == PHASE_FAILED)
        return fail_again(error);
    return done(p, decode_feed(&p->decode, bytes, &p->error) && read_on(p, false, &p->error), error);
}

bool parser_finish(struct parser *p, struct error *error)
{
    if (p->phase == PHASE_FAILED)
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
    if (p->phase == PHASE_FAILED || done(p, read_on(p, false, &p->error), error))
        return true;
    batch_free(*batch);
    *batch = NULL;
    return false;
}

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
                   p->sink.repaired == 1 ? "" : "s");
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
    facts->unknown = arena_array(&facts->arena, p->bind.unknown_count, sizeof *facts->unknown);
    if (!facts->unknown)
        return false;
    for (size_t i = 0; i < p->bind.unknown_count; i++) {
        facts->unknown[i] = arena_copy(&facts->arena, p->bind.unknown[i]);
        if (!facts->unknown[i].data)
            return false;
        facts->unknown_count++;
    }
    return true;
}
