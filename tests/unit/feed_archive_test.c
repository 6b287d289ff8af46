/* Files that were applied go to the archive, or are deleted, whatever stands in the way. */
#include "feed_archiving.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

static const char *to_empty; /* a landing folder from which the hidden folders go before the next rename */

__attribute__((visibility("default"))) int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                                                     unsigned flags)
{
    DIR *dir = to_empty ? opendir(to_empty) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, ".dropfold-", 10) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    if (dir)
        closedir(dir);
    to_empty = NULL;
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static void names_begin_with_sequence_and_hash(void **state)
{
    struct fixture *f = *state;
    char name[ARCHIVE_NAME_SIZE];
    archive_name(7, &f->content, "a-b.csv", name);
    assert_string_equal(name, "000007-abababab-a-b.csv");
    archive_name(12345678, &f->content, "x", name);
    assert_string_equal(name, "12345678-abababab-x");
}

static void names_are_told_from_what_else_lies_there(void **state)
{
    (void)state;
    static const char *const others[] = {"a.csv",
                                         "000007-abababab",
                                         "000007-ababababa-x",
                                         "000007-abababa-x",
                                         "000007-x-y",
                                         "-7-abababab-x",
                                         "18446744073709551616-abababab-x"};
    uint64_t sequence;
    errno = ERANGE; /* of whatever failed before */
    assert_string_equal(archive_split_name("000007-abababab-a-b.csv", &sequence), "a-b.csv");
    assert_int_equal(sequence, 7);
    assert_string_equal(archive_split_name("18446744073709551615-abababab-x", &sequence), "x");
    assert_int_equal(sequence, UINT64_MAX);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_null(archive_split_name(others[i], &sequence));
}

static void names_are_cut_to_255_bytes_and_between_characters(void **state)
{
    struct fixture *f = *state;
    char name[ARCHIVE_NAME_SIZE], longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    archive_name(7, &f->content, longest, name);
    assert_int_equal(strlen(name), 255);
    memcpy(longest + 238, "\xc3\xa9", 2); /* the 239th byte is the last that fits */
    archive_name(7, &f->content, longest, name);
    assert_int_equal(strlen(name), 254);
    assert_int_equal(name[253], 'n');
}

/* --- moves -------------------------------------------------------------------------------------------------------- */

static void moves_the_file_to_the_archive(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    assert_int_equal(count_files(f->folder), 0);
    assert_int_equal(count_files(f->archive), 1);
    const struct file_stat now = file_stat_of(f->archive, "000007-abababab-a.csv");
    assert_true(file_stat_same(&stat, &now));
}

static void moves_names_of_255_arbitrary_bytes(void **state)
{
    struct fixture *f = *state;
    char name[256], archived[ARCHIVE_NAME_SIZE];
    memset(name, 0xfe, 255);
    name[0] = '\n';
    name[255] = '\0';
    file_write(f->folder, name, "1");
    const struct file_stat stat = file_stat_of(f->folder, name);
    assert_int_equal(move(f, name, &stat), ARCHIVE_MOVED);
    archive_name(7, &f->content, name, archived);
    assert_file(f->archive, archived, "1");
    assert_int_equal(count_files(f->folder), 0);
}

static void may_be_repeated_after_success(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
}

static void leaves_a_file_that_a_producer_put_in_its_place(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "old");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    file_deliver(f->folder, "a.csv", "new one");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_REPLACED);
    assert_file(f->folder, "a.csv", "new one");
    assert_int_equal(count_files(f->folder), 1);
    assert_int_equal(count_files(f->archive), 0);
}

static void leaves_a_file_that_was_appended_to(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    file_append(f->folder, "a.csv", "2");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_REPLACED);
    assert_file(f->folder, "a.csv", "12");
}

static void puts_a_symlink_back_that_stands_in_its_place(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "1");
    file_write(f->folder, "b.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    path_join(path, f->folder, "a.csv");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("b.csv", path), 0);
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_REPLACED);
    assert_true(file_there(f->folder, "a.csv"));
    assert_int_equal(count_files(f->folder), 2);
}

