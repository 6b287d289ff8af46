#include "testing.h"

#include "model/infer.h"

/* The draft of one column A with these values, each a C string; NULL is null. */
static void check_format(enum descriptor_format format, const char *const *values, size_t count, const char *field)
{
    struct infer_column column;
    struct buf out;
    char wanted[512];
    buf_init(&out, 4096);
    infer_start(&column, SLICE("A"), format);
    for (size_t i = 0; i < count; i++)
        infer_value(&column, !values[i], slice_of(values[i]));
    assert_true(infer_draft(&column, 1, "F", format, &DESCRIPTOR_FORM_PLAIN, &out));
    snprintf(wanted, sizeof wanted,
             "{ \"feed\": \"F\", \"version\": 1, \"format\": \"%s\", \"names\": \"underscore\", %s } }\n",
             format == DESCRIPTOR_CSV ? "csv" : "json", field);
    assert_slice(buf_slice(&out), wanted);
    buf_close(&out);
}

static void check(const char *const *values, size_t count, const char *field)
{
    check_format(DESCRIPTOR_CSV, values, count, field);
}

#define CHECK(field, ...)                                                                                              \
    do {                                                                                                               \
        static const char *const values[] = {__VA_ARGS__};                                                             \
        check(values, sizeof values / sizeof *values, "\"null\": [\"\"],\n  \"fields\": {\n    \"A\": { " field " }"); \
    } while (0)

static void takes_the_narrowest_type_that_holds_all(void **state)
{
    (void)state;
    CHECK("\"type\": \"int64\", \"required\": true", "1", " -7 ", "9223372036854775807");
    CHECK("\"type\": \"int64\"", "1", "");
    CHECK("\"type\": \"int64\"", "1", NULL);
    CHECK("\"type\": \"decimal(18,3)\", \"required\": true", "1", "-0.125", "999999999999999");
    CHECK("\"type\": \"decimal(18,7)\", \"required\": true", "0.0000001");
    CHECK("\"type\": \"double\", \"required\": true", "1.5", "9223372036854775808.25");
    CHECK("\"type\": \"double\", \"required\": true", "1", "3.68E+29");
    CHECK("\"type\": \"bool\", \"required\": true", "true", "N");
    CHECK("\"type\": \"int64\", \"required\": true", "0", "1");
    CHECK("\"type\": \"date\", \"required\": true", "2022-02-17");
    CHECK("\"type\": \"timestamp\", \"required\": true", "2022-02-17", "2022-02-17T09:00:00+01:00");
    CHECK("\"type\": \"timestamp\", \"formats\": \"%m/%d/%Y %I:%M %p\", \"required\": true", "2/17/2022 9:00 PM");
    CHECK("\"type\": \"text\", \"required\": true", "2/17/2022 9:00 PM", "2022-02-17");
    CHECK("\"type\": \"text\", \"required\": true", "1", "x");
    CHECK("\"type\": \"text\"", "");
    CHECK("\"type\": \"text\"", NULL);
}

static void keeps_codes_and_odd_numbers_as_texts(void **state)
{
    (void)state;
    CHECK("\"type\": \"text\", \"required\": true", "007", "8");
    CHECK("\"type\": \"text\", \"required\": true", "0801", "1.5");
    CHECK("\"type\": \"decimal(13,1)\", \"required\": true", "0.5", "0");
    CHECK("\"type\": \"decimal(14,2)\", \"required\": true", ".5", "-.25", "+1");
    CHECK("\"type\": \"int64\", \"required\": true", "+7", "-7", "7");
    CHECK("\"type\": \"text\", \"required\": true", "+07");
    CHECK("\"type\": \"text\", \"required\": true", "12345678901234567890", "12345678901234567891");
    CHECK("\"type\": \"text\", \"required\": true", "1.", "x");
    CHECK("\"type\": \"text\", \"required\": true", "+", "-1");
    CHECK("\"type\": \"text\", \"required\": true", "31/02/2022");
}

