/* Files that were quarantined, looked for in the ledger. */
#include "testing.h"

#include <sys/stat.h>

#include "app/retry_whole.h"

enum { MANY = 400 };

/* The name of 200 bytes under which all are quarantined, and where the last of them lies. */
static char name[201];
static char last[300];

static void make_folder(const char *folder, const char *below)
{
    char path[TESTING_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, below);
    assert_int_equal(mkdir(path, 0755), 0);
}

/* The last one, with the content "x". */
static void write_last(const char *folder, struct digest *content)
{
    char path[TESTING_PATH_MAX + 400];
    struct digester digester;
    struct error error;
    snprintf(path, sizeof path, "%s/%s", folder, last);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    assert_ok(digester_init(&digester, &error), &error);
    digester_add(&digester, SLICE("x"));
    *content = digester_take(&digester);
}

/* As they would be by a producer that sends a broken file every minute. */
static void note_many(struct store *store, const struct digest *content)
{
    struct error error;
    assert_ok(store_group_begin(store, &error), &error);
    for (int i = 1; i <= MANY; i++) {
        snprintf(last, sizeof last, "quarantine/Customers/%s-%d", name, i);
        const struct file_record file = {.state = FILE_QUARANTINED,
                                         .feed = SLICE("Customers"),
                                         .name = slice_of(name),
                                         .content = *content,
                                         .stored = slice_of(last),
                                         .reason = SLICE("broken")};
        assert_ok(store_note_file(store, &file, 1, &error), &error);
    }
    assert_ok(store_group_commit(store, SLICE(""), &error), &error);
}

static void finds_the_newest_of_many_that_were_quarantined_under_one_name(void **state)
{
    (void)state;
    char folder[TESTING_PATH_MAX];
    struct settings settings;
    struct error error = {0};
    struct core core = {0};
    struct digest content;
    struct buf out;
    bool found = false;
    testing_folder_make(folder);
    make_folder(folder, "Customers");
    make_folder(folder, "quarantine");
    make_folder(folder, "quarantine/Customers");
    memset(name, 'n', sizeof name - 1);
    assert_ok(settings_init(&settings, &error), &error);
    settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    settings.data = folder;
    struct pipeline *pipeline = settings_pipeline(&settings, &error);
    assert_non_null(pipeline);
    assert_ok(core_open(&core, pipeline, folder, STORE_WRITE, 0, &error), &error);
    snprintf(last, sizeof last, "quarantine/Customers/%s-%d", name, MANY);
    write_last(folder, &content);
    note_many(core.store, &content);
    buf_init(&out, 4096);
    const struct retry_how how = {.settings = &settings, .look = true};
    assert_ok(retry_whole(&core, &how, name, &found, &out, &error), &error);
    assert_true(found);
    assert_true(slice_starts_with(buf_slice(&out), SLICE("would put back Customers/nnn")));
    buf_close(&out);
    core_close(&core);
    pipeline_free(pipeline);
    testing_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_newest_of_many_that_were_quarantined_under_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
