#include "testing.h"

#include <string.h>

#include "model/number_form.h"

static struct slice signs[] = {{"\xe2\x82\xa6", 3}, {"$", 1}, {"KSh", 3}};
static const struct number_form whole = {.thousands = {",", 1},
                                         .decimal = {".", 1},
                                         .currency = signs,
                                         .currency_count = 3,
                                         .parentheses = true,
                                         .suffixes = true};
static const struct number_form plain_form = {.decimal = {".", 1}};

static void check(const struct number_form *form, const char *text, const char *wanted)
{
    char room[NUMBER_FORM_PLAIN_MAX];
    struct slice plain;
    const char *expected = NULL;
    bool ok = number_form_plain(form, slice_of(text), room, &plain, &expected);
    if (ok != (wanted != NULL))
        print_error("%s\n", text);
    assert_int_equal(ok, wanted != NULL);
    if (wanted)
        assert_slice(plain, wanted);
    else
        assert_string_equal(expected, "a number as its field's \"number\" says");
}

static void reads_money_in_every_order(void **state)
{
    (void)state;
    static const char *const negatives[] = {"-$1,234.50",  "$-1,234.50",    "- $ 1,234.50", "$ -1234.50",
                                            "($1,234.50)", "( $ 1234.50 )", "$ (1,234.50)", "-1,234.50$",
                                            "-1,234.50 $", "(1234.50 $)"};
    for (size_t i = 0; i < sizeof negatives / sizeof *negatives; i++)
        check(&whole, negatives[i], "-1234.50");
    check(&whole, "+5", "5");
    check(&whole, "\xe2\x82\xa6 104250.00", "104250.00");
    check(&whole, "KSh5", "5");
    check(&whole, ".5", "0.5");
    check(&whole, "$.50", "0.50");
    check(&whole, "0001,000", NULL);
    check(&whole, "0,123", NULL);
    check(&whole, "-$001,000.00", NULL);
    check(&whole, "0.123", "0.123");
    check(&whole, "000", "000");
    check(&whole, "1,000,000", "1000000");
}

static void skips_blanks_that_no_line_is_broken_at(void **state)
{
    (void)state;
    struct slice kept[] = {{"\u00a0EUR ", 6}};
    const struct number_form narrow = {
        .thousands = {"\u202f", 3}, .decimal = {",", 1}, .currency = kept, .currency_count = 1};
    check(&whole, "1,234.50\u00a0$", "1234.50");
    check(&whole, "\u00a0 $\u202f -5 \u00a0\u00a0", "-5");
    check(&whole, "1\u00a0234", NULL);
    check(&narrow, "1\u202f234,5\u202fEUR", "1234.5");
    check(&narrow, "EUR5", "5");
}

static void moves_the_point_for_suffixes(void **state)
{
    (void)state;
    check(&whole, "1.5k", "1500");
    check(&whole, "124K", "124000");
    check(&whole, "2 M", "2000000");
    check(&whole, "0.0015m", "0001500");
    check(&whole, "1.2345k", "1234.5");
    check(&whole, ".5k", "500");
    check(&whole, "-3b", "-3000000000");
    check(&whole, "$1.5k", "1500");
    check(&whole, "1.5k$", "1500");
    check(&whole, "5 KSh", "5");
    check(&whole, "5kk", NULL);
    check(&whole, "k", NULL);
    check(&plain_form, "1k", NULL);
}

static void refuses_what_is_no_number(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",         "-",         "$",      "1,23",    "1,2345", ",123", "1,,234",
                                        "1234,567", "12,34,567", "1.2.3",  "1.",      "--1",    "-(1)", "(-1)",
                                        "(1",       "1)",        "()",     "$$1",     "$1$",    "1 2",  "1e3",
                                        "1,000,",   "abc",       "1,000.", "\xe2\x82"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check(&whole, wrong[i], NULL);
    check(&plain_form, "(1)", NULL);
    check(&plain_form, "1,000", NULL);
    check(&plain_form, "$1", NULL);
}

static void tells_a_blank_between_groups_from_one_before_a_currency(void **state)
{
    (void)state;
    const struct number_form blanks = {
        .thousands = {" ", 1}, .decimal = {",", 1}, .currency = signs, .currency_count = 3, .suffixes = true};
    check(&blanks, "44 KSh", "44");
    check(&blanks, "1 234 $", "1234");
    check(&blanks, "1 234 567,50 $", "1234567.50");
    check(&blanks, "12 k", "12000");
    check(&blanks, "1 23", NULL);
    check(&blanks, "1 2345", NULL);
    check(&blanks, "1 234 56 $", NULL);
}

/* Zeros that say nothing are digits, and a double may have more of them than an exact type. */
static void reads_more_digits_than_exact_types_hold(void **state)
{
    (void)state;
    check(&whole, "$0000000000000000000000123.4500000000000000000000",
          "0000000000000000000000123.4500000000000000000000");
    check(&whole, "-1000000000000000000000000000000000000000000b",
          "-1000000000000000000000000000000000000000000000000000");
}

static void bounds_the_digits(void **state)
{
    (void)state;
    char digits[NUMBER_FORM_DIGITS_MAX + 3] = ".";
    memset(digits + 1, '1', NUMBER_FORM_DIGITS_MAX);
    check(&whole, digits + 1, digits + 1);
    digits[NUMBER_FORM_DIGITS_MAX + 1] = 'k';
    check(&whole, digits + 1, NULL);
    digits[NUMBER_FORM_DIGITS_MAX + 1] = '1';
    check(&whole, digits + 1, NULL);
    check(&whole, digits, NULL);
    memcpy(digits + NUMBER_FORM_DIGITS_MAX - 2, "b", sizeof "b");
    check(&whole, digits + 1, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_money_in_every_order),
        cmocka_unit_test(skips_blanks_that_no_line_is_broken_at),
        cmocka_unit_test(moves_the_point_for_suffixes),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(tells_a_blank_between_groups_from_one_before_a_currency),
        cmocka_unit_test(reads_more_digits_than_exact_types_hold),
        cmocka_unit_test(bounds_the_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