static void finds_how_people_write_numbers(void **state)
{
    (void)state;
    CHECK("\"type\": \"decimal(14,2)\", \"number\": { \"thousands\": \".\", \"decimal\": \",\" }, \"required\": true",
          "1.234,56", "-7", "1.234", "0,5");
    CHECK("\"type\": \"decimal(15,3)\", \"number\": { \"decimal\": \",\" }", "12,5", "", "1,234");
    CHECK("\"type\": \"decimal(13,1)\", \"number\": { \"thousands\": \",\" }, \"required\": true", "1,234", "0.5");
    CHECK("\"type\": \"int64\", \"number\": { \"thousands\": \",\" }, \"required\": true", "1,234", "1,234,567", "12");
    CHECK("\"type\": \"decimal(14,2)\", \"number\": { \"thousands\": \".\", \"decimal\": \",\", \"currency\": \"€\" }",
          "", "1.234,50\u00a0€", "7 €", "0,5");
    CHECK("\"type\": \"decimal(13,1)\", \"number\": { \"decimal\": \",\", \"currency\": \"EUR\" }, \"required\": true",
          "EUR 0,5");
    CHECK("\"type\": \"int64\", \"number\": { \"thousands\": \",\", \"currency\": \"$\" }, \"required\": true",
          "$1,234,567");
    CHECK("\"type\": \"decimal(14,2)\", \"number\": { \"currency\": \"₦\" }, \"required\": true", "₦ 12.50", "-3");
    CHECK("\"type\": \"int64\", \"number\": { \"currency\": \"£\" }, \"required\": true", "£5", "7");
    CHECK("\"type\": \"int64\", \"number\": { \"thousands\": \".\", \"decimal\": \",\", \"currency\": \"€\" }, "
          "\"required\": true",
          "1.234.567 €");
    CHECK("\"type\": \"text\", \"required\": true", "$", "5");
    CHECK("\"type\": \"text\", \"required\": true", "1,5", "none");
    CHECK("\"type\": \"text\", \"required\": true", "007,5", "8,5");
    CHECK("\"type\": \"text\", \"required\": true", "1,2,3", "1,2");
    CHECK("\"type\": \"text\", \"required\": true", "123456789012345678,5");
    CHECK("\"type\": \"date\", \"formats\": \"%d.%m.%Y\", \"required\": true", "17.02.2022");
    static const char *const numbers[] = {"1,5", "-"};
    check(numbers, 2,
          "\"null\": [\"\", \"-\"],\n  \"fields\": {\n    \"A\": { \"type\": \"decimal(13,1)\", "
          "\"number\": { \"decimal\": \",\" } }");
}

/* A number without quotes is read as JSON has it, whatever the form: the type holds it either way. */
static void holds_plain_numbers_of_json_beside_others(void **state)
{
    (void)state;
    static const char *const values[] = {"1.234", "0,5"};
    check_format(DESCRIPTOR_JSON, values, 2,
                 "\"null\": [\"\"],\n  \"fields\": {\n    \"A\": { \"type\": \"decimal(15,3)\", \"number\": "
                 "{ \"thousands\": \".\", \"decimal\": \",\" }, \"required\": true }");
}

static void says_why_what_may_be_numbers_stays_text(void **state)
{
    (void)state;
#define LOOK(what) "\"type\": \"text\", \"doc\": \"To be looked at: numbers, " what "\", \"required\": true"
    CHECK(LOOK("some with a decimal comma and some with a decimal point"), "1.234,56", "1,234.56");
    CHECK(LOOK("some with a decimal comma and some with a decimal point"), "1,5", "1.5", "3");
    CHECK(LOOK("whose comma may stand before places or between thousands"), "1,234", "7");
    CHECK(LOOK("if points stand between thousands"), "1.234.567", "192.168.100.200");
    CHECK(LOOK("whose point may stand before places or between thousands"), "1.234 €", "7 €");
    CHECK(LOOK("with several currencies"), "$ 5", "7 €", "3");
#undef LOOK
}

static void takes_words_for_null_beside_other_types_only(void **state)
{
    (void)state;
    static const char *const numbers[] = {"1", "-", "N/A"};
    check(numbers, 3, "\"null\": [\"\", \"-\", \"N/A\"],\n  \"fields\": {\n    \"A\": { \"type\": \"int64\" }");
    CHECK("\"type\": \"text\", \"required\": true", "x", "-");
    CHECK("\"type\": \"text\", \"required\": true", "-", "-");
}

/* A member's name that would lead elsewhere as a path is written as a name. */
static void names_members_that_look_like_paths(void **state)
{
    (void)state;
    static const char *const names[] = {"user", "user.name", "tags[]", "geo.lat", "a\\b[].c"};
    struct infer_column columns[COUNT_OF(names)];
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        infer_start(&columns[i], slice_of(names[i]), DESCRIPTOR_JSON);
        infer_value(&columns[i], false, SLICE("1"));
    }
    assert_true(infer_draft(columns, COUNT_OF(names), "F", DESCRIPTOR_JSON, &DESCRIPTOR_FORM_PLAIN, &out));
    assert_slice(buf_slice(&out),
                 "{ \"feed\": \"F\", \"version\": 1, \"format\": \"json\", \"names\": \"underscore\", "
                 "\"null\": [\"\"],\n  \"fields\": {\n"
                 "    \"user\": { \"type\": \"int64\", \"required\": true },\n"
                 "    \"user_name\": { \"from\": \"user\\\\.name\", \"type\": \"int64\", \"required\": true },\n"
                 "    \"tags\": { \"from\": \"tags\\\\[\\\\]\", \"type\": \"int64\", \"required\": true },\n"
                 "    \"geo_lat\": { \"from\": \"geo.lat\", \"type\": \"int64\", \"required\": true },\n"
                 "    \"a_b_c\": { \"from\": \"a\\\\\\\\b\\\\[\\\\]\\\\.c\", \"type\": \"int64\", "
                 "\"required\": true } } }\n");
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_narrowest_type_that_holds_all),
        cmocka_unit_test(keeps_codes_and_odd_numbers_as_texts),
        cmocka_unit_test(finds_how_people_write_numbers),
        cmocka_unit_test(holds_plain_numbers_of_json_beside_others),
        cmocka_unit_test(says_why_what_may_be_numbers_stays_text),
        cmocka_unit_test(takes_words_for_null_beside_other_types_only),
        cmocka_unit_test(names_members_that_look_like_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
