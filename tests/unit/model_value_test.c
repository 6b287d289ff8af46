/* Types and their values: what they widen to, texts, dates and truth, and how they compare. Numbers are in
   model_value_number_test.c. */
#include "model_values.h"

#include "model/timestamp.h"

/* --- types -------------------------------------------------------------------------------------------------------- */

static void reads_and_writes_the_names_of_types(void **state)
{
    (void)state;
    size_t count;
    const char *const *words = value_type_words(&count);
    assert_int_equal(count, 7);
    for (size_t i = 0; i < count; i++) {
        struct value_type type;
        char text[VALUE_TYPE_TEXT_SIZE];
        assert_true(value_type_parse(slice_of(words[i]), &type));
        assert_int_equal(type.kind, i);
        assert_string_equal(value_type_text(type, text), words[i]);
    }
}

static void knows_every_decimal_up_to_18_digits(void **state)
{
    (void)state;
    for (unsigned precision = 0; precision <= 99; precision++) {
        for (unsigned scale = 0; scale <= 99; scale++) {
            char text[32], back[VALUE_TYPE_TEXT_SIZE];
            struct value_type type;
            snprintf(text, sizeof text, "decimal(%u,%u)", precision, scale);
            bool known = value_type_parse(slice_of(text), &type);
            assert_int_equal(known, precision >= 1 && precision <= 18 && scale <= precision);
            if (known)
                assert_string_equal(value_type_text(type, back), text);
        }
    }
}

static void knows_no_other_type(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "int",
        "INT64",
        "int64 ",
        " int64",
        "int644",
        "tex",
        "decimal",
        "decimal(18)",
        "decimal(18,2",
        "decimal(18, 2)",
        "decimal(18,2) ",
        "decimal(018,2)",
        "decimal(18,02)",
        "decimal(-1,0)",
        "decimal(,)",
        "decimal(100,2)",
        "decimal(18,2)x",
        "decimal[18,2]",
        "decimal(",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value_type type;
        if (value_type_parse(slice_of(texts[i]), &type))
            fail_msg("\"%s\" is taken for a type", texts[i]);
    }
}

static void widens_only_where_nothing_is_lost(void **state)
{
    (void)state;
    assert_true(value_type_widens(int64_type, int64_type));
    assert_true(value_type_widens(text_type, text_type));
    assert_true(value_type_widens(int64_type, decimal_type(18, 2)));
    assert_true(value_type_widens(decimal_type(5, 2), decimal_type(6, 2)));
    assert_true(value_type_widens(decimal_type(5, 2), decimal_type(6, 3)));
    assert_true(value_type_widens(date_type, timestamp_type));
    assert_false(value_type_widens(decimal_type(5, 2), decimal_type(5, 3)));
    assert_false(value_type_widens(decimal_type(5, 2), decimal_type(18, 1)));
    assert_false(value_type_widens(timestamp_type, date_type));
    assert_false(value_type_widens(int64_type, double_type));
    assert_false(value_type_widens(int64_type, text_type));
    assert_false(value_type_widens(text_type, int64_type));
    assert_false(value_type_widens(bool_type, int64_type));
    assert_false(value_type_widens(double_type, decimal_type(18, 2)));
    assert_false(value_type_widens(decimal_type(5, 0), int64_type));
}

static void widens_values_to_the_same_amount(void **state)
{
    (void)state;
    struct value value = {.i = -123};
    assert_true(value_widen(decimal_type(5, 2), decimal_type(9, 4), &value));
    assert_int_equal(value.i, -12300);
    value.i = 7;
    assert_true(value_widen(int64_type, decimal_type(18, 2), &value));
    assert_int_equal(value.i, 700);
    value.i = 3;
    assert_true(value_widen(date_type, timestamp_type, &value));
    assert_int_equal(value.i, 3 * TIMESTAMP_DAY);
    value = VALUE_NULL;
    assert_true(value_widen(int64_type, decimal_type(18, 2), &value));
    assert_true(value.null);
}

static void tells_that_an_integer_exceeds_a_decimal(void **state)
{
    (void)state;
    static const int64_t limit = INT64_C(9999999999999999);
    struct value value = {.i = limit};
    assert_true(value_widen(int64_type, decimal_type(18, 2), &value));
    assert_int_equal(value.i, limit * 100);
    static const int64_t beyond[] = {limit + 1, -limit - 1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        value.i = beyond[i];
        assert_false(value_widen(int64_type, decimal_type(18, 2), &value));
    }
    value.i = INT64_C(1000000000000000000);
    assert_false(value_widen(int64_type, decimal_type(18, 0), &value));
    value.i--;
    assert_true(value_widen(int64_type, decimal_type(18, 0), &value));
}

