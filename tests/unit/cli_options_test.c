#include "testing.h"

#include "cli/options.h"

struct outcome {
    bool ok;
    struct parsed parsed;
    struct invocation invocation;
    struct error error;
};

/* The words after "dropfold", ended by NULL. */
static struct outcome parse(char *const *words)
{
    static char *argv[32];
    struct outcome outcome = {.ok = false};
    int argc = 1;
    argv[0] = (char[]){"dropfold"};
    while (*words)
        argv[argc++] = *words++;
    outcome.ok = options_parse(argc, argv, &outcome.parsed, &outcome.invocation, &outcome.error);
    return outcome;
}

#define PARSE(...) parse((char *[]){__VA_ARGS__, NULL})
#define WORD(text) ((char[]){text})

static void takes_options_before_and_behind_the_command(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("-d"), WORD("/drop"), WORD("run"), WORD("--once"), WORD("--checkpoints=/cp"));
    assert_true(o.ok);
    assert_string_equal(o.parsed.command->name, "run");
    assert_string_equal(o.invocation.settings.data, "/drop");
    assert_string_equal(o.invocation.settings.checkpoints, "/cp");
    assert_true(o.invocation.settings.once);
}

static void takes_a_value_joined_to_its_letter(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("-pother.json"), WORD("check"));
    assert_true(o.ok);
    assert_string_equal(o.invocation.settings.pipeline, "other.json");
}

static void names_the_command_that_was_meant(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("statsu"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "unknown command \"statsu\"; did you mean status?");
}

static void names_the_option_that_was_meant(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("run"), WORD("--onse"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "did you mean --once?");
}

static void refuses_an_option_of_another_command(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("status"), WORD("--once"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "status does not take --once");
}

static void refuses_a_missing_value_and_a_value_too_many(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("run"), WORD("--settle"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "--settle needs a value: SECONDS");
    o = PARSE(WORD("run"), WORD("--once=yes"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "--once takes no value");
}

static void refuses_operands_beyond_those_of_the_command(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("forget"), WORD("a.csv"), WORD("b.csv"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "forget: unexpected \"b.csv\"");
}

static void takes_everything_behind_two_dashes_as_operands(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("rejects"), WORD("--"), WORD("--once"));
    assert_true(o.ok);
    assert_int_equal(o.invocation.operand_count, 1);
    assert_string_equal(o.invocation.operands[0], "--once");
}

static void reads_numbers_of_options_strictly(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("run"), WORD("--threads"), WORD("0"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "--threads: found \"0\", expected a number from 1 to 64");
    o = PARSE(WORD("run"), WORD("--settle"), WORD("1.5x"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "--settle: found \"1.5x\"");
    o = PARSE(WORD("run"), WORD("--rescan"), WORD("86401"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "--rescan: found \"86401\", expected seconds up to 86400");
    o = PARSE(WORD("run"), WORD("--target-timeout"), WORD("0"));
    assert_false(o.ok);
    assert_error(&o.error, ERROR_USAGE, "--target-timeout: must be more than 0");
    o = PARSE(WORD("run"), WORD("--target-check"), WORD("0.5"), WORD("--target-timeout=2"));
    assert_true(o.ok);
    assert_int_equal(o.invocation.settings.target_check, 500000);
    assert_int_equal(o.invocation.settings.target_timeout, 2000000);
    o = PARSE(WORD("run"), WORD("--settle"), WORD("1.5"));
    assert_true(o.ok);
    assert_int_equal(o.invocation.settings.settle, 1500000);
}

static void asks_for_help_without_checking_the_rest(void **state)
{
    (void)state;
    struct outcome o = PARSE(WORD("status"), WORD("--once"), WORD("--help"));
    assert_true(o.ok);
    assert_true(o.parsed.help);
    o = PARSE(WORD("help"), WORD("status"));
    assert_true(o.ok && o.parsed.help);
    assert_string_equal(o.parsed.command->name, "status");
    o = PARSE(WORD("help"));
    assert_true(o.ok && o.parsed.help && !o.parsed.command);
    o = PARSE(WORD("status"), WORD("help"));
    assert_false(o.ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_options_before_and_behind_the_command),
        cmocka_unit_test(takes_a_value_joined_to_its_letter),
        cmocka_unit_test(names_the_command_that_was_meant),
        cmocka_unit_test(names_the_option_that_was_meant),
        cmocka_unit_test(refuses_an_option_of_another_command),
        cmocka_unit_test(refuses_a_missing_value_and_a_value_too_many),
        cmocka_unit_test(refuses_operands_beyond_those_of_the_command),
        cmocka_unit_test(takes_everything_behind_two_dashes_as_operands),
        cmocka_unit_test(reads_numbers_of_options_strictly),
        cmocka_unit_test(asks_for_help_without_checking_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
