/* A flush of a folder that fails: what the move of a file comes to is told as it is, by where the file lies. */
#include "feed_archiving.h"

#include <dlfcn.h>

/* The flush that fails, from 1, and those so far; and what happens during the next one. */
static struct {
    int k, calls;
    void (*meanwhile)(struct fixture *f);
    struct fixture *f;
} failing;

__attribute__((visibility("default"))) int fsync(int fd)
{
    static int (*next)(int fd);
    if (!next) {
        void *found = dlsym(RTLD_NEXT, "fsync");
        memcpy(&next, &found, sizeof next);
    }
    void (*meanwhile)(struct fixture * f) = failing.meanwhile;
    failing.meanwhile = NULL;
    if (meanwhile)
        meanwhile(failing.f);
    errno = EIO;
    return ++failing.calls == failing.k ? -1 : next(fd);
}

enum { FILES = 3 };

static const char *const names[FILES] = {"0.csv", "1.csv", "2.csv"};

static void begin(struct fixture *f, int k)
{
    for (int i = 0; i < FILES; i++)
        file_deliver(f->folder, names[i], names[i]);
    failing.k = k;
    failing.calls = 0;
    f->error.kind = ERROR_NONE;
}

/* Of what was moved, or deleted, `there` tells whether it is where it was to go. */
static void assert_told(const struct fixture *f, enum archive_result result, const char *name, bool there)
{
    bool failed = failing.calls >= failing.k;
    if (result == ARCHIVE_MOVED || result == ARCHIVE_UNSURE) {
        assert_true(there && !file_there(f->folder, name));
        assert_true(result == (failed ? ARCHIVE_UNSURE : ARCHIVE_MOVED));
    } else {
        assert_int_equal(result, ARCHIVE_FAILED);
        assert_true(failed && file_there(f->folder, name));
    }
    if (failed)
        assert_error(&f->error, ERROR_IO, "");
}

static void remove_all(const char *folder)
{
    char path[FEED_PATH_MAX];
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        path_join(path, folder, entry->d_name);
        if (entry->d_type == DT_REG)
            assert_int_equal(unlink(path), 0);
    }
    if (dir)
        closedir(dir);
}

/* Begins anew; false once no flush of the work has failed. */
static bool goes_on(struct fixture *f)
{
    bool failed = failing.calls >= failing.k;
    failing.k = 0;
    testing_folder_remove(f->data);
    landing_close(&f->landing);
    assert_int_equal(mkdir(f->data, 0755), 0);
    assert_int_equal(mkdir(f->folder, 0755), 0);
    assert_ok(landing_open(&f->landing, f->data, &f->feed, 0, true, &f->error), &f->error);
    return failed;
}

static void tells_of_an_archived_file_where_it_is(void **state)
{
    struct fixture *f = *state;
    int k = 0;
    do {
        begin(f, ++k);
        const struct file_stat stat = file_stat_of(f->folder, names[0]);
        enum archive_result result = move(f, names[0], &stat);
        assert_told(f, result, names[0], file_there(f->archive, "000007-abababab-0.csv"));
    } while (goes_on(f));
    assert_true(k > 2);
}

static void tells_of_a_deleted_file_that_it_is_gone(void **state)
{
    struct fixture *f = *state;
    int k = 0;
    do {
        begin(f, ++k);
        const struct file_stat stat = file_stat_of(f->folder, names[0]);
        assert_told(f, archive_delete(&f->landing, names[0], &stat, &f->error), names[0], true);
    } while (goes_on(f));
    assert_true(k > 1);
}

static void tells_of_a_bad_file_where_it_is(void **state)
{
    struct fixture *f = *state;
    int k = 0;
    do {
        char path[FEED_PATH_MAX];
        begin(f, ++k);
        const struct file_stat stat = file_stat_of(f->folder, names[0]);
        enum archive_result result = quarantine_one(f, names[0], &stat, path);
        assert_told(f, result, names[0], file_there(f->quarantine, names[0]));
        assert_true(result == ARCHIVE_FAILED || file_there(f->data, path));
    } while (goes_on(f));
    assert_true(k > 3);
}

/* A start would note the copy in the ledger, and then the file once more. */
static void leaves_no_copy_of_a_bad_file_that_is_back_in_its_folder(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    bool failed = true;
    path_join(path, f->data, "quarantine");
    assert_int_equal(mkdir(path, 0755), 0);
    mount_at(path, "size=1m");
    for (int k = 1; failed; k++) {
        begin(f, k);
        const struct file_stat stat = file_stat_of(f->folder, names[0]);
        enum archive_result result = quarantine_one(f, names[0], &stat, path);
        failed = failing.calls >= k;
        assert_told(f, result, names[0], count_files(f->quarantine) == 2);
        assert_true(result != ARCHIVE_FAILED || count_files(f->quarantine) == 0);
        remove_all(f->quarantine);
    }
}

static void move_the_other_name(struct fixture *f)
{
    const struct file_stat stat = file_stat_of(f->folder, names[1]);
    assert_int_equal(move(f, names[1], &stat), ARCHIVE_MOVED);
}

/* By two workers, to another device: neither takes the other's copy for its own. */
static void copies_two_names_of_one_file_at_once(void **state)
{
    struct fixture *f = *state;
    char one[FEED_PATH_MAX], other[FEED_PATH_MAX];
    failing.k = failing.calls = 0;
    mount_archive(f, "size=1m");
    file_write(f->folder, names[0], "text");
    path_join(one, f->folder, names[0]);
    path_join(other, f->folder, names[1]);
    assert_int_equal(link(one, other), 0);
    const struct file_stat stat = file_stat_of(f->folder, names[0]);
    failing.f = f;
    failing.meanwhile = move_the_other_name;
    assert_int_equal(move(f, names[0], &stat), ARCHIVE_MOVED);
    assert_file(f->archive, "000007-abababab-0.csv", "text");
    assert_file(f->archive, "000007-abababab-1.csv", "text");
    assert_int_equal(count_files(f->archive), 2);
}

/* The end tells of all of them. */
static void tells_of_files_that_are_moved_together_where_they_are(void **state)
{
    struct fixture *f = *state;
    int k = 0;
    do {
        struct archive_set set;
        struct error error = {0};
        enum archive_result results[FILES];
        char archived[FILES][ARCHIVE_NAME_SIZE];
        begin(f, ++k);
        archive_set_begin(&set, &f->landing, 1);
        for (int i = 0; i < FILES; i++) {
            const struct file_stat stat = file_stat_of(f->folder, names[i]);
            archive_name(7, &f->content, names[i], archived[i]);
            results[i] = archive_set_move(&set, names[i], &stat, archived[i], &f->error);
        }
        bool sure = archive_set_end(&set, &error);
        for (int i = 0; i < FILES; i++) {
            if (!sure && results[i] == ARCHIVE_MOVED) {
                results[i] = ARCHIVE_UNSURE;
                f->error = error;
            }
            assert_told(f, results[i], names[i], file_there(f->archive, archived[i]));
        }
    } while (goes_on(f));
    assert_true(k > 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaves_no_copy_of_a_bad_file_that_is_back_in_its_folder, set_up,
                                        tear_down_mount),
        cmocka_unit_test_setup_teardown(copies_two_names_of_one_file_at_once, set_up, tear_down_mount),
        TEST(tells_of_an_archived_file_where_it_is),
        TEST(tells_of_a_deleted_file_that_it_is_gone),
        TEST(tells_of_a_bad_file_where_it_is),
        TEST(tells_of_files_that_are_moved_together_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
