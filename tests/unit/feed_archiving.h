/* What the tests of archiving share: one landing folder, open, and where its files go. */
#ifndef DROPFOLD_TESTS_FEED_ARCHIVING_H
#define DROPFOLD_TESTS_FEED_ARCHIVING_H

#include "feed_support.h"

#include <dirent.h>

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

#endif
