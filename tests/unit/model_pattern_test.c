#include "testing.h"

#include <pthread.h>

#include "model/pattern.h"

static struct pattern *make(const char *expression)
{
    struct error error = {0};
    struct pattern *pattern = pattern_new(slice_of(expression), &error);
    if (!pattern)
        fail_msg("%s", error.text);
    return pattern;
}

/* The first group, or "(none)". */
static void assert_extract(const char *expression, const char *text, const char *wanted)
{
    struct pattern *pattern = make(expression);
    struct pattern_scratch *scratch = pattern_scratch_new();
    assert_non_null(scratch);
    struct slice found = SLICE("(none)");
    if (pattern_extract(pattern, scratch, slice_of(text), &found) != PATTERN_FOUND)
        found = SLICE("(none)");
    assert_slice(found, wanted);
    pattern_scratch_free(scratch);
    pattern_free(pattern);
}

static void assert_broken(struct slice expression, const char *part)
{
    struct error error = {0};
    assert_null(pattern_new(expression, &error));
    assert_error(&error, ERROR_CONFIG, part);
}

static void finds_an_orders_id_in_both_of_its_spellings(void **state)
{
    (void)state;
    const char *expression = "^(?:YR-)?([0-9]+)(?:,0)?$";
    assert_extract(expression, "YR-1234,0", "1234");
    assert_extract(expression, "1234", "1234");
    assert_extract(expression, "1234,0", "1234");
    assert_extract(expression, "YR-", "(none)");
    assert_extract(expression, "1234,00", "(none)");
    assert_extract(expression, "yr-1234", "(none)");
    assert_extract(expression, "", "(none)");
    assert_extract(expression, "1234\n", "(none)");
}

static void hands_out_a_part_of_the_very_text(void **state)
{
    (void)state;
    static const char text[] = "id=77;";
    struct pattern *pattern = make("id=([0-9]*);");
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct slice found;
    assert_int_equal(PATTERN_FOUND, pattern_extract(pattern, scratch, SLICE(text), &found));
    assert_ptr_equal(found.data, text + 3);
    assert_int_equal(found.len, 2);
    pattern_scratch_free(scratch);
    pattern_free(pattern);
}

static void tells_an_empty_group_from_one_that_took_no_part(void **state)
{
    (void)state;
    assert_extract("^x([0-9]*)$", "x", "");
    assert_extract("^()$", "", "");
    assert_extract("^x([0-9]+)?$", "x", "(none)");
    assert_extract("^(?:(a)|(b))$", "b", "(none)");
    assert_extract("^(?:(a)|(b)|(c))$", "a", "a");
}

static void takes_the_first_of_many_groups(void **state)
{
    (void)state;
    assert_extract("(.)(.)(.)(.)(.)(.)(.)", "abcdefg", "a");
    assert_extract("(?<whole>a(b)c)", "xabcx", "abc");
}

static void matches_characters_and_not_bytes(void **state)
{
    (void)state;
    assert_extract("^(.)x$", "₦x", "₦");
    assert_extract("^.(.*)$", "₦5", "5");
}

static void matches_no_text_that_is_not_utf_8(void **state)
{
    (void)state;
    assert_extract("^(.*)$", "caf\xe9", "(none)");
    assert_extract("([0-9]+)", "12\xff", "(none)");
}

static void says_where_an_expression_is_broken(void **state)
{
    (void)state;
    assert_broken(SLICE("^([0-9]+$"), "at offset 9");
    assert_broken(SLICE("a(b))"), "at offset 4");
    assert_broken(SLICE("([z-a])"), "at offset");
    assert_broken(SLICE("(\xff)"), "at offset 1");
    assert_broken(SLICE("(\\C)"), "at offset");
}

static void wants_a_group_to_extract(void **state)
{
    (void)state;
    assert_broken(SLICE("^[0-9]+$"), "no capture group");
    assert_broken(SLICE("^(?:[0-9]+)$"), "no capture group");
    assert_broken(SLICE(""), "no capture group");
    assert_broken((struct slice){NULL, 0}, "no capture group");
}

