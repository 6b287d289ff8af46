/*
 * Fields to values, strictly and exactly.
 *
 * Numbers share one grammar: an optional sign, digits, then where the type has them a point with at least one digit
 * behind it, and an exponent. So `.5` is a number and `5.` is not. No locale has a say.
 */
#include "model/value.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/timestamp.h"
#include "model/value_quick.h"

enum {
    SAFE_DIGITS = 18,       /* that never exceed 64 bits, signed */
    DOUBLE_TEXT_MAX = 1024, /* bytes of the text of a double */
    EXPONENT_MAX = 100000   /* far beyond any double: larger ones are read as this one */
};

const uint64_t value_powers[DECIMAL_PRECISION_MAX + 1] = {1,
                                                          10,
                                                          100,
                                                          1000,
                                                          10000,
                                                          100000,
                                                          1000000,
                                                          10000000,
                                                          100000000,
                                                          1000000000,
                                                          10000000000,
                                                          100000000000,
                                                          1000000000000,
                                                          10000000000000,
                                                          100000000000000,
                                                          1000000000000000,
                                                          10000000000000000,
                                                          100000000000000000,
                                                          1000000000000000000};

const double value_double_powers[VALUE_EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                           1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                           1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Phrases that differ by a number: indexed by it, so that they stay static words. */
static const char *const places_words[DECIMAL_PRECISION_MAX + 1] = {
    "a decimal without places behind the point", "a decimal with at most 1 place",   "a decimal with at most 2 places",
    "a decimal with at most 3 places",           "a decimal with at most 4 places",  "a decimal with at most 5 places",
    "a decimal with at most 6 places",           "a decimal with at most 7 places",  "a decimal with at most 8 places",
    "a decimal with at most 9 places",           "a decimal with at most 10 places", "a decimal with at most 11 places",
    "a decimal with at most 12 places",          "a decimal with at most 13 places", "a decimal with at most 14 places",
    "a decimal with at most 15 places",          "a decimal with at most 16 places", "a decimal with at most 17 places",
    "a decimal with at most 18 places",
};

static const char *const whole_words[DECIMAL_PRECISION_MAX + 1] = {
    "a decimal below 1",
    "a decimal with at most 1 digit before the point",
    "a decimal with at most 2 digits before the point",
    "a decimal with at most 3 digits before the point",
    "a decimal with at most 4 digits before the point",
    "a decimal with at most 5 digits before the point",
    "a decimal with at most 6 digits before the point",
    "a decimal with at most 7 digits before the point",
    "a decimal with at most 8 digits before the point",
    "a decimal with at most 9 digits before the point",
    "a decimal with at most 10 digits before the point",
    "a decimal with at most 11 digits before the point",
    "a decimal with at most 12 digits before the point",
    "a decimal with at most 13 digits before the point",
    "a decimal with at most 14 digits before the point",
    "a decimal with at most 15 digits before the point",
    "a decimal with at most 16 digits before the point",
    "a decimal with at most 17 digits before the point",
    "a decimal with at most 18 digits before the point",
};

static bool fail(const char **expected, const char *words)
{
    *expected = words;
    return false;
}

/* The digits from `at` on. */
static inline struct slice digit_run(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && text_is_digit(*p))
        p++;
    return (struct slice){at, (size_t)(p - at)};
}

/* Appends digits, at most SAFE_DIGITS together with those of `sum`. */
static inline uint64_t append_digits(uint64_t sum, struct slice digits)
{
    for (size_t i = 0; i < digits.len; i++)
        sum = sum * 10 + (uint64_t)(digits.data[i] - '0');
    return sum;
}

static inline struct slice without_leading_zeros(struct slice digits)
{
    while (digits.len > 0 && digits.data[0] == '0') {
        digits.data++;
        digits.len--;
    }
    return digits;
}

static inline struct slice without_trailing_zeros(struct slice digits)
{
    while (digits.len > 0 && digits.data[digits.len - 1] == '0')
        digits.len--;
    return digits;
}

