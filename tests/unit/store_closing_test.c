/* Changes that close windows: a moment in the chain, told at its place, and nothing else. */
#include "store_digesting.h"

#include <sqlite3.h>

#include "store_fixture.h"

static bool try_to_close(int64_t before)
{
    if (!store_begin(store, &error))
        return false;
    if (store_close_windows(store, before, &error))
        return store_commit(store, SLICE("closed"), 1700000000000001, &error);
    store_rollback(store);
    return false;
}

struct heard {
    char text[256];
    uint64_t until;
};

static void note(struct heard *heard, const char *what, long long number)
{
    size_t len = strlen(heard->text);
    snprintf(heard->text + len, sizeof heard->text - len, "%s %lld;", what, number);
}

static bool hear_chunk(void *context, const struct replay_chunk *chunk, struct error *why)
{
    (void)why;
    note(context, "chunk", (long long)chunk->sequence);
    note(context, "at", (long long)(chunk->committed - 1700000000000000));
    return true;
}

static bool hear_close(void *context, uint64_t sequence, int64_t before, struct error *why)
{
    (void)why;
    note(context, "close", (long long)sequence);
    note(context, "before", (long long)before);
    return true;
}

static bool hear_end(void *context, const struct replay_end *end, struct error *why)
{
    (void)why;
    note(context, "end", (long long)end->sequence);
    return true;
}

static bool listen(struct heard *heard, uint64_t until)
{
    *heard = (struct heard){.until = until};
    const struct replay_visit visit = {
        .context = heard, .chunk = hear_chunk, .close = hear_close, .change_end = hear_end, .until = until};
    return store_replay(store, &visit, &error);
}

static void assert_heard(uint64_t until, const char *wanted)
{
    struct heard heard;
    assert_ok(listen(&heard, until), &error);
    assert_string_equal(heard.text, wanted);
}

static void are_told_in_their_place(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    assert_ok(try_to_close(-86400000000), &error);
    testing_change(store, "b.csv", 2);
    assert_ok(try_to_close(864000000000), &error);
    const char *all = "chunk 1;at 0;end 1;close 2;before -86400000000;end 2;chunk 3;at 0;end 3;close 4;before "
                      "864000000000;end 4;";
    assert_heard(0, all);
    assert_heard(3, "chunk 1;at 0;end 1;close 2;before -86400000000;end 2;chunk 3;at 0;end 3;");
    struct progress before = *store_progress(store);
    reopen();
    assert_true(progress_equal(&before, store_progress(store)));
    assert_heard(0, all);
    assert_ok(store_check(store, &error), &error);
}

static void stand_alone_in_their_change(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3);
    struct arena texts;
    arena_init(&texts, 4096);
    testing_change(store, "z.csv", 9);
    assert_false(store_close_windows(store, 0, &error));
    assert_error(&error, ERROR_BUG, "no change is open");
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    assert_false(store_close_windows(store, 0, &error));
    assert_error(&error, ERROR_BUG, "does nothing else");
    store_rollback(store);
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_close_windows(store, 0, &error), &error);
    assert_false(store_close_windows(store, 0, &error));
    assert_error(&error, ERROR_BUG, "does nothing else");
    assert_false(store_file_begin(store, SLICE("Orders"), &error));
    assert_error(&error, ERROR_BUG, "closes windows");
    assert_false(store_forget(store, SLICE("z.csv"), &texts, &file, &error));
    assert_error(&error, ERROR_BUG, "either");
    store_rollback(store);
    /* nothing of it is left in the next one */
    testing_change(store, "a.csv", 1);
    assert_heard(0, "chunk 1;at 0;end 1;chunk 2;at 0;end 2;");
    arena_close(&texts);
}

static void tell_histories_apart(void **state)
{
    (void)state;
    struct digest digests[2];
    for (int i = 0; i < 2; i++) {
        struct digester d;
        struct digest before;
        assert_ok(try_to_close(i), &error);
        assert_ok(store_digest_at(store, (uint64_t)i, &before, &error), &error);
        digesting_begin(&d, &before, (uint64_t)i + 1);
        digester_add_u64(&d, 4);
        digester_add_u64(&d, (uint64_t)i);
        digests[i] = digester_take(&d);
        assert_true(digest_equal(&digests[i], &store_progress(store)->digest));
    }
    assert_false(digest_equal(&digests[0], &digests[1]));
}

static void assert_found(const char *sql, const char *part)
{
    sqlite3 *db;
    struct heard heard;
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    store = testing_open(folder, STORE_WRITE);
    assert_false(listen(&heard, 0));
    assert_error(&error, ERROR_CORRUPT, part);
    store_close(store);
    store = NULL;
}

static void cannot_be_changed_unnoticed(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    assert_ok(try_to_close(864000000000), &error);
    testing_change(store, "b.csv", 2);
    store_close(store);
    assert_found("UPDATE changes SET first_file = 0 WHERE sequence = 2", "change 2: its row fails its checksum");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(are_told_in_their_place),
        TEST(stand_alone_in_their_change),
        TEST(tell_histories_apart),
        TEST(cannot_be_changed_unnoticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
