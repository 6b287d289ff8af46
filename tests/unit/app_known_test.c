/* Files that are known from the ledger: all that the file system says of them must be as it was. */
#include "store_testing.h"

#include "app/known.h"

static char folder[TESTING_PATH_MAX];

static struct file_stat stat_of(const struct file_record *file)
{
    return (struct file_stat){.device = file->device,
                              .inode = file->inode,
                              .size = file->size,
                              .mtime_ns = file->mtime_ns,
                              .ctime_ns = file->ctime_ns};
}

static void knows_a_file_of_the_ledger_as_long_as_nothing_of_it_changes(void **state)
{
    (void)state;
    struct error error = {0};
    struct known known;
    const struct file_record file = testing_record("a.csv", 1, 3);
    testing_folder_make(folder);
    struct store *store = testing_open(folder, STORE_WRITE);
    testing_put_change(store, &file);
    testing_change(store, "b.csv", 2);
    assert_ok(known_load(&known, store, &error), &error);
    struct file_stat stat = stat_of(&file);
    assert_true(known_has(&known, "Orders", "a.csv", &stat));
    assert_false(known_has(&known, "Orders", "b.csv", &stat));
    assert_false(known_has(&known, "Customers", "a.csv", &stat));
    stat.device++; /* the same disk after the next boot */
    assert_true(known_has(&known, "Orders", "a.csv", &stat));
    stat.inode++;
    assert_false(known_has(&known, "Orders", "a.csv", &stat));
    stat = stat_of(&file);
    stat.size++;
    assert_false(known_has(&known, "Orders", "a.csv", &stat));
    stat = stat_of(&file);
    stat.mtime_ns++;
    assert_false(known_has(&known, "Orders", "a.csv", &stat));
    stat = stat_of(&file); /* written again, and its other time put back */
    stat.ctime_ns++;
    assert_false(known_has(&known, "Orders", "a.csv", &stat));
    known_close(&known);
    store_close(store);
    testing_folder_remove(folder);
}

static void knows_nothing_of_an_empty_ledger(void **state)
{
    (void)state;
    struct error error = {0};
    struct known known;
    const struct file_record file = testing_record("a.csv", 1, 3);
    testing_folder_make(folder);
    struct store *store = testing_open(folder, STORE_WRITE);
    assert_ok(known_load(&known, store, &error), &error);
    struct file_stat stat = stat_of(&file);
    assert_false(known_has(&known, "Orders", "a.csv", &stat));
    known_close(&known);
    store_close(store);
    testing_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_file_of_the_ledger_as_long_as_nothing_of_it_changes),
        cmocka_unit_test(knows_nothing_of_an_empty_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
