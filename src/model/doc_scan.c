/*
 * A strict scanner of JSON (RFC 8259) that keeps what a decoder forgets: lines, columns, numbers as written.
 *
 * It refuses more than the standard: texts with NUL or lone surrogates, invalid UTF-8, depth over DOC_DEPTH_MAX,
 * numbers longer than cJSON reads. So what passes here decodes to exactly one tree of the same shape.
 */
#include "model/doc_scan.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
    NUMBER_LENGTH_MAX = 63, /* bytes: cJSON silently cuts longer ones */
    FOUND_SIZE = 40         /* bytes of a message's "found" part */
};

struct scan {
    const struct doc *doc;
    const char *at, *end;
    const char *line_start;
    uint32_t line;
    unsigned depth;
};

static uint32_t column_of(const struct scan *scan, const char *at)
{
    return (uint32_t)(at - scan->line_start) + 1;
}

static bool is_word(char c)
{
    return text_is_letter(c) || text_is_digit(c) || c == '_' || c == '-' || c == '+' || c == '.';
}

/* What stands at `at`: a word, a character, or the end. */
static const char *found(const struct scan *scan, const char *at, char out[FOUND_SIZE])
{
    if (at == scan->end)
        return "the end of the file";
    if (*at == '"')
        return "a text";
    const char *stop = at;
    while (stop < scan->end && is_word(*stop))
        stop++;
    if (stop == at) {
        stop++;
        while (stop < scan->end && text_goes_on(*stop))
            stop++;
    }
    char text[FOUND_SIZE - 2];
    snprintf(out, FOUND_SIZE, "\"%s\"", text_escape((struct slice){at, (size_t)(stop - at)}, text, sizeof text));
    return out;
}

static void *unexpected(const struct scan *scan, const char *at, const char *expected)
{
    char what[FOUND_SIZE];
    bool comment = at < scan->end && (*at == '/' || *at == '#');
    doc_problem_at(scan->doc, scan->line, column_of(scan, at), "found %s, expected %s%s", found(scan, at, what),
                   expected, comment ? "; JSON has no comments" : "");
    return NULL;
}

static bool refuse(const struct scan *scan, const char *at, const char *message)
{
    return doc_problem_at(scan->doc, scan->line, column_of(scan, at), "%s", message);
}

