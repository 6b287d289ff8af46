#include "model/infer_number.h"

#include <string.h>

#include "base/text.h"
#include "model/number_form.h"
#include "model/value.h"

enum { MONEY_COUNT = 12 };

const char *const infer_money[MONEY_COUNT + 1] = {"€",   "$",   "£",   "¥",   "₦",   "₹", "₺",
                                                  "₽", "EUR", "USD", "GBP", "CHF", NULL};

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

/* With a comma before the places, or a point. False also for codes, which have zeros in front. */
static bool read_by(bool comma, struct slice text, struct infer_digits *longest)
{
    static const struct slice point_mark = {".", 1}, comma_mark = {",", 1};
    struct slice money[MONEY_COUNT];
    const struct number_form form = {.thousands = comma ? point_mark : comma_mark,
                                     .decimal = comma ? comma_mark : point_mark,
                                     .currency = money,
                                     .currency_count = MONEY_COUNT};
    char room[NUMBER_FORM_PLAIN_MAX];
    const char *ignored;
    struct slice plain;
    struct infer_digits digits;
    bool padded;
    for (size_t i = 0; i < MONEY_COUNT; i++)
        money[i] = slice_of(infer_money[i]);
    if (!number_form_plain(&form, text, room, &plain, &ignored) || !infer_number_plain(plain, &digits, &padded) ||
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
    bool comma = read_by(true, text, &number->comma), point = read_by(false, text, &number->point);
    number->neither = !comma && !point;
    number->must_be_comma |= comma && !point;
    number->must_be_point |= point && !comma;
    number->commas |= memchr(text.data, ',', text.len) != NULL;
    number->dots |= memchr(text.data, '.', text.len) != NULL;
    for (size_t i = 0; i < MONEY_COUNT; i++)
        if (memmem(text.data, text.len, infer_money[i], strlen(infer_money[i])))
            number->money |= 1U << i;
}

static bool fits(struct infer_digits digits)
{
    return digits.whole + digits.places <= DECIMAL_PRECISION_MAX;
}

enum infer_number_kind infer_number_kind(const struct infer_number *number)
{
    if (number->neither || (!number->commas && !number->dots && !number->money))
        return INFER_NUMBER_NONE;
    if (number->money & (number->money - 1))
        return INFER_NUMBER_MONEYS;
    if (number->must_be_comma && number->must_be_point)
        return INFER_NUMBER_BOTH;
    if (number->must_be_point || (!number->commas && !number->dots))
        return (number->commas || number->money) && fits(number->point) ? INFER_NUMBER_POINT : INFER_NUMBER_NONE;
    if (!number->must_be_comma)
        return number->commas ? INFER_NUMBER_UNCLEAR : number->money ? INFER_NUMBER_POINTS : INFER_NUMBER_NONE;
    if (!fits(number->comma))
        return INFER_NUMBER_NONE;
    return number->commas || number->money ? INFER_NUMBER_COMMA : INFER_NUMBER_DOTS;
}

bool infer_number_points(const struct infer_number *number)
{
    return number->dots && !number->json && !number->neither && !number->commas && !number->must_be_comma &&
           !number->must_be_point;
}
