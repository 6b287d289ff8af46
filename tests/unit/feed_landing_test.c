#include "testing.h"

#include "feed_support.h"

struct fixture {
    char data[TESTING_PATH_MAX], folder[FEED_PATH_MAX];
    struct feed feed;
    struct landing landing;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    testing_folder_make(f->data);
    path_join(f->folder, f->data, "Orders");
    assert_int_equal(mkdir(f->folder, 0755), 0);
    f->feed = (struct feed){.name = "Orders"};
    f->landing.fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    landing_close(&f->landing);
    testing_folder_remove(f->data);
    free(f);
    return 0;
}

static void open_landing(struct fixture *f)
{
    assert_ok(landing_open(&f->landing, f->data, &f->feed, 3, true, &f->error), &f->error);
}

static void opens_and_describes_the_folder(void **state)
{
    struct fixture *f = *state;
    struct stat stat;
    open_landing(f);
    assert_int_equal(lstat(f->folder, &stat), 0);
    assert_string_equal(f->landing.path, f->folder);
    assert_int_equal(f->landing.inode, stat.st_ino);
    assert_int_equal(f->landing.device, stat.st_dev);
    assert_int_equal(f->landing.index, 3);
    assert_true(f->landing.locked);
    assert_true(f->landing.writable);
}

static void refuses_a_folder_that_is_missing_or_a_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(rmdir(f->folder), 0);
    assert_false(landing_open(&f->landing, f->data, &f->feed, 0, true, &f->error));
    assert_error(&f->error, ERROR_CONFIG, f->folder);
    assert_int_equal(f->landing.fd, -1);
    file_write(f->data, "Orders", "");
    assert_false(landing_open(&f->landing, f->data, &f->feed, 0, true, &f->error));
    assert_error(&f->error, ERROR_CONFIG, "Orders");
}

static void refuses_a_second_opener_and_names_the_folder(void **state)
{
    struct fixture *f = *state;
    struct landing second;
    open_landing(f);
    assert_false(landing_open(&second, f->data, &f->feed, 0, true, &f->error));
    assert_error(&f->error, ERROR_LOCKED, f->folder);
    assert_ok(landing_open(&second, f->data, &f->feed, 0, false, &f->error), &f->error);
    assert_false(second.locked);
    landing_close(&second);
    landing_close(&f->landing);
    assert_ok(landing_open(&second, f->data, &f->feed, 0, true, &f->error), &f->error);
    landing_close(&second);
}

static void notices_that_the_path_leads_elsewhere(void **state)
{
    struct fixture *f = *state;
    char moved[FEED_PATH_MAX];
    open_landing(f);
    assert_true(is_current(&f->landing));
    path_join(moved, f->data, "moved");
    assert_int_equal(rename(f->folder, moved), 0);
    assert_false(is_current(&f->landing));
    assert_int_equal(mkdir(f->folder, 0755), 0);
    assert_false(is_current(&f->landing));
    assert_int_equal(rmdir(f->folder), 0);
    assert_int_equal(rename(moved, f->folder), 0);
    assert_true(is_current(&f->landing));
}

static void ignores_unfinished_and_hidden_names(void **state)
{
    struct fixture *f = *state;
    static const char *const ignored[] = {"",      ".",        "..",       ".hidden",         "a.csv.tmp",
                                          "a.tmp", "a.part",   "a.csv~",   "a.csv._COPYING_", ".dropfold-1-2",
                                          "~",     "b\n.part", "\xff.tmp", "x.tmp.tmp"};
    static const char *const taken[] = {"a.csv",     "a",          "tmp",        "a.tmp.csv", "a~b",   "part",
                                        "a.TMP.csv", "x.csv.done", "\xff\n.csv", " ",         "a.csv "};
    open_landing(f);
    for (size_t i = 0; i < COUNT_OF(ignored); i++)
        assert_true(landing_ignores(f->landing.feed, ignored[i]));
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        assert_false(landing_ignores(f->landing.feed, taken[i]));
}

static void ignores_markers_only_in_marker_mode(void **state)
{
    struct fixture *f = *state;
    char name[LANDING_NAME_SIZE];
    open_landing(f);
    assert_false(landing_ignores(f->landing.feed, "a.csv.done"));
    assert_false(landing_marker(&f->landing, "a.csv", name));
    assert_false(landing_marked(&f->landing, "a.csv.done", name));
    f->feed.ready = FEED_READY_DONE_MARKER;
    assert_true(landing_ignores(f->landing.feed, "a.csv.done"));
    assert_true(landing_marker(&f->landing, "a.csv", name));
    assert_string_equal(name, "a.csv.done");
    assert_true(landing_marked(&f->landing, "a.csv.done", name));
    assert_string_equal(name, "a.csv");
    assert_false(landing_marked(&f->landing, "a.csv", name));
    assert_false(landing_marked(&f->landing, ".done", name));
}

static void knows_that_a_long_name_can_have_no_marker(void **state)
{
    struct fixture *f = *state;
    char name[256], marker[LANDING_NAME_SIZE];
    f->feed.ready = FEED_READY_DONE_MARKER;
    open_landing(f);
    memset(name, 'a', 255);
    name[255] = name[250] = '\0';
    assert_true(landing_marker(&f->landing, name, marker));
    assert_int_equal(strlen(marker), 255);
    name[250] = 'a';
    assert_false(landing_marker(&f->landing, name, marker));
}

