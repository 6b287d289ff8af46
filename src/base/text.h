/* Text for people and for machines: escaping of bytes, JSON strings, kinds of characters, the nearest known word. */
#ifndef DROPFOLD_BASE_TEXT_H
#define DROPFOLD_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * Bytes made fit for one line of a terminal: valid UTF-8 stays; control characters, DEL, C1 controls, backslashes and
 * invalid bytes become \n, \t, \r, \\ or \xNN, and so do the bytes of characters that nobody sees and that turn the
 * direction of writing or end a line (U+202E, U+2028 and the like). At most `size - 1` bytes are written and
 * NUL-terminated; text that does not fit ends in "...". Returns out.
 */
char *text_escape(struct slice s, char *out, size_t size);

/* The same for a text that holds what was escaped before, a message for one: its backslashes stay as they are. */
char *text_escape_again(struct slice s, char *out, size_t size);

/*
 * vsnprintf into `size` bytes (at least 1) that never leaves half a UTF-8 character: text that does not fit ends in
 * "...". Returns the length of what stands in out, without the NUL.
 */
size_t text_format(char *out, size_t size, const char *format, va_list args) PRINTF_LIKE(3, 0);

/* The same as snprintf. Returns out. */
char *text_print(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/* A JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
void text_put_json(struct buf *out, struct slice s);

/* Length in bytes of the valid UTF-8 prefix of s; equal to s.len when all of it is valid (RFC 3629: no surrogates, no
   overlong forms, at most U+10FFFF). NUL counts as valid. */
size_t text_valid_utf8(struct slice s);

/*
 * The word of `words` nearest to `s` by Damerau-Levenshtein distance, case ignored, when it is near enough to be a
 * likely slip (distance at most a third of the length of s, at least 1, and some letter left alike); else NULL. Of
 * those as near, the first of its length, else the first. Reads at most 64 bytes of each word.
 */
const char *text_nearest(struct slice s, const char *const *words, size_t count);

enum { TEXT_HINT_SIZE = 128 };

/* `; did you mean "word"?` of the nearest word, escaped, for the end of a message; nothing when there is none. Returns
   out. */
char *text_hint(struct slice s, const char *const *words, size_t count, char out[TEXT_HINT_SIZE]);

/* Of ASCII's, whatever the locale. */
static inline bool text_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool text_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether a byte of UTF-8 goes on with the character that one before it began. */
static inline bool text_goes_on(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* A capital letter as a small one; all else as it is. */
static inline char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit in either case, or -1. */
static inline int text_hex_value(char c)
{
    if (text_is_digit(c))
        return c - '0';
    c = text_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1,234,567": how commands that look (status, verify, store) print counts for people. Messages and name=value have
   plain digits. Returns out. */
char *text_count(uint64_t value, char out[32]);

/* The same in memory of its own, until the end of the block. */
#define TEXT_COUNT(value) text_count(value, (char[32]){""})

/* What ends the noun behind a count: "%" PRIu64 " row%s". "s", or nothing behind 1. */
const char *text_plural(uint64_t count);

#endif
