/* What is asked of the files in the ledger: redeliveries, what is known, sums and lists. */
#include "store_fixture.h"

#include <time.h>

/* --- duplicates --------------------------------------------------------------------------------------------------- */

static struct store_original original;

static bool has_original(const struct file_record *file)
{
    assert_ok(store_find_duplicate(store, file, false, &original, &error), &error);
    return original.id > 0;
}

static bool is_duplicate(const char *feed, const char *name, uint8_t seed)
{
    const struct file_record file = {.feed = slice_of(feed), .name = slice_of(name), .content = testing_digest(seed)};
    return has_original(&file);
}

static void mark_replaced(const char *feed, uint64_t sequence)
{
    assert_ok(store_mark_replaced(store, slice_of(feed), sequence, &error), &error);
}

static void finds_the_same_content_under_any_name(void **state)
{
    (void)state;
    assert_false(is_duplicate("Orders", "a.csv", 1));
    testing_change(store, "z.csv", 9);
    testing_change(store, "a.csv", 1);
    assert_true(is_duplicate("Orders", "a.csv", 1));
    assert_int_equal(original.sequence, 2);
    assert_string_equal(original.name, "a.csv");
    assert_true(is_duplicate("Orders", "copy of a.csv", 1));
    assert_false(is_duplicate("Orders", "a.csv", 2));
    assert_false(is_duplicate("Deliveries", "a.csv", 1));
}

static void compares_the_whole_content_and_not_its_first_bytes(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    struct file_record file = {.feed = SLICE("Orders"), .name = SLICE("a.csv"), .content = testing_digest(1)};
    file.content.bytes[31] = 2;
    assert_false(has_original(&file));
}

static void takes_content_again_once_it_was_replaced(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    testing_change(store, "b.csv", 2);
    mark_replaced("Deliveries", 1);
    assert_true(is_duplicate("Orders", "a.csv", 1));
    mark_replaced("Orders", 1);
    assert_false(is_duplicate("Orders", "a.csv", 1));
    assert_false(is_duplicate("Orders", "new.csv", 1));
    assert_true(is_duplicate("Orders", "b.csv", 2));
    /* Dropped again to undo the correction, it is the newest of its content, and a duplicate from then on. */
    testing_change(store, "a.csv", 1);
    assert_true(is_duplicate("Orders", "new.csv", 1));
    assert_int_equal(original.sequence, 3);
    assert_changes(store, 3);
}

static void takes_content_again_once_something_else_was_committed_at_its_name(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    testing_change(store, "a.csv", 2);
    assert_false(is_duplicate("Orders", "a.csv", 1));
    assert_true(is_duplicate("Orders", "elsewhere.csv", 1));
    struct file_record other = testing_record("elsewhere.csv", 3, 1);
    other.feed = SLICE("Deliveries");
    testing_put_change(store, &other);
    assert_true(is_duplicate("Orders", "elsewhere.csv", 1));
}

static void counts_only_applied_files_as_originals(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 0);
    file.state = FILE_QUARANTINED;
    assert_ok(store_note_file(store, &file, 1, &error), &error);
    assert_false(is_duplicate("Orders", "a.csv", 1));
    testing_change(store, "a.csv", 2);
    file.state = FILE_DUPLICATE;
    assert_ok(store_note_file(store, &file, 1, &error), &error);
    assert_true(is_duplicate("Orders", "a.csv", 2));
}

static void marks_only_the_ended_files_of_the_open_change(void **state)
{
    (void)state;
    struct file_record one = testing_record("a.csv", 1, 3), two = testing_record("b.csv", 2, 3);
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &one);
    mark_replaced("Orders", 1);
    testing_put_file(store, &two);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    assert_false(is_duplicate("Orders", "x.csv", 1));
    assert_true(is_duplicate("Orders", "x.csv", 2));
}

static void forgets_marks_of_a_change_that_was_rolled_back(void **state)
{
    (void)state;
    testing_change(store, "a.csv", 1);
    assert_ok(store_begin(store, &error), &error);
    mark_replaced("Orders", 1);
    assert_false(is_duplicate("Orders", "a.csv", 1));
    store_rollback(store);
    assert_true(is_duplicate("Orders", "a.csv", 1));
}

/* --- knows, stored ------------------------------------------------------------------------------------------------ */

static bool knows(const struct file_record *file)
{
    bool known;
    assert_ok(store_knows(store, file, &known, &error), &error);
    return known;
}

