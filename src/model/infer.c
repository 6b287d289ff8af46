#include "model/infer.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/timestamp.h"

enum {
    NAME_ROOM = DESCRIPTOR_NAME_MAX + 24, /* bytes of a field's name in the making */
    DRAFT_WHOLE = 12 /* digits before the point of a decimal, unless its values have more */
};

static const char *const words[INFER_WORDS] = {"-", "null", "NULL", "n/a", "N/A", "NA", "None", "NaN"};

/* In the order in which they are preferred. */
enum {
    KIND_INT64 = 1 << 0,
    KIND_DECIMAL = 1 << 1,
    KIND_BOOL = 1 << 2,
    KIND_DATE = 1 << 3,
    KIND_TIMESTAMP = 1 << 4,
    KIND_DOUBLE = 1 << 5,
    KIND_ALL = (1 << 6) - 1
};

/* Days first: where both fit every value of a file, a person must say. */
static const char *const formats[] = {"%d/%m/%Y",          "%d/%m/%Y %H:%M",
                                      "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %I:%M %p",
                                      "%m/%d/%Y",          "%m/%d/%Y %H:%M",
                                      "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p",
                                      "%d-%m-%Y",          "%d-%m-%Y %H:%M",
                                      "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %I:%M %p",
                                      "%m-%d-%Y",          "%m-%d-%Y %H:%M",
                                      "%m-%d-%Y %H:%M:%S", "%m-%d-%Y %I:%M %p",
                                      "%d.%m.%Y",          "%d.%m.%Y %H:%M",
                                      "%d.%m.%Y %H:%M:%S", "%d.%m.%y",
                                      "%d/%m/%y",          "%m/%d/%y",
                                      "%Y/%m/%d",          "%Y/%m/%d %H:%M",
                                      "%Y/%m/%d %H:%M:%S", "%Y%m%d",
                                      "%d %b %Y",          "%d %b %Y %H:%M",
                                      "%b %d, %Y",         "%b %d, %Y %I:%M %p",
                                      "%d-%b-%Y",          "%d-%b-%y"};

_Static_assert(COUNT_OF(formats) <= 64, "one bit a format");

bool infer_usable(const struct infer_column *column)
{
    return !column->nested && !column->twice && column->name.len > 0;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

void infer_start(struct infer_column *column, struct slice name, enum descriptor_format format)
{
    *column = (struct infer_column){.name = name,
                                    .kinds = KIND_ALL,
                                    .formats = (UINT64_C(1) << COUNT_OF(formats)) - 1,
                                    .number = {.json = format == DESCRIPTOR_JSON}};
}

static bool reads_as(enum value_kind kind, struct slice text)
{
    struct value value;
    const char *expected;
    const struct value_type type = {.kind = kind};
    return value_parse(type, NULL, 0, text, &value, &expected);
}

/* Codes again are whole numbers that int64 does not hold: a double would make one of several. */
static void read_number(struct infer_column *column, struct slice text)
{
    struct infer_digits digits, *longest = &column->digits;
    bool padded;
    if (!infer_number_plain(text, &digits, &padded)) {
        column->kinds &= ~(unsigned)(KIND_INT64 | KIND_DECIMAL);
        return;
    }
    if (padded || (digits.places == 0 && !reads_as(VALUE_INT64, text)))
        column->kinds &= ~(unsigned)(KIND_INT64 | KIND_DECIMAL | KIND_DOUBLE);
    longest->whole = digits.whole > longest->whole ? digits.whole : longest->whole;
    longest->places = digits.places > longest->places ? digits.places : longest->places;
    if (longest->whole + longest->places > DECIMAL_PRECISION_MAX)
        column->kinds &= ~(unsigned)KIND_DECIMAL;
}

static void read_formats(struct infer_column *column, struct slice text)
{
    int64_t micros;
    const char *expected;
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if ((column->formats >> i & 1) && !timestamp_parse_format(text, formats[i], &micros, &expected))
            column->formats &= ~(UINT64_C(1) << i);
}

void infer_value(struct infer_column *column, bool null, struct slice text)
{
    static const struct {
        unsigned bit;
        enum value_kind kind;
    } kinds[] = {{KIND_INT64, VALUE_INT64},
                 {KIND_DOUBLE, VALUE_DOUBLE},
                 {KIND_DATE, VALUE_DATE},
                 {KIND_TIMESTAMP, VALUE_TIMESTAMP},
                 {KIND_BOOL, VALUE_BOOL}};
    text = slice_trim(text);
    if (null || text.len == 0) {
        column->nulls++;
        return;
    }
    column->values++;
    size_t word;
    if (doc_among(text, words, INFER_WORDS, &word)) {
        column->words[word]++;
        return;
    }
    if (column->kinds & (KIND_INT64 | KIND_DECIMAL | KIND_DOUBLE))
        read_number(column, text);
    infer_number_value(&column->number, text);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if ((column->kinds & kinds[i].bit) && !reads_as(kinds[i].kind, text))
            column->kinds &= ~kinds[i].bit;
    if (column->formats)
        read_formats(column, text);
}

/* --- the draft ---------------------------------------------------------------------------------------------------- */

static uint64_t word_count(const struct infer_column *column)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < INFER_WORDS; i++)
        sum += column->words[i];
    return sum;
}

