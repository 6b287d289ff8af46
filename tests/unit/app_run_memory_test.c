/*
 * A single run that an allocation fails in, as under a passing shortage: it ends, and the next one finds all that it
 * left, in order. Here the run reads, commits and archives; what is opened before that has tests of its own.
 */
#include "app_running.h"
#include "failing_malloc.h"

#include <sys/mman.h>
#include <sys/stat.h>

enum {
    FILES = 4,
    OPENED = 7, /* tenths of all allocations, of which more are over when the first file begins, */
    BEGUN = 8,  /* and fewer */
    CLOSE = 3,  /* allocations between two runs */
    FAR = 31
};

struct fixture {
    struct running at;
    int told; /* what is logged */
};

struct applied {
    size_t count;
    bool first;
};

static void drop(const struct fixture *f, const char *feed, const char *name, const char *text)
{
    char path[RUNNING_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", f->at.folder, feed);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", f->at.folder, feed, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char orders[] = "Order ID,SKU,Customer ID,Order Time,Quantity,Order Total,Currency Symbol,Debt Amount\n";

static void begin(struct fixture *f)
{
    char text[512];
    running_make_folder(&f->at);
    drop(f, "Customers", "c.json", "[{\"Customer ID\": 1}]");
    snprintf(text, sizeof text, "%s1,A,1,2022-01-10T12:00:00.000Z,1,100,x,\n", orders);
    drop(f, "Orders", "o.csv", text);
    snprintf(text, sizeof text, "%s2,A,1,2022-01-11T12:00:00.000Z,1,100,x,\n", orders);
    drop(f, "Orders", "p.csv", text);
    drop(f, "Deliveries", "d.csv",
         "Task_ID,Order_ID,Agent_Name,Distance(m),Task_Status\n1,\"YR-1,0\",x,500,Completed\n");
}

/* The target can be reached all the time. */
static void assert_told_right(const struct fixture *f)
{
    char text[64 * 1024];
    ssize_t len = pread(f->told, text, sizeof text - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    assert_null(strstr(text, "cannot be reached"));
    assert_int_equal(ftruncate(f->told, 0), 0);
}

/* The second file of orders is never applied before the first. */
static bool count_file(void *context, const struct file_record *file)
{
    struct applied *applied = context;
    applied->first = applied->first || slice_equal(file->name, SLICE("o.csv"));
    assert_true(applied->first || !slice_equal(file->name, SLICE("p.csv")));
    applied->count += file->state == FILE_APPLIED;
    return true;
}

static size_t count_applied(const struct fixture *f)
{
    struct applied applied = {0};
    running_each_file(&f->at, count_file, &applied);
    return applied.count;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    testing_in_memory();
    running_open(&f->at);
    f->told = memfd_create("told", MFD_CLOEXEC);
    assert_true(f->told >= 0 && fcntl(f->told, F_SETFL, O_APPEND) == 0);
    log_init(&f->at.log, f->told, LOG_WARNING);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    running_close(&f->at);
    close(f->told);
    free(f);
    return 0;
}

static unsigned long count_allocations(struct fixture *f)
{
    struct failing never = FAILING_NEVER;
    begin(f);
    failing_begin(&never);
    assert_int_equal(running_run(&f->at, 1), 0);
    (void)failing_end(&never);
    assert_int_equal(count_applied(f), FILES);
    testing_folder_remove(f->at.folder);
    return never.calls;
}

/* Few allocations begin a file, and many handle it. */
static void ends_whichever_allocation_fails(void **state)
{
    struct fixture *f = *state;
    (void)count_allocations(f); /* the first run of a process makes more */
    unsigned long calls = count_allocations(f), read = calls / 10 * OPENED;
    for (struct failing each = {.k = read, .started = true, .hit = true}; failing_next(&each) && !each.for_good;) {
        begin(f);
        failing_begin(&each);
        int code = running_run(&f->at, 1);
        (void)failing_end(&each);
        assert_in_range(code, 0, 1);
        assert_int_equal(running_run(&f->at, 1), 0);
        assert_int_equal(count_applied(f), FILES);
        assert_told_right(f);
        testing_folder_remove(f->at.folder);
        each.stride = (each.k < calls / 10 * BEGUN ? CLOSE : FAR) * TESTING_STEP;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ends_whichever_allocation_fails, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
