#include "testing.h"

#include <sys/stat.h>

#include "app/settings.h"
#include "app/sources.h"

static struct file_record archived(const char *stored)
{
    return (struct file_record){.id = 1,
                                .sequence = 1,
                                .state = FILE_APPLIED,
                                .feed = SLICE("Customers"),
                                .name = SLICE("c.json"),
                                .stored = slice_of(stored)};
}

static struct pipeline *load(void)
{
    struct settings settings;
    struct error error = {0};
    assert_ok(settings_init(&settings, &error), &error);
    settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    struct pipeline *pipeline = settings_pipeline(&settings, &error);
    assert_non_null(pipeline);
    return pipeline;
}

/* Neither the system's memory nor any other one helps then, so it is not called that. */
static void says_that_the_list_of_files_has_reached_its_limit(void **state)
{
    (void)state;
    struct sources sources;
    struct error error = {0};
    struct pipeline *pipeline = load();
    struct file_record file = archived("dev/null"); /* which is there */
    sources_init(&sources, NULL, pipeline, "/");
    sources.arena.limit = 60;
    assert_ok(sources_add(&sources, &file, &error), &error);
    assert_string_equal(sources.items[0].path, "//dev/null");
    assert_ok(sources_add(&sources, &file, &error), &error);
    assert_false(sources_add(&sources, &file, &error));
    assert_error(&error, ERROR_MEMORY,
                 "the names and paths of files to be read again take more than 60 bytes, the limit, after 2 files");
    assert_int_equal(sources.count, 2);
    sources_close(&sources);
    pipeline_free(pipeline);
}

/* Only where it is gone, or is another one, may the ledger know where it went; to ask it for each of many files takes
   long. */
static void asks_no_ledger_for_a_file_that_lies_where_it_was_left(void **state)
{
    (void)state;
    char folder[TESTING_PATH_MAX], path[TESTING_PATH_MAX + 32];
    struct sources sources;
    struct stat found;
    struct error error = {0};
    struct pipeline *pipeline = load();
    struct file_record file = archived("");
    testing_folder_make(folder);
    snprintf(path, sizeof path, "%s/Customers", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/Customers/c.json", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(stat(path, &found), 0);
    file.mtime_ns = found.st_mtim.tv_sec * 1000000000LL + found.st_mtim.tv_nsec;
    sources_init(&sources, NULL, pipeline, folder);
    assert_ok(sources_add(&sources, &file, &error), &error);
    assert_string_equal(sources.items[0].path, path);
    sources_close(&sources);
    pipeline_free(pipeline);
    testing_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_that_the_list_of_files_has_reached_its_limit),
        cmocka_unit_test(asks_no_ledger_for_a_file_that_lies_where_it_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