/* How the numbers are written where nothing else that all values can be read as is known; `comma`: other columns of the
   file have decimal commas. */
static enum infer_number_kind number_of(const struct infer_column *column, bool comma)
{
    if (comma && infer_number_points(&column->number))
        return INFER_NUMBER_POINTS;
    return column->kinds || column->formats ? INFER_NUMBER_NONE : infer_number_kind(&column->number);
}

static bool has_commas(const struct infer_column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (infer_usable(&columns[i]) && number_of(&columns[i], false) == INFER_NUMBER_COMMA)
            return true;
    return false;
}

/* Nothing but null words is no reason for a type. */
static bool is_text(const struct infer_column *column, bool comma)
{
    enum infer_number_kind number = number_of(column, comma);
    if (number == INFER_NUMBER_POINTS)
        return true;
    bool written = number == INFER_NUMBER_COMMA || number == INFER_NUMBER_POINT;
    return (!column->kinds && !column->formats && !written) || column->values == word_count(column);
}

/* The first format that fits, and the next one; NULL: none. */
static const char *format_of(const struct infer_column *column, const char **other)
{
    const char *found = NULL;
    *other = NULL;
    for (size_t i = 0; i < COUNT_OF(formats) && !*other; i++)
        if (column->formats >> i & 1)
            *(found ? other : &found) = formats[i];
    return found;
}

/* Why it is no number, where it might be one. */
static void put_text_type(struct buf *out, enum infer_number_kind number)
{
    buf_put_text(out, "\"type\": \"text\"");
    if (number == INFER_NUMBER_MONEYS)
        buf_put_text(out, ", \"doc\": \"To be looked at: numbers, with several currencies\"");
    else if (number == INFER_NUMBER_BOTH)
        buf_put_text(
            out, ", \"doc\": \"To be looked at: numbers, some with a decimal comma and some with a decimal point\"");
    else if (number == INFER_NUMBER_UNCLEAR)
        buf_put_text(
            out, ", \"doc\": \"To be looked at: numbers, whose comma may stand before places or between thousands\"");
    else if (number == INFER_NUMBER_POINTS)
        buf_put_text(
            out, ", \"doc\": \"To be looked at: numbers, whose point may stand before places or between thousands\"");
    else if (number == INFER_NUMBER_DOTS)
        buf_put_text(out, ", \"doc\": \"To be looked at: numbers, if points stand between thousands\"");
}

/* Digits that nobody needs yet are left to a later version that has more places. */
static void put_decimal(struct buf *out, const struct infer_digits *digits)
{
    unsigned whole = digits->whole > DRAFT_WHOLE ? digits->whole : DRAFT_WHOLE, precision = whole + digits->places;
    buf_printf(out, "\"type\": \"decimal(%u,%u)\"",
               precision < DECIMAL_PRECISION_MAX ? precision : (unsigned)DECIMAL_PRECISION_MAX, digits->places);
}

static void put_number(struct buf *out, const struct infer_number *number)
{
    bool comma = infer_number_kind(number) == INFER_NUMBER_COMMA;
    const struct infer_digits *digits = comma ? &number->comma : &number->point;
    if (digits->places == 0)
        buf_put_text(out, "\"type\": \"int64\"");
    else
        put_decimal(out, digits);
    buf_put_text(out, ", \"number\": { ");
    if (comma ? number->dots : number->commas)
        buf_printf(out, "\"thousands\": \"%s\"%s", comma ? "." : ",", comma || number->money ? ", " : "");
    if (comma)
        buf_printf(out, "\"decimal\": \",\"%s", number->money ? ", " : "");
    for (size_t i = 0; infer_money[i]; i++)
        if (number->money >> i & 1)
            buf_printf(out, "\"currency\": \"%s\"", infer_money[i]);
    buf_put_text(out, " }");
}

