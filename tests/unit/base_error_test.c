#include "testing.h"

#include <errno.h>

#include "base/error.h"

static void says_what_failed_and_returns_false(void **state)
{
    (void)state;
    struct error error = {0};
    assert_false(error_set(&error, ERROR_DATA, "row %d is short", 7));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_string_equal(error.text, "row 7 is short");
}

static void does_without_a_caller_who_wants_to_know(void **state)
{
    (void)state;
    assert_false(error_set(NULL, ERROR_DATA, "text"));
    assert_false(error_errno(NULL, ERROR_IO, EIO, "text"));
    assert_false(error_wrap(NULL, "text"));
    assert_false(error_in_file(NULL, "a.csv"));
    assert_false(error_memory(NULL));
}

static void cuts_a_long_text_and_ends_it_in_dots(void **state)
{
    (void)state;
    struct error error;
    char text[2 * ERROR_TEXT_MAX] = {0};
    memset(text, 'x', sizeof text - 1);
    error_set(&error, ERROR_DATA, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    assert_string_equal(error.text + ERROR_TEXT_MAX - 5, "x...");
}

static void keeps_a_text_that_just_fits(void **state)
{
    (void)state;
    struct error error;
    char text[ERROR_TEXT_MAX] = {0};
    memset(text, 'x', sizeof text - 1);
    error_set(&error, ERROR_DATA, "%s", text);
    assert_string_equal(error.text, text);
}

static void names_the_reason_of_the_system(void **state)
{
    (void)state;
    struct error error;
    assert_false(error_errno(&error, ERROR_IO, ENOENT, "cannot open %s", "a.csv"));
    assert_int_equal(error.kind, ERROR_IO);
    assert_string_equal(error.text, "cannot open a.csv: No such file or directory");
}

static void cuts_a_long_path_rather_than_the_reason(void **state)
{
    (void)state;
    struct error error;
    char path[2 * ERROR_TEXT_MAX] = {0};
    memset(path, 'p', sizeof path - 1);
    error_errno(&error, ERROR_IO, EACCES, "%s", path);
    assert_error(&error, ERROR_IO, "p...: Permission denied");
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
}

static void puts_a_file_before_the_place_in_it(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"2:15: found ;", "a.csv:2:15: found ;"},
        {"found 1:1: there", "a.csv: found 1:1: there"},
        {"2: too long", "a.csv: 2: too long"},
        {"2:15", "a.csv: 2:15"},
        {"", "a.csv: "},
        {":1: x", "a.csv: :1: x"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct error error;
        error_set(&error, ERROR_DATA, "%s", texts[i][0]);
        assert_false(error_in_file(&error, "a.csv"));
        assert_error(&error, ERROR_DATA, texts[i][1]);
    }
}

static void tells_a_full_disk_and_memory_from_other_refusals(void **state)
{
    (void)state;
    struct error error;
    error_errno(&error, ERROR_IO, ENOSPC, "write");
    assert_int_equal(error.kind, ERROR_FULL);
    error_errno(&error, ERROR_IO, EDQUOT, "write");
    assert_int_equal(error.kind, ERROR_FULL);
    error_errno(&error, ERROR_IO, ENOMEM, "write");
    assert_int_equal(error.kind, ERROR_MEMORY);
}

static void puts_the_context_first_and_keeps_the_kind(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, ERROR_CONFIG, "unknown type");
    assert_false(error_wrap(&error, "%s:%d", "a.json", 3));
    assert_int_equal(error.kind, ERROR_CONFIG);
    assert_string_equal(error.text, "a.json:3: unknown type");
}

static void takes_its_own_text_as_an_argument(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, ERROR_IO, "inner");
    error_set(&error, ERROR_BUG, "outer (%s)", error.text);
    assert_string_equal(error.text, "outer (inner)");
}

static void has_one_wording_for_memory(void **state)
{
    (void)state;
    struct error error;
    error_memory(&error);
    assert_error(&error, ERROR_MEMORY, "out of memory");
}

static void maps_kinds_to_exit_codes(void **state)
{
    (void)state;
    static const struct {
        enum error_kind kind;
        int code;
    } cases[] = {
        {ERROR_NONE, 0},    {ERROR_USAGE, 64},   {ERROR_CONFIG, 78}, {ERROR_DATA, 65},   {ERROR_IO, 1},
        {ERROR_FULL, 1},    {ERROR_MEMORY, 1},   {ERROR_CORRUPT, 1}, {ERROR_LOCKED, 75}, {ERROR_TARGET, 69},
        {ERROR_REFUSED, 1}, {ERROR_DIVERGED, 1}, {ERROR_BUG, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(error_exit_code(cases[i].kind), cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_failed_and_returns_false),
        cmocka_unit_test(does_without_a_caller_who_wants_to_know),
        cmocka_unit_test(cuts_a_long_text_and_ends_it_in_dots),
        cmocka_unit_test(keeps_a_text_that_just_fits),
        cmocka_unit_test(names_the_reason_of_the_system),
        cmocka_unit_test(cuts_a_long_path_rather_than_the_reason),
        cmocka_unit_test(puts_a_file_before_the_place_in_it),
        cmocka_unit_test(tells_a_full_disk_and_memory_from_other_refusals),
        cmocka_unit_test(puts_the_context_first_and_keeps_the_kind),
        cmocka_unit_test(takes_its_own_text_as_an_argument),
        cmocka_unit_test(has_one_wording_for_memory),
        cmocka_unit_test(maps_kinds_to_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