/* --- bool, text, date, timestamp ---------------------------------------------------------------------------------- */

static void reads_truth_in_any_case(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "TRUE", "True", "tRuE", "t", "T", "yes", "YES", "y", "Y", "1"};
    static const char *const no[] = {"false", "FALSE", "False", "f", "F", "no", "NO", "n", "N", "0"};
    static const char *const neither[] = {"",     "2",   "01",    "on",    "off", "ye",
                                          "yess", "tru", "true ", " true", "-1",  "null"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        assert_integer(bool_type, yes[i], 1);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        assert_integer(bool_type, no[i], 0);
    for (size_t i = 0; i < COUNT_OF(neither); i++)
        assert_refused(bool_type, neither[i], "true, false, yes, no, t, f, y, n, 1 or 0");
}

static void borrows_text_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " a ", "₦", "\xf0\x9f\x8d\x95 pizza", "line\nbreak", "long enough for eight at once"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value value;
        const char *expected;
        assert_true(value_parse(text_type, NULL, 0, slice_of(texts[i]), &value, &expected));
        assert_false(value.null);
        assert_ptr_equal(value.text.data, texts[i]);
        assert_int_equal(value.text.len, strlen(texts[i]));
        assert_printed(text_type, value, texts[i]);
    }
}

static void refuses_text_that_postgresql_would_refuse(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *expected;
    } cases[] = {
        {{"a\0b", 3}, "a text without NUL"},
        {{"\0", 1}, "a text without NUL"},
        {{"long enough\0x", 13}, "a text without NUL"},
        {{"\xff", 1}, "valid UTF-8"},
        {{"caf\xe9", 4}, "valid UTF-8"},
        {{"\xc0\x80", 2}, "valid UTF-8"},
        {{"\xed\xa0\x80", 3}, "valid UTF-8"},
        {{"\xf4\x90\x80\x80", 4}, "valid UTF-8"},
        {{"cut \xe2\x82", 6}, "valid UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct value value;
        const char *expected = "";
        assert_false(value_parse(text_type, NULL, 0, cases[i].text, &value, &expected));
        assert_string_equal(expected, cases[i].expected);
    }
}

