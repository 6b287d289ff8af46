/*
 * A single run that an allocation fails in, as under a passing shortage: it ends, and the next one finds all that it left, in
 * order. Here the run reads, commits and archives; what is opened before that has tests of its own.
 */
#include "failing_malloc.h"
#include "testing.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/run.h"
#include "app/settings.h"
#include "store/store.h"

enum {
    FOLDER_MAX = TESTING_PATH_MAX + 64,
    FILES = 4,
    OPENED = 7, /* tenths of all allocations, of which more are over when the first file begins, */
    BEGUN = 8,  /* and fewer */
    CLOSE = 3,  /* allocations between two runs */
    FAR = 31,
    PATIENCE = 120 /* seconds until a run counts as hung */
};

struct fixture {
    char folder[TESTING_PATH_MAX], checkpoints[FOLDER_MAX];
    struct settings settings;
    struct log log;
    int null, out, told; /* the last: what is logged */
};

struct applied {
    size_t count;
    bool first;
};

static void drop(const struct fixture *f, const char *feed, const char *name, const char *text)
{
    char path[FOLDER_MAX];
    snprintf(path, sizeof path, "%s/%s", f->folder, feed);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", f->folder, feed, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char orders[] = "Order ID,SKU,Customer ID,Order Time,Quantity,Order Total,Currency Symbol,Debt Amount\n";

static void begin(struct fixture *f)
{
    char text[512];
    testing_folder_make(f->folder);
    snprintf(f->checkpoints, sizeof f->checkpoints, "%s/checkpoints", f->folder);
    drop(f, "Customers", "c.json", "[{\"Customer ID\": 1}]");
    snprintf(text, sizeof text, "%s1,A,1,2022-01-10T12:00:00.000Z,1,100,x,\n", orders);
    drop(f, "Orders", "o.csv", text);
    snprintf(text, sizeof text, "%s2,A,1,2022-01-11T12:00:00.000Z,1,100,x,\n", orders);
    drop(f, "Orders", "p.csv", text);
    drop(f, "Deliveries", "d.csv",
         "Task_ID,Order_ID,Agent_Name,Distance(m),Task_Status\n1,\"YR-1,0\",x,500,Completed\n");
}

static int run_silently(struct fixture *f)
{
    fflush(NULL);
    dup2(f->null, STDOUT_FILENO);
    alarm(PATIENCE);
    int code = run(&f->settings, &f->log);
    alarm(0);
    fflush(NULL);
    dup2(f->out, STDOUT_FILENO);
    return code;
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

static size_t count_applied(const struct settings *settings)
{
    struct error error = {0};
    struct store *store;
    struct applied applied = {0};
    struct pipeline *pipeline = settings_pipeline(settings, &error);
    assert_non_null(pipeline);
    assert_ok(store_open(&store, settings->checkpoints, pipeline->name, &pipeline->fingerprint, STORE_READ, &error),
              &error);
    assert_ok(store_each_file(store, count_file, &applied, &error), &error);
    store_close(store);
    pipeline_free(pipeline);
    return applied.count;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error = {0};
    assert_ok(settings_init(&f->settings, &error), &error);
    f->settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    f->settings.target = "none:";
    f->settings.data = f->folder;
    f->settings.checkpoints = f->checkpoints;
    f->settings.once = true;
    f->settings.settle = 0;
    f->settings.threads = 1;
    f->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    f->out = dup(STDOUT_FILENO);
    f->told = memfd_create("told", MFD_CLOEXEC);
    assert_true(f->told >= 0 && fcntl(f->told, F_SETFL, O_APPEND) == 0);
    log_init(&f->log, f->told, LOG_WARNING);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close(f->null);
    close(f->out);
    close(f->told);
    free(f);
    return 0;
}

static unsigned long count_allocations(struct fixture *f)
{
    struct failing never = FAILING_NEVER;
    begin(f);
    failing_begin(&never);
    assert_int_equal(run_silently(f), 0);
    (void)failing_end(&never);
    assert_int_equal(count_applied(&f->settings), FILES);
    testing_folder_remove(f->folder);
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
        int code = run_silently(f);
        (void)failing_end(&each);
        assert_in_range(code, 0, 1);
        assert_int_equal(run_silently(f), 0);
        assert_int_equal(count_applied(&f->settings), FILES);
        assert_told_right(f);
        testing_folder_remove(f->folder);
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
