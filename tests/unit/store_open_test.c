/* How a store is made, opened, kept from others and refused. */
#include "store_folder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static void patch(const char *path, off_t at, const char *bytes, size_t len)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static void makes_a_store_and_opens_it_again_with_the_same_epoch(void **state)
{
    (void)state;
    struct store *store = testing_open(folder, STORE_WRITE);
    struct progress first = *store_progress(store);
    assert_true(first.present);
    assert_int_equal(first.sequence, 0);
    assert_int_equal(strlen(first.epoch), 36);
    assert_int_equal(first.epoch[14], '4');
    assert_string_equal(store_path(store), testing_path(folder, "ecommerce.db"));
    store_close(store);

    store = testing_open(folder, STORE_WRITE);
    assert_true(progress_equal(&first, store_progress(store)));
    store_close(store);
}

static void gives_every_store_an_epoch_of_its_own(void **state)
{
    (void)state;
    struct store *store = testing_open(testing_path(folder, "a"), STORE_WRITE);
    struct progress first = *store_progress(store);
    store_close(store);
    store = testing_open(testing_path(folder, "b"), STORE_WRITE);
    assert_string_not_equal(first.epoch, store_progress(store)->epoch);
    assert_false(digest_equal(&first.digest, &store_progress(store)->digest));
    store_close(store);
}

static void makes_the_last_component_of_the_folder_only(void **state)
{
    (void)state;
    store_close(testing_open(testing_path(folder, "checkpoints"), STORE_WRITE));
    testing_open_fails(testing_path(folder, "no/such"), STORE_WRITE, ERROR_IO, "cannot make the folder");
}

static void keeps_the_store_from_everybody_else(void **state)
{
    (void)state;
    struct stat stat_of;
    struct store *store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    assert_int_equal(stat(testing_path(folder, "ecommerce.db"), &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07, 0);
    assert_int_equal(stat(testing_path(folder, "ecommerce.db-wal"), &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07, 0);
    store_close(store);
}

/* In the child: whether the open fails as it must; the parent's process number is expected in the text. */
static int second_open(void)
{
    struct store *store;
    struct digest fingerprint = testing_digest(7);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "ecommerce.lock is held by process %ld: another dropfold uses this store",
             (long)getppid());
    if (store_open(&store, folder, "ecommerce", &fingerprint, STORE_WRITE, &error))
        return 1;
    return error.kind == ERROR_LOCKED && strstr(error.text, wanted) ? 0 : 2;
}

static void refuses_a_second_writer_and_names_the_first(void **state)
{
    (void)state;
    struct store *store = testing_open(folder, STORE_WRITE);
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(second_open());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    store_close(store);
    store_close(testing_open(folder, STORE_WRITE));
}

static void is_not_held_up_by_the_lock_of_a_dead_process(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct store *store = testing_open(folder, STORE_WRITE);
        testing_change(store, "a.csv", 1);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct store *store = testing_open(folder, STORE_WRITE);
    assert_changes(store, 1);
    store_close(store);
}

static void refuses_a_changed_pipeline_and_names_the_way_out(void **state)
{
    (void)state;
    struct store *store;
    struct digest other = testing_digest(8);
    store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    store_close(store);
    assert_false(store_open(&store, folder, "ecommerce", &other, STORE_WRITE, &error));
    assert_error(&error, ERROR_CONFIG, "run `dropfold replay`");
    assert_error(&error, ERROR_CONFIG, "put the old pipeline and descriptors back");

    const enum store_mode modes[] = {STORE_READ, STORE_REPLACE};
    struct digest made_with = testing_digest(7);
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        assert_ok(store_open(&store, folder, "ecommerce", &other, modes[i], &error), &error);
        assert_true(digest_equal(store_fingerprint(store), &made_with));
        store_close(store);
    }
}

