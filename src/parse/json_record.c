#include "parse/json_record.h"

#include <string.h>

#include "base/text.h"
#include "parse/parser.h"

enum { CJSON_NUMBER_MAX = 63 /* bytes of a number: it cuts longer ones, and finds something else behind */ };

struct walk {
    const char *start, *at, *end;
    struct json_record *record;
    size_t depth;
};

static bool read_value(struct walk *walk, enum json_kind *kind);

static bool fail_at(struct walk *walk, const char *at, const char *expected)
{
    walk->record->fault = (size_t)(at - walk->start);
    walk->record->expected = expected;
    return false;
}

static bool fail(struct walk *walk, const char *expected)
{
    return fail_at(walk, walk->at, expected);
}

static void skip_blanks(struct walk *walk)
{
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\n' || *walk->at == '\r' || *walk->at == '\t'))
        walk->at++;
}

static bool next_is(const struct walk *walk, char c)
{
    return walk->at < walk->end && *walk->at == c;
}

static bool take(struct walk *walk, char c)
{
    if (!next_is(walk, c))
        return false;
    walk->at++;
    return true;
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

/* The four digits behind \u. */
static bool read_unit(struct walk *walk, int *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = walk->at + i < walk->end ? text_hex_value(walk->at[i]) : -1;
        if (digit < 0)
            return fail(walk, "four hexadecimal digits behind \\u");
        *unit = *unit << 4 | digit;
    }
    walk->at += 4;
    return true;
}

static bool read_unicode(struct walk *walk)
{
    const char *from = walk->at - 2;
    int unit;
    if (!read_unit(walk, &unit))
        return false;
    if (unit == 0)
        return fail_at(walk, from, "text without \\u0000");
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit > 0xdbff || !take(walk, '\\') || !take(walk, 'u'))
        return fail_at(walk, from, "surrogates in pairs");
    if (!read_unit(walk, &unit))
        return false;
    return (unit >= 0xdc00 && unit <= 0xdfff) || fail_at(walk, from, "surrogates in pairs");
}

static bool read_escape(struct walk *walk)
{
    if (take(walk, 'u'))
        return read_unicode(walk);
    if (walk->at == walk->end || !memchr("\"\\/bfnrt", *walk->at, 8))
        return fail_at(walk, walk->at - 1, "an escape that JSON has");
    walk->at++;
    return true;
}

static bool read_string(struct walk *walk)
{
    walk->at++;
    while (walk->at < walk->end) {
        unsigned char c = (unsigned char)*walk->at;
        if (c < ' ')
            return fail(walk, "control characters in strings to be escaped");
        walk->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !read_escape(walk))
            return false;
    }
    return fail(walk, "a closing quote");
}

static size_t read_digits(struct walk *walk)
{
    const char *from = walk->at;
    while (walk->at < walk->end && text_is_digit(*walk->at))
        walk->at++;
    return (size_t)(walk->at - from);
}

/* Blanks cJSON passes over. */
static void shorten(const struct walk *walk, size_t from, size_t len)
{
    struct buf *text = walk->record->short_text;
    if (text->len == 0)
        buf_put(text, walk->start, (size_t)(walk->end - walk->start));
    if (text->failed)
        return;
    memset(text->data + from, ' ', len);
    text->data[from] = '0';
}

static bool read_number(struct walk *walk)
{
    const char *from = walk->at;
    take(walk, '-');
    if (!take(walk, '0') && read_digits(walk) == 0)
        return fail(walk, "a digit");
    if (take(walk, '.') && read_digits(walk) == 0)
        return fail(walk, "a digit behind the point");
    if (next_is(walk, 'e') || next_is(walk, 'E')) {
        walk->at++;
        if (!take(walk, '-'))
            take(walk, '+');
        if (read_digits(walk) == 0)
            return fail(walk, "a digit of the exponent");
    }
    if (walk->at - from > CJSON_NUMBER_MAX && walk->record->short_text)
        shorten(walk, (size_t)(from - walk->start), (size_t)(walk->at - from));
    return true;
}

