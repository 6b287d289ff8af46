/*
 * libcsv is fed piece by piece, a piece ending behind a line's end or with the block, so that the bytes of the piece in
 * hand tell which bytes a record consists of. A record that lies in one block is never copied; of one that straddles
 * blocks the earlier part is kept in `carry`:
 *
 * Records about which nothing is in doubt do not come that far: csv_scan.h finds their fields in the block, where they
 * stay. libcsv reads the header, what is odd, and what straddles blocks.
 *
 *     carry                    block
 *     | earlier blocks' part | | ... record_start | ... piece | piece_end ... |
 *
 * libcsv calls back for fields and rows; what fails there is stored and looked at when csv_parse returns.
 */
#include "parse/csv_reader.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "parse/csv_header.h"
#include "parse/csv_lines.h"
#include "parse/csv_place.h"
#include "parse/csv_scan.h"
#include "parse/derivation.h"
#include "parse/parser.h"
#include "parse/repair.h"

enum {
    CSV_OPTIONS = CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL | CSV_APPEND_NULL,
    CSV_BUFFER_STEP = 16 * 1024,                          /* bytes libcsv's field buffer grows by */
    CARRY_MAX = PARSER_RECORD_MAX + 2 * PARSER_INPUT_MAX, /* a record before it is found to be too long */
    ODD_MAX = 63
};

/* Of csv_parser.pstate: before a row's first byte, and behind a quote that closes a field or is the first of two. */
enum { CSV_STATE_IDLE = 0, CSV_STATE_MAYBE_CLOSED = 3 };

struct csv_reader {
    struct csv_parser csv;
    bool csv_open;
    struct bind *bind;
    struct coerce *coerce;
    struct rowsink *sink;

    const struct descriptor_form *form;
    struct csv_lines lines;
    struct csv_header header;
    bool have_header; /* its names are known, and whose they are */
    bool settled;     /* and a file without a header has as many columns */

    /* The record in progress. */
    bool in_record;
    struct buf carry;
    const char *record_start, *piece_end; /* in the block; the end is before the line's end */
    uint64_t record_line, record_column;
    size_t fields;       /* seen so far */
    size_t live_columns; /* columns still worth a look: all of them, or 0 once the row is known to be bad */
    struct value values[COERCE_VALUES_MAX];
    char *text; /* PARSER_RECORD_MAX bytes: its text values, as libcsv reuses its buffer */
    size_t text_len;
    size_t kept_field, kept_at; /* the field last copied (from 1; 0: none) and where to */
    const struct coerce_rule *bad;
    size_t bad_field;      /* its column, from 1 */
    struct repair *repair; /* NULL: no version of the feed asks for it */
    bool repairs;          /* the file's version does */

    /* Records that need no libcsv. */
    struct csv_scan *scan;
    bool scans;         /* the file's form allows it */
    unsigned odd, hold; /* records left to libcsv after the last odd one, and of these those to come */

    /* Where we are. */
    uint64_t line;
    size_t line_before;     /* bytes of the line in earlier blocks */
    const char *line_start; /* of its part in this block */
    bool after_cr;

    struct error *error;
    bool failed;
};

/* --- failing ------------------------------------------------------------------------------------------------------ */

/* The record up to piece_end. Moves it to `carry` when it lies in two places. */
static struct slice raw_record(struct csv_reader *r)
{
    size_t len = (size_t)(r->piece_end - r->record_start);
    if (r->carry.len == 0)
        return (struct slice){r->record_start, len};
    buf_put(&r->carry, r->record_start, len);
    r->record_start = r->piece_end;
    return buf_slice(&r->carry);
}

static bool fail_memory(struct csv_reader *r)
{
    r->failed = true;
    return error_memory(r->error);
}

static struct csv_place find_field(struct csv_reader *r, size_t field)
{
    struct csv_place place = {.line = r->record_line, .column = r->record_column};
    csv_place_find(raw_record(r), r->form->delimiter, r->form->quote, field, &place);
    return place;
}