static void knows_a_file_by_everything_that_tells_it_from_another(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3);
    file.inode = UINT64_MAX;
    assert_false(knows(&file));
    testing_put_change(store, &file);
    assert_true(knows(&file));
    struct file_record others[6];
    for (size_t i = 0; i < COUNT_OF(others); i++)
        others[i] = file;
    others[0].feed = SLICE("Deliveries");
    others[1].name = SLICE("b.csv");
    others[2].size++;
    others[3].mtime_ns++;
    others[4].ctime_ns++;
    others[5].inode--;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(knows(&others[i]));
    file.device++;
    assert_true(knows(&file));
}

static void knows_duplicates_and_quarantined_files_too(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 0), bad = testing_record("bad.csv", 2, 0);
    file.state = FILE_DUPLICATE;
    bad.state = FILE_QUARANTINED;
    assert_ok(store_note_file(store, &file, 1, &error), &error);
    assert_ok(store_note_file(store, &bad, 1, &error), &error);
    assert_true(knows(&file));
    assert_true(knows(&bad));
    assert_changes(store, 0);
}

/* The sequence of a file that was dealt with, 0 of any other. */
static uint64_t dealt_with(const struct file_record *file)
{
    struct store_dealt dealt;
    assert_ok(store_dealt_with(store, file, false, &dealt, &error), &error);
    assert_true(slice_equal(slice_of(dealt.stored), dealt.found ? file->stored : SLICE("")));
    return dealt.found ? dealt.sequence : 0;
}

static bool dealt_with_whatever_its_ctime(struct file_record file)
{
    struct store_dealt dealt;
    file.ctime_ns++;
    assert_int_equal(dealt_with(&file), 0);
    assert_ok(store_dealt_with(store, &file, true, &dealt, &error), &error);
    return dealt.found;
}

static void knows_the_very_file_that_was_applied_or_redelivered(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3), again = testing_record("again.csv", 2, 0);
    struct file_record bad = testing_record("bad.csv", 3, 0), other = file;
    again.state = FILE_DUPLICATE;
    again.sequence = 7;
    again.stored = SLICE("archive/Orders/000007-02020202-again.csv");
    bad.state = FILE_QUARANTINED;
    assert_int_equal(dealt_with(&file), 0);
    testing_put_change(store, &file);
    assert_ok(store_note_file(store, &again, 1, &error), &error);
    assert_ok(store_note_file(store, &bad, 1, &error), &error);
    /* Also when its content would count as new: that is what it is asked for. */
    assert_ok(store_mark_replaced(store, file.feed, 1, &error), &error);
    assert_int_equal(dealt_with(&file), 1);
    assert_int_equal(dealt_with(&again), 7);
    assert_int_equal(dealt_with(&bad), 0);
    other.content.bytes[31] ^= 1;
    assert_int_equal(dealt_with(&other), 0);
    other = file;
    other.ctime_ns++;
    assert_int_equal(dealt_with(&other), 0);
}

static void knows_a_file_whose_mode_changed_until_another_takes_its_name(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3), again = testing_record("a.csv", 2, 3);
    testing_put_change(store, &file);
    assert_ok(store_mark_replaced(store, file.feed, 1, &error), &error);
    assert_true(dealt_with_whatever_its_ctime(file));
    again.mtime_ns++;
    testing_put_change(store, &again);
    assert_false(dealt_with_whatever_its_ctime(file));
    assert_true(dealt_with_whatever_its_ctime(again));
}

static bool has_stored(const char *stored)
{
    bool found;
    assert_ok(store_has_stored(store, slice_of(stored), &found, &error), &error);
    return found;
}

static void knows_where_files_are_kept(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 3), left = testing_record("b.csv", 2, 3);
    file.stored = SLICE("archive/Orders/000001-01010101-a.csv");
    testing_put_change(store, &left);
    assert_false(has_stored(""));
    testing_put_change(store, &file);
    assert_true(has_stored("archive/Orders/000001-01010101-a.csv"));
    assert_false(has_stored("archive/Orders/000001-01010101-b.csv"));
    assert_false(has_stored(""));
}

/* --- the ledger --------------------------------------------------------------------------------------------------- */

struct listing {
    size_t count, wanted;
    const struct file_record *files;
    bool good;
};

