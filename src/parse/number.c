/* Decimal text is moved, never computed, so nothing is rounded: value = 0.DIGITS * 10^point. */
#include "parse/number.h"

#include <string.h>

#include "base/text.h"

enum {
    POINT_MAX = 40,        /* places the point may lie outside the digits: far beyond 64 bits */
    EXPONENT_MAX = 1000000 /* larger ones are read as this one */
};

struct digits {
    char text[NUMBER_DIGITS_MAX]; /* without zeros at either end */
    int count;
    int point; /* how many digits stand before the point; may lie outside */
};

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && text_is_digit(*at))
        at++;
    return at;
}

/* Whether it is a number as JSON writes them; leading zeros do no harm. */
static bool is_number(struct slice token)
{
    const char *end = token.data + token.len, *at = token.data + (token.len > 0 && token.data[0] == '-'), *from = at;
    at = skip_digits(at, end);
    if (at == from)
        return false;
    if (at < end && *at == '.') {
        from = ++at;
        at = skip_digits(at, end);
        if (at == from)
            return false;
    }
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    at += at < end && (*at == '-' || *at == '+');
    return at < end && skip_digits(at, end) == end;
}

static int read_exponent(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    int sum = 0;
    for (; at < end; at++)
        if (text_is_digit(*at) && sum < EXPONENT_MAX)
            sum = sum * 10 + (*at - '0');
    return negative ? -sum : sum;
}

/* Zeros that stood before it are digits too, now that another one follows. False when they are too many. */
static bool add_digit(struct digits *digits, int zeros, char digit)
{
    if (zeros >= NUMBER_DIGITS_MAX - digits->count)
        return false;
    memset(digits->text + digits->count, '0', (size_t)zeros);
    digits->count += zeros;
    digits->text[digits->count++] = digit;
    return true;
}

static bool read_digits(struct slice token, struct digits *digits)
{
    const char *at = token.data, *end = token.data + token.len;
    bool behind = false;
    int zeros = 0;
    *digits = (struct digits){.count = 0};
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        behind = behind || *at == '.';
        if (!text_is_digit(*at))
            continue;
        if (*at == '0' && digits->count == 0) {
            digits->point -= behind;
            continue;
        }
        digits->point += !behind;
        if (*at == '0') {
            zeros++;
            continue;
        }
        if (!add_digit(digits, zeros, *at))
            return false;
        zeros = 0;
    }
    if (at < end)
        digits->point += read_exponent(at + 1, end);
    return true;
}

static char *put_zeros(char *at, int count)
{
    for (int i = 0; i < count; i++)
        *at++ = '0';
    return at;
}

static char *put_digits(char *at, const struct digits *digits, int from, int to)
{
    memcpy(at, digits->text + from, (size_t)(to - from));
    return at + (to - from);
}

static char *put_fraction(char *at, const struct digits *digits)
{
    *at++ = '.';
    if (digits->point < 0)
        at = put_zeros(at, -digits->point);
    return put_digits(at, digits, digits->point > 0 ? digits->point : 0, digits->count);
}

bool number_plain(struct slice token, char out[NUMBER_PLAIN_MAX], struct slice *plain)
{
    struct digits digits;
    char *at = out;
    if (!is_number(token) || !read_digits(token, &digits))
        return false;
    if (digits.count == 0) {
        *plain = SLICE("0");
        return true;
    }
    if (digits.point > POINT_MAX || digits.point < -POINT_MAX)
        return false;
    if (token.data[0] == '-')
        *at++ = '-';
    int whole = digits.point < digits.count ? digits.point : digits.count;
    if (whole > 0)
        at = put_zeros(put_digits(at, &digits, 0, whole), digits.point - whole);
    else
        *at++ = '0';
    if (digits.count > whole)
        at = put_fraction(at, &digits);
    *plain = (struct slice){out, (size_t)(at - out)};
    return true;
}
