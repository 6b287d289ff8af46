/* RFC 8259 over the whole file, an array or values behind each other, or over each line. Objects are rows; all else is
   refused. */
#include "parse/parser.h"
#include "reference.h"

enum kind { OBJECT, ARRAY, STRING, OTHER, WORD_NULL };

struct member {
    enum kind kind;
    struct slice token;
    struct buf name, text; /* decoded; the text of a string */
};

struct reader {
    const char *at, *end;
    struct reference *out;
    struct member members[PARSER_COLUMNS_MAX];
    size_t count, depth;
    bool refused; /* the element is well-formed, but beyond a limit or no row */
};

static bool read_value(struct reader *r, enum kind *kind, struct buf *text);

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

/* --- strings and numbers ------------------------------------------------------------------------------------------ */

static bool read_hex(struct reader *r, uint32_t *unit)
{
    char text[5] = {0}, *end;
    if (r->end - r->at < 4)
        return false;
    memcpy(text, r->at, 4);
    for (size_t i = 0; i < 4; i++)
        if (!text[i] || !strchr("0123456789abcdefABCDEF", text[i]))
            return false;
    *unit = (uint32_t)strtoul(text, &end, 16);
    r->at += 4;
    return true;
}

static void put_point(struct buf *text, uint32_t point)
{
    if (point < 0x80) {
        buf_put_byte(text, (uint8_t)point);
        return;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    buf_put_byte(text, (uint8_t)((0xff00u >> (more + 1) & 0xff) | point >> 6 * more));
    while (more-- > 0)
        buf_put_byte(text, (uint8_t)(0x80 | (point >> 6 * more & 0x3f)));
}

static bool read_point(struct reader *r, struct buf *text)
{
    uint32_t point, low = 0;
    if (!read_hex(r, &point))
        return false;
    if (point >= 0xd800 && point < 0xdc00 && take_word(r, "\\u")) {
        if (!read_hex(r, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000)
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    r->refused = r->refused || point == 0 || (point >= 0xd800 && point <= 0xdfff);
    put_point(text, point);
    return true;
}

static bool read_string(struct reader *r, struct buf *text)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (!take(r, '"'))
        return false;
    while (!take(r, '"')) {
        if (r->at == r->end || (uint8_t)*r->at < ' ')
            return false;
        char c = *r->at++;
        if (c != '\\') {
            buf_put_byte(text, (uint8_t)c);
            continue;
        }
        const char *escape = r->at < r->end && *r->at ? strchr(escapes, *r->at) : NULL;
        if (escape) {
            r->at++;
            buf_put_byte(text, (uint8_t)meant[escape - escapes]);
        } else if (!take(r, 'u') || !read_point(r, text)) {
            return false;
        }
    }
    return true;
}

static size_t skip_digits(struct reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - from);
}

static bool read_number(struct reader *r)
{
    (void)take(r, '-');
    if (!take(r, '0') && skip_digits(r) == 0)
        return false;
    if (take(r, '.') && skip_digits(r) == 0)
        return false;
    if (take(r, 'e') || take(r, 'E')) {
        (void)(take(r, '+') || take(r, '-'));
        if (skip_digits(r) == 0)
            return false;
    }
    return true;
}

/* --- objects and arrays ------------------------------------------------------------------------------------------- */

static struct member *new_member(struct reader *r)
{
    if (r->count == PARSER_COLUMNS_MAX) {
        r->refused = true;
        return NULL;
    }
    struct member *member = &r->members[r->count++];
    buf_reset(&member->name);
    buf_reset(&member->text);
    return member;
}

static bool read_member(struct reader *r)
{
    struct member *member = r->depth == 1 ? new_member(r) : NULL, other = {.kind = OTHER};
    buf_init(&other.name, PARSER_INPUT_MAX);
    buf_init(&other.text, PARSER_INPUT_MAX);
    if (!member)
        member = &other;
    skip_blanks(r);
    bool ok = read_string(r, &member->name);
    skip_blanks(r);
    ok = ok && take(r, ':');
    skip_blanks(r);
    const char *from = r->at;
    ok = ok && read_value(r, &member->kind, &member->text);
    member->token = (struct slice){from, (size_t)(r->at - from)};
    buf_close(&other.name);
    buf_close(&other.text);
    return ok;
}

static bool read_children(struct reader *r, char close)
{
    struct buf text;
    enum kind kind;
    bool ok = true;
    buf_init(&text, PARSER_INPUT_MAX);
    r->at++;
    skip_blanks(r);
    if (!take(r, close)) {
        do {
            skip_blanks(r);
            ok = close == '}' ? read_member(r) : read_value(r, &kind, &text);
            skip_blanks(r);
        } while (ok && take(r, ','));
        ok = ok && take(r, close);
    }
    buf_close(&text);
    return ok;
}

static bool read_value(struct reader *r, enum kind *kind, struct buf *text)
{
    char c = r->at < r->end ? *r->at : '\0';
    *kind = c == '{' ? OBJECT : c == '[' ? ARRAY : c == '"' ? STRING : c == 'n' ? WORD_NULL : OTHER;
    if (*kind == OBJECT || *kind == ARRAY) {
        r->refused = r->refused || r->depth >= PARSER_DEPTH_MAX;
        r->depth++;
        bool ok = read_children(r, c == '{' ? '}' : ']');
        r->depth--;
        return ok;
    }
    if (*kind == STRING)
        return read_string(r, text);
    return take_word(r, "null") || take_word(r, "true") || take_word(r, "false") || read_number(r);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static bool has_same_names(const struct reader *r)
{
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < i; k++)
            if (slice_equal(buf_slice(&r->members[i].name), buf_slice(&r->members[k].name)))
                return true;
    return false;
}

/* The value of field `name`; false when it is no text. */
static bool find_value(const struct reader *r, char name, struct value *value)
{
    *value = VALUE_NULL;
    for (size_t i = 0; i < r->count; i++) {
        const struct member *member = &r->members[i];
        if (!slice_equal(buf_slice(&member->name), (struct slice){&name, 1}) || member->kind == WORD_NULL)
            continue;
        value->null = false;
        value->text = member->kind == STRING ? buf_slice(&member->text) : member->token;
        return member->kind == STRING || member->kind == OTHER;
    }
    return true;
}

static void take_object(struct reader *r)
{
    struct value values[REFERENCE_FIELDS];
    bool row = !r->refused && !has_same_names(r);
    for (size_t i = 0; row && i < REFERENCE_FIELDS; i++)
        row = find_value(r, "abc"[i], &values[i]);
    if (row)
        reference_row(r->out, values);
    else
        reference_refuse(r->out);
}

static bool read_some(struct reader *r, enum kind *kind)
{
    struct buf text;
    r->count = 0;
    r->refused = false;
    buf_init(&text, PARSER_INPUT_MAX);
    bool ok = read_value(r, kind, &text);
    buf_close(&text);
    return ok;
}

/* What was read, from `from` on. */
static void take_element(struct reader *r, enum kind kind, const char *from)
{
    if (!reference_is_utf8((struct slice){from, (size_t)(r->at - from)}) || kind != OBJECT)
        reference_refuse(r->out);
    else
        take_object(r);
}

/* An element of the file. A number or word ends before what could be more of it. */
static bool read_element(struct reader *r)
{
    const char *from = r->at;
    enum kind kind;
    if (!read_some(r, &kind) || r->at - from > PARSER_RECORD_MAX)
        return false;
    if ((kind == OTHER || kind == WORD_NULL) && r->at < r->end && !strchr(" \t\r\n\"{}[],:\\", *r->at))
        return false;
    take_element(r, kind, from);
    return true;
}

static bool read_array(struct reader *r)
{
    r->at++;
    skip_blanks(r);
    if (!take(r, ']')) {
        do {
            skip_blanks(r);
            if (!read_element(r))
                return false;
            skip_blanks(r);
        } while (take(r, ','));
        if (!take(r, ']'))
            return false;
    }
    skip_blanks(r);
    return r->at == r->end;
}

static bool read_loose(struct reader *r)
{
    while (r->at < r->end) {
        if (!read_element(r))
            return false;
        skip_blanks(r);
    }
    return true;
}

/* A line up to `end`, which is the file's where it is `last`; that may be cut. */
static bool read_line(struct reader *r, const char *end, bool last)
{
    const char *from = r->at;
    enum kind kind;
    while (end > from && strchr(" \t\r", end[-1]) && end[-1] != '\0')
        end--;
    r->end = end;
    if (end - from > PARSER_RECORD_MAX || (last && end[-1] != '}'))
        return false;
    if (!read_some(r, &kind) || r->at < end) {
        reference_refuse(r->out);
        return !last;
    }
    take_element(r, kind, from);
    return true;
}

static bool read_lines(struct reader *r)
{
    const char *end = r->end;
    bool ok = r->at < end && *r->at != '[';
    for (skip_blanks(r); ok && r->at < end; skip_blanks(r)) {
        const char *line = memchr(r->at, '\n', (size_t)(end - r->at));
        ok = read_line(r, line ? line : end, !line);
        r->at = line ? line : end;
        r->end = end;
    }
    return ok;
}

static void refer(struct slice file, struct reference *reference, bool read(struct reader *))
{
    struct reader r = {.out = reference};
    for (size_t i = 0; i < PARSER_COLUMNS_MAX; i++) {
        buf_init(&r.members[i].name, PARSER_INPUT_MAX);
        buf_init(&r.members[i].text, PARSER_INPUT_MAX);
    }
    r.at = file.data;
    r.end = file.data + file.len;
    if (!read(&r))
        reference->verdict = REFERENCE_FAULTY;
    for (size_t i = 0; i < PARSER_COLUMNS_MAX; i++) {
        buf_close(&r.members[i].name);
        buf_close(&r.members[i].text);
    }
}

void reference_json(struct slice file, struct reference *reference)
{
    char first = reference_begin(&file);
    if (first == '[' || first == '{')
        refer(file, reference, first == '[' ? read_array : read_loose);
    else
        reference->verdict = REFERENCE_UNKNOWN;
}

void reference_lines(struct slice file, struct reference *reference)
{
    (void)reference_begin(&file);
    refer(file, reference, read_lines);
}