static bool same_file(const struct file_record *a, const struct file_record *b)
{
    bool same = a->state == b->state && slice_equal(a->feed, b->feed) && slice_equal(a->name, b->name) &&
                a->size == b->size && a->device == b->device && a->inode == b->inode && a->mtime_ns == b->mtime_ns &&
                a->ctime_ns == b->ctime_ns && digest_equal(&a->content, &b->content) && a->version == b->version &&
                digest_equal(&a->descriptor, &b->descriptor) && a->rows == b->rows && a->replaced == b->replaced &&
                slice_equal(a->stored, b->stored) && slice_equal(a->reason, b->reason) && a->sequence == b->sequence &&
                a->committed == b->committed && a->unknown_count == b->unknown_count &&
                memcmp(&a->buckets, &b->buckets, sizeof a->buckets) == 0;
    for (size_t i = 0; same && i < a->unknown_count; i++)
        same = slice_equal(a->unknown[i], b->unknown[i]);
    return same;
}

static bool compare_file(void *context, const struct file_record *file)
{
    struct listing *listing = context;
    listing->good = listing->good && listing->count < listing->wanted && file->id == listing->count + 1 &&
                    same_file(file, &listing->files[listing->count]);
    listing->count++;
    return listing->good;
}

static void assert_files(const struct file_record *files, size_t count)
{
    struct listing listing = {.wanted = count, .files = files, .good = true};
    assert_ok(store_each_file(store, compare_file, &listing, &error), &error);
    assert_true(listing.good);
    assert_int_equal(listing.count, count);
}

static void gives_back_every_field_of_every_row(void **state)
{
    (void)state;
    static const struct slice columns[] = {{"Colour", 6}, {"Color\0\xff\n", 8}, {"", 0}};
    struct file_record files[4] = {testing_record("a.csv", 1, 28), testing_record("\xff\xfe\n;drop\x01", 2, 0),
                                   testing_record("b.csv", 3, 2), testing_record("", 4, 1)};
    files[0].buckets = (struct buckets){1, 2, 3, 4, 5, 13, 0};
    files[0].size = files[0].device = UINT64_MAX;
    files[0].mtime_ns = INT64_MIN;
    files[0].stored = SLICE("archive/Orders/000001-a.csv");
    files[0].unknown = columns;
    files[0].unknown_count = 2;
    files[1].state = FILE_QUARANTINED;
    files[1].reason = SLICE("a quote never closes");
    files[1].stored = SLICE("quarantine/Orders/x");
    files[2].version = UINT32_MAX;
    files[3].unknown = columns;
    files[3].unknown_count = 3;
    testing_put_change(store, &files[0]);
    assert_ok(store_note_file(store, &files[1], 42, &error), &error);
    testing_put_change(store, &files[2]);
    testing_put_change(store, &files[3]);
    for (uint64_t i = 0; i < COUNT_OF(files); i++)
        files[i].committed = 1700000000000000;
    files[0].sequence = 1;
    files[1].committed = 42;
    files[2].sequence = 2;
    files[3].sequence = 3;
    assert_files(files, COUNT_OF(files));
    mark_replaced("Orders", 2);
    files[2].replaced = true;
    assert_files(files, COUNT_OF(files));
    assert_changes(store, 3);
    assert_ok(store_check(store, &error), &error);
}

static bool stop_at_once(void *context, const struct file_record *file)
{
    (void)file;
    ++*(unsigned *)context;
    return false;
}

static void ends_a_walk_when_told(void **state)
{
    (void)state;
    unsigned count = 0;
    testing_change(store, "a.csv", 1);
    testing_change(store, "b.csv", 2);
    assert_ok(store_each_file(store, stop_at_once, &count, &error), &error);
    assert_int_equal(count, 1);
    /* And leaves no transaction behind. */
    testing_change(store, "c.csv", 3);
}

struct unknown_row {
    const char *feed, *column;
    uint64_t files;
};

static bool compare_unknown(void *context, struct slice feed, struct slice column, uint64_t files)
{
    const struct unknown_row **next = context;
    assert_slice(feed, (*next)->feed);
    assert_slice(column, (*next)->column);
    assert_int_equal(files, (*next)->files);
    ++*next;
    return true;
}

static void counts_files_by_undeclared_column(void **state)
{
    (void)state;
    static const struct slice columns[] = {{"Colour", 6}, {"Size", 4}, {"Weight", 6}};
    struct file_record files[5];
    for (uint8_t i = 0; i < COUNT_OF(files); i++) {
        files[i] = testing_record("a.csv", i, 1);
        files[i].unknown = columns;
        files[i].unknown_count = 2;
    }
    files[2].unknown = columns + 1;
    files[3].feed = SLICE("Deliveries");
    files[4].unknown_count = 0;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        testing_put_change(store, &files[i]);
    files[0].state = FILE_QUARANTINED;
    assert_ok(store_note_file(store, &files[0], 1, &error), &error);
    static const struct unknown_row wanted[] = {{"Deliveries", "Colour", 1},
                                                {"Deliveries", "Size", 1},
                                                {"Orders", "Colour", 2},
                                                {"Orders", "Size", 3},
                                                {"Orders", "Weight", 1}};
    const struct unknown_row *next = wanted;
    assert_ok(store_each_unknown(store, compare_unknown, &next, &error), &error);
    assert_int_equal(next - wanted, COUNT_OF(wanted));
}

