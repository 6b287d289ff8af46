#include "parse/json_scan.h"

#include <string.h>

#include "base/text.h"

enum class {
    PLAIN, /* all else; the value that bytes not named below have */
    BLANK,
    NEWLINE,
    QUOTE,
    BACKSLASH,
    OPEN,
    CLOSE,
    COMMA,
    COLON
};

static const uint8_t classes[256] = {
    [' '] = BLANK, ['\t'] = BLANK, ['\r'] = BLANK, ['\n'] = NEWLINE, ['"'] = QUOTE, ['\\'] = BACKSLASH,
    ['{'] = OPEN,  ['['] = OPEN,   ['}'] = CLOSE,  [']'] = CLOSE,    [','] = COMMA, [':'] = COLON,
};

void json_scan_start(struct json_scan *scan, bool lines, uint64_t line, uint64_t column)
{
    *scan = (struct json_scan){.state = JSON_SCAN_START, .lines = lines, .line = line, .line_start = 1 - column};
}

uint64_t json_scan_column(const struct json_scan *scan, size_t at)
{
    return scan->offset + at - scan->line_start + 1;
}

bool json_scan_inside(const struct json_scan *scan)
{
    switch (scan->state) {
    case JSON_SCAN_NESTED:
    case JSON_SCAN_STRING:
    case JSON_SCAN_ESCAPE:
    case JSON_SCAN_SCALAR:
    case JSON_SCAN_LINE:
        return true;
    case JSON_SCAN_START:
    case JSON_SCAN_FIRST:
    case JSON_SCAN_VALUE:
    case JSON_SCAN_NEXT:
    case JSON_SCAN_AFTER:
    case JSON_SCAN_LOOSE:
        break;
    }
    return false;
}

static void newline(struct json_scan *scan, size_t at)
{
    scan->line++;
    scan->line_start = scan->offset + at + 1;
}

static enum json_scan_result fault(struct json_scan *scan, const char *expected)
{
    scan->expected = expected;
    return JSON_SCAN_FAULT;
}

static enum json_scan_result end_element(struct json_scan *scan)
{
    scan->state = scan->in_array ? JSON_SCAN_NEXT : JSON_SCAN_LOOSE;
    return JSON_SCAN_ELEMENT;
}

/* --- between elements --------------------------------------------------------------------------------------------- */

static const char *expected_between(const struct json_scan *scan)
{
    if (scan->lines)
        return "an object on each line";
    switch (scan->state) {
    case JSON_SCAN_START:
        return "[ or {";
    case JSON_SCAN_FIRST:
        return "an object or ]";
    case JSON_SCAN_VALUE:
        return "an object";
    case JSON_SCAN_NEXT:
        return ", or ]";
    case JSON_SCAN_AFTER:
        return "the end of the file";
    case JSON_SCAN_LOOSE:
        return "an object or the end of the file";
    case JSON_SCAN_NESTED:
    case JSON_SCAN_STRING:
    case JSON_SCAN_ESCAPE:
    case JSON_SCAN_SCALAR:
    case JSON_SCAN_LINE:
        break;
    }
    return "JSON";
}

/* Whether a value may begin with this byte in this state. In the array a word may be anything: it costs one row. */
static bool may_begin(enum json_scan_state state, char c)
{
    enum class class = classes[(uint8_t)c];
    if (state == JSON_SCAN_START)
        return c == '{';
    if (state == JSON_SCAN_NEXT || state == JSON_SCAN_AFTER || (uint8_t)c < ' ')
        return false;
    if (state == JSON_SCAN_LOOSE && class == PLAIN)
        return c == '-' || text_is_digit(c) || c == 't' || c == 'f' || c == 'n';
    return class == PLAIN || class == QUOTE || class == OPEN;
}

static void begin_element(struct json_scan *scan, size_t at, char c)
{
    enum class class = classes[(uint8_t)c];
    scan->begin = at;
    scan->depth = class == OPEN;
    scan->element_line = scan->line;
    scan->element_column = json_scan_column(scan, at);
    if (scan->lines)
        scan->state = JSON_SCAN_LINE;
    else
        scan->state = class == OPEN ? JSON_SCAN_NESTED : class == QUOTE ? JSON_SCAN_STRING : JSON_SCAN_SCALAR;
}

/* One byte that is no blank; false when it may not stand here. */
static bool between(struct json_scan *scan, size_t at, char c)
{
    if (scan->lines) {
        /* An array over all lines: it is the other format. */
        if (c == '[' && scan->state == JSON_SCAN_START)
            return false;
        begin_element(scan, at, c);
    } else if (c == '[' && scan->state == JSON_SCAN_START) {
        scan->in_array = true;
        scan->state = JSON_SCAN_FIRST;
    } else if (c == ',' && scan->state == JSON_SCAN_NEXT) {
        scan->state = JSON_SCAN_VALUE;
    } else if (c == ']' && (scan->state == JSON_SCAN_FIRST || scan->state == JSON_SCAN_NEXT)) {
        scan->state = JSON_SCAN_AFTER;
    } else if (may_begin(scan->state, c)) {
        begin_element(scan, at, c);
    } else {
        return false;
    }
    return true;
}