static void says_replaced_when_the_file_is_gone(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    path_join(path, f->folder, "a.csv");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_REPLACED);
    assert_int_equal(count_files(f->folder), 0);
}

static void takes_a_redelivery_for_moved_when_the_archive_has_its_bytes(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        file_deliver(f->folder, "a.csv", "1");
        const struct file_stat stat = file_stat_of(f->folder, "a.csv");
        assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    }
    assert_int_equal(count_files(f->archive), 1);
    assert_int_equal(count_files(f->folder), 0);
}

static void never_replaces_other_bytes_in_the_archive(void **state)
{
    struct fixture *f = *state;
    file_deliver(f->folder, "a.csv", "1");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    file_deliver(f->folder, "a.csv", "2");
    stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_HIDDEN);
    assert_string_equal(f->error.text, "cannot archive it: another file has its name there");
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    assert_hidden(f, "a.csv", &stat);
}

static void never_follows_a_symlink_to_the_archive(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    path_join(path, f->data, "archive");
    assert_int_equal(symlink("Orders", path), 0);
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_FAILED);
    assert_error(&f->error, ERROR_IO, "archive/Orders: something else lies there; a symbolic link is not followed");
    assert_file(f->folder, "a.csv", "1");
}

static void move_from_read_only_folder(void *context)
{
    struct fixture *f = context;
    struct landing landing;
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    child_check(landing_open(&landing, f->data, &f->feed, 0, false, &f->error));
    child_check(archive_move(&landing, "a.csv", &stat, "000001-abababab-a.csv", &f->error) == ARCHIVE_LEFT);
    landing.writable = true; /* as when it became so only after it was opened */
    child_check(archive_move(&landing, "a.csv", &stat, "000001-abababab-a.csv", &f->error) == ARCHIVE_LEFT);
    child_check(archive_delete(&landing, "a.csv", &stat, &f->error) == ARCHIVE_LEFT);
    child_check(file_there(f->folder, "a.csv"));
}

static void leaves_the_file_in_a_folder_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    make_archive(f);
    assert_int_equal(chmod(f->archive, 0777), 0);
    assert_int_equal(chmod(f->folder, 0555), 0);
    run_unprivileged(f->data, move_from_read_only_folder, f);
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(count_files(f->folder), 1);
}

static void move_without_archive(void *context)
{
    struct fixture *f = context;
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    struct landing landing;
    (void)chmod(f->data, 0555); /* its owner's own folder, when that is who runs the tests */
    child_check(landing_open(&landing, f->data, &f->feed, 0, false, &f->error) && landing.writable);
    child_check(archive_move(&landing, "a.csv", &stat, "000001-abababab-a.csv", &f->error) == ARCHIVE_FAILED);
    child_check(strstr(f->error.text, "archive/Orders") != NULL);
    child_check(file_there(f->folder, "a.csv"));
}

static void fails_and_touches_nothing_when_there_can_be_no_archive(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    assert_int_equal(chmod(f->folder, 0777), 0);
    run_unprivileged(f->data, move_without_archive, f);
    assert_int_equal(chmod(f->data, 0755), 0);
    assert_int_equal(count_files(f->folder), 1);
}

/* --- other devices and file systems ------------------------------------------------------------------------------- */

static void copies_to_an_archive_on_another_device(void **state)
{
    struct fixture *f = *state;
    mount_archive(f, "size=1m");
    file_write(f->folder, "a.csv", "1");
    file_date(f->folder, "a.csv", 1600000000);
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    assert_int_equal(file_stat_of(f->archive, "000007-abababab-a.csv").mtime_ns, stat.mtime_ns);
    assert_int_equal(count_files(f->archive), 1);
    assert_int_equal(count_files(f->folder), 0);
    file_deliver(f->folder, "a.csv", "1"); /* a crash after the copy looks like this */
    const struct file_stat again = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &again), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
}