static bool fail_field(struct csv_reader *r)
{
    char delimiter[CSV_PLACE_DELIMITER_SIZE], words[2 * CSV_PLACE_DELIMITER_SIZE];
    struct csv_place place = find_field(r, r->fields);
    r->failed = true;
    snprintf(words, sizeof words, "%s before", csv_place_delimiter(r->form->delimiter, delimiter));
    return error_set(r->error, ERROR_DATA, "%ju:%ju: found a field longer than %d bytes, expected %s",
                     (uintmax_t)place.line, (uintmax_t)place.column, PARSER_FIELD_MAX,
                     place.quoted ? "the quote that opens here to close; it may never do so" : words);
}

/* Made of many fields: one that never ends is found before. */
static bool fail_record(struct csv_reader *r)
{
    r->failed = true;
    return error_set(r->error, ERROR_DATA, "%ju:%ju: found a record longer than %d bytes, expected its line to end",
                     (uintmax_t)r->record_line, (uintmax_t)r->record_column, PARSER_RECORD_MAX);
}

/* libcsv refused the byte at `at`. */
static bool fail_quote(struct csv_reader *r, const char *at)
{
    char shown[ROWSINK_SHOWN_MAX], delimiter[CSV_PLACE_DELIMITER_SIZE];
    if (csv_error(&r->csv) != CSV_EPARSE)
        return fail_memory(r);
    r->failed = true;
    uintmax_t line = r->line, column = r->line_before + (size_t)(at - r->line_start) + 1;
    if (!r->form->quote)
        return error_set(r->error, ERROR_DATA, "%ju:%ju: found a NUL byte, expected text", line, column);
    if (!r->csv.quoted)
        return error_set(r->error, ERROR_DATA,
                         "%ju:%ju: found a quote inside a field without quotes, expected the whole field in quotes and "
                         "its own quotes doubled",
                         line, column);
    return error_set(r->error, ERROR_DATA,
                     "%ju:%ju: found \"%s\" behind a closing quote, expected %s or the end of the line (a quote "
                     "inside of quotes is written twice)",
                     line, column, text_escape((struct slice){at, 1}, shown, sizeof shown),
                     csv_place_delimiter(r->form->delimiter, delimiter));
}

static bool fail_unclosed(struct csv_reader *r)
{
    struct csv_place place = find_field(r, r->fields);
    return error_set(r->error, ERROR_DATA,
                     "%ju:%ju: the quote that opens here never closes: found the end of the file, expected a quote",
                     (uintmax_t)place.line, (uintmax_t)place.column);
}

/* --- the header --------------------------------------------------------------------------------------------------- */

static bool begin_rows(struct csv_reader *r)
{
    if (!bind_row(r->bind, r->coerce, r->error))
        return false;
    memcpy(r->values, r->bind->row, sizeof r->values);
    if (r->repair) {
        repair_start(r->repair, r->bind->version->descriptor, r->header.names, r->header.count);
        r->repairs = r->repair->descriptor != NULL;
    }
    r->scans = r->form->quote && !r->lines.any;
    return r->have_header = true;
}

static void take_header(struct csv_reader *r)
{
    r->settled = csv_header_choose(&r->header, r->bind, r->record_line, r->error);
    r->failed = !r->settled || !begin_rows(r);
}

