#include "model/pattern_digits.h"

#include <string.h>

#include "base/text.h"

static bool is_literal(char c)
{
    return text_is_digit(c) || text_is_letter(c) || (c != '\0' && strchr("-_,:/# ", c));
}

static bool skip(struct slice *rest, const char *text)
{
    if (!slice_starts_with(*rest, slice_of(text)))
        return false;
    rest->data += strlen(text);
    rest->len -= strlen(text);
    return true;
}

/* A literal, or (?:literal)?, or nothing. */
static bool read_literal(struct slice *rest, struct pattern_literal *literal)
{
    *literal = (struct pattern_literal){.optional = skip(rest, "(?:")};
    for (; rest->len > 0 && is_literal(rest->data[0]); rest->data++, rest->len--) {
        if (literal->len == sizeof literal->text)
            return false;
        literal->text[literal->len++] = rest->data[0];
    }
    bool fits = literal->len == 0 || !text_is_digit(literal->text[0]);
    return fits && (!literal->optional || (literal->len > 0 && skip(rest, ")?")));
}

bool pattern_digits_read(struct slice expression, struct pattern_digits *digits)
{
    struct slice rest = expression;
    return skip(&rest, "^") && read_literal(&rest, &digits->before) && skip(&rest, "([0-9]+)") &&
           read_literal(&rest, &digits->behind) && skip(&rest, "$") && rest.len == 0;
}

/* Takes the literal off the text's start. */
static inline bool take(const struct pattern_literal *literal, struct slice *text)
{
    if (text->len < literal->len || memcmp(text->data, literal->text, literal->len) != 0)
        return literal->optional;
    text->data += literal->len;
    text->len -= literal->len;
    return true;
}

bool pattern_digits_match(const struct pattern_digits *digits, struct slice text, struct slice *out)
{
    if (text.len == 0 || !take(&digits->before, &text))
        return false;
    size_t len = 0;
    while (len < text.len && text_is_digit(text.data[len]))
        len++;
    struct slice rest = {text.data + len, text.len - len};
    *out = (struct slice){text.data, len};
    return len > 0 && take(&digits->behind, &rest) && rest.len == 0;
}
