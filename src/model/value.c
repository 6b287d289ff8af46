/* Types, comparison and printing; value_parse.c reads values. */
#include "model/value.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "model/timestamp.h"
#include "model/value_quick.h"

static const char *const kind_words[] = {
    [VALUE_INT64] = "int64", [VALUE_DOUBLE] = "double", [VALUE_DECIMAL] = "decimal(18,2)", [VALUE_TEXT] = "text",
    [VALUE_BOOL] = "bool",   [VALUE_DATE] = "date",     [VALUE_TIMESTAMP] = "timestamp",
};

/* With a sign, as units have one. */
static int64_t power_of_ten(unsigned exponent)
{
    return (int64_t)value_powers[exponent];
}

/* One or two digits without a leading zero before one, from 0 to DECIMAL_PRECISION_MAX. */
static bool take_digits(struct cursor *c, uint8_t *out)
{
    const char *first = c->at;
    unsigned value = 0;
    for (; c->at < c->end && c->at - first < 2 && text_is_digit(*c->at); c->at++)
        value = value * 10 + (unsigned)(*c->at - '0');
    *out = (uint8_t)value;
    return c->at > first && (c->at - first == 1 || *first != '0') && value <= DECIMAL_PRECISION_MAX;
}

static bool parse_decimal_type(struct slice text, struct value_type *type)
{
    struct value_type read = {.kind = VALUE_DECIMAL};
    const struct slice name = SLICE("decimal");
    if (!slice_starts_with(text, name))
        return false;
    struct cursor c = {text.data + name.len, text.data + text.len};
    if (!cursor_take(&c, '(') || !take_digits(&c, &read.precision) || !cursor_take(&c, ',') ||
        !take_digits(&c, &read.scale) || !cursor_take(&c, ')') || c.at < c.end || read.precision == 0 ||
        read.scale > read.precision)
        return false;
    *type = read;
    return true;
}

bool value_type_parse(struct slice text, struct value_type *type)
{
    for (size_t i = 0; i < COUNT_OF(kind_words); i++) {
        if (i == VALUE_DECIMAL || !slice_equal(text, slice_of(kind_words[i])))
            continue;
        *type = (struct value_type){.kind = (enum value_kind)i};
        return true;
    }
    return parse_decimal_type(text, type);
}

const char *value_type_text(struct value_type type, char out[VALUE_TYPE_TEXT_SIZE])
{
    if (type.kind == VALUE_DECIMAL)
        snprintf(out, VALUE_TYPE_TEXT_SIZE, "decimal(%u,%u)", type.precision, type.scale);
    else
        snprintf(out, VALUE_TYPE_TEXT_SIZE, "%s", kind_words[type.kind]);
    return out;
}

bool value_type_equal(struct value_type a, struct value_type b)
{
    return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale;
}

const char *const *value_type_words(size_t *count)
{
    *count = COUNT_OF(kind_words);
    return kind_words;
}

bool value_type_widens(struct value_type from, struct value_type to)
{
    if (value_type_equal(from, to))
        return true;
    if (to.kind == VALUE_TIMESTAMP)
        return from.kind == VALUE_DATE;
    if (to.kind != VALUE_DECIMAL)
        return false;
    if (from.kind == VALUE_DECIMAL)
        return from.scale <= to.scale && from.precision - from.scale <= to.precision - to.scale;
    return from.kind == VALUE_INT64;
}

static bool widen_to_decimal(struct value_type to, unsigned more_places, struct value *value)
{
    int64_t units, max = power_of_ten(to.precision) - 1;
    if (__builtin_mul_overflow(value->i, power_of_ten(more_places), &units) || units > max || units < -max)
        return false;
    value->i = units;
    return true;
}

bool value_widen(struct value_type from, struct value_type to, struct value *value)
{
    if (value->null || value_type_equal(from, to))
        return true;
    if (from.kind == VALUE_DATE) {
        value->i *= TIMESTAMP_DAY;
        return true;
    }
    return widen_to_decimal(to, (unsigned)(to.scale - from.scale), value);
}

void value_narrow(struct value_type from, struct value_type to, struct value *value)
{
    if (value->null || value_type_equal(from, to))
        return;
    value->i /= from.kind == VALUE_DATE ? TIMESTAMP_DAY : power_of_ten((unsigned)(to.scale - from.scale));
}

/* Takes `places` places off, which must be zeros. */
static bool drop_places(wide *number, unsigned places)
{
    for (; places > 0 && *number % 10 == 0; places--)
        *number /= 10;
    return places == 0;
}

bool value_from_wide(struct value_type type, wide number, unsigned scale, struct value *value)
{
    bool decimal = type.kind == VALUE_DECIMAL;
    unsigned places = decimal ? type.scale : 0;
    wide max = decimal ? power_of_ten(type.precision) - 1 : INT64_MAX;
    if (scale > places ? !drop_places(&number, scale - places) : !wide_scale(number, places - scale, &number))
        return false;
    if (number > max || number < (decimal ? -max : INT64_MIN))
        return false;
    *value = (struct value){.i = (int64_t)number};
    return true;
}

int value_compare(struct value_type type, struct value a, struct value b)
{
    if (a.null || b.null)
        return (int)b.null - (int)a.null;
    switch (type.kind) {
    case VALUE_TEXT:
        return slice_compare(a.text, b.text);
    case VALUE_DOUBLE:
        return (a.d > b.d) - (a.d < b.d);
    case VALUE_INT64:
    case VALUE_DECIMAL:
    case VALUE_BOOL:
    case VALUE_DATE:
    case VALUE_TIMESTAMP:
        break;
    }
    return (a.i > b.i) - (a.i < b.i);
}

const char *value_double_text(double number, bool real, char out[VALUE_DOUBLE_TEXT_SIZE])
{
    int digits = real ? 6 : 15; /* that any number keeps; two or three more name it for certain */
    int most = real ? 9 : 17;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(plain);
    do {
        snprintf(out, VALUE_DOUBLE_TEXT_SIZE, "%.*g", digits, number);
    } while (digits++ < most && (real ? (double)strtof(out, NULL) != number : strtod(out, NULL) != number));
    uselocale(before);
    if (plain)
        freelocale(plain);
    return out;
}

void value_print(struct value_type type, struct value value, struct buf *out)
{
    char number[VALUE_DOUBLE_TEXT_SIZE];
    if (value.null)
        return;
    switch (type.kind) {
    case VALUE_INT64:
        wide_print(value.i, 0, out);
        break;
    case VALUE_DOUBLE:
        buf_put_text(out, value_double_text(value.d, false, number));
        break;
    case VALUE_DECIMAL:
        wide_print(value.i, type.scale, out);
        break;
    case VALUE_TEXT:
        buf_put_slice(out, value.text);
        break;
    case VALUE_BOOL:
        buf_put_text(out, value.i ? "true" : "false");
        break;
    case VALUE_DATE:
        timestamp_print_date(value.i, out);
        break;
    case VALUE_TIMESTAMP:
        timestamp_print(value.i, out);
        break;
    }
}