static void put_with_columns(struct file_record *file, uint8_t seed, bool expected)
{
    static const struct slice columns[] = {{"Colour", 6}, {"Size", 4}};
    file->content = testing_digest(seed);
    file->unknown = columns;
    file->unknown_count = 2;
    testing_put_change(store, file);
    assert_int_equal(store_columns_new(store), expected);
}

/* A file that was not applied is not told of, and so must not hide its columns from the next. */
static void tells_columns_as_new_once_a_feed(void **state)
{
    (void)state;
    struct file_record file = testing_record("a.csv", 1, 1);
    file.state = FILE_QUARANTINED;
    file.unknown = &(struct slice){"Colour", 6};
    file.unknown_count = 1;
    assert_ok(store_note_file(store, &file, 1, &error), &error);
    file.state = FILE_APPLIED;
    testing_put_change(store, &file);
    assert_true(store_columns_new(store));
    put_with_columns(&file, 2, true);
    put_with_columns(&file, 3, false);
    file.feed = SLICE("Deliveries");
    put_with_columns(&file, 4, true);
    put_with_columns(&file, 5, false);
    assert_ok(store_check(store, &error), &error);
}

static void drops_a_set_of_columns_with_its_change(void **state)
{
    (void)state;
    static const struct slice columns[] = {{"Colour", 6}};
    struct file_record file = testing_record("a.csv", 1, 1);
    file.unknown = columns;
    file.unknown_count = 1;
    assert_ok(store_begin(store, &error), &error);
    testing_put_file(store, &file);
    store_rollback(store);
    testing_put_change(store, &file);
    file.sequence = 1;
    file.committed = 1700000000000000;
    assert_files(&file, 1);
}

/* --- many --------------------------------------------------------------------------------------------------------- */

enum { MANY = 50000, ASKED = 5000 };

/* Every other file has the same name: what no index by name alone could tell apart. */
static struct file_record many(uint32_t number, char name[32])
{
    snprintf(name, 32, "orders%u.csv", number % 2 ? 1 : number);
    struct file_record file = testing_record(name, 1, 0);
    memcpy(file.content.bytes, &number, sizeof number);
    file.inode = number;
    return file;
}

static void fill_with_many(void)
{
    char name[32];
    assert_ok(store_begin(store, &error), &error);
    for (uint32_t i = 0; i < MANY; i++) {
        struct file_record file = many(i, name);
        testing_put_file(store, &file);
    }
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
}

static void answers_as_fast_when_there_are_many_files(void **state)
{
    (void)state;
    char name[32];
    fill_with_many();
    clock_t start = clock();
    for (uint32_t i = 0; i < ASKED; i++) {
        struct file_record file = many(i, name);
        assert_true(knows(&file));
        assert_int_equal(has_original(&file), i % 2 == 0);
        assert_false(has_stored("archive/Orders/none"));
    }
    /* Walks over the rows of the name, or of the feed, would take several times as long; time that others had is not
       ours. */
    assert_true(testing_under_valgrind() || clock() - start < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(finds_the_same_content_under_any_name),
        TEST(compares_the_whole_content_and_not_its_first_bytes),
        TEST(takes_content_again_once_it_was_replaced),
        TEST(takes_content_again_once_something_else_was_committed_at_its_name),
        TEST(counts_only_applied_files_as_originals),
        TEST(marks_only_the_ended_files_of_the_open_change),
        TEST(forgets_marks_of_a_change_that_was_rolled_back),
        TEST(knows_a_file_by_everything_that_tells_it_from_another),
        TEST(knows_duplicates_and_quarantined_files_too),
        TEST(knows_the_very_file_that_was_applied_or_redelivered),
        TEST(knows_a_file_whose_mode_changed_until_another_takes_its_name),
        TEST(knows_where_files_are_kept),
        TEST(gives_back_every_field_of_every_row),
        TEST(ends_a_walk_when_told),
        TEST(counts_files_by_undeclared_column),
        TEST(tells_columns_as_new_once_a_feed),
        TEST(drops_a_set_of_columns_with_its_change),
        TEST(answers_as_fast_when_there_are_many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
