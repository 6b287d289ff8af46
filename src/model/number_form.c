#include "model/number_form.h"

#include <string.h>

#include "base/text.h"

enum { GROUP_DIGITS = 3 };

/* What is left of the text, and what was found so far. */
struct reading {
    struct slice rest;
    bool negative, signed_already, priced;
    char digits[NUMBER_FORM_DIGITS_MAX]; /* before and behind the point, in one run */
    size_t count;
    size_t point; /* digits before it */
};

static void begin(struct reading *r, struct slice text)
{
    r->rest = text;
    r->negative = r->signed_already = r->priced = false;
    r->count = r->point = 0;
}

static void skip(struct reading *r, size_t bytes)
{
    r->rest.data += bytes;
    r->rest.len -= bytes;
}

/* Blanks at both ends taken off, also those that no line is broken at, which stand before a currency. */
static struct slice trim(struct slice s)
{
    static const struct slice unbroken[] = {{"\u00a0", 2}, {"\u202f", 3}};
    size_t len;
    do {
        s = slice_trim(s);
        len = s.len;
        for (size_t i = 0; i < COUNT_OF(unbroken); i++) {
            if (slice_starts_with(s, unbroken[i]))
                s = (struct slice){s.data + unbroken[i].len, s.len - unbroken[i].len};
            if (slice_ends_with(s, unbroken[i]))
                s.len -= unbroken[i].len;
        }
    } while (s.len < len);
    return s;
}

static bool take(struct reading *r, struct slice word)
{
    if (word.len == 0 || !slice_starts_with(r->rest, word))
        return false;
    skip(r, word.len);
    return true;
}

static void take_sign(struct reading *r)
{
    if (r->signed_already || r->rest.len == 0 || (r->rest.data[0] != '-' && r->rest.data[0] != '+'))
        return;
    r->negative = r->rest.data[0] == '-';
    r->signed_already = true;
    skip(r, 1);
    r->rest = trim(r->rest);
}

/* The longest sign of a currency that the text begins with. */
static void take_currency(struct reading *r, const struct number_form *form)
{
    size_t longest = 0;
    for (size_t i = 0; i < form->currency_count && !r->priced; i++) {
        struct slice sign = trim(form->currency[i]);
        if (sign.len > longest && slice_starts_with(r->rest, sign))
            longest = sign.len;
    }
    r->priced = r->priced || longest > 0;
    skip(r, longest);
    r->rest = trim(r->rest);
}

/* (5) is -5; a sign inside is one too many. */
static void take_parentheses(struct reading *r, const struct number_form *form)
{
    struct slice s = r->rest;
    if (!form->parentheses || r->signed_already || s.len < 2 || s.data[0] != '(' || s.data[s.len - 1] != ')')
        return;
    r->rest = trim((struct slice){s.data + 1, s.len - 2});
    r->negative = r->signed_already = true;
}

static bool take_digits(struct reading *r, size_t *count)
{
    for (*count = 0; r->rest.len > 0 && text_is_digit(r->rest.data[0]); ++*count) {
        if (r->count == NUMBER_FORM_DIGITS_MAX)
            return false;
        r->digits[r->count++] = r->rest.data[0];
        skip(r, 1);
    }
    return true;
}

/* Whether a mark and exactly three digits come next; a mark that is a blank may also stand before a currency. */
static bool group_follows(const struct reading *r, struct slice mark)
{
    struct slice rest = r->rest;
    if (mark.len == 0 || !slice_starts_with(rest, mark))
        return false;
    size_t digits = 0;
    while (mark.len + digits < rest.len && text_is_digit(rest.data[mark.len + digits]))
        digits++;
    return digits == GROUP_DIGITS;
}

/* The digits before the point: in one run, or in groups of three behind a first one of at most three. That begins with
   no zero: "0,123" is no 123 but what others write for 0.123. */
static bool take_whole(struct reading *r, const struct number_form *form)
{
    size_t count;
    if (!take_digits(r, &count))
        return false;
    bool grouped = count > 0 && count <= GROUP_DIGITS && r->digits[0] != '0';
    while (grouped && group_follows(r, form->thousands)) {
        skip(r, form->thousands.len);
        if (!take_digits(r, &count))
            return false;
    }
    r->point = r->count;
    return true;
}

static bool take_places(struct reading *r, const struct number_form *form)
{
    size_t count = 1;
    if (take(r, form->decimal) && !take_digits(r, &count))
        return false;
    return count > 0 && r->count > 0;
}

/* Ten to this power. */
static size_t take_suffix(struct reading *r, const struct number_form *form)
{
    static const char letters[] = "kKmMbB"; /* three places a pair */
    if (!form->suffixes || r->rest.len == 0)
        return 0;
    const char *found = memchr(letters, r->rest.data[0], sizeof letters - 1);
    if (!found)
        return 0;
    skip(r, 1);
    return (size_t)(found - letters) / 2 * GROUP_DIGITS + GROUP_DIGITS;
}

/* Moves the point to the right. */
static bool move_point(struct reading *r, size_t power)
{
    for (; power > 0; power--) {
        if (r->point == r->count && r->count == NUMBER_FORM_DIGITS_MAX)
            return false;
        if (r->point == r->count)
            r->digits[r->count++] = '0';
        r->point++;
    }
    return true;
}

static struct slice write_plain(const struct reading *r, char *room)
{
    char *at = room;
    if (r->negative)
        *at++ = '-';
    if (r->point == 0)
        *at++ = '0';
    memcpy(at, r->digits, r->point);
    at += r->point;
    if (r->count > r->point) {
        *at++ = '.';
        memcpy(at, r->digits + r->point, r->count - r->point);
        at += r->count - r->point;
    }
    return (struct slice){room, (size_t)(at - room)};
}

static bool read_number(struct reading *r, const struct number_form *form)
{
    r->rest = trim(r->rest);
    take_parentheses(r, form);
    take_sign(r);
    take_currency(r, form);
    take_parentheses(r, form);
    take_sign(r);
    if (!take_whole(r, form) || !take_places(r, form))
        return false;
    /* The sign first: "5 KSh" is no five thousand. */
    r->rest = trim(r->rest);
    take_currency(r, form);
    if (!move_point(r, take_suffix(r, form)))
        return false;
    r->rest = trim(r->rest);
    take_currency(r, form);
    return r->rest.len == 0;
}

bool number_form_plain(const struct number_form *form, struct slice text, char room[NUMBER_FORM_PLAIN_MAX],
                       struct slice *plain, const char **expected)
{
    struct reading r; /* its digits are many: only those that are read are written */
    begin(&r, text);
    if (text.len == 0 || !read_number(&r, form)) {
        *expected = "a number as its field's \"number\" says";
        return false;
    }
    *plain = write_plain(&r, room);
    return true;
}
