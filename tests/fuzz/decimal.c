/*
 * Numbers as text, against long arithmetic that knows no shortcut: decimals, integers, doubles, and JSON numbers with
 * exponents.
 *
 * An input is a byte for the precision, one for the scale, then the text. The text's value is sought here as a big
 * integer times a power of ten, and what value_parse says must follow from that.
 */
#include <math.h>

#include "base/buf.h"
#include "fuzz.h"
#include "model/value.h"
#include "parse/coerce.h"

enum {
    LIMBS_MAX = 160,    /* 5,120 bits: more than 1,500 digits */
    DIGITS_MAX = 1024,  /* of a text looked at */
    EXPONENT_MAX = 2000 /* beyond it no digits of a text bring a number near 1 */
};

/* --- whole numbers of any size, 32 bits a limb, the least first --------------------------------------------------- */

struct big {
    uint32_t limbs[LIMBS_MAX];
    size_t count;
};

static void big_times_plus(struct big *b, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (size_t i = 0; i < b->count; i++) {
        carry += (uint64_t)b->limbs[i] * factor;
        b->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) {
        check(b->count < LIMBS_MAX);
        b->limbs[b->count++] = (uint32_t)carry;
    }
}

/* Divides by ten; returns the rest. */
static uint32_t big_tenth(struct big *b)
{
    uint64_t rest = 0;
    for (size_t i = b->count; i-- > 0;) {
        rest = rest << 32 | b->limbs[i];
        b->limbs[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
    while (b->count > 0 && b->limbs[b->count - 1] == 0)
        b->count--;
    return (uint32_t)rest;
}

/* --- what a text says --------------------------------------------------------------------------------------------- */

/* (-1)^negative * digits * 10^exponent */
struct said {
    bool negative, point, power;
    struct big digits;
    long exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Sign, digits, a point with digits behind it, an exponent. False when the text is anything else. */
static bool read_said(struct slice text, struct said *said)
{
    size_t at = 0, whole = 0, behind = 0;
    *said = (struct said){.negative = text.len > 0 && text.data[0] == '-'};
    at += said->negative || (text.len > 0 && text.data[0] == '+');
    for (; at < text.len && is_digit(text.data[at]); at++, whole++)
        big_times_plus(&said->digits, 10, (uint32_t)(text.data[at] - '0'));
    if (at < text.len && text.data[at] == '.') {
        said->point = true;
        for (at++; at < text.len && is_digit(text.data[at]); at++, behind++)
            big_times_plus(&said->digits, 10, (uint32_t)(text.data[at] - '0'));
    }
    if (said->point ? behind == 0 : whole == 0)
        return false;
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        char copy[DIGITS_MAX + 1] = {0}, *end;
        said->power = true;
        memcpy(copy, text.data + at + 1, text.len - at - 1);
        const char *digits = copy + (copy[0] == '-' || copy[0] == '+');
        if (!is_digit(*digits))
            return false;
        said->exponent = strtol(copy, &end, 10);
        at += 1 + (size_t)(end - copy);
        if (said->exponent > EXPONENT_MAX)
            said->exponent = EXPONENT_MAX;
        if (said->exponent < -EXPONENT_MAX)
            said->exponent = -EXPONENT_MAX;
    }
    said->exponent -= (long)behind;
    return at == text.len;
}

/* What was said times 10^scale, when that is a whole number of magnitude at most `most`; a negative one may be larger
   by one where `one_more`. */
static bool said_units(const struct said *said, unsigned scale, uint64_t most, bool one_more, int64_t *units)
{
    struct big b = said->digits;
    while (b.count > 0 && b.limbs[b.count - 1] == 0)
        b.count--;
    long power = said->exponent + (long)scale;
    for (; power < 0 && b.count > 0; power++)
        if (big_tenth(&b) != 0)
            return false;
    for (; power > 0 && b.count > 0 && b.count <= 2; power--)
        big_times_plus(&b, 10, 0);
    if (b.count > 2)
        return false;
    uint64_t size = (b.count > 1 ? (uint64_t)b.limbs[1] << 32 : 0) | (b.count > 0 ? b.limbs[0] : 0);
    if (size > most + (one_more && said->negative))
        return false;
    *units = (int64_t)(said->negative ? -size : size);
    return true;
}

static uint64_t power_of_ten(unsigned power)
{
    uint64_t product = 1;
    for (; power > 0; power--)
        product *= 10;
    return product;
}

/* --- the checks --------------------------------------------------------------------------------------------------- */

static bool parse(struct value_type type, struct slice text, struct value *value)
{
    const char *expected = NULL;
    bool ok = value_parse(type, NULL, 0, text, value, &expected);
    check(ok || (expected && *expected));
    return ok;
}

/* What is printed reads back as the same value, and prints again as it did. */
static void check_printed(struct value_type type, struct value value)
{
    struct buf first, second;
    struct value again;
    buf_init(&first, DIGITS_MAX);
    buf_init(&second, DIGITS_MAX);
    value_print(type, value, &first);
    check(parse(type, buf_slice(&first), &again));
    check(value_compare(type, value, again) == 0);
    value_print(type, again, &second);
    check(slice_equal(buf_slice(&first), buf_slice(&second)));
    buf_close(&first);
    buf_close(&second);
}

static void check_exact(struct value_type type, struct slice text, bool fits, int64_t units)
{
    struct value value;
    bool ok = parse(type, text, &value);
    check(ok == fits);
    if (!ok)
        return;
    check(!value.null && value.i == units);
    check_printed(type, value);
}

static void check_decimal(struct value_type type, struct slice text, const struct said *said)
{
    int64_t units = 0;
    bool fits = said && !said->power && said_units(said, type.scale, power_of_ten(type.precision) - 1, false, &units);
    check_exact(type, text, fits, units);
}

static void check_integer(struct slice text, const struct said *said)
{
    int64_t units = 0;
    bool fits = said && !said->power && !said->point && said_units(said, 0, INT64_MAX, true, &units);
    check_exact((struct value_type){.kind = VALUE_INT64}, text, fits, units);
}

/* The C library rounds right. */
static void check_double(struct slice text, const struct said *said)
{
    const struct value_type type = {.kind = VALUE_DOUBLE};
    struct value value;
    bool ok = parse(type, text, &value);
    if (!said) {
        check(!ok);
        return;
    }
    char copy[DIGITS_MAX + 1] = {0};
    memcpy(copy, text.data, text.len);
    double d = strtod(copy, NULL);
    check(ok == (isfinite(d) != 0));
    if (!ok)
        return;
    check(value.d == d && !(value.d == 0 && signbit(value.d)));
    check_printed(type, value);
}

/* As the grammar of JSON has it: no plus, no needless zero, a digit before the point. */
static bool is_json_number(struct slice text)
{
    size_t first = text.len > 0 && text.data[0] == '-';
    if (text.len <= first || text.len > DIGITS_MAX || !is_digit(text.data[first]))
        return false;
    return text.data[first] != '0' || text.len == first + 1 || !is_digit(text.data[first + 1]);
}

/* A number of a JSON file as a field of this type, by the whole way that it goes there. */
static bool coerce_number(struct value_type type, struct slice text, struct value *value)
{
    static struct coerce *coerce;
    static struct slice name = SLICE("n");
    struct descriptor_field field = {.name = "n", .from = &name, .from_count = 1, .type = type};
    struct descriptor descriptor = {
        .feed = "Feed", .version = 1, .format = DESCRIPTOR_JSON, .fields = &field, .field_count = 1};
    struct feed_field target = {.name = "n", .type = type, .min = INT64_MIN, .max = INT64_MAX};
    int place = 0;
    struct feed_version version = {.descriptor = &descriptor, .feed_field = &place};
    const struct feed feed = {
        .name = "Feed", .fields = &target, .field_count = 1, .versions = &version, .version_count = 1};
    struct coerce_input input = {.text = text, .number = true};
    struct coerce_rule rule;
    struct value fallback;
    struct error error;
    if (!coerce)
        check((coerce = calloc(1, sizeof *coerce)) && coerce_init(coerce, &error));
    check(coerce_rule_init(&rule, &feed, &version, 0, &fallback, &error));
    bool ok = coerce_field(coerce, &rule, &input, value);
    check(ok || (!coerce->memory && coerce->reason[0]));
    return ok;
}

static void check_coerced(struct value_type type, struct slice text, bool fits, int64_t units)
{
    struct value value;
    check(coerce_number(type, text, &value) == fits);
    check(!fits || (!value.null && value.i == units));
}

/* A JSON number is the same number however it is written: 1e3, 1000.0 and 1000 are one integer. */
static void check_json_number(struct value_type decimal, struct slice text, const struct said *said)
{
    int64_t units = 0;
    bool fits = said_units(said, 0, INT64_MAX, true, &units);
    check_coerced((struct value_type){.kind = VALUE_INT64}, text, fits, units);
    fits = said_units(said, decimal.scale, power_of_ten(decimal.precision) - 1, false, &units);
    check_coerced(decimal, text, fits, units);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct said read;
    if (size < 2 || size - 2 > DIGITS_MAX)
        return 0;
    struct value_type decimal = {VALUE_DECIMAL, (uint8_t)(1 + data[0] % DECIMAL_PRECISION_MAX), 0};
    decimal.scale = (uint8_t)(data[1] % (decimal.precision + 1));
    char *copy = fuzz_copy((struct slice){(const char *)data + 2, size - 2});
    struct slice text = {copy, size - 2};
    const struct said *said = read_said(text, &read) ? &read : NULL;
    check_decimal(decimal, text, said);
    check_integer(text, said);
    check_double(text, said);
    if (said && is_json_number(text))
        check_json_number(decimal, text, said);
    free(copy);
    return 0;
}