/* As a crash left it. */
static void replaces_a_copy_that_was_cut_short(void **state)
{
    struct fixture *f = *state;
    char copy[128];
    mount_archive(f, "size=64k");
    file_write(f->folder, "a.csv", "1");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    snprintf(copy, sizeof copy, ".dropfold-copy-%llx-%llx", (unsigned long long)stat.inode,
             (unsigned long long)hash_bytes(SLICE("000007-abababab-a.csv"), 0));
    file_write(f->archive, copy, "longer than the file");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    assert_int_equal(count_files(f->archive), 1);
}

static void keeps_the_file_hidden_while_the_archive_is_full(void **state)
{
    struct fixture *f = *state;
    char large[100 * 1024 + 1];
    mount_archive(f, "size=64k");
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    file_write(f->folder, "a.csv", large);
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_HIDDEN);
    assert_error(&f->error, ERROR_FULL, "cannot archive it: No space left on device");
    assert_hidden(f, "a.csv", &stat);
    assert_int_equal(count_files(f->archive), 0);
    assert_int_equal(mount("none", f->archive, "none", MS_REMOUNT, "size=1m"), 0);
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->archive), 1);
    assert_int_equal(count_files(f->folder), 0);
}

/* From here on the call fails so. */
static bool forbid(unsigned call, unsigned number)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | number),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* As on file systems that can't rename without replacing. */
static bool forbid_renameat2(void)
{
    return forbid(SYS_renameat2, EINVAL);
}

static void move_by_links(struct fixture *f)
{
    const struct file_stat old = file_stat_of(f->folder, "a.csv");
    child_check(forbid_renameat2());
    child_check(move(f, "a.csv", &old) == ARCHIVE_MOVED);
    file_write(f->folder, "b.csv", "old");
    const struct file_stat stale = file_stat_of(f->folder, "b.csv");
    file_write(f->folder, "b.csv", "newer");
    child_check(move(f, "b.csv", &stale) == ARCHIVE_REPLACED);
}

/* In a child process, of which what is forbidden in it remains. */
static void run_apart(struct fixture *f, void (*test)(struct fixture *f))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        test(f);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void moves_by_links_where_rename_would_replace(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    assert_int_equal(chmod(f->folder, 0777), 0);
    run_apart(f, move_by_links);
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    assert_file(f->folder, "b.csv", "newer");
    assert_int_equal(count_files(f->folder), 1);
}

static void move_without_unlink(struct fixture *f)
{
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    child_check(forbid_renameat2() && forbid(SYS_unlinkat, EIO));
    child_check(move(f, "a.csv", &stat) == ARCHIVE_HIDDEN);
}

/* Between a link and an unlink a producer may put the next file there, and a crash leaves the file in sight, with
   another ctime. */
static void hides_a_file_in_one_step_where_rename_would_replace(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    run_apart(f, move_without_unlink);
    assert_hidden(f, "a.csv", &stat);
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    assert_int_equal(count_files(f->folder), 0);
}

/* --- deletions ---------------------------------------------------------------------------------------------------- */

static void deletes_what_was_read_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(archive_delete(&f->landing, "a.csv", &stat, &f->error), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
    assert_int_equal(archive_delete(&f->landing, "a.csv", &stat, &f->error), ARCHIVE_MOVED);
    file_write(f->folder, "a.csv", "22");
    assert_int_equal(archive_delete(&f->landing, "a.csv", &stat, &f->error), ARCHIVE_REPLACED);
    assert_file(f->folder, "a.csv", "22");
}

