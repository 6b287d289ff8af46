/*
 * From fields to rows: names the columns, coerces what is declared, accepts or rejects, and says what is wrong where.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "parse/csv_place.h"
#include "parse/csv_reader_internal.h"
#include "parse/derivation.h"
#include "parse/parser.h"

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

bool csv_fail_memory(struct csv_reader *r)
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

bool csv_fail_field(struct csv_reader *r)
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
bool csv_fail_record(struct csv_reader *r)
{
    r->failed = true;
    return error_set(r->error, ERROR_DATA, "%ju:%ju: found a record longer than %d bytes, expected its line to end",
                     (uintmax_t)r->record_line, (uintmax_t)r->record_column, PARSER_RECORD_MAX);
}

static uintmax_t column_of(const struct csv_reader *r, const char *at)
{
    return r->line_before + (size_t)(at - r->line_start) + 1;
}

/* libcsv refused the byte at `at`. */
bool csv_fail_quote(struct csv_reader *r, const char *at)
{
    char shown[ROWSINK_SHOWN_MAX], delimiter[CSV_PLACE_DELIMITER_SIZE];
    if (csv_error(&r->csv) != CSV_EPARSE)
        return csv_fail_memory(r);
    r->failed = true;
    uintmax_t line = r->line, column = column_of(r, at);
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

bool csv_fail_unclosed(struct csv_reader *r)
{
    struct csv_place place = find_field(r, r->fields);
    return error_set(r->error, ERROR_DATA,
                     "%ju:%ju: the quote that opens here never closes: found the end of the file, expected a quote",
                     (uintmax_t)place.line, (uintmax_t)place.column);
}

/* --- the header --------------------------------------------------------------------------------------------------- */

static void add_name(struct csv_reader *r, struct slice name)
{
    if (csv_header_add(&r->header, name, r->error))
        return;
    struct csv_place place = find_field(r, r->header.count);
    r->failed = true;
    error_wrap(r->error, "%ju:%ju", (uintmax_t)place.line, (uintmax_t)place.column);
}

bool csv_rows_begin(struct csv_reader *r)
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
    r->failed = !r->settled || !csv_rows_begin(r);
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
             text_plural(r->header.count), r->fields, text_plural(r->fields));
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
        csv_fail_memory(r);
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

void csv_rows_take(struct csv_reader *r, const struct csv_column *column, struct slice field, bool stays)
{
    take_value(r, &column->rule, field, stays);
    for (const struct csv_further *more = column->further; more && !r->bad; more = more->next)
        take_value(r, more->rule, field, stays);
}

/* libcsv: a field ended; data is NULL when nothing stood there. */
void csv_rows_on_field(void *data, size_t len, void *context)
{
    struct csv_reader *r = context;
    if (len > PARSER_FIELD_MAX && !r->failed)
        csv_fail_field(r);
    size_t place = r->fields++;
    if (place < r->live_columns) {
        const struct csv_column *column = &r->header.columns[place];
        if (column->declared)
            csv_rows_take(r, column, (struct slice){data, len}, false);
    } else if (!r->have_header && !r->failed) {
        add_name(r, (struct slice){data, len});
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
        csv_fail_memory(r);
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
        reject(r, 0, NULL, ROWSINK_UNFIT_WORDS);
        break;
    case ROWSINK_MEMORY:
        csv_fail_memory(r);
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
    snprintf(reason, sizeof reason, "found %zu field%s, expected %zu", r->fields, text_plural(r->fields),
             r->header.count);
    reject(r, 0, NULL, reason);
}

/* As csv_rows_on_field, for a file whose rows may have to be repaired. */
void csv_rows_on_kept_field(void *data, size_t len, void *context)
{
    struct csv_reader *r = context;
    repair_keep(r->repair, (struct slice){data, len});
    csv_rows_on_field(data, len, context);
}

/* Accepts a shifted row the one way it can be read, or rejects it. */
static void repair_shifted(struct csv_reader *r)
{
    char reason[COERCE_REASON_MAX];
    struct slice raw = raw_record(r);
    enum repair_result result =
        r->carry.failed ? REPAIR_MEMORY : repair_row(r->repair, r->bind, r->coerce, raw, r->values);
    if (result == REPAIR_MEMORY) {
        csv_fail_memory(r);
    } else if (result == REPAIR_DONE) {
        r->sink->repaired++;
        accept(r);
    } else {
        reject(r, 0, NULL, repair_reason(r->repair, result, reason, sizeof reason));
    }
}

/* libcsv: a row ended. A wrong number of fields explains a field that does not fit, so it is told first. */
void csv_rows_on_row(int terminator, void *context)
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
