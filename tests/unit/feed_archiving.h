/* What the tests of archiving share: one landing folder, open, and where its files go. */
#ifndef DROPFOLD_TESTS_FEED_ARCHIVING_H
#define DROPFOLD_TESTS_FEED_ARCHIVING_H

#include "feed_support.h"

#include <dirent.h>
#include <sys/mount.h>

#include "base/hash.h"
#include "feed/archive.h"

struct fixture {
    char data[TESTING_PATH_MAX], folder[FEED_PATH_MAX], archive[FEED_PATH_MAX], quarantine[FEED_PATH_MAX];
    struct feed feed;
    struct landing landing;
    struct digest content;
    struct error error;
    const char *committed; /* the archive name that the ledger knows */
    const char *unnoted;   /* the name in the quarantine that the ledger does not know */
    size_t lookups;
    bool silent; /* the ledger cannot say */
    bool knows;  /* the ledger knows every file */
    struct archive_effort effort;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    testing_folder_make(f->data);
    path_join(f->folder, f->data, "Orders");
    path_join(f->archive, f->data, "archive/Orders");
    path_join(f->quarantine, f->data, "quarantine/Orders");
    assert_int_equal(mkdir(f->folder, 0755), 0);
    f->feed = (struct feed){.name = "Orders"};
    f->effort.until = INT64_MAX;
    memset(f->content.bytes, 0xab, sizeof f->content.bytes);
    assert_ok(landing_open(&f->landing, f->data, &f->feed, 0, true, &f->error), &f->error);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    landing_close(&f->landing);
    testing_folder_remove(f->data);
    free(f);
    return 0;
}

/* <data>/archive/Orders before anything was moved. */
static inline void make_archive(const struct fixture *f)
{
    char parent[FEED_PATH_MAX];
    path_join(parent, f->data, "archive");
    assert_int_equal(mkdir(parent, 0755), 0);
    assert_int_equal(mkdir(f->archive, 0755), 0);
}

/* Names in a folder, hidden ones included; 0 when it is missing. */
static inline size_t count_files(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count > 2 ? count - 2 : 0;
}

/* Empties a folder. */
static inline void remove_names(const char *folder)
{
    char path[FEED_PATH_MAX];
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        path_join(path, folder, entry->d_name);
        if (entry->d_type == DT_DIR) {
            remove_names(path);
            assert_int_equal(rmdir(path), 0);
        } else {
            assert_int_equal(unlink(path), 0);
        }
    }
    if (dir)
        closedir(dir);
}

/* Moves the file to the archive, as of change 7. */
static inline enum archive_result move(struct fixture *f, const char *name, const struct file_stat *stat)
{
    char archived[ARCHIVE_NAME_SIZE];
    archive_name(7, &f->content, name, archived);
    return archive_move(&f->landing, name, stat, archived, &f->error);
}

/* Quarantines one; `path` is where it then lies. */
static inline enum archive_result quarantine_one(struct fixture *f, const char *name, const struct file_stat *stat,
                                                 char path[FEED_PATH_MAX])
{
    struct archive_quarantine quarantine;
    archive_quarantine_begin(&quarantine, &f->landing);
    enum archive_result result =
        archive_quarantine_move(&quarantine, name, stat, "3:7: no closing quote", path, &f->error);
    return archive_quarantine_end(&quarantine, &f->error) || result != ARCHIVE_MOVED ? result : ARCHIVE_UNSURE;
}

/* Puts a file there and quarantines it; `path` is where it then lies. */
static inline enum archive_result quarantined(struct fixture *f, const char *name, const char *text,
                                              char path[FEED_PATH_MAX])
{
    file_deliver(f->folder, name, text);
    const struct file_stat stat = file_stat_of(f->folder, name);
    return quarantine_one(f, name, &stat, path);
}

/* Puts `name` of the landing folder into hiding as a crash would leave it, as if `stat` had been read. */
static inline void hide_alone(struct fixture *f, const char *name, const struct file_stat *stat, const char *tag,
                              char hidden[FEED_PATH_MAX])
{
    char folder[256], from[FEED_PATH_MAX], to[FEED_PATH_MAX];
    snprintf(folder, sizeof folder, ".dropfold-%llx-%llx-%llx-%llx-%s", (unsigned long long)stat->device,
             (unsigned long long)stat->inode, (unsigned long long)stat->size, (unsigned long long)stat->mtime_ns, tag);
    path_join(hidden, f->folder, folder);
    if (mkdir(hidden, 0700) < 0)
        assert_int_equal(errno, EEXIST);
    path_join(from, f->folder, name);
    path_join(to, hidden, name);
    assert_int_equal(rename(from, to), 0);
}

/* All that is left in the landing folder is a hidden folder with the file that had `stat`, itself. */
static inline void assert_hidden(const struct fixture *f, const char *name, const struct file_stat *stat)
{
    char folder[256], path[FEED_PATH_MAX];
    snprintf(folder, sizeof folder, ".dropfold-%llx-%llx-%llx-%llx-000007-abababab", (unsigned long long)stat->device,
             (unsigned long long)stat->inode, (unsigned long long)stat->size, (unsigned long long)stat->mtime_ns);
    path_join(path, f->folder, folder);
    const struct file_stat now = file_stat_of(path, name);
    assert_true(file_stat_same(&now, stat));
    assert_int_equal(count_files(f->folder), 1);
}

/* A file system in memory, which not everybody may mount; tear_down_mount takes it away. */
static inline void mount_at(const char *folder, const char *options)
{
    if (mount("none", folder, "tmpfs", 0, options) == 0)
        return;
    assert_int_equal(errno, EPERM);
    print_message("needs root: skipped\n");
    skip();
}

static inline void mount_archive(struct fixture *f, const char *options)
{
    make_archive(f);
    mount_at(f->archive, options);
}

static inline int tear_down_mount(void **state)
{
    struct fixture *f = *state;
    char quarantine[FEED_PATH_MAX];
    path_join(quarantine, f->data, "quarantine");
    (void)umount2(f->archive, MNT_DETACH);
    (void)umount2(quarantine, MNT_DETACH);
    return tear_down(state);
}

#endif