/* Their hidden folders have one name, and whoever moves the other name of the file removes it. */
static void takes_a_file_whose_hidden_folder_goes_with_a_hard_link(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "1");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    to_empty = f->folder;
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_file(f->archive, "000007-abababab-a.csv", "1");
    file_write(f->folder, "b.csv", "2");
    stat = file_stat_of(f->folder, "b.csv");
    to_empty = f->folder;
    assert_int_equal(archive_delete(&f->landing, "b.csv", &stat, &f->error), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
    to_empty = f->folder;
    assert_int_equal(quarantined(f, "c.csv", "3", path), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
}

/* --- markers ------------------------------------------------------------------------------------------------------ */

static void takes_the_marker_away_with_its_file(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    f->feed.ready = FEED_READY_DONE_MARKER;
    file_write(f->folder, "a.csv", "1");
    file_write(f->folder, "a.csv.done", "");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
    assert_int_equal(count_files(f->archive), 1);
    file_write(f->folder, "b.csv", "1");
    file_write(f->folder, "b.csv.done", "");
    stat = file_stat_of(f->folder, "b.csv");
    assert_int_equal(archive_delete(&f->landing, "b.csv", &stat, &f->error), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
    file_write(f->folder, "c.csv.done", "");
    assert_int_equal(quarantined(f, "c.csv", "1", path), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
}

static void leaves_the_marker_of_a_replaced_file(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    file_write(f->folder, "a.csv", "1");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    file_write(f->folder, "a.csv", "new");
    file_write(f->folder, "a.csv.done", "");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_REPLACED);
    assert_file(f->folder, "a.csv", "new");
    assert_true(file_there(f->folder, "a.csv.done"));
    assert_int_equal(count_files(f->folder), 2);
}

static void keeps_the_marker_with_its_hidden_file(void **state)
{
    struct fixture *f = *state;
    f->feed.ready = FEED_READY_DONE_MARKER;
    make_archive(f);
    file_write(f->archive, "000007-abababab-a.csv", "other bytes");
    file_write(f->folder, "a.csv", "1");
    file_write(f->folder, "a.csv.done", "");
    const struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_HIDDEN);
    assert_hidden(f, "a.csv", &stat);
    char path[FEED_PATH_MAX];
    path_join(path, f->archive, "000007-abababab-a.csv");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(move(f, "a.csv", &stat), ARCHIVE_MOVED);
    assert_int_equal(count_files(f->folder), 0);
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define MOUNT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_mount)
    const struct CMUnitTest tests[] = {
        TEST(names_begin_with_sequence_and_hash),
        TEST(names_are_told_from_what_else_lies_there),
        TEST(names_are_cut_to_255_bytes_and_between_characters),
        TEST(moves_the_file_to_the_archive),
        TEST(moves_names_of_255_arbitrary_bytes),
        TEST(may_be_repeated_after_success),
        TEST(leaves_a_file_that_a_producer_put_in_its_place),
        TEST(leaves_a_file_that_was_appended_to),
        TEST(puts_a_symlink_back_that_stands_in_its_place),
        TEST(says_replaced_when_the_file_is_gone),
        TEST(takes_a_redelivery_for_moved_when_the_archive_has_its_bytes),
        TEST(never_replaces_other_bytes_in_the_archive),
        TEST(never_follows_a_symlink_to_the_archive),
        TEST(leaves_the_file_in_a_folder_that_cannot_be_written),
        TEST(fails_and_touches_nothing_when_there_can_be_no_archive),
        MOUNT_TEST(copies_to_an_archive_on_another_device),
        MOUNT_TEST(replaces_a_copy_that_was_cut_short),
        MOUNT_TEST(keeps_the_file_hidden_while_the_archive_is_full),
        TEST(moves_by_links_where_rename_would_replace),
        TEST(hides_a_file_in_one_step_where_rename_would_replace),
        TEST(deletes_what_was_read_and_nothing_else),
        TEST(takes_a_file_whose_hidden_folder_goes_with_a_hard_link),
        TEST(takes_the_marker_away_with_its_file),
        TEST(leaves_the_marker_of_a_replaced_file),
        TEST(keeps_the_marker_with_its_hidden_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
