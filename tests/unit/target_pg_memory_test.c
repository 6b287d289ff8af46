/* Everything that can be asked of the PostgreSQL target, with allocations that fail: its own and libpq's. */
#include "failing_malloc.h"
#include "target_operations.h"
#include "target_pg_server.h"

#include "target/target_internal.h"

enum {
    RUNS = TESTING_SHARE(20), /* about so many of an operation, each way */
    DEADLINE = 1000 * 1000,   /* microseconds: libpq that cannot begin a COPY for want of memory waits for more of it */
    DEADLINE_MOST = 64 * DEADLINE /* of an operation that did not fail, where this machine is slow or stands still */
};

static void reset(bool empty)
{
    static const char again[] = "TRUNCATE kinds, dropfold_progress;"
                                "INSERT INTO kinds SELECT * FROM kept.kinds;"
                                "INSERT INTO dropfold_progress SELECT * FROM kept.dropfold_progress";
    query(empty ? "DROP SCHEMA public CASCADE; CREATE SCHEMA public" : again);
}

static const char *look(void)
{
    return query("SELECT coalesce((SELECT sequence FROM dropfold_progress), 0), count(*), coalesce(sum(id), 0),"
                 " min(t), max(t) FROM kinds");
}

static struct operating_ground here = {.address = server_address, .reset = reset, .look = look};

/* What the operations that begin with tables find. */
static void fill(void)
{
    clean();
    operating_fill(&here);
    query("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;"
          "CREATE TABLE kept.kinds AS SELECT * FROM kinds;"
          "CREATE TABLE kept.dropfold_progress AS SELECT * FROM dropfold_progress");
}

/* Of an operation that takes until its deadline because it is slow, another try is made. */
static void run_short_within(int64_t deadline, const struct operation *operation, struct failing *f, const char *before,
                             const char *after)
{
    struct operating o;
    reset(operation->empty);
    operating_prepare(&o, operation, &here);
    o.subject.target->deadline = deadline;
    failing_begin(f);
    bool good = operation->work(&o);
    bool hit = failing_end(f), late = strstr(o.error.text, "no answer within") != NULL;
    if (late && !hit && deadline < DEADLINE_MOST) {
        operating_close(&o);
        run_short_within(4 * deadline, operation, f, before, after);
        return;
    }
    if (!good && (!hit || (o.error.kind != ERROR_MEMORY && !late))) {
        print_error("%s, allocation %lu%s: %d %s\n", operation->name, f->k, f->for_good ? " on" : "", (int)o.error.kind,
                    o.error.text);
        fail();
    }
    operating_judge(&o, operation, &here, good, before, after);
}

static void run_short(const struct operation *operation, struct failing *f, const char *before, const char *after)
{
    run_short_within(DEADLINE, operation, f, before, after);
}

static void try_operation(const struct operation *operation)
{
    struct failing count = FAILING_NEVER;
    char before[128], after[128];
    operating_expect(operation, &here, before, after);
    run_short(operation, &count, before, after);
    struct failing f = {.stride = count.calls / RUNS + 1};
    while (failing_next(&f))
        run_short(operation, &f, before, after);
    print_message("%s: %lu of %lu allocations\n", operation->name, f.points / 2, count.calls);
}

static void every_operation_is_done_or_not_done_when_memory_is_short(void **state)
{
    (void)state;
    need_server();
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        if (!operations[i].empty)
            fill();
        try_operation(&operations[i]);
    }
    query("DROP SCHEMA kept CASCADE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_done_or_not_done_when_memory_is_short),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
