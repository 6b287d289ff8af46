#include "parse/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "parse/csv_place.h"
#include "parse/derivation.h"

struct repair *repair_new(void)
{
    struct repair *repair = calloc(1, sizeof *repair);
    if (!repair)
        return NULL;
    buf_init(&repair->kept, PARSER_RECORD_MAX);
    return repair;
}

void repair_free(struct repair *repair)
{
    if (!repair)
        return;
    buf_close(&repair->kept);
    free(repair);
}

static bool is_place(const struct descriptor *descriptor, struct slice name)
{
    for (size_t i = 0; i < descriptor->repair_count; i++)
        if (descriptor_name_matches(descriptor, descriptor->repair[i], name))
            return true;
    return false;
}

void repair_start(struct repair *repair, const struct descriptor *descriptor, const struct slice *names, size_t count)
{
    repair->descriptor = descriptor->repair_count > 0 ? descriptor : NULL;
    repair->columns = repair->named = count;
    repair->place_count = 0;
    while (repair->named > 0 && names[repair->named - 1].len == 0)
        repair->named--;
    for (size_t i = 0; i < count && repair->place_count < DESCRIPTOR_REPAIR_MAX; i++)
        if (is_place(descriptor, names[i]))
            repair->places[repair->place_count++] = i;
    repair_begin_row(repair);
}

void repair_begin_row(struct repair *repair)
{
    buf_reset(&repair->kept);
    repair->fields = 0;
}

void repair_keep(struct repair *repair, struct slice field)
{
    size_t at = repair->fields++;
    if (at >= REPAIR_FIELDS_MAX)
        return;
    buf_put_slice(&repair->kept, field);
    repair->ends[at] = repair->kept.len;
    repair->nulls[at] = !field.data;
}

/*
 * Fields that the named columns must take in: more than these by as many as the row is longer than the header, or by
 * what stands where the header has no name. What is left behind them is empty.
 */
static size_t used_fields(const struct repair *repair)
{
    size_t last = repair->fields, more = 0;
    if (repair->fields < repair->columns || repair->fields > REPAIR_FIELDS_MAX)
        return repair->fields;
    more = repair->fields - repair->columns;
    while (last > repair->named + more && repair->nulls[last - 1])
        last--;
    return last > repair->named + more ? last : repair->named + more;
}

bool repair_is_due(const struct repair *repair)
{
    return repair->fields >= repair->columns && used_fields(repair) > repair->named;
}

/* --- the ways ----------------------------------------------------------------------------------------------------- */

struct search {
    struct repair *repair;
    size_t used;
    size_t more[DESCRIPTOR_REPAIR_MAX]; /* fields that each place takes besides its own */
    const struct bind *bind;
    struct coerce *coerce;
    struct value *values;
    bool found, ambiguous, memory;
};

static struct repair_text kept_text(const struct repair *repair, size_t field)
{
    size_t from = field > 0 ? repair->ends[field - 1] : 0, len = repair->ends[field] - from;
    return (struct repair_text){{len > 0 ? repair->kept.data + from : "", len}, repair->nulls[field]};
}

static bool is_quoted(const struct repair *repair, struct slice piece)
{
    char quote = repair->descriptor->form.quote;
    piece = slice_trim(piece);
    return quote && piece.len > 0 && piece.data[0] == quote;
}

/* Fields first to last as one, the way they stand in the record. A quoted one was quoted for its own commas. */
static bool rejoin(const struct repair *repair, size_t first, size_t last, struct repair_text *text)
{
    for (size_t i = first; i <= last; i++)
        if (is_quoted(repair, repair->pieces[i]))
            return false;
    const char *begin = repair->pieces[first].data, *end = repair->pieces[last].data + repair->pieces[last].len;
    *text = (struct repair_text){slice_trim((struct slice){begin, (size_t)(end - begin)}), false};
    return true;
}

/* Gives every named column its text. */
static bool lay_out(const struct search *search)
{
    struct repair *repair = search->repair;
    size_t field = 0;
    for (size_t column = 0; column < repair->named; column++) {
        size_t more = 0;
        for (size_t i = 0; i < repair->place_count; i++)
            if (repair->places[i] == column)
                more = search->more[i];
        if (more == 0)
            repair->texts[column] = kept_text(repair, field);
        else if (!rejoin(repair, field, field + more, &repair->texts[column]))
            return false;
        field += more + 1;
    }
    return true;
}

