/*
 * Numbers as people write them: what one writer of a form writes is read as what it means, and of any text that is read
 * the digits are kept in their order.
 *
 * An input is a byte for the form, one for how a number is written by it, then a text; the digits of the text are also
 * the number that is written.
 */
#include "base/buf.h"
#include "fuzz.h"
#include "model/number_form.h"

enum { TEXT_MAX = 1000, SUFFIX_PLACES = 3 };

/* How the writer writes: a bit each. */
enum {
    WRITE_NEGATIVE = 1,
    WRITE_GROUPS = 2,
    WRITE_CURRENCY_BEFORE = 4,
    WRITE_CURRENCY_BEHIND = 8,
    WRITE_PARENTHESES = 16,
    WRITE_SUFFIX = 32,
    WRITE_BLANKS = 64,
    WRITE_PLACES = 128
};

static void make_form(uint8_t bits, struct number_form *form)
{
    static struct slice currencies[] = {SLICE("\xe2\x82\xac"), SLICE("EUR"), SLICE("K"), SLICE("KSh")};
    static const char *const marks[][2] = {{".", ""}, {".", ","}, {",", "."}, {",", " "}, {" , ", "'"}, {".", "''"}};
    const char *const *pair = marks[(bits & 7) % COUNT_OF(marks)];
    *form = (struct number_form){.decimal = slice_of(pair[0]), .thousands = slice_of(pair[1])};
    form->currency = currencies;
    form->currency_count = bits & 8 ? COUNT_OF(currencies) : bits & 16 ? 2 : 0;
    form->parentheses = bits & 32;
    form->suffixes = bits & 64;
}

/* --- digits of any text that is read ------------------------------------------------------------------------------ */

static void put_digits(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            buf_put_byte(out, (uint8_t)text.data[i]);
}

/* At most a sign, digits, and a point with digits behind it. */
static void check_plain(struct slice plain, struct slice text)
{
    size_t points = 0;
    check(plain.len > 0 && plain.len <= NUMBER_FORM_PLAIN_MAX);
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.data[i];
        points += c == '.';
        check((c >= '0' && c <= '9') || (c == '-' && i == 0) || (c == '.' && i > 0 && i + 1 < plain.len));
    }
    check(points <= 1);
    /* In their order and none left out: at most a zero in front, and zeros behind for a suffix. */
    struct buf found, wanted;
    buf_init(&found, TEXT_MAX);
    buf_init(&wanted, TEXT_MAX);
    put_digits(&found, plain);
    put_digits(&wanted, text);
    const char *at = memmem(found.data, found.len, wanted.data, wanted.len);
    check(at == found.data || (at == found.data + 1 && found.data[0] == '0'));
    for (const char *behind = at + wanted.len; behind < found.data + found.len; behind++)
        check(*behind == '0');
    buf_close(&found);
    buf_close(&wanted);
}

/* --- a number that is written ------------------------------------------------------------------------------------- */

/* The digits with a mark before each group of three, counted from their end. */
static void put_groups(struct buf *out, struct slice digits, struct slice mark)
{
    for (size_t i = 0; i < digits.len; i++) {
        if (i > 0 && (digits.len - i) % 3 == 0)
            buf_put_slice(out, mark);
        buf_put_byte(out, (uint8_t)digits.data[i]);
    }
}

static void put_blank(struct buf *out, uint8_t how)
{
    buf_put_text(out, !(how & WRITE_BLANKS) ? "" : how & WRITE_GROUPS ? "\u00a0" : " ");
}

/* `whole` and `places` as the form has them. */
static void write_form(const struct number_form *form, uint8_t how, struct slice whole, struct slice places,
                       struct buf *out)
{
    bool negative = how & WRITE_NEGATIVE, parentheses = negative && form->parentheses && how & WRITE_PARENTHESES;
    bool before = form->currency_count > 0 && how & WRITE_CURRENCY_BEFORE;
    bool behind = form->currency_count > 0 && !before && how & WRITE_CURRENCY_BEHIND;
    buf_put_text(out, parentheses ? "(" : negative ? "-" : "");
    put_blank(out, how);
    if (before)
        buf_put_slice(out, form->currency[0]);
    put_blank(out, how);
    put_groups(out, whole, how & WRITE_GROUPS && whole.data[0] != '0' ? form->thousands : SLICE(""));
    if (places.len > 0) {
        buf_put_slice(out, form->decimal);
        buf_put_slice(out, places);
    }
    buf_put_text(out, form->suffixes && how & WRITE_SUFFIX ? "k" : "");
    put_blank(out, how);
    if (behind)
        buf_put_slice(out, form->currency[1]);
    buf_put_text(out, parentheses ? ")" : "");
}

/* What it means: the same digits with the point three places further behind a suffix. */
static void write_plain(uint8_t how, struct slice whole, struct slice places, bool suffix, struct buf *out)
{
    buf_put_text(out, how & WRITE_NEGATIVE ? "-" : "");
    buf_put_slice(out, whole);
    for (size_t i = 0; suffix && i < SUFFIX_PLACES; i++)
        buf_put_byte(out, i < places.len ? (uint8_t)places.data[i] : '0');
    size_t taken = !suffix ? 0 : places.len < SUFFIX_PLACES ? places.len : SUFFIX_PLACES;
    if (places.len > taken) {
        buf_put_text(out, ".");
        buf_put(out, places.data + taken, places.len - taken);
    }
}

static void check_written(const struct number_form *form, uint8_t how, struct slice digits)
{
    char room[NUMBER_FORM_PLAIN_MAX];
    struct buf text, wanted;
    struct slice plain;
    const char *expected;
    if (digits.len == 0 || digits.len + SUFFIX_PLACES > NUMBER_FORM_DIGITS_MAX)
        return;
    size_t places = how & WRITE_PLACES ? digits.len / 2 : 0;
    struct slice whole = {digits.data, digits.len - places}, behind = {digits.data + whole.len, places};
    buf_init(&text, TEXT_MAX);
    buf_init(&wanted, TEXT_MAX);
    write_form(form, how, whole, behind, &text);
    write_plain(how, whole, behind, form->suffixes && how & WRITE_SUFFIX, &wanted);
    check(number_form_plain(form, buf_slice(&text), room, &plain, &expected));
    check(slice_equal(plain, buf_slice(&wanted)));
    buf_close(&text);
    buf_close(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct number_form form;
    char room[NUMBER_FORM_PLAIN_MAX];
    struct slice plain;
    struct buf digits;
    const char *expected = NULL;
    if (size < 2 || size > TEXT_MAX / 2)
        return 0;
    make_form(data[0], &form);
    char *copy = fuzz_copy((struct slice){(const char *)data + 2, size - 2});
    struct slice text = {copy, size - 2};
    if (number_form_plain(&form, text, room, &plain, &expected))
        check_plain(plain, text);
    else
        check(expected && *expected);
    buf_init(&digits, TEXT_MAX);
    put_digits(&digits, text);
    check_written(&form, data[1], buf_slice(&digits));
    buf_close(&digits);
    free(copy);
    return 0;
}