/* --- int64 -------------------------------------------------------------------------------------------------------- */

/* Of digits that may be many, with their sum modulo 2^64, which is theirs up to 19 digits. False past INT64_MAX, or
   past INT64_MIN's magnitude when negative. */
static bool fits_int64(struct slice digits, bool negative, uint64_t sum)
{
    return without_leading_zeros(digits).len <= SAFE_DIGITS + 1 && sum <= (uint64_t)INT64_MAX + negative;
}

static bool parse_int64(struct slice text, int64_t *out, const char **expected)
{
    if (text.len == 0)
        return fail(expected, "an integer");
    bool negative = text.data[0] == '-', sign = negative || text.data[0] == '+';
    struct slice digits = {text.data + sign, text.len - sign};
    uint64_t magnitude = 0;
    unsigned bad = digits.len == 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)(unsigned char)digits.data[i] - '0';
        bad |= digit > 9;
        magnitude = magnitude * 10 + digit;
    }
    if (bad)
        return fail(expected, "an integer");
    if (digits.len > SAFE_DIGITS && !fits_int64(digits, negative, magnitude))
        return fail(expected, "an integer from -9223372036854775808 to 9223372036854775807");
    *out = (int64_t)(negative ? -magnitude : magnitude);
    return true;
}

/* --- decimal and double ------------------------------------------------------------------------------------------- */

struct number {
    bool negative;
    struct slice whole, fraction; /* digits; not both empty */
    const char *rest;             /* what follows them */
};

static bool scan_number(struct slice text, struct number *number)
{
    const char *at = text.data, *end = text.data + text.len;
    number->negative = at < end && *at == '-';
    at += number->negative || (at < end && *at == '+');
    number->whole = digit_run(at, end);
    at += number->whole.len;
    number->fraction = (struct slice){at, 0};
    bool point = at < end && *at == '.';
    if (point) {
        number->fraction = digit_run(at + 1, end);
        at += 1 + number->fraction.len;
    }
    number->rest = at;
    return point ? number->fraction.len > 0 : number->whole.len > 0;
}

static bool parse_decimal(struct value_type type, struct slice text, int64_t *out, const char **expected)
{
    struct number number;
    if (text.len == 0 || !scan_number(text, &number) || number.rest != text.data + text.len)
        return fail(expected, "a decimal number");
    size_t whole_max = (size_t)(type.precision - type.scale);
    if (number.whole.len > whole_max) {
        number.whole = without_leading_zeros(number.whole);
        if (number.whole.len > whole_max)
            return fail(expected, whole_words[whole_max]);
    }
    if (number.fraction.len > type.scale) {
        number.fraction = without_trailing_zeros(number.fraction);
        if (number.fraction.len > type.scale)
            return fail(expected, places_words[type.scale]);
    }
    uint64_t units = append_digits(append_digits(0, number.whole), number.fraction);
    for (size_t i = number.fraction.len; i < type.scale; i++)
        units *= 10;
    *out = (int64_t)(number.negative ? -units : units);
    return true;
}

/* The exponent that the text ends in: 0 when it has none; false when something else is there. */
static bool scan_exponent(const char *at, const char *end, int *exponent)
{
    *exponent = 0;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    bool negative = at < end && *at == '-';
    at += negative || (at < end && *at == '+');
    struct slice digits = digit_run(at, end);
    if (digits.len == 0 || digits.data + digits.len != end)
        return false;
    int sum = 0;
    for (size_t i = 0; i < digits.len; i++)
        sum = sum > EXPONENT_MAX ? EXPONENT_MAX : sum * 10 + (digits.data[i] - '0');
    *exponent = negative ? -sum : sum;
    return true;
}

/* Without rounding, where that is possible. */
static bool exact_number(const struct number *number, int exponent, double *out)
{
    if (number->whole.len + number->fraction.len > SAFE_DIGITS)
        return false;
    uint64_t mantissa = append_digits(append_digits(0, number->whole), number->fraction);
    return value_exact_double(mantissa, exponent - (int)number->fraction.len, number->negative, out);
}