static enum json_scan_result scan_between(struct json_scan *scan, struct slice block, size_t *at)
{
    for (; *at < block.len; ++*at) {
        enum class class = classes[(uint8_t)block.data[*at]];
        if (class == BLANK)
            continue;
        if (class == NEWLINE) {
            newline(scan, *at);
            continue;
        }
        if (!between(scan, *at, block.data[*at]))
            return fault(scan, expected_between(scan));
        if (json_scan_inside(scan)) {
            ++*at;
            break;
        }
    }
    return JSON_SCAN_MORE;
}

/* --- in an element ------------------------------------------------------------------------------------------------ */

static enum json_scan_result scan_nested(struct json_scan *scan, struct slice block, size_t *at)
{
    for (; *at < block.len; ++*at) {
        enum class class = classes[(uint8_t)block.data[*at]];
        if (class == QUOTE) {
            ++*at;
            scan->state = JSON_SCAN_STRING;
            return JSON_SCAN_MORE;
        }
        if (class == OPEN)
            scan->depth++;
        if (class == CLOSE && --scan->depth == 0) {
            ++*at;
            return end_element(scan);
        }
        if (class == NEWLINE)
            newline(scan, *at);
    }
    return JSON_SCAN_MORE;
}

static enum json_scan_result scan_string(struct json_scan *scan, struct slice block, size_t *at)
{
    for (; *at < block.len; ++*at) {
        enum class class = classes[(uint8_t)block.data[*at]];
        if (class == NEWLINE)
            newline(scan, *at);
        if (class != QUOTE && class != BACKSLASH)
            continue;
        ++*at;
        scan->state = class == BACKSLASH ? JSON_SCAN_ESCAPE : JSON_SCAN_NESTED;
        if (class == QUOTE && scan->depth == 0)
            return end_element(scan);
        return JSON_SCAN_MORE;
    }
    return JSON_SCAN_MORE;
}

static enum json_scan_result scan_escape(struct json_scan *scan, struct slice block, size_t *at)
{
    if (block.data[*at] == '\n')
        newline(scan, *at);
    ++*at;
    scan->state = JSON_SCAN_STRING;
    return JSON_SCAN_MORE;
}

/* A number or word ends before the byte that cannot be its own. */
static enum json_scan_result scan_scalar(struct json_scan *scan, struct slice block, size_t *at)
{
    while (*at < block.len && classes[(uint8_t)block.data[*at]] == PLAIN)
        ++*at;
    return *at < block.len ? end_element(scan) : JSON_SCAN_MORE;
}

/* It ends before the line end. */
static enum json_scan_result scan_line(struct json_scan *scan, struct slice block, size_t *at)
{
    const char *end = memchr(block.data + *at, '\n', block.len - *at);
    *at = end ? (size_t)(end - block.data) : block.len;
    return end ? end_element(scan) : JSON_SCAN_MORE;
}

static enum json_scan_result scan_some(struct json_scan *scan, struct slice block, size_t *at)
{
    switch (scan->state) {
    case JSON_SCAN_NESTED:
        return scan_nested(scan, block, at);
    case JSON_SCAN_STRING:
        return scan_string(scan, block, at);
    case JSON_SCAN_ESCAPE:
        return scan_escape(scan, block, at);
    case JSON_SCAN_SCALAR:
        return scan_scalar(scan, block, at);
    case JSON_SCAN_LINE:
        return scan_line(scan, block, at);
    case JSON_SCAN_START:
    case JSON_SCAN_FIRST:
    case JSON_SCAN_VALUE:
    case JSON_SCAN_NEXT:
    case JSON_SCAN_AFTER:
    case JSON_SCAN_LOOSE:
        break;
    }
    return scan_between(scan, block, at);
}

enum json_scan_result json_scan_next(struct json_scan *scan, struct slice block, size_t *at)
{
    while (*at < block.len) {
        enum json_scan_result result = scan_some(scan, block, at);
        if (result != JSON_SCAN_MORE)
            return result;
    }
    return JSON_SCAN_MORE;
}

void json_scan_advance(struct json_scan *scan, size_t len)
{
    scan->offset += len;
    scan->begin = 0;
}

enum json_scan_result json_scan_finish(struct json_scan *scan)
{
    switch (scan->state) {
    case JSON_SCAN_AFTER:
    case JSON_SCAN_LOOSE:
        return JSON_SCAN_MORE;
    case JSON_SCAN_SCALAR:
        return scan->in_array ? fault(scan, ", or ]") : end_element(scan);
    case JSON_SCAN_LINE:
        return end_element(scan);
    case JSON_SCAN_NESTED:
        return fault(scan, "} or ]");
    case JSON_SCAN_STRING:
    case JSON_SCAN_ESCAPE:
        return fault(scan, "a closing quote");
    case JSON_SCAN_START:
    case JSON_SCAN_FIRST:
    case JSON_SCAN_VALUE:
    case JSON_SCAN_NEXT:
        break;
    }
    return fault(scan, expected_between(scan));
}