/* The type, and with it "number", "formats" and "doc" where it needs them. */
static void put_type(struct buf *out, const struct infer_column *column, bool comma)
{
    const char *other, *format = format_of(column, &other);
    if (is_text(column, comma)) {
        put_text_type(out, number_of(column, comma));
    } else if (number_of(column, comma) != INFER_NUMBER_NONE) {
        put_number(out, &column->number);
    } else if (column->kinds & KIND_INT64) {
        buf_put_text(out, "\"type\": \"int64\"");
    } else if (column->kinds & KIND_DECIMAL) {
        put_decimal(out, &column->digits);
    } else if (column->kinds & KIND_BOOL) {
        buf_put_text(out, "\"type\": \"bool\"");
    } else if (column->kinds & (KIND_DATE | KIND_TIMESTAMP)) {
        buf_printf(out, "\"type\": \"%s\"", column->kinds & KIND_DATE ? "date" : "timestamp");
    } else if (format) {
        buf_printf(out, "\"type\": \"%s\", \"formats\": \"%s\"", strchr(format, ':') ? "timestamp" : "date", format);
        if (other)
            buf_printf(out, ", \"doc\": \"To be looked at: %s fits every value too\"", other);
    } else {
        buf_put_text(out, "\"type\": \"double\"");
    }
}

/* Words that typed columns have: they mean null in the whole file. */
static unsigned null_words(const struct infer_column *columns, size_t count, bool comma)
{
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < INFER_WORDS && !columns[i].nested && !is_text(&columns[i], comma); k++)
            bits |= columns[i].words[k] > 0 ? 1U << k : 0;
    return bits;
}

static bool is_required(const struct infer_column *column, unsigned nulls)
{
    uint64_t missing = column->nulls;
    for (size_t k = 0; k < INFER_WORDS; k++)
        missing += nulls >> k & 1 ? column->words[k] : 0;
    return missing == 0 && column->values > 0;
}

/* A field's name out of a column's: letters, digits and _ only, no digit first. */
static size_t make_name(struct slice column, char out[NAME_ROOM])
{
    size_t len = 0;
    for (size_t i = 0; i < column.len && len < DESCRIPTOR_NAME_MAX; i++) {
        char c = column.data[i];
        if (len == 0 && text_is_digit(c))
            out[len++] = '_';
        if (text_is_letter(c) || text_is_digit(c) || c == '_')
            out[len++] = c;
        else if (len > 0 && out[len - 1] != '_')
            out[len++] = '_';
    }
    while (len > 1 && out[len - 1] == '_' && column.data[column.len - 1] != '_')
        len--;
    if (len == 0)
        out[len++] = '_';
    out[len] = '\0';
    return len;
}

/* The names of all fields, each once: "Tip", "Tip_2". */
struct names {
    struct arena arena;
    const char **list;
    size_t count;
};

static bool is_taken(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->list[i] && strcmp(names->list[i], name) == 0)
            return true;
    return false;
}

static bool add_name(struct names *names, struct slice column)
{
    char name[NAME_ROOM], unique[NAME_ROOM];
    size_t len = make_name(column, name);
    memcpy(unique, name, len + 1);
    for (unsigned n = 2; is_taken(names, unique); n++)
        snprintf(unique, sizeof unique, "%.*s_%u", DESCRIPTOR_NAME_MAX - 8, name, n);
    names->list[names->count] = arena_string(&names->arena, slice_of(unique));
    return names->list[names->count++] != NULL;
}

static bool make_names(struct names *names, const struct infer_column *columns, size_t count)
{
    names->list = arena_array(&names->arena, count > 0 ? count : 1, sizeof *names->list);
    for (size_t i = 0; names->list && i < count; i++) {
        if (!infer_usable(&columns[i]))
            names->list[names->count++] = NULL;
        else if (!add_name(names, columns[i].name))
            return false;
    }
    return names->list != NULL;
}

/* With "underscore" a column "A B" and another one "A_B" are one and the same. */
static bool count_as_one(struct slice one, struct slice other)
{
    static const struct descriptor underscore = {.names = DESCRIPTOR_NAMES_UNDERSCORE};
    return descriptor_name_matches(&underscore, one, other);
}

static bool are_apart(const struct infer_column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (count_as_one(columns[i].name, columns[k].name))
                return false;
    return true;
}

