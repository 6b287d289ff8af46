#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    NEAREST_MAX = 64,   /* bytes of a word that text_nearest reads */
    ESCAPED_MAX = 4 * 3 /* bytes of the longest piece that text_escape writes at once: U+202E and the like */
};

/* The length of the valid UTF-8 character that starts at p, or 0. The table is that of RFC 3629, section 4. */
static size_t character_length(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (left < length)
        return 0;
    /* The second byte rules out overlong forms, surrogates and what lies above U+10FFFF. */
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static const uint8_t *bytes_of(struct slice s)
{
    return (const uint8_t *)s.data;
}

/* Whether eight bytes at p are all ASCII. */
static bool eight_ascii(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

size_t text_valid_utf8(struct slice s)
{
    const uint8_t *p = bytes_of(s);
    size_t at = 0;
    while (at < s.len) {
        if (s.len - at >= 8 && eight_ascii(p + at)) {
            at += 8;
            continue;
        }
        size_t length = character_length(p + at, s.len - at);
        if (length == 0)
            return at;
        at += length;
    }
    return at;
}

/* Ends the text of `len` bytes in as many dots as there is room for. Returns its length. */
static size_t end_in_dots(char *out, size_t len, size_t size)
{
    for (int i = 0; i < 3 && len < size - 1; i++)
        out[len++] = '.';
    out[len] = '\0';
    return len;
}

/* The longest text that leaves room for dots. */
static size_t before_dots(size_t size)
{
    return size > 4 ? size - 4 : 0;
}

size_t text_format(char *out, size_t size, const char *format, va_list args)
{
    int length = vsnprintf(out, size, format, args);
    if (length < 0) {
        out[0] = '\0';
        return 0;
    }
    if ((size_t)length < size)
        return (size_t)length;
    size_t cut = before_dots(size);
    while (cut > 0 && text_goes_on(out[cut]))
        cut--;
    return end_in_dots(out, cut, size);
}

char *text_print(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format(out, size, format, args);
    va_end(args);
    return out;
}

static size_t put_hex(uint8_t byte, char *out)
{
    static const char digits[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'x';
    out[2] = digits[byte >> 4];
    out[3] = digits[byte & 15];
    return 4;
}

/* The letter behind the backslash for a byte that has one, else 0. */
static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\\':
        return '\\';
    default:
        return 0;
    }
}

/*
 * Whether the valid character at p is one that a terminal may obey and nobody sees: C1 controls, the marks, embeddings,
 * overrides and isolates that turn the direction of what stands around them (U+061C, U+200E, U+200F, U+202A to U+202E,
 * U+2066 to U+2069), separators of lines and paragraphs (U+2028, U+2029), and U+FEFF.
 */
static bool is_unseen(const uint8_t *p, size_t length)
{
    if (length == 2)
        return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
    if (length != 3)
        return false;
    if (p[0] == 0xe2 && p[1] == 0x80)
        return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae);
    return (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9) ||
           (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf);
}

/* Writes what stands for the first character at p and sets *used to its bytes. Returns what was written. */
static size_t escape_one(const uint8_t *p, size_t left, size_t *used, char out[ESCAPED_MAX])
{
    size_t length = character_length(p, left);
    *used = length > 0 ? length : 1;
    char letter = short_escape(p[0]);
    if (letter) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    if (length == 0 || p[0] < ' ' || p[0] == 0x7f)
        return put_hex(p[0], out);
    if (!is_unseen(p, length)) {
        memcpy(out, p, length);
        return length;
    }
    size_t written = 0;
    for (size_t i = 0; i < length; i++)
        written += put_hex(p[i], out + written);
    return written;
}

static char *escape(struct slice s, bool again, char *out, size_t size)
{
    if (size == 0)
        return out;
    size_t len = 0, cut = 0, used;
    for (size_t at = 0; at < s.len; at += used) {
        char piece[ESCAPED_MAX];
        size_t length = escape_one(bytes_of(s) + at, s.len - at, &used, piece);
        if (again && s.data[at] == '\\')
            length = 1;
        if (length > size - 1 - len) {
            end_in_dots(out, cut, size);
            return out;
        }
        memcpy(out + len, piece, length);
        len += length;
        if (len <= before_dots(size))
            cut = len;
    }
    out[len] = '\0';
    return out;
}

char *text_escape(struct slice s, char *out, size_t size)
{
    return escape(s, false, out, size);
}

char *text_escape_again(struct slice s, char *out, size_t size)
{
    return escape(s, true, out, size);
}

static void put_json_control(struct buf *out, uint8_t byte)
{
    switch (byte) {
    case '\b':
        buf_put_text(out, "\\b");
        break;
    case '\f':
        buf_put_text(out, "\\f");
        break;
    case '\n':
        buf_put_text(out, "\\n");
        break;
    case '\r':
        buf_put_text(out, "\\r");
        break;
    case '\t':
        buf_put_text(out, "\\t");
        break;
    default:
        buf_printf(out, "\\u%04x", byte);
    }
}

/* Bytes from p that a JSON string holds as they are. */
static size_t plain_run(const uint8_t *p, size_t len)
{
    size_t at = 0;
    while (at < len && p[at] >= ' ' && p[at] != '"' && p[at] != '\\') {
        size_t length = character_length(p + at, len - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

void text_put_json(struct buf *out, struct slice s)
{
    const uint8_t *p = bytes_of(s);
    buf_put_byte(out, '"');
    for (size_t at = 0; at < s.len; at++) {
        size_t run = plain_run(p + at, s.len - at);
        buf_put(out, p + at, run);
        at += run;
        if (at == s.len)
            break;
        if (p[at] >= 0x80) {
            buf_put_text(out, "\xef\xbf\xbd");
        } else if (p[at] < ' ') {
            put_json_control(out, p[at]);
        } else {
            buf_put_byte(out, '\\');
            buf_put_byte(out, p[at]);
        }
    }
    buf_put_byte(out, '"');
}

static bool same_letter(char a, char b)
{
    return text_lower(a) == text_lower(b);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * The optimal string alignment distance: insert, delete, replace, and swap two neighbours.
 * Three rows of the usual matrix are enough, since a swap looks two rows back.
 */
static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t changed = above[j - 1] + !same_letter(a.data[i - 1], b.data[j - 1]);
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a.data[i - 1], b.data[j - 2]) &&
                same_letter(a.data[i - 2], b.data[j - 1]))
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

const char *text_nearest(struct slice s, const char *const *words, size_t count)
{
    s.len = least(s.len, NEAREST_MAX);
    size_t best = (s.len >= 3 ? s.len / 3 : 1) + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        struct slice word = {words[i], strnlen(words[i], NEAREST_MAX)};
        size_t d = distance(s, word);
        size_t longer = s.len > word.len ? s.len : word.len;
        bool swapped = d == best && nearest && word.len == s.len && strlen(nearest) != s.len;
        if ((d < best || swapped) && d < longer) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

char *text_hint(struct slice s, const char *const *words, size_t count, char out[TEXT_HINT_SIZE])
{
    char shown[TEXT_HINT_SIZE - sizeof "; did you mean \"\"?" + 1];
    const char *nearest = text_nearest(s, words, count);
    out[0] = '\0';
    if (nearest)
        snprintf(out, TEXT_HINT_SIZE, "; did you mean \"%s\"?", text_escape(slice_of(nearest), shown, sizeof shown));
    return out;
}

char *text_count(uint64_t value, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%ju", (uintmax_t)value);
    size_t len = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[len++] = ',';
        out[len++] = digits[i];
    }
    out[len] = '\0';
    return out;
}

const char *text_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}