static void bounds_the_length_of_a_text(void **state)
{
    (void)state;
    char *text = malloc(TEXT_VALUE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', TEXT_VALUE_MAX + 1);
    struct value value;
    const char *expected;
    assert_true(value_parse(text_type, NULL, 0, (struct slice){text, TEXT_VALUE_MAX}, &value, &expected));
    assert_false(value_parse(text_type, NULL, 0, (struct slice){text, TEXT_VALUE_MAX + 1}, &value, &expected));
    assert_string_equal(expected, "a text of at most 65536 bytes");
    free(text);
}

static void reads_dates_and_times_by_iso_8601_where_no_format_is_given(void **state)
{
    (void)state;
    assert_integer(date_type, "1970-01-02", 1);
    assert_integer(timestamp_type, "1970-01-02", TIMESTAMP_DAY);
    assert_integer(timestamp_type, "1970-01-01T00:00:01.5Z", 1500000);
    assert_refused(date_type, "2022-02-31", "a day that exists");
    assert_refused(date_type, "2022-02-17T00:00:00Z", "a date as 2022-02-17");
    assert_refused(date_type, "", "a date as 2022-02-17");
    assert_refused(timestamp_type, "", "a time as 2022-02-17T12:03:13Z");
    assert_printed(date_type, (struct value){.i = 1}, "1970-01-02");
    assert_printed(timestamp_type, (struct value){.i = 1}, "1970-01-01T00:00:00.000001Z");
    assert_printed(bool_type, (struct value){.i = 1}, "true");
    assert_printed(bool_type, (struct value){.i = 0}, "false");
}

static void tries_formats_in_turn_and_keeps_the_best_complaint(void **state)
{
    (void)state;
    static const char *const formats[] = {"%d/%m/%Y", "%Y-%m-%d", "%Y-%m-%d %H:%M"};
    struct value value;
    const char *expected = "";
    assert_true(value_parse(date_type, formats, 3, SLICE("02/01/1970"), &value, &expected));
    assert_int_equal(value.i, 1);
    assert_true(value_parse(timestamp_type, formats, 3, SLICE("1970-01-02 01:00"), &value, &expected));
    assert_int_equal(value.i, TIMESTAMP_DAY + 3600 * TIMESTAMP_SECOND);
    assert_true(value_parse(date_type, formats, 3, SLICE("1969-12-31 00:00"), &value, &expected));
    assert_int_equal(value.i, -1);
    assert_false(value_parse(date_type, formats, 3, SLICE("1970-01-02 01:00"), &value, &expected));
    assert_string_equal(expected, "a date without a time of day");
    assert_false(value_parse(date_type, formats, 3, SLICE("1970-02-30"), &value, &expected));
    assert_string_equal(expected, "a day that exists");
    assert_false(value_parse(timestamp_type, formats, 3, SLICE("1970-01-01T00:00:00Z"), &value, &expected));
    assert_string_equal(expected, TIMESTAMP_FORMAT_WORDS);
}

static void reads_nothing_but_text_from_an_empty_slice_without_data(void **state)
{
    (void)state;
    for (int kind = VALUE_INT64; kind <= VALUE_TIMESTAMP; kind++) {
        struct value_type type = {.kind = (enum value_kind)kind, .precision = 18, .scale = 2};
        static const char *const formats[] = {"%Y-%m-%d"};
        struct value value;
        const char *expected = NULL;
        for (size_t count = 0; count <= 1; count++) {
            bool parsed = value_parse(type, formats, count, (struct slice){NULL, 0}, &value, &expected);
            assert_int_equal(parsed, kind == VALUE_TEXT);
        }
    }
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static void orders_null_first_and_equal_to_null(void **state)
{
    (void)state;
    struct value small = {.i = INT64_MIN};
    assert_true(value_compare(int64_type, VALUE_NULL, small) < 0);
    assert_true(value_compare(int64_type, small, VALUE_NULL) > 0);
    assert_int_equal(value_compare(int64_type, VALUE_NULL, VALUE_NULL), 0);
    assert_true(value_compare(int64_type, VALUE_NULL, (struct value){.i = 0}) != 0);
    assert_true(value_compare(text_type, (struct value){.text = {"", 0}}, VALUE_NULL) != 0);
    assert_printed(int64_type, VALUE_NULL, "");
}

static void orders_values_of_each_kind(void **state)
{
    (void)state;
    assert_true(value_compare(int64_type, (struct value){.i = INT64_MIN}, (struct value){.i = INT64_MAX}) < 0);
    assert_true(value_compare(int64_type, (struct value){.i = INT64_MAX}, (struct value){.i = INT64_MIN}) > 0);
    assert_true(value_compare(double_type, (struct value){.d = -1.5}, (struct value){.d = 0.5}) < 0);
    assert_true(value_compare(double_type, (struct value){.d = 2}, (struct value){.d = 2}) == 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("Z")}, (struct value){.text = SLICE("a")}) < 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("z")}, (struct value){.text = SLICE("é")}) < 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("ab")}, (struct value){.text = SLICE("a")}) > 0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("ab")}, (struct value){.text = SLICE("ab")}) ==
                0);
    assert_true(value_compare(text_type, (struct value){.text = SLICE("ab")}, (struct value){.text = SLICE("aB")}) !=
                0);
    assert_true(value_compare(double_type, (struct value){.d = 0.5}, (struct value){.d = 0.5}) == 0);
    assert_true(value_compare(date_type, (struct value){.i = 1}, (struct value){.i = 2}) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_names_of_types),
        cmocka_unit_test(knows_every_decimal_up_to_18_digits),
        cmocka_unit_test(knows_no_other_type),
        cmocka_unit_test(widens_only_where_nothing_is_lost),
        cmocka_unit_test(widens_values_to_the_same_amount),
        cmocka_unit_test(tells_that_an_integer_exceeds_a_decimal),
        cmocka_unit_test(reads_truth_in_any_case),
        cmocka_unit_test(borrows_text_as_it_is),
        cmocka_unit_test(refuses_text_that_postgresql_would_refuse),
        cmocka_unit_test(bounds_the_length_of_a_text),
        cmocka_unit_test(reads_dates_and_times_by_iso_8601_where_no_format_is_given),
        cmocka_unit_test(tries_formats_in_turn_and_keeps_the_best_complaint),
        cmocka_unit_test(reads_nothing_but_text_from_an_empty_slice_without_data),
        cmocka_unit_test(orders_null_first_and_equal_to_null),
        cmocka_unit_test(orders_values_of_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
