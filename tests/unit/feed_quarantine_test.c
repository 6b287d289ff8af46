/* Bad files are quarantined with their reasons. */
#include "feed_archiving.h"

static void assert_quarantines(struct fixture *f)
{
    char path[FEED_PATH_MAX];
    assert_int_equal(quarantined(f, "a.csv", "bad", path), ARCHIVE_MOVED);
    assert_string_equal(path, "quarantine/Orders/a.csv");
    assert_file(f->data, path, "bad");
    assert_file(f->quarantine, "a.csv.reason", "3:7: no closing quote\n");
    assert_int_equal(count_files(f->folder), 0);
    assert_int_equal(count_files(f->quarantine), 2);
}

static void quarantines_a_bad_file_with_its_reason(void **state)
{
    assert_quarantines(*state);
}

static void numbers_bad_files_of_one_name(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    assert_int_equal(quarantined(f, "a.csv", "bad", path), ARCHIVE_MOVED);
    assert_int_equal(quarantined(f, "a.csv", "worse", path), ARCHIVE_MOVED);
    assert_string_equal(path, "quarantine/Orders/a.csv.1");
    assert_file(f->quarantine, "a.csv.1", "worse");
    assert_true(file_there(f->quarantine, "a.csv.1.reason"));
    assert_int_equal(quarantined(f, "a.csv", "bad", path), ARCHIVE_MOVED);
    assert_string_equal(path, "quarantine/Orders/a.csv");
    assert_int_equal(count_files(f->quarantine), 4);
}

static void cuts_long_names_of_bad_files(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX], longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    for (int i = 0; i < 12; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(quarantined(f, longest, text, path), ARCHIVE_MOVED);
        assert_file(f->data, path, text);
    }
    assert_int_equal(count_files(f->quarantine), 24);
}

/* As in encodings of one byte a character. */
static void cuts_names_that_are_no_utf8(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX], name[ARCHIVE_NAME_SIZE], longest[256];
    memset(longest, 0x8f, 255);
    longest[255] = '\0';
    archive_name(7, &f->content, longest, name);
    assert_int_equal(strlen(name), 255);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(quarantined(f, longest, i == 0 ? "bad" : "worse", path), ARCHIVE_MOVED);
        assert_file(f->data, path, i == 0 ? "bad" : "worse");
    }
    assert_int_equal(count_files(f->quarantine), 4);
    assert_int_equal(count_files(f->folder), 0);
}

static void copies_a_bad_file_to_a_quarantine_on_another_device(void **state)
{
    struct fixture *f = *state;
    char folder[FEED_PATH_MAX];
    path_join(folder, f->data, "quarantine");
    assert_int_equal(mkdir(folder, 0755), 0);
    mount_at(folder, "size=1m");
    for (int i = 0; i < 2; i++)
        assert_quarantines(f);
}

/* A rename and its way back would be heard of, and move its ctime. */
static void does_not_touch_a_file_whose_reason_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX], name[LANDING_NAME_SIZE];
    file_write(f->folder, "a.csv", "bad");
    const struct file_stat before = file_stat_of(f->folder, "a.csv");
    path_join(path, f->data, "quarantine");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(mkdir(f->quarantine, 0755), 0);
    snprintf(name, sizeof name, ".dropfold-reason-%llx-%llx-%llx", (unsigned long long)before.inode,
             (unsigned long long)before.size, (unsigned long long)before.mtime_ns);
    path_join(path, f->quarantine, name);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(quarantine_one(f, "a.csv", &before, path), ARCHIVE_FAILED);
    const struct file_stat now = file_stat_of(f->folder, "a.csv");
    assert_true(file_stat_equal(&before, &now));
    assert_int_equal(count_files(f->folder), 1);
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define MOUNT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_mount)
    const struct CMUnitTest tests[] = {
        TEST(quarantines_a_bad_file_with_its_reason),
        TEST(numbers_bad_files_of_one_name),
        TEST(cuts_long_names_of_bad_files),
        TEST(cuts_names_that_are_no_utf8),
        TEST(does_not_touch_a_file_whose_reason_cannot_be_written),
        MOUNT_TEST(copies_a_bad_file_to_a_quarantine_on_another_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
