/* Everything that can be asked of a store, with every allocation, SQLite's and OpenSSL's too, failing in turn. */
#include "store_operations.h"

#include "failing_malloc.h"

enum { RUNS = TESTING_SHARE(60) }; /* about so many of an operation, each way */

static void run(const struct operation *operation, struct failing *f, const struct buf *before, const struct buf *after)
{
    struct operating o;
    struct error error = {0};
    operating_prepare(&o, operation);
    failing_begin(f);
    bool good = operation->work(&o, &error);
    bool hit = failing_end(f);
    if (!good && (!hit || (error.kind != ERROR_MEMORY && error.kind != operation->also))) {
        print_error("%s, allocation %lu%s: %d %s\n", operation->name, f->k, f->for_good ? " on" : "", (int)error.kind,
                    error.text);
        fail();
    }
    operating_judge(&o, operation, good, before, after);
}

static void every_operation_is_done_or_not_done_when_memory_is_short(void **state)
{
    (void)state;
    unsigned long points = 0;
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        struct failing count = FAILING_NEVER;
        struct buf before, after;
        operating_expect(&operations[i], &before, &after);
        run(&operations[i], &count, &before, &after);
        struct failing f = {.stride = count.calls / RUNS + 1};
        while (count.calls > 0 && failing_next(&f)) /* a close makes none */
            run(&operations[i], &f, &before, &after);
        print_message("%s: %lu of %lu allocations\n", operations[i].name, f.points / 2, count.calls);
        points += f.points;
        buf_close(&before);
        buf_close(&after);
    }
    assert_in_range(points, TESTING_SHARE(1000), 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_done_or_not_done_when_memory_is_short),
    };
    return cmocka_run_group_tests(tests, operations_begin, operations_over);
}