/* strtod of text that is known to be a number. False when out of memory. */
static bool general_double(struct slice text, double *out)
{
    char copy[DOUBLE_TEXT_MAX + 1];
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return false;
    *out = strtod_l(copy, NULL, plain);
    freelocale(plain);
    return true;
}

static bool parse_double(struct slice text, double *out, const char **expected)
{
    struct number number;
    int exponent;
    double d;
    if (text.len == 0 || !scan_number(text, &number) || !scan_exponent(number.rest, text.data + text.len, &exponent))
        return fail(expected, "a number");
    if (text.len > DOUBLE_TEXT_MAX)
        return fail(expected, "a number of at most 1024 characters");
    if (!exact_number(&number, exponent, &d) && !general_double(text, &d))
        return fail(expected, "a number, and memory to read it");
    if (!isfinite(d))
        return fail(expected, "a number within the range of a double");
    *out = d == 0 ? 0 : d;
    return true;
}

/* --- the other kinds ---------------------------------------------------------------------------------------------- */

/* `word` in lower case. */
static bool is_word(struct slice text, const char *word)
{
    size_t len = strlen(word);
    if (text.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text_lower(text.data[i]) != word[i])
            return false;
    return true;
}

static bool parse_bool(struct slice text, int64_t *out, const char **expected)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"}, {"f", "t"}, {"n", "y"}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        for (int truth = 0; truth <= 1; truth++) {
            if (is_word(text, words[i][truth])) {
                *out = truth;
                return true;
            }
        }
    }
    return fail(expected, "true, false, yes, no, t, f, y, n, 1 or 0");
}

static bool parse_text(struct slice text, struct slice *out, const char **expected)
{
    if (text.len > TEXT_VALUE_MAX)
        return fail(expected, "a text of at most 65536 bytes");
    if (text.len > 0 && memchr(text.data, '\0', text.len))
        return fail(expected, "a text without NUL");
    if (text_valid_utf8(text) != text.len)
        return fail(expected, "valid UTF-8");
    *out = text;
    return true;
}

static bool parse_date(const char *const *formats, size_t format_count, struct slice text, int64_t *days,
                       const char **expected)
{
    int64_t micros;
    if (format_count == 0)
        return timestamp_parse_date(text, days, expected);
    if (!timestamp_parse_any(text, formats, format_count, NULL, &micros, expected))
        return false;
    if (micros % TIMESTAMP_DAY != 0)
        return fail(expected, "a date without a time of day");
    *days = micros / TIMESTAMP_DAY;
    return true;
}

/* Out of the way of what is read at once. */
__attribute__((noinline)) static bool parse(struct value_type type, const char *const *formats, size_t format_count,
                                            struct slice text, struct value *value, const char **expected)
{
    switch (type.kind) {
    case VALUE_INT64:
        return parse_int64(text, &value->i, expected);
    case VALUE_DOUBLE:
        return parse_double(text, &value->d, expected);
    case VALUE_DECIMAL:
        return parse_decimal(type, text, &value->i, expected);
    case VALUE_TEXT:
        return parse_text(text, &value->text, expected);
    case VALUE_BOOL:
        return parse_bool(text, &value->i, expected);
    case VALUE_DATE:
        return parse_date(formats, format_count, text, &value->i, expected);
    case VALUE_TIMESTAMP:
        if (format_count == 0)
            return timestamp_parse_iso(text, &value->i, expected);
        return timestamp_parse_any(text, formats, format_count, NULL, &value->i, expected);
    }
    return fail(expected, "a known type");
}

bool value_parse(struct value_type type, const char *const *formats, size_t format_count, struct slice text,
                 struct value *value, const char **expected)
{
    return value_quick(type, text, value) || parse(type, formats, format_count, text, value, expected);
}
