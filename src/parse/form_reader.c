#include "parse/form_reader.h"

#include <stdlib.h>
#include <string.h>

#include "parse/parser.h"

static const char utf8_mark[] = {'\xef', '\xbb', '\xbf'};

bool form_reader_init(struct form_reader *r, struct bind *bind, struct coerce *coerce, struct rowsink *sink,
                      struct error *error)
{
    *r = (struct form_reader){.bind = bind, .coerce = coerce, .sink = sink};
    r->csv = csv_reader_new(bind, coerce, sink, error);
    r->json = r->csv ? json_reader_new(bind, coerce, sink, error) : NULL;
    return r->json != NULL;
}

void form_reader_close(struct form_reader *r)
{
    csv_reader_free(r->csv);
    json_reader_free(r->json);
    free(r->text);
}

void form_reader_start(struct form_reader *r)
{
    rowsink_start(r->sink);
    coerce_start(r->coerce);
    r->phase = r->bind->first < r->bind->end ? FORM_MARK : FORM_NONE;
    r->mark_len = 0;
    r->in_csv = r->in_json = (struct form_place){1, 1};
    r->after_cr = false;
    r->other_format = false;
    charset_start(&r->charset, DESCRIPTOR_UTF8);
}

/* --- the first characters ----------------------------------------------------------------------------------------- */

static bool begin_csv(struct form_reader *r, struct error *error)
{
    r->phase = FORM_CSV;
    return csv_reader_start(r->csv, r->in_csv.line, r->in_csv.column, error);
}

static bool begin_json(struct form_reader *r)
{
    r->phase = FORM_JSON;
    json_reader_start(r->json, bind_form(r->bind)->form.lines, !bind_last_of_format(r->bind), r->in_json.line,
                      r->in_json.column);
    return true;
}

/* The reader of the run, for a file of the format that was found. */
static bool begin_reader(struct form_reader *r, enum descriptor_format found, struct error *error)
{
    enum descriptor_format format = bind_form(r->bind)->format;
    if (format != found) {
        r->other_format = true;
        bind_note(r->bind, found == DESCRIPTOR_CSV ? "is for JSON files" : "is for CSV files");
        return bind_fail(r->bind, error);
    }
    return format == DESCRIPTOR_CSV ? begin_csv(r, error) : begin_json(r);
}

/* Chooses the format where the first byte is not needed for it. It is not asked of files with lines to skip. */
static bool begin_format(struct form_reader *r, struct error *error)
{
    const struct descriptor *form = bind_form(r->bind);
    bool both = bind_reads(r->bind, DESCRIPTOR_CSV) && bind_reads(r->bind, DESCRIPTOR_JSON);
    r->phase = FORM_FORMAT;
    return (both && form->form.skip == 0) || begin_reader(r, form->format, error);
}

static void pass(struct form_place *place, bool line_ends)
{
    place->column = line_ends ? 1 : place->column + 1;
    place->line += line_ends;
}

static void pass_blank(struct form_reader *r, char c)
{
    pass(&r->in_json, c == '\n');
    if (c != '\n' || !r->after_cr)
        pass(&r->in_csv, c == '\n' || c == '\r');
    r->after_cr = c == '\r';
}

/* Skips blanks; then the first byte tells. A tab that parts fields is none: what stands before it is the first, an
   empty one. */
static bool sniff(struct form_reader *r, struct slice *block, struct error *error)
{
    const struct descriptor *form = bind_form(r->bind);
    bool tabs = form->format == DESCRIPTOR_CSV && form->form.delimiter == '\t';
    for (; block->len > 0; block->data++, block->len--) {
        char c = block->data[0];
        if (c != ' ' && (c != '\t' || tabs) && c != '\r' && c != '\n')
            return begin_reader(r, c == '[' || c == '{' ? DESCRIPTOR_JSON : DESCRIPTOR_CSV, error);
        pass_blank(r, c);
    }
    return true;
}

/* Text in UTF-8 to the reader. */
static bool read_text(struct form_reader *r, struct slice block, struct error *error)
{
    if (r->phase == FORM_FORMAT && !sniff(r, &block, error))
        return false;
    if (block.len == 0)
        return true;
    return r->phase == FORM_CSV ? csv_reader_feed(r->csv, block, error) : json_reader_feed(r->json, block, error);
}

