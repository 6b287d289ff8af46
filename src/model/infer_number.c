#include "model/infer_number.h"

#include <string.h>

#include "base/text.h"
#include "model/number_form.h"
#include "model/value.h"

static const struct number_form comma_form = {.thousands = {".", 1}, .decimal = {",", 1}};
static const struct number_form point_form = {.thousands = {",", 1}, .decimal = {".", 1}};

bool infer_number_plain(struct slice text, struct infer_digits *digits, bool *padded)
{
    const char *at = text.data, *end = text.data + text.len;
    at += at < end && (*at == '-' || *at == '+');
    const char *first = at;
    while (at < end && text_is_digit(*at))
        at++;
    digits->whole = (unsigned)(at - first);
    digits->places = 0;
    *padded = digits->whole > 1 && *first == '0';
    if (at < end && *at == '.') {
        const char *point = at++;
        while (at < end && text_is_digit(*at))
            at++;
        digits->places = (unsigned)(at - point) - 1;
        if (digits->places == 0)
            return false;
    }
    return at == end && digits->whole + digits->places > 0;
}

static unsigned longer(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void note(struct infer_digits *longest, struct infer_digits digits)
{
    longest->whole = longer(longest->whole, digits.whole);
    longest->places = longer(longest->places, digits.places);
}

/* False also for codes, which have zeros in front. */
static bool read_by(const struct number_form *form, struct slice text, struct infer_digits *longest)
{
    char room[NUMBER_FORM_PLAIN_MAX];
    const char *ignored;
    struct slice plain;
    struct infer_digits digits;
    bool padded;
    if (!number_form_plain(form, text, room, &plain, &ignored) || !infer_number_plain(plain, &digits, &padded) ||
        padded)
        return false;
    note(longest, digits);
    return true;
}

void infer_number_value(struct infer_number *number, struct slice text)
{
    struct infer_digits plain;
    bool padded;
    if (number->neither)
        return;
    if (number->json && infer_number_plain(text, &plain, &padded))
        note(&number->comma, plain);
    bool comma = read_by(&comma_form, text, &number->comma), point = read_by(&point_form, text, &number->point);
    number->neither = !comma && !point;
    number->must_be_comma |= comma && !point;
    number->must_be_point |= point && !comma;
    number->commas |= memchr(text.data, ',', text.len) != NULL;
    number->dots |= memchr(text.data, '.', text.len) != NULL;
}

static bool fits(struct infer_digits digits)
{
    return digits.whole + digits.places <= DECIMAL_PRECISION_MAX;
}

enum infer_number_kind infer_number_kind(const struct infer_number *number)
{
    if (number->neither || (!number->commas && !number->dots))
        return INFER_NUMBER_NONE;
    if (number->must_be_comma && number->must_be_point)
        return INFER_NUMBER_BOTH;
    if (number->must_be_point)
        return number->commas && fits(number->point) ? INFER_NUMBER_POINT : INFER_NUMBER_NONE;
    if (!number->must_be_comma)
        return number->commas ? INFER_NUMBER_UNCLEAR : INFER_NUMBER_NONE;
    if (!fits(number->comma))
        return INFER_NUMBER_NONE;
    return number->commas ? INFER_NUMBER_COMMA : INFER_NUMBER_DOTS;
}

bool infer_number_points(const struct infer_number *number)
{
    return number->dots && !number->json && !number->neither && !number->commas && !number->must_be_comma &&
           !number->must_be_point;
}