/* Reads the declared fields into `values`. False when one is not valid. */
static bool read_texts(struct search *search, const struct repair_text *texts)
{
    const struct descriptor *descriptor = search->repair->descriptor;
    const struct coerce_rule *bad;
    bool ok = true;
    coerce_begin_row(search->coerce);
    search->coerce->strict = true;
    for (size_t i = 0; ok && i < descriptor->field_count; i++) {
        int column = search->bind->columns[i];
        const struct coerce_rule *rule = &search->bind->chosen[i];
        if (column < 0)
            continue;
        const struct coerce_input input = {.text = texts[column].text, .null = texts[column].null};
        ok = coerce_field(search->coerce, rule, &input, &search->values[rule->target_index]);
    }
    ok = ok && derivation_row(search->bind, search->coerce, search->values, &bad);
    search->coerce->strict = false;
    search->memory = search->memory || search->coerce->memory;
    return ok;
}

static bool is_same(const struct search *search)
{
    const struct repair *repair = search->repair;
    for (size_t i = 0; i < repair->descriptor->field_count; i++) {
        int column = search->bind->columns[i];
        if (column >= 0 && (repair->texts[column].null != repair->found[column].null ||
                            !slice_equal(repair->texts[column].text, repair->found[column].text)))
            return false;
    }
    return true;
}

static void judge(struct search *search)
{
    struct repair *repair = search->repair;
    if (!lay_out(search) || !read_texts(search, repair->texts))
        return;
    if (search->found)
        search->ambiguous = !is_same(search);
    else
        memcpy(repair->found, repair->texts, repair->named * sizeof *repair->found);
    search->found = true;
}

/* Shares what is left among the places from `place` on: at most C(11, 3) ways. */
static void share(struct search *search, size_t place, size_t left)
{
    if (search->repair->place_count == 0 || search->ambiguous || search->memory)
        return;
    if (place + 1 == search->repair->place_count) {
        search->more[place] = left;
        judge(search);
        return;
    }
    for (size_t i = 0; i <= left; i++) {
        search->more[place] = i;
        share(search, place + 1, left - i);
    }
}

enum repair_result repair_row(struct repair *repair, const struct bind *bind, struct coerce *coerce, struct slice raw,
                              struct value *values)
{
    struct search search = {
        .repair = repair, .used = used_fields(repair), .bind = bind, .coerce = coerce, .values = values};
    if (repair->kept.failed)
        return REPAIR_MEMORY;
    if (search.used > repair->named + REPAIR_SHIFT_MAX)
        return REPAIR_TOO_LONG;
    csv_place_fields(raw, repair->descriptor->form.delimiter, repair->descriptor->form.quote, repair->pieces,
                     search.used);
    share(&search, 0, search.used - repair->named);
    /* What was tried last is not what was found. */
    if (search.found && !search.ambiguous && !search.memory && read_texts(&search, repair->found))
        return REPAIR_DONE;
    return search.memory ? REPAIR_MEMORY : search.ambiguous ? REPAIR_AMBIGUOUS : REPAIR_NONE;
}

/* Bytes of a column's name in a reason: all four fit. */
static int shown_len(struct slice name)
{
    enum { SHOWN_MAX = 64 };
    struct slice cut = {name.data, name.len < SHOWN_MAX ? name.len : SHOWN_MAX};
    return (int)text_valid_utf8(cut);
}

char *repair_reason(const struct repair *repair, enum repair_result result, char *out, size_t size)
{
    const struct descriptor *descriptor = repair->descriptor;
    int len = snprintf(out, size, "found %zu fields, expected %zu: ", used_fields(repair), repair->named);
    if (result == REPAIR_TOO_LONG) {
        snprintf(out + len, size - (size_t)len, "more than %d too many to be rejoined", REPAIR_SHIFT_MAX);
        return out;
    }
    len += snprintf(out + len, size - (size_t)len, "%s way of rejoining ",
                    result == REPAIR_AMBIGUOUS ? "more than one" : "no");
    for (size_t i = 0; i < descriptor->repair_count; i++)
        len += snprintf(out + len, size - (size_t)len, "%s%.*s", i > 0 ? ", " : "", shown_len(descriptor->repair[i]),
                        descriptor->repair[i].data);
    snprintf(out + len, size - (size_t)len, " is valid");
    return out;
}