/* Whether a member's name would be a path to something else too: through an array, into another member, or with a
   backslash to another name. */
static bool is_path(const struct infer_column *columns, size_t count, struct slice name)
{
    const char *dot = memchr(name.data, '.', name.len);
    struct slice head = {name.data, dot ? (size_t)(dot - name.data) : 0};
    for (size_t i = 0; head.len > 0 && i < count; i++)
        if (count_as_one(columns[i].name, head))
            return true;
    return memmem(name.data, name.len, "[]", 2) || memchr(name.data, '\\', name.len);
}

/* What all fields are written by. */
struct draft {
    const struct infer_column *columns;
    size_t count;
    struct names names;
    bool json, apart; /* apart: "underscore" will do */
    bool comma;       /* numbers have decimal commas */
    unsigned nulls;   /* words that mean null */
};

static void put_nulls(struct buf *out, unsigned bits)
{
    buf_put_text(out, "\"null\": [\"\"");
    for (size_t k = 0; k < INFER_WORDS; k++)
        if (bits >> k & 1)
            buf_printf(out, ", \"%s\"", words[k]);
    buf_put_text(out, "]");
}

/* `whole`: with backslashes, which make one name of what would be a path. */
static void put_from(struct buf *out, struct slice name, bool whole)
{
    struct buf escaped;
    buf_init(&escaped, 2 * name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        if (whole && memchr(".[]\\", name.data[i], 4))
            buf_put_byte(&escaped, '\\');
        buf_put_byte(&escaped, (uint8_t)name.data[i]);
    }
    buf_put_text(out, "\"from\": ");
    text_put_json(out, buf_slice(&escaped));
    buf_put_text(out, ", ");
    out->failed |= escaped.failed;
    buf_close(&escaped);
}

static void put_field(struct buf *out, const struct draft *draft, size_t i)
{
    const struct infer_column *column = &draft->columns[i];
    const char *name = draft->names.list[i];
    buf_printf(out, "    \"%s\": { ", name);
    if (!(draft->apart ? count_as_one : slice_equal)(column->name, slice_of(name)))
        put_from(out, column->name, draft->json && is_path(draft->columns, draft->count, column->name));
    put_type(out, column, draft->comma);
    buf_put_text(out, is_required(column, draft->nulls) ? ", \"required\": true }" : " }");
}

static void put_form(struct buf *out, enum descriptor_format format, const struct descriptor_form *form)
{
    if (form->encoding == DESCRIPTOR_WINDOWS1252)
        buf_put_text(out, "\"encoding\": \"windows-1252\", ");
    if (format != DESCRIPTOR_CSV)
        return;
    if (form->skip > 0)
        buf_printf(out, "\"skip\": %u, ", form->skip);
    if (form->delimiter == DESCRIPTOR_FORM_PLAIN.delimiter)
        return;
    buf_put_text(out, "\"delimiter\": ");
    text_put_json(out, (struct slice){&form->delimiter, 1});
    buf_put_text(out, ", ");
}

bool infer_draft(const struct infer_column *columns, size_t count, const char *feed, enum descriptor_format format,
                 const struct descriptor_form *form, struct buf *out)
{
    struct draft draft = {.columns = columns,
                          .count = count,
                          .json = format == DESCRIPTOR_JSON,
                          .apart = are_apart(columns, count),
                          .comma = has_commas(columns, count)};
    bool first = true;
    draft.nulls = null_words(columns, count, draft.comma);
    arena_init(&draft.names.arena, count * (NAME_ROOM + 64) + 65536);
    bool ok = make_names(&draft.names, columns, count);
    buf_put_text(out, "{ \"feed\": ");
    text_put_json(out, slice_of(feed));
    const char *word = form->lines ? "ndjson" : "json";
    buf_printf(out, ", \"version\": 1, \"format\": \"%s\", ", draft.json ? word : "csv");
    put_form(out, format, form);
    buf_printf(out, "\"names\": \"%s\", ", draft.apart ? "underscore" : "exact");
    put_nulls(out, draft.nulls);
    buf_put_text(out, ",\n  \"fields\": {\n");
    for (size_t i = 0; ok && i < count; i++) {
        if (!draft.names.list[i])
            continue;
        buf_put_text(out, first ? "" : ",\n");
        first = false;
        put_field(out, &draft, i);
    }
    buf_put_text(out, " } }\n");
    arena_close(&draft.names.arena);
    return ok && !out->failed;
}