static bool read_encoded(struct form_reader *r, struct slice block, struct error *error)
{
    if (r->charset.encoding == DESCRIPTOR_UTF8)
        return read_text(r, block, error);
    bool ok = true;
    while (ok && block.len > 0) {
        size_t len = charset_some(&r->charset, &block, r->text, PARSER_INPUT_MAX);
        ok = read_text(r, (struct slice){r->text, len}, error);
    }
    return ok;
}

/* --- the byte order mark ------------------------------------------------------------------------------------------ */

/* The encoding that the waiting bytes are the mark of; *len bytes of it. The descriptor's when they are none. */
static enum descriptor_encoding marked(const struct form_reader *r, size_t *len)
{
    *len = 2;
    if (r->mark_len >= 2 && memcmp(r->mark, "\xff\xfe", 2) == 0)
        return DESCRIPTOR_UTF16LE;
    if (r->mark_len >= 2 && memcmp(r->mark, "\xfe\xff", 2) == 0)
        return DESCRIPTOR_UTF16BE;
    *len = 3;
    if (r->mark_len == sizeof utf8_mark && memcmp(r->mark, utf8_mark, sizeof utf8_mark) == 0)
        return DESCRIPTOR_UTF8;
    *len = 0;
    return bind_form(r->bind)->form.encoding;
}

/* Whether the waiting bytes may become a mark with more of them. */
static bool mark_open(const struct form_reader *r)
{
    if (r->mark_len == 0)
        return true;
    if (r->mark_len == 1 && (r->mark[0] == '\xff' || r->mark[0] == '\xfe'))
        return true;
    return r->mark_len < sizeof utf8_mark && memcmp(r->mark, utf8_mark, r->mark_len) == 0;
}

/* The waiting bytes are a mark, or the file's first bytes. */
static bool end_mark(struct form_reader *r, struct error *error)
{
    size_t len;
    enum descriptor_encoding encoding = marked(r, &len);
    if (encoding != DESCRIPTOR_UTF8 && !r->text && !(r->text = malloc(PARSER_INPUT_MAX)))
        return error_memory(error);
    charset_start(&r->charset, encoding);
    return begin_format(r, error) && read_encoded(r, (struct slice){r->mark + len, r->mark_len - len}, error);
}

/* --- the face ----------------------------------------------------------------------------------------------------- */

bool form_reader_feed(struct form_reader *r, struct slice block, struct error *error)
{
    if (r->phase == FORM_NONE)
        return bind_fail(r->bind, error);
    while (r->phase == FORM_MARK && block.len > 0 && mark_open(r)) {
        r->mark[r->mark_len++] = block.data[0];
        block.data++;
        block.len--;
    }
    if (r->phase == FORM_MARK && mark_open(r))
        return true;
    if (r->phase == FORM_MARK && !end_mark(r, error))
        return false;
    return read_encoded(r, block, error);
}

bool form_reader_finish(struct form_reader *r, struct error *error)
{
    if (r->phase == FORM_MARK && !end_mark(r, error))
        return false;
    if (!charset_whole(&r->charset))
        return error_set(error, ERROR_DATA,
                         "%ju:%ju: found half a character of UTF-16 at the end of the file: it is cut",
                         (uintmax_t)r->charset.line, (uintmax_t)r->charset.column);
    switch (r->phase) {
    case FORM_CSV:
        return csv_reader_finish(r->csv, error);
    case FORM_JSON:
        return json_reader_finish(r->json, error);
    case FORM_NONE:
        return bind_fail(r->bind, error);
    case FORM_MARK:
    case FORM_FORMAT:
        break;
    }
    return error_set(error, ERROR_DATA, "empty file, expected a header line, [ or {");
}

bool form_reader_settled(const struct form_reader *r)
{
    return r->phase == FORM_CSV ? csv_reader_settled(r->csv) : r->bind->version != NULL;
}

bool form_reader_recodes(const struct form_reader *r)
{
    return r->charset.encoding != DESCRIPTOR_UTF8;
}
