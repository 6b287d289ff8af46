#include "testing.h"

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

/* Neither the system's memory nor any other one helps then, so it is not called that. */
static void says_that_the_list_of_files_has_reached_its_limit(void **state)
{
    (void)state;
    struct settings settings;
    struct sources sources;
    struct error error = {0};
    assert_ok(settings_init(&settings, &error), &error);
    settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    struct pipeline *pipeline = settings_pipeline(&settings, &error);
    assert_non_null(pipeline);
    struct file_record file = archived("archive/Customers/000001-1a2b3c4d-c.json");
    sources_init(&sources);
    sources.arena.limit = 200;
    assert_ok(sources_add(&sources, NULL, pipeline, "data", &file, &error), &error);
    assert_string_equal(sources.items[0].path, "data/archive/Customers/000001-1a2b3c4d-c.json");
    assert_ok(sources_add(&sources, NULL, pipeline, "data", &file, &error), &error);
    assert_false(sources_add(&sources, NULL, pipeline, "data", &file, &error));
    assert_error(&error, ERROR_MEMORY,
                 "the names and paths of files to be read again take more than 200 bytes, the limit, after 2 files");
    assert_int_equal(sources.count, 2);
    sources_close(&sources);
    pipeline_free(pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_that_the_list_of_files_has_reached_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
