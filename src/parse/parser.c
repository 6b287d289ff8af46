/*
 * The face of the floor: it looks at a file's first bytes, chooses the reader by them, and hands out what that yields.
 *
 *   byte order marks   UTF-8's is dropped, UTF-16's are told; so at most two bytes wait until they can be told apart
 *   format             that of the descriptor versions; a feed that has both looks at the first byte that is no blank
 */
#include "parse/parser.h"

#include <stdlib.h>
#include <string.h>

#include "parse/bind.h"
#include "parse/coerce.h"
#include "parse/csv_reader.h"
#include "parse/json_reader.h"
#include "parse/rowsink.h"

enum {
    NOTE_MAX = 64 * 1024 /* bytes: a count and a name for every field there can be */
};

enum phase {
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
    enum phase phase;
    char mark[3]; /* bytes that wait */
    size_t mark_len;
    uint64_t line, column; /* of the next byte, while in PHASE_FORMAT */
};

static const char utf8_mark[] = {'\xef', '\xbb', '\xbf'};

struct parser *parser_new(const struct feed *feed, struct error *error)
{
    struct parser *p = calloc(1, sizeof *p);
    if (!p) {
        error_memory(error);
        return NULL;
    }
    p->feed = feed;
    rowsink_init(&p->sink, feed);
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
    free(p);
}

void parser_start(struct parser *p, uint32_t version)
{
    bind_start(&p->bind, version);
    coerce_start(&p->coerce);
    rowsink_start(&p->sink);
    p->phase = PHASE_MARK;
    p->mark_len = 0;
    p->line = p->column = 1;
}

bool parser_name(struct parser *p, struct slice name, struct error *error)
{
    return bind_name(&p->bind, name) || error_memory(error);
}

static bool fail(struct parser *p)
{
    p->phase = PHASE_FAILED;
    return false;
}

/* --- the first bytes ---------------------------------------------------------------------------------------------- */

static bool begin_csv(struct parser *p, struct error *error)
{
    p->phase = PHASE_CSV;
    return csv_reader_start(p->csv, p->line, p->column, error);
}

static bool begin_json(struct parser *p)
{
    p->phase = PHASE_JSON;
    json_reader_start(p->json, p->line, p->column);
    return true;
}

/* Chooses the format where the first byte is not needed for it. */
static bool begin_format(struct parser *p, struct error *error)
{
    bool csv = bind_reads(&p->bind, DESCRIPTOR_CSV), json = bind_reads(&p->bind, DESCRIPTOR_JSON);
    p->phase = PHASE_FORMAT;
    if (csv && !json)
        return begin_csv(p, error);
    if (json && !csv)
        return begin_json(p);
    return csv || error_set(error, ERROR_DATA, "%s has no descriptor %u.json", p->feed->name, p->bind.wanted);
}

/* Skips blanks; then the first byte tells. */
static bool sniff(struct parser *p, struct slice *block, struct error *error)
{
    for (; block->len > 0; block->data++, block->len--) {
        char c = block->data[0];
        if (c == '[' || c == '{')
            return begin_json(p);
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return begin_csv(p, error);
        p->column = c == '\n' ? 1 : p->column + 1;
        p->line += c == '\n';
    }
    return true;
}

static bool is_utf16_mark(const char *mark)
{
    return (mark[0] == '\xff' && mark[1] == '\xfe') || (mark[0] == '\xfe' && mark[1] == '\xff');
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

static bool read_some(struct parser *p, struct slice block, struct error *error)
{
    if (p->phase == PHASE_FORMAT && !sniff(p, &block, error))
        return false;
    if (block.len == 0)
        return true;
    return p->phase == PHASE_CSV ? csv_reader_feed(p->csv, block, error) : json_reader_feed(p->json, block, error);
}

/* The waiting bytes are a mark, or the file's first bytes. */
static bool end_mark(struct parser *p, struct error *error)
{
    struct slice waiting = {p->mark, p->mark_len};
    if (waiting.len >= 2 && is_utf16_mark(waiting.data))
        return error_set(error, ERROR_DATA, "1:1: found the mark of UTF-16, expected UTF-8");
    if (waiting.len == sizeof utf8_mark && memcmp(waiting.data, utf8_mark, waiting.len) == 0)
        waiting.len = 0;
    return begin_format(p, error) && read_some(p, waiting, error);
}

static bool read_mark(struct parser *p, struct slice *block, struct error *error)
{
    while (block->len > 0 && mark_open(p)) {
        p->mark[p->mark_len++] = block->data[0];
        block->data++;
        block->len--;
    }
    return mark_open(p) || end_mark(p, error);
}

/* --- the face ----------------------------------------------------------------------------------------------------- */

static bool fail_again(struct error *error)
{
    return error_set(error, ERROR_BUG, "a file that failed is read on");
}

bool parser_feed(struct parser *p, struct slice bytes, struct error *error)
{
    if (p->phase == PHASE_FAILED)
        return fail_again(error);
    if (p->phase == PHASE_MARK && !read_mark(p, &bytes, error))
        return fail(p);
    if (p->phase == PHASE_MARK)
        return true;
    return read_some(p, bytes, error) || fail(p);
}

static bool finish(struct parser *p, struct error *error)
{
    switch (p->phase) {
    case PHASE_CSV:
        return csv_reader_finish(p->csv, error);
    case PHASE_JSON:
        return json_reader_finish(p->json, error);
    case PHASE_MARK:
    case PHASE_FORMAT:
        return error_set(error, ERROR_DATA, "empty file, expected a header line, [ or {");
    case PHASE_FAILED:
        break;
    }
    return fail_again(error);
}

bool parser_finish(struct parser *p, struct error *error)
{
    if (p->phase == PHASE_MARK && !end_mark(p, error))
        return fail(p);
    return finish(p, error) || fail(p);
}

bool parser_full(const struct parser *p)
{
    return rowsink_full(&p->sink);
}

bool parser_take(struct parser *p, struct batch **batch, struct error *error)
{
    (void)error;
    *batch = rowsink_take(&p->sink);
    return true;
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