static void skip_blanks(struct scan *scan)
{
    for (; scan->at < scan->end; scan->at++) {
        char c = *scan->at;
        if (c == '\n') {
            scan->line++;
            scan->line_start = scan->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static bool next_is(const struct scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

/* Four hexadecimal digits at `at`, or -1. */
static int hex4(const struct scan *scan, const char *at)
{
    if (scan->end - at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = text_hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The escape \uXXXX at scan->at, or a pair of them, is passed over. */
static bool scan_unicode(struct scan *scan)
{
    const char *at = scan->at;
    int unit = hex4(scan, at + 2);
    if (unit < 0)
        return refuse(scan, at, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return refuse(scan, at, "a text cannot hold NUL (\\u0000)");
    scan->at += 6;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    bool pair = unit < 0xdc00 && scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u';
    int low = pair ? hex4(scan, scan->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(scan, at, "half of a surrogate pair stands alone");
    scan->at += 6;
    return true;
}

static bool scan_escape(struct scan *scan)
{
    if (scan->end - scan->at >= 2 && scan->at[1] == 'u')
        return scan_unicode(scan);
    if (scan->end - scan->at < 2 || !scan->at[1] || !strchr("\"\\/bfnrt", scan->at[1]))
        return refuse(scan, scan->at, "unknown escape; JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX");
    scan->at += 2;
    return true;
}

/* A string whose opening quote stands at scan->at; *raw is what is between the quotes. */
static bool scan_string(struct scan *scan, struct slice *raw)
{
    const char *open = scan->at++;
    while (scan->at < scan->end && *scan->at != '"') {
        if ((unsigned char)*scan->at < ' ') {
            if (*scan->at == '\n' || *scan->at == '\r')
                return refuse(scan, open, "a text that does not close on its line; write \\n for a line break");
            return unexpected(scan, scan->at, "no control character in a text") != NULL;
        }
        if (*scan->at != '\\')
            scan->at++;
        else if (!scan_escape(scan))
            return false;
    }
    if (scan->at == scan->end)
        return refuse(scan, open, "a text that never closes");
    *raw = (struct slice){open + 1, (size_t)(scan->at - open - 1)};
    scan->at++;
    return true;
}

static bool skip_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && text_is_digit(*scan->at))
        scan->at++;
    return scan->at > start;
}

static bool skip_number(struct scan *scan)
{
    if (next_is(scan, '-'))
        scan->at++;
    if (next_is(scan, '0'))
        scan->at++;
    else if (!skip_digits(scan))
        return false;
    if (next_is(scan, '.')) {
        scan->at++;
        if (!skip_digits(scan))
            return false;
    }
    if (next_is(scan, 'e') || next_is(scan, 'E')) {
        scan->at++;
        if (next_is(scan, '+') || next_is(scan, '-'))
            scan->at++;
        if (!skip_digits(scan))
            return false;
    }
    return scan->at == scan->end || !is_word(*scan->at);
}

static bool scan_number(struct scan *scan, struct slice *text)
{
    const char *start = scan->at;
    if (!skip_number(scan))
        return unexpected(scan, start, "a number as JSON writes it") != NULL;
    *text = (struct slice){start, (size_t)(scan->at - start)};
    if (text->len > NUMBER_LENGTH_MAX)
        return refuse(scan, start, "a number of more than 63 characters");
    return true;
}

static bool scan_word(struct scan *scan, struct doc_node *node)
{
    static const struct {
        struct slice word;
        enum doc_kind kind;
    } words[] = {{SLICE("true"), DOC_BOOL}, {SLICE("false"), DOC_BOOL}, {SLICE("null"), DOC_NULL}};
    const char *stop = scan->at;
    while (stop < scan->end && is_word(*stop))
        stop++;
    struct slice text = {scan->at, (size_t)(stop - scan->at)};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_equal(text, words[i].word)) {
            node->kind = words[i].kind;
            node->truth = i == 0;
            scan->at = stop;
            return true;
        }
    return unexpected(scan, scan->at, "a value") != NULL;
}

static struct doc_node *scan_value(struct scan *scan);

static struct doc_node *scan_member(struct scan *scan)
{
    struct slice name;
    skip_blanks(scan);
    if (!next_is(scan, '"'))
        return unexpected(scan, scan->at, "a name in quotes");
    uint32_t line = scan->line, column = column_of(scan, scan->at);
    if (!scan_string(scan, &name))
        return NULL;
    skip_blanks(scan);
    if (!next_is(scan, ':'))
        return unexpected(scan, scan->at, "\":\"");
    scan->at++;
    struct doc_node *node = scan_value(scan);
    if (!node)
        return NULL;
    node->name = name;
    node->name_line = line;
    node->name_column = column;
    return node;
}

/* The children of an object or a list, up to and with its closing bracket. */
static bool scan_children(struct scan *scan, struct doc_node *parent)
{
    bool object = parent->kind == DOC_OBJECT;
    char close = object ? '}' : ']';
    scan->at++;
    skip_blanks(scan);
    struct doc_node **last = &parent->child;
    while (parent->count > 0 || !next_is(scan, close)) {
        *last = object ? scan_member(scan) : scan_value(scan);
        if (!*last)
            return false;
        last = &(*last)->next;
        parent->count++;
        skip_blanks(scan);
        if (next_is(scan, close))
            break;
        if (!next_is(scan, ','))
            return unexpected(scan, scan->at, object ? "\",\" or \"}\"" : "\",\" or \"]\"") != NULL;
        scan->at++;
    }
    scan->at++;
    return true;
}

static bool scan_container(struct scan *scan, struct doc_node *node)
{
    node->kind = *scan->at == '{' ? DOC_OBJECT : DOC_ARRAY;
    if (scan->depth == DOC_DEPTH_MAX)
        return doc_problem_at(scan->doc, node->line, node->column, "nested more than %d deep", DOC_DEPTH_MAX);
    scan->depth++;
    bool ok = scan_children(scan, node);
    scan->depth--;
    return ok;
}

static struct doc_node *scan_value(struct scan *scan)
{
    skip_blanks(scan);
    struct doc_node *node = arena_array(scan->doc->arena, 1, sizeof *node);
    if (!node) {
        doc_memory(scan->doc);
        return NULL;
    }
    node->doc = scan->doc;
    node->line = scan->line;
    node->column = column_of(scan, scan->at);
    bool ok;
    if (next_is(scan, '{') || next_is(scan, '[')) {
        ok = scan_container(scan, node);
    } else if (next_is(scan, '"')) {
        node->kind = DOC_STRING;
        ok = scan_string(scan, &node->text);
    } else if (scan->at < scan->end && (*scan->at == '-' || text_is_digit(*scan->at))) {
        node->kind = DOC_NUMBER;
        ok = scan_number(scan, &node->text);
    } else {
        ok = scan_word(scan, node);
    }
    return ok ? node : NULL;
}

/* Reports the first byte that is not UTF-8. */
static bool check_utf8(struct scan *scan)
{
    size_t valid = text_valid_utf8(scan->doc->text);
    if (valid == scan->doc->text.len)
        return true;
    const char *bad = scan->doc->text.data + valid;
    for (const char *at = scan->at; at < bad; at++)
        if (*at == '\n') {
            scan->line++;
            scan->line_start = at + 1;
        }
    return doc_problem_at(scan->doc, scan->line, column_of(scan, bad), "byte 0x%02x is not UTF-8", (unsigned char)*bad);
}

struct doc_node *doc_scan(const struct doc *doc)
{
    struct scan scan = {.doc = doc, .at = doc->text.data, .end = doc->text.data + doc->text.len, .line = 1};
    if (slice_starts_with(doc->text, SLICE("\xef\xbb\xbf")))
        scan.at += 3;
    scan.line_start = scan.at;
    if (!check_utf8(&scan))
        return NULL;
    struct doc_node *root = scan_value(&scan);
    if (!root)
        return NULL;
    skip_blanks(&scan);
    return scan.at == scan.end ? root : unexpected(&scan, scan.at, "the end of the file");
}
