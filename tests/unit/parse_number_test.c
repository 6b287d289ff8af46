#include "testing.h"

#include "base/attr.h"
#include "parse/number.h"

static void check(const char *token, const char *wanted)
{
    char out[NUMBER_PLAIN_MAX];
    struct slice plain;
    assert_true(number_plain(slice_of(token), out, &plain));
    assert_slice(plain, wanted);
}

static void writes_exponents_out(void **state)
{
    (void)state;
    check("1e3", "1000");
    check("3.5E2", "350");
    check("3.5e+1", "35");
    check("3.5e0", "3.5");
    check("3.5e-1", "0.35");
    check("12e-2", "0.12");
    check("12e-3", "0.012");
    check("-1.25e1", "-12.5");
    check("1234567890123456789e-19", "0.1234567890123456789");
    check("0.000123e6", "123");
}

static void drops_zeros_that_mean_nothing(void **state)
{
    (void)state;
    check("5.0", "5");
    check("5.10", "5.1");
    check("100", "100");
    check("1000e-3", "1");
    check("0.10", "0.1");
    check("10e-1", "1");
}

static void writes_every_zero_alike(void **state)
{
    (void)state;
    check("0", "0");
    check("-0", "0");
    check("0.000", "0");
    check("0e999999999", "0");
    check("-0.0E-7", "0");
}

static void gives_up_where_no_type_could_hold_the_number(void **state)
{
    (void)state;
    static const char *const tokens[] = {"1e40", "1e-42", "1e999999999999999999999", "1e-99999999999", "-1.5E400"};
    char out[NUMBER_PLAIN_MAX];
    struct slice plain;
    for (size_t i = 0; i < COUNT_OF(tokens); i++)
        assert_false(number_plain(slice_of(tokens[i]), out, &plain));
    check("1e39", "1000000000000000000000000000000000000000");
    check("-1e-41", "-0.00000000000000000000000000000000000000001");
}

/* A field's "replace" may make anything of a number. */
static void gives_up_where_there_is_no_number(void **state)
{
    (void)state;
    static const char *const tokens[] = {"",   "-",  "none", "e",   ".",   "5.",    ".5",   "1.x",  "1,5e1", "1e",
                                         "e5", "1e", "1e+",  "1-2", "--1", "1.2.3", "1e2 ", "1e5x", "0x1e2", "+1e2"};
    char out[NUMBER_PLAIN_MAX];
    struct slice plain;
    for (size_t i = 0; i < COUNT_OF(tokens); i++)
        assert_false(number_plain(slice_of(tokens[i]), out, &plain));
}

static void holds_as_many_digits_as_any_type_could(void **state)
{
    (void)state;
    char token[NUMBER_DIGITS_MAX + 8], out[NUMBER_PLAIN_MAX];
    struct slice plain;
    memset(token, '7', sizeof token);
    memcpy(token, "-0.", 3);
    memcpy(token + 3 + NUMBER_DIGITS_MAX, "e-40", 5);
    assert_true(number_plain(slice_of(token), out, &plain));
    assert_int_equal(plain.len, 3 + 40 + NUMBER_DIGITS_MAX);
    memcpy(token + 3 + NUMBER_DIGITS_MAX, "7", 2);
    assert_false(number_plain(slice_of(token), out, &plain));
}

/* Zeros at either end are no digits; those between others are. */
static void passes_over_any_number_of_zeros(void **state)
{
    (void)state;
    static char zeros[2000], token[6000];
    memset(zeros, '0', sizeof zeros - 1);
    snprintf(token, sizeof token, "%s12.50%s", zeros, zeros);
    check(token, "12.5");
    snprintf(token, sizeof token, "-0.%s7e2000", zeros);
    check(token, "-7");
    snprintf(token, sizeof token, "7%se-1999", zeros);
    check(token, "7");
    snprintf(token, sizeof token, "0.%s", zeros);
    check(token, "0");
    check("1000000000000000000000000000000e-30", "1");
    char out[NUMBER_PLAIN_MAX];
    struct slice plain;
    snprintf(token, sizeof token, "7.%s7", zeros);
    assert_false(number_plain(slice_of(token), out, &plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_exponents_out),
        cmocka_unit_test(drops_zeros_that_mean_nothing),
        cmocka_unit_test(writes_every_zero_alike),
        cmocka_unit_test(gives_up_where_no_type_could_hold_the_number),
        cmocka_unit_test(gives_up_where_there_is_no_number),
        cmocka_unit_test(holds_as_many_digits_as_any_type_could),
        cmocka_unit_test(passes_over_any_number_of_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