static void gives_up_on_a_hostile_field_instead_of_hanging(void **state)
{
    (void)state;
    assert_extract("^((?:a+)+)$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "(none)");
    assert_extract("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "(none)");
}

/* The second alternative would match, after more steps than are allowed: 2^18 and some. */
static void stops_at_its_limit_even_before_a_match(void **state)
{
    (void)state;
    const char *expression = "^(?:(?:x+x+)+y|x+(z))$";
    assert_extract(expression, "xxxxz", "z");
    assert_extract(expression, "xxxxxxxxxxxxxxxxxxz", "(none)");
}

static void matches_long_fields(void **state)
{
    (void)state;
    size_t len = 60000;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len - 1] = '7';
    struct pattern *pattern = make("^x*([0-9])$");
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct slice found;
    assert_int_equal(PATTERN_FOUND, pattern_extract(pattern, scratch, (struct slice){text, len}, &found));
    assert_slice(found, "7");
    pattern_scratch_free(scratch);
    pattern_free(pattern);
    free(text);
}

enum { LONG_TEXT = 65536 };

/* LONG_TEXT bytes of `part` over and over; the caller frees them. */
static char *repeated(const char *part)
{
    char *text = malloc(LONG_TEXT);
    assert_non_null(text);
    for (size_t i = 0, len = strlen(part); i < LONG_TEXT; i++)
        text[i] = part[i % len];
    return text;
}

/* Each place at which a match is tried is far from its limit, and all of them together are not. */
static void bounds_the_steps_of_a_whole_long_field(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *part;
        enum pattern_result extract, replace;
    } cases[] = {
        {"((?:x+x+)+[yz]|!)", "xxxxxxxxxxx!", PATTERN_FOUND, PATTERN_NONE}, /* many matches */
        {"((?:x+x+)+[yz])", "xxxxxxxxxxx!", PATTERN_NONE, PATTERN_NONE},    /* many places without one */
        {"(x+[yz])", "x", PATTERN_NONE, PATTERN_NONE},                      /* few steps, each of them long */
        {"(x[yz])", "xxxxxxxxxxx!", PATTERN_NONE, PATTERN_FOUND},
        {"(\\w+) (\\w+)", "some words that are all short ", PATTERN_FOUND, PATTERN_FOUND},
        {"(\\b(?:red|green|blue|black|white)\\b)", "a black swan, a white one ", PATTERN_FOUND, PATTERN_FOUND},
    };
    static char room[LONG_TEXT + 1];
    struct pattern_scratch *scratch = pattern_scratch_new();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error = {0};
        const char *expected = "";
        char *data = repeated(cases[i].part);
        struct slice out, text = {data, LONG_TEXT}, by = SLICE("$1"), whole = slice_of(cases[i].expression);
        struct pattern *pattern = make(cases[i].expression), *replacing = pattern_new_replace(whole, by, &error);
        assert_non_null(replacing);
        assert_int_equal(pattern_extract(pattern, scratch, text, &out), cases[i].extract);
        assert_int_equal(pattern_replace(replacing, scratch, &text, room, sizeof room, &expected), cases[i].replace);
        assert_string_equal(expected, cases[i].replace == PATTERN_FOUND
                                          ? ""
                                          : "a text that \"replace\" can read within its limit of steps");
        pattern_free(pattern);
        pattern_free(replacing);
        free(data);
    }
    pattern_scratch_free(scratch);
}

/* PCRE2's machine code would find "a", that of 10.42 at least. */
static void takes_no_group_from_an_attempt_that_failed(void **state)
{
    (void)state;
    assert_extract("(a)*+$", "aab", "(none)");
    assert_extract("(?:(a)*+x|aab)", "aab", "(none)");
    assert_extract("(?:(a)*+x|aab)", "aax", "a");
}

/* PCRE2's machine code would run out of its stack. */
static void matches_what_needs_a_deep_stack(void **state)
{
    (void)state;
    char text[2701];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_extract("^((?:a|ab)*)$", text, text);
    assert_extract("^(a(?1)?a|a)$", text + 1, text + 1);
}

static void uses_one_scratch_for_many_patterns(void **state)
{
    (void)state;
    struct pattern *one = make("(a)(b)(c)(d)"), *two = make("x(y)");
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct slice found;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(PATTERN_FOUND, pattern_extract(one, scratch, SLICE("abcd"), &found));
        assert_slice(found, "a");
        assert_int_equal(PATTERN_FOUND, pattern_extract(two, scratch, SLICE("xy"), &found));
        assert_slice(found, "y");
        assert_int_equal(PATTERN_NONE, pattern_extract(two, scratch, SLICE("abcd"), &found));
    }
    pattern_scratch_free(scratch);
    pattern_free(one);
    pattern_free(two);
}

