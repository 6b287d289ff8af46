#include "parse/csv_header.h"

#include <string.h>

_Static_assert((int)DESCRIPTOR_HEADER_MAX <= (int)PARSER_COLUMNS_MAX, "names given by a descriptor have room here");

void csv_header_init(struct csv_header *h)
{
    buf_init(&h->text, PARSER_RECORD_MAX);
    buf_init(&h->last.text, PARSER_RECORD_MAX);
    h->last.version = NULL;
}

void csv_header_close(struct csv_header *h)
{
    buf_close(&h->text);
    buf_close(&h->last.text);
}

void csv_header_start(struct csv_header *h)
{
    buf_reset(&h->text);
    h->count = 0;
}

bool csv_header_add(struct csv_header *h, struct slice name, struct error *error)
{
    if (h->count == PARSER_COLUMNS_MAX)
        return error_set(error, ERROR_DATA, "found more than %d columns, expected at most that many",
                         PARSER_COLUMNS_MAX);
    if (name.len > 0 && memchr(name.data, '\0', name.len))
        return error_set(error, ERROR_DATA,
                         "found a NUL byte in column %zu of the header, expected UTF-8 (UTF-16 without a byte order "
                         "mark must be declared: \"encoding\": \"utf-16le\"; a workbook, .xlsx or .xls, must be saved "
                         "as CSV)",
                         h->count + 1);
    buf_put_slice(&h->text, name);
    h->ends[h->count++] = h->text.len;
    return true;
}

static void name_columns(struct csv_header *h)
{
    size_t from = 0;
    for (size_t i = 0; i < h->count; i++) {
        size_t len = h->ends[i] - from;
        h->names[i] = len > 0 ? (struct slice){h->text.data + from, len} : SLICE("");
        from = h->ends[i];
    }
}

static void link_fields(struct csv_header *h, const struct bind *bind)
{
    for (size_t i = 0; i < h->count; i++)
        h->columns[i] = (struct csv_column){.declared = false};
    for (size_t i = 0; i < bind->version->descriptor->field_count; i++) {
        int place = bind->columns[i];
        if (place < 0)
            continue;
        struct csv_column *column = &h->columns[place];
        if (!column->declared) {
            column->declared = true;
            column->rule = bind->chosen[i];
        } else {
            h->further[i] = (struct csv_further){&bind->chosen[i], column->further};
            column->further = &h->further[i];
        }
        column->quick = !column->further && coerce_is_quick(&column->rule);
    }
}

static bool note_unknown(const struct csv_header *h, struct bind *bind)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->columns[i].unknown && !bind_unknown(bind, h->names[i]))
            return false;
    return true;
}

static bool choose(struct csv_header *h, struct bind *bind, uint64_t line, uint64_t column, struct error *error)
{
    h->last.version = NULL;
    if (!bind_choose(bind, h->names, h->count, line, column, error))
        return false;
    link_fields(h, bind);
    for (size_t i = 0; i < h->count; i++)
        h->columns[i].unknown = !h->columns[i].declared && !bind_declares(bind, h->names[i]);
    return note_unknown(h, bind) || error_memory(error);
}

/* The columns, and what the bind says of them, are still those of that header. */
static bool is_as_last(const struct csv_header *h, const struct bind *bind)
{
    const struct csv_header_last *last = &h->last;
    return last->version && last->choice == bind->choices && last->first == bind->first && last->end == bind->end &&
           last->count == h->count && memcmp(last->ends, h->ends, h->count * sizeof *h->ends) == 0 &&
           slice_equal(buf_slice(&last->text), buf_slice(&h->text));
}

/* Without memory for it the next header is looked at as if it were the first. */
static void remember(struct csv_header *h, const struct bind *bind)
{
    struct csv_header_last *last = &h->last;
    buf_reset(&last->text);
    buf_put_slice(&last->text, buf_slice(&h->text));
    memcpy(last->ends, h->ends, h->count * sizeof *h->ends);
    last->count = h->count;
    last->first = bind->first;
    last->end = bind->end;
    last->choice = bind->choices;
    last->chosen = bind->chosen;
    last->version = last->text.failed ? NULL : bind->version;
}

bool csv_header_choose(struct csv_header *h, struct bind *bind, uint64_t line, struct error *error)
{
    if (h->text.failed)
        return error_memory(error);
    name_columns(h);
    if (is_as_last(h, bind)) {
        bind->version = h->last.version;
        bind->chosen = h->last.chosen;
        return note_unknown(h, bind) || error_memory(error);
    }
    if (!choose(h, bind, line, 1, error))
        return false;
    remember(h, bind);
    return true;
}

bool csv_header_give(struct csv_header *h, const struct descriptor_form *form, struct bind *bind, uint64_t line,
                     uint64_t column, struct error *error)
{
    h->count = form->header_count;
    memcpy(h->names, form->header, h->count * sizeof *h->names);
    return choose(h, bind, line, column, error);
}
