/*
 * libcsv is fed piece by piece, a piece ending behind a line's end or with the block, so that the bytes of the piece in
 * hand tell which bytes a record consists of. A record that lies in one block is never copied; of one that straddles
 * blocks the earlier part is kept in `carry`:
 *
 *     carry                    block
 *     | earlier blocks' part | | ... record_start | ... piece | piece_end ... |
 *
 * Records about which nothing is in doubt do not come that far: csv_scan.h finds their fields in the block, where they
 * stay. libcsv reads the header, what is odd, and what straddles blocks.
 *
 * libcsv calls back for fields and rows (csv_rows.c); what fails there is stored and looked at when csv_parse returns.
 */
#include "parse/csv_reader.h"

#include <stdlib.h>
#include <string.h>

#include "parse/csv_place.h"
#include "parse/csv_reader_internal.h"
#include "parse/parser.h"

enum {
    CSV_OPTIONS = CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL | CSV_APPEND_NULL,
    CSV_BUFFER_STEP = 16 * 1024,                          /* bytes libcsv's field buffer grows by */
    CARRY_MAX = PARSER_RECORD_MAX + 2 * PARSER_INPUT_MAX, /* a record before it is found to be too long */
    ODD_MAX = 63,
    CUT_TRIES_MAX = 64 /* lines looked at for one where a record seems to begin */
};

/* Of csv_parser.pstate: before a row's first byte, and behind a quote that closes a field or is the first of two. */
enum { CSV_STATE_IDLE = 0, CSV_STATE_MAYBE_CLOSED = 3 };

/* libcsv has a quote where a file has none: a byte of no text in UTF-8. Where that comes all the same, it is another one
   for so long. */
enum { NO_QUOTE = 0xff, NO_QUOTE_EITHER = 0xfe };

/* --- pieces ------------------------------------------------------------------------------------------------------- */

static void begin_record(struct csv_reader *r, const char *start)
{
    r->in_record = true;
    r->record_start = start;
    r->record_line = r->line;
    r->record_column = r->line_before + (size_t)(start - r->line_start) + 1;
    buf_reset(&r->carry);
}

/* Counts the line's end that the piece has, if any. CR LF is one, also when a block's end parts it. */
static void count_line(struct csv_reader *r, const char *from, const char *to)
{
    char last = to[-1];
    bool second = last == '\n' && to - from == 1 && r->after_cr;
    r->after_cr = last == '\r';
    if (last != '\n' && last != '\r')
        return;
    r->line += !second;
    r->line_before = 0;
    r->line_start = to;
}

/* The line is a record after all: what waited of it comes first. */
static void feed_waiting(struct csv_reader *r, const char *from)
{
    struct slice waiting = csv_lines_waiting(&r->lines);
    begin_record(r, from);
    r->record_column -= waiting.len;
    buf_put_slice(&r->carry, waiting);
    /* Neither quotes nor delimiters are in it, so nothing can be wrong with it. */
    (void)csv_parse(&r->csv, waiting.data, waiting.len, r->repairs ? csv_rows_on_kept_field : csv_rows_on_field,
                    csv_rows_on_row, r);
}

static bool is_left_out(struct csv_reader *r, const char *from, const char *to)
{
    if (!csv_lines_take(&r->lines, from, to, r->after_cr && *from == '\n'))
        return false;
    count_line(r, from, to);
    return true;
}

/* Bytes of the field in progress, without what libcsv would take back if it ended here. */
static size_t open_field_len(const struct csv_parser *csv)
{
    return csv->entry_pos - csv->spaces - (csv->pstate == CSV_STATE_MAYBE_CLOSED);
}

/* A field that is too long stands before the quote that was refused behind it. */
static bool give_bytes(struct csv_reader *r, const char *from, size_t len)
{
    size_t used =
        csv_parse(&r->csv, from, len, r->repairs ? csv_rows_on_kept_field : csv_rows_on_field, csv_rows_on_row, r);
    if (r->failed)
        return false;
    if (open_field_len(&r->csv) > PARSER_FIELD_MAX)
        return csv_fail_field(r);
    return used == len || csv_fail_quote(r, from + used);
}