static void becomes_a_new_store_of_another_fingerprint_while_there_is_no_change(void **state)
{
    (void)state;
    struct digest other = testing_digest(8);
    struct file_record bad = testing_record("bad.csv", 1, 0);
    struct store *store = testing_open(folder, STORE_WRITE);
    char epoch[EPOCH_SIZE];
    memcpy(epoch, store_progress(store)->epoch, sizeof epoch);
    bad.state = FILE_QUARANTINED;
    assert_ok(store_note_file(store, &bad, 1, &error), &error);
    store_close(store);
    for (int time = 0; time < 2; time++) {
        assert_ok(store_open(&store, folder, "ecommerce", &other, STORE_WRITE, &error), &error);
        assert_true(digest_equal(store_fingerprint(store), &other));
        assert_true((strcmp(epoch, store_progress(store)->epoch) != 0) == (time == 0));
        memcpy(epoch, store_progress(store)->epoch, sizeof epoch);
        assert_ok(store_check(store, &error), &error);
        store_close(store);
    }
    store = testing_open(folder, STORE_READ);
    struct store_summary summary;
    assert_ok(store_summary(store, &summary, &error), &error);
    assert_int_equal(summary.files[FILE_QUARANTINED], 1);
    assert_ok(store_check_fingerprint(store, "ecommerce", &bad.content, &error), &error);
    store_close(store);
}

static void refuses_the_store_of_another_pipeline(void **state)
{
    (void)state;
    store_close(testing_open(folder, STORE_WRITE));
    assert_int_equal(rename(testing_path(folder, "ecommerce.db"), testing_path(folder, "retail.db")), 0);
    struct store *store;
    struct digest fingerprint = testing_digest(7);
    assert_false(store_open(&store, folder, "retail", &fingerprint, STORE_WRITE, &error));
    assert_error(&error, ERROR_CONFIG, "is not the store of the pipeline \"retail\"");
}

static void refuses_a_store_of_a_newer_dropfold(void **state)
{
    (void)state;
    store_close(testing_open(folder, STORE_WRITE));
    patch(testing_path(folder, "ecommerce.db"), 60, "\0\0\0\3", 4);
    testing_open_fails(folder, STORE_WRITE, ERROR_CONFIG, "made by a newer dropfold (schema 3; this one knows 1)");
    testing_open_fails(folder, STORE_READ, ERROR_CONFIG, "made by a newer dropfold");
    patch(testing_path(folder, "ecommerce.db"), 60, "\0\0\0\0", 4);
    testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "there is no schema 0");
}

static void refuses_a_database_of_another_program_and_leaves_it_as_it_is(void **state)
{
    (void)state;
    store_close(testing_open(folder, STORE_WRITE));
    patch(testing_path(folder, "ecommerce.db"), 68, "GPKG", 4);
    /* In rollback mode, which opening as a store would change. */
    patch(testing_path(folder, "ecommerce.db"), 18, "\1\1", 2);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "before"));
    testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "is not a dropfold store");
    assert_true(testing_same(testing_path(folder, "ecommerce.db"), testing_path(folder, "before")));
}

static void refuses_what_is_no_database(void **state)
{
    (void)state;
    const char *path = testing_path(folder, "ecommerce.db");
    for (int i = 0; i < 100; i++)
        patch(path, i * 44, "Order_ID,SKU,Customer_ID,Order_Time,Quantity\n", 45);
    testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "is damaged");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    testing_open_fails(folder, STORE_WRITE, ERROR_IO, "ecommerce.db");
    testing_open_fails(folder, STORE_READ, ERROR_IO, "not a regular file");
}

static void follows_no_link(void **state)
{
    (void)state;
    patch(testing_path(folder, "elsewhere"), 0, "", 0);
    assert_int_equal(symlink(testing_path(folder, "elsewhere"), testing_path(folder, "ecommerce.db")), 0);
    testing_open_fails(folder, STORE_WRITE, ERROR_IO, "ecommerce.db");
    testing_open_fails(folder, STORE_READ, ERROR_IO, "not a regular file");
    assert_int_equal(unlink(testing_path(folder, "ecommerce.db")), 0);
    assert_int_equal(unlink(testing_path(folder, "ecommerce.lock")), 0);
    assert_int_equal(symlink(testing_path(folder, "elsewhere"), testing_path(folder, "ecommerce.lock")), 0);
    testing_open_fails(folder, STORE_WRITE, ERROR_IO, "ecommerce.lock");
}