static void *extract_many(void *shared)
{
    const struct pattern *pattern = shared;
    struct pattern_scratch *scratch = pattern_scratch_new();
    uintptr_t right = 0;
    for (unsigned i = 0; scratch && i < 20000; i++) {
        char text[32], digits[16];
        struct slice found;
        snprintf(digits, sizeof digits, "%u", i);
        int len = snprintf(text, sizeof text, "YR-%s,0", digits);
        right += pattern_extract(pattern, scratch, (struct slice){text, (size_t)len}, &found) == PATTERN_FOUND &&
                 slice_equal(found, slice_of(digits));
    }
    pattern_scratch_free(scratch);
    return (void *)right;
}

static void serves_many_threads_at_once(void **state)
{
    (void)state;
    struct pattern *pattern = make("^(?:YR-)?([0-9]+)(?:,0)?$");
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, extract_many, pattern), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *right;
        assert_int_equal(pthread_join(threads[i], &right), 0);
        assert_int_equal((uintptr_t)right, 20000);
    }
    pattern_free(pattern);
}

/* The empty group at the end makes it an expression that PCRE2 must match. */
static void finds_the_digits_that_pcre2_would_find(void **state)
{
    (void)state;
    static const char *const expressions[][2] = {
        {"^(?:YR-)?([0-9]+)(?:,0)?$", "^(?:YR-)?([0-9]+)(?:,0)?()$"}, {"^([0-9]+)$", "^([0-9]+)()$"},
        {"^No ([0-9]+)$", "^No ([0-9]+)()$"},                         {"^(?:A1)?([0-9]+)(?:_1x)?$", "^(?:A1)?([0-9]+)(?:_1x)?()$"},
        {"^([0-9]+),0$", "^([0-9]+),0()$"},                           {"^(?:0)?([0-9]+)$", "^(?:0)?([0-9]+)()$"},
        {"^([0-9]+)(?:0)?$", "^([0-9]+)(?:0)?()$"},                   {"^a.([0-9]+)$", "^a.([0-9]+)()$"}};
    static const char *const texts[] = {"",        "1",     "YR-1,0", "YR-1",   "1,0",   "YR-",   ",0",      "YR-,0",  "1,00",
                                        "YR-YR-1", "1,0,0", " 1",     "1 ",     "No 12", "No",    "A11",     "A1",     "A111_1x",
                                        "1_1x",    "007",   "10",     "1\n",    "a:5",   "a.5",   "yr-1,0",  "12x,0",  "\xe2\x82\xa6" "1"};
    struct pattern_scratch *scratch = pattern_scratch_new();
    for (size_t e = 0; e < COUNT_OF(expressions); e++) {
        struct pattern *fast = make(expressions[e][0]), *plain = make(expressions[e][1]);
        for (size_t t = 0; t < COUNT_OF(texts); t++) {
            struct slice a = {NULL, 0}, b = {NULL, 0}, text = slice_of(texts[t]);
            enum pattern_result result = pattern_extract(fast, scratch, text, &a);
            if (result != pattern_extract(plain, scratch, text, &b) || (result == PATTERN_FOUND && !slice_equal(a, b)))
                fail_msg("%s differs on \"%s\"", expressions[e][0], texts[t]);
        }
        pattern_free(fast);
        pattern_free(plain);
    }
    pattern_scratch_free(scratch);
}

static void frees_nothing_quietly(void **state)
{
    (void)state;
    pattern_free(NULL);
    pattern_scratch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_an_orders_id_in_both_of_its_spellings),
        cmocka_unit_test(hands_out_a_part_of_the_very_text),
        cmocka_unit_test(tells_an_empty_group_from_one_that_took_no_part),
        cmocka_unit_test(takes_the_first_of_many_groups),
        cmocka_unit_test(matches_characters_and_not_bytes),
        cmocka_unit_test(matches_no_text_that_is_not_utf_8),
        cmocka_unit_test(says_where_an_expression_is_broken),
        cmocka_unit_test(wants_a_group_to_extract),
        cmocka_unit_test(gives_up_on_a_hostile_field_instead_of_hanging),
        cmocka_unit_test(stops_at_its_limit_even_before_a_match),
        cmocka_unit_test(matches_long_fields),
        cmocka_unit_test(bounds_the_steps_of_a_whole_long_field),
        cmocka_unit_test(takes_no_group_from_an_attempt_that_failed),
        cmocka_unit_test(matches_what_needs_a_deep_stack),
        cmocka_unit_test(uses_one_scratch_for_many_patterns),
        cmocka_unit_test(serves_many_threads_at_once),
        cmocka_unit_test(finds_the_digits_that_pcre2_would_find),
        cmocka_unit_test(frees_nothing_quietly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