static bool parse_bytes(struct csv_reader *r, const char *from, const char *to)
{
    const char *odd;
    while (!r->form->quote && (odd = memchr(from, NO_QUOTE, (size_t)(to - from))) != NULL) {
        if (!give_bytes(r, from, (size_t)(odd - from)))
            return false;
        csv_set_quote(&r->csv, NO_QUOTE_EITHER);
        bool given = give_bytes(r, odd, 1);
        csv_set_quote(&r->csv, NO_QUOTE);
        if (!given)
            return false;
        from = odd + 1;
    }
    return give_bytes(r, from, (size_t)(to - from));
}

/* The end of the record in these bytes, should it end there. */
static const char *before_line_end(const char *from, const char *to)
{
    while (to > from && (to[-1] == '\n' || to[-1] == '\r'))
        to--;
    return to;
}

/* Parses up to the record's limit, where it must end: what lies behind has no say in which fault is told, as it may be
   in another block. */
static bool parse_to_limit(struct csv_reader *r, const char *from, const char *limit)
{
    bool line_ends = *limit == '\n' || *limit == '\r';
    r->piece_end = before_line_end(from, limit); /* it may lie between CR and LF */
    if (!parse_bytes(r, from, limit))
        return false;
    bool in_quotes = r->csv.quoted && r->csv.pstate != CSV_STATE_MAYBE_CLOSED;
    return (line_ends && !in_quotes) || csv_fail_record(r);
}

static bool feed_piece(struct csv_reader *r, const char *from, const char *to)
{
    if (r->lines.waiting > 0)
        feed_waiting(r, from);
    if (!r->in_record)
        begin_record(r, from);
    size_t room = PARSER_RECORD_MAX - r->carry.len - (size_t)(from - r->record_start);
    const char *rest = from;
    if ((size_t)(to - from) > room) {
        rest = from + room;
        if (!parse_to_limit(r, from, rest))
            return false;
    }
    r->piece_end = before_line_end(from, to);
    if (!parse_bytes(r, rest, to))
        return false;
    if (r->csv.pstate == CSV_STATE_IDLE && r->piece_end < to)
        r->in_record = false;
    count_line(r, from, to);
    return true;
}

/* --- records that need no libcsv ---------------------------------------------------------------------------------- */

/* As libcsv hands it over. */
static inline struct slice scanned(struct csv_reader *r, const struct csv_scan_field *field)
{
    if (field->len == 0 && !field->quoted)
        return (struct slice){NULL, 0};
    if (!field->doubled)
        return (struct slice){field->data, field->len};
    char *from = r->text + r->text_len, *to = from;
    for (size_t i = 0; i < field->len; i++) {
        *to++ = field->data[i];
        i += field->data[i] == r->form->quote;
    }
    r->text_len += (size_t)(to - from);
    return (struct slice){from, (size_t)(to - from)};
}

/* Whether something stands where the header has no name: then the row may have to be repaired. */
static bool is_shifted(const struct csv_reader *r)
{
    for (size_t i = r->repair->named; i < r->header.count; i++)
        if (r->scan->fields[i].len > 0 || r->scan->fields[i].quoted)
            return true;
    return false;
}

/* Nulls and most values, without a call. False leaves all to be done. */
static inline bool take_quickly(struct csv_reader *r, const struct csv_column *column,
                                const struct csv_scan_field *field)
{
    const struct coerce_rule *rule = &column->rule;
    struct value *value = &r->values[rule->target_index];
    struct slice text = {field->data, field->len};
    if (!column->quick || field->doubled)
        return false;
    if (!rule->nulls && ((text.len == 0 && !field->quoted) || coerce_is_null_byte(rule, text))) {
        value->null = true;
        return true;
    }
    return text.len > 0 && coerce_quick(rule, text, value);
}

