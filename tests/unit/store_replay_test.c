#include "store_folder.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

static const struct slice columns[] = {{"Colour", 6}, {"Size", 4}};

static void put_big_file(struct store *store)
{
    struct file_record file = testing_record("big.csv", 77, 6003);
    struct batch *batch = batch_new(testing_feed());
    const struct reject reject = {6001, 6002, 2, {"SKU", 3}, {"too long", 8}, {"1,x", 3}};
    file.buckets = (struct buckets){.applied = 6000, .rejected = 3};
    file.unknown = columns;
    file.unknown_count = COUNT_OF(columns);
    file.stored = SLICE("archive/Orders/000009-big.csv");
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    for (uint64_t i = 0; i < 3; i++) {
        testing_fill(batch, 1 + i * 2000, 2000, 77);
        assert_true(batch_reject(batch, &reject));
        assert_ok(store_put_batch(store, batch, &error), &error);
        batch_free(batch);
        batch = batch_new(testing_feed());
    }
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE("big"), 1, &error), &error);
    batch_free(batch);
}

/* Changes 1 to 8 of small files, 9 of a big one, 10 of two files, and two notes. */
static void fill(struct store *store)
{
    for (uint8_t i = 1; i <= 8; i++)
        testing_change(store, "small.csv", i);
    put_big_file(store);
    struct file_record one = testing_record("one.csv", 31, 20), two = testing_record("two.csv", 32, 20);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &one);
    testing_put_file(store, &two);
    assert_ok(store_commit(store, SLICE("two"), 1, &error), &error);
    one.state = FILE_QUARANTINED;
    one.reason = SLICE("a quote never closes");
    assert_ok(store_note_file(store, &one, 3, &error), &error);
    two.state = FILE_DUPLICATE;
    assert_ok(store_note_file(store, &two, 3, &error), &error);
}

/* The store as made once, in "whole.db". */
static int make_store(void **state)
{
    (void)state;
    make_folder(state);
    struct store *store = testing_open(folder, STORE_WRITE);
    fill(store);
    store_close(store);
    testing_copy(testing_path(folder, "ecommerce.db"), testing_path(folder, "whole.db"));
    return 0;
}

static void restore(void)
{
    (void)unlink(testing_path(folder, "ecommerce.db-wal"));
    (void)unlink(testing_path(folder, "ecommerce.db-shm"));
    testing_copy(testing_path(folder, "whole.db"), testing_path(folder, "ecommerce.db"));
}

static void tamper(const char *sql);

static void replays_the_very_bytes_that_were_put(void **state)
{
    (void)state;
    struct buf wanted;
    struct testing_story story;
    struct batch *batch = batch_new(testing_feed());
    struct store *store = testing_open(folder, STORE_WRITE);
    buf_init(&wanted, 1 << 20);
    for (unsigned i = 1; i <= 13; i++) {
        static const uint8_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8, 77, 77, 77, 31, 32};
        unsigned change = i <= 8 ? i : i <= 11 ? 9 : 10;
        testing_fill(batch, i >= 9 && i <= 11 ? 1 + (i - 9) * 2000 : 1, i <= 8 ? 3 : i <= 11 ? 2000 : 20, seeds[i - 1]);
        buf_printf(&wanted, "%u Orders ", change);
        buf_put_slice(&wanted, buf_slice(&batch->chunk.buf));
        if (i <= 8 || i == 11 || i == 13)
            buf_printf(&wanted, "end %u\n", change);
    }
    assert_ok(testing_replay(store, &story, &error), &error);
    assert_true(slice_equal(buf_slice(&story.bytes), buf_slice(&wanted)));
    assert_int_equal(story.changes, 10);
    assert_int_equal(story.rows, 8 * 3 + 6003 + 40);
    buf_close(&story.bytes);
    buf_close(&wanted);
    batch_free(batch);
    store_close(store);
}

static void tells_the_history_as_it_was_at_an_earlier_change(void **state)
{
    (void)state;
    struct testing_story story = {.changes = 0};
    struct store *store = testing_open(folder, STORE_WRITE);
    const struct replay_visit visit = {&story, testing_story_chunk, testing_story_change, .until = 8};
    buf_init(&story.bytes, 1 << 20);
    assert_ok(store_replay(store, &visit, &error), &error);
    assert_int_equal(story.changes, 8);
    assert_int_equal(story.rows, 8 * 3);
    assert_null(memmem(story.bytes.data, story.bytes.len, "SKU-077", 7));
    assert_int_equal(store_progress(store)->sequence, 10);
    store_close(store);
    /* What it does not hand out it checks all the same. */
    tamper("UPDATE chunks SET data = zeroblob(8) WHERE id = 11");
    store = testing_open(folder, STORE_WRITE);
    assert_false(store_replay(store, &visit, &error));
    assert_error(&error, ERROR_CORRUPT, "change 9, file Orders/big.csv");
    buf_close(&story.bytes);
    store_close(store);
}

