/* Stores of which files are forgotten: the fixture and the calls of those tests. */
#ifndef DROPFOLD_TESTS_STORE_FORGETTING_H
#define DROPFOLD_TESTS_STORE_FORGETTING_H

#include "store_fixture.h"

static struct arena texts;
static struct file_record file; /* the last one that was forgotten */

static inline int set_up(void **state)
{
    arena_init(&texts, 1 << 16);
    return open_store(state);
}

static inline int tear_down(void **state)
{
    arena_close(&texts);
    return close_store(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static inline bool try_to_forget(struct store *of, const char *which)
{
    bool good = store_begin(of, &error) && store_forget(of, slice_of(which), &texts, &file, &error);
    if (good)
        return store_commit(of, SLICE("after"), 1700000000000001, &error);
    store_rollback(of);
    return false;
}

static inline void forget(const char *which)
{
    assert_ok(try_to_forget(store, which), &error);
}

#endif
