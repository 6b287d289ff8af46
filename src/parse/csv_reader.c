/*
 * libcsv is fed piece by piece, a piece ending behind a line's end or with the block, so that the bytes of the piece in
 * hand tell which bytes a record consists of. A record that lies in one block is never copied; of one that straddles
 * blocks the earlier part is kept in `carry`:
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
#include "parse/csv_place.h"
#include "parse/parser.h"
#include "parse/repair.h"

enum {
    CSV_OPTIONS = CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL | CSV_APPEND_NULL,
    CSV_BUFFER_STEP = 16 * 1024,                         /* bytes libcsv's field buffer grows by */
    CARRY_MAX = PARSER_RECORD_MAX + 2 * PARSER_INPUT_MAX /* a record before it is found to be too long */
};

/* Of csv_parser.pstate: before a row's first byte, and behind a quote that closes a field or is the first of two. */
enum { CSV_STATE_IDLE = 0, CSV_STATE_MAYBE_CLOSED = 3 };

/* The fields that read a column. */
struct csv_column {
    bool declared;
    const struct further *further; /* fields that read it besides; mostly NULL */
    struct coerce_rule rule;       /* of the first one: a copy, so that it is found at once */
};

struct further {
    const struct coerce_rule *rule;
    const struct further *next;
};

struct csv_reader {
    struct csv_parser csv;
    bool csv_open;
    struct bind *bind;
    struct coerce *coerce;
    struct rowsink *sink;

    /* The header, then what it says. */
    bool have_header;
    struct buf name_text;
    size_t name_ends[PARSER_COLUMNS_MAX];   /* in name_text, which moves while it grows */
    struct slice names[PARSER_COLUMNS_MAX]; /* made of both once all are there */
    size_t column_count;
    struct csv_column columns[PARSER_COLUMNS_MAX];
    struct further further[DESCRIPTOR_FIELDS_MAX];

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
    csv_place_find(raw_record(r), field, &place);
    return place;
}

static bool fail_field(struct csv_reader *r)
{
    struct csv_place place = find_field(r, r->fields);
    r->failed = true;
    return error_set(r->error, ERROR_DATA, "%ju:%ju: found a field longer than %d bytes, expected %s",
                     (uintmax_t)place.line, (uintmax_t)place.column, PARSER_FIELD_MAX,
                     place.quoted ? "the quote that opens here to close; it may never do so" : "a comma before");
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
    char shown[ROWSINK_SHOWN_MAX];
    if (csv_error(&r->csv) != CSV_EPARSE)
        return fail_memory(r);
    r->failed = true;
    uintmax_t line = r->line, column = r->line_before + (size_t)(at - r->line_start) + 1;
    if (!r->csv.quoted)
        return error_set(r->error, ERROR_DATA,
                         "%ju:%ju: found a quote inside a field without quotes, expected the whole field in quotes and "
                         "its own quotes doubled",
                         line, column);
    return error_set(r->error, ERROR_DATA,
                     "%ju:%ju: found \"%s\" behind a closing quote, expected a comma or the end of the line (a quote "
                     "inside of quotes is written twice)",
                     line, column, text_escape((struct slice){at, 1}, shown, sizeof shown));
}

static bool fail_unclosed(struct csv_reader *r)
{
    struct csv_place place = find_field(r, r->fields);
    return error_set(r->error, ERROR_DATA,
                     "%ju:%ju: the quote that opens here never closes: found the end of the file, expected a quote",
                     (uintmax_t)place.line, (uintmax_t)place.column);
}

/* --- the header --------------------------------------------------------------------------------------------------- */

static void take_name(struct csv_reader *r, struct slice name)
{
    uintmax_t line = r->record_line;
    if (r->column_count == PARSER_COLUMNS_MAX) {
        r->failed = true;
        error_set(r->error, ERROR_DATA, "%ju:1: found more than %d columns, expected at most that many", line,
                  PARSER_COLUMNS_MAX);
        return;
    }
    if (name.len > 0 && memchr(name.data, '\0', name.len)) {
        r->failed = true;
        error_set(r->error, ERROR_DATA,
                  "%ju:1: found a NUL byte in column %zu of the header, expected UTF-8 (not UTF-16)", line,
                  r->column_count + 1);
        return;
    }
    buf_put_slice(&r->name_text, name);
    r->name_ends[r->column_count++] = r->name_text.len;
}

static void name_columns(struct csv_reader *r)
{
    size_t from = 0;
    for (size_t i = 0; i < r->column_count; i++) {
        size_t len = r->name_ends[i] - from;
        r->names[i] = len > 0 ? (struct slice){r->name_text.data + from, len} : SLICE("");
        from = r->name_ends[i];
    }
}

static void link_fields(struct csv_reader *r)
{
    for (size_t i = 0; i < r->column_count; i++)
        r->columns[i] = (struct csv_column){.declared = false};
    for (size_t i = 0; i < r->bind->version->descriptor->field_count; i++) {
        int place = r->bind->columns[i];
        if (place < 0)
            continue;
        struct csv_column *column = &r->columns[place];
        if (!column->declared) {
            column->declared = true;
            column->rule = r->bind->chosen[i];
        } else {
            r->further[i] = (struct further){&r->bind->chosen[i], column->further};
            column->further = &r->further[i];
        }
    }
}