/* The first row of a file without a header: another number of fields and the names would stand for other columns. */
static bool settle(struct csv_reader *r)
{
    char why[80];
    r->settled = r->fields == r->header.count;
    if (r->settled)
        return true;
    r->failed = true;
    snprintf(why, sizeof why, "has a header of %zu name%s, the first row %zu field%s", r->header.count,
             r->header.count == 1 ? "" : "s", r->fields, r->fields == 1 ? "" : "s");
    return bind_refuse(r->bind, why, r->record_line, r->record_column, r->error);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* Copies text that lies in libcsv's buffer: the whole field, once, so that all fields of a row fit `text`. */
static struct slice keep(struct csv_reader *r, struct slice field, struct slice part)
{
    uintptr_t from = (uintptr_t)field.data, at = (uintptr_t)part.data;
    if (!field.data || at < from || at > from + field.len)
        return part;
    if (r->kept_field != r->fields) {
        memcpy(r->text + r->text_len, field.data, field.len);
        r->kept_field = r->fields;
        r->kept_at = r->text_len;
        r->text_len += field.len;
    }
    return (struct slice){r->text + r->kept_at + (at - from), part.len};
}

static void fail_row(struct csv_reader *r, const struct coerce_rule *rule)
{
    if (r->coerce->memory)
        fail_memory(r);
    r->bad = rule;
    r->bad_field = r->fields;
    r->live_columns = 0;
}

/* `stays`: the field's bytes outlive the row. */
static inline void take_value(struct csv_reader *r, const struct coerce_rule *rule, struct slice field, bool stays)
{
    struct value *value = &r->values[rule->target_index];
    if (!rule->nulls && (!field.data || coerce_is_null_byte(rule, field))) {
        value->null = true;
        return;
    }
    struct coerce_input input = {.text = field, .null = !field.data};
    if (!coerce_field(r->coerce, rule, &input, value))
        fail_row(r, rule);
    else if (!stays && rule->text && rule->target_index != COERCE_UNUSED && !value->null)
        value->text = keep(r, field, value->text);
}

static inline void take_values(struct csv_reader *r, const struct csv_column *column, struct slice field, bool stays)
{
    take_value(r, &column->rule, field, stays);
    for (const struct csv_further *more = column->further; more && !r->bad; more = more->next)
        take_value(r, more->rule, field, stays);
}

/* libcsv: a field ended; data is NULL when nothing stood there. */
static void on_field(void *data, size_t len, void *context)
{
    struct csv_reader *r = context;
    if (len > PARSER_FIELD_MAX && !r->failed)
        fail_field(r);
    size_t place = r->fields++;
    if (place < r->live_columns) {
        const struct csv_column *column = &r->header.columns[place];
        if (column->declared)
            take_values(r, column, (struct slice){data, len}, false);
    } else if (!r->have_header && !r->failed) {
        r->failed = !csv_header_add(&r->header, (struct slice){data, len}, r->record_line, r->error);
    }
}

static void reject(struct csv_reader *r, size_t column, const char *field, const char *reason)
{
    struct slice raw = raw_record(r);
    struct reject made = {.line = r->record_line,
                          .column = (uint32_t)column,
                          .field = slice_of(field),
                          .reason = slice_of(reason),
                          .raw = raw};
    if (r->carry.failed || !rowsink_reject(r->sink, made))
        fail_memory(r);
    else if (!rowsink_check(r->sink, &made, r->error))
        r->failed = true;
}

static void accept(struct csv_reader *r)
{
    switch (rowsink_accept(r->sink, r->record_line, r->values)) {
    case ROWSINK_OK:
        coerce_count_row(r->coerce);
        break;
    case ROWSINK_UNFIT:
        reject(r, 0, NULL, "found values too long for one row, expected at most 1 MiB after cleaning");
        break;
    case ROWSINK_MEMORY:
        fail_memory(r);
        break;
    }
}

/* What is computed from the row's fields has no column. */
static void derive(struct csv_reader *r)
{
    const struct coerce_rule *bad;
    if (derivation_row(r->bind, r->coerce, r->values, &bad))
        accept(r);
    else
        reject(r, 0, bad->field->name, r->coerce->reason);
}

static void reject_count(struct csv_reader *r)
{
    char reason[COERCE_REASON_MAX];
    snprintf(reason, sizeof reason, "found %zu field%s, expected %zu", r->fields, r->fields == 1 ? "" : "s",
             r->header.count);
    reject(r, 0, NULL, reason);
}

/* As on_field, for a file whose rows may have to be repaired. */
static void on_kept_field(void *data, size_t len, void *context)
{
    struct csv_reader *r = context;
    repair_keep(r->repair, (struct slice){data, len});
    on_field(data, len, context);
}

/* Accepts a shifted row the one way it can be read, or rejects it. */
static void repair_shifted(struct csv_reader *r)
{
    char reason[COERCE_REASON_MAX];
    struct slice raw = raw_record(r);
    enum repair_result result =
        r->carry.failed ? REPAIR_MEMORY : repair_row(r->repair, r->bind, r->coerce, raw, r->values);
    if (result == REPAIR_MEMORY) {
        fail_memory(r);
    } else if (result == REPAIR_DONE) {
        r->sink->repaired++;
        accept(r);
    } else {
        reject(r, 0, NULL, repair_reason(r->repair, result, reason, sizeof reason));
    }
}

/* libcsv: a row ended. A wrong number of fields explains a field that does not fit, so it is told first. */
static void on_row(int terminator, void *context)
{
    (void)terminator;
    struct csv_reader *r = context;
    if (r->failed)
        return;
    if (r->have_header && !r->settled && !settle(r))
        return;
    if (!r->have_header)
        take_header(r);
    else if (r->repairs && repair_is_due(r->repair))
        repair_shifted(r);
    else if (r->fields != r->header.count)
        reject_count(r);
    else if (r->bad)
        reject(r, r->bad_field, r->bad->field->name, r->coerce->reason);
    else
        derive(r);
    r->fields = r->text_len = r->kept_field = 0;
    r->bad = NULL;
    r->live_columns = r->failed ? 0 : r->header.count;
    coerce_begin_row(r->coerce);
    if (r->repairs)
        repair_begin_row(r->repair);
}

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
    (void)csv_parse(&r->csv, waiting.data, waiting.len, r->repairs ? on_kept_field : on_field, on_row, r);
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
static bool parse_bytes(struct csv_reader *r, const char *from, const char *to)
{
    size_t len = (size_t)(to - from);
    size_t used = csv_parse(&r->csv, from, len, r->repairs ? on_kept_field : on_field, on_row, r);
    if (r->failed)
        return false;
    if (open_field_len(&r->csv) > PARSER_FIELD_MAX)
        return fail_field(r);
    return used == len || fail_quote(r, from + used);
}

/* Parses up to the record's limit, where it must end: what lies behind has no say in which fault is told, as it may be
   in another block. */
static bool parse_to_limit(struct csv_reader *r, const char *from, const char *limit)
{
    bool line_ends = *limit == '\n' || *limit == '\r';
    r->piece_end = limit;
    if (!parse_bytes(r, from, limit))
        return false;
    bool in_quotes = r->csv.quoted && r->csv.pstate != CSV_STATE_MAYBE_CLOSED;
    return (line_ends && !in_quotes) || fail_record(r);
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
    r->piece_end = to;
    while (r->piece_end > from && (r->piece_end[-1] == '\n' || r->piece_end[-1] == '\r'))
        r->piece_end--;
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
        take_values(r, column, scanned(r, &r->scan->fields[i]), true);
    }
    r->fields = r->header.count;
    on_row('\n', r);
    r->in_record = r->after_cr = false;
    r->line += record->lines;
    r->line_before = 0;
    r->line_start = record->next;
}

