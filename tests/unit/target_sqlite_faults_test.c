/* Everything that can be asked of the SQLite target, with every allocation and every call to the file system
   failing. */
#include "failing_malloc.h"
#include "failing_vfs.h"
#include "target_operations.h"

#include <sqlite3.h>

static char folder[TESTING_PATH_MAX];
static char address[TESTING_PATH_MAX + 32];

static const char *path_of(const char *end)
{
    static char paths[4][TESTING_PATH_MAX + 64];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s%s", address + strlen("sqlite:"), end);
    return path;
}

static void reset(bool empty)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        (void)unlink(path_of(ends[i]));
    if (!empty)
        testing_copy(path_of(".full"), path_of(""));
}

static const char *look(void)
{
    static char text[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path_of(""), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT ifnull((SELECT sequence FROM dropfold_progress), 0) || '|' || count(*) || "
                           "'|' || ifnull(sum(id), 0) || '|' || ifnull(min(t), '-') || '|' || "
                           "ifnull(max(t), '-') FROM kinds",
                           -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(text, sizeof text, "%s\n", (const char *)sqlite3_column_text(statement, 0));
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return text;
}

static struct operating_ground ground = {.address = address, .reset = reset, .look = look};

static int begin(void **state)
{
    (void)state;
    testing_in_memory();
    failing_vfs_install();
    testing_folder_make(folder);
    snprintf(address, sizeof address, "sqlite:%s/test.db", folder);
    operating_fill(&ground);
    testing_copy(path_of(""), path_of(".full"));
    return 0;
}

static int over(void **state)
{
    (void)state;
    testing_folder_remove(folder);
    return 0;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

enum { RUNS = TESTING_SHARE(80) }; /* about so many of an operation, each way */

static void run_short(const struct operation *operation, struct failing *f, const char *before, const char *after)
{
    struct operating o;
    reset(operation->empty);
    operating_prepare(&o, operation, &ground);
    failing_begin(f);
    bool good = operation->work(&o);
    bool hit = failing_end(f);
    if (!good && (!hit || (o.error.kind != ERROR_MEMORY && o.error.kind != ERROR_TARGET))) {
        print_error("%s, allocation %lu%s: %d %s\n", operation->name, f->k, f->for_good ? " on" : "", (int)o.error.kind,
                    o.error.text);
        fail();
    }
    operating_judge(&o, operation, &ground, good, before, after);
}

static unsigned long try_operation(const struct operation *operation)
{
    struct failing count = FAILING_NEVER;
    char before[128], after[128];
    operating_expect(operation, &ground, before, after);
    run_short(operation, &count, before, after);
    struct failing f = {.stride = count.calls / RUNS + 1};
    while (failing_next(&f))
        run_short(operation, &f, before, after);
    print_message("%s: %lu of %lu allocations\n", operation->name, f.points / 2, count.calls);
    return f.points;
}

static void every_operation_is_done_or_not_done_when_memory_is_short(void **state)
{
    (void)state;
    unsigned long points = 0;
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        points += try_operation(&operations[i]);
    assert_true(testing_under_valgrind() || points >= TESTING_SHARE(500));
}

/* Each text is made another one on its way into SQLite and out of it there, for which it may find no memory. */
static void texts_of_a_database_in_utf_16_are_there_or_memory_is_out(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    assert_int_equal(rename(path_of(".full"), path_of(".utf-8")), 0);
    reset(true);
    assert_int_equal(sqlite3_open(path_of(""), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA encoding = 'UTF-16'; CREATE TABLE other (x)", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    operating_fill(&ground);
    testing_copy(path_of(""), path_of(".full"));
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (!operations[i].empty && !operations[i].look)
            try_operation(&operations[i]);
    assert_int_equal(rename(path_of(".utf-8"), path_of(".full")), 0);
}

static void a_target_is_made_or_memory_is_out(void **state)
{
    (void)state;
    struct support_pipeline p;
    uv_loop_t loop;
    support_pipeline_init(&p);
    assert_int_equal(uv_loop_init(&loop), 0);
    for (struct failing f = {0}; failing_next(&f);) {
        const struct target_options options = {.address = address};
        struct answer closed = {.loop = &loop};
        struct target *target;
        struct error error = {0};
        failing_begin(&f);
        bool good = target_new(&target, &loop, &p.pipeline, &options, &error);
        assert_int_equal(failing_end(&f), !good);
        if (!good) {
            assert_error(&error, ERROR_MEMORY, "memory");
            continue;
        }
        target_close(target, support_closed, &closed);
        support_wait(&closed);
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* --- the file system ---------------------------------------------------------------------------------------------- */

static const struct failing_fault faults[] = {
    {.call = FAILING_OPEN, .result = SQLITE_CANTOPEN},    {.call = FAILING_DELETE, .result = SQLITE_IOERR_DELETE},
    {.call = FAILING_READ, .result = SQLITE_IOERR_READ},  {.call = FAILING_WRITE, .result = SQLITE_IOERR_WRITE},
    {.call = FAILING_WRITE, .result = SQLITE_FULL},       {.call = FAILING_TRUNCATE, .result = SQLITE_IOERR_TRUNCATE},
    {.call = FAILING_SYNC, .result = SQLITE_IOERR_FSYNC}, {.call = FAILING_SIZE, .result = SQLITE_IOERR_FSTAT},
    {.call = FAILING_LOCK, .result = SQLITE_BUSY},        {.call = FAILING_SHM_MAP, .result = SQLITE_IOERR_SHMMAP},
    {.call = FAILING_SHM_LOCK, .result = SQLITE_BUSY},    {.call = FAILING_SHM_LOCK, .result = SQLITE_IOERR_SHMLOCK},
};

static bool run_faulty(const struct operation *operation, const struct failing_fault *fault, const char *before,
                       const char *after)
{
    struct operating o;
    reset(operation->empty);
    operating_prepare(&o, operation, &ground);
    failing_vfs_arm(fault);
    bool good = operation->work(&o);
    bool hit = failing_vfs_disarm();
    bool told = o.error.kind == ERROR_TARGET || (fault->result == SQLITE_CANTOPEN && o.error.kind == ERROR_REFUSED);
    if (!good && (!hit || !told)) {
        print_error("%s, fault %d/%d %lu%s: %d %s\n", operation->name, (int)fault->call, fault->result, fault->nth,
                    fault->for_good ? " on" : "", (int)o.error.kind, o.error.text);
        fail();
    }
    operating_judge(&o, operation, &ground, good, before, after);
    return hit;
}

static void every_operation_is_done_or_not_done_when_the_file_system_fails(void **state)
{
    (void)state;
    unsigned long points = 0;
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        char before[128], after[128];
        operating_expect(&operations[i], &ground, before, after);
        for (size_t k = 0; k < 2 * COUNT_OF(faults); k++) {
            struct failing_fault fault = faults[k / 2];
            fault.for_good = k % 2 == 1;
            fault.nth = 1 + (i + k) % TESTING_STEP;
            for (; run_faulty(&operations[i], &fault, before, after); fault.nth += TESTING_STEP)
                points++;
        }
    }
    print_message("%lu points\n", points);
    assert_in_range(points, TESTING_SHARE(200), 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_done_or_not_done_when_memory_is_short),
        cmocka_unit_test(texts_of_a_database_in_utf_16_are_there_or_memory_is_out),
        cmocka_unit_test(a_target_is_made_or_memory_is_out),
        cmocka_unit_test(every_operation_is_done_or_not_done_when_the_file_system_fails),
    };
    return cmocka_run_group_tests(tests, begin, over);
}