static bool refuse_chunk(void *context, const struct replay_chunk *chunk, struct error *failure)
{
    ++*(unsigned *)context;
    return chunk->sequence < 3 || error_set(failure, ERROR_MEMORY, "enough");
}

static void stops_a_replay_that_its_visitor_refuses(void **state)
{
    (void)state;
    unsigned count = 0;
    struct replay_visit visit = {.context = &count, .chunk = refuse_chunk};
    struct store *store = testing_open(folder, STORE_WRITE);
    assert_false(store_replay(store, &visit, &error));
    assert_error(&error, ERROR_MEMORY, "enough");
    assert_int_equal(count, 3);
    assert_changes(store, 10);
    testing_change(store, "on.csv", 50);
    store_close(store);
}

/* --- damage by plan ----------------------------------------------------------------------------------------------- */

static void tamper(const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    restore();
    assert_int_equal(sqlite3_open(testing_path(folder, "ecommerce.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        print_error("%s: %s\n", sql, text);
    assert_null(text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_replay_finds(const char *sql, const char *part)
{
    struct testing_story story;
    tamper(sql);
    struct store *store = testing_open(folder, STORE_WRITE);
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, part);
    buf_close(&story.bytes);
    /* A failed replay leaves the store usable for looking. */
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, part);
    buf_close(&story.bytes);
    store_close(store);
}

static void names_the_change_and_the_file_whose_chunk_is_damaged(void **state)
{
    (void)state;
    assert_replay_finds("UPDATE chunks SET data = x'00' WHERE id = 3",
                        "change 3, file Orders/small.csv: a chunk fails its checksum");
    assert_replay_finds("UPDATE chunks SET checksum = checksum + 1 WHERE id = 9", "change 9, file Orders/big.csv");
    assert_replay_finds("UPDATE chunks SET data = zeroblob(0) WHERE id = 13", "change 10, file Orders/two.csv");
}

static void finds_chunks_in_each_others_place(void **state)
{
    (void)state;
    assert_replay_finds("UPDATE chunks SET data = (SELECT data FROM chunks WHERE id = 2), checksum = (SELECT checksum "
                        "FROM chunks WHERE id = 2) WHERE id = 1",
                        "change 1, file Orders/small.csv: a chunk fails its checksum");
    assert_replay_finds("UPDATE chunks SET id = -10 WHERE id = 10; UPDATE chunks SET id = 10 WHERE id = 11; "
                        "UPDATE chunks SET id = 11 WHERE id = -10",
                        "change 9, file Orders/big.csv: a chunk fails its checksum");
    /* Two files of one change, same feed, same ordinal: the checksums hold, the digest does not. */
    assert_replay_finds("UPDATE chunks SET id = -12 WHERE id = 12; UPDATE chunks SET id = 12 WHERE id = 13; "
                        "UPDATE chunks SET id = 13 WHERE id = -12",
                        "change 10: its digest does not follow");
}

static void finds_chunks_that_are_gone_or_too_many(void **state)
{
    (void)state;
    assert_replay_finds("DELETE FROM chunks WHERE id = 4", "change 4, file Orders/small.csv: a chunk is missing");
    assert_replay_finds("DELETE FROM chunks WHERE id = 13", "change 10, file Orders/two.csv: a chunk is missing");
    assert_replay_finds("INSERT INTO chunks VALUES(14, 1, 1, x'00')", "there are chunks of no change");
    assert_replay_finds("UPDATE chunks SET row_count = 4 WHERE id = 4", "change 4: its digest does not follow");
}

static void finds_damage_in_the_ledger(void **state)
{
    (void)state;
    assert_replay_finds("UPDATE files SET applied = 2, unchanged = 1 WHERE id = 5", "row of file 5 fails its checksum");
    assert_replay_finds("UPDATE files SET replaced = 1 WHERE id = 5", "change 5");
    assert_replay_finds("UPDATE files SET state = 1 WHERE id = 5", "change 5");
    assert_replay_finds("DELETE FROM files WHERE id = 11", "change 10: a file is missing");
    assert_replay_finds("DELETE FROM changes WHERE sequence = 5", "change 5: it is missing");
    assert_replay_finds("DELETE FROM changes WHERE sequence = 10", "behind change 9 there are files of no change");
    assert_replay_finds("UPDATE changes SET digest = zeroblob(32) WHERE sequence = 5", "change 5: its row fails");
    assert_replay_finds("UPDATE changes SET files = 100000000 WHERE sequence = 5", "change 5");
    assert_replay_finds("DELETE FROM changes; DELETE FROM chunks", "behind change 0 there are files");
}

static bool ignore_reject(void *context, const struct reject_record *record)
{
    (void)context, (void)record;
    return true;
}

static bool ignore_file(void *context, const struct file_record *file)
{
    (void)context, (void)file;
    return true;
}

static void finds_damage_where_a_replay_does_not_look(void **state)
{
    (void)state;
    static const char *const harms[] = {
        "UPDATE rejects SET raw = x'41' WHERE id = 2",
        "UPDATE files SET reason = x'41' WHERE state = 2",
        "UPDATE unknown SET name = x'41' WHERE ordinal = 1",
        "UPDATE meta SET value = x'41' WHERE key = 'summary'",
        "UPDATE files SET id = 99 WHERE id = 12; UPDATE files SET id = 12 WHERE id = 13",
    };
    for (size_t i = 0; i < COUNT_OF(harms); i++) {
        tamper(harms[i]);
        struct store *store = testing_open(folder, STORE_WRITE);
        assert_changes(store, 10);
        assert_false(store_check(store, &error));
        assert_error(&error, ERROR_CORRUPT, "fails its checksum");
        store_close(store);
    }
    tamper(harms[0]);
    struct store *store = testing_open(folder, STORE_READ);
    assert_false(store_each_reject(store, SLICE(""), ignore_reject, NULL, &error));
    assert_error(&error, ERROR_CORRUPT, "a rejected row of file 9 is gone or fails its checksum");
    store_close(store);
    for (size_t i = 1; i < 3; i++) {
        tamper(harms[i]);
        store = testing_open(folder, STORE_READ);
        assert_false(store_each_file(store, ignore_file, NULL, &error));
        assert_error(&error, ERROR_CORRUPT, "fails its checksum");
        store_close(store);
    }
}

static void finds_rows_that_are_gone_where_a_replay_does_not_look(void **state)
{
    (void)state;
    static const char *const harms[][2] = {
        {"DELETE FROM rejects WHERE id = 1", "rows of rejects are missing"},
        {"DELETE FROM rejects WHERE id = 3", "rows of rejects are missing"},
        {"DELETE FROM files WHERE id = 12", "rows of files are missing"},
        {"DELETE FROM unknown WHERE ordinal = 0", "rows of unknown are missing"},
        {"DELETE FROM unknown", "rows of unknown are missing"},
    };
    for (size_t i = 0; i < COUNT_OF(harms); i++) {
        tamper(harms[i][0]);
        struct store *store = testing_open(folder, STORE_WRITE);
        assert_changes(store, 10);
        assert_false(store_check(store, &error));
        assert_error(&error, ERROR_CORRUPT, harms[i][1]);
        store_close(store);
    }
}

static void does_not_hide_a_damaged_row_by_writing_to_it(void **state)
{
    (void)state;
    tamper("UPDATE files SET applied = 2, unchanged = 1 WHERE id = 5");
    struct store *store = testing_open(folder, STORE_WRITE);
    struct testing_story story;
    assert_ok(store_mark_replaced(store, SLICE("Orders"), 5, &error), &error);
    assert_false(testing_replay(store, &story, &error));
    assert_error(&error, ERROR_CORRUPT, "file 5");
    buf_close(&story.bytes);
    store_close(store);
}

static void refuses_tables_that_are_not_those_it_makes(void **state)
{
    (void)state;
    static const char *const harms[] = {
        "DROP INDEX files_by_content",
        "CREATE TABLE other(a)",
        "ALTER TABLE files RENAME COLUMN stored TO kept",
        "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END",
        "DELETE FROM meta WHERE key = 'epoch'",
        "UPDATE meta SET value = x'41' WHERE key = 'epoch'",
        "UPDATE changes SET committed = 2 WHERE sequence = 10",
    };
    for (size_t i = 0; i < COUNT_OF(harms); i++) {
        tamper(harms[i]);
        testing_open_fails(folder, STORE_WRITE, ERROR_CORRUPT, "is damaged");
    }
}

/* --- damage by chance --------------------------------------------------------------------------------------------- */

struct told {
    struct buf bytes;
};

static bool tell_file(void *context, const struct file_record *file)
{
    struct told *told = context;
    buf_put_slice(&told->bytes, file->feed);
    buf_put_slice(&told->bytes, file->name);
    buf_put_slice(&told->bytes, file->stored);
    buf_put_slice(&told->bytes, file->reason);
    buf_put(&told->bytes, &file->buckets, sizeof file->buckets);
    buf_printf(&told->bytes, "%llu %d %llu %d %zu", (unsigned long long)file->sequence, (int)file->state,
               (unsigned long long)file->rows, file->replaced, file->unknown_count);
    for (size_t i = 0; i < file->unknown_count; i++)
        buf_put_slice(&told->bytes, file->unknown[i]);
    return true;
}

static bool tell_reject(void *context, const struct reject_record *record)
{
    struct told *told = context;
    buf_put_slice(&told->bytes, record->name);
    buf_put_slice(&told->bytes, record->reject.reason);
    buf_put_slice(&told->bytes, record->reject.raw);
    return true;
}

/* Everything the store can tell, or false with the error. */
static bool tell_all(struct store *store, struct buf *out)
{
    struct testing_story story;
    struct told told;
    buf_init(&told.bytes, 1 << 24);
    bool good = testing_replay(store, &story, &error) && store_each_file(store, tell_file, &told, &error) &&
                store_each_reject(store, SLICE(""), tell_reject, &told, &error);
    buf_reset(out);
    buf_put_slice(out, buf_slice(&story.bytes));
    buf_put_slice(out, buf_slice(&told.bytes));
    buf_close(&story.bytes);
    buf_close(&told.bytes);
    return good;
}

static void flip(uint64_t random, off_t at)
{
    unsigned char byte;
    int fd = open(testing_path(folder, "ecommerce.db"), O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= (unsigned char)(1 + (random >> 40) % 255);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* True when the damage was seen; else all that is told must be as it was. */
static bool sees_damage(const struct buf *wanted, enum store_mode mode)
{
    struct store *store;
    struct digest fingerprint = testing_digest(7);
    if (!store_open(&store, folder, "ecommerce", &fingerprint, mode, &error)) {
        assert_true(error.kind == ERROR_CORRUPT || error.kind == ERROR_CONFIG || error.kind == ERROR_IO);
        return true;
    }
    struct buf told;
    buf_init(&told, 1 << 24);
    bool good = tell_all(store, &told);
    if (!good)
        assert_int_equal(error.kind, ERROR_CORRUPT);
    else
        assert_true(slice_equal(buf_slice(wanted), buf_slice(&told)));
    good = good && store_check(store, &error);
    buf_close(&told);
    store_close(store);
    return !good;
}

static void never_tells_wrong_numbers_from_a_damaged_file(void **state)
{
    (void)state;
    struct stat stat_of;
    struct buf wanted;
    unsigned seen = 0;
    struct store *store = testing_open(folder, STORE_WRITE);
    buf_init(&wanted, 1 << 24);
    assert_ok(tell_all(store, &wanted), &error);
    store_close(store);
    assert_int_equal(stat(testing_path(folder, "whole.db"), &stat_of), 0);
    for (uint64_t i = 0; i < 300; i++) {
        restore();
        /* Half of the flips go to where the first pages' rows are: schema, roots. */
        uint64_t random = hash_u64(i);
        off_t at = i % 2 ? (off_t)(random % (uint64_t)stat_of.st_size)
                         : (off_t)(1 + random % 8) * STORE_PAGE - 1 - (off_t)(random >> 20) % 1024;
        flip(random, at);
        seen += sees_damage(&wanted, i % 3 ? STORE_WRITE : STORE_READ);
    }
    /* The rest hit unused bytes of pages, and counters that SQLite sets anew. */
    assert_in_range(seen, 60, 300);
    buf_close(&wanted);
}

static void survives_a_file_that_is_cut_anywhere(void **state)
{
    (void)state;
    struct stat stat_of;
    assert_int_equal(stat(testing_path(folder, "whole.db"), &stat_of), 0);
    for (off_t size = 1; size < stat_of.st_size; size += 1777) {
        struct store *store;
        struct buf told;
        struct digest fingerprint = testing_digest(7);
        restore();
        assert_int_equal(truncate(testing_path(folder, "ecommerce.db"), size), 0);
        if (!store_open(&store, folder, "ecommerce", &fingerprint, STORE_WRITE, &error))
            continue;
        buf_init(&told, 1 << 24);
        assert_false(tell_all(store, &told) && store_check(store, &error));
        buf_close(&told);
        store_close(store);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_store, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(replays_the_very_bytes_that_were_put),
        TEST(tells_the_history_as_it_was_at_an_earlier_change),
        TEST(stops_a_replay_that_its_visitor_refuses),
        TEST(names_the_change_and_the_file_whose_chunk_is_damaged),
        TEST(finds_chunks_in_each_others_place),
        TEST(finds_chunks_that_are_gone_or_too_many),
        TEST(finds_damage_in_the_ledger),
        TEST(finds_damage_where_a_replay_does_not_look),
        TEST(finds_rows_that_are_gone_where_a_replay_does_not_look),
        TEST(does_not_hide_a_damaged_row_by_writing_to_it),
        TEST(refuses_tables_that_are_not_those_it_makes),
        TEST(never_tells_wrong_numbers_from_a_damaged_file),
        TEST(survives_a_file_that_is_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