static bool note_unknown(struct csv_reader *r)
{
    for (size_t i = 0; i < r->column_count; i++)
        if (!r->columns[i].declared && !bind_declares(r->bind, r->names[i]) && !bind_unknown(r->bind, r->names[i]))
            return fail_memory(r);
    return true;
}

static void take_header(struct csv_reader *r)
{
    if (r->name_text.failed) {
        fail_memory(r);
        return;
    }
    name_columns(r);
    if (!bind_choose(r->bind, DESCRIPTOR_CSV, r->names, r->column_count, r->error)) {
        r->failed = true;
        error_wrap(r->error, "%ju:1", (uintmax_t)r->record_line);
        return;
    }
    link_fields(r);
    if (!note_unknown(r))
        return;
    if (!bind_row(r->bind, r->coerce, r->error)) {
        r->failed = true;
        return;
    }
    memcpy(r->values, r->bind->row, sizeof r->values);
    if (r->repair) {
        repair_start(r->repair, r->bind->version->descriptor, r->names, r->column_count);
        r->repairs = r->repair->descriptor != NULL;
    }
    r->have_header = true;
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

static void take_value(struct csv_reader *r, const struct coerce_rule *rule, struct slice field)
{
    struct value *value = &r->values[rule->target_index];
    if (!field.data && !rule->nulls) {
        value->null = true;
        return;
    }
    struct coerce_input input = {.text = field, .null = !field.data};
    if (!coerce_field(r->coerce, rule, &input, value))
        fail_row(r, rule);
    else if (rule->text && rule->target && !value->null)
        value->text = keep(r, field, value->text);
}

static void take_values(struct csv_reader *r, const struct csv_column *column, struct slice field)
{
    take_value(r, &column->rule, field);
    for (const struct further *more = column->further; more && !r->bad; more = more->next)
        take_value(r, more->rule, field);
}

/* libcsv: a field ended; data is NULL when nothing stood there. */
static void on_field(void *data, size_t len, void *context)
{
    struct csv_reader *r = context;
    if (len > PARSER_FIELD_MAX && !r->failed)
        fail_field(r);
    size_t place = r->fields++;
    if (place < r->live_columns) {
        const struct csv_column *column = &r->columns[place];
        if (column->declared)
            take_values(r, column, (struct slice){data, len});
    } else if (!r->have_header && !r->failed) {
        take_name(r, (struct slice){data, len});
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

static void reject_count(struct csv_reader *r)
{
    char reason[COERCE_REASON_MAX];
    snprintf(reason, sizeof reason, "found %zu field%s, expected %zu", r->fields, r->fields == 1 ? "" : "s",
             r->column_count);
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
    if (!r->have_header)
        take_header(r);
    else if (r->repairs && repair_is_due(r->repair))
        repair_shifted(r);
    else if (r->fields != r->column_count)
        reject_count(r);
    else if (r->bad)
        reject(r, r->bad_field, r->bad->field->name, r->coerce->reason);
    else
        accept(r);
    r->fields = r->text_len = r->kept_field = 0;
    r->bad = NULL;
    r->live_columns = r->failed ? 0 : r->column_count;
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

bool csv_reader_feed(struct csv_reader *r, struct slice block, struct error *error)
{
    if (block.len == 0)
        return true;
    const char *end = block.data + block.len, *lf = NULL;
    r->error = error;
    r->record_start = r->line_start = block.data;
    for (const char *at = block.data, *to; at < end; at = to) {
        to = csv_place_line_end(at, end, &lf);
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
    buf_init(&r->name_text, PARSER_RECORD_MAX);
    buf_init(&r->carry, CARRY_MAX);
    r->text = malloc(PARSER_RECORD_MAX);
    if (bind_repairs(bind))
        r->repair = repair_new();
    if (!r->text || (bind_repairs(bind) && !r->repair)) {
        error_memory(error);
        csv_reader_free(r);
        return NULL;
    }
    return r;
}

void csv_reader_free(struct csv_reader *r)
{
    if (!r)
        return;
    if (r->csv_open)
        csv_free(&r->csv);
    buf_close(&r->name_text);
    buf_close(&r->carry);
    repair_free(r->repair);
    free(r->text);
    free(r);
}

bool csv_reader_start(struct csv_reader *r, uint64_t line, uint64_t column, struct error *error)
{
    if (r->csv_open)
        csv_free(&r->csv);
    r->csv_open = csv_init(&r->csv, CSV_OPTIONS) == 0;
    if (!r->csv_open)
        return error_memory(error);
    csv_set_blk_size(&r->csv, CSV_BUFFER_STEP);
    buf_reset(&r->name_text);
    buf_reset(&r->carry);
    r->have_header = r->in_record = r->after_cr = r->failed = r->repairs = false;
    r->column_count = r->fields = r->live_columns = 0;
    r->text_len = r->kept_field = 0;
    r->bad = NULL;
    r->line = line;
    r->line_before = (size_t)(column - 1);
    return true;
}
