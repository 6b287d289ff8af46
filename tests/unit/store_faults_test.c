/*
 * Everything that can be asked of a store, with every call of SQLite's to the file system failing in turn: every
 * TESTING_STEP-th of them, from another one on for each operation and kind of fault.
 */
#include "store_operations.h"

struct kind {
    const char *name;
    struct failing_fault fault;
    enum error_kind told; /* besides ERROR_IO, which any of them may become */
};

static const struct kind kinds[] = {
    {"cannot open", {.call = FAILING_OPEN, .result = SQLITE_CANTOPEN}, ERROR_IO},
    {"open", {.call = FAILING_OPEN, .result = SQLITE_IOERR}, ERROR_IO},
    {"delete", {.call = FAILING_DELETE, .result = SQLITE_IOERR_DELETE}, ERROR_IO},
    {"read", {.call = FAILING_READ, .result = SQLITE_IOERR_READ}, ERROR_IO},
    {"write", {.call = FAILING_WRITE, .result = SQLITE_IOERR_WRITE}, ERROR_IO},
    {"no room", {.call = FAILING_WRITE, .result = SQLITE_FULL}, ERROR_FULL},
    {"truncate", {.call = FAILING_TRUNCATE, .result = SQLITE_IOERR_TRUNCATE}, ERROR_IO},
    {"flush", {.call = FAILING_SYNC, .result = SQLITE_IOERR_FSYNC}, ERROR_IO},
    {"size", {.call = FAILING_SIZE, .result = SQLITE_IOERR_FSTAT}, ERROR_IO},
    {"lock", {.call = FAILING_LOCK, .result = SQLITE_IOERR_LOCK}, ERROR_IO},
    {"locked", {.call = FAILING_LOCK, .result = SQLITE_BUSY}, ERROR_LOCKED},
    {"map", {.call = FAILING_SHM_MAP, .result = SQLITE_IOERR_SHMMAP}, ERROR_IO},
    {"lock in memory", {.call = FAILING_SHM_LOCK, .result = SQLITE_IOERR_SHMLOCK}, ERROR_IO},
    {"locked in memory", {.call = FAILING_SHM_LOCK, .result = SQLITE_BUSY}, ERROR_LOCKED},
};

/* One run; false when the operation makes fewer such calls. */
static bool run(const struct operation *operation, const struct kind *kind, const struct failing_fault *fault,
                const struct buf *before, const struct buf *after)
{
    struct operating o;
    struct error error = {0};
    operating_prepare(&o, operation);
    failing_vfs_arm(fault);
    bool good = operation->work(&o, &error);
    bool hit = failing_vfs_disarm();
    bool told = error.kind == kind->told || error.kind == ERROR_IO || error.kind == operation->also;
    if (!good && (!hit || !told)) {
        print_error("%s, %s %lu%s: %d %s\n", operation->name, kind->name, fault->nth, fault->for_good ? " on" : "",
                    (int)error.kind, error.text);
        fail();
    }
    operating_judge(&o, operation, good, before, after);
    return hit;
}

/* `skipped` calls do not fail at first. */
static unsigned long sweep(const struct operation *operation, const struct kind *kind, unsigned long skipped,
                           const struct buf *before, const struct buf *after)
{
    unsigned long points = 0;
    for (int for_good = 0; for_good < 2; for_good++) {
        struct failing_fault fault = kind->fault;
        fault.for_good = for_good;
        for (fault.nth = 1 + skipped; run(operation, kind, &fault, before, after); fault.nth += TESTING_STEP)
            points++;
    }
    return points;
}

static void every_operation_is_done_or_not_done_when_the_file_system_fails(void **state)
{
    (void)state;
    unsigned long points = 0;
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        struct buf before, after;
        operating_expect(&operations[i], &before, &after);
        for (size_t k = 0; k < COUNT_OF(kinds); k++)
            points += sweep(&operations[i], &kinds[k], (i + k) % TESTING_STEP, &before, &after);
        buf_close(&before);
        buf_close(&after);
    }
    print_message("%lu points\n", points);
    assert_in_range(points, TESTING_SHARE(1000), 1000000);
}

/* More than the cache holds, so that rows go to the log before the commit; and the commit folds the log in. */
static bool change_much(struct operating *o, struct error *error)
{
    enum { BATCHES = 6, ROWS = 64, TEXT = 60000 };
    static char text[TEXT];
    struct file_record file = testing_record("big.csv", 9, BATCHES * ROWS);
    bool good = store_begin(o->store, error) && store_file_begin(o->store, file.feed, error);
    memset(text, 'x', sizeof text);
    for (uint64_t i = 0; good && i < BATCHES; i++) {
        struct batch *batch = batch_new(testing_feed());
        for (uint64_t row = 1; row <= ROWS; row++) {
            struct value values[] = {{.i = (int64_t)row}, {.text = {text, sizeof text}}};
            assert_true(chunk_put(&batch->chunk, i * ROWS + row, i * ROWS + row, values));
        }
        good = store_put_batch(o->store, batch, error);
        batch_free(batch);
    }
    return good && store_file_end(o->store, &file, error) && store_commit(o->store, SLICE("big"), 1, error);
}

static void a_change_beyond_the_cache_is_done_or_not_done(void **state)
{
    (void)state;
    static const struct operation big = {.name = "big change", .work = change_much};
    static const enum failing_call calls[] = {FAILING_READ, FAILING_WRITE, FAILING_SYNC, FAILING_TRUNCATE};
    struct buf before, after;
    unsigned points = 0;
    operating_expect(&big, &before, &after);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct failing_fault fault = kinds[k].fault;
        bool counts = false;
        for (size_t i = 0; i < COUNT_OF(calls); i++)
            counts = counts || calls[i] == fault.call;
        for (fault.nth = 1; counts && run(&big, &kinds[k], &fault, &before, &after); fault.nth *= 4)
            points++;
    }
    print_message("%u points\n", points);
    assert_in_range(points, 16, 1000);
    buf_close(&before);
    buf_close(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_done_or_not_done_when_the_file_system_fails),
        cmocka_unit_test(a_change_beyond_the_cache_is_done_or_not_done),
    };
    return cmocka_run_group_tests(tests, operations_begin, operations_over);
}
