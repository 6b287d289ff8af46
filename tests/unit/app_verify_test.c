/* A store that is sound and yet not what its sources are: only a deep look can tell, and nothing may be mended then. */
#include "testing.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/core.h"
#include "app/refill.h"
#include "app/verify.h"
#include "feed/archive.h"
#include "feed/intake.h"

#define SOURCE "[{\"Customer ID\": 1}, {\"Customer ID\": 3}]"

struct fixture {
    char folder[TESTING_PATH_MAX];
    char data[TESTING_PATH_MAX + 16], checkpoints[TESTING_PATH_MAX + 16], target[TESTING_PATH_MAX + 32];
    struct settings settings;
    struct pipeline *pipeline;
    size_t feed;
    struct core core;
    struct error error;
};

static void make_folder(const struct fixture *f, const char *name)
{
    char path[TESTING_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_int_equal(mkdir(path, 0777), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    testing_folder_make(f->folder);
    make_folder(f, "data");
    make_folder(f, "data/archive");
    make_folder(f, "data/archive/Customers");
    snprintf(f->data, sizeof f->data, "%s/data", f->folder);
    snprintf(f->checkpoints, sizeof f->checkpoints, "%s/checkpoints", f->folder);
    snprintf(f->target, sizeof f->target, "sqlite:%s/target.db", f->folder);
    assert_ok(settings_init(&f->settings, &f->error), &f->error);
    f->settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    f->settings.data = f->data;
    f->settings.checkpoints = f->checkpoints;
    f->settings.target = f->target;
    f->settings.deep = true;
    f->pipeline = settings_pipeline(&f->settings, &f->error);
    assert_non_null(f->pipeline);
    f->feed = (size_t)(pipeline_feed(f->pipeline, SLICE("Customers")) - f->pipeline->feeds);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pipeline_free(f->pipeline);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

static bool put(void *context, struct batch *batch)
{
    struct fixture *f = context;
    return core_file_put(&f->core, batch, &f->error);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

/* Reads `text` as a file of the feed, up to the end of the file but for core_file_end. */
static void read_rows(struct fixture *f, const char *text, struct file_facts *facts)
{
    char path[TESTING_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/read", f->folder);
    write_file(path, text);
    int fd = open(path, O_RDONLY);
    struct parser *parser = parser_new(&f->pipeline->feeds[f->feed], &f->error);
    assert_non_null(parser);
    core_file_begin(&f->core, f->feed);
    const struct intake_how how = {.parser = parser, .sink = put, .context = f, .spare = 1};
    assert_int_equal(intake_read_fd(fd, "c.json", &how, facts, &f->error), INTAKE_READ);
    parser_free(parser);
    close(fd);
}

/* A store in which the archived file SOURCE has the rows that `rows` has; delivered. */
static void commit_with_rows(struct fixture *f, const char *rows)
{
    struct file_facts facts, other;
    struct core_result result;
    char archived[ARCHIVE_NAME_SIZE], path[TESTING_PATH_MAX + 400];
    assert_ok(core_open(&f->core, f->pipeline, f->checkpoints, STORE_WRITE, 0, &f->error), &f->error);
    read_rows(f, SOURCE, &other);
    core_file_cancel(&f->core);
    read_rows(f, rows, &facts);
    facts.content = other.content;
    archive_name(1, &facts.content, "c.json", archived);
    snprintf(path, sizeof path, "%s/archive/Customers/%s", f->data, archived);
    write_file(path, SOURCE);
    const struct core_file file = {.name = "c.json", .facts = &facts};
    assert_ok(core_file_end(&f->core, &file, 1, &result, &f->error), &f->error);
    arena_close(&facts.arena);
    arena_close(&other.arena);
    assert_ok(refill(&f->settings, &f->core, false, &f->error), &f->error);
    core_close(&f->core);
}

static void add_row_by_hand(const struct fixture *f)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->target + strlen("sqlite:"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT INTO ecommerce (Customer_ID, Order_Count, Distict_Products, start_timestamp,"
                                  " end_timestamp) VALUES (1, 1, 1, '2022-01-08 00:00:00', '2022-01-18 00:00:00')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct told {
    unsigned count;
    char what[256];
};

static void note_problem(void *context, enum verify_problem kind, const char *path, const char *what)
{
    struct told *told = context;
    assert_int_equal(kind, VERIFY_DIFFERENT);
    assert_non_null(strstr(path, "-c.json"));
    told->count++;
    snprintf(told->what, sizeof told->what, "%s", what);
}

static struct verify_result look(struct fixture *f, struct told *told)
{
    struct verify_result result;
    const struct verify_visit visit = {.context = told, .problem = note_problem};
    *told = (struct told){0};
    assert_ok(verify(&f->settings, f->pipeline, &visit, &result, &f->error), &f->error);
    return result;
}

static void finds_rows_that_agree_with_their_source(void **state)
{
    struct fixture *f = *state;
    struct told told;
    commit_with_rows(f, SOURCE);
    struct verify_result result = look(f, &told);
    assert_int_equal(told.count, 0);
    assert_true(verify_agrees(&result));
    assert_int_equal(result.sources, 1);
}

static void finds_other_values(struct fixture *f, const char *rows)
{
    struct told told;
    commit_with_rows(f, rows);
    struct verify_result result = look(f, &told);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.what, "the store has other values in its rows");
    assert_false(verify_agrees(&result));
    assert_int_equal(verify_drifted(&result), 0);
}

static void finds_a_first_row_that_the_source_does_not_have(void **state)
{
    finds_other_values(*state, "[{\"Customer ID\": 2}, {\"Customer ID\": 3}]");
}

static void finds_a_last_row_that_the_source_does_not_have(void **state)
{
    finds_other_values(*state, "[{\"Customer ID\": 1}, {\"Customer ID\": 2}]");
}

static void finds_rows_in_another_order_than_the_source_has_them(void **state)
{
    finds_other_values(*state, "[{\"Customer ID\": 3}, {\"Customer ID\": 1}]");
}

static void finds_rows_on_other_lines_than_the_source_has_them(void **state)
{
    finds_other_values(*state, "[{\"Customer ID\": 1},\n{\"Customer ID\": 3}]");
}

static void finds_rows_too_many_and_too_few(void **state)
{
    struct fixture *f = *state;
    struct told told;
    commit_with_rows(f, "[{\"Customer ID\": 1}, {\"Customer ID\": 3}, {\"Customer ID\": \"x\"}]");
    struct verify_result result = look(f, &told);
    assert_string_equal(told.what, "2 rows read and 0 rejected, but the store has 3 and 1");
    assert_false(verify_agrees(&result));
}

static void mends_nothing_while_store_and_sources_disagree(void **state)
{
    struct fixture *f = *state;
    struct told told;
    commit_with_rows(f, "[{\"Customer ID\": 2}, {\"Customer ID\": 3}]");
    add_row_by_hand(f);
    f->settings.repair = true;
    struct verify_result result = look(f, &told);
    assert_int_equal(verify_drifted(&result), 1);
    assert_false(result.repaired);
    f->settings.deep = false; /* asked only whether the target is what the store makes of it */
    result = look(f, &told);
    assert_int_equal(verify_drifted(&result), 1);
    assert_true(result.repaired);
    result = look(f, &told);
    assert_int_equal(verify_drifted(&result), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(finds_rows_that_agree_with_their_source),
        TEST(finds_a_first_row_that_the_source_does_not_have),
        TEST(finds_a_last_row_that_the_source_does_not_have),
        TEST(finds_rows_in_another_order_than_the_source_has_them),
        TEST(finds_rows_on_other_lines_than_the_source_has_them),
        TEST(finds_rows_too_many_and_too_few),
        TEST(mends_nothing_while_store_and_sources_disagree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