static bool read_word(struct walk *walk, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(walk->end - walk->at) < len || memcmp(walk->at, word, len) != 0)
        return fail(walk, "a JSON value");
    walk->at += len;
    return true;
}

/* --- objects and arrays ------------------------------------------------------------------------------------------- */

static bool read_array(struct walk *walk)
{
    enum json_kind kind;
    walk->at++;
    skip_blanks(walk);
    if (take(walk, ']'))
        return true;
    do {
        skip_blanks(walk);
        if (!read_value(walk, &kind))
            return false;
        skip_blanks(walk);
    } while (take(walk, ','));
    return take(walk, ']') || fail(walk, ", or ]");
}

static bool add_member(struct walk *walk, const char *from, enum json_kind kind)
{
    struct json_record *record = walk->record;
    if (record->count == record->capacity)
        return fail_at(walk, from, "at most 4096 members");
    record->members[record->count++] = (struct json_member){{from, (size_t)(walk->at - from)}, kind};
    return true;
}

static bool read_member(struct walk *walk)
{
    enum json_kind kind;
    skip_blanks(walk);
    if (!next_is(walk, '"'))
        return fail(walk, "a member's name");
    if (!read_string(walk))
        return false;
    skip_blanks(walk);
    if (!take(walk, ':'))
        return fail(walk, ":");
    skip_blanks(walk);
    const char *from = walk->at;
    return read_value(walk, &kind) && (walk->depth > 1 || add_member(walk, from, kind));
}

static bool read_object(struct walk *walk)
{
    walk->at++;
    skip_blanks(walk);
    if (take(walk, '}'))
        return true;
    do {
        if (!read_member(walk))
            return false;
        skip_blanks(walk);
    } while (take(walk, ','));
    return take(walk, '}') || fail(walk, ", or }");
}

/* Recursion is bounded by PARSER_DEPTH_MAX. */
static bool read_nested(struct walk *walk, bool object)
{
    if (walk->depth == PARSER_DEPTH_MAX)
        return fail(walk, "nesting of at most 32 levels");
    walk->depth++;
    bool ok = object ? read_object(walk) : read_array(walk);
    walk->depth--;
    return ok;
}

static bool read_value(struct walk *walk, enum json_kind *kind)
{
    switch (walk->at < walk->end ? *walk->at : '\0') {
    case '{':
        *kind = JSON_OBJECT;
        return read_nested(walk, true);
    case '[':
        *kind = JSON_ARRAY;
        return read_nested(walk, false);
    case '"':
        *kind = JSON_STRING;
        return read_string(walk);
    case 't':
        *kind = JSON_TRUE;
        return read_word(walk, "true");
    case 'f':
        *kind = JSON_FALSE;
        return read_word(walk, "false");
    case 'n':
        *kind = JSON_NULL;
        return read_word(walk, "null");
    case '-':
    case '0' ... '9':
        *kind = JSON_NUMBER;
        return read_number(walk);
    default:
        return fail(walk, "a JSON value");
    }
}

bool json_record_read(struct json_record *record, struct slice text)
{
    struct walk walk = {text.data, text.data, text.data + text.len, record, 0};
    size_t valid = text_valid_utf8(text);
    record->count = 0;
    if (record->short_text)
        buf_reset(record->short_text);
    if (valid != text.len)
        return fail_at(&walk, text.data + valid, "valid UTF-8");
    if (!read_value(&walk, &record->kind))
        return false;
    return walk.at == walk.end || fail(&walk, "the end of the value");
}

const char *json_kind_words(enum json_kind kind)
{
    static const char *const words[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a text", [JSON_NUMBER] = "a number",
        [JSON_TRUE] = "true",        [JSON_FALSE] = "false",    [JSON_NULL] = "null",
    };
    return words[kind];
}
