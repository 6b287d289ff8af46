#include "testing.h"

#include "app/settings.h"

static const char *const variables[] = {"DROPFOLD_PIPELINE", "DROPFOLD_DATA",   "DROPFOLD_CHECKPOINTS", "DROPFOLD_TARGET",
                                        "DROPFOLD_THREADS",  "PGHOST",          "PGHOSTADDR",           "PGSERVICE",
                                        "PGDATABASE"};

static int without_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

static struct settings defaults(void)
{
    struct settings settings;
    struct error error = {0};
    assert_ok(settings_init(&settings, &error), &error);
    return settings;
}

static void takes_defaults_without_environment(void **state)
{
    (void)state;
    struct settings settings = defaults();
    assert_string_equal(settings.pipeline, "schemas/ecommerce.json");
    assert_string_equal(settings.data, "data");
    assert_string_equal(settings.checkpoints, "checkpoints");
    assert_null(settings.target);
    assert_true(settings.threads >= 1);
    assert_true(settings.events);
}

static void takes_the_environment_and_ignores_empty_words(void **state)
{
    (void)state;
    setenv("DROPFOLD_DATA", "/srv/drop", 1);
    setenv("DROPFOLD_CHECKPOINTS", "", 1);
    setenv("DROPFOLD_THREADS", "3", 1);
    struct settings settings = defaults();
    assert_string_equal(settings.data, "/srv/drop");
    assert_string_equal(settings.checkpoints, "checkpoints");
    assert_int_equal(settings.threads, 3);
}

static void refuses_threads_that_are_no_number(void **state)
{
    (void)state;
    struct settings settings;
    struct error error = {0};
    setenv("DROPFOLD_THREADS", "many", 1);
    assert_false(settings_init(&settings, &error));
    assert_error(&error, ERROR_USAGE, "found \"many\", expected a number from 1 to 64");
}

static void writes_to_sqlite_beside_the_data_by_default(void **state)
{
    (void)state;
    char out[SETTINGS_PATH_SIZE];
    struct error error = {0};
    struct settings settings = defaults();
    struct pipeline pipeline = {.name = "shop"};
    settings.data = "/srv/drop";
    assert_ok(settings_target(&settings, &pipeline, out, &error), &error);
    assert_string_equal(out, "sqlite:/srv/drop/results/shop.db");
}

static void prefers_the_flag_then_the_environment_then_libpq(void **state)
{
    (void)state;
    char out[SETTINGS_PATH_SIZE];
    struct error error = {0};
    struct pipeline pipeline = {.name = "shop"};
    setenv("PGHOST", "/run/postgresql", 1);
    struct settings settings = defaults();
    assert_ok(settings_target(&settings, &pipeline, out, &error), &error);
    assert_string_equal(out, "");
    setenv("DROPFOLD_TARGET", "none:", 1);
    settings = defaults();
    assert_ok(settings_target(&settings, &pipeline, out, &error), &error);
    assert_string_equal(out, "none:");
    settings.target = "dbname=shop";
    assert_ok(settings_target(&settings, &pipeline, out, &error), &error);
    assert_string_equal(out, "dbname=shop");
}

static void reads_seconds_exactly(void **state)
{
    (void)state;
    int64_t micros;
    assert_true(settings_seconds("0.25", &micros));
    assert_int_equal(micros, 250000);
    assert_true(settings_seconds("0", &micros));
    assert_int_equal(micros, 0);
    assert_true(settings_seconds("86400", &micros));
    assert_false(settings_seconds("86400.1", &micros));
    assert_false(settings_seconds("-1", &micros));
    assert_false(settings_seconds("1s", &micros));
    assert_false(settings_seconds("", &micros));
}

static void reads_counts_within_their_range(void **state)
{
    (void)state;
    unsigned long count;
    assert_true(settings_count("64", 1, 64, &count));
    assert_int_equal(count, 64);
    assert_false(settings_count("65", 1, 64, &count));
    assert_false(settings_count("0", 1, 64, &count));
    assert_false(settings_count("4x", 1, 64, &count));
    assert_false(settings_count("-4", 1, 64, &count));
    assert_false(settings_count("99999999999999999999999", 1, 64, &count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_defaults_without_environment, without_environment),
        cmocka_unit_test_setup(takes_the_environment_and_ignores_empty_words, without_environment),
        cmocka_unit_test_setup(refuses_threads_that_are_no_number, without_environment),
        cmocka_unit_test_setup(writes_to_sqlite_beside_the_data_by_default, without_environment),
        cmocka_unit_test_setup(prefers_the_flag_then_the_environment_then_libpq, without_environment),
        cmocka_unit_test_setup(reads_seconds_exactly, without_environment),
        cmocka_unit_test_setup(reads_counts_within_their_range, without_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