static void take_scanned(struct csv_reader *r, const char *from, const struct csv_scan_record *record)
{
    begin_record(r, from);
    r->piece_end = record->end;
    for (size_t i = 0; i < r->header.count && !r->bad && !r->failed; i++) {
        const struct csv_column *column = &r->header.columns[i];
        if (!column->declared || take_quickly(r, column, &r->scan->fields[i]))
            continue;
        r->fields = i + 1;
        csv_rows_take(r, column, scanned(r, &r->scan->fields[i]), true);
    }
    r->fields = r->header.count;
    csv_rows_on_row('\n', r);
    r->in_record = r->after_cr = false;
    r->line += record->lines;
    r->line_before = 0;
    r->line_start = record->next;
}

/* Takes records until one is odd or cut; where that begins. After odd ones libcsv gets some more without a look: in a
   file of odd records looking would be in vain. */
static const char *feed_scanned(struct csv_reader *r, const char *at, const char *end)
{
    struct csv_scan_record record;
    while (at < end && !r->failed) {
        enum csv_scan_result result = csv_scan_take(r->scan, at, end, r->header.count, &record);
        if (result == CSV_SCAN_RECORD && r->repairs && is_shifted(r))
            result = CSV_SCAN_ODD;
        switch (result) {
        case CSV_SCAN_RECORD:
            take_scanned(r, at, &record);
            at = record.next;
            r->odd = 0;
            break;
        case CSV_SCAN_ODD:
            r->hold = r->odd = r->odd < ODD_MAX ? r->odd * 2 + 1 : r->odd;
            return at;
        case CSV_SCAN_CUT:
            return at;
        }
    }
    return at;
}

bool csv_reader_feed(struct csv_reader *r, struct slice block, struct error *error)
{
    if (block.len == 0)
        return true;
    const char *end = block.data + block.len, *lf = NULL;
    r->error = error;
    r->record_start = r->line_start = block.data;
    csv_scan_block(r->scan);
    for (const char *at = block.data, *to; at < end; at = to) {
        if (r->scans && !r->in_record && r->hold == 0) {
            at = feed_scanned(r, at, end);
            if (r->failed)
                return false;
            if (at == end)
                break;
        }
        r->hold -= r->hold > 0 && !r->in_record;
        to = csv_place_line_end(at, end, &lf);
        if (r->lines.any && !r->in_record && is_left_out(r, at, to))
            continue;
        if (!feed_piece(r, at, to))
            return false;
    }
    if (r->in_record)
        buf_put(&r->carry, r->record_start, (size_t)(end - r->record_start));
    r->line_before += (size_t)(end - r->line_start);
    return !r->carry.failed || csv_fail_memory(r);
}

/* Whether nothing was read that stands for the file: without a header it may have no rows, but then the lines before
   them. */
static bool is_empty(const struct csv_reader *r)
{
    return !r->have_header || (!r->settled && (!r->lines.seen || r->lines.skip > 0));
}

bool csv_reader_finish(struct csv_reader *r, struct error *error)
{
    static const char nothing[1];
    r->error = error;
    r->record_start = r->piece_end = r->line_start = nothing;
    if (r->lines.waiting > 0)
        feed_waiting(r, nothing);
    if (csv_fini(&r->csv, r->repairs ? csv_rows_on_kept_field : csv_rows_on_field, csv_rows_on_row, r) != 0)
        return csv_fail_unclosed(r);
    if (r->failed)
        return false;
    return !is_empty(r) || (r->have_header && r->sink->trusts) ||
           error_set(error, ERROR_DATA, "empty file, expected %s", r->have_header ? "a row" : "a header line");
}