/* Takes records until one is odd or cut; where that begins. After odd ones libcsv gets some more without a look: in a file
   of odd records looking would be in vain. */
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
    return !r->carry.failed || fail_memory(r);
}

bool csv_reader_finish(struct csv_reader *r, struct error *error)
{
    static const char nothing[1];
    r->error = error;
    r->record_start = r->piece_end = r->line_start = nothing;
    if (r->lines.waiting > 0)
        feed_waiting(r, nothing);
    if (csv_fini(&r->csv, r->repairs ? on_kept_field : on_field, on_row, r) != 0)
        return fail_unclosed(r);
    if (r->failed)
        return false;
    return r->have_header || error_set(error, ERROR_DATA, "empty file, expected a header line");
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

static bool start_parser(struct csv_reader *r, struct error *error)
{
    if (r->csv_open)
        csv_free(&r->csv);
    r->csv_open = csv_init(&r->csv, CSV_OPTIONS) == 0;
    if (!r->csv_open)
        return error_memory(error);
    csv_set_blk_size(&r->csv, CSV_BUFFER_STEP);
    csv_set_delim(&r->csv, (unsigned char)r->form->delimiter);
    csv_set_quote(&r->csv, (unsigned char)r->form->quote); /* NUL for none: it may not stand in text anyway */
    return true;
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
    return csv_header_give(&r->header, r->form, r->bind, line, column, error) && begin_rows(r);
}

bool csv_reader_settled(const struct csv_reader *r)
{
    return r->settled;
}