static void makes_a_store_where_a_crash_left_an_empty_file(void **state)
{
    (void)state;
    patch(testing_path(folder, "ecommerce.db"), 0, "", 0);
    testing_open_fails(folder, STORE_READ, ERROR_IO, "there is no store");
    struct store *store = testing_open(folder, STORE_WRITE);
    store_close(store);
}

static void says_where_there_is_no_store_to_read(void **state)
{
    (void)state;
    testing_open_fails(folder, STORE_READ, ERROR_IO, "there is no store at");
    assert_int_equal(access(testing_path(folder, "ecommerce.lock"), F_OK), -1);
}

static void reads_beside_a_writer_and_sees_its_commits(void **state)
{
    (void)state;
    struct store *writer = testing_open(folder, STORE_WRITE);
    testing_change(writer, "a.csv", 1);
    struct store *reader = testing_open(folder, STORE_READ);
    assert_int_equal(store_progress(reader)->sequence, 1);
    testing_change(writer, "b.csv", 2);
    assert_int_equal(store_progress(reader)->sequence, 1);
    assert_changes(reader, 2);
    assert_true(progress_equal(store_progress(reader), store_progress(writer)));
    store_close(reader);
    testing_change(writer, "c.csv", 3);
    store_close(writer);
}

static void does_not_show_an_open_change_to_a_reader(void **state)
{
    (void)state;
    struct store *writer = testing_open(folder, STORE_WRITE);
    struct file_record file = testing_record("a.csv", 1, 3);
    assert_ok(store_begin(writer, &error), &error);
    testing_put_file(writer, &file);
    struct store *reader = testing_open(folder, STORE_READ);
    assert_changes(reader, 0);
    store_close(reader);
    store_rollback(writer);
    store_close(writer);
}

static void never_writes_to_a_store_it_only_reads(void **state)
{
    (void)state;
    struct store *store = testing_open(folder, STORE_WRITE);
    testing_change(store, "a.csv", 1);
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "before"));
    store = testing_open(folder, STORE_READ);
    assert_false(store_begin(store, &error));
    assert_error(&error, ERROR_BUG, "reading only");
    assert_false(store_adopt(store, store, &error));
    assert_error(&error, ERROR_BUG, "reading only");
    assert_false(store_note_delivered(store, &(struct store_delivered){SLICE("none:"), 1, 0, 1}, &error));
    assert_error(&error, ERROR_BUG, "reading only");
    assert_changes(store, 1);
    store_close(store);
    assert_true(testing_same(testing_path(folder, "ecommerce.db"), testing_path(folder, "before")));
}

static void says_that_a_folder_cannot_be_written(void **state)
{
    (void)state;
    store_close(testing_open(folder, STORE_WRITE));
    if (mount(folder, folder, "none", MS_BIND, NULL) != 0)
        skip();
    assert_int_equal(mount("none", folder, "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    struct store *store;
    struct digest fingerprint = testing_digest(7);
    bool opened = store_open(&store, folder, "ecommerce", &fingerprint, STORE_WRITE, &error);
    assert_int_equal(umount(folder), 0);
    assert_false(opened);
    assert_error(&error, ERROR_IO, "Read-only file system");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(makes_a_store_and_opens_it_again_with_the_same_epoch),
        TEST(gives_every_store_an_epoch_of_its_own),
        TEST(makes_the_last_component_of_the_folder_only),
        TEST(keeps_the_store_from_everybody_else),
        TEST(refuses_a_second_writer_and_names_the_first),
        TEST(is_not_held_up_by_the_lock_of_a_dead_process),
        TEST(refuses_a_changed_pipeline_and_names_the_way_out),
        TEST(becomes_a_new_store_of_another_fingerprint_while_there_is_no_change),
        TEST(refuses_the_store_of_another_pipeline),
        TEST(refuses_a_store_of_a_newer_dropfold),
        TEST(refuses_a_database_of_another_program_and_leaves_it_as_it_is),
        TEST(refuses_what_is_no_database),
        TEST(follows_no_link),
        TEST(makes_a_store_where_a_crash_left_an_empty_file),
        TEST(says_where_there_is_no_store_to_read),
        TEST(reads_beside_a_writer_and_sees_its_commits),
        TEST(does_not_show_an_open_change_to_a_reader),
        TEST(never_writes_to_a_store_it_only_reads),
        TEST(says_that_a_folder_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