static bool start_parser(struct csv_reader *r, struct error *error)
{
    if (r->csv_open)
        csv_free(&r->csv);
    r->csv_open = csv_init(&r->csv, CSV_OPTIONS) == 0;
    if (!r->csv_open)
        return error_memory(error);
    csv_set_blk_size(&r->csv, CSV_BUFFER_STEP);
    csv_set_delim(&r->csv, (unsigned char)r->form->delimiter);
    csv_set_quote(&r->csv, r->form->quote ? (unsigned char)r->form->quote : NO_QUOTE);
    return true;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

bool csv_reader_part(struct csv_reader *r, struct error *error)
{
    if (!start_parser(r, error))
        return false;
    buf_reset(&r->carry);
    r->in_record = r->after_cr = r->failed = r->lines.inside = false;
    r->lines.waiting = 0;
    r->odd = r->hold = 0;
    r->fields = r->text_len = r->kept_field = 0;
    r->live_columns = r->header.count;
    r->bad = NULL;
    if (r->repairs)
        repair_begin_row(r->repair);
    r->line = 1;
    r->line_before = 0;
    return true;
}

/* Within a comment bytes of its line lie before. */
bool csv_reader_between(const struct csv_reader *r)
{
    return !r->failed && !r->in_record && !r->after_cr && r->line_before == 0;
}

uint64_t csv_reader_line(const struct csv_reader *r)
{
    return r->line;
}

void csv_reader_join(struct csv_reader *r, const struct csv_reader *part)
{
    r->line += part->line - 1;
}

/* An LF inside of quotes is told from one behind a record by what follows: hardly ever a whole record. */
size_t csv_reader_cut(struct csv_reader *r, struct slice bytes, size_t from)
{
    const char *end = bytes.data + bytes.len, *at = bytes.data + from;
    struct csv_scan_record record;
    for (size_t tries = 0; tries < CUT_TRIES_MAX && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; tries++) {
        at++;
        csv_scan_block(r->scan);
        if (!r->form->quote ||
            (at < end && csv_scan_take(r->scan, at, end, r->header.count, &record) == CSV_SCAN_RECORD))
            return (size_t)(at - bytes.data);
    }
    return 0;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

struct csv_reader *csv_reader_new(struct bind *bind, struct coerce *coerce, struct rowsink *sink, struct error *error)
{
    struct csv_reader *r = calloc(1, sizeof *r);
    if (!r) {
        error_memory(error);
        return NULL;
    }
    r->bind = bind;
    r->coerce = coerce;
    r->sink = sink;
    csv_header_init(&r->header);
    buf_init(&r->carry, CARRY_MAX);
    r->text = malloc(PARSER_RECORD_MAX);
    r->scan = malloc(sizeof *r->scan);
    if (bind_repairs(bind))
        r->repair = repair_new();
    if (!r->text || !r->scan || (bind_repairs(bind) && !r->repair)) {
        error_memory(error);
        csv_reader_free(r);
        return NULL;
    }
    csv_scan_init(r->scan);
    return r;
}

void csv_reader_free(struct csv_reader *r)
{
    if (!r)
        return;
    if (r->csv_open)
        csv_free(&r->csv);
    csv_header_close(&r->header);
    buf_close(&r->carry);
    repair_free(r->repair);
    free(r->scan);
    free(r->text);
    free(r);
}

bool csv_reader_start(struct csv_reader *r, uint64_t line, uint64_t column, struct error *error)
{
    r->form = &bind_form(r->bind)->form;
    if (!start_parser(r, error))
        return false;
    csv_header_start(&r->header);
    csv_lines_start(&r->lines, r->form);
    buf_reset(&r->carry);
    csv_scan_start(r->scan, r->form->delimiter, r->form->quote);
    r->have_header = r->settled = r->in_record = r->after_cr = r->failed = r->repairs = r->scans = false;
    r->odd = r->hold = 0;
    r->fields = r->live_columns = 0;
    r->text_len = r->kept_field = 0;
    r->bad = NULL;
    r->line = line;
    r->line_before = (size_t)(column - 1);
    if (!r->form->header)
        return true;
    r->error = error;
    r->live_columns = r->form->header_count;
    return csv_header_give(&r->header, r->form, r->bind, line, column, error) && csv_rows_begin(r);
}

bool csv_reader_settled(const struct csv_reader *r)
{
    return r->settled;
}