static void opens_a_regular_file_with_its_stat(void **state)
{
    struct fixture *f = *state;
    struct file_stat stat, wanted;
    int number;
    open_landing(f);
    file_write(f->folder, "a.csv", "12345");
    wanted = file_stat_of(f->folder, "a.csv");
    int fd = landing_open_file(&f->landing, "a.csv", &stat, &number, &f->error);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    assert_int_equal(stat.size, 5);
    assert_true(file_stat_equal(&stat, &wanted));
}

static void assert_refused(struct fixture *f, const char *name, int wanted)
{
    struct file_stat stat;
    int number = 0;
    f->error.kind = ERROR_NONE;
    assert_int_equal(landing_open_file(&f->landing, name, &stat, &number, &f->error), -1);
    assert_int_equal(number, wanted);
    assert_error(&f->error, ERROR_IO, "cannot open it: ");
}

static void refuses_whatever_is_no_regular_file_without_hanging(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    open_landing(f);
    assert_refused(f, "missing", ENOENT);
    path_join(path, f->folder, "link");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_refused(f, "link", ELOOP);
    path_join(path, f->folder, "folder");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_refused(f, "folder", EISDIR);
    path_join(path, f->folder, "fifo");
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_refused(f, "fifo", ENOTSUP);
    file_socket(f->folder, "socket");
    assert_refused(f, "socket", ENOTSUP);
}

static void refuses_names_that_lead_out_of_the_folder(void **state)
{
    struct fixture *f = *state;
    open_landing(f);
    file_write(f->data, "outside", "x");
    assert_refused(f, "../outside", EINVAL);
    assert_refused(f, "..", EINVAL);
    assert_refused(f, ".", EINVAL);
    assert_refused(f, "", EINVAL);
    assert_refused(f, "/etc/passwd", EINVAL);
    assert_refused(f, "a/b", EINVAL);
}

static void compares_all_that_a_stat_says(void **state)
{
    (void)state;
    const struct file_stat one = {1, 2, 3, 4, 5, 6}, given = {1, 2, 3, 4, 5, 9}, renamed = {1, 2, 3, 4, 9, 6};
    const struct file_stat others[] = {{9, 2, 3, 4, 5, 6}, {1, 9, 3, 4, 5, 6}, {1, 2, 9, 4, 5, 6}, {1, 2, 3, 9, 5, 6}};
    assert_true(file_stat_equal(&one, &one));
    assert_true(file_stat_equal(&one, &given)); /* which moves ctime, too */
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_false(file_stat_equal(&one, &others[i]));
        assert_false(file_stat_same(&one, &others[i]));
    }
    assert_false(file_stat_equal(&one, &renamed));
    assert_true(file_stat_same(&one, &renamed));
}

static void holds_times_beyond_64_bits_of_nanoseconds(void **state)
{
    (void)state;
    struct stat stat = {.st_mtim = {.tv_sec = INT64_MAX, .tv_nsec = 1}, .st_ctim = {.tv_sec = INT64_MIN}};
    struct file_stat out;
    file_stat_from(&stat, &out);
    assert_true(out.mtime_ns == INT64_MAX);
    assert_true(out.ctime_ns == INT64_MIN);
}

static void keeps_what_is_to_be_left_and_what_it_cannot_take(void **state)
{
    struct fixture *f = *state;
    const struct file_stat own = {.owner = geteuid()}, others = {.owner = geteuid() + 1};
    open_landing(f);
    file_write(f->folder, "a.csv", "");
    errno = EACCES; /* of another call */
    assert_false(landing_keeps_now(&f->landing, "a.csv") || landing_keeps_file(&f->landing, &others));
    f->landing.sticky = true;
    assert_false(landing_keeps_now(&f->landing, "a.csv") || landing_keeps_file(&f->landing, &own));
    assert_false(landing_keeps_now(&f->landing, "gone.csv"));
    assert_true(landing_keeps_file(&f->landing, &others));
    f->landing.writable = false;
    assert_true(landing_keeps_now(&f->landing, "a.csv") && landing_keeps_file(&f->landing, &own));
    f->landing.writable = true;
    f->feed.after = FEED_LEAVE;
    assert_true(landing_keeps_now(&f->landing, "a.csv") && landing_keeps_file(&f->landing, &own));
}

static void see_a_read_only_folder(void *context)
{
    struct fixture *f = context;
    child_check(landing_open(&f->landing, f->data, &f->feed, 0, true, &f->error));
    child_check(!f->landing.writable);
    f->landing.writable = true; /* as it was before */
    child_check(landing_keeps_now(&f->landing, "a.csv"));
}

static void knows_a_folder_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(f->folder, 0555), 0);
    run_unprivileged(f->data, see_a_read_only_folder, f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_and_describes_the_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_folder_that_is_missing_or_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_second_opener_and_names_the_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_that_the_path_leads_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ignores_unfinished_and_hidden_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ignores_markers_only_in_marker_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_that_a_long_name_can_have_no_marker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(opens_a_regular_file_with_its_stat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_whatever_is_no_regular_file_without_hanging, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_names_that_lead_out_of_the_folder, set_up, tear_down),
        cmocka_unit_test(compares_all_that_a_stat_says),
        cmocka_unit_test(holds_times_beyond_64_bits_of_nanoseconds),
        cmocka_unit_test_setup_teardown(keeps_what_is_to_be_left_and_what_it_cannot_take, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_a_folder_that_cannot_be_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
