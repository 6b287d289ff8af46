/* A store in a folder of its own, open to be written: what most tests of the store begin with. Included after the other
   headers of these tests, as store_folder.h. */
#ifndef DROPFOLD_TESTS_STORE_FIXTURE_H
#define DROPFOLD_TESTS_STORE_FIXTURE_H

#include "store_folder.h"

static struct store *store;

static inline int open_store(void **state)
{
    make_folder(state);
    store = testing_open(folder, STORE_WRITE);
    return 0;
}

static inline int close_store(void **state)
{
    store_close(store);
    store = NULL;
    return remove_folder(state);
}

static inline void reopen(void)
{
    store_close(store);
    store = testing_open(folder, STORE_WRITE);
}

/* a.csv, b.csv and c.csv as changes 1 to 3. */
static inline void put_three(void)
{
    testing_change(store, "a.csv", 1);
    testing_change(store, "b.csv", 2);
    testing_change(store, "c.csv", 3);
}

/* Keeps the store, which is then closed, as `name` beside it. */
static inline void keep_as(const char *name)
{
    store_close(store);
    store = NULL;
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, name));
}

/* The store, which nobody has open, is what was kept as base.db again. */
static inline void copy_base(void)
{
    (void)unlink(testing_path(folder, "ecommerce.db-wal"));
    (void)unlink(testing_path(folder, "ecommerce.db-shm"));
    testing_copy(testing_path(folder, "base.db"), testing_path(folder, "ecommerce.db"));
}

#endif
